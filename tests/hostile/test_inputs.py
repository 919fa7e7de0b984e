"""What once broke an analysis gives a report."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.conftest import ROOT, RunCli

from .inputs import INPUTS, pcap

SHARED = ROOT.parent / "shared" / "cases" / "hostile"
FOUND = sorted(path for path in SHARED.glob("*") if path.suffix in (".cap", ".pcap", ".xz"))


def _report(run_cli: RunCli, path: Path) -> dict[str, object]:
    done = run_cli("analyze", "--stats", "--json", "-", path)
    assert done.returncode == 0, done.stderr.decode()
    report = json.loads(done.stdout)
    # What its times and directions are worth is told; nothing else goes wrong.
    assert report["capture"]["defects"] == 0
    assert done.stderr.decode().splitlines() == [
        f"tcptrace-py: {each}" for each in report["capture"]["warnings"]
    ]
    assert report["capture"]["complete"] is True
    _plausible(report)
    return report


def _plausible(report: dict[str, object]) -> None:
    """No counter has wrapped, and no duration is of another millennium."""
    packets = report["capture"]["packets"]
    ends = [end for each in report["connections"] for end in (each["client"], each["server"])]
    assert sum(end["packets"] for end in ends) == report["capture"]["tcp_segments"]
    for connection in report["connections"]:
        for end in (connection["client"], connection["server"]):
            assert 0 <= end["retransmits"] <= end["packets"] <= packets
            assert 0 <= end["stats"]["rtt"]["samples"] <= packets
            for name in ("least_s", "mean_s", "most_s", "deviation_s"):
                assert 0 <= (end["stats"]["rtt"][name] or 0) < 600
    for service in report["services"]:
        for name in ("least_s", "mean_s", "most_s"):
            assert 0 <= (service["handshake_time"] or {}).get(name, 0) < 600


@pytest.mark.parametrize("name", INPUTS)
def test_a_report_of_each(name: str, run_cli: RunCli, tmp_path: Path) -> None:
    path = tmp_path / "input.pcap"
    path.write_bytes(pcap(INPUTS[name]()))
    report = _report(run_cli, path)
    if name == "pending-syn-captured-twice":
        assert [end["connections"] for end in report["services"]] == [2]
        assert [connection["client"]["retransmits"] for connection in report["connections"]] == [0, 0]
    elif name == "times-far-apart":
        (connection,) = report["connections"]
        assert connection["client"]["stats"]["rtt"]["samples"] == 1
    elif name == "syns-far-apart":
        # Nothing at all passed in between: a gap of the capture, and no SYN waits across one.
        assert report["findings"] == []
        assert "no packet at all" in report["capture"]["warnings"][0]


@pytest.mark.skipif(not FOUND, reason="no ../shared/cases/hostile here")
@pytest.mark.parametrize(
    "path",
    # What took quadratic time is large, and its work is counted by tests of its own.
    [pytest.param(each, marks=[pytest.mark.slow] if "quadratic" in each.name else []) for each in FOUND],
    ids=[path.name for path in FOUND],
)
def test_a_report_of_each_that_was_found(path: Path, run_cli: RunCli) -> None:
    _report(run_cli, path)
