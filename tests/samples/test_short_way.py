"""What nobody asked for is not computed; what was asked for must be the same without it.

Regular segments take a short way through the tracker; where tcptrace's figures are asked for, none
takes it. Where connections are not listed, Zeek and Wireshark are not followed.
"""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from tcptrace_py import analyze
from tcptrace_py.report.model.model import Report
from tests.conftest import for_this_run

from .catalogue import SAMPLE_DIR

CORPUS = Path(__file__).parents[3] / "shared" / "corpus"
CAPTURES = sorted(path for path in SAMPLE_DIR.iterdir() if path.suffix in (".pcap", ".pcapng"))
RECORDED = sorted((SAMPLE_DIR / "kernel").rglob("*.pcap*"))


def without_stats(path: Path, *, stats: bool) -> Report:
    report = analyze(path, stats=stats)
    for connection in report.connections:
        assert (connection.client.stats is not None) == stats
        connection.client.stats = connection.server.stats = None
    return report


def all_ways_agree(path: Path) -> None:
    report = without_stats(path, stats=False)
    assert msgspec.json.encode(report) == msgspec.json.encode(without_stats(path, stats=True)), path.name
    report.listed = None
    unlisted = analyze(path, connections=False)
    # Wireshark's numbers are those of listed connections; without them a filter is by address.
    for finding in (*report.findings, *unlisted.findings):
        finding.display_filter = ""
    assert msgspec.json.encode(report) == msgspec.json.encode(unlisted), path.name


@pytest.mark.parametrize("path", for_this_run(CAPTURES), ids=lambda path: path.stem)
def test_all_ways_agree_on_every_sample(path: Path) -> None:
    all_ways_agree(path)


def test_all_ways_agree_on_recorded_traffic() -> None:
    if not RECORDED:
        pytest.skip("sample_pcaps/kernel holds no captures")
    for path in for_this_run(RECORDED):
        all_ways_agree(path)


@pytest.mark.slow
def test_all_ways_agree_on_foreign_captures() -> None:
    if not CORPUS.is_dir():
        pytest.skip("../shared/corpus is not there")
    paths = sorted(path for path in CORPUS.rglob("*.pcap*") if path.stat().st_size < 20_000_000)
    assert paths
    for path in paths:
        all_ways_agree(path)
