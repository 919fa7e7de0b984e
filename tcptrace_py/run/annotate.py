"""Captures written anew, for Wireshark: comments at frames, only some connections, other addresses.

The captures are read a second time, so they have to be files. One pcapng is copied block by block;
everything else is written as one section with an interface for each file and link type.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

from tcptrace_py.capture import pcapng_writer
from tcptrace_py.capture.batch import FrameBatch
from tcptrace_py.capture.chunk import Stream
from tcptrace_py.capture.error import CaptureError
from tcptrace_py.capture.merge import merge
from tcptrace_py.capture.pcapng_blocks import MAGIC
from tcptrace_py.capture.pcapng_copy import NAME_RESOLUTION, blocks, copied
from tcptrace_py.capture.source import open_sources
from tcptrace_py.capture.stream import open_stream
from tcptrace_py.report.formats.comments import Comments
from tcptrace_py.report.model.model import Connection
from tcptrace_py.wire.address import parse_address
from tcptrace_py.wire.anonymize import Anonymizer
from tcptrace_py.wire.decoder import Decoder
from tcptrace_py.wire.icmp import IcmpError
from tcptrace_py.wire.result import ICMP_ERROR, TCP
from tcptrace_py.wire.segment import Segment

_APPLICATION = "tcptrace-py"

#: Frames by ``(source, frame)``.
Frames = Collection[tuple[int, int]]
_End = tuple[int, int, int]


@dataclass(slots=True)
class Written:
    """``left_out``: frames that could not be made anonymous, and so are not in the file."""

    frames: int = 0
    left_out: int = 0


def annotated(
    captures: Sequence[str | os.PathLike[str]],
    comments: Comments,
    written: Written,
    keep: Frames | None = None,
    anonymizer: Anonymizer | None = None,
) -> Iterator[bytes]:
    """The pieces of a pcapng with the frames of ``captures``, or those that are in ``keep``.

    ``written`` tells how many there were once all pieces were taken. Raises ``CaptureError`` if no capture
    can be read.
    """
    if len(captures) == 1 and anonymizer is None:
        stream, head = open_stream(captures[0])
        try:
            if head[:4] == MAGIC:
                yield from _copied(stream, head, comments, written, keep)
                return
        finally:
            stream.close()
    yield from _rewritten(captures, comments, written, keep, anonymizer)


def _copied(
    stream: Stream, head: bytes, comments: Comments, written: Written, keep: Frames | None
) -> Iterator[bytes]:
    def texts(frame: int) -> Sequence[str]:
        written.frames += 1
        return comments.get((0, frame), ())

    def kept(frame: int) -> bool:
        return keep is None or (0, frame) in keep

    return copied(stream, head, texts, None if keep is None else kept)


def _rewritten(
    captures: Sequence[str | os.PathLike[str]],
    comments: Comments,
    written: Written,
    keep: Frames | None,
    anonymizer: Anonymizer | None,
) -> Iterator[bytes]:
    readers, _ = open_sources(captures)
    interfaces: dict[tuple[int, int], int] = {}
    try:
        yield pcapng_writer.section_header(_APPLICATION)
        if anonymizer is None:
            for path in captures:
                yield from _names(path)
        for source, batch, lo, hi in merge(readers):
            for i in range(lo, hi):
                place = (source, batch.first_number + i)
                if keep is not None and place not in keep:
                    continue
                link_type = batch.link_type[i]
                at = batch.offset[i]
                frame = bytes(memoryview(batch.data)[at : at + batch.captured[i]])
                texts = comments.get(place, [])
                if anonymizer is not None:
                    other = anonymizer.frame(link_type, frame, batch.original[i])
                    if other is None:
                        written.left_out += 1
                        continue
                    frame = other
                    texts = [anonymizer.text(text) for text in texts]
                number = interfaces.get((source, link_type))
                if number is None:
                    number = interfaces[source, link_type] = len(interfaces)
                    # What an anonymous capture was called is nobody's business.
                    name = "" if anonymizer is not None else os.path.basename(readers[source].name)
                    yield pcapng_writer.interface(link_type, name=name)
                written.frames += 1
                yield pcapng_writer.packet(number, batch.ts_ns[i], batch.original[i], frame, texts)
    finally:
        for reader in readers:
            reader.close()


def _names(path: str | os.PathLike[str]) -> Iterator[bytes]:
    """The name resolution that a pcapng carries, which fits a section of the same byte order."""
    try:
        stream, head = open_stream(path)
    except CaptureError:
        return
    try:
        if head[:4] == MAGIC:
            for block in blocks(stream, head):
                if block.kind == NAME_RESOLUTION and block.order == "<":
                    yield block.data
    finally:
        stream.close()


def frames_of(
    captures: Sequence[str | os.PathLike[str]], connections: Iterable[Connection]
) -> set[tuple[int, int]]:
    """The frames between the same two ends as any of ``connections``, ICMP errors about them too."""
    wanted = {
        frozenset((_end(each.client.address, each.client.port), _end(each.server.address, each.server.port)))
        for each in connections
    }
    found: set[tuple[int, int]] = set()
    decoder = Decoder()
    readers, _ = open_sources(captures)
    try:
        for source, batch, lo, hi in merge(readers):
            decoder.begin(batch, source)
            try:
                found.update(_among(decoder, batch, source, lo, hi, wanted))
            finally:
                decoder.end()
    finally:
        for reader in readers:
            reader.close()
    return found


def _among(
    decoder: Decoder, batch: FrameBatch, source: int, lo: int, hi: int, wanted: set[frozenset[_End]]
) -> Iterator[tuple[int, int]]:
    for i in range(lo, hi):
        code = decoder.decode(batch, i)
        about: Segment | IcmpError | None
        if code == TCP:
            about = decoder.segment
        elif code == ICMP_ERROR:
            about = decoder.icmp_error
        else:
            continue
        if about is not None:
            ends = (
                (about.src_hi, about.src_lo, about.src_port),
                (about.dst_hi, about.dst_lo, about.dst_port),
            )
            if frozenset(ends) in wanted:
                yield source, batch.first_number + i


def _end(address: str, port: int) -> _End:
    hi, lo, _ = parse_address(address)
    return hi, lo, port
