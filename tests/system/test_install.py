"""What `make install` installs is enough for programs of others: headers, libraries, pkg-config file, the command."""
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import unittest

CONSUMERS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "consumers")


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
    def find(cls, name, folder=None):
        for directory, _, names in os.walk(cls.root):
            if name in names and folder in (None, os.path.basename(directory)):
                return os.path.join(directory, name)
        raise AssertionError(name + " was not installed")

    def build(self, compiler, source, flags):
        program = os.path.join(self.root, "program")
        run(*compiler, "-O2", "-Wall", "-Wextra", "-Werror", os.path.join(CONSUMERS, source), "-o", program, *flags,
            env=self.environment)
        return program

    def pkg_config(self, *options):
        return run("pkg-config", *options, "piko", env=self.environment).split()

    def test_a_c_program_builds_by_pkg_config_and_runs(self):
        program = self.build(["cc", "-std=c99"], "program.c", self.pkg_config("--cflags", "--libs"))
        self.assertEqual(run(program, env=self.environment), "1\n")

    def test_a_cpp_program_builds_by_pkg_config_and_runs(self):
        program = self.build(["c++", "-std=c++11"], "program.cc", self.pkg_config("--cflags", "--libs"))
        self.assertEqual(run(program, env=self.environment), "1\n")

    def test_a_program_that_links_the_archive_runs_without_the_shared_library(self):
        flags = self.pkg_config("--cflags") + [self.find("libpiko.a")] + \
            [flag for flag in self.pkg_config("--static", "--libs-only-l") if flag != "-lpiko"]
        program = self.build(["cc"], "program.c", flags)
        self.assertNotIn("libpiko", run("ldd", program))
        self.assertEqual(run(program), "1\n")

    def build_project(self, *commands):
        """Both programs of the projects in tests/consumers, by the commands in a copy of it."""
        folder = os.path.join(self.root, commands[0][0])
        shutil.copytree(CONSUMERS, folder)
        for command in commands:
            run(*command, env=self.environment, cwd=folder)
        for name in ("program_c", "program_cc"):
            program, = (os.path.join(found, name) for found, _, names in os.walk(folder) if name in names)
            self.assertEqual(run(program, env=self.environment), "1\n")

    def test_a_project_of_cmake_builds_and_runs(self):
        self.build_project(["cmake", "-S.", "-Bout"], ["cmake", "--build", "out"])

    def test_a_project_of_meson_builds_and_runs(self):
        self.build_project(["meson", "setup", "out"], ["ninja", "-C", "out"])

    def test_a_project_of_make_builds_and_runs(self):
        self.build_project(["make"])

    @unittest.skipUnless(shutil.which("rustc"), "there is no rustc")
    def test_a_rust_program_builds_and_runs(self):
        program = os.path.join(self.root, "program_rs")
        run("rustc", "-O", "-L", self.libraries, "-l", "piko", os.path.join(CONSUMERS, "program.rs"), "-o", program)
        self.assertEqual(run(program, env=self.environment), "1\n")

    def test_names_of_ours_have_a_version_and_those_that_stand_in_for_others_have_none(self):
        names = run("nm", "-D", "--defined-only", self.find("libpiko.so")).split("\n")
        exported = {line.split()[2] for line in names if line and line.split()[1] != "A"}
        self.assertLessEqual({"piko_profiling_start@@LIBPIKO_0", "piko_log@@LIBPIKO_0", "malloc", "pthread_create"}, exported)
        for name in exported:
            self.assertEqual(name.startswith("piko_"), name.endswith("@@LIBPIKO_0"), name)
        self.assertIn("LIBPIKO_0", run("readelf", "-V", self.build(["cc"], "program.c", self.pkg_config("--cflags", "--libs"))))

    def test_the_command_runs(self):
        self.assertIn("Usage: piko", run(self.find("piko", "bin"), "--help"))

    def test_the_command_finds_the_probe_that_was_installed_with_it(self):
        done = subprocess.run([self.find("piko", "bin"), "run", "--port", "0", "--", "sh", "-c", "echo $LD_PRELOAD; exit 3"],
                              capture_output=True, text=True, timeout=30)
        self.assertEqual(done.returncode, 3, done.stderr)
        self.assertEqual(done.stdout.strip(), os.path.realpath(self.find("libpiko-probe.so")))

    def test_each_command_has_a_manual_page_with_all_its_flags(self):
        commands = re.findall(r"^  (\w+)  ", run(self.find("piko", "bin"), "help"), re.M)
        for command in [name for name in commands if name != "help"]:
            page = self.find(f"piko-{command}.1")
            text = self.read_manual(page)
            for flag in re.findall(r"^ +(--[\w-]+)", run(self.find("piko", "bin"), "help", command), re.M):
                self.assertIn(flag, text)
        self.assertIn("piko_profiling_start", self.read_manual(self.find("libpiko.3")))

    @staticmethod
    def read_manual(page):
        """As a person reads it; groff's warnings are failures."""
        done = subprocess.run(["man", "--warnings", "-Tascii", "-l", page], capture_output=True, text=True, timeout=60,
                              env=dict(os.environ, MANPAGER="cat", MANWIDTH="100", MAN_KEEP_FORMATTING=""))
        if done.returncode or done.stderr:
            raise AssertionError(page + ": " + done.stderr)
        return re.sub(".\b", "", done.stdout)

    def complete(self, *shell, script):
        environment = dict(os.environ, PATH=os.path.dirname(self.find("piko", "bin")) + ":" + os.environ["PATH"])
        return run(*shell, "-c", script, env=environment).split()

    def test_bash_completes_commands_and_flags(self):
        def words(*typed):
            file = self.find("piko", "completions")
            return self.complete("bash", "--norc", script=f"source {file}; COMP_WORDS=({shlex.join(typed)}); "
                                 f"COMP_CWORD={len(typed) - 1}; _piko; echo ${{COMPREPLY[@]}}")
        self.assertEqual(words("piko", "prof"), ["profile"])
        self.assertEqual(words("piko", "profile", "--conc"), ["--concurrency"])
        self.assertEqual(words("piko", "run", "--", "ls", "--al"), [])

    @unittest.skipUnless(shutil.which("zsh"), "there is no zsh")
    def test_zsh_completes_commands_and_flags(self):
        def words(*typed):
            return self.complete("zsh", "-f", script="_describe() { print -rl -- ${(P)2} }; _files() { print files }; "
                                 f"f() {{ words=({shlex.join(typed)}); CURRENT={len(typed)}; PREFIX=$words[-1]; source {self.find('_piko')} }}; f")
        self.assertIn("profile:Load", words("piko", "prof"))
        self.assertIn("--concurrency:Connections", words("piko", "profile", "--conc"))
        self.assertEqual(words("piko", "run", "--", "ls", "--al"), ["files"])

    @unittest.skipUnless(shutil.which("fish"), "there is no fish")
    def test_fish_completes_commands_and_flags(self):
        def words(line):
            return self.complete("fish", "--no-config", script=f"source {self.find('piko.fish')}; complete -C '{line}'")
        self.assertIn("profile", words("piko prof"))
        self.assertIn("--concurrency", words("piko profile --conc"))

    def test_programs_are_run_by_the_command_as_by_that_of_the_build_folder(self):
        """Servers too: test_servers.py installs one by itself."""
        here = os.path.dirname(os.path.abspath(__file__))
        run(sys.executable, os.path.join(here, "run.py"), os.path.join(here, "test_piko_run.py"),
            env=dict(os.environ, PIKO=self.find("piko", "bin")))


if __name__ == "__main__":
    unittest.main()
