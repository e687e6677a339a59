"""Execution traces of real programs, as the real `go tool trace` reads them: tests/tools/trace/check-trace.sh opens every page."""
import http.client
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import urllib.request

from running_site import Site, free_port

TOOLS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "tools", "trace")
CHECK = os.path.join(TOOLS, "check-trace.sh")
DROP = os.path.join(TOOLS, "dropgen.py")
DIRECTORY = tempfile.TemporaryDirectory()
has_go = unittest.skipUnless(shutil.which("go"), "needs Go, for go tool trace")


def fetch(url):
    with urllib.request.urlopen(url, timeout=60) as response:
        return response.read()


def check(name, body, need=""):
    """{count: number} of a trace that every page of the tool opens."""
    path = os.path.join(DIRECTORY.name, name)
    with open(path, "wb") as file:
        file.write(body)
    done = subprocess.run([CHECK, path], env={**os.environ, "NEED": need}, capture_output=True, text=True, timeout=120)
    if done.returncode:
        raise AssertionError(done.stdout[-3000:] + done.stderr[-1000:])
    counts = next(line for line in done.stdout.splitlines() if " generations=" in line)
    return {key: int(value) for key, value in (pair.split("=") for pair in counts.split())}


def parses(path):
    done = subprocess.run(["go", "tool", "trace", "-d=parsed", path], capture_output=True, text=True, timeout=60)
    return done.returncode == 0, done.stdout[-300:] + done.stderr[-300:]


class Load:
    """Requests, one after the other on each of some connections, until the block ends."""

    def __init__(self, port, connections=4):
        self.port, self.stop = port, False
        self.threads = [threading.Thread(target=self.run) for _ in range(connections)]

    def run(self):
        connection = http.client.HTTPConnection("localhost", self.port, timeout=10)
        while not self.stop:
            connection.request("GET", "/")
            connection.getresponse().read()
        connection.close()

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stop = True
        for thread in self.threads:
            thread.join()


@has_go
class OfTheSite(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.site = Site().__enter__()
        with Load(cls.site.port):
            profile = threading.Thread(target=fetch, args=(cls.site.profiling_url + "/debug/pprof/profile?seconds=2",))
            profile.start()
            cls.trace = fetch(cls.site.profiling_url + "/debug/pprof/trace?seconds=1.5")
            cls.recent = fetch(cls.site.profiling_url + "/profiler/trace/recent")
            profile.join()

    @classmethod
    def tearDownClass(cls):
        cls.site.__exit__()

    NEED = "samples net_blocks sync_blocks syscalls wakeups heap tasks taskends regions logs"

    def test_every_page_opens(self):
        check("site.trace", self.trace, self.NEED)

    def test_the_recent_past_too(self):
        counts = check("recent.trace", self.recent, self.NEED)
        self.assertLess(counts["goroutines"], 12)  # each thread once

    def test_any_rest_of_it_is_a_trace(self):
        path = os.path.join(DIRECTORY.name, "whole")
        with open(path, "wb") as file:
            file.write(self.trace)
        for dropped in range(1, 3):
            rest = "%s-%d" % (path, dropped)
            subprocess.run([sys.executable, DROP, path, rest, str(dropped)], check=True, capture_output=True)
            good, text = parses(rest)
            self.assertTrue(good, text)

    def test_the_status_tells_of_it(self):
        status = json.loads(fetch(self.site.profiling_url + "/profiler/status"))
        rolling = status["rolling_trace"]
        self.assertEqual(list(rolling)[:4], ["min_age", "download_path", "max_bytes", "enabled"])
        self.assertEqual((rolling["min_age"], rolling["max_bytes"], rolling["enabled"]), ("15s", 16 << 20, True))
        self.assertEqual(rolling["download_path"], "/_piko/profiler/trace/recent")
        self.assertLessEqual(rolling["bytes"], 16 << 20)
        self.assertGreater(rolling["bytes"], 0)
        self.assertEqual(status["trace"], {"captures": 0, "rows": "threads"})

    def test_clients_that_leave_take_nothing_with_them(self):
        """They leave in the middle of downloads and of recordings; the next one gets a whole trace."""
        host = "localhost:%d" % self.site.profiling_port
        rng = random.Random(1)
        with Load(self.site.port, 1):
            for i in range(40):
                connection = http.client.HTTPConnection(host, timeout=10)
                path = "/_piko/profiler/trace/recent" if i % 4 else "/_piko/debug/pprof/trace?seconds=5"
                connection.request("GET", path)
                response = connection.getresponse()
                if i % 4:
                    response.read(rng.randrange(100000))
                connection.close()
            whole = fetch(self.site.profiling_url + "/profiler/trace/recent")
        path = os.path.join(DIRECTORY.name, "after")
        with open(path, "wb") as file:
            file.write(whole)
        good, text = parses(path)
        self.assertTrue(good, text)


@unittest.skipUnless(shutil.which("nginx"), "needs nginx")
class OfWorkers(unittest.TestCase):
    CONFIGURATION = """
daemon off; worker_processes 4; error_log stderr; pid %(folder)s/nginx.pid;
events { }
http { access_log off; server { listen 127.0.0.1:%(port)d; location / { return 200 "hello"; } } }
"""

    def test_those_that_are_forked_before_a_stack_was_walked_live(self):
        path = os.path.join(DIRECTORY.name, "nginx.conf")
        with open(path, "w", encoding="utf-8") as file:
            file.write(self.CONFIGURATION % {"folder": DIRECTORY.name, "port": free_port()})
        process = subprocess.Popen([os.environ["PIKO"], "run", "--port", "0", "--rolling-trace", "--output-dir",
                                    DIRECTORY.name, "--", "nginx", "-c", path],
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        time.sleep(1.5)  # one that dies does so within 50 ms of its start
        process.terminate()
        _, errors = process.communicate(timeout=20)
        self.assertNotIn("was ended by", errors)


if __name__ == "__main__":
    unittest.main()
