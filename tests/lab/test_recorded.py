"""The saved traffic of the lab and the kernel's account of it: runs anywhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from .compare import EXPLAINED, captures, compare, load

RECORDED = Path(__file__).parents[2] / "sample_pcaps" / "kernel"
TRUTHS = sorted(RECORDED.glob("*.json*"))


def test_the_set_is_there() -> None:
    assert len(TRUTHS) >= 100
    assert sum(path.stat().st_size for path in RECORDED.iterdir()) < 1_000_000


@pytest.mark.parametrize("truth_path", TRUTHS, ids=lambda path: path.name.split(".")[0])
def test_agrees_with_the_kernel(truth_path: Path) -> None:
    truth = load(truth_path)
    found = captures(truth_path, truth)
    assert found
    for vantage, capture in found.items():
        assert compare(capture, truth, vantage).mismatches == [], f"seen from the {vantage}"


def test_every_explanation_is_needed() -> None:
    for known in EXPLAINED:
        for truth_path in RECORDED.glob(f"{known.scenario}-v4.json*"):
            truth = load(truth_path)
            for vantage, capture in captures(truth_path, truth).items():
                used = compare(capture, truth, vantage).explained
                assert any(known.why in line for line in used) == (vantage in known.vantages)
            break
        else:
            raise AssertionError(f"{known.scenario} is not recorded")
