"""`piko profile` as a load generator: servers that misbehave, TLS, the open model, and profilers that are not ours."""
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import unittest

import bad_servers
from bad_servers import BadServer
from fake_servers import FakeApp, FakeProfiler
from supervised import free_port, listens, wait_until

PIKO = os.environ.get("PIKO", "piko")
HERE = os.path.dirname(os.path.abspath(__file__))
BOUND = 60  # seconds: a run that takes longer hangs
CLASSES = ["refused", "reset", "timeout", "tls", "protocol", "status", "redirect"]


def start(url, output, *arguments, **variables):
    environment = {key: value for key, value in os.environ.items() if key.lower() != "http_proxy"}
    return subprocess.Popen([PIKO, "profile", url, "--output", output, *arguments], stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, text=True, stdin=subprocess.DEVNULL, env={**environment, **variables})


class Ended:
    def __init__(self, process, output):
        self.stdout, self.stderr = process.communicate(timeout=BOUND)
        self.status = process.returncode
        self.output = output
        self.said = self.stdout + self.stderr

    def read(self, name):
        with open(os.path.join(self.output, name)) as file:
            return file.read()

    def has(self, name):
        return os.path.exists(os.path.join(self.output, name))

    def stats(self, name="baseline.stats"):
        return dict(re.split(r": +", line, maxsplit=1) for line in self.read(name).splitlines() if line and line[0] != "#")

    def failures(self):
        stats = self.stats()
        return {name: int(stats["failed_" + name]) for name in CLASSES if int(stats["failed_" + name])}


class Misbehaving(unittest.TestCase):
    """A baseline of two seconds on each server, all at the same time: most of it is waiting."""

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="piko-test-")
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        bad_servers.make_certificates(cls.folder)
        cls.profiler = FakeProfiler()
        cls.addClassCleanup(cls.profiler.close)
        cls.runs, cls.began = {}, time.monotonic()
        ca = ["--cacert", os.path.join(cls.folder, "ca.pem")]
        for name, behaviour, certificate, more in [
            ("drip", bad_servers.drip, None, []), ("close_in_head", bad_servers.close_in_head, None, []),
            ("many_headers", bad_servers.many_headers, None, []), ("says_more", bad_servers.says_more, None, []),
            ("says_less", bad_servers.says_less, None, []), ("endless_chunk", bad_servers.endless_chunk, None, []),
            ("http_0_9", bad_servers.http_0_9, None, []), ("reset", bad_servers.reset_after_accept, None, []),
            ("never_accepts", None, None, []), ("away", bad_servers.away, None, ["--follow"]),
            ("half_good", bad_servers.half_good, None, []), ("plain", bad_servers.plain, None, ["--tls"]),
            ("good", bad_servers.good, "good", ca), ("other", bad_servers.good, "other", ca),
            ("expired", bad_servers.good, "expired", ca), ("self", bad_servers.good, "self", []),
            ("no_http2", bad_servers.good, "good", [*ca, "--http2"]),
            ("insecure", bad_servers.good, "self", ["--insecure"]), ("once", bad_servers.once, "good", ca),
            ("dies", bad_servers.good, None, []),
        ]:
            cls.run_on(name, behaviour, certificate, more)
        dying = cls.runs["dies"][1]
        while dying.connections < 5 and time.monotonic() < cls.began + 20:  # the first is to see that somebody is there
            time.sleep(0.01)
        time.sleep(1)
        dying.die()
        cls.runs = {name: (Ended(process, os.path.join(cls.folder, "out-" + name)), server)
                    for name, (process, server) in cls.runs.items()}
        cls.seconds = time.monotonic() - cls.began

    @classmethod
    def run_on(cls, name, behaviour, certificate, more):
        tls = [os.path.join(cls.folder, certificate + ending) for ending in (".pem", ".key")] if certificate else None
        server = BadServer(behaviour, tls)
        cls.addClassCleanup(server.close)
        https = tls or "--tls" in more
        url = f"http{'s' if https else ''}://127.0.0.1:{server.port}/"
        process = start(url, os.path.join(cls.folder, "out-" + name), "--pprof-port", str(cls.profiler.port), "--pprof-url",
                        f"http://127.0.0.1:{cls.profiler.port}", "--phases", "baseline", "--duration", "2", "--timeout", "1",
                        "--concurrency", "4", *[word for word in more if word != "--tls"])
        cls.runs[name] = (process, server)

    def test_each_is_a_class_of_its_own_with_the_reason(self):
        for name, failure, reason in [
            ("drip", "timeout", "no whole response within 1 s"),
            ("close_in_head", "reset", "closed in the middle of a response"),
            ("many_headers", "protocol", "more than 256 header fields"),
            ("says_more", "reset", "closed in the middle of a response"),
            ("says_less", "protocol", "bytes after the end of a response"),
            ("endless_chunk", "timeout", "no whole response within 1 s"),
            ("http_0_9", "protocol", "not an HTTP/1 response"),
            ("reset", "reset", "Connection reset by peer|Broken pipe|closed without a response"),
            ("never_accepts", "timeout", "no whole response within 1 s"),
            ("away", "redirect", "status 302: redirected to another server: https://elsewhere.example/"),
            ("plain", "tls", "TLS: "),
            ("other", "tls", "certificate: .*mismatch"),
            ("expired", "tls", "certificate: certificate has expired"),
            ("self", "tls", "certificate: self-signed certificate"),
            ("no_http2", "protocol", "the server does not offer HTTP/2"),
        ]:
            with self.subTest(name):
                ended, _ = self.runs[name]
                self.assertEqual(list(ended.failures()), [failure], ended.said)
                self.assertRegex(ended.stats()["first_" + failure], reason)
                self.assertRegex(ended.stats()["last_" + failure], reason)
                self.assertEqual(ended.stats()["completed_requests"], "0")
                self.assertEqual(ended.status, 1)  # a baseline without one answer, and nothing else was asked for
                self.assertRegex(ended.stderr, r"not one request succeeded, [\d,]+ failed \(")

    def test_all_end_in_time(self):
        self.assertLess(self.seconds, 40)  # two seconds, and the time-out of one, on a machine that has other things to do

    def test_what_is_good_of_a_half_good_server_is_not_lost(self):
        ended, _ = self.runs["half_good"]
        self.assertEqual(list(ended.failures()), ["reset"])
        self.assertGreater(int(ended.stats()["completed_requests"]), 50)
        self.assertEqual(ended.status, 0, ended.said)
        self.assertRegex(ended.read("live_performance_report.txt"), r"! baseline: [\d,]+ of [\d,]+ requests failed \(the first: ")
        self.assertRegex(ended.read("live_performance_report.txt"), r"  reset, first: +127.0.0.1:\d+: closed in the middle")

    def test_failures_are_listed_and_only_when_there_are_any(self):
        ended, _ = self.runs["half_good"]
        lines = [json.loads(line) for line in ended.read("errors.jsonl").splitlines()]
        self.assertGreaterEqual(len(lines), ended.failures()["reset"])
        for line in lines:
            self.assertEqual((line["phase"], line["kind"]), ("baseline", "reset"))
        self.assertFalse(self.runs["good"][0].has("errors.jsonl"))

    def test_tls_that_is_in_order_or_need_not_be(self):
        for name in ("good", "insecure"):
            ended, server = self.runs[name]
            self.assertEqual((ended.status, ended.failures()), (0, {}), ended.said)
            self.assertGreater(int(ended.stats()["completed_requests"]), 50)

    def test_new_tls_connections_take_up_the_session_of_those_before(self):
        ended, server = self.runs["once"]
        self.assertEqual((ended.status, ended.failures()), (0, {}), ended.said)
        self.assertGreater(server.resumed, 10)
        self.assertGreater(server.resumed, server.connections // 2)

    def test_server_that_dies_on_the_way_leaves_what_it_answered(self):
        ended, _ = self.runs["dies"]
        self.assertEqual(ended.status, 0, ended.said)
        self.assertLessEqual(set(ended.failures()), {"refused", "reset"})
        self.assertIn("refused", ended.failures())
        self.assertGreater(int(ended.stats()["completed_requests"]), 10)

    def test_hint_at_the_flags_for_a_certificate_that_is_not_trusted(self):
        self.assertIn("--insecure", self.runs["self"][0].stderr)


class Requests(unittest.TestCase):
    """What the flags make of a request, as the server reads it."""

    @classmethod
    def setUpClass(cls):
        cls.folder = cls.enterClassContext(tempfile.TemporaryDirectory())
        cls.profiler = FakeProfiler()
        cls.addClassCleanup(cls.profiler.close)

    def seen(self, *words, url="http://127.0.0.1:%d/", **server):
        """(head, body) of the requests of a baseline on one connection, and the server. %d in words is its port."""
        requests = []
        server = BadServer(bad_servers.recorder(requests), **server)
        self.addCleanup(server.close)
        port = server.port if hasattr(server, "port") else 80
        words = [word % port if "%d" in word else word for word in (url, *words)]
        output = os.path.join(self.folder, self.id())
        ended = Ended(start(words[0], output, *words[1:], "--pprof-url", "http://127.0.0.1:%d" % self.profiler.port, "--phases",
                            "baseline", "--duration", "1", "--warmup", "0", "--concurrency", "1"), output)
        self.assertEqual((ended.status, ended.failures()), (0, {}), ended.said)
        self.assertGreater(len(requests), 10)
        return requests, server

    def write(self, name, text):
        path = os.path.join(self.folder, name)
        with open(path, "w") as file:
            file.write(text)
        return path

    def test_method_and_body_of_a_file(self):
        path = self.write("body", "{" + "x" * 100_000 + "}")
        requests, _ = self.seen("--method", "PUT", "--body-file", path, "--header", "Content-Type: application/json")
        for head, body in requests:
            self.assertEqual((head.split("\r\n")[0], body.decode()), ("PUT / HTTP/1.1", "{" + "x" * 100_000 + "}"))
            self.assertIn("\r\nContent-Type: application/json", head)

    def test_a_body_makes_a_post_and_nothing_asks_for_gzip(self):
        requests, _ = self.seen("--body", "a=b")
        for head, body in requests:
            self.assertEqual((head.split()[0], body), ("POST", b"a=b"))
            self.assertNotIn("accept-encoding", head.lower())

    def test_urls_of_the_line_and_of_a_file_are_asked_in_turn(self):
        requests = []
        server = BadServer(bad_servers.recorder(requests))
        self.addCleanup(server.close)
        path = self.write("urls", "http://127.0.0.1:{0}/c\nhttp://127.0.0.1:{0}/d?e=f\n".format(server.port))
        output = os.path.join(self.folder, self.id())
        base = "http://127.0.0.1:%d" % server.port
        ended = Ended(start(base + "/a", output, base + "/b", "--urls", path, "--pprof-url", "http://127.0.0.1:%d" % self.profiler.port,
                            "--phases", "baseline", "--duration", "1", "--concurrency", "1"), output)
        self.assertEqual(ended.status, 0, ended.said)
        paths = [head.split()[1] for head, _ in requests]
        self.assertEqual(set(paths), {"/a", "/b", "/c", "/d?e=f"})
        for one, next_one in zip(paths, paths[4:]):
            self.assertEqual(one, next_one)

    def test_a_unix_socket_is_connected_to_in_place_of_the_host(self):
        requests, _ = self.seen("--unix", os.path.join(self.folder, "socket"), url="http://site.example/page",
                                path=os.path.join(self.folder, "socket"))
        for head, _ in requests:
            self.assertIn("GET /page HTTP/1.1\r\nHost: site.example\r\n", head + "\r\n")

    def test_tls_names_the_host_that_is_meant(self):
        bad_servers.make_certificates(self.folder)
        tls = [os.path.join(self.folder, "self" + ending) for ending in (".pem", ".key")]
        _, server = self.seen("--insecure", url="https://localhost:%d/", tls=tls)
        self.assertEqual(server.asked_names, {"localhost"})


@unittest.skipUnless(shutil.which("nginx"), "needs nginx")
class Http2(unittest.TestCase):
    """What nginx says that it was spoken to in, and what was agreed upon while TLS shook hands."""

    CONF = """daemon off; master_process off; pid %(folder)s/pid; events {}
        http { log_format agreed "$server_protocol $ssl_alpn_protocol $status"; access_log %(folder)s/access agreed;
        client_body_temp_path %(folder)s/b; proxy_temp_path %(folder)s/p; fastcgi_temp_path %(folder)s/f;
        uwsgi_temp_path %(folder)s/u; scgi_temp_path %(folder)s/s; keepalive_requests 1000000;
        ssl_certificate %(folder)s/good.pem; ssl_certificate_key %(folder)s/good.key;
        server { listen 127.0.0.1:%(port)d ssl http2; return 200 "hello"; } }"""

    def agreed(self, *flags):
        """What the lines of the access log were for a baseline with these flags."""
        with tempfile.TemporaryDirectory() as folder:
            bad_servers.make_certificates(folder)
            os.chmod(folder, 0o755)
            port = free_port()
            with open(os.path.join(folder, "conf"), "w") as file:
                file.write(self.CONF % {"folder": folder, "port": port})
            profiler = FakeProfiler()
            nginx = subprocess.Popen(["nginx", "-p", folder, "-e", folder + "/log", "-c", folder + "/conf"])
            try:
                wait_until(lambda: listens(port))
                out = os.path.join(folder, "out")
                ended = Ended(start("https://127.0.0.1:%d/" % port, out, "--cacert", folder + "/ca.pem", "--pprof-url",
                                    "http://127.0.0.1:%d" % profiler.port, "--phases", "baseline", "--duration", "1",
                                    "--concurrency", "4", *flags), out)
            finally:
                nginx.kill()
                nginx.wait()
                profiler.close()
            self.assertEqual((ended.status, ended.failures()), (0, {}), ended.said)
            with open(os.path.join(folder, "access")) as file:
                lines = file.read().splitlines(keepends=True)
            return {line.strip() for line in lines if line.endswith("\n")}  # the last may have been cut

    def test_it_is_agreed_upon_by_alpn(self):
        self.assertEqual(self.agreed("--http2"), {"HTTP/2.0 h2 200"})

    def test_and_is_not_spoken_without_the_flag(self):
        self.assertEqual(self.agreed(), {"HTTP/1.1 - 200"})


class OpenModel(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="piko-test-")
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        started = {}
        cls.servers = [FakeApp(), FakeProfiler()]
        for server in cls.servers:
            cls.addClassCleanup(server.close)
        for name, rate in (("easy", 100), ("much", 5000)):
            output = os.path.join(cls.folder, name)
            started[name] = start(f"http://127.0.0.1:{cls.servers[0].port}/", output, "--pprof-port", str(cls.servers[1].port),
                                  "--rate", str(rate), "--concurrency", "4", "--duration", "2", "--phases", "heap",
                                  "--warmup", "0.1")
        cls.runs = {name: Ended(process, os.path.join(cls.folder, name)) for name, process in started.items()}

    def test_report_and_stats_have_both_figures(self):
        ended = self.runs["easy"]
        self.assertEqual(ended.status, 0, ended.said)
        stats = ended.stats()
        self.assertEqual(stats["rate"], "100")
        self.assertAlmostEqual(int(stats["planned_requests"]), 200, delta=30)
        self.assertAlmostEqual(int(stats["begun_requests"]), int(stats["planned_requests"]), delta=5)
        for key in ("latency_p99", "uncorrected_p99", "send_delay_p99", "generator_cpu", "generator_waited"):
            self.assertIn(key, stats)
        self.assertRegex(ended.read("live_performance_report.txt"), r"\n +corrected +uncorrected\n +50% ")

    def test_saved_files_tell_both_figures_again(self):
        ended = self.runs["easy"]
        done = subprocess.run([PIKO, "report", ended.output, "--json"], check=True, capture_output=True, text=True, timeout=60)
        load, stats = json.loads(done.stdout)["load"], ended.stats()
        self.assertEqual(load["open_model"]["planned"], int(stats["planned_requests"]))
        self.assertEqual(load["open_model"]["begun"], int(stats["begun_requests"]))
        for key, percentiles in (("latency", load["percentiles_ns"]),
                                 ("uncorrected", load["open_model"]["uncorrected_percentiles_ns"]),
                                 ("send_delay", load["open_model"]["send_delay_percentiles_ns"])):
            self.assertGreater(dict(map(tuple, percentiles))[99], 0, key)
        for (_, corrected), (_, uncorrected) in zip(load["percentiles_ns"], load["open_model"]["uncorrected_percentiles_ns"]):
            self.assertGreaterEqual(corrected, uncorrected)

    def test_rate_beyond_the_servers_power_is_said_loudly(self):
        ended = self.runs["much"]
        self.assertRegex(ended.stderr, r"Warning: baseline: THE RATE WAS NOT MET: [\d,]+ requests/s were planned")
        self.assertIn("THE RATE WAS NOT MET", ended.read("live_performance_report.txt"))

    def test_only_the_phases_that_were_asked_for_run(self):
        ended = self.runs["easy"]
        self.assertEqual(sorted(name for name in os.listdir(ended.output) if "stats" in name),
                         ["baseline.stats", "heap.pprof.stats"])
        self.assertNotIn("PROFILE:   cpu", ended.stdout)
        self.assertGreater(int(ended.stats("heap.pprof.stats")["profiled_requests"]), 10)


class OtherProfilers(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="piko-test-")
        self.addCleanup(shutil.rmtree, self.folder)
        self.output = os.path.join(self.folder, "out")

    @unittest.skipUnless(shutil.which("go"), "go is not installed")
    def test_plain_go_server_that_answers_every_path_and_profiles_for_somebody_else(self):
        binary = os.path.join(self.folder, "plain")
        subprocess.run(["go", "build", "-o", binary, "plain.go"], cwd=os.path.join(HERE, "goserver"), check=True, timeout=120)
        server = subprocess.Popen([binary], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.addCleanup(server.communicate)
        port = server.stdout.readline().strip()
        base = f"http://127.0.0.1:{port}"
        other = subprocess.Popen(["curl", "-s", "-o", os.devnull, base + "/debug/pprof/profile?seconds=2"])
        self.addCleanup(other.wait)
        ended = Ended(start(base + "/page", self.output, "--pprof-port", port, "--duration", "1", "--warmup", "0.1",
                            "--concurrency", "8"),
                      self.output)
        self.assertEqual(ended.status, 0, ended.said)
        self.assertIn(f"{base}/debug/pprof/\n", ended.stdout)
        for name in ("cpu", "allocs", "heap", "mutex", "block"):
            top = subprocess.run(["go", "tool", "pprof", "-top", os.path.join(self.output, name + ".pprof")],
                                 capture_output=True, text=True, timeout=60)
            self.assertEqual(top.returncode, 0, top.stderr)
            self.assertGreater(int(ended.stats(name + ".pprof.stats")["profiled_requests"]), 10)
        self.assertFalse(ended.has("profiler_status.json"))
        self.assertNotIn("Warning: the profiler's status", ended.stderr)

    def test_token_goes_to_the_profiler_and_nowhere_else(self):
        app, profiler = FakeApp(), FakeProfiler(token="secret")
        self.addCleanup(app.close)
        self.addCleanup(profiler.close)
        arguments = ["--pprof-port", str(profiler.port), "--duration", "1", "--phases", "heap"]
        url = f"http://127.0.0.1:{app.port}/"
        refused = Ended(start(url, self.output, *arguments), self.output)
        self.assertEqual(refused.status, 1)
        self.assertIn("401", refused.stderr)
        for given in (["--pprof-token", "secret"], []):
            ended = Ended(start(url, self.output, *arguments, *given, **({} if given else {"PIKO_PPROF_TOKEN": "secret"})),
                          self.output)
            self.assertEqual(ended.status, 0, ended.said)
            self.assertNotIn("secret", ended.said)
        self.assertNotIn("secret", str(dict(app.headers)))


if __name__ == "__main__":
    unittest.main()
