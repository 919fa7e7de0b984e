"""What a tracker may claim of an observation, and the checks that it claims no more and no less.

The notion of correctness
-------------------------
A tracker at the vantage point is a function of the *observation*: the sequence of segments
that pass, with their times. Many schedules (orders of calls, deliveries, losses) give the
same observation. A passive observer cannot tell those apart, so nothing better can be asked
than that its claims fit the set of all of them. That set
is computed exactly, see :mod:`explore`.

After every segment the tracker's claims are then judged:

``fact``
    An entry ``sent`` or ``acknowledged`` says that the sender of the entry's segment was in that
    state once it had sent it. It must hold in **every** schedule with this observation in
    which nothing happened before the vantage point that the observer had no means to see (a
    segment lost before it, or still delayed there; an application that went without a word).
    If there is no such schedule, it must hold in at least one. The exception is needed and is
    the only one: with losses before the vantage point two different truths can look alike (a
    FIN that never passed), and then the reading without unseen losses is the one to give.
    (Schedules with more faults count there too, as below.)
``standing``
    And so it must be for ever: after each later segment the facts of a history must still be,
    in their order, on the true path of **every** such schedule. What a delayed segment refutes
    when it passes at last must be taken back then. (Where it is that segment, or one that it
    had overtaken, that makes something a fact, ``fact`` asks for one schedule only, and this
    check for all.)
``possible``
    The whole history of each endpoint (facts, presumptions and clocks together) must be the
    beginning of that endpoint's true path of states in **at least one** schedule with this
    observation. So a history never skips or invents a transition, and a presumption must be
    withdrawn by the very segment that contradicts it: from then on no schedule agrees with it.
    What is ``assumed`` of an endpoint while numbers of its own have not passed is not held against it:
    a FIN in there cannot be told from a byte of data, and these endpoints happen to send ten at a time.
    For the same reason a RST that ends what only such a FIN had begun may be said to end what was before it.
    An end of which only a SYN+ACK passed cannot be told from a listener, nor where a RST sends it back to.
    It is "at least one" because a presumption is just what passive observation cannot settle: in
    some schedule the segment is lost after the vantage point. Where a claim is to be refuted, here and in
    the other checks, up to two faults more are allowed than in the schedules explored, at any
    place, and applications that wait for nothing or for long, or abort before their open is
    answered, lest it be refuted only by a bound that no observer knows of.
``rest``
    Where the observation can be that of a schedule at rest (nothing under way, due or
    unacknowledged) and nothing was lost, the states of both endpoints must be, as a pair, the
    true ones; if several such truths look alike, one of them.
``end``
    The same once the clock has run on past 2MSL and every other time-out.
``stuck``
    With that clock, of the findings: ``stuck-close-wait`` is reported of an endpoint if its application
    never closes or lets it wait, unused, for longer than the threshold, and is not if it closed in time. So
    in all schedules over with nothing unseen; that a segment was lost after the vantage point is no excuse.
``keeps up``
    Soundness alone would allow a tracker that claims nothing. So: when a segment passes
    whose sender was in state *s* in every schedule with this observation, lossy ones included (and
    there is one without unseen losses), and which was not overtaken and has no gap before it, the
    tracker has the sender in *s*, or has had it there and in a state that *s* leads to. A RST with an
    old number, which its receiver must drop (3.10.7.4, first check), says nothing either: anybody who once
    saw the connection can have sent it.

Of a segment of an earlier connection that comes late nothing is asked but that it moves nobody; observations
that begin with one are not judged, for they are of a connection whose beginning no schedule here has.

The transitions of section 3.3.2 are checked on their own as well, for histories with ``assumed`` entries.

Each observation is replayed through a fresh tracker, since a compiled one cannot be copied; checks on
a beginning shared with the observation before are not repeated. Of each kind of failure the
shortest observation is kept; :mod:`drawing` draws it with a shortest schedule that gives it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple, Protocol

from .endpoint import ACK, FIN, NAMES, RST, SYN, Seg
from .explore import Belief, Edge, Explorer, side_explorer
from .network import Label, Scenario, Witness

#: Seconds after which every clock of the tracker has run out.
LONG_AFTER_S = 1000

#: Section 3.3.2 (Figure 5) with its notes, and section 3.10: which state may follow which.
TRANSITIONS = {
    "": "CLSRE12WXAT",
    "C": "LS", "L": "RSC", "S": "REC", "R": "E1LC", "E": "1WC", "1": "2XTC",
    "2": "TC", "W": "AC", "X": "TC", "A": "C", "T": "C",
}  # fmt: skip

ALL_FAULTS = frozenset({"lose", "duplicate", "delay", "early"})
CUTS = frozenset({"cut", "heal"})
FORGED = frozenset({"forge"})
FACTS = ("sent", "acknowledged")


class Entry(NamedTuple):
    """One line of a tracker's history: state letter, second, frame (0: made by a clock), basis."""

    state: str
    at_s: float
    frame: int
    basis: str


#: The histories of the model's client and server in one connection that the tracker knows.
Claims = tuple[tuple[Entry, ...], tuple[Entry, ...]]


class Watcher(Protocol):
    """A tracker at the vantage point, see :mod:`adapter`."""

    def feed(self, number: int, label: Label) -> None: ...
    def advance(self, at_s: int) -> None: ...
    def claims(self) -> tuple[Claims, ...]: ...
    def stuck_close_wait(self) -> tuple[bool, bool]: ...
    def forget(self) -> None: ...


class Failure(NamedTuple):
    check: str
    text: str
    #: The ends concerned and the history claimed of them: what tells two failures apart.
    kind: str


class Counterexample(NamedTuple):
    scenario: Scenario
    word: tuple[Label, ...]
    failure: Failure
    #: The claims after each segment of the word, then those after the clock ran on (or not).
    claims: tuple[tuple[Claims, ...], ...]


def _states(history: Sequence[Entry]) -> str:
    return "".join(entry.state for entry in history)


def show(history: Sequence[Entry]) -> str:
    """A history in a line of words."""
    return " ".join(f"{NAMES[e.state]}({e.basis}@{e.frame or 'clock'})" for e in history) or "(nothing)"


def true_of(witness: Witness, seg: Seg, state: str, isn: int | None) -> bool:
    """Was the sender of ``seg``, of a connection with its initial number ``isn``, in ``state``?"""
    if isn is not None and isn != witness.iss:
        return state == "C"  # that record is gone; this segment comes from another or from none
    now = witness.path[-1]
    if now == "L" and seg.flags & RST:
        return state == "C"  # a listener knows no such connection (3.10.7.2)
    return state == now


def only_answered(word: Sequence[Edge], end: int) -> bool:
    """No SYN of this end passed, only a SYN+ACK: nobody who looks on can tell it from a listener."""
    bare = (e.label.sender == end and e.label.seg.flags & (SYN | ACK) == SYN for e in word)
    return not any(bare)


def possible(path: str, history: Sequence[Entry], as_listener: bool = False) -> bool:
    """May ``history`` be the beginning of the true ``path``, or of one connection record in it?"""
    if as_listener:
        # Nor can it be told which of the two it is again after a RST: a listener (3.10.7.4, second check).
        path = path.replace("SRC", "LRL").replace("SR", "LR")
    for index in range(len(history) - 1, -1, -1):
        if history[index].basis == "assumed":
            tail = _states(history[index:])
            return tail in path or tail == "C"
    states = _states(history)
    if states[-2:] == "2C" and history[-1].basis == "timer":
        # 3.10.8 has no such clock, stacks do; an endpoint that still reads looks just like it.
        states = states[:-1]
    if states[:2] in ("CL", "CS"):
        states = states[1:]  # it refused before it opened
    whole = path.replace("|", "")
    starts = {0, *(index for index, state in enumerate(whole) if state == "L")}
    before = 0
    for part in path.split("|"):
        starts.add(before)
        before += len(part)
    wanted = {states}
    if states[-2:] == "RC":
        wanted.add(states[:-1] + "L")  # back in LISTEN, it has no record of this connection either
    # "C" alone: it refused what belongs to no connection of its own.
    return states == "C" or any(whole.startswith(each, start) for start in starts for each in wanted)


def no_transition(history: Sequence[Entry]) -> list[Failure]:
    """A step of the history that section 3.3.2 does not have."""
    at = ""
    for entry in history:
        if entry.state not in TRANSITIONS[at]:
            text = f"{NAMES.get(at, 'nothing')} -> {NAMES[entry.state]} is no transition: {show(history)}"
            return [Failure("transition", text, at + entry.state)]
        at = entry.state
    return []


class Judge:
    """All observations of one scenario put to a tracker; remembers what it has judged before."""

    def __init__(self, scenario: Scenario, watcher: Callable[[], Watcher]) -> None:
        self.explorer = Explorer(scenario)
        # Explanations may use more faults than the schedules explored, and applications that
        # do not wait for what these wait for: an observer knows neither bound.
        scripts = tuple(tuple(call for call in script if call[0] != "?") for script in scenario.scripts)
        self._free = scenario._replace(
            scripts=(scripts[0], scripts[1]),
            vantage="middle",
            kinds=ALL_FAULTS | (CUTS if scenario.kinds & CUTS else frozenset()) | (scenario.kinds & FORGED),
            any_application=True,
        )
        self._watcher = watcher
        self.words = 0
        self.steps = 0
        self.segments = 0
        self.found: dict[tuple[str, str], Counterexample] = {}

    def run(self, enough: int | None = None) -> None:
        """Replay every word; keep the shortest counterexample of each kind, stop at ``enough`` kinds."""
        before: tuple[Edge, ...] = ()
        for word in self.explorer.words():
            if enough is not None and len(self.found) >= enough:
                return
            if any(self.explorer.scenario.old) and word[0].label.seg.flags & (SYN | ACK) != SYN:
                continue  # picked up in the middle of a connection that these schedules do not have
            self.words += 1
            shared = 0
            while shared < min(len(before), len(word)) and before[shared] is word[shared]:
                shared += 1
            before = word
            self.replay(word, shared)

    def replay(self, word: tuple[Edge, ...], shared: int = 0) -> list[Failure]:
        """One word; its first ``shared`` segments were judged already."""
        watcher = self._watcher()
        failures: list[Failure] = []
        last: tuple[Claims, ...] = ()
        for number, edge in enumerate(word):
            watcher.feed(number, edge.label)
            if number < shared - 1:
                continue
            claims = watcher.claims()
            if number >= shared:
                self.steps += 1
                failures += self._after_segment(word[: number + 1], last, claims)
                key = ("over", claims_key(claims))
                if number + 1 < len(word) and edge.node.over and key not in edge.node.seen:
                    edge.node.seen.add(key)
                    fed = self._fed(word[: number + 1])
                    failures += self._ending(word[: number + 1], fed)
                    fed.forget()
            last = claims
        self.segments += len(word)
        if word[-1].node.over:
            failures += self._ending(word, watcher)
        watcher.forget()
        return failures

    def _fed(self, word: Sequence[Edge]) -> Watcher:
        watcher = self._watcher()
        for number, edge in enumerate(word):
            watcher.feed(number, edge.label)
        return watcher

    def _fails(self, word: tuple[Edge, ...], failure: Failure) -> Failure:
        known = self.found.get((failure.check, failure.kind))
        if known is None or len(word) < len(known.word):
            labels = tuple(edge.label for edge in word)
            self.found[failure.check, failure.kind] = Counterexample(
                self.explorer.scenario, labels, failure, self._claims_of(labels)
            )
        return failure

    def _claims_of(self, labels: tuple[Label, ...]) -> tuple[tuple[Claims, ...], ...]:
        watcher = self._watcher()
        out = []
        for number, label in enumerate(labels):
            watcher.feed(number, label)
            out.append(watcher.claims())
        watcher.advance(labels[-1].at_s + LONG_AFTER_S)
        out.append(watcher.claims())
        watcher.forget()
        return tuple(out)

    def _known(self, check: str, kind: str, word: tuple[Edge, ...]) -> bool:
        """Another such failure would say nothing new: no need to look for an explanation."""
        known = self.found.get((check, kind))
        return known is not None and len(known.word) <= len(word)

    def _explanations(self, word: tuple[Edge, ...], end: int, more: int) -> Iterator[Belief]:
        """What one side may be after these segments if up to ``more`` faults more than in the scenario's
        schedules happen on it, and its application does as it likes: with few faults first."""
        labels = [edge.label for edge in word]
        beliefs = word[-1].node.beliefs if word else self.explorer.root.beliefs
        most = self.explorer.scenario.faults + more - beliefs[1 - end].least
        for faults in range(most + 1):
            belief = side_explorer(self._free.rules(end), self._free.start(end), faults).after(labels)
            if belief is not None:
                yield belief

    # --- after every segment ---------------------------------------------------------------

    def _after_segment(
        self, word: tuple[Edge, ...], last: tuple[Claims, ...], claims: tuple[Claims, ...]
    ) -> list[Failure]:
        node = word[-1].node
        frame = len(word)
        key = (word[-1].label, claims_key(claims), frame - 1 if claims == last else None)
        if key in node.seen:
            return []
        fresh = [
            (history, index)
            for number, connection in enumerate(claims)
            for end in (0, 1)
            for history in (connection[end],)
            for index, entry in enumerate(history)
            if not (number < len(last) and entry in last[number][end])
        ]
        failures: list[Failure] = []
        old_news = False
        for history, index in fresh:
            entry = history[index]
            if entry.basis in FACTS:
                old_news |= entry.frame != frame
                failures += self.fact(word, history, index)
        for connection in claims:
            for end in (0, 1):
                failures += self._history(word, end, connection[end])
                failures += self._standing(word, end, connection[end])
        failures += self.rest(word, claims) + self._keeps_up(word, claims)
        if not old_news and not failures:
            node.seen.add(key)
        return [self._fails(word, failure) for failure in failures]

    def fact(self, word: tuple[Edge, ...], history: Sequence[Entry], index: int) -> list[Failure]:
        entry = history[index]
        edge = word[entry.frame - 1]
        # The initial number that this record of the sender is known by: its last SYN until then.
        isn = None
        for earlier in history[: index + 1]:
            label = word[earlier.frame - 1].label if earlier.frame else None
            if label and label.sender == edge.label.sender and label.seg.flags & SYN:
                isn = label.seg.seq
        newest = index + 1 == len(history) or history[index + 1].frame != entry.frame

        as_listener = only_answered(word, edge.label.sender)

        def holds(witness: Witness) -> bool:
            if entry.state == "L" and as_listener and "SR" in witness.path:
                return True
            if newest:
                return true_of(witness, edge.label.seg, entry.state, isn)
            return entry.state in witness.path.split("|")[-1]

        seen = [w for w in edge.witnesses if not w.unseen]
        if all(map(holds, seen)) if seen else any(map(holds, edge.witnesses)):
            return []
        # What passes later may complete the evidence: of a segment that it overtook, or that overtook it.
        # Then this has to be true of one schedule, and of all is the other check's to say (``standing``).
        evidence = [e for e in word[: entry.frame - 1] if e.label.sender == edge.label.sender]
        last = word[-1]
        if last.label.sender == edge.label.sender and any(_age(each) > _age(last) for each in word[:-1]):
            evidence.append(edge)
        age = _age(edge)
        for each in evidence:
            if each is edge or _age(each) > age:
                if any(map(holds, each.witnesses)):
                    return []
        if not seen:
            for belief in self._explanations(word[: entry.frame - 1], edge.label.sender, more=2):
                leaving = belief.leaving(edge.label)
                if leaving and any(map(holds, leaving.witnesses)):
                    return []
        truths = " or ".join(sorted({NAMES[w.path[-1]] for w in seen or edge.witnesses if not holds(w)}))
        text = (
            f"frame {entry.frame}: {'client server'.split()[edge.label.sender]} is said to be "
            f"{NAMES[entry.state]} ({entry.basis}); it was {truths}"
        )
        return [Failure("fact", text, f"{_states(history)}/{entry.state}/{entry.basis}/{truths}")]

    def _standing(self, word: tuple[Edge, ...], end: int, history: Sequence[Entry]) -> list[Failure]:
        """Facts that what has passed since refutes."""
        as_listener = only_answered(word, end)
        facts = "".join(entry.state for entry in history if entry.basis in FACTS)
        if facts[:1] == "C" and word[history[0].frame - 1].label.seg.flags & RST:
            facts = facts[1:]  # it refused what belongs to no connection of its own
        for path in word[-1].node.seen_paths[end]:
            records = (path.replace("SR", "LR") if as_listener else path).split("|")
            # A record that the next one replaced is gone.
            records = [each + "C" for each in records[:-1]] + records[-1:]
            if not any(_within(facts, each) for each in records):
                who = "client server".split()[end]
                text = f"refuted by now: the {who}'s {show(history)}; it was {path}"
                return [Failure("standing", text, f"{end}{facts}/{path}")]
        return []

    def _history(self, word: tuple[Edge, ...], end: int, history: Sequence[Entry]) -> list[Failure]:
        states = _states(history)
        wrong = no_transition(history)
        if wrong:
            return wrong
        as_listener = only_answered(word, end)
        node = word[-1].node
        if any(possible(path, history, as_listener) for path in node.paths[end]):
            return []
        if has_hole(word, end):
            if any(entry.basis == "assumed" for entry in history):
                return []
            if not any(e.label.sender == end and e.label.seg.flags & FIN for e in word):
                cut_short = {path.replace("1C", "C").replace("AC", "C") for path in node.paths[end]}
                if any(possible(path, history, as_listener) for path in cut_short):
                    return []
        kind = f"{end}{states}"
        if self._known("possible", kind, word):
            return []
        for belief in self._explanations(word, end, more=2):
            if any(possible(path, history, as_listener) for path in belief.paths):
                return []
        truth = ", ".join(sorted(node.paths[end]))
        who = "client server".split()[end]
        text = f"no schedule has the {who}'s history {show(history)}; true ones: {truth}"
        return [Failure("possible", text, kind)]

    def rest(self, word: tuple[Edge, ...], claims: tuple[Claims, ...]) -> list[Failure]:
        now = word[-1].label.at_s
        truths = {(client, server) for at, client, server in word[-1].node.rest if at == now}
        if not truths or claims_among(claims, truths):
            return []
        text = f"at rest, nothing lost: the tracker has {_pair(claims)}, the truth is {_pairs(truths)}"
        return [Failure("rest", text, f"{_pair(claims)}/{_pairs(truths)}")]

    def _keeps_up(self, word: tuple[Edge, ...], claims: tuple[Claims, ...]) -> list[Failure]:
        edge = word[-1]
        sender = edge.label.sender
        if any(edge.label.seg == mark[0] for mark in self.explorer.scenario.old[sender]):
            return []  # of a connection long over
        states = {w.path[-1] for w in edge.witnesses}
        if len(states) != 1 or all(w.unseen for w in edge.witnesses):
            return []
        newest = _age(edge)
        if any(_age(e) > newest for e in word[:-1] if e.label.sender == sender):
            return []  # overtaken: it says nothing new
        segs = [e.label.seg for e in word[:-1] if e.label.sender == sender]
        seen = [each for each in segs if not each.flags & RST]
        seg = edge.label.seg
        if not seg.flags & SYN and seg.seq > max((end_of(each) for each in seen), default=-1):
            return []  # a gap before it: a FIN in there cannot be told from a byte of data
        if has_hole(word, sender):
            return []  # nor can it later
        if seg.flags & RST and seg.seq < acknowledged_by(word, 1 - sender):
            return []  # its receiver drops it
        (state,) = states
        for connection in claims:
            history = _states(connection[sender])
            if state in history and _leads_to(state, history[-1]):
                return []
            if state in "CL" and history in ("", "C", "L"):
                return []
        shown = show(claims[-1][sender]) if claims else "(nothing)"
        history = _states(claims[-1][sender]) if claims else ""
        kind = f"{history}/{state}"
        if self._known("keeps up", kind, word):
            return []
        for belief in self._explanations(word[:-1], sender, more=2):
            leaving = belief.leaving(edge.label)
            if leaving and any(witness.path[-1] != state for witness in leaving.witnesses):
                return []
        text = f"frame {len(word)}: its sender was in {NAMES[state]} without doubt; the tracker has {shown}"
        return [Failure("keeps up", text, kind)]

    # --- when nothing more will happen -------------------------------------------------------

    def _ending(self, word: tuple[Edge, ...], watcher: Watcher) -> list[Failure]:
        watcher.advance(word[-1].label.at_s + LONG_AFTER_S)
        claims = watcher.claims()
        over = word[-1].node.over
        truths = {(client[0], server[0]) for client, server in over if not client[2] and not server[2]}
        failures = []
        if truths and not claims_among(claims, truths, at_end=True):
            text = f"long after the end: the tracker has {_pair(claims)}, the truth is {_pairs(truths)}"
            failures.append(Failure("end", text, f"{_pair(claims)}/{_pairs(truths)}"))
        reported = watcher.stuck_close_wait()
        for end in (0, 1):
            who = "client server".split()[end]
            stuck = {pair[end][1] for pair in over}
            if stuck == {True} and not reported[end]:
                failures.append(Failure("stuck", f"the {who} never closes; not reported", f"{end}missed"))
            if stuck == {False} and reported[end]:
                failures.append(Failure("stuck", f"the {who} closed; reported as stuck", f"{end}invented"))
        return [self._fails(word, failure) for failure in failures]


def _age(edge: Edge) -> int:
    """How many states its sender may have been in by then; CLOSED before it ever opened is none."""
    return max(len(witness.path) if witness.path != "C" else 0 for witness in edge.witnesses)


def claims_key(claims: tuple[Claims, ...]) -> tuple:
    return tuple(
        (tuple((e.state, e.basis) for e in client), tuple((e.state, e.basis) for e in server))
        for client, server in claims
    )


def _now(history: Sequence[Entry]) -> str:
    return history[-1].state if history else "C"


def _pair(claims: tuple[Claims, ...]) -> str:
    return " + ".join(f"{NAMES[_now(c)]}/{NAMES[_now(s)]}" for c, s in claims)


def _pairs(truths: set[tuple[str, str]]) -> str:
    return " or ".join(sorted(f"{NAMES[c]}/{NAMES[s]}" for c, s in truths))


def claims_among(claims: tuple[Claims, ...], truths: set[tuple[str, str]], at_end: bool = False) -> bool:
    """Is the pair of states of one connection a true one? LISTEN is nobody's connection."""
    if not claims:
        return True

    def same(truth: str, history: Sequence[Entry]) -> bool:
        claimed = _now(history)
        if at_end and truth == "2" and claimed == "C" and history[-1].basis == "timer":
            return True  # the RFC has no such clock, stacks do
        return claimed == truth or (truth in "CL" and claimed in "CL")

    return any(
        same(pair[0], client) and same(pair[1], server) for pair in truths for client, server in claims
    )


def end_of(seg: Seg) -> int:
    return seg.seq + seg.length + bool(seg.flags & SYN) + bool(seg.flags & FIN)


def has_hole(word: Sequence[Edge], end: int) -> bool:
    """Have numbers between this end's newest SYN and the last that passed of it not passed?"""
    segs = [e.label.seg for e in word if e.label.sender == end and not e.label.seg.flags & RST]
    isn = max((seg.seq for seg in segs if seg.flags & SYN), default=min((seg.seq for seg in segs), default=0))
    reach = isn + 1
    for seg in sorted(segs):
        if seg.seq > reach:
            return True
        reach = max(reach, end_of(seg))
    return False


def acknowledged_by(word: Sequence[Edge], end: int) -> int:
    """The highest number that this end has acknowledged since it last began to open; 0 for none."""
    reach = isn = 0
    for seg in (e.label.seg for e in word if e.label.sender == end):
        if seg.flags & ACK:
            reach = max(reach, seg.ack)
        elif seg.flags & SYN and seg.seq != isn:
            reach, isn = 0, seg.seq
    return reach


def _within(states: str, path: str) -> bool:
    """Do these states come in that order on the path?"""
    rest = iter(path)
    return all(state in rest for state in states)


def _leads_to(state: str, later: str) -> bool:
    found, todo = {state}, [state]
    while todo:
        for after in TRANSITIONS[todo.pop()]:
            if after not in found:
                found.add(after)
                todo.append(after)
    return later in found
