"""Clients that mean harm, in a process of their own: hostile.py PORT SECONDS DRIPS CAPTURES. DRIPS connections send a request
of which a byte comes each second, a tenth as many send headers of a megabyte and pipelined garbage over and over, and CAPTURES
ask for a profile that takes the whole time. Who is sent away comes again with its next byte."""
import errno
import resource
import selectors
import socket
import sys
import time

HEAD = b"GET /_piko/debug/pprof/heap?seconds=1 HTTP/1.1\r\nHost: localhost\r\nX-Long: " + b"a" * 4096
GARBAGE = [b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"a" * (1 << 20) + b"\r\n\r\n",
           b"GET /_piko/debug/pprof/cmdline HTTP/1.1\r\nHost: localhost\r\n\r\n" * 50 + b"\x00\xff\x16\x03 garbage\r\n" * 1000,
           b"POST /_piko/debug/pprof/symbol HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999\r\n\r\n" + b"+" * (1 << 20)]
KINDS = ("profile", "heap", "allocs", "mutex", "block", "goroutine", "trace")


class Client:
    def __init__(self, port):
        self.port, self.socket, self.sent = port, None, 0

    def connect(self):
        self.close()
        self.socket, self.sent = socket.socket(), 0
        self.socket.setblocking(False)
        if self.socket.connect_ex(("127.0.0.1", self.port)) not in (0, errno.EINPROGRESS):
            self.close()

    def close(self):
        if self.socket:
            self.socket.close()
        self.socket = None

    def send(self, text, n):
        """Up to n bytes more of the text, over again when the server has closed."""
        if not self.socket:
            self.connect()
            return
        try:
            self.sent += self.socket.send(text[self.sent:self.sent + n])
            if self.socket.recv(65536, socket.MSG_DONTWAIT) == b"" or self.sent >= len(text):
                self.close()
        except BlockingIOError:
            pass
        except OSError:
            self.close()


def capture(client, path):
    client.connect()
    client.socket.setblocking(True)
    client.socket.sendall(b"GET /_piko/debug/pprof/%s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n" % path.encode())
    client.socket.setblocking(False)


def collect(captures, seconds):
    """How many were answered with 200 to their end."""
    selector, deadline, answers = selectors.DefaultSelector(), time.monotonic() + seconds, {}
    for one in captures:
        selector.register(one.socket, selectors.EVENT_READ, one)
        answers[one] = b""
    while selector.get_map() and time.monotonic() < deadline:
        for key, _ in selector.select(1):
            try:
                data = key.fileobj.recv(1 << 20)
            except OSError:
                data = b""
            answers[key.data] = answers[key.data] or data[:16]
            if not data:
                selector.unregister(key.fileobj)
    return sum(start.startswith(b"HTTP/1.1 200") for start in answers.values()), len(selector.get_map())


def main(port, seconds, n_drips, n_captures):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, max(soft, n_drips * 2)), hard))
    captures = [Client(port) for _ in range(n_captures)]
    for i, one in enumerate(captures):
        capture(one, "%s?seconds=%d" % (KINDS[i % len(KINDS)], seconds))
    drips = [Client(port) for _ in range(n_drips)]
    garbage = [Client(port) for _ in range(n_drips // 10)]
    print("attacking", flush=True)
    start, turn = time.monotonic(), 0
    while time.monotonic() < start + seconds:
        # A twentieth of all each twentieth of a second, so that each has its turn once.
        for one in drips[turn % 20::20]:
            one.send(HEAD, 1)
        for i, one in enumerate(garbage[turn % 20::20]):
            one.send(GARBAGE[i % len(GARBAGE)], 1 << 20)
        turn += 1
        time.sleep(max(0, start + turn / 20 - time.monotonic()))
    print("answered %d, open %d" % collect(captures, 60), flush=True)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
