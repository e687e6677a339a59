"""`piko diff`: differences are those of `go tool pprof -diff_base`, repeated runs of one program are called noise, and what
cannot be compared is said clearly. repeats/ has eight runs of the example site, five seconds a profile, recorded on a
machine that others used too."""
import gzip
import itertools
import json
import os
import re
import shutil
import subprocess
import tempfile
import unittest

PIKO = os.environ.get("PIKO", "piko")
HERE = os.path.dirname(os.path.abspath(__file__))
PROFILES = os.path.join(HERE, "..", "unit", "report", "profiles")
REPEATS = os.path.join(HERE, "repeats")
RUNS = sorted(os.listdir(REPEATS))
FALSE_MOST = 0.05


def diff(*arguments, **more):
    return subprocess.run([PIKO, "diff", *arguments], capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL,
                          env={**os.environ, "LC_ALL": "C.UTF-8", **more})


def go_profile(name):
    return os.path.join(PROFILES, name + ".pprof")


def repeat(run, kind):
    return os.path.join(REPEATS, run, kind + ".pprof")


def halved(path, folder):
    """The same profile without every other sample, the leaf of which still counts in the callers' values."""
    kept = os.path.join(folder, "half.pprof")
    with open(path, "rb") as file:
        data = gzip.decompress(file.read())
    out, at, samples = b"", 0, 0
    while at < len(data):
        start, tag, at = at, *read_varint(data, at)
        if tag & 7 == 2:
            size, at = read_varint(data, at)
            at += size
        else:
            _, at = read_varint(data, at)
        samples += tag >> 3 == 2
        if tag >> 3 != 2 or samples % 2:
            out += data[start:at]
    with open(kept, "wb") as file:
        file.write(gzip.compress(out))
    return kept


def read_varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 127) << shift
        shift, at = shift + 7, at + 1
        if byte < 128:
            return value, at


@unittest.skipUnless(shutil.which("go"), "go is not installed: nothing to compare with")
class AgreesWithPprof(unittest.TestCase):
    ROW = re.compile(r"\s*(-?\S+)\s+(\S+%)\s+(\S+%)\s+(-?\S+)\s+(\S+%)\s\s(.*)$")

    def theirs(self, before, after, sample_type, group):
        """{label: (flat, cum)}, and what they have none of is none of ours either."""
        text = subprocess.run(["go", "tool", "pprof", "-symbolize=none", "-nodecount=0", "-nodefraction=0", "-edgefraction=0",
                               "-unit=auto", "-top", *group, "-sample_index=" + sample_type, "-diff_base=" + before, after],
                              check=True, capture_output=True, text=True, timeout=60).stdout
        rows = {}
        for flat, _, _, cum, _, label in (match.groups() for match in map(self.ROW.match, text.splitlines()) if match):
            if flat != "flat":
                rows.setdefault(re.sub(r" \((partial-)?inline\)$", "", label), []).append((flat, cum))
        return rows

    def ours(self, before, after, sample_type, *arguments):
        """{label: difference as text}"""
        done = diff(before, after, "--per", "run", "--top", "0", "--sample-index", sample_type, *arguments)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        rows = {}
        for line in done.stdout.split("function  file:line\n", 1)[-1].splitlines():
            found = re.match(r" *(\S+) +(\S+) +(\S+) +(\S+) +(noise|changed|needs more samples) +(\S.*)  (\S+)$", line)
            if found:
                function, place = found[6], found[7]
                label = f"{function} {place}" if "--lines" in arguments and place != "-" else function
                rows.setdefault(label, []).append(found[3].lstrip("+"))
        return rows

    def compare(self, before, after, sample_type, by_line):
        theirs = self.theirs(before, after, sample_type, ["-lines"] if by_line else [])
        self.assertTrue(theirs)
        for column, flags in ((0, ()), (1, ("--cum",))):
            ours = self.ours(before, after, sample_type, *flags, *(["--lines"] if by_line else []))
            expected = {label: sorted(row[column] for row in rows if row[column] != "0") for label, rows in theirs.items()}
            found = {label: sorted(value for value in values if value != "0") for label, values in ours.items()}
            self.assertEqual({k: v for k, v in found.items() if v}, {k: v for k, v in expected.items() if v})

    def test_of_programs_in_c_go_and_rust_by_function_and_by_line(self):
        with tempfile.TemporaryDirectory() as folder:
            pairs = [(repeat("1", "cpu"), repeat("2", "cpu"), "cpu"), (repeat("3", "allocs"), repeat("4", "allocs"), "alloc_space"),
                     (repeat("5", "mutex"), repeat("6", "mutex"), "delay"), (repeat("5", "block"), repeat("1", "block"), "contentions")]
            for name, sample_type in (("cpu", "cpu"), ("heap", "inuse_space"), ("block", "delay"), ("rust_cpu", "samples"),
                                      ("rust_allocs", "alloc_objects")):
                os.mkdir(os.path.join(folder, name))
                pairs.append((go_profile(name), halved(go_profile(name), os.path.join(folder, name)), sample_type))
            for before, after, sample_type in pairs:
                for by_line in (False, True):
                    with self.subTest(before=before, sample_type=sample_type, by_line=by_line):
                        self.compare(before, after, sample_type, by_line)

    def test_json_has_the_values_of_both_sides(self):
        for kind, sample_type in (("cpu", "cpu"), ("allocs", "alloc_objects"), ("mutex", "delay")):
            before, after = repeat("1", kind), repeat("2", kind)
            one = json.loads(diff(before, after, "--json", "--top", "0", "--cum", "--sample-index", sample_type).stdout)["diffs"][0]
            for side, path in enumerate((before, after)):
                table = json.loads(subprocess.run([PIKO, "report", path, "--json", "--top", "0", "--sample-index", sample_type],
                                                  capture_output=True, text=True, timeout=60).stdout)["tables"][0]
                self.assertEqual(one["total"]["value"][side], table["total"])
                ours = sorted((row["function"], row["flat"][side], row["cum"][side]) for row in one["rows"] if row["cum"][side])
                self.assertEqual(ours, sorted((row["function"], row["flat"], row["cum"]) for row in table["rows"] if row["cum"]))


class Verdicts(unittest.TestCase):
    def test_of_rows_of_repeated_runs_at_most_one_in_twenty_is_called_changed(self):
        for kind, sample_type in (("cpu", "cpu"), ("allocs", "alloc_space"), ("allocs", "alloc_objects"), ("mutex", "delay"),
                                  ("mutex", "contentions"), ("block", "delay"), ("block", "contentions")):
            for flags in ([], ["--cum"], ["--lines"]):
                rows = changed = 0
                for before, after in itertools.combinations(RUNS, 2):
                    done = diff(repeat(before, kind), repeat(after, kind), "--sample-index", sample_type, "--json", *flags)
                    one = json.loads(done.stdout)["diffs"][0]
                    self.assertEqual(one["per"], "request")
                    rows, changed = rows + one["n_rows"], changed + one["n_changed"]
                print(f"{kind} {sample_type} {' '.join(flags)}: {changed} of {rows} rows called changed ({changed / rows:.2%})")
                self.assertLessEqual(changed, FALSE_MOST * rows, (kind, sample_type, flags))

    def test_a_profile_equals_itself(self):
        for name in os.listdir(PROFILES):
            if name.endswith(".pprof"):
                path = os.path.join(PROFILES, name)
                for one in json.loads(diff(path, path, "--json", "--top", "0").stdout)["diffs"]:
                    self.assertEqual(one["n_changed"], 0)
                    self.assertTrue(all(row["change"] == 0 and row["probability"] > 0.999 for row in one["rows"]), name)

    def test_what_one_side_alone_does_is_found(self):
        """A program against itself without what one function does, with as many samples as eight runs have together."""
        with tempfile.TemporaryDirectory() as folder:
            merged, without = os.path.join(folder, "all.pprof"), os.path.join(folder, "without.pprof")
            for path, filters in ((merged, []), (without, ["-ignore=__strcmp_avx2"])):
                if not shutil.which("go"):
                    self.skipTest("go is not installed: nothing merges profiles")
                subprocess.run(["go", "tool", "pprof", "-symbolize=none", "-proto", *filters, "-output=" + path,
                                *[repeat(run, "cpu") for run in RUNS]], check=True, capture_output=True, timeout=60)
            text = diff(merged, without).stdout
            self.assertRegex(text, r"gone +changed +__strcmp_avx2")
            self.assertIn("1 of ", text)


class Runs(unittest.TestCase):
    def test_folders_are_compared_profile_by_profile(self):
        text = diff(os.path.join(REPEATS, "1"), os.path.join(REPEATS, "2")).stdout
        self.assertEqual(re.findall("DIFF: +(.*)", text), ["cpu (cpu)", "allocs (alloc_space)", "allocs (alloc_objects)",
                                                           "mutex (delay)", "block (delay)"])
        self.assertIn("per request (25606 before, 20978 after)", text)

    def test_a_profile_that_one_side_lacks_is_named(self):
        with tempfile.TemporaryDirectory() as folder:
            shutil.copy(repeat("2", "cpu"), folder)
            done = diff(os.path.join(REPEATS, "1"), folder)
        self.assertEqual(done.returncode, 3)
        self.assertIn("there is no mutex.pprof in it", done.stderr)
        self.assertIn("DIFF:      cpu (cpu)", done.stdout)

    def test_tables_fit_the_terminal_and_a_dumb_one_gets_ascii(self):
        self.assertTrue(diff(go_profile("rust_cpu"), go_profile("rust_cpu"), TERM="dumb").stdout.isascii())


class Usage(unittest.TestCase):
    def test_wrong_usage_ends_2_and_names_what_is_wrong(self):
        a, b = go_profile("cpu"), go_profile("heap")
        for arguments, named in [([], "BEFORE and AFTER"), ([a], "BEFORE and AFTER"), ([a, b, a], "only two"),
                                 ([a, b, "--per", "day"], "--per must be request, second, run or best"),
                                 ([a, b, "--focus", "["], "--focus"), ([a, b, "--lines", "--files"], "--lines"),
                                 ([a, b, "--normalise"], "unknown flag --normalise")]:
            done = diff(*arguments)
            self.assertEqual((done.returncode, done.stdout), (2, ""), arguments)
            self.assertIn(named, done.stderr)

    def test_what_cannot_be_compared_is_said(self):
        a, b = go_profile("cpu"), go_profile("heap")
        with tempfile.TemporaryDirectory() as empty:
            for arguments, named in [([a, b], "no sample type in common; before: samples in count, cpu in nanoseconds; after: alloc_objects"),
                                     ([a, a, "--sample-index", "delay"], "--sample-index delay is not in both"),
                                     ([a, "/no/such.pprof"], "/no/such.pprof: No such file"), ([empty, REPEATS + "/1"], "no *.pprof"),
                                     ([a, REPEATS + "/1"], "is a folder and"), ([a, a, "--per", "request"], "--per"),
                                     ([__file__, a], "no pprof profile")]:
                done = diff(*arguments)
                self.assertEqual((done.returncode, done.stdout), (1, ""), arguments)
                self.assertIn(named, done.stderr)
            done = diff(a, a, "--html", os.path.join(empty, "no", "page.html"))
            self.assertEqual(done.returncode, 3)
            self.assertIn("No such file", done.stderr)

    def test_help_has_examples(self):
        self.assertIn("piko diff before/ after/", diff("--help").stdout)


class Hostile(unittest.TestCase):
    def test_cut_off_files_and_hostile_names_do_no_harm(self):
        with open(go_profile("rust_block"), "rb") as file:
            plain = gzip.decompress(file.read())
        with tempfile.NamedTemporaryFile(suffix=".pprof") as file:
            for data in [plain[:size] for size in range(1, len(plain), 499)] + [plain.replace(b"main", b"\x1b[2J")]:
                file.seek(0)
                file.truncate()
                file.write(data)
                file.flush()
                for pair in ((go_profile("rust_block"), file.name), (file.name, go_profile("rust_block"))):
                    done = subprocess.run(["prlimit", "--as=1500000000", PIKO, "diff", *pair], capture_output=True, text=True, timeout=60)
                    self.assertIn(done.returncode, (0, 1), done.stderr)
                    self.assertNotRegex(done.stdout + done.stderr, "[\x00-\x09\x0b-\x1f\x7f]")


if __name__ == "__main__":
    unittest.main()
