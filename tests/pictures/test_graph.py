"""Graphs of a connection: what is drawn of which segment, and how each writer writes it."""

from __future__ import annotations

import gzip
import shutil
import subprocess
import xml.etree.ElementTree as ElementTree
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tcptrace_py.cli import main
from tcptrace_py.cli.graph import _KINDS
from tcptrace_py.report.people.wanted import parse_wanted
from tcptrace_py.report.pictures import graph_page
from tcptrace_py.report.pictures.graph import KINDS, Graph, Mark, build_graphs
from tcptrace_py.report.pictures.graph_svg import svg
from tcptrace_py.report.pictures.page_data import STATES
from tcptrace_py.report.pictures.xplot import xplot
from tcptrace_py.run.single import single
from tests.pictures.browser import launched, opened
from tests.samples.catalogue import SAMPLE_DIR, SAMPLES

_COLOURS = ("white", "green", "red", "blue", "yellow", "purple", "orange", "magenta", "pink")
_CORPUS = Path(__file__).parents[3] / "shared" / "corpus" / "tcptrace"


def drawn(path: Path, kind: str, wanted: str = "0") -> list[Graph]:
    found = single(path, wanted=parse_wanted(wanted))
    return build_graphs(found.record, found.passages, kind)


def texts(graph: Graph) -> Counter[str]:
    return Counter(mark.text for mark in graph.marks if mark.shape == "text")


def lines(graph: Graph, role: str) -> list[Mark]:
    return [mark for mark in graph.marks if mark.shape == "line" and mark.role == role]


def test_the_command_has_the_kinds_that_there_are() -> None:
    assert _KINDS == KINDS


def test_a_time_sequence_has_every_segment_and_what_was_acknowledged() -> None:
    path = SAMPLE_DIR / "four_way_close_client.pcap"
    found = single(path, wanted=parse_wanted("0"))
    for graph, end in zip(
        build_graphs(found.record, found.passages, "time-sequence"),
        (found.record.client, found.record.server),
        strict=True,
    ):
        assert texts(graph)["SYN"] == texts(graph)["FIN"] == 1
        # From 0, the ISN, over SYN, payload and FIN.
        assert max(mark.to_y for mark in lines(graph, "data")) == 1 + end.bytes + 1
        assert min(mark.y for mark in lines(graph, "data")) == 0
        # All of it was acknowledged, in steps that only go up.
        acks = [mark.to_y for mark in lines(graph, "ack")]
        assert acks == sorted(acks) and acks[-1] == end.bytes + 2
        states = [stay.state for stay in graph.states]
        # A state that the last packet brought has no width.
        last_ns = found.passages[-1].ts_ns
        shaded = [
            move.state
            for move in end.history
            if move.state not in ("CLOSED", "LISTEN") and move.ts_ns < last_ns
        ]
        assert states == shaded


def test_what_was_sent_again_and_a_zero_window_are_marked() -> None:
    again = drawn(SAMPLE_DIR / "syn_retransmitted.pcap", "time-sequence")[0]
    assert texts(again)["R"] == 1
    assert len(lines(again, "again")) == 1
    zero = drawn(SAMPLE_DIR / "zero_window.pcap", "time-sequence")
    assert sum(texts(graph)["Z"] for graph in zero) > 0
    window = drawn(SAMPLE_DIR / "zero_window.pcap", "window")
    assert sum(mark.shape == "diamond" for graph in window for mark in graph.marks) == sum(
        texts(graph)["Z"] for graph in zero
    )
    assert (
        texts(drawn(SAMPLE_DIR / "reset_abort.pcap", "time-sequence")[0])["RST"]
        + texts(drawn(SAMPLE_DIR / "reset_abort.pcap", "time-sequence")[1])["RST"]
    )


def test_round_trips_are_of_segments_that_were_sent_once() -> None:
    found = single(SAMPLE_DIR / "four_way_close_client.pcap", wanted=parse_wanted("0"))
    client, server = build_graphs(found.record, found.passages, "rtt")
    first = next(mark for mark in client.marks if mark.shape == "dot")
    assert first.y == pytest.approx(1000 * (found.record.handshake.rtt_to_server_s or 0))
    first = next(mark for mark in server.marks if mark.shape == "dot")
    assert first.y == pytest.approx(1000 * (found.record.handshake.rtt_to_client_s or 0))
    # The SYN that was sent again is measured by neither copy.
    again = drawn(SAMPLE_DIR / "syn_retransmitted.pcap", "rtt")[0]
    assert all(mark.t_ns > 0 for mark in again.marks)


def test_the_average_throughput_is_what_was_sent_in_the_time() -> None:
    graph = max(
        drawn(SAMPLE_DIR / "half_close_long_transfer.pcap", "throughput"), key=lambda each: len(each.marks)
    )
    dots = [mark for mark in graph.marks if mark.shape == "dot"]
    last = lines(graph, "average")[-1]
    first_ns = lines(graph, "average")[0].t_ns
    assert len(dots) > 10
    assert min(mark.y for mark in dots) <= last.to_y <= max(mark.y for mark in dots)
    assert last.to_ns > first_ns


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", [each.name for each in SAMPLES][::7])
def test_every_writer_writes_every_kind(kind: str, name: str) -> None:
    found = single(SAMPLE_DIR / name, wanted=parse_wanted("0"))
    graphs = build_graphs(found.record, found.passages, kind)
    picture = ElementTree.fromstring(b"".join(svg(graphs)))
    assert picture.tag.endswith("svg")
    page = graph_page.encode(graphs, ["Connection 0"]).decode()
    assert page.count("<canvas") == 2
    for graph in graphs:
        assert all(stay.state in STATES for stay in graph.states)
        said = b"".join(xplot(graph, found.record.first_ns)).decode().splitlines()
        assert said[0] == "timeval double" and said[-1] == "go"
        commands = Counter(line.split(" ")[0] for line in said[7:-1] if " " in line)
        assert commands["line"] == sum(mark.shape == "line" for mark in graph.marks)
        assert commands["atext"] == sum(mark.shape == "text" for mark in graph.marks)


@pytest.mark.parametrize("name", ["dsack", "single_byte_rexmit", "zwnd", "http"])
def test_an_xplot_file_is_like_tcptrace_own(name: str, tmp_path: Path) -> None:
    source = _CORPUS / f"{name}.dmp.gz"
    if not source.exists():
        pytest.skip("the corpus of tcptrace is not here")
    if shutil.which("tcptrace") is None:
        pytest.skip("tcptrace is not installed")
    (tmp_path / "in.dmp").write_bytes(gzip.decompress(source.read_bytes()))
    subprocess.run(["tcptrace", "-S", "in.dmp"], cwd=tmp_path, capture_output=True, timeout=60, check=True)
    found = single(tmp_path / "in.dmp", wanted=parse_wanted("0"))
    graphs = build_graphs(found.record, found.passages, "time-sequence")
    first_is_client = found.passages[0].from_client
    for graph, file in zip(graphs if first_is_client else graphs[::-1], ("a2b", "b2a"), strict=True):
        theirs = (tmp_path / f"{file}_tsg.xpl").read_text().splitlines()
        ours = b"".join(xplot(graph, found.record.first_ns)).decode().splitlines()
        assert _sent(ours) == _sent(theirs), file
        # A FIN that was sent again is an R to tcptrace, both to us.
        for text in ("SYN", "FIN"):
            assert (text in ours) == (text in theirs), (file, text)
        for colour in ("green", "yellow"):
            assert (colour in ours) == (colour in theirs), (file, colour)


def _sent(script: list[str]) -> set[str]:
    """When something was sent that has a length: at the upright lines that are no ACK's."""
    colour = ""
    sent = set()
    for line in script:
        words = line.split(" ")
        if line in _COLOURS:
            colour = line
        elif words[0] == "line" and words[1] == words[3] and colour in ("white", "red", "orange"):
            sent.add(words[1])
    return sent


def test_the_command_writes_what_it_is_asked_for(tmp_path: Path) -> None:
    capture = str(SAMPLE_DIR / "zero_window.pcap")
    named = {"--svg": "g.svg", "--html": "g.html", "--xplot": "g.xpl"}
    targets = [each for option, name in named.items() for each in (option, str(tmp_path / name))]
    assert main(["graph", capture, "0", *targets]) == 0
    assert {each.name for each in tmp_path.iterdir()} == {"g.svg", "g.html", "g.client.xpl", "g.server.xpl"}
    assert main(["graph", capture, "0"]) == 2
    assert main(["graph", capture, "99", "--svg", str(tmp_path / "g.svg")]) == 2
    assert main(["graph", capture, "0", "--xplot", "-"]) == 2
    assert main(["graph", capture, "0", "--kind", "nothing", "--svg", "-"]) == 2


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    yield from launched()


@pytest.mark.slow
def test_a_page_of_a_hundred_thousand_segments_zooms_and_pans(browser: Any, tmp_path: Path) -> None:
    graphs = drawn(SAMPLE_DIR / "half_close_long_transfer.pcap", "time-sequence")
    for graph in graphs:
        given = graph.marks
        times = 300_000 // max(len(given), 1)
        span = graph.end_ns
        top = max(max(mark.y, mark.to_y) for mark in given)
        graph.marks = [
            mark._replace(
                t_ns=mark.t_ns + n * span,
                to_ns=mark.to_ns + n * span,
                y=mark.y + n * top,
                to_y=mark.to_y + n * top,
            )
            for n in range(times)
            for mark in given
        ]
        graph.end_ns = span * times
    path = tmp_path / "graph.html"
    path.write_bytes(graph_page.encode(graphs, ["Connection 0"]))
    with opened(browser, path) as found:
        shown = found.page
        before = shown.evaluate("[view.from, view.to]")
        box = shown.locator("canvas").first.bounding_box()
        shown.mouse.move(box["x"] + 500, box["y"] + 100)
        for _ in range(20):
            shown.mouse.wheel(0, -100)
        shown.wait_for_function("view.to - view.from < end / 2")
        zoomed = shown.evaluate("[view.from, view.to]")
        shown.mouse.down()
        shown.mouse.move(box["x"] + 300, box["y"] + 100, steps=3)
        shown.mouse.up()
        panned = shown.evaluate("[view.from, view.to]")
        assert panned[0] > zoomed[0] and panned[1] - panned[0] == pytest.approx(zoomed[1] - zoomed[0])
        # Zoomed in, a frame is drawn quickly, however long the rest is.
        took = shown.evaluate(
            "(() => { const t = performance.now(); panels.forEach((p) => p.draw());"
            " return performance.now() - t; })()"
        )
        assert took < 250, took
        shown.locator("canvas").first.focus()
        shown.keyboard.press("0")
        assert shown.evaluate("[view.from, view.to]") == before
        shown.locator("#legend button").first.click()
        assert shown.evaluate("hidden.size") == 1
        assert not found.complaints
