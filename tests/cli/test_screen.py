"""What is longer than the screen goes through a pager; what fits, or is for no terminal, does not."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from tcptrace_py.cli.screen import show_on


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def paged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file that the pager of this test writes what it is given into."""
    target = tmp_path / "paged"
    monkeypatch.setenv("PAGER", f"cat > '{target}'")
    return target


def drawn(lines: int, *, pager: bool = True, brief: int | None = None, verdict: bool = True) -> str:
    screen = Terminal()
    draws = [lambda console: console.print("\n".join(f"line {n}" for n in range(lines)))]
    if brief is not None:
        draws.append(lambda console: console.print("brief\n" * brief, end=""))
    console = Console(file=screen, width=80, height=24, color_system=None, highlight=False)
    show_on(console, draws, (lambda console: console.print("the verdict")) if verdict else None, pager)
    return screen.getvalue()


def test_what_fits_stays(paged: Path) -> None:
    assert drawn(23).splitlines()[-1] == "line 22"
    # The prompt has a line of its own, so the shorter text is the one that fits.
    assert drawn(24, brief=5) == "brief\n" * 5
    assert not paged.exists()


@pytest.mark.parametrize("verdict", [True, False])
def test_what_does_not_goes_through_the_pager_with_the_verdict_last(paged: Path, verdict: bool) -> None:
    assert drawn(24, brief=30, verdict=verdict) == ""
    shown = paged.read_text().splitlines()
    assert shown[:24] == [f"line {n}" for n in range(24)]
    assert shown[24:] == (["", "the verdict"] if verdict else [])


def test_without_a_pager_it_is_printed(paged: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert drawn(30, pager=False).splitlines()[-1] == "the verdict"
    assert not paged.exists()
    for none in ("", "cat", "no-such-pager-anywhere"):
        monkeypatch.setenv("PAGER", none)
        assert drawn(30).splitlines()[-1] == "the verdict"


def test_a_pipe_has_no_screen(paged: Path) -> None:
    pipe = io.StringIO()
    console = Console(file=pipe, width=80, height=24)
    show_on(console, [lambda console: console.print("x\n" * 30, end="")], None, True)
    assert pipe.getvalue() == "x\n" * 30
    assert not paged.exists()
