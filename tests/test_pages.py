"""Every command that the manual shows prints what stands there; ``python -m tests.pages`` renews it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.pages import PAGES, prepare, renewed


@pytest.mark.parametrize("page", PAGES)
def test_the_page_shows_real_output(page: str, tmp_path: Path) -> None:
    prepare(tmp_path, page)
    assert renewed(tmp_path, page) == (ROOT / page).read_text()
    if page == "docs/show.md":
        assert (tmp_path / "ladder.svg").stat().st_size > 1000
