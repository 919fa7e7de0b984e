"""From captures to a report: wires the rooms together, and holds no logic of theirs."""

from __future__ import annotations

import gc
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from tcptrace_py.capture.batch import FrameBatch
from tcptrace_py.capture.merge import merge
from tcptrace_py.capture.source import Reader, open_sources
from tcptrace_py.findings.diagnosis import Diagnosis
from tcptrace_py.report.model.builder import ReportBuilder, Sink
from tcptrace_py.report.model.model import Capture, Report, Skipped, Source
from tcptrace_py.run.finished import report_finished
from tcptrace_py.run.replay import Replay
from tcptrace_py.settings import Settings

# Connections handed over at once when the capture ends.
_HANDED_OVER = 256

#: Told now and then while reading: bytes read, bytes in all (None for a pipe), packets.
Progress = Callable[[int, int | None, int], None]


def analyze(
    *captures: str | os.PathLike[str],
    settings: Settings | None = None,
    bpf: str | None = None,
    connections: bool = True,
    progress: Progress | None = None,
    sink: Sink | None = None,
    stats: bool = False,
) -> Report:
    """Read captures, follow every TCP connection in them, and report.

    ``captures``: pcap, pcapng or snoop files, plain or compressed; ``-`` is standard input.
    Several are one capture, in order of time. ``bpf``: a filter in libpcap's syntax. Without
    ``connections`` the report lists none (``report.connections`` is None) and memory follows
    the number of connections alive at once. ``sink`` is called with each connection when it is
    finished (in that order, not that of their ids), whether or not the report lists them.
    ``stats``: each endpoint carries the figures of tcptrace's long report.

    What can be read of a damaged or missing input is read; then ``report.capture.complete`` is
    False and a line of ``report.capture.warnings`` says what is missing. ``CaptureError`` is
    raised if no input can be read at all, or the filter does not compile.
    """
    settings = settings or Settings()
    # Before anything is opened: a filter that does not compile is the caller's mistake.
    keep = None
    if bpf is not None:
        from tcptrace_py.capture.bpf import BpfFilter

        keep = BpfFilter(bpf)
    readers, warnings = open_sources(captures)
    unopened = len(warnings)

    # What Zeek and Wireshark would say is part of a connection's record.
    replay = Replay(settings, stats, peers=connections or sink is not None)
    tracker = replay.tracker
    builder = ReportBuilder(tracker.history, sink=sink)
    diagnosis = Diagnosis(settings, tracker.history)
    with no_cycle_collection():
        try:
            for source, batch, lo, hi in told(merge(readers), readers, progress):
                if keep is None:
                    replay.run(batch, source, lo, hi)
                else:
                    for begin, end in keep.runs(batch, lo, hi):
                        replay.run(batch, source, begin, end)
                if tracker.finished:
                    report_finished(tracker, diagnosis, builder, connections, False)
        except BaseException:
            tracker.forget()
            raise
        finally:
            for reader in readers:
                reader.close()
        tracker.tick(replay.last_ns)
        report_finished(tracker, diagnosis, builder, connections, False)
        more = True
        while more:
            # A few at a time: of a flood each is small only until it is handed over.
            more = tracker.end(_HANDED_OVER)
            report_finished(tracker, diagnosis, builder, connections, True)

    for reader in readers:
        warnings.extend(reader.warnings)
        if reader.problem is not None:
            warnings.append(reader.problem)
    warnings.extend(unknown_links(replay))
    if keep is not None:
        warnings.extend(keep.warnings)
    packets = sum(reader.packets for reader in readers)
    capture_info = Capture(
        sources=[
            Source(
                path=os.fspath(reader.path),
                format=reader.format,
                link_types=sorted(reader.link_types),
                packets=reader.packets,
                bytes=reader.consumed_bytes,
            )
            for reader in readers
        ],
        first_ns=replay.first_ns if replay.packets else None,
        last_ns=replay.last_ns if replay.packets else None,
        packets=packets,
        tcp_segments=replay.decoder.tcp_segments,
        skipped=Skipped(**replay.decoder.skipped(), filtered=packets - replay.packets),
        dropped_by_kernel=_dropped(readers),
        complete=unopened == 0 and all(reader.problem is None for reader in readers),
        warnings=warnings,
    )
    findings = diagnosis.findings(tracker.time_wait, replay.last_ns)
    return builder.finish(capture_info, findings, tracker.time_wait, settings, keep=connections)


def told(
    runs: Iterator[tuple[int, FrameBatch, int, int]], readers: Sequence[Reader], progress: Progress | None
) -> Iterator[tuple[int, FrameBatch, int, int]]:
    """The same runs; ``progress`` is told of each."""
    if progress is None:
        yield from runs
        return
    sizes = [reader.size_bytes for reader in readers]
    total = None if None in sizes else sum(size or 0 for size in sizes)
    for run in runs:
        yield run
        progress(
            sum(reader.consumed_bytes for reader in readers),
            total,
            sum(reader.packets for reader in readers),
        )


@contextmanager
def no_cycle_collection() -> Iterator[None]:
    """The tracker cuts its own cycles; looking for them again and again costs a third of the time."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def unknown_links(replay: Replay) -> list[str]:
    unknown = replay.decoder.unknown_link_types
    if not unknown:
        return []
    from tcptrace_py.capture.linktype import link_type_name

    return [f"frames of link type {link_type_name(each)} are not decoded" for each in unknown]


def _dropped(readers: Sequence[Reader]) -> int | None:
    known = [reader.dropped_by_kernel for reader in readers if reader.dropped_by_kernel is not None]
    return sum(known) if known else None
