"""Schedules merged as two clocks would have it: the tracker reads the same (``merging``)."""

from __future__ import annotations

from tests.conftest import asked_for_uncompiled

from .merging import differing, schedules


def test_schedules_merged_otherwise_are_read_the_same() -> None:
    """``python -m tests.model merged`` takes ten thousand."""
    for labels, order in differing(150 if asked_for_uncompiled() else 1000):
        passed = "\n".join(
            f"{number + 1:3d} {label.sender} {label.seg}" for number, label in enumerate(labels)
        )
        raise AssertionError(f"{passed}\nin the order {[number + 1 for number in order]}")


def test_they_are_not_all_alike() -> None:
    found = list(schedules(200, 15))
    assert len({labels for labels, _ in found}) > 150
    assert all(sorted(order) == list(range(len(labels))) for labels, order in found)
