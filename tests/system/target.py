"""A program of tests/programs, running with its endpoints, and its profiles as the real go tool pprof reads them."""
import os
import re
import subprocess
import tempfile
import urllib.request

PROGRAMS = os.path.join(os.environ["BUILD"], "tests", "programs")
DIRECTORY = tempfile.TemporaryDirectory()  # of saved profiles, until the tests end
CHECK_PROFILE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "tools", "check-profile")


class Target:
    """with Target("name", "argument") as target: target.get("heap"); target.end() gives what it printed last."""

    def __init__(self, name, *arguments):
        self.process = subprocess.Popen([os.path.join(PROGRAMS, name), *map(str, arguments)], text=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def __enter__(self):
        line = self.process.stdout.readline()
        if not line.startswith("port "):
            raise RuntimeError("target printed %r and %r" % (line, self.process.stderr.read()))
        self.port = int(line.split()[1])
        self.base = "http://localhost:%d/_piko" % self.port
        assert self.process.stdout.readline() == "ready\n"
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()

    def get(self, path, timeout=60):
        with urllib.request.urlopen("%s/debug/pprof/%s" % (self.base, path), timeout=timeout) as response:
            return response.read()

    def keep(self, name, body):
        """Put a profile into a file, checked for validity."""
        path = os.path.join(DIRECTORY.name, "%d_%s.pprof" % (self.process.pid, name))
        with open(path, "wb") as file:
            file.write(body)
        subprocess.run([CHECK_PROFILE, path], check=True)
        return path

    def save(self, path):
        return self.keep(re.sub(r"\W", "_", path), self.get(path))

    def end(self):
        """Close standard input; the rest of standard output."""
        output, errors = self.process.communicate(timeout=20)
        if self.process.returncode:
            raise RuntimeError("target ended with %d: %s" % (self.process.returncode, errors))
        return output


def top(file, index, *options, unit="", tool=("go", "tool", "pprof")):
    """{function: (flat, cum)} of the whole profile, in the unit asked for."""
    command = [*tool, "-top", "-nodecount=0", "-nodefraction=0", "-edgefraction=0", "-sample_index=" + index, *options]
    if unit:
        command.append("-unit=" + unit)
    done = subprocess.run([*command, file], capture_output=True, text=True, timeout=60)
    if done.returncode:
        raise RuntimeError(done.stderr)
    text = done.stdout
    rows = {}
    for line in text.splitlines():
        match = re.match(r"\s*(-?[\d.]+)\S*\s+-?[\d.]+%\s+-?[\d.]+%\s+(-?[\d.]+)\S*\s+-?[\d.]+%\s+(.*)", line)
        if match:
            rows[match.group(3).removesuffix(" (inline)")] = (float(match.group(1)), float(match.group(2)))
    return rows


def tags(file, index):
    """What `go tool pprof -tags` prints."""
    return subprocess.run(["go", "tool", "pprof", "-tags", "-sample_index=" + index, file], check=True,
                          capture_output=True, text=True, timeout=60).stdout
