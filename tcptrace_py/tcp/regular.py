"""The regular way of a connection: what nearly all segments of nearly all connections do.

Compiled (see ``regular.pxd``). A connection that is opened, used and closed without anything out of the
ordinary needs no reading: each of its segments can have come about in one way only. The first segment that is
not of that way makes evidence of all before it, and from then on histories are read. ``test_regular.py``
holds that it makes no difference.
"""

from __future__ import annotations

from tcptrace_py.tcp.bounds import NONE
from tcptrace_py.tcp.codes import ABORT, COMPLETE, HALF_CLOSED, HALF_OPEN, REFUSED, RESET, SAME
from tcptrace_py.tcp.connection import Connection
from tcptrace_py.tcp.endpoint import Endpoint
from tcptrace_py.tcp.evidence import Frame
from tcptrace_py.tcp.history import Step, passed, step_of, write_down
from tcptrace_py.tcp.incarnations import Incarnation
from tcptrace_py.tcp.serial import distance
from tcptrace_py.tcp.state import ACKNOWLEDGED, CLOSED, ESTABLISHED, PRESUMED, SENT, SYN_SENT
from tcptrace_py.tcp.transitions import Transitions
from tcptrace_py.wire.segment import ACK, FIN, RST, SYN, Segment

#: Between established ends: an ACK, data, and data sent again.
TALK = Step(ESTABLISHED, ESTABLISHED, SAME, SAME, SAME, SAME, SAME)


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
        return step_of(flags, sender.state, receiver.state)

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
            transitions.enter(sender, step.acknowledged, ACKNOWLEDGED, ts_ns, frame)
        if step.sent != SAME:
            transitions.enter(sender, step.sent, SENT, ts_ns, frame)
        if step.presumed != SAME:
            transitions.enter(receiver, step.presumed, PRESUMED, ts_ns, frame)
        connection.close_complete = receiver.state == CLOSED and sender.state != SYN_SENT

    def show(self, connection: Connection, passing: int) -> None:
        """Make evidence of what passed, and was regular, before the frame that is ``passing``.

        Numbers are still those before that. Each state that an end has shown itself it has shown by a
        segment with just the numbers that were expected.
        """
        if connection.shown is not None:
            return
        segments = passed(connection)
        write_down(connection)
        connection.shown = shown = Incarnation()
        for by_a, flags, frame, ts_ns in segments:
            mine, peers = shown.ends(by_a)
            seq = connection.a.isn if by_a else connection.b.isn
            if mine.nxt != NONE:
                seq = mine.captured(mine.nxt)
            shown.tell(by_a, Frame(frame, ts_ns), seq, peers.captured(peers.nxt), flags, 0)
            if frame == connection.ack_frame:
                by_whom = [each[0] for each in segments]
                self._talked(connection, connection.a, connection.b, passing, by_whom.count(True))
                self._talked(connection, connection.b, connection.a, passing, by_whom.count(False))

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
            data = Frame(frame.number, frame.ts_ns)
            mine.add(data, mine.nxt, peers.isn + 1, ACK, endpoint.bytes)
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
