"""Mutations that know the structure: of packets and connections first, of files and bytes last."""

from __future__ import annotations

import random
import struct

from fuzz.captures import Frame, compressed, container

_WORDS = (0, 1, 2, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0xFFFFFFFE, 0xFFFF, 0x10000)
_TIMES_NS = (
    0,
    1,
    -1,
    1_000_000,
    10**9,
    61 * 10**9,
    127 * 10**9,
    86_400 * 10**9,
    2**61,
    2**62,
    2**63 - 1,
    -(10**12),
)
_LINK_TYPES = (
    0,
    1,
    9,
    10,
    12,
    50,
    51,
    101,
    104,
    105,
    108,
    113,
    119,
    127,
    192,
    228,
    229,
    239,
    276,
    147,
    65535,
)
#: More frames than this teach nothing new, and take long.
MOST_FRAMES = 80


def tcp_at(frame: Frame) -> int:
    """Where the TCP header of a plain frame begins; -1 in any other."""
    data = frame.data
    start = {1: 14, 101: 0, 12: 0, 113: 16, 0: 4, 108: 4, 276: 20}.get(frame.link_type, -1)
    if start < 0 or len(data) < start + 20:
        return -1
    if data[start] >> 4 == 4 and data[start + 9] == 6:
        at = start + (data[start] & 15) * 4
    elif data[start] >> 4 == 6 and len(data) > start + 60 and data[start + 6] == 6:
        at = start + 40
    else:
        return -1
    return at if len(data) >= at + 20 else -1


class Mutator:
    """Makes hostile captures of good ones; the same seed makes the same."""

    def __init__(self, seed: int, corpus: list[list[Frame]]) -> None:
        self._random = random.Random(seed)
        self._corpus = corpus
        self._ways = (
            self._numbers, self._numbers, self._flags, self._flags, self._times, self._times, self._order,
            self._repeat, self._drop, self._cut, self._swap_ends, self._one_four_tuple, self._splice,
            self._link_type, self._bytes, self._options, self._window, self._protocol,
        )  # fmt: skip

    def frames(self) -> list[Frame]:
        """Some frames in a row of a capture of the corpus, changed a few times."""
        chosen = self._random.choice(self._corpus)
        start = self._random.randrange(max(1, len(chosen) - 8)) if self._random.random() < 0.5 else 0
        frames = chosen[start : start + self._random.choice((6, 20, MOST_FRAMES))]
        for _ in range(self._random.choice((1, 2, 4, 8, 16))):
            if frames:
                frames = self._random.choice(self._ways)(frames)[: 2 * MOST_FRAMES]
        return frames

    def file(self) -> bytes:
        """A capture file of such frames, sometimes compressed, sometimes damaged."""
        data = container(self.frames(), self._random)
        if self._random.random() < 0.3:
            data = self.damaged(data)
        if self._random.random() < 0.1:
            data = compressed(data, self._random)
            if self._random.random() < 0.5:
                data = self.damaged(data)
        return data

    def damaged(self, data: bytes) -> bytes:
        """Bytes changed, cut out, put in, or replaced by telling numbers."""
        made = bytearray(data)
        for _ in range(self._random.choice((1, 1, 2, 5, 20))):
            if not made:
                break
            at = self._random.randrange(len(made))
            way = self._random.randrange(6)
            if way == 0:
                made[at] = self._random.randrange(256)
            elif way == 1:
                del made[at:]
            elif way == 2:
                del made[at : at + self._random.choice((1, 2, 4, 16, 100))]
            elif way == 3:
                made[at:at] = self._random.randbytes(self._random.choice((1, 2, 4, 16)))
            elif way == 4:
                word = struct.pack(self._random.choice("<>") + "I", self._random.choice(_WORDS))
                made[at : at + 4] = word
            else:
                made[at] ^= 1 << self._random.randrange(8)
        return bytes(made)

    # --- of frames: each takes a list and gives another

    def _pick(self, frames: list[Frame]) -> int:
        return self._random.randrange(len(frames))

    def _patched(self, frames: list[Frame], at: int, new: bytes, i: int | None = None) -> list[Frame]:
        """``new`` at an offset into the TCP header of one frame."""
        i = self._pick(frames) if i is None else i
        tcp = tcp_at(frames[i])
        if tcp < 0:
            return frames
        data = frames[i].data
        data = data[: tcp + at] + new + data[tcp + at + len(new) :]
        return [*frames[:i], frames[i]._replace(data=data), *frames[i + 1 :]]

    def _numbers(self, frames: list[Frame]) -> list[Frame]:
        i = self._pick(frames)
        tcp = tcp_at(frames[i])
        if tcp < 0:
            return frames
        at = self._random.choice((4, 8))
        (number,) = struct.unpack_from("!I", frames[i].data, tcp + at)
        near = self._random.choice((-1, 1, -2, 2, 100, -100, 65536, -65536, 1 << 20, 1 << 31))
        other = frames[self._pick(frames)]
        theirs = tcp_at(other)
        copied = (
            struct.unpack_from("!I", other.data, theirs + self._random.choice((4, 8)))[0]
            if theirs >= 0
            else 0
        )
        number = self._random.choice(
            (number + near, number + near, copied, copied + near, self._random.choice(_WORDS))
        )
        return self._patched(frames, at, struct.pack("!I", number & 0xFFFFFFFF), i)

    def _flags(self, frames: list[Frame]) -> list[Frame]:
        flags = self._random.choice(
            (2, 18, 16, 17, 1, 4, 20, 24, 25, 3, 6, 0, 255, 194, self._random.randrange(256))
        )
        return self._patched(frames, 13, bytes((flags,)))

    def _window(self, frames: list[Frame]) -> list[Frame]:
        return self._patched(frames, 14, struct.pack("!H", self._random.choice((0, 1, 100, 65535))))

    def _options(self, frames: list[Frame]) -> list[Frame]:
        i = self._pick(frames)
        tcp = tcp_at(frames[i])
        if tcp < 0:
            return frames
        words = self._random.choice((5, 6, 8, 10, 15, 4, 0))
        options = self._random.choice(
            (
                b"\x01\x01\x08\x0a",
                b"\x03\x03\x0e\x00",
                b"\x03\x03\xff\x00",
                b"\x05\x22",
                b"\x02\x04\x00\x00",
                b"\x22\x00",
            )
        ) + self._random.randbytes(38)
        data = frames[i].data
        data = (
            data[: tcp + 12]
            + bytes((words << 4,))
            + data[tcp + 13 : tcp + 20]
            + options[: max(0, words * 4 - 20)]
        )
        return [*frames[:i], frames[i]._replace(data=data, original=len(data)), *frames[i + 1 :]]

    def _times(self, frames: list[Frame]) -> list[Frame]:
        i = self._pick(frames)
        shift_ns = self._random.choice(_TIMES_NS) * self._random.choice((1, 1, -1))
        way = self._random.randrange(4)
        if way == 0:
            return [*frames[:i], frames[i]._replace(ts_ns=shift_ns), *frames[i + 1 :]]
        if way == 1:
            return [*frames[:i], *(each._replace(ts_ns=each.ts_ns + shift_ns) for each in frames[i:])]
        if way == 2:
            return [each._replace(ts_ns=frames[i].ts_ns) for each in frames]
        first_ns = frames[0].ts_ns
        return [each._replace(ts_ns=2 * first_ns - each.ts_ns) for each in frames]

    def _order(self, frames: list[Frame]) -> list[Frame]:
        made = list(frames)
        if self._random.random() < 0.2:
            made.reverse()
            return made
        i, j = self._pick(made), self._pick(made)
        made[i], made[j] = made[j], made[i]
        return made

    def _repeat(self, frames: list[Frame]) -> list[Frame]:
        i = self._pick(frames)
        step_ns = self._random.choice((0, 1000, 10**9))
        times = self._random.choice((1, 1, 3, 40))
        copies = [frames[i]._replace(ts_ns=frames[i].ts_ns + step_ns * (n + 1)) for n in range(times)]
        at = self._random.choice((i + 1, len(frames)))
        return [*frames[:at], *copies, *frames[at:]]

    def _drop(self, frames: list[Frame]) -> list[Frame]:
        i = self._pick(frames)
        return frames[:i] + frames[i + self._random.choice((1, 1, 2, 5)) :]

    def _cut(self, frames: list[Frame]) -> list[Frame]:
        if self._random.random() < 0.5:
            snap_bytes = self._random.choice((20, 40, 54, 58, 66, 74))
            return [each._replace(data=each.data[:snap_bytes]) for each in frames]
        i = self._pick(frames)
        data = frames[i].data[: self._random.randrange(len(frames[i].data) + 1)]
        return [*frames[:i], frames[i]._replace(data=data), *frames[i + 1 :]]

    def _swap_ends(self, frames: list[Frame]) -> list[Frame]:
        """Ports the other way round: the other side said it."""
        i = self._pick(frames)
        tcp = tcp_at(frames[i])
        if tcp < 0:
            return frames
        data = frames[i].data
        return self._patched(frames, 0, data[tcp + 2 : tcp + 4] + data[tcp : tcp + 2], i)

    def _one_four_tuple(self, frames: list[Frame]) -> list[Frame]:
        """All frames of one direction's bytes before TCP's numbers: reuse upon reuse."""
        i = self._pick(frames)
        tcp = tcp_at(frames[i])
        if tcp < 0:
            return frames
        head = frames[i].data[: tcp + 4]
        return [
            each._replace(data=head + each.data[tcp + 4 :])
            if tcp_at(each) == tcp and self._random.random() < 0.7
            else each
            for each in frames
        ]

    def _splice(self, frames: list[Frame]) -> list[Frame]:
        other = self._random.choice(self._corpus)[: self._random.choice((3, 10, 30))]
        i = self._pick(frames)
        return [*frames[:i], *other, *frames[i:]]

    def _link_type(self, frames: list[Frame]) -> list[Frame]:
        link_type = self._random.choice(_LINK_TYPES)
        if self._random.random() < 0.3:
            return [each._replace(link_type=link_type) for each in frames]
        i = self._pick(frames)
        return [*frames[:i], frames[i]._replace(link_type=link_type), *frames[i + 1 :]]

    def _protocol(self, frames: list[Frame]) -> list[Frame]:
        """What the IP header, or the one before it, says of the next."""
        i = self._pick(frames)
        data = bytearray(frames[i].data)
        start = {1: 14, 101: 0}.get(frames[i].link_type, 14)
        at = self._random.choice(
            (start - 2, start - 1, start, start + 2, start + 3, start + 6, start + 7, start + 9)
        )
        if 0 <= at < len(data):
            data[at] = self._random.choice(
                (0, 1, 4, 6, 17, 41, 43, 44, 47, 50, 51, 60, 0x45, 0x46, 0x60, 0xFF)
            )
        return [*frames[:i], frames[i]._replace(data=bytes(data)), *frames[i + 1 :]]

    def _bytes(self, frames: list[Frame]) -> list[Frame]:
        i = self._pick(frames)
        return [*frames[:i], frames[i]._replace(data=self.damaged(frames[i].data)), *frames[i + 1 :]]
