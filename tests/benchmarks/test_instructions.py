"""A guard against slow growth: no workload may take 10 % more instructions than was recorded."""

from __future__ import annotations

import pytest

from benchmarks import instructions


@pytest.mark.slow
def test_no_workload_takes_many_more_instructions_than_recorded() -> None:
    problem = instructions.obstacle()
    if problem:
        pytest.skip(problem)
    before = instructions.recorded()
    if not before:
        pytest.skip(
            f"nothing is recorded of this build ({instructions.build()}):"
            " python -m benchmarks.instructions --record"
        )
    worse = [
        instructions.change(name, now, before[name])
        for name, now in instructions.count(before).items()
        if now > before[name] * (1 + instructions.TOLERANCE)
    ]
    assert not worse, "\n".join(worse)
