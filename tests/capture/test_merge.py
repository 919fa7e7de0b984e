"""Several captures as one, by time."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tcptrace_py.capture.merge import merge
from tcptrace_py.capture.source import Reader, open_source
from tests.capture.capture_bytes import Frame, pcap


def readers(tmp_path: Path, times_us: list[list[int]]) -> list[Reader]:
    out = []
    for source, times in enumerate(times_us):
        path = tmp_path / f"{source}.pcap"
        path.write_bytes(pcap([Frame(0, time * 1000, 4, 1, b"abcd") for time in times]))
        out.append(open_source(path))
    return out


def merged(tmp_path: Path, times_us: list[list[int]]) -> list[tuple[int, int, int]]:
    """(source, number of the frame, µs) in the order in which the frames come out."""
    found = []
    for source, batch, lo, hi in merge(readers(tmp_path, times_us)):
        assert 0 <= lo < hi <= batch.count
        found += [(source, batch.first_number + at, batch.ts_ns[at] // 1000) for at in range(lo, hi)]
    return found


def slow_merge(times_us: list[list[int]]) -> list[tuple[int, int, int]]:
    """The rule said plainly: always the earliest head, the source named first where they are equal."""
    heads = [0] * len(times_us)
    out = []
    while left := [
        (times[head], source)
        for source, (times, head) in enumerate(zip(times_us, heads, strict=True))
        if head < len(times)
    ]:
        time, source = min(left)
        heads[source] += 1
        out.append((source, heads[source], time))
    return out


def test_one_source_is_given_in_whole_batches(tmp_path: Path) -> None:
    runs = [(source, lo, hi) for source, _, lo, hi in merge(readers(tmp_path, [list(range(10_000))]))]
    assert [run[:2] for run in runs] == [(0, 0)] * len(runs)
    assert sum(run[2] for run in runs) == 10_000
    assert len(runs) <= 4


def test_nothing_to_merge(tmp_path: Path) -> None:
    assert merged(tmp_path, []) == []
    assert merged(tmp_path, [[]]) == []
    assert merged(tmp_path, [[], [5], []]) == [(1, 1, 5)]


def test_equal_times_go_to_the_source_named_first(tmp_path: Path) -> None:
    assert merged(tmp_path, [[1, 2, 2, 3], [1, 2, 3]]) == [
        (0, 1, 1), (1, 1, 1), (0, 2, 2), (0, 3, 2), (1, 2, 2), (0, 4, 3), (1, 3, 3),
    ]  # fmt: skip


def test_the_order_within_a_file_is_kept(tmp_path: Path) -> None:
    times = [[10, 3, 12], [5, 11]]
    assert merged(tmp_path, times) == [(1, 1, 5), (0, 1, 10), (0, 2, 3), (1, 2, 11), (0, 3, 12)]


def test_files_one_after_the_other_take_few_runs(tmp_path: Path) -> None:
    times = [list(range(20_000, 30_000)), list(range(10_000)), list(range(10_000, 20_000))]
    runs = [(source, lo, hi) for source, _, lo, hi in merge(readers(tmp_path, times))]
    assert [run[0] for run in runs] == sorted((run[0] for run in runs), key=[1, 2, 0].index)
    assert len(runs) < 15


@pytest.mark.parametrize("seed", range(20))
def test_against_the_plain_rule(tmp_path: Path, seed: int) -> None:
    source = random.Random(seed)
    times = []
    for _ in range(source.randint(2, 6)):
        at = source.randrange(100)
        row = []
        for _ in range(source.choice((0, 1, 10, 300, 5000 if seed < 3 else 50))):
            at = max(0, at + source.choice((0, 0, 1, 1, 5, 40, -3)))
            row.append(at)
        times.append(row)
    assert merged(tmp_path, times) == slow_merge(times)
