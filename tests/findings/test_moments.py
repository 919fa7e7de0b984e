"""When something happened: the same in whatever order and in however many parts, in bounded memory."""

from __future__ import annotations

import pickle
from random import Random

import pytest

from tcptrace_py.findings.moments import Moments

S = 1 << 30
#: How many are kept.
MOMENTS = 512


def moments(times_ns: list[int]) -> Moments:
    made = Moments()
    for ns in times_ns:
        made.add(ns)
    return made


def told(made: Moments) -> object:
    """All that it keeps."""
    return pickle.dumps(made)


@pytest.mark.parametrize("step", [1, 3, 1000])
def test_order_and_parts_do_not_matter(step: int) -> None:
    times_ns = [number * number % 2003 * step * S + number for number in range(2000)]
    whole = moments(sorted(times_ns))
    Random(1).shuffle(times_ns)
    merged = Moments()
    for part in (times_ns[:7], times_ns[7:1200], times_ns[1200:], times_ns[:50]):
        merged.merge(moments(part))
    for length in (1, 2, 5, 40):
        shuffled = moments(times_ns)
        for begin in range(0, 2003, 13):
            span = begin * step * S, (begin + length) * step * S
            assert merged.between(*span) == whole.between(*span) == shuffled.between(*span)


def test_a_moment_counts_only_where_its_cell_lies_in_between_as_a_whole() -> None:
    made = moments([10 * S + 5])
    assert made.between(9 * S, 12 * S)
    assert not made.between(10 * S, 12 * S) and not made.between(9 * S, 11 * S - 1)
    assert not Moments().between(0, 1 << 62)
    assert made.ever() and not Moments().ever()


@pytest.mark.parametrize("step", [1, 1 << 12])
def test_what_it_keeps_is_bounded(step: int) -> None:
    made = moments([number * step * S for number in range(20 * MOMENTS)])
    # Numbers of eight bytes, and no more of them.
    assert len(pickle.dumps(made)) < 8 * MOMENTS + 512
    # On a coarser grid by now, and as sure.
    assert made.between(0, 20 * MOMENTS * step * S)
    assert not made.between(30 * MOMENTS * step * S, 60 * MOMENTS * step * S)


def test_a_merge_leaves_the_other_one_as_it_is() -> None:
    one, other = moments([1 * S]), moments([7 * S])
    before = told(other)
    fresh = Moments()
    fresh.merge(other)
    fresh.add(9 * S)
    one.merge(other)
    assert told(other) == before
    assert one.between(6 * S, 9 * S) and one.between(0, 3 * S)
