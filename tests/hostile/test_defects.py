"""A defect inside costs what it touches, and no more; and it is told."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from tcptrace_py import analyze
from tcptrace_py.cli.gates import status
from tcptrace_py.cli.live import EventStream
from tcptrace_py.cli.outcome import DEFECT
from tcptrace_py.cli.outputs import Outputs
from tcptrace_py.defects import Defects
from tcptrace_py.findings import fin_wait
from tcptrace_py.report.formats.catalogue import FORMATS
from tcptrace_py.report.formats.target import open_whole
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
    monkeypatch.setattr(fin_wait.FinWaits, "findings", _broken)
    report = analyze(SICK)
    assert report.findings == [each for each in whole.findings if each.kind != fin_wait.KIND]
    assert report.capture.warnings[-2].startswith("the findings of FinWaits failed: IndexError")


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


def _breaks_on_the_second(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """The writer of a format fails when it has written something."""
    module = import_module(FORMATS[name].module)
    if FORMATS[name].streams:
        whole = module.writer

        @contextmanager
        def writer(target: str) -> Iterator[Callable[[object], None]]:
            with whole(target) as write:
                taken = 0

                def take(connection: object) -> None:
                    nonlocal taken
                    taken += 1
                    write(_broken()[0] if taken == 2 else connection)

                yield take

        monkeypatch.setattr(module, "writer", writer)
        return

    def write(report: object, *rest: Any) -> None:
        target = next(each for each in rest if isinstance(each, str))
        with open_whole(target) as output:
            output.write(b"half")
            _broken()

    monkeypatch.setattr(module, "write", write)


@pytest.mark.parametrize("name", FORMATS)
def test_a_writer_that_fails_costs_its_own_format(
    run_cli: RunCli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    options = [part for each in FORMATS for part in (f"--{each}", f"out.{each}")]
    _breaks_on_the_second(monkeypatch, name)
    done = run_cli("analyze", SICK, *options, "--terminal", "--fail-on", "info")
    assert done.returncode == DEFECT
    told = (
        f"writing --{name} to out.{name} failed: IndexError: list index out of range (test_defects.py, line "
    )
    assert told in done.stderr.decode()
    assert b"that is a defect of tcptrace-py" in done.stderr
    assert {path.name for path in tmp_path.iterdir()} == {f"out.{each}" for each in FORMATS if each != name}
    assert b"stuck" in done.stdout or b"CLOSE_WAIT" in done.stdout


@pytest.mark.parametrize("name", ["ndjson", "parquet"])
def test_nor_when_it_closes(
    run_cli: RunCli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    module = import_module(FORMATS[name].module)
    whole = module.writer

    @contextmanager
    def writer(target: str) -> Iterator[Callable[[object], None]]:
        with open_whole(target), whole(f"{target}.other") as write:
            yield write
            _broken()

    monkeypatch.setattr(module, "writer", writer)
    done = run_cli("analyze", SICK, f"--{name}", "out", "--json", "report.json")
    assert done.returncode == DEFECT
    assert {path.name for path in tmp_path.iterdir()} == {"report.json"}


def test_what_is_shown_may_fail_too(run_cli: RunCli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tcptrace_py.report.people.terminal.render", _broken)
    monkeypatch.setattr("tcptrace_py.report.formats.github.write", _broken)
    done = run_cli("analyze", SICK, "--terminal", "--github", "--json", "report.json")
    assert done.returncode == DEFECT
    assert b"writing --github on standard output failed" in done.stderr
    assert b"writing --terminal to standard error failed" in done.stderr
    assert tmp_path.joinpath("report.json").exists()


def test_the_writer_of_events_may_fail_too(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("tcptrace_py.report.formats.events.EventWriter.moved", _broken)
    outputs = Outputs({}, github=False, terminal=False)
    stream = EventStream(True, outputs.failed("events", "-"))
    stream.moved([])
    stream.moved([])
    report = analyze(SICK)
    outputs.write(report, [])
    assert status([], report.capture) == DEFECT
    told = capsys.readouterr().err.splitlines()
    assert len(told) == 3
    assert told[0] == "tcptrace-py: no more events: their writer has failed; the report will say how"
    assert told[1].startswith("tcptrace-py: writing --events on standard output failed: IndexError: ")
