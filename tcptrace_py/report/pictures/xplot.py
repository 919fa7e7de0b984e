"""A graph in the language of xplot (Tim Shepard, MIT), as tcptrace writes it."""

from __future__ import annotations

from collections.abc import Iterator

from tcptrace_py.report.pictures.graph import Graph, Mark, Role, Shape

# tcptrace's colours, where it has the mark.
_COLOURS: dict[Role, str] = {
    "data": "white",
    "again": "red",
    "ack": "green",
    "window": "yellow",
    "sack": "purple",
    "special": "orange",
    "reset": "red",
    "mean": "red",
    "average": "blue",
}
_COMMANDS: dict[Shape, str] = {
    "dot": "dot",
    "up": "uarrow",
    "down": "darrow",
    "tick": "dtick",
    "diamond": "diamond",
}


def xplot(graph: Graph, first_ns: int) -> Iterator[bytes]:
    """The lines of an ``.xpl`` file; ``first_ns``: the time of the graph's 0, since the epoch."""
    head = ("timeval double", "title", _plain(graph.title), "xlabel", "time", "ylabel", _plain(graph.unit))
    yield "".join(f"{line}\n" for line in head).encode()
    colour = ""
    for mark in graph.marks:
        if _COLOURS[mark.role] != colour:
            colour = _COLOURS[mark.role]
            yield f"{colour}\n".encode()
        yield _command(mark, first_ns).encode()
    yield b"go\n"


def _command(mark: Mark, first_ns: int) -> str:
    at = f"{_time(first_ns + mark.t_ns)} {_number(mark.y)}"
    if mark.shape == "line":
        return f"line {at} {_time(first_ns + mark.to_ns)} {_number(mark.to_y)}\n"
    if mark.shape == "text":
        return f"atext {at}\n{_plain(mark.text)}\n"
    return f"{_COMMANDS[mark.shape]} {at}\n"


def _time(ns: int) -> str:
    micros = max(ns, 0) // 1000
    return f"{micros // 1_000_000}.{micros % 1_000_000:06d}"


def _number(y: float) -> str:
    return f"{y:.0f}" if abs(y) >= 1000 or y == int(y) else f"{y:.3f}"


def _plain(text: str) -> str:
    """One line of ASCII, which is all that xplot shows."""
    text = text.replace(" → ", "_==>_")
    return "".join(c if c.isascii() and c.isprintable() else "?" for c in text)
