"""Builds that mislead are told of, on standard error, in the status, in profiles and in the report; others are not.
Which programs those are, tests/unit/symbols/test_build_flags.c asks of a hundred and more."""
import json
import os
import subprocess
import tempfile
import unittest
import urllib.request

from supervised import PIKO, run, wait_until

BUILD = os.environ["BUILD"]
TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILT = " was built with "

PLAIN = r"""
#include <stdio.h>
#include <stdlib.h>
int main(int argc, char **argv) {
    char *block = malloc(10);
    free(block);
    if (argc > 1)
        printf("%d\n", block[1] + argv[0][0]); /* which a sanitizer is for */
    puts("done");
    return 0;
}
"""

LINKED = r"""
#include <piko/piko.h>
#include <stdio.h>
#include <stdlib.h>
static void log_it(void *data, enum piko_log_level level, const char *message) {
    (void)data;
    fprintf(stderr, "level %d: %s\n", (int)level, message);
}
int main(void) {
    struct piko_profiling *profiling;
    volatile double sum = 0;
    if (piko_profiling_start(&(struct piko_profiling_options){.port = PIKO_ANY_PORT, .mem_profile_rate_bytes = 1,
                                                              .log = log_it}, &profiling))
        return 1;
    printf("%d\n", piko_profiling_port(profiling));
    fflush(stdout);
    void *kept = malloc(12345);
    while (getchar() == 'x')
        for (int i = 0; i < 100000; i++)
            sum = sum + i;
    free(kept);
    return piko_profiling_stop(profiling);
}
"""


class BuildFlags(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        directory = tempfile.TemporaryDirectory()
        cls.addClassCleanup(directory.cleanup)
        cls.folder = directory.name

    def build(self, name, source, *flags):
        program = os.path.join(self.folder, name)
        subprocess.run(["gcc", "-x", "c", "-", "-o", program, *flags], input=source, text=True, check=True)
        return program

    def linked(self, name, *flags):
        library = os.path.join(BUILD, "src", "facade")
        return self.build(name, LINKED, "-I" + os.path.join(TOP, "include"), *flags, "-L" + library, "-lpiko",
                          "-Wl,-rpath," + library)

    def look_at(self, program, is_told):
        """What a linked program says, its status, the comments of its heap profile and the report of that."""
        with open(os.path.join(self.folder, "errors"), "w+") as errors, \
                subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors) as process:
            base = "http://localhost:%d/_piko/" % int(process.stdout.readline())

            def status():
                with urllib.request.urlopen(base + "profiler/status", timeout=10) as answer:
                    return json.load(answer)["build_warnings"]
            if is_told:
                wait_until(status)
            profile = os.path.join(self.folder, "heap.pprof")
            with urllib.request.urlopen(base + "debug/pprof/heap", timeout=30) as answer, open(profile, "wb") as file:
                file.write(answer.read())
            warnings = status()
            process.communicate(b"x\n", timeout=30)
            self.assertEqual(process.returncode, 0)
            errors.seek(0)
            report = subprocess.run([PIKO, "report", profile], capture_output=True, text=True, timeout=60, check=True)
            return errors.read(), warnings, report.stdout

    def test_an_unoptimised_program_is_told_of_wherever_one_looks(self):
        program = self.linked("unoptimised", "-O0", "-g")
        said, warnings, report = self.look_at(program, is_told=True)
        self.assertEqual(len(warnings), 1, warnings)
        self.assertTrue(warnings[0].startswith(program + BUILT + "-O0: "), warnings)
        self.assertIn("build with -O2 -g", warnings[0])
        self.assertIn("level 1: " + warnings[0], said)
        self.assertIn(warnings[0], " ".join(report.split()))

    def test_an_optimised_program_and_its_libraries_give_no_warning(self):
        for flags in (("-O2",), ("-O2", "-g"), ("-Og", "-g"), ("-O1", "-fno-omit-frame-pointer")):
            said, warnings, report = self.look_at(self.linked("optimised", *flags), is_told=False)
            self.assertEqual(warnings, [])
            self.assertNotIn(BUILT, said + report)

    def test_a_linked_program_under_a_sanitizer_runs_without_a_heap_profile_and_is_told_of(self):
        for sanitizer in ("address", "undefined", "leak"):
            program = self.linked(sanitizer, "-O2", "-g", "-fsanitize=" + sanitizer)
            said, warnings, _ = self.look_at(program, is_told=True)
            self.assertTrue(warnings[0].startswith("%s%s-fsanitize=%s: " % (program, BUILT, sanitizer)), warnings)
            self.assertEqual("heap is not profiled" in said, sanitizer != "undefined")

    def test_programs_that_end_at_once_are_told_of_too(self):
        program = self.build("short", PLAIN, "-O0")
        for _ in range(5):
            done = run(program)
            self.assertEqual((done.returncode, done.stdout), (0, "done\n"))
            self.assertIn("piko: warning: %s%s-O0: " % (program, BUILT), done.stderr)

    def test_each_file_is_told_of_once_whatever_runs_it(self):
        program = self.build("often", PLAIN, "-O0")
        done = run("sh", "-c", "for i in 1 2 3 4 5; do %s; done" % program)
        self.assertEqual(done.stdout, "done\n" * 5)
        self.assertEqual(done.stderr.count(BUILT), 1, done.stderr)

    def test_an_optimised_program_runs_without_a_warning(self):
        done = run(self.build("plain", PLAIN, "-O2"))
        self.assertEqual((done.returncode, done.stdout), (0, "done\n"))
        self.assertNotIn(BUILT, done.stderr)

    def test_sanitizers_find_what_they_find_without_us(self):
        for sanitizer, status in (("address", 1), ("thread", 66), ("undefined", 0), ("leak", 0)):
            program = self.build(sanitizer + "-plain", PLAIN, "-O1", "-g", "-fsanitize=" + sanitizer)
            done = run(program)
            self.assertEqual((done.returncode, done.stdout), (0, "done\n"), done.stderr)
            self.assertIn("piko: warning: %s%s-fsanitize=%s" % (program, BUILT, sanitizer), done.stderr)
            found, alone = run(program, "1"), subprocess.run([program, "1"], capture_output=True, text=True, timeout=30)
            self.assertEqual((found.returncode, alone.returncode), (status, status), found.stderr)

    def test_a_sanitized_child_of_a_command_runs_as_well(self):
        program = self.build("child", PLAIN, "-O1", "-g", "-fsanitize=address")
        environment = dict(os.environ, ASAN_OPTIONS="exitcode=77")
        done = run("sh", "-c", program + "; " + program + " 1; echo $?", env=environment)
        self.assertEqual((done.returncode, done.stdout), (0, "done\n77\n"), done.stderr)


if __name__ == "__main__":
    unittest.main()
