"""A reference TCP endpoint, straight from RFC 9293, for proving the tracker.

It knows nothing of the tracker. Everything is a pure function from one immutable
transmission control block (:class:`Tcb`) to the next, so that an explorer can
hash, compare and revisit endpoints. Section numbers are RFC 9293's.

Choices where the RFC leaves one:

* Out-of-order segments are queued (section 3.10.7.4 allows it, Linux does it).
* An ACK that answers new data or a FIN is *due*: it may wait and ride on the next
  data or FIN (sections 3.8.6.3 and 3.10.7.4), or go by itself. Both are explored.
  ACKs that answer an unacceptable segment leave at once.
* A SYN+ACK that reaches SYN-RECEIVED in a simultaneous open completes it, as in
  Figure 7; its SYN lies left of the window and is trimmed.
* Every data segment carries ``MSS`` bytes, and a retransmission sends again the
  front of the queue (section 3.8.1), with the FIN on it where that comes next.
* Clocks are whole seconds. Those the RFC leaves open have Linux's values.

Sequence numbers are small integers that never wrap: whoever feeds them to a tracker
may add any offset modulo 2**32.
"""

from __future__ import annotations

from typing import NamedTuple

# One letter a state (section 3.3.2): a history of states is then a plain string.
CLOSED, LISTEN, SYN_SENT, SYN_RCVD, ESTABLISHED = "C", "L", "S", "R", "E"
FIN_WAIT_1, FIN_WAIT_2, CLOSE_WAIT, CLOSING, LAST_ACK, TIME_WAIT = "1", "2", "W", "X", "A", "T"

NAMES = {
    CLOSED: "CLOSED", LISTEN: "LISTEN", SYN_SENT: "SYN_SENT", SYN_RCVD: "SYN_RCVD",
    ESTABLISHED: "ESTABLISHED", FIN_WAIT_1: "FIN_WAIT_1", FIN_WAIT_2: "FIN_WAIT_2",
    CLOSE_WAIT: "CLOSE_WAIT", CLOSING: "CLOSING", LAST_ACK: "LAST_ACK", TIME_WAIT: "TIME_WAIT",
}  # fmt: skip

FIN, SYN, RST, ACK = 0x01, 0x02, 0x04, 0x10

MSS = 10
WINDOW = 1000
NEVER = 1 << 40

#: Seconds. 2MSL and the FIN-WAIT-2 limit of a closed socket, then how long SYN, SYN+ACK,
#: FIN and data are retransmitted before the endpoint gives up (section 3.8.3, R2).
TWO_MSL_S = 60
FIN_WAIT_2_S = 60
SYN_GIVE_UP_S = 127
SYN_ACK_GIVE_UP_S = 63
FIN_GIVE_UP_S = 102
DATA_GIVE_UP_S = 127


class Seg(NamedTuple):
    """One segment: sequence number, acknowledgment number, control bits, payload bytes."""

    seq: int
    ack: int
    flags: int
    length: int = 0

    def __str__(self) -> str:
        names = [n for bit, n in ((SYN, "SYN"), (FIN, "FIN"), (RST, "RST"), (ACK, "ACK")) if self.flags & bit]
        ack = f"<ACK={self.ack}>" if self.flags & ACK else ""
        data = f"<{self.length} bytes>" if self.length else ""
        return f"<SEQ={self.seq}>{ack}<CTL={','.join(names)}>{data}"


class Tcb(NamedTuple):
    """One endpoint (section 3.3.1); ``path`` is every state it has been in, newest last.

    ``|`` in a path separates one connection record from the next one of the same
    endpoint: a new OPEN after the old record was deleted.
    """

    path: str = CLOSED
    passive: bool = False
    iss: int = 0
    una: int = 0
    nxt: int = 0
    irs: int = 0
    rcv: int = 0
    fin: bool = False
    fin_rcvd: bool = False
    held: tuple[tuple[int, int, bool], ...] = ()
    ack_due: bool = False
    #: The application is gone: it closed, and will not read what still comes (section 3.6.1).
    gone: bool = False
    backoff: int = 0
    rto_at: int = NEVER
    give_up_at: int = NEVER
    ends_at: int = NEVER
    #: Its application closes with the SYN+ACK, which carries the FIN.
    at_once: bool = False

    @property
    def state(self) -> str:
        return self.path[-1]

    @property
    def next_deadline(self) -> int:
        return min(self.rto_at, self.give_up_at, self.ends_at)


#: An endpoint's answer: the next block and the segments it sends now, in order.
Step = tuple[Tcb, tuple[Seg, ...]]


def _ack(t: Tcb, flags: int = ACK, seq: int | None = None, length: int = 0) -> Seg:
    return Seg(t.nxt if seq is None else seq, t.rcv, flags | ACK, length)


def _dead(t: Tcb, state: str = CLOSED) -> Tcb:
    """The block is deleted; a passive opener refused in SYN-RECEIVED listens again."""
    iss = t.iss + 100 if state == LISTEN else t.iss
    return Tcb(path=t.path + state, passive=t.passive, iss=iss)


def _enter(t: Tcb, state: str, now: int) -> Tcb:
    t = t._replace(path=t.path + state)
    if state == TIME_WAIT:
        # RFC 9293 section 3.10.7.4: "Start the time-wait timer, turn off the other timers."
        return t._replace(ends_at=now + TWO_MSL_S, rto_at=NEVER, give_up_at=NEVER)
    if state == FIN_WAIT_2 and t.gone:
        return t._replace(ends_at=now + FIN_WAIT_2_S)
    return t


def _sent(t: Tcb, now: int) -> Tcb:
    """Something that occupies sequence space was sent: the retransmission timer runs (3.8.1)."""
    if t.rto_at == NEVER:
        t = t._replace(rto_at=now + 1, backoff=0)
    if t.give_up_at == NEVER:
        t = t._replace(give_up_at=now + DATA_GIVE_UP_S)
    return t


# --- User calls (3.10.1 to 3.10.5) ------------------------------------------------------------


def open_passive(t: Tcb, iss: int, at_once: bool = False) -> Step:
    """3.10.1 OPEN, passive: from CLOSED to LISTEN. ``at_once``: whoever asks gets SYN+ACK with FIN."""
    path = LISTEN if t.path == CLOSED else t.path + "|" + LISTEN
    return Tcb(path=path, passive=True, iss=iss, at_once=at_once), ()


def open_active(t: Tcb, iss: int, now: int) -> Step:
    """3.10.1 OPEN, active: <SEQ=ISS><CTL=SYN>, enter SYN-SENT."""
    path = SYN_SENT if t.path == CLOSED else t.path + "|" + SYN_SENT
    t = Tcb(path=path, iss=iss, una=iss, nxt=iss + 1, rto_at=now + 1, give_up_at=now + SYN_GIVE_UP_S)
    return t, (Seg(iss, 0, SYN),)


def can_send(t: Tcb) -> bool:
    return t.state in (ESTABLISHED, CLOSE_WAIT)


def send(t: Tcb, now: int) -> Step:
    """3.10.2 SEND in ESTABLISHED or CLOSE-WAIT: segmentize, piggyback the acknowledgment."""
    out = _ack(t, length=MSS)
    return _sent(t._replace(nxt=t.nxt + MSS, ack_due=False), now), (out,)


def can_close(t: Tcb) -> bool:
    return t.state in (LISTEN, SYN_SENT, SYN_RCVD, ESTABLISHED, CLOSE_WAIT)


def close(t: Tcb, now: int, gone: bool, length: int = 0) -> Step:
    """3.10.4 CLOSE. ``gone``: nobody reads any more either; ``length``: last bytes sent with the FIN."""
    # RFC 9293 section 3.10.4: "Delete TCB, enter CLOSED state, and return."
    if t.state in (LISTEN, SYN_SENT):
        return _dead(t), ()
    # SYN-RECEIVED, ESTABLISHED: FIN-WAIT-1.
    # CLOSE-WAIT: RFC 9293 section 3.10.4: "then send a FIN segment, enter LAST-ACK state."
    out = _ack(t, FIN, length=length)
    t = t._replace(nxt=t.nxt + length + 1, fin=True, ack_due=False, gone=gone, give_up_at=now + FIN_GIVE_UP_S)
    return _enter(_sent(t, now), LAST_ACK if t.state == CLOSE_WAIT else FIN_WAIT_1, now), (out,)


def can_abort(t: Tcb) -> bool:
    return t.state in (LISTEN, SYN_SENT, SYN_RCVD, ESTABLISHED, FIN_WAIT_1, FIN_WAIT_2, CLOSE_WAIT)


def abort(t: Tcb, with_ack: bool = False) -> Step:
    """3.10.5 ABORT: <SEQ=SND.NXT><CTL=RST>, delete the TCB. Linux adds the acknowledgment."""
    if t.state in (LISTEN, SYN_SENT):
        return _dead(t), ()
    return _dead(t), (_ack(t, RST) if with_ack else Seg(t.nxt, 0, RST),)


def acknowledge(t: Tcb) -> Step:
    """The acknowledgment that was due goes by itself."""
    return t._replace(ack_due=False), (_ack(t),)


# --- Time-outs (3.10.8) -----------------------------------------------------------------------


def retransmit(t: Tcb, now: int) -> Step:
    """Retransmission time-out: send the front of the queue again, back off (RFC 6298)."""
    backoff = t.backoff + 1
    t = t._replace(backoff=backoff, rto_at=now + (1 << backoff))
    if t.una == t.iss:
        if t.state == SYN_SENT:
            return t, (Seg(t.iss, 0, SYN),)
        return t, (_ack(t, SYN | (FIN if t.at_once else 0), seq=t.iss),)
    last = t.nxt - 1 if t.fin else t.nxt
    length = min(MSS, last - t.una)
    fin = FIN if t.fin and t.una + length == last else 0
    return t._replace(ack_due=False), (_ack(t, fin, seq=t.una, length=length),)


def timeout(t: Tcb, now: int) -> Step:
    """Whichever clock of this endpoint runs out at ``now``: give up, 2MSL, or retransmit."""
    # RFC 9293 section 3.10.8: "For any state if the user timeout expires … delete the TCB, enter the CLOSED
    # state, and return. … If the time-wait timeout expires on a connection, delete the TCB"
    if min(t.give_up_at, t.ends_at) <= now:
        return _dead(t), ()
    return retransmit(t, now)


# --- SEGMENT ARRIVES (3.10.7) -----------------------------------------------------------------


def arrives(t: Tcb, s: Seg, now: int) -> Step:
    if t.state == CLOSED:
        return _arrives_closed(t, s)
    if t.state == LISTEN:
        return _arrives_listen(t, s, now)
    if t.state == SYN_SENT:
        return _arrives_syn_sent(t, s, now)
    return _arrives_otherwise(t, s, now)


def _seg_len(s: Seg) -> int:
    return s.length + bool(s.flags & SYN) + bool(s.flags & FIN)


def _arrives_closed(t: Tcb, s: Seg) -> Step:
    """3.10.7.1 and 3.5.2, group 1."""
    # RFC 9293 section 3.10.7.1: "An incoming segment containing a RST is discarded. An incoming segment not
    # containing a RST causes a RST to be sent in response."
    if s.flags & RST:
        return t, ()
    if s.flags & ACK:
        return t, (Seg(s.ack, 0, RST),)
    return t, (Seg(0, s.seq + _seg_len(s), RST | ACK),)


def _arrives_listen(t: Tcb, s: Seg, now: int) -> Step:
    """3.10.7.2."""
    # RFC 9293 section 3.10.7.2: "An incoming RST should be ignored."
    if s.flags & RST:
        return t, ()
    if s.flags & ACK:
        return t, (Seg(s.ack, 0, RST),)
    if not s.flags & SYN:
        return t, ()
    t = t._replace(irs=s.seq, rcv=s.seq + 1, una=t.iss, nxt=t.iss + 1,
                   rto_at=now + 1, backoff=0, give_up_at=now + SYN_ACK_GIVE_UP_S)  # fmt: skip
    t = _enter(t, SYN_RCVD, now)
    if not t.at_once:
        return t, (_ack(t, SYN, seq=t.iss),)
    # RFC 9293 section 3.10.4: from SYN-RECEIVED to FIN-WAIT-1.
    t = _enter(t._replace(nxt=t.iss + 2, fin=True), FIN_WAIT_1, now)
    return t, (_ack(t, SYN | FIN, seq=t.iss),)


def _arrives_syn_sent(t: Tcb, s: Seg, now: int) -> Step:
    """3.10.7.3."""
    # RFC 9293 section 3.10.7.3: "If SEG.ACK =< ISS or SEG.ACK > SND.NXT, send a reset (unless the RST bit is
    # set, if so drop the segment and return)"
    if s.flags & ACK and not t.una < s.ack <= t.nxt:
        return t, () if s.flags & RST else (Seg(s.ack, 0, RST),)
    # RFC 9293 section 3.10.7.3: "If the ACK was acceptable, then … enter CLOSED state, delete TCB, and
    # return. Otherwise (no ACK), drop the segment and return."
    if s.flags & RST:
        return (_dead(t) if s.flags & ACK else t), ()
    if not s.flags & SYN:
        return t, ()
    t = t._replace(irs=s.seq, rcv=s.seq + 1)
    if s.flags & ACK:
        t = t._replace(una=s.ack, ack_due=True, rto_at=NEVER, give_up_at=NEVER)
        t = _enter(t, ESTABLISHED, now)
        # RFC 9293 section 3.10.7.3: "If there are other controls or text in the segment, then continue
        # processing at the sixth step"
        return (_enter(t._replace(rcv=t.rcv + 1, fin_rcvd=True), CLOSE_WAIT, now) if s.flags & FIN else t), ()
    t = t._replace(give_up_at=now + SYN_ACK_GIVE_UP_S)
    return _enter(t, SYN_RCVD, now), (_ack(t, SYN, seq=t.iss),)


def _acceptable(t: Tcb, s: Seg) -> bool:
    """3.10.7.4, the four cases; the window here is never zero."""
    length = _seg_len(s)
    if t.rcv <= s.seq < t.rcv + WINDOW:
        return True
    return length > 0 and t.rcv <= s.seq + length - 1 < t.rcv + WINDOW


def _arrives_otherwise(t: Tcb, s: Seg, now: int) -> Step:
    """3.10.7.4: SYN-RECEIVED and the synchronized states."""
    if t.state == SYN_RCVD and s.flags & SYN and s.flags & ACK and s.seq == t.irs:
        s = s._replace(flags=s.flags & ~SYN, seq=s.seq + 1)  # Figure 7
    # First, the sequence number. RFC 9293 section 3.10.7.4: "If an incoming segment is not acceptable, an
    # acknowledgment should be sent in reply (unless the RST bit is set, if so drop the segment and return)"
    if not _acceptable(t, s):
        if s.flags & RST:
            return t, ()
        # RFC 9293 section 3.10.7.4: "Acknowledge it, and restart the 2 MSL timeout."
        if t.state == TIME_WAIT:
            t = t._replace(ends_at=now + TWO_MSL_S)
        return t._replace(ack_due=False), (_ack(t),)
    # Second, RST. RFC 5961 section 3.2: "If the RST bit is set and the sequence number exactly matches the
    # next expected sequence number (RCV.NXT), then TCP MUST reset the connection." Else a challenge ACK.
    if s.flags & RST:
        if s.seq != t.rcv:
            return t._replace(ack_due=False), (_ack(t),)
        return _dead(t, LISTEN if t.state == SYN_RCVD and t.passive else CLOSED), ()
    # Fourth, SYN. RFC 9293 section 3.10.7.4: "If the connection was initiated with a passive OPEN, then
    # return this connection to the LISTEN state and return."
    if s.flags & SYN:
        if t.state == SYN_RCVD and t.passive:
            return _dead(t, LISTEN), ()
        return t._replace(ack_due=False), (_ack(t),)
    # Fifth, ACK. RFC 9293 section 3.10.7.4: "if the ACK bit is off, drop the segment and return"
    if not s.flags & ACK:
        return t, ()
    if t.state == SYN_RCVD:
        if not t.una < s.ack <= t.nxt:
            return t, (Seg(s.ack, 0, RST),)
        t = _enter(t, ESTABLISHED, now)
    # RFC 9293 section 3.10.7.4: "If the ACK acks something not yet sent (SEG.ACK > SND.NXT), then send an
    # ACK, drop the segment, and return."
    if s.ack > t.nxt:
        return t._replace(ack_due=False), (_ack(t),)
    if s.ack > t.una:
        t = t._replace(una=s.ack, backoff=0)
        if t.una == t.nxt:
            t = t._replace(rto_at=NEVER, give_up_at=NEVER)
        else:
            t = t._replace(rto_at=now + 1)
            if not t.fin:
                t = t._replace(give_up_at=now + DATA_GIVE_UP_S)
    fin_acked = t.fin and t.una == t.nxt
    # RFC 9293 section 3.10.7.4: "if the ACK acknowledges our FIN, then enter the TIME-WAIT state; otherwise,
    # ignore the segment."
    if t.state == CLOSING:
        return (_enter(t, TIME_WAIT, now) if fin_acked else t), ()
    # RFC 9293 section 3.10.7.4: "If our FIN is now acknowledged, delete the TCB, enter the CLOSED state, and
    # return."
    if t.state == LAST_ACK and fin_acked:
        return _dead(t), ()
    # Seventh and eighth: text and FIN, in order; what is early waits.
    out: tuple[Seg, ...] = ()
    finned = False
    if t.state in (ESTABLISHED, FIN_WAIT_1, FIN_WAIT_2) and (s.length or s.flags & FIN):
        if s.length and t.gone and s.seq + s.length > t.rcv:
            if t.state == FIN_WAIT_1 and fin_acked:
                t = _enter(t, FIN_WAIT_2, now)
            return _dead(t), (Seg(t.nxt, 0, RST),)  # 3.6.1: data nobody will read
        held = tuple(sorted({*t.held, (s.seq, s.length, bool(s.flags & FIN))}))
        before = t.rcv
        for seq, length, fin in held:
            if not finned and seq <= t.rcv <= seq + length:
                t = t._replace(rcv=max(t.rcv, seq + length))
                finned = fin
        t = t._replace(held=tuple(h for h in held if h[0] + h[1] + h[2] > t.rcv) if not finned else ())
        if finned:
            t = t._replace(rcv=t.rcv + 1, fin_rcvd=True)
        if t.rcv > before:
            t = t._replace(ack_due=True)
        else:
            t = t._replace(ack_due=False)
            out = (_ack(t),)  # out of order: an immediate duplicate ACK (RFC 5681)
    if finned:
        if t.state == ESTABLISHED:
            return _enter(t, CLOSE_WAIT, now), out
        if t.state == FIN_WAIT_1 and not fin_acked:
            return _enter(t, CLOSING, now), out
        # RFC 9293 section 3.10.7.4: "If our FIN has been ACKed (perhaps in this segment), then enter
        # TIME-WAIT"
        return _enter(t, TIME_WAIT, now), out
    if t.state == FIN_WAIT_1 and fin_acked:
        t = _enter(t, FIN_WAIT_2, now)
    return t, out
