"""What we write, the real tools open, from a file and straight from the URL."""
import os
import signal
import socket
import subprocess
import tempfile
import threading
import time
import unittest
import urllib.request

from running_site import Site
from target import CHECK_PROFILE, Target, top

# Everything that leaves us as a profile: a new kind joins the validity test by a line here.
EVERY_PROFILE = [
    "profile?seconds=1",
    "heap", "heap?seconds=1",
    "allocs", "allocs?seconds=1",
    "block", "block?seconds=1",
    "mutex", "mutex?seconds=1",
    "goroutine",
    "threadcreate",
]

KINDS = {"profile?seconds=2": "cpu", "heap": "inuse_space", "allocs": "alloc_space", "mutex": "delay", "block": "delay"}


def pprof(*arguments, **more):
    return subprocess.run(["go", "tool", "pprof", *arguments], capture_output=True, text=True, timeout=90,
                          env=dict(os.environ, PPROF_TMPDIR=tempfile.gettempdir()), **more)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Load:
    """Requests for the front page from four threads, so that every profile has something to show."""

    def __init__(self, url):
        self.url, self.stop = url, threading.Event()
        self.threads = [threading.Thread(target=self.run) for _ in range(4)]

    def run(self):
        while not self.stop.is_set():
            urllib.request.urlopen(self.url, timeout=10).read()

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stop.set()
        for thread in self.threads:
            thread.join()


class Tools(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.site = Site().__enter__()
        cls.addClassCleanup(cls.site.__exit__, None, None, None)
        cls.directory = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.directory.cleanup)
        cls.base = "http://localhost:%d/_piko/debug/pprof/" % cls.site.profiling_port
        cls.files = {}
        with Load(cls.site.url):
            time.sleep(1)
            for path in KINDS:
                name = os.path.join(cls.directory.name, path.split("?")[0] + ".pprof")
                with urllib.request.urlopen(cls.base + path, timeout=60) as answer, open(name, "wb") as file:
                    file.write(answer.read())
                cls.files[path] = name

    def test_every_profile_is_valid(self):
        name = os.path.join(self.directory.name, "checked.pprof")
        with Load(self.site.url):
            for path in EVERY_PROFILE:
                with self.subTest(path=path), urllib.request.urlopen(self.base + path, timeout=60) as answer:
                    with open(name, "wb") as file:
                        file.write(answer.read())
                    is_diff = ["--diff"] if "heap?" in path or "allocs?" in path else []  # memory in use may shrink
                    done = subprocess.run([CHECK_PROFILE, *is_diff, name], capture_output=True, text=True)
                    self.assertEqual((done.returncode, done.stdout), (0, ""))

    def test_every_view_of_each_file(self):
        for path, name in self.files.items():
            index = KINDS[path]
            rows = top(name, index)
            heaviest = max(rows, key=lambda row: rows[row][1])
            for option in ("-top", "-list=.", "-peek=.", "-tags", "-traces", "-raw", "-tree"):
                with self.subTest(path=path, option=option):
                    done = pprof(option, "-sample_index=" + index, name)
                    self.assertEqual(done.returncode, 0, done.stderr)
                    if option != "-tags":
                        self.assertIn(heaviest.split("(")[0], done.stdout)

    def test_straight_from_the_url(self):
        for path in ("profile?seconds=1", "heap", "allocs", "mutex", "block", "goroutine", "threadcreate", "heap?seconds=1"):
            with self.subTest(path=path):
                done = pprof("-top", self.base + path)
                self.assertEqual(done.returncode, 0, done.stderr)
                self.assertIn("Showing nodes accounting for", done.stdout)

    def test_difference_of_two_files(self):
        name = self.files["allocs"]
        done = pprof("-top", "-diff_base=" + name, name)
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_web_interface(self):
        port = free_port()
        process = subprocess.Popen(["go", "tool", "pprof", "-no_browser", "-http=localhost:%d" % port,
                                    self.files["profile?seconds=2"]], stderr=subprocess.DEVNULL,
                                   start_new_session=True)
        try:
            for view in ("top", "flamegraph", "peek", "source?f=."):
                page = self.fetch_when_up("http://localhost:%d/ui/%s" % (port, view))
                self.assertIn(b"site", page)
        finally:
            os.killpg(process.pid, signal.SIGKILL)  # go and the tool that it started
            process.wait()

    def fetch_when_up(self, url):
        for _ in range(100):
            try:
                return urllib.request.urlopen(url, timeout=30).read()
            except OSError:
                time.sleep(0.1)
        self.fail("the web interface of go tool pprof did not come up")

    def test_hot_functions_have_file_and_line(self):
        listing = pprof("-top", "-lines", "-nodecount=0", "-nodefraction=0", self.files["profile?seconds=2"]).stdout
        self.assertRegex(listing, r"examples/site/\w+\.c:\d+")


class Scrapers(unittest.TestCase):
    def test_scrapes_as_parca_and_alloy_do_them_all_succeed(self):
        """Five paths at once, cpu for some seconds while another CPU profile runs."""
        with Target("cpu_truth") as target:
            paths = ["allocs", "block", "goroutine", "mutex", "profile?seconds=9", "profile?seconds=5",
                     "heap?seconds=3", "mutex?seconds=3", "block?seconds=3"]
            answers = {}

            def scrape(path):
                with urllib.request.urlopen("%s/debug/pprof/%s" % (target.base, path), timeout=30) as answer:
                    answers[path] = (answer.status, answer.read())

            threads = [threading.Thread(target=scrape, args=(path,)) for path in paths]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            self.assertEqual({path: status for path, (status, _) in answers.items()}, {path: 200 for path in paths})
            with tempfile.TemporaryDirectory() as directory:
                for i, (_, body) in enumerate(answers.values()):
                    name = os.path.join(directory, "%d.pprof" % i)
                    with open(name, "wb") as file:
                        file.write(body)
                    subprocess.run([CHECK_PROFILE, name], check=True)


if __name__ == "__main__":
    unittest.main()
