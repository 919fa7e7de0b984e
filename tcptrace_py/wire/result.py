"""What a decoder says about one frame.

Plain Python: the codes are wanted by name in Python and typed by each compiled user.
"""

from __future__ import annotations

# A TCP segment: the Segment is filled.
TCP = 0
# Well-formed as far as it goes, but it carries no TCP.
NOT_TCP = 1
# The captured bytes end before the part of the headers that we need (snap length).
TRUNCATED = 2
# The headers contradict themselves (RFC 791, 8200 or 9293); a receiver would drop it.
MALFORMED = 3
# No decoder for this LINKTYPE_.
UNKNOWN_LINK = 4
# A piece of a fragmented datagram that is not complete yet, or never can be.
FRAGMENT = 5
# An ICMP or ICMPv6 error that quotes (or, from the fast path, may quote) a TCP header.
ICMP_ERROR = 6
# Only from the fast path: not its kind, ask the decoder built on dpkt.
OTHER = 7
# Only from the two decoders: like NOT_TCP, but the way ended at something that they do not know,
# which their ``unread`` names.
UNDECODED = 8
# A TCP segment of another part of the capture: the Segment holds no more than its four-tuple.
ELSEWHERE = 9

# How many codes there are.
CODES = 10

# Keys of `skipped` in the report. Every frame is either a TCP segment or counted under exactly
# one of these, so packets == tcp_segments + sum(skipped.values()).
SKIPPED_NAMES: dict[int, str] = {
    NOT_TCP: "not_tcp",
    TRUNCATED: "truncated",
    MALFORMED: "malformed",
    UNKNOWN_LINK: "unknown_link",
    FRAGMENT: "fragment",
    ICMP_ERROR: "icmp_error",
}
