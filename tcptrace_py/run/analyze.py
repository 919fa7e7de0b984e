"""From capture files to a report."""

from __future__ import annotations

import os
from collections.abc import Sequence

from tcptrace_py.capture.source import Reader
from tcptrace_py.capture.stop import Stop
from tcptrace_py.report.model.builder import Sink
from tcptrace_py.report.model.model import Report
from tcptrace_py.run.captures import Captures, JobLost, Progress
from tcptrace_py.run.cores import can_be_split, jobs_for
from tcptrace_py.run.owners import name_owners, owners_of
from tcptrace_py.run.session import Session, no_cycle_collection
from tcptrace_py.settings import Settings

__all__ = ["JobLost", "Progress", "analyze"]


def analyze(
    *captures: str | os.PathLike[str],
    settings: Settings | None = None,
    bpf: str | None = None,
    connections: bool = True,
    progress: Progress | None = None,
    sink: Sink | None = None,
    stats: bool = False,
    stop: Stop | None = None,
    allow_undecoded: bool = False,
    jobs: int | None = 1,
) -> Report:
    """Read captures, follow every TCP connection in them, and report.

    ``captures``: pcap, pcapng or snoop files, plain or compressed; ``-`` is standard input.
    Several are one capture, in order of time. ``bpf``: a filter in libpcap's syntax. Without
    ``connections`` the report lists none (``report.listed`` is None) and memory follows
    the number of connections alive at once. ``sink`` is called with each connection when it is
    finished (in that order, not that of their ids), whether or not the report lists them.
    ``stats``: each endpoint carries the figures of tcptrace's long report. ``stop``: where it is asked
    for, reading ends early. ``allow_undecoded``: a capture of which next to nothing could be decoded is
    as good as any other. ``jobs``: so many processes share the work (None: as many as pay), and the
    report is the same; with ``sink``, or a pipe among the captures, it is always one.

    What can be read of a damaged or missing input is read; then ``report.capture.complete`` is
    False and a line of ``report.capture.warnings`` says what is missing. ``CaptureError`` is
    raised if no input can be read at all, or the filter does not compile.
    """
    settings = settings or Settings()
    with Captures(captures, bpf, stop) as opened:
        if jobs != 1 and sink is None:
            if jobs is None:
                jobs = jobs_for(opened)
            if jobs > 1 and can_be_split(opened):
                from tcptrace_py.run.jobs import Work, analyze_parts

                paths = tuple(os.fspath(path) for path in captures)
                work = Work(paths, settings, bpf, connections, stats)
                report = analyze_parts(work, opened, jobs, progress, allow_undecoded)
                name_owners(report, owners_of(captures))
                return report
        opened.read_ahead()
        session = Session(
            settings,
            connections=connections,
            sink=sink,
            stats=stats,
            # What Zeek and Wireshark would say is part of a connection's record.
            peers=connections or sink is not None,
        )
        with no_cycle_collection():
            try:
                for source, batch, lo, hi in opened.runs(progress):
                    session.feed(batch, source, lo, hi)
                session.end()
            except BaseException:
                # Connections know their endpoints and these know them: nobody else takes that apart.
                session.tracker.forget()
                raise
    report = session.report(
        opened.readers,
        dropped=_dropped(opened.readers),
        complete=opened.complete,
        warnings=opened.warnings,
        allow_undecoded=allow_undecoded,
        bpf=bpf,
    )
    name_owners(report, owners_of(captures))
    return report


def _dropped(readers: Sequence[Reader]) -> int | None:
    known = [reader.dropped_by_kernel for reader in readers if reader.dropped_by_kernel is not None]
    return sum(known) if known else None
