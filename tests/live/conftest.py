from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.conftest import untried
from tests.live.net import Net, missing


@pytest.fixture(scope="session")
def net() -> Iterator[Net]:
    """Namespaces with a client, a router and a server; skips where there can be none."""
    why = missing()
    if why:
        untried(why)
    made = Net()
    try:
        yield made
    finally:
        made.close()
