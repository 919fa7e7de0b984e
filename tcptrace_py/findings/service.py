"""What a capture knows of one service, over all its connections.

Compiled (see ``service.pxd``). Bounded, and merges to the same whatever part noted which connection.
"""

from __future__ import annotations

from tcptrace_py.findings.moments import Moments

#: IP version, address (two halves), port.
ServiceKey = tuple[int, int, int, int]


class Service:
    """One server address and port, over all its connections."""

    def __init__(self, version: int, hi: int, lo: int, port: int) -> None:
        self.version = version
        self.hi = hi
        self.lo = lo
        self.port = port
        self.connections = 0
        #: Whose handshake was complete, and in which the server sent data.
        self.established = 0
        self.answered = 0
        self.heard = Moments()
        #: When it accepted connections.
        self.accepted = Moments()
        #: When it last sent data, of each connection.
        self.replied = Moments()
        #: By class of idle time: who closed idle connections after how long (server, client), and the
        #: idle times that ended with data which was answered.
        self.closed: tuple[dict[int, int], dict[int, int]] = ({}, {})
        self.survived: dict[int, int] = {}
        self.longest_survived_ns = 0
        #: Idle times that ended with data which nobody answered.
        self.lost: dict[int, int] = {}
        self.shortest_lost_ns = 0
        #: Connections that its accept queue did not take although the handshake was complete.
        self.not_accepted = 0
        #: Those that it did take although the client said nothing at first, for longer than a SYN+ACK waits.
        self.accepted_mute = 0
        #: Connections in which a side announced a window of zero.
        self.zero_windows = 0
        #: Connections in which it had answered, though nothing of that was captured; and lone SYNs.
        self.unseen = 0
        self.lone_syns = 0
        #: Connections on which it spoke first; it answered TLS by TLS; and spoke in clear, as was expected.
        self.greeted = 0
        self.tls = 0
        self.plain = 0
        #: Connections that it closed at once, before the client had said a word.
        self.shut = 0
        #: The most answers on one connection, and how many it closed by itself right after so many.
        self.most_answers = 0
        self.closed_at_most = 0
        #: Connections whose requests its kernel acknowledged and on which its application never said a word,
        #: or not before the client had left, and when the first of them was opened.
        self.untaken = 0
        self.untaken_ns = 0

    def lose(self, ns: int) -> None:
        """Somebody spoke after so long a silence, in vain."""
        if not self.shortest_lost_ns or ns < self.shortest_lost_ns:
            self.shortest_lost_ns = ns

    def leave(self, ns: int) -> None:
        """A connection opened at that time that its application has not said a word on."""
        self.untaken += 1
        if not self.untaken_ns or ns < self.untaken_ns:
            self.untaken_ns = ns

    def note_answers(self, answers: int, closed: bool) -> None:
        """A connection had so many; ``closed``: right after the last one, by the server."""
        if answers > self.most_answers:
            self.most_answers = answers
            self.closed_at_most = 0
        if answers == self.most_answers and closed:
            self.closed_at_most += 1

    def merge(self, other: Service) -> None:
        self.connections += other.connections
        self.established += other.established
        self.answered += other.answered
        self.heard.merge(other.heard)
        self.accepted.merge(other.accepted)
        self.replied.merge(other.replied)
        for mine, its in zip(
            (*self.closed, self.survived, self.lost),
            (*other.closed, other.survived, other.lost),
            strict=True,
        ):
            for number, n in its.items():
                mine[number] = mine.get(number, 0) + n
        self.longest_survived_ns = max(self.longest_survived_ns, other.longest_survived_ns)
        if other.lost:
            self.lose(other.shortest_lost_ns)
        self.not_accepted += other.not_accepted
        self.accepted_mute += other.accepted_mute
        self.zero_windows += other.zero_windows
        self.unseen += other.unseen
        self.greeted += other.greeted
        self.tls += other.tls
        self.plain += other.plain
        self.shut += other.shut
        closed = self.closed_at_most if self.most_answers >= other.most_answers else 0
        if other.most_answers >= self.most_answers:
            closed += other.closed_at_most
        self.most_answers, self.closed_at_most = max(self.most_answers, other.most_answers), closed
        self.lone_syns += other.lone_syns
        if other.untaken:
            self.leave(other.untaken_ns)
            self.untaken += other.untaken - 1
