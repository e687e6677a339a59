"""`piko profile` from outside: what it prints, writes and returns, on good days and bad ones."""
import json
import os
import pty
import re
import select
import shutil
import signal
import socket
import stat
import subprocess
import tempfile
import time
import unittest

from fake_servers import FakeApp, FakeProfiler

PIKO = os.environ.get("PIKO", "piko")
HERE = os.path.dirname(os.path.abspath(__file__))

PHASES = ["baseline", "cpu", "allocs", "heap", "mutex", "block"]
PROFILES = [phase + ".pprof" for phase in PHASES[1:]]
REPORT = "live_performance_report.txt"
STATS = ["baseline.stats"] + [name + ".stats" for name in PROFILES]
DUMPS = [phase + ".goroutines.txt" for phase in PHASES]
ROLLING_ON = ('{"pprof_base_path":"/_piko/debug/pprof","status_path":"/_piko/profiler/status","rolling_trace":'
              '{"min_age":"15s","download_path":"/missing","max_bytes":1,"enabled":true}}')
BOUND = 60  # seconds after which a run that has not ended is a failure


def environment(**more):
    kept = {key: value for key, value in os.environ.items() if key not in ("NO_COLOR", "http_proxy", "HTTP_PROXY")}
    return {**kept, "TERM": "xterm", "LC_ALL": "C.UTF-8", **more}


def run(*arguments, env=None):
    return subprocess.run([PIKO, *arguments], capture_output=True, text=True, timeout=BOUND, stdin=subprocess.DEVNULL,
                          env=env or environment())


def start(*arguments, **more):
    return subprocess.Popen([PIKO, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                            stdin=subprocess.DEVNULL, env=environment(), **more)


class Ended:
    """A run that was waited for."""

    def __init__(self, process, output):
        self.stdout, self.stderr = process.communicate(timeout=BOUND)
        self.status = process.returncode
        self.output = output
        self.files = sorted(os.listdir(output)) if os.path.isdir(output) else None

    def read(self, name):
        with open(os.path.join(self.output, name)) as file:
            return file.read()

    def stats(self, name):
        return dict(re.split(r": +", line) for line in self.read(name).splitlines() if line and line[0] != "#")


def closed_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


class TestCase(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="piko-test-")
        self.addCleanup(shutil.rmtree, self.folder)
        self.output = os.path.join(self.folder, "out")

    def serve(self, server):
        self.addCleanup(server.close)
        return server

    def url(self, app):
        return f"http://127.0.0.1:{app.port}/"


class HelpAndUsage(TestCase):
    def expect_help(self, *arguments, has):
        result = run(*arguments)
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        self.assertIn(has, result.stdout)

    def test_help_is_on_stdout_and_ends_0(self):
        for arguments in (["help"], ["--help"], ["-help"], ["-h"]):
            self.expect_help(*arguments, has="profile")
        for arguments in (["help", "profile"], ["profile", "--help"], ["profile", "http://x/", "-h"]):
            self.expect_help(*arguments, has="--concurrency N")
        self.expect_help("--version", has="piko 0")

    def test_help_names_every_flag_of_the_guide_with_its_default(self):
        text = run("help", "profile").stdout
        for flag, default in {"pprof-port": "6060", "concurrency": "100", "duration": "30", "output": "pprof", "top": "60"
                              }.items():
            self.assertRegex(text, rf"--{flag} .*\(default {default}\)")
        for flag in ("header", "cookie", "focus", "tui", "help"):
            self.assertIn("--" + flag, text)

    def test_unknown_commands_end_2_with_a_suggestion(self):
        for words in (["profle"], ["help", "profle"]):
            result = run(*words)
            self.assertEqual((result.returncode, result.stdout), (2, ""))
            self.assertIn("did you mean piko profile?", result.stderr)
        self.assertEqual(run().returncode, 2)

    def test_wrong_usage_ends_2_names_the_flag_and_writes_nothing(self):
        url = "http://127.0.0.1:1/"
        for arguments, named in [
            ([], "URL"), ([url, "more"], '"more"'), (["notaurl"], '"notaurl"'), (["ftp://localhost/"], "ftp://localhost/"),
            (["http://"], "http://"), (["http://localhost:99999/"], "99999"),
            ([url, "https://127.0.0.1:1/"], "is on another server than"), ([url, "--method", "A B"], "--method"),
            ([url, "--body", "a", "--body-file", "b"], "--body and --body-file"),
            ([url, "--body-file", "/nonexistent"], '--body-file "/nonexistent": it cannot be read'),
            (["--urls", "/dev/null"], '--urls "/dev/null": it has no URL'), ([url, "--timeout", "0"], "--timeout"),
            (["https://127.0.0.1:1/", "--cacert", "/nonexistent"], "--cacert /nonexistent"),
            ([url, "--duration", "0"], "--duration"), ([url, "--duration", "-1"], "--duration"),
            ([url, "--duration=abc"], '--duration must be a whole number from 1 to 3600, not "abc"'),
            ([url, "--duration", "30s"], "--duration"), ([url, "--duration"], "--duration needs a value"),
            ([url, "--cpu-rate", "1001"], "--cpu-rate"),
            ([url, "--concurrency", "0"], "--concurrency"), (["-concurrency=-1", url], "--concurrency"),
            ([url, "--pprof-port", "70000"], "--pprof-port"), ([url, "--top", "-1"], "--top"),
            ([url, "--header", "bad"], '--header "bad"'), ([url, "--header", ": x"], "--header"),
            ([url, "--header", "A: b\r\nC: d"], "--header"), ([url, "--cookie", "a=b\nC: d"], "--cookie"),
            ([url, "--focus", "["], "--focus"), ([url, "--output", ""], "--output"),
            ([url, "--pprof-url", "localhost:6060"], "--pprof-url"), ([url, "--tui"], "--tui"),
            ([url, "--durration", "5"], "did you mean --duration?"), ([url, "--nosuch"], "--nosuch"),
        ]:
            with self.subTest(arguments):
                result = run("profile", f"--output={self.output}", *arguments)
                self.assertEqual((result.returncode, result.stdout), (2, ""))
                self.assertIn(named, result.stderr)
                self.assertFalse(os.path.exists(self.output))

    def test_dashboard_without_a_terminal_is_refused_and_says_what_there_is_instead(self):
        self.assertIn("--tui: standard output is no terminal; without it progress is printed line by line",
                      run("profile", "http://x/", "--tui").stderr)


class NothingToProfile(TestCase):
    def expect_nothing(self, *arguments, named, url=None):
        result = run("profile", url or self.url(self.app), "--output", self.output, "--duration", "1", *arguments)
        self.assertEqual((result.returncode, result.stdout), (1, ""), result.stderr)
        self.assertIn(named, result.stderr)
        self.assertFalse(os.path.exists(self.output))
        return result

    def setUp(self):
        super().setUp()
        self.app = self.serve(FakeApp())

    def test_application_that_is_not_there_ends_1_before_anything_is_written(self):
        url = f"http://127.0.0.1:{closed_port()}/page"
        self.expect_nothing(url=url, named=f"nothing answers at {url}")

    def test_profiler_that_is_not_there_ends_1_before_any_load(self):
        port = closed_port()
        result = self.expect_nothing("--pprof-port", str(port),
                                     named=f"nothing answers at http://127.0.0.1:{port}/_piko/debug/pprof/ (connection refused)")
        self.assertIn("--pprof-port", result.stderr)
        self.assertIsNone(self.app.headers, "a request was sent")

    def test_something_else_on_the_profiler_port_ends_1(self):
        other = self.serve(FakeProfiler())
        self.expect_nothing("--pprof-url", f"http://127.0.0.1:{other.port}/elsewhere", named="404")

    def test_output_that_cannot_be_made_ends_1_and_names_it(self):
        blocked = os.path.join(self.folder, "file")
        with open(blocked, "w"):
            pass
        for path in (blocked, blocked + "/below", "/proc/piko"):
            result = run("profile", self.url(self.app), "--output", path)
            self.assertEqual((result.returncode, result.stdout), (1, ""))
            self.assertIn(f"--output {path}", result.stderr)


class Bad(TestCase):
    """Runs that go wrong on the way. They take seconds each, nearly all of it waiting, so they run side by side."""

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="piko-test-")
        cls.servers, started = [], {}
        for name, app, profiler in [
            ("errors", FakeApp(status=500), FakeProfiler(status="{}")),
            ("hang", FakeApp(hangs=True), FakeProfiler(status="not json")),
            ("partial", FakeApp(), FakeProfiler(broken={"profile", "block"}, garbage={"heap"})),
            ("dies", FakeApp(), FakeProfiler(dies_at="allocs")),
            ("useless", FakeApp(status=404),
             FakeProfiler(broken={"profile", "allocs", "heap", "mutex", "block"}, garbage={"goroutine"})),
            ("trace", FakeApp(status=302), FakeProfiler(status=ROLLING_ON, late=1.5)),
        ]:
            cls.servers += [app, profiler]
            output = os.path.join(cls.folder, name)
            os.mkdir(output)
            for old in PROFILES + [REPORT, "rolling_trace.out", "block.pprof.stats", "notes.txt"]:
                with open(os.path.join(output, old), "w") as file:
                    file.write("of an earlier run")
            url = f"http://127.0.0.1:{app.port}/"
            started[name] = (time.monotonic(), output, start(
                "profile", url, "--pprof-port", str(profiler.port), "--duration=1", "-concurrency", "2", "--cpu-rate", "500", "--output",
                output))
        cls.runs = {name: Ended(process, output) for name, (_, output, process) in started.items()}
        cls.seconds = time.monotonic() - min(begin for begin, _, _ in started.values())

    @classmethod
    def tearDownClass(cls):
        for server in cls.servers:
            server.close()
        shutil.rmtree(cls.folder)

    def setUp(self):
        pass

    def expect_honest(self, ended):
        """No file of an earlier run, none that is named and missing, and what is not ours is left alone."""
        for name in ended.files:
            if name != "notes.txt":
                with open(os.path.join(ended.output, name), "rb") as file:
                    self.assertNotEqual(file.read(), b"of an earlier run", name)
        self.assertIn("notes.txt", ended.files)
        for name in re.findall(r"^  (\w\S+)  ", ended.stdout.partition("Files in")[2], re.M):
            self.assertIn(name, ended.files)

    def test_all_500s_are_said_loudly_and_profiles_kept(self):
        ended = self.runs["errors"]
        self.assertEqual(ended.status, 3)
        self.assertRegex(ended.stderr, r"baseline: not one request succeeded, \d+ failed \(.*status 500")
        self.assertEqual([name for name in PROFILES if name not in ended.files], [])
        stats = ended.stats("baseline.stats")
        self.assertGreater(int(stats["failed_requests"]), 0)
        self.assertEqual(stats["failed_requests"], stats["total_requests"])
        self.assertIn("not one request succeeded", ended.read(REPORT))
        self.expect_honest(ended)

    def test_application_that_hangs_costs_no_more_than_the_phases(self):
        ended = self.runs["hang"]
        self.assertEqual(ended.status, 3)
        self.assertIn("not one request was answered within 1 s", ended.stderr)
        self.assertEqual([name for name in PROFILES if name not in ended.files], [])
        self.assertLess(self.seconds, 30)
        self.expect_honest(ended)

    def test_status_that_is_no_json_is_a_warning(self):
        ended = self.runs["hang"]
        self.assertIn("Warning: the profiler's status could not be read", ended.stderr)
        self.assertNotIn("profiler_status.json", ended.files)

    def test_failed_profiles_leave_no_file_and_end_3(self):
        ended = self.runs["partial"]
        self.assertEqual(ended.status, 3)
        self.assertEqual([name for name in PROFILES if name in ended.files], ["allocs.pprof", "mutex.pprof"])
        self.assertIn("/profile?seconds=1&hz=500: it answered 500: Could not enable CPU profiling", ended.stderr)
        self.assertRegex(ended.stderr, r"heap: .*/heap is no valid profile")
        self.assertIn("partial: something failed in 3 of 6 phases", ended.stderr)
        self.assertIn("Could not enable CPU profiling", ended.read(REPORT))
        self.expect_honest(ended)

    def test_profiler_that_dies_ends_the_later_phases_without_load(self):
        ended = self.runs["dies"]
        self.assertEqual(ended.status, 3)
        self.assertIn("cpu.pprof", ended.files)
        self.assertNotIn("heap.pprof", ended.files)
        self.assertNotIn("heap.pprof.stats", ended.files)
        self.assertIn("block: skipped", ended.stderr)
        self.expect_honest(ended)

    def test_nothing_usable_ends_1_without_a_report(self):
        ended = self.runs["useless"]
        self.assertEqual(ended.status, 1)
        self.assertIn("nothing usable", ended.stderr)
        self.assertNotIn(REPORT, ended.files)
        self.expect_honest(ended)
        self.assertIn("baseline: what answers at goroutine?debug=2 is no list of threads", ended.stderr)
        self.assertEqual([name for name in ended.files if name.endswith(".goroutines.txt")], [])

    def test_the_cpu_phase_asks_for_its_rate(self):
        asked = [path for server in self.servers if isinstance(server, FakeProfiler) for path in server.asked]
        self.assertIn("/_piko/debug/pprof/profile?seconds=1&hz=500", asked)
        self.assertNotIn("/_piko/debug/pprof/profile?seconds=1", asked)

    def test_requests_while_the_profiler_is_late_do_not_count(self):
        ended = self.runs["trace"]
        for name in STATS:
            self.assertAlmostEqual(float(ended.stats(name)["duration"].strip("s")), 1, delta=1, msg=name)

    def test_allocations_are_those_between_two_snapshots(self):
        self.assertRegex(self.runs["trace"].read(REPORT), r"Total alloc_objects: +1000\n")

    def test_missing_rolling_trace_ends_3_and_redirects_are_answers(self):
        ended = self.runs["trace"]
        self.assertEqual(ended.status, 3)
        self.assertIn("no rolling trace: ", ended.stderr)
        self.assertEqual(ended.stats("baseline.stats")["failed_requests"], "0")
        self.assertNotIn("rolling_trace.out", ended.files)
        self.assertEqual(json.loads(ended.read("profiler_status.json")), json.loads(ROLLING_ON))
        self.expect_honest(ended)


class Interrupted(TestCase):
    @classmethod
    def setUpClass(cls):
        signal.signal(signal.SIGHUP, signal.SIG_DFL)  # ignored by who runs us with nohup, and so by who we run

    def setUp(self):
        super().setUp()
        self.app = self.serve(FakeApp())
        self.profiler = self.serve(FakeProfiler())

    def arguments(self):
        return ["profile", "--duration", "2", self.url(self.app), "--concurrency", "2", "--pprof-port",
                str(self.profiler.port), "--output", self.output]

    def wait_for(self, path):
        deadline = time.monotonic() + 20
        while not any(path in asked for asked in self.profiler.asked):
            self.assertLess(time.monotonic(), deadline, f"{path} was never asked for")
            time.sleep(0.02)

    def expect_end(self, number, path, files):
        process = start(*self.arguments())
        self.wait_for(path)
        time.sleep(0.3)
        began = time.monotonic()
        process.send_signal(number)
        ended = Ended(process, self.output)
        self.assertLess(time.monotonic() - began, 5)  # five phases are still to come, of two seconds each
        self.assertEqual(ended.status, 128 + number, ended.stderr)
        self.assertEqual(ended.files, files)
        self.assertIn("interrupted: ", ended.stderr)
        return ended

    def test_ctrl_c_keeps_the_finished_phases_and_reports_them(self):
        ended = self.expect_end(signal.SIGINT, "profile?seconds=2",
                                ["baseline.goroutines.txt", "baseline.stats", REPORT, "load.json", "report.html"])
        self.assertIn("interrupted: 1 of 6 phases finished", ended.read(REPORT))
        self.assertIn("Complete requests:", ended.stdout)

    def test_sigterm_does_the_same_with_143(self):
        self.expect_end(signal.SIGTERM, "profile?seconds=2", ["baseline.goroutines.txt", "baseline.stats", REPORT, "load.json", "report.html"])

    def test_a_terminal_that_hangs_up_does_the_same_with_129(self):
        self.expect_end(signal.SIGHUP, "profile?seconds=2", ["baseline.goroutines.txt", "baseline.stats", REPORT, "load.json", "report.html"])

    def test_ctrl_c_in_the_baseline_leaves_nothing(self):
        self.expect_end(signal.SIGINT, "/status", None)

    def test_sending_ctrl_c_twice_ends_all_the_same(self):
        process = start(*self.arguments())
        self.wait_for("/status")
        time.sleep(0.3)
        process.send_signal(signal.SIGINT)
        process.send_signal(signal.SIGINT)
        self.assertEqual(Ended(process, self.output).status, 130)

    def on_terminal(self, **more):
        """What a terminal shows of a run that is interrupted in its cpu phase."""
        master, slave = pty.openpty()
        process = subprocess.Popen([PIKO, *self.arguments()], stdin=slave, stdout=slave, stderr=slave,
                                   env=environment(**more))
        os.close(slave)
        shown, signalled, deadline = b"", False, time.monotonic() + BOUND
        while time.monotonic() < deadline:
            if not signalled and shown.partition(b"  cpu ")[2].count(b"req/s") > 3:
                process.send_signal(signal.SIGINT)
                signalled = True
            if select.select([master], [], [], 0.1)[0]:
                try:
                    text = os.read(master, 65536)
                except OSError:
                    break
                shown += text
        os.close(master)
        self.assertEqual(process.wait(timeout=10), 130)
        return shown.decode()

    def test_terminal_sees_one_line_a_phase_rewritten_in_place(self):
        shown = self.on_terminal()
        self.assertRegex(shown, r"\r\033\[K  baseline +\033\[36m[█░]+\033\[0m +2 s left")
        self.assertRegex(shown, r"\r\033\[K  cpu .* s left +[\d,]+ req/s  p50 .*s  p99 .*s  0 failed[\r\n]")
        lines = shown.partition("interrupted")[0].split("\n")
        self.assertEqual(sum(line.count("baseline") > 0 for line in lines), 1)
        self.assertRegex(shown, r"\r\033\[Kpiko profile: interrupted")

    def test_no_color_and_dumb_terminals_are_heeded(self):
        self.assertNotRegex(self.on_terminal(NO_COLOR="1"), r"\033\[\d")


@unittest.skipUnless(shutil.which("go"), "go is not installed")
class Good(unittest.TestCase):
    """A whole run on a Go program, in a folder that an absolute path names."""

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="piko-test-")
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        binary = os.path.join(cls.folder, "goserver")
        subprocess.run(["go", "build", "-o", binary, "main.go"], cwd=os.path.join(HERE, "goserver"), check=True, timeout=120)
        cls.server = subprocess.Popen([binary], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        cls.addClassCleanup(cls.server.communicate)
        cls.app_port, cls.pprof_port = cls.server.stdout.readline().split()
        cls.seen = FakeApp()
        cls.addClassCleanup(cls.seen.close)
        cls.output = os.path.join(cls.folder, "some where", "out")
        cls.ended = Ended(start("profile", "-pprof-port=" + cls.pprof_port, "--top", "0",
                                f"http://127.0.0.1:{cls.app_port}/", "--concurrency", "8", "-duration", "1",
                                "--output=" + cls.output + "/"), cls.output)

    def test_ends_0_with_every_file_of_the_guide(self):
        self.assertEqual(self.ended.status, 0, self.ended.stderr)
        self.assertEqual(self.ended.files, sorted(PROFILES + STATS + DUMPS + [REPORT, "load.json", "report.html", "profiler_status.json",
                                                                               "rolling_trace.out"]))

    def test_files_are_for_the_owner_and_the_group(self):
        self.assertEqual(stat.S_IMODE(os.stat(self.output).st_mode), 0o750)
        for name in self.ended.files:
            self.assertEqual(stat.S_IMODE(os.stat(os.path.join(self.output, name)).st_mode), 0o640, name)

    def test_short_phases_are_warned_about_in_words_that_scripts_know(self):
        self.assertEqual(self.ended.stderr, "Warning: --duration 1 is below the recommended minimum of 30 seconds. CPU "
                         "profile statistics may be unreliable with short durations.\n")

    def test_piped_progress_is_one_plain_line_a_phase(self):
        for phase in PHASES:
            self.assertEqual(len(re.findall(rf"^  {phase} +1 s +[\d,]+ req/s .* 0 failed", self.ended.stdout, re.M)), 1)
        self.assertNotIn("\033", self.ended.stdout)
        self.assertNotIn("\r", self.ended.stdout)

    def test_report_file_is_what_was_printed_with_a_section_for_each_profile(self):
        report = self.ended.read(REPORT)
        self.assertIn(report, self.ended.stdout)
        for phase in PHASES[1:]:
            self.assertRegex(report, rf"PROFILE: +{phase}")
        self.assertIn("main.burn", report)
        self.assertNotIn("No samples", report)

    def test_connections_that_stay_open_make_no_leak(self):
        self.assertNotIn("leak", self.ended.read(REPORT))

    def test_stats_have_the_form_that_scripts_know(self):
        for name in STATS:
            lines = self.ended.read(name).split("\n")
            self.assertTrue(lines[0].startswith("#") and lines[1].startswith("#") and lines[2] == "")
            for line in lines[3:-1]:
                self.assertRegex(line, r"^[a-z0-9_.]+: +(?<=^.{20})\S")
            stats = self.ended.stats(name)
            self.assertGreater(int(stats["total_requests"]), 100)
            self.assertEqual(int(stats["failed_requests"]), 0)
            self.assertTrue(0.9 < float(stats["duration"].strip("s")) < 3, stats["duration"])

    def test_dumps_list_the_goroutines(self):
        for name in DUMPS:
            self.assertRegex(self.ended.read(name), r"(?m)^goroutine \d+ \[")

    def test_status_is_indented_by_two(self):
        text = self.ended.read("profiler_status.json")
        self.assertEqual(text, json.dumps(json.loads(text), indent=2))

    def test_go_tool_pprof_opens_every_profile(self):
        for name, function in {"cpu.pprof": "main.burn", "allocs.pprof": "main.allocate", "heap.pprof": "",
                               "mutex.pprof": "main.contend", "block.pprof": "main.contend"}.items():
            top = subprocess.run(["go", "tool", "pprof", "-top", "-cum", os.path.join(self.output, name)],
                                 capture_output=True, text=True, timeout=60)
            self.assertEqual(top.returncode, 0, top.stderr)
            self.assertIn(function, top.stdout)

    def test_rolling_trace_is_a_go_trace(self):
        with open(os.path.join(self.output, "rolling_trace.out"), "rb") as file:
            self.assertRegex(file.read(16), rb"^go 1\.\d+ trace")

    def test_next_commands_quote_what_a_shell_would_split(self):
        self.assertIn(f"go tool pprof -http=:8081 '{self.output}/cpu.pprof'", self.ended.stdout)

    def test_headers_and_cookie_reach_the_application_and_no_log(self):
        process = start("profile", f"http://127.0.0.1:{self.seen.port}/", "--header", "Authorization: Bearer secret",
                        "--header=X-Two: 2", "--cookie", "session=secret", "--pprof-port", self.pprof_port, "--duration",
                        "1", "--concurrency", "1", "--output", os.path.join(self.folder, "headers"))
        deadline = time.monotonic() + 20
        while not self.seen.headers and time.monotonic() < deadline:
            time.sleep(0.05)
        process.send_signal(signal.SIGTERM)
        ended = Ended(process, os.path.join(self.folder, "headers"))
        headers = dict(self.seen.headers)
        self.assertEqual([headers.get(name) for name in ("Authorization", "X-Two", "Cookie")],
                         ["Bearer secret", "2", "session=secret"])
        self.assertNotIn("secret", ended.stdout + ended.stderr)


if __name__ == "__main__":
    unittest.main()
