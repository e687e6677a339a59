"""The example site as a running process, for tests that need one."""
import os
import select
import signal
import socket
import subprocess


def free_port():
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Site:
    """`with Site() as site:` starts it on free ports, waits until it serves, and ends it by SIGTERM."""

    def __init__(self, profiling=True):
        self.port = free_port()
        self.profiling_port = free_port() if profiling else 0
        self.url = f"http://localhost:{self.port}/"
        self.profiling_url = f"http://localhost:{self.profiling_port}/_piko"

    def __enter__(self):
        self.process = subprocess.Popen(
            [os.environ["SITE"], f"--port={self.port}", f"--profiling-port={self.profiling_port}"],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        ready, _, _ = select.select([self.process.stdout], [], [], 10)
        line = self.process.stdout.readline() if ready else "nothing within 10 s"
        if not line.startswith("site: http://"):
            self.process.kill()
            raise RuntimeError(f"the site did not start: {line!r} {self.process.communicate()[1]}")
        return self

    def stop(self, with_signal=signal.SIGTERM):
        """End it; answers its exit status and what it said on standard error."""
        self.process.send_signal(with_signal)
        try:
            _, errors = self.process.communicate(timeout=10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.communicate()
            raise
        return self.process.returncode, errors

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.stop()
        self.process.stdout.close()
        self.process.stderr.close()
