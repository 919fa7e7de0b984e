"""What Zeek would log of a connection: ``conn_state`` and ``history``.

Compiled (see ``zeek.pxd``). The letters and states are those of Zeek's manual (``Conn::Info`` in
``base/protocols/conn/main.zeek``). Zeek follows what each side *sent*, with seven states of its
own; that is another machine than RFC 9293's, so it is replayed here beside ours and neither
looks at the other.

Where it differs from a Zeek that reads the same capture: payload is not looked into (no ``x``),
checksums are not verified (no ``c``), no connection is split by Zeek's timers, and what the snap
length cut from a packet is not a content gap.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Literal

from tcptrace_py.tcp.endpoint import Endpoint
from tcptrace_py.wire.segment import ACK, FIN, RST, SYN, Segment

ConnState = Literal[
    "S0", "S1", "SF", "REJ", "S2", "S3", "RSTO", "RSTR", "RSTOS0", "RSTRH", "SH", "SHR", "OTH"
]

# Zeek's states of one side, by what it has sent.
INACTIVE = 0
SYN_SENT = 1
SYN_ACK_SENT = 2
PARTIAL = 3
ESTABLISHED = 4
CLOSED = 5
RESET = 6

# A letter is its kind * 2, plus 1 where the responder sent it; small case is the responder's.
_SYN = 0
_SYN_ACK = 1
_ACK = 2
_DATA = 3
_FIN = 4
_RST = 5
_RETRANSMISSION = 6
_ZERO_WINDOW = 7
_GAP = 8
_FIN_AND_RST = 9
_MANY_FLAGS = 10
_FLIP = 22
_LETTERS = "SsHhAaDdFfRrTtWwGgIiQq^"

# Letters are packed, five bits each and never zero, until there are twelve of them.
_PACK = 12
#: Longer histories are cut: only a flood of SYN, FIN or RST with ever new numbers makes one.
HISTORY_LIMIT = 252

_HALF = 0x80000000
_MASK = 0xFFFFFFFF
# A number this far off is not believed of a SYN or RST.
_TOO_FAR = 1 << 20
# Pieces remembered beyond a gap, of both sides together.
_PIECES = 128

# The TCP ports that Zeek's default scripts call likely servers'.
LIKELY_SERVER_PORTS = frozenset(
    (
        *(21, 22, 23, 25, 53, 79, 80, 81, 88, 110, 111, 113, 135, 137, 139, 143, 389, 443, 445, 502),
        *(513, 514, 563, 585, 587, 614, 631, 636, 989, 990, 992, 993, 995, 1080, 1434, 1883, 2811),
        *(3128, 3268, 3306, 3389, 5060, 5222, 5223, 5269, 5432, 6379, 6666, 6667, 6668, 6669),
        *(8000, 8080, 8888, 20000),
    )
)


@lru_cache(maxsize=1024)
def _spelled(packed: int) -> str:
    """Letters that are packed. (Most connections of a capture have one of a few histories.)"""
    letters = ""
    while packed:
        letters = _LETTERS[packed % 32 - 1] + letters
        packed //= 32
    return letters


class Side:
    """What Zeek keeps of one side; numbers are sequence numbers unless they say otherwise."""

    def __init__(self) -> None:
        self.state = INACTIVE
        self.previous_state = INACTIVE
        #: Bit ``kind`` for each letter that is written once, and for those that were written.
        self.seen = 0
        self.start = 0
        #: How far beyond ``start`` it has sent (SYN and FIN count).
        self.sent = 0
        self.acked = 0
        #: Up to here the stream is whole, or was given up.
        self.whole = 1
        self.finished = False
        self.fin_end = 0
        self.last_syn = 0
        self.last_rst = 0
        self.retransmissions = 0
        self.zero_windows = 0
        self.gaps = 0


class Zeek:
    """Zeek's view of one connection; ``a`` and ``b`` are the connection's endpoints."""

    def __init__(self) -> None:
        self.a = Side()
        self.b = Side()
        self.orig_is_a = True
        #: Payload that was acknowledged and never passed, of both sides.
        self.missed_bytes = 0
        self._partial = False
        self._a_seen = False
        self._b_seen = False
        self._begun = False
        self._letters = b""
        self._packed = 0
        self._packed_count = 0
        #: Pieces beyond a gap: ``(of a, left, right)``, numbers relative to the side's start.
        self._pieces: list[tuple[bool, int, int]] | None = None

    def segment(self, from_a: bool, segment: Segment) -> None:
        """One segment, in the order of the capture."""
        flags = segment.flags
        side = self.a if from_a else self.b
        peer = self.b if from_a else self.a
        if not self._begun:
            self._begin(from_a, segment)
        if not self._a_seen or not self._b_seen:
            self._doubt(from_a, flags)
            if not flags & (SYN | FIN | RST) and (flags & ACK or segment.payload_bytes):
                self._credit(side, peer)
        seq = segment.seq
        payload_bytes = segment.payload_bytes
        carried = 0 if flags & RST else payload_bytes
        control = flags & (SYN | FIN | RST)
        if control:
            carried += (1 if flags & SYN else 0) + (1 if flags & FIN else 0)
        if side.state == INACTIVE or flags & SYN:
            self._number(side, flags, seq, carried)

        # Letters of what the segment is.
        if control:
            self._control_letters(side, from_a, segment)
        elif payload_bytes:
            if not side.seen & (1 << _DATA):
                self._once(side, _DATA, from_a)
        elif flags & ACK and not side.seen & (1 << _ACK):
            self._once(side, _ACK, from_a)
        if segment.window == 0 and not flags & RST and peer.state != CLOSED and side.state != RESET:
            side.zero_windows += 1
            self._scaled(side.zero_windows, _ZERO_WINDOW, from_a)

        if flags & FIN:
            side.finished = True
            side.fin_end = (seq + carried) & _MASK
        acknowledges = False
        if flags & ACK:
            ack = segment.ack
            if peer.state == INACTIVE:
                self._move_start(peer, (ack - 1) & _MASK)
                peer.acked = peer.start
                peer.sent = 0
            elif peer.acked == ack:
                acknowledges = True
            elif peer.sent >= _HALF or ((ack - peer.start + _HALF) & _MASK) >= _HALF:
                acknowledges = True
                ahead = ((ack - peer.acked + _HALF) & _MASK) - _HALF
                if not flags & RST and ahead > 0 and (ack != 0 or ahead <= _TOO_FAR):
                    peer.acked = ack

        before_start = side.sent < _HALF and ((seq - side.start + _HALF) & _MASK) < _HALF
        ahead = ((seq + carried - side.start - side.sent + _HALF) & _MASK) - _HALF
        if control and flags & (SYN | RST) and not -_TOO_FAR <= ahead <= _TOO_FAR:
            pass
        elif control and flags & FIN and side.sent == 1:
            side.sent = (seq + carried - side.start) & _MASK
        elif side.state == RESET:
            pass
        elif ahead > 0:
            side.sent += ahead
        elif payload_bytes:
            side.retransmissions += 1
            self._scaled(side.retransmissions, _RETRANSMISSION, from_a)

        if control or side.state == INACTIVE:
            self._move(side, peer, from_a, flags, payload_bytes)
        if acknowledges and peer.whole != segment.ack:
            self._acknowledged(peer, side, not from_a, segment.ack)
        if from_a:
            self._a_seen = True
        else:
            self._b_seen = True
        if payload_bytes and not flags & RST and not before_start:
            self._take(side, from_a, seq + 1 if flags & SYN else seq, payload_bytes)

    def in_step(self, a: Endpoint, b: Endpoint) -> bool:
        """Zeek's numbers are those of the endpoints, and a regular segment only moves numbers."""
        if self._pieces is not None or not self._a_seen or not self._b_seen:
            return False
        return self._agrees(self.a, a) and self._agrees(self.b, b)

    def _agrees(self, side: Side, endpoint: Endpoint) -> bool:
        if side.state < PARTIAL or side.state == RESET or not endpoint.has_snd or not endpoint.has_una:
            return False
        end = (side.start + side.sent) & _MASK
        whole = side.whole + 1 if side.finished else side.whole
        return end == endpoint.snd_nxt and whole & _MASK == end and side.acked == endpoint.snd_una

    def catch_up(self, a: Endpoint, b: Endpoint) -> None:
        """Take the endpoints' numbers over, after segments that were not told for being regular."""
        self._follow(self.a, a)
        self._follow(self.b, b)

    def _follow(self, side: Side, endpoint: Endpoint) -> None:
        snd_nxt = endpoint.snd_nxt
        beyond = (snd_nxt - side.start) & _MASK
        # Beyond 4 GiB the sequence numbers have wrapped: the bytes tell how often.
        wraps = (endpoint.bytes - beyond + _HALF) >> 32
        side.sent = beyond + (wraps << 32) if wraps > 0 else beyond
        side.acked = endpoint.snd_una
        side.whole = (snd_nxt - 1) & _MASK if side.finished else snd_nxt

    # --- the first segments ------------------------------------------------------------

    def _begin(self, from_a: bool, segment: Segment) -> None:
        """Who originated it? Without a SYN, Zeek goes by the ports."""
        self._begun = True
        self.orig_is_a = from_a
        if segment.flags & SYN and not segment.flags & ACK:
            return
        if segment.src_port not in LIKELY_SERVER_PORTS:
            return
        if segment.dst_port in LIKELY_SERVER_PORTS:
            if segment.flags & SYN or segment.src_port >= segment.dst_port:
                return
        self._flip()

    def _doubt(self, from_a: bool, flags: int) -> None:
        """Is this a connection of which only a part was captured?"""
        if from_a == self.orig_is_a:
            if not (self._a_seen if from_a else self._b_seen):
                self._partial = not flags & SYN or bool(flags & ACK)
        elif not self._partial and not (self._a_seen if from_a else self._b_seen):
            self._partial = not flags & SYN

    def _credit(self, side: Side, peer: Side) -> None:
        """An ACK or data after a SYN+ACK: that was no scan, and its sender is the responder."""
        originator = self.a if self.orig_is_a else self.b
        if originator.state == SYN_ACK_SENT and (side.state == INACTIVE or peer.state == INACTIVE):
            self._flip()
            self._set(originator, ESTABLISHED)
            self._partial = False

    def _flip(self) -> None:
        """Originator and responder change places, in what is written so far too."""
        self.orig_is_a = not self.orig_is_a
        letters = self.history().swapcase()
        self._letters = b""
        self._packed = _FLIP + 1
        self._packed_count = 1
        for letter in letters:
            self._write(_LETTERS.index(letter))

    def _move_start(self, side: Side, start: int) -> None:
        side.whole = (side.whole - side.start + start) & _MASK
        side.start = start

    def _number(self, side: Side, flags: int, seq: int, carried: int) -> None:
        """Where the side's sequence space begins; every SYN may have been the one that counted."""
        state = side.state
        if flags & SYN:
            if state == CLOSED or (state == RESET and side.previous_state != INACTIVE):
                return
            if (state == SYN_SENT or state == SYN_ACK_SENT) and side.start == seq:
                return
            self._move_start(side, seq)
            side.acked = seq
            side.sent = carried
        elif state == INACTIVE:
            # As if there had been a SYN before it.
            self._move_start(side, (seq - 1) & _MASK)
            side.acked = side.start
            side.sent = 1

    # --- states ------------------------------------------------------------------------

    def _set(self, side: Side, state: int) -> None:
        if side.state != state:
            side.previous_state = side.state
            side.state = state

    def _move(self, side: Side, peer: Side, from_a: bool, flags: int, payload_bytes: int) -> None:
        state = side.state
        by_originator = from_a == self.orig_is_a
        if state == INACTIVE:
            self._move_first(side, peer, by_originator, flags, payload_bytes)
        elif state == SYN_SENT or state == SYN_ACK_SENT:
            if flags & FIN:
                self._set(side, CLOSED)
            if flags & RST:
                self._set(side, RESET)
        elif state == ESTABLISHED or state == PARTIAL:
            if flags & SYN and not flags & ACK and state == PARTIAL and peer.state == INACTIVE:
                self._set(side, SYN_SENT)
            if flags & FIN and not flags & RST:
                self._set(side, CLOSED)
                if peer.state == RESET and peer.previous_state == CLOSED:
                    # FIN and then RST: with the other's FIN it was an orderly close after all.
                    self._set(peer, CLOSED)
            if flags & RST:
                self._set(side, RESET)
        elif state == CLOSED:
            if flags & RST and peer.state != CLOSED:
                self._set(side, RESET)

    def _move_first(
        self, side: Side, peer: Side, by_originator: bool, flags: int, payload_bytes: int
    ) -> None:
        """The first segment of a side."""
        if flags & SYN:
            if by_originator:
                self._set(side, SYN_ACK_SENT if flags & ACK else SYN_SENT)
            else:
                if not flags & ACK and peer.state == SYN_ACK_SENT:
                    # SYN+ACK was captured before its SYN.
                    self._partial = False
                    self._flip()
                    self._set(peer, ESTABLISHED)
                elif peer.state == SYN_SENT:
                    self._set(peer, ESTABLISHED)
                self._set(side, ESTABLISHED)
        if flags & FIN:
            self._set(side, CLOSED)
        if flags & RST:
            self._set(side, RESET)
        if side.state != INACTIVE:
            return
        if not by_originator and payload_bytes == 0 and peer.state == SYN_SENT:
            # Some acknowledge the SYN before they answer it.
            return
        if flags & ACK and peer.state == ESTABLISHED:
            self._set(side, ESTABLISHED)
            self._partial = False
        else:
            self._set(side, PARTIAL)

    # --- letters -----------------------------------------------------------------------

    def _control_letters(self, side: Side, from_a: bool, segment: Segment) -> None:
        flags = segment.flags
        control = flags & (SYN | FIN | RST)
        if control == SYN:
            number = (segment.seq - side.start) & _MASK
            if not side.seen & (1 << _SYN) or number != side.last_syn:
                side.seen |= 1 << _SYN
                self._letter(_SYN_ACK if flags & ACK else _SYN, from_a)
            side.last_syn = number
        elif control == FIN:
            end = (segment.seq + segment.payload_bytes + 1) & _MASK
            if not side.seen & (1 << _FIN) or end != side.fin_end:
                side.seen |= 1 << _FIN
                self._letter(_FIN, from_a)
        elif control == RST:
            number = (segment.seq - side.start) & _MASK
            if not side.seen & (1 << _RST) or number != side.last_rst:
                side.seen |= 1 << _RST
                self._letter(_RST, from_a)
            side.last_rst = number
        elif flags & FIN and flags & RST:
            if not side.seen & (1 << _FIN_AND_RST):
                self._once(side, _FIN_AND_RST, from_a)
        elif not side.seen & (1 << _MANY_FLAGS):
            self._once(side, _MANY_FLAGS, from_a)

    def _once(self, side: Side, kind: int, from_a: bool) -> None:
        side.seen |= 1 << kind
        self._letter(kind, from_a)

    def _scaled(self, count: int, kind: int, from_a: bool) -> None:
        """Written for the 1st, the 10th, the 100th and so on."""
        while count >= 10 and count % 10 == 0:
            count //= 10
        if count == 1:
            self._letter(kind, from_a)

    def _letter(self, kind: int, from_a: bool) -> None:
        self._write(2 * kind + (0 if from_a == self.orig_is_a else 1))

    def _write(self, letter: int) -> None:
        if self._packed_count == _PACK:
            if len(self._letters) >= HISTORY_LIMIT - _PACK:
                return
            self._letters = self.history().encode()
            self._packed = 0
            self._packed_count = 0
        self._packed = self._packed * 32 + letter + 1
        self._packed_count += 1

    # --- content gaps ------------------------------------------------------------------

    def _take(self, side: Side, of_a: bool, seq: int, payload_bytes: int) -> None:
        """Payload passes: it goes on where the stream is whole, or beyond a gap."""
        if side.whole == seq and self._pieces is None:
            side.whole = (seq + payload_bytes) & _MASK
            return
        left = (seq - side.whole + _HALF & _MASK) - _HALF
        right = left + payload_bytes
        if right <= 0:
            return
        if left <= 0:
            side.whole = (side.whole + right) & _MASK
            self._close_up(side, of_a)
            return
        if self._pieces is None:
            self._pieces = []
        if len(self._pieces) < _PIECES:
            self._pieces.append((of_a, seq & _MASK, (seq + payload_bytes) & _MASK))

    def _close_up(self, side: Side, of_a: bool) -> None:
        """Take over the pieces that join what is whole, and drop those within it."""
        again = True
        while again and self._pieces is not None:
            again = False
            kept = []
            for piece in self._pieces:
                piece_of_a, left, right = piece
                if bool(piece_of_a) != bool(of_a):
                    kept.append(piece)
                elif ((left - side.whole + _HALF) & _MASK) > _HALF:
                    kept.append(piece)
                elif ((right - side.whole + _HALF) & _MASK) > _HALF:
                    side.whole = right
                    again = True
            self._pieces = kept or None

    def _acknowledged(self, side: Side, peer: Side, of_a: bool, ack: int) -> None:
        """An ACK: what it covers and never passed is a gap."""
        if side.finished and ((ack - side.fin_end + _HALF) & _MASK) >= _HALF:
            ack = (side.fin_end - 1) & _MASK
        missing = ((ack - side.whole + _HALF) & _MASK) - _HALF
        if missing <= 0:
            return
        if self._partial and ((ack - side.start) & _MASK) <= 2:
            return
        while missing > 0:
            skip = missing
            if self._pieces is not None:
                for piece_of_a, left, _right in self._pieces:
                    if bool(piece_of_a) == bool(of_a):
                        off = ((left - side.whole + _HALF) & _MASK) - _HALF
                        if 0 < off < skip:
                            skip = off
            if self._orderly(side) and self._orderly(peer):
                side.gaps += 1
                self.missed_bytes += skip
                self._scaled(side.gaps, _GAP, of_a)
            side.whole = (side.whole + skip) & _MASK
            self._close_up(side, of_a)
            missing = ((ack - side.whole + _HALF) & _MASK) - _HALF

    def _orderly(self, side: Side) -> bool:
        return side.state == ESTABLISHED or (side.state == CLOSED and side.previous_state == ESTABLISHED)

    # --- what is logged ----------------------------------------------------------------

    def history(self) -> str:
        """The letters so far, the originator's in capitals."""
        letters = _spelled(self._packed)
        return self._letters.decode() + letters if self._letters else letters

    def conn_state(self) -> ConnState:
        """The column ``conn_state``."""
        originator = self.a if self.orig_is_a else self.b
        responder = self.b if self.orig_is_a else self.a
        orig = originator.state
        resp = responder.state
        orig_silent = orig == INACTIVE or orig == PARTIAL
        resp_silent = resp == INACTIVE or resp == PARTIAL
        if resp == RESET:
            if orig == SYN_SENT or orig == SYN_ACK_SENT:
                return "REJ"
            if orig == RESET and self.size(originator, responder) == self.size(responder, originator) == 0:
                return "REJ"
            return "RSTRH" if orig_silent else "RSTR"
        if orig == RESET:
            if not resp_silent:
                return "RSTO"
            return "RSTOS0" if self._reset_before_answer() else "OTH"
        if orig == CLOSED and resp == CLOSED:
            return "SF"
        if orig == CLOSED:
            return "SH" if resp_silent else "S2"
        if resp == CLOSED:
            return "SHR" if orig_silent else "S3"
        if orig == SYN_SENT and resp == INACTIVE:
            return "S0"
        return "S1" if orig == ESTABLISHED and resp == ESTABLISHED else "OTH"

    def _reset_before_answer(self) -> bool:
        """The originator sent a SYN, then a RST, and nothing else of note between them."""
        letters = self.history().removeprefix("^")
        if not letters.startswith("S"):
            return False
        before, found, _ = letters[1:].partition("R")
        return bool(found) and not set(before) & set("HAFGIQ")

    def size(self, side: Side, peer: Side) -> int:
        """Payload bytes of a side, by its sequence numbers and what was acknowledged."""
        acknowledged = (side.acked - side.start) & _MASK
        if side.sent > _HALF:
            # Beyond 2 GiB: the acknowledgment is somewhere behind what was sent.
            acknowledged = side.sent + ((side.acked - side.start - side.sent + _HALF) & _MASK) - _HALF
        elif acknowledged >= _HALF:
            acknowledged = 0
        if (
            side.previous_state == SYN_SENT
            and side.state == RESET
            and peer.state == INACTIVE
            and acknowledged > 1
        ):
            # An old half-open connection was discovered: its numbers say nothing of this one.
            return 0
        size = max(side.sent, acknowledged)
        if size:
            size -= 1
        if side.finished and size:
            size -= 1
        return size
