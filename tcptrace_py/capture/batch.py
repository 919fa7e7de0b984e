"""What a capture reader hands on: a run of frames that lie in one buffer.

Compiled (see ``batch.pxd``). A reader fills the same batch again and again, so
whoever reads it must be done with its frames before asking for the next.
"""

from __future__ import annotations

from array import array
from typing import Any

# Frames one batch holds at most. A reader that finds more in its buffer keeps
# the rest for the next batch.
BATCH_FRAMES = 4096


class FrameBatch:
    """Frames ``0 <= i < count`` of one source, in the order of the file; there is room for ``frames``.

    ``data``            the buffer that all of them lie in (``bytes`` or ``bytearray``)
    ``offset[i]``       where frame ``i`` begins in ``data``, bytes
    ``captured[i]``     bytes of it that were captured (``offset + captured <= len(data)``)
    ``original[i]``     bytes it had on the wire, never less than ``captured[i]``
    ``ts_ns[i]``        time stamp, integer nanoseconds since the epoch
    ``link_type[i]``    LINKTYPE_ value of the interface it was seen on
    ``decoded``         what ``wire.ahead`` found in them; then ``ts_ns`` tells of all, the rest only of
                        what is left to be decoded
    ``first_number``    number of frame 0 in its file, which counts from 1 as Wireshark does
    """

    def __init__(self, frames: int = BATCH_FRAMES) -> None:
        self.data: bytes | bytearray = bytearray()
        self.count = 0
        self.first_number = 1
        self.offset = array("q", bytes(8 * frames))
        self.captured = array("q", bytes(8 * frames))
        self.original = array("q", bytes(8 * frames))
        self.ts_ns = array("q", bytes(8 * frames))
        self.link_type = array("q", bytes(8 * frames))
        self.decoded: Any = None
