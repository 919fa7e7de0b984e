"""The report as a Python session has it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import get_type_hints

import pytest

import tcptrace_py
from tcptrace_py import Report, analyze
from tcptrace_py.report.formats.rows import COLUMNS
from tcptrace_py.report.model.model import Connection
from tests.conftest import ROOT

SICK = ROOT / "sample_pcaps" / "sick_service.pcap"


@pytest.fixture(scope="module")
def report() -> Report:
    return analyze(SICK)


def test_connections_are_a_list_in_any_report(report: Report) -> None:
    hint = get_type_hints(type(report).connections.fget)["return"]
    assert hint == list[Connection]
    assert report.connections is report.listed and len(report.connections) == 66
    without = analyze(SICK, connections=False)
    assert (without.connections, without.listed) == ([], None)


def test_a_repr_is_one_line(report: Report) -> None:
    assert repr(report) == (
        f"<Report of {SICK}: 1 critical, 3 warnings, 1 informational; 66 connections, 628 packets,"
        " 113 s from 2026-03-02 10:00:01 UTC, both directions, no gaps>"
    )
    assert repr(report.findings[0]) == "<Finding critical stuck-close-wait: server 10.0.0.20:8080, 14>"
    assert repr(report.connections[2]) == (
        "<Connection 2: 10.0.0.10 port 50000 CLOSED to 10.0.0.20 port 8080 CLOSE_WAIT, half_closed>"
    )


def test_json_is_what_the_command_writes(report: Report, run_cli: object, tmp_path: Path) -> None:
    written = run_cli("analyze", SICK, "--json", "-").stdout  # type: ignore[operator]
    assert report.to_json() == written


def test_a_notebook_shows_it_and_no_captured_text_is_markup(report: Report) -> None:
    page = analyze(SICK, bpf="port 8080")._repr_html_()
    assert "<b>1 critical</b>" in page and "<code>ss -tnp state close-wait 'sport" in page.replace(
        "&#x27;", "'"
    )
    hostile = analyze(SICK)
    hostile.capture.sources[0].path = "<script>alert(1)</script>"
    hostile.findings[0].subject.toward = "<img src=x>"
    assert "<script" not in hostile._repr_html_() and "<img" not in hostile._repr_html_()


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_a_data_frame_has_the_columns_of_csv(report: Report, library: str) -> None:
    pytest.importorskip(library)
    frame = report.to_dataframe(library)
    assert frame.shape == (66, len(COLUMNS))
    assert list(frame.columns) == [column.name for column in COLUMNS]
    assert list(frame["id"]) == list(range(66))


def test_a_data_frame_needs_connections_and_a_library(
    report: Report, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ValueError, match="lists no connections"):
        analyze(SICK, connections=False).to_dataframe()
    with pytest.raises(ValueError, match="'pandas' or 'polars'"):
        report.to_dataframe("numpy")
    for library in ("pandas", "polars"):
        monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(ImportError, match="pip install pandas"):
        report.to_dataframe()


def test_public_names_have_docstrings() -> None:
    for name in tcptrace_py.__all__:
        public = getattr(tcptrace_py, name)
        if isinstance(public, str):
            continue
        assert public.__doc__ and public.__doc__.strip(), name
        for member in ("to_json", "to_dataframe", "connections"):
            if hasattr(public, member):
                assert getattr(public, member).__doc__


@pytest.mark.slow
def test_a_user_s_program_type_checks(tmp_path: Path) -> None:
    pytest.importorskip("mypy")
    (tmp_path / "use.py").write_text(
        "from tcptrace_py import analyze\n"
        "report = analyze('x.pcap')\n"
        "for connection in report.connections:\n"
        "    state: str = connection.client.state\n"
        "    print(state, report.findings[0].count + 1, report.to_json())\n"
    )
    command = [sys.executable, "-m", "mypy", "--strict", "--cache-dir", str(tmp_path), "use.py"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout
