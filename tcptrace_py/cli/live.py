"""``tcptrace-py live``: an interface in; a dashboard or a stream of events, and a report, out."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import click

from tcptrace_py.capture.error import CaptureError
from tcptrace_py.cli.alarms import alarm_options, alarms_from
from tcptrace_py.cli.durations import Duration
from tcptrace_py.cli.gates import gate_options, gates_from
from tcptrace_py.cli.help import with_examples
from tcptrace_py.cli.inputs import COUNT
from tcptrace_py.cli.outcome import INPUT, complain, silence_stdout
from tcptrace_py.cli.outputs import STDOUT, output_options, outputs_from
from tcptrace_py.cli.progress import shows_progress
from tcptrace_py.cli.sniffing import (
    Address,
    Endpoint,
    Snapshots,
    capture_options,
    end_with,
    handled,
    host_view,
    metrics_server,
    open_capture,
    open_writer,
    remote_options,
)
from tcptrace_py.cli.thresholds import settings_from, threshold_options
from tcptrace_py.cli.view import view_from, view_options

if TYPE_CHECKING:
    from tcptrace_py.report.formats.events import Notice
    from tcptrace_py.report.model.builder import Sink
    from tcptrace_py.report.model.model import Connection, Report
    from tcptrace_py.run.live import Watch
    from tcptrace_py.run.session import Move

_FINDINGS_S = 0.5


class EventStream:
    """An observer of a `Watch` that writes events to standard output; quiet once its reader is gone.

    ``failed`` is told of an error of the writer itself, after which there are no more events.
    """

    period_s = _FINDINGS_S

    def __init__(self, watch_stops: bool, failed: Callable[[Exception], None]) -> None:
        from tcptrace_py.report.formats.events import EventWriter

        self._failed = failed

        self._writer = EventWriter(sys.stdout.buffer)
        self._stops = watch_stops
        self._noticed = 0
        self.closed = False

    def begin(self, watch: Watch) -> None:
        from tcptrace_py.report.formats.events import Start

        link_type = next(iter(watch.capture.link_types))
        self._try(lambda: self._writer.write(Start(watch.began_ns, watch.capture.path, link_type)))

    def moved(self, moves: Sequence[Move]) -> None:
        self._try(lambda: self._writer.moved(moves))

    def look(self, watch: Watch) -> None:
        now_ns = time.time_ns()
        self._try(lambda: self._writer.found(watch.findings(), now_ns))
        self._try(lambda: self._writer.dropped(watch.capture.dropped_by_kernel, now_ns))
        self._try(lambda: self._writer.write(*watch.disagreements(), *self._notices(watch)))
        if self.closed and self._stops:
            watch.stop()

    def _notices(self, watch: Watch) -> list[Notice]:
        from tcptrace_py.report.formats.events import Notice

        fresh = watch.notices_since(self._noticed)
        self._noticed = watch.noticed
        return [Notice(ts_ns, text) for ts_ns, text in fresh]

    def end(self, watch: Watch, report: Report) -> None:
        from tcptrace_py.report.formats.events import End

        capture = report.capture
        self._try(lambda: self._writer.write(*watch.disagreements(), *self._notices(watch)))
        self._try(lambda: self._writer.found(report.findings, time.time_ns()))
        self._try(
            lambda: self._writer.write(
                End(
                    time.time_ns(),
                    capture.packets,
                    capture.tcp_segments,
                    report.summary.connections,
                    capture.dropped_by_kernel or 0,
                )
            )
        )

    def _try(self, write: Any) -> None:
        if self.closed:
            return
        try:
            write()
        except BrokenPipeError:
            self.closed = True
            silence_stdout()
        except OSError:
            raise
        except Exception as error:
            self.closed = True
            complain("no more events: their writer has failed; the report will say how")
            self._failed(error)


class Complaints:
    """An observer of a `Watch` that says on standard error what happens to the capture."""

    period_s = _FINDINGS_S

    def __init__(self) -> None:
        self._noticed = 0

    def moved(self, moves: Sequence[Move]) -> None:
        """Only the capture itself matters here."""

    def look(self, watch: Watch) -> None:
        for _, text in watch.notices_since(self._noticed):
            complain(text)
        self._noticed = watch.noticed


def _both(one: Sink | None, other: Sink | None) -> Sink | None:
    if one is None or other is None:
        return one or other

    def each(connection: Connection) -> None:
        one(connection)
        other(connection)

    return each


@with_examples(
    "sudo tcptrace-py live -i eth0",
    "sudo tcptrace-py live -i eth0 --events | jq .",
    "tcptrace-py live --remote ssh://web1/eth0",
)
@capture_options
@remote_options
@click.option("--duration", "duration_s", metavar="DURATION", type=Duration(), help="End after this time.")
@click.option("--packets", metavar="N", type=COUNT, help="End after so many packets.")
@click.option(
    "--events",
    is_flag=True,
    help="Write one JSON object a line for each transition and finding, as it happens, even to a terminal;"
    " the default where standard output is no terminal.",
)
@click.option("--quiet", is_flag=True, help="Neither dashboard nor events: only the report at the end.")
@click.option(
    "--connections/--no-connections",
    "connections",
    default=False,
    show_default=True,
    help="List the connections in the report; memory then grows with their number.",
)
@click.option(
    "--metrics",
    "metrics_address",
    metavar="[HOST]:PORT",
    type=Address(),
    help="Serve OpenMetrics there for Prometheus, at /metrics.",
)
@click.option(
    "--otlp",
    metavar="URL",
    type=Endpoint(),
    help="Send metrics to an OpenTelemetry collector there, by OTLP over HTTP: http://localhost:4318.",
)
@alarm_options
@view_options(quiet=False)
@output_options("live")
@gate_options
@threshold_options
@click.pass_context
def live(
    ctx: click.Context,
    /,
    duration_s: float | None,
    packets: int | None,
    events: bool,
    quiet: bool,
    connections: bool,
    pager: bool,
    max_connections: int | None,
    stats: bool,
    **options: Any,
) -> int:
    """Show what the sockets on the wire are doing now, and end with the report that a file would give.

    On a terminal a dashboard, ended by q or Ctrl-C; in a pipe events. SIGTERM ends it as well, SIGUSR1
    writes the report so far to the file of --json (or tcptrace-py-snapshot.json here), SIGHUP reads the
    policy again.

    Needs the right to capture; started by sudo, it goes on as the user who called sudo. With --remote,
    tcpdump on the other host needs that right.
    """
    # Before anything takes time: who asks for the end while the interface is opened gets a report too.
    try:
        signals = ctx.with_resource(handled(("SIGINT", "SIGTERM", "SIGUSR1", "SIGHUP")))
    except CaptureError as error:
        complain(str(error))
        return INPUT
    if events and quiet:
        raise click.UsageError("--events and --quiet contradict each other.")
    gates = gates_from(options)
    outputs = outputs_from({**options, "quiet": quiet}, (), bool(gates))
    if events and outputs.uses_stdout:
        raise click.UsageError("--events and a report cannot both write to standard output.")
    on_terminal = shows_progress(sys.stdout)
    from_terminal = sys.stdin is not None and sys.stdin.isatty()
    streams = events or not (quiet or outputs.uses_stdout or sys.stdout is None or sys.stdout.isatty())
    settings = gates.settings(settings_from(options), ctx)

    # Its child is forked while there are rights to see the processes of others.
    host = ctx.with_resource(host_view(options))
    try:
        capture = open_capture(options, outputs)
    except CaptureError as error:
        complain(str(error))
        return INPUT
    writer = open_writer(options, capture)

    from tcptrace_py.run.live import Observer, Watch
    from tcptrace_py.run.service import under_systemd

    stream = EventStream(not outputs.targets, outputs.failed("events", STDOUT)) if streams else None
    observers: list[Observer] = [stream] if stream is not None else []
    dashboard = None
    if on_terminal and not (stream or quiet or outputs.uses_stdout):
        from tcptrace_py.cli.dashboard import Dashboard

        dashboard = Dashboard()
        observers.append(dashboard)
    if dashboard is None and stream is None:
        observers.append(Complaints())
    metrics, otlp = ctx.with_resource(metrics_server(options, host, capture.path))
    observers += [each for each in (metrics, otlp) if each is not None]
    finished = None if metrics is None else metrics.finished
    service = under_systemd()
    if service is not None:
        observers.append(service)
    with outputs.sink(needed=True) as sink:
        watch = Watch(
            capture,
            settings,
            connections=connections,
            most_connections=max_connections,
            writer=writer,
            observers=observers,
            sink=_both(_both(sink, finished), None if otlp is None else otlp.finished),
            host=host,
            stats=stats,
            allow_undecoded=bool(options["allow_undecoded"]),
            alarms=alarms_from(options),
        )
        snapshots = Snapshots(watch, outputs)

        def end(_number: int) -> None:
            watch.stop()

        def hang_up(number: int) -> None:
            nonlocal gates
            if from_terminal:
                # It is gone, and says no more that it is one.
                end(number)
                return
            gates, told = gates.read_again(ctx, settings)
            for line in told:
                watch.notice(line)

        ends: dict[int, Callable[[int], None]] = {
            signal.SIGINT: end,
            signal.SIGTERM: end,
            signal.SIGUSR1: snapshots.take,
            signal.SIGHUP: hang_up,
        }
        signals.pass_to(ends, watch)
        if stream is not None:
            stream.begin(watch)
        with dashboard.shown(watch) if dashboard is not None else nullcontext():
            watch.run(duration_s=duration_s, packets=packets)
        snapshots.reap(wait=True)
        signals.restore()
        if service is not None:
            service.stopping()
        report = watch.report()
    if stream is not None:
        stream.end(watch, report)
        # Standard output is the events'; the report for people goes beside it.
        outputs.uses_stdout = True

    view = view_from({**options, "quiet": False}, connections=connections, whole=outputs.whole())
    return end_with(report, gates, outputs, view, pager, options["write_target"], watch.write_problem)
