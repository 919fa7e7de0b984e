"""Regular segments take a short way through the tracker; it must lead where the long one does.

Where tcptrace's figures are asked for, no segment takes it.
"""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from tcptrace_py import analyze

from .catalogue import SAMPLE_DIR

CORPUS = Path(__file__).parents[3] / "shared" / "corpus"
CAPTURES = sorted(path for path in SAMPLE_DIR.iterdir() if path.suffix in (".pcap", ".pcapng"))
RECORDED = sorted((SAMPLE_DIR / "kernel").rglob("*.pcap*"))


def without_stats(path: Path, *, stats: bool) -> bytes:
    report = analyze(path, stats=stats)
    for connection in report.connections:
        assert (connection.client.stats is not None) == stats
        connection.client.stats = connection.server.stats = None
    return msgspec.json.encode(report)


@pytest.mark.parametrize("path", CAPTURES, ids=lambda path: path.stem)
def test_short_and_long_way_agree_on_every_sample(path: Path) -> None:
    assert without_stats(path, stats=False) == without_stats(path, stats=True)


def test_short_and_long_way_agree_on_recorded_traffic() -> None:
    if not RECORDED:
        pytest.skip("sample_pcaps/kernel holds no captures")
    for path in RECORDED:
        assert without_stats(path, stats=False) == without_stats(path, stats=True), path.name


@pytest.mark.slow
def test_short_and_long_way_agree_on_foreign_captures() -> None:
    if not CORPUS.is_dir():
        pytest.skip("../shared/corpus is not there")
    paths = sorted(path for path in CORPUS.rglob("*.pcap*") if path.stat().st_size < 20_000_000)
    assert paths
    for path in paths:
        assert without_stats(path, stats=False) == without_stats(path, stats=True), path.name
