"""The judge of random lives, on recorded ones: confirms what the kernel said, and tells what it did not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from .compare import captures, load
from .judged import judge

RECORDED = Path(__file__).parents[2] / "sample_pcaps" / "kernel"


def _verdicts(name: str, change: dict[str, str]) -> set[tuple[str, str]]:
    path = RECORDED / f"{name}-v4.json"
    truth: dict[str, Any] = load(path)
    for pair in truth["connections"]:
        for end in pair:
            end["history"] = [[change.get(state, state), ts_ns] for state, ts_ns in end["history"]]
    client = truth["connections"][0][0]["address"]
    return {(each.what, each.why) for each in judge(truth, captures(path, truth), client)}


@pytest.mark.parametrize("name", ["four_way_client_closes", "simultaneous_open", "linger_zero"])
def test_recorded_lives_are_confirmed(name: str) -> None:
    assert _verdicts(name, {}) == {("confirmed", "")}


def test_another_fact_is_told() -> None:
    assert ("not", "a fact is wrong") in _verdicts("four_way_client_closes", {"FIN_WAIT_1": "CLOSED"})


def test_another_presumption_is_told_of_its_own_side() -> None:
    found = _verdicts("four_way_client_closes", {"FIN_WAIT_2": "CLOSING"})
    assert ("not", "from its own side it is read otherwise") in found
