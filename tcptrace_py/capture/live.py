"""Live capture from an interface, through pcapy-ng.

What pcapy-ng 2.1 gives and what not decides how: it can set snap length, buffer and
time-out, but has no immediate mode, and its ``next_batch`` waits for ever on a silent
interface whatever the time-out. So the handle is set not to block, and ``poll`` on its
descriptor waits. The kernel hands a block of frames over when it is full or `DELIVERY_MS`
after its first frame, which is soon enough for people and keeps a busy interface cheap.
"""

from __future__ import annotations

import os
from typing import Any

from tcptrace_py.capture.batch import BATCH_FRAMES, FrameBatch
from tcptrace_py.capture.error import CaptureError
from tcptrace_py.capture.interfaces import GONE, interface_state, names_here
from tcptrace_py.capture.libpcap import compile_filter, libpcap, require_linux
from tcptrace_py.capture.linktype import canonical_link_type, link_type_name
from tcptrace_py.capture.live_frames import fill

#: Linux cooked v2 (20), four VLAN tags (16), IPv6 (40) and extension headers (56), and TCP with
#: all options that fit (60).
SNAP_BYTES = 192
BUFFER_BYTES = 32 * 1024 * 1024
#: The kernel delivers a frame no later than this after it was seen.
DELIVERY_MS = 10

# TCP (also in fragments), ICMP errors, and IPv6 packets whose next header is an extension
# header (hop-by-hop, routing, fragment, destination options): libpcap's `tcp` does not look behind it.
_OURS = (
    "tcp"
    " or (icmp and (icmp[0] == 3 or icmp[0] == 4 or icmp[0] == 11 or icmp[0] == 12))"
    " or (icmp6 and ip6[40] >= 1 and ip6[40] <= 4)"
    " or (ip6 and (ip6[6] == 0 or ip6[6] == 43 or ip6[6] == 44 or ip6[6] == 60))"
)
# Words after which libpcap looks for the rest of an expression behind another header.
_SHIFTS = ("vlan", "mpls", "pppoes", "geneve")

# libpcap names some link types by its own DLT_ numbers.
_LINKTYPE = {11: 100, 15: 102, 16: 103, 19: 106}
_COUNTER = 1 << 32


def capture_filters(expression: str | None) -> list[str]:
    """What to try as the filter, best first; a link type without VLANs takes only the last."""
    ours = _OURS if expression is None else f"({_OURS}) and ({expression})"
    if expression is not None and any(word in expression for word in _SHIFTS):
        return [ours]
    # Each `vlan` makes libpcap look behind one more tag; two are QinQ.
    return [f"({ours}) or (vlan and (({ours}) or (vlan and ({ours}))))", ours]


def missing_permission() -> str:
    """How to get the right to capture, or the empty string where this process has it."""
    import socket

    try:
        socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0).close()
    except PermissionError:
        import sys

        python = os.path.realpath(sys.executable)
        return (
            "capturing needs the right CAP_NET_RAW: run it with sudo, or once"
            f" 'sudo setcap cap_net_raw,cap_net_admin=eip {python}'"
        )
    except OSError as error:
        return f"this kernel gives no packet sockets ({error.strerror})"
    return ""


class LiveCapture:
    """An open interface; the constructor raises ``CaptureError`` with one line that says why it can not be.

    ``next_batch`` fills ``batch`` (its ``first_number`` counts on). ``problem`` is the one
    line that says why the capture ended by itself (the interface is gone), else None. An interface
    that is only down comes back: ``down`` says that it is, ``downs`` how often it was.
    """

    format = "live"
    #: It is on another host, with a clock of its own.
    is_remote = False

    def __init__(
        self,
        interface: str,
        *,
        expression: str | None = None,
        snap_bytes: int = SNAP_BYTES,
        buffer_bytes: int = BUFFER_BYTES,
        promiscuous: bool = True,
    ) -> None:
        require_linux("live capture")
        pcapy = libpcap("live capture")
        self._error: type[Exception] = pcapy.PcapError
        self.path = interface
        #: The user's filter.
        self.expression = expression
        self.batch = FrameBatch()
        self.packets = 0
        self.consumed_bytes = 0
        self.problem: str | None = None
        self.snap_bytes = snap_bytes
        self.down = False
        self.downs = 0
        self._index = 0
        self._dropped = 0
        self._last_dropped = 0
        if interface != "any":
            self._require(interface)
        try:
            handle: Any = pcapy.create(interface)
            handle.set_snaplen(snap_bytes)
            handle.set_promisc(1 if promiscuous and interface != "any" else 0)
            handle.set_timeout(DELIVERY_MS)
            handle.set_buffer_size(buffer_bytes)
            status = handle.activate()
        except (pcapy.PcapError, ValueError) as error:
            raise self._refusal(str(error)) from error
        if isinstance(status, int) and status < 0:
            # The reason is a number only; libpcap's text for it comes with the older call.
            raise self._refusal(self._why(pcapy, interface, snap_bytes))
        self._handle = handle
        try:
            number = handle.datalink()
            self.link_type = canonical_link_type(_LINKTYPE.get(number, number))
            self.link_types = {link_type_name(self.link_type)}
            if expression is not None:
                try:
                    compile_filter(pcapy, self.link_type, expression)
                except pcapy.PcapError as error:
                    raise CaptureError(f"filter {expression!r}: {error}") from error
            self._set_filter(expression)
            handle.setnonblock(1)
            self.descriptor: int = handle.getfd()
        except BaseException:
            handle.close()
            raise

    def _require(self, interface: str) -> None:
        import socket

        try:
            self._index = socket.if_nametoindex(interface)
        except OSError as error:
            if "\0" in interface or len(interface.encode()) > 15:
                raise CaptureError(f"{interface!r} is no name of an interface") from error
            raise CaptureError(f"there is no interface {interface!r} (there are {names_here()})") from error

    @staticmethod
    def _why(pcapy: Any, interface: str, snap_bytes: int) -> str:
        try:
            pcapy.open_live(interface, snap_bytes, 0, DELIVERY_MS).close()
        except pcapy.PcapError as error:
            return str(error)
        return "the capture could not be started (is --buffer too large?)"

    def _refusal(self, text: str) -> CaptureError:
        missing = missing_permission()
        return CaptureError(f"{self.path}: {missing or ' '.join(text.split())}")

    def _set_filter(self, expression: str | None) -> None:
        filters = capture_filters(expression)
        for text in filters:
            try:
                self._handle.setfilter(text)
                return
            except self._error as error:
                if text is filters[-1]:
                    raise CaptureError(f"{self.path}: filter: {error}") from error

    def next_batch(self, most: int = BATCH_FRAMES) -> int:
        """Fill ``batch`` with the next frames, at most ``most``; how many, 0 if none wait now.

        Raises nothing: where the interface fails, ``problem`` says so.
        """
        batch = self.batch
        batch.first_number = self.packets + 1
        try:
            data, meta = self._handle.next_batch(min(most, BATCH_FRAMES))
        except self._error as error:
            batch.count = 0
            if self._index and interface_state(self.path, self._index) != GONE:
                # The kernel tells it once, and takes the socket up again with the interface.
                self.down = True
                self.downs += 1
            else:
                self.problem = f"{self.path}: {' '.join(str(error).split())}"
            return 0
        if self.down:
            self._look_again()
        if not meta:
            batch.count = 0
            return 0
        count = fill(batch, data, memoryview(meta).cast("I"), self.snap_bytes, self.link_type)
        self.packets += count
        self.consumed_bytes += len(data)
        return count

    def now_ns(self, ours_ns: int) -> int:
        """The time on the host of the interface, when it is ``ours_ns`` here."""
        return ours_ns

    def _look_again(self) -> None:
        """It was down when last looked at."""
        state = interface_state(self.path, self._index)
        if state == GONE:
            self.problem = f"{self.path}: the interface is gone"
        self.down = state == "down"

    @property
    def dropped_by_kernel(self) -> int:
        """Packets lost because the buffer was full."""
        try:
            dropped: int = self._handle.stats()[1]
        except self._error:
            return self._dropped
        # libpcap counts in 32 bits.
        self._dropped += (dropped - self._last_dropped) % _COUNTER
        self._last_dropped = dropped
        return self._dropped

    def close(self) -> None:
        self._dropped = self.dropped_by_kernel
        self._handle.close()
