"""The reading at the model's vantage point; which connection a segment is of, the tracker says."""

from __future__ import annotations

from tcptrace_py.tcp.evidence import Evidence
from tcptrace_py.tcp.reading import History, read
from tcptrace_py.tcp.state import BASIS_NAMES, CLOSED, TIME_WAIT
from tcptrace_py.wire.segment import RST
from tests.tcp.gated import Gated

from .adapter import _EPOCH_S, _LETTERS, _SECOND_NS, _SETTINGS, _STEP_NS, TrackerWatcher
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


class ReadingWatcher(TrackerWatcher):
    """Claims what the evidence says (:class:`judge.Watcher`)."""

    def __init__(self) -> None:
        super().__init__()
        self._gated = Gated()
        self._at_s = {0: 0.0}
        self._now_s = 0.0

    def feed(self, number: int, label: Label) -> None:
        super().feed(number, label)
        frame = number + 1
        self._now_s = self._at_s[frame] = label.at_s + frame * _STEP_NS / _SECOND_NS
        connection = self._tracker.recent
        assert connection is not None
        segment = self._segments[label]
        seq = segment.seq
        if segment.flags & RST and not label.seg.seq:
            # The zero of a RST that answers a SYN is no number (3.10.7.1).
            segment.seq = 0
        self._gated.add(connection, segment)
        segment.seq = seq

    def advance(self, at_s: int) -> None:
        super().advance(at_s)
        self._now_s = max(self._now_s, at_s)

    def claims(self) -> tuple[Claims, ...]:
        out = []
        for number, incarnation in sorted(self._gated.incarnations.items()):
            connection = self._connections()[number]
            client, server = incarnation.ends(self._ends(connection)[0] is connection.a)
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
