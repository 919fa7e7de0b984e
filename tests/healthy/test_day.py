"""Healthy days: no warning and nothing critical."""

from __future__ import annotations

from pathlib import Path

import pytest

from tcptrace_py import analyze

from .day import make


@pytest.mark.parametrize("seed", [1, 2])
def test_nobody_has_anything_to_do(seed: int, tmp_path: Path) -> None:
    make(seed).save(tmp_path / "day.pcap")
    report = analyze(tmp_path / "day.pcap")
    assert report.summary.connections > 250
    said = [f"{each.kind} {each.subject}" for each in report.findings if each.severity != "info"]
    assert said == []


def test_the_same_seed_is_the_same_day() -> None:
    assert make(7).frames == make(7).frames != make(8).frames
