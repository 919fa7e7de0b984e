"""Captures from the field with the right answer, whole and cut at every packet.

They lie beside the repository; where they do not, these tests are skipped.
"""

from __future__ import annotations

import struct
import subprocess
import sys
from pathlib import Path

import pytest

from tcptrace_py import analyze
from tcptrace_py.findings.causes.claims import CAUSES
from tcptrace_py.findings.diagnosis import GENERAL_KINDS

CASES = Path(__file__).parents[3] / "shared" / "cases"
FIELD = sorted((CASES / "field").glob("*.pcap"))
#: A RST shows that the close was for good.
REPLACES = {"half-close": "reset-after-close"}
BY_CAUSE = {cause.KIND for cause in CAUSES} | {"time-wait-reuse"}
#: Larger captures are cut at so many places.
CUTS = 60

pytestmark = pytest.mark.skipif(not FIELD, reason="the cases are not here")


@pytest.mark.slow
@pytest.mark.parametrize("folder", ["field", "lookalikes"])
def test_the_right_cause_comes_first(folder: str) -> None:
    command = f"{sys.executable} -m tcptrace_py"
    call = [sys.executable, str(CASES / "check.py"), command, str(CASES / folder)]
    done = subprocess.run(call, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def packet_ends(data: bytes) -> list[int]:
    """Where each packet of a little-endian pcap ends."""
    ends = []
    at = 24
    while at + 16 <= len(data):
        at += 16 + struct.unpack_from("<I", data, at + 8)[0]
        ends.append(at)
    return ends


@pytest.mark.slow
@pytest.mark.parametrize("path", FIELD, ids=lambda path: path.stem)
def test_kinds_only_grow_as_the_capture_does(path: Path, tmp_path: Path) -> None:
    """Wherever it is cut; but a cause takes the place of what it accounts for."""
    data = path.read_bytes()
    ends = packet_ends(data)
    step = max(len(ends) // CUTS, 1)
    before: set[str] = set()
    for end in [*ends[::step], ends[-1]]:
        cut = tmp_path / "cut.pcap"
        cut.write_bytes(data[:end])
        found = {finding.kind for finding in analyze(cut).findings}
        gone = before - found
        assert gone <= GENERAL_KINDS, f"{gone} found no more at byte {end}"
        gone -= {kind for kind, by in REPLACES.items() if by in found}
        assert not gone or found & BY_CAUSE, f"{gone} gone at byte {end}, and no cause in its place"
        before = found
