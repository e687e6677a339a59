#!/usr/bin/env python3
"""interop.py RANDOM_TRACE CHECK_TRACE: what the trace writer writes, Go's own reader takes: traces of plausible, lossy and
nonsensical events, of both kinds of rows and every version, whole and without each number of their first generations.
Needs the go command and no network."""
import itertools
import os
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

RANDOM_TRACE, CHECK_TRACE = sys.argv[1:3]
VERSIONS = ("1.22", "1.23", "1.25", "1.26")
GENERATIONS = 3
HEADER_BYTES = 16


def run(*command, **settings):
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=120, **settings)
    if done.returncode:
        sys.exit(f"{' '.join(command)}: {done.returncode}\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return done.stdout


def tool():
    """The program behind `go tool trace`; the go command may have to build it."""
    subprocess.run(["go", "tool", "trace", "-h"], capture_output=True, timeout=120)
    return run("go", "tool", "-n", "trace").strip()


def number(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return value, at


def generations(data):
    """Where each generation starts, by nothing but the headers of the batches."""
    starts, current, at = [], None, HEADER_BYTES
    while at < len(data):
        start, kind = at, data[at]
        at += 1
        if kind == 52:  # the end of a generation, since 1.26
            continue
        assert kind == 1, f"no batch at {start}"
        generation, at = number(data, at)
        _, at = number(data, at)
        _, at = number(data, at)
        size, at = number(data, at)
        at += size
        if generation != current:
            starts.append(start)
        current = generation
    return starts


def check(trace_tool, path, cut):
    with open(path, "rb") as file:
        data = file.read()
    starts = generations(data)
    assert len(starts) == GENERATIONS
    shorter = f"{path}.{cut}"
    with open(shorter, "wb") as file:
        file.write(data[:HEADER_BYTES] + data[starts[cut]:])
    listing = run(trace_tool, "-d=parsed", shorter)
    last = listing.rstrip().rsplit("\n", 1)[-1]
    if " Sync Time=" not in last:
        sys.exit(f"{shorter}: the listing ends with {last}")
    os.unlink(shorter)


def main():
    if not shutil.which("go"):
        print("go is not installed: nothing to read the traces with")
        return 77
    trace_tool = tool()
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(2) as pool:
        jobs = []
        for seed, (version, rows, nonsense) in enumerate(itertools.product(VERSIONS, ("threads", "cores"), (0, 30))):
            path = os.path.join(folder, str(seed))
            threads = 3 + seed % 5 * 15  # more than a dozen streams are sorted otherwise by Go's reader
            run(RANDOM_TRACE, str(seed), version, rows, str(nonsense), str(seed % 3 * 10), str(threads), "1500",
                str(GENERATIONS), path)
            run(CHECK_TRACE, path)
            jobs += [pool.submit(check, trace_tool, path, cut) for cut in range(GENERATIONS)]
        for job in jobs:
            job.result()
    print(f"{len(jobs)} traces")
    return 0


if __name__ == "__main__":
    sys.exit(main())
