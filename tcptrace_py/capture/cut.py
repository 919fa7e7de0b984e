"""Cuts frames out of captures into a small pcap, which dpkt writes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from io import BytesIO
from tempfile import SpooledTemporaryFile
from typing import NamedTuple

import dpkt

from tcptrace_py.capture.error import CaptureError
from tcptrace_py.capture.linktype import link_type_name

#: Kept in memory; beyond that a temporary file takes over.
_IN_MEMORY_BYTES = 64 * 1024 * 1024
#: As the pcap format has it (the largest snap length that libpcap accepts).
_SNAP_LENGTH_BYTES = 262144
_LAST_SECOND = (1 << 32) - 1


class _Place(NamedTuple):
    frame_id: int
    ts_ns: int
    link_type: int
    original_bytes: int
    at: int
    captured_bytes: int


@dataclass(frozen=True, slots=True)
class Cut:
    """What was cut: how many frames, and of how many bytes as captured."""

    frames: int
    bytes: int


class KeptFrames:
    """Frames put aside while a capture is read, in the order of ``add``."""

    def __init__(self) -> None:
        self._places: list[_Place] = []
        self._store = SpooledTemporaryFile(max_size=_IN_MEMORY_BYTES)  # noqa: SIM115
        self._end = 0

    def add(self, frame_id: int, ts_ns: int, link_type: int, original_bytes: int, frame: bytes) -> None:
        self._places.append(_Place(frame_id, ts_ns, link_type, original_bytes, self._end, len(frame)))
        self._store.write(frame)
        self._end += len(frame)

    def keep_only(self, frame_ids: Iterable[int]) -> None:
        """Forget the frames whose id is not among ``frame_ids``, and any second copy of one."""
        wanted = set(frame_ids)
        places = {place.frame_id: place for place in self._places if place.frame_id in wanted}
        self._places = list(places.values())

    def extent(self) -> Cut:
        return Cut(len(self._places), sum(place.captured_bytes for place in self._places))

    def pcap(self) -> Iterator[bytes]:
        """The pieces of a pcap with nanoseconds that holds the frames, bytes on the wire included.

        Raises ``CaptureError`` where a pcap can not hold them: frames of several link types, or
        times before 1970 or after 2106.
        """
        links = sorted({place.link_type for place in self._places})
        if len(links) > 1:
            names = ", ".join(link_type_name(link) for link in links)
            raise CaptureError(f"a pcap holds one link type, and the connection was captured on {names}")
        for place in self._places:
            if not 0 <= place.ts_ns // 1_000_000_000 <= _LAST_SECOND:
                raise CaptureError("a pcap holds times from 1970 to 2106 only")
        return self._pieces(links[0] if links else 1)

    def _pieces(self, link_type: int) -> Iterator[bytes]:
        head = BytesIO()
        longest = max((place.captured_bytes for place in self._places), default=0)
        dpkt.pcap.Writer(head, snaplen=max(_SNAP_LENGTH_BYTES, longest), linktype=link_type, nano=True)
        yield head.getvalue()
        # dpkt's writer would take the captured length for the length on the wire; its header does not.
        header = dpkt.pcap.LEPktHdr if head.getvalue()[:4] == b"\x4d\x3c\xb2\xa1" else dpkt.pcap.PktHdr
        for place in self._places:
            seconds, nanoseconds = divmod(place.ts_ns, 1_000_000_000)
            yield bytes(
                header(
                    tv_sec=seconds,
                    tv_usec=nanoseconds,
                    caplen=place.captured_bytes,
                    len=min(place.original_bytes, _LAST_SECOND),
                )
            )
            self._store.seek(place.at)
            yield self._store.read(place.captured_bytes)
