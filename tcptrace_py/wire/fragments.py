"""IP datagrams in pieces, put together as far as the headers need it.

Only the front of a datagram is kept (the headers are there); of the other pieces only where
they lie, for the length. Memory is bounded whatever arrives.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import NamedTuple

# Bytes of a datagram that are kept from its front: enough for a few headers, tunnels included.
FRONT_BYTES = 512
# Linux' net.ipv4.ipfrag_time and net.ipv6.ip6frag_time; on the capture's clock.
MAX_AGE_NS = 30_000_000_000
MAX_DATAGRAMS = 1024
# Over all datagrams together; one alone can have 8192 (64 KiB in steps of 8).
MAX_PIECES = 32_768
MAX_DATAGRAM_BYTES = 65_535


class Whole(NamedTuple):
    """A datagram's payload, complete by its pieces' lengths."""

    #: The captured bytes of its front, without a gap; may be shorter than ``length_bytes``.
    front: bytes
    length_bytes: int
    #: The protocol that its first piece names.
    protocol: int


@dataclass(slots=True)
class _Partial:
    first_ns: int
    protocol: int = 0
    #: Where each piece begins, sorted; and where it ends.
    starts: list[int] = field(default_factory=list)
    ends: dict[int, int] = field(default_factory=dict)
    received_bytes: int = 0
    #: Where the datagram ends; -1 until the last piece was seen.
    end: int = -1
    fronts: dict[int, bytes] = field(default_factory=dict)
    #: Pieces overlapped or contradicted each other: never to be put together.
    rejected: bool = False
    #: What it carries is of no use: see ``Fragments.refuse``.
    refused: bool = False


class Fragments:
    """Collects the pieces of fragmented datagrams (RFC 791 section 3.2, RFC 8200 section 4.5).

    **Overlapping pieces reject their datagram**, with all its pieces still to come: RFC 5722
    and RFC 8200 demand so for IPv6, and Linux does the same for IPv4 since 4.20, for what an
    overlap shows depends on the receiver's taste, and only evasion makes overlaps. A piece that
    is there already, with the same ends, is a duplicate and ignored (RFC 8200 allows so): a
    capture may well hold each frame twice.
    """

    def __init__(self) -> None:
        self._partial: OrderedDict[tuple[int, ...], _Partial] = OrderedDict()
        self._pieces = 0

    def __len__(self) -> int:
        return len(self._partial)

    @property
    def pieces(self) -> int:
        """Pieces held, of all datagrams."""
        return self._pieces

    def add(
        self,
        key: tuple[int, ...],
        start: int,
        length: int,
        more: bool,
        captured: bytes,
        protocol: int,
        ts_ns: int,
    ) -> Whole | None:
        """Takes the piece of ``length`` bytes at offset ``start``; returns the datagram if that completes it.

        ``key`` identifies the datagram, ``more`` is the more-fragments flag, ``captured`` what was
        captured of the piece. Raises ``ValueError`` for a piece that no datagram can have.
        """
        end = start + length
        if length <= 0 or end > MAX_DATAGRAM_BYTES or (more and length % 8):
            raise ValueError("a fragment of an impossible length")
        partial = self._of(key, ts_ns)
        if partial.rejected or partial.ends.get(start) == end and more == (partial.end != end):
            return None
        if not self._fits(partial, start, end, more):
            self._reject(partial)
            return None
        insort(partial.starts, start)
        partial.ends[start] = end
        partial.received_bytes += length
        self._pieces += 1
        if start < FRONT_BYTES:
            partial.fronts[start] = captured[: FRONT_BYTES - start]
        if start == 0:
            partial.protocol = protocol
        if not more:
            partial.end = end
        if partial.received_bytes == partial.end:
            self._forget(key)
            return Whole(_front(partial), partial.end, partial.protocol)
        while self._pieces > MAX_PIECES:
            self._forget(next(iter(self._partial)))
        return None

    def refuse(self, key: tuple[int, ...], ts_ns: int) -> None:
        """Its first piece shows that nobody wants this datagram: nothing of it is kept from now on."""
        partial = self._of(key, ts_ns)
        self._reject(partial)
        partial.refused = True

    def refused(self, key: tuple[int, ...], ts_ns: int) -> bool:
        partial = self._partial.get(key)
        return partial is not None and partial.refused and abs(ts_ns - partial.first_ns) <= MAX_AGE_NS

    def _of(self, key: tuple[int, ...], ts_ns: int) -> _Partial:
        partial = self._partial.get(key)
        if partial is not None and abs(ts_ns - partial.first_ns) > MAX_AGE_NS:
            self._forget(key)
            partial = None
        if partial is None:
            partial = self._partial[key] = _Partial(ts_ns)
            while len(self._partial) > MAX_DATAGRAMS:
                self._forget(next(iter(self._partial)))
        return partial

    def _reject(self, partial: _Partial) -> None:
        self._pieces -= len(partial.starts)
        partial.rejected = True
        partial.starts.clear()
        partial.ends.clear()
        partial.fronts.clear()

    def _forget(self, key: tuple[int, ...]) -> None:
        self._pieces -= len(self._partial.pop(key).starts)

    @staticmethod
    def _fits(partial: _Partial, start: int, end: int, more: bool) -> bool:
        starts = partial.starts
        at = bisect_left(starts, start)
        if at < len(starts) and starts[at] < end:
            return False
        if at > 0 and partial.ends[starts[at - 1]] > start:
            return False
        if partial.end >= 0:
            # Beyond the datagram's end, or a second end.
            return more and end <= partial.end
        # The end it names lies before pieces that came already.
        return more or not starts or partial.ends[starts[-1]] <= start


class SetAside(Fragments):
    """Puts nothing together: for captures that are read one by one, where a datagram may be in two of them.

    ``pieces_met`` counts frames with a piece, all of which end there.
    """

    def __init__(self) -> None:
        super().__init__()
        self.pieces_met = 0

    def add(
        self,
        key: tuple[int, ...],
        start: int,
        length: int,
        more: bool,
        captured: bytes,
        protocol: int,
        ts_ns: int,
    ) -> Whole | None:
        self.pieces_met += 1
        return None

    def refuse(self, key: tuple[int, ...], ts_ns: int) -> None:
        """Whether it is wanted is for whoever puts it together."""

    def refused(self, key: tuple[int, ...], ts_ns: int) -> bool:
        return False


def _front(partial: _Partial) -> bytes:
    front = b""
    for start in sorted(partial.fronts):
        if start != len(front):
            break
        front += partial.fronts[start]
    return front
