"""piko run --generator, and programs that do it themselves: the whole life of processes, in files."""
import glob
import os
import subprocess
import tempfile
import unittest

from decoded import Profile
from supervised import PIKO
from target import CHECK_PROFILE

INCLUDE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "include")
FILES = {"cpu.pprof", "heap.pprof", "allocs.pprof", "block.pprof", "mutex.pprof", "goroutine.pprof", "trace.out"}

# Uses 50 ms of CPU time, says how much it was since its profiling began, and ends in one way or another; LINKED starts a profiling of its own.
BURN = r"""
#define _GNU_SOURCE
#include <fcntl.h>
#ifdef LINKED
#include <piko/piko.h>
#endif
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
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
static char *const shell[] = {"sh", "-c", "exit 3", NULL};
static void execute(const char *how) {
    if (!strcmp(how, "execl"))
        execl("/bin/sh", "sh", "-c", "exit 3", (char *)NULL);
    if (!strcmp(how, "execle"))
        execle("/bin/sh", "sh", "-c", "exit 3", (char *)NULL, environ);
    if (!strcmp(how, "execlp"))
        execlp("sh", "sh", "-c", "exit 3", (char *)NULL);
    if (!strcmp(how, "execv"))
        execv("/bin/sh", shell);
    if (!strcmp(how, "execve"))
        execve("/bin/sh", shell, environ);
    if (!strcmp(how, "execvp"))
        execvp("sh", shell);
    if (!strcmp(how, "execvpe"))
        execvpe("sh", shell, environ);
    if (!strcmp(how, "execveat"))
        execveat(AT_FDCWD, "/bin/sh", shell, environ, 0);
    if (!strcmp(how, "fexecve"))
        fexecve(open("/bin/sh", O_RDONLY | O_CLOEXEC), shell, environ);
    if (!strcmp(how, "exec by syscall"))
        syscall(SYS_execve, "/bin/sh", shell, environ);
}
/* Children that end: none of that is the program's end. */
static void have_children(void) {
    if (vfork() == 0)
        execl("/bin/true", "true", (char *)NULL);
    if (vfork() == 0)
        _exit(0);
    if (fork() == 0)
        exit(0);
    while (wait(NULL) > 0)
        ;
}
int main(int argc, char **argv) {
    const char *how = argc > 1 ? argv[1] : "return";
    double began = 0;
#ifdef LINKED
    struct piko_generator_profiling *generator;
    int error = piko_generator_profiling_start(
        &(struct piko_generator_profiling_options){.output_dir = getenv("OUTPUT")}, &generator);
    if (error)
        return 10;
    began = used();
#endif
    char *kept = malloc(100000);
    memset(kept, 1, 100000);
    burn(0.05);
    printf("%.6f\n", used() - began);
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
    if (!strcmp(how, "quick_exit"))
        quick_exit(3);
    if (!strcmp(how, "exit_group by syscall"))
        syscall(SYS_exit_group, 3);
    execute(how);
    if (!strcmp(how, "children"))
        have_children();
    if (!strcmp(how, "abort"))
        abort();
    if (!strcmp(how, "term"))
        kill(getpid(), SIGTERM);
    if (!strcmp(how, "kill"))
        kill(getpid(), SIGKILL);
#ifdef LINKED
    if (!strcmp(how, "stop"))
        return piko_generator_profiling_stop(generator) ? 11 : 3;
#endif
    return kept[5] + 2;
}
"""


EXITS = ("return", "exit", "_exit", "quick_exit", "exit_group by syscall")
EXECS = ("execl", "execle", "execlp", "execv", "execve", "execvp", "execvpe", "execveat", "fexecve", "exec by syscall")


def build(program, *flags):
    subprocess.run(["gcc", "-O2", "-g", "-x", "c", "-", "-o", program, "-pthread", *flags], input=BURN, text=True,
                   check=True)


def read(file):
    with open(file, "rb") as content:
        return Profile(content.read())


class Files(unittest.TestCase):
    def setUp(self):
        self.burnt = []

    def tearDown(self):
        """Where the time went is told by the kernel's tick, which on a busy machine passes over many a program of 50 ms."""
        if self.burnt:
            self.assertGreater(sum(self.burnt), 0.25 * 0.05 * len(self.burnt), self.burnt)

    def assert_whole(self, folder, without=()):
        self.assertLessEqual(FILES - set(without), set(os.listdir(folder)))
        subprocess.run([CHECK_PROFILE, *glob.glob(os.path.join(folder, "*.pprof"))], check=True)
        with open(os.path.join(folder, "trace.out"), "rb") as trace:
            self.assertEqual(trace.read(3), b"go ")

    def cpu_seconds(self, folder):
        return read(os.path.join(folder, "cpu.pprof")).total("cpu") / 1e9

    def assert_in_full(self, folder, used):
        """Its CPU time, to 5 %, in ten samples or more."""
        cpu = read(os.path.join(folder, "cpu.pprof"))
        self.assertAlmostEqual(cpu.total("cpu") / 1e9, used, delta=0.05 * used)
        self.assertGreaterEqual(cpu.total("samples"), 10)
        self.burnt.append(cpu.cum("cpu", "burn") / 1e9)


class Generator(Files):
    @classmethod
    def setUpClass(cls):
        directory = tempfile.TemporaryDirectory()
        cls.addClassCleanup(directory.cleanup)
        cls.folder = directory.name
        cls.burn = os.path.join(cls.folder, "burn")
        build(cls.burn)

    def generate(self, *words, into=None, **more):
        into = into or tempfile.mkdtemp(dir=self.folder)
        return subprocess.run([PIKO, "run", "--generator", "--output-dir", into, "--", *words], capture_output=True,
                              text=True, timeout=150, **more), into

    def test_fifty_milliseconds_of_cpu_time_are_there_in_full_however_the_program_ends(self):
        for how in (*EXITS, "abort"):
            with self.subTest(how):
                done, folder = self.generate(self.burn, how)
                self.assertEqual(done.returncode, 134 if how == "abort" else 3, done.stderr)
                self.assert_whole(folder)
                self.assert_in_full(folder, float(done.stdout))

    def test_what_was_before_exec_is_there_in_full_whichever_exec_it_is(self):
        for how in EXECS:
            with self.subTest(how):
                done, folder = self.generate(self.burn, how)
                self.assertEqual(done.returncode, 3, done.stderr)
                sets = glob.glob(os.path.join(folder, "*-*"))
                self.assertEqual(len(sets), 2, sets)
                [before] = [one for one in sets if os.path.basename(one).startswith("burn-")]
                self.assert_whole(before)
                self.assert_in_full(before, float(done.stdout))

    def test_files_are_whole_after_a_thread_s_exit_and_a_signal(self):
        for how, status, sets in (("thread", 3, 1), ("term", 143, 1), ("kill", 137, 1)):
            with self.subTest(how):
                done, folder = self.generate(self.burn, how)
                self.assertEqual(done.returncode, status, done.stderr)
                self.assert_whole(folder)
                self.burnt.append(read(os.path.join(folder, "cpu.pprof")).cum("cpu", "burn") / 1e9)
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
        self.assertIn("the process has ended", threads.comments)
        self.assertEqual([comment for comment in threads.comments if comment.startswith("the target ")], [])
        report = subprocess.run([PIKO, "report", folder], capture_output=True, text=True, timeout=60)
        self.assertEqual(report.returncode, 0, report.stderr)
        self.assertIn("PROFILE:   cpu", report.stdout)
        self.assertNotIn("LOAD TEST REPORT", report.stdout)  # there was none
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


class Linked(Files):
    """A program that calls piko_generator_profiling_start()."""

    @classmethod
    def setUpClass(cls):
        directory = tempfile.TemporaryDirectory()
        cls.addClassCleanup(directory.cleanup)
        cls.folder = directory.name
        cls.burn = os.path.join(cls.folder, "burn")
        cls.library = os.path.join(os.environ["BUILD"], "src", "facade")
        build(cls.burn, "-DLINKED", "-I", INCLUDE, "-L", cls.library, "-lpiko")

    def generate(self, how, into=None, expect=3):
        into = into or tempfile.mkdtemp(dir=self.folder)
        done = subprocess.run([self.burn, how], capture_output=True, text=True, timeout=150,
                              env={**os.environ, "OUTPUT": into, "LD_LIBRARY_PATH": self.library})
        self.assertEqual(done.returncode, expect, done.stderr)
        return done, into

    def test_fifty_milliseconds_of_cpu_time_are_there_in_full_however_the_program_ends(self):
        for how in ("stop", *EXITS, *EXECS, "children"):
            with self.subTest(how):
                done, folder = self.generate(how)
                self.assert_whole(folder)
                self.assert_in_full(folder, float(done.stdout))
                self.assertEqual(done.stderr, "piko: profiles are in %s\n" % folder)

    def test_files_are_whole_after_a_thread_s_exit_and_signals(self):
        for how, status in (("thread", 3), ("term", -15), ("abort", -6)):
            with self.subTest(how):
                done, folder = self.generate(how, expect=status)
                self.assert_whole(folder)
                self.assertGreater(self.cpu_seconds(folder), 0.045)

    def test_what_was_alive_and_who_stopped_it_is_told(self):
        _, folder = self.generate("stop")
        heap = read(os.path.join(folder, "heap.pprof"))
        self.assertGreater(heap.cum("inuse_space", "main"), 90000)
        self.assertEqual(heap.period, 4096)
        threads = read(os.path.join(folder, "goroutine.pprof"))
        self.assertEqual(threads.total("goroutine"), 1)
        self.assertEqual(threads.cum("goroutine", "piko_generator_profiling_stop"), 1)

    def test_a_folder_that_cannot_be_written_is_an_error_that_says_so(self):
        blocked = os.path.join(self.folder, "a file")
        with open(blocked, "w"):
            pass
        done, _ = self.generate("stop", into=blocked + "/profiles", expect=10)
        self.assertEqual(done.stderr, "piko: error: profiling not started: nothing can be written to %s/profiles: "
                         "Not a directory\n" % blocked)


if __name__ == "__main__":
    unittest.main()
