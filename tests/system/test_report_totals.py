"""The totals and rows of our report are those of `go tool pprof -top` on the same file, in all five profiles."""
import json
import os
import re
import subprocess
import tempfile
import unittest

from running_site import Site

# heading of the report's section: file, sample type
SECTIONS = {
    "cpu": ("cpu", "cpu"),
    "allocs (alloc_space)": ("allocs", "alloc_space"),
    "heap (inuse_space)": ("heap", "inuse_space"),
    "mutex": ("mutex", "delay"),
    "block": ("block", "delay"),
}

OUR_ROW = re.compile(r"\s*(\S+)\s+(\S+%)\s+(\S+%)\s+(\S+)\s+(\S+)\s+(\S+%)  (.*\S)  (\S.*)$")
PPROF_ROW = re.compile(r"\s*(\S+)\s+(\S+%)\s+(\S+%)\s+(\S+)\s+(\S+%)\s\s(.*)$")


def our_sections(report):
    """{heading: (total as text, {function: (flat, cum)})}"""
    sections = {}
    for part in re.split(r"^=+\nPROFILE:   ", report, flags=re.M)[1:]:
        heading, text = part.split("\n", 1)
        total = re.search(r"^Total: (\S+)", text, flags=re.M)
        rows = {}
        for line in text.split("\n\n", 1)[1].splitlines():
            match = OUR_ROW.match(line)
            if match and match.group(1) != "flat":
                rows[match.group(7)] = (match.group(1), match.group(5))
        sections[heading] = (total and total.group(1), rows)
    return sections


def pprof_rows(file, sample_type):
    text = subprocess.run(["go", "tool", "pprof", "-top", "-nodecount=0", "-nodefraction=0", "-edgefraction=0",
                           "-unit=auto", "-sample_index=" + sample_type, file],
                          check=True, capture_output=True, text=True, timeout=60).stdout
    head, table = text.split("cum%", 1)
    total = re.search(r"of (\S+) total", head).group(1)
    matches = filter(None, map(PPROF_ROW.match, table.splitlines()[1:]))
    return total, {m.group(6).removesuffix(" (inline)").removesuffix(" (partial-inline)"): (m.group(1), m.group(4))
                   for m in matches}


class Totals(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        directory = tempfile.TemporaryDirectory()
        cls.addClassCleanup(directory.cleanup)
        cls.output = directory.name
        with Site() as site:
            done = subprocess.run([os.environ["PIKO"], "profile", site.url, "--duration", "2", "--top", "0",
                                   "--concurrency", "20", "--pprof-port", str(site.profiling_port),
                                   "--output", cls.output], capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr
        with open(os.path.join(cls.output, "live_performance_report.txt")) as file:
            cls.report = file.read()
        cls.sections = our_sections(cls.report)

    def test_every_row_and_every_total_equals_pprofs(self):
        for heading, (name, sample_type) in SECTIONS.items():
            with self.subTest(heading=heading):
                total, rows = self.sections[heading]
                pprof_total, expected = pprof_rows(os.path.join(self.output, name + ".pprof"), sample_type)
                self.assertEqual(total, pprof_total)
                self.assertEqual(rows, expected)

    def test_the_report_of_the_saved_files_is_the_same_text(self):
        again = subprocess.run([os.environ["PIKO"], "report", self.output, "--top", "0"], check=True,
                               capture_output=True, text=True, timeout=60).stdout
        self.assertEqual(again, self.report)

    def test_json_has_the_same_load_and_totals(self):
        done = subprocess.run([os.environ["PIKO"], "report", self.output, "--json"], check=True, capture_output=True,
                              text=True, timeout=60)
        figures = json.loads(done.stdout)
        self.assertIn(f"Complete requests:      {figures['load']['requests']}\n", self.report)
        self.assertIn(f"Requests per second:    {figures['load']['requests_per_second']:.2f} ", self.report)
        for percent, ns in figures["load"]["percentiles_ns"]:
            self.assertRegex(self.report, rf"(?m)^ *{percent:g}% +{ns / 1e6:.3f}ms$|^ *{percent:g}% +{ns / 1e3:.0f}us$")
        for table in figures["tables"]:
            total = self.report.partition(f"PROFILE:   {table['title']}\n")[2].partition("\nTotal: ")[2].split("\n")[0]
            self.assertIn(f"({table['total']} {table['unit']}" if table["unit"] != "count" else str(table["total"]), total)

    def test_the_examples_own_functions_are_named_with_file_and_line_in_each(self):
        parts = re.split(r"^PROFILE:   ", self.report, flags=re.M)
        for heading in SECTIONS:
            with self.subTest(heading=heading):
                part = next(part for part in parts if part.startswith(heading + "\n"))
                self.assertRegex(part, r"examples/site/\w+\.c:\d+")


if __name__ == "__main__":
    unittest.main()
