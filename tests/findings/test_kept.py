"""Samples keep the same entries in whatever order and in however many parts they came."""

from __future__ import annotations

from random import Random

from tcptrace_py.findings.distinct import mix
from tcptrace_py.findings.kept import Sample

LIMIT = 24
RANKS = [mix(number, 7) for number in range(1000)]


def sample(ranks: list[int]) -> Sample:
    kept = Sample(LIMIT)
    for rank in ranks:
        if kept.wants(rank):
            kept.put(rank, str(rank))
    return kept


def test_the_order_does_not_matter() -> None:
    shuffled = list(RANKS)
    Random(1).shuffle(shuffled)
    assert sample(shuffled).entries == sample(RANKS).entries


def test_those_with_the_least_hashes_are_kept() -> None:
    kept = sample(RANKS).entries
    assert LIMIT // 3 < len(kept) <= LIMIT
    assert sorted(kept) == sorted(RANKS)[: len(kept)]
    assert all(entry == str(rank) for rank, entry in kept.items())


def test_with_room_for_all_nothing_is_given_up() -> None:
    few = RANKS[:LIMIT]
    assert sorted(sample(few).entries) == sorted(few)


def test_parts_merge_to_the_whole() -> None:
    merged = Sample(LIMIT)
    # One part that had to give up much, one that had room for all.
    for part in (RANKS[:5], RANKS[5:990], RANKS[990:]):
        other = sample(part)
        merged.narrow(other)
        for rank, entry in other.entries.items():
            if merged.wants(rank):
                merged.put(rank, entry)
    assert merged.entries == sample(RANKS).entries


def test_hashes_that_are_all_low_end() -> None:
    assert len(sample(list(range(1000))).entries) <= LIMIT
