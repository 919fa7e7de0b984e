"""Two reference endpoints, their applications, and a network with a vantage point.

Segments go from their sender to the vantage point and from there to their receiver:
four links, numbered ``0`` client to vantage, ``1`` vantage to server, ``2`` server to
vantage, ``3`` vantage to client. A link keeps order, and has a limbo beside it for what
was duplicated or delayed: that may be delivered at any later moment. With the vantage
point *at* an endpoint, that endpoint's two links take no time and have no faults.

What may go wrong is paid from a budget of faults, one each: ``lose`` the front of a
link, ``duplicate`` it into limbo, ``delay`` it into limbo, an ``early`` retransmission
(the timer runs out though the answer is on its way). ``cut`` loses all that a set of
links carries from some moment on, and is counted as one fault.

Clocks move only when nothing else can happen, to the next deadline. So exploration is
finite, and all that lies between two deadlines happens in the same second.

:func:`successors` gives every next world. A step that carries a segment past the vantage
point has a label (what a passive observer sees); all other steps are invisible.
"""

from __future__ import annotations

from typing import NamedTuple

from . import endpoint as ep
from .endpoint import NEVER, Seg, Step, Tcb

CLIENT, SERVER = 0, 1

#: First initial sequence numbers; each later OPEN of the same endpoint adds 100 or 3000.
ISN = (1000, 6000)

#: A segment on its way to the vantage point, and its sender's path and ISS once it had sent it.
Mark = tuple[Seg, str, int]
Link = tuple[tuple, tuple]


class Label(NamedTuple):
    """What the vantage point sees: the second, the sender, the segment."""

    at_s: int
    sender: int
    seg: Seg


class Seen(NamedTuple):
    """A label, and what only the model knows: its sender's path and ISS once it had sent it."""

    label: Label
    path: str
    iss: int


class Scenario(NamedTuple):
    """Who does what, and how much may go wrong.

    A script is a tuple of calls: ``listen`` (at once), ``listen late`` (at any moment), ``open``,
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
    #: Links that may be cut together, or () for none.
    cuts: tuple[tuple[int, ...], ...] = ()
    #: May what was cut carry segments again, for one fault more?
    heals: bool = False
    #: Any application: may time pass though it could act, and may it stay or be gone when it closes?
    any_application: bool = False
    #: Old segments already on a link when all begins: (link, segment, path of its sender then).
    old: tuple[tuple[int, Seg, str, int], ...] = ()
    #: Links on which faults may happen.
    faulty: tuple[int, ...] = (0, 1, 2, 3)
    #: The paths of connection records that both ends had before, long closed.
    past: tuple[str, str] = ("C", "C")


class World(NamedTuple):
    ends: tuple[Tcb, Tcb]
    todo: tuple[tuple[str, ...], tuple[str, ...]]
    wake: tuple[int, int]
    links: tuple[Link, Link, Link, Link]
    now: int = 0
    opens: tuple[int, int] = (0, 0)
    faults: int = 0
    cut: tuple[int, ...] = ()
    #: Something happened before the vantage point that it cannot see: a loss, a silent end.
    unseen: bool = False
    #: Something was lost after the vantage point.
    lost: bool = False


def initial(scenario: Scenario) -> World:
    links: list[Link] = [((), ())] * 4
    for link, seg, path, iss in scenario.old:
        queue, limbo = links[link]
        # Links to the vantage point carry marks; the others bare segments.
        links[link] = (queue, (*limbo, (seg, path, iss) if link in (0, 2) else seg))
    return World(
        (Tcb(scenario.past[0]), Tcb(scenario.past[1])), scenario.scripts, (NEVER, NEVER), tuple(links)
    )  # type: ignore[arg-type]


def _replace(pair: tuple, index: int, value: object) -> tuple:
    return (*pair[:index], value, *pair[index + 1 :])


def _emit(w: World, end: int, step: Step, **changes: object) -> World:
    """The endpoint's new record, and what it sends put on its link."""
    tcb, segs = step
    links = w.links
    unseen = w.unseen
    if segs:
        link = end * 2
        if link in w.cut:
            unseen = True
        else:
            queue, limbo = links[link]
            marks = tuple((s, tcb.path, tcb.iss) for s in segs)
            links = _replace(links, link, (queue + marks, limbo))
    return w._replace(ends=_replace(w.ends, end, tcb), links=links, unseen=unseen, **changes)


def _app_steps(w: World, end: int) -> list[tuple[str, World]]:
    """What the application of one endpoint may do next; at most one step."""
    script = w.todo[end]
    if not script:
        return []
    call, rest = script[0], script[1:]
    t = w.ends[end]
    state = t.state
    done = {"todo": _replace(w.todo, end, rest)}
    if call[0] == "?":
        met = {
            "?eof": t.fin_rcvd,
            "?up": state not in "CLSR",
            "?down": state == "C",
        }[call]
        dead = state == "C" and t.path != "C" and call != "?down"
        return [(call, w._replace(**done))] if met or dead else []  # type: ignore[arg-type]
    if call.startswith("wait"):
        if w.wake[end] == NEVER:
            return [(call, w._replace(wake=_replace(w.wake, end, w.now + int(call[4:]))))]
        if w.wake[end] > w.now:
            return []
        return [(call + " over", w._replace(wake=_replace(w.wake, end, NEVER), **done))]  # type: ignore[arg-type]
    step: Step
    if call in ("open", "listen", "listen late"):
        if state != "C":
            return []
        opens = w.opens[end]
        iss = ISN[end] + 3000 * opens
        step = ep.open_active(t, iss, w.now) if call == "open" else ep.open_passive(t, iss)
        return [(call, _emit(w, end, step, opens=_replace(w.opens, end, opens + 1), **done))]
    if state == "C":
        # "error: connection does not exist": calls fail until the next OPEN.
        return [(call + " fails", w._replace(**done))] if t.path != "C" else []  # type: ignore[arg-type]
    if call == "crash":
        return [(call, w._replace(ends=_replace(w.ends, end, Tcb(path=t.path + "C")), unseen=True, **done))]
    if call == "send":
        return [(call, _emit(w, end, ep.send(t, w.now), **done))] if ep.can_send(t) else []
    if call == "last":
        if not ep.can_send(t):
            return []
        return [(call, _emit(w, end, ep.close(t, w.now, gone=False, length=ep.MSS), **done))]
    if call in ("shut", "close"):
        if not ep.can_close(t):
            return []
        silent = state in "LS"
        nxt = _emit(w, end, ep.close(t, w.now, gone=call == "close"), **done)
        return [(call, nxt._replace(unseen=True) if silent else nxt)]
    if call in ("abort", "abort+ack"):
        if not ep.can_abort(t):
            return []
        return [(call, _emit(w, end, ep.abort(t, with_ack=call == "abort+ack"), **done))]
    raise ValueError(call)


#: What happened (drawn only for a counterexample), what the vantage point saw of it, the world then.
Next = tuple[tuple[str, object], Seen | None, World]


def _deliver(w: World, link: int, item: object, links: tuple) -> Next:
    """An item leaves its link: past the vantage point, or into the receiver."""
    if link in (0, 2):
        seg, path, iss = item  # type: ignore[misc]
        onward = 1 if link == 0 else 3
        nxt = w._replace(links=links)
        if onward in w.cut:
            nxt = nxt._replace(lost=True)
        else:
            queue, limbo = links[onward]
            nxt = nxt._replace(links=_replace(links, onward, ((*queue, seg), limbo)))
        return ("passes", seg), Seen(Label(w.now, link // 2, seg), path, iss), nxt
    end = SERVER if link == 1 else CLIENT
    step = ep.arrives(w.ends[end], item, w.now)  # type: ignore[arg-type]
    return ("arrives at " + "CS"[end], item), None, _emit(w._replace(links=links), end, step)


def _without(limbo: tuple, item: object) -> tuple:
    index = limbo.index(item)
    return limbo[:index] + limbo[index + 1 :]


def _deliveries(w: World) -> list[Next]:
    out: list[Next] = []
    for link in range(4):
        queue, limbo = w.links[link]
        if queue:
            out.append(_deliver(w, link, queue[0], _replace(w.links, link, (queue[1:], limbo))))
        for item in dict.fromkeys(limbo):
            out.append(_deliver(w, link, item, _replace(w.links, link, (queue, _without(limbo, item)))))
    return out


def _faults(w: World, scenario: Scenario, instant: tuple[int, ...]) -> list[Next]:
    out: list[Next] = []
    spent = w.faults + 1
    for link in scenario.faulty:
        queue, limbo = w.links[link]
        if not queue or link in instant:
            continue
        item, rest = queue[0], queue[1:]
        side = {"unseen": True} if link in (0, 2) else {"lost": True}
        later = tuple(sorted((*limbo, item)))
        if "lose" in scenario.kinds:
            gone = _replace(w.links, link, (rest, limbo))
            out.append(((f"lost on link {link}", item), None, w._replace(links=gone, faults=spent, **side)))
        if "duplicate" in scenario.kinds:
            twice = _replace(w.links, link, (queue, later))
            out.append(((f"duplicated on link {link}", item), None, w._replace(links=twice, faults=spent)))
        if "delay" in scenario.kinds:
            delayed = _replace(w.links, link, (rest, later))
            out.append(((f"delayed on link {link}", item), None, w._replace(links=delayed, faults=spent)))
    if "early" in scenario.kinds:
        for end in (CLIENT, SERVER):
            t = w.ends[end]
            # With nothing under way it would be an ordinary time-out.
            if t.rto_at != NEVER and t.backoff == 0 and any(queue or limbo for queue, limbo in w.links):
                again = _emit(w, end, ep.retransmit(t, w.now), faults=spent)
                out.append((("CS"[end], "retransmits early"), None, again))
    if w.cut and scenario.heals:
        out.append((("healed", w.cut), None, w._replace(cut=(), faults=spent)))
    if not w.cut:
        for cut in scenario.cuts:
            links = w.links
            before = after = False
            for link in cut:
                before |= link in (0, 2)
                after |= link in (1, 3)
                links = _replace(links, link, ((), ()))
            after_cut = w._replace(links=links, cut=cut, faults=spent)
            after_cut = after_cut._replace(unseen=w.unseen or before, lost=w.lost or after)
            out.append((("cut", cut), None, after_cut))
    return out


def successors(w: World, scenario: Scenario) -> list[Next]:
    """Every next world: (what happened, what the vantage point sees if it sees it, the world)."""
    instant = {"client": (0, 3), "server": (1, 2)}.get(scenario.vantage, ())
    for link in instant:
        queue, limbo = w.links[link]
        if queue:
            return [_deliver(w, link, queue[0], _replace(w.links, link, (queue[1:], limbo)))]
    for end in (CLIENT, SERVER):
        script = w.todo[end]
        if script and (script[0][0] == "?" or script[0].startswith("wait") or script[0] == "listen"):
            # Conditions, waits and a server's start concern nobody else: taken as soon as they can be.
            steps = _app_steps(w, end)
            if steps:
                return [(("CS"[end], what), None, nxt) for what, nxt in steps]
    out = _deliveries(w)
    for end in (CLIENT, SERVER):
        if w.ends[end].ack_due:
            out.append((("CS"[end], "acknowledges"), None, _emit(w, end, ep.acknowledge(w.ends[end]))))
    idle = not out
    for end in (CLIENT, SERVER):
        out += [(("CS"[end], what), None, nxt) for what, nxt in _app_steps(w, end)]
        script = w.todo[end]
        if scenario.any_application and script and script[0] in ("shut", "close"):
            other = ("close" if script[0] == "shut" else "shut", *script[1:])
            steps = _app_steps(w._replace(todo=_replace(w.todo, end, other)), end)
            out += [(("CS"[end], what), None, nxt) for what, nxt in steps]
    idle = idle and (scenario.any_application or not out)
    if w.faults < scenario.faults:
        out += _faults(w, scenario, instant)
    if idle:
        out += _time_passes(w)
    return out


def _time_passes(w: World) -> list[Next]:
    deadlines = (w.ends[0].next_deadline, w.ends[1].next_deadline, *w.wake)
    now = min(deadlines)
    if now == NEVER:
        return []
    w = w._replace(now=now)
    out: list[Next] = []
    for end in (CLIENT, SERVER):
        t = w.ends[end]
        if t.next_deadline == now:
            step = ep.timeout(t, now)
            nxt = _emit(w, end, step)
            if step[0].state == "C" and t.state not in "TXA":
                nxt = nxt._replace(unseen=True)  # gave up without a word
            out.append((("CS"[end], "time-out"), None, nxt))
        if w.wake[end] == now:
            out.append((("CS"[end], "wakes"), None, w))
    return out


def at_rest(w: World) -> bool:
    """Quiescence: nothing under way, nothing due, nothing unacknowledged; 2MSL may still run."""
    if any(q or limbo for q, limbo in w.links) or any(t.ack_due or t.rto_at != NEVER for t in w.ends):
        return False
    return not any(_app_steps(w, end) for end in (CLIENT, SERVER)) and w.wake == (NEVER, NEVER)
