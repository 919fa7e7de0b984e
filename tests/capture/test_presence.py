"""Silences of a whole capture: found alike however its frames are split."""

from __future__ import annotations

import random

from tcptrace_py.capture.presence import CELL_BITS, SILENCE_NS, Gaps, Presence

S = 1_000_000_000


def presence(moments_ns: list[int]) -> Presence:
    found = Presence()
    for ns in moments_ns:
        found.add(ns, ns)
    return found


def test_a_silence_is_a_gap_from_ten_minutes_on() -> None:
    at = 1_714_564_800 * S
    assert presence([at, at + SILENCE_NS - 1]).gaps() == []
    assert presence([at, at + 5, at + 5 + SILENCE_NS]).gaps() == [(at + 5, at + 5 + SILENCE_NS)]


def test_parts_merge_to_the_whole_in_any_order() -> None:
    chance = random.Random(16)
    for step_s in (40, 400, 4_000_000):
        moments = [round(chance.random() ** 3 * step_s * 3000) * S for _ in range(6000)]
        whole = presence(moments)
        parts = [presence(moments[part::3]) for part in range(3)]
        chance.shuffle(parts)
        merged = Presence()
        for part in [*parts, parts[0]]:
            merged.merge(part)
        assert merged.gaps() == whole.gaps()
        assert len(whole._cells) <= 4_096


def test_durations_stop_at_gaps() -> None:
    gaps = Gaps([(100, 900), (2000, 5000)])
    assert gaps.until(50, 90) == 90
    assert gaps.until(50, 950) == 100
    assert gaps.until(950, 1999) == 1999
    assert gaps.until(950, 9000) == 2000
    assert gaps.until(300, 950) == 300, "a clock ran out within it"
    assert gaps.since(50, 90) == 50
    assert gaps.since(50, 950) == 900
    assert gaps.since(50, 9000) == 5000
    assert gaps.since(950, 1500) == 950
    assert not Gaps() and Gaps().until(1, 2) == 2 and Gaps().since(1, 2) == 1


def test_gaps_known_at_once_are_bounded() -> None:
    gaps = Gaps()
    for number in range(20_000):
        gaps.add(number * 10, number * 10 + 5)
    assert len(gaps) <= 4_096
    assert gaps.until(199_986, 199_999) == 199_990
    assert 1 << CELL_BITS < SILENCE_NS
