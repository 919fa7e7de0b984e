"""The reading at the model's vantage point; which connection a segment is of, the tracker says."""

from __future__ import annotations

from tcptrace_py.tcp.evidence import Evidence, tell
from tcptrace_py.tcp.reading import History, read
from tcptrace_py.tcp.state import BASIS_NAMES, CLOSED, TIME_WAIT
from tcptrace_py.wire.segment import ACK, RST, SYN

from .adapter import _EPOCH_S, _LETTERS, _SECOND_NS, _SETTINGS, _STEP_NS, _WRAP, TrackerWatcher
from .judge import Claims, Entry
from .network import Label

#: Seconds after which a clock ends a state (4.8 of the design), by its letter.
_CLOCK_S = {
    "S": _SETTINGS.syn_give_up_s,
    "R": _SETTINGS.syn_ack_give_up_s,
    "1": _SETTINGS.fin_give_up_s,
    "X": _SETTINGS.fin_give_up_s,
    "A": _SETTINGS.fin_give_up_s,
    "2": _SETTINGS.fin_wait_2_s,
    "T": 2 * _SETTINGS.msl_s,
}

_Passed = tuple[int, int, int, Label]


class ReadingWatcher(TrackerWatcher):
    """Claims what the evidence says (:class:`judge.Watcher`)."""

    def __init__(self) -> None:
        super().__init__()
        self._ends: dict[int, list[Evidence]] = {}  # type: ignore[assignment]
        self._passed: list[_Passed] = []
        self._dropped: dict[int, int] = {}
        self._at_s = {0: 0.0}
        self._now_s = 0.0

    def feed(self, number: int, label: Label) -> None:
        super().feed(number, label)
        frame = number + 1
        ts_ns = (_EPOCH_S + label.at_s) * _SECOND_NS + frame * _STEP_NS
        self._now_s = self._at_s[frame] = label.at_s + frame * _STEP_NS / _SECOND_NS
        connection = self._tracker.recent
        assert connection is not None
        known = connection.id in self._ends
        ends = self._ends.setdefault(connection.id, [Evidence(), Evidence()])
        if not known and connection.syn_frame and connection.syn_frame != frame:
            # Begun by a SYN that had seemed stale.
            for earlier in self._passed:
                if earlier[0] == connection.syn_frame:
                    self._tell(ends, earlier)
        dropped = self._dropped.get(connection.id, 0)
        self._dropped[connection.id] = connection.out_of_window
        passed = (frame, ts_ns, connection.id, label)
        self._passed.append(passed)
        if connection.out_of_window == dropped and not self._is_stale_syn(ends[label.sender], label):
            self._resume(connection.id, label)
            self._tell(self._ends[connection.id], passed)

    def _is_stale_syn(self, end: Evidence, label: Label) -> bool:
        """A bare SYN with another ISN that began no connection."""
        bare = label.seg.flags & (SYN | ACK) == SYN
        return bare and end.syns + end.syn_acks > 0 and end.number(self._wrapped(label)) != end.isn

    def _wrapped(self, label: Label) -> int:
        if label.seg.flags & RST and not label.seg.seq:
            return 0  # the zero of 3.10.7.1 is no number
        return (label.seg.seq + _WRAP[label.sender]) & 0xFFFFFFFF

    def _resume(self, number: int, label: Label) -> None:
        """What goes on with a SYN that had been refused: that evidence moves to the newer connection."""
        older = self._ends.get(number - 1)
        end = self._ends[number][label.sender]
        if older is None or end.has_numbers() or label.seg.flags & (RST | ACK) != ACK:
            return
        was = older[label.sender]
        if was.syns and not was.first_frame and not was.syn_acks:
            if was.number(self._wrapped(label)) == (was.isn if label.seg.flags & SYN else was.nxt):
                self._ends[number][label.sender] = was
                older[label.sender] = Evidence()

    def _tell(self, ends: list[Evidence], passed: _Passed) -> None:
        frame, ts_ns, _, label = passed
        sender, seg = label.sender, label.seg
        ack = (seg.ack + _WRAP[1 - sender]) & 0xFFFFFFFF
        tell(ends[sender], ends[1 - sender], frame, ts_ns, self._wrapped(label), ack, seg.flags, seg.length)

    def advance(self, at_s: int) -> None:
        super().advance(at_s)
        self._now_s = max(self._now_s, at_s)

    def claims(self) -> tuple[Claims, ...]:
        out = []
        for _, (client, server) in sorted(self._ends.items()):
            histories = read(client, server)
            out.append(
                (
                    self._entries(histories[0], client, server),
                    self._entries(histories[1], server, client),
                )
            )
        return tuple(out)

    def _entries(self, history: History, end: Evidence, peer: Evidence) -> tuple[Entry, ...]:
        """With what clocks have done by now."""
        entries = [
            Entry(_LETTERS[state], self._at_s[frame], frame, BASIS_NAMES[basis])
            for state, frame, basis in history
        ]
        if entries and entries[-1].state in _CLOCK_S:
            last = entries[-1]
            # CLOSING goes on with the clock of FIN_WAIT_1; 2MSL begins anew with each FIN that is answered.
            since_s = entries[-2].at_s if last.state == "X" and len(entries) > 1 else last.at_s
            if history.state == TIME_WAIT and peer.last_fin_frame > last.frame:
                since_s = max(since_s, end.last_ns / _SECOND_NS - _EPOCH_S)
            due_s = since_s + _CLOCK_S[last.state]
            if self._now_s >= due_s:
                entries.append(Entry(_LETTERS[CLOSED], due_s, 0, "timer"))
        return tuple(entries)
