"""Execution traces of real programs, as the real `go tool trace` reads them: tests/tools/trace/check-trace.sh opens every page."""
import http.client
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import urllib.request

import browser
from running_site import Site, free_port

TOOLS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "tools", "trace")
CHECK = os.path.join(TOOLS, "check-trace.sh")
DROP = os.path.join(TOOLS, "dropgen.py")
DIRECTORY = tempfile.TemporaryDirectory()
DOWNLOADS = int(os.environ.get("TRACE_DOWNLOADS", "24"))  # by clients that leave; `make soak` takes more
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


class Viewer:
    """`go tool trace` as a server of its pages."""

    def __init__(self, path):
        self.process = subprocess.Popen(["go", "tool", "trace", "-http=127.0.0.1:0", path], text=True, stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env={**os.environ, "BROWSER": "true"},
                                        start_new_session=True)
        self.url = None
        for line in self.process.stderr:
            found = re.search(r"listening on (http://\S+)", line)
            if found:
                self.url = found[1]
                break

    def __enter__(self):
        assert self.url, "go tool trace serves no pages"
        return self

    def __exit__(self, *_):
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.process.stderr.close()


class Process:
    """What a process holds, by the kernel."""

    def __init__(self, pid):
        with open("/proc/%d/status" % pid, encoding="utf-8") as file:
            status = dict(line.split(":", 1) for line in file)
        self.threads, self.kib = int(status["Threads"]), int(status["RssAnon"].split()[0])
        self.descriptors = len(os.listdir("/proc/%d/fd" % pid))


class Load:
    """Requests, some hundred a second on each of some connections, until the block ends: at full speed most of the time goes
    into pages that tell the same thousands of times."""

    def __init__(self, port, connections=4):
        self.port, self.stop = port, False
        self.threads = [threading.Thread(target=self.run) for _ in range(connections)]

    def run(self):
        connection = http.client.HTTPConnection("localhost", self.port, timeout=10)
        while not self.stop:
            connection.request("GET", "/")
            connection.getresponse().read()
            time.sleep(0.003)
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
            profile = threading.Thread(target=fetch, args=(cls.site.profiling_url + "/debug/pprof/profile?seconds=1",))
            profile.start()
            cls.trace = fetch(cls.site.profiling_url + "/debug/pprof/trace?seconds=0.7")
            cls.short = fetch(cls.site.profiling_url + "/debug/pprof/trace?seconds=0.1")
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
        subprocess.run([sys.executable, DROP, path, path + "-1", "1"], check=True, capture_output=True)
        good, text = parses(path + "-1")
        self.assertTrue(good, text)

    def test_threads_go_by_their_numbers(self):
        path = os.path.join(DIRECTORY.name, "numbers")
        with open(path, "wb") as file:
            file.write(self.trace)
        done = subprocess.run(["go", "tool", "trace", "-d=parsed", path], capture_output=True, text=True, timeout=60, check=True)
        threads = {int(tid) for tid in os.listdir("/proc/%d/task" % self.site.process.pid)}
        self.assertLessEqual({int(number) for number in re.findall(r"GoID=(\d+)", done.stdout)}, threads)

    # What the viewer has drawn: of each row its name and how many slices it has; null while it is at work.
    ROWS = """(function () {
      var view = document.querySelector("tr-ui-timeline-view"), rows = [];
      if (!view || !view.model || document.querySelector("overlay")) return null;
      for (var p in view.model.processes)
        for (var t in view.model.processes[p].threads)
          rows.push([view.model.processes[p].threads[t].name || "", view.model.processes[p].threads[t].sliceGroup.slices.length]);
      return rows; })()"""

    @unittest.skipUnless(browser.PROGRAM, "no Chromium is installed: there is no browser to open the pages in")
    def test_its_pages_open_in_a_browser(self):
        path = os.path.join(DIRECTORY.name, "browsed")
        with open(path, "wb") as file:
            file.write(self.short)
        with Viewer(path) as viewer, browser.Browser() as opened:
            opened.open(viewer.url + "/trace")
            self.assertTrue(opened.wait(self.ROWS), "the viewer draws nothing")
            rows = opened.look(self.ROWS)
            self.assertEqual(opened.problems, [])
            self.assertGreater(sum(slices for name, slices in rows if name.startswith("Proc ")), 100, rows)
            groups = re.findall(r'/goroutine\?name=[^"]*', fetch(viewer.url + "/goroutines").decode())
            self.assertGreaterEqual(len(groups), 2)
            for page in ["/", "/goroutines", *groups, "/usertasks", "/usertask?type=request", "/userregions"]:
                opened.open(viewer.url + page)
                self.assertTrue(opened.wait("document.readyState === 'complete'"), page)
                self.assertEqual(opened.problems, [], page)

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
        """They leave in the middle of downloads and of recordings; the next one gets a whole trace, and nothing is left of them."""
        rng = random.Random(1)
        pid = self.site.process.pid
        with Load(self.site.port, 1):
            for i in range(DOWNLOADS // 4):
                self.leave(i, rng)
            before = Process(pid)
            for i in range(DOWNLOADS):
                self.leave(i, rng)
            deadline = time.monotonic() + 30
            while time.monotonic() < deadline:  # what was begun for them ends by itself
                after = Process(pid)
                if after.threads <= before.threads and after.descriptors <= before.descriptors + 4:
                    break
                time.sleep(0.1)
            whole = fetch(self.site.profiling_url + "/profiler/trace/recent")
        self.assertLessEqual(after.threads, before.threads)
        self.assertLessEqual(after.descriptors, before.descriptors + 4)  # connections that were just left
        # The window and what is made of it grow meanwhile; 1,000 traces that are left behind would be a gigabyte.
        self.assertLess(after.kib, before.kib + (96 << 10), "KiB")
        path = os.path.join(DIRECTORY.name, "after")
        with open(path, "wb") as file:
            file.write(whole)
        good, text = parses(path)
        self.assertTrue(good, text)

    def leave(self, i, rng):
        connection = http.client.HTTPConnection("localhost:%d" % self.site.profiling_port, timeout=30)
        connection.request("GET", "/_piko/profiler/trace/recent" if i % 4 else "/_piko/debug/pprof/trace?seconds=5")
        response = connection.getresponse()
        if i % 4:
            response.read(rng.randrange(100000))
        connection.close()


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
