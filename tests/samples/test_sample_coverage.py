"""The samples leave nothing of the design out, are listed, and are what their script writes."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tcptrace_py.findings.finding import KINDS

from .catalogue import SAMPLE_DIR, SAMPLES
from .expectation import ENTRY

ROWS = {f"S{number}" for number in range(1, 25)}
STATES = set(
    """CLOSED LISTEN SYN_SENT SYN_RCVD ESTABLISHED FIN_WAIT_1 FIN_WAIT_2 CLOSE_WAIT CLOSING LAST_ACK
    TIME_WAIT""".split()
)
CAPTURES = sorted(path.name for path in SAMPLE_DIR.glob("*.pcap*"))


def test_every_row_of_the_design_has_a_sample() -> None:
    assert {row for sample in SAMPLES for row in sample.rows.split()} == ROWS


def test_every_finding_kind_has_a_sample() -> None:
    assert {finding.kind for sample in SAMPLES for finding in sample.findings} == set(KINDS)


def test_every_state_of_either_endpoint_has_a_sample() -> None:
    """S6. Whoever sent the first SYN is the client, so a client is never seen in LISTEN."""
    histories = [
        (connection.client, connection.server) for sample in SAMPLES for connection in sample.connections
    ]
    assert {match.group(1) for client, _ in histories for match in ENTRY.finditer(client)} == STATES - {
        "LISTEN"
    }
    assert {match.group(1) for _, server in histories for match in ENTRY.finditer(server)} == STATES


def test_every_capture_has_its_expectations() -> None:
    assert sorted(sample.name for sample in SAMPLES) == CAPTURES


@pytest.mark.parametrize("name", CAPTURES)
def test_read_me_lists(name: str) -> None:
    lines = [line for line in (SAMPLE_DIR / "README.md").read_text().splitlines() if f"`{name}`" in line]
    assert len(lines) == 1
    (sample,) = [sample for sample in SAMPLES if sample.name == name]
    assert set(re.findall(r"\bS\d+\b", lines[0])) == set(sample.rows.split())


def test_the_script_writes_the_committed_captures(tmp_path: Path) -> None:
    subprocess.run([sys.executable, str(SAMPLE_DIR / "make.py"), str(tmp_path)], check=True, timeout=120)
    assert sorted(path.name for path in tmp_path.iterdir()) == CAPTURES
    for name in CAPTURES:
        assert (tmp_path / name).read_bytes() == (SAMPLE_DIR / name).read_bytes(), name
