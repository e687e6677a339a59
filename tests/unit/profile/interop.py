#!/usr/bin/env python3
"""interop.py PROFILE_TOOL CHECK_PROFILE SAMPLE.go: the profile layer against Go: what Go's runtime writes we read, what
we write `go tool pprof` reads, with the same numbers. Needs the go command and no network."""
import gzip
import os
import re
import subprocess
import sys
import tempfile

TOOL, CHECK, SAMPLE = sys.argv[1:4]
failures = []
PPROF = None


def run(*command):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=120)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)}: {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def pprof(*arguments):
    return run(PPROF, "-symbolize=none", *arguments)


def find_pprof():
    """The program behind `go tool pprof`, which the go command builds at its first use; without its start-up time."""
    run("go", "tool", "pprof", "-h")
    return run("go", "tool", "-n", "pprof").strip()


def same(what, ours, theirs):
    if ours != theirs:
        failures.append(what)
        print(f"FAIL {what}\n--- ours\n{ours[:2000]}\n--- theirs\n{theirs[:2000]}")


def rows(text):
    """Lines of -top in an order that doesn't depend on ties; file name lines left out."""
    return "\n".join(sorted(line for line in text.splitlines() if not line.startswith("File:")))


def tidy(raw):
    """-raw with samples of equal stack and labels added up, as we add them up on reading."""
    head, samples, tail = re.match(r"(.*?\nSamples:\n[^\n]*\n)(.*?)(Locations\n.*)", raw, re.S).groups()
    sums = {}
    for line in samples.splitlines():
        if ":" in line and re.match(r"\s*-?\d+", line):
            values, stack = line.split(":", 1)
            key, numbers = stack, [int(value) for value in values.split()]
            last = [key, numbers]
            sums[id(last)] = last
        else:
            last[0] += "\n" + line
    merged = {}
    for key, numbers in sums.values():
        merged[key] = [a + b for a, b in zip(merged.get(key, [0] * len(numbers)), numbers)]
    return head, sorted(merged.items()), tail


def round_trips(folder):
    for name in ("cpu", "heap", "allocs", "block", "mutex", "goroutine", "threadcreate"):
        theirs, ours = f"{folder}/{name}.pb.gz", f"{folder}/{name}.ours.pb.gz"
        run(TOOL, "encode", theirs, ours)
        # -raw shows every field of every table by number: nothing got lost, nothing moved.
        same(f"{name} -raw", str(tidy(pprof("-raw", ours))), str(tidy(pprof("-raw", theirs))))
        same(f"{name} -top", rows(pprof("-top", ours)), rows(pprof("-top", theirs)))
        same(f"{name} -tags", pprof("-tags", ours), pprof("-tags", theirs))
        if name != "threadcreate":  # Go's own has a function without name
            same(f"{name} valid", run(CHECK, ours) + run(TOOL, "check", ours), "")
        # And through pprof's writer back to us.
        pprof("-proto", "-output", f"{folder}/again.pb.gz", ours)
        run(TOOL, "encode", f"{folder}/again.pb.gz", f"{folder}/again2.pb.gz")
        same(f"{name} -proto", rows(pprof("-top", f"{folder}/again2.pb.gz")), rows(pprof("-top", theirs)))


def sums(folder, other):
    for name in ("cpu", "heap", "block"):
        a, b = f"{folder}/{name}.pb.gz", f"{other}/{name}.pb.gz"
        run(TOOL, "merge", f"{folder}/sum.pb.gz", a, b)
        for index in range(len(re.search(r"Samples:\n(.*)\n", pprof("-raw", a)).group(1).split())):
            kind = re.search(r"Samples:\n(.*)\n", pprof("-raw", a)).group(1).split()[index].split("/")[0]
            select = f"-sample_index={kind}"
            keep = lambda text: rows(re.sub(r"(?m)^(Time|Duration):.*", "", text))
            same(f"{name} {kind} merged", keep(pprof("-top", select, f"{folder}/sum.pb.gz")),
                 keep(pprof("-top", select, a, b)))
        run(TOOL, "diff", f"{folder}/diff.pb.gz", a, b)
        same(f"{name} diff", keep(pprof("-top", f"{folder}/diff.pb.gz")), keep(pprof("-top", "-base", b, a)))
        run(TOOL, "delta", f"{folder}/delta.pb.gz", a, b)
        same(f"{name} delta valid", run(CHECK, f"{folder}/delta.pb.gz"), "")


def totals(path):
    """Sum of each sample type: pprof reads the text forms too, and scales the heap's up again."""
    columns = [numbers for _, numbers in tidy(pprof("-raw", path))[1]]
    return [sum(column) for column in zip(*columns)]


def numbers(text):
    """The rows of numbers of a text form, without the addresses: Go lists inlined calls one by one there."""
    return sorted(line.split(" @")[0] for line in text.splitlines() if " @" in line)


def texts(folder):
    for name in ("heap", "allocs"):
        with open(f"{folder}/{name}.txt", encoding="utf-8") as file:
            theirs = numbers(file.read())
        ours = numbers(run(TOOL, "text", "heap", f"{folder}/{name}.pb.gz"))
        # The sampling is undone exactly: Go's header, which adds up what it had sampled. The snapshots are taken one
        # after the other, so the allocs of the writing itself differ a little.
        if name == "heap":
            same("heap debug=1 header", ours[-1], theirs[-1])
    for name in ("heap", "block", "mutex", "goroutine"):
        path = f"{folder}/{name}.ours.txt"
        with open(path, "w", encoding="utf-8") as file:
            file.write(run(TOOL, "text", name, f"{folder}/{name}.pb.gz"))
        same(f"{name} debug=1 totals", str(totals(path)), str(totals(f"{folder}/{name}.pb.gz")))


def judge_sees(folder):
    """check-profile finds what is broken."""
    with gzip.open(f"{folder}/cpu.pb.gz") as file:
        good = file.read()
    broken = {
        "an id twice": good + b"\x2a\x04\x08\x01\x10\x01",
        "a sample without values": good + b"\x12\x00",
        "a location in no mapping": good + b"\x22\x06\x08\xff\x7f\x10\xff\x7f",
        "an address outside its mapping": good + b"\x22\x06\x08\xff\x7f\x10\x01\x18\x01",
        "a string number out of range": good + b"\x70\xff\x7f",
        "invalid UTF-8": good + b"\x32\x01\xff",
        "two profiles": good + good,
        "a function without a name": good + b"\x2a\x03\x08\xff\x7f",
        "no protobuf": b"<html>",
        "nothing": b"",
    }
    for what, data in broken.items():
        path = f"{folder}/broken.pb.gz"
        with gzip.open(path, "wb") as file:
            file.write(data)
        done = subprocess.run([CHECK, path], stdout=subprocess.PIPE, text=True)
        if done.returncode != 1 or not done.stdout.startswith(path):
            failures.append(what)
            print(f"FAIL check-profile says nothing about {what}: {done}")
    cut = subprocess.run([CHECK, os.devnull], stdout=subprocess.PIPE)
    same("check-profile on nothing", str(cut.returncode), "1")


def main():
    global PPROF
    PPROF = find_pprof()
    with tempfile.TemporaryDirectory() as folder:
        program = f"{folder}/sample"
        run("go", "build", "-trimpath", "-o", program, SAMPLE)
        for part in ("a", "b"):
            os.mkdir(f"{folder}/{part}")
            run(program, f"{folder}/{part}")
        round_trips(f"{folder}/a")
        sums(f"{folder}/a", f"{folder}/b")
        texts(f"{folder}/a")
        judge_sees(f"{folder}/a")
    return 1 if failures else 0


sys.exit(main())
