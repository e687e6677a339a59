"""Endpoints under clients that mean harm: what they cost is bounded, and whoever asks honestly is answered. Scaled down; the
whole of it, with the program's throughput, is bench/serve/versus-quiet."""
import concurrent.futures
import os
import re
import socket
import subprocess
import sys
import time
import unittest
import urllib.error

from hostile import KINDS
from target import Target

SECONDS = 5
DRIPS, CAPTURES = 300, 60
TRACES = sum(KINDS[i % len(KINDS)] == "trace" for i in range(CAPTURES))
TRACES_MAX = 4  # at once; the others are answered 503

MEMORY_MAX = 256 << 20  # more than before: far below what it would be if each of them could have what it wants
ANSWER_SECONDS_MAX = 15  # of honest requests: a machine that has other work is not what is tested
HOSTILE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "hostile.py")


def of_status(pid, key):
    with open("/proc/%d/status" % pid) as file:
        return int(re.search(r"^%s:\s+(\d+)" % key, file.read(), re.M).group(1))


def ask_honestly(target):
    """Whoever is slow to ask after connecting may be sent away for those who came later, and asks again."""
    deadline = time.monotonic() + ANSWER_SECONDS_MAX
    while True:
        try:
            return target.get("cmdline", timeout=ANSWER_SECONDS_MAX)
        except (ConnectionError, urllib.error.URLError):
            if time.monotonic() > deadline:
                raise


class HostileClients(unittest.TestCase):
    def test_many_at_once_are_bounded_and_others_are_answered(self):
        with Target("steady") as target:
            pid = target.process.pid
            target.get("heap")
            memory, threads, files = of_status(pid, "VmRSS"), of_status(pid, "Threads"), len(os.listdir("/proc/%d/fd" % pid))
            hostile = subprocess.Popen([sys.executable, HOSTILE, str(target.port), str(SECONDS), str(DRIPS), str(CAPTURES)],
                                       stdout=subprocess.PIPE, text=True)
            self.assertEqual(hostile.stdout.readline(), "attacking\n")
            while hostile.poll() is None:
                ask_honestly(target)
                self.assertEqual(of_status(pid, "Threads"), threads)
                self.assertLess(len(os.listdir("/proc/%d/fd" % pid)), files + 600)
                time.sleep(0.2)
            self.assertEqual(hostile.stdout.read(), "answered %d, open 0\n" % (CAPTURES - TRACES + TRACES_MAX))
            hostile.stdout.close()
            self.assertLess(of_status(pid, "VmHWM") - memory, MEMORY_MAX >> 10)
            self.assertRegex(target.end(), r"rounds \d")


class Traces(unittest.TestCase):
    """What costs the most, of the program's time."""

    def test_the_fifth_at_once_is_refused_and_there_is_room_when_one_has_ended(self):
        def take(target):
            try:
                return target.get("trace?seconds=2")[:3]
            except urllib.error.HTTPError as error:
                return error.code

        with Target("steady") as target, concurrent.futures.ThreadPoolExecutor(7) as pool:
            answers = list(pool.map(take, [target] * 7))
            self.assertEqual((answers.count(b"go "), answers.count(503)), (TRACES_MAX, 3), answers)
            self.assertEqual(target.get("trace?seconds=0.1")[:3], b"go ")


class SlowClients(unittest.TestCase):
    """Something moves on these connections all the time, but for the first."""

    LEAST, MOST = 20, 90  # seconds; it is 30

    def drip(self, port, start, piece):
        """How long the server stands it."""
        with socket.create_connection(("127.0.0.1", port)) as one:
            began = time.monotonic()
            one.sendall(start)
            one.settimeout(1)
            while time.monotonic() < began + self.MOST:
                try:
                    if piece:
                        one.sendall(piece)
                    if one.recv(1024) == b"":
                        break
                except TimeoutError:
                    continue
                except OSError:
                    break
            return time.monotonic() - began

    def test_they_are_sent_away_after_half_a_minute(self):
        head = b"GET /_piko/debug/pprof/ HTTP/1.1\r\nHost: localhost\r\n"
        kinds = {"silent": (b"", b""), "request line": (b"GET /_piko", b"x"), "headers": (head + b"X: ", b"a"),
                 "body": (head.replace(b"GET", b"POST") + b"Content-Length: 1000\r\n\r\n", b"a"),
                 "idle after an answer": (head + b"\r\n", b"")}
        with Target("parked") as target, concurrent.futures.ThreadPoolExecutor(len(kinds)) as pool:
            times = dict(zip(kinds, pool.map(lambda kind: self.drip(target.port, *kind), kinds.values())))
        for kind, seconds in times.items():
            self.assertGreater(seconds, self.LEAST, kind)
            self.assertLess(seconds, self.MOST, kind)


class LargeRequests(unittest.TestCase):
    def test_they_are_refused_by_what_is_too_large(self):
        with Target("steady") as target:
            for request, status in ((b"GET /%s HTTP/1.1\r\nHost: localhost\r\n\r\n" % (b"a" * 65536), b"414"),
                                    (b"GET / HTTP/1.1\r\nHost: localhost\r\nX: %s\r\n\r\n" % (b"a" * 65536), b"431"),
                                    (b"POST /_piko/debug/pprof/symbol HTTP/1.1\r\nHost: localhost\r\nContent-Length: 300000\r\n\r\n"
                                     + b"+" * 300000, b"413")):
                with socket.create_connection(("127.0.0.1", target.port), timeout=30) as one:
                    try:
                        one.sendall(request)
                    except OSError:
                        pass  # it answered and closed before all of it was sent
                    self.assertEqual(one.recv(12).split()[1], status)


if __name__ == "__main__":
    unittest.main()
