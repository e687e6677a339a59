"""Who gets an answer from the endpoints, and who can read what is written: by curl, by another user, and through the rules for
reverse proxies that the documentation gives."""
import contextlib
import os
import re
import shutil
import signal
import stat
import subprocess
import tempfile
import unittest

from supervised import PIKO, Run, free_port, listens, wait_until

TOKEN = "correct-horse-battery-staple"
STATUS = "/_piko/profiler/status"


def curl(url, *options):
    """(status, header, body) of what is answered."""
    done = subprocess.run(["curl", "-s", "-i", "--max-time", "20", *options, url], capture_output=True, check=True)
    header, _, body = done.stdout.decode(errors="replace").partition("\r\n\r\n")
    return int(header.split()[1]), header.lower(), body


class Hosts(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.run_ = cls.enterClassContext(Run("sleep", "600", flags=("--allow-host", "probe.lan,other.lan")))
        cls.status_url = cls.run_.base + "/profiler/status"

    def of_host(self, host):
        return curl(self.status_url, "-H", "Host: " + host)

    def test_names_of_this_machine_and_allowed_ones_are_answered(self):
        for host in ("localhost", "localhost:1", "127.0.0.1:6060", "[::1]", "probe.lan", "Other.LAN:80"):
            self.assertEqual(self.of_host(host)[0], 200, host)

    def test_a_rebound_name_is_refused_and_told_the_way_out(self):
        for host in ("evil.example", "evil.example:6060", "localhost.evil.example", "127.0.0.1.evil.example"):
            status, _, body = self.of_host(host)
            self.assertEqual(status, 403, host)
            self.assertIn("--allow-host", body)
            self.assertNotIn("pprof_base_path", body)

    def test_a_client_without_a_host_is_answered(self):
        self.assertEqual(curl(self.status_url, "-0", "-H", "Host:")[0], 200)

    def test_no_answer_lets_another_page_read_it(self):
        for options in ((), ("-X", "OPTIONS", "-H", "Access-Control-Request-Method: POST"), ("-H", "Host: evil.example")):
            _, header, _ = curl(self.status_url, "-H", "Origin: http://evil.example", *options)
            self.assertNotIn("access-control", header)

    def test_what_a_page_posts_is_refused(self):
        save = self.run_.base + "/profiler/save"
        for origin in ("http://evil.example", "http://localhost:6060", "null"):
            status, _, body = curl(save, "-X", "POST", "-d", "pid=1", "-H", "Origin: " + origin)
            self.assertEqual((status, body), (403, "requests of web pages are refused\n"))
        self.assertEqual(curl(save, "-X", "POST")[0], 200)


class Guarded(Run):
    """A command whose endpoints want the token."""

    def __init__(self, token, *flags):
        super().__init__("sleep", "600", flags=("--token-file", token, *flags))

    def fetch(self, path, timeout=30, **more):
        return super().fetch(path, timeout, headers={"Authorization": "Bearer " + TOKEN}, **more)

    @property
    def url(self):
        return self.base.removesuffix("/_piko")


@contextlib.contextmanager
def secret():
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        path = os.path.join(folder, "token")
        with open(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "w") as file:
            file.write(TOKEN + "\n")
        yield folder, path


class Tokens(unittest.TestCase):
    def test_the_token_is_wanted_on_every_path(self):
        with secret() as (_, path), Guarded(path) as run:
            for path in ("/_piko/debug/pprof/", "/_piko/debug/pprof/heap", STATUS, "/_piko/profiler/trace/recent", "/", "/_piko"):
                status, header, _ = curl(run.url + path)
                self.assertEqual(status, 401, path)
                self.assertIn('www-authenticate: bearer realm="piko"', header)
            self.assertEqual(curl(run.url + STATUS, "-H", "Authorization: Bearer wrong")[0], 401)
            self.assertEqual(curl(run.url + STATUS, "-H", "Authorization: Bearer " + TOKEN)[0], 200)
            self.assertNotIn("can be read by other users", run.said())

    def test_piko_profile_sends_it(self):
        with secret() as (folder, path), Guarded(path) as run:
            def profile(**more):
                return subprocess.run([PIKO, "profile", run.url + "/", "--pprof-url", run.url, "--duration", "1", "--phases", "heap",
                                       "--concurrency", "2", "--output", os.path.join(folder, "out")],
                                      capture_output=True, text=True, timeout=60, **more)

            self.assertIn("401", profile().stderr)
            done = profile(env={**os.environ, "PIKO_PPROF_TOKEN": TOKEN})
            self.assertTrue(os.path.getsize(os.path.join(folder, "out", "heap.pprof")), done.stderr)

    def test_a_token_that_others_can_read_is_warned_about(self):
        with secret() as (_, path):
            os.chmod(path, 0o644)
            with Guarded(path) as run:
                self.assertIn("the token in %s can be read by other users: chmod 600" % path, run.said())

    def test_a_missing_token_starts_nothing(self):
        done = subprocess.run([PIKO, "run", "--port", "0", "--token-file", "/nowhere", "--", "echo", "started"],
                              capture_output=True, text=True, timeout=30)
        self.assertNotIn("started", done.stdout)
        self.assertIn("cannot read the token in /nowhere: No such file", done.stderr)
        self.assertEqual(done.returncode, 1)  # not 127, which says that the command is missing


class UnixSocket(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="piko-socket-")
        self.addCleanup(shutil.rmtree, self.folder)
        os.chmod(self.folder, 0o755)
        self.path = os.path.join(self.folder, "socket")
        self.process = subprocess.Popen([PIKO, "run", "--unix", self.path, "--", "sleep", "600"], stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL)
        self.addCleanup(self.process.wait)
        self.addCleanup(self.process.terminate)  # which is passed on: killed, it would leave the command behind
        wait_until(lambda: os.path.exists(self.path) and self.ask()[0] == 200)

    def ask(self, *before):
        done = subprocess.run([*before, "curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "--unix-socket", self.path,
                               "http://piko" + STATUS], capture_output=True, text=True, timeout=30)
        return int(done.stdout or 0), done.returncode

    def test_it_is_its_owners_alone_and_goes_with_the_server(self):
        self.assertEqual(stat.S_IMODE(os.stat(self.path).st_mode), 0o600)
        self.process.terminate()
        self.process.wait(timeout=20)
        self.assertFalse(os.path.exists(self.path))

    @unittest.skipIf(os.geteuid(), "needs root, to become another user")
    def test_another_user_cannot_connect(self):
        nobody = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")
        self.assertEqual(self.ask(*nobody), (0, 7))  # curl: could not connect

    def test_piko_profile_captures_through_it(self):
        out = os.path.join(self.folder, "out")
        # The application is a server that answers nothing that matters: the capture is what is looked at.
        with Run("sleep", "600") as application:
            done = subprocess.run([PIKO, "profile", application.base + "/profiler/status", "--pprof-unix", self.path, "--duration", "1",
                                   "--phases", "cpu,heap", "--concurrency", "2", "--output", out], capture_output=True,
                                  text=True, timeout=60)
        self.assertEqual(done.returncode, 0, done.stderr)
        for name in ("cpu.pprof", "heap.pprof", "baseline.goroutines.txt"):
            self.assertTrue(os.path.getsize(os.path.join(out, name)), name)
        with open(os.path.join(out, "profiler_status.json")) as file:
            self.assertIn('"sleep"', file.read())


class Files(unittest.TestCase):
    def check_modes(self, folder, *least):
        found = {}
        for path, _, names in os.walk(folder):
            self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), 0o750, path)
            for name in names:
                found[name] = os.path.join(path, name)
                self.assertEqual(stat.S_IMODE(os.stat(found[name]).st_mode), 0o640, name)
        self.assertLessEqual(set(least), set(found))

    def test_others_cannot_read_what_is_captured_and_saved(self):
        with tempfile.TemporaryDirectory() as folder, Run("sleep", "600") as run:
            out = os.path.join(folder, "deep", "out")
            subprocess.run([PIKO, "profile", run.base + "/profiler/status", "--pprof-url", run.base + "/debug/pprof", "--duration",
                            "1", "--phases", "cpu,heap", "--concurrency", "2", "--output", out], check=True,
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=60, umask=0)
            self.check_modes(os.path.join(folder, "deep"), "cpu.pprof", "heap.pprof.stats", "live_performance_report.txt",
                             "baseline.goroutines.txt", "profiler_status.json")
        with tempfile.TemporaryDirectory() as folder:
            process = subprocess.Popen([PIKO, "run", "--port", "0", "--output-dir", os.path.join(folder, "kept"), "--", "sh", "-c",
                                        "kill -SEGV $$"], stderr=subprocess.DEVNULL, umask=0)
            process.wait(timeout=30)
            self.check_modes(os.path.join(folder, "kept"), "crash.txt", "heap.pprof")


class Openness(unittest.TestCase):
    def test_an_address_that_others_reach_is_warned_about(self):
        def said(*flags):
            return subprocess.run([PIKO, "run", "--port", "0", *flags, "--", "true"], capture_output=True, text=True,
                                  timeout=30).stderr

        self.assertIn("whoever reaches 0.0.0.0 port ", said("--bind", "0.0.0.0"))
        self.assertIn("nothing is encrypted", self.with_token(said))
        self.assertNotIn("whoever", said())
        self.assertNotIn("whoever", said("--bind", "127.0.0.2"))

    def with_token(self, said):
        with secret() as (_, path):
            return said("--bind", "0.0.0.0", "--token-file", path)


def rules_of_nginx():
    """(what blocks, what publishes), as the documentation has them."""
    docs = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "docs", "how-to-profile.md")
    with open(docs) as file:
        return re.findall(r"```nginx\n(.*?)```", file.read(), re.S)


@contextlib.contextmanager
def nginx(rules, upstream):
    """Its address, in front of a server on that port, with the rules."""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        port = free_port()
        with open(os.path.join(folder, "passwords"), "w") as file:
            file.write("me:{PLAIN}secret\n")
        with open(os.path.join(folder, "conf"), "w") as file:
            file.write("""daemon off; master_process off; pid %(folder)s/pid; error_log %(folder)s/log;
                events {} http { access_log off; client_body_temp_path %(folder)s/b; proxy_temp_path %(folder)s/p;
                fastcgi_temp_path %(folder)s/f; uwsgi_temp_path %(folder)s/u; scgi_temp_path %(folder)s/s;
                server { listen 127.0.0.1:%(port)d; location / { proxy_pass http://127.0.0.1:%(upstream)s; }
                %(rules)s } }""" % {"folder": folder, "port": port, "upstream": upstream,
                                    "rules": rules.replace("6060", upstream)})
        process = subprocess.Popen(["nginx", "-p", folder, "-e", folder + "/log", "-c", folder + "/conf"])
        try:
            wait_until(lambda: listens(port))
            yield "http://127.0.0.1:%d" % port
        finally:
            process.kill()
            process.wait()


@unittest.skipUnless(shutil.which("nginx"), "needs nginx")
class Proxies(unittest.TestCase):
    PATHS = ("/_piko/debug/pprof/heap", "/_piko", "/_piko/debug/pprof/", "//_piko/debug/pprof/heap", "/a/../_piko/debug/pprof/heap",
             "/%5Fpiko/debug/pprof/heap", "/_piko/../_piko/profiler/status", "/./_piko/profiler/status?a=b")

    def test_one_rule_of_nginx_blocks_all_endpoints(self):
        with Run("sleep", "600") as run, nginx(rules_of_nginx()[0], run.base.split(":")[2].split("/")[0]) as proxy:
            for path in self.PATHS:
                status, header, body = curl(proxy + path, "--path-as-is")
                self.assertEqual((status, "<center>nginx" in body), (404, True), path)
            self.assertIn("404 page not found", curl(proxy + "/other")[2])  # by the server behind it

    def test_the_rules_of_nginx_publish_them_to_who_has_a_password(self):
        with Run("sleep", "600") as run, nginx(rules_of_nginx()[1], run.base.split(":")[2].split("/")[0]) as proxy:
            named = ("-H", "Host: profiles.example")
            self.assertEqual(curl(proxy + STATUS, *named)[0], 401)
            self.assertEqual(curl(proxy + STATUS, "-u", "me:wrong", *named)[0], 401)
            status, _, body = curl(proxy + STATUS, "-u", "me:secret", *named)
            self.assertEqual((status, "pprof_base_path" in body), (200, True))
            status, _, body = curl(proxy + "/_piko/debug/pprof/trace?seconds=1", "-u", "me:secret", *named)
            self.assertEqual((status, body[:3]), (200, "go "))


if __name__ == "__main__":
    unittest.main()
