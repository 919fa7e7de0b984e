"""A running live on both hosts of a few scenarios; ``python -m tests.lab --live`` runs them all."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.conftest import untried

from .live import Watched, watch
from .network import missing
from .scenarios import SCENARIOS

#: A leak, a queue that is full, and two that end by RST.
NAMES = ("stuck_close_wait", "accept_queue_overflow", "abort_from_fin_wait_2", "server_process_killed")
#: Those in which something is still there when live looks.
STAYING = ("stuck_close_wait", "accept_queue_overflow")


@pytest.fixture(scope="module")
def watched() -> Iterator[dict[tuple[str, str], Watched]]:
    if reason := missing():
        untried(reason)
    chosen = [each for each in SCENARIOS if each.name in NAMES]
    found = watch([(each, ("v4", "v6")[at % 2]) for at, each in enumerate(chosen)], 250 + os.getpid() % 5)
    yield {(each.scenario, each.host): each for each in found}


@pytest.mark.parametrize("host", ["client", "server"])
@pytest.mark.parametrize("name", NAMES)
def test_live_agrees_with_its_kernel(watched: dict[tuple[str, str], Watched], name: str, host: str) -> None:
    told = watched[name, host]
    assert told.unexplained == []
    assert told.confirmed >= (name in STAYING)
