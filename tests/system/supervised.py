"""A command under `piko run`, for tests of it. PIKO names the piko that is tested: that of the build folder, or one that was
installed."""
import contextlib
import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.request

from target import CHECK_PROFILE

PIKO = os.environ["PIKO"]
PYTHON = "/usr/bin/python3"  # the distribution's, whatever runs this
KINDS = ("heap", "allocs", "block", "mutex", "goroutine")


def wait_until(condition, seconds=30):
    """The first true value of condition(), asked again and again; for long, since the machine may have other things to do."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        value = condition()
        if value:
            return value
        time.sleep(0.05)
    raise AssertionError("not true within %d s" % seconds)


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def listens(port):
    with socket.socket() as one:
        return one.connect_ex(("127.0.0.1", port)) == 0


def run(*words, flags=("--port", "0"), **more):
    """A command that ends by itself."""
    return subprocess.run([PIKO, "run", *flags, "--", *words], capture_output=True, text=True, timeout=30, **more)


class Run:
    """with Run("redis-server", "--port", "1") as run: run.get("heap")"""

    def __init__(self, *words, flags=()):
        self.folder = tempfile.mkdtemp(prefix="piko-run-")
        self.errors = os.path.join(self.folder, "errors")
        self.kept = 0
        with open(self.errors, "w") as errors:
            self.process = subprocess.Popen(
                [PIKO, "run", "--port", "0", "--output-dir", os.path.join(self.folder, "profiles"), *flags, "--",
                 *map(str, words)], text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors,
                start_new_session=True)

    def said(self):
        with open(self.errors) as file:
            return file.read()

    def __enter__(self):
        where = wait_until(lambda: re.search(r"http://localhost:(\d+)/", self.said()))
        self.base = "http://localhost:%s/_piko" % where.group(1)
        wait_until(lambda: self.process.poll() is not None or self.is_answering())
        return self

    def __exit__(self, *_):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.communicate()
        shutil.rmtree(self.folder)

    def fetch(self, path, timeout=30, **more):
        with urllib.request.urlopen(urllib.request.Request(self.base + path, **more), timeout=timeout) as response:
            return response.read()

    def get(self, path, **more):
        return self.fetch("/debug/pprof/" + path, **more)

    def dump(self, query=""):
        return self.get("goroutine?debug=2" + query).decode()

    def save(self, path):
        self.kept += 1
        file = os.path.join(self.folder, "%d.pprof" % self.kept)
        with open(file, "wb") as out:
            out.write(self.get(path))
        subprocess.run([CHECK_PROFILE, file], check=True)
        return file

    def is_answering(self):
        """Of a process; a command that has just ended answers no more."""
        with contextlib.suppress(OSError, http.client.HTTPException):
            return self.processes()

    def processes(self, state=None):
        listed = json.loads(self.fetch("/profiler/status")).get("processes", [])
        return [one for one in listed if one["state"] == state or not state and one["state"] in ("running", "stopped")]

    def pids(self):
        return [one["pid"] for one in self.processes()]

    def end(self, timeout=20):
        self.output, _ = self.process.communicate(timeout=timeout)
        return self.process.returncode
