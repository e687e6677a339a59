"""What `make install` installs is enough for programs of others: headers, libraries, pkg-config file, the command."""
import os
import shlex
import subprocess
import sys
import tempfile
import unittest

PROGRAM = r"""
#include <piko/piko.h>
#include <stdio.h>
int main(void) {
    static struct piko_profiling_options options;
    struct piko_profiling *profiling;
    options.port = PIKO_ANY_PORT;
    if (piko_profiling_start(&options, &profiling))
        return 1;
    printf("%d\n", piko_profiling_port(profiling) > 0);
    return piko_profiling_stop(profiling);
}
"""


def run(*command, **more):
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, **more)
    if done.returncode:
        raise AssertionError("%s: %s%s" % (shlex.join(command), done.stdout, done.stderr))
    return done.stdout


class Installed(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        directory = tempfile.TemporaryDirectory()
        cls.addClassCleanup(directory.cleanup)
        cls.root = directory.name
        run("meson", "install", "-C", os.environ["BUILD"], "--no-rebuild", "--destdir", cls.root)
        cls.libraries = os.path.dirname(cls.find("libpiko.so"))
        cls.environment = dict(os.environ, PKG_CONFIG_SYSROOT_DIR=cls.root, LD_LIBRARY_PATH=cls.libraries,
                               PKG_CONFIG_PATH=os.path.dirname(cls.find("piko.pc")))

    @classmethod
    def find(cls, name):
        for directory, _, names in os.walk(cls.root):
            if name in names:
                return os.path.join(directory, name)
        raise AssertionError(name + " was not installed")

    def build(self, compiler, suffix, flags):
        source, program = os.path.join(self.root, "program" + suffix), os.path.join(self.root, "program")
        with open(source, "w") as file:
            file.write(PROGRAM)
        run(*compiler, "-O2", "-Wall", "-Wextra", "-Werror", source, "-o", program, *flags, env=self.environment)
        return program

    def pkg_config(self, *options):
        return run("pkg-config", *options, "piko", env=self.environment).split()

    def test_a_c_program_builds_by_pkg_config_and_runs(self):
        program = self.build(["cc", "-std=c99"], ".c", self.pkg_config("--cflags", "--libs"))
        self.assertEqual(run(program, env=self.environment), "1\n")

    def test_a_cpp_program_builds_by_pkg_config_and_runs(self):
        program = self.build(["c++", "-std=c++11"], ".cc", self.pkg_config("--cflags", "--libs"))
        self.assertEqual(run(program, env=self.environment), "1\n")

    def test_a_program_that_links_the_archive_runs_without_the_shared_library(self):
        flags = self.pkg_config("--cflags") + [self.find("libpiko.a")] + \
            [flag for flag in self.pkg_config("--static", "--libs-only-l") if flag != "-lpiko"]
        program = self.build(["cc"], ".c", flags)
        self.assertNotIn("libpiko", run("ldd", program))
        self.assertEqual(run(program), "1\n")

    def test_the_command_runs(self):
        self.assertIn("Usage: piko", run(self.find("piko"), "--help"))

    def test_the_command_finds_the_probe_that_was_installed_with_it(self):
        done = subprocess.run([self.find("piko"), "run", "--port", "0", "--", "sh", "-c", "echo $LD_PRELOAD; exit 3"],
                              capture_output=True, text=True, timeout=30)
        self.assertEqual(done.returncode, 3, done.stderr)
        self.assertEqual(done.stdout.strip(), os.path.realpath(self.find("libpiko-probe.so")))

    def check_by_installed_command(self, file, *classes):
        here = os.path.dirname(os.path.abspath(__file__))
        run(sys.executable, os.path.join(here, "run.py"), os.path.join(here, file), *classes,
            env=dict(os.environ, PIKO=self.find("piko")))

    def test_programs_are_run_by_the_command_as_by_that_of_the_build_folder(self):
        self.check_by_installed_command("test_piko_run.py")

    def test_so_are_servers(self):
        self.check_by_installed_command("test_servers.py", "Servers")


if __name__ == "__main__":
    unittest.main()
