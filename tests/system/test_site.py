"""The example site answers, renders its Markdown, shares its cache, and ends cleanly."""
import concurrent.futures
import http.client
import os
import re
import signal
import subprocess
import tempfile
import time
import unittest
import urllib.error
import urllib.request

from running_site import Site
from target import CHECK_PROFILE

WORDS = {
    "/": "<h1>A site about profiling that profiles itself</h1>",
    "/cpu": "<h1>CPU profiles</h1>",
    "/memory": "<blockquote>",
    "/locks": "<strong>mutex</strong>",
    "/waiting": "<h2>The dump</h2>",
    "/reading": '<pre><code>piko profile http',
    "/work/cpu": "<li>locks and cpu: ",
    "/work/allocation": "<code>the</code>",
    "/work/contention": "editions of the front page",
    "/work/slow": "it took",
}


def get(url):
    with urllib.request.urlopen(url, timeout=10) as response:
        return response.headers, response.read().decode()


def run_site(*arguments):
    return subprocess.run([os.environ["SITE"], *arguments], capture_output=True, text=True, timeout=10,
                          stdin=subprocess.DEVNULL)


class Generate(unittest.TestCase):
    """site generate: the pages that are served, as files, and the profiles of making them."""

    def test_pages_are_those_that_are_served_and_profiles_are_beside_them(self):
        with tempfile.TemporaryDirectory() as folder, Site(profiling=False) as site:
            public, profiles = os.path.join(folder, "public"), os.path.join(folder, "profiles")
            done = run_site("generate", "--output", public, "--profiles", profiles, "--editions", "40")
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertIn("47 pages", done.stdout)
            with open(os.path.join(public, "locks.html")) as file:
                self.assertEqual(file.read(), get(site.url + "locks")[1])
            self.assertEqual(len(os.listdir(os.path.join(public, "edition"))), 40)
            kinds = ("cpu", "heap", "allocs", "block", "mutex", "goroutine")
            self.assertLessEqual({kind + ".pprof" for kind in kinds} | {"trace.out"}, set(os.listdir(profiles)))
            subprocess.run([CHECK_PROFILE, *(os.path.join(profiles, kind + ".pprof") for kind in kinds)], check=True)

    def test_what_cannot_be_written_is_told_and_ends_it(self):
        done = run_site("generate", "--output", "/proc/nowhere", "--profiles", "none")
        self.assertEqual(done.returncode, 1)
        self.assertEqual(done.stderr, "site: cannot write /proc/nowhere: No such file or directory\n")

    def test_without_profiles_the_site_is_made_all_the_same(self):
        with tempfile.TemporaryDirectory() as folder:
            done = run_site("generate", "--output", folder, "--profiles", "/proc/nowhere", "--editions", "1")
            self.assertEqual(done.returncode, 0)
            self.assertIn("profiling not started: nothing can be written to /proc/nowhere", done.stderr)


class RunningSite(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.site = Site(profiling=False).__enter__()
        cls.addClassCleanup(cls.site.__exit__)

    def test_every_page_is_rendered_markdown(self):
        for path, words in WORDS.items():
            with self.subTest(path=path):
                headers, body = get(self.site.url.rstrip("/") + path)
                self.assertEqual(headers["Content-Type"], "text/html; charset=utf-8")
                self.assertIn(words, body)
                self.assertIn("<title>", body)
                self.assertNotIn("{{", body)
                self.assertTrue(body.rstrip().endswith("</html>"))

    def test_a_page_from_the_cache_is_the_same_page(self):
        self.assertEqual(get(self.site.url + "locks")[1], get(self.site.url + "locks")[1])

    def test_the_front_page_has_many_editions(self):
        self.assertGreater(len({get(self.site.url)[1] for _ in range(40)}), 20)

    def test_visits_are_counted(self):
        for _ in range(3):
            get(self.site.url + "waiting")
        for _ in range(50):  # the queue counts them, some time
            visits = get(self.site.url + "visits")[1]
            if re.search(r"<code>/waiting</code>: [3-9]", visits):
                return
            time.sleep(0.1)
        self.fail(visits)

    def test_an_unknown_page_is_a_404(self):
        with self.assertRaises(urllib.error.HTTPError) as answer:
            get(self.site.url + "../../etc/passwd")
        self.assertEqual(answer.exception.code, 404)
        answer.exception.close()

    def test_a_connection_is_kept_also_after_a_refused_upload(self):
        connection = http.client.HTTPConnection("localhost", self.site.port, timeout=10)
        connection.request("POST", "/", body=b"x" * 100000)
        response = connection.getresponse()
        response.read()
        self.assertEqual(response.status, 405)
        socket_before = connection.sock
        connection.request("GET", "/")
        response = connection.getresponse()
        self.assertEqual((response.status, connection.sock), (200, socket_before))
        response.read()
        connection.close()

    def test_many_visitors_at_once_all_get_their_page(self):
        paths = ["", "cpu", "work/cpu", "work/allocation", "work/contention", "visits"] * 20
        with concurrent.futures.ThreadPoolExecutor(16) as visitors:
            bodies = list(visitors.map(lambda path: get(self.site.url + path)[1], paths))
        self.assertTrue(all(body.rstrip().endswith("</html>") for body in bodies))

    def test_a_taken_port_is_refused_by_name(self):
        second = run_site("--port", str(self.site.port), "--profiling-port", "0")
        self.assertEqual(second.returncode, 1)
        self.assertIn(f"port {self.site.port}: Address already in use", second.stderr)


class Life(unittest.TestCase):
    def test_sigint_and_sigterm_end_it_cleanly(self):
        for end in signal.SIGINT, signal.SIGTERM:
            with self.subTest(end=end), Site(profiling=False) as site:
                get(site.url)
                self.assertEqual(site.stop(end), (0, ""))

    def test_flags_are_checked(self):
        self.assertEqual(run_site("--help").returncode, 0)
        for arguments, said in ((["--port", "0"], "--port wants"), (["--port", "8x"], "--port wants"), (["--nix"], "nix"),
                                (["extra"], "extra")):
            with self.subTest(arguments=arguments):
                run = run_site(*arguments)
                self.assertEqual(run.returncode, 2)
                self.assertIn(said, run.stderr)

    def test_missing_content_is_named(self):
        run = run_site("--profiling-port", "0", "--content", "/nonexistent")
        self.assertEqual(run.returncode, 1)
        self.assertIn("/nonexistent/template.html", run.stderr)
