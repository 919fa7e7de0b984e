"""Ladders of sample captures, as text and as a picture."""

from __future__ import annotations

import re
from io import BytesIO, TextIOWrapper
from pathlib import Path
from xml.etree import ElementTree

import pytest
from rich.console import Console

from tcptrace_py.report.model.passage import Passage
from tcptrace_py.report.people.ladder import Ladder, build_ladder
from tcptrace_py.report.people.ladder_terminal import render_ladder
from tcptrace_py.report.people.wanted import parse_wanted
from tcptrace_py.report.pictures.ladder_svg import svg
from tcptrace_py.run.single import SingleConnection, single
from tests.conftest import ROOT

SAMPLES = ROOT / "sample_pcaps"


def found(name: str, wanted: str = "0") -> SingleConnection:
    return single(SAMPLES / name, wanted=parse_wanted(wanted))


def ladder(name: str, wanted: str = "0", *, full: bool = False) -> Ladder:
    one = found(name, wanted)
    return build_ladder(one.record, one.findings, one.passages, one.paths, full=full)


def drawn(shown: Ladder, width: int = 80, encoding: str = "utf-8") -> str:
    stream = TextIOWrapper(BytesIO(), encoding=encoding)
    console = Console(file=stream, width=width, highlight=False, emoji=False, force_terminal=False)
    render_ladder(shown, console)
    stream.flush()
    buffer = stream.buffer
    assert isinstance(buffer, BytesIO)
    return buffer.getvalue().decode(encoding)


REFUSED = """\
Connection 0: client 10.0.0.10:40020 → server 10.0.0.30:5432
Handshake refused; ended by the server's RST (refused); client identified by its
  SYN.
2 segments in 10 ms; 0 B from the client, 0 B from the server.
In Wireshark: tcp.stream == 0; Community ID 1:5cSJsCdQh+GceD+fVyUVjxDVisA=.
Times are relative to 2026-03-02 10:00:00.000 UTC.

client                                time  frame                         server
10.0.0.10:40020                                                   10.0.0.30:5432
    SYN_SENT │─SYN seq 0───────── 0.000000 #1 ───────────────────►│
             │ ! connection-refused: 10.0.0.10:40020 sent SYN to  │
             │   10.0.0.30:5432                                   │
     CLOSED? │◄────────────ack 1─ 0.010382 #2 ──────RST,ACK seq 1─│ CLOSED
             │ ! connection-refused: 10.0.0.30:5432 answers with  │
             │   RST                                              │

? presumed: nothing proves that it arrived

warning: connection-refused
  Server 10.0.0.30:5432 refused 1 connection from client 10.0.0.10.
  More: tcptrace-py explain connection-refused
"""

SIMULTANEOUS_CLOSE = """\
             │                                                    │ LISTEN
    SYN_SENT │─SYN seq 0───────── 0.000000 #1  ──────────────────►│
             │◄────────────ack 1─ 0.021263 #2  ─────SYN,ACK seq 0─│ SYN_RCVD
 ESTABLISHED │─ACK seq 1───────── 0.041873 #3  ─ack 1────────────►│ ESTABLISHED?
             │─PSH,ACK seq 1───── 0.041881 #4  ─ack 1 len 180────►│
             │◄──────────ack 181─ 0.063623 #5  ─────────ACK seq 1─│
             │◄──ack 181 len 640─ 0.063630 #6  ─────PSH,ACK seq 1─│
             │─ACK seq 181─────── 0.085411 #7  ─ack 641──────────►│
  FIN_WAIT_1 │─FIN,ACK seq 181─── 1.085419 #8  ─ack 641──────────►│
             │◄──────────ack 181─ 1.107015 #9  ───FIN,ACK seq 641─│ FIN_WAIT_1
     CLOSING │─ACK seq 182─────── 1.127740 #10 ─ack 642──────────►│
  TIME_WAIT? │◄──────────ack 182─ 1.148015 #11 ───────ACK seq 642─│ CLOSING?
             │                                                    │ TIME_WAIT?
"""

# SYN_RCVD to FIN_WAIT_1, narrow and without Unicode: states stand between the arrows.
NARROW_ASCII = """\
client                      time  frame               server
10.0.0.10:40005                                 10.0.0.20:80
|                                                    LISTEN|
|-SYN seq 0------------ 0.000000 #1 ---------------------->|
|SYN_SENT                                                  |
|<---------------ack 1- 0.000074 #2 ---------SYN,ACK seq 0-|
|                                                  SYN_RCVD|
|<---------------ack 1- 0.000082 #3 ---------FIN,ACK seq 1-|
|                                                FIN_WAIT_1|
|-ACK seq 1------------ 0.084364 #4 -ack 2---------------->|
|ESTABLISHED                                    FIN_WAIT_2?|
|CLOSE_WAIT                                                |
|-FIN,ACK seq 1-------- 0.084371 #5 -ack 2---------------->|
|LAST_ACK                                                  |
|<---------------ack 2- 0.084459 #6 -------------ACK seq 2-|
|CLOSED?                                          TIME_WAIT|
"""


def test_a_refused_connection_whole() -> None:
    assert drawn(ladder("connection_refused.pcap")) == REFUSED


def test_a_simultaneous_close() -> None:
    assert SIMULTANEOUS_CLOSE in drawn(ladder("simultaneous_close.pcap"))


def test_narrow_and_ascii() -> None:
    text = drawn(ladder("syn_rcvd_to_fin_wait_1.pcap"), 60, "ascii")
    assert NARROW_ASCII in text
    assert text.startswith("Connection 0: client 10.0.0.10:40005 -> server 10.0.0.20:80\n")


def test_clocks_and_silence_have_rows_of_their_own() -> None:
    text = drawn(ladder("stuck_close_wait.pcap"))
    assert re.search(r"CLOSED\* │ +60\.031940 +│\n +│ +FIN_WAIT_2 times out +│\n", text)
    assert "! stuck-close-wait: as far as the capture goes:" in text
    assert "* a clock ran out" in text


def test_an_icmp_error_is_a_row() -> None:
    text = drawn(ladder("connection_unreachable.pcap"))
    assert re.search(r"CLOSED\? │ +0\.000900 #2 +│\n +│ +ICMP from 10\.0\.0\.1: host unreachable +│", text)


def test_marks_stand_below_the_frame_that_proves_them() -> None:
    lines = drawn(ladder("time_wait_assassination.pcap")).splitlines()
    at = next(n for n, line in enumerate(lines) if "#14" in line)
    assert "RST seq 602" in lines[at]
    assert "! time-wait-assassination: 10.0.0.20:80 sent RST" in lines[at + 1]


@pytest.mark.parametrize("width", [40, 60, 80, 120])
@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
def test_nothing_is_wider_than_the_terminal(width: int, encoding: str) -> None:
    for name in (
        "stuck_close_wait",
        "half_close_long_transfer",
        "isn_wraps",
        "sick_service",
        "dead_connection",
    ):
        text = drawn(ladder(f"{name}.pcap"), width, encoding)
        assert all(len(line) <= width for line in text.splitlines()), name
        bar = "│" if encoding == "utf-8" else "|"
        ruled = {(line.index(bar), line.rindex(bar)) for line in text.splitlines() if line.count(bar) == 2}
        assert len(ruled) == 1, name


def test_long_runs_of_data_are_folded_unless_asked_for() -> None:
    folded = drawn(ladder("half_close_long_transfer.pcap"))
    assert "53 segments, frames 11 to 63, 78.3 s" in folded
    assert "client: 27 ACKs" in folded
    assert "server: 26 with data (31.2 kB)" in folded
    assert "#30 " not in folded
    full = drawn(ladder("half_close_long_transfer.pcap", full=True))
    assert "53 segments" not in full
    assert all(f" #{frame} " in full for frame in range(1, 70))


def test_numbers_count_from_the_isn_and_beyond_two_to_the_32() -> None:
    isn = 0xFFFFFF00
    half = 1 << 31

    def passage(frame: int, flags: int, seq: int, size: int = 0) -> Passage:
        return Passage(frame, frame * 1000, True, flags, seq & 0xFFFFFFFF, 0, size, 100)

    one = found("three_way_handshake.pcap")
    passages = [passage(1, 0x02, isn)]
    passages += [passage(n + 2, 0x18, isn + 1 + n * half // 2, half // 2) for n in range(6)]
    shown = build_ladder(one.record, [], passages, ["x"])
    seqs = [row.segment.seq for row in shown.rows if row.segment]
    assert seqs == [0, *(1 + n * half // 2 for n in range(6))]


def test_without_a_syn_numbers_begin_at_one() -> None:
    rows = [row.segment for row in ladder("reset_midstream.pcap").rows if row.segment]
    assert rows[0].seq == 1


def test_a_reused_port_shows_where_it_comes_from() -> None:
    text = drawn(ladder("time_wait_reuse_accepted.pcap", "1"))
    assert "On the same addresses and ports: after connection 0." in text
    assert re.search(r"-8\.000164 #11 ", text)
    assert "a segment of another connection" in drawn(ladder("time_wait_reuse_accepted.pcap", "0"))


def test_a_syn_that_seemed_stale_is_in_the_connection_that_it_began() -> None:
    assert [each.frame for each in found("half_open_discovery.pcap", "0").passages] == [
        1,
        2,
        3,
        4,
        5,
        6,
        7,
        9,
        10,
    ]
    later = [each.frame for each in found("half_open_discovery.pcap", "1").passages]
    assert later[:2] == [8, 11]


@pytest.mark.parametrize("name", ["stuck_close_wait", "connection_unreachable", "time_wait_assassination"])
def test_the_picture_is_xml_and_holds_every_frame(name: str) -> None:
    one = found(f"{name}.pcap")
    shown = build_ladder(one.record, one.findings, one.passages, one.paths)
    root = ElementTree.fromstring("".join(svg(shown)))
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    texts = [each.text or "" for each in root.iter("{http://www.w3.org/2000/svg}text")]
    frames = {int(number) for text in texts for number in re.findall(r"#(\d+)$", text)}
    assert {each.frame for each in one.passages} <= frames
    states = {move.state for side in (one.record.client, one.record.server) for move in side.history}
    assert states <= {text.rstrip("?*~") for text in texts}
    for finding in one.findings:
        assert any(finding.kind in text for text in texts)
    height = float(root.attrib["height"])
    assert all(0 < float(each.attrib["y"]) < height for each in root.iter("{http://www.w3.org/2000/svg}text"))


def test_the_picture_escapes_what_a_file_name_brings() -> None:
    one = found("connection_refused.pcap")
    shown = build_ladder(one.record, one.findings, one.passages, ["<b>&\x1b.pcap", "\udcff.pcap"])
    text = "".join(svg(shown))
    ElementTree.fromstring(text)
    assert "&lt;b&gt;&amp;\\x1b.pcap" in text
    text.encode("utf-8")


def test_all_that_was_given_to_a_connection_is_there() -> None:
    """Every segment of a capture is in exactly one ladder; its record is the report's."""
    from tcptrace_py import analyze

    for path in [
        SAMPLES / f"{name}.pcap" for name in ("all_eleven_states", "duplicate_frames", "short_and_long")
    ]:
        report = analyze(path)
        frames: list[int] = []
        for record in report.connections or []:
            one = found(path.name, str(record.id))
            assert one.record == record
            frames += [each.frame for each in one.passages if not each.icmp]
        assert len(frames) == len(set(frames)) == report.capture.tcp_segments


def test_samples_with_one_kind_of_finding_keep_it(tmp_path: Path) -> None:
    one = found("time_wait_reuse_accepted.pcap", "1")
    assert one.record.findings == ["time-wait-reuse"]
    assert [finding.kind for finding in one.findings] == ["time-wait-reuse"]
