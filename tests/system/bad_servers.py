"""Web servers that misbehave, one connection a thread; and certificates of all kinds for those that speak TLS."""
import os
import re
import socket
import ssl
import struct
import subprocess
import threading
import time

HELLO = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"


def read_request(connection):
    text = b""
    while b"\r\n\r\n" not in text:
        more = connection.recv(65536)
        if not more:
            return None
        text += more
    return text


def good(connection):
    while read_request(connection):
        connection.sendall(HELLO)


def drip(connection):
    read_request(connection)
    for byte in HELLO:
        connection.sendall(bytes([byte]))
        time.sleep(1)


def close_in_head(connection):
    read_request(connection)
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Le")


def many_headers(connection):
    read_request(connection)
    connection.sendall(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 100_000 + b"\r\n")


def says_more(connection):
    read_request(connection)
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\nhello")


def says_less(connection):
    read_request(connection)
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhello")


def endless_chunk(connection):
    read_request(connection)
    connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFF\r\n")
    while True:
        connection.sendall(b"x" * 1000)
        time.sleep(0.01)


def http_0_9(connection):
    read_request(connection)
    connection.sendall(b"<html>hello</html>")


def reset_after_accept(connection):
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def away(connection):
    while read_request(connection):
        connection.sendall(b"HTTP/1.1 302 Found\r\nLocation: https://elsewhere.example/\r\nContent-Length: 0\r\n\r\n")


def half_good(connection):
    for _ in range(20):
        if read_request(connection):
            connection.sendall(HELLO)
    close_in_head(connection)


def once(connection):
    if read_request(connection):
        connection.sendall(HELLO)


def plain(connection):
    """Where TLS is expected."""
    connection.recv(65536)
    connection.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")


def recorder(requests):
    """A good server that adds (head, body) of each request to the list."""

    def record(connection):
        while text := read_request(connection):
            head, _, body = text.partition(b"\r\n\r\n")
            length = re.search(rb"(?i)\r\ncontent-length: (\d+)", head)
            while length and len(body) < int(length[1]):
                body += connection.recv(65536)
            requests.append((head.decode(), body))
            connection.sendall(HELLO)

    return record


class BadServer:
    """`behaviour` serves each connection; None: nobody ever accepts one. `tls` is (certificate, key). On a port, or on the
    unix socket `path`."""

    def __init__(self, behaviour, tls=None, path=None):
        if path:
            self.listener = socket.socket(socket.AF_UNIX)
            self.listener.bind(path)
            self.listener.listen(128)
        else:
            self.listener = socket.create_server(("127.0.0.1", 0), backlog=128)
            self.port = self.listener.getsockname()[1]
        self.behaviour = behaviour
        self.resumed = self.connections = 0
        self.alive = []
        self.context = None
        if tls:
            self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.context.load_cert_chain(*tls)
            self.asked_names = set()
            self.context.sni_callback = lambda _, name, __: self.asked_names.add(name)
        if behaviour:
            threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.connections += 1
            self.alive.append(connection)
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        try:
            if connection.family == socket.AF_INET:
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self.context:
                connection = self.context.wrap_socket(connection, server_side=True)
                self.resumed += connection.session_reused
            self.behaviour(connection)
        except OSError:
            pass  # the client went away, or did not like our certificate
        finally:
            connection.close()

    def close(self):
        try:
            self.listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass  # it was closed before
        self.listener.close()

    def die(self):
        """As a process that is killed: no connection lives on."""
        self.close()
        for connection in self.alive:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


def make_certificates(folder):
    """A certificate authority in ca.pem, and what it signed: good (127.0.0.1), other (another name) and expired; self.pem
    signed itself. Each is NAME.pem with its key in NAME.key."""

    def run(*arguments):
        subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True, timeout=60)

    def write(name, text):
        with open(os.path.join(folder, name), "w") as file:
            file.write(text)

    write("index.txt", "")
    write("serial", "01\n")
    write("ca.conf", "[ca]\ndefault_ca=x\n[x]\ndatabase=index.txt\nserial=serial\nnew_certs_dir=.\ndefault_md=sha256\n"
                     "unique_subject=no\npolicy=p\n[p]\ncommonName=supplied\n")
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    for name in ("ca", "self"):
        run("req", "-x509", *key, "-days", "3650", "-keyout", name + ".key", "-out", name + ".pem", "-subj", "/CN=" + name,
            "-addext", "subjectAltName=IP:127.0.0.1")
    for name, address, dates in [("good", "IP:127.0.0.1", ["-days", "3650"]), ("other", "DNS:other.example", ["-days", "3650"]),
                                 ("expired", "IP:127.0.0.1", ["-startdate", "20200101000000Z", "-enddate", "20200201000000Z"])]:
        run("req", "-new", *key, "-keyout", name + ".key", "-out", name + ".csr", "-subj", "/CN=" + name)
        write(name + ".ext", "subjectAltName=" + address + "\n")
        run("ca", "-batch", "-config", "ca.conf", "-keyfile", "ca.key", "-cert", "ca.pem", "-extfile", name + ".ext", *dates,
            "-in", name + ".csr", "-out", name + ".pem", "-notext")
