"""Two clocks: each direction stamped by its own, so that answers precede questions (4.6 of the design).

Compiled (see ``two_clocks.pxd``). A SYN+ACK cannot pass before the SYN that it acknowledges, so how much
earlier it is stamped is the least by which the two clocks differ. (A round trip longer than that hides it.)
"""

from __future__ import annotations

from tcptrace_py.tcp.connection import Connection

# A SYN so long after its SYN+ACK was sent again: the first had not passed here.
_SENT_AGAIN_NS = 200_000_000
# So few handshakes may have been put in a wrong order by the capture itself.
_LEAST = 3
# One in so many handshakes at least, for the same reason.
_SHARE = 10


class TwoClocks:
    """Counts handshakes whose answer is stamped before its question; parts can be added up."""

    def __init__(self) -> None:
        self.handshakes = 0
        self.answered_early = 0
        self.most_ns = 0

    def look(self, connection: Connection) -> None:
        """One connection is over."""
        if connection.syn_frame() == 0 or connection.syn_ack_frame == 0:
            return
        self.handshakes += 1
        early_ns = connection.syn_ns() - connection.syn_ack_ns
        if early_ns <= 0 or early_ns >= _SENT_AGAIN_NS or connection.simultaneous_open:
            return
        self.answered_early += 1
        if early_ns > self.most_ns:
            self.most_ns = early_ns

    def add(self, other: TwoClocks) -> None:
        """Another part of the same capture."""
        self.handshakes += other.handshakes
        self.answered_early += other.answered_early
        self.most_ns = max(self.most_ns, other.most_ns)

    def differ(self) -> bool:
        return self.answered_early >= _LEAST and self.answered_early * _SHARE >= self.handshakes

    def warning(self) -> str:
        """One line for the reader of the report."""
        return (
            f"the two directions seem to be stamped by two clocks, at least {self.most_ns / 1000:,.0f} µs"
            f" apart: {self.answered_early:,} of {self.handshakes:,} SYN+ACKs come before their SYN."
            " States are read by the numbers; times between the directions are off by as much"
        )
