"""A defect inside costs what it touches, and no more; and it is told."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tcptrace_py import analyze
from tcptrace_py.cli.gates import status
from tcptrace_py.cli.outcome import DEFECT
from tcptrace_py.defects import Defects
from tcptrace_py.findings import fin_wait, half_close
from tests.conftest import ROOT, RunCli

SICK = ROOT / "sample_pcaps" / "sick_service.pcap"


def _broken(*_: object) -> list[object]:
    return [][1]


def test_one_family_that_fails_costs_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = analyze(SICK)
    monkeypatch.setattr(fin_wait.FinWaits, "look", _broken)
    report = analyze(SICK)
    kinds = [each.kind for each in report.findings]
    assert kinds == [each.kind for each in whole.findings if each.kind != fin_wait.KIND]
    assert report.summary == whole.summary
    assert report.capture.complete is False
    assert report.capture.defects > 0
    *_, failed, asked = report.capture.warnings
    assert failed.startswith("the findings of FinWaits on connection ")
    assert " failed at frames " in failed
    assert "IndexError: list index out of range (test_defects.py, line " in failed
    assert "defect of tcptrace-py" in asked and "Please report" in asked
    assert status([], report.capture) == DEFECT


def test_nor_does_one_that_fails_in_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = analyze(SICK)
    monkeypatch.setattr(half_close.HalfCloses, "findings", _broken)
    report = analyze(SICK)
    assert len(report.findings) >= len(whole.findings) - 1
    assert report.capture.warnings[-2].startswith("the findings of HalfCloses failed: IndexError")


def test_the_line_names_frames_by_input_and_counts_the_rest() -> None:
    defects = Defects()
    for number in range(20):
        try:
            raise ValueError(number)
        except ValueError as error:
            defects.note("a thing", ((1 << 40) + 7, 3, 0, 5 + number), error)
    other = Defects()
    other.merge(defects)
    assert other.lines() == defects.lines()
    first, *_, last = defects.lines()
    assert len(defects.lines()) == 9
    assert first.startswith(
        "a thing failed at frames 3, 5 and frame 7 of input 2: ValueError: 0 (test_defects"
    )
    assert "(20 times)" in last


def test_the_command_ends_with_70_and_writes_the_rest(
    run_cli: RunCli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fin_wait.FinWaits, "look", _broken)
    target = tmp_path / "report.json"
    done = run_cli("analyze", "--json", target, "--terminal", "--fail-on", "critical", SICK)
    assert done.returncode == DEFECT
    assert b"Please report these lines" in done.stderr
    assert json.loads(target.read_bytes())["capture"]["defects"] > 0
    assert b"stuck-close-wait" in done.stdout or b"CLOSE_WAIT" in done.stdout
