"""``tcptrace-py diff``: two reports or captures in, what changed out."""

from __future__ import annotations

import sys
from contextlib import nullcontext
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from tcptrace_py.cli.gates import sentence
from tcptrace_py.cli.help import with_examples
from tcptrace_py.cli.inputs import COUNT, STDIN, any_size_option
from tcptrace_py.cli.outcome import FINE, GATE_FAILED, INPUT, complain, output_to
from tcptrace_py.cli.outputs import STDOUT, refuse_overwriting, refuse_sharing, say_wrote, target_option
from tcptrace_py.cli.progress import ProgressBar, shows_progress
from tcptrace_py.cli.thresholds import THRESHOLDS, settings_from, threshold_options
from tcptrace_py.cli.view import pager_option

if TYPE_CHECKING:
    from tcptrace_py.gates.diff import Side, Tolerance
    from tcptrace_py.settings import Settings


def _tolerances(_ctx: click.Context, _param: click.Parameter, texts: tuple[str, ...]) -> list[Tolerance]:
    if not texts:
        return []
    from tcptrace_py.gates.diff import parse_tolerance

    try:
        return [parse_tolerance(text) for text in texts]
    except ValueError as error:
        raise click.BadParameter(sentence(error)) from error


@with_examples(
    "tcptrace-py diff before.json after.json",
    "tcptrace-py diff main.pcap branch.pcap --fail-on-regression",
)
@click.argument("before", type=click.Path(allow_dash=True, readable=False))
@click.argument("after", type=click.Path(allow_dash=True, readable=False))
@target_option("json", "Write what changed as JSON to FILE (- is standard output) instead of showing it.")
@target_option("markdown", "Write it in Markdown.")
@click.option("--fail-on-regression", is_flag=True, help="Exit with status 1 if anything got worse.")
@click.option(
    "--tolerance",
    "tolerances",
    metavar="[NAME=]AMOUNT",
    multiple=True,
    callback=_tolerances,
    help="What may get worse by AMOUNT, a number or a percentage, and is no regression: a counter"
    " (close_wait.stuck=2), a group (resets=10%), a finding kind, or everything. Can be repeated.  [default:"
    " 25% and 1 ms for times, nothing else]",
)
@click.option(
    "--top",
    metavar="N",
    type=COUNT,
    default=10,
    show_default=True,
    help="Findings and services shown.",
)
@pager_option
@any_size_option
@threshold_options
@click.pass_context
def diff(
    ctx: click.Context,
    /,
    before: str,
    after: str,
    json_target: str | None,
    markdown_target: str | None,
    fail_on_regression: bool,
    tolerances: list[Tolerance],
    top: int,
    pager: bool,
    any_size: bool,
    **thresholds: object,
) -> int:
    """Say what got better and worse from BEFORE to AFTER, by finding and by service.

    Each is a report (the JSON of analyze --json; - is standard input) or a capture, which is
    analyzed first. A capture beside a report is analyzed with that report's settings, but for
    options given here.
    """
    targets = {"json": json_target, "markdown": markdown_target}
    for name, target in targets.items():
        refuse_overwriting([before, after], target, f"'--{name}'")
    refuse_sharing({name: path for name, path in targets.items() if path is not None})
    if before == after == STDIN:
        raise click.UsageError("standard input (-) can be read only once.")

    from tcptrace_py.capture.error import CaptureError
    from tcptrace_py.gates.saved import ReportError

    given = {name for name in THRESHOLDS if ctx.get_parameter_source(name) is not ParameterSource.DEFAULT}
    try:
        sides = _sides((before, after), settings_from(thresholds), given, any_size)
    except (CaptureError, ReportError) as error:
        complain(str(error))
        return INPUT

    from tcptrace_py.gates.diff import compare
    from tcptrace_py.report.people import diff_text

    found = compare(*sides, tolerances)
    for side in sides:
        for warning in side.report.capture.warnings:
            complain(warning)
    if json_target is not None:
        with output_to(json_target):
            diff_text.write_json(found, json_target)
    if markdown_target is not None:
        with output_to(markdown_target):
            diff_text.write_markdown(found, markdown_target)
    if json_target is None and markdown_target is None:
        from tcptrace_py.cli.screen import report_console, show_on

        with output_to(STDOUT):
            show_on(
                report_console(sys.stdout),
                [lambda console: diff_text.render(found, console, top=top)],
                lambda console: diff_text.render_verdict(found, console),
                pager,
            )
    say_wrote(json_target, markdown_target)
    if fail_on_regression and found.regressions:
        complain(f"gate failed: {diff_text.verdict(found)} from {before} to {after}, wanted none")
        return GATE_FAILED
    return FINE if all(side.report.capture.complete for side in sides) else INPUT


def _sides(paths: tuple[str, str], settings: Settings, given: set[str], any_size: bool) -> tuple[Side, Side]:
    """Reports first: a capture beside one is analyzed with its settings."""
    from dataclasses import replace

    from tcptrace_py.gates.diff import RoundTrips, Side
    from tcptrace_py.gates.saved import looks_like_report, read_report

    sides: dict[int, Side] = {}
    for at, path in enumerate(paths):
        if path == STDIN or looks_like_report(path):
            report = read_report(path, any_size=any_size)
            # What was not listed was not measured, unless there was nothing.
            listed = report.listed
            sides[at] = Side(path, report, RoundTrips(listed) if listed is not None else None)
    if len(sides) == 1:
        (saved,) = sides.values()
        settings = replace(saved.report.settings, **{name: getattr(settings, name) for name in given})
    for at, path in enumerate(paths):
        if at not in sides:
            sides[at] = _analyzed(path, settings)
    return sides[0], sides[1]


def _analyzed(path: str, settings: Settings) -> Side:
    from tcptrace_py.gates.diff import RoundTrips, Side
    from tcptrace_py.run.analyze import analyze

    round_trips = RoundTrips()
    with ProgressBar() if shows_progress(sys.stderr) else nullcontext() as progress:
        report = analyze(path, settings=settings, connections=False, progress=progress, sink=round_trips.add)
    return Side(path, report, round_trips)
