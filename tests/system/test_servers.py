"""The distribution's own servers and programs under `piko run`, unchanged and under load, by an installed command."""
import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import unittest

import installed

os.environ["PIKO"] = installed.piko()
from supervised import KINDS, PIKO, PYTHON, Run, free_port, listens, wait_until
from target import PROGRAMS, top


THREADS = """
import hashlib, sys, threading
sums = [0] * 8
def work(k):
    for i in range(3000): sums[k] ^= int.from_bytes(hashlib.sha256(b'x' * (i * 50)).digest()[:8], 'big') * (k + 1)
threads = [threading.Thread(target=work, args=(k,), name='w%d' % k) for k in range(8)]
[one.start() for one in threads]
[one.join() for one in threads]
print(sum(sums))
sys.stdout.flush()
sys.stdin.read()
"""

NGINX = """
worker_processes 2;
daemon off;
user www-data;
pid %(folder)s/pid;
error_log %(folder)s/errors;
events { worker_connections 64; }
http {
    access_log off;
    client_body_temp_path %(folder)s/body; proxy_temp_path %(folder)s/proxy; fastcgi_temp_path %(folder)s/fastcgi;
    uwsgi_temp_path %(folder)s/uwsgi; scgi_temp_path %(folder)s/scgi;
    gzip on; gzip_min_length 1;
    server { listen 127.0.0.1:%(port)d; location / { root /usr/share/common-licenses; } }
}
"""


INDEXES = {"heap": "inuse_space", "allocs": "alloc_space", "block": "delay", "mutex": "delay", "goroutine": "goroutine"}


def need(*programs):
    for program in programs:
        if shutil.which(program, path=os.environ["PATH"] + ":/usr/sbin"):
            continue
        if "CI" in os.environ:
            raise AssertionError(program + " is missing, which scripts/bootstrap installs")
        raise unittest.SkipTest(program + " is not installed")


def of(*words, **more):
    """What a program prints by itself."""
    return subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True, timeout=60, **more).stdout


@contextlib.contextmanager
def nginx(*flags):
    """nginx with two workers, another user's when we are root; gives the run and its URL."""
    need("nginx", "wrk")
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        port = free_port()
        with open(os.path.join(folder, "conf"), "w") as file:
            file.write(NGINX % {"folder": folder, "port": port})
        with Run("/usr/sbin/nginx", "-c", os.path.join(folder, "conf"), flags=flags) as piko:
            wait_until(lambda: len(piko.processes()) == 3 and listens(port))
            yield piko, "http://127.0.0.1:%d/GPL-3" % port


class Servers(unittest.TestCase):
    def check_profiles(self, piko, function):
        """All five are valid, open in go tool pprof, and name functions; `function` is among those that use the CPU."""
        cpu = top(piko.save("profile?seconds=2"), "cpu")
        self.assertTrue(any(function in name for name in cpu), cpu)
        for kind in KINDS:
            rows = top(piko.save(kind), INDEXES[kind])
            if kind in ("allocs", "goroutine"):
                self.assertTrue(any("+0x" not in name for name in rows), (kind, rows))

    def check_left(self, folder):
        """What a killed worker left opens in Go's tools and has names; the first thread of crash.txt is the one that was
        killed, and it is there whole, also among all threads."""
        for kind in KINDS:
            rows = top(os.path.join(folder, kind + ".pprof"), INDEXES[kind])
            if kind == "goroutine":
                self.assertTrue(any("+0x" not in name for name in rows), (kind, rows))
        with open(os.path.join(folder, "crash.txt")) as file:
            text = file.read()
        self.assertRegex(text, r"^process \d+ was ended by SIGSEGV.*\n\ncrashed by SIGSEGV")
        threads = text.split("\ngoroutine ")[1:]
        self.assertEqual(len(threads), 2, text)
        self.assertEqual(threads[0].split(" ")[0], folder.rpartition("-")[2])
        for thread in threads:
            functions = re.findall(r"(?m)^(\w+)\(\.\.\.\)$", thread)
            self.assertEqual(functions[-1], "_start", text)
            for function in ("ngx_spawn_process", "ngx_master_process_cycle", "main"):
                self.assertIn(function, functions, text)
            self.assertNotIn("elided", thread)

    def test_nginx_with_workers_of_another_user(self):
        with nginx() as (piko, url):
            workers = piko.pids()[1:]
            with subprocess.Popen(["wrk", "-t1", "-c4", "-d5", "-H", "Accept-Encoding: gzip", url], stdout=subprocess.PIPE,
                                  text=True) as load:
                self.check_profiles(piko, "ngx_")
                os.kill(workers[0], signal.SIGSEGV)
                wait_until(lambda: len(piko.processes()) == 3 and workers[0] not in piko.pids())
                folder = wait_until(lambda: re.search(r"its last state is in (\S+)", piko.said())).group(1)
                self.assertTrue(folder.endswith("/nginx-%d" % workers[0]))
                self.check_left(folder)
                self.assertNotIn("Non-2xx", load.communicate(timeout=20)[0])
            piko.process.send_signal(signal.SIGQUIT)
            self.assertEqual(piko.end(), 0)

    def test_redis_with_its_allocator_and_a_child_that_saves(self):
        need("redis-server", "redis-benchmark", "redis-cli")
        with tempfile.TemporaryDirectory() as folder:
            port = free_port()
            client = ["redis-cli", "-p", str(port)]
            with Run("redis-server", "--port", port, "--dir", folder, "--save", "") as piko:
                wait_until(lambda: listens(port))
                with subprocess.Popen(["redis-benchmark", "-q", "-p", str(port), "-n", "60000", "-r", "10000", "-d", "500",
                                       "-t", "set,get,lpush"], stdout=subprocess.PIPE) as load:
                    of(*client, "bgsave")
                    self.check_profiles(piko, "Command")
                    load.communicate(timeout=60)
                self.assertEqual(load.returncode, 0)
                self.assertEqual(of(*client, "llen", "mylist").strip(), "60000")
                wait_until(lambda: any(one["parent"] == piko.pids()[0] for one in
                                       json.loads(piko.fetch("/profiler/status"))["processes"]))
                self.assertEqual(piko.processes()[0]["name"], "redis-server")
                self.assertTrue(os.path.exists(os.path.join(folder, "dump.rdb")))
                of(*client, "shutdown", "nosave")
                self.assertEqual(piko.end(), 0)

    def test_redis_serves_on_without_the_supervisor_and_no_timer_is_left(self):
        need("redis-server", "redis-benchmark", "redis-cli")
        port = free_port()
        load = ["redis-benchmark", "-q", "-p", str(port), "-n", "30000", "-t", "set"]

        def timers(pid):
            with open("/proc/%d/timers" % pid) as file:
                return file.read()

        def rate():
            return float(re.search(r"([\d.]+) requests per second", of(*load)).group(1))

        with Run("redis-server", "--port", port, "--save", "") as piko:
            wait_until(lambda: listens(port))
            pid, before = piko.pids()[0], rate()
            with subprocess.Popen(["curl", "-s", piko.base + "/debug/pprof/profile?seconds=60"], stdout=subprocess.DEVNULL):
                wait_until(lambda: timers(pid))
                piko.process.kill()
                piko.process.wait()
                wait_until(lambda: rate() > before / 3)  # the machine may have had more to do the first time
                wait_until(lambda: not timers(pid))
            of("redis-cli", "-p", str(port), "shutdown", "nosave")

    def test_redis_in_the_background_is_followed_to_its_end(self):
        need("redis-server", "redis-cli")
        port = free_port()
        with Run("redis-server", "--port", port, "--save", "", "--daemonize", "yes") as piko:
            wait_until(lambda: "in the background" in piko.said() and listens(port))
            self.assertEqual([one["name"] for one in piko.processes()], ["redis-server"])
            self.assertIn("aeMain", piko.dump())
            of("redis-cli", "-p", str(port), "shutdown", "nosave")
            self.assertEqual(piko.end(), 0)

    def test_python_with_eight_threads(self):
        with Run(PYTHON, "-c", THREADS) as piko:
            self.assertRegex(piko.dump(), r"(Py|python3)")
            self.check_profiles(piko, "SHA256")
            self.assertEqual(piko.process.stdout.readline(), of(PYTHON, "-c", THREADS))
            piko.process.stdin.close()
            piko.process.stdin = None
            self.assertEqual(piko.end(), 0)

    def test_a_cpp_program_that_throws(self):
        words = os.path.join(PROGRAMS, "busy_cpp"), "60000"
        with Run(*words) as piko:
            self.check_profiles(piko, "even(")
            self.assertEqual(piko.process.stdout.readline(), of(*words))
            piko.process.stdin.close()
            piko.process.stdin = None
            self.assertEqual(piko.end(), 0)

    def test_piko_profile_loads_and_captures_nginx(self):
        with nginx() as (piko, url):
            output = os.path.join(piko.folder, "out")
            address = re.search(r"//([^/]+)/", piko.base).group(1)
            done = subprocess.run([PIKO, "profile", url, "--pprof-port", address.split(":")[1], "--duration", "1",
                                   "--concurrency", "4", "--output", output], capture_output=True, text=True, timeout=60)
            self.assertEqual(done.returncode, 0, done.stderr)
            for kind in ("cpu", "heap", "allocs", "block", "mutex"):
                self.assertTrue(os.path.exists(os.path.join(output, kind + ".pprof")), os.listdir(output))
            self.assertTrue(any("ngx_" in name for name in top(os.path.join(output, "cpu.pprof"), "cpu")))


if __name__ == "__main__":
    unittest.main()
