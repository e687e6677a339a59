"""Labels of threads, by the C++ forms of the API: in CPU and thread profiles as the real `go tool pprof` reads them, in
execution traces as `go tool trace` does, of a linked program and under `piko run`."""
import os
import re
import shutil
import subprocess
import tempfile
import unittest

from decoded import Profile
from supervised import Run
from target import PROGRAMS, Target, tags, top

has_go = unittest.skipUnless(shutil.which("go"), "needs Go")
LABELS = ("route", "step", "tenant", "role", "gone", "gone too", "never set")
TRUTH = {  # function: labels of all of its samples
    "burn_slow": {"route": "/slow"},
    "burn_nested": {"route": "/nested", "step": "two"},
    "burn_unlabelled": {},
    "burn_heir": {"tenant": "seven"},
}


def given(sample):
    return {key: value for key, value in sample.labels.items() if key in LABELS}


class Labels(unittest.TestCase):
    def check_cpu(self, body):
        profile = Profile(body)
        for function, labels in TRUTH.items():
            samples = [sample for sample in profile.samples if function in sample.stack]
            self.assertTrue(samples, function)
            for sample in samples:
                self.assertEqual(given(sample), labels, sample.stack)

    def check_threads(self, body):
        samples = [sample for sample in Profile(body).samples if sample.labels.get("thread_name") == "parked"]
        self.assertEqual([given(sample) for sample in samples], [{"role": "parked"}])

    def test_samples_and_threads_of_a_linked_program_carry_them(self):
        with Target("labels") as target:
            self.check_cpu(target.get("profile?seconds=2"))
            self.check_threads(target.get("goroutine"))

    def test_under_the_supervisor_too(self):
        with Run(os.path.join(PROGRAMS, "labels"), "bare") as run:
            self.assertEqual(run.process.stdout.readline(), "ready\n")
            self.check_cpu(run.get("profile?seconds=2"))
            self.check_threads(run.get("goroutine"))

    @has_go
    def test_pprof_lists_them_and_focuses_by_them(self):
        with Target("labels") as target:
            file = target.save("profile?seconds=2")
        self.assertRegex(tags(file, "cpu"), r"(?s)route: Total .*: /slow\n.*: /nested\n")
        slow = top(file, "cpu", "-tagfocus=route=^/slow$")
        self.assertIn("burn_slow", slow)
        self.assertFalse({"burn_nested", "burn_unlabelled", "burn_heir"} & set(slow))
        self.assertNotIn("burn_slow", top(file, "cpu", "-tagignore=route=/slow"))

    @has_go
    def test_a_trace_shows_them_beside_the_threads_name_and_no_end_spoils_it(self):
        with Target("labels") as target, tempfile.NamedTemporaryFile() as file:
            file.write(target.get("trace?seconds=1"))
            file.flush()
            parsed = subprocess.run(["go", "tool", "trace", "-d=parsed", file.name], capture_output=True, text=True,
                                    timeout=60)
        self.assertEqual(parsed.returncode, 0, parsed.stderr)
        shown = set(re.findall(r'Label="([^"]*)"', parsed.stdout))
        self.assertLessEqual({"routes", "routes route=/slow", "routes route=/nested, step=two", "heir tenant=seven"}, shown)


if __name__ == "__main__":
    unittest.main()
