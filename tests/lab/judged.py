"""Our reading of random lives against the kernel: what is confirmed, what nobody could tell, and the rest.

A scenario says from where its traffic shows all that the endpoints did. Of a random life that is known for
one place only, the endpoint's own interface. So each end is judged from everywhere, by three rules:

- What is told as a fact (``sent``, ``acknowledged``) is true wherever it is told.
- Seen from an end's own interface, its history is the kernel's, but for what ``Why`` names.
- Elsewhere a state may be presumed, or lacking, that another fate of the same segments would have made true.
"""

from __future__ import annotations

import gzip
import ipaddress
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from .network import ACK, FIN, RST, SYN, Packet, parse

#: A transition is traced so long after its segment passed the interface, at the most.
_SLACK_NS = 5_000_000
_FACTS = ("sent", "acknowledged")
_NEVER = 1 << 63

UNACCEPTED = (
    "whether it took the ACK of its SYN+ACK only its host knows (a full accept queue, TCP_DEFER_ACCEPT)"
)
SILENT = "it sends nothing any more that would show it"
FORGOTTEN = "a listener's host gave its half-open handshake up: it listens on, or was opened again later"
FIN_TAKEN = (
    "it had the FIN, and sent no ACK of it before a RST ended it (Linux takes one with the FIN's number)"
)
RFC_1337 = "whether a RST ends TIME_WAIT only its host knows (RFC 1337)"
ELSEWHERE = "no fact is wrong; a segment that passed here did not come, or one that it sent did not pass"
UNSEEN = "its SYN, or the first copy of its FIN with a lower ACK, never passed here"
ANEW = "SYN cookies: a copy of an old ACK made its connection anew, with the numbers of the one before"
HALF_OPEN = "a SYN in a synchronized state that no SYN+ACK accepts begins no connection (RFC 9293 figure 9)"


class Verdict(NamedTuple):
    """``what``: confirmed, explained (``why``), not (a fact that is wrong, and others) or unseen."""

    what: str
    why: str
    vantage: str
    side: str
    kernel: str
    ours: str


class _Seen(NamedTuple):
    ts_ns: int
    frame: int
    packet: Packet


def passed(path: Path) -> list[_Seen]:
    """The TCP segments of a capture of the lab's."""
    raw = path.read_bytes()
    if path.suffix == ".gz":
        raw = gzip.decompress(raw)
    found, at, frame = [], 24, 0
    while at < len(raw):
        seconds, rest, length, _ = struct.unpack_from("<IIII", raw, at)
        frame += 1
        packet = parse("", raw[at + 16 : at + 16 + length])
        at += 16 + length
        if packet is not None and packet.is_tcp:
            found.append(_Seen(seconds * 1_000_000_000 + rest, frame, packet))
    return found


class _Life(NamedTuple):
    """An end by the kernel's account. ``isn``: of the SYN or SYN+ACK that it sent, or None."""

    pair: int
    side: str
    me: tuple[str, int]
    history: list[tuple[str, int]]
    until_ns: int
    isn: int | None

    @property
    def states(self) -> list[str]:
        return [state for state, _ in self.history]


def _at(address: tuple[bytes, int]) -> tuple[str, int]:
    return str(ipaddress.ip_address(address[0])), address[1]


def _lives(truth: dict[str, Any], seen: dict[str, list[_Seen]], client: str) -> list[_Life]:
    ends = [
        (
            number,
            "client" if end["address"] == client else "server",
            (end["address"], end["port"]),
            end["history"],
        )
        for number, pair in enumerate(truth["connections"])
        for end in pair
        if end["history"]
    ]
    found = []
    for number, side, me, history in ends:
        began_ns = history[0][1]
        until_ns = min(
            (h[0][1] for _, _, other, h in ends if other == me and h[0][1] > began_ns), default=_NEVER
        )
        isn = next(
            (
                each.packet.seq
                for each in seen[side]
                if _at(each.packet.source) == me
                and each.packet.flags & (SYN | RST) == SYN
                and began_ns - _SLACK_NS <= each.ts_ns < until_ns + _SLACK_NS
            ),
            None,
        )
        found.append(_Life(number, side, me, history, until_ns, isn))
    return found


class _Told(NamedTuple):
    """One end as we read it; ``isn`` as of a life."""

    connection: int
    me: tuple[str, int]
    history: list[Any]
    isn: int | None


def _told(report: Any, frames: dict[int, Packet]) -> Iterator[_Told]:
    for number, connection in enumerate(report.connections or ()):
        for end in (connection.client, connection.server):
            me = (str(ipaddress.ip_address(end.address)), end.port)
            isn = None
            for entry in end.history:
                packet = frames.get(entry.frame)
                if packet and packet.flags & (SYN | RST) == SYN and _at(packet.source) == me:
                    isn = packet.seq
                    break
            history = list(end.history)
            # It refused before it listened.
            yield _Told(
                number, me, history[1:] if history[:1] and history[0].state == "CLOSED" else history, isn
            )


def judge(truth: dict[str, Any], captures: dict[str, Path], client: str) -> list[Verdict]:
    """Every end of every connection, seen from everywhere. ``client``: the address of that host."""
    from tcptrace_py import analyze
    from tcptrace_py.settings import Settings

    seen = {vantage: passed(path) for vantage, path in captures.items()}
    lives = _lives(truth, seen, client)
    verdicts = []
    for vantage, path in captures.items():
        report = analyze(str(path), settings=Settings(**truth["settings"]))
        told = list(_told(report, {each.frame: each.packet for each in seen[vantage]}))
        matched = _matched(lives, told)
        for number, life in enumerate(lives):
            mine = matched.get(number)
            verdicts.append(_verdict(life, None if mine is None else told[mine], vantage, seen))
        for number, each in enumerate(told):
            if number not in matched.values() and any(entry.basis in _FACTS for entry in each.history):
                shown = " ".join(entry.state for entry in each.history)
                verdicts.append(Verdict("not", "it does not exist", vantage, "", "", shown))
    return verdicts


def _matched(lives: list[_Life], told: list[_Told]) -> dict[int, int]:
    """The numbers of lives, and of what we read of them: by the ISN, or by the peer."""
    found: dict[int, int] = {}
    for number, life in enumerate(lives):
        for index, each in enumerate(told):
            if (
                life.isn is not None
                and each.isn == life.isn
                and each.me == life.me
                and index not in found.values()
            ):
                found[number] = index
                break
    for number, life in enumerate(lives):
        peer = next((n for n, each in enumerate(lives) if each.pair == life.pair and n != number), None)
        if number in found or peer not in found:
            continue
        index = found[peer] ^ 1
        if index not in found.values() and (life.isn is None or told[index].isn is None):
            found[number] = index
    return found


def _verdict(life: _Life, told: _Told | None, vantage: str, seen: dict[str, list[_Seen]]) -> Verdict:
    kernel, own = life.states, vantage == life.side
    mine = [each for each in seen[vantage] if _at(each.packet.source) == life.me]
    entries = [] if told is None else told.history
    ours = [entry.state for entry in entries]
    marks = {"presumed": "?", "assumed": "~", "timer": "!"}
    shown = " ".join(entry.state + marks.get(entry.basis, "") for entry in entries)

    def verdict(what: str, why: str = "") -> Verdict:
        return Verdict(what, why, vantage, life.side, " ".join(kernel), shown)

    if told is None:
        if not any(each.packet.flags & (SYN | RST) == SYN and each.packet.seq == life.isn for each in mine):
            return verdict("unseen")
        if kernel[0] == "SYN_SENT" and "ESTABLISHED" not in kernel and "SYN_RCVD" not in kernel:
            return verdict("explained", HALF_OPEN)
        return verdict("not", "it is not told")
    if ours == kernel:
        early = next(
            (
                entry.state
                for entry, (state, ts_ns) in zip(entries, life.history, strict=True)
                if entry.basis in _FACTS and state != "LISTEN" and entry.ts_ns + _SLACK_NS < ts_ns
            ),
            None,
        )
        return (
            verdict("not", f"{early} is claimed before the kernel was there")
            if early
            else verdict("confirmed")
        )
    if kernel == ["LISTEN", "SYN_RCVD", "CLOSED"] and ours == ["LISTEN", "SYN_RCVD", "LISTEN"]:
        return verdict("explained", FORGOTTEN)
    rest = iter(kernel)
    if not all(entry.state in rest for entry in entries if entry.basis in _FACTS):
        lost = _opening(seen[life.side], life) != _opening(seen[vantage], life)
        return verdict("explained", UNSEEN) if lost else verdict("not", "a fact is wrong")
    if not own:
        return verdict("explained", ELSEWHERE)
    if "CLOSED" in kernel[:-1]:
        return verdict("explained", ANEW)
    return _own(verdict, life, entries, mine)


def _opening(seen: list[_Seen], life: _Life) -> tuple[bool, int | None]:
    """Whether its own SYN passed, and the lowest ACK of its FINs."""
    began_ns = life.history[0][1] - _SLACK_NS
    mine = [e.packet for e in seen if _at(e.packet.source) == life.me and began_ns <= e.ts_ns < life.until_ns]
    acks = [packet.ack for packet in mine if packet.flags & FIN]
    lowest = min(acks, key=lambda ack: (ack - acks[0] + (1 << 31)) & 0xFFFFFFFF, default=None)
    return any(packet.flags & (SYN | ACK | RST) == SYN for packet in mine), lowest


def _own(verdict: Any, life: _Life, entries: list[Any], mine: list[_Seen]) -> Verdict:
    """Seen from its own interface, it did not do just that."""
    kernel, ours = life.states, [entry.state for entry in entries]
    same = next((n for n, pair in enumerate(zip(kernel, ours, strict=False)) if pair[0] != pair[1]), -1)
    same = min(len(kernel), len(ours)) if same < 0 else same
    if "ESTABLISHED" in ours and "ESTABLISHED" not in kernel and kernel[:2] == ["LISTEN", "SYN_RCVD"]:
        at = ours.index("ESTABLISHED")
        if entries[at].basis == "presumed":
            return verdict("explained", UNACCEPTED)
    if kernel[-2:] == ["CLOSE_WAIT", "CLOSED"] and ours == [*kernel[:-2], "CLOSED"]:
        return verdict("explained", FIN_TAKEN)
    if ours == [*kernel, "CLOSED"] and kernel[-1] == "TIME_WAIT" and entries[-1].basis == "presumed":
        return verdict("explained", RFC_1337)
    if same < len(kernel) and same == len(ours):
        since_ns = life.history[same][1]
        # A RST without ACK, where only a SYN was sent, answers what is not of this connection.
        after = [each for each in mine if since_ns < each.ts_ns < life.until_ns]
        if not any(
            each.packet.flags & (RST | ACK) != RST or kernel[same - 1] != "SYN_SENT" for each in after
        ):
            return verdict("explained", SILENT)
    return verdict("not", "from its own side it is read otherwise")
