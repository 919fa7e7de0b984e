"""The regular way of a connection: what nearly all segments of nearly all connections do.

Compiled (see ``regular.pxd``). A connection that is opened, used and closed without anything out of the
ordinary needs no reading: each of its segments can have come about in one way only. The first segment that is
not of that way makes evidence of all before it, and from then on histories are read. ``test_regular.py``
holds that it makes no difference.
"""

from __future__ import annotations

from tcptrace_py.tcp.bounds import NONE
from tcptrace_py.tcp.codes import (
    ABORT,
    COMPLETE,
    FOUR_WAY,
    HALF_CLOSED,
    HALF_OPEN,
    REFUSED,
    REFUSED_HANDSHAKE,
    RESET,
    THREE_WAY,
    UNANSWERED,
)
from tcptrace_py.tcp.connection import Connection
from tcptrace_py.tcp.endpoint import Endpoint
from tcptrace_py.tcp.evidence import Frame
from tcptrace_py.tcp.history import write_down
from tcptrace_py.tcp.incarnations import Incarnation
from tcptrace_py.tcp.serial import distance
from tcptrace_py.tcp.state import (
    ACKNOWLEDGED,
    CLOSE_WAIT,
    CLOSED,
    ESTABLISHED,
    FIN_WAIT_1,
    FIN_WAIT_2,
    LAST_ACK,
    LISTEN,
    PRESUMED,
    SENT,
    SYN_RCVD,
    SYN_SENT,
    TIME_WAIT,
)
from tcptrace_py.tcp.transitions import Transitions
from tcptrace_py.wire.segment import ACK, FIN, RST, SYN, Segment

#: No other than before.
SAME = -1


class Step:
    """What one segment shows its sender to have become, by what it acknowledges and by being sent, what its
    receiver presumably becomes, and what is to be said of the handshake, or the close, then."""

    def __init__(
        self, acknowledged: int, sent: int, presumed: int = SAME, handshake: int = SAME, close: int = SAME
    ) -> None:
        self.acknowledged = acknowledged
        self.sent = sent
        self.presumed = presumed
        self.handshake = handshake
        self.close = close


def _at(flags: int, sender: int, receiver: int) -> int:
    """By what a step is found: flags, and the states before it."""
    return flags << 8 | sender << 4 | receiver


#: The whole way. Each segment has the very numbers that are expected, and no data.
STEPS = {
    _at(SYN, CLOSED, CLOSED): Step(SAME, SYN_SENT, handshake=UNANSWERED),
    _at(RST | ACK, CLOSED, SYN_SENT): Step(SAME, CLOSED, CLOSED, REFUSED_HANDSHAKE, RESET),
    _at(SYN | ACK, CLOSED, SYN_SENT): Step(LISTEN, SYN_RCVD, handshake=HALF_OPEN),
    _at(ACK, SYN_SENT, SYN_RCVD): Step(ESTABLISHED, SAME, ESTABLISHED, COMPLETE),
    _at(RST | ACK, ESTABLISHED, ESTABLISHED): Step(SAME, CLOSED, CLOSED, close=RESET),
    _at(FIN | ACK, ESTABLISHED, ESTABLISHED): Step(SAME, FIN_WAIT_1, close=HALF_CLOSED),
    _at(ACK, ESTABLISHED, FIN_WAIT_1): Step(CLOSE_WAIT, SAME, FIN_WAIT_2),
    _at(FIN | ACK, ESTABLISHED, FIN_WAIT_1): Step(CLOSE_WAIT, LAST_ACK, close=THREE_WAY),
    _at(FIN | ACK, CLOSE_WAIT, FIN_WAIT_2): Step(SAME, LAST_ACK, close=FOUR_WAY),
    _at(ACK, FIN_WAIT_1, LAST_ACK): Step(TIME_WAIT, SAME, CLOSED),
    _at(ACK, FIN_WAIT_2, LAST_ACK): Step(TIME_WAIT, SAME, CLOSED),
}
# (A place in a list is found faster than a key.)
_BY_PLACE = [STEPS.get(at) for at in range(_at(SYN | ACK | FIN | RST, 15, 15) + 1)]
#: Between established ends: an ACK, data, and data sent again.
TALK = Step(SAME, SAME)

#: What an end has sent that has shown itself to be in a state. (A RST, its connection knows.)
_SENT_IN = {
    SYN_SENT: SYN,
    SYN_RCVD: SYN | ACK,
    ESTABLISHED: ACK,
    FIN_WAIT_1: FIN | ACK,
    CLOSE_WAIT: ACK,
    LAST_ACK: FIN | ACK,
    TIME_WAIT: ACK,
}


class Regular:
    """Takes connections along the regular way, and off it."""

    def __init__(self, transitions: Transitions) -> None:
        self._transitions = transitions

    def step(
        self, connection: Connection, sender: Endpoint, receiver: Endpoint, segment: Segment
    ) -> Step | None:
        """The next of the regular way, if this segment takes it. It has not been counted yet."""
        flags = segment.flags & (SYN | ACK | FIN | RST)
        if flags == ACK and sender.state == ESTABLISHED and receiver.state == ESTABLISHED:
            acknowledges = (
                receiver.has_una
                and distance(segment.ack, receiver.snd_una) >= 0
                and distance(segment.ack, receiver.snd_nxt) <= 0
            )
            in_order = segment.seq == sender.snd_nxt or _again(sender, receiver, segment)
            return TALK if acknowledges and in_order else None
        if segment.payload_bytes or sender.closed_by or receiver.closed_by:
            return None
        if flags & SYN:
            if sender.packets != 1 or (flags & ACK and connection.rare.reuse_of >= 0):
                return None
        elif segment.seq != sender.snd_nxt or (flags & RST and sender.unanswered):
            return None
        if flags & ACK and segment.ack != receiver.snd_nxt:
            return None
        return _BY_PLACE[_at(flags, sender.state, receiver.state)]

    def go_on(
        self, connection: Connection, sender: Endpoint, receiver: Endpoint, segment: Segment, step: Step
    ) -> None:
        """Both ends take a step."""
        if step is TALK:
            return
        transitions = self._transitions
        ts_ns = segment.ts_ns
        frame = segment.frame
        if step.handshake != SAME:
            connection.handshake = step.handshake
            sender.passive = step.handshake == HALF_OPEN
            if step.handshake == COMPLETE:
                connection.ack_ns = ts_ns
                connection.ack_frame = frame
        if step.close != SAME:
            by = 1 if sender is connection.a else 2
            connection.close = step.close
            if step.close == HALF_CLOSED:
                connection.first_fin_by = by
            elif step.close == RESET:
                cause = ABORT if step.handshake == SAME else REFUSED
                connection.note_reset(by, cause, ts_ns, frame, True)
        if step.acknowledged != SAME:
            transitions.go_on(sender, step.acknowledged, ACKNOWLEDGED, ts_ns, frame)
        if step.sent == CLOSED:
            transitions.enter(sender, CLOSED, SENT, ts_ns, frame)
            transitions.enter(receiver, CLOSED, PRESUMED, ts_ns, frame)
        elif step.sent != SAME:
            transitions.go_on(sender, step.sent, SENT, ts_ns, frame)
        elif step.presumed != SAME:
            transitions.go_on(receiver, step.presumed, PRESUMED, ts_ns, frame)
        connection.close_complete = receiver.state == CLOSED and sender.state != SYN_SENT

    def show(self, connection: Connection, passing: int) -> None:
        """Make evidence of what passed, and was regular, before the frame that is ``passing``.

        Numbers are still those before that. Each state that an end has shown itself it has shown by a
        segment with just the numbers that were expected.
        """
        if connection.shown is not None:
            return
        connection.shown = shown = Incarnation()
        journal = self._transitions.journal
        passed: dict[int, tuple[bool, int, int]] = {}
        for endpoint in (connection.a, connection.b):
            write_down(endpoint, journal)
            for state, ts_ns, frame, basis in journal.history(endpoint.last):
                if basis != PRESUMED and state in _SENT_IN:
                    passed[frame] = endpoint is connection.a, ts_ns, _SENT_IN[state]
        if connection.reset_by:
            rare = connection.rare
            passed[rare.reset_frame] = connection.reset_by == 1, rare.reset_ns, RST | ACK
        for frame in sorted(passed):
            by_a, ts_ns, flags = passed[frame]
            mine, peers = shown.ends(by_a)
            seq = connection.a.isn if by_a else connection.b.isn
            if mine.nxt != NONE:
                seq = mine.captured(mine.nxt)
            shown.tell(by_a, Frame(frame, ts_ns), seq, peers.captured(peers.nxt), flags, 0)
            if frame == connection.ack_frame:
                told = [by_a for by_a, _, _ in passed.values()]
                self._talked(connection, connection.a, connection.b, passing, told.count(True))
                self._talked(connection, connection.b, connection.a, passing, told.count(False))

    def _talked(
        self, connection: Connection, endpoint: Endpoint, peer: Endpoint, passing: int, told: int
    ) -> None:
        """What an end sent between the handshake and its FIN, if it has sent more than has been ``told``;
        just when is of no consequence to what follows."""
        passes = endpoint.last_frame == passing
        if endpoint.packets - endpoint.rare.duplicates - passes <= told:
            return
        shown: Incarnation = connection.shown
        mine, peers = shown.ends(endpoint is connection.a)
        # The last frame that is known to be one of them, or else the first that may be.
        frame = Frame(connection.ack_frame + 1, connection.ack_ns)
        if not (endpoint.fin_sent or peer.fin_sent or passes):
            frame = Frame(max(frame.number, endpoint.last_frame), endpoint.last_ns)
        # (More than 2 GiB may have passed: 32 bits do not tell how much.)
        sent = peers.isn + 1 + peer.bytes
        acknowledged = min(peers.near(endpoint.rcv_nxt, sent), sent)
        if endpoint.bytes:
            mine.add(frame, mine.nxt, peers.isn + 1, ACK, endpoint.bytes)
        mine.add(frame, mine.nxt, acknowledged, ACK, 0)
        if endpoint.unanswered:
            rare = endpoint.rare
            mine.asked = [Frame(rare.first_unanswered_frame, rare.first_unanswered_ns)]


def _again(sender: Endpoint, receiver: Endpoint, segment: Segment) -> bool:
    """Data is sent again, once, to who has answered before: no state rests on that."""
    return (
        segment.payload_bytes > 1
        and receiver.packets > 1
        and sender.unanswered + sender.rare.unanswered_probes == 0
        and distance(segment.seq, sender.isn) > 0
        and distance(segment.seq, sender.snd_nxt) + segment.payload_bytes <= 0
    )
