"""Connections that clients left without an answer, as they are kept."""

from __future__ import annotations

from typing import NamedTuple


class Left(NamedTuple):
    """A connection that its client closed when its last word had no answer; ``port`` is the client's."""

    client: tuple[int, int, int]
    port: int
    service: tuple[int, int, int, int]
    asked_ns: int
    closed_ns: int

    @property
    def waited_ns(self) -> int:
        return self.closed_ns - self.asked_ns
