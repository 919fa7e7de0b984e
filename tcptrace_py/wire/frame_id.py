"""A frame's name in the whole capture: its source, and its number there, in one integer.

Compiled (see ``frame_id.pxd``). 0 is no frame: numbers count from 1, as Wireshark's do. Ids of one source are
in the order of its frames.
"""

from __future__ import annotations

# The number takes the lower bits, the source (its index among the inputs) the upper.
_NUMBER_BITS = 40
# Not made by a shift: in C that would be one of 32 bits.
_NUMBER_MASK = 0xFF_FFFF_FFFF


def frame_id(source: int, number: int) -> int:
    """The id of frame ``number``, counted from 1, of the input of index ``source``."""
    return source << _NUMBER_BITS | number


def frame_number(frame: int) -> int:
    """The frame's number in its file, 0 for no frame."""
    return frame & _NUMBER_MASK


def frame_source(frame: int) -> int:
    """The index of its file among the inputs."""
    return frame >> _NUMBER_BITS
