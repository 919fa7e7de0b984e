# cython: boundscheck=False, initializedcheck=False
"""Frames of a batch to TCP segments: the fast path first, then the decoder built on dpkt.

Compiled (see ``decoder.pxd``).
"""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING, Any

from tcptrace_py.wire.fast import FastPath
from tcptrace_py.wire.frame_id import frame_id
from tcptrace_py.wire.place import place
from tcptrace_py.wire.result import (
    CODES,
    ELSEWHERE,
    ICMP_ERROR,
    MALFORMED,
    NOT_TCP,
    OTHER,
    SKIPPED_NAMES,
    TCP,
    TRUNCATED,
    UNDECODED,
    UNKNOWN_LINK,
)
from tcptrace_py.wire.segment import Segment
from tcptrace_py.wire.undecoded import (
    KEY_SHIFT,
    LINK_TYPE,
    MAX_KEYS,
    REST,
    Undecoded,
    mostly_unread,
    undecoded,
)

if TYPE_CHECKING:
    from tcptrace_py.capture.batch import FrameBatch
    from tcptrace_py.wire.by_dpkt import DpktDecoder
    from tcptrace_py.wire.fragments import Fragments
    from tcptrace_py.wire.icmp import IcmpError


# So many segments before one is asked for it is fetched.
FETCHED_AHEAD = 32


class Decoder:
    """Decodes batches of frames, one after the other, and counts what became of them.

    For each batch: ``begin``, then ``decode`` for each of its frames, then ``end``, also when
    something was raised in between. ``segment`` is the Segment that is filled again and
    again; it can be set to another, and of a batch that is ``decoded`` each frame has its own.
    Of ``parts`` parts of the capture (see ``wire.place``) it gives the
    segments of ``part``; those of others are ELSEWHERE, and only the part that has them counts them.
    ``fragments`` puts datagrams together, if not one of its own.
    """

    def __init__(self, part: int = 0, parts: int = 1, fragments: Fragments | None = None) -> None:
        self.part = part
        self.parts = parts
        self.segment = Segment()
        #: The last ICMP error: what ``decode`` found when it last returned ICMP_ERROR.
        self.icmp_error: IcmpError | None = None
        #: Frames that were TCP segments.
        self.tcp_segments = 0
        #: Frames by what in them no decoder knows: a key of ``wire.undecoded``.
        self.unread: dict[int, int] = {}
        self.counts = array("q", bytes(8 * CODES))
        self.fast = FastPath(part, parts)
        self.decoded: Any = None
        self.view = memoryview(b"")
        self.frame_base = 0
        self.fragments = fragments
        self.by_dpkt: DpktDecoder | None = None

    def begin(self, batch: FrameBatch, source: int = 0) -> None:
        """Takes a view of ``batch.data``, which can not be resized until ``end``.

        ``source`` is the number of the batch's source, for ``Segment.frame``.
        """
        self.end()
        self.view = memoryview(batch.data)
        self.fast.open(batch.data)
        self.decoded = batch.decoded
        self.frame_base = frame_id(source, batch.first_number)

    def end(self) -> None:
        """Lets go of the batch's buffer. Harmless where no batch is open."""
        self.fast.close()
        self.decoded = None
        self.view.release()
        self.view = memoryview(b"")

    def decode(self, batch: FrameBatch, i: int) -> int:
        """Decodes frame ``i`` of the batch that was given to ``begin``; returns a code of ``wire.result``.

        ``segment.ts_ns`` and ``segment.frame`` are set for every frame, the rest of ``segment``
        only where the code is TCP; ``icmp_error`` is set where it is ICMP_ERROR. Never returns
        OTHER or UNDECODED, and ELSEWHERE only where there are several parts. Whatever the bytes, raises
        nothing.
        """
        if self.decoded is not None:
            self.segment = self.decoded.segments[i]
            self.decoded.fetch(i + FETCHED_AHEAD)
        segment = self.segment
        segment.ts_ns = batch.ts_ns[i]
        segment.frame = self.frame_base + i
        if segment.tunnel is not None:
            segment.tunnel = None
        if self.decoded is None:
            code = self.fast.decode(
                batch.offset[i], batch.captured[i], batch.original[i], batch.link_type[i], segment
            )
        else:
            code = self.decoded.codes[i]
        if code == TCP:
            self.tcp_segments += 1
            return code
        if code == OTHER or code == ICMP_ERROR:
            code = self.ask_dpkt(batch, i)
            if code == TCP:
                if self.parts > 1 and place(segment) % self.parts != self.part:
                    return ELSEWHERE
                self.tcp_segments += 1
                return code
        elif code == UNDECODED:
            self.count_unread(self.fast.unread if self.decoded is None else self.decoded.unread[i])
            code = NOT_TCP
        self.counts[code] += 1
        return code

    def breathe(self) -> None:
        """A thread that decompresses gets the interpreter's lock here, if it has waited for it."""
        if self.decoded is not None:
            self.decoded.breathe()

    def ask_dpkt(self, batch: FrameBatch, i: int) -> int:
        by_dpkt = self.by_dpkt
        if by_dpkt is None:
            # Imported only when a frame asks for it: most captures never do, and dpkt takes
            # as long to import as a small capture takes to read.
            from tcptrace_py.wire.by_dpkt import DpktDecoder

            by_dpkt = self.by_dpkt = DpktDecoder(self.fragments)
        start = batch.offset[i]
        link_type = batch.link_type[i]
        frame = bytes(self.view[start : start + batch.captured[i]])
        code = by_dpkt.decode(frame, batch.original[i], link_type, self.segment)
        if code == ICMP_ERROR:
            self.icmp_error = by_dpkt.icmp_error
        elif code == UNKNOWN_LINK or code == UNDECODED:
            self.count_unread(by_dpkt.unread)
            if code == UNDECODED:
                code = NOT_TCP
        return code

    def count_unread(self, key: int) -> None:
        unread = self.unread
        if key not in unread and len(unread) >= MAX_KEYS:
            key = REST
        unread[key] = unread.get(key, 0) + 1

    def undecoded(self) -> list[Undecoded]:
        """What may carry TCP and could not be read, the most packets first."""
        return undecoded(self.unread)

    def blind(self) -> bool:
        """Nothing, or less than half of what carries IP, could be decoded."""
        cut = self.counts[TRUNCATED] + self.counts[MALFORMED]
        read = self.tcp_segments + sum(self.counts) - cut
        return mostly_unread(self.unread, cut, read, self.tcp_segments)

    @property
    def unknown_link_types(self) -> list[int]:
        """LINKTYPE_ values that no decoder knows, in the order met, without repeats."""
        return [key & 0xFFFFFFFF for key in self.unread if key >> KEY_SHIFT == LINK_TYPE]

    def skipped(self) -> dict[str, int]:
        """Frames that were no TCP segments, by reason: every key of ``SKIPPED_NAMES`` is there."""
        return {name: self.counts[code] for code, name in SKIPPED_NAMES.items()}
