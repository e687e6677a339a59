"""Programs that were never built for it, under load: their CPU samples reach the threads' first functions."""
import contextlib
import os
import re
import shutil
import socket
import subprocess
import tempfile
import time
import unittest
import urllib.request

from target import PROGRAMS, Target

COMPLETE_MIN = 0.995
SECONDS, HZ = 4, 1000
SAMPLES_MIN = 300  # on a busy machine


STOPS, STOPS_SECONDS_MAX = 10000, 100
SAME_MIN = 0.999

PYTHON_AT_WORK = (shutil.which("python3"), "-c", """
import json, re, hashlib, random
def fib(n): return n if n < 2 else fib(n - 1) + fib(n - 2)
data = {str(i): [i, str(i) * 3, {'a': i / 7}] for i in range(200)}
while True:
    text = json.dumps(data); json.loads(text); fib(12)
    re.findall(r'(\\d+)[^a-z]*', text); hashlib.sha256(text.encode()).hexdigest()
    sorted(random.random() for _ in range(500)); text.replace('1', '22').split(',')
""")
BUSY_CPP = os.path.join(PROGRAMS, "busy_cpp")

needs_nginx = unittest.skipUnless(shutil.which("nginx") and shutil.which("wrk"), "nginx and wrk are not installed")


@contextlib.contextmanager
def nginx_folder():
    """(the command, the port that it listens on) of an nginx without workers, which compresses a page."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with tempfile.TemporaryDirectory() as directory:
        os.chmod(directory, 0o755)
        with open(directory + "/nginx.conf", "w") as file:
            file.write("daemon off; master_process off; pid %s/pid; error_log /dev/null;\n"
                       "events {} http { access_log off; gzip on; gzip_min_length 1; gzip_types *;\n"
                       "client_body_temp_path b; proxy_temp_path p; fastcgi_temp_path f; uwsgi_temp_path u;\n"
                       "scgi_temp_path s; server { listen 127.0.0.1:%d; root %s; } }\n"
                       % (directory, port, directory))
        with open(directory + "/index.html", "w") as file:
            file.writelines("line %d of a page that is worth compressing\n" % i for i in range(400))
        yield (shutil.which("nginx"), "-p", directory, "-c", directory + "/nginx.conf"), port


@contextlib.contextmanager
def load(port, seconds):
    for _ in range(100):
        with socket.socket() as one:
            if one.connect_ex(("127.0.0.1", port)) == 0:
                break
        time.sleep(0.05)
    wrk = subprocess.Popen(["wrk", "-t1", "-c20", "-d%d" % seconds, "-H", "Accept-Encoding: gzip",
                            "http://127.0.0.1:%d/" % port], stdout=subprocess.DEVNULL)
    try:
        yield
    finally:
        wrk.terminate()
        wrk.wait()


class Preloaded:
    """with Preloaded("program", "argument") as target: target.cpu_profile()"""

    def __init__(self, *command):
        self.directory = tempfile.TemporaryDirectory()
        self.port_file = os.path.join(self.directory.name, "port")
        libraries = [os.path.join(os.environ["BUILD"], "src/facade/libpiko.so"), os.path.join(PROGRAMS, "preload.so")]
        self.process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, cwd=self.directory.name,
            env={**os.environ, "LD_PRELOAD": ":".join(libraries), "PIKO_PORT_FILE": self.port_file})

    def __enter__(self):
        for _ in range(200):
            if os.path.exists(self.port_file) and os.path.getsize(self.port_file):
                break
            time.sleep(0.05)
        with open(self.port_file) as file:
            self.port = int(file.read())
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.directory.cleanup()

    def cpu_profile(self):
        """[(samples, [functions, leaf first])]"""
        url = "http://localhost:%d/_piko/debug/pprof/profile?seconds=%d&hz=%d" % (self.port, SECONDS, HZ)
        path = os.path.join(self.directory.name, "profile")
        with urllib.request.urlopen(url, timeout=SECONDS + 60) as response, open(path, "wb") as file:
            file.write(response.read())
        raw = subprocess.run(["go", "tool", "pprof", "-raw", path], check=True, capture_output=True, text=True,
                             timeout=60).stdout
        return parse_raw(raw)


def parse_raw(raw):
    """Samples and locations of `go tool pprof -raw`."""
    samples_text, rest = raw.split("Samples:\n", 1)[1].split("Locations\n", 1)
    names, location = {}, 0
    for line in rest.split("Mappings\n", 1)[0].splitlines():
        match = re.match(r" +(\d+): 0x[0-9a-f]+ (?:M=\d+ )?(.*)", line)
        if match:
            location, line = int(match.group(1)), match.group(2)
        # Inlined ones come first: the last line is the function whose frame it is.
        names[location] = (line.split() or ["?"])[0]
    samples = []
    for line in samples_text.splitlines():
        match = re.match(r" +(\d+) +\d+: ([\d ]+)", line)
        if match:
            samples.append((int(match.group(1)), [names[int(i)] for i in match.group(2).split()]))
    return samples


@unittest.skipUnless(shutil.which("go"), "go is not installed")
class Unwinding(unittest.TestCase):
    def check(self, target):
        """A second time when it must be: code that was loaded a moment ago has no tables yet, for long on a busy machine."""
        for _ in range(2):
            samples, complete, shown = self.measure(target)
            if complete >= COMPLETE_MIN:
                break
        self.assertGreaterEqual(complete, COMPLETE_MIN, shown)
        roots = {stack[-1] for n, stack in samples if stack[-1] != "truncated"}
        self.assertLessEqual(len(roots), 2, roots)  # of the main thread, and of others

    def measure(self, target):
        """(samples, the part of them that is complete, the others in words)"""
        samples = target.cpu_profile()
        total = sum(n for n, _ in samples)
        truncated = [(n, stack) for n, stack in samples if stack[-1] == "truncated"]
        shown = "\n".join("%6d %s" % (n, " < ".join(stack[:12])) for n, stack in sorted(truncated, reverse=True)[:20])
        complete = 1 - sum(n for n, _ in truncated) / total
        print("%s: %d samples, %.3f %% complete" % (os.path.basename(str(target.process.args[0])), total, 100 * complete))
        self.assertGreater(total, SAMPLES_MIN)
        return samples, complete, shown

    def test_python(self):
        with Preloaded(*PYTHON_AT_WORK) as target:
            self.check(target)

    def test_cpp(self):
        with Preloaded(BUSY_CPP) as target:
            self.check(target)

    @needs_nginx
    def test_nginx(self):
        with nginx_folder() as (command, port), Preloaded(*command) as target, load(port, 2 * SECONDS + 4):
            self.check(target)


class Walked:
    """with Walked("program") as walked: a program whose walks are written down; walked.compare() asks libdw for the same."""

    def __init__(self, *command):
        self.directory = tempfile.TemporaryDirectory()
        self.file = os.path.join(self.directory.name, "stops")
        self.process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, cwd=self.directory.name,
            env={**os.environ, "LD_PRELOAD": os.path.join(PROGRAMS, "stops.so"), "STOPS_FILE": self.file,
                 "STOPS_N": str(STOPS)})

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.directory.cleanup()

    def done(self):
        try:
            with open(self.file, "rb") as file:
                return int.from_bytes(file.read(8), "little")
        except FileNotFoundError:
            return 0

    def compare(self):
        """(stops, those whose stack is the same, what differs)"""
        deadline = time.monotonic() + STOPS_SECONDS_MAX
        while self.done() < STOPS and time.monotonic() < deadline:
            time.sleep(0.1)
        text = subprocess.run([os.path.join(PROGRAMS, "compare_stacks"), str(self.process.pid), self.file], check=True,
                              capture_output=True, text=True, timeout=120).stdout
        *shown, last = text.splitlines()
        _, stops, _, same, _, frames = last.split()
        print("%s: %s stops, %s of them the same, %s frames" % (self.process.args[0], stops, same, frames))
        return int(stops), int(same), "\n".join(shown)


@unittest.skipUnless(os.path.exists(os.path.join(PROGRAMS, "compare_stacks")), "for x86-64 alone")
class Libdw(unittest.TestCase):
    """Frame by frame the answer that elfutils has at the same moment, for STOPS moments of each program."""

    def check(self, walked):
        stops, same, shown = walked.compare()
        self.assertEqual(stops, STOPS)
        self.assertGreaterEqual(same / stops, SAME_MIN, shown)

    def test_python_and_cpp(self):
        with Walked(*PYTHON_AT_WORK) as python, Walked(BUSY_CPP) as cpp:
            self.check(python)
            self.check(cpp)

    @needs_nginx
    def test_nginx(self):
        with nginx_folder() as (command, port), Walked(*command) as nginx, load(port, STOPS_SECONDS_MAX):
            self.check(nginx)


class Dump(unittest.TestCase):
    def test_a_wait_in_a_handler_shows_what_it_interrupted_on_another_stack(self):
        for arguments, root in (((), "main"), (("coroutine",), "interrupted_function")):
            with self.subTest(root=root), Target("parked_handler", *arguments) as target:
                text = target.get("goroutine?debug=2").decode()
                calls = re.findall(r"^(\w+)\(\.\.\.\)$", text, re.MULTILINE)
                for function in ("wait_in_handler", "interrupted_function", root):
                    self.assertIn(function, calls)
                self.assertNotIn("truncated", text)


if __name__ == "__main__":
    unittest.main()
