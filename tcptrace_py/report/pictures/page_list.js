"use strict";
// The list of connections, of which only the rows in sight exist, and the ladder of one of them.

const SEVERITIES = ["critical", "warning", "info"];
const severityOf = {};
for (const finding of data.findings.slice().reverse()) severityOf[finding.kind] = finding.severity;
const grave = (connection) => Math.min(3, ...connection.kinds.map((kind) => SEVERITIES.indexOf(severityOf[kind] || "info")));
const lasts = (connection) => connection.last - connection.first;
const lastState = (side) => (side.history.length ? side.history[side.history.length - 1].state : "");

const list = {
  chosen: connections,
  active: 0,
  row: 0,

  start() {
    $("list-service").append(option("", "all services"), ...[...services.keys()].slice(0, 500).map((name) => option(name, name)));
    $("list-state").append(option("", "any state"), ...STACK.map((name) => option(name, name)));
    const kinds = [...new Set(data.findings.map((finding) => finding.kind))];
    $("list-finding").append(option("", "with or without"), option("any", "any finding"), ...kinds.map((kind) => option(kind, kind)));
    for (const [n, finding] of data.findings.entries()) this.label(n, finding);
    for (const id of ["search", "service", "state", "finding", "sort", "zoom"]) $(`list-${id}`).addEventListener("input", () => this.choose());
    $("list").addEventListener("scroll", () => this.draw());
    $("list").addEventListener("keydown", (event) => this.key(event));
    // On paper it has the height of its rows, not they of it.
    new ResizeObserver(() => { if (!$("list").classList.contains("printed")) this.draw(); }).observe($("list"));
    this.choose();
  },

  // One finding by its number, beside the kinds.
  label(n, finding) {
    if (data.findings.filter((each) => each.kind === finding.kind).length > 1) {
      $("list-finding").append(option(`#${n}`, `${finding.kind}, finding ${n + 1}`));
    }
  },

  choose() {
    const words = $("list-search").value.trim().toLowerCase();
    const [service, state, finding] = ["service", "state", "finding"].map((each) => $(`list-${each}`).value);
    const inView = $("list-zoom").checked;
    const ids = finding.startsWith("#") ? new Set(data.findings[Number(finding.slice(1))].connections) : null;
    this.chosen = connections.filter((each) => (!service || each.sides[1].name === service)
      && (!state || each.sides.some((side) => side.history.some((move) => move.state === state)))
      && (!finding || (ids ? ids.has(each.id) : finding === "any" ? each.kinds.length : each.kinds.includes(finding)))
      && (!inView || (each.first <= view.to && each.last >= view.from))
      && (!words || String(each.id) === words.replace("#", "") || each.sides.some((side) => side.name.toLowerCase().includes(words))));
    const order = { findings: (a, b) => grave(a) - grave(b) || a.id - b.id, first: (a, b) => a.first - b.first || a.id - b.id,
      long: (a, b) => lasts(b) - lasts(a), bytes: (a, b) => b.sides[0].bytes + b.sides[1].bytes - a.sides[0].bytes - a.sides[1].bytes };
    this.chosen.sort(order[$("list-sort").value]);
    this.active = 0;
    $("list").scrollTop = 0;
    const found = this.chosen.length === connections.length ? times(connections.length, "connection")
      : `${count(this.chosen.length)} of ${times(connections.length, "connection")}`;
    $("list-note").textContent = !data.listed
      ? "This report lists no connections; pictures and list need them (--connections)."
      : complete ? `${found}.`
      : `${found} on this page: those with findings and a fair sample of all ${count(data.total)}. The counts over time are of all.`;
    this.draw();
  },

  draw(printed = 0) {
    const box = $("list"), space = $("list-space");
    this.row = parseFloat(getComputedStyle(box).getPropertyValue("--row")) || 44;
    const all = this.chosen.length;
    const first = printed ? 0 : Math.max(Math.floor(box.scrollTop / this.row) - 4, 0);
    const last = printed ? Math.min(printed, all) : Math.min(first + Math.ceil(box.clientHeight / this.row) + 8, all);
    fill(space, { style: null }, []);
    space.style.height = `${(printed ? last : all) * this.row}px`;
    const rows = [];
    for (let n = first; n < last; n++) rows.push(this.make(n));
    space.replaceChildren(...rows);
    box.setAttribute("aria-activedescendant", all ? `connection-${this.chosen[this.active].id}` : "");
    if (!all) box.removeAttribute("aria-activedescendant");
  },

  make(n) {
    const connection = this.chosen[n];
    const [client, server] = connection.sides;
    const severity = grave(connection);
    const said = `${lastState(client) || "nothing seen"} / ${lastState(server) || "nothing seen"}`;
    const row = h("div", { role: "option", id: `connection-${connection.id}`, class: `row${n === this.active ? " active" : ""}`,
      "aria-setsize": this.chosen.length, "aria-posinset": n + 1, "aria-selected": String(n === this.active),
      on: { click: () => { this.active = n; this.draw(); openLadder(connection); } } },
    h("span", { class: "id" }, `${connection.id}`, severity < 3 ? h("i", { class: `mark ${SEVERITIES[severity]}`, title: connection.kinds.join(", ") }) : null),
    h("span", { class: "ends" }, client.name, " → ", server.name),
    this.bars(connection),
    h("span", { class: "end" }, said, connection.kinds.length ? h("span", { class: "kinds" }, connection.kinds.join(", ")) : null));
    row.style.top = `${n * this.row}px`;
    return row;
  },

  bars(connection) {
    const picture = svg("svg", { class: "bars", viewBox: "0 0 1000 20", preserveAspectRatio: "none", "aria-hidden": "true" });
    connection.sides.forEach((side, which) => {
      for (const [state, from, to] of stays(side)) {
        const left = Math.max(from, view.from), right = Math.min(to, view.to, data.span_us);
        if (right < left) continue;
        const x = 1000 * (left - view.from) / (view.to - view.from);
        const wide = Math.max(1000 * (right - left) / (view.to - view.from), 2);
        picture.append(svg("rect", { class: `s-${state}`, x: Math.min(x, 998).toFixed(1), y: which ? 11 : 1, width: wide.toFixed(1), height: 8 },
          svg("title", null, `${which ? "server" : "client"} in ${state} for ${duration(right - left)}`)));
      }
    });
    return picture;
  },

  key(event) {
    const page = Math.max(Math.floor($("list").clientHeight / this.row) - 1, 1);
    const by = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -Infinity, End: Infinity }[event.key];
    if (event.key === "Enter" || event.key === " ") {
      if (this.chosen.length) openLadder(this.chosen[this.active]);
    } else if (by) {
      this.active = Math.min(Math.max(this.active + by, 0), Math.max(this.chosen.length - 1, 0));
      const top = this.active * this.row, box = $("list");
      if (top < box.scrollTop) box.scrollTop = top;
      if (top + this.row > box.scrollTop + box.clientHeight) box.scrollTop = top + this.row - box.clientHeight;
      this.draw();
    } else return;
    event.preventDefault();
  },
};

// --- the ladder ------------------------------------------------------------------------

const MARKS = { presumed: ["?", "presumed: nothing proves that it arrived"], timer: ["*", "a clock ran out"], assumed: ["~", "assumed: not seen"] };
// What an endpoint that sent itself into a state has sent.
const SENT = { SYN_SENT: "SYN", SYN_RCVD: "SYN+ACK", FIN_WAIT_1: "FIN", LAST_ACK: "FIN", CLOSING: "FIN", CLOSED: "RST" };

// The segments that the page keeps of a connection, and between them, where some were left out, how many.
function segmentRows(connection) {
  const kept = data.segments && data.segments[connection.id];
  if (!kept) return [];
  const [leftOut, before, rows] = kept;
  const found = rows.map(([fromClient, frame, source, at, sender, receiver, note]) => ({ frame, source, at: connection.first + at,
    moves: [[], []], texts: [], segment: { by: fromClient ? 0 : 1, text: `${sender} ${receiver}`.trim(), note } }));
  if (leftOut) found.splice(before, 0, { frame: 0, source: 0, at: found[before - 1].at, moves: [[], []], texts: [], leftOut });
  return found;
}

// The segments in the order of the capture, and between them by time what else is known, each with both sides' moves.
function ladderRows(connection) {
  const rows = segmentRows(connection);
  const drawn = new Map(rows.map((row) => [`${row.source}:${row.frame}`, row]));
  const others = new Map();
  const rowOf = (frame, source, at, evidence = false) => {
    const key = frame ? `${source}:${frame}` : `at ${at}`;
    if (drawn.has(key)) return drawn.get(key);
    // What a finding says of a moment stands at the segment of that moment.
    if (!frame && evidence) {
      const there = rows.findLast((row) => row.at === at);
      if (there) return there;
    }
    if (!others.has(key)) others.set(key, { frame, source, at, moves: [[], []], texts: [], order: others.size });
    return others.get(key);
  };
  connection.sides.forEach((side, which) => side.history.forEach((move) => rowOf(move.frame, move.source, move.at).moves[which].push(move)));
  for (const finding of data.findings) {
    for (const [id, frame, source, at, text] of finding.evidence) {
      if (id !== connection.id) continue;
      const row = rowOf(frame, source, at, true);
      if (!row.texts.some(([, said]) => said === text)) row.texts.push([finding, text]);
    }
  }
  if (connection.reset) rowOf(connection.reset.frame, connection.reset.source, connection.reset.at).reset = connection.reset;
  // Time may run back in a capture, and then its order stands.
  let latest = -Infinity;
  const after = rows.map((row) => (latest = Math.max(latest, row.at)));
  const merged = [];
  let next = 0;
  for (const row of [...others.values()].sort((a, b) => a.at - b.at || a.frame - b.frame || a.order - b.order)) {
    while (next < rows.length && (after[next] < row.at || (after[next] === row.at && row.frame === 0))) merged.push(rows[next++]);
    merged.push(row);
  }
  return [...merged, ...rows.slice(next)];
}

// Who sent the segment of a row and what it was: 0 the client, 1 the server, null where the moves do not tell.
function segmentOf(row) {
  if (row.segment) return [row.segment.by, row.segment.text];
  if (row.reset) return [row.reset.by === "client" ? 0 : 1, "RST"];
  for (const which of [0, 1]) {
    const own = row.moves[which].filter((move) => move.frame && (move.basis === "sent" || move.basis === "acknowledged"));
    const sent = own.filter((move) => move.basis === "sent").map((move) => SENT[move.state]).filter(Boolean);
    if (sent.length) return [which, [...new Set(sent)].join(", ")];
    if (own.length) return [which, "ACK"];
  }
  for (const which of [0, 1]) {
    if (row.moves[which].some((move) => move.frame && move.basis === "presumed")) return [1 - which, "ACK"];
  }
  return [null, ""];
}

// Where a ladder lacks segments: which, and why.
function whatIsDrawn(connection) {
  if (data.segments && data.segments[connection.id]) return "";
  const why = data.segments ? "the page has no room for the segments of every connection" : "the packets were not at hand when this page was written";
  return `Only segments that moved a machine are drawn: ${why}.`;
}

function openLadder(connection) {
  const [client, server] = connection.sides;
  const dialog = $("ladder");
  const now = ["", ""];
  const used = new Set();
  const badge = (move) => {
    const [mark] = MARKS[move.basis] || [""];
    if (mark) used.add(move.basis);
    return h("span", { class: `state s-${move.state}` }, move.state + mark);
  };
  const rows = ladderRows(connection).map((row) => {
    const [by, what] = segmentOf(row);
    row.moves.forEach((moves, which) => { if (moves.length) now[which] = moves[moves.length - 1].state; });
    const where = row.frame ? `frame ${row.frame}${data.sources > 1 ? ` of file ${row.source + 1}` : ""}` : "";
    if (row.leftOut) return h("li", { class: "left-out" }, h("span", { class: "middle" }, `${times(row.leftOut, "segment")} not drawn`));
    const timed = !row.frame && row.moves.flat().some((move) => move.basis === "timer");
    return h("li", null,
      h("span", { class: `line left s-${now[0]}` }),
      h("span", { class: "moves left" }, row.moves[0].map(badge)),
      h("span", { class: "middle" },
        by === null ? h("span", { class: "arrow none" }, timed ? "a clock ran out" : "")
          : h("span", { class: `arrow ${by ? "to-client" : "to-server"}${row.segment && row.segment.note ? " noted" : ""}` }, h("span", { class: "sr" }, by ? "server sends " : "client sends "), what),
        h("span", { class: "when" }, since(row.at - connection.first), where ? ` · ${where}` : "", row.segment && row.segment.note ? ` · ${row.segment.note}` : "")),
      h("span", { class: "moves right" }, row.moves[1].map(badge)),
      h("span", { class: `line right s-${now[1]}` }),
      row.texts.length ? h("span", { class: "proofs" }, row.texts.map(([finding, text]) => h("span", { class: `proof ${finding.severity}` }, h("b", null, finding.kind), ` ${text}`))) : null);
  });
  const fact = (name, ...text) => h("div", null, h("dt", null, name), h("dd", null, ...text));
  const sent = (side) => `${times(side.packets, "packet")}, ${bytes(side.bytes)}${side.retransmits ? `, ${count(side.retransmits)} sent again` : ""}`;
  let closed = connection.close + (connection.initiator ? ` by ${connection.initiator === "both" ? "both" : `the ${connection.initiator}`}` : "");
  if (connection.reset && connection.close === "reset") closed += ` (${connection.reset.cause})`;
  else if (connection.reset) closed += `; RST by the ${connection.reset.by} (${connection.reset.cause})`;
  dialog.replaceChildren(
    h("header", null, h("h2", { id: "ladder-title" }, `Connection ${connection.id}`),
      h("button", { type: "button", class: "close", "aria-label": "Close", on: { click: () => dialog.close() } }, "×")),
    h("div", { class: "ladder-body", tabindex: "0" },
      h("dl", { class: "facts rows" },
        fact("Handshake", connection.outcome), fact("Closed", closed),
        fact("Began", `${since(connection.first)} `, h("span", { class: "dim" }, clock(connection.first))),
        fact("Lasted", duration(lasts(connection))), fact("Client sent", sent(client)), fact("Server sent", sent(server)),
        ...connection.sides.map((side, which) => (side.process ? fact(which ? "Server is" : "Client is", side.process) : null)),
        connection.kinds.length ? fact("Findings", connection.kinds.join(", ")) : null,
        fact("In Wireshark", copied(`tcp.stream == ${connection.stream}`)),
        fact("On the terminal", copied(`${SHOW} ${connection.id}`))),
      h("div", { class: "heads" }, h("b", null, "client"), h("b", null, "server"), h("span", null, client.name), h("span", null, server.name)),
      h("ol", { class: "ladder" }, rows),
      h("p", { class: "dim" }, [whatIsDrawn(connection), ...[...used].map((basis) => `${MARKS[basis][0]} ${MARKS[basis][1]}.`)].filter(Boolean).join(" "))));
  if (!dialog.open) dialog.showModal();
  dialog.querySelector(".ladder-body").scrollTop = 0;
}

// --- what is clicked -------------------------------------------------------------------

async function copy(text, button) {
  let done = true;
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    // Opened from disk, some browsers give no clipboard: the old way.
    const area = h("textarea", { class: "sr", "aria-hidden": "true" });
    area.value = text;
    button.after(area);
    area.select();
    done = document.execCommand("copy");
    area.remove();
    button.focus();
  }
  button.textContent = done ? "copied" : "not copied";
  setTimeout(() => { button.textContent = "copy"; }, 1500);
}

function copyButton(text) {
  return h("button", { type: "button", class: "copy", "aria-label": `copy ${text.slice(0, 60)}`, on: { click: (event) => copy(text, event.currentTarget) } }, "copy");
}

const copied = (text) => h("span", { class: "copied" }, h("code", null, text), copyButton(text));

for (const code of document.querySelectorAll("[data-copy]")) code.after(copyButton(code.textContent));
for (const button of document.querySelectorAll("[data-ladder]")) {
  const connection = byId.get(Number(button.dataset.ladder));
  if (connection) button.addEventListener("click", () => openLadder(connection));
  else button.replaceWith(button.textContent);
}
for (const button of document.querySelectorAll("[data-show-finding]")) {
  const n = Number(button.dataset.showFinding), { kind } = data.findings[n];
  button.hidden = !data.findings[n].connections.some((id) => byId.has(id));
  button.addEventListener("click", () => {
    const alone = data.findings.filter((each) => each.kind === kind).length === 1;
    for (const id of ["search", "service", "state"]) $(`list-${id}`).value = "";
    $("list-zoom").checked = false;
    $("list-finding").value = alone ? kind : `#${n}`;
    list.choose();
    $("connections").scrollIntoView();
    $("list").focus({ preventScroll: true });
  });
}
// A picture in a folded finding has its width only once that is open.
for (const each of document.querySelectorAll(".finding > details")) each.addEventListener("toggle", refreshPictures);
for (const button of document.querySelectorAll("[data-service]")) {
  const name = button.dataset.service;
  if (!services.has(name)) button.replaceWith(name);
  else button.addEventListener("click", () => {
    $("time-service").value = $("list-service").value = name;
    view.service = name;
    makeCharts();
    list.choose();
    $("time").scrollIntoView();
  });
}

// Tables sort by the column whose head is clicked.
for (const table of document.querySelectorAll("table.sortable")) {
  table.querySelectorAll("thead th:not(.picture)").forEach((head, column) => {
    const text = head.textContent;
    head.replaceChildren(h("button", { type: "button", class: "sort", on: { click: () => {
      const downward = head.getAttribute("aria-sort") !== "descending";
      for (const each of table.querySelectorAll("th[aria-sort]")) each.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", downward ? "descending" : "ascending");
      const key = (row) => row.cells[column].dataset.value || row.cells[column].textContent;
      const compare = (a, b) => key(a).localeCompare(key(b), "en", { numeric: true });
      const rows = [...table.tBodies[0].rows].sort((a, b) => (downward ? compare(b, a) : compare(a, b)));
      table.tBodies[0].append(...rows);
    } } }, text));
  });
}

$("time-service").append(option("", "all services"), ...[...services.keys()].slice(0, 500).map((name) => option(name, name)));
$("time-service").addEventListener("input", (event) => { view.service = event.target.value; makeCharts(); });
$("time-side").addEventListener("input", (event) => { view.side = event.target.value; makeCharts(); });
$("zoom-reset").addEventListener("click", () => zoom(0, data.span_us));
$("ladder").addEventListener("click", (event) => { if (event.target === $("ladder")) $("ladder").close(); });
if (connections.length) {
  makeCharts();
  let width = 0;
  new ResizeObserver(([entry]) => {
    if (entry.contentRect.width === width) return;
    width = entry.contentRect.width;
    redraw();
    refreshPictures();
  }).observe($("charts"));
} else {
  $("time-controls").hidden = true;
  $("time-note").textContent = data.listed ? "There is no connection to draw." : "This report lists no connections, so there is nothing to draw over time.";
}
list.start();
// On paper the list does not scroll: its first rows stand there.
addEventListener("beforeprint", () => {
  for (const each of document.querySelectorAll(".finding > details")) each.open = true;
  $("list").classList.add("printed"); list.draw(60);
  charts.forEach((chart) => chart.draw());
  refreshPictures();
});
addEventListener("afterprint", () => { $("list").classList.remove("printed"); list.draw(); redraw(); });
document.documentElement.dataset.ready = "yes";
