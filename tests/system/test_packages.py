"""`make deb`: the Debian packages are there, lintian finds no error, and what they install into a clean root works."""
import os
import re
import shutil
import subprocess
import tempfile
import unittest

SOURCE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
NEEDED = ["dpkg-buildpackage", "dh", "lintian"]
MISSING = [tool for tool in NEEDED if not shutil.which(tool)]
PACKAGES = ["libpiko-dev", "libpiko0", "piko"]


def run(*command, **more):
    done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, **more)
    if done.returncode:
        raise AssertionError(f"{command}: {done.stdout}{done.stderr}")
    return done.stdout


@unittest.skipIf(MISSING, "not installed: " + ", ".join(MISSING))
class Packages(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        directory = tempfile.TemporaryDirectory()
        cls.addClassCleanup(directory.cleanup)
        cls.folder = directory.name
        cls.said = run(os.path.join(SOURCE, "scripts", "deb"),
                       env=dict(os.environ, BUILD=cls.folder, DEB_BUILD_OPTIONS="noautodbgsym"))
        built = os.path.join(cls.folder, "deb")
        cls.files = {name.split("_")[0]: os.path.join(built, name) for name in sorted(os.listdir(built))
                     if name.endswith(".deb") and "-dbgsym_" not in name}
        cls.root = os.path.join(cls.folder, "root")
        admin = os.path.join(cls.root, "var", "lib", "dpkg")
        for name in ("info", "updates", "triggers"):
            os.makedirs(os.path.join(admin, name))
        with open(os.path.join(admin, "status"), "w"):
            pass
        # What they depend on stays outside: the machine's own is used.
        run("dpkg", f"--root={cls.root}", "--force-depends", "--force-not-root", "--install", *cls.files.values())

    def test_there_are_three_packages_without_an_error_of_lintian(self):
        self.assertEqual(sorted(self.files), PACKAGES)
        self.assertNotRegex(self.said, r"(?m)^E: ")

    def test_library_and_what_is_for_building_are_apart(self):
        library = run("dpkg-deb", "--contents", self.files["libpiko0"])
        self.assertRegex(library, r"usr/lib/[\w-]+/libpiko\.so\.0\n|usr/lib/[\w-]+/libpiko\.so\.0 ")
        self.assertNotRegex(library, r"piko\.h|libpiko\.a|libpiko\.so\n|probe")
        development = run("dpkg-deb", "--contents", self.files["libpiko-dev"])
        for name in ("usr/include/piko/piko.h", "usr/include/piko/piko.hpp", "libpiko.a", "libpiko.so -> libpiko.so.0", "pkgconfig/piko.pc",
                     "man3/libpiko.3.gz"):
            self.assertIn(name, development)
        self.assertIn("libpiko0 (= ", run("dpkg-deb", "--field", self.files["libpiko-dev"], "Depends"))

    def test_command_of_the_clean_root_runs_programs_with_its_own_probe(self):
        piko = os.path.join(self.root, "usr", "bin", "piko")
        done = subprocess.run([piko, "run", "--port", "0", "--", "sh", "-c", "echo $LD_PRELOAD; exit 3"],
                              capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 3, done.stderr)
        self.assertRegex(done.stdout, "^" + re.escape(os.path.realpath(self.root)) + r"/usr/lib/[\w-]+/piko/libpiko-probe\.so$")
        contents = run("dpkg-deb", "--contents", self.files["piko"])
        for name in ("man1/piko.1.gz", "man1/piko-profile.1.gz", "man1/piko-run.1.gz", "man1/piko-report.1.gz", "man1/piko-diff.1.gz",
                     "bash-completion/completions/piko", "zsh/vendor-completions/_piko", "vendor_completions.d/piko.fish"):
            self.assertIn(name, contents)

    def test_they_are_removed_without_a_trace(self):
        root = os.path.join(self.folder, "other")
        shutil.copytree(self.root, root, symlinks=True)
        run("dpkg", f"--root={root}", "--force-depends", "--force-not-root", "--purge", *PACKAGES)
        left = [os.path.join(found, name) for found, _, names in os.walk(os.path.join(root, "usr")) for name in names]
        self.assertEqual(left, [])


if __name__ == "__main__":
    unittest.main()
