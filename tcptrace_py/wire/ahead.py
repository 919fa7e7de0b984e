# cython: boundscheck=False, initializedcheck=False
"""A capture read and decoded by a thread of its own, ahead of who asks for its frames.

Compiled (see ``ahead.pxd``), and only compiled: the thread runs without the interpreter's lock, which the
uncompiled engine can not. It reads no captured byte itself: records are found by the reader's ``scan``,
headers by ``FastPath``. What it found goes through a ring of fixed size, slot by slot: a Segment for each
frame, and whole only the frames that the decoder built on dpkt must see.

A slot belongs to the thread, then to who asked, then to the thread again; two locks of each slot say to
whom. Nothing else is written by one and read by the other while both run.
"""

from __future__ import annotations

import threading
from array import array
from collections.abc import Callable

import cython
from cython.cimports.cpython.exc import PyErr_CheckSignals
from cython.cimports.cpython.pythread import (
    NOWAIT_LOCK,
    PY_LOCK_ACQUIRED,
    WAIT_LOCK,
    PyThread_acquire_lock,
    PyThread_allocate_lock,
    PyThread_free_lock,
    PyThread_release_lock,
)
from cython.cimports.libc.string import memcpy, memmove
from cython.cimports.tcptrace_py.capture import read_file
from cython.cimports.tcptrace_py.wire import SLOTS, acquire_lock_timed, fetch_line

from tcptrace_py.capture.batch import BATCH_FRAMES, FrameBatch
from tcptrace_py.capture.chunk import ChunkReader
from tcptrace_py.capture.inflater import Inflater
from tcptrace_py.wire.fast import FastPath
from tcptrace_py.wire.result import ICMP_ERROR, OTHER, TCP, UNDECODED
from tcptrace_py.wire.segment import Segment

#: Frames of a slot, unless told otherwise. A thousand take a fraction of a millisecond to follow.
SLOT_FRAMES = 1024
# What a slot has for whole frames at first: one of the largest usual size.
_FRAMES_BYTES = 262_144
# What lies before a Segment's numbers: what Python has in front of an object, the tunnel, times and frame.
_HEAD_BYTES = 48
_LINE_BYTES = 64
# How long is waited for a slot before signals are looked for.
_LOOK_US = 100_000


def _numbers_bytes() -> int:
    """Bytes of a Segment's numbers from its addresses on; what lies before them the decoder sets."""
    segment = Segment()
    begin = cython.cast(cython.p_char, cython.address(segment.src_hi))
    end = cython.cast(cython.p_char, cython.address(segment.has_timestamps))
    return end - begin + cython.sizeof(segment.has_timestamps)


NUMBERS_BYTES = _numbers_bytes()


def _numbers_of(segment: Segment) -> int:
    return cython.cast(cython.size_t, cython.address(segment.src_hi))


class Decoded:
    """What the thread found in the frames of a batch: the batch's ``decoded``.

    ``codes[i]``: what ``FastPath.decode`` said of frame ``i``; where that is TCP, ``segments[i]`` holds what
    it found. They are filled where they lie, by their addresses, while nobody else has the slot.
    """

    def __init__(self, frames: int, pause: Callable[[], object] | None = None) -> None:
        self.pause = pause
        self.codes = array("b", bytes(frames))
        #: The keys of ``wire.undecoded`` where the code is UNDECODED.
        self.unread = array("q", bytes(8 * frames))
        self.segments_count = frames
        self.segments = [Segment.__new__(Segment) for _ in range(frames)]
        #: Where the numbers of each begin.
        self.numbers = array("Q", bytes(8 * frames))
        for i in range(frames):
            self.numbers[i] = _numbers_of(self.segments[i])

    def fetch(self, i: int) -> None:
        """Have segment ``i``, if there is one, in the cache soon: it lies in that of another processor."""
        if i < self.segments_count:
            segment = cython.cast(cython.p_char, cython.cast(cython.size_t, self.numbers[i]))
            fetch_line(segment - _HEAD_BYTES)
            fetch_line(segment - _HEAD_BYTES + _LINE_BYTES)
            fetch_line(segment - _HEAD_BYTES + 2 * _LINE_BYTES)

    def breathe(self) -> int:
        if self.pause is not None:
            self.pause()
        return 0


class Ahead:
    """A capture reader (see ``tcptrace_py.capture.source``) that runs ``reader`` in a thread.

    Its batches are ``decoded``: only the frames are there that the fast path leaves, and of all ``ts_ns``.
    ``slot_frames``: how many frames a batch has at most. ``pause`` is called every few segments that are
    followed, where the thread needs the interpreter's lock. ``close`` ends the thread, wherever it is.
    """

    def __init__(
        self, reader: ChunkReader, slot_frames: int = SLOT_FRAMES, pause: Callable[[], object] | None = None
    ) -> None:
        self.reader = reader
        self.slot_frames = min(slot_frames, BATCH_FRAMES)
        self.segment = Segment()
        self.fast = FastPath()
        self.fast.open(reader.buffer)
        # A plain file's, to be read from directly; what is compressed has none.
        self.descriptor = getattr(reader.stream, "descriptor", -1)
        functions = reader.stream.functions() if hasattr(reader.stream, "functions") else None
        self.inflates = functions is not None
        if functions is not None:
            reader.stream = self.inflater = Inflater(reader.stream, functions)
        self.read_bytes = reader.stream.consumed_bytes
        self.offset = cython.address(self.reader.batch.offset[0])
        self.captured = cython.address(self.reader.batch.captured[0])
        self.original = cython.address(self.reader.batch.original[0])
        self.ts_ns = cython.address(self.reader.batch.ts_ns[0])
        self.link_type = cython.address(self.reader.batch.link_type[0])
        self.going = _new_lock()
        PyThread_acquire_lock(self.going, NOWAIT_LOCK)
        self.batches = []
        for number in range(SLOTS):
            batch = FrameBatch(self.slot_frames)
            decoded = Decoded(self.slot_frames, pause)
            batch.decoded = decoded
            self.batches.append(batch)
            slot = cython.address(self.slots[number])
            slot.free = _new_lock()
            slot.full = _new_lock()
            PyThread_acquire_lock(slot.full, NOWAIT_LOCK)
            slot.offset = cython.address(batch.offset[0])
            slot.captured = cython.address(batch.captured[0])
            slot.original = cython.address(batch.original[0])
            slot.ts_ns = cython.address(batch.ts_ns[0])
            slot.link_type = cython.address(batch.link_type[0])
            slot.codes = cython.address(decoded.codes[0])
            slot.unread = cython.address(decoded.unread[0])
            slot.numbers = cython.address(decoded.numbers[0])
            self._make_room(number, _FRAMES_BYTES)
        self.batch = self.batches[0]
        self.packets = 0
        self.problem = None
        self.consumed_bytes = self.read_bytes
        self.error = None
        self.writing = 0
        self.filling = False
        self.stopped = False
        self.reading = 0
        self.taken = False
        self.ended = False
        self.thread = threading.Thread(target=self._run, name="tcptrace-py reads ahead", daemon=True)
        self.thread.start()

    def __dealloc__(self) -> None:
        _free_lock(self.going)
        for number in range(SLOTS):
            _free_lock(self.slots[number].free)
            _free_lock(self.slots[number].full)

    # Of the one who asks.

    @property
    def name(self) -> str:
        return self.reader.name

    @property
    def path(self) -> str:
        return self.reader.path

    @property
    def format(self) -> str:
        return self.reader.format

    @property
    def compression(self) -> str | None:
        return self.reader.compression

    @property
    def size_bytes(self) -> int | None:
        return self.reader.size_bytes

    @property
    def link_types(self) -> set[str]:
        return self.reader.link_types

    @property
    def warnings(self) -> list[str]:
        return self.reader.warnings

    @property
    def dropped_by_kernel(self) -> int | None:
        return self.reader.dropped_by_kernel

    def next_batch(self) -> int:
        """The next frames, decoded, in ``batch``; how many, 0 at the end of the input."""
        if self.taken:
            self.taken = False
            PyThread_release_lock(self.slots[self.reading].free)
            self.reading = (self.reading + 1) % SLOTS
        if self.ended:
            self.batch.count = 0
            return 0
        slot = cython.address(self.slots[self.reading])
        got = PyThread_acquire_lock(slot.full, NOWAIT_LOCK)
        while not got:
            with cython.nogil:
                got = acquire_lock_timed(slot.full, _LOOK_US, True) == PY_LOCK_ACQUIRED
            if not got:
                PyErr_CheckSignals()
        self.taken = True
        self.batch = self.batches[self.reading]
        self.batch.count = slot.count
        self.batch.first_number = self.packets + 1
        self.packets += slot.count
        self.consumed_bytes = slot.consumed_bytes
        if slot.last:
            self._end()
            error = self.error
            if error is not None:
                # Only the one who catches it may keep it: it knows this reader.
                self.error = None
                raise error
        return slot.count

    def close(self) -> None:
        """Close the input; ``next_batch`` gives 0 from then on."""
        if not self.ended:
            PyThread_release_lock(self.going)
            for number in range(SLOTS):
                # Whoever has it: the thread may wait for it.
                PyThread_acquire_lock(self.slots[number].free, NOWAIT_LOCK)
                PyThread_release_lock(self.slots[number].free)
            self.taken = False
            self._end()
            self.error = None
        self.reader.close()

    def _end(self) -> None:
        """The thread has ended, or is about to."""
        self.ended = True
        self.thread.join()
        self.thread = None
        self.fast.close()
        self.problem = self.reader.problem

    # Of the thread.

    def _run(self) -> None:
        try:
            with cython.nogil:
                self._read()
        except BaseException as error:
            self.error = error
        with cython.nogil:
            if self._fill():
                self._hand_over(True)

    def _read(self) -> int:
        while not self.reader.finished and not self.stopped:
            count = self.reader.scan()
            if count > 0:
                self._decode(count)
                self.reader.packets += count
            elif not self.reader.finished:
                self._refill()
        return 0

    def _decode(self, count: int) -> int:
        """Frames ``0 <= i < count`` of the reader go into slots."""
        i = 0
        while i < count and self._fill():
            slot = cython.address(self.slots[self.writing])
            k = slot.count
            captured = self.captured[i]
            code = self.fast.frame(
                self.offset[i], captured, self.original[i], self.link_type[i], self.segment
            )
            if code == TCP:
                memcpy(
                    cython.cast(cython.p_void, cython.cast(cython.size_t, slot.numbers[k])),
                    cython.address(self.segment.src_hi),
                    NUMBERS_BYTES,
                )
            elif code == OTHER or code == ICMP_ERROR:
                if captured > slot.frames_bytes - slot.frames_used:
                    if k > 0:
                        self._hand_over(False)
                        continue
                    self._make_room(self.writing, captured)
                memcpy(slot.frames + slot.frames_used, self.reader.data + self.offset[i], captured)
                slot.offset[k] = slot.frames_used
                slot.captured[k] = captured
                slot.original[k] = self.original[i]
                slot.link_type[k] = self.link_type[i]
                slot.frames_used += captured
            elif code == UNDECODED:
                slot.unread[k] = self.fast.unread
            slot.codes[k] = code
            slot.ts_ns[k] = self.ts_ns[i]
            slot.count = k + 1
            i += 1
            if slot.count == self.slot_frames:
                self._hand_over(False)
        return 0

    def _fill(self) -> bool:
        """A slot can be filled; False where the thread is to end."""
        if self.filling or self.stopped:
            return self.filling
        slot = cython.address(self.slots[self.writing])
        if not PyThread_acquire_lock(slot.free, NOWAIT_LOCK):
            # All are full. They become free one after the other; to be woken for each would cost both threads
            # more than the frames of one.
            half = cython.address(self.slots[(self.writing + SLOTS // 2 - 1) % SLOTS])
            PyThread_acquire_lock(half.free, WAIT_LOCK)
            PyThread_release_lock(half.free)
            PyThread_acquire_lock(slot.free, WAIT_LOCK)
        if self._asked_to_stop():
            return False
        slot.count = 0
        slot.frames_used = 0
        self.filling = True
        return True

    def _hand_over(self, last: bool) -> None:
        slot = cython.address(self.slots[self.writing])
        slot.last = last
        slot.consumed_bytes = self.read_bytes
        self.filling = False
        self.writing = (self.writing + 1) % SLOTS
        PyThread_release_lock(slot.full)

    def _asked_to_stop(self) -> bool:
        """``close`` has let go of a lock that is held while the thread may go on."""
        if not self.stopped and PyThread_acquire_lock(self.going, NOWAIT_LOCK):
            self.stopped = True
        return self.stopped

    def _make_room(self, number: int, size_bytes: int) -> int:
        """A slot gets room for so many bytes of whole frames; those that it had are lost."""
        batch = self.batches[number]
        room = bytearray(size_bytes)
        batch.data = room
        self.slots[number].frames = room
        self.slots[number].frames_bytes = size_bytes
        return 0

    def _refill(self) -> int:
        """As the reader's ``refill``: by the system's own ``read`` where there is nothing else to it."""
        if self._asked_to_stop():
            return 0
        reader_bytes = self.fast.size
        left = self.reader.filled - self.reader.position
        if self.reader.need > reader_bytes or not (self.inflates or self.descriptor >= 0):
            return self._refill_by_reader()
        data = cython.cast(cython.p_char, self.reader.data)
        if self.reader.position > 0 and left > 0:
            memmove(data, data + self.reader.position, left)
        self.reader.position = 0
        self.reader.filled = left
        if self.inflates:
            got = self.inflater.read(data + left, reader_bytes - left)
        else:
            got = read_file(self.descriptor, data + left, reader_bytes - left)
        if got <= 0:
            # The end, or trouble: it meets the same and says what it means.
            return self._refill_by_reader()
        self.reader.filled += got
        self.read_bytes = self.inflater.taken_bytes() if self.inflates else self.read_bytes + got
        return 0

    def _refill_by_reader(self) -> int:
        stream = self.reader.stream
        if self.descriptor >= 0:
            stream.consumed_bytes = self.read_bytes
        self.reader.refill()
        self.read_bytes = stream.consumed_bytes
        self.fast.open(self.reader.buffer)
        return 0


def _new_lock() -> cython.p_void:
    lock = PyThread_allocate_lock()
    if lock == cython.NULL:
        raise MemoryError
    return lock


def _free_lock(lock: cython.p_void) -> None:
    if lock != cython.NULL:
        PyThread_free_lock(lock)
