"""report.html in a real browser: it draws itself without an error, zooms, searches, flips, sorts, and is quick with a large
profile. A script behind the page's own does what a person would, and leaves what it saw in the document."""
import gzip
import html
import json
import os
import re
import shutil
import subprocess
import tempfile
import unittest

PIKO = os.environ.get("PIKO", "piko")
PROFILES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "unit", "report", "profiles")
BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")

WATCH = "<script>window.problems = []; addEventListener('error', (event) => problems.push(event.message));</script>"
ACT = """<script>
function act() { %s }
let seen;
try { seen = act(); } catch (error) { problems.push(String(error)); }
const result = document.createElement("pre");
result.id = "result";
result.textContent = JSON.stringify({ problems, seen });
document.body.append(result);
</script>"""


def piko_page(folder, *arguments):
    path = os.path.join(folder, "page.html")
    done = subprocess.run([PIKO, "report", *arguments, "--html", path], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    with open(path) as file:
        return file.read()


def varint(value):
    out = b""
    while value > 127:
        out += bytes([value & 127 | 128])
        value >>= 7
    return out + bytes([value])


def field(number, data):
    return varint(number << 3 | 2) + varint(len(data)) + data if isinstance(data, bytes) else varint(number << 3) + varint(data)


def profile(names, stacks):
    """A pprof file: each function is a location; stacks are (function numbers, leaf first; value)."""
    strings = ["", "cpu", "nanoseconds", *names]
    fields = [field(1, field(1, 1) + field(2, 2))]
    for functions, value in stacks:
        fields.append(field(2, field(1, b"".join(varint(f + 1) for f in functions)) + field(2, varint(value))))
    for number in range(1, len(names) + 1):
        fields.append(field(4, field(1, number) + field(4, field(1, number))) + field(5, field(1, number) + field(2, number + 2)))
    return gzip.compress(b"".join(fields + [field(6, s.encode()) for s in strings]))


@unittest.skipUnless(BROWSER, "no Chromium is installed: there is no browser to open the page in")
class Page(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def browse(self, page, act):
        path = os.path.join(self.folder, "acted.html")
        with open(path, "w") as file:
            file.write(page.replace("<head>", "<head>" + WATCH, 1).replace("</body>", ACT % act + "</body>", 1))
        done = subprocess.run(
            [BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
             "--disable-background-networking", "--disable-component-update", "--disable-sync", "--window-size=1280,900",
             "--user-data-dir=" + os.path.join(self.folder, "user"), "--enable-logging=stderr", "--dump-dom", "file://" + path],
            capture_output=True, text=True, timeout=90, stdin=subprocess.DEVNULL)
        console = [line for line in done.stderr.splitlines() if "CONSOLE" in line]
        self.assertEqual(console, [])
        result = json.loads(html.unescape(re.search(r'<pre id="result">(.*?)</pre>', done.stdout, re.S)[1]))
        self.assertEqual(result["problems"], [])
        return result["seen"]

    def test_zoom_search_flip_and_sort(self):
        seen = self.browse(piko_page(self.folder, os.path.join(PROFILES, "cpu.pprof")), """
          const flame = document.querySelector(".flame"), frames = () => [...flame.querySelectorAll(".frame")];
          const named = (name) => frames().find((frame) => frame.textContent === name), seen = {};
          const whole = frames().length;
          named("main.words").click();
          seen.zoomed = named("main.words").style.width;
          seen.faded = named("main.main").classList.contains("faded");
          named("main.words").dispatchEvent(new KeyboardEvent("keydown", { key: "Escape", bubbles: true }));
          seen.back = frames().length === whole;
          const search = document.querySelector("input[type=search]");
          search.value = "^strings"; search.dispatchEvent(new Event("input"));
          seen.found = document.querySelector("output").textContent;
          seen.marked = frames().filter((frame) => frame.classList.contains("found")).every((frame) => frame.title.startsWith("strings."));
          [...document.querySelectorAll("button")].find((button) => button.textContent === "Flip").click();
          seen.leaf = frames()[1].title;
          seen.flipped = frames().some((frame) => frame.style.top === "18px" && frame.title.startsWith("main.mix  290ms (27.88%)"));
          const head = [...document.querySelectorAll("th button")].find((button) => button.textContent === "function");
          const first = () => document.querySelector("tbody td.name").textContent;
          head.click(); seen.last = first(); head.click(); seen.first = first();
          seen.sort = head.parentElement.getAttribute("aria-sort");
          seen.outside = [...document.querySelectorAll("[src],link[href]")].map((e) => e.src || e.href).filter((url) => !url.startsWith("data:"));
          return seen;""")
        self.assertGreater(float(seen["zoomed"].removesuffix("px")), 1000)
        self.assertTrue(seen["faded"] and seen["back"] and seen["marked"] and seen["flipped"], seen)
        theirs = subprocess.run(["go", "tool", "pprof", "-symbolize=none", "-top", "-unit=auto", "-focus=^strings",
                                 os.path.join(PROFILES, "cpu.pprof")], capture_output=True, text=True) if shutil.which("go") else None
        if theirs:
            kept = re.search(r"accounting for (\S+),", theirs.stdout)[1]
            self.assertTrue(seen["found"].startswith(kept + " ("), (seen["found"], kept))
        self.assertGreater(seen["last"], seen["first"])
        self.assertEqual((seen["sort"], seen["outside"]), ("ascending", []))

    def test_table_shows_the_texts_of_the_text_report(self):
        ours = os.path.join(os.path.dirname(os.path.abspath(__file__)), "repeats", "1")
        for folder, name in ((PROFILES, "rust_allocs"), (PROFILES, "cpu"), (ours, "cpu"), (ours, "mutex")):
            with self.subTest(folder=folder, name=name):
                path = shutil.copy(os.path.join(folder, name + ".pprof"), self.folder)  # without its number of requests
                rows = self.browse(piko_page(self.folder, path), """
                  return [...document.querySelectorAll("table")].map((table) => [...table.querySelectorAll("tbody tr")].map((row) =>
                    [...row.cells].map((cell) => cell.textContent)));""")
                text = subprocess.run([PIKO, "report", path], capture_output=True, text=True, timeout=60).stdout
                lines = [re.split(r"\s+", line.strip(), maxsplit=5) for line in text.splitlines() if re.match(r" +\S+ +\S+% +\S+% +\S+ +\S+%  ", line)]
                expected = [[flat, share, cum, cum_share, *rest.split("  ")] for flat, share, _, cum, cum_share, rest in lines if flat != "flat"]
                self.assertEqual([row for table in rows for row in table], expected)

    def test_a_comparison_has_flame_graphs_in_the_colours_of_change(self):
        repeats = os.path.join(os.path.dirname(os.path.abspath(__file__)), "repeats")
        path = os.path.join(self.folder, "page.html")
        done = subprocess.run([PIKO, "diff", repeats + "/1", repeats + "/2", "--html", path, "--json"], capture_output=True,
                              text=True, timeout=60)
        expected = json.loads(done.stdout)["diffs"]
        with open(path) as file:
            page = file.read()
        seen = self.browse(page, """
          const flame = document.querySelector(".flame"), frames = () => [...flame.querySelectorAll(".frame")], seen = {};
          const hue = (frame) => frame.style.background.match(/rgb\\((\\d+), (\\d+), (\\d+)/).slice(1).map(Number);
          seen.title = document.title;
          seen.sections = [...document.querySelectorAll("h2")].map((head) => head.textContent);
          seen.frames = frames().map((frame) => [frame.title, ...hue(frame)]);
          const side = document.querySelector("select[aria-label=Value]"), whole = frames().length;
          side.value = "0"; side.dispatchEvent(new Event("change"));
          seen.before = frames().length;
          [...document.querySelectorAll("button")].find((button) => button.textContent === "Flip").click();
          seen.flipped = frames().length;
          seen.verdicts = [...document.querySelector("tbody").rows].map((row) => row.cells[4].textContent);
          const head = [...document.querySelectorAll("th button")].find((button) => button.textContent === "change%");
          head.click(); head.click();
          seen.least = document.querySelector("tbody tr").cells[3].textContent;
          return seen;""")
        self.assertEqual(seen["title"], "piko diff")
        self.assertEqual(seen["sections"], [one["title"] for one in expected])
        self.assertEqual(sorted(seen["verdicts"]), sorted(row["verdict"] for row in expected[0]["rows"]))
        self.assertEqual(seen["least"], "gone")
        self.assertGreater(min(seen["before"], seen["flipped"]), 5)
        counted = 0
        for title, red, _, blue in seen["frames"]:
            change = re.search(r"after \((\S+)\)", title)[1]
            if change in ("new", "gone") or abs(float(change.rstrip("%"))) > 10:
                counted += 1
                self.assertEqual(red > blue, change == "new" or change.startswith("+"), title)
        self.assertGreater(counted, 5)

    def run_folder(self):
        """A run of two phases: cpu follows a baseline; four moments each of a second; threads grow."""
        folder = os.path.join(self.folder, "run")
        os.mkdir(folder)
        shutil.copy(os.path.join(os.path.dirname(os.path.abspath(__file__)), "repeats", "1", "cpu.pprof"), folder)
        second = 10**9

        def phase(name, start, requests, threads):
            return {"name": name, "start_ns": start * second, "elapsed_ns": 4 * second, "requests": 4 * requests, "failures": {},
                    "retries": 0, "body_bytes": 10, "threads": threads, "latency": {"sum_ns": 60, "ranges": [[10**6, 30], [20 * 10**6, 10]]},
                    "moments": [[(start + n) * second, second, requests, 0, 10**6, 20 * 10**6, 20 * 10**6] for n in range(4)]}

        with open(os.path.join(folder, "load.json"), "w") as file:
            json.dump({"version": 1, "url": "http://x/", "concurrency": 2, "warnings": [],
                       "phases": [phase("baseline", 0, 10, 3), phase("cpu", 5, 5, 6)]}, file)
        return folder

    def test_load_over_time_has_its_phases_marked(self):
        seen = self.browse(piko_page(self.folder, self.run_folder()), """
          const figures = [...document.querySelectorAll("figure")], seen = {};
          seen.titles = figures.map((figure) => figure.querySelector("figcaption").textContent);
          seen.phases = figures.map((figure) => [...figure.querySelectorAll("text")].map((text) => text.textContent).filter((text) => ["baseline", "cpu"].includes(text)));
          seen.lines = figures.map((figure) => [...figure.querySelectorAll("polyline")].map((line) => line.getAttribute("points").split(" ").map((point) => point.split(",").map(Number))));
          seen.bars = [...figures[0].querySelectorAll(".bar")].map((bar) => Number(bar.getAttribute("height")));
          seen.marks = [...figures[0].querySelectorAll("text")].map((text) => text.textContent).filter((text) => text.startsWith("p"));
          return seen;""")
        self.assertEqual([re.split(" of the|[:,]", title)[0] for title in seen["titles"]],
                         ["Latency", "Requests a second", "Latency over the phases", "Threads after each phase"])
        self.assertEqual(seen["phases"][1:], [["baseline", "cpu"]] * 3)
        self.assertEqual(len(seen["bars"]), 2)
        self.assertAlmostEqual(seen["bars"][0], 3 * seen["bars"][1], delta=0.1)
        self.assertEqual(seen["marks"], ["p50", "p99"])
        throughput, latency, threads = seen["lines"][1:]
        self.assertEqual([len(line) for line in throughput], [4, 4])
        below = [190 - 24 - line[0][1] for line in throughput]  # pixels above the axis
        self.assertAlmostEqual(below[0], 2 * below[1], delta=0.3)
        self.assertEqual(len(latency), 4)
        self.assertAlmostEqual(190 - 24 - threads[0][1][1], 2 * (190 - 24 - threads[0][0][1]), delta=0.3)

    def test_one_thread_keyboard_and_theme(self):
        seen = self.browse(piko_page(self.folder, self.run_folder()), """
          const flame = document.querySelector(".flame"), frames = () => [...flame.querySelectorAll(".frame")], seen = {};
          const press = (key) => document.activeElement.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true }));
          const value = (title) => title.match(/  (\\S+) \\(/)[1];
          seen.whole = value(frames()[0].title);
          const threads = document.querySelector("select[aria-label=Thread]");
          seen.threads = {};
          for (const option of [...threads.options].slice(1)) {
            threads.value = option.value; threads.dispatchEvent(new Event("change"));
            seen.threads[option.textContent] = value(frames()[0].title);
          }
          threads.value = "-1"; threads.dispatchEvent(new Event("change"));
          frames()[0].focus(); press("ArrowDown"); seen.down = document.activeElement.title.split("  ")[0];
          seen.detail = document.querySelector(".detail").textContent.split("  ")[0];
          press("ArrowUp"); seen.up = document.activeElement.title.split("  ")[0];
          press("ArrowDown"); document.activeElement.click(); seen.zoomed = document.activeElement.title.split("  ")[0];
          press("Escape"); seen.back = document.activeElement.title.split("  ")[0];
          press("/"); seen.search = document.activeElement.type;
          const root = document.documentElement, dark = root.classList.contains("dark"), ink = () => getComputedStyle(document.body).color;
          const before = ink(); document.getElementById("theme").click();
          seen.theme = root.classList.contains("dark") !== dark && ink() !== before;
          return seen;""")

        def milliseconds(text):
            return round(float(text.rstrip("ms")) * (1 if text.endswith("ms") else 1000))

        self.assertGreater(len(seen["threads"]), 2)
        self.assertEqual(sum(map(milliseconds, seen["threads"].values())), milliseconds(seen["whole"]))
        self.assertEqual((seen["down"], seen["detail"], seen["up"]), ("clone3", "clone3", "all"))
        self.assertEqual((seen["zoomed"], seen["back"], seen["search"], seen["theme"]), ("clone3", "all", "search", True))

    def test_prints_without_what_only_a_screen_can_do(self):
        path = os.path.join(self.folder, "page.html")
        piko_page(self.folder, self.run_folder())
        with open(path) as file:
            page = file.read()
        # What print styles hide is hidden on the screen when they are made to hold there.
        hidden = self.browse(page.replace("@media print", "@media screen"), """
          const shown = (selector) => getComputedStyle(document.querySelector(selector)).display !== "none";
          return [".tools", "#theme", "nav", ".flame", "table"].map(shown);""")
        self.assertEqual(hidden, [False, False, False, True, True])

    def test_both_ends_of_a_lock_stand_side_by_side(self):
        types = field(1, field(1, 1) + field(2, 2)) + field(1, field(1, 3) + field(2, 4))
        strings = ["", "contentions", "count", "delay", "nanoseconds", "lock", "0x10", "put", "get", "evict"]

        def waits(rows):
            out = types + b"".join(field(6, text.encode()) for text in strings)
            for number in (7, 8, 9):
                out += field(4, field(1, number) + field(4, field(1, number))) + field(5, field(1, number) + field(2, number))
            return out + b"".join(field(2, field(1, varint(name)) + field(2, varint(1) + varint(ns)) + field(3, field(1, 5) + field(2, 6)))
                                  for name, ns in rows)

        folder = os.path.join(self.folder, "run")
        os.mkdir(folder)
        for name, rows in (("mutex", [(7, 5000000)]), ("block", [(8, 3000000), (9, 1000000)])):
            with open(os.path.join(folder, name + ".pprof"), "wb") as file:
                file.write(gzip.compress(waits(rows)))
        rows = self.browse(piko_page(self.folder, folder), """
          return [...document.querySelectorAll("#s-locks tbody tr")].map((row) => [...row.cells].map((cell) => cell.textContent));""")
        self.assertEqual(rows, [["5ms", "0x10", "put  -", "100.00%", "get  -", "75.00%"], ["", "", "", "", "evict  -", "25.00%"]])

    def test_hostile_names_are_text(self):
        names = ["</script><script>problems.push('in')</script>", "<img src=x onerror=problems.push('img')>", "\x1b[31m<!--<script>", "&amp;\u2028'\"`"]
        path = os.path.join(self.folder, "evil<script>.pprof")
        with open(path, "wb") as file:
            file.write(profile(names, [([0, 1, 2, 3], 7), ([1, 3], 5)]))
        titles = self.browse(piko_page(self.folder, path), """
          return [document.querySelectorAll("script").length, [...document.querySelectorAll("img")].length,
                  [...document.querySelectorAll(".frame")].map((frame) => frame.title)];""")
        self.assertEqual(titles[:2], [4, 0])
        self.assertTrue(any("<img src=x" in title for title in titles[2]))

    def test_fifty_thousand_samples_open_quickly(self):
        names = [f"function_{n}" for n in range(3000)]
        state, stacks = 1, []
        for number in range(50000):
            stack = []
            for depth in range(20):
                state = (state * 6364136223846793005 + 1442695040888963407) % 2**64
                stack.append((state >> 40) % (3 if depth < 3 else 150) + depth * 140)
            stacks.append((stack[::-1], 10000000 + number))
        path = os.path.join(self.folder, "large.pprof")
        with open(path, "wb") as file:
            file.write(profile(names, stacks))
        page = piko_page(self.folder, path)
        ms, frames = self.browse(page, """
          return [performance.now(), document.querySelectorAll(".frame").length];""")
        print(f"50,000 samples, {len(page) >> 20} MiB of page: drawn {ms:.0f} ms after its start, {frames} frames")
        self.assertGreater(frames, 20)
        self.assertLess(ms, 10000)  # a second on an idle machine; this one may be busy


if __name__ == "__main__":
    unittest.main()
