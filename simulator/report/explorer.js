// The explorer of report.html: one picture of the cells in #explorer-data, as the controls ask for it.
// All text goes in as text, never as markup: names come from whoever wrote the trace or the policy.
"use strict";
(() => {
  const source = document.getElementById("explorer-data");
  if (!source) return;
  const data = JSON.parse(source.textContent);
  const root = document.getElementById("explorer");
  const find = (selector) => root.querySelector(selector);
  const { subject: subjects, metric: metrics, from, to } = find("form").elements;
  const svg = find(".plot svg"), tip = find(".tip"), boxes = find(".lines"), shown = find(".cell");
  const hidden = new Set(); // names of lines
  let chosen = null; // the key of a cell, whose point is open
  let points = []; // what is drawn
  let active = -1; // of these, the one under the pointer or the arrow keys

  const percent = (ratio, digits = 2) => `${(100 * ratio).toFixed(digits)}\u00a0%`;
  const figure = (number) => (+number.toPrecision(4)).toLocaleString("en", { maximumFractionDigits: 6 });
  const value = (column, cell) => column.of[column.at[cell]];
  const key = (cell) => value(data.cells.cell, cell);
  const subject = () => data.subjects[subjects.selectedIndex];
  const open = () => points.findIndex(({ cells }) => cells.some((cell) => key(cell) === chosen));

  function make(tag, attributes = {}, ...children) {
    const made = document.createElement(tag);
    for (const [name, text] of Object.entries(attributes)) made.setAttribute(name, text);
    made.append(...children);
    return made;
  }

  function fill(select, options, index) {
    select.replaceChildren(...options.map(([own, text]) => new Option(text, own)));
    select.selectedIndex = Math.max(index, 0);
  }

  // What to draw of a subject: see picture.draw; `reading` says in words what is to be seen.
  function byCapacity({ lines, sizes, unit, metrics: all }) {
    const metric = all[metrics.value];
    const low = Math.min(from.value, to.value), high = Math.max(from.value, to.value);
    const inside = (at) => low <= at && at <= high;
    const drawn = lines.map(({ name, online, at, cells }, i) => ({
      name, online,
      points: at.flatMap((size, j) => {
        const found = metric.values[i][j], way = metric.ways[i][j];
        if (!inside(size) || !found) return [];
        const [mean, least = mean, most = mean] = found, [capacity, full, , share] = sizes[size];
        const text = [name, `${full} (${share})`, `${metric.label} ${percent(mean)}`];
        if (most > least) text.push(`${percent(least)} to ${percent(most)} over ${cells[j].length} seeds`);
        if (way !== null) text.push(`${percent(way, 1)} of the way from lru to the optimum`);
        return [{ x: capacity, y: mean, low: least, high: most, cells: cells[j], text: text.join("\n") }];
      }),
    })).filter(({ name, points }) => points.length && !hidden.has(name));
    const best = new Map();
    for (const { x, y } of drawn.filter(({ online }) => online).flatMap((line) => line.points)) {
      best.set(x, Math.max(y, best.get(x) ?? 0));
    }
    const headroom = metric.optimum.filter(([x]) => best.has(x)).map(([x, most]) => [x, best.get(x), most]);
    const reading = [];
    if (headroom.length) reading.push("Grey: what the best of these policies leaves to the offline optimum.");
    if (metric.infinite !== null) reading.push("Dashed: an infinite cache.");
    if (drawn.some(({ points }) => points.some((p) => p.high > p.low))) reading.push("A band is the range over seeds.");
    return {
      lines: drawn, log: true, infinite: metric.infinite, headroom, reading: reading.join(" "), up: metric.label,
      ticks: sizes.filter((_, at) => inside(at)).map(([capacity, , short]) => [capacity, short]),
      across: unit === "bytes" ? "capacity" : "capacity, pages",
    };
  }

  function besideFalseHits({ lines }) {
    const drawn = lines.filter(({ name }) => !hidden.has(name)).map(({ name, points, cells }) => ({
      name,
      points: points.map(([x, y, precision, threshold], j) => {
        const text = [name, `true hits ${percent(y)}, false hits ${percent(x)}`, `precision ${percent(precision)}`];
        if (threshold !== null) text.push(`threshold ${threshold.toFixed(2)}`);
        return { x, y, low: y, high: y, cells: cells[j], text: text.join("\n") };
      }),
    }));
    return {
      lines: drawn, log: false, infinite: null, headroom: [], across: "false hits", up: "true hits",
      reading: "Shares of the requests that met the stack. Better is up and left; along a line the threshold falls.",
    };
  }

  function byLoad({ lines, loaded, across, metrics: all }) {
    const metric = all[metrics.value], form = metric.ratio ? percent : figure;
    const drawn = lines.map(({ name, x, cells }, i) => ({
      name,
      points: x.flatMap((at, j) => {
        if (!metric.values[i][j]) return []; // of a server that does not keep up: it would grow with the trace
        const [mean, low = mean, high = mean] = metric.values[i][j];
        const text = [name, `${across} ${loaded ? figure(at) : percent(at)}`, `${metric.label} ${form(mean)}`];
        return [{ x: at, y: mean, low, high, cells: cells[j], text: text.join("\n") }];
      }),
    })).filter(({ name, points }) => points.length && !hidden.has(name));
    return {
      lines: drawn, log: false, infinite: null, headroom: [], across, up: metric.label,
      plain: { x: loaded, y: !metric.ratio }, reading: "Latencies of servers that do not keep up are left out.",
    };
  }

  const pictures = { capacity: byCapacity, answers: besideFalseHits, servers: byLoad };

  function redraw() {
    const of = subject(), what = pictures[of.kind](of);
    svg.setAttribute("aria-label", `${of.title}: ${what.up} against ${what.across}`);
    find(".reading").textContent = what.reading;
    points = picture.draw(svg, what, data.looks);
    active = open();
    point();
  }

  // Shows which point is under the pointer or the arrow keys, and which one is open.
  function point() {
    find(".ring")?.remove();
    for (const [i, own] of svg.querySelectorAll(".point").entries()) own.setAttribute("aria-selected", i === open());
    tip.hidden = active < 0;
    svg.removeAttribute("aria-activedescendant");
    if (active < 0) return;
    const { left, top, text } = points[active];
    svg.setAttribute("aria-activedescendant", `point-${active}`);
    picture.add(svg, "circle", { class: "ring", cx: left, cy: top, r: 9 });
    tip.textContent = text;
    tip.style.left = `${Math.max(0, Math.min(svg.clientWidth - tip.offsetWidth, left + 14))}px`;
    tip.style.top = `${top > tip.offsetHeight + 14 ? top - tip.offsetHeight - 12 : top + 14}px`;
  }

  function nearest({ clientX, clientY }) {
    const box = svg.getBoundingClientRect();
    const away = points.map(({ left, top }) => Math.hypot(left - clientX + box.left, top - clientY + box.top));
    const least = Math.min(...away);
    return least < 40 ? away.indexOf(least) : -1;
  }

  // The next point to the right or left on the line, or the next higher or lower one at the same place.
  function step(right, up) {
    const here = points[active];
    const ahead = (there, i) => (right
      ? there.line === here.line && (there.x - here.x) * right > 0
      : there.x === here.x && (there.y - here.y || i - active) * up > 0);
    const away = (there) => (right ? Math.abs(there.x - here.x) : Math.abs(there.y - here.y));
    const others = [...points.keys()].filter((i) => i !== active && ahead(points[i], i));
    return others.sort((a, b) => away(points[a]) - away(points[b]))[0] ?? active;
  }

  function choose() {
    chosen = active < 0 ? null : key(points[active].cells[0]);
    point();
    details();
    remember();
  }

  // Below the picture: the cells of the point that is open, one a seed.
  function details() {
    const own = points[open()];
    find(".opened").textContent = own ? own.text.split("\n", 2).join(", ") : "";
    shown.replaceChildren();
    if (!own) return;
    const link = make("a", { href: "#provenance" }, "Provenance of the whole run");
    const cells = own.cells.map((cell, i) => {
      const title = `cell ${key(cell)}, seed ${value(data.cells.seed, cell)}`;
      const yaml = data.yaml.map((column) => value(column, cell)).join("");
      return make("details", i ? {} : { open: "" }, make("summary", {}, title),
        ...(yaml ? [make("p", { class: "caption" }, "This cell alone, for kvreplay run:")] : []),
        ...(yaml ? [make("pre", { tabindex: 0, "aria-label": "YAML" }, yaml)] : []), facts(cell));
    });
    shown.append(...cells, make("p", { class: "caption" }, link));
  }

  function facts(cell) {
    const written = (name, own) => (/_ratio$|_precision$/.test(name) ? percent(own)
      : Number.isInteger(own) ? own.toLocaleString("en") : typeof own === "number" ? figure(own) : String(own));
    const figures = Object.entries(data.cells).map(([name, column]) => [name, value(column, cell)])
      .filter(([name, own]) => own !== null && name !== "cell").map(([name, own]) => [name, written(name, own)]);
    const code = Object.entries(data.code);
    return make("dl", {}, ...[...figures, ...code].map(([name, text]) => make("div", {},
      make("dt", { title: data.meanings[name] ?? "" }, name.replaceAll("_", " ")), make("dd", {}, text))));
  }

  // The address says what is shown, so that a view can be sent to somebody, or come back.
  function remember() {
    const state = new URLSearchParams({ show: subject().title });
    if (subject().kind !== "answers") state.set("metric", metrics.value);
    if (subject().kind === "capacity") {
      state.set("from", subject().sizes[from.value][0]);
      state.set("to", subject().sizes[to.value][0]);
    }
    for (const name of hidden) state.append("without", name);
    if (chosen) state.set("cell", chosen);
    history.replaceState(null, "", `#${state}`);
  }

  function recall() {
    const state = new URLSearchParams(location.hash.slice(1));
    if (location.hash && !state.has("show")) return; // a link to a heading
    subjects.selectedIndex = Math.max(data.subjects.findIndex(({ title }) => title === state.get("show")), 0);
    hidden.clear();
    for (const name of state.getAll("without")) hidden.add(name);
    chosen = state.get("cell");
    refill(state);
  }

  // Fills the controls anew for the subject that is chosen, as `wanted` says.
  function refill(wanted = new URLSearchParams()) {
    const { kind, lines, sizes = [], metrics: all } = subject();
    for (const one of root.querySelectorAll("[data-for]")) one.hidden = !one.dataset.for.split(" ").includes(kind);
    const names = Object.keys(all), sizeOf = (name) => sizes.findIndex(([size]) => String(size) === wanted.get(name));
    fill(metrics, names.map((name) => [name, all[name].label]), names.indexOf(wanted.get("metric") ?? data.metric));
    const named = sizes.map(([, full, , share], at) => [at, `${full} (${share})`]);
    fill(from, named, sizeOf("from"));
    fill(to, named, sizeOf("to") < 0 ? sizes.length - 1 : sizeOf("to"));
    boxes.querySelectorAll("label").forEach((label) => label.remove());
    for (const { name } of lines) {
      const box = make("input", { type: "checkbox", value: name });
      box.checked = !hidden.has(name);
      box.addEventListener("change", () => { hidden[box.checked ? "delete" : "add"](name); update(); });
      boxes.append(make("label", {}, box, picture.swatch(data.looks[name]), name));
    }
    redraw();
    details();
  }

  function update() {
    redraw();
    details();
    remember();
  }

  const arrows = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
  svg.addEventListener("keydown", (event) => {
    if (!points.length) return;
    if (event.key in arrows) active = active < 0 ? 0 : step(...arrows[event.key]);
    else if (event.key === "Home") active = 0;
    else if (event.key === "End") active = points.length - 1;
    else if (event.key === "Escape") active = -1;
    else if (event.key !== "Enter" && event.key !== " ") return;
    event.preventDefault();
    if (["Enter", " ", "Escape"].includes(event.key)) choose();
    else point();
  });
  svg.addEventListener("pointermove", (event) => { active = nearest(event); point(); });
  svg.addEventListener("pointerleave", () => { active = open(); point(); });
  svg.addEventListener("click", (event) => { active = nearest(event); choose(); });
  subjects.addEventListener("change", () => { chosen = null; refill(); remember(); });
  for (const select of [metrics, from, to]) select.addEventListener("change", update);
  for (const button of boxes.querySelectorAll("button")) {
    button.addEventListener("click", () => {
      hidden.clear();
      if (button.name === "none") for (const { name } of subject().lines) hidden.add(name);
      for (const box of boxes.querySelectorAll("input")) box.checked = !hidden.has(box.value);
      update();
    });
  }
  addEventListener("hashchange", recall);

  const kinds = { servers: "servers", capacity: "by capacity", answers: "hits beside false hits" };
  for (const [kind, label] of Object.entries(kinds)) {
    const own = data.subjects.filter((one) => one.kind === kind).map(({ title }) => new Option(title));
    if (own.length) subjects.append(make("optgroup", { label }, ...own));
  }
  root.hidden = false;
  recall();
  new ResizeObserver(redraw).observe(svg.parentElement);
})();
