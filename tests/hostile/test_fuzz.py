"""A few mutated inputs on every run of the tests; `make fuzz` and `make sanitize` try many."""

from __future__ import annotations

import random
import re
import subprocess
import sys

import pytest

from fuzz import corpus
from fuzz.__main__ import maker
from fuzz.targets import TARGETS, remove_file
from tests.conftest import ROOT, environment

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


def test_coverage_guides_it() -> None:
    pytest.importorskip("atheris")
    done = subprocess.run(
        [sys.executable, "-m", "fuzz.guided", "rule", "-runs=300", "-seed=1"],
        capture_output=True, cwd=ROOT, env=environment(), text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "Done 300 runs" in done.stderr
    covered = [int(each) for each in re.findall(r"\bcov: (\d+)", done.stderr)]
    assert covered[-1] > covered[0] > 0
