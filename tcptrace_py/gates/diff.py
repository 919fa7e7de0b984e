"""What changed between two reports: findings, counters of the whole, counters by service.

More of something bad is a regression where it is beyond its tolerance. What grows with the traffic
(failed handshakes, resets, TIME_WAIT, retransmissions) is worse only if its share of the connections, or
packets, grew as well as its number.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from msgspec import Struct

from tcptrace_py.findings.finding import KINDS, SEVERITIES, Finding, Severity, Subject
from tcptrace_py.findings.reset_causes import RESET_CAUSES
from tcptrace_py.gates.rule import nearest, numbers
from tcptrace_py.report.model.model import Connection, Report, Service, Summary, Tool
from tcptrace_py.version import __version__

#: Version of the JSON that `Diff` describes.
DIFF_SCHEMA_VERSION = 1

Direction = Literal["better", "worse", "changed"]

# What more of is worse, and what it grows with where it grows with the traffic.
_PER_CONNECTION = ("handshakes.", "closes.reset", "resets.", "time_wait.peak")
_NO_FAILURE = ("handshakes.complete", "handshakes.unseen", "handshakes.simultaneous", "handshakes.fast_open")
_PER_PACKET = ("retransmits",)
_WORSE = ("close_wait.stuck", "close_wait.longest_s", "handshake_time.", "round_trip.")
# Worse at the end of a capture, but no regression: it may just have been stopped then.
_LINGERING = ("SYN_RCVD", "FIN_WAIT_1", "FIN_WAIT_2", "CLOSE_WAIT", "CLOSING", "LAST_ACK")
# Sizes and times of the capture itself, which are no news.
_LEFT_OUT = (
    *("first_ns", "last_ns", "time_wait.peak_at_ns", "port", "handshake_time.measured"),
    *("packets", "bytes_to_server", "bytes_to_client"),
    # Those depend on when somebody happened to speak.
    *("timers.survived", "timers.longest_survived_s", "timers.lost", "timers.shortest_lost_s"),
)
_ROUND_TRIPS = ("round_trip.to_server_s", "round_trip.to_client_s")

#: Every counter and time that is compared, as a tolerance names it.
METRICS = tuple(
    dict.fromkeys(
        each
        for each in (*numbers(Summary, ""), *numbers(Service, ""), *_ROUND_TRIPS)
        if each not in _LEFT_OUT
    )
)


#: What a counter counts that kinds of findings, or finer counters, say as well.
_SAID_BY: dict[str, tuple[str, ...]] = {
    "handshakes.refused": ("connection-refused",),
    "handshakes.unanswered": ("connection-timeout", "accept-queue-full"),
    "handshakes.unreachable": ("connection-unreachable",),
    "handshakes.half_open": ("half-open-handshake", "accept-queue-full"),
    "handshakes.aborted": ("stale-syn", "resets.by_cause.handshake_abort"),
    "close_wait.stuck": ("stuck-close-wait",),
    "close_wait.longest_s": ("stuck-close-wait", "close_wait.stuck"),
    "time_wait.peak": ("time-wait-pile",),
    "closes.reset": ("resets.total",),
    "resets.total": tuple(f"resets.by_cause.{cause}" for cause in RESET_CAUSES),
    **{f"resets.by_cause.{cause}": (each.kind,) for cause, each in RESET_CAUSES.items()},
}


class Change(Struct):
    """One number: ``name`` is its path in the summary or service; null where there was nothing.

    ``round_trip.*`` are means over the handshakes that were measured. ``regression``: worse by more
    than is tolerated.
    """

    name: str
    before: float | None
    after: float | None
    direction: Direction
    regression: bool


class FindingChange(Struct):
    """A finding of the same kind and subject, before and after.

    ``before`` and ``after`` count connections (sockets of a ``time-wait-pile``), 0 where there was
    no such finding. ``severity`` is the later one. A new or growing finding is a regression unless
    it is only ``info``.
    """

    change: Literal["new", "gone", "worse", "better"]
    kind: str
    severity: Severity
    subject: Subject
    before: int
    after: int
    regression: bool


class ServiceChange(Struct):
    """A service, and what changed there."""

    address: str
    port: int
    change: Literal["new", "gone", "changed"]
    changes: list[Change]


class Diff(Struct):
    """What changed from ``before`` to ``after`` (the paths as given).

    ``findings``: new ones first, then gone ones, worst first. ``summary`` and ``services`` hold only
    what changed. ``notes``: what makes the two hard to compare. ``regressions`` counts each once, also
    where a finding, the summary and a service show it.
    """

    schema_version: int
    tool: Tool
    before: str
    after: str
    regressions: int
    notes: list[str]
    findings: list[FindingChange]
    summary: list[Change]
    services: list[ServiceChange]


@dataclass(frozen=True, slots=True)
class Tolerance:
    """A rise that is no regression: by ``amount``, or by that part of the value before.

    ``name``: a metric, the beginning of some (``resets``), a finding kind, or None for all.
    """

    name: str | None
    amount: float
    relative: bool

    def covers(self, name: str) -> bool:
        return self.name is None or name == self.name or name.startswith(f"{self.name}.")


#: Times differ from run to run.
_TIMES = Tolerance(None, 0.25, True)
_NOISE_S = 0.001
_NOTHING = Tolerance(None, 0.0, False)


def parse_tolerance(text: str) -> Tolerance:
    """``20%``, ``resets=5``, ``handshake_time=50%``. Raises ``ValueError``, one line."""
    name, equals, amount_text = text.rpartition("=")
    name, amount_text = name.strip(), amount_text.strip()
    relative = amount_text.endswith("%")
    try:
        amount = float(amount_text.removesuffix("%")) / (100 if relative else 1)
    except ValueError:
        amount = -1.0
    # Not `<`, so that nan is refused as well.
    if not 0 <= amount < float("inf"):
        raise ValueError(f"{text!r}: write a number or a percentage, as in resets=5 or 20%")
    if equals and name not in KINDS and not any(Tolerance(name, 0, False).covers(each) for each in METRICS):
        groups = sorted({each.rpartition(".")[0] for each in METRICS} - {""})
        raise ValueError(f"{text!r}: nothing of that name is compared{nearest(name, groups, METRICS, KINDS)}")
    return Tolerance(name if equals else None, amount, relative)


class RoundTrips:
    """Round-trip times of handshakes by service; `add` can take connections as they finish."""

    def __init__(self, connections: Iterable[Connection] = ()) -> None:
        self._sums: dict[tuple[str, int], list[float]] = {}
        for connection in connections:
            self.add(connection)

    def add(self, connection: Connection) -> None:
        handshake = connection.handshake
        if handshake.rtt_to_server_s is None and handshake.rtt_to_client_s is None:
            return
        server = connection.server
        sums = self._sums.setdefault((server.address, server.port), [0, 0.0, 0, 0.0])
        for at, value in ((0, handshake.rtt_to_server_s), (2, handshake.rtt_to_client_s)):
            if value is not None:
                sums[at] += 1
                sums[at + 1] += value

    def means(self, service: Service) -> dict[str, float | None]:
        to_server, server_s, to_client, client_s = self._sums.get((service.address, service.port), [0] * 4)
        means = (
            server_s / to_server if to_server else None,
            client_s / to_client if to_client else None,
        )
        return dict(zip(_ROUND_TRIPS, means, strict=True))


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two: its name, its report, and its round-trip times where they are known."""

    name: str
    report: Report
    round_trips: RoundTrips | None = None


@dataclass(frozen=True, slots=True)
class _Judge:
    tolerances: Sequence[Tolerance]
    #: CLOSE_WAIT that is no longer than this is nothing bad.
    close_wait_after_s: float

    def tolerance(self, name: str) -> Tolerance:
        """The most specific one; of those the last."""
        found = _TIMES if name.endswith("_s") else _NOTHING
        for each in self.tolerances:
            if each.covers(name) and len(each.name or "") >= len(found.name or ""):
                found = each
        return found

    def beyond(self, name: str, before: float, after: float) -> bool:
        tolerance = self.tolerance(name)
        rise = tolerance.amount * (before if tolerance.relative else 1)
        # Below this a time is only noise, whatever its share.
        return after > before + (max(rise, _NOISE_S) if tolerance is _TIMES else rise)

    def beyond_share(self, name: str, before: float, after: float) -> bool:
        tolerance = self.tolerance(name)
        return after > before * (1 + (tolerance.amount if tolerance.relative else 0))


def compare(before: Side, after: Side, tolerances: Sequence[Tolerance] = ()) -> Diff:
    """What changed; the same report twice gives no findings, no changes and no services."""
    judge = _Judge(tuple(tolerances), after.report.settings.close_wait_after_s)
    findings = _findings(before.report.findings, after.report.findings, judge)
    old, new = before.report.summary, after.report.summary
    summary = _changes(
        _values(old, _SUMMARY), _values(new, _SUMMARY), (old.connections, new.connections), (0, 0), judge
    )
    services = _services(before, after, judge)
    regressions = _counted_once(findings, summary, services)
    return Diff(
        schema_version=DIFF_SCHEMA_VERSION,
        tool=Tool("tcptrace-py", __version__),
        before=before.name,
        after=after.name,
        regressions=regressions,
        notes=list(_notes(before, after)),
        findings=findings,
        summary=summary,
        services=services,
    )


def _counted_once(
    findings: Iterable[FindingChange], summary: Iterable[Change], services: Iterable[ServiceChange]
) -> int:
    """Regressions, each once: not a counter that says what a finding or another counter has said.

    A refused connection shows in its finding, in four counters of the summary, and in those of its service.
    """
    count = sum(each.regression for each in findings)
    said = {each.kind for each in findings if each.regression}
    whole = {each.name for each in summary if each.regression}
    count += sum(not said.union(whole).intersection(_SAID_BY.get(name, ())) for name in whole)
    for service in services:
        names = {each.name for each in service.changes if each.regression} - whole
        count += sum(not said.union(names).intersection(_SAID_BY.get(name, ())) for name in names)
    return count


def _notes(before: Side, after: Side) -> Iterable[str]:
    for side in (before, after):
        if not side.report.capture.complete:
            yield f"{side.name}: the capture could be read only in part"
    old, new = before.report.settings, after.report.settings
    for name in type(old).__slots__:
        if getattr(old, name) != getattr(new, name):
            yield f"{name} was {getattr(old, name):g} before and {getattr(new, name):g} after"


def _key(finding: Finding) -> tuple[str, str, str | None, int | None, str | None]:
    subject = finding.subject
    return (finding.kind, subject.role, subject.address, subject.port, subject.toward)


def _findings(before: Sequence[Finding], after: Sequence[Finding], judge: _Judge) -> list[FindingChange]:
    old = _counted(before)
    new = _counted(after)
    changes = []
    for key, (finding, count) in new.items():
        earlier, earlier_count = old.get(key, (None, 0))
        graver = earlier is not None and _gravity(finding) < _gravity(earlier)
        if count == earlier_count and (earlier is None or _gravity(finding) == _gravity(earlier)):
            continue
        serious = finding.severity != "info"
        beyond = judge.beyond(finding.kind, earlier_count, count)
        changes.append(
            FindingChange(
                change="new" if earlier is None else "worse" if graver or count > earlier_count else "better",
                kind=finding.kind,
                severity=finding.severity,
                subject=finding.subject,
                before=earlier_count,
                after=count,
                regression=serious and (beyond or graver),
            )
        )
    changes += [
        FindingChange("gone", finding.kind, finding.severity, finding.subject, count, 0, False)
        for key, (finding, count) in old.items()
        if key not in new
    ]
    return sorted(changes, key=_worst_first)


def _worst_first(change: FindingChange) -> tuple[bool, bool, int, int]:
    """Regressions by severity, and what got worse before what is new; so a short list hides no worse one."""
    order = ("worse", "new", "better", "gone")
    return (
        not change.regression,
        change.change not in ("worse", "new"),
        SEVERITIES.index(change.severity),
        order.index(change.change),
    )


def _gravity(finding: Finding) -> int:
    return SEVERITIES.index(finding.severity)


def _counted(findings: Iterable[Finding]) -> dict[tuple[object, ...], tuple[Finding, int]]:
    """The worst finding of each kind and subject, and the count of all of them."""
    found: dict[tuple[object, ...], tuple[Finding, int]] = {}
    for finding in findings:
        first, count = found.get(_key(finding), (finding, 0))
        found[_key(finding)] = (first, count + finding.count)
    return found


_SUMMARY = tuple(each for each in numbers(Summary, "") if each not in _LEFT_OUT)
_SERVICE = tuple(each for each in numbers(Service, "") if each not in _LEFT_OUT)


def _values(struct: Struct, names: Iterable[str]) -> dict[str, float | None]:
    values: dict[str, float | None] = {}
    for name in names:
        value: object = struct
        for part in name.split("."):
            value = getattr(value, part) if value is not None else None
        values[name] = value if isinstance(value, (int, float)) else None
    return values


def _changes(
    before: Mapping[str, float | None],
    after: Mapping[str, float | None],
    connections: tuple[int, int],
    packets: tuple[int, int],
    judge: _Judge,
) -> list[Change]:
    changes = []
    for name, new in after.items():
        old = before.get(name)
        if old != new and not _same_timer(name, old, new):
            per = connections if _is_per_connection(name) else packets if name in _PER_PACKET else None
            direction, regression = _direction(name, old, new, per, judge)
            changes.append(Change(name, old, new, direction, regression))
    return changes


def _same_timer(name: str, before: float | None, after: float | None) -> bool:
    """Idle times before a close are measured: a time-out is another one only from a tenth on."""
    if not name.startswith("timers.") or not name.endswith("_s") or before is None or after is None:
        return False
    return abs(after - before) <= before * 0.1


def _is_per_connection(name: str) -> bool:
    return name.startswith(_PER_CONNECTION) and name not in _NO_FAILURE


def _direction(
    name: str, old: float | None, new: float | None, per: tuple[int, int] | None, judge: _Judge
) -> tuple[Direction, bool]:
    if name == "close_wait.longest_s":
        # Null says that there never was one.
        old, new = old or 0.0, new or 0.0
        if max(old, new) <= judge.close_wait_after_s:
            return "changed", False
    if old is None or new is None:
        return "changed", False
    if per is not None:
        share_before = old / per[0] if per[0] else 0.0
        share_after = new / per[1] if per[1] else 0.0
        if new > old and share_after > share_before:
            beyond = judge.beyond(name, old, new) and judge.beyond_share(name, share_before, share_after)
            return "worse", beyond
        better = new < old and share_after < share_before or (new == 0 and old > 0)
        return "better" if better else "changed", False
    lingers = name.startswith("states_at_end.") and name.rpartition(".")[2] in _LINGERING
    if lingers or name == "close_wait.open_at_end":
        return "worse" if new > old else "better", False
    if not name.startswith(_WORSE):
        return "changed", False
    if new > old:
        return "worse", judge.beyond(name, old, new)
    return "better", False


def _services(before: Side, after: Side, judge: _Judge) -> list[ServiceChange]:
    old = {(each.address, each.port): each for each in before.report.services}
    new = {(each.address, each.port): each for each in after.report.services}
    known = before.round_trips is not None and after.round_trips is not None
    changed = []
    for key, service in new.items():
        earlier = old.get(key)
        values = _values(service, _SERVICE)
        if known and after.round_trips is not None:
            values |= after.round_trips.means(service)
        if earlier is None:
            earlier_values: dict[str, float | None] = {
                name: None if name.endswith("_s") else 0 for name in values
            }
        else:
            earlier_values = _values(earlier, _SERVICE)
            if known and before.round_trips is not None:
                earlier_values |= before.round_trips.means(earlier)
        changes = _changes(
            earlier_values,
            values,
            (earlier.connections if earlier else 0, service.connections),
            (earlier.packets if earlier else 0, service.packets),
            judge,
        )
        if changes or earlier is None:
            change: Literal["new", "changed"] = "new" if earlier is None else "changed"
            changed.append(ServiceChange(service.address, service.port, change, changes))
    changed += [
        ServiceChange(each.address, each.port, "gone", []) for key, each in old.items() if key not in new
    ]
    return sorted(changed, key=_trouble)


def _trouble(service: ServiceChange) -> tuple[int, int]:
    """Most regressions first, then most that is worse; the order by address decides the rest."""

    def count(counts: Callable[[Change], bool]) -> int:
        return -sum(map(counts, service.changes))

    return (count(lambda each: each.regression), count(lambda each: each.direction == "worse"))
