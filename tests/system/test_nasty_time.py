"""The programs of test_nasty_programs with a fixed amount of work, at 1000 Hz, with one heap sample a KiB and every wait and
contention recorded: how much longer they take."""
import json
import re
import subprocess
import time
import unittest
import urllib.request

from nasty import PROGRAM_ENVIRONMENT, command

TIMES_MAX = 2
ATTEMPTS = 6  # the best of each side counts: what else the machine does only adds

ROUNDS = {"throw": 8000, "dlopen": 300, "thread_storm": 20, "fork_large": 10, "spawn": 40, "fork": 100, "contexts": 60,
          "altstack": 500, "cross_free": 5000, "locks": 50000, "timed_waits": 100, "cancel": 30,
          "exit_keys": 100}


def wait_for_sampler(port):
    for _ in range(200):
        with urllib.request.urlopen("http://localhost:%d/_piko/profiler/status" % port, timeout=10) as response:
            status = json.load(response)
        if status["cpu_captures"] and status["rates"]["cpu_period_ns"] == 1000000:
            return
        time.sleep(0.01)
    raise RuntimeError("no sampler runs")


def took_s(scenario, profiled):
    process = subprocess.Popen(command(scenario, "x%d" % ROUNDS[scenario], *["profiled"][:profiled]),
                               env=PROGRAM_ENVIRONMENT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    capture = None
    if profiled:
        port = int(process.stdout.readline().split()[1])
        capture = subprocess.Popen(["curl", "-s", "-o", "/dev/null",
                                    "http://localhost:%d/_piko/debug/pprof/profile?seconds=60&hz=1000" % port])
        wait_for_sampler(port)
    output, _ = process.communicate("go", timeout=60)
    if capture:
        capture.wait()
    took = re.search("^took (.*)$", output, re.MULTILINE)
    assert process.returncode == 0 and took, (scenario, process.returncode, output)
    return float(took.group(1))


class Time(unittest.TestCase):
    def test_each_takes_at_most_twice_its_time(self):
        for scenario in ROUNDS:
            with self.subTest(scenario):
                without = under = float("inf")
                for _ in range(ATTEMPTS):
                    without = min(without, took_s(scenario, False))
                    under = min(under, took_s(scenario, True))
                    if under <= TIMES_MAX * without:
                        break
                print("%-12s %.3f s without, %.3f s with: x %.2f" % (scenario, without, under, under / without))
                self.assertLessEqual(under / without, TIMES_MAX)


if __name__ == "__main__":
    unittest.main()
