"""Programs that other profilers hung, crashed or misled, at the highest rates and under constant captures: each one ends
as it does without us, also with a trap in front that ends programs whose profiler calls malloc or takes a lock in its signal
handler; and what they used of the CPU is in their profiles."""
import contextlib
import http.client
import os
import re
import signal
import subprocess
import threading
import time
import unittest
import urllib.error
import urllib.request

from account import Account
from decoded import Profile
from nasty import PROGRAM_ENVIRONMENT, command
from target import DIRECTORY, PROGRAMS, top

TRAP = os.path.join(PROGRAMS, "trap.so")
SECONDS = 2.4  # under profiling, time for one CPU profile; without, as long as one round takes
PATIENT_SECONDS = 60  # of the one that ends at the first EINTR, beside all the others
OWN_THREADS = ("piko-", "MHD-")
# Of the CPU time, where not all of it is the program's own code: how a thread is made and ends is the kernel's.
PART_MIN, PART_MAX = 0.85, 1.25
LOST_NS_MAX = 10_000_000  # of seconds of CPU time: counted, never silent
PARTS_MIN = {"thread_storm": 0.4, "cancel": 0.4, "exit_keys": 0.5}
USED_MIN_NS = 100e6  # below, the kernel's account says little: each of its two looks may be a tick off
NS_A_TICK = 1e9 / os.sysconf("SC_CLK_TCK")


def used_ns(pid):
    """CPU time of a process so far, but for the profiler's own threads."""
    with open("/proc/%d/stat" % pid) as file:
        used = sum(map(int, file.read().rpartition(")")[2].split()[11:13])) * NS_A_TICK
    for task in os.listdir("/proc/%d/task" % pid):
        try:
            with open("/proc/%d/task/%s/comm" % (pid, task)) as name, \
                    open("/proc/%d/task/%s/schedstat" % (pid, task)) as account:
                used -= int(account.read().split()[0]) if name.read().startswith(OWN_THREADS) else 0
        except OSError:  # it ended
            pass
    return used


class Profiled:
    """A nasty program under captures: a CPU profile at each rate without a pause, a thread dump every 100 ms."""

    def __init__(self, scenario, seconds=SECONDS, rates=(1000,), **environment):
        self.process = subprocess.Popen(command(scenario, seconds, "profiled"), text=True,
                                        env=dict(PROGRAM_ENVIRONMENT, **environment), stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True)
        self.port = int(self.process.stdout.readline().split()[1])
        self.answers = {"profile": 0, "goroutine": 0, "heap": 0}
        self.dumps = []
        self.profiles, self.account = [], Account()
        captures = [("profile?seconds=1&hz=%d" % rate, 0) for rate in rates]
        captures += ("goroutine?debug=2", 0.1), ("heap", 0.3)
        self.threads = [threading.Thread(target=self.capture, args=arguments) for arguments in captures]
        self.threads.append(threading.Thread(target=self.look))
        for thread in self.threads:
            thread.start()

    def get(self, path):
        url = "http://localhost:%d/_piko/debug/pprof/%s" % (self.port, path)
        with urllib.request.urlopen(url, timeout=5) as response:
            return response.read()

    def capture(self, path, pause):
        while self.process.poll() is None:
            try:
                body = self.get(path)
            except (OSError, urllib.error.URLError, http.client.HTTPException):  # it ended, or starts anew
                time.sleep(0.01)
                continue
            self.answers[re.match(r"\w+", path).group()] += 1
            if path.startswith("goroutine"):
                self.dumps.append(body.decode())
            if path.startswith("profile"):
                self.profiles.append(Profile(body))
            time.sleep(pause)

    def look(self):
        with contextlib.suppress(OSError):  # until it ends
            while self.process.poll() is None:
                self.account.add(time.time_ns(), [used_ns(self.process.pid)])
                time.sleep(0.03)

    def sampled(self):
        """(CPU time in the profile, CPU time used meanwhile) of each profile that says something."""
        both = [(profile.total("cpu"), self.account.during(profile)[0]) for profile in self.profiles]
        return [(sampled, used) for sampled, used in both if used > USED_MIN_NS]

    def end(self, seconds=10):
        """(standard output but for the port, exit status, standard error)"""
        try:
            output, errors = self.process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:  # it or a child of its
            os.killpg(self.process.pid, signal.SIGKILL)
            output, errors = self.process.communicate()
            errors += "hangs"
        for thread in self.threads:
            thread.join()
        return output, self.process.returncode, errors


def plain(scenario):
    done = subprocess.run(command(scenario, 0.01), env=PROGRAM_ENVIRONMENT, text=True, capture_output=True,
                          stdin=subprocess.DEVNULL, timeout=20)
    return done.stdout, done.returncode, done.stderr


def setUpModule():
    global patient
    patient = Profiled("eintr", PATIENT_SECONDS, rates=(1000, 997, 991, 983))  # timers start anew when the rate changes


class Nasty(unittest.TestCase):
    def ends_as_without_us(self, scenario, seconds=SECONDS):
        wanted = plain(scenario)
        self.assertEqual(wanted[1:], (0, ""))
        both = Profiled(scenario, seconds), Profiled(scenario, seconds, LD_PRELOAD=TRAP)
        for profiled in both:
            self.assertEqual(profiled.end(), wanted)
        for sampled, used in both[0].sampled():
            print("%s: %.1f %% of %.0f ms of CPU time sampled" % (scenario, 100 * sampled / used, used / 1e6))
            self.assertGreater(sampled, PARTS_MIN.get(scenario, PART_MIN) * (used - 2 * NS_A_TICK))
            self.assertLess(sampled, PART_MAX * (used + 2 * NS_A_TICK))
        for profile in both[0].profiles:
            self.assertLessEqual(profile.cum("cpu", "lost"), LOST_NS_MAX)
        return both[0]

    def test_the_trap_is_one(self):
        output, status, errors = Profiled("contexts", 5, LD_PRELOAD=TRAP, TRAP_SELF_TEST="1").end()
        self.assertEqual((output, status, errors), ("", -signal.SIGABRT, "trap: malloc() in the handler\n"))

    def test_longjmp(self):
        profiled = self.ends_as_without_us("longjmp", 3)  # time for two dumps on a busy machine
        last = [dump for dump in profiled.dumps if "nasty_longjmp" in dump][1:]
        self.assertTrue(last)
        for dump in last:
            self.assertNotIn("wait_in_vain", dump)

    def test_threads_that_block_every_signal_are_in_the_profile(self):
        profiled = Profiled("sigwait", 2)
        path = os.path.join(DIRECTORY.name, "sigwait.pprof")
        with open(path, "wb") as file:
            file.write(profiled.get("profile?seconds=1"))
        self.assertEqual(profiled.end(), ("ok\n", 0, ""))
        self.assertIn("burns_with_all_blocked", top(path, "cpu"))
        self.assertIn("nasty_sigwait", top(path, "cpu"))

    def test_cross_free(self):
        profiled = Profiled("cross_free")
        self.assertEqual(profiled.process.stdout.readline(), "ready\n")
        path = os.path.join(DIRECTORY.name, "cross_free.pprof")
        with open(path, "wb") as file:
            file.write(profiled.get("heap"))
        self.assertEqual(profiled.end(), ("ok\n", 0, ""))
        rows = top(path, "inuse_objects")
        self.assertEqual(rows["allocate_live"][0], 777)
        self.assertNotIn("allocate_slot", rows)
        self.assertEqual(top(path, "inuse_space", unit="B")["allocate_live"][0], 777 * 96)


def add(scenario):
    setattr(Nasty, "test_" + scenario, lambda self: self.ends_as_without_us(scenario) and None)


class Patient(unittest.TestCase):
    def test_no_call_of_a_minute_is_broken_off(self):
        self.assertEqual(patient.end(PATIENT_SECONDS + 10), ("ok\n", 0, ""))
        print("profiles %(profile)d, dumps %(goroutine)d, heaps %(heap)d" % patient.answers)
        self.assertGreater(patient.answers["profile"], PATIENT_SECONDS / 4)
        self.assertGreater(patient.answers["goroutine"], PATIENT_SECONDS)


for name in ("thread_storm", "cancel", "exit_keys", "locks", "fork", "fork_start", "fork_port", "spawn", "eintr", "sigwait",
             "own_handler", "altstack", "contexts", "dlopen", "allocators", "restart", "throw", "timed_waits"):
    add(name)

if __name__ == "__main__":
    unittest.main()
