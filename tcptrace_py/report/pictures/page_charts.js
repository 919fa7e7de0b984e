"use strict";
// The page's pictures, its list of connections and their ladders. Without dependencies or a build step.
// Text from a capture gets into the page by `textContent` only, so none of it can become markup.

const data = JSON.parse(document.getElementById("data").textContent);
const SHOW = document.getElementById("data").dataset.show;
const STATES = data.states;
// From the bottom of a picture to its top: what piles up lies on the ground.
const STACK = ["CLOSE_WAIT", "TIME_WAIT", "FIN_WAIT_2", "FIN_WAIT_1", "CLOSING", "LAST_ACK", "ESTABLISHED",
  "SYN_RCVD", "SYN_SENT"];
const NO_SOCKET = new Set(["CLOSED", "LISTEN"]);
const SVG = "http://www.w3.org/2000/svg";
const $ = (id) => document.getElementById(id);

// --- making elements -------------------------------------------------------------------

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes || {})) {
    if (name === "on") for (const [event, action] of Object.entries(value)) element.addEventListener(event, action);
    else if (value !== null && value !== undefined && value !== false) element.setAttribute(name, value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return element;
}

const h = (tag, attributes, ...children) => fill(document.createElement(tag), attributes, children);
const svg = (tag, attributes, ...children) => fill(document.createElementNS(SVG, tag), attributes, children);

function option(value, text) {
  return h("option", { value: String(value) }, text);
}

// --- words -----------------------------------------------------------------------------

const count = (n) => n.toLocaleString("en");
const times = (n, one) => `${count(n)} ${one}${n === 1 ? "" : "s"}`;

function duration(us) {
  const s = us / 1e6;
  if (us < 1000) return `${us} µs`;
  if (s < 1) return `${(us / 1000).toFixed(us < 1e5 ? 1 : 0)} ms`;
  if (s < 100) return `${s.toFixed(1)} s`;
  if (s < 7200) return `${Math.floor(s / 60)} min ${Math.floor(s % 60)} s`;
  if (s < 172800) return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`;
  return `${Math.floor(s / 86400)} d ${Math.floor((s % 86400) / 3600)} h`;
}

function bytes(n) {
  if (n < 1000) return `${n} B`;
  let value = n;
  for (const unit of ["kB", "MB", "GB", "TB"]) {
    value /= 1000;
    if (value < 999.5 || unit === "TB") return `${value.toFixed(value < 99.95 ? 1 : 0)} ${unit}`;
  }
}

// With as many digits as tell ticks `step` apart.
function since(us, step = 1) {
  const digits = Math.min(Math.max(0, 6 - Math.floor(Math.log10(Math.max(step, 1)))), 6);
  return `+${(us / 1e6).toFixed(digits)} s`;
}

function clock(us) {
  const when = new Date(data.begin_ms + us / 1000);
  return Number.isNaN(when.getTime()) ? "" : `${when.toISOString().slice(0, 23).replace("T", " ")} UTC`;
}

function endName(address, port) {
  const text = data.addresses[address];
  return text.includes(":") ? `[${text}]:${port}` : `${text}:${port}`;
}

// --- connections from the data block ---------------------------------------------------

function end(row, first) {
  const [address, port, packets, sent, retransmits, flat, process] = row;
  const history = [];
  for (let i = 0; i < flat.length; i += 5) {
    history.push({ state: STATES[flat[i]], at: first + flat[i + 1], frame: flat[i + 2],
      basis: data.bases[flat[i + 3]], source: flat[i + 4] });
  }
  return { address, port, name: endName(address, port), packets, bytes: sent, retransmits, history, process };
}

const connections = data.connections.map((row) => {
  const [id, stream, first, last, client, server, outcome, close, initiator, kinds, reset] = row;
  return { id, stream, first, last, sides: [end(client, first), end(server, first)],
    outcome: data.outcomes[outcome], close: data.closes[close], initiator: data.initiators[initiator],
    kinds: kinds.map((kind) => data.kinds[kind]),
    reset: reset && { by: reset[0], cause: data.causes[reset[1]], frame: reset[2], source: reset[3],
      at: first + reset[4] } };
});
const byId = new Map(connections.map((connection) => [connection.id, connection]));
const complete = data.timeline === null;

// Each state of a side that was a socket: [state, from, to]; to the capture's end where it was left in it.
function stays(side) {
  const found = [];
  side.history.forEach((move, n) => {
    const next = side.history[n + 1];
    if (!NO_SOCKET.has(move.state)) found.push([move.state, move.at, next ? next.at : Infinity]);
  });
  return found;
}

// --- what is counted over time ---------------------------------------------------------

// How many of the sorted numbers are not above x.
function upTo(sorted, x) {
  let low = 0, high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sorted[middle] <= x) low = middle + 1; else high = middle;
  }
  return low;
}

// Sockets in one state, from the stays of connections: `at(time)`.
class Exact {
  constructor() { this.starts = []; this.ends = []; }
  add(from, to) { this.starts.push(from); if (to !== Infinity) this.ends.push(to); }
  sort() { this.starts = Float64Array.from(this.starts).sort(); this.ends = Float64Array.from(this.ends).sort(); }
  at(time) { return upTo(this.starts, time) - upTo(this.ends, time); }
}

// The same from the report's own grid, where the page lists only a sample of the connections.
class Grid {
  constructor() { this.parts = []; }
  add(series) {
    this.parts.push([series.filter((_, n) => n % 2 === 0), series.filter((_, n) => n % 2 === 1)]);
  }
  at(time) {
    const step = Math.floor(time * data.timeline.steps / data.span_us);
    let sum = 0;
    for (const [steps, counts] of this.parts) {
      const place = upTo(steps, step);
      if (place) sum += counts[place - 1];
    }
    return sum;
  }
}

function exactCounts(chosen, sides) {
  const states = {}, events = { opened: [], failed: [], reset: [] };
  for (const connection of chosen) {
    for (const side of sides) {
      for (const [state, from, to] of stays(connection.sides[side])) {
        (states[state] = states[state] || new Exact()).add(from, to);
      }
    }
    if (connection.outcome === "complete") events.opened.push(connection.first);
    else if (connection.outcome !== "unseen") events.failed.push(connection.first);
    if (connection.reset) events.reset.push(connection.reset.at);
  }
  for (const series of Object.values(states)) series.sort();
  for (const name of Object.keys(events)) {
    const sorted = Float64Array.from(events[name]).sort();
    events[name] = { total: sorted.length, within: (from, to) => upTo(sorted, to) - upTo(sorted, from) };
  }
  return { states, events };
}

function gridCounts(group, sides) {
  const states = {}, events = {};
  for (const side of sides) {
    for (const [state, series] of Object.entries(group.states[side])) {
      (states[state] = states[state] || new Grid()).add(series);
    }
  }
  for (const [name, series] of Object.entries(group.events)) {
    const sums = [0];
    for (let step = 0, i = 0, now = 0; step < data.timeline.steps; step++) {
      if (series[i] === step) { now = series[i + 1]; i += 2; }
      sums.push(sums[step] + now);
    }
    // Within a step they are taken to be spread evenly.
    const before = (time) => {
      const x = Math.min(Math.max(time * data.timeline.steps / data.span_us, 0), data.timeline.steps);
      const step = Math.floor(x);
      return sums[step] + (step < data.timeline.steps ? (x - step) * (sums[step + 1] - sums[step]) : 0);
    };
    events[name] = { total: sums[sums.length - 1], within: (from, to) => before(to) - before(from) };
  }
  return { states, events };
}

// The services that can be chosen: name, the connections, the report's own counts.
const services = (() => {
  const found = new Map();
  for (const connection of connections) {
    const name = connection.sides[1].name;
    if (!found.has(name)) found.set(name, { name, connections: [], group: null });
    found.get(name).connections.push(connection);
  }
  for (const group of complete ? [] : data.timeline.services) {
    const name = endName(group.address, group.port);
    if (!found.has(name)) found.set(name, { name, connections: [], group: null });
    found.get(name).group = group;
  }
  return new Map([...found].sort((a, b) => b[1].connections.length - a[1].connections.length));
})();

function countsOf(serviceName, side) {
  const sides = side === "both" ? [0, 1] : [Number(side)];
  const service = services.get(serviceName);
  if (complete) return exactCounts(service ? service.connections : connections, sides);
  if (!service) return gridCounts(data.timeline.all, sides);
  return service.group ? gridCounts(service.group, sides) : exactCounts(service.connections, sides);
}

// TIME_WAIT toward one destination, where one address holds the most at once: its ports are what can run out.
function busiestTimeWait(chosen) {
  const pairs = new Map();
  for (const connection of chosen) {
    for (const [state, from, to] of stays(connection.sides[0])) {
      if (state !== "TIME_WAIT") continue;
      const key = `${connection.sides[0].address} ${connection.sides[1].name}`;
      if (!pairs.has(key)) pairs.set(key, { series: new Exact(), connection });
      pairs.get(key).series.add(from, to);
    }
  }
  let best = null;
  for (const { series, connection } of pairs.values()) {
    series.sort();
    const peak = Math.max(...Array.from(series.starts, (at) => series.at(at)));
    if (!best || peak > best.peak) {
      best = { series, peak, text: `${data.addresses[connection.sides[0].address]} toward ${connection.sides[1].name}` };
    }
  }
  return best;
}

// --- charts ----------------------------------------------------------------------------

const view = { from: 0, to: data.span_us, cursor: null, service: "", side: "both", hidden: new Set() };
let charts = [];
const MARGIN = { left: 46, right: 10, top: 8, bottom: 22 };

// Some `wanted` round numbers, `least` apart or more, and how far apart they are.
function ticks(from, to, wanted, least = 0) {
  const rough = (to - from) / Math.max(wanted, 1);
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = Math.max([1, 2, 5, 10].map((each) => each * power).find((each) => each >= rough), least);
  const found = [];
  for (let tick = Math.ceil(from / step) * step; tick <= to; tick += step) found.push(tick);
  return [found, step];
}

const short = (n) => (n >= 1e6 ? `${+(n / 1e6).toFixed(1)}M` : n >= 1e4 ? `${+(n / 1e3).toFixed(1)}k` : `${+n.toFixed(2)}`);

// Draws areas that stand on each other. `layers`: { name, at }, from the ground up.
function stackPaths(layers, from, to, width, height, top) {
  const columns = Math.max(Math.min(Math.round(width), 1200), 2);
  const base = new Float64Array(columns + 1);
  return layers.map(({ name, at }) => {
    let line = "", back = "", above = 0;
    const lower = Float64Array.from(base);
    for (let i = 0; i <= columns; i++) {
      above += base[i] += at(from + (to - from) * i / columns);
    }
    const y = (value) => (height - height * value / top).toFixed(1);
    for (let i = 0; i <= columns; i++) {
      const x = (width * i / columns).toFixed(1);
      if (i === 0) line = `M0,${y(base[0])}`;
      else if (base[i] !== base[i - 1]) line += `H${x}V${y(base[i])}`;
      if (i === 0) back = `V${y(lower[0])}H0`;
      else if (lower[i] !== lower[i - 1]) back = `V${y(lower[i])}H${x}${back}`;
    }
    return { name, path: `${line}H${width}V${y(lower[columns])}H${width}${back}Z`, empty: !above };
  });
}

function highest(layers, from, to, columns) {
  let most = 0;
  for (let i = 0; i <= columns; i++) {
    const time = from + (to - from) * i / columns;
    most = Math.max(most, layers.reduce((sum, layer) => sum + layer.at(time), 0));
  }
  return most;
}

class Chart {
  // `draw(chart, plot, width, height)` returns what is written beside the title for the cursor's time.
  constructor(title, height, model) {
    Object.assign(this, { title, height, model });
    this.said = h("span", { class: "said" });
    this.svg = svg("svg", { class: "chart", height, role: "img", tabindex: "0", "aria-label": title });
    this.element = h("figure", { class: "chart-box" }, h("figcaption", null, h("b", null, title), " ", this.said), this.svg);
    this.svg.addEventListener("pointerdown", (event) => this.press(event));
    this.svg.addEventListener("pointermove", (event) => this.move(event));
    this.svg.addEventListener("pointerleave", () => { if (!this.pressed) setCursor(null); });
    this.svg.addEventListener("dblclick", () => zoom(0, data.span_us));
    this.svg.addEventListener("keydown", keys);
  }

  time(event) {
    const box = this.svg.getBoundingClientRect();
    const share = (event.clientX - box.left - MARGIN.left) / (box.width - MARGIN.left - MARGIN.right);
    return view.from + Math.min(Math.max(share, 0), 1) * (view.to - view.from);
  }

  press(event) {
    if (event.button) return;
    this.pressed = this.time(event);
    this.svg.setPointerCapture(event.pointerId);
    const done = () => {
      this.svg.removeEventListener("pointerup", up);
      this.svg.removeEventListener("pointercancel", done);
      this.pressed = undefined;
      redraw();
    };
    const up = (last) => {
      const [a, b] = [this.pressed, this.time(last)].sort((one, two) => one - two);
      done();
      if (b - a > (view.to - view.from) / 100) zoom(a, b);
    };
    this.svg.addEventListener("pointerup", up);
    this.svg.addEventListener("pointercancel", done);
  }

  move(event) {
    setCursor(this.time(event));
    if (this.pressed !== undefined) redraw();
  }

  draw() {
    const box = this.svg.clientWidth || 600;
    const width = Math.max(box - MARGIN.left - MARGIN.right, 50), height = this.height - MARGIN.top - MARGIN.bottom;
    const plot = svg("g", { transform: `translate(${MARGIN.left},${MARGIN.top})` });
    this.x = (time) => width * (time - view.from) / (view.to - view.from);
    this.plot = { width, height };
    const top = this.model.paint(plot, width, height);
    const back = svg("g", { class: "grid" });
    for (const tick of ticks(0, top, height / 36, top >= 1 ? 1 : 0)[0]) {
      const y = height - height * tick / top;
      back.append(svg("path", { d: `M0,${y}H${width}` }), svg("text", { x: -6, y: y + 4, "text-anchor": "end" }, short(tick)));
    }
    const [marks, step] = ticks(view.from, view.to, width / 110);
    for (const tick of marks) {
      // One that would pass the picture's edge ends there.
      const words = since(tick, step), at = this.x(tick), edge = width + MARGIN.right;
      const place = at + 3.5 * words.length > edge ? { x: edge, "text-anchor": "end" } : { x: at, "text-anchor": "middle" };
      back.append(svg("text", { ...place, y: height + 16 }, words));
    }
    plot.prepend(back);
    this.over = svg("g", { class: "over" });
    plot.append(this.over);
    this.svg.replaceChildren(plot);
    this.svg.setAttribute("aria-label", `${this.title}. ${this.model.summary()}`);
    this.hover();
  }

  hover() {
    const { width, height } = this.plot;
    const time = view.cursor;
    const marks = [];
    if (this.pressed !== undefined && time !== null) {
      const [a, b] = [this.x(this.pressed), this.x(time)].sort((one, two) => one - two);
      marks.push(svg("rect", { class: "brush", x: a, y: 0, width: b - a, height }));
    }
    if (time !== null && time >= view.from && time <= view.to) {
      marks.push(svg("path", { class: "cursor", d: `M${this.x(time).toFixed(1)},0V${height}` }));
    }
    this.over.replaceChildren(...marks);
    this.said.textContent = time === null ? "" : `${since(time, (view.to - view.from) / width)}: ${this.model.said(time)}`;
  }
}

// Sockets in each of `layers`, stacked; `limit` is a line to hold them against.
function stackModel(layers, limit = null) {
  return {
    paint(plot, width, height) {
      let top = highest(layers, view.from, view.to, Math.round(width)) || 1;
      if (limit && top > limit.value / 5) top = Math.max(top, limit.value);
      top *= 1.06;
      for (const { name, path, empty } of stackPaths(layers, view.from, view.to, width, height, top)) {
        if (!empty) plot.append(svg("path", { d: path, class: `area s-${name}` }));
      }
      if (limit && limit.value <= top) {
        const y = height - height * limit.value / top;
        plot.append(svg("path", { class: "limit", d: `M0,${y}H${width}` }), svg("text", { class: "limit", x: 6, y: y + 14 }, limit.text));
      }
      return top;
    },
    said(time) {
      const parts = layers.map(({ name, at }) => [at(time), name]).filter(([n]) => n).sort((a, b) => b[0] - a[0]);
      return parts.map(([n, name]) => `${count(n)} ${name}`).join(", ") || "none";
    },
    summary() { return `At the end of the capture: ${this.said(data.span_us)}.`; },
  };
}

// In a view of some length by the second; in a short one, where that would say thousands of one, by the bar.
const RATES_FROM_US = 20e6;

function rateModel(events) {
  const names = ["opened", "failed", "reset"];
  const binsOf = (width) => {
    const second = view.to - view.from >= RATES_FROM_US ? (view.to - view.from) / 1e6 : Infinity;
    const bins = Math.max(Math.round(Math.min(width / 6, second)), 1);
    return complete ? bins : Math.max(Math.min(bins, Math.ceil(data.timeline.steps * (view.to - view.from) / data.span_us)), 1);
  };
  let binned = null;
  return {
    paint(plot, width, height) {
      const bins = binsOf(width), span = (view.to - view.from) / bins;
      const unit = view.to - view.from >= RATES_FROM_US ? span / 1e6 : 1;
      // The first packet itself lies in the first bin.
      const rate = (name, i) => events[name].within(view.from + span * i - (i ? 0 : 1), view.from + span * (i + 1)) / unit;
      binned = { span, rate, unit };
      let top = 0;
      for (let i = 0; i < bins; i++) top = Math.max(top, names.reduce((sum, name) => sum + rate(name, i), 0));
      top = (top || 1) * 1.06;
      for (let i = 0; i < bins; i++) {
        let y = height;
        for (const name of names) {
          const tall = height * rate(name, i) / top;
          if (!tall) continue;
          y -= tall;
          plot.append(svg("rect", { class: `bar e-${name}`, x: (width * i / bins).toFixed(1), y: y.toFixed(1),
            width: Math.max(width / bins - 1, 1).toFixed(1), height: tall.toFixed(1) }));
        }
      }
      return top;
    },
    said(time) {
      const i = Math.floor((time - view.from) / binned.span);
      const counts = names.map((name) => `${short(binned.rate(name, i))} ${name}`).join(", ");
      return `${counts} ${binned.unit === 1 ? `in ${duration(Math.round(binned.span))}` : "a second"}`;
    },
    summary() { return names.map((name) => `${count(Math.round(events[name].total))} ${name}`).join(", ") + "."; },
  };
}

const layersOf = (states, names) => names.filter((name) => states[name]).map((name) => ({ name, at: (time) => states[name].at(time) }));

function makeCharts() {
  const { states, events } = countsOf(view.service, view.side);
  const seen = STACK.filter((name) => states[name]);
  charts = [new Chart("Sockets by state", 240, stackModel(layersOf(states, seen.filter((name) => !view.hidden.has(name)))))];
  // Not for what only the last packet brought, which has no width.
  const lasting = (name) => states[name] && highest(layersOf(states, [name]), 0, data.span_us * 0.998, 1000) > 0;
  if (lasting("CLOSE_WAIT")) charts.push(new Chart("CLOSE_WAIT", 110, stackModel(layersOf(states, ["CLOSE_WAIT"]))));
  if (lasting("TIME_WAIT")) {
    const service = services.get(view.service);
    const busiest = complete ? busiestTimeWait(service ? service.connections : connections) : null;
    const limit = { value: data.ports, text: `${count(data.ports)} ports there are` };
    if (busiest) {
      const percent = 100 * busiest.peak / data.ports, share = percent < 0.1 ? "less than 0.1" : percent.toFixed(1);
      charts.push(new Chart(`TIME_WAIT of ${busiest.text}: at most ${count(busiest.peak)}, ${share} % of ${count(data.ports)} ports`, 110,
        stackModel([{ name: "TIME_WAIT", at: (time) => busiest.series.at(time) }], limit)));
    } else charts.push(new Chart("TIME_WAIT", 110, stackModel(layersOf(states, ["TIME_WAIT"]))));
  }
  const rates = new Chart("Connections opened, failed to open and reset", 120, rateModel(events));
  rates.said.before(...["opened", "failed", "reset"].map((name) => h("span", { class: "key" },
    svg("svg", { class: "swatch", width: 12, height: 12, "aria-hidden": "true" }, svg("rect", { width: 12, height: 12, rx: 2, class: `e-${name}` })), name)));
  charts.push(rates);
  $("charts").replaceChildren(...charts.map((chart) => chart.element));
  $("legend").replaceChildren(...seen.slice().reverse().map((name) => h("button", { type: "button", class: "key", "aria-pressed": String(!view.hidden.has(name)),
    on: { click: () => { view.hidden.has(name) ? view.hidden.delete(name) : view.hidden.add(name); makeCharts(); $("legend").querySelector(`[data-state=${name}]`).focus(); } }, "data-state": name },
    svg("svg", { class: "swatch", width: 12, height: 12, "aria-hidden": "true" }, svg("rect", { width: 12, height: 12, rx: 2, class: `s-${name}` })), name)));
  redraw();
}

let drawing = 0;
function redraw() {
  cancelAnimationFrame(drawing);
  drawing = requestAnimationFrame(() => charts.forEach((chart) => chart.draw()));
}

function setCursor(time) {
  view.cursor = time;
  charts.forEach((chart) => chart.hover());
}

function zoom(from, to) {
  const least = Math.min(data.span_us, 20);
  const width = Math.min(Math.max(to - from, least), data.span_us);
  view.from = Math.min(Math.max(from, 0), data.span_us - width);
  view.to = view.from + width;
  const whole = width >= data.span_us;
  $("zoomed").hidden = whole;
  $("zoomed-text").textContent = `${since(view.from, width / 100)} to ${since(view.to, width / 100)}`;
  redraw();
  refreshPictures();
  list.choose();
}

function keys(event) {
  const width = view.to - view.from, middle = view.cursor === null ? view.from + width / 2 : view.cursor;
  const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
  if (by && event.shiftKey) zoom(view.from + by * width / 4, view.to + by * width / 4);
  else if (by) {
    setCursor(Math.min(Math.max(middle + by * width / 100, view.from), view.to));
    $("readout").textContent = `${charts[0].said.textContent}`;
  } else if (event.key === "+" || event.key === "=") zoom(middle - width / 4, middle + width / 4);
  else if (event.key === "-" || event.key === "−") zoom(middle - width, middle + width);
  else if (event.key === "0" || event.key === "Escape") zoom(0, data.span_us);
  else return;
  event.preventDefault();
}

// --- small pictures --------------------------------------------------------------------

const pictures = [];

// Sockets of `counts` over the zoomed time; `named`: with the names of their states below.
function smallPicture(place, counts, height, label, named = true) {
  const layers = layersOf(counts.states, STACK);
  if (!layers.length) return;
  const draw = () => {
    const width = place.clientWidth || 300;
    const top = (highest(layers, view.from, view.to, Math.min(width, 300)) || 1) * 1.02;
    const paths = stackPaths(layers, view.from, view.to, width, height, top).filter((each) => !each.empty);
    place.querySelector("svg").replaceChildren(...paths.map((each) => svg("path", { d: each.path, class: `area s-${each.name}` })),
      svg("path", { class: "ground", d: `M0,${height - 0.5}H${width}` }));
  };
  const most = highest(layers, 0, data.span_us, 600);
  if (!most) return;
  const lasting = layers.filter((layer) => highest([layer], 0, data.span_us * 0.998, 300));
  place.append(svg("svg", { class: "small", height, role: "img", "aria-label": `${label}: at most ${count(most)}` }));
  if (place.tagName === "FIGURE") {
    const ends = h("p", { class: "ends-of-time" }, h("span", null, ""), h("span", null, ""));
    const say = () => [view.from, view.to].forEach((time, n) => { ends.children[n].textContent = since(time, (view.to - view.from) / 20); });
    pictures.push(say);
    say();
    place.append(ends, h("figcaption", null, `${label}: at most ${count(most)} at once. `, ...(named ? lasting.reverse() : []).map(({ name }) => h("span", { class: "key" },
      svg("svg", { class: "swatch", width: 10, height: 10, "aria-hidden": "true" }, svg("rect", { width: 10, height: 10, rx: 2, class: `s-${name}` })), name))));
  }
  pictures.push(draw);
  draw();
}

// The report's own count of a finding's sockets, where it lists none of its connections.
function trendPicture(place, { trend, first }) {
  if (trend.length < 2) { place.hidden = true; return; }
  const step = Math.max((data.span_us - first) / (trend.length - 1), 1);
  const at = (time) => (time < first ? 0 : trend[Math.min(Math.floor((time - first) / step), trend.length - 1)]);
  smallPicture(place, { states: { CLOSE_WAIT: { at } } }, 110, "Its sockets", false);
}

const refreshPictures = () => pictures.forEach((draw) => draw());

for (const place of document.querySelectorAll("[data-finding]")) {
  const finding = data.findings[Number(place.dataset.finding)];
  const chosen = finding.connections.map((id) => byId.get(id)).filter(Boolean);
  if (!chosen.length) {
    trendPicture(place, finding);
    continue;
  }
  const sides = finding.role === "client" ? [0] : finding.role === "server" ? [1] : [0, 1];
  const whose = { client: "Its sockets at the client", server: "Its sockets at the server" }[finding.role] || "Its sockets";
  const part = chosen.length < finding.count ? ` (${count(chosen.length)} of ${count(finding.count)} connections)` : "";
  if (chosen.length * 2 < finding.count && finding.address !== null) {
    // It names a few of very many: then all sockets of its culprit say more.
    const own = (connection) => sides.some((side) => connection.sides[side].address === finding.address
      && (finding.port === null || connection.sides[side].port === finding.port));
    smallPicture(place, exactCounts(connections.filter(own), sides), 110, `All sockets of the ${finding.role}`);
    continue;
  }
  let counts = exactCounts(chosen, sides), label = whose;
  if (!Object.keys(counts.states).length) { counts = exactCounts(chosen, [0, 1]); label = "Its sockets"; }
  smallPicture(place, counts, 110, label + part);
  if (!place.childElementCount) place.hidden = true;
}
for (const place of document.querySelectorAll("[data-spark]")) {
  if (services.has(place.dataset.spark)) smallPicture(place, countsOf(place.dataset.spark, "both"), 26, "Sockets over time");
}
