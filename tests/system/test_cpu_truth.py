"""CPU time against the kernel's own account of each thread, over the profile's own span of time."""
import concurrent.futures
import unittest

from account import Watched
from decoded import Profile
from target import Target

SECONDS = 10


def sampled(profile, n_threads):
    """CPU time of each thread by the profile, and of all."""
    by_name = {str(i): 0 for i in range(n_threads)}
    for sample in profile.samples:
        if sample.labels.get("thread_name") in by_name:
            by_name[sample.labels["thread_name"]] += sample.values[1]
    return list(by_name.values())


class Cpu(unittest.TestCase):
    def run_targets(self, *commands):
        """[(CPU time used, CPU time sampled)] by thread, of programs that run at the same time."""
        def one(arguments):
            with Target("cpu_threads", *arguments) as target:
                watched = Watched(target)
                body, = watched.captures("profile?seconds=%d" % SECONDS)
                profile = Profile(body)
                self.assertEqual(profile.total("samples") * profile.period, profile.total("cpu"))
                return watched.account.during(profile), sampled(profile, len(arguments))
        with concurrent.futures.ThreadPoolExecutor(len(commands)) as pool:
            return list(pool.map(one, commands))

    def check_total(self, used, got, delta):
        print("%d threads: %.3f s used, %.3f s sampled, %+.2f %%"
              % (len(used), sum(used) / 1e9, sum(got) / 1e9, 100 * (sum(got) / sum(used) - 1)))
        self.assertAlmostEqual(sum(got) / sum(used), 1, delta=delta)

    def test_the_total_of_64_threads(self):
        (used, got), = self.run_targets(["10/0"] * 64)
        self.check_total(used, got, 0.03)

    def test_the_total_of_few_threads(self):
        for used, got in self.run_targets(["10/0"], ["10/0"] * 2, ["10/0"] * 8):
            self.check_total(used, got, 0.02)

    def test_3_to_1_stays_3_to_1_also_for_threads_that_sleep_half_of_the_time(self):
        for used, got in self.run_targets(["30/0", "10/20"], ["30/30", "10/50"]):
            self.check_total(used, got, 0.02)
            print("%.4f:1 used, %.4f:1 sampled" % (used[0] / used[1], got[0] / got[1]))
            self.assertAlmostEqual((got[0] / got[1]) / (used[0] / used[1]), 1, delta=0.02)

    def test_captures_at_different_rates_at_once_are_each_right(self):
        with Target("cpu_threads", "10/0", "20/20") as target:
            watched = Watched(target)
            rates = (100, 1000, 250, 0)
            queries = ["profile?seconds=%d%s" % (seconds, "&hz=%d" % hz if hz else "")
                       for hz, seconds in zip(rates, (4, 2, 3, 4))]
            profiles = [Profile(body) for body in watched.captures(*queries)]
            for hz, profile in zip(rates, profiles):
                with self.subTest(hz=hz):
                    used, got = watched.account.during(profile), sampled(profile, 2)
                    print("hz %4d: period %d ns" % (hz, profile.period))
                    self.check_total(used, got, 0.03)
                    self.assertEqual(profile.period, 1000000)  # of the fastest while they ran
                    self.assertEqual(profile.total("samples") * profile.period, profile.total("cpu"))
            body, = watched.captures("profile?seconds=1&hz=50")
            profile = Profile(body)
            self.assertEqual(profile.period, 20000000)  # the fast one is over
            self.check_total(watched.account.during(profile), sampled(profile, 2), 0.1)


if __name__ == "__main__":
    unittest.main()
