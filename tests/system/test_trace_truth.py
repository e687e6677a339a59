"""A program whose waits and wake-ups are known: the trace shows each of them, and nothing else."""
import collections
import os
import re
import shutil
import subprocess
import unittest
import urllib.request

from target import DIRECTORY, Target, top

MS = 1e6
# Between the trace's clock and the program's: what it takes to read both, were the CPU taken away in between.
CLOCKS_NS = 1 * MS
# Of each kind of wait: its reason, and whether a thread of the program is known to have ended it.
KINDS = {"mutex": ("sync (mutex)", True), "rwlock_reader": ("sync (rwlock)", True),
         "rwlock_writer": ("sync (rwlock)", True), "cond": ("sync (cond wait)", True),
         "cond_broadcast": ("sync (cond wait)", True), "cond_timeout": ("sync (cond wait)", False),
         "semaphore": ("sync (semaphore)", True), "barrier": ("sync (barrier)", True),
         "join": ("sync (thread join)", True), "futex": ("sync (futex)", True), "pipe": ("syscall", False),
         "recv": ("network", False), "read_socket": ("network", False), "epoll": ("network", False),
         "sleep": ("sleep", False), "child": ("child process", False)}

Truth = collections.namedtuple("Truth", "kind waiter waker began asleep woke returned")


class Block:
    """From `begin` on its thread waited; at `end` it was let go on, by `waker` (0: nobody's doing); at `ran` it did."""

    def __init__(self, reason, begin):
        self.reason, self.begin, self.end, self.ran, self.waker = reason, begin, None, None, 0


def blocks_of(path):
    """{thread: [Block]} of a trace of format 1.26, in ns of CLOCK_MONOTONIC, as `go tool trace` reads it."""
    text = subprocess.run(["go", "tool", "trace", "-d=parsed", path], check=True, capture_output=True, text=True,
                          timeout=60).stdout
    trace_ns, mono_ns = map(int, re.search(r"Sync .*Trace=(\d+) Mono=(\d+)", text).groups())
    blocks = collections.defaultdict(list)
    for g, time, thread, before, after, reason in re.findall(
            r'^M=\S+ P=\S+ G=(\S+) StateTransition Time=(\d+) GoID=(\d+) (\w+)->(\w+) Reason="(.*)"', text, re.M):
        ns, list_ = int(time) - trace_ns + mono_ns, blocks[int(thread)]
        if before == "Running" and after in ("Waiting", "Syscall"):
            list_.append(Block(reason or "syscall", ns))
        elif before in ("Waiting", "Syscall"):
            list_[-1].end, list_[-1].waker = ns, int(g) if g not in ("-1", thread) else 0
        if after == "Running" and list_ and not list_[-1].ran:
            list_[-1].ran = ns
    return blocks


@unittest.skipUnless(shutil.which("go"), "needs Go, for go tool trace")
class Truths(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        with Target("trace_truth") as target:
            with urllib.request.urlopen(target.base + "/profiler/trace/recent?format=1.26", timeout=60) as response:
                trace = response.read()
            cls.delays = top(target.save("block"), "delay", unit="ns")
            lines = target.end().splitlines()
        path = os.path.join(DIRECTORY.name, "truth.trace")
        with open(path, "wb") as file:
            file.write(trace)
        cls.blocks = blocks_of(path)
        cls.truths = [Truth(line.split()[0], *map(int, line.split()[1:])) for line in lines]

    def block_of(self, truth):
        """The block that overlaps what the program knows to be that wait's middle."""
        found = [block for block in self.blocks[truth.waiter]
                 if block.begin < truth.woke and (block.end or truth.woke) > truth.asleep]
        self.assertEqual(len(found), 1, truth)
        return found[0]

    def waits(self):
        return [truth for truth in self.truths if truth.kind != "turn"]

    def test_each_wait_is_there_with_its_reason_its_ends_and_its_waker(self):
        self.assertEqual(collections.Counter(truth.kind for truth in self.waits()), dict.fromkeys(KINDS, 5))
        for truth in self.waits():
            reason, has_waker = KINDS[truth.kind]
            with self.subTest(truth=truth):
                block = self.block_of(truth)
                self.assertEqual(block.reason, reason)
                self.assertEqual(block.waker, truth.waker if has_waker else 0)
                self.assertGreater(block.begin, truth.began - CLOCKS_NS)
                self.assertLess(block.begin, truth.asleep + CLOCKS_NS)
                self.assertGreater(block.end, truth.woke - CLOCKS_NS)
                self.assertLess(block.ran, truth.returned + CLOCKS_NS)

    def test_its_length_is_that_of_the_call(self):
        """Where nothing came between: in one of five rounds at least."""
        off = collections.defaultdict(list)
        for truth in self.waits():
            block = self.block_of(truth)
            off[truth.kind].append(abs((block.ran - block.begin) - (truth.returned - truth.began)))
        for kind, of_kind in off.items():
            with self.subTest(kind=kind):
                self.assertLess(min(of_kind), 1 * MS)

    def test_the_waiter_waits_for_nothing_else(self):
        known = [self.block_of(truth) for truth in self.waits()]
        others = [block.reason for block in self.blocks[self.truths[0].waiter] if block not in known]
        self.assertLessEqual(set(others), {"sync (mutex)"})  # the condition's, if they met there

    def test_who_takes_a_mutex_was_let_in_by_its_last_holder(self):
        """Or by nobody, where it came just as the lock was let go, and nobody knew of it yet."""
        had, wakers = {}, []
        for turn in self.truths:
            if turn.kind != "turn":
                continue
            for block in self.blocks[turn.waiter]:
                if had.get(turn.waiter, 0) < block.begin and block.ran < turn.returned + CLOCKS_NS:
                    self.assertEqual(block.reason, "sync (mutex)", turn)
                    self.assertIn(block.waker, (turn.waker, 0), turn)
                    wakers.append(block.waker)
            had[turn.waiter] = turn.returned
        self.assertGreaterEqual(len(wakers), 4)
        self.assertLess(wakers.count(0), len(wakers) / 2)

    def test_it_blocks_as_long_as_the_block_profile_says(self):
        traced = sum(block.ran - block.begin for blocks in self.blocks.values() for block in blocks
                     if block.ran and block.reason.startswith("sync"))
        profiled = sum(flat for flat, _ in self.delays.values())
        self.assertAlmostEqual(traced / profiled, 1, delta=0.02)


if __name__ == "__main__":
    unittest.main()
