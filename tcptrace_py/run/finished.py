"""What becomes of connections that the tracker is done with: findings, counts, records.

Compiled (see ``finished.pxd``): every connection passes here once.
"""

from __future__ import annotations

from tcptrace_py.findings.diagnosis import Diagnosis
from tcptrace_py.report.model.builder import ReportBuilder
from tcptrace_py.tcp.tracker import Tracker


def report_finished(
    tracker: Tracker, diagnosis: Diagnosis, builder: ReportBuilder, keep: bool, at_end: bool
) -> None:
    """Take what has finished from the tracker, which may forget it then.

    ``keep``: the report lists it. ``at_end``: it was handed over because the capture ended.
    """
    finished = tracker.finished
    tracker.finished = []
    # Each is let go of at once: its memory is still at hand, and the next records can have it.
    finished.reverse()
    while finished:
        connection = finished.pop()
        try:
            kinds = diagnosis.look(connection, at_end, tracker.last_ns)
            builder.add(connection, kinds, keep)
        except BaseException:
            # Whoever takes connections failed: what is left stays the tracker's to forget.
            finished.append(connection)
            tracker.finished = finished
            raise
        tracker.release(connection)
