"use strict";
// Graphs of a connection on canvases that share one time axis. Text gets into the page by `textContent` only.

const data = JSON.parse(document.getElementById("data").textContent);
const end = Math.max(...data.graphs.map((graph) => graph.end));
const view = { from: 0, to: end };
const hidden = new Set();
const MARGIN = { left: 74, right: 12, top: 14, bottom: 24 };
const style = getComputedStyle(document.documentElement);
const colour = (name) => style.getPropertyValue(`--${name}`).trim();

const endOf = (mark) => (mark[0] === "line" ? mark[4] : mark[2]);

for (const graph of data.graphs) {
  graph.byRole = data.roles.map(([role]) => {
    const marks = graph.marks.filter((mark) => mark[1] === role);
    // A line may begin long before it ends: how far to look on from the first mark that ends in view.
    const longest = marks.reduce((most, mark) => Math.max(most, mark[0] === "line" ? mark[4] - mark[2] : 0), 0);
    return { role, marks, longest };
  });
}

// The first mark that ends at or after a time; marks are in the order of their ends.
function firstAfter(marks, time) {
  let low = 0, high = marks.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (endOf(marks[middle]) < time) low = middle + 1; else high = middle;
  }
  return low;
}

function ticks(from, to, wanted) {
  const rough = (to - from) / wanted;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((each) => each * power).find((each) => each >= rough);
  const found = [];
  for (let n = Math.ceil(from / step); n * step <= to; n++) found.push(n * step);
  return [found, step];
}

function seconds(us, step) {
  const digits = Math.min(Math.max(0, 6 - Math.floor(Math.log10(Math.max(step, 1)))), 6);
  return `${(us / 1e6).toFixed(digits)} s`;
}

class Panel {
  constructor(graph, canvas) {
    Object.assign(this, { graph, canvas });
    canvas.addEventListener("wheel", (event) => {
      event.preventDefault();
      zoom(this.time(event), event.deltaY > 0 ? 1.25 : 0.8);
    }, { passive: false });
    canvas.addEventListener("pointerdown", (event) => this.press(event));
    canvas.addEventListener("pointermove", (event) => this.say(event));
    canvas.addEventListener("dblclick", () => show(0, end));
    canvas.addEventListener("keydown", keys);
  }

  time(event) {
    const box = this.canvas.getBoundingClientRect();
    const share = (event.clientX - box.left - MARGIN.left) / (box.width - MARGIN.left - MARGIN.right);
    return view.from + Math.min(Math.max(share, 0), 1) * (view.to - view.from);
  }

  press(event) {
    const begin = { x: event.clientX, time: this.time(event), from: view.from, to: view.to };
    const width = this.canvas.clientWidth - MARGIN.left - MARGIN.right;
    this.canvas.setPointerCapture(event.pointerId);
    const drag = (each) => {
      if (event.shiftKey) { this.span = [begin.time, this.time(each)]; redraw(); return; }
      const by = (begin.x - each.clientX) / width * (begin.to - begin.from);
      show(begin.from + by, begin.to + by);
    };
    const done = () => {
      this.canvas.removeEventListener("pointermove", drag);
      this.canvas.removeEventListener("pointerup", done);
      this.canvas.removeEventListener("pointercancel", done);
      if (this.span) {
        const [a, b] = this.span.sort((one, two) => one - two);
        this.span = null;
        if (b > a) show(a, b);
      }
    };
    this.canvas.addEventListener("pointermove", drag);
    this.canvas.addEventListener("pointerup", done);
    this.canvas.addEventListener("pointercancel", done);
  }

  say(event) {
    const { top, low, high, height } = this.scale;
    const y = event.clientY - this.canvas.getBoundingClientRect().top - top;
    const value = high - (high - low) * y / height;
    const time = this.time(event);
    const state = this.graph.states.find(([, from, to]) => from <= time && time < to);
    document.getElementById("said").textContent = `${seconds(time, (view.to - view.from) / 1000)}, ${this.graph.unit} `
      + `${Math.round(value).toLocaleString("en")}${state ? `, the sender in ${state[0]}` : ""}`;
  }

  // Calls back with every mark of a role that the view shows.
  each({ role, marks, longest }, back) {
    if (hidden.has(role)) return;
    for (let i = firstAfter(marks, view.from); i < marks.length; i++) {
      if (marks[i][2] > view.to) {
        // Later ones end later; none of them begins earlier than this.
        if (endOf(marks[i]) - longest > view.to) break;
        continue;
      }
      back(marks[i]);
    }
  }

  draw() {
    const { canvas, graph } = this;
    const ratio = devicePixelRatio || 1;
    const box = { width: canvas.clientWidth, height: canvas.clientHeight };
    canvas.width = box.width * ratio;
    canvas.height = box.height * ratio;
    const paint = canvas.getContext("2d");
    paint.scale(ratio, ratio);
    const { left, top } = MARGIN, width = box.width - left - MARGIN.right, height = box.height - top - MARGIN.bottom;
    let low = Infinity, high = -Infinity;
    for (const group of graph.byRole) {
      this.each(group, (mark) => {
        const other = mark[0] === "line" ? mark[5] : mark[3];
        if (mark[3] < low) low = mark[3];
        if (other < low) low = other;
        if (mark[3] > high) high = mark[3];
        if (other > high) high = other;
      });
    }
    if (low > high) { low = 0; high = 1; }
    if (graph.from_zero) low = Math.min(low, 0);
    const room = (high - low) * 0.05 || 1;
    low -= low === 0 ? 0 : room;
    high += room;
    this.scale = { top, low, high, height };
    const x = (time) => left + width * (time - view.from) / (view.to - view.from);
    const y = (value) => top + height * (high - value) / (high - low);

    paint.font = "11px system-ui, sans-serif";
    for (const [state, from, to] of graph.states) {
      const begin = Math.max(x(from), left), stop = Math.min(x(to), left + width);
      if (stop < left || begin > left + width) continue;
      paint.globalAlpha = 0.13;
      paint.fillStyle = colour(state);
      paint.fillRect(begin, top, Math.max(stop - begin, 1), height);
      paint.globalAlpha = 1;
      paint.fillStyle = colour("dim");
      if (stop - begin > 8 * state.length) paint.fillText(state, begin + 4, top + 11);
    }
    paint.strokeStyle = colour("line");
    paint.fillStyle = colour("dim");
    paint.lineWidth = 1;
    paint.textAlign = "right";
    for (const tick of ticks(low, high, Math.max(height / 45, 1))[0]) {
      paint.beginPath();
      paint.moveTo(left, y(tick));
      paint.lineTo(left + width, y(tick));
      paint.stroke();
      paint.fillText((tick || 0).toLocaleString("en"), left - 5, y(tick) + 4);
    }
    paint.textAlign = "center";
    const [marks, step] = ticks(view.from, view.to, Math.max(width / 110, 1));
    for (const tick of marks) {
      const words = seconds(tick, step), most = box.width - paint.measureText(words).width / 2;
      paint.fillText(words, Math.min(x(tick), most), top + height + 16);
    }

    paint.save();
    paint.beginPath();
    paint.rect(left - 14, 0, width + 14 + MARGIN.right, top + height + 6);
    paint.clip();
    const texts = [];
    for (const group of graph.byRole) {
      const { role } = group;
      paint.strokeStyle = paint.fillStyle = colour(role);
      paint.beginPath();
      const drawn = new Set();
      let column = NaN;
      this.each(group, (mark) => {
        const [shape, , time, value] = mark;
        const px = Math.round(x(time)) + 0.5, py = Math.round(y(value)) + 0.5;
        if (shape === "text") { texts.push([px, py, mark[4], role]); return; }
        const tx = shape === "line" ? Math.round(x(mark[4])) + 0.5 : px, ty = shape === "line" ? Math.round(y(mark[5])) + 0.5 : py;
        // Zoomed out, thousands of marks fall on the same pixels.
        if (tx !== column) { column = tx; drawn.clear(); }
        const key = (((shape.charCodeAt(0) & 31) * 8192 + py) * 8192 + ty) * 16384 + px;
        if (drawn.has(key)) return;
        drawn.add(key);
        if (shape === "line") { paint.moveTo(px, py); paint.lineTo(tx, ty); }
        else if (shape === "up") { paint.moveTo(px - 3, py + 3); paint.lineTo(px, py); paint.lineTo(px + 3, py + 3); }
        else if (shape === "down") { paint.moveTo(px - 3, py - 3); paint.lineTo(px, py); paint.lineTo(px + 3, py - 3); }
        else if (shape === "tick") { paint.moveTo(px, py); paint.lineTo(px, py + 5); }
        else if (shape === "diamond") {
          paint.moveTo(px, py - 4); paint.lineTo(px + 4, py); paint.lineTo(px, py + 4); paint.lineTo(px - 4, py); paint.closePath();
        } else { paint.rect(px - 1, py - 1, 2, 2); }
      });
      paint.stroke();
    }
    let last = -Infinity;
    for (const [px, py, text, role] of texts.sort((a, b) => a[0] - b[0])) {
      if (px - last < 6) continue;
      last = px;
      paint.fillStyle = colour(role);
      paint.fillText(text, px, py - 6);
    }
    if (this.span) {
      const [a, b] = this.span.map(x);
      paint.globalAlpha = 0.2;
      paint.fillStyle = colour("accent");
      paint.fillRect(Math.min(a, b), top, Math.abs(b - a), height);
    }
    paint.restore();
  }
}

const panels = [...document.querySelectorAll("canvas")].map((canvas, n) => new Panel(data.graphs[n], canvas));

let drawing = 0;
function redraw() {
  cancelAnimationFrame(drawing);
  drawing = requestAnimationFrame(() => panels.forEach((panel) => panel.draw()));
}

function show(from, to) {
  const width = Math.min(Math.max(to - from, Math.min(end, 10)), end);
  view.from = Math.min(Math.max(from, 0), end - width);
  view.to = view.from + width;
  redraw();
}

function zoom(around, by) {
  show(around - (around - view.from) * by, around + (view.to - around) * by);
}

function keys(event) {
  const width = view.to - view.from, middle = view.from + width / 2;
  if (event.key === "ArrowLeft") show(view.from - width / 8, view.to - width / 8);
  else if (event.key === "ArrowRight") show(view.from + width / 8, view.to + width / 8);
  else if (event.key === "+" || event.key === "=") zoom(middle, 0.5);
  else if (event.key === "-" || event.key === "−") zoom(middle, 2);
  else if (event.key === "0" || event.key === "Escape") show(0, end);
  else return;
  event.preventDefault();
}

for (const [role, name] of data.roles) {
  const button = document.createElement("button");
  const swatch = document.createElement("span");
  button.type = "button";
  button.setAttribute("aria-pressed", "true");
  swatch.className = "swatch";
  swatch.style.background = `var(--${role})`;
  button.append(swatch, name);
  button.addEventListener("click", () => {
    if (hidden.has(role)) hidden.delete(role); else hidden.add(role);
    button.setAttribute("aria-pressed", String(!hidden.has(role)));
    redraw();
  });
  document.getElementById("legend").append(button);
}
document.getElementById("in").addEventListener("click", () => zoom((view.from + view.to) / 2, 0.5));
document.getElementById("out").addEventListener("click", () => zoom((view.from + view.to) / 2, 2));
document.getElementById("all").addEventListener("click", () => show(0, end));
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
let width = document.body.clientWidth;
new ResizeObserver(() => {
  if (document.body.clientWidth === width) return;
  width = document.body.clientWidth;
  redraw();
}).observe(document.body);
panels.forEach((panel) => panel.draw());
document.documentElement.dataset.ready = "yes";
