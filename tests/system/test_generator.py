"""piko run --generator: the whole life of processes, in files."""
import glob
import os
import subprocess
import tempfile
import unittest

from decoded import Profile
from supervised import PIKO
from target import CHECK_PROFILE

FILES = {"cpu.pprof", "heap.pprof", "allocs.pprof", "block.pprof", "mutex.pprof", "goroutine.pprof", "trace.out"}

BURN = r"""
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
static volatile double sum;
static double used(void) {
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return now.tv_sec + now.tv_nsec / 1e9;
}
static __attribute__((noinline)) void burn(double seconds) {
    for (double until = used() + seconds; used() < until;)
        for (int i = 0; i < 1000; i++)
            sum += i;
}
static void *leave(void *unused) {
    (void)unused;
    burn(0.02);
    exit(3);
}
int main(int argc, char **argv) {
    const char *how = argc > 1 ? argv[1] : "return";
    char *kept = malloc(100000);
    memset(kept, 1, 100000);
    burn(0.05);
    printf("%.6f\n", used());
    fflush(stdout);
    if (!strcmp(how, "_exit"))
        _exit(3);
    if (!strcmp(how, "exit"))
        exit(3);
    if (!strcmp(how, "thread")) {
        pthread_t thread;
        pthread_create(&thread, NULL, leave, NULL);
        pause();
    }
    if (!strcmp(how, "exec"))
        execl("/bin/sh", "sh", "-c", "exit 3", (char *)NULL);
    if (!strcmp(how, "execv"))
        execv("/bin/sh", (char *[]){"sh", "-c", "exit 3", NULL});
    if (!strcmp(how, "abort"))
        abort();
    if (!strcmp(how, "term"))
        kill(getpid(), SIGTERM);
    if (!strcmp(how, "kill"))
        kill(getpid(), SIGKILL);
    return kept[5] + 2;
}
"""


def read(file):
    with open(file, "rb") as content:
        return Profile(content.read())


class Generator(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        directory = tempfile.TemporaryDirectory()
        cls.addClassCleanup(directory.cleanup)
        cls.folder = directory.name
        cls.burn = os.path.join(cls.folder, "burn")
        subprocess.run(["gcc", "-O2", "-g", "-x", "c", "-", "-o", cls.burn, "-pthread"], input=BURN, text=True,
                       check=True)

    def generate(self, *words, into=None, **more):
        into = into or tempfile.mkdtemp(dir=self.folder)
        return subprocess.run([PIKO, "run", "--generator", "--output-dir", into, "--", *words], capture_output=True,
                              text=True, timeout=150, **more), into

    def assert_whole(self, folder, without=()):
        self.assertLessEqual(FILES - set(without), set(os.listdir(folder)))
        subprocess.run([CHECK_PROFILE, *glob.glob(os.path.join(folder, "*.pprof"))], check=True)
        with open(os.path.join(folder, "trace.out"), "rb") as trace:
            self.assertEqual(trace.read(3), b"go ")

    def cpu_seconds(self, folder):
        return read(os.path.join(folder, "cpu.pprof")).total("cpu") / 1e9

    def test_fifty_milliseconds_of_cpu_time_are_there_in_full_however_the_program_ends(self):
        for how, status in (("return", 3), ("exit", 3), ("_exit", 3), ("abort", 134)):
            with self.subTest(how):
                done, folder = self.generate(self.burn, how)
                self.assertEqual(done.returncode, status, done.stderr)
                self.assert_whole(folder)
                cpu = read(os.path.join(folder, "cpu.pprof"))
                used = float(done.stdout)
                self.assertAlmostEqual(cpu.total("cpu") / 1e9, used, delta=0.05 * used)
                self.assertGreaterEqual(cpu.total("samples"), 10)
                self.assertGreater(cpu.cum("cpu", "burn") / 1e9, 0.04)

    def test_files_are_whole_after_a_thread_s_exit_a_signal_and_exec(self):
        for how, status, sets in (("thread", 3, 1), ("term", 143, 1), ("kill", 137, 1), ("exec", 3, 2), ("execv", 3, 2)):
            with self.subTest(how):
                done, folder = self.generate(self.burn, how)
                self.assertEqual(done.returncode, status, done.stderr)
                self.assert_whole(folder)
                self.assertGreater(read(os.path.join(folder, "cpu.pprof")).cum("cpu", "burn") / 1e9, 0.04)
                folders = glob.glob(os.path.join(folder, "*-*"))
                self.assertEqual(len(folders), 0 if sets == 1 else sets)
                for one in folders:
                    self.assert_whole(one)
                self.assertEqual(os.path.exists(os.path.join(folder, "crash.txt")), how in ("term", "kill"))

    def test_what_was_alive_and_what_waited_is_told_as_of_the_end(self):
        done, folder = self.generate(self.burn, "exit")
        self.assertEqual(done.returncode, 3)
        heap = read(os.path.join(folder, "heap.pprof"))
        self.assertGreater(heap.cum("inuse_space", "main"), 90000)
        self.assertEqual(heap.period, 4096)
        threads = read(os.path.join(folder, "goroutine.pprof"))
        self.assertEqual(threads.total("goroutine"), 1)
        self.assertTrue([sample for sample in threads.samples if "main" in sample.stack])

    def test_a_make_of_twenty_processes_at_once_gives_whole_sets_and_their_sum(self):
        makefile = os.path.join(self.folder, "Makefile")
        with open(makefile, "w") as file:
            file.write("all: %s\n%%.done:\n\t@%s >/dev/null || true\n" %
                       (" ".join("%d.done" % i for i in range(20)), self.burn))
        done, folder = self.generate("make", "-j", "20", "-f", makefile, cwd=self.folder)
        self.assertEqual(done.returncode, 0, done.stderr)
        sets = glob.glob(os.path.join(folder, "*-*"))
        burns = [one for one in sets if os.path.basename(one).startswith("burn-")]
        self.assertEqual(len(burns), 20, sets)
        self.assert_whole(folder)
        for one in sets:
            self.assert_whole(one)
        for kind in sorted(FILES - {"trace.out"}):
            merged = read(os.path.join(folder, kind))
            parts = [read(os.path.join(one, kind)) for one in sets]
            for value_type in merged.types:
                self.assertEqual(merged.total(value_type), sum(part.total(value_type) for part in parts), kind)
        for one in burns:
            self.assertGreater(self.cpu_seconds(one), 0.045)
        self.assertIn("profiles of %d processes" % len(sets), done.stderr)

    def test_a_folder_that_cannot_be_written_is_told_of_and_the_program_runs(self):
        blocked = os.path.join(self.folder, "a file")
        with open(blocked, "w"):
            pass
        done, _ = self.generate(self.burn, "_exit", into=os.path.join(blocked, "profiles"))
        self.assertEqual(done.returncode, 3)
        self.assertIn("error: profiles could not be written to %s/profiles: Not a directory" % blocked, done.stderr)

    def test_a_full_disk_is_told_of_and_the_program_runs(self):
        full = os.path.join(self.folder, "full")
        script = ("mkdir %s && mount -t tmpfs -o size=16k tmpfs %s && %s run --generator --output-dir %s/out -- %s _exit;"
                  "echo $?; ls -A %s/out/*" % (full, full, PIKO, full, self.burn, full))
        done = subprocess.run(["unshare", "-m", "sh", "-c", script], capture_output=True, text=True, timeout=150)
        if "out" not in done.stdout + done.stderr or "permitted" in done.stderr:
            self.skipTest("no mounts here: " + done.stderr.strip())
        self.assertIn("No space left on device", done.stderr)
        self.assertEqual(done.stdout.splitlines()[1], "3", done.stdout)
        self.assertNotIn(".tmp", done.stdout)

    def test_endpoints_and_a_generator_are_one_or_the_other(self):
        done = subprocess.run([PIKO, "run", "--generator", "--port", "7070", "--", "true"], capture_output=True, text=True,
                              timeout=60)
        self.assertEqual(done.returncode, 2)
        self.assertIn("--generator serves no endpoints", done.stderr)


if __name__ == "__main__":
    unittest.main()
