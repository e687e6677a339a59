"""Programs whose truth is known: what they do is what the profiles say."""
import os
import re
import subprocess
import tempfile
import unittest

from account import Watched
from decoded import Profile
from target import Target, tags, top

MS = 1e6


class Cpu(unittest.TestCase):
    def test_cpu_time_comes_out_in_its_true_proportions(self):
        with Target("cpu_truth") as target:
            watched = Watched(target)
            body, = watched.captures("profile?seconds=10")
            used = watched.during(body)
            rows = top(target.keep("profile", body), "cpu", unit="ns")
        sampled = [rows["burn_" + name][1] for name in ("busy", "idle", "three", "one")]
        self.assertAlmostEqual((sampled[0] / sampled[1]) / (used[0] / used[1]), 1, delta=0.05)  # across threads
        self.assertAlmostEqual((sampled[2] / sampled[3]) / (used[2] / used[3]), 1, delta=0.10)  # within one
        self.assertAlmostEqual(sum(sampled) / sum(used), 1, delta=0.03)
        # That is 3:1, but for a part of a round that the ten seconds cut off.
        self.assertAlmostEqual(used[0] / used[1], 3, delta=0.6)
        self.assertAlmostEqual(used[2] / used[3], 3, delta=0.6)

    def test_threads_that_the_tick_hardly_meets_are_counted_in_full(self):
        with Target("many_truth") as target:
            watched = Watched(target)
            body, = watched.captures("profile?seconds=5")
            used = watched.during(body)
            rows = top(target.keep("profile", body), "cpu", unit="ns")
        self.assertAlmostEqual(rows["run_sleeper"][1] / used[0], 1, delta=0.15)  # with the rest of what it does
        self.assertAlmostEqual(rows["run_task"][1] / used[1], 1, delta=0.15)

    def test_samples_carry_their_thread(self):
        with Target("cpu_truth") as target:
            text = tags(target.save("profile?seconds=1"), "cpu")
        self.assertIn("thread_name", text)
        self.assertIn("thread id", text)
        self.assertIn("both", text)


def ask(target):
    """What the program says of itself: CPU time by its own clocks, its allocations."""
    target.process.stdin.write("?")
    target.process.stdin.flush()
    return list(map(int, target.process.stdout.readline().split()))


class Heap(unittest.TestCase):
    def test_at_the_default_rate_a_gigabyte_is_estimated_within_a_tenth(self):
        blocks, size = 20000, 1 << 16
        with Target("heap_truth", 0, blocks, size) as target:
            heap, allocs = target.save("heap"), target.save("allocs")
        truth = blocks * size
        for function, inuse in (("leak", truth), ("churn", 0)):
            with self.subTest(function=function):
                self.assertAlmostEqual(top(allocs, "alloc_space", unit="B")[function][0] / truth, 1, delta=0.1)
                self.assertAlmostEqual(top(allocs, "alloc_objects")[function][0] / blocks, 1, delta=0.1)
                in_use = top(heap, "inuse_space", unit="B").get(function, (0, 0))[0]
                self.assertAlmostEqual(in_use / truth, inuse / truth, delta=0.1 if inuse else 0)

    def test_at_rate_1_every_byte_is_exact(self):
        blocks, size = 1000, 123
        with Target("heap_truth", 1, blocks, size) as target:
            heap = target.save("heap")
            listing = subprocess.run(["go", "tool", "pprof", "-list=^leak$", "-sample_index=inuse_space", "-unit=B", heap],
                                     check=True, capture_output=True, text=True).stdout
            self.assertRegex(listing, r"123000B\s+123000B .*the line of the leak")
        self.assertEqual(top(heap, "inuse_space", unit="B")["leak"], (blocks * size, blocks * size))
        self.assertEqual(top(heap, "inuse_objects")["leak"][0], blocks)
        self.assertEqual(top(heap, "alloc_space", unit="B")["churn"][0], blocks * size)
        self.assertEqual(top(heap, "alloc_space", unit="B")["grow"][0], 7000)
        self.assertEqual(top(heap, "inuse_space", unit="B")["grow"][0], 4000)
        self.assertNotIn("churn", top(heap, "inuse_space", unit="B"))


    def check_estimates(self, profile, function, truth):
        for kind, true in truth.items():
            got = profile.total(kind, lambda sample: function in sample.stack)
            print("%s: %d of %d, %+.2f %%" % (kind, got, true, 100 * (got / true - 1 if true else 0)))
            self.assertAlmostEqual(got / max(true, 1), 1 if true else 0, delta=0.05 if true else 0)

    def test_a_million_allocations_of_mixed_sizes_are_estimated_within_a_twentieth(self):
        for rate, least, most, kept in ((512 << 10, 1 << 10, 1 << 16, 0), (4 << 10, 32, 1 << 12, 4)):
            with self.subTest(rate=rate), Target("heap_mixed", rate, least, most, 1000000, kept) as target:
                objects, size, kept_objects, kept_size = ask(target)
                self.check_estimates(Profile(target.get("heap")), "allocate_mixed", {
                    "alloc_objects": objects, "alloc_space": size, "inuse_objects": kept_objects,
                    "inuse_space": kept_size})

    def test_after_100_million_pairs_exactly_the_live_objects_are_left(self):
        rate, live, size = 4 << 10, 1000, 128 << 10  # large enough that each of them is a sample
        with Target("heap_pairs", rate, 100000000, live, size) as target:
            profile = Profile(target.get("heap"))
        self.assertGreater(profile.cum("alloc_objects", "allocate_small"), 90000000)
        self.assertEqual(profile.cum("inuse_objects", "allocate_small"), 0)
        self.assertEqual(profile.cum("inuse_space", "allocate_small"), 0)
        self.assertEqual(profile.cum("inuse_objects", "allocate_live"), live)
        self.assertEqual(profile.cum("inuse_space", "allocate_live"), live * size)
        own_cost = dict(word.split("=") for word in profile.comments[-1].removeprefix("capture: ").split())
        self.assertAlmostEqual(int(own_cost["hook_samples"]) * rate / profile.total("alloc_space"), 1, delta=0.1)
        self.assertGreater(int(own_cost["hook_ns"]) / int(own_cost["hook_samples"]), 10)


class Locks(unittest.TestCase):
    def test_the_holder_is_charged_with_all_waiting_and_each_waiter_with_its_own(self):
        for arguments in [(), ("futex",)]:
            with self.subTest(arguments=arguments):
                with Target("lock_truth", *arguments) as target:
                    mutex, block = target.save("mutex"), target.save("block")
                    held, waited = map(int, target.end().split())
                self.assertGreater(held, 150 * MS)  # three times 100 ms, but for those who came late on a busy machine
                self.assertAlmostEqual(top(mutex, "delay", unit="ns")["hold"][1], held, delta=30 * MS)
                self.assertEqual(top(mutex, "contentions")["hold"][1], 1)
                self.assertAlmostEqual(top(block, "delay", unit="ns")["wait_for_it"][1], waited, delta=30 * MS)
                self.assertGreaterEqual(top(block, "contentions")["wait_for_it"][1], 3)

    def test_both_ends_of_a_wait_name_the_same_lock(self):
        for arguments in [(), ("futex",)]:
            with self.subTest(arguments=arguments), tempfile.TemporaryDirectory() as folder:
                with Target("lock_truth", *arguments) as target:
                    for name in ("mutex", "block"):
                        with open(os.path.join(folder, name + ".pprof"), "wb") as file:
                            file.write(target.get(name))
                report = subprocess.run([os.environ["PIKO"], "report", folder], check=True, capture_output=True, text=True).stdout
                self.assertRegex(report, r" 0x[0-9a-f]+ +unlock  \S+lock_truth.c:\d+ 100.00% +lock  \S+lock_truth.c:\d+ 100.00%\n")


PARKS = {"mutex": "mutex wait", "rwlock": "rwlock wait", "cond": "cond wait", "semaphore": "semaphore wait",
         "barrier": "barrier wait", "join": "join", "futex": "futex wait", "read": "IO wait", "poll": "IO wait",
         "epoll": "IO wait", "sleep": "sleep", "pause": "syscall", "sigwait": "syscall", "write": "IO wait",
         "send": "IO wait", "flock": "syscall", "fcntl": "syscall", "msgrcv": "syscall", "read_chk": "IO wait",
         "recv_chk": "IO wait", "poll_chk": "IO wait", "running": "running"}


class Dump(unittest.TestCase):
    def check_dump(self, text):
        blocks = {}
        for block in text.strip().split("\n\n"):
            match = re.match(r"goroutine \d+ \[([^,\]]+)(?:, \d+ minutes)?(?:, name=([^\]]*))?\]:\n", block)
            self.assertTrue(match, block)
            blocks[match.group(2)] = (match.group(1), block)
        for name, state in PARKS.items():
            with self.subTest(name=name):
                self.assertIn(name, blocks)
                self.assertEqual(blocks[name][0], state)
                # Its caller is the first: a hook saw it, not the kernel alone.
                self.assertEqual(blocks[name][1].splitlines()[1], "park_%s(...)" % name)
                self.assertRegex(blocks[name][1], r"\t\S*/parked\.c:\d+ \+0x[0-9a-f]+\n")
                self.assertIn("run(...)", blocks[name][1])
        self.assertNotIn("piko-", text)
        return blocks

    def test_every_parked_thread_is_in_the_dump_by_name(self):
        with Target("parked") as target:
            text = target.get("goroutine?debug=2").decode()
            self.check_dump(text)
            self.assertIn("created by main", text)
            counted = target.get("goroutine?debug=1").decode()
            profile = target.save("goroutine")
        self.assertTrue(counted.startswith("goroutine profile: total %d\n" % (len(PARKS) + 2)), counted[:60])
        for name in PARKS:
            self.assertIn("park_" + name, top(profile, "goroutine"))

    def test_threads_that_were_there_before_are_listed_too(self):
        with Target("parked", "late") as target:
            text = target.get("goroutine?debug=2").decode()
        for name, state in PARKS.items():
            with self.subTest(name=name):
                # Some of libc's functions have names in its debug information alone, which may not be installed.
                states = state + "|futex wait" if name in ("semaphore", "join", "mutex", "rwlock") else state
                self.assertRegex(text, r"goroutine \d+ \[(%s), name=%s\]:" % (states, name))
                if name != "running":
                    self.assertIn("park_%s(...)" % name, text)


if __name__ == "__main__":
    unittest.main()
