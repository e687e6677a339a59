#!/usr/bin/env python3
"""perfetto.py RANDOM_TRACE: Perfetto traces, decoded by hand: every name that an event uses was interned before it in its
generation, every track described, slices end where one began, flows end where one was drawn, times ascend."""
import collections
import os
import subprocess
import sys
import tempfile

BEGIN, END, INSTANT, COUNTER = 1, 2, 3, 4


def varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return value, at


def fields(data):
    """{number: [values]} of a message."""
    found, at = collections.defaultdict(list), 0
    while at < len(data):
        key, at = varint(data, at)
        kind = key & 7
        if kind == 0:
            value, at = varint(data, at)
        elif kind == 1:
            value, at = int.from_bytes(data[at:at + 8], "little"), at + 8
        elif kind == 2:
            size, at = varint(data, at)
            assert at + size <= len(data), "cut off"
            value, at = data[at:at + size], at + size
        else:
            raise AssertionError(f"wire type {kind}")
        found[key >> 3].append(value)
    return found


class Trace:
    def __init__(self):
        self.tracks, self.names, self.values = {}, {}, {}
        self.depth = collections.Counter()
        self.drawn, self.ended, self.seen = set(), set(), collections.Counter()
        self.last = self.generations = 0

    def intern(self, data):
        interned = fields(data)
        for message in interned[2]:
            name = fields(message)
            self.names[name[1][0]] = name[2][0]
        for message in interned[29]:
            value = fields(message)
            self.values[value[1][0]] = value[2][0]

    def event(self, event, time):
        assert time >= self.last, "time goes back"
        self.last = time
        track, kind = event[11][0], event[9][0]
        assert track in self.tracks, f"track {track} is not described"
        assert not event[10] or event[10][0] in self.names, "a name that was not interned"
        for annotation in event[4]:
            assert fields(annotation)[17][0] in self.values, "a value that was not interned"
        if kind == BEGIN:
            self.depth[track] += 1
        elif kind == END:
            assert self.depth[track] or track >> 48 == 2, "an end without a begin"
            self.depth[track] = max(0, self.depth[track] - 1)
        elif kind == COUNTER:
            assert event[30], "a counter without a value"
        self.drawn.update(event[47])
        for flow in event[48]:
            assert flow in self.drawn and flow not in self.ended, "a flow that nobody drew"
            self.ended.add(flow)
        self.seen[kind] += 1

    def read(self, data):
        for message in fields(data)[1]:
            packet = fields(message)
            assert packet[10] == [1], "another sequence"
            if packet[13] == [1]:
                self.names, self.values = {}, {}
                self.generations += 1
            if packet[12]:
                self.intern(packet[12][0])
            if packet[60]:
                descriptor = fields(packet[60][0])
                self.tracks[descriptor[1][0]] = descriptor
            if packet[11]:
                self.event(fields(packet[11][0]), packet[8][0])


def main():
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "trace")
        for seed in range(8):
            nonsense, rows = ("0", "30")[seed % 2], ("threads", "cores")[seed // 2 % 2]
            subprocess.run([sys.argv[1], str(seed), "perfetto", rows, nonsense, "5", "20", "3000", "3", path], check=True,
                           stdout=subprocess.DEVNULL)
            trace = Trace()
            with open(path, "rb") as file:
                trace.read(file.read())
            assert trace.generations == 3 and trace.ended, "generations, flows"
            assert all(trace.seen[kind] > 100 for kind in (BEGIN, END, INSTANT, COUNTER)), trace.seen
            assert sum(1 for uuid in trace.tracks if uuid >> 48 == 2) >= 20, "a track for each thread"
    return 0


sys.exit(main())
