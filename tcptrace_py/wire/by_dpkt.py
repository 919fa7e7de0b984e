"""The decoder built on dpkt: slower than the fast path, and knows more.

All link types, tags and tunnels of ``wire.layers`` (``docs/formats.md`` lists them), IP fragments,
ICMP errors; and all that the fast path takes, so that one can be checked against the other.
"""

from __future__ import annotations

import dpkt

from tcptrace_py.wire.fragments import Fragments
from tcptrace_py.wire.icmp import IcmpError

# Imported for what they put into the tables.
from tcptrace_py.wire.layers import ethernet, ip, ip_tunnels, link, serial, tcp, udp, wireless  # noqa: F401
from tcptrace_py.wire.layers.walk import Walk, by_link_type
from tcptrace_py.wire.result import ICMP_ERROR, MALFORMED, TRUNCATED
from tcptrace_py.wire.segment import Segment
from tcptrace_py.wire.tunnels import Tunnels

# Headers of one frame, tags and labels counted. More is an attack or nonsense.
MAX_LAYERS = 40


class DpktDecoder:
    """Fills a Segment from any frame whose link type it knows; keeps fragments between frames."""

    def __init__(self, fragments: Fragments | None = None) -> None:
        self.fragments = Fragments() if fragments is None else fragments
        #: What ``decode`` found when it last returned ICMP_ERROR.
        self.icmp_error: IcmpError | None = None
        #: What ``decode`` met when it last returned UNDECODED or UNKNOWN_LINK: a key of ``wire.undecoded``.
        self.unread = 0
        self._tunnels = Tunnels()

    def decode(self, frame: bytes, original_bytes: int, link_type: int, segment: Segment) -> int:
        """Decodes the captured bytes of one frame; returns a code of ``wire.result``, never OTHER.

        ``original_bytes`` is the frame's length on the wire, ``link_type`` its LINKTYPE_.
        ``segment.ts_ns`` must be set: fragments age by it. With TCP the rest of ``segment`` but
        ``frame`` is filled, otherwise undefined. Whatever the bytes, raises nothing.
        """
        walk = Walk(segment, self.fragments)
        try:
            step = by_link_type(walk, link_type, frame, original_bytes)
            for _ in range(MAX_LAYERS):
                if isinstance(step, int):
                    break
                layer, buf, wire = step
                step = layer(walk, buf, wire)
        except dpkt.NeedData:
            return TRUNCATED
        except Exception:
            # dpkt lets struct.error, IndexError and others out besides its own; the bytes are
            # hostile, and no frame may end the analysis of all the others.
            return MALFORMED
        if not isinstance(step, int):
            return MALFORMED
        segment.tunnel = None if walk.tunnel is None else self._tunnels.one(walk.tunnel)
        self.unread = walk.unread
        if step == ICMP_ERROR:
            self.icmp_error = walk.icmp_error
        return step
