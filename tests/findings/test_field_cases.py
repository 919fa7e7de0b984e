"""Captures from the field with the right answer, whole and cut at every packet.

They lie beside the repository; where they do not, these tests are skipped.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tcptrace_py import analyze
from tcptrace_py.findings.causes.claims import CAUSES
from tcptrace_py.findings.diagnosis import GENERAL_KINDS
from tcptrace_py.run.captures import Captures
from tcptrace_py.run.session import Session
from tcptrace_py.settings import Settings
from tests.conftest import for_this_run

CASES = Path(__file__).parents[3] / "shared" / "cases"
FIELD = sorted((CASES / "field").glob("*.pcap"))
#: A RST shows that the close was for good.
REPLACES = {"half-close": "reset-after-close"}
BY_CAUSE = {cause.KIND for cause in CAUSES} | {"time-wait-reuse"}

pytestmark = pytest.mark.skipif(not FIELD, reason="the cases are not here")


@pytest.mark.slow
@pytest.mark.parametrize("folder", ["field", "lookalikes"])
def test_the_right_cause_comes_first(folder: str) -> None:
    command = f"{sys.executable} -m tcptrace_py"
    call = [sys.executable, str(CASES / "check.py"), command, str(CASES / folder)]
    done = subprocess.run(call, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def kinds_at_every_packet(path: Path) -> Iterator[tuple[int, set[str]]]:
    """The kinds found if the capture ended with each of its packets; it is replayed once."""
    with Captures([path]) as opened:
        session = Session(Settings(), connections=False)
        tracker = session.tracker
        number = 0
        for source, batch, lo, hi in opened.runs():
            for i in range(lo, hi):
                session.feed(batch, source, i, i + 1)
                number += 1
                tracker.tick(session.end_ns)
                session.drain()
                yield number, {finding.kind for finding in session.findings(tracker.table.all())}
        tracker.forget()


@pytest.mark.parametrize("path", for_this_run(FIELD), ids=lambda path: path.stem)
def test_kinds_only_grow_as_the_capture_does(path: Path) -> None:
    """At whichever packet it is cut; but a cause takes the place of what it accounts for."""
    before: set[str] = set()
    for number, found in kinds_at_every_packet(path):
        gone = before - found
        assert gone <= GENERAL_KINDS, f"{gone} found no more at packet {number}"
        gone -= {kind for kind, by in REPLACES.items() if by in found}
        assert not gone or found & BY_CAUSE, f"{gone} gone at packet {number}, and no cause in its place"
        before = found
    assert before == {finding.kind for finding in analyze(path).findings}
