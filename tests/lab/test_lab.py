"""The quick scenarios with real sockets, where network namespaces can be made."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import untried

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
        untried(reason)
    yield {(done.scenario.name, done.family): done for done in run(QUICK)}


# The scripts order events by pauses of tens of milliseconds, and 24 of them run at once: on a loaded
# machine one may not happen as written, or the truth be asked for too late. Run again alone, it does;
# a tracker that is wrong is wrong each time.
TRIES_ALONE = 2


def _disagreements(done: Outcome, folder: Path) -> list[str]:
    if done.failure:
        return [done.failure]
    folder.mkdir()
    truth = load(save(done, folder))
    return [
        f"seen from the {vantage}: {mismatch}"
        for vantage in truth["vantages"]
        for mismatch in compare(next(folder.glob(f"*.{vantage}.pcap*")), truth, vantage).mismatches
    ]


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("name", [scenario.name for scenario in QUICK])
def test_agrees_with_the_kernel(
    outcomes: dict[tuple[str, str], Outcome], name: str, family: str, tmp_path: Path
) -> None:
    done = outcomes[name, family]
    found = _disagreements(done, tmp_path / "first")
    for number in range(TRIES_ALONE):
        if not found:
            break
        (done,) = run([done.scenario], [family], at_once=1)
        found = _disagreements(done, tmp_path / f"alone-{number}")
    assert found == []
