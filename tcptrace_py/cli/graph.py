"""``tcptrace-py graph``: one connection over time, as tcptrace's users know it."""

from __future__ import annotations

import os

import click

from tcptrace_py.cli.help import with_examples
from tcptrace_py.cli.inputs import captures_argument, filter_option
from tcptrace_py.cli.outcome import FINE, INPUT, output_to
from tcptrace_py.cli.outputs import STDOUT, refuse_overwriting, refuse_sharing, say_wrote, target_option
from tcptrace_py.cli.single import read_single, wanted_from
from tcptrace_py.cli.thresholds import settings_from, threshold_options

# As `tcptrace_py.report.pictures.graph` has them, which is loaded only when one is drawn.
_KINDS = ("time-sequence", "throughput", "rtt", "outstanding", "window")
_SIDES = ("client", "server")


@with_examples(
    "tcptrace-py graph trouble.pcap 2 --html graph.html",
    "tcptrace-py graph trouble.pcap 2 --kind rtt --svg rtt.svg --xplot rtt.xpl",
)
@captures_argument()
@click.argument("connection", metavar="CONNECTION")
@click.option(
    "--kind",
    type=click.Choice(_KINDS),
    default=_KINDS[0],
    show_default=True,
    help="What is drawn over time.",
)
@target_option("svg", "Draw both directions as an SVG picture in FILE (- is standard output).")
@target_option("html", "Draw them on a page in FILE, to zoom and pan.")
@target_option(
    "xplot",
    "Write them for xplot: FILE.xpl becomes FILE.client.xpl and FILE.server.xpl, by who sends.",
)
@filter_option
@threshold_options
def graph(
    captures: tuple[str, ...],
    connection: str,
    kind: str,
    svg_target: str | None,
    html_target: str | None,
    xplot_target: str | None,
    bpf: str | None,
    **thresholds: object,
) -> int:
    """Draw one connection of CAPTURE files over time, both directions, its states behind.

    CONNECTION is its id in the report, or one of its ends as ADDRESS:PORT, or both as
    ADDRESS:PORT-ADDRESS:PORT (IPv6: [::1]:80).
    """
    wanted = wanted_from("graph", connection, captures)
    if xplot_target == STDOUT:
        raise click.BadParameter("two files are written: give a name.", param_hint="'--xplot'")
    xplots = [] if xplot_target is None else _xplot_names(xplot_target)
    targets = {"svg": svg_target, "html": html_target, **dict(zip(("xplot", "xplot "), xplots, strict=False))}
    chosen = {name: target for name, target in targets.items() if target is not None}
    if not chosen:
        raise click.UsageError("nothing to draw on: add --html FILE, --svg FILE or --xplot FILE.")
    for name, target in chosen.items():
        refuse_overwriting(captures, target, f"'--{name.strip()}'")
    refuse_sharing(chosen)
    settings = settings_from(thresholds)

    from tcptrace_py.report.formats.target import write_whole
    from tcptrace_py.report.pictures.graph import build_graphs

    found = read_single(captures, wanted, settings, bpf)
    graphs = build_graphs(found.record, found.passages, kind)
    if svg_target is not None:
        from tcptrace_py.report.pictures.graph_svg import svg

        with output_to(svg_target):
            write_whole(svg(graphs), svg_target)
    if html_target is not None:
        from tcptrace_py.report.pictures.graph_page import encode

        heading = [f"Connection {found.record.id}: {kind.replace('-', ' ')}"]
        with output_to(html_target):
            write_whole([encode(graphs, heading)], html_target)
    for each, target in zip(graphs, xplots, strict=False):
        from tcptrace_py.report.pictures.xplot import xplot

        with output_to(target):
            write_whole(xplot(each, found.record.first_ns), target)
    say_wrote(*chosen.values())
    return FINE if found.complete else INPUT


def _xplot_names(target: str) -> list[str]:
    """What the client sends in one file, what the server sends in the other."""
    stem, suffix = os.path.splitext(target)
    return [f"{stem}.{side}{suffix or '.xpl'}" for side in _SIDES]
