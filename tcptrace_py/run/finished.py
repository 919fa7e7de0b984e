"""What becomes of connections that the tracker is done with: findings, counts, records.

Compiled (see ``finished.pxd``): every connection passes here once.
"""

from __future__ import annotations

from tcptrace_py.findings.diagnosis import Diagnosis
from tcptrace_py.report.model.builder import ReportBuilder
from tcptrace_py.tcp.codes import BY_LISTENER
from tcptrace_py.tcp.connection import Connection
from tcptrace_py.tcp.history import write_down
from tcptrace_py.tcp.roles import Listeners
from tcptrace_py.tcp.tracker import Tracker

#: A connection, and ``at_end``.
Undecided = tuple[Connection, bool]

_NOBODY = Listeners()


def report_finished(
    tracker: Tracker,
    diagnosis: Diagnosis,
    builder: ReportBuilder,
    keep: bool,
    at_end: bool,
    undecided: list[Undecided] | None = None,
) -> None:
    """Take what has finished from the tracker, which may forget it then.

    ``keep``: the report lists it. ``at_end``: it was handed over because the capture ended. Connections
    whose roles wait until all listeners are known go to ``undecided`` instead, with ``at_end``;
    where it is None, their roles are guessed from what is known.
    """
    while True:
        attempt = tracker.next_attempt()
        if attempt is None:
            break
        if diagnosis.look_at_attempt(attempt, at_end, tracker.over_ns(attempt)):
            builder.add_attempt(attempt)
        else:
            # What is known of it makes fewer of the next ones worth a look.
            tracker.connect(attempt)
            _report_connections(tracker, diagnosis, builder, keep, at_end, undecided)
    if tracker.finished:
        _report_connections(tracker, diagnosis, builder, keep, at_end, undecided)


def _report_connections(
    tracker: Tracker,
    diagnosis: Diagnosis,
    builder: ReportBuilder,
    keep: bool,
    at_end: bool,
    undecided: list[Undecided] | None,
) -> None:
    finished = tracker.finished
    tracker.finished = []
    # Each is let go of at once: its memory is still at hand, and the next records can have it.
    finished.reverse()
    while finished:
        connection = finished.pop()
        if undecided is not None and connection.roles_basis >= BY_LISTENER:
            if connection.id < tracker.undecided_below:
                write_down(connection)
                undecided.append((connection, at_end))
                tracker.release(connection)
                continue
            # Too many wait. These do with what they show themselves, whichever listeners are known by now.
            _NOBODY.guess(connection)
        try:
            kinds = diagnosis.look(connection, at_end, connection.over_ns)
            builder.add(connection, kinds, keep)
        except BaseException:
            # Whoever takes connections failed: what is left stays the tracker's to forget.
            finished.append(connection)
            tracker.finished = finished
            raise
        tracker.release(connection)
