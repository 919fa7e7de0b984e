from __future__ import annotations

from pathlib import Path

from tcptrace_py.tcp.diagram import page


def test_the_page_is_drawn_from_the_table() -> None:
    assert Path(__file__).parents[2].joinpath("docs", "states.md").read_text() == page()
