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


LOST_MAX = 10  # of some thousand samples


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
            # Lost ones count in the period that held then.
            self.assertAlmostEqual(profile.total("samples") * profile.period, profile.total("cpu"),
                                   delta=LOST_MAX * profile.period)

    def test_dumps_and_status_tell_of_the_same_threads(self):
        for profile in self.of("goroutine", Profile):
            self.assertEqual(profile.total("goroutine"), len(WORKERS) + 1)
        for client, body in self.answers:
            if client.endswith("debug=2"):
                names = re.findall(r"name=(worker-\d)", body.decode())
                self.assertEqual(sorted(names), WORKERS)
        for status in self.of("status", json.loads):
            self.assertEqual(status["threads"], len(WORKERS) + 1)
            self.assertLessEqual(status["capture"]["lost_samples"], LOST_MAX)
            self.assertGreater(status["capture"]["hook_samples"], 0)


if __name__ == "__main__":
    unittest.main()
