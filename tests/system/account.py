"""What was used by a moment, from looks at a counter now and then: in between in proportion."""


import concurrent.futures
import time

from decoded import Profile

POLL_S = 0.05


class Account:
    def __init__(self):
        self.seen = []  # (time in ns of CLOCK_REALTIME, [values])

    def add(self, at, values):
        self.seen.append((at, values))

    def at(self, at):
        after = next(i for i, (seen_at, _) in enumerate(self.seen) if seen_at >= at)
        (t0, before), (t1, then) = self.seen[max(after - 1, 0)], self.seen[max(after, 1)]
        return [a + (b - a) * (at - t0) / (t1 - t0) for a, b in zip(before, then)]

    def during(self, profile):
        """Of the time that the profile itself says it is about."""
        begin, end = self.at(profile.time_ns), self.at(profile.time_ns + profile.duration_ns)
        return [b - a for a, b in zip(begin, end)]


class Watched:
    """A program that says what it has used when it is asked, and its profiles: for each byte on its standard input a line
    with its time (ns of CLOCK_REALTIME) and the values."""

    def __init__(self, target):
        self.target, self.account = target, Account()

    def look(self):
        self.target.process.stdin.write("?")
        self.target.process.stdin.flush()
        at, *used = map(int, self.target.process.stdout.readline().split())
        self.account.add(at, used)

    def captures(self, *queries):
        """The bodies of all, got at once; the looks go on until the last one is there."""
        with concurrent.futures.ThreadPoolExecutor(len(queries)) as pool:
            self.look()
            bodies = [pool.submit(self.target.get, query) for query in queries]
            while not all(body.done() for body in bodies):
                time.sleep(POLL_S)
                self.look()
            self.look()
        return [body.result() for body in bodies]

    def during(self, body):
        return self.account.during(Profile(body))
