// Lines of points in an SVG element, in the looks of the other pictures. It knows nothing of runs and controls.
"use strict";
const picture = (() => {
  const MARGIN = { left: 58, right: 16, top: 14, bottom: 46, name: 26 }; // name: beside the figures of the left
  const DASHES = { "--": "6 3", ":": "2 3", "-.": "6 3 2 3" };
  // Markers by their names in matplotlib: corners and a turn in degrees, or the angles of strokes.
  const CORNERS = {
    "^": [3, 0], v: [3, 180], "<": [3, 270], ">": [3, 90], s: [4, 45], D: [4, 0], d: [4, 0], p: [5, 0], h: [6, 0],
    H: [6, 30], 8: [8, 22], o: [24, 0], "*": [10, 0],
  };
  const STROKES = {
    x: [45, 135, 225, 315], X: [45, 135, 225, 315], P: [0, 90, 180, 270],
    1: [180, 300, 60], 2: [0, 120, 240], 3: [270, 30, 150], 4: [90, 210, 330],
  };

  function add(parent, tag, attributes, ...children) {
    const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [name, text] of Object.entries(attributes)) made.setAttribute(name, text);
    made.append(...children);
    parent.append(made);
    return made;
  }

  function group(parent, colour, attributes = {}) {
    const made = add(parent, "g", { ...attributes, class: `own ${attributes.class ?? ""}` });
    made.style.setProperty("--own", colour.replace("#000000", "var(--ink)")); // black is for white paper
    return made;
  }

  function mark(parent, name, x, y) {
    const at = (angle, size) => {
      const turn = angle * Math.PI / 180;
      return `${(x + size * Math.sin(turn)).toFixed(1)} ${(y - size * Math.cos(turn)).toFixed(1)}`;
    };
    if (name in CORNERS) {
      const [count, turn] = CORNERS[name];
      const size = (i) => (name === "o" ? 4 : name === "*" && i % 2 ? 2.2 : 5);
      const corners = Array.from({ length: count }, (_, i) => at(turn + 360 * i / count, size(i)));
      add(parent, "path", { class: "solid", d: `M${corners.join("L")}Z` });
    } else {
      const strokes = (STROKES[name] ?? []).map((angle) => `M${x} ${y}L${at(angle, 5)}`);
      add(parent, "path", { d: strokes.join("") });
    }
  }

  function line(parent, d, dash) {
    add(parent, "path", dash in DASHES ? { d, "stroke-dasharray": DASHES[dash] } : { d });
  }

  // A line with its marker, for a legend.
  function swatch([colour, marker, dash]) {
    const made = document.createElement("span");
    const svg = add(made, "svg", { viewBox: "0 0 28 12", width: 28, height: 12, "aria-hidden": "true" });
    const own = group(svg, colour);
    line(own, "M0 6H28", dash);
    mark(own, marker, 14, 6);
    return made;
  }

  const percent = (ratio) => `${+(100 * ratio).toFixed(4)}\u00a0%`;

  function padded(values, least) {
    const low = Math.min(...values), high = Math.max(...values);
    const room = Math.max(0.06 * (high - low), (least - high + low) / 2);
    return room > 0 ? [low - room, high + room] : [0.9 * low, 1.1 * high || 1];
  }

  // Round numbers from `low` to `high`, about six of them.
  function rounded(low, high) {
    const rough = (high - low) / 6, power = 10 ** Math.floor(Math.log10(rough));
    const step = [1, 2, 5, 10].find((factor) => factor * power >= rough) * power;
    const first = Math.ceil(low / step);
    return Array.from({ length: Math.floor(high / step) - first + 1 }, (_, i) => (first + i) * step);
  }

  // Draws `what` into `svg`; returns its points, each with the name of its line and its place in pixels.
  // what: {lines: [{name, points: [{x, y, low, high, text}]}], headroom: [[x, low, high]], infinite, log,
  // ticks: [[x, text]], across, up, plain: {x, y}: whether these are no ratios}; looks: {name: [colour, marker, dash]}.
  function draw(svg, what, looks) {
    const points = what.lines.flatMap(({ name, points }) => points.map((point) => ({ ...point, line: name })));
    const width = Math.max(svg.parentElement.clientWidth, 280);
    const height = Math.round(Math.min(440, Math.max(280, width / 2)));
    svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    svg.replaceChildren();
    if (!points.length) {
      add(svg, "text", { x: 8, y: height / 2 }, "No line is chosen that has a value here.");
      return points;
    }

    const scaled = what.log ? Math.log : (value) => value;
    const [left, right] = what.log
      ? padded(points.map((point) => Math.log(point.x)), 0.2)
      : [0, 1.1 * Math.max(...points.map((point) => point.x), 0.001)];
    const plain = what.plain ?? {};
    const tick = (value, isPlain) => (isPlain ? String(+value.toPrecision(6)) : percent(value));
    const seen = points.flatMap((point) => [point.low, point.high]);
    const bounds = [...what.headroom.map(([, , most]) => most), ...(what.infinite === null ? [] : [what.infinite])];
    const [bottom, top] = padded([...seen, ...bounds], plain.y ? 0 : 0.04);
    const rungs = rounded(bottom, top).map((value) => [value, tick(value, plain.y)]);
    const longest = Math.max(...rungs.map(([, text]) => text.length)); // its figures are less than 7 pixels wide
    const edges = {
      left: Math.max(MARGIN.left, MARGIN.name + 7 * longest), right: width - MARGIN.right,
      top: MARGIN.top, bottom: height - MARGIN.bottom,
    };
    const x = (value) => edges.left + (scaled(value) - left) / (right - left) * (edges.right - edges.left);
    const y = (value) => edges.bottom - (value - bottom) / (top - bottom) * (edges.bottom - edges.top);
    const path = (pairs) => pairs.map(([a, b], i) => `${i ? "L" : "M"}${x(a).toFixed(1)} ${y(b).toFixed(1)}`).join("");
    const area = (rows) => path([...rows, ...rows.map(([a, , high]) => [a, high]).reverse()]);

    const around = add(svg, "g", { "aria-hidden": "true" }); // all but the points
    for (const [at, text] of rungs) {
      add(around, "line", { class: "grid", x1: edges.left, x2: edges.right, y1: y(at), y2: y(at) });
      add(around, "text", { x: edges.left - 6, y: y(at) + 4, "text-anchor": "end" }, text);
    }
    let free = width + 8; // from the right: the largest capacities matter most
    const ticks = what.ticks ?? rounded(left, right).map((value) => [value, tick(value, plain.x)]);
    for (const [at, text] of [...ticks].reverse()) {
      add(around, "line", { class: "grid", x1: x(at), x2: x(at), y1: edges.top, y2: edges.bottom });
      if (x(at) + 4 * text.length > free) continue;
      add(around, "text", { x: x(at), y: edges.bottom + 18, "text-anchor": "middle" }, text);
      free = x(at) - 4 * text.length - 8;
    }
    const middle = [(edges.left + edges.right) / 2, (edges.top + edges.bottom) / 2];
    add(around, "text", { x: middle[0], y: height - 8, "text-anchor": "middle" }, what.across);
    const turned = { transform: `rotate(-90 12 ${middle[1]})`, "text-anchor": "middle" };
    add(around, "text", { x: 12, y: middle[1], ...turned }, what.up);

    add(around, "path", { class: "headroom", d: area(what.headroom) });
    if (what.infinite !== null) {
      const level = y(what.infinite);
      add(around, "line", { class: "infinite", x1: edges.left, x2: edges.right, y1: level, y2: level });
    }
    for (const { name, points: own } of what.lines) {
      const [colour, , dash] = looks[name], parent = group(around, colour);
      const band = own.map((point) => [point.x, point.low, point.high]);
      if (own.some((point) => point.high > point.low)) add(parent, "path", { class: "band", d: area(band) });
      line(parent, path(own.map((point) => [point.x, point.y])), dash);
    }
    for (const [i, point] of points.entries()) {
      Object.assign(point, { left: x(point.x), top: y(point.y) });
      const [colour, marker] = looks[point.line];
      const label = { class: "point", role: "option", id: `point-${i}`, "aria-label": point.text };
      mark(group(svg, colour, label), marker, point.left, point.top);
    }
    return points;
  }

  return { add, draw, swatch };
})();
