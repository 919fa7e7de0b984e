from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.live.net import Net, missing


@pytest.fixture(scope="session")
def net() -> Iterator[Net]:
    """Namespaces with a client, a router and a server; skips where there can be none."""
    why = missing()
    if why:
        pytest.skip(why)
    made = Net()
    try:
        yield made
    finally:
        made.close()
