"""A few mutated inputs on every run of the tests; `make fuzz` and `make sanitize` try many."""

from __future__ import annotations

import random

import pytest

from fuzz import corpus
from fuzz.__main__ import maker
from fuzz.targets import TARGETS, remove_file

_INPUTS = {"whole": 60, "reader": 40, "decoder": 400, "saved": 10, "policy": 40, "rule": 100}


@pytest.mark.parametrize("target", TARGETS)
def test_mutated_inputs_break_nothing(target: str) -> None:
    make = maker(target, 4711)
    try:
        for _ in range(_INPUTS[target]):
            TARGETS[target](make())
    finally:
        remove_file()


@pytest.mark.parametrize("target", TARGETS)
def test_the_seeds_break_nothing(target: str) -> None:
    seeds = corpus.seeds(target)
    try:
        for data in random.Random(1).sample(seeds, min(len(seeds), 60)):
            TARGETS[target](data)
    finally:
        remove_file()


def test_the_same_seed_makes_the_same_inputs() -> None:
    one, other = maker("whole", 5), maker("whole", 5)
    made = [one() for _ in range(20)]
    assert made == [other() for _ in range(20)]
    assert len(set(made)) > 15
