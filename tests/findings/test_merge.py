"""A diagnosis is a value: made in parts, merged in any order, it says what one diagnosis says."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tcptrace_py.capture.merge import merge
from tcptrace_py.capture.source import open_sources
from tcptrace_py.findings.causes.claims import CAUSES
from tcptrace_py.findings.diagnosis import FAMILIES, Diagnosis
from tcptrace_py.findings.finding import KINDS, Finding
from tcptrace_py.run.replay import Replay
from tcptrace_py.settings import Settings
from tcptrace_py.tcp.connection import Connection
from tests.conftest import for_this_run

from .stage import Stage

PCAPS = sorted((Path(__file__).parents[2] / "sample_pcaps").rglob("*.pcap*"))
PARTS = 3


def _part(connection: Connection, seed: int) -> int:
    """The same for all connections of a four-tuple, whoever is ``a``."""
    a, b = connection.a, connection.b
    ends = sorted(((a.address_hi, a.address_lo, a.port), (b.address_hi, b.address_lo, b.port)))
    return random.Random(f"{seed} {ends}").randrange(PARTS)


def _findings(path: Path, seed: int, order: list[int]) -> tuple[list[Finding], list[Finding]]:
    """What one diagnosis says of a capture, and what parts of it say that were merged in ``order``."""
    settings = Settings()
    readers, _ = open_sources([path])
    replay = Replay(settings)
    tracker = replay.tracker
    whole = Diagnosis(settings)
    parts = [Diagnosis(settings) for _ in range(PARTS)]

    def drain(at_end: bool) -> None:
        finished, tracker.finished = tracker.finished, []
        for connection in finished:
            whole.look(connection, at_end, tracker.last_ns)
            parts[_part(connection, seed)].look(connection, at_end, tracker.last_ns)
            tracker.release(connection)

    for source, batch, lo, hi in merge(readers):
        replay.run(batch, source, lo, hi)
        drain(False)
    for reader in readers:
        reader.close()
    tracker.tick(replay.last_ns)
    drain(False)
    tracker.end()
    drain(True)
    merged = Diagnosis(settings)
    for i in order:
        merged.merge(parts[i])
    end_ns = replay.last_ns
    before = parts[0].findings(tracker.time_wait, end_ns)
    merged.findings(tracker.time_wait, end_ns)
    assert parts[0].findings(tracker.time_wait, end_ns) == before, "neither merging nor asking changes it"
    return whole.findings(tracker.time_wait, end_ns), merged.findings(tracker.time_wait, end_ns)


@pytest.mark.parametrize("path", for_this_run(PCAPS), ids=lambda path: path.name)
def test_parts_say_what_the_whole_says(path: Path) -> None:
    for seed, order in ((1, [0, 1, 2]), (2, [2, 0, 1])):
        whole, merged = _findings(path, seed, order)
        assert merged == whole


def test_the_culprits_kept_do_not_depend_on_who_was_shown_what() -> None:
    """More culprits than are listed: the same ones are listed, and the others are counted alike."""
    stage = Stage()

    def empty() -> Diagnosis:
        return Diagnosis(stage.settings, culprits=5)

    parts = [empty() for _ in range(PARTS)]
    finished: list[Connection] = []
    for number in range(30):
        c, s = stage.pair(f"10.0.1.{number % 7}:40000", f"10.0.0.{number % 13}:80")
        c.syn()
        s.rst()
    stage.tracker.tick(stage.at_ns(stage.now_s + 500))
    finished, stage.tracker.finished = stage.tracker.finished, []
    assert len(finished) == 30
    whole = empty()
    for connection in finished:
        whole.look(connection, False, stage.tracker.last_ns)
        parts[connection.id % PARTS].look(connection, False, stage.tracker.last_ns)
    for order in ([0, 1, 2], [2, 1, 0], [1, 2, 0]):
        merged = empty()
        for i in order:
            merged.merge(parts[i])
        assert merged.findings(stage.tracker.time_wait, 0) == whole.findings(stage.tracker.time_wait, 0)
    told = [finding.subject.role for finding in whole.findings(stage.tracker.time_wait, 0)]
    assert told.count("others") == 1 and len(told) > 1


def test_each_kind_has_one_family() -> None:
    given = ["time-wait-pile", *(kind for family in FAMILIES for kind in family.KINDS)]
    given += [cause.KIND for cause in CAUSES]
    assert sorted(given) == sorted(KINDS)
