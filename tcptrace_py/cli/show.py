"""``tcptrace-py show``: the ladder of one connection."""

from __future__ import annotations

import sys
from datetime import tzinfo
from functools import partial

import click

from tcptrace_py.cli.annotating import annotating_from, annotating_options
from tcptrace_py.cli.help import with_examples
from tcptrace_py.cli.inputs import captures_argument, filter_option
from tcptrace_py.cli.outcome import FINE, INPUT, USAGE, complain, output_to
from tcptrace_py.cli.outputs import STDOUT, refuse_overwriting, say_wrote, target_option
from tcptrace_py.cli.single import read_single, wanted_from
from tcptrace_py.cli.thresholds import settings_from, threshold_options
from tcptrace_py.cli.view import pager_option, timezone_option


@with_examples(
    "tcptrace-py show trouble.pcap 2",
    "tcptrace-py show trouble.pcap 10.0.0.9:40000 --svg ladder.svg",
)
@captures_argument()
@click.argument("connection", metavar="CONNECTION")
@click.option("--full", is_flag=True, help="Show every segment: fold no long runs of data.")
@target_option("svg", "Draw it as an SVG picture in FILE (- is standard output) instead of showing it.")
@target_option(
    "write", "Cut the connection's frames into FILE, a pcap (- is standard output), instead of showing it."
)
@annotating_options(cuts=False)
@filter_option
@timezone_option
@pager_option
@threshold_options
def show(
    captures: tuple[str, ...],
    connection: str,
    full: bool,
    zone: tzinfo | None,
    pager: bool,
    svg_target: str | None,
    write_target: str | None,
    bpf: str | None,
    **options: object,
) -> int:
    """Show one connection of CAPTURE files as a ladder: every segment, and both endpoints' states.

    CONNECTION is its id in the report, or one of its ends as ADDRESS:PORT, or both as
    ADDRESS:PORT-ADDRESS:PORT (IPv6: [::1]:80). Several files are one capture, as in analyze; - is
    standard input.
    """
    wanted = wanted_from("show", connection, captures)
    if svg_target is not None and write_target == svg_target:
        raise click.BadParameter("the picture and the pcap cannot have one name.", param_hint="'--write'")
    for option, target in (("'--svg'", svg_target), ("'--write'", write_target)):
        refuse_overwriting(captures, target, option)
    targets = {"svg": svg_target, "write": write_target}
    annotating = annotating_from(options, captures, {name: each for name, each in targets.items() if each})
    settings = settings_from(options)

    from tcptrace_py.capture.error import CaptureError
    from tcptrace_py.report.people.ladder import build_ladder

    found = read_single(captures, wanted, settings, bpf, keep_frames=write_target is not None)
    if write_target is not None and found.frames is not None:
        from tcptrace_py.report.formats.target import write_whole

        try:
            pieces = found.frames.pcap()
        except CaptureError as error:
            complain(f"{write_target}: {error}")
            return USAGE
        with output_to(write_target):
            write_whole(pieces, write_target)
    if annotating is not None:
        from tcptrace_py.report.formats.comments import finding_comments, joined, move_comments

        comments = joined(move_comments(found.record), finding_comments(found.findings))
        annotating.write(captures, comments, {(each.source, each.frame) for each in found.passages})
    if svg_target is not None or (write_target is None and annotating is None):
        ladder = build_ladder(found.record, found.findings, found.passages, found.paths, full=full, zone=zone)
        if svg_target is not None:
            from tcptrace_py.report.pictures.ladder_svg import write_svg

            with output_to(svg_target):
                write_svg(ladder, svg_target)
        else:
            from tcptrace_py.cli.screen import report_console, show_on
            from tcptrace_py.report.people.ladder_terminal import render_ladder

            with output_to(STDOUT):
                console = report_console(sys.stdout, fold=True)
                show_on(console, [partial(render_ladder, ladder)], None, pager)
    say_wrote(svg_target, write_target)
    return FINE if found.complete else INPUT
