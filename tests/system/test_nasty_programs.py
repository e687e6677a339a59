"""Programs that other profilers hung, crashed or misled, at the highest rates and under constant captures: each one ends
as it does without us."""
import os
import re
import signal
import subprocess
import threading
import time
import unittest
import urllib.error
import urllib.request

from target import DIRECTORY, PROGRAMS, top

ENVIRONMENT = dict(os.environ, NASTY_PLUGIN=os.path.join(PROGRAMS, "nasty_plugin.so"))
SECONDS = 0.8  # under profiling; without, as long as one round takes


def command(scenario, *arguments):
    program = ["nasty_throw"] if scenario == "throw" else ["nasty", scenario]
    return [os.path.join(PROGRAMS, program[0]), *program[1:], *map(str, arguments)]


class Profiled:
    """A nasty program under captures: a CPU profile at 1000 Hz without a pause, a thread dump every 100 ms."""

    def __init__(self, scenario, seconds=SECONDS):
        self.process = subprocess.Popen(command(scenario, seconds, "profiled"), env=ENVIRONMENT, text=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                        start_new_session=True)
        self.port = int(self.process.stdout.readline().split()[1])
        self.answers = {"profile": 0, "goroutine": 0, "heap": 0}
        self.dumps = []
        self.threads = [threading.Thread(target=self.capture, args=arguments) for arguments in (
            ("profile?seconds=1&hz=1000", 0), ("goroutine?debug=2", 0.1), ("heap", 0.3))]
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
            except (OSError, urllib.error.URLError):  # it ended, or starts anew
                time.sleep(0.01)
                continue
            self.answers[re.match(r"\w+", path).group()] += 1
            if path.startswith("goroutine"):
                self.dumps.append(body.decode())
            time.sleep(pause)

    def end(self):
        """(standard output but for the port, exit status, standard error)"""
        try:
            output, errors = self.process.communicate(timeout=10)
        except subprocess.TimeoutExpired:  # it or a child of its
            os.killpg(self.process.pid, signal.SIGKILL)
            output, errors = self.process.communicate()
            errors += "hangs"
        for thread in self.threads:
            thread.join()
        return output, self.process.returncode, errors


def plain(scenario):
    done = subprocess.run(command(scenario, 0.01), env=ENVIRONMENT, text=True, capture_output=True,
                          stdin=subprocess.DEVNULL, timeout=20)
    return done.stdout, done.returncode, done.stderr


class Nasty(unittest.TestCase):
    def ends_as_without_us(self, scenario, seconds=SECONDS):
        wanted = plain(scenario)
        self.assertEqual(wanted[1:], (0, ""))
        profiled = Profiled(scenario, seconds)
        self.assertEqual(profiled.end(), wanted)
        return profiled

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


for name in ("thread_storm", "cancel", "exit_keys", "locks", "fork", "fork_start", "fork_port", "spawn", "eintr", "sigwait",
             "own_handler", "altstack", "contexts", "dlopen", "allocators", "restart", "throw"):
    add(name)

if __name__ == "__main__":
    unittest.main()
