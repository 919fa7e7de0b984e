"""One side of the vantage point: an endpoint, its application, and its two links.

Segments go from their sender to the vantage point and from there to their receiver. The
vantage point cuts the world into two :class:`Side`\\ s, which know of each other only by what
passes it: what one side can do depends on the segments that passed so far, and on nothing
else of the other. So each is explored by itself (:mod:`explore` puts them together again).

A side has a link ``out`` to the vantage point and a link ``into`` the endpoint. A link keeps
order, and has a limbo beside it for what was duplicated or delayed: that may be delivered at
any later moment of the same second. Segments can wait in ``into``; ``out`` takes no time, which
leaves nothing out: that a segment of the peer passes while ours is on its way to the vantage point is,
for all who look on and for this side, the same as that the peer's waits in ``into`` until
ours is sent. With the vantage point *at* an endpoint, neither of its links takes
time or has faults.

What may go wrong costs one fault each: ``lose`` the front of a link, ``duplicate`` it into
limbo, ``delay`` it into limbo, an ``early`` retransmission (the timer runs out though the answer
is on its way), ``cut`` one link or both, which loses all that they carry from then on, and
``heal`` what was cut, and ``forge`` a RST with the number that is an endpoint's own next: in a pause of that,
for of what it sends within the second nobody can tell whether it sent it before.

A side's clock moves only when it has nothing else to do, to its next deadline or to the next
segment that passes towards it. So exploration is finite, and all that lies between two
deadlines happens in the same second.
"""

from __future__ import annotations

from typing import Any, NamedTuple, TypeVar

from . import endpoint as ep
from .endpoint import CLOSE_WAIT, NEVER, Seg, Step, Tcb

CLIENT, SERVER = 0, 1

#: First initial sequence numbers; each later OPEN of the same endpoint adds 3000.
ISN = (1000, 6000)

#: An application that lets its socket wait in CLOSE-WAIT for longer, unused, has forgotten it.
PROMPT_S = 10

#: A segment on its way to the vantage point, its sender's path and ISS once it had sent it, and whether
#: it goes unseen till it passes: no other copy of it does, and it is not of a connection long over.
Mark = tuple[Seg, str, int, bool]
OutLink = tuple[tuple[Mark, ...], tuple[Mark, ...]]
IntoLink = tuple[tuple[Seg, ...], tuple[Seg, ...]]


class Label(NamedTuple):
    """What the vantage point sees: the second, the sender, the segment."""

    at_s: int
    sender: int
    seg: Seg


class Witness(NamedTuple):
    """What the vantage point cannot see: the sender's path and ISS once it had sent a segment, and
    whether by then something had happened unseen: before the vantage point, and not passed it since."""

    path: str
    iss: int
    unseen: bool


class Scenario(NamedTuple):
    """Who does what, and how much may go wrong.

    A script is a tuple of calls: ``listen`` (at once), ``listen late`` (at any moment), ``listen fin`` (and
    close with the SYN+ACK, which carries the FIN), ``open``,
    ``send``, ``last`` (the last bytes and CLOSE in one), ``shut`` (CLOSE, still reading), ``close``
    (CLOSE, and the application is gone), ``abort``, ``abort+ack``, ``crash`` (the record vanishes
    without a word), ``waitN`` (N seconds); ``?eof`` waits for the peer's FIN, ``?up`` for
    ESTABLISHED, ``?down`` for the record's end.
    """

    name: str
    scripts: tuple[tuple[str, ...], tuple[str, ...]]
    vantage: str = "middle"
    faults: int = 0
    kinds: frozenset[str] = frozenset({"lose", "duplicate", "delay", "early"})
    #: Any application: may time pass though it could act, may it stay or be gone when it closes, and
    #: may it abort an open that nobody has answered yet?
    any_application: bool = False
    #: Old segments already on their way to the vantage point: (segment, path of its sender then, ISS).
    old: tuple[tuple[Mark, ...], tuple[Mark, ...]] = ((), ())
    #: The paths of connection records that both ends had before, long closed.
    past: tuple[str, str] = ("C", "C")

    def rules(self, end: int) -> Rules:
        instant = self.vantage == ("client", "server")[end]
        return Rules(
            end,
            instant,
            self.kinds if self.faults or self.any_application else frozenset(),
            self.any_application,
        )

    def start(self, end: int) -> Side:
        return Side(Tcb(self.past[end]), self.scripts[end], out=((), self.old[end]))


class Rules(NamedTuple):
    """What one side of a scenario may do."""

    end: int
    #: The vantage point is at this endpoint.
    instant: bool
    kinds: frozenset[str]
    any_application: bool


class Side(NamedTuple):
    tcb: Tcb
    todo: tuple[str, ...]
    wake: int = NEVER
    out: OutLink = ((), ())
    into: IntoLink = ((), ())
    now: int = 0
    opens: int = 0
    out_cut: bool = False
    into_cut: bool = False
    #: Something happened before the vantage point that it cannot see: a loss, a silent end.
    unseen: bool = False
    #: Something was lost after the vantage point.
    lost: bool = False
    #: In CLOSE-WAIT, since when the application has let it wait.
    waits_since: int = NEVER
    #: It once waited in CLOSE-WAIT for longer than a prompt application lets it wait.
    forgotten: bool = False

    @property
    def hides(self) -> bool:
        """Something happened unseen, or is still on its way to where it will be seen."""
        return self.unseen or any(hidden for _seg, _path, _iss, hidden in self.out[1])

    @property
    def deadline(self) -> int:
        return min(self.tcb.next_deadline, self.wake)


class Move(NamedTuple):
    """Something happens on one side: what (drawn only for a counterexample), the faults it costs,
    the segment that passes the vantage point and the truth about its sender, the side then."""

    what: str
    item: object
    faults: int
    passes: Seg | None
    witness: Witness | None
    after: Side


def _emit(side: Side, step: Step, **changes: Any) -> Side:
    """The endpoint's new record, and what it sends put on its link."""
    tcb, segs = step
    was = side.tcb.state
    if tcb.state == CLOSE_WAIT:
        if was != CLOSE_WAIT or (segs and tcb.nxt != side.tcb.nxt):
            changes["waits_since"] = side.now
    elif was == CLOSE_WAIT:
        changes["waits_since"] = NEVER
        if side.now - side.waits_since > PROMPT_S and not any(seg.length for seg in segs):
            changes["forgotten"] = True
    if segs:
        if side.out_cut:
            changes["unseen"] = True
        else:
            queue, limbo = side.out
            changes["out"] = (*queue, *((seg, tcb.path, tcb.iss, True) for seg in segs)), limbo
    return side._replace(tcb=tcb, **changes)


def _calls(side: Side, end: int) -> list[tuple[str, Side]]:
    """What the application may do next; at most one step."""
    if not side.todo:
        return []
    call, rest = side.todo[0], side.todo[1:]
    t = side.tcb
    state = t.state
    if call[0] == "?":
        met = {
            "?eof": t.fin_rcvd,
            "?up": state not in "CLSR",
            "?down": state == "C",
        }[call]
        dead = state == "C" and t.path != "C" and call != "?down"
        return [(call, side._replace(todo=rest))] if met or dead else []
    if call.startswith("wait"):
        if side.wake == NEVER:
            return [(call, side._replace(wake=side.now + int(call[4:])))]
        if side.wake > side.now:
            return []
        return [(call + " over", side._replace(wake=NEVER, todo=rest))]
    if call in ("open", "listen", "listen late", "listen fin"):
        if state != "C":
            return []
        iss = ISN[end] + 3000 * side.opens
        step = (
            ep.open_active(t, iss, side.now)
            if call == "open"
            else ep.open_passive(t, iss, call == "listen fin")
        )
        return [(call, _emit(side, step, opens=side.opens + 1, todo=rest))]
    if state == "C":
        # "error: connection does not exist": calls fail until the next OPEN.
        return [(call + " fails", side._replace(todo=rest))] if t.path != "C" else []
    if call == "crash":
        return [(call, _emit(side, (Tcb(path=t.path + "C"), ()), unseen=True, todo=rest))]
    if call == "send":
        return [(call, _emit(side, ep.send(t, side.now), todo=rest))] if ep.can_send(t) else []
    if call == "last":
        if not ep.can_send(t):
            return []
        return [(call, _emit(side, ep.close(t, side.now, gone=False, length=ep.MSS), todo=rest))]
    if call in ("shut", "close"):
        if not ep.can_close(t):
            return []
        after = _emit(side, ep.close(t, side.now, gone=call == "close"), todo=rest)
        return [(call, after._replace(unseen=True) if state in "LS" else after)]
    if call in ("abort", "abort+ack"):
        if not ep.can_abort(t):
            return []
        after = _emit(side, ep.abort(t, with_ack=call == "abort+ack"), todo=rest)
        return [(call, after._replace(unseen=True) if state in "LS" else after)]
    raise ValueError(call)


_T = TypeVar("_T")


def _without(items: tuple[_T, ...], item: _T) -> tuple[_T, ...]:
    index = items.index(item)
    return items[:index] + items[index + 1 :]


def _pass(side: Side, mark: Mark, out: OutLink) -> Move:
    seg, path, iss, _hidden = mark
    after = side._replace(out=out)
    return Move("passes", seg, 0, seg, Witness(path, iss, after.hides), after)


def _arrive(side: Side, seg: Seg, into: IntoLink) -> Move:
    step = ep.arrives(side.tcb, seg, side.now)
    return Move("arrives", seg, 0, None, None, _emit(side._replace(into=into), step))


def _deliveries(side: Side) -> list[Move]:
    marks, late_marks = side.out
    moves = [_pass(side, mark, (marks, _without(late_marks, mark))) for mark in dict.fromkeys(late_marks)]
    segs, late_segs = side.into
    if segs:
        moves.append(_arrive(side, segs[0], (segs[1:], late_segs)))
    moves += [_arrive(side, seg, (segs, _without(late_segs, seg))) for seg in dict.fromkeys(late_segs)]
    return moves


def _fault(what: str, item: object, after: Side) -> Move:
    return Move(what, item, 1, None, None, after)


def _faults_before(side: Side, kinds: frozenset[str]) -> list[Move]:
    """What may become of a segment that was just sent, before the vantage point."""
    moves: list[Move] = []
    (mark, *rest), late_marks = side.out
    marks = tuple(rest)
    if "lose" in kinds:
        lost = side._replace(out=(marks, late_marks), unseen=True)
        moves.append(_fault("lost before the vantage point", mark[0], lost))
    if "duplicate" in kinds:
        twice = side._replace(out=((mark, *marks), tuple(sorted((*late_marks, (*mark[:3], False))))))
        moves.append(_fault("duplicated before the vantage point", mark[0], twice))
    if "delay" in kinds:
        late = side._replace(out=(marks, tuple(sorted((*late_marks, mark)))))
        moves.append(_fault("delayed before the vantage point", mark[0], late))
    return moves


def _faults(side: Side, rules: Rules) -> list[Move]:
    moves: list[Move] = []
    kinds = rules.kinds
    segs, late_segs = side.into
    if segs and not rules.instant:
        seg, rest, late = segs[0], segs[1:], tuple(sorted((*late_segs, segs[0])))
        if "lose" in kinds:
            lost = side._replace(into=(rest, late_segs), lost=True)
            moves.append(_fault("lost after the vantage point", seg, lost))
        if "duplicate" in kinds:
            moves.append(_fault("duplicated after the vantage point", seg, side._replace(into=(segs, late))))
        if "delay" in kinds:
            moves.append(_fault("delayed after the vantage point", seg, side._replace(into=(rest, late))))
    if not rules.instant and (side.out_cut or side.into_cut) and "heal" in kinds:
        moves.append(_fault("healed", "", side._replace(out_cut=False, into_cut=False)))
    if not rules.instant and not (side.out_cut or side.into_cut) and "cut" in kinds:
        before = side._replace(out=((), ()), out_cut=True, unseen=True)
        moves.append(_fault("cut before the vantage point", "", before))
        for each, what in ((side, "cut after the vantage point"), (before, "cut off")):
            moves.append(_fault(what, "", each._replace(into=((), ()), into_cut=True, lost=True)))
    if "forge" in kinds and side.tcb.state in _SYNCHRONIZED and _waits(side):
        queue, late_marks = side.out
        forged = (Seg(side.tcb.nxt, 0, ep.RST), side.tcb.path, side.tcb.iss, True)
        after = side._replace(out=((*queue, forged), late_marks), unseen=True)
        moves.append(_fault("somebody sends in its name", forged[0], after))
    if "early" in kinds and side.tcb.rto_at != NEVER and side.tcb.backoff == 0:
        moves.append(_fault("retransmits early", "", _emit(side, ep.retransmit(side.tcb, side.now))))
    return moves


_SYNCHRONIZED = "E12WXAT"


def _waits(side: Side) -> bool:
    """The application waits for seconds, and its endpoint has nothing to do in them."""
    return side.now < side.wake < NEVER and not (
        any(side.into) or side.tcb.ack_due or side.tcb.rto_at != NEVER
    )


#: How free a side is: at something that cannot wait, at something, or only waiting for its clock.
BUSY, ACTIVE, IDLE = 0, 1, 2


def free_moves(side: Side, rules: Rules) -> tuple[list[Move], int]:
    """What can happen on one side while its clock stands still and nothing goes wrong, and how free it is.

    A busy side lets nothing pass toward it: what it does concerns nobody else, or takes no time.
    """
    marks, late_marks = side.out
    if marks:
        return [_pass(side, marks[0], (marks[1:], late_marks))], BUSY
    segs, late_segs = side.into
    if segs and rules.instant:
        return [_arrive(side, segs[0], (segs[1:], late_segs))], BUSY
    calls = _calls(side, rules.end)
    if calls and _at_once(side.todo[0]):
        return [Move(what, "", 0, None, None, after) for what, after in calls], BUSY
    out = _deliveries(side)
    if side.tcb.ack_due:
        out.append(Move("acknowledges", "", 0, None, None, _emit(side, ep.acknowledge(side.tcb))))
    idle = not out
    if rules.any_application and side.todo and side.todo[0] in ("shut", "close"):
        other = "close" if side.todo[0] == "shut" else "shut"
        calls = calls + _calls(side._replace(todo=(other, *side.todo[1:])), rules.end)
    if rules.any_application and side.tcb.state == "S" and side.todo[:1] == ("send",):
        # A SEND in SYN-SENT is queued, and flushed by an ABORT there (3.10.2, 3.10.5).
        calls = [each for each in _calls(side._replace(todo=side.todo[1:]), rules.end) if "abort" in each[0]]
    if rules.any_application and "forge" in rules.kinds and side.tcb.state in "R" + _SYNCHRONIZED:
        calls = calls + _calls(side._replace(todo=("abort",)), rules.end)
    out += [Move(what, "", 0, None, None, after) for what, after in calls]
    idle = idle and (rules.any_application or not out)
    return out, IDLE if idle else ACTIVE


def _at_once(call: str) -> bool:
    """Conditions, waits and a server's start concern nobody else: taken as soon as they can be."""
    return call[0] == "?" or call.startswith("wait") or call in ("listen", "listen fin")


def fault_moves(side: Side, rules: Rules) -> list[Move]:
    """What can go wrong on one side, in one fault each."""
    if not rules.kinds:
        return []
    if side.out[0]:
        return [] if rules.instant else _faults_before(side, rules.kinds)
    if rules.instant and side.into[0]:
        return []
    if side.todo and _at_once(side.todo[0]) and _calls(side, rules.end):
        return []
    return _faults(side, rules)


def moves(side: Side, rules: Rules) -> tuple[list[Move], int]:
    """Everything that can happen on one side while its clock stands still, and how free it is."""
    out, free = free_moves(side, rules)
    return out + fault_moves(side, rules), free


def clocks(side: Side) -> list[Move]:
    """An idle side's clock runs on to its next deadline."""
    now = side.deadline
    if now == NEVER:
        return []
    was, side = side, side._replace(now=now)
    out: list[Move] = []
    t = side.tcb
    if t.next_deadline == now:
        step = ep.timeout(t, now)
        after = _emit(side, step)
        if step[0].state == "C" and t.state not in "TXA":
            after = after._replace(unseen=True)  # gave up without a word
        out.append(Move("time-out", "", 0, None, None, after))
    if was.wake == now:
        out.append(Move("wakes", "", 0, None, None, side))
    return out


def reached(side: Side, label: Label) -> Side:
    """A segment has passed towards this side, which let it (idle, if it must wait for it)."""
    side = side._replace(now=label.at_s)
    if side.into_cut:
        return side._replace(lost=True)
    queue, limbo = side.into
    return side._replace(into=((*queue, label.seg), limbo))


def may_reach(side: Side, free: int, at_s: int) -> bool:
    """Can a segment pass towards this side at that second?"""
    if side.now == at_s:
        return free != BUSY
    return side.now < at_s <= side.deadline and free == IDLE


def at_rest(side: Side, rules: Rules) -> bool:
    """Quiescence: nothing under way, nothing due, nothing unacknowledged; 2MSL may still run."""
    if any(side.out) or any(side.into) or side.tcb.ack_due or side.tcb.rto_at != NEVER:
        return False
    return side.wake == NEVER and not _calls(side, rules.end)
