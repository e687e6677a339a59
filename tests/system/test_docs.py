"""Each command of docs/how-to-profile.md is run, as it stands there: the blocks marked `sh`,
first those that start a server. And the program of the README is built and profiled as it says.
They get a network of their own, where the ports that the document names are free, and a folder with what it speaks of.
Only time is shortened: phases last a second, and what serves until it is ended is ended."""
import contextlib
import fcntl
import os
import re
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import time
import unittest

SOURCE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
DOCUMENT = os.path.join(SOURCE, "docs", "how-to-profile.md")
ALONE = "PIKO_TEST_NETWORK"
SECONDS_FOR_A_COMMAND = 60

PIKO = """#!/bin/bash
case $1 in
profile)
  short=()
  while [ $# -gt 0 ]; do
    case $1 in --duration) shift 2 ;; *) short+=("$1"); shift ;; esac
  done
  exec "$PIKO" "${short[@]}" --duration 1 --warmup 0 ;;
run) exec timeout --foreground --preserve-status 3 "$PIKO" "$@" ;;
*) exec "$PIKO" "$@" ;;
esac
"""
GO = """#!/bin/bash
case "$*" in
*-http=* | "tool trace"*) # they serve until they are ended: that they do is all that is asked here
  BROWSER=true timeout -s KILL 3 "$REAL_GO" "$@" >served 2>&1
  [ $? = 137 ] || { cat served; exit 1; } ;;
*) exec "$REAL_GO" "$@" </dev/null ;;
esac
"""
SERVER = """#!/bin/sh
exec python3 -m http.server --bind localhost 8080
"""
NGINX = """#!/bin/sh
exec "$REAL_NGINX" -c "$PWD/nginx.conf" -p "$PWD" -e "$PWD/nginx-error.log" "$@"
"""
NGINX_CONFIGURATION = """user root; pid nginx.pid; error_log nginx-error.log; events { }
http { access_log off; server { listen 127.0.0.1:8081; } }
"""
SOURCE_OF_SERVER = """
#include <piko/piko.h>
int main(void) {
    struct piko_profiling *profiling;
    if (piko_profiling_start(0, &profiling))
        return 1;
    return piko_profiling_stop(profiling);
}
"""


def commands(text):
    """The lines of all `sh` blocks, those that go on after a backslash joined."""
    for block in re.findall(r"^```sh\n(.*?)^```$", text, re.M | re.S):
        yield from (line for line in block.replace("\\\n", " ").splitlines() if line.strip())


def bring_loopback_up():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        SIOCSIFFLAGS, IFF_UP = 0x8914, 1
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", IFF_UP))


def network_of_our_own():
    """The command that runs another one in it, or None where this machine lets nobody have one."""
    for way in (["unshare", "--net"], ["unshare", "--net", "--map-root-user"]):
        if shutil.which("unshare") and subprocess.run([*way, "true"], capture_output=True).returncode == 0:
            return way
    return None


class Commands(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        if ALONE not in os.environ:
            for tool in ("go", "nginx", "curl", "jq"):
                if not shutil.which(tool):
                    raise unittest.SkipTest(f"{tool} is not installed, which the guide's commands use")
            way = network_of_our_own()
            if not way:
                raise unittest.SkipTest("no network namespace may be made here, and the guide's ports may be in use")
            os.environ[ALONE] = "1"
            os.execvp(way[0], [*way, sys.executable, *sys.argv])  # this test, from its start, in there
        bring_loopback_up()

    def test_every_command_of_the_guide_does_what_it_says(self):
        with tempfile.TemporaryDirectory() as folder:
            environment = self.furnish(folder)
            with open(DOCUMENT) as document:
                found = list(commands(document.read()))
            self.assertGreater(len(found), 20)
            servers = [command for command in found if command.startswith("piko run")]
            for command in servers:
                self.run_one(command, folder, environment, (0, 143))
            with self.site(folder):
                for command in found:
                    if command not in servers:
                        self.run_one(command, folder, environment, (0,))

    def test_the_program_of_the_readme_is_built_served_and_profiled_as_it_says(self):
        with open(os.path.join(SOURCE, "README.md")) as document, tempfile.TemporaryDirectory() as folder:
            source, words = re.search(r"^```c\n(.*?)^```\n\n```\n(.*?)^```$", document.read(), re.M | re.S).groups()
            environment = self.furnish(folder)
            with open(folder + "/server.c", "w") as file:
                file.write(source)
            compile_it, start_it, profile_it = words.splitlines()
            self.assertEqual(start_it, "./server &")
            self.run_one(compile_it + " -Wall -Wextra -Werror", folder, environment, (0,))
            server = subprocess.Popen(["./server"], cwd=folder, env=environment, stderr=subprocess.PIPE, text=True)
            try:
                self.assertIn("profiling at http://localhost:6060/", server.stderr.readline())
                self.run_one(profile_it, folder, environment, (0,))
            finally:
                server.kill()
                server.communicate()
            with open(folder + "/pprof/live_performance_report.txt") as report:
                self.assertRegex(report.read(), r"answer +\S*server\.c:")

    def furnish(self, folder):
        """The programs, sources and profiles that the guide's commands name."""
        subprocess.run(["meson", "install", "-C", os.environ["BUILD"], "--no-rebuild", "--destdir", folder + "/root"],
                       check=True, capture_output=True)
        pc = subprocess.run(["find", folder + "/root", "-name", "piko.pc"], check=True, capture_output=True, text=True).stdout.strip()
        os.mkdir(folder + "/bin")
        for name, text in (("bin/piko", PIKO), ("bin/go", GO), ("bin/nginx", NGINX), ("nginx.conf", NGINX_CONFIGURATION),
                           ("server.c", SOURCE_OF_SERVER), ("server", SERVER), ("app.py", "print(sum(range(100000)))\n")):
            with open(os.path.join(folder, name), "w") as file:
                file.write(text)
            os.chmod(os.path.join(folder, name), 0o755)
        shutil.copytree(os.path.join(SOURCE, "examples", "site", "content"), folder + "/content")
        shutil.copy(folder + "/content/index.md", folder + "/content/dashboard.md")
        profiles = os.path.join(SOURCE, "tests", "unit", "report", "profiles", "cpu.pprof")
        for path in ("before/cpu.pprof", "after/cpu.pprof", "cpu.pprof"):
            os.makedirs(os.path.dirname(os.path.join(folder, path)), exist_ok=True)
            shutil.copy(profiles, os.path.join(folder, path))
        return {**os.environ, "PATH": folder + "/bin:" + os.environ["PATH"], "REAL_GO": shutil.which("go"),
                "REAL_NGINX": shutil.which("nginx"), "PKG_CONFIG_PATH": os.path.dirname(pc), "PKG_CONFIG_SYSROOT_DIR": folder + "/root",
                "LD_LIBRARY_PATH": os.path.dirname(os.path.dirname(pc))}

    @contextlib.contextmanager
    def site(self, folder):
        """The example on the guide's ports, with the page that the guide asks for."""
        site = subprocess.Popen([os.environ["SITE"], "--port=8080", "--content", folder + "/content"],
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
        try:
            self.assertIn("http://", site.stdout.readline())
            yield
        finally:
            site.terminate()
            site.communicate(timeout=10)

    def run_one(self, command, folder, environment, good):
        began = time.monotonic()
        with self.subTest(command):
            done = subprocess.run(["bash", "-o", "pipefail", "-c", command], cwd=folder, env=environment, capture_output=True,
                                  text=True, errors="replace", timeout=SECONDS_FOR_A_COMMAND, stdin=subprocess.DEVNULL)
            self.assertIn(done.returncode, good, done.stdout[-2000:] + done.stderr[-2000:])
        print(f"{time.monotonic() - began:5.1f} s  {command}")


if __name__ == "__main__":
    unittest.main()
