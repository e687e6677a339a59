"""piko run: programs of all kinds, unchanged, have the endpoints."""
import json
import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import time
import unittest
import urllib.error

from decoded import Profile
from supervised import KINDS, PIKO, PYTHON, Run, run, wait_until
from target import CHECK_PROFILE, PROGRAMS, tags, top


class Command(unittest.TestCase):
    def test_it_ends_with_the_commands_status(self):
        self.assertEqual(run("sh", "-c", "exit 7").returncode, 7)
        self.assertEqual(run("true").returncode, 0)

    def test_a_signal_that_ended_the_command_is_128_and_its_number(self):
        with tempfile.TemporaryDirectory() as folder:
            done = run("sh", "-c", "kill -TERM $$", cwd=folder)
            self.assertEqual(done.returncode, 128 + signal.SIGTERM)
            self.assertIn("profiles/sh-", done.stderr)

    def test_cpu_rate_is_that_of_captures_that_ask_for_none(self):
        with Run("sh", "-c", "while :; do :; done", flags=("--cpu-rate", "250")) as run:
            self.assertEqual(Profile(run.get("profile?seconds=1")).period, 4000000)
            self.assertEqual(Profile(run.get("profile?seconds=1&hz=50")).period, 20000000)

    def test_standard_input_and_output_are_the_commands(self):
        done = run("cat", input="through\n")
        self.assertEqual(done.stdout, "through\n")
        self.assertEqual(len(done.stderr.splitlines()), 1, done.stderr)
        self.assertRegex(done.stderr, r"^piko: profiling at http://localhost:\d+/_piko/debug/pprof/\n$")

    def test_what_is_preloaded_already_stays(self):
        done = run("sh", "-c", "echo $LD_PRELOAD", env=dict(os.environ, LD_PRELOAD="libm.so.6"))
        self.assertRegex(done.stdout, r"libpiko-probe\.so:libm\.so\.6\n")

    def test_a_command_that_is_not_there_is_127(self):
        done = run("no-such-command")
        self.assertEqual(done.returncode, 127)
        self.assertEqual(done.stderr, "piko run: no-such-command: command not found\n")

    def test_a_file_that_cannot_be_run_is_126(self):
        done = run("/etc/passwd")
        self.assertEqual(done.returncode, 126)
        self.assertIn("Permission denied", done.stderr)

    def check_refused(self, path, reason, **more):
        done = run(path, **more)
        self.assertEqual(done.returncode, 126, done.stderr)
        self.assertIn(reason, done.stderr)
        self.assertIn(path, done.stderr)
        self.assertNotIn("http", done.stderr)

    def build(self, name, compiler, *flags, main="int main(void) { return 0; }"):
        """A program in a folder that anybody can read."""
        if not hasattr(self, "folder"):
            folder = tempfile.TemporaryDirectory()
            self.addCleanup(folder.cleanup)
            self.folder = folder.name
            os.chmod(self.folder, 0o755)
        source, path = os.path.join(self.folder, "main.c"), os.path.join(self.folder, name)
        with open(source, "w") as file:
            file.write(main)
        subprocess.run([compiler, *flags, source, "-o", path], check=True)
        return path

    def test_static_programs_are_refused_and_scripts_for_them(self):
        static = self.build("static", "cc", "-static")
        self.check_refused(static, "statically linked")
        self.check_refused(self.build("static-pie", "cc", "-static-pie"), "statically linked")
        script = os.path.join(self.folder, "script")
        with open(script, "w") as file:
            file.write("#!%s\n" % static)
        os.chmod(script, 0o755)
        self.assertIn("statically linked", run(script).stderr)

    def test_programs_for_other_machines_are_refused(self):
        self.check_refused(self.build("aarch64", "aarch64-linux-gnu-gcc"), "another architecture")
        i386 = self.build("i386", "cc", "-m32", "-nostdlib", "-static", main="void _start(void) { for (;;) {} }")
        self.check_refused(i386, "another architecture")

    def test_programs_with_another_c_library_are_refused(self):
        self.check_refused(self.build("musl", "musl-gcc"), "another C library, by /lib/ld-musl-x86_64.so.1")

    @unittest.skipUnless(os.geteuid() == 0, "only root can make such programs")
    def test_programs_that_gain_rights_are_refused(self):
        for mode, owner in ((0o4755, (1, -1)), (0o2755, (-1, 1))):
            path = self.build("set-id-%o" % mode, "cc")
            os.chown(path, *owner)
            os.chmod(path, mode)
            self.check_refused(path, "set-uid")
        path = self.build("capable", "cc")
        permitted = 1 << 10  # CAP_NET_BIND_SERVICE, in the kernel's struct vfs_cap_data, revision 2, effective
        os.setxattr(path, "security.capability", struct.pack("<5I", 0x02000001, permitted, 0, 0, 0))
        piko = shutil.copy(PIKO, self.folder)  # the build folder may be closed to others
        done = subprocess.run([piko, "run", "--port", "0", "--", path], user=65534, cwd="/", capture_output=True, text=True)
        self.assertEqual(done.returncode, 126)
        self.assertIn("has capabilities", done.stderr)

    def test_a_port_in_use_is_named_before_the_command_starts(self):
        with tempfile.TemporaryDirectory() as folder, socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port, mark = taken.getsockname()[1], os.path.join(folder, "mark")
            done = run("touch", mark, flags=("--port", str(port)))
            self.assertEqual(done.returncode, 1)
            self.assertIn(str(port), done.stderr)
            self.assertFalse(os.path.exists(mark))

    def test_wrong_flags_are_named(self):
        self.assertEqual(run("true", flags=("--prt", "1")).returncode, 2)
        self.assertIn("write --", subprocess.run([PIKO, "run", "true"], capture_output=True, text=True).stderr)
        self.assertIn("Examples:", subprocess.run([PIKO, "help", "run"], capture_output=True, text=True).stdout)

    def test_a_limit_of_file_sizes_ends_no_program(self):
        done = run("sh", "-c", "ulimit -f 1000; (echo child); /bin/echo program")
        self.assertEqual((done.returncode, done.stdout), (0, "child\nprogram\n"))

    def test_the_rolling_trace_is_told_with_its_bounds(self):
        done = run("true", flags=("--port", "0", "--rolling-trace", "--rolling-trace-min-age", "1500ms"))
        self.assertRegex(done.stderr, r"/_piko/debug/pprof/ \(rolling trace 1.5 s, 16 MiB\)\n$")

    def test_a_unix_socket_takes_the_place_of_the_port(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "socket")
            with subprocess.Popen([PIKO, "run", "--unix", path, "--", "sleep", "60"], stderr=subprocess.DEVNULL) as piko:
                wait_until(lambda: os.path.exists(path))
                done = subprocess.run(["curl", "-s", "--unix-socket", path, "http://x/_piko/profiler/status"],
                                      capture_output=True, check=True)
                piko.terminate()
            self.assertIn("pprof_base_path", done.stdout.decode())
            self.assertFalse(os.path.exists(path))


class Alone(unittest.TestCase):
    """A program with one thread keeps what libc and the kernel give to such: our thread is not theirs to know."""
    ALONE = os.path.join(PROGRAMS, "alone")

    def test_every_thread_follows_a_change_of_user(self):
        if os.geteuid() != 0:
            self.skipTest("only root can become somebody else")
        done = run(self.ALONE, "identity")
        self.assertEqual((done.returncode, done.stdout), (0, "single-threaded 1\nnobody\n"))

    def test_every_thread_gives_up_what_the_program_does(self):
        if os.geteuid() != 0:
            self.skipTest("only root has rights to give up")
        done = run(self.ALONE, "rights")
        self.assertEqual((done.returncode, re.findall("^(.*) of some$", done.stdout, re.M)), (0, []), done.stdout)

    def test_control_comes_back_when_it_may(self):
        if os.geteuid() != 0:
            self.skipTest("only root can become somebody else")
        done = run(self.ALONE, "limits")
        self.assertEqual((done.returncode, done.stdout), (0, "2 of 2 threads\n" * 2))

    def test_a_fork_that_waits_for_a_change_of_user_ends(self):
        if os.geteuid() != 0:
            self.skipTest("only root can become somebody else")
        with Run(self.ALONE, "fork") as piko:
            self.assertEqual(piko.process.stdout.readline(), "forks\n")
            with subprocess.Popen(["curl", "-s", piko.base + "/debug/pprof/goroutine?debug=2"], stdout=subprocess.DEVNULL):
                time.sleep(0.5)  # control looks at what is loaded, and waits for the fork
            self.assertEqual(piko.end(), 0)

    def test_the_process_ends_with_the_last_of_its_threads(self):
        self.assertEqual(run(self.ALONE, "exit").returncode, 0)


class Signals(unittest.TestCase):
    def test_they_reach_the_command_once_and_it_sees_none_of_our_handlers(self):
        with Run(os.path.join(PROGRAMS, "signals")) as piko:
            self.assertEqual(piko.process.stdout.readline(), "default\n")
            self.assertEqual(piko.process.stdout.readline(), "ready\n")
            for number in (signal.SIGHUP, signal.SIGINT, signal.SIGUSR1, signal.SIGUSR2, signal.SIGQUIT, signal.SIGTERM):
                piko.process.send_signal(number)
                self.assertEqual(piko.process.stdout.readline(), "signal %d\n" % number)
            self.assertEqual(piko.end(), 5)
            self.assertEqual(piko.output, "")

    def test_actions_that_two_threads_change_at_once_are_as_they_made_them(self):
        done = run(os.path.join(PROGRAMS, "signals"), "races")
        self.assertEqual((done.returncode, done.stdout), (0, "0 races lost\n"))

    def test_one_that_the_command_sent_to_the_group_does_not_come_back(self):
        script = "trap 'n=$((n+1))' TERM; kill -TERM 0; sleep 0.5; exit $n"
        with Run("sh", "-c", script) as piko:
            self.assertEqual(piko.end(), 1)

    def test_what_the_command_leaves_in_the_background_outlives_an_interrupt(self):
        with Run("sh", "-c", "(exec sleep 60 > /dev/null 2>&1) & echo $!") as piko:
            left = int(piko.process.stdout.readline())
            wait_until(lambda: "left 1 process in the background" in piko.said())
            self.assertEqual(piko.pids(), [left])
            piko.process.send_signal(signal.SIGINT)
            self.assertEqual(piko.end(), 0)
            self.assertIn("run on", piko.said())
            os.kill(left, signal.SIGTERM)

    def test_a_command_that_fails_is_not_waited_for(self):
        with Run("sh", "-c", "(exec sleep 60 > /dev/null 2>&1) & echo $!; exit 4") as piko:
            left = int(piko.process.stdout.readline())
            self.assertEqual(piko.end(), 4)
            os.kill(left, signal.SIGTERM)

    def test_the_command_outlives_the_supervisor(self):
        with Run("sh", "-c", "echo $$; read line; echo still $line; sleep 0.2; echo gone") as piko:
            piko.process.stdout.readline()
            piko.process.kill()
            piko.process.wait()
            piko.process.stdin.write("here\n")
            piko.process.stdin.flush()
            self.assertEqual(piko.process.stdout.readline(), "still here\n")
            self.assertEqual(piko.process.stdout.readline(), "gone\n")


FORKS = """
import os, sys, time
def burn(seconds):
    end = time.time() + seconds
    while time.time() < end: sum(range(1000))
if os.fork() == 0:
    burn(60)
sys.stdin.read()
"""

DAEMON = """
import os, sys, time
parent = os.getpid()
if os.fork() == 0:
    while os.getppid() == parent: time.sleep(0.01)
    print("served on", flush=True)
    time.sleep(60)
sys.stdin.read()
"""


class Tree(unittest.TestCase):
    def test_children_register_and_profiles_are_merged_or_of_one(self):
        with Run(PYTHON, "-c", FORKS) as piko:
            wait_until(lambda: len(piko.processes()) == 2)
            parent, child = piko.processes()
            self.assertEqual(parent["pid"], child["parent"])
            self.assertEqual({parent["name"], child["name"]}, {"python3"})
            both = tags(piko.save("profile?seconds=1"), "cpu")
            self.assertRegex(both, r"(?s)pid: Total.*%d\n.*process: Total.*python3" % child["pid"])
            self.assertIn(str(parent["pid"]), tags(piko.save("goroutine"), "goroutine"))
            alone = tags(piko.save("goroutine?pid=%d" % child["pid"]), "goroutine")
            self.assertNotIn(str(parent["pid"]), alone)
            self.assertEqual(len(re.findall("^# process ", piko.dump(), re.M)), 2)
            self.assertEqual(len(re.findall("^# process ", piko.dump("&pid=%d" % child["pid"]), re.M)), 1)
            with self.assertRaises(urllib.error.HTTPError) as raised:
                piko.get("heap?pid=1")
            self.assertEqual(raised.exception.code, 404)
            self.assertIn("<td>python3</td>", piko.get("").decode())

    def test_stacks_from_the_first_moments_of_a_process_are_whole(self):
        with Run(os.path.join(PROGRAMS, "early")) as piko:
            self.assertEqual([piko.process.stdout.readline() for _ in range(2)], ["ready\n"] * 2)
            for one in piko.processes():
                rows = top(piko.save("heap?pid=%d" % one["pid"]), "alloc_space", unit="MB")
                self.assertAlmostEqual(rows["allocates_early"][1], 64, delta=32)
                self.assertGreater(rows["allocates_early"][1], 0.9 * rows["main"][1], rows)  # stdio may have a sample
                self.assertNotIn("truncated", rows)

    def test_a_program_that_is_executed_takes_the_place_of_the_one_before(self):
        with Run("sh", "-c", "exec sleep 60") as piko:
            wait_until(lambda: [one["name"] for one in piko.processes("running")] == ["sleep"])
            self.assertEqual([one["name"] for one in piko.processes("replaced")], ["sh"])
            self.assertIn("[sleep, name=sleep]", piko.dump())

    def test_a_process_that_comes_during_a_capture_is_in_it(self):
        code = FORKS.replace("if os.fork", "sys.stdin.readline()\nif os.fork")
        with Run(PYTHON, "-c", code) as piko:
            file = os.path.join(piko.folder, "cpu")
            with subprocess.Popen(["curl", "-s", "-o", file, piko.base + "/debug/pprof/profile?seconds=3"]):
                wait_until(lambda: json.loads(piko.fetch("/profiler/status"))["cpu_captures"] > 0)
                piko.process.stdin.write("go\n")
                piko.process.stdin.flush()
                wait_until(lambda: len(piko.processes()) == 2)
                child = piko.pids()[1]
            self.assertIn(str(child), tags(file, "cpu"))

    def test_a_worker_in_another_root_folder_and_user_is_seen_as_any_other(self):
        with tempfile.TemporaryDirectory() as root, Run(os.path.join(PROGRAMS, "elsewhere"), root) as piko:
            word, user = piko.process.stdout.readline().split()
            self.assertEqual((word, user), ("elsewhere", "65534") if os.geteuid() == 0 else ("here", str(os.geteuid())))
            worker = wait_until(lambda: piko.pids()[1:])[0]
            query = "&pid=%d" % worker
            self.assertIn("works_elsewhere", top(piko.save("profile?seconds=1" + query), "cpu"))
            for kind in KINDS:
                piko.save(kind + "?debug=0" + query)
            self.assertIn("works_elsewhere", top(piko.save("allocs?debug=0" + query), "alloc_space"))
            self.assertRegex(piko.dump(query), r"(?s)works_elsewhere\(.*\[syscall.*\nwaits_elsewhere\(")

    def test_what_a_child_frees_that_is_left_out_is_alive_in_its_parent(self):
        with Run(os.path.join(PROGRAMS, "heir"), flags=["--no-children", "--mem-profile-rate", "1"]) as piko:
            self.assertEqual(piko.process.stdout.readline(), "ready\n")
            self.assertEqual(top(piko.save("heap"), "inuse_objects")["keeps"][0], 500)

    def test_a_child_that_may_have_no_thread_of_ours_is_none_the_worse(self):
        if os.geteuid() != 0:
            self.skipTest("only root can become somebody who has no other process")
        with Run(os.path.join(PROGRAMS, "heir"), "limited", flags=["--mem-profile-rate", "1"]) as piko:
            self.assertEqual(piko.process.stdout.readline(), "ready\n")
            self.assertEqual(piko.end(), 0)

    def test_children_can_be_left_out(self):
        with Run(PYTHON, "-c", FORKS, flags=["--no-children"]) as piko:
            time.sleep(0.5)
            self.assertEqual(len(piko.processes()), 1)

    def test_with_children_left_out_a_daemon_is_left_too(self):
        with Run(PYTHON, "-c", DAEMON, flags=["--no-children"]) as piko:
            piko.process.stdin.close()
            piko.process.stdin = None
            self.assertEqual(piko.process.wait(20), 0)
            self.assertEqual(piko.process.stdout.readline(), "served on\n")
            self.assertNotIn("background", piko.said())


class Crash(unittest.TestCase):
    FILES = {"crash.txt", *(kind + ".pprof" for kind in KINDS)}

    def left_by(self, piko):
        folder = re.search(r"its last state is in (\S+)", piko.said()).group(1)
        self.assertEqual(set(os.listdir(folder)), self.FILES)
        for kind in KINDS:
            subprocess.run([CHECK_PROFILE, os.path.join(folder, kind + ".pprof")], check=True)
        with open(os.path.join(folder, "crash.txt")) as file:
            return folder, file.read()

    def test_a_fault_leaves_the_function_and_every_threads_state(self):
        for _ in range(5):  # who runs and gets no processor meanwhile is there without a stack
            with Run(os.path.join(PROGRAMS, "crash"), "segv") as piko:
                self.assertEqual(piko.end(), 128 + signal.SIGSEGV)
                folder, text = self.left_by(piko)
            if "spins(" in text:
                break
        self.assertIn("SIGSEGV at address 0x40", text)
        first = text.split("\ngoroutine ")[1]
        self.assertRegex(first, r"^\d+ \[running, name=crash\]:\nwrites_to_nowhere\(\.\.\.\)\n\t\S*crash\.c:\d+")
        self.assertRegex(text, r"\[mutex wait, name=crash\]:\n(.*\n)*waits_for_the_lock\(")
        self.assertRegex(text, r"\[running, name=crash\]:\nspins\(")

    def test_an_abort_in_a_child_leaves_its_traces_while_the_parent_lives(self):
        with Run(os.path.join(PROGRAMS, "crash"), "fork") as piko:
            self.assertEqual(piko.end(), 3)
            self.assertEqual(piko.output, "child: signal %d\n" % signal.SIGSEGV)
            self.assertIn("writes_to_nowhere(", self.left_by(piko)[1])
        with Run(os.path.join(PROGRAMS, "crash"), "abort") as piko:
            self.assertEqual(piko.end(), 128 + signal.SIGABRT)
            self.assertRegex(self.left_by(piko)[1], r"crashed by SIGABRT.*\n(.*\n)*\S*abort\(\.\.\.\)\n(.*\n)crash\(")

    def test_a_stack_that_overflowed_leaves_its_last_frames(self):
        for where in ("overflow", "overflow-thread"):
            with self.subTest(where), Run(os.path.join(PROGRAMS, "crash"), where) as piko:
                self.assertEqual(piko.end(), 128 + signal.SIGSEGV)
                first = self.left_by(piko)[1].split("\ngoroutine ")[1]
                self.assertRegex(first, r"^\d+ \[running, name=crash\]:\n(descends\(\.\.\.\)\n\t\S*crash\.c:\d+ \S+\n){100}")

    def test_a_killed_process_leaves_what_its_segment_holds(self):
        with Run("sleep", "60") as piko:
            os.kill(piko.pids()[0], signal.SIGKILL)
            self.assertEqual(piko.end(), 128 + signal.SIGKILL)
            self.assertIn("SIGKILL", self.left_by(piko)[1])

    def test_the_same_can_be_asked_for(self):
        with Run("sleep", "60") as piko:
            folder = piko.fetch("/profiler/save", method="POST").decode().strip()
            self.assertEqual(set(os.listdir(folder)), self.FILES)
            with self.assertRaises(urllib.error.HTTPError) as raised:
                piko.fetch("/profiler/save")
            self.assertEqual(raised.exception.code, 405)


SLEEPERS = """
import threading, time
for i in range(3): threading.Thread(target=time.sleep, args=(60,)).start()
"""


class Hung(unittest.TestCase):
    def check_answers(self, piko):
        """All soon, with the age of what they tell. (Within a second each, where nothing else runs; who waited for the
        process would wait for ever.)"""
        for kind in KINDS:
            begin = time.monotonic()
            file = piko.save(kind)
            self.assertLess(time.monotonic() - begin, 20)
            comments = subprocess.run(["go", "tool", "pprof", "-comments", file], capture_output=True, text=True).stdout
            self.assertRegex(comments, r"does not answer: this is \d+ ms old")
        begin = time.monotonic()
        text = piko.dump()
        self.assertLess(time.monotonic() - begin, 20)
        self.assertRegex(text, r"stopped: it was last heard of \d+ ms ago")
        return text

    def test_a_stopped_process_answers_with_all_threads_and_whole_stacks(self):
        with Run(PYTHON, "-c", SLEEPERS) as piko:
            wait_until(lambda: piko.processes()[0]["threads"] == 4)
            os.kill(piko.pids()[0], signal.SIGSTOP)
            wait_until(lambda: piko.processes("stopped"))
            text = self.check_answers(piko)
            self.assertEqual(len(re.findall(r"^goroutine \d+ \[", text, re.M)), 4)
            self.assertEqual(len(re.findall(r"\[sleep.*\n(?:\S.*\n\t.*\n)+start_thread\(", text)), 3, text)
            self.assertIn("__libc_start_main", text)
            self.assertNotIn("elided", text)
            self.assertNotIn("libpiko-probe", text)

    def test_a_program_that_is_stuck_in_its_allocator_or_in_a_handler_answers(self):
        for how in ("malloc", "handler"):
            with self.subTest(how), Run(os.path.join(PROGRAMS, "stuck"), how) as piko:
                self.assertEqual(piko.process.stdout.readline(), "stuck\n")
                text = piko.dump()
                self.assertIn("gets_stuck(", text)
                self.assertRegex(text, r"\[\w+ wait, name=stuck\]:\n(.*\n)*?waits\(")
                for kind in KINDS:
                    piko.save(kind)


if __name__ == "__main__":
    unittest.main()
