"""Rows that grow: what was in them stays, whether they are arrays or mappings."""

from __future__ import annotations

import mmap

import pytest

from tcptrace_py.settings import Settings
from tcptrace_py.tcp import growing
from tcptrace_py.tcp.growing import Growing
from tcptrace_py.tcp.tracker import Tracker
from tests.segments import BEGIN_NS, segment

MAPPED = pytest.param(1, marks=pytest.mark.skipif(not growing.MAPS, reason="Linux alone has such mappings"))


@pytest.fixture(params=[1 << 40, MAPPED], ids=["array", "mapping"])
def large_bytes(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    least: int = request.param
    monkeypatch.setattr(growing, "_LARGE_BYTES", least)
    return least


@pytest.mark.usefixtures("large_bytes")
def test_what_was_written_stays_and_the_rest_is_zero() -> None:
    row = Growing("q", 3)
    begin = row.count
    row.numbers()[begin - 1] = -7
    for _ in range(5):
        before = row.count
        row.grow(300_000)
        assert row.count >= before + 300_000
        assert row.numbers()[begin - 1] == -7
        assert row.numbers()[before] == row.numbers()[row.count - 1] == 0


def test_a_row_becomes_a_mapping_when_it_is_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(growing, "_LARGE_BYTES", 8 * 1000)
    row = Growing("Q", 999)
    row.numbers()[998] = 2**64 - 1
    assert row.count == 999
    row.grow(1)
    assert row.count == ((2 << 20) // 8 if growing.MAPS else 1000)
    assert row.numbers()[998] == 2**64 - 1
    assert row.numbers()[999] == 0


@pytest.mark.skipif(not growing.MAPS, reason="Linux alone has such mappings")
def test_a_kernel_without_large_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    # A bit that no kernel knows: EINVAL, as of one that was built without.
    monkeypatch.setattr(mmap, "MADV_HUGEPAGE", 0x7F)
    monkeypatch.setattr(growing, "_LARGE_BYTES", 1)
    row = Growing("q", 10)
    row.numbers()[9] = 5
    row.grow(1 << 20)
    assert row.numbers()[9] == 5


@pytest.mark.usefixtures("large_bytes")
def test_without_memory_what_there_was_is_there_still(monkeypatch: pytest.MonkeyPatch) -> None:
    def nothing_left(self: Growing, more: int) -> None:
        raise MemoryError

    def passes(number: int) -> None:
        at_ns = BEGIN_NS + number
        syn = segment("c", "SYN", number, src_port=1 + number, ts_ns=at_ns, now_ns=at_ns, frame=number + 1)
        tracker.segment(syn)

    tracker = Tracker(Settings(), peers=False)
    tracker.hold_from = 0
    passes(0)
    grow = Growing.grow
    monkeypatch.setattr(Growing, "grow", nothing_left)
    held = 1
    with pytest.raises(MemoryError):
        while True:
            passes(held)
            held += 1
    assert tracker.known == held
    monkeypatch.setattr(Growing, "grow", grow)
    passes(held + 1)
    tracker.end()
    assert [connection.a.isn for connection in tracker.finished] == [*range(held), held + 1]


@pytest.mark.usefixtures("large_bytes")
def test_held_syns_of_both_versions_of_ip() -> None:
    """Room is made again and again, and the places of all are found anew."""
    tracker = Tracker(Settings(), peers=False)
    tracker.hold_from = 0
    count = 5_000
    for number in range(count):
        syn = segment("c", "SYN", number, src_port=1 + number, ts_ns=BEGIN_NS + number, frame=number + 1)
        if number >= count // 2:
            syn.ip_version, syn.src_hi, syn.dst_hi = 6, number, 0x20010DB800000000
        tracker.segment(syn)
    assert tracker.known == count
    tracker.end()
    known = [(each.id, each.a.isn, each.a.port, each.a.address_hi) for each in tracker.finished]
    assert known == [
        (number, number, 1 + number, number if number >= count // 2 else 0) for number in range(count)
    ]
    tracker.forget()
