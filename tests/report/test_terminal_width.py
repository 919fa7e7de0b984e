"""What the terminal prints of every sample, at any width: whole words, and no line that is too long."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import Any

import pytest
from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from tcptrace_py import analyze
from tcptrace_py.report.model.model import Report
from tcptrace_py.report.people import terminal_text
from tcptrace_py.report.people.terminal import render
from tcptrace_py.report.people.view import View
from tests.conftest import ROOT, for_this_run

SAMPLES = sorted((ROOT / "sample_pcaps").glob("*.pcap*"))
LONG = {"verbose": True, "connections": True}
SHOWN: tuple[tuple[int, dict[str, Any]], ...] = ((40, LONG), (80, {}), (200, LONG))
# Commands are never folded; the remedies' are indented deeper than any text.
_COMMAND = re.compile(r"(Next: | {6})(tcptrace-py |Wireshark: )| {12}\S")


def _shown(report: Report, width: int, view: dict[str, Any]) -> str:
    stream = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    render(report, Console(file=stream, width=width), View(**view))
    stream.seek(0)
    return stream.read()


@pytest.mark.parametrize("path", for_this_run(SAMPLES), ids=lambda path: path.stem)
def test_lines_are_folded_between_words(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wrapped = terminal_text._wrapped

    def checked(text: Text, width: int) -> list[Text]:
        lines = wrapped(text, width)
        assert " ".join(each.plain for each in lines).split() == text.plain.split()
        # A longer line is one word that has no room in any.
        assert all(cell_len(line.plain.rstrip()) <= width or len(line.plain.split()) == 1 for line in lines)
        return lines

    monkeypatch.setattr(terminal_text, "_wrapped", checked)
    report = analyze(path, connections=True)
    for width, view in SHOWN:
        for line in _shown(report, width, view).splitlines():
            if cell_len(line) > width and not _COMMAND.match(line):
                assert len(line[terminal_text.INDENT :].split()) <= 1, line
