"""The words that the expectations are written in.

A history is a line such as ``SYN_SENT@1s ESTABLISHED@3a CLOSED@8+60t``: state, frame
and one letter for the basis (``s``ent, ``a``cknowledged, ``p``resumed, ``t``imer,
``A``ssumed). A timer's entry has no frame of its own: ``CLOSED@8+60t`` is 60 seconds
after frame 8; ``t?`` says "if the capture lasts so long".

A handshake is its outcome, the frames of its SYN, SYN+ACK and final ACK (``-`` for
one not seen; left out altogether where more than one could be meant), then
``syn+2`` and ``synack+1`` for retransmissions, ``simultaneous``, ``fast_open``.

A close is its kind, its initiator, ``complete`` or not, and the RST if there was
one: ``reset client complete client:abort@8``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from .frames import CaptureFile

BASIS = {"s": "sent", "a": "acknowledged", "p": "presumed", "t": "timer", "A": "assumed"}
LETTER = {word: letter for letter, word in BASIS.items()}
ENTRY = re.compile(r"([A-Z_0-9]+)@(\d+)(?:\+(\d+))?([sapAt])(\?)?")


@dataclass
class Connection:
    """One connection: ``"client > server"`` and all that is asserted of it."""

    between: str
    client: str
    server: str
    handshake: str
    close: str
    findings: str = ""
    #: Of client and server; None where the words leave open what is one.
    retransmits: tuple[int, int] | None = (0, 0)
    payload_bytes: tuple[int, int] | None = None
    roles_basis: str = "syn"


@dataclass
class Finding:
    """One finding of the whole capture. ``subject`` is ``"server 10.0.0.20:80"`` or ``"client
    10.0.0.10"``.
    """

    kind: str
    subject: str
    count: int = 1
    severity: str = "info warning critical"


@dataclass
class Sample:
    """One capture. ``per_connection``: frame numbers count within their connection, not in the file."""

    name: str
    rows: str
    connections: list[Connection]
    findings: list[Finding] = field(default_factory=list)
    per_connection: bool = False


def expected_history(line: str, capture: CaptureFile, numbers: list[int]) -> list[str]:
    """The entries of a history line, ``numbers[i]`` being the file's number of the line's frame ``i + 1``."""
    entries = []
    for word in line.split():
        match = ENTRY.fullmatch(word)
        assert match, f"cannot read {word!r}"
        state, frame, after_s, letter, if_it_lasts = match.groups()
        number = numbers[int(frame) - 1]
        if after_s is None:
            entries.append(f"{state}@{number}{letter}")
            continue
        at_ns = capture.ts_ns(number) + int(after_s) * 10**9
        if if_it_lasts and at_ns > capture.last_ns:
            continue
        entries.append(f"{state}@{seconds(at_ns - capture.first_ns)}{letter}")
    return entries


def reported_history(history: list[Any], capture: CaptureFile) -> list[str]:
    """The same words for what the report says."""
    return [
        f"{move.state}@{move.frame or seconds(move.ts_ns - capture.first_ns)}{LETTER[move.basis]}"
        for move in history
    ]


def seconds(ns: int) -> str:
    return f"{ns / 10**9:.9f}s"


def reported_handshake(handshake: Any) -> str:
    words = [handshake.outcome]
    words += [f"syn+{handshake.syn_retransmits}"] if handshake.syn_retransmits else []
    words += [f"synack+{handshake.synack_retransmits}"] if handshake.synack_retransmits else []
    words += ["simultaneous"] if handshake.simultaneous else []
    words += ["fast_open"] if handshake.fast_open else []
    return " ".join(words)


def split_handshake(line: str) -> tuple[str, list[int | None] | None]:
    """The outcome words without the frames, and the three frames if they are given."""
    words = line.split()
    frames = [word for word in words if word.isdigit() or word == "-"]
    rest = " ".join(word for word in words if word not in frames)
    if not frames:
        return rest, None
    assert len(frames) == 3, line
    return rest, [None if word == "-" else int(word) for word in frames]


def reported_close(close: Any) -> str:
    words = [close.kind]
    words += [close.initiator] if close.initiator else []
    words += ["complete"] if close.complete else []
    words += [f"{close.reset.by}:{close.reset.cause}@{close.reset.frame}"] if close.reset else []
    return " ".join(words)


def expected_close(line: str, numbers: list[int]) -> str:
    return re.sub(r"@(\d+)", lambda match: f"@{numbers[int(match.group(1)) - 1]}", line)


def reported_subject(subject: Any) -> str:
    words = [subject.role, subject.address]
    if subject.port is not None:
        words[1] = f"[{subject.address}]" if ":" in subject.address else subject.address
        words[1] += f":{subject.port}"
    return " ".join(words + ([f"toward {subject.toward}"] if subject.toward else []))


# Connections that many captures hold ---------------------------------------------------


def opened(first: int = 1) -> tuple[str, str, str]:
    """Client's and server's history and the handshake of an undisturbed opening from frame ``first`` on."""
    a, b, c = first, first + 1, first + 2
    return (
        f"SYN_SENT@{a}s ESTABLISHED@{c}a",
        f"LISTEN@{b}a SYN_RCVD@{b}s ESTABLISHED@{c}p",
        f"complete {a} {b} {c}",
    )


def clean(between: str, first: int = 1, expires: bool = False, **more: Any) -> Connection:
    """Eleven frames in a row: opening, request, response, and a four-way close by the client."""
    client, server, handshake = opened(first)
    fin, ack, last_fin, last_ack = range(first + 7, first + 11)
    client += f" FIN_WAIT_1@{fin}s FIN_WAIT_2@{ack}p TIME_WAIT@{last_ack}a"
    if expires:
        client += f" CLOSED@{last_ack}+60t?"
    server += f" CLOSE_WAIT@{ack}a LAST_ACK@{last_fin}s CLOSED@{last_ack}p"
    return Connection(between, client, server, handshake, "four_way client complete", **more)


def leaked(between: str) -> Connection:
    """Nine frames (counted within the connection): the client closes, the server never does."""
    client, server, handshake = opened()
    return Connection(
        between,
        client + " FIN_WAIT_1@8s FIN_WAIT_2@9p CLOSED@9+60t?",
        server + " CLOSE_WAIT@9a",
        handshake,
        "half_closed client",
        findings="stuck-close-wait stuck-fin-wait-2",
    )
