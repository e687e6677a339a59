"""`piko report` on saved profiles of Go, Rust and C programs: every figure is that of `go tool pprof`, in each form."""
import gzip
import json
import os
import pty
import re
import select
import shutil
import subprocess
import tempfile
import unittest
import zlib

PIKO = os.environ.get("PIKO", "piko")
HERE = os.path.dirname(os.path.abspath(__file__))
PROFILES = os.path.join(HERE, "..", "unit", "report", "profiles")
OURS = tempfile.TemporaryDirectory()  # without what counts the requests, so that tables are as those of others
for kind in ("cpu", "allocs", "mutex", "block"):
    shutil.copy(os.path.join(HERE, "repeats", "1", kind + ".pprof"), os.path.join(OURS.name, f"our_{kind}.pprof"))

# file: sample types
FILES = {
    "cpu": ["samples", "cpu"], "heap": ["alloc_objects", "inuse_space"], "mutex": ["delay"], "block": ["contentions"],
    "rust_cpu": ["samples", "cpu"], "rust_allocs": ["alloc_space", "alloc_objects"], "rust_block": ["delay"],
    "our_cpu": ["cpu"], "our_allocs": ["alloc_objects"], "our_mutex": ["delay"], "our_block": ["contentions"],
}
GROUPS = {"": [], "-lines": ["--lines"], "-filefunctions": ["--files"]}
FILTERS = [
    {}, {"focus": "work|main"}, {"ignore": "malloc|Fields"}, {"hide": "runtime|core::|alloc::|libc"},
    {"focus": "main", "ignore": "mix|area", "hide": r"\.c$|std"},
]
ROW = re.compile(r"\s*(\S+)\s+(\S+%)\s+(\S+%)\s+(\S+)\s+(\S+%)\s\s(.*)$")


def path_of(name):
    return os.path.join(OURS.name if name.startswith("our_") else PROFILES, name + ".pprof")


def run(*arguments, **more):
    return subprocess.run([PIKO, "report", *arguments], capture_output=True, text=True, timeout=60,
                          stdin=subprocess.DEVNULL, env={**os.environ, "LC_ALL": "C.UTF-8", **more})


def pprof(*arguments):
    return subprocess.run(["go", "tool", "pprof", "-symbolize=none", "-nodecount=0", "-nodefraction=0",
                           "-edgefraction=0", "-unit=auto", *arguments], check=True, capture_output=True, text=True,
                          timeout=60).stdout


def percent(text):
    """To two digits: what pprof prints of shares below 1 %."""
    value = float(text.strip("%<"))
    return 0.01 if text.startswith("<") else float(f"{value:.2g}") if value < 1 else value


def rows_of(text):
    """Sorted (flat, flat%, cum, cum%, label) of each row, and the sum% of the last: rows of one weight have no order."""
    rows, last = [], None
    for match in filter(None, map(ROW.match, text.splitlines())):
        flat, flat_share, sum_share, cum, cum_share, label = match.groups()
        if flat != "flat":
            rows.append((flat, flat_share, cum, cum_share, label))
            last = sum_share
    return sorted(rows), last


def same_shares(ours, theirs):
    return all(abs(percent(a) - percent(b)) <= max(0.011, 0.06 * percent(b)) for a, b in zip(ours, theirs))


@unittest.skipUnless(subprocess.run(["which", "go"], capture_output=True).returncode == 0,
                     "go is not installed: nothing to compare with")
class AgreesWithPprof(unittest.TestCase):
    def compare(self, name, sample_type, group, filters):
        theirs = pprof("-top", *([group] if group else []), "-sample_index=" + sample_type,
                       *[f"-{key}={value}" for key, value in filters.items()], path_of(name))
        ours = run(path_of(name), "--top", "0", "--sample-index", sample_type, *GROUPS[group],
                   *[word for key, value in filters.items() for word in ("--" + key, value)])
        self.assertEqual((ours.returncode, ours.stderr), (0, ""))
        (our_rows, our_sum), (their_rows, their_sum) = rows_of(ours.stdout), rows_of(theirs)
        self.assertEqual(len(our_rows), len(their_rows))
        if their_rows:
            self.assertTrue(same_shares([our_sum], [their_sum]), (our_sum, their_sum))
        expected = {}
        for flat, flat_share, cum, cum_share, label in their_rows:
            expected.setdefault(re.sub(r" \((partial-)?inline\)$", "", label), []).append((flat, cum, flat_share, cum_share))
        for flat, flat_share, cum, cum_share, label in our_rows:
            function, _, place = label.rpartition("  ")
            place = "" if place == "-" else place
            key = function if group == "" else f"{function} {place}" if group == "-lines" and place else \
                f"{function} {re.sub(':[0-9]+$', '', place)}" if place else function
            found = [row for row in expected.get(key, []) if row[:2] == (flat, cum)]
            self.assertTrue(found and same_shares((flat_share, cum_share), found[0][2:]), (key, flat, cum, expected.get(key)))

    def test_rows_of_programs_in_c_go_and_rust_in_every_grouping_and_under_every_filter(self):
        for name, sample_types in FILES.items():
            for sample_type in sample_types:
                for group in GROUPS:
                    for filters in FILTERS if group == "" else FILTERS[:1]:
                        with self.subTest(name=name, sample_type=sample_type, group=group, filters=filters):
                            self.compare(name, sample_type, group, filters)

    def test_callers_and_callees_are_those_of_peek(self):
        for name, sample_type, expression in [("cpu", "cpu", r"main\..*"), ("rust_cpu", "cpu", "malloc"),
                                              ("heap", "alloc_space", "mallocgc")]:
            with self.subTest(name=name, expression=expression):
                ours = run(path_of(name), "--sample-index", sample_type, "--peek", expression, "--top", "0")
                theirs = pprof("-peek=" + expression, "-sample_index=" + sample_type, path_of(name))
                self.assertEqual(self.blocks(ours.stdout), self.blocks(theirs))

    def blocks(self, text):
        """{function: (sorted callers, own figures, sorted callees)} of the blocks between rules."""
        found = {}
        for block in re.split(r"^-+\+-+$", text, flags=re.M)[1:]:
            before, own, after = [], None, []
            for line in block.splitlines():
                left, bar, label = line.partition("|")
                if not bar:
                    continue
                cells, label = left.split(), re.sub(r" \((partial-)?inline\)$", "", label.strip())
                if len(cells) == 2:
                    (after if own else before).append((cells[0], label))
                else:
                    own = (label, cells[0], cells[2] if "%" not in cells[2] else cells[3])
            if own and own[0] != "context":
                found[own[0]] = (sorted(before), own[1:], sorted(after))
        return found

    def test_json_has_the_same_figures(self):
        for name, sample_types in FILES.items():
            table = json.loads(run(path_of(name), "--json", "--top", "0", "--sample-index", sample_types[-1]).stdout)["tables"][0]
            raw = subprocess.run(["go", "tool", "pprof", "-symbolize=none", "-raw", path_of(name)], check=True,
                                 capture_output=True, text=True).stdout
            column = raw.split("Samples:\n", 1)[1].split("\n", 1)[0].split().index(
                next(word for word in raw.split("Samples:\n", 1)[1].split("\n", 1)[0].split()
                     if word.startswith(sample_types[-1] + "/")))
            total = sum(int(line.split(":")[0].split()[column])
                        for line in raw.split("Samples:\n", 1)[1].split("\nLocations", 1)[0].splitlines()[1:]
                        if re.match(r"\s+-?\d+.*: ", line))
            self.assertEqual(table["total"], total)
            self.assertEqual(sum(row["flat"] for row in table["rows"]), total)
            self.assertEqual(len(table["rows"]), table["n_rows"])

    def test_json_has_the_rows_of_the_text(self):
        """Counts, which text shows to the last digit."""
        for name, sample_type in [("cpu", "samples"), ("heap", "alloc_objects"), ("rust_block", "contentions"),
                                  ("our_cpu", "samples"), ("our_allocs", "alloc_objects"), ("our_mutex", "contentions")]:
            with self.subTest(name):
                arguments = (path_of(name), "--top", "0", "--sample-index", sample_type)
                rows = json.loads(run(*arguments, "--json").stdout)["tables"][0]["rows"]
                text, _ = rows_of(run(*arguments).stdout)
                self.assertEqual(sorted((str(row["flat"]), str(row["cum"]), row["function"]) for row in rows),
                                 sorted((flat, cum, label.rpartition("  ")[0]) for flat, _, cum, _, label in text))


class Forms(unittest.TestCase):
    def test_a_file_gets_the_tables_that_belong_to_it(self):
        self.assertEqual(re.findall("PROFILE:   (.*)", run(path_of("rust_allocs")).stdout),
                         ["rust_allocs (alloc_space)", "rust_allocs (alloc_space by line)", "rust_allocs (alloc_objects by line)"])
        self.assertEqual(re.findall("PROFILE:   (.*)", run(path_of("heap"), path_of("cpu")).stdout), ["heap (inuse_space)", "cpu"])
        self.assertEqual(re.findall("PROFILE:   (.*)", run(path_of("cpu"), "--sample-index", "0").stdout), ["cpu (samples)"])

    def test_tree_sums_up(self):
        lines = run(path_of("rust_cpu"), "--tree", "--top", "0").stdout.splitlines()[2:]
        nodes = [re.match(r"\s*(\S+) +(\S+)% +(\S+) +(\S+)%  ( *)(.*)", line).groups() for line in lines]
        self.assertEqual((nodes[0][1], nodes[0][5]), ("100.00", "all"))
        for index, (_, cum, _, flat, indent, _) in enumerate(nodes):
            below = float(flat)
            for _, child, _, _, depth, _ in nodes[index + 1:]:
                if len(depth) <= len(indent):
                    break
                if len(depth) == len(indent) + 1:
                    below += float(child)
            self.assertAlmostEqual(below, float(cum), delta=0.5)

    def test_piped_names_are_whole_and_a_dumb_terminal_gets_ascii(self):
        whole = run(path_of("rust_cpu"), "--top", "0")
        self.assertIn("core::ops::function::FnOnce<()>>::call_once", whole.stdout)
        self.assertTrue(run(path_of("rust_cpu"), "--top", "0", TERM="dumb").stdout.isascii())

    def on_terminal(self, columns, *arguments, **environment):
        reader, writer = pty.openpty()
        subprocess.run(["stty", "cols", str(columns)], stdin=writer, check=True)
        child = subprocess.Popen([PIKO, "report", *arguments], stdin=subprocess.DEVNULL, stdout=writer,
                                 env={**os.environ, "TERM": "xterm", "LC_ALL": "C.UTF-8", **environment})
        os.close(writer)
        output = b""
        while select.select([reader], [], [], 20)[0]:
            try:
                chunk = os.read(reader, 65536)
            except OSError:
                break
            if not chunk:
                break
            output += chunk
        os.close(reader)
        self.assertEqual(child.wait(), 0)
        return output.decode().replace("\r\n", "\n")

    def test_tables_fit_the_terminal(self):
        for columns in (80, 120, 200):
            for arguments in ([path_of("rust_cpu"), "--top", "0"], [path_of("cpu"), "--lines"]):
                table = self.on_terminal(columns, *arguments).partition(" flat ")[2]
                self.assertLessEqual(max(map(len, table.splitlines()[1:-1])), columns)
                self.assertIn("\u2026", table) if columns == 80 else None
        self.assertTrue(self.on_terminal(80, path_of("rust_cpu"), LC_ALL="C").isascii())

    def test_names_cannot_move_the_cursor(self):
        with open(path_of("cpu"), "rb") as file:
            data = gzip.decompress(file.read())
        self.assertIn(b"main.words", data)
        with tempfile.NamedTemporaryFile(suffix=".pprof") as file:
            file.write(data.replace(b"main.words", b"\x1b[2J<b>\x07&;"))
            file.flush()
            self.assertIn("?[2J<b>?&;", run(file.name).stdout)
            rows = json.loads(run(file.name, "--json").stdout)["tables"][0]["rows"]
            self.assertIn("\x1b[2J<b>\x07&;", [row["function"] for row in rows])
            for arguments in ([], ["--tree"], ["--peek", "."], ["--json"]):
                self.assertNotRegex(run(file.name, *arguments).stdout, "[\x00-\x09\x0b-\x1f\x7f]")


class Usage(unittest.TestCase):
    def test_wrong_usage_ends_2_and_names_the_flag(self):
        for arguments, named in [([], "folder or file"), ([path_of("cpu"), "--focus", "["], "--focus"),
                                 ([path_of("cpu"), "--lines", "--files"], "--lines"),
                                 ([path_of("cpu"), "--tree", "--json"], "--tree"), ([path_of("cpu"), "--tops"], "did you mean --top?")]:
            done = run(*arguments)
            self.assertEqual((done.returncode, done.stdout), (2, ""))
            self.assertIn(named, done.stderr)

    def test_what_cannot_be_read_is_named_and_the_rest_is_shown(self):
        done = run("/no/such.pprof", path_of("cpu"), __file__)
        self.assertEqual(done.returncode, 3)
        self.assertIn("/no/such.pprof: No such file", done.stderr)
        self.assertIn("no pprof profile", done.stderr)
        self.assertIn("PROFILE:   cpu", done.stdout)
        self.assertEqual(run("/no/such.pprof").returncode, 1)

    def test_a_sample_type_that_is_missing_is_answered_with_those_there_are(self):
        done = run(path_of("cpu"), "--sample-index", "alloc_space")
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertIn("samples, cpu", done.stderr)

    def test_a_folder_without_profiles_is_said(self):
        with tempfile.TemporaryDirectory() as folder:
            done = run(folder)
        self.assertEqual(done.returncode, 1)
        self.assertIn("no *.pprof", done.stderr)


class Hostile(unittest.TestCase):
    """Clear errors or harmless text, never a crash, in bounded memory."""

    def report(self, data, *arguments):
        with tempfile.NamedTemporaryFile(suffix=".pprof") as file:
            file.write(data)
            file.flush()
            done = subprocess.run(["prlimit", "--as=1500000000", PIKO, "report", file.name, *arguments], capture_output=True,
                                  text=True, timeout=60)
        self.assertIn(done.returncode, (0, 1), done.stderr)
        self.assertNotRegex(done.stdout + done.stderr, "[\x00-\x09\x0b-\x1f\x7f]")
        return done

    def test_cut_off_files_are_refused(self):
        with open(path_of("rust_block"), "rb") as file:
            zipped = file.read()
        plain = gzip.decompress(zipped)
        for data in [zipped[:size] for size in range(3, len(zipped), 97)] + [b"", b"\x1f\x8b", zipped + b"more"]:
            done = self.report(data)
            self.assertEqual((done.returncode, done.stdout), (1, ""))
            self.assertRegex(done.stderr, r"damaged or cut off|is empty|malformed")
        for size in range(1, len(plain), 211):
            self.report(plain[:size])

    def test_gzip_bomb_is_refused_without_unpacking_it(self):
        packer = zlib.compressobj(9, zlib.DEFLATED, 31)
        bomb = b"".join(packer.compress(bytes(1 << 20)) for _ in range(700)) + packer.flush()
        self.assertIn("larger than 512 MB unpacked", self.report(bomb).stderr)
        self.assertRegex(self.report(bomb[:-4] + b"\1\0\0\0").stderr, "larger than|damaged")

    def test_endless_recursion_huge_names_and_unknown_fields_are_shown(self):
        def varint(value):
            out = b""
            while value > 127:
                out, value = out + bytes([value & 127 | 128]), value >> 7
            return out + bytes([value])

        def field(number, data):
            return varint(number << 3 | 2) + varint(len(data)) + data if isinstance(data, bytes) else varint(number << 3) + varint(data)

        name = b"f\x1b]0;" + b"<script>" * 50000
        strings = b"".join(field(6, text) for text in (b"", b"cpu", b"nanoseconds", name))
        data = field(1, field(1, 1) + field(2, 2)) + field(2, field(1, varint(1) * 200000) + field(2, varint(7)))
        data += field(4, field(1, 1) + field(4, field(1, 1))) + field(5, field(1, 1) + field(2, 3)) + strings
        data += field(4000, b"unknown") + field(77, 5)
        for arguments in (["--top", "0"], ["--peek", "script"], ["--json"]):
            done = self.report(data, *arguments)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertIn("script>", done.stdout)


if __name__ == "__main__":
    unittest.main()
