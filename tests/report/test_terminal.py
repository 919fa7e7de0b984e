"""The terminal report at several widths, in a pipe, and where there is no Unicode."""

from __future__ import annotations

import io
import re
from datetime import timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from tcptrace_py.findings.coverage import Coverage, warnings
from tcptrace_py.findings.finding import Evidence, Process, Subject
from tcptrace_py.findings.texts import TEXTS
from tcptrace_py.gates.diff import Side, compare
from tcptrace_py.report.model.model import Report, Skipped, Source
from tcptrace_py.report.people import diff_text
from tcptrace_py.report.people.ladder import build_ladder
from tcptrace_py.report.people.ladder_terminal import render_ladder
from tcptrace_py.report.people.terminal import render
from tcptrace_py.report.people.terminal_text import amount, latency
from tcptrace_py.report.people.verdict import process_text
from tcptrace_py.report.people.view import View
from tcptrace_py.report.people.wanted import parse_wanted
from tcptrace_py.run.single import single
from tests.report.scenes import (
    BEGIN_NS,
    Scene,
    capture,
    finding,
    finish,
    healthy_report,
    sick_report,
    sick_scene,
)


def shown(report: Report, width: int = 80, **view: Any) -> str:
    """What comes out of a pipe."""
    stream = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    render(report, Console(file=stream, width=width), View(**view))
    stream.flush()
    stream.seek(0)
    return stream.read()


def flat(text: str) -> str:
    return " ".join(text.split())


SHORT_AT_80 = """\
1 critical, 1 warning in sick.pcap · 6 connections, 6,120 packets, 61.2 s from
  2024-05-01 12:00:00 UTC

CRITICAL  stuck-close-wait: 10.0.0.20:8080, 3 of 5 connections, from +2.1 s,
          still growing ▃▆█ (#0)
          Certain: Server 10.0.0.20:8080 got FIN and did not close its own side
          Fix: Close the socket when recv() returns 0
            ss -tnp state close-wait 'sport = :8080'
WARNING   connection-refused: 10.0.0.20:9090, 1 connection, from +2.1 s to
          +61.0 s (#5)
          Certain: Server 10.0.0.20:9090 refused it

Next: tcptrace-py show sick.pcap 0
      tcptrace-py explain stuck-close-wait    (-v: proof and all counters)
      Wireshark: tcp.stream in {0..2}

Services
  server          conns  failed  reset  stuck  resent     in      out      RTT
  10.0.0.20:8080      5       0      0      3       0  600 B  20.5 kB  19.0 ms
  10.0.0.20:9090      1       1      1      0       0    0 B      0 B        -
"""

SICK_AT_80 = """\
1 critical, 1 warning in sick.pcap · 6 connections, 6,120 packets, 61.2 s from
  2024-05-01 12:00:00 UTC

CRITICAL  stuck-close-wait: 10.0.0.20:8080, 3 of 5 connections, from +2.1 s,
          still growing ▃▆█ (#0)
  what    Sockets stuck in CLOSE_WAIT, first at 2024-05-01 12:00:02.100 UTC.
          Server 10.0.0.20:8080 got FIN and did not close its own side.
  proof   frame 1203 +2.100123 s #0: 10.0.0.9:40000 sent FIN
          +61.200000 s #0: as far as the capture goes: still in CLOSE_WAIT
  fix     Close the socket when recv() returns 0. Who holds it:
            ss -tnp state close-wait 'sport = :8080'
          and restart it for now.
  sure    certain: segments that passed the vantage point prove it
  in      connections #0, #1, #2
"""

SUMMARY_AT_80 = """
Summary
  handshakes  5 complete, 1 refused
  closes      3 half-closed, 2 four-way, 1 reset
  CLOSE_WAIT  3 stuck, 3 still open at the end, longest 59.2 s
  TIME_WAIT   2 entered, at most 2 at once, at +5.0 s
  resets      1: 1 refused
  resent      nothing

States at the end of the capture
  state       clients  servers
  CLOSED            3        3
  FIN_WAIT_2        3        0
  CLOSE_WAIT        0        3

Services
  server          conns  failed  reset  stuck  resent     in      out      RTT
  10.0.0.20:8080      5       0      0      3       0  600 B  20.5 kB  19.0 ms
  10.0.0.20:9090      1       1      1      0       0    0 B      0 B        -
"""

CONNECTIONS_AT_80 = """
Connections (2 of 6, those with findings first)
  #0  10.0.0.9:40000 → 10.0.0.20:8080  stuck-close-wait
      client FIN_WAIT_2?, server CLOSE_WAIT; handshake complete; close
      half-closed by client; 120 B sent, 4.1 kB received; 1.0 s
  #1  10.0.0.9:40001 → 10.0.0.20:8080  stuck-close-wait
      client FIN_WAIT_2?, server CLOSE_WAIT; handshake complete; close
      half-closed by client; 120 B sent, 4.1 kB received; 1.0 s
  ? presumed: nothing proves that it arrived
  4 more; a larger --top shows them
"""

HEALTHY_AT_40 = """\
No findings in healthy.pcap · 1
  connection, 10 packets, 2.0 s from
  2024-05-01 12:00:00 UTC

Services
  10.0.0.20:8080
    1 connection, 0 failed, 0 reset, 0
    stuck, 0 resent, 120 B in, 4.1 kB
    out, RTT 11.0 ms

Nothing is wrong as far as these packets
  show. They do not show what
  applications did, what was never
  captured, or what came before and
  after.
A capture shorter than 10.0 s cannot
  show stuck sockets.
"""


def stripped(text: str) -> str:
    return "\n".join(line.rstrip() for line in text.split("\n"))


def test_the_answer_is_short() -> None:
    assert stripped(shown(sick_report())) == SHORT_AT_80


def test_the_long_form_has_the_proof() -> None:
    assert shown(sick_report(), verbose=True).startswith(SICK_AT_80)


def test_and_the_counts() -> None:
    assert stripped(shown(sick_report(), verbose=True)).endswith(SUMMARY_AT_80)


def test_the_verdict_alone() -> None:
    assert shown(sick_report(), 200, quiet=True) == (
        "1 critical, 1 warning in sick.pcap · 6 connections, 6,120 packets,"
        " 61.2 s from 2024-05-01 12:00:00 UTC\n"
    )


def test_a_screen_that_is_too_small_goes_without_the_services() -> None:
    text = shown(sick_report(), brief=True)
    assert "Services" not in text and "(-v: proof, services)" in text


def test_a_mirror_is_told_with_its_culprit() -> None:
    leak = finding("stuck-close-wait", "critical", 3)
    mirrors = [
        finding("stuck-fin-wait-2", "info", n, connections=ids, subject=Subject("client", address, None))
        for n, ids, address in ((2, [0, 1], "10.0.0.9"), (1, [2], "10.0.0.8"))
    ]
    text = shown(finish(sick_scene(), [leak, *mirrors], capture()))
    assert text.startswith("1 critical in sick.pcap")
    assert text.count("stuck-fin-wait-2") == 1
    assert "Mirrored as stuck-fin-wait-2: 3 connections of 2 clients" in text
    # One that has a connection of its own is news.
    mirrors[1].connections.append(4)
    text = shown(finish(sick_scene(), [leak, *mirrors], capture()))
    assert "INFO      stuck-fin-wait-2: client 10.0.0.8" in text


def test_times_of_the_day_are_those_of_the_zone_that_was_asked_for() -> None:
    report = finish(
        sick_scene(),
        [finding("stale-syn", "info", explanation="Worst at 2024-05-01 12:00:05.250 UTC.")],
        capture(),
    )
    text = flat(shown(report, verbose=True, zone=timezone(timedelta(hours=2), "CEST")))
    assert "61.2 s from 2024-05-01 14:00:00 CEST" in text
    assert "Worst at 2024-05-01 14:00:05.250 CEST." in text and "UTC" not in text


def test_a_filter_is_named_and_what_it_left_counted() -> None:
    info = capture(
        filter="port 9", tcp_segments=0, skipped=Skipped(filtered=6120), first_ns=None, last_ns=None
    )
    lines = shown(finish(Scene(), [], info)).splitlines()
    assert lines[:2] == [
        "No packet matched the filter in sick.pcap · 0 of 6,120 packets",
        "Only packets that match: port 9",
    ]


def test_a_command_is_never_wrapped() -> None:
    for width in (20, 40, 80):
        for verbose in (False, True):
            text = shown(sick_report(), width, verbose=verbose)
            assert "\n            ss -tnp state close-wait 'sport = :8080'\n" in text
            assert "      tcptrace-py explain stuck-close-wait" in text


def test_nothing_is_grey_or_in_a_colour_that_is_illegible_on_white_or_on_black() -> None:
    stream = io.StringIO()
    console = Console(file=stream, width=80, force_terminal=True, color_system="standard")
    render(sick_report(), console, View(verbose=True))
    # Green, yellow, blue, cyan, dim or bright; white stands on red alone.
    illegible = {"32", "33", "34", "36", "92", "93", "94", "96"}
    assert not codes_of(stream.getvalue()) & {"2", *illegible}
    assert "\x1b[30;43mWARNING" in stream.getvalue()
    before = healthy_report()
    diff_text.render(compare(Side("before", before), Side("after", sick_report())), console)
    diff_text.render(compare(Side("before", sick_report()), Side("after", before)), console)
    sample = Path(__file__).parents[2] / "sample_pcaps" / "sick_service.pcap"
    found = single(sample, wanted=parse_wanted("2"))
    render_ladder(build_ladder(found.record, found.findings, found.passages, found.paths), console)
    assert {"31", "35"} <= codes_of(stream.getvalue())
    assert not codes_of(stream.getvalue()) & illegible
    # The body of a row is not in the style of its label.
    assert "\x1b[1m  what\x1b[0m    Sockets" in stream.getvalue()


def codes_of(text: str) -> set[str]:
    return {code for codes in re.findall(r"\x1b\[([\d;]*)m", text) for code in codes.split(";")}


def test_connections_with_findings_come_first() -> None:
    text = stripped(shown(sick_report(), top=2, connections=True))
    assert text.endswith(CONNECTIONS_AT_80)


def test_a_healthy_capture_says_so_and_what_it_can_not_know() -> None:
    assert stripped(shown(healthy_report(), 40)) == HEALTHY_AT_40


def test_a_wide_terminal_has_a_table_of_connections() -> None:
    text = shown(sick_report(), 200, connections=True)
    row = next(line for line in text.splitlines() if line.startswith("   5 "))
    assert (
        row.split()
        == (
            "5 10.0.0.9:40005 10.0.0.20:9090 CLOSED? CLOSED refused 0 B 0 B 1 ms"
            " reset by server (RST refused by server, frame 102) connection-refused"
        ).split()
    )


@pytest.mark.parametrize("width", [20, 40, 79, 80, 81, 120, 200])
def test_no_line_is_longer_than_the_terminal(width: int) -> None:
    for text in (shown(sick_report(), width, connections=True), shown(healthy_report(), width)):
        # The table of states, the widest thing that does not fold, takes 30 columns.
        # Commands do not fold either, nor does a word that is longer than the room beside its label.
        lines = [
            line
            for line in text.splitlines()
            if not re.match(r"\s+(ss|tcptrace-py|Wireshark:) |Next: |.{10}\S{11,}$", line)
        ]
        assert max(len(line.rstrip()) for line in lines) <= max(width, 30)


@pytest.mark.parametrize("width", [40, 80, 200])
def test_no_width_hides_a_fact(width: int) -> None:
    text = flat(shown(sick_report(), width, connections=True, verbose=True))
    assert "…" not in text
    for fact in (
        "10.0.0.20:8080",
        "10.0.0.9:40005",
        "frame 1203 +2.100123 s #0: 10.0.0.9:40000 sent FIN",
        "Close the socket when recv() returns 0.",
        "first at 2024-05-01 12:00:02.100 UTC",
        "from +2.1 s to +61.0 s",
        "longest 59.2 s",
        "reset by server (RST refused by server, frame 102)",
    ):
        assert fact in text


def test_a_pipe_gets_no_escape_codes() -> None:
    assert "\x1b" not in shown(sick_report(), connections=True)


def test_a_terminal_gets_colours_and_no_color_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    coloured = io.StringIO()
    render(sick_report(), Console(file=coloured, width=80, force_terminal=True, color_system="standard"))
    assert "\x1b[1;37;41mCRITICAL" in coloured.getvalue()
    bare = io.StringIO()
    console = Console(file=bare, width=80, force_terminal=True, color_system="standard", no_color=True)
    render(sick_report(), console)
    assert "CRITICAL" in bare.getvalue()
    assert all(code not in bare.getvalue() for code in ("[31m", "41m", "[33m", "37;"))


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_a_terminal_without_unicode(encoding: str) -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding=encoding)
    report = finish(
        sick_scene(),
        [finding("stale-syn", "info", explanation="before → after… “quoted” – 5 µs")],
        capture(path="größe.pcap"),
    )
    render(report, Console(file=stream, width=100), View(connections=True, verbose=True))
    stream.flush()
    text = flat(raw.getvalue().decode(encoding))
    assert "before -> after..." in text and "\\u201cquoted\\u201d - 5 us" in text
    assert ("größe.pcap" if encoding == "latin-1" else "gr\\xf6\\xdfe.pcap") in text
    assert "10.0.0.9:40000 -> 10.0.0.20:8080" in text


def test_captured_text_is_neither_markup_nor_control() -> None:
    hostile = "[bold red]x[/] :smile: \x1b[2J\r\x07\u202e\t[link=http://a]"
    escaped = "[bold red]x[/] :smile: \\x1b[2J\\r\\x07\\u202e\\t[link=http://a]"
    report = finish(
        sick_scene(),
        [
            finding(
                "stale-syn",
                "info",
                explanation=hostile,
                remedy=hostile,
                evidence=[Evidence(0, 1, BEGIN_NS, hostile)],
                subject=Subject("client", "10.0.0.9", None, hostile),
            ),
        ],
        capture(path=hostile, warnings=[hostile]),
    )
    text = shown(report, 200, connections=True, verbose=True)
    assert text.count(escaped) == 7
    assert not any(ord(c) < 32 and c != "\n" for c in text) and "\u202e" not in text


def test_what_went_wrong_with_the_input_stands_near_the_top() -> None:
    report = finish(
        sick_scene(),
        [finding("stuck-close-wait", "critical", 3)],
        capture(
            complete=False,
            warnings=["sick.pcap: cut off in packet 6121", *warnings(Coverage(cut=7, dropped=12))],
            skipped=Skipped(truncated=7, malformed=1),
            dropped_by_kernel=12,
        ),
    )
    assert shown(report).splitlines()[2:7] == [
        "INCOMPLETE: the input could be read only in part.",
        "note: sick.pcap: cut off in packet 6121",
        "note: 7 packets cut before the end of the TCP header (snap length)",
        "note: the kernel dropped 12 packets before they were captured",
        "note: 1 malformed packet left out",
    ]


def test_how_much_was_seen_stands_in_the_first_line() -> None:
    for coverage, said in (
        (Coverage(connections=6), ", both directions, no gaps\n"),
        (Coverage(connections=6, missing=1), "12:00:00 UTC\n"),
    ):
        info = capture()
        info.coverage = coverage
        assert shown(finish(sick_scene(), [], info), width=200, quiet=True).endswith(said)


def test_nothing_is_wrong_only_where_enough_was_seen() -> None:
    info = capture()
    info.coverage = Coverage(connections=6, one_direction=6)
    text = shown(finish(sick_scene(), [], info))
    assert text.startswith("No findings in what was seen in sick.pcap")
    assert "Nothing is wrong" not in text


def test_a_capture_without_tcp() -> None:
    info = capture(path="-", packets=3, tcp_segments=0, skipped=Skipped(not_tcp=3))
    assert shown(finish(Scene(), [], info)) == (
        "No TCP in standard input · 3 packets, 61.2 s from 2024-05-01 12:00:00 UTC\n"
    )
    info = capture(packets=0, tcp_segments=0, first_ns=None, last_ns=None)
    assert shown(finish(Scene(), [], info)) == "No packets in sick.pcap · 0 packets\n"


def test_several_files_are_named_where_a_frame_is_of_the_second() -> None:
    sources = [Source(name, "pcap", ["ETHERNET"], 10, 100) for name in ("a.pcap", "b.pcap")]
    evidence = [Evidence(0, 5, BEGIN_NS, "FIN", source=1)]
    text = shown(
        finish(sick_scene(), [finding("stale-syn", "info", evidence=evidence)], capture(sources=sources)),
        verbose=True,
    )
    assert text.startswith("1 informational in 2 files · ")
    assert "frame 5 of b.pcap +0.000000 s #0: FIN" in text
    assert "Next: tcptrace-py show a.pcap b.pcap 0" in text


def test_top_limits_and_says_what_it_left_out() -> None:
    findings = [finding("stuck-close-wait", "critical", 3), finding("stale-syn", "info", 1)]
    findings.append(finding("reset-abort", "warning", 2))
    text = shown(finish(sick_scene(), findings, capture()), top=1)
    assert "2 more; a larger --top shows them (1 warning, 1 informational)" in text
    assert "Services (1 of 2)" in text and "10.0.0.20:9090" not in text
    assert "1 more; a larger --top shows them" in text


def test_much_evidence_and_many_connections_are_counted() -> None:
    evidence = [Evidence(n, n, BEGIN_NS, "FIN") for n in range(1, 8)]
    one = finding("stale-syn", "info", 30, evidence=evidence, confidence="likely")
    report = finish(sick_scene(), [one], capture())
    text = flat(shown(report, verbose=True))
    assert "and 3 more; a larger --top shows them" in text
    assert "connections #0, #1, #2, #3, #4, #5, #6, #7 and 22 more; a larger --top shows them" in text
    assert "more" not in flat(shown(report, verbose=True, top=30))
    # The JSON report is spoken of only where one is written.
    assert "and 3 more; all in r.json" in flat(shown(report, verbose=True, whole="r.json"))
    assert "likely: it rests on a delivery that we presume" in text


def test_a_finding_that_names_only_some_connections_says_so() -> None:
    pile = finding("time-wait-pile", "warning", 1100, connections=[0, 1, 2])
    text = flat(shown(finish(sick_scene(), [pile], capture()), verbose=True))
    assert "1,100 sockets at once" in text
    assert "among others connections #0, #1, #2" in text


def test_general_advice_is_given_once() -> None:
    meaning = TEXTS["stuck-close-wait"].meaning
    findings = [
        finding(
            "stuck-close-wait",
            "critical",
            count,
            port,
            explanation=f"{count} are stuck. {meaning}",
            remedy=f"Look: `ss -tn 'sport = :{port}'`, and close().",
        )
        for count, port in ((3, 8080), (2, 9090))
    ]
    text = flat(shown(finish(sick_scene(), findings, capture()), verbose=True))
    assert text.count(meaning) == 1
    assert f"3 are stuck. {meaning}" in text and "UTC. 2 are stuck. proof" in text
    assert "Look: ss -tn 'sport = :8080' and close()." in text
    assert "fix as for server 10.0.0.20:8080 above ss -tn 'sport = :9090'" in text


@pytest.mark.parametrize(
    ("n", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (99_949, "99.9 kB"),
        (99_951, "100 kB"),
        (999_499, "999 kB"),
        (999_500, "1.0 MB"),
        (5 * 10**15, "5000 TB"),
    ],
)
def test_amounts(n: int, text: str) -> None:
    assert amount(n) == text


@pytest.mark.parametrize(
    ("first_ns", "last_ns", "text"),
    [
        (0, 0, "at the start"),
        (0, 61_000_000_000, "from the start to +61.0 s"),
        (600_000, 1_000_000_000, "from +0.6 ms to +1.0 s"),
        (12_000, 900_000, "from +12 µs to +0.9 ms"),
    ],
)
def test_moments_from_the_start(first_ns: int, last_ns: int, text: str) -> None:
    found = finding("reset-abort", "warning", 1)
    found.first_ns, found.last_ns, found.trend = BEGIN_NS + first_ns, BEGIN_NS + last_ns, []
    assert f", {text} (#0)\n" in shown(finish(sick_scene(), [found], capture()), 200)


@pytest.mark.parametrize(
    ("command", "text"),
    [
        ("python3 leaky.py", "python3 leaky.py"),
        ("python3 -c import socket\nsocket.socket()", "python3 -c import socket …"),
        ("java " + "-Dname=value " * 20, "java -Dname=value -Dname=value -Dname=value -Dname=value …"),
        ("x" * 70, "x" * 60 + " …"),
    ],
)
def test_of_a_long_command_as_much_is_shown_as_names_it(command: str, text: str) -> None:
    assert process_text(Process(7, command, [3])) == f"pid 7 ({text}), fd 3"


def test_latencies() -> None:
    assert [latency(s) for s in (0.0, 0.00023, 0.0124, 0.412, 3.1)] == [
        "0.0 ms",
        "0.2 ms",
        "12.4 ms",
        "412 ms",
        "3.1 s",
    ]
