"""The bounds: which applications, how many faults, and where the observer stands.

The tests take ``TESTED``, and with the uncompiled engine ``QUICK``; ``python -m tests.model`` takes ``FULL``.
"""

from __future__ import annotations

from .endpoint import ACK, FIN, RST, SYN, Seg
from .network import Scenario


def scenario(name: str, client: str, server: str, **bounds: object) -> Scenario:
    scripts = tuple(tuple(call.replace("_", " ") for call in script.split()) for script in (client, server))
    return Scenario(name, scripts, **bounds)  # type: ignore[arg-type]


#: An old SYN of the client's former connection record, not yet past the vantage point.
_STALE_SYN = (((Seg(500, 0, SYN), "S", 500, False),), ())
IN_ORDER = frozenset({"lose", "duplicate", "early"})
_LOSS = frozenset({"lose"})
#: On each side, once: before the vantage point, after it, or both.
_CUTS = frozenset({"cut"})

WITHOUT_FAULTS = [
    scenario("close in any order", "open shut", "listen shut"),
    scenario("both applications go away", "open close", "listen close"),
    scenario("one segment each way", "open send shut", "listen send shut"),
    scenario("one segment each way, both go away", "open send close", "listen send close"),
    scenario("FIN on the last bytes", "open send last", "listen last"),
    scenario(
        "two segments each way, at the client",
        "open send send shut",
        "listen send send shut",
        vantage="client",
    ),
    scenario(
        "two segments each way, at the server",
        "open send send shut",
        "listen send send shut",
        vantage="server",
    ),
    scenario("simultaneous open", "open shut", "open shut"),
    scenario("simultaneous open, one segment each way", "open send shut", "open send close"),
    scenario("half-close, the server goes on", "open send shut", "listen ?eof send send shut"),
    scenario("half-close, the client goes on", "open ?eof send send shut", "listen send shut"),
    scenario("the client aborts", "open send abort", "listen send shut"),
    scenario("the server aborts", "open send shut", "listen send abort+ack"),
    scenario("both abort", "open send abort", "listen send abort+ack"),
    scenario("abort after FIN", "open shut abort", "listen send abort"),
    scenario("refused", "open send shut", ""),
    scenario("refused, or not", "open send shut", "listen_late shut"),
    scenario("the server never closes", "open send shut", "listen send"),
    scenario("the client never closes", "open send", "listen send shut"),
    scenario("nobody closes", "open send", "listen send"),
    scenario("the server closes late", "open send shut", "listen ?eof wait5 shut"),
    scenario("the server closes too late", "open send shut", "listen ?eof wait30 shut"),
    scenario("the server aborts too late", "open send shut", "listen ?eof wait30 abort"),
    scenario("the server works, then closes", "open shut", "listen ?eof wait8 send wait8 shut"),
    scenario("the client closes too late", "open ?eof wait30 shut", "listen send shut"),
    scenario("the client closes late", "open ?eof wait5 send shut", "listen send shut"),
    scenario(
        "port reuse after 2MSL", "open ?up shut ?down open shut", "listen ?eof shut ?down listen ?eof shut"
    ),
    scenario("stale SYN, nobody there", "", "listen listen", old=_STALE_SYN, past=("SC", "C")),
    scenario("stale SYN and a new one", "open shut", "listen ?eof shut", old=_STALE_SYN, past=("SC", "C")),
    scenario("half-open discovery", "open ?up crash open send shut", "listen ?up send ?down listen shut"),
    scenario("the server restarts", "open ?up send shut", "listen ?up crash listen"),
]

ONE_FAULT = [
    scenario("close in any order, one fault", "open shut", "listen shut", faults=1),
    scenario("both go away, one fault", "open close", "listen close", faults=1),
    scenario("one segment, one fault", "open send shut", "listen ?eof shut", faults=1),
    scenario("one segment back, one fault", "open ?up shut", "listen send shut", faults=1),
    scenario("one segment each way, one fault", "open send shut", "listen send ?eof shut", faults=1),
    scenario("FIN on the last bytes, one fault", "open last", "listen last", faults=1),
    scenario("simultaneous open, one fault", "open ?up shut", "open ?eof shut", faults=1),
    scenario("half-close, one fault", "open ?up shut", "listen ?eof send send shut", faults=1),
    scenario("abort, one fault", "open send abort", "listen ?eof shut", faults=1),
    scenario("the server aborts, one fault", "open ?up shut", "listen send abort+ack", faults=1),
    scenario("the server never closes, one fault", "open send shut", "listen", faults=1),
    scenario("cut while opening", "open", "listen", faults=2, kinds=_CUTS),
    scenario("cut while closing", "open ?up shut", "listen ?eof shut", faults=2, kinds=_CUTS),
    scenario(
        "cut while closing both ways",
        "open ?up shut",
        "listen ?up shut",
        faults=2,
        kinds=_CUTS,
    ),
]

TWO_FAULTS = [
    scenario("two faults at the client", "open ?up shut", "listen ?eof shut", vantage="client", faults=2),
    scenario("two faults at the server", "open ?up shut", "listen ?eof shut", vantage="server", faults=2),
    scenario("two faults", "open ?up shut", "listen ?eof shut", faults=2),
    scenario("two faults, the server closes first", "open ?eof shut", "listen ?up shut", faults=2),
    scenario(
        "two faults, simultaneous close, at the client",
        "open ?up shut",
        "listen ?up shut",
        vantage="client",
        faults=2,
    ),
    scenario(
        "one segment, two faults, at the server",
        "open send shut",
        "listen ?eof shut",
        vantage="server",
        faults=2,
    ),
    scenario("one segment, two losses", "open send shut", "listen ?eof shut", faults=2, kinds=_LOSS),
    scenario(
        "two segments each way, two losses, at the client",
        "open send send shut",
        "listen ?eof send send shut",
        vantage="client",
        faults=2,
        kinds=_LOSS,
    ),
    scenario("two faults, close in any order", "open shut", "listen shut", faults=2),
    scenario("two faults, the server never closes", "open ?up shut", "listen", faults=2),
    scenario("two faults, abort", "open send abort", "listen ?eof shut", faults=2),
    scenario("two faults, the server aborts", "open ?up shut", "listen ?up abort+ack", faults=2),
    scenario("two faults, simultaneous open", "open ?up shut", "open ?eof shut", faults=2, kinds=IN_ORDER),
    scenario(
        "two faults, half-close, at the client",
        "open ?up shut",
        "listen ?eof send send shut",
        vantage="client",
        faults=2,
    ),
    scenario("one segment, two faults", "open send shut", "listen ?eof shut", faults=2),
    scenario(
        "one segment each way, two faults, at the client",
        "open send shut",
        "listen ?eof send shut",
        vantage="client",
        faults=2,
    ),
    scenario("one segment each way, two losses", "open send shut", "listen send shut", faults=2, kinds=_LOSS),
    scenario(
        "two segments, two faults, at the server",
        "open send send shut",
        "listen ?eof shut",
        vantage="server",
        faults=2,
    ),
    scenario(
        "two segments each way, one fault", "open send send shut", "listen ?eof send send shut", faults=1
    ),
]

#: Segments of the connection that both ends had before, by the end that sent them: flags, numbers counted
#: from its first, payload bytes, and the path of its sender then.
_EARLIER = (
    (0, "ACK", ACK, 1, 1, 0, "SE"),
    (0, "FIN", FIN | ACK, 1, 1, 0, "SE1"),
    (0, "RST", RST, 1, 0, 0, "SEC"),
    (1, "SYN+ACK", SYN | ACK, 0, 1, 0, "LR"),
    (1, "data", ACK, 1, 1, 10, "LRE"),
    (1, "FIN", FIN | ACK, 1, 2, 0, "LREWA"),
    (1, "RST+ACK", RST | ACK, 1, 1, 0, "LREC"),
)
#: What it began with, against what the next begins with: a little less, or more than a window more.
_BEGAN_WITH = {"lower": (500, 5500), "higher": (90_500, 95_500)}


def earlier(name: str, client: str, server: str) -> list[Scenario]:
    """One old segment still on its way, of whatever kind."""
    made = []
    for end, kind, flags, seq, ack, length, path in _EARLIER:
        for where, isn in _BEGAN_WITH.items():
            seg = Seg(isn[end] + seq, isn[1 - end] + ack if flags & ACK else 0, flags, length)
            mark = ((seg, path, isn[end], False),)
            made.append(
                scenario(
                    f"{name}, an old {kind} of the {'client server'.split()[end]} with a {where} number",
                    client,
                    server,
                    old=(mark, ()) if end == 0 else ((), mark),
                    past=("SE12TC", "LREWAC"),
                )
            )
    return made


OLD_SEGMENTS = [
    *earlier("the client closes first", "open shut", "listen ?eof shut"),
    *earlier("the server closes first", "open ?eof shut", "listen ?up shut"),
    *earlier("nobody there", "open shut", ""),
]
OLD_SEGMENTS_LONG = earlier("both open", "open shut", "open shut")

_FORGED = frozenset({"forge"})
FORGED_RESETS = [
    scenario(f"a forged RST, {name}", client, server, faults=faults, kinds=_FORGED)
    for name, client, server, faults in (
        ("then FIN", "open ?up wait5 shut", "listen ?eof shut", 1),
        ("then data", "open ?up wait5 send shut", "listen ?eof shut", 1),
        ("then silence", "open ?up wait5", "listen ?up", 1),
        ("the server goes on with FIN", "open ?eof shut", "listen ?up wait5 shut", 1),
        ("the server goes on with data", "open ?up ?eof shut", "listen ?up wait5 send shut", 1),
        ("both go on with FIN", "open ?up wait5 shut", "listen ?up wait8 shut", 1),
        ("both go on with data", "open ?up send wait5 send shut", "listen ?up send wait8 send shut", 1),
        ("in CLOSE_WAIT", "open ?up shut", "listen ?eof wait5 send shut", 1),
        ("then an abort", "open ?up wait5 send abort", "listen ?up send", 1),
        ("twice", "open ?up wait5 shut", "listen ?eof wait8 shut", 2),
    )
]

SYN_ACK_WITH_FIN = [
    scenario(f"the server closes with its SYN+ACK, {name}", client, "listen_fin", faults=faults)
    for name, client, faults in (
        ("close in any order", "open shut", 0),
        ("the client closes late", "open ?eof shut", 0),
        ("the client sends", "open send shut", 0),
        ("the client aborts", "open send abort", 0),
        ("close in any order, one fault", "open shut", 1),
        ("the client closes late, one fault", "open ?eof shut", 1),
        ("the client sends, one fault", "open send shut", 1),
    )
]

REFUSALS = [
    scenario("refused at first, one fault", "open shut", "listen_late ?eof shut", faults=1),
    scenario("refused, or not, one loss", "open shut", "listen_late shut", faults=1, kinds=_LOSS),
    scenario("refused, one fault", "open shut", "", faults=1),
]

#: A RST overtakes what its sender had sent before it, which still shows what that was by then.
OVERTAKING_RESETS = [
    scenario("the client aborts at once, one fault", "open abort", "listen ?eof shut", faults=1),
    scenario("a late listener, the client aborts at once, one fault", "open abort", "listen_late", faults=1),
    scenario("the server aborts at once, one fault", "open shut", "listen abort", faults=1),
]

#: Little to explore, but what the others do not have.
SMALLER = OLD_SEGMENTS + FORGED_RESETS + REFUSALS + SYN_ACK_WITH_FIN + OVERTAKING_RESETS
FULL = WITHOUT_FAULTS + SMALLER + ONE_FAULT + OLD_SEGMENTS_LONG + TWO_FAULTS

#: All but these are tested; they are left to ``python -m tests.model``.
_LONGEST = (
    "one segment, two faults",
    "two segments each way, one fault",
    "two faults, close in any order",
    "two faults, simultaneous open",
    "one segment each way, two losses",
    "one segment each way, one fault",
    "one segment each way, two faults, at the client",
    "two faults, abort",
    "two faults, half-close, at the client",
    "two faults, the server closes first",
    "two segments, two faults, at the server",
)
TESTED = [s for s in FULL if s.name not in _LONGEST and s not in OLD_SEGMENTS_LONG]
#: Those that take long with the uncompiled engine are left to the compiled one.
_LONG = (
    "one segment, one fault",
    "one segment each way, both go away",
    "simultaneous open, one fault",
    "FIN on the last bytes, one fault",
    "refused at first, one fault",
    "the server closes with its SYN+ACK, the client sends, one fault",
    "two segments each way, at the client",
    "two segments each way, at the server",
    "one segment, two faults, at the server",
    "cut while closing both ways",
    "one segment back, one fault",
    "half-close, one fault",
    "two faults",
    "two faults, the server aborts",
    "two faults, simultaneous close, at the client",
    "the server aborts, one fault",
    "two segments each way, two losses, at the client",
    "simultaneous open, one segment each way",
    "two faults at the server",
    "one segment, two losses",
    "cut while closing",
    "two faults at the client",
    "two faults, the server never closes",
    "close in any order, one fault",
    "both go away, one fault",
)
QUICK = [s for s in TESTED if s.name not in _LONG]
