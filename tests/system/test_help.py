"""`piko help COMMAND`: a page with examples first, every flag, and the exit status; its examples use flags that exist."""
import os
import re
import subprocess
import unittest

PIKO = os.environ.get("PIKO", "piko")


def run(*arguments):
    return subprocess.run([PIKO, *arguments], capture_output=True, text=True, timeout=30, stdin=subprocess.DEVNULL)


COMMANDS = [line.split()[0] for line in run("help").stdout.split("Commands:\n")[1].split("\n\n")[0].splitlines()]


class Help(unittest.TestCase):
    def pages(self):
        found = []
        for name in COMMANDS:
            if name != "help":
                done = run("help", name)
                self.assertEqual((done.returncode, done.stderr), (0, ""), name)
                found.append((name, done.stdout))
        return found

    def test_commands_are_listed(self):
        self.assertEqual([name for name in COMMANDS if name in ("profile", "run", "report", "diff", "help")], sorted(COMMANDS, key=COMMANDS.index))

    def test_pages_have_their_parts_in_order(self):
        for name, text in self.pages():
            self.assertTrue(text.startswith(f"piko {name} - "), text[:80])
            heads = [line.split(",")[0].split(":")[0] for line in text.splitlines() if re.match(r"[A-Z]", line)]
            order = ["Usage", "Examples", "Description", "Flags", "Files", "Environment", "Exit status", "See also"]
            self.assertEqual(heads, [head for head in order if head in heads])
            self.assertTrue({"Usage", "Examples", "Description", "Flags", "Exit status"} <= set(heads), heads)
            self.assertNotIn("@", text)
            self.assertLessEqual(max(map(len, text.split("\nFlags")[0].splitlines())), 120, name)
            self.assertEqual(text, run(name, "--help").stdout)

    def test_examples_use_flags_that_exist(self):
        flags = {name: set(re.findall(r"^  --([a-z0-9-]+)", text, re.M)) for name, text in self.pages()}
        for page, text in self.pages():
            examples = re.findall(r"^    piko (\w+) (.*)$", text.split("Description:")[0], re.M)
            self.assertGreater(len(examples), 2)
            for command, rest in examples:
                words = rest.split(" -- ")[0].split(" | ")[0]
                for flag in re.findall(r"(?:^| )--([a-z0-9-]+)", words):
                    self.assertIn(flag, flags[command], f"in the help of {page}: piko {command} {rest}")

    def test_an_unknown_command_is_suggested_for(self):
        done = run("help", "prfile")
        self.assertEqual((done.returncode, done.stdout), (2, ""))
        self.assertIn("piko profile", done.stderr)


if __name__ == "__main__":
    unittest.main()
