"""The lists of the dashboard that one can move through: services and connections."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from rich.console import Console
from rich.text import Text

from tcptrace_py.findings.wording import duration, times
from tcptrace_py.report.people.terminal_text import amount, plain

CONNECTIONS, SERVICES, NOTHING = "connections", "services", ""
LADDER, WRITE = "ladder", "write"
#: What a list is sorted by, in the order of the key that goes through them.
SORTS = {
    CONNECTIONS: ("age", "bytes", "client", "server", "state"),
    SERVICES: ("connections", "stuck", "server"),
}
_CONNECTION_HEADER: tuple[str, ...] = (
    *("  client", "server", "client state", "server state", "age", "idle", "sent", "received"),
)
_SERVICE_HEADER: tuple[str, ...] = ("server", "alive", "CLOSE_WAIT", "client addresses")
HELP = (
    ("q", "end, with a report"),
    ("Tab", "connections, services, or neither"),
    ("↑ ↓ PgUp PgDn", "move through the list (also j, k)"),
    ("s", "sort by something else"),
    ("/", "show only what holds a text; Enter keeps it, Esc drops it"),
    ("Enter", "one connection as a ladder; ↑ ↓ move through it, Esc leaves it"),
    ("m", "mark the connection, or take the mark away"),
    ("w", "write packets of the marked ones (or this one) to a pcap"),
    ("Space", "pause what is shown; packets are still counted"),
    ("?", "these keys"),
)


@dataclass(slots=True)
class LiveConnection:
    """One connection as it is now; ``age_ns`` since its first packet."""

    id: int
    client: str
    server: str
    client_state: str
    server_state: str
    age_ns: int
    idle_ns: int
    sent_bytes: int
    received_bytes: int


@dataclass(slots=True)
class LiveService:
    """A server's address and port, and its connections that are alive: how many, and in CLOSE_WAIT."""

    server: str
    connections: int
    close_wait: int
    clients: int


@dataclass(slots=True)
class Focus:
    """What the reader has chosen: which list, where in it, sorted by what, holding which text.

    ``chosen``: the list takes a small screen for itself; else it is shown where there is room for it.
    ``detail``: one connection is shown instead, ``ladder`` from line ``scroll`` on. ``asked``: what a key
    asked for that only who has the packets can do, ``LADDER`` or ``WRITE``.
    """

    shown: str = NOTHING
    chosen: bool = False
    #: The screen had room for it.
    visible: bool = False
    at: int = 0
    sort: int = 0
    text: str = ""
    typing: bool = False
    paused: bool = False
    help: bool = False
    detail: bool = False
    ladder: list[Text] = field(default_factory=list)
    scroll: int = 0
    asked: str = ""
    #: By the ids of connections.
    marked: set[int] = field(default_factory=set)
    #: The connection that one is at.
    current: LiveConnection | None = None
    #: Rows of the list on the screen, as they were drawn last.
    rows: int = field(default=0)
    length: int = field(default=0)

    @property
    def sorted_by(self) -> str:
        return SORTS[self.shown][self.sort] if self.shown else ""

    def press(self, key: str) -> bool:
        """Takes a key by its name; whether it was one of ours."""
        if self.typing:
            self._type(key)
            return True
        moves = {"up": -1, "k": -1, "down": 1, "j": 1, "pgup": -self.rows, "pgdn": self.rows}
        if key == "?":
            self.help = not self.help
        elif key == "esc" and (self.help or self.detail or self.text or self.shown):
            self._leave()
        elif key == "space":
            self.paused = not self.paused
        elif key == "tab":
            lists = (NOTHING, CONNECTIONS, SERVICES)
            if not self.shown or self.visible:
                self.shown = lists[(lists.index(self.shown) + 1) % len(lists)]
            self.at = self.sort = 0
            self.detail = False
            self.current = None
            self.chosen = True
        elif not self.shown:
            return False
        elif key in moves and self.detail:
            self.scroll = max(self.scroll + moves[key], 0)
        elif key in moves:
            self.at = min(max(self.at + moves[key], 0), max(self.length - 1, 0))
        elif key == "s":
            self.sort = (self.sort + 1) % len(SORTS[self.shown])
        elif key == "/":
            self.typing = True
        elif self.current is not None and key in ("enter", "m", "w"):
            self._about(self.current, key)
        else:
            return False
        return True

    def _about(self, connection: LiveConnection, key: str) -> None:
        if key == "m":
            self.marked ^= {connection.id}
        elif key == "w":
            self.asked = WRITE
        elif self.detail:
            self.detail = False
        else:
            self.detail, self.scroll, self.asked = True, 0, LADDER

    def _type(self, key: str) -> None:
        if key == "enter":
            self.typing = False
        elif key == "esc":
            self.typing, self.text = False, ""
        elif key == "backspace":
            self.text = self.text[:-1]
        elif key == "space":
            self.text += " "
        elif len(key) == 1 and key.isprintable():
            self.text += key
        self.at = 0

    def _leave(self) -> None:
        if self.help:
            self.help = False
        elif self.detail:
            self.detail = False
        elif self.text:
            self.text = ""
        else:
            self.shown = NOTHING


def help_lines(console: Console) -> list[Text]:
    return [
        Text("Keys", "bold"),
        *(Text(plain(f"  {key:<15}{what}", console)) for key, what in HELP),
    ]


def list_lines(
    focus: Focus,
    connections: Sequence[LiveConnection],
    services: Sequence[LiveService],
    console: Console,
    rows: int,
) -> list[Text]:
    """The chosen list in ``rows`` lines, the line that one is at in reverse; remembers its size."""
    focus.visible = True
    if focus.detail:
        return _ladder_lines(focus, rows)
    records: Sequence[LiveConnection] = ()
    if focus.shown == CONNECTIONS:
        records = _sorted_connections(focus, connections)
        table = [_connection_row(each, each.id in focus.marked) for each in records]
        header = _CONNECTION_HEADER
    else:
        table = [_service_row(each) for each in _sorted_services(focus, services)]
        header = _SERVICE_HEADER
    focus.length = len(table)
    focus.at = min(focus.at, max(focus.length - 1, 0))
    focus.current = records[focus.at] if records else None
    focus.rows = max(1, rows - 2)
    begin = max(0, min(focus.at - focus.rows // 2, focus.length - focus.rows))
    shown = table[begin : begin + focus.rows]
    title = f"{times(focus.length, focus.shown[:-1])} by {focus.sorted_by}"
    if focus.marked:
        title += f", {len(focus.marked):,} marked"
    if focus.text or focus.typing:
        title += f", holding {focus.text!r}" + ("_" if focus.typing else "")
    widths = [max([len(cell) for cell in column], default=0) for column in zip(header, *shown, strict=True)]
    drawn = [Text(plain(title, console), "bold"), Text(_line(header, widths), "underline")]
    for number, row in enumerate(shown, begin):
        drawn.append(Text(plain(_line(row, widths), console), "reverse" if number == focus.at else ""))
    return drawn[:rows]


def _ladder_lines(focus: Focus, rows: int) -> list[Text]:
    focus.rows = max(1, rows - 1)
    focus.scroll = min(focus.scroll, max(len(focus.ladder) - rows, 0))
    # Lines are cut to measure where they are drawn.
    return [each.copy() for each in focus.ladder[focus.scroll : focus.scroll + rows]]


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    return "  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip()


def _connection_row(each: LiveConnection, marked: bool) -> tuple[str, ...]:
    return (
        *(f"{'*' if marked else ' '} {each.client}", each.server, each.client_state, each.server_state),
        *(
            duration(each.age_ns),
            duration(each.idle_ns),
            amount(each.sent_bytes),
            amount(each.received_bytes),
        ),
    )


def _service_row(each: LiveService) -> tuple[str, ...]:
    return (each.server, f"{each.connections:,}", f"{each.close_wait:,}", f"{each.clients:,}")


def _sorted_connections(focus: Focus, connections: Sequence[LiveConnection]) -> list[LiveConnection]:
    keys = {
        "age": lambda each: -each.age_ns,
        "bytes": lambda each: -(each.sent_bytes + each.received_bytes),
        "client": lambda each: each.client,
        "server": lambda each: (each.server, each.client),
        "state": lambda each: (each.server_state, each.client_state, -each.age_ns),
    }
    return sorted((each for each in connections if _holds(focus.text, each)), key=keys[focus.sorted_by])


def _holds(text: str, each: LiveConnection) -> bool:
    said = f"{each.client} {each.server} {each.client_state} {each.server_state}"
    return text.lower() in said.lower()


def _sorted_services(focus: Focus, services: Sequence[LiveService]) -> list[LiveService]:
    keys = {
        "connections": lambda each: (-each.connections, each.server),
        "stuck": lambda each: (-each.close_wait, -each.connections, each.server),
        "server": lambda each: each.server,
    }
    held = [each for each in services if focus.text.lower() in each.server.lower()]
    return sorted(held, key=keys[focus.sorted_by])
