"""Words that ended a silence on connections that went on afterwards, as they are kept."""

from __future__ import annotations

from typing import NamedTuple


class Spoken(NamedTuple):
    """Who (``by_client``) ended the longest silence of a connection, when, and after how long.

    ``first_ns``: the connection's first segment; ``subflow``: it is one of Multipath TCP.
    """

    client: tuple[int, int, int]
    service: tuple[int, int, int, int]
    subflow: bool
    by_client: bool
    first_ns: int
    quiet_ns: int
    ns: int
