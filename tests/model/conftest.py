from __future__ import annotations

from collections.abc import Iterator

import pytest

from .explore import automaton, side_explorer


@pytest.fixture(scope="module", autouse=True)
def _explored_is_forgotten() -> Iterator[None]:
    """What was explored serves scenarios that share it; later tests of the process need not carry it."""
    yield
    side_explorer.cache_clear()
    automaton.cache_clear()
