"""Laws of a time line: however changes come and parts are merged, one peak comes out, never too high."""

from __future__ import annotations

import pickle

from hypothesis import given, settings
from hypothesis import strategies as st

from tcptrace_py.tcp.timeline import Timeline

POINTS = 8
_STAY = st.tuples(st.integers(0, 1000), st.integers(0, 300), st.sampled_from((1, 997, 10**9)))
_STAYS = st.lists(_STAY, max_size=40)


def line(stays: list[tuple[int, int, int]], points: int = POINTS) -> Timeline:
    made = Timeline(points)
    for begin, lasts, unit in stays:
        made.arrive(begin * unit)
        made.depart((begin + lasts) * unit)
    return made


def exact(stays: list[tuple[int, int, int]]) -> tuple[int, int]:
    changes: dict[int, int] = {}
    for begin, lasts, unit in stays:
        changes[begin * unit] = changes.get(begin * unit, 0) + 1
        changes[(begin + lasts) * unit] = changes.get((begin + lasts) * unit, 0) - 1
    now = most = at_ns = 0
    for ns in sorted(changes):
        now += changes[ns]
        if now > most:
            most, at_ns = now, ns
    return most, at_ns


@settings(deadline=None)
@given(_STAYS)
def test_it_is_exact_while_there_is_room(stays: list[tuple[int, int, int]]) -> None:
    assert line(stays, 1000).peak() == exact(stays)


@settings(deadline=None)
@given(_STAYS)
def test_it_never_says_more_than_there_were(stays: list[tuple[int, int, int]]) -> None:
    assert line(stays).peak()[0] <= exact(stays)[0]


@settings(deadline=None)
@given(_STAYS, st.randoms(use_true_random=False), st.integers(1, 4))
def test_order_and_parts_do_not_matter(stays: list[tuple[int, int, int]], chance: object, parts: int) -> None:
    whole = line(stays)
    shuffled = list(stays)
    chance.shuffle(shuffled)  # type: ignore[attr-defined]
    merged = Timeline(POINTS)
    for part in range(parts):
        each = line(shuffled[part::parts])
        before = each.peak()
        merged.merge(pickle.loads(pickle.dumps(each)))
        assert each.peak() == before
    assert merged.peak() == whole.peak()
    # And so it goes on.
    merged.arrive(5)
    whole.arrive(5)
    assert merged.peak() == whole.peak()


def test_a_grain_that_must_be_coarse() -> None:
    stays = [(i, 10_000, 10**6) for i in range(5000)]
    made = line(stays, 64)
    most, at_ns = made.peak()
    assert 4900 <= most <= 5000
    assert 4_900 * 10**6 <= at_ns <= 5_000 * 10**6


def test_every_number_of_cells_has_room() -> None:
    """A time line grows cell by cell: what is counted is what came, whatever room there was."""
    made = Timeline(100_000)
    for at_ns in range(3_000):
        made.arrive(1_000 + 10 * at_ns)
        if at_ns % 7 == 0:
            # Before the last cell: it waits, and is joined with all others.
            made.depart(10 * at_ns)
    assert sum(arrived for _, arrived, _ in made.changes()) == 3_000
    assert sum(departed for _, _, departed in made.changes()) == len(range(0, 3_000, 7))
    assert made.grain_ns == 1
