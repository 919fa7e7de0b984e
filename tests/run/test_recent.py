"""Packets that a live capture keeps in memory: what passed on a connection, and its pcap."""

from __future__ import annotations

from pathlib import Path

import pytest

from tcptrace_py import analyze
from tcptrace_py.capture.linktype import canonical_link_type
from tcptrace_py.report.people.wanted import parse_wanted
from tcptrace_py.run.captures import Captures
from tcptrace_py.run.recent import RecentFrames
from tcptrace_py.run.replay import Replay
from tcptrace_py.run.single import single
from tcptrace_py.settings import Settings
from tcptrace_py.tcp.connection import Connection
from tests.samples.catalogue import SAMPLE_DIR

_ETHERNET = canonical_link_type(1)


def followed(name: str, recent: RecentFrames) -> dict[int, Connection]:
    """The connections of a sample, whose frames ``recent`` was given as a live capture gives them."""
    replay, found = Replay(Settings()), {}
    with Captures([SAMPLE_DIR / name]) as opened:
        for _, batch, lo, hi in opened.runs():
            assert lo == 0
            recent.keep(batch, hi, batch.first_number)
            for i in range(hi):
                replay.run(batch, 0, i, i + 1)
                if replay.tracker.recent is not None:
                    found[replay.tracker.recent.id] = replay.tracker.recent
    return found


@pytest.mark.parametrize("name", ["ipv6.pcap", "time_wait_reuse_accepted.pcap", "third_ack_lost.pcap"])
def test_what_passed_is_what_show_has(name: str, tmp_path: Path) -> None:
    recent = RecentFrames(_ETHERNET)
    for number, connection in followed(name, recent).items():
        shown = single(SAMPLE_DIR / name, wanted=parse_wanted(str(number))).passages
        found = recent.passages(connection, Settings())
        # An older connection on the same ports lives on in the newer one's packets.
        assert [each[2:8] for each in found[: len(shown)]] == [each[2:8] for each in shown]
        assert [(each.frame, each.note) for each in found[: len(shown)]] == [
            (each.frame, each.note) for each in shown
        ]
        (tmp_path / "cut.pcap").write_bytes(b"".join(recent.cut([connection]).pcap()))
        assert analyze(tmp_path / "cut.pcap").capture.packets == len(found)


def test_memory_is_bounded_and_the_oldest_go() -> None:
    name = "stuck_close_wait.pcap"
    everything = RecentFrames(_ETHERNET)
    connections = followed(name, everything).values()
    whole = everything.cut(list(connections)).extent()
    assert whole.frames == analyze(SAMPLE_DIR / name).capture.tcp_segments
    small = RecentFrames(_ETHERNET, most_bytes=whole.bytes)
    for _ in range(3):
        followed(name, small)
    assert small.cut(list(connections)).extent() == whole
