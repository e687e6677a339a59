"use strict";
const data = JSON.parse(document.getElementById("data").textContent);
const main = document.getElementById("main");

// ---- small things: everything from a profile becomes text, never markup ------------------------------------------

function element(tag, attributes, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {}))
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (value !== undefined) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

function drawing(tag, attributes, ...children) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes || {})) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

// As `go tool pprof -unit=auto`: 1.23s, 12.50MB, 168.
const scales = {
  bytes: [["B", 1], ["kB", 1024], ["MB", 1024 ** 2], ["GB", 1024 ** 3], ["TB", 1024 ** 4], ["PB", 1024 ** 5]],
  nanoseconds: [["ns", 1], ["us", 1e3], ["ms", 1e6], ["s", 1e9], ["hrs", 3600e9]],
};

function format(value, unit) {
  let shown = "", scaled = Math.abs(value);
  for (const [name, factor] of scales[unit] || [])
    if (shown === "" || Math.abs(value) / factor >= 1) [shown, scaled] = [name, Math.abs(value) / factor];
  const number = scaled.toFixed(2).replace(/\.00$/, "");
  return number === "0" ? "0" : (value < 0 ? "-" : "") + number + shown;
}

function share(value, total) {
  const percent = total ? Math.abs(value / total) * 100 : 0;
  return percent > 0 && percent < 0.005 ? "<0.01%" : percent.toFixed(2) + "%";
}

function latency(ns) {
  return ns >= 999.9995e6 ? (ns / 1e9).toFixed(3) + "s" : ns >= 999.5e3 ? (ns / 1e6).toFixed(3) + "ms" : (ns / 1e3).toFixed(0) + "us";
}

// Three digits, for axes.
function brief(ns) {
  const [value, unit] = ns >= 1e9 ? [ns / 1e9, "s"] : ns >= 1e6 ? [ns / 1e6, "ms"] : [ns / 1e3, "us"];
  return Number(value.toPrecision(3)) + unit;
}

function section(title) {
  const id = "s-" + title.toLowerCase().replace(/[^a-z0-9]+/g, "-");
  const made = element("section", { id }, element("h2", {}, title));
  main.append(made);
  document.getElementById("contents").append(element("a", { href: "#" + id }, title));
  return made;
}

// ---- what stands out, and the load -------------------------------------------------------------------------------

function showFindings() {
  if (data.warnings.length)
    main.append(element("ul", { class: "warnings" }, ...data.warnings.map((text) => element("li", {}, text))));
  if (!data.findings.length) return;
  section("What stands out").append(element("ol", { class: "findings" }, ...data.findings.map((finding) =>
    element("li", {}, element("b", {}, finding.kind), " " + finding.text,
      ...(finding.command ? [element("code", {}, finding.command)] : [])))));
}

function showLoad() {
  const load = data.load;
  if (!load) return;
  const made = section("Load"), cards = element("div", { class: "cards" });
  const failed = Object.values(load.failures).reduce((sum, count) => sum + count, 0);
  const figures = [["requests", load.requests.toLocaleString("en-US")], ["failed", failed.toLocaleString("en-US")],
    ["requests/s", load.requests_per_second.toFixed(2)], ["mean", latency(load.mean_ns)], ["deviation", latency(load.deviation_ns)],
    ...load.percentiles_ns.map(([percent, ns]) => ["p" + percent, latency(ns)])];
  for (const [name, value] of figures) cards.append(element("div", {}, element("span", {}, name), element("strong", {}, value)));
  const charts = element("div", { class: "charts" });
  made.append(cards, charts);
  showHistogram(charts, load);
  showOverTime(charts);
}

const WIDTH = 560, HEIGHT = 190, LEFT = 58, RIGHT = 10, TOP = 12, BOTTOM = 24;

function chart(parent, title, top, label) {
  const svg = drawing("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": title });
  for (let step = 0; step <= 4; step++) {
    const y = HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * step / 4;
    svg.append(drawing("line", { class: "grid", x1: LEFT, x2: WIDTH - RIGHT, y1: y, y2: y }),
      drawing("text", { x: LEFT - 5, y: y + 4, "text-anchor": "end" }, label(top * step / 4)));
  }
  parent.append(element("figure", {}, element("figcaption", {}, title), svg));
  return svg;
}

// Twelve columns for each factor of ten.
function showHistogram(parent, load) {
  const columns = new Map(), of = (ns) => Math.floor(Math.log10(Math.max(ns, 1)) * 12);
  for (const [ns, count] of data.latency) columns.set(of(ns), (columns.get(of(ns)) || 0) + count);
  if (!columns.size) return;
  const first = Math.min(...columns.keys()), last = Math.max(...columns.keys()), most = Math.max(...columns.values());
  const svg = chart(parent, "Latency of the baseline's requests (logarithmic)", most, (count) => Math.round(count).toLocaleString("en-US"));
  const width = (WIDTH - LEFT - RIGHT) / (last - first + 1), x = (ns) => LEFT + (Math.log10(Math.max(ns, 1)) * 12 - first) * width;
  for (const [column, count] of columns) {
    const height = (HEIGHT - TOP - BOTTOM) * count / most;
    svg.append(drawing("rect", { class: "bar", x: LEFT + (column - first) * width + 0.5, y: HEIGHT - BOTTOM - height, width: Math.max(width - 1, 1), height },
      drawing("title", {}, `${latency(10 ** (column / 12))} to ${latency(10 ** ((column + 1) / 12))}: ${count}`)));
  }
  for (const [percent, ns] of load.percentiles_ns.filter(([percent]) => [50, 99].includes(percent)))
    svg.append(drawing("line", { class: "mark", x1: x(ns), x2: x(ns), y1: TOP, y2: HEIGHT - BOTTOM }),
      drawing("text", { x: x(ns) + 3, y: TOP + 8 }, "p" + percent));
  for (const at of [first, (first + last + 1) / 2, last + 1])
    svg.append(drawing("text", { x: LEFT + (at - first) * width, y: HEIGHT - 6, "text-anchor": at === first ? "start" : at > last ? "end" : "middle" }, brief(10 ** (at / 12))));
}

function showOverTime(parent) {
  const moments = data.phases.flatMap((phase) => phase.moments);
  if (!moments.length) return;
  const end = Math.max(...moments.map(([start, length]) => start + length)), x = (ns) => LEFT + (WIDTH - LEFT - RIGHT) * ns / end;
  const draw = (title, label, series) => {
    const most = Math.max(1e-9, ...series.flatMap(([, points]) => points.flat().map(([, value]) => value)));
    const svg = chart(parent, title, most, label), y = (value) => HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * value / most;
    data.phases.forEach((phase, index) => {
      const last = phase.moments[phase.moments.length - 1];
      if (!last) return;
      const width = x(last[0] + last[1]) - x(phase.start_ns);
      if (index % 2 === 0) svg.prepend(drawing("rect", { class: "phase", x: x(phase.start_ns), y: TOP, width, height: HEIGHT - TOP - BOTTOM }));
      svg.append(drawing("text", { x: x(phase.start_ns) + width / 2, y: HEIGHT - 8, "text-anchor": "middle" }, phase.name));
    });
    for (const [kind, lines] of series)
      for (const points of lines)
        svg.append(drawing("polyline", { class: kind, points: points.map(([at, value]) => `${x(at).toFixed(1)},${y(value).toFixed(1)}`).join(" ") }));
  };
  const lines = (value) => data.phases.map((phase) => phase.moments.map((moment) => [moment[0] + moment[1] / 2, value(moment)]));
  draw("Requests a second, over the phases", (value) => Math.round(value).toLocaleString("en-US"), [["series", lines((m) => m[2] / (m[1] / 1e9))]]);
  draw("Latency over the phases: p50, and p99 above", brief, [["series", lines((m) => m[4])], ["series second", lines((m) => m[5])]]);
  const counted = data.phases.filter((phase) => phase.threads > 0 && phase.moments.length);
  if (counted.length) draw("Threads after each phase", (value) => value.toFixed(value < 10 ? 1 : 0), [["series", [counted.map((phase) => {
    const last = phase.moments[phase.moments.length - 1];
    return [last[0] + last[1], phase.threads];
  })]]]);
}

// ---- flame graph -------------------------------------------------------------------------------------------------

const ROW = 18, LEAST_PIXELS = 1.5, ROWS_MOST = 400;

// parents[node] < node always: a single pass from the end sums up, one from the start places.
function treeDown(graph) {
  return { parents: graph.parents, functions: graph.functions };
}

// Leaves first: what the functions that use it are called from. A column has a value for each node.
function treeUp(graph, columns) {
  const parents = [0], functions = [0], children = new Map(), selves = columns.map(() => [0]);
  columns[0].forEach((_, leaf) => {
    if (columns.every((column) => !column[leaf])) return;
    let at = 0;
    for (let node = leaf; node !== 0; node = graph.parents[node]) {
      const key = at * 4194304 + graph.functions[node];
      let next = children.get(key);
      if (next === undefined) {
        next = parents.length;
        parents.push(at); functions.push(graph.functions[node]);
        for (const self of selves) self.push(0);
        children.set(key, next);
      }
      at = next;
    }
    selves.forEach((self, index) => { self[at] += columns[index][leaf]; });
  });
  return { parents, functions, selves };
}

// Values of single nodes, summed up to the root.
function sumUp(parents, values) {
  const sums = values.slice();
  for (let node = parents.length - 1; node > 0; node--) sums[parents[node]] += sums[node];
  return sums;
}

class Flame {
  constructor(graph, parent) {
    this.graph = graph;
    this.type = graph.shown;
    this.thread = -1;
    this.inverted = false;
    this.pattern = "";
    this.box = element("div", { class: "flame", role: "tree", "aria-label": `Flame graph of ${graph.name}`, onkeydown: (event) => this.key(event) });
    this.detail = element("div", { class: "detail" });
    this.found = element("output", {});
    parent.append(this.tools(), this.detail, this.box);
    this.compute();
    new ResizeObserver(() => this.draw()).observe(this.box);
  }

  tools() {
    const pick = (label, items, chosen, change) => element("select", { "aria-label": label, onchange: (event) => change(Number(event.target.value)) },
      ...items.map(([value, text]) => element("option", value === chosen ? { value, selected: "" } : { value }, text)));
    const graph = this.graph;
    this.search = element("input", { type: "search", placeholder: "search (regex)", "aria-label": "Search functions",
      oninput: (event) => { this.pattern = event.target.value; this.draw(); } });
    const tools = [pick("Value", graph.types.map((type, index) => [index, type.type]), this.type, (value) => { this.type = value; this.compute(); this.draw(); })];
    if (graph.threads.length > 1)
      tools.push(pick("Thread", [[-1, "all threads"], ...graph.threads.map((name, index) => [index, name])], -1, (value) => { this.thread = value; this.compute(); this.draw(); }));
    tools.push(element("button", { type: "button", onclick: () => { this.inverted = !this.inverted; this.compute(); this.draw(); } }, "Flip"),
      element("button", { type: "button", onclick: () => this.zoom(0) }, "Whole"), this.search, this.found);
    return element("div", { class: "tools" }, ...tools);
  }

  column(type) {
    const { graph } = this, stride = graph.types.length + 2, values = new Float64Array(graph.parents.length);
    const { divided_by = 1 } = graph.types[type];
    for (let at = 0; at < graph.samples.length; at += stride)
      if (this.thread < 0 || graph.samples[at + 1] === this.thread) values[graph.samples[at]] += graph.samples[at + 2 + type] / divided_by;
    return values;
  }

  // Values of all nodes for what is chosen; of a comparison those of both sides.
  compute() {
    const { graph } = this;
    this.isCompared = graph.types[0].divided_by !== undefined;
    const columns = this.isCompared ? [this.column(0), this.column(1)] : [this.column(this.type)];
    const tree = this.inverted ? treeUp(graph, columns) : treeDown(graph);
    const selves = this.inverted ? tree.selves : columns;
    this.parents = tree.parents;
    this.functions = tree.functions;
    this.self = selves[this.isCompared ? this.type : 0];
    this.sides = this.isCompared ? selves.map((self) => sumUp(this.parents, self)) : [];
    this.cum = sumUp(this.parents, this.self);
    this.weight = sumUp(this.parents, this.self.map(Math.abs));
    this.isDiff = this.self.some((value) => value < 0);
    this.first = new Int32Array(this.parents.length);
    this.next = new Int32Array(this.parents.length);
    for (let node = this.parents.length - 1; node > 0; node--) {
      if (!(this.weight[node] > 0)) continue;
      this.next[node] = this.first[this.parents[node]];
      this.first[this.parents[node]] = node;
    }
    this.root = 0;
  }

  // Only what is drawn is ever sorted.
  children(node) {
    const list = [];
    for (let child = this.first[node]; child; child = this.next[child]) list.push(child);
    return list.sort((a, b) => this.name(a) < this.name(b) ? -1 : 1);
  }

  name(node) { return node === 0 ? "all" : this.graph.names[this.functions[node]]; }

  text(node) {
    const { unit, total } = this.graph.types[this.type];
    const place = node ? this.graph.places[this.functions[node]] : "";
    if (this.isCompared) {
      const [before, after] = this.sides.map((side) => side[node]);
      return `${this.name(node)}  ${mean(before, unit)} before, ${mean(after, unit)} after (${changeShare(before, after)})` + (place ? "  " + place : "");
    }
    return `${this.name(node)}  ${format(this.cum[node], unit)} (${share(this.cum[node], total)})` +
      (this.self[node] ? `, itself ${format(this.self[node], unit)} (${share(this.self[node], total)})` : "") + (place ? "  " + place : "");
  }

  // Warm by name; of a difference red is more and blue is less; of a comparison the more, the stronger.
  colour(node) {
    if (this.isCompared) {
      const [before, after] = this.sides.map((side) => side[node]), share = (after - before) / (Math.max(Math.abs(before), Math.abs(after)) || 1);
      return `hsl(${share > 0 ? 10 : 212} ${Math.round(Math.abs(share) * 85)}% ${84 - Math.round(Math.abs(share) * 20)}%)`;
    }
    if (this.isDiff) return this.cum[node] > 0 ? "#f2866f" : this.cum[node] < 0 ? "#7fb2ee" : "#d9d9d9";
    let hash = 7;
    for (const c of this.name(node).slice(0, 40)) hash = (hash * 31 + c.charCodeAt(0)) % 1009;
    return `hsl(${18 + hash % 36} ${68 + hash % 20}% ${62 + hash % 14}%)`;
  }

  // Share of what is drawn in which a matching function takes part, each stack once.
  mark() {
    this.matches = null;
    this.found.textContent = "";
    if (!this.pattern) return;
    let pattern;
    try { pattern = new RegExp(this.pattern, "i"); } catch { this.found.textContent = "not an expression"; return; }
    const hit = this.graph.names.map((name) => pattern.test(name)), inside = new Uint8Array(this.parents.length);
    let sum = 0;
    for (let node = 1; node < this.parents.length; node++) {
      inside[node] = hit[this.functions[node]] || inside[this.parents[node]] ? 1 : 0;
      if (inside[node]) sum += this.self[node];
    }
    this.matches = hit;
    const { unit, total, divided_by } = this.graph.types[this.type];
    this.found.textContent = divided_by !== undefined ? `${mean(sum, unit)} found` : `${format(sum, unit)} (${share(sum, total)}) found`;
  }

  draw() {
    const width = this.box.clientWidth, frames = [];
    if (!width) return;
    this.mark();
    this.shown = new Map();
    let depth = 0;
    const path = [];
    for (let node = this.root; ; node = this.parents[node]) { path.unshift(node); if (node === 0) break; }
    for (const node of path) frames.push(this.frame(node, 0, width, depth++, node !== this.root));
    let row = [[this.root, 0]];
    while (row.length && depth < ROWS_MOST) {
      const next = [];
      for (const [parent, left] of row) {
        let x = left;
        for (const node of this.children(parent)) {
          const wide = width * this.weight[node] / (this.weight[this.root] || 1);
          if (wide >= LEAST_PIXELS) { frames.push(this.frame(node, x, wide, depth, false)); next.push([node, x]); }
          x += wide;
        }
      }
      row = next;
      if (row.length) depth++;
    }
    this.box.style.height = depth * ROW + 2 + "px";
    this.box.replaceChildren(...frames);
  }

  frame(node, x, width, depth, faded) {
    const made = document.createElement("button");
    made.type = "button";
    made.className = "frame" + (faded ? " faded" : "") + (node && this.matches && this.matches[this.functions[node]] ? " found" : "");
    made.style.cssText = `left:${x.toFixed(1)}px;top:${depth * ROW}px;width:${width.toFixed(1)}px;background:${this.colour(node)}`;
    made.tabIndex = node === this.root ? 0 : -1;
    made.setAttribute("role", "treeitem");
    if (width > 26) made.textContent = this.name(node);
    made.title = this.text(node);
    made.onclick = () => this.zoom(node);
    made.onfocus = made.onmouseenter = () => { this.detail.textContent = this.text(node); };
    made.dataset.node = node;
    this.shown.set(node, made);
    return made;
  }

  zoom(node) {
    this.root = node;
    this.draw();
    this.shown.get(node)?.focus({ preventScroll: true });
  }

  key(event) {
    const node = Number(event.target.dataset.node), siblings = node ? this.children(this.parents[node]).filter((other) => this.shown.has(other)) : [0];
    const at = siblings.indexOf(node);
    const next = { ArrowUp: this.parents[node], ArrowDown: this.children(node).find((child) => this.shown.has(child)), ArrowLeft: siblings[at - 1], ArrowRight: siblings[at + 1] }[event.key];
    if (event.key === "Escape") this.zoom(0);
    else if (event.key === "/") this.search.focus();
    else if (next !== undefined) this.shown.get(next)?.focus();
    else return;
    event.preventDefault();
  }
}

// ---- tables ------------------------------------------------------------------------------------------------------

// Columns: [name, what it is sorted by, text of a row, class]; rows come in the order of the column `first`.
function sortable(columns, rows, first) {
  const body = element("tbody");
  const fill = () => body.replaceChildren(...rows.map((row) => element("tr", {}, ...columns.map(([, , text, kind]) => element("td", kind ? { class: kind } : {}, text(row))))));
  const heads = columns.map(([name, key, , kind]) => {
    const head = element("th", kind ? { class: kind, scope: "col" } : { scope: "col" }, element("button", { type: "button", onclick: () => {
      const down = head.getAttribute("aria-sort") !== "descending";
      heads.forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      rows.sort((a, b) => (key(a) < key(b) ? -1 : key(a) > key(b) ? 1 : 0) * (down ? -1 : 1));
      fill();
    } }, name));
    return head;
  });
  if (first !== undefined) heads[first].setAttribute("aria-sort", "descending");
  fill();
  return element("div", { class: "scroll" }, element("table", {}, element("thead", {}, element("tr", {}, ...heads)), body));
}

const placeColumns = [["function", (row) => row.function, (row) => row.function, "name"],
  ["file:line", (row) => row.file + ":" + String(row.line).padStart(8), (row) => row.file ? row.file + (row.line ? ":" + row.line : "") : "-", "name"]];

function leftOut(table, command) {
  const left = table.n_rows - table.rows.length;
  return left > 0 ? [element("p", { class: "detail" }, `${left} more rows are left out; ${command} --top 0 --html FILE shows all`)] : [];
}

function showTable(parent, table) {
  const columns = [["flat", (row) => row.flat, (row) => format(row.flat, table.unit)], ["flat%", (row) => row.flat, (row) => share(row.flat, table.total)],
    ...(table.requests ? [["flat/request", (row) => row.flat, (row) => mean(row.flat / table.requests, table.unit)]] : []),
    ["cum", (row) => row.cum, (row) => format(row.cum, table.unit)], ["cum%", (row) => row.cum, (row) => share(row.cum, table.total)], ...placeColumns];
  parent.append(element("details", { open: "" }, element("summary", {}, `${table.title}: ${format(table.total, table.unit)}`),
    sortable(columns, table.rows.slice(), 0), ...leftOut(table, "piko report")));
}

function mean(value, unit) {
  let shown = "", scaled = Math.abs(value);
  for (const [name, factor] of scales[unit] || [])
    if (shown === "" || Math.abs(value) / factor >= 1) [shown, scaled] = [name, Math.abs(value) / factor];
  return scaled === 0 ? "0" : (value < 0 ? "-" : "") + (scaled < 0.1 ? String(Number(scaled.toPrecision(2))) : scaled.toFixed(2)) + shown;
}

function showProfiles() {
  for (const profile of data.profiles) {
    const made = section(profile.name);
    if (profile.missing) { made.append(element("p", {}, "Not captured: " + profile.missing)); continue; }
    const flame = profile.graph.samples.length ? new Flame(profile.graph, made) : null;
    if (!flame) made.append(element("p", {}, "No samples collected."));
    else flame.draw();
    for (const table of profile.tables) showTable(made, table);
  }
}

// Both ends of each lock: a row for each pair of places, in the order of their shares.
function showLocks() {
  if (!data.locks.length) return;
  const place = (site) => site ? `${site.function}  ${site.file ? site.file.replace(/.*\//, "") + (site.line ? ":" + site.line : "") : "-"}` : "";
  const rows = data.locks.flatMap((lock) => {
    return [...Array(Math.max(lock.held_in.length, lock.waited_for_in.length))].map((_, index) => ({ lock, first: index === 0,
      wait: lock.held_ns || lock.waited_ns, held: lock.held_in[index], waited: lock.waited_for_in[index] }));
  });
  section("locks").append(element("p", {}, "Who held a lock while others waited, and who waited for it."), sortable([
    ["wait", (row) => row.wait, (row) => row.first ? format(row.wait, "nanoseconds") : ""],
    ["lock", (row) => row.lock.lock, (row) => row.first ? row.lock.lock : "", "name"],
    ["held in", (row) => place(row.held), (row) => place(row.held), "name"],
    ["share", (row) => row.held ? row.held.delay / row.lock.held_ns : 0, (row) => row.held ? share(row.held.delay, row.lock.held_ns) : ""],
    ["waited for in", (row) => place(row.waited), (row) => place(row.waited), "name"],
    ["share", (row) => row.waited ? row.waited.delay / row.lock.waited_ns : 0, (row) => row.waited ? share(row.waited.delay, row.lock.waited_ns) : ""],
  ], rows));
}

// ---- two runs compared -------------------------------------------------------------------------------------------

// "+12.3%" of what it was before.
function changeShare(before, after) {
  if (!before && !after) return "-";
  if (!before) return "new";
  if (!after) return "gone";
  const percent = (after - before) / Math.abs(before) * 100;
  return (percent < 0 ? "" : "+") + percent.toFixed(1) + "%";
}

function showDiffTable(parent, diff) {
  const judged = (row) => (diff.by_cum ? row.cum : row.flat), at = (row, side) => judged(row)[side] / diff.divided_by[side];
  const text = (value) => diff.per === "run" ? format(value, diff.unit) : mean(value, diff.unit);
  const relative = (row) => judged(row)[0] ? row.change / at(row, 0) : Infinity;
  const columns = [["before", (row) => at(row, 0), (row) => text(at(row, 0))], ["after", (row) => at(row, 1), (row) => text(at(row, 1))],
    ["change", (row) => Math.abs(row.change), (row) => (row.change > 0 ? "+" : "") + text(row.change)],
    ["change%", relative, (row) => changeShare(at(row, 0), at(row, 1))],
    ["verdict", (row) => row.verdict, (row) => element("span", { class: row.verdict === "changed" ? "changed" : "" }, row.verdict), "name"], ...placeColumns];
  parent.append(sortable(columns, diff.rows.slice()), ...leftOut(diff, "piko diff"));
}

function showDiffs() {
  if (data.load) {
    const cards = element("div", { class: "cards" });
    for (const [name, [before, after]] of Object.entries(data.load)) {
      const text = (value) => name.endsWith("_ns") ? latency(value) : Math.round(value).toLocaleString("en-US");
      cards.append(element("div", {}, element("span", {}, name.replace(/_ns$/, "").replaceAll("_", " ")), element("strong", {}, `${text(before)} \u2192 ${text(after)}`)));
    }
    section("Load").append(cards);
  }
  for (const diff of data.diffs) {
    const made = section(diff.title), [before, after] = diff.total.value.map((value, side) => value / diff.divided_by[side]);
    made.append(element("p", {}, `${mean(before, diff.unit)} before, ${mean(after, diff.unit)} after (${changeShare(before, after)}), per ${diff.per}: ${diff.total.verdict}. ` +
      `${diff.n_changed} of ${diff.n_rows} rows changed, ${diff.n_more} need more samples.`));
    if (diff.graph.samples.length) new Flame(diff.graph, made).draw();
    showDiffTable(made, diff);
  }
}

// ---- the page ----------------------------------------------------------------------------------------------------

const dark = window.matchMedia && matchMedia("(prefers-color-scheme: dark)").matches;
document.documentElement.classList.toggle("dark", dark);
document.getElementById("theme").addEventListener("click", () => document.documentElement.classList.toggle("dark"));
if (data.diffs) {
  document.title = document.querySelector("h1").textContent = "piko diff";
  document.getElementById("subject").textContent = `${data.before} \u2192 ${data.after}`;
  showDiffs();
} else {
  document.getElementById("subject").textContent = data.url ? `${data.url}, ${data.concurrency} connections` : "";
  showFindings();
  showLoad();
  showProfiles();
  showLocks();
}
main.append(element("footer", {}, "Click or press Enter on a frame to zoom, Escape for the whole, arrows to walk, / to search. " + (data.diffs ? "Widths are those of the side that is chosen; red is more than before, blue is less." : "Percentages are of the whole profile.")));
