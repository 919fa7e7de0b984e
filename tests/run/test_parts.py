"""Laws of parts: however a capture is split, and however the parts are merged, one report comes out."""

from __future__ import annotations

import pickle
import random
import struct
from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchmarks import workloads
from tcptrace_py.report.model.model import Report
from tcptrace_py.run.analyze import analyze
from tcptrace_py.run.captures import Captures
from tcptrace_py.run.partial import Partial
from tcptrace_py.run.session import Session, sources_of
from tcptrace_py.settings import Settings
from tests.conftest import for_this_run

ROOT = Path(__file__).parents[2]
SAMPLES = sorted(ROOT.joinpath("sample_pcaps").rglob("*.pcap*"))
CORPUS = sorted(
    path
    for path in (ROOT.parent / "shared" / "corpus").rglob("*")
    if path.suffix in (".pcap", ".pcapng", ".cap", ".gz") and path.stat().st_size < 3_000_000
)


def parts_of(
    paths: Sequence[Path], parts: int, *, connections: bool = True, stats: bool = False
) -> tuple[list[Partial], dict[str, object]]:
    """Each part of captures read by a session of its own, and what the report tells of the inputs."""
    found = []
    told: dict[str, object] = {}
    for part in range(parts):
        with Captures(paths) as opened:
            session = Session(
                Settings(),
                connections=connections,
                stats=stats,
                peers=connections,
                part=part,
                parts=max(parts, 2),
            )
            for source, batch, lo, hi in opened.runs():
                session.feed(batch, source, lo, hi)
            session.end()
        # As another process would send it.
        found.append(pickle.loads(pickle.dumps(session.partial)))
        told = {
            "sources": sources_of(opened.readers),
            "packets": sum(reader.packets for reader in opened.readers),
            "dropped": None,
            "complete": opened.complete,
            "warnings": opened.warnings,
        }
        dropped = [reader.dropped_by_kernel for reader in opened.readers]
        if any(each is not None for each in dropped):
            told["dropped"] = sum(each or 0 for each in dropped)
    return found, told


def together(partials: list[Partial], chance: random.Random) -> Partial:
    """All merged, in an order and a grouping by chance."""
    waiting = list(partials)
    if chance.random() < 0.5:
        waiting.append(Partial(waiting[0].settings, waiting[0].connections))
    while len(waiting) > 1:
        chance.shuffle(waiting)
        into, other = waiting.pop(), waiting.pop()
        into.merge(other)
        waiting.append(into)
    return waiting[0]


def text(report: Report) -> str:
    return msgspec.json.format(msgspec.json.encode(report), indent=1).decode()


def check(
    paths: Sequence[Path], parts: int, seed: int, *, connections: bool = True, stats: bool = False
) -> None:
    whole = analyze(*paths, connections=connections, stats=stats)
    partials, told = parts_of(paths, parts, connections=connections, stats=stats)
    merged = together(partials, random.Random(seed)).finish(**told)  # type: ignore[arg-type]
    assert text(merged) == text(whole)


@pytest.mark.parametrize("path", for_this_run(SAMPLES), ids=lambda path: path.name)
def test_a_sample(path: Path) -> None:
    check([path], 3, 1)


@pytest.mark.slow
@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.name)
def test_a_capture_that_none_of_us_made(path: Path) -> None:
    check([path], 5, 2)


@settings(max_examples=len(for_this_run(range(30))), deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.lists(st.sampled_from([*SAMPLES, *CORPUS]), min_size=1, max_size=3),
    st.integers(2, 16),
    st.integers(0, 2**32),
    st.booleans(),
    st.booleans(),
)
def test_any_split_of_any_captures(
    paths: list[Path], parts: int, seed: int, listed: bool, stats: bool
) -> None:
    check(paths, parts, seed, connections=listed, stats=stats)


@pytest.mark.parametrize("workload", ["mix", "bulk", "short", "flood"])
def test_a_generated_workload(workload: str, tmp_path: Path) -> None:
    path = tmp_path / f"{workload}.pcap"
    workloads.write(workload, path, 2500)
    check([path], 4, 3, connections=False)


def test_several_captures_at_once() -> None:
    check(SAMPLES[::40], 3, 4)


def later(path: Path, to: Path, days: int) -> Path:
    """A little-endian pcap whose frames passed so many days later."""
    data = bytearray(path.read_bytes())
    at = 24
    while at < len(data):
        seconds, _, captured = struct.unpack_from("<III", data, at)
        struct.pack_into("<I", data, at, seconds + days * 86_400)
        at += 16 + captured
    to.write_bytes(data)
    return to


LEAK = ROOT / "sample_pcaps" / "stuck_close_wait.pcap"


def test_files_of_different_days(tmp_path: Path) -> None:
    """The second day's packets end no state of the first day's connections."""
    pile = ROOT / "sample_pcaps" / "sick_service.pcap"
    days = [LEAK, later(pile, tmp_path / "3.pcap", 3), later(LEAK, tmp_path / "9.pcap", 9)]
    check(days, 3, 5)
    report = analyze(*days)
    assert [round((gap.end_ns - gap.begin_ns) / 86_400e9) for gap in report.capture.coverage.gaps] == [3, 6]
    (warning,) = [line for line in report.capture.warnings if "no packet at all" in line]
    assert warning.startswith("no packet at all for 5 d 23 h from ")
    longest = [analyze(path).summary.close_wait.longest_s for path in days]
    assert report.summary.close_wait.longest_s == max(each for each in longest if each is not None)
    alone = analyze(LEAK).summary.close_wait
    assert report.summary.close_wait.open_at_end >= 2 * alone.open_at_end


@pytest.mark.parametrize("path", SAMPLES[::7], ids=lambda path: path.name)
def test_the_order_in_which_connections_finish_changes_nothing(path: Path) -> None:
    chance = random.Random(path.name)
    reports = []
    for shuffles in (False, True):
        with Captures([path]) as opened:
            session = Session(Settings(), connections=True)
            for source, batch, lo, hi in opened.runs():
                session.replay.run(batch, source, lo, hi)
            session.tracker.tick(session.end_ns)
            if shuffles:
                chance.shuffle(session.tracker.finished)
            session.drain()
            session.tracker.end()
            if shuffles:
                chance.shuffle(session.tracker.finished)
            session.drain(at_end=True)
            session.end()
        reports.append(text(session.report([], dropped=None, complete=True, warnings=[])))
    assert reports[0] == reports[1]


def test_findings_may_be_asked_for_again_and_again() -> None:
    """Of a connection that waits for the listeners too."""
    with Captures([ROOT / "sample_pcaps" / "reset_midstream.pcap"]) as opened:
        session = Session(Settings(), connections=False)
        for source, batch, lo, hi in opened.runs():
            session.feed(batch, source, lo, hi)
    session.tracker.tick(session.end_ns + 10**14)
    session.drain()
    assert len(session.partial.undecided) == 1
    assert session.findings([]) == session.findings([]) != []
