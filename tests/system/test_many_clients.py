"""Fifty clients at once, of all kinds, on a program that does the same all the time: each is answered, and what they are told
agrees."""
import concurrent.futures
import json
import re
import time
import unittest
import urllib.request

from decoded import Profile
from target import Target

SECONDS = 3
CLIENTS = (["profile?seconds=%d" % SECONDS] * 8 + ["profile?seconds=%d&hz=250" % SECONDS] * 4
           + ["allocs?seconds=%d" % SECONDS] * 8 + ["heap?seconds=%d" % SECONDS] * 6 + ["mutex?seconds=%d" % SECONDS] * 4
           + ["block?seconds=%d" % SECONDS] * 4 + ["goroutine?debug=2"] * 8 + ["goroutine"] * 4 + ["status"] * 4)
WORKERS = ["worker-%d" % i for i in range(4)]
APART_MAX = 1.5  # their spans of time are not quite the same, and the machine has other work


def ask(target, client):
    if client != "status":
        return target.get(client)
    with urllib.request.urlopen(target.base + "/profiler/status", timeout=60) as response:
        return response.read()


class ManyClients(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        assert len(CLIENTS) == 50
        with Target("steady") as target, concurrent.futures.ThreadPoolExecutor(len(CLIENTS)) as pool:
            time.sleep(0.5)
            cls.answers = list(zip(CLIENTS, pool.map(lambda client: ask(target, client), CLIENTS)))

    def of(self, name, decode):
        return [decode(body) for client, body in self.answers if client.split("?")[0] == name and "debug" not in client]

    def check_agreement(self, name, value_type, function):
        per_second = [profile.cum(value_type, function) * 1e9 / profile.duration_ns for profile in self.of(name, Profile)]
        print("%s, %s a second: %.3g to %.3g" % (name, value_type, min(per_second), max(per_second)))
        self.assertGreater(min(per_second), 0)
        self.assertLess(max(per_second) / min(per_second), APART_MAX)

    def test_deltas_agree(self):
        self.check_agreement("profile", "cpu", "work")
        self.check_agreement("allocs", "alloc_space", "allocate_steadily")
        self.check_agreement("heap", "alloc_space", "allocate_steadily")
        self.check_agreement("mutex", "delay", "work")
        self.check_agreement("block", "delay", "work")

    def test_cpu_profiles_of_both_rates_count_in_the_same_periods(self):
        for profile in self.of("profile", Profile):
            self.assertEqual(profile.period, 4000000)
            # What was sampled at the slower rate is 2.5 of them: half a period is rounded away, once a stack and thread.
            self.assertAlmostEqual(profile.total("samples") * profile.period, profile.total("cpu"),
                                   delta=len(profile.samples) * profile.period / 2)

    def test_dumps_and_status_tell_of_the_same_threads(self):
        for profile in self.of("goroutine", Profile):
            self.assertEqual(profile.total("goroutine"), len(WORKERS) + 1)
        for client, body in self.answers:
            if client.endswith("debug=2"):
                names = re.findall(r"name=(worker-\d)", body.decode())
                self.assertEqual(sorted(names), WORKERS)
        for status in self.of("status", json.loads):
            self.assertEqual(status["threads"], len(WORKERS) + 1)
            self.assertLess(status["capture"]["lost_samples"], 10)
            self.assertGreater(status["capture"]["hook_samples"], 0)


class Rates(unittest.TestCase):
    """Captures that come and go at six rates: each change starts every thread's timer anew, and what a thread owes the old
    one is counted before it has had a sample of the next."""

    def test_no_sample_is_lost_where_rates_change(self):
        def capture(target, hz):
            return [Profile(target.get("profile?seconds=1&hz=%d" % hz)) for _ in range(4) if not time.sleep(hz / 5000)]

        rates = [100, 250, 333, 500, 997, 1000]
        with Target("steady") as target, concurrent.futures.ThreadPoolExecutor(len(rates)) as pool:
            profiles = sum(pool.map(lambda hz: capture(target, hz), rates), [])
            status = json.loads(ask(target, "status"))
        self.assertEqual(status["capture"]["lost_samples"], 0)
        for profile in profiles:
            self.assertGreater(profile.cum("cpu", "work"), 0)
            self.assertEqual(profile.cum("cpu", "lost"), 0)


if __name__ == "__main__":
    unittest.main()
