"""Our reading of a capture against the kernel's account of the same traffic."""

from __future__ import annotations

import gzip
import ipaddress
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tcptrace_py.findings.causes.claims import CAUSES

#: A `sent` or `acknowledged` entry may stand so much before the kernel's own transition: the
#: trace's time is cut to microseconds, sock_diag is asked after the event.
_SLACK_NS = 2_000_000

#: Kinds by cause (section 5 of the design, second table): each may stand in place of a general kind.
BY_CAUSE = frozenset(cause.KIND for cause in CAUSES)


@dataclass(frozen=True)
class Explained:
    """A difference that no reader of the wire can avoid. ``why`` must satisfy an expert of TCP."""

    scenario: str
    vantages: tuple[str, ...]
    connection: int
    side: str
    kernel: tuple[str, ...]
    ours: tuple[str, ...] | None
    why: str


EXPLAINED = (
    Explained(
        "data_unanswered",
        ("client", "middle"),
        0,
        "client",
        ("SYN_SENT", "ESTABLISHED", "CLOSED"),
        ("SYN_SENT", "ESTABLISHED"),
        "An endpoint that gives up retransmitting data (RFC 9293 section 3.8.3, R2) sends nothing when it "
        "deletes its connection; when that is depends on a limit only its host knows.",
    ),
    Explained(
        "accept_queue_full_until_reset",
        ("client", "middle", "server"),
        2,
        "server",
        ("LISTEN", "SYN_RCVD", "CLOSED"),
        ("LISTEN", "SYN_RCVD", "ESTABLISHED", "CLOSED"),
        "The ACK of its last SYN+ACK passes, and then only a RST, which says that it has no connection now, "
        "not that it had none: whether it took that ACK only its host knows.",
    ),
    Explained(
        "syn_meets_time_wait_rfc1337",
        ("client", "middle", "server"),
        0,
        "server",
        ("LISTEN", "SYN_RCVD", "ESTABLISHED", "FIN_WAIT_1", "FIN_WAIT_2", "TIME_WAIT"),
        ("LISTEN", "SYN_RCVD", "ESTABLISHED", "FIN_WAIT_1", "FIN_WAIT_2", "TIME_WAIT", "CLOSED"),
        "A RST that is its peer's ends TIME_WAIT (RFC 9293 section 3.10.7.4) unless its host has it ignored "
        "(RFC 1337); after the last RST nothing passes that would show which.",
    ),
)


@dataclass
class Comparison:
    """One capture compared: what was compared, and each mismatch in a line."""

    scenario: str
    family: str
    vantage: str
    endpoints: int = 0
    transitions: int = 0
    mismatches: list[str] = field(default_factory=list)
    explained: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        return f"{self.scenario}-{self.family}.{self.vantage}"


def load(path: Path) -> dict[str, Any]:
    """The truth of ``<scenario>-<family>.json`` (or ``.json.gz``)."""
    raw = path.read_bytes()
    loaded: dict[str, Any] = json.loads(gzip.decompress(raw) if path.suffix == ".gz" else raw)
    return loaded


def captures(truth_path: Path, truth: dict[str, Any]) -> dict[str, Path]:
    """The captures beside a truth, by vantage point; only those that exist."""
    stem = f"{truth['scenario']}-{truth['family']}"
    found = {}
    for vantage in truth["vantages"]:
        for ending in (".pcap", ".pcap.gz"):
            path = truth_path.parent / f"{stem}.{vantage}{ending}"
            if path.exists():
                found[vantage] = path
    return found


def compare(capture: Path, truth: dict[str, Any], vantage: str) -> Comparison:
    """Analyze ``capture`` with the scenario's settings and compare histories and findings."""
    from tcptrace_py import analyze
    from tcptrace_py.settings import Settings

    result = Comparison(truth["scenario"], truth["family"], vantage)
    report = analyze(str(capture), settings=Settings(**truth["settings"]))
    ours: dict[frozenset[tuple[str, int]], list[Any]] = {}
    for connection in report.connections or ():
        ours.setdefault(frozenset((_key(connection.client), _key(connection.server))), []).append(connection)
    first: Any = None
    for number, pair in enumerate(truth["connections"]):
        if number in truth["unseen"].get(vantage, ()):
            continue
        queue = ours.get(frozenset((end["address"], end["port"]) for end in pair))
        mine: Any = queue.pop(0) if queue else None
        if number == 0:
            first = mine
        for side, end in zip(("client", "server"), pair, strict=True):
            _compare_endpoint(result, number, side, end, mine, truth["forged"])
    for queue in ours.values():
        for extra in queue:
            result.mismatches.append(
                f"connection {extra.id} does not exist: {_names(extra.client)} / {_names(extra.server)}"
            )
    _compare_first(result, truth["first"], first)
    kinds = {finding.kind for finding in report.findings}
    # The scripts name general kinds; a cause stands in place of the kind that it explains.
    causes = kinds & BY_CAUSE
    for kind in sorted(set(truth["findings"]) - kinds - set(truth["blind"].get(vantage, ()))):
        if not causes:
            result.mismatches.append(f"finding {kind} is missing")
    for kind in sorted(kinds - causes - set(truth["findings"]) - set(truth["may"])):
        result.mismatches.append(f"finding {kind} is wrong")
    for kind, count in truth["counts"].items():
        counted = sum(finding.count for finding in report.findings if finding.kind == kind)
        if counted != count:
            result.mismatches.append(f"finding {kind} counts {counted}, the script made {count}")
    return result


def _key(endpoint: Any) -> tuple[str, int]:
    return str(ipaddress.ip_address(endpoint.address)), endpoint.port


def _names(endpoint: Any) -> str:
    return " ".join(entry.state for entry in endpoint.history) or "-"


def _compare_endpoint(
    result: Comparison, number: int, side: str, end: dict[str, Any], connection: Any, forged: bool
) -> None:
    kernel = [state for state, _ts in end["history"]]
    mine: Any = None
    if connection is not None:
        is_client = _key(connection.client) == (end["address"], end["port"])
        mine = connection.client if is_client else connection.server
    names = None if mine is None else [entry.state for entry in mine.history]
    result.endpoints += 1
    result.transitions += len(kernel)
    # A host without a socket for the connection is CLOSED, whether or not it said so by a RST;
    # what is only assumed (SYN_SENT, where a SYN+ACK was the first segment seen) claims nothing.
    nothing = (
        not kernel
        and mine is not None
        and (names == ["CLOSED"] or all(entry.basis == "assumed" for entry in mine.history))
    )
    if names == kernel or nothing:
        for entry, (state, ts_ns) in zip(mine.history, end["history"], strict=False):
            if (
                entry.basis in ("sent", "acknowledged")
                and state != "LISTEN"
                and not forged
                and entry.ts_ns + _SLACK_NS < ts_ns
            ):
                result.mismatches.append(
                    f"connection {number} {side}: {state} claimed {(ts_ns - entry.ts_ns) / 1e6:.1f} ms "
                    f"before the kernel was there"
                )
        return
    for known in EXPLAINED:
        if (
            known.scenario == result.scenario
            and result.vantage in known.vantages
            and known.connection == number
            and known.side == side
            and known.kernel == tuple(kernel)
            and (None if names is None else tuple(names)) == known.ours
        ):
            result.explained.append(f"connection {number} {side}: {known.why}")
            return
    shown = "no such connection" if names is None else " ".join(names) or "-"
    result.mismatches.append(f"connection {number} {side}: kernel {' '.join(kernel) or '-'} | ours {shown}")


def _compare_first(result: Comparison, wanted: dict[str, str | None], connection: Any) -> None:
    if connection is None:
        return
    reset = connection.close.reset
    got = {
        "handshake": connection.handshake.outcome,
        "close": connection.close.kind,
        "initiator": connection.close.initiator,
        "reset": reset.cause if reset else None,
    }
    for name, value in wanted.items():
        if value is not None and got[name] != value:
            result.mismatches.append(f"connection 0: {name} is {got[name]}, the script made {value}")
