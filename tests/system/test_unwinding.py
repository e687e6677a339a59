"""Programs that were never built for it, under load: their CPU samples reach the threads' first functions."""
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
        samples = target.cpu_profile()
        total = sum(n for n, _ in samples)
        truncated = [(n, stack) for n, stack in samples if stack[-1] == "truncated"]
        shown = "\n".join("%6d %s" % (n, " < ".join(stack[:12])) for n, stack in sorted(truncated, reverse=True)[:20])
        complete = 1 - sum(n for n, _ in truncated) / total
        print("%s: %d samples, %.3f %% complete" % (os.path.basename(str(target.process.args[0])), total, 100 * complete))
        self.assertGreater(total, SAMPLES_MIN)
        self.assertGreaterEqual(complete, COMPLETE_MIN, shown)
        roots = {stack[-1] for n, stack in samples if stack[-1] != "truncated"}
        self.assertLessEqual(len(roots), 2, roots)  # of the main thread, and of others

    def test_python(self):
        program = ("import json, re, hashlib, random\n"
                   "def fib(n): return n if n < 2 else fib(n - 1) + fib(n - 2)\n"
                   "data = {str(i): [i, str(i) * 3, {'a': i / 7}] for i in range(200)}\n"
                   "while True:\n"
                   "    text = json.dumps(data); json.loads(text); fib(12)\n"
                   "    re.findall(r'(\\d+)[^a-z]*', text); hashlib.sha256(text.encode()).hexdigest()\n"
                   "    sorted(random.random() for _ in range(500)); text.replace('1', '22').split(',')\n")
        with Preloaded(shutil.which("python3"), "-c", program) as target:
            self.check(target)

    def test_cpp(self):
        program = os.path.join(PROGRAMS, "busy_cpp")
        with Preloaded(program) as target:
            self.check(target)

    @unittest.skipUnless(shutil.which("nginx") and shutil.which("wrk"), "nginx and wrk are not installed")
    def test_nginx(self):
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
            with Preloaded(shutil.which("nginx"), "-p", directory, "-c", directory + "/nginx.conf") as target:
                load = subprocess.Popen(["wrk", "-t1", "-c20", "-d%d" % (SECONDS + 2), "-H", "Accept-Encoding: gzip",
                                         "http://127.0.0.1:%d/" % port], stdout=subprocess.DEVNULL)
                try:
                    time.sleep(0.5)
                    self.check(target)
                finally:
                    load.terminate()
                    load.wait()


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
