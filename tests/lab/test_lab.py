"""The quick scenarios with real sockets, where network namespaces can be made."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from .compare import compare, load
from .network import LabError, missing
from .run import FAMILIES, Outcome, run, save
from .scenarios import SCENARIOS
from .truth import Trace

QUICK = [scenario for scenario in SCENARIOS if scenario.speed == "quick"]


def _why_not() -> str:
    if reason := missing():
        return reason
    try:
        with Trace(1, 1):
            return ""
    except LabError as error:
        return str(error)


@pytest.fixture(scope="module")
def outcomes() -> Iterator[dict[tuple[str, str], Outcome]]:
    if reason := _why_not():
        if os.environ.get("CI") == "true" and hasattr(os, "geteuid") and os.geteuid() == 0:
            pytest.fail(reason)
        pytest.skip(reason)
    yield {(done.scenario.name, done.family): done for done in run(QUICK)}


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("name", [scenario.name for scenario in QUICK])
def test_agrees_with_the_kernel(
    outcomes: dict[tuple[str, str], Outcome], name: str, family: str, tmp_path: Path
) -> None:
    done = outcomes[name, family]
    assert not done.failure, done.failure
    path = save(done, tmp_path)
    truth = load(path)
    for vantage in truth["vantages"]:
        capture = next(tmp_path.glob(f"*.{vantage}.pcap*"))
        assert compare(capture, truth, vantage).mismatches == [], f"seen from the {vantage}"
