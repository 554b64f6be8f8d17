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
  const svg = find("svg"), tip = find(".tip"), boxes = find(".lines"), shown = find(".cell");
  const MARGIN = { left: 58, right: 16, top: 14, bottom: 46 };
  const hidden = new Set(); // names of lines
  let chosen = null; // key of the cell whose point is open
  let points = []; // what is drawn, with x and y in pixels
  let active = -1; // of these, the one under the pointer or the arrow keys

  const percent = (ratio, digits = 2) => `${(100 * ratio).toFixed(digits)}\u00a0%`;
  const value = (column, cell) => column.of[column.at[cell]];
  const key = (cell) => value(data.cells.cell, cell);
  const subject = () => data.subjects[subjects.selectedIndex];

  function make(tag, attributes = {}, ...children) {
    const made = document.createElement(tag);
    for (const [name, text] of Object.entries(attributes)) made.setAttribute(name, text);
    made.append(...children);
    return made;
  }

  function draw(parent, tag, attributes, ...children) {
    const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [name, text] of Object.entries(attributes)) made.setAttribute(name, text);
    made.append(...children);
    parent.append(made);
    return made;
  }

  function fill(select, options, wanted) {
    select.replaceChildren(...options.map(([own, text]) => new Option(text, own)));
    const known = options.findIndex(([own]) => String(own) === String(wanted));
    select.selectedIndex = known < 0 ? 0 : known;
  }

  // What the picture shows: lines of points {x, y, low, high, cells, text}, and what stands around them.
  function byCapacity(of) {
    const metric = of.metrics[metrics.value], sizes = of.sizes;
    const low = Math.min(+from.value, +to.value), high = Math.max(+from.value, +to.value);
    const inside = (at) => at >= low && at <= high;
    const lines = of.lines.map((line, i) => ({
      ...line,
      points: line.at.flatMap((at, j) => {
        const found = metric.values[i][j];
        if (!inside(at) || !found) return [];
        const [mean, least = mean, most = mean] = found, way = metric.ways[i][j];
        let text = `${line.name}\n${sizes[at][1]} (${sizes[at][3]})\n${metric.label} ${percent(mean)}`;
        if (most > least) text += `\n${percent(least)} to ${percent(most)} over ${line.cells[j].length} seeds`;
        if (way !== null) text += `\n${percent(way, 1)} of the way from lru to the optimum`;
        return [{ x: sizes[at][0], y: mean, low: least, high: most, cells: line.cells[j], text }];
      }),
    })).filter((line) => line.points.length);
    const best = new Map();
    for (const line of lines.filter((line) => line.online && !hidden.has(line.name))) {
      for (const { x, y } of line.points) best.set(x, Math.max(y, best.get(x) ?? 0));
    }
    const optimum = metric.optimum.filter(([x]) => best.has(x));
    return {
      lines, log: true, infinite: metric.infinite,
      headroom: optimum.map(([x, most]) => [x, best.get(x), most]),
      ticks: sizes.filter((_, at) => inside(at)).map((size) => [size[0], size[2]]),
      across: of.unit === "bytes" ? "capacity" : "capacity, pages", up: metric.label,
      reading: (optimum.length ? "Grey: what the best of these policies leaves to the offline optimum. " : "") +
        (metric.infinite === null ? "" : "Dashed: an infinite cache. ") +
        (lines.some((line) => line.points.some((p) => p.high > p.low)) ? "A band is the range over seeds." : ""),
    };
  }

  function besideFalseHits(of) {
    const lines = of.lines.map((line) => ({
      ...line,
      points: line.points.map(([x, y, precision, threshold], j) => {
        let text = `${line.name}\ntrue hits ${percent(y)}, false hits ${percent(x)}\nprecision ${percent(precision)}`;
        if (threshold !== null) text += `\nthreshold ${threshold.toFixed(2)}`;
        return { x, y, low: y, high: y, cells: line.cells[j], text };
      }),
    }));
    return {
      lines, log: false, infinite: null, headroom: [], across: "false hits", up: "true hits",
      reading: "Shares of the requests that met the stack. Up and to the left is better; along a line the threshold falls.",
    };
  }

  function picture() {
    const of = subject(), all = (of.kind === "capacity" ? byCapacity : besideFalseHits)(of);
    const lines = all.lines.filter((line) => !hidden.has(line.name));
    const width = Math.max(svg.parentElement.clientWidth, 280), height = Math.round(Math.min(440, Math.max(280, width / 2)));
    points = lines.flatMap((line) => line.points.map((point) => ({ ...point, line: line.name })));
    active = points.findIndex((point) => point.cells.some((cell) => key(cell) === chosen));
    svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    svg.setAttribute("aria-label", `${of.title}: ${all.up} against ${all.across}`);
    svg.replaceChildren();
    find(".reading").textContent = all.reading;
    const xs = points.map((point) => point.x), heights = points.flatMap((point) => [point.low, point.high]);
    heights.push(...all.headroom.map(([, , most]) => most), ...(all.infinite === null ? [] : [all.infinite]));
    if (!points.length) {
      draw(svg, "text", { x: MARGIN.left, y: height / 2 }, "No line is chosen that has a value here.");
      return;
    }
    const [left, right] = all.log ? padded(xs.map(Math.log), 0.2) : [0, 1.1 * Math.max(...xs, 0.001)];
    const [bottom, top] = padded(heights, 0.04);
    const x = (own) => MARGIN.left + ((all.log ? Math.log(own) : own) - left) / (right - left) * (width - MARGIN.left - MARGIN.right);
    const y = (own) => height - MARGIN.bottom - (own - bottom) / (top - bottom) * (height - MARGIN.top - MARGIN.bottom);
    const path = (pairs) => pairs.map(([a, b], i) => `${i ? "L" : "M"}${x(a).toFixed(1)} ${y(b).toFixed(1)}`).join("");
    const across = all.ticks ?? rounded(left, right).map((at) => [at, percent(at, 1)]);
    const edge = height - MARGIN.bottom;
    for (const at of rounded(bottom, top)) {
      draw(svg, "line", { class: "grid", x1: MARGIN.left, x2: width - MARGIN.right, y1: y(at), y2: y(at) });
      draw(svg, "text", { x: MARGIN.left - 6, y: y(at) + 4, "text-anchor": "end" }, percent(at, top - bottom < 0.05 ? 1 : 0));
    }
    let free = width + 8; // from the right, as the largest capacities matter most
    for (const [at, text] of [...across].reverse()) {
      draw(svg, "line", { class: "grid", x1: x(at), x2: x(at), y1: MARGIN.top, y2: edge });
      if (x(at) + 4 * text.length < free) {
        draw(svg, "text", { x: x(at), y: edge + 18, "text-anchor": "middle" }, text);
        free = x(at) - 4 * text.length - 8;
      }
    }
    draw(svg, "text", { x: (MARGIN.left + width - MARGIN.right) / 2, y: height - 8, "text-anchor": "middle" }, all.across);
    draw(svg, "text", { x: 12, y: (MARGIN.top + edge) / 2, "text-anchor": "middle", transform: `rotate(-90 12 ${(MARGIN.top + edge) / 2})` }, all.up);
    const headroom = [...all.headroom.map(([a, least]) => [a, least]), ...all.headroom.map(([a, , most]) => [a, most]).reverse()];
    draw(svg, "path", { class: "headroom", d: path(headroom) });
    if (all.infinite !== null) {
      draw(svg, "line", { class: "infinite", x1: MARGIN.left, x2: width - MARGIN.right, y1: y(all.infinite), y2: y(all.infinite) });
    }
    for (const line of lines) {
      const own = draw(svg, "g", { class: "own" });
      paint(own, line.name);
      const over = [...line.points.map((p) => [p.x, p.high]), ...line.points.map((p) => [p.x, p.low]).reverse()];
      if (line.points.some((p) => p.high > p.low)) draw(own, "path", { class: "band", d: path(over) });
      draw(own, "path", { d: path(line.points.map((p) => [p.x, p.y])), ...dashes(data.looks[line.name][2]) });
    }
    for (const [i, point] of points.entries()) {
      Object.assign(point, { left: x(point.x), top: y(point.y) });
      const own = draw(svg, "g", { class: "own point", role: "option", id: `point-${i}`, "aria-label": point.text, "aria-selected": i === active });
      paint(own, point.line);
      own.append(mark(data.looks[point.line][1], point.left, point.top));
    }
    ring();
  }

  function padded(values, least) {
    const low = Math.min(...values), high = Math.max(...values), room = Math.max(0.06 * (high - low), (least - high + low) / 2);
    return [low - room, high + room];
  }

  function rounded(low, high) {
    const rough = (high - low) / 5, power = 10 ** Math.floor(Math.log10(rough));
    const step = [1, 2, 5, 10].find((factor) => factor * power >= rough) * power;
    const first = Math.ceil(low / step);
    return Array.from({ length: Math.floor(high / step) - first + 1 }, (_, i) => (first + i) * step);
  }

  // Black is for white paper.
  const paint = (own, name) => own.style.setProperty("--own", data.looks[name][0].replace("#000000", "var(--ink)"));
  const dashes = (dash) => ({ "--": { "stroke-dasharray": "6 3" }, ":": { "stroke-dasharray": "2 3" }, "-.": { "stroke-dasharray": "6 3 2 3" } })[dash] ?? {};

  // The markers of the other pictures, by their names in matplotlib: corners and turn, or strokes by their angles.
  function mark(name, x, y) {
    const corners = { "^": [3, 0], v: [3, 180], "<": [3, 270], ">": [3, 90], s: [4, 45], D: [4, 0], d: [4, 0], p: [5, 0], h: [6, 0], H: [6, 30], 8: [8, 22], o: [24, 0], "*": [10, 0] }[name];
    const strokes = { x: [45, 135, 225, 315], X: [45, 135, 225, 315], P: [0, 90, 180, 270], 1: [180, 300, 60], 2: [0, 120, 240], 3: [270, 30, 150], 4: [90, 210, 330] }[name];
    const at = (angle, size = 5) => `${(x + size * Math.sin(angle * Math.PI / 180)).toFixed(1)} ${(y - size * Math.cos(angle * Math.PI / 180)).toFixed(1)}`;
    const shape = corners
      ? `M${Array.from({ length: corners[0] }, (_, i) => at(corners[1] + 360 * i / corners[0], name === "*" && i % 2 ? 2.2 : name === "o" ? 4 : 5)).join("L")}Z`
      : (strokes ?? []).map((angle) => `M${x.toFixed(1)} ${y.toFixed(1)}L${at(angle)}`).join("");
    return draw(svg, "path", { class: corners ? "mark solid" : "mark", d: shape });
  }

  function ring() {
    find(".ring")?.remove();
    tip.hidden = active < 0;
    svg.removeAttribute("aria-activedescendant");
    if (active < 0) return;
    const { left, top, text } = points[active];
    svg.setAttribute("aria-activedescendant", `point-${active}`);
    draw(svg, "circle", { class: "ring", cx: left, cy: top, r: 9 });
    tip.textContent = text;
    const room = svg.clientWidth - tip.offsetWidth;
    tip.style.left = `${Math.max(0, Math.min(room, left + 14))}px`;
    tip.style.top = `${top > tip.offsetHeight + 14 ? top - tip.offsetHeight - 12 : top + 14}px`;
  }

  function nearest(event) {
    const box = svg.getBoundingClientRect();
    const away = points.map(({ left, top }) => Math.hypot(left - event.clientX + box.left, top - event.clientY + box.top));
    const least = Math.min(...away);
    return least < 40 ? away.indexOf(least) : -1;
  }

  // The next point in a direction: along the line, or the next higher or lower one at the same place.
  function step(right, up) {
    const here = points[active];
    const others = points.map((point, i) => ({ ...point, i })).filter((point) => point.i !== active && (right
      ? point.line === here.line && (point.x - here.x) * right > 0
      : point.x === here.x && ((point.y - here.y || point.i - active) * up > 0)));
    const away = (point) => (right ? Math.abs(point.x - here.x) : Math.abs(point.y - here.y));
    others.sort((a, b) => away(a) - away(b));
    return others[0]?.i ?? active;
  }

  function open() {
    chosen = active < 0 ? null : key(points[active].cells[0]);
    for (const [i, own] of [...svg.querySelectorAll(".point")].entries()) own.setAttribute("aria-selected", i === active);
    details();
    remember();
  }

  function details() {
    shown.replaceChildren();
    const point = points.find(({ cells }) => cells.some((cell) => key(cell) === chosen));
    if (!point) return;
    shown.append(make("h3", {}, point.text.split("\n").slice(0, 2).join(", ")));
    for (const [i, cell] of point.cells.entries()) {
      const box = make("details", i ? {} : { open: "" }, make("summary", {}, `cell ${key(cell)}, seed ${value(data.cells.seed, cell)}`));
      const list = make("dl");
      const fact = (what, text, meaning) => list.append(make("div", {}, make("dt", meaning ? { title: meaning } : {}, what), make("dd", {}, String(text))));
      for (const [name, column] of Object.entries(data.cells)) {
        const own = value(column, cell);
        if (own === null || name === "cell") continue;
        const number = typeof own === "number" && Number.isInteger(own) ? own.toLocaleString("en") : own;
        fact(name.replaceAll("_", " "), /_ratio$|_precision$/.test(name) ? percent(own) : number, data.meanings[name]);
      }
      for (const [name, text] of Object.entries(data.code)) fact(name === "dirty" ? "uncommitted changes" : name, text);
      const yaml = data.yaml.map((column) => value(column, cell)).join("");
      if (yaml) box.append(make("p", { class: "caption" }, "This cell alone, for kvreplay run:"), make("pre", { tabindex: 0, "aria-label": "YAML" }, yaml));
      box.append(list);
      shown.append(box);
    }
    shown.append(make("p", { class: "caption" }, make("a", { href: "#provenance" }, "Provenance of the whole run")));
  }

  // The address says what is shown, so that it can be sent to somebody or come back.
  function remember() {
    const state = new URLSearchParams({ show: subject().title });
    if (subject().kind === "capacity") {
      state.set("metric", metrics.value);
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
    const known = data.subjects.findIndex((one) => one.title === state.get("show"));
    subjects.selectedIndex = Math.max(known, 0);
    hidden.clear();
    for (const name of state.getAll("without")) hidden.add(name);
    chosen = state.get("cell");
    refill(state);
  }

  // The controls below the choice of a subject, for the one that is chosen.
  function refill(wanted = new Map()) {
    const of = subject(), isCapacity = of.kind === "capacity";
    for (const label of root.querySelectorAll("[data-for]")) label.hidden = !isCapacity;
    if (isCapacity) {
      fill(metrics, Object.entries(of.metrics).map(([name, { label }]) => [name, label]), wanted.get("metric") ?? data.metric);
      const sizes = of.sizes.map(([, full, , share], i) => [i, `${full} (${share})`]);
      const at = (name, otherwise) => { const i = of.sizes.findIndex(([size]) => String(size) === wanted.get(name)); return i < 0 ? otherwise : i; };
      fill(from, sizes, at("from", 0));
      fill(to, sizes, at("to", sizes.length - 1));
    }
    boxes.querySelectorAll("label").forEach((label) => label.remove());
    for (const { name } of of.lines) {
      const box = make("input", { type: "checkbox", value: name });
      box.checked = !hidden.has(name);
      box.addEventListener("change", () => { hidden[box.checked ? "delete" : "add"](name); update(); });
      const swatch = make("span", { class: "swatch" });
      const line = draw(swatch, "svg", { viewBox: "0 0 28 12", width: 28, height: 12, class: "own", "aria-hidden": "true" });
      paint(line, name);
      draw(line, "path", { d: "M0 6H28", ...dashes(data.looks[name][2]) });
      line.append(mark(data.looks[name][1], 14, 6));
      boxes.append(make("label", {}, box, swatch, name));
    }
    picture();
    details();
  }

  function update() {
    picture();
    details();
    remember();
  }

  const arrows = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
  svg.addEventListener("keydown", (event) => {
    if (event.key in arrows && points.length) active = active < 0 ? 0 : step(...arrows[event.key]);
    else if (event.key === "Home" || event.key === "End") active = event.key === "Home" ? 0 : points.length - 1;
    else if (event.key === "Escape") active = -1;
    else if (event.key !== "Enter" && event.key !== " ") return;
    event.preventDefault();
    ring();
    if (["Enter", " ", "Escape"].includes(event.key)) open();
  });
  svg.addEventListener("pointermove", (event) => { active = nearest(event); ring(); });
  svg.addEventListener("pointerleave", () => { active = points.findIndex(({ cells }) => cells.some((cell) => key(cell) === chosen)); ring(); });
  svg.addEventListener("click", (event) => { active = nearest(event); ring(); open(); });
  subjects.addEventListener("change", () => { chosen = null; refill(); remember(); });
  for (const select of [metrics, from, to]) select.addEventListener("change", update);
  addEventListener("hashchange", recall);

  const group = (kind, label) => {
    const own = data.subjects.filter((one) => one.kind === kind);
    return own.length ? [make("optgroup", { label }, ...own.map((one) => new Option(one.title)))] : [];
  };
  subjects.append(...group("capacity", "by capacity"), ...group("answers", "hits beside false hits"));
  root.hidden = false;
  recall();
  new ResizeObserver(picture).observe(svg.parentElement);
})();
