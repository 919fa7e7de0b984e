"""The figures of our report beside those of tcptrace's long reports.

``python -m tests.peers.tcptrace_table`` prints the table; the reports and their captures are
those that tcptrace's authors keep as the reference for their own tests.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from textwrap import wrap

from tcptrace_py import analyze
from tcptrace_py.report.model.model import Connection, Endpoint

from .tcptrace_report import LongConnection, parse_long

CORPUS = Path(__file__).parents[3] / "shared" / "corpus" / "tcptrace"


@dataclass(frozen=True)
class Side:
    """One direction of a connection, as we report it."""

    connection: Connection
    sent: Endpoint
    got: Endpoint

    @property
    def stats(self):  # type: ignore[no-untyped-def]
        return self.sent.stats


@dataclass(frozen=True)
class Row:
    """One figure, compared."""

    capture: str
    number: int
    side: str
    label: str
    theirs: str
    ours: str
    reason: str

    @property
    def verdict(self) -> str:
        return "equal" if self.ours == self.theirs else "explained" if self.reason else "DIFFERS"


def _count(value: int | None) -> str:
    return str(value or 0)


def _ms(value_s: float | None) -> str:
    # By way of ns, so that what lies between two tenths is rounded as it is.
    return f"{round((value_s or 0.0) * 1e9) / 1e6:.1f}"


def _mean_ms(side: Side) -> str:
    # tcptrace divides by the number of samples and 0.0001.
    rtt = side.stats.rtt
    return f"{(rtt.mean_s or 0.0) * rtt.samples / (rtt.samples + 0.0001) * 1e3:.1f}"


def _deviation_ms(side: Side) -> str:
    # tcptrace gives none for two samples.
    rtt = side.stats.rtt
    return _ms(rtt.deviation_s if rtt.samples > 2 else 0.0)


def _mean_segment(side: Side) -> str:
    # tcptrace divides by the number of segments and 0.001, and cuts the fraction off.
    stats = side.stats
    return str(int(stats.data_bytes / (stats.data_packets + 0.001)))


def _mean_window(side: Side) -> str:
    windows = side.stats.windows
    # A mean with three decimals is the nearest to one sum only.
    return str(round(windows.mean_bytes * windows.announced) // windows.announced) if windows else "0"


def _yes(value: object) -> str:
    return "Y" if value else "N"


def _syn_fin(side: Side) -> str:
    return f"{side.stats.syns}/{side.stats.fins}"


def _options(side: Side) -> str:
    return f"{_yes(side.stats.window_scale is not None)}/{_yes(side.stats.timestamps)}"


#: tcptrace's label, and our figure written as tcptrace writes its own.
FIGURES: dict[str, Callable[[Side], str]] = {
    "total packets": lambda s: _count(s.sent.packets),
    "resets sent": lambda s: _count(s.sent.resets),
    "ack pkts sent": lambda s: _count(s.stats.acks),
    "pure acks sent": lambda s: _count(s.stats.pure_acks),
    "sack pkts sent": lambda s: _count(s.stats.sack_packets),
    "max sack blks/ack": lambda s: _count(s.stats.most_sack_blocks),
    "unique bytes sent": lambda s: _count(s.stats.unique_bytes),
    "actual data pkts": lambda s: _count(s.stats.data_packets),
    "actual data bytes": lambda s: _count(s.stats.data_bytes),
    "rexmt data pkts": lambda s: _count(s.stats.retransmitted_packets),
    "rexmt data bytes": lambda s: _count(s.stats.retransmitted_bytes),
    "zwnd probe pkts": lambda s: _count(s.stats.zero_window_probes),
    "zwnd probe bytes": lambda s: _count(s.stats.zero_window_probe_bytes),
    "outoforder pkts": lambda s: _count(s.stats.out_of_order),
    "pushed data pkts": lambda s: _count(s.stats.pushed),
    "SYN/FIN pkts sent": _syn_fin,
    "req 1323 ws/ts": _options,
    "adv wind scale": lambda s: _count(s.stats.window_scale),
    "req sack": lambda s: _yes(s.stats.sack_permitted),
    "sacks sent": lambda s: _count(s.stats.sack_packets),
    "mss requested": lambda s: _count(s.stats.mss_bytes),
    "max segm size": lambda s: _count(s.stats.segments and s.stats.segments.most_bytes),
    "min segm size": lambda s: _count(s.stats.segments and s.stats.segments.least_bytes),
    "avg segm size": _mean_segment,
    "max win adv": lambda s: _count(s.stats.windows and s.stats.windows.most_bytes),
    "min win adv": lambda s: _count(s.stats.windows and s.stats.windows.least_bytes),
    "zero win adv": lambda s: _count(s.stats.windows and s.stats.windows.zero),
    "avg win adv": _mean_window,
    "initial window bytes": lambda s: _count(s.stats.initial_window.bytes),
    "initial window pkts": lambda s: _count(s.stats.initial_window.packets),
    "data xmit time": lambda s: f"{s.stats.data_s or 0.0:.3f}",
    "idletime max": lambda s: _ms(s.stats.idle_s) if s.sent.packets else "NA",
    "throughput": lambda s: (
        f"{s.stats.throughput_bytes_per_s:.0f}" if s.stats.throughput_bytes_per_s is not None else "NA"
    ),
    "RTT samples": lambda s: _count(s.stats.rtt.samples),
    "RTT min": lambda s: _ms(s.stats.rtt.least_s),
    "RTT max": lambda s: _ms(s.stats.rtt.most_s),
    "RTT avg": _mean_ms,
    "RTT stdev": _deviation_ms,
    "post-loss acks": lambda s: _count(s.stats.rtt.after_loss),
    "ambiguous acks": lambda s: _count(s.stats.rtt.ambiguous),
    "segs cum acked": lambda s: _count(s.stats.cumulatively_acked),
    "duplicate acks": lambda s: _count(s.stats.duplicate_acks),
    "triple dupacks": lambda s: _count(s.stats.triple_duplicate_acks),
}


@dataclass(frozen=True)
class Reason:
    """Why tcptrace is wrong; ``holds(side, theirs, figures)`` proves that it is this and nothing else."""

    text: str
    labels: frozenset[str] | None
    holds: Callable[[Side, str, dict[str, str]], bool]


def _captured_twice(side: Side, theirs: str, figures: dict[str, str]) -> bool:
    return int(figures.get("hardware dups", "0")) > 0 or int(figures.get("their hardware dups", "0")) > 0


def _fin_as_duplicate(side: Side, theirs: str, figures: dict[str, str]) -> bool:
    return 0 < int(theirs) - side.stats.duplicate_acks <= side.got.stats.fins


def _window_of_rst(side: Side, theirs: str, figures: dict[str, str]) -> bool:
    windows = side.stats.windows
    if windows is None:
        return False
    total = round(windows.mean_bytes * windows.announced)
    return windows.announced < side.sent.packets and str(total // side.sent.packets) == theirs


def _gave_up(side: Side, theirs: str, figures: dict[str, str]) -> bool:
    return side.sent.state == "CLOSED" and side.sent.history[-1].basis == "timer"


def _least_of_zero(side: Side, theirs: str, figures: dict[str, str]) -> bool:
    return side.stats.rtt.samples > 0 and float(_ms(side.stats.rtt.least_s)) == 0 < float(theirs)


REASONS = (
    Reason(
        "frames captured twice: tcptrace counts each copy, as retransmission or duplicate ACK too, and warns"
        " that 'presence of hardware duplicates makes these figures suspect'; we count them apart",
        None,
        _captured_twice,
    ),
    Reason(
        "tcptrace takes a FIN for a duplicate ACK; RFC 5681 section 2 demands that SYN and FIN are off",
        frozenset({"duplicate acks"}),
        _fin_as_duplicate,
    ),
    Reason(
        "tcptrace divides the sum of the windows by all segments, though it leaves a RST's window out",
        frozenset({"avg win adv"}),
        _window_of_rst,
    ),
    Reason(
        "the attempt was given up (127 s, as Linux does): tcptrace goes on to count it as idle",
        frozenset({"idletime max"}),
        _gave_up,
    ),
    Reason(
        "in tcptrace a least time of 0 is the same as none: it forgets a sample of 0 µs",
        frozenset({"RTT min"}),
        _least_of_zero,
    ),
)


def _reason(side: Side, label: str, theirs: str, figures: dict[str, str]) -> str:
    for reason in REASONS:
        if (reason.labels is None or label in reason.labels) and reason.holds(side, theirs, figures):
            return reason.text
    return ""


@cache
def rows() -> list[Row]:
    """Every figure of every connection in the corpus, compared."""
    return list(_rows())


def _rows() -> Iterator[Row]:
    for path in sorted(CORPUS.glob("*.gz")):
        name = path.name.removesuffix(".gz").removesuffix(".dmp")
        report = path.with_name(f"{name}.long.txt")
        theirs = parse_long(report.read_text())
        ours = analyze(path, stats=True).connections or []
        if len(theirs) != len(ours):
            raise ValueError(f"{name}: tcptrace has {len(theirs)} connections, we {len(ours)}")
        for their, our in zip(theirs, ours, strict=True):
            yield from _compared(name, their, our)


def _compared(capture: str, their: LongConnection, our: Connection) -> Iterator[Row]:
    ends = {f"{end.address}:{end.port}": end for end in (our.client, our.server)}
    for side, host in enumerate(their.hosts):
        direction = Side(our, ends[host], ends[their.hosts[1 - side]])
        figures = their.figures[side]
        other = {f"their {label}": value for label, value in their.figures[1 - side].items()}
        for label, figure in FIGURES.items():
            if label in figures:
                value, written = figures[label], figure(direction)
                reason = "" if value == written else _reason(direction, label, value, {**figures, **other})
                yield Row(capture, their.number, "ab"[side], label, value, written, reason)


def totals() -> tuple[int, int, int]:
    """Figures compared, equal, explained; what is left is neither."""
    verdicts = Counter(row.verdict for row in rows())
    return verdicts.total(), verdicts["equal"], verdicts["explained"]


def table() -> str:
    """The comparison as text: a line a figure, then the reasons, then what differs without one."""
    if not CORPUS.is_dir():
        return f"tcptrace: no captures in {CORPUS.name}/, nothing compared"
    verdicts: dict[str, Counter[str]] = {label: Counter() for label in FIGURES}
    for row in rows():
        verdicts[row.label][row.verdict] += 1
    lines = [f"{'tcptrace, long report':<24}{'compared':>9}{'equal':>8}{'explained':>11}"]
    for label, found in verdicts.items():
        lines.append(f"{label:<24}{found.total():>9}{found['equal']:>8}{found['explained'] or '':>11}")
    compared, equal, explained = totals()
    lines.append(f"{'all':<24}{compared:>9}{equal:>8}{explained:>11}")
    reasons = Counter(row.reason for row in rows() if row.verdict == "explained")
    for reason, count in reasons.most_common():
        lines.append("")
        lines.extend(wrap(f"{count} explained: {reason}.", width=100))
    for row in rows():
        if row.verdict == "DIFFERS":
            lines.append(
                f"DIFFERS: {row.capture} #{row.number} {row.side}: {row.label}: {row.theirs}, ours {row.ours}"
            )
    return "\n".join(lines)


def main() -> int:
    print(table())
    compared, equal, explained = totals()
    return 0 if compared == equal + explained else 1


if __name__ == "__main__":
    sys.exit(main())
