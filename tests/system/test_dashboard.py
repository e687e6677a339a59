"""`piko profile --tui` on the terminals of tmux: what is on the screen, which keys do what, and what is left behind."""
import os
import re
import shlex
import shutil
import signal
import subprocess
import tempfile
import time
import unittest

from fake_servers import FakeApp, FakeProfiler
from running_site import Site

PIKO = os.environ.get("PIKO", "piko")
BOUND = 60  # seconds after which what was waited for is a failure
SHARES_CPU = '{"threads": 5}'  # the status of a server that captures for several clients at once

BAR, SPARK = "[█▏▎▍▌▋▊▉ ]", "[▁▂▃▄▅▆▇█]"
RULE = " ─{78}"
SCREEN_80_BY_24 = [
    r" piko profile  http://127\.0\.0\.1:\d+/   http://\S+…  00:\d\d / 01:00",
    rf" ✓ baseline  [✓●] .*{BAR}.* (\d+ s left|warming up|reading the profile).*",
    RULE,
    rf"  req/s    [\d,]+ +{SPARK}+",
    rf"  latency  \S+[mu]s +{SPARK}+",
    r"           p50 \S+ +p80 \S+ +p99 \S+ +p100 \S+",
    r"  threads  5 +█+",
    RULE,
    r"  hot now +(cpu|alloc_space|inuse_space|delay) \S+",
    r"  busy_(profile|allocs|heap|mutex|block) +busy\.c:42 +█{20}  100\.0 %",
    *[""] * 9,
    RULE,
    r"  errors and warnings: 1",
    r"  --duration 10 is below the recommended minimum of 30 seconds\. CPU profile",
    r"    statistics may be unreliable with short durations\.",
    r"  requests [\d,]+   failed 0   received [\d.]+ KB +q quit  \? help",
]


class Terminal:
    """A terminal of that size with a shell in it, on a tmux server of its own."""

    def __init__(self, columns=80, rows=24, **environment):
        self.folder = tempfile.mkdtemp(prefix="piko-test-")
        settings = {"LC_ALL": "C.UTF-8", "PS1": "$ ", **environment}
        shell = ["env", "-u", "NO_COLOR", "-u", "ENV", *map("=".join, settings.items()), "sh"]
        self.tmux("new-session", "-d", "-x", str(columns), "-y", str(rows), shlex.join(shell))
        self.wait_for(r"^\$ ?$")

    def tmux(self, *arguments):
        return subprocess.run(["tmux", "-u", "-S", os.path.join(self.folder, "tmux"), "-f", "/dev/null", *arguments],
                              check=True, capture_output=True, text=True, timeout=BOUND).stdout

    def close(self):
        self.tmux("kill-server")
        shutil.rmtree(self.folder)

    def enter(self, line):
        self.tmux("send-keys", "-l", line)
        self.tmux("send-keys", "Enter")

    def key(self, name):
        self.tmux("send-keys", name)

    def screen(self, *options):
        return self.tmux("capture-pane", "-p", *options)

    def wait_for(self, pattern, *options):
        """The screen, once the pattern is on it."""
        end = time.monotonic() + BOUND
        while time.monotonic() < end:
            screen = self.screen(*options)
            if re.search(pattern, screen, re.M):
                return screen
            time.sleep(0.05)
        raise AssertionError(f"{pattern!r} did not come within {BOUND} s; this is there:\n{screen}")

    def settings(self):
        """Those of the terminal, by stty."""
        path = os.path.join(self.folder, "stty")
        self.enter(f"stty -g >{path}.new && mv {path}.new {path}")
        end = time.monotonic() + BOUND
        while not os.path.exists(path):
            assert time.monotonic() < end, "the shell takes no command:\n" + self.screen()
            time.sleep(0.05)
        with open(path) as file:
            settings = file.read()
        os.remove(path)
        return settings


@unittest.skipUnless(shutil.which("tmux"), "tmux is not installed")
class Dashboard(unittest.TestCase):
    def terminal(self, *size, **environment):
        terminal = Terminal(*size, **environment)
        self.addCleanup(terminal.close)
        self.output = os.path.join(terminal.folder, "out")
        return terminal

    def fakes(self, app=None, profiler=None):
        self.app, self.profiler = app or FakeApp(), profiler or FakeProfiler(status=SHARES_CPU)
        self.addCleanup(self.app.close)
        self.addCleanup(self.profiler.close)
        return f"http://127.0.0.1:{self.app.port}/", self.profiler.port

    def profile(self, terminal, url, port, *arguments):
        """Start it; the shell says "status=" at its end, and its process id goes to a file."""
        command = shlex.join([PIKO, "profile", "--tui", "--warmup=0", "--concurrency=2", f"--output={self.output}",
                              f"--pprof-port={port}", *arguments, url])
        with open(os.path.join(terminal.folder, "run"), "w") as file:
            file.write(f"echo $$ >{terminal.folder}/pid\nexec {command}\n")
        terminal.enter(f"echo before; sh {terminal.folder}/run; echo status=$?")

    def report(self):
        with open(os.path.join(self.output, "live_performance_report.txt")) as file:
            return file.read()

    def expect_last_lines_of_report(self, screen):
        """Requests, failures, p50 and p99 are printed last, as they stand in the report."""
        brief = screen.rpartition("Baseline\n")[2].partition("\nstatus=")[0].rstrip("\n").split("\n")
        self.assertRegex(brief[0], r"^Complete requests: +\d+$")
        self.assertRegex(brief[1], r"^Failed requests: +\d+")
        self.assertRegex(brief[2], r"^ +50%    \S+s$")
        self.assertRegex(brief[3], r"^ +99%    \S+s$")
        self.assertEqual(len(brief), 4, screen)
        for line in brief:
            self.assertIn("\n" + line + "\n", self.report())

    def test_screen_resize_help_and_quitting_early(self):
        terminal = self.terminal()
        before = terminal.settings()
        self.profile(terminal, *self.fakes(), "--duration=10")
        terminal.wait_for(r"the baseline is the load alone")
        screen = terminal.wait_for(r"busy_\w+ +busy.c:42").split("\n")
        self.assertEqual(len(screen), 25)
        for line, pattern in zip(screen, SCREEN_80_BY_24):
            self.assertRegex(line, f"^{pattern}$", "\n".join(screen))

        terminal.tmux("resize-window", "-x", "120", "-y", "40")
        terminal.wait_for(r"\A(.*\n){39}  requests .*q quit  \? help$")
        self.assertIn("http://127.0.0.1:%d/_piko/debug/pprof/ " % self.profiler.port, terminal.screen())
        terminal.tmux("resize-window", "-x", "30", "-y", "6")
        terminal.wait_for(r"\A piko profile .*\n(.*\n){2}  req/s ")
        terminal.tmux("resize-window", "-x", "80", "-y", "24")
        terminal.wait_for(r"\A(.*\n){23}  requests .*q quit  \? help$")

        terminal.key("?")
        self.assertNotIn("hot now  c", terminal.wait_for(r"^  q +end early"))
        terminal.key("x")
        terminal.wait_for(r"^  hot now")
        terminal.key("q")
        screen = terminal.wait_for(r"^status=", "-S", "-", "-J")
        self.assertIn("status=3", screen)
        self.assertIn("piko profile: ended early:", screen)
        self.assertIn("before", screen)
        self.assertNotIn("q quit", screen)
        self.expect_last_lines_of_report(screen)
        self.assertIn("Not captured: not reached", self.report())
        self.assertEqual(terminal.settings(), before)

    def test_whole_run_shows_hot_functions_and_ends_with_the_report(self):
        terminal = self.terminal(100, 30)
        with Site() as site:
            self.profile(terminal, site.url, site.profiling_port, "--duration=4", "--phases=cpu,heap")
            seen = terminal.wait_for(r"^  \w.* +\S+\.[cS]:\d+ +\S+ +\d+\.\d %|^status=")
            self.assertNotIn("status=", seen, "it ended without a hot function")
            screen = terminal.wait_for(r"^status=", "-S", "-", "-J")
        self.assertIn("status=0", screen)
        self.assertRegex(screen, r"(?m)^PROFILE:   cpu$")
        self.expect_last_lines_of_report(screen)

    def test_errors_have_a_pane_and_are_printed_when_the_screen_is_given_back(self):
        terminal = self.terminal()
        self.profile(terminal, *self.fakes(FakeApp(status=500), FakeProfiler(status=SHARES_CPU, broken={"profile"})),
                     "--duration=4")
        screen = terminal.wait_for(r"^  baseline: not one request succeeded, ")
        self.assertRegex(screen, r"(?m)^  errors and warnings: [2-9]")
        self.assertRegex(screen, r"(?m)^ ✗ baseline ")
        self.assertRegex(screen, r"(?m)^  requests 0   failed [1-9]")
        terminal.wait_for(r"Could not\s+enable CPU")
        terminal.key("q")
        screen = terminal.wait_for(r"^status=3", "-S", "-", "-J")
        self.assertRegex(screen, r"(?m)^piko profile: baseline: not one request succeeded, ")

    def test_terminal_is_put_back_whatever_ends_the_program(self):
        for number in (signal.SIGKILL, signal.SIGSEGV, signal.SIGABRT):
            with self.subTest(number):
                terminal = self.terminal()
                before = terminal.settings()
                self.profile(terminal, *self.fakes(), "--duration=60")
                terminal.wait_for(r"q quit  \? help")
                with open(os.path.join(terminal.folder, "pid")) as file:
                    os.kill(int(file.read()), number)
                terminal.wait_for(r"^before$")
                self.assertEqual(terminal.settings(), before)

    def test_interruptions_report_what_was_finished(self):
        terminal = self.terminal()
        before = terminal.settings()
        self.profile(terminal, *self.fakes(), "--duration=5", "--phases=cpu,heap")
        terminal.wait_for(r"✓ baseline")
        terminal.key("C-c")
        screen = terminal.wait_for(r"^status=", "-S", "-", "-J")
        self.assertIn("status=130", screen)
        self.expect_last_lines_of_report(screen)
        self.assertEqual(terminal.settings(), before)

    def test_colours_and_unicode_are_used_where_there_are_some(self):
        url, port = self.fakes()
        for environment, utf8, color in [({"TERM": "xterm-256color"}, True, True), ({"NO_COLOR": "1"}, True, False),
                                         ({"LC_ALL": "C"}, False, True), ({"TERM": "vt100", "LC_ALL": "C"}, False, False)]:
            with self.subTest(environment):
                terminal = self.terminal(**environment)
                self.profile(terminal, url, port, "--duration=60")
                terminal.wait_for(r"^  latency +[\d.]+.s")
                screen = terminal.screen("-e")
                self.assertEqual(re.search(r"\033\[[\d;]*3[0-7]", screen) is not None, color, screen)
                self.assertEqual(screen.isascii(), not utf8, screen)
                terminal.key("q")
                terminal.wait_for(r"^status=")

    def test_terminal_of_an_unknown_kind_is_refused(self):
        terminal = self.terminal(TERM="nosuch")
        self.profile(terminal, "http://127.0.0.1:1/", 1)
        screen = terminal.wait_for(r"^status=", "-J")
        self.assertRegex(screen, r"piko profile: --tui: the terminal is of a kind \(TERM=nosuch\) that it cannot be shown on")
        self.assertIn("status=2", screen)

    def test_go_server_is_not_asked_for_a_second_cpu_profile(self):
        terminal = self.terminal()
        self.profile(terminal, *self.fakes(profiler=FakeProfiler()), "--duration=3", "--phases=cpu")
        terminal.wait_for(r"a Go server gives CPU profiles to one client at a time")
        terminal.wait_for(r"^status=0", "-S", "-")
        self.assertEqual([path for path in self.profiler.asked if "/profile?" in path],
                         ["/_piko/debug/pprof/profile?seconds=3"])


if __name__ == "__main__":
    unittest.main()
