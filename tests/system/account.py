"""What was used by a moment, from looks at a counter now and then: in between in proportion."""


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
