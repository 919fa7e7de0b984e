"""A guard against slow growth: what is alive of a connection, by the sizes of what it is made of."""

from __future__ import annotations

import pytest

from tcptrace_py.engine import engine
from tcptrace_py.tcp import journal
from tcptrace_py.tcp.connection import Connection
from tcptrace_py.tcp.endpoint import Endpoint

# Transitions of a connection that opens and closes: five of the client, six of the server.
HISTORY = 11
ENTRY_BYTES = 3 * 8
# The target is 700; this is what there is.
CONNECTION_BYTES = 1_448

pytestmark = pytest.mark.skipif(engine() != "compiled", reason="sizes are those of compiled objects")


def test_a_connection_with_both_endpoints_and_its_history() -> None:
    assert journal._FIELDS * 8 == ENTRY_BYTES
    sizes = Connection.__basicsize__ + 2 * Endpoint.__basicsize__ + HISTORY * ENTRY_BYTES
    assert sizes <= CONNECTION_BYTES
