"""The probe on aarch64: cross-compiled, its own tests and two programs under qemu-user.

Proven here: every instruction that the unwinder's tests go through (frames of all kinds, signed return addresses, signal
frames, coroutines, unwinding), the hooks, CPU timers and ticks, dumps, crash records, and that the right side reads what an
aarch64 probe wrote. Not proven: that real kernels and processors do as qemu does (it has no vDSO, knows no
process_vm_readv, and signs pointers in a cheap way), nor any figure of speed.
"""
import os
import re
import shutil
import subprocess
import unittest

from target import top
from test_piko_run import Run, wait_until

SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.join(os.environ["BUILD"], "aarch64")
SYSROOT = "/usr/aarch64-linux-gnu"
QEMU = ("qemu-aarch64", "-L", SYSROOT, "-cpu", "max,pauth-impdef=on")


def setUpModule():
    if not all(map(shutil.which, ("aarch64-linux-gnu-gcc", "qemu-aarch64"))) or not os.path.exists(SYSROOT + "/lib/libc.so.6"):
        raise unittest.SkipTest("needs gcc-aarch64-linux-gnu, libc6-dev-arm64-cross and qemu-user: scripts/bootstrap installs them")
    configure = [os.path.join(SOURCE, "scripts", "configure"), BUILD, "--cross-file", "tests/cross/aarch64.ini",
                 "-Dprobe_only=true", "-Ddebug=false", "--werror"]
    for command in configure, ["ninja", "-C", BUILD]:
        done = subprocess.run(command, cwd=SOURCE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if done.returncode:
            raise RuntimeError("%s\n%s" % (" ".join(command), done.stdout[-4000:]))


def run(program, *arguments, flags=()):
    """Under `piko run`; the probe is the guest's: qemu itself is an x86-64 program that has none."""
    probe = os.path.join(BUILD, "src", "probe", "libpiko-probe.so")
    return Run("env", "-u", "LD_PRELOAD", *QEMU, "-E", "LD_PRELOAD=" + probe, os.path.join(BUILD, "tests", "cross", program),
               *arguments, flags=flags)


class Unit(unittest.TestCase):
    def test_the_probes_own_tests_pass(self):
        done = subprocess.run(["meson", "test", "-C", BUILD, "--no-rebuild", "--print-errorlogs"], stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True)
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertRegex(done.stdout, r"probe unwind signed_leaves +OK")

    def test_it_needs_libc_alone(self):
        done = subprocess.run(["aarch64-linux-gnu-readelf", "-d", os.path.join(BUILD, "src", "probe", "libpiko-probe.so")],
                              check=True, capture_output=True, text=True)
        self.assertLessEqual(set(re.findall(r"NEEDED.*\[(.*)\]", done.stdout)), {"libc.so.6", "ld-linux-aarch64.so.1"})


    def test_what_runs_in_its_handler_calls_nothing_else(self):
        done = subprocess.run([os.path.join(SOURCE, "scripts", "check-handler")], capture_output=True, text=True,
                              env=dict(os.environ, BUILD=BUILD, CROSS="aarch64-linux-gnu-"))
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)


class Preloaded(unittest.TestCase):
    @unittest.skipUnless(shutil.which("go"), "go is not installed")
    def test_its_profiles_have_the_programs_truth(self):
        rates = ("--mem-profile-rate", "4096", "--block-rate", "1", "--mutex-fraction", "1")
        with run("program", flags=rates) as piko:
            wait_until(lambda: [one["name"] for one in piko.processes("running")] == ["program"])
            cpu = piko.save("profile?seconds=2")
            comments = subprocess.run(["go", "tool", "pprof", "-comments", cpu], check=True, capture_output=True, text=True)
            self.assertIn("truncated_stacks=0", comments.stdout)
            rows = top(cpu, "cpu", unit="ms")
            self.assertGreater(rows["works"][1], 300)
            much, little = rows["works_much"][1], rows["works_little"][1]
            self.assertTrue(1.5 < much / little < 5, (much, little))
            kept = top(piko.save("heap"), "inuse_space", unit="B")["keeps"][0]
            self.assertTrue(3.6e6 < kept < 4.4e6, kept)
            for kind in "mutex", "block":
                self.assertGreater(top(piko.save(kind), "delay", unit="ms")["takes_turns"][0], 100)
            # Between two turns it is in the loop that takes them, and for a moment nobody waits.
            dump = wait_until(lambda: re.search(r"(?s)(?=.*\nturn\()(?=.*\[mutex wait, ).*", piko.dump())).group()
            self.assertRegex(dump, r"\[running, name=.*\]:\nturn\(.*\n.*\nworks_(much|little)\(.*\n.*\nworks\(")
            self.assertRegex(dump, r"\[mutex wait, name=.*\]:\ntakes_turns\(.*\n.*\nlibc\.so(.*\n)+created by main\n")
            self.assertRegex(dump, r"\[IO wait, name=.*\]:\nmain\((.*\n)+_start\(")
            self.assertEqual(piko.end(), 0)

    def test_a_crash_leaves_its_stack(self):
        with run("crash", "segv") as piko:
            piko.end()
            folder = re.search(r"its last state is in (\S+)", piko.said()).group(1)
            with open(os.path.join(folder, "crash.txt")) as file:
                text = file.read()
        self.assertRegex(text, r"SIGSEGV at address 0x40(.*\n)+writes_to_nowhere\(.*\n.*\ncrash\(.*\n.*\nmain\((.*\n)+_start\(")
