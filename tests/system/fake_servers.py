"""An application and a profiler that behave as badly as a test asks: for what no real server does on command."""
import gzip
import http.server
import socket
import threading
import time
import urllib.parse

SAMPLE_TYPES = {
    "profile": [("samples", "count"), ("cpu", "nanoseconds")],
    "allocs": [("alloc_objects", "count"), ("alloc_space", "bytes"), ("inuse_objects", "count"), ("inuse_space", "bytes")],
    "mutex": [("contentions", "count"), ("delay", "nanoseconds")],
}
SAMPLE_TYPES["heap"] = SAMPLE_TYPES["allocs"]
SAMPLE_TYPES["block"] = SAMPLE_TYPES["mutex"]


def varint(number):
    text = bytearray()
    while number > 127:
        text.append(number & 127 | 128)
        number >>= 7
    text.append(number)
    return bytes(text)


def field(tag, value):
    if isinstance(value, int):
        return varint(tag << 3) + varint(value)
    return varint(tag << 3 | 2) + varint(len(value)) + value


def make_profile(kind, value):
    """The smallest valid profile: one sample of one function, `value` in each of its types."""
    strings = [""]

    def string(text):
        if text not in strings:
            strings.append(text)
        return strings.index(text)

    types = SAMPLE_TYPES[kind]
    body = b"".join(field(1, field(1, string(name)) + field(2, string(unit))) for name, unit in types)
    body += field(2, field(1, varint(1)) + field(2, varint(value) * len(types)))
    body += field(3, field(1, 1) + field(2, 0x1000) + field(3, 0x2000) + field(5, string("/bin/fake")) + field(7, 1))
    body += field(4, field(1, 1) + field(2, 1) + field(3, 0x1100) + field(4, field(1, 1) + field(2, 42)))
    body += field(5, field(1, 1) + field(2, string("busy_" + kind)) + field(3, string("busy_" + kind))
                  + field(4, string("busy.c")))
    body += b"".join(field(6, text.encode()) for text in strings)
    return gzip.compress(body + field(9, time.time_ns()))


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, handler):
        super().__init__(("127.0.0.1", 0), handler)
        self.port = self.server_address[1]
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def handle_error(self, request, client_address):
        pass  # a client that went away is what many tests are about

    def close(self):
        self.shutdown()
        self.server_close()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *arguments):
        pass

    def answer(self, status, body=b"", content_type="text/plain"):
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class FakeApp(Server):
    """Answers each request after 5 ms with `status`, or never; remembers the headers of the last one."""

    def __init__(self, status=200, hangs=False):
        self.headers = None
        app = self

        class AppHandler(Handler):
            def do_GET(self):
                app.headers = self.headers.items()
                time.sleep(3600 if hangs else 0.005)
                self.answer(status, b"hello\n")

        super().__init__(AppHandler)


class FakeProfiler(Server):
    """The profiler's paths. `status` is the body of the status (None: 404); `broken` names profiles that answer 500;
    `garbage` names profiles that answer 200 with what is none; `dies_at` is the profile at which it goes away; `late` is how many seconds
    longer than asked for a profile takes; `token` is asked for. Each profile has values that are 1000 higher than those of the one before."""

    def __init__(self, status=None, broken=(), garbage=(), dies_at=None, late=0, token=None):
        self.asked = []
        self.fetched = 0
        self.dead = False
        profiler = self

        class ProfilerHandler(Handler):
            def do_GET(self):
                url = urllib.parse.urlsplit(self.path)
                profiler.asked.append(self.path)
                name = url.path.rpartition("/")[2]
                if token and self.headers["Authorization"] != f"Bearer {token}":
                    self.answer(401, b"who are you?\n")
                    return
                seconds = int(urllib.parse.parse_qs(url.query).get("seconds", ["0"])[0])
                if name == dies_at:
                    profiler.dead = True
                if profiler.dead:
                    self.close_connection = True
                    self.connection.shutdown(socket.SHUT_RDWR)
                elif url.path == "/_piko/profiler/status" and status is not None:
                    self.answer(200, status.encode(), "application/json")
                elif url.path == "/_piko/debug/pprof/":
                    self.answer(200, b"<html>heap, goroutine</html>", "text/html")
                elif url.path == "/_piko/debug/pprof/goroutine":
                    threads = b"goroutine 1 [running]:\nmain.main()\n\ngoroutine 2 [sleep]:\nmain.nap()\n"
                    self.answer(200, b"hello" if name in garbage else threads)
                elif url.path.startswith("/_piko/debug/pprof/") and name in SAMPLE_TYPES:
                    self.profile(name, seconds)
                else:
                    self.answer(404, b"404 page not found\n")

            def profile(self, name, seconds):
                if name in broken:
                    self.answer(500, b"Could not enable CPU profiling: cpu profiling already in use\n")
                    return
                time.sleep(seconds + late if seconds else 0)
                profiler.fetched += 1
                body = b"this is no profile" if name in garbage else make_profile(name, 1000 * profiler.fetched)
                self.answer(200, body, "application/octet-stream")

        super().__init__(ProfilerHandler)
