"""``tcptrace-py analyze``: capture files in, a report out."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from contextlib import nullcontext
from typing import Any

import click

from tcptrace_py.cli.annotating import annotating_from, annotating_options
from tcptrace_py.cli.gates import Gates, gate_options, gates_from, status
from tcptrace_py.cli.help import with_examples
from tcptrace_py.cli.inputs import STDIN, check_captures, check_filter
from tcptrace_py.cli.outcome import INPUT, complain
from tcptrace_py.cli.outputs import STDOUT, Outputs, output_options, outputs_from
from tcptrace_py.cli.progress import ProgressBar, shows_progress
from tcptrace_py.cli.stopping import stoppable
from tcptrace_py.cli.thresholds import settings_from, threshold_options
from tcptrace_py.cli.view import view_from, view_options


@with_examples(
    "tcptrace-py analyze trouble.pcap",
    "tcptrace-py analyze --filter 'port 8080' --json report.json day1.pcap.gz day2.pcap.gz",
)
@click.argument(
    "captures",
    metavar="CAPTURE...",
    nargs=-1,
    required=True,
    # Nothing is checked here: what cannot be read is told in one line, and the rest is read.
    type=click.Path(allow_dash=True, readable=False),
    callback=check_captures,
)
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
@click.option(
    "--filter",
    "bpf",
    metavar="BPF",
    callback=check_filter,
    help="Only packets that match, in the syntax of tcpdump (pcap-filter).",
)
@click.option(
    "--allow-undecoded",
    is_flag=True,
    help="Judge also a capture of which less than half could be decoded (else status 3, and no gate passes).",
)
@click.option(
    "--jobs",
    metavar="N",
    type=click.IntRange(1, 256),
    help="Share the work among N processes; the report is the same. Default: one for each core where the"
    " captures are large enough to pay, plain files and read whole; a format that is written as"
    " connections finish (--ndjson, --csv, --parquet, --zeek) and a pipe take one.",
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
    **options: object,
) -> int:
    """Say what is wrong with the TCP connections in CAPTURE files, and on which evidence.

    Reads pcap and pcapng, plain or compressed (gz, xz, bz2, zst, lz4); - is standard input.
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

    from tcptrace_py.capture.error import CaptureError
    from tcptrace_py.run.analyze import JobLost
    from tcptrace_py.run.analyze import analyze as analyze_captures

    if cluster is not None:
        return _by_cluster(
            cluster, spill, captures, outputs, gates, options,
            settings=settings, bpf=bpf, connections=listed, stats=stats or long,
            allow_undecoded=allow_undecoded, shown=bool(connections), long=long, pager=pager,
        )  # fmt: skip

    with stoppable() as stop:
        try:
            with outputs.sink(needed=bool(gates)) as sink:
                with ProgressBar() if shows_progress(sys.stderr) else nullcontext() as progress:
                    report = analyze_captures(
                        *captures,
                        settings=settings,
                        bpf=bpf,
                        connections=listed or cut,
                        progress=progress,
                        sink=sink,
                        stats=stats or long,
                        stop=stop,
                        allow_undecoded=allow_undecoded,
                        jobs=jobs,
                    )
        except JobLost as error:
            complain(str(error))
            return INPUT
        except CaptureError as error:
            if stop.asked:
                # Nothing had come by then.
                raise KeyboardInterrupt from None
            complain(str(error))
            return INPUT

    for warning in report.capture.warnings:
        complain(warning)
    verdicts = gates.judge(report)
    if annotating is not None:
        from tcptrace_py.report.formats.comments import finding_comments
        from tcptrace_py.run.annotate import frames_of

        concerned = [each for each in report.connections if each.findings] if cut else []
        annotating.write(
            captures, finding_comments(report.findings), frames_of(captures, concerned) if cut else None
        )
        if not listed:
            report.listed = None
    outputs.write(report, verdicts)
    outputs.wrote()
    view = view_from(options, connections=bool(connections), whole=outputs.whole())
    outputs.show(report, view, long=long, pager=pager)
    return status(verdicts, report.capture)


def _by_cluster(
    address: str,
    spill: str | None,
    captures: tuple[str, ...],
    outputs: Outputs,
    gates: Gates,
    options: Mapping[str, object],
    *,
    shown: bool,
    long: bool,
    pager: bool,
    **asked: Any,
) -> int:
    """The same with Dask."""
    if STDIN in captures:
        raise click.UsageError("standard input (-) can not be read by the workers of --cluster.")
    from tcptrace_py.capture.error import CaptureError
    from tcptrace_py.run.captures import JobLost

    try:
        from tcptrace_py.run.cluster import analyze_by, dask_executor, default_store
    except ImportError as error:
        complain(f"--cluster needs {error.name}, which is not installed: pip install 'tcptrace-py[cluster]'")
        return INPUT
    try:
        with outputs.sink(needed=True) as sink, dask_executor(address, complain) as (executor, threads):
            asked["connections"] = asked["connections"] or sink is not None
            report = analyze_by(
                executor, captures, store=spill or default_store(), parts=max(threads, 2), **asked
            )
            if sink is not None:
                for connection in report.connections:
                    sink(connection)
    except (CaptureError, JobLost) as error:
        complain(str(error))
        return INPUT
    for warning in report.capture.warnings:
        complain(warning)
    verdicts = gates.judge(report)
    outputs.write(report, verdicts)
    outputs.wrote()
    view = view_from(options, connections=shown, whole=outputs.whole())
    outputs.show(report, view, long=long, pager=pager)
    return status(verdicts, report.capture)
