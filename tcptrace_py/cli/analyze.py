"""``tcptrace-py analyze``: capture files in, a report out."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from tcptrace_py.cli.annotating import Annotating, annotating_from, annotating_options
from tcptrace_py.cli.gates import gate_options, gates_from, status
from tcptrace_py.cli.help import with_examples
from tcptrace_py.cli.inputs import STDIN, Count, allow_undecoded_option, captures_argument, filter_option
from tcptrace_py.cli.outcome import INPUT, complain
from tcptrace_py.cli.outputs import STDOUT, Outputs, output_options, outputs_from
from tcptrace_py.cli.progress import ProgressBar, shows_progress
from tcptrace_py.cli.stopping import cleared_up, stoppable
from tcptrace_py.cli.thresholds import settings_from, threshold_options
from tcptrace_py.cli.view import view_from, view_options

if TYPE_CHECKING:
    from tcptrace_py.report.model.model import Report
    from tcptrace_py.report.model.passage import Passed
    from tcptrace_py.settings import Settings

# Packets at most that are read a second time, for the ladders of a page.
_READ_AGAIN = 5_000_000


@with_examples(
    "tcptrace-py analyze trouble.pcap",
    "tcptrace-py analyze --filter 'port 8080' --json report.json day1.pcap.gz day2.pcap.gz",
)
@captures_argument(required=True)
@output_options("analyze")
@annotating_options(cuts=True)
@gate_options
@click.option(
    "--connections/--no-connections",
    "connections",
    default=None,
    help="List the connections in the shown report / leave their list out of the JSON.",
)
@click.option(
    "--stats",
    is_flag=True,
    help="Take the figures of tcptrace's long report for each endpoint (into the JSON, under `stats`).",
)
@click.option("--long", is_flag=True, help="Show those figures too, for the first --top connections.")
@view_options()
@filter_option
@allow_undecoded_option
@click.option(
    "--jobs",
    metavar="N",
    type=Count(256),
    help="Share the work among N processes; the report is the same. Default: one for each core, from"
    " three on, where the captures are large enough for that to pay, plain files and read whole; a format"
    " that is written as connections finish (--ndjson, --csv, --parquet, --zeek) and a pipe take one.",
)
@click.option(
    "--cluster",
    metavar="ADDRESS",
    help="Have a Dask cluster do it: tcp://HOST:8786, or local for one on this machine. CAPTUREs are then"
    " files or URLs (s3://, gs://, https://, ...) that its workers can read, and may hold * and ?.",
)
@click.option(
    "--spill",
    metavar="URL",
    help="Where the workers of --cluster put what they pass on, and all of them can write: a URL, or a"
    " directory that they share. Default: this machine's directory for temporary files.",
)
@click.option(
    "--checkpoint",
    metavar="DIR",
    help="Keep in DIR (or at a URL) what was read of each CAPTURE: an interrupted run goes on there,"
    " and the report is of all captures that DIR has, with those named now. Needs the extra [cluster].",
)
@threshold_options
@click.pass_context
def analyze(
    ctx: click.Context,
    /,
    captures: tuple[str, ...],
    connections: bool | None,
    stats: bool,
    long: bool,
    pager: bool,
    bpf: str | None,
    allow_undecoded: bool,
    jobs: int | None,
    cluster: str | None,
    spill: str | None,
    checkpoint: str | None,
    **options: object,
) -> int:
    """Say what is wrong with the TCP connections in CAPTURE files, and on which evidence.

    Reads pcap, pcapng and snoop, plain or compressed (gz, xz, bz2, zst, lz4); - is standard input.
    Several files are one capture: connections go on across them, in time order.

    DURATIONs are written 30s, 2m, 500ms, 1.5h or as a plain number of seconds.
    """
    gates = gates_from(options)
    outputs = outputs_from(options, captures, bool(gates))
    annotating = annotating_from(options, captures, outputs.targets)
    if annotating is not None and annotating.target == STDOUT:
        outputs.uses_stdout = True
    settings = gates.settings(settings_from(options), ctx)
    # Memory follows the list, so it is kept only for who reads it.
    listed = (outputs.wants_connections() if connections is None else connections) or (long and outputs.shown)
    cut = annotating is not None and annotating.only_findings

    asked: dict[str, Any] = {
        "settings": settings,
        "bpf": bpf,
        "connections": listed or cut,
        "stats": stats or long,
        "allow_undecoded": allow_undecoded,
    }

    from tcptrace_py.capture.error import CaptureError
    from tcptrace_py.run.captures import JobLost

    read_again = None
    try:
        if cluster is None and checkpoint is None and outputs.folder() is None:
            report = _read(captures, outputs, bool(gates), jobs, asked)
            read_again = partial(_read_again, captures, settings, bpf)
        else:
            by = "--cluster" if cluster else "--checkpoint" if checkpoint else "--parquet DIR/"
            _refuse_to_spread(by, captures, annotating, jobs)
            report = _spread(by, captures, outputs, cluster, checkpoint, spill, jobs, asked)
    except (CaptureError, JobLost) as error:
        complain(str(error))
        return INPUT

    for warning in report.capture.warnings:
        complain(warning)
    verdicts = gates.judge(report)
    if annotating is not None:
        from tcptrace_py.report.formats.comments import finding_comments
        from tcptrace_py.run.annotate import frames_of

        concerned = [each for each in report.connections if each.findings] if cut else []
        with outputs.contained("annotate", annotating.target):
            annotating.write(
                captures, finding_comments(report.findings), frames_of(captures, concerned) if cut else None
            )
        if not listed:
            report.listed = None
    view = view_from(options, connections=bool(connections), whole=outputs.whole())
    outputs.deliver(report, verdicts, view, read_again=read_again, long=long, pager=pager)
    return status(verdicts, report.capture)


def _read_again(
    captures: Sequence[str], settings: Settings, bpf: str | None, report: Report
) -> Mapping[int, Passed] | None:
    """What passed on the report's connections, as far as a page has room; None of captures through a pipe."""
    from tcptrace_py.capture.error import CaptureError
    from tcptrace_py.report.pictures.page_segments import wanted_segments
    from tcptrace_py.run.following import passages_of

    if not all(os.path.isfile(path) for path in captures):
        return None
    most = min(report.capture.packets, _READ_AGAIN)
    try:
        return passages_of(captures, wanted_segments(report), settings, bpf, most)
    except CaptureError:
        return None


def _refuse_to_spread(
    by: str, captures: tuple[str, ...], annotating: Annotating | None, jobs: int | None
) -> None:
    """What needs the captures here, or in one piece, is a usage error; ``by``: what spreads them."""
    if STDIN in captures:
        raise click.UsageError(f"standard input (-) cannot be read by the processes of {by}.")
    if annotating is not None:
        raise click.UsageError(f"--annotate reads captures a second time, {by} once: leave out one.")
    if by == "--cluster" and jobs is not None:
        raise click.UsageError("--jobs is for this machine, --cluster for others: leave out one.")


def _read(
    captures: tuple[str, ...], outputs: Outputs, judged: bool, jobs: int | None, asked: dict[str, Any]
) -> Report:
    """The report, by this process and its jobs. Ctrl-C gives that of what was read."""
    from tcptrace_py.capture.error import CaptureError
    from tcptrace_py.run.analyze import analyze

    with stoppable() as stop:
        try:
            with outputs.sink(needed=judged) as sink, _progress() as progress:
                return analyze(*captures, sink=sink, progress=progress, stop=stop, jobs=jobs, **asked)
        except CaptureError:
            if stop.asked:
                # Nothing had come by then.
                raise KeyboardInterrupt from None
            raise


def _spread(
    by: str,
    captures: tuple[str, ...],
    outputs: Outputs,
    cluster: str | None,
    checkpoint: str | None,
    spill: str | None,
    jobs: int | None,
    asked: dict[str, Any],
) -> Report:
    """The report, by a Dask cluster, or by processes of this machine that write down what they read."""
    from tcptrace_py.run.captures import JobLost

    try:
        from tcptrace_py.run.cluster import analyze_by
        from tcptrace_py.run.cores import cores
        from tcptrace_py.run.executors import dask_executor, local_executor
        from tcptrace_py.run.store import default_store
    except ImportError as error:
        raise JobLost(
            f"{by} needs {error.name}, which is not installed: pip install 'tcptrace-py[cluster]'"
        ) from error
    with ExitStack() as stack:
        stack.enter_context(cleared_up())
        sink = stack.enter_context(outputs.sink(needed=True))
        if cluster is None:
            count = jobs or cores()
            # Libraries of stores have threads of their own.
            urls = any("://" in each for each in (*captures, checkpoint or "", spill or ""))
            executor = stack.enter_context(local_executor(count, forks=not urls))
        else:
            executor, count = stack.enter_context(dask_executor(cluster, complain))
        progress = stack.enter_context(_progress())
        asked["connections"] = asked["connections"] or sink is not None
        try:
            report = analyze_by(
                executor,
                captures,
                store=spill or checkpoint or default_store(),
                parts=max(count, 2),
                checkpoint=checkpoint,
                table=outputs.folder(),
                progress=None if progress is None else progress.step,
                **asked,
            )
        except KeyboardInterrupt:
            if checkpoint is not None:
                complain(f"{checkpoint} keeps what was read: the same command goes on from there")
            raise
        if sink is not None:
            for connection in report.connections:
                sink(connection)
    return report


@contextmanager
def _progress() -> Iterator[ProgressBar | None]:
    if not shows_progress(sys.stderr):
        yield None
        return
    with ProgressBar() as progress:
        yield progress
