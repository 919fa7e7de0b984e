"""The page as a file: what it is made of, what it never holds, and how large it gets."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import msgspec
import pytest

from tcptrace_py.findings.finding import Allowed
from tcptrace_py.report.model.model import Report
from tcptrace_py.report.model.passage import Passage, Passed
from tcptrace_py.report.people.ladder import segments
from tcptrace_py.report.people.wanted import parse_wanted
from tcptrace_py.report.pictures import page
from tcptrace_py.report.pictures.html import source_hash
from tcptrace_py.report.pictures.page_data import CONNECTIONS, STATES, page_data
from tcptrace_py.report.pictures.page_segments import wanted_segments
from tcptrace_py.report.pictures.timeline import STEPS
from tcptrace_py.run.following import passages_of
from tcptrace_py.run.single import single
from tests.conftest import RunCli
from tests.pictures.colours import difference, palette
from tests.pictures.reports import SICK, hostile, large, sample, without_connections
from tests.samples.catalogue import SAMPLE_DIR, SAMPLES

_MOST_BYTES = 5_000_000


class _Seen(HTMLParser):
    """Elements of a page with their attributes, and the text of scripts and styles."""

    def __init__(self) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.raw: list[str] = []
        self._raw = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self._raw = tag in ("script", "style")

    def handle_endtag(self, tag: str) -> None:
        self._raw = False

    def handle_data(self, data: str) -> None:
        if self._raw:
            self.raw.append(data)


def seen(report: Report) -> _Seen:
    parser = _Seen()
    parser.feed(page.encode(report).decode())
    return parser


def data_of(report: Report) -> dict:
    text = page.encode(report).decode()
    (block,) = re.findall(r'<script type="application/json"[^>]*>(.*?)</script>', text, re.DOTALL)
    return json.loads(block)


@pytest.mark.parametrize("name", [each.name for each in SAMPLES])
def test_each_sample_has_a_page_that_asks_for_nothing(name: str) -> None:
    found = seen(sample(name))
    for tag, attributes in found.elements:
        assert tag not in ("link", "iframe", "object", "embed", "img", "base", "form"), tag
        assert not {"src", "style", "action", "srcset", "background"} & attributes.keys()
        assert not [each for each in attributes if each.startswith("on")]
        assert attributes.get("href", "#").startswith("#")


def test_the_same_report_gives_the_same_page() -> None:
    assert page.encode(sample(SICK)) == page.encode(sample(SICK))


def test_the_policy_names_exactly_the_page_own_style_and_scripts() -> None:
    found = seen(sample(SICK))
    (policy,) = [a["content"] for _, a in found.elements if a.get("http-equiv") == "Content-Security-Policy"]
    assert policy is not None
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    style, _data, *scripts = found.raw
    for text in (style, *scripts):
        assert source_hash(text) in policy
    assert len(scripts) == 2


def test_hostile_texts_are_text() -> None:
    own, foreign = seen(sample(SICK)), seen(hostile())
    # The same elements: none is made, and none ended, by what a text holds.
    assert {tag for tag, _ in foreign.elements} == {tag for tag, _ in own.elements}
    assert sum(tag == "script" for tag, _ in foreign.elements) == 3
    assert not [a for _, a in foreign.elements if {"onerror", "src"} & a.keys()]
    text = page.encode(hostile()).decode()
    for unprintable in ("\u202e", "\x1b", "\x00", "\u2028"):
        assert unprintable not in text
    # As people read it.
    assert "\\u202e\\x1b[31m\\x00" in text
    assert "{{ 7*7 }}" in text


def test_a_command_to_copy_never_holds_a_name_that_would_not_print() -> None:
    text = page.encode(hostile()).decode()
    assert 'data-show="tcptrace-py show CAPTURE"' in text
    assert 'data-show="tcptrace-py show ' in page.encode(sample(SICK)).decode()


def test_a_report_without_connections_says_so() -> None:
    report = without_connections(sample(SICK))
    data = data_of(report)
    assert not data["listed"]
    assert data["connections"] == []
    assert "lists no connections" in page.encode(report).decode()


def test_a_page_stays_small_and_keeps_what_findings_name() -> None:
    report = large(40_000)
    text = page.encode(report)
    assert len(text) < _MOST_BYTES
    data = data_of(report)
    rows = data["connections"]
    assert 5_000 < len(rows) <= CONNECTIONS
    assert data["total"] == 40_000
    ids = [row[0] for row in rows]
    assert ids == sorted(set(ids))
    kept = set(ids)
    for finding in report.findings:
        assert kept & set(finding.connections), finding.kind
    # A fair sample: from begin to end, and of connections without findings too.
    assert min(ids) < 100 and max(ids) > 39_900
    assert any(not row[9] for row in rows)


def test_counts_over_time_are_of_all_connections_however_few_are_listed() -> None:
    report = large(13_200)
    times = 13_200 // len(sample(SICK).connections or [])
    timeline = page_data(report, 10)["timeline"]
    states = timeline["all"]["states"]
    ends = report.summary.states_at_end
    assert states[1]["CLOSE_WAIT"][-1] == ends.server.CLOSE_WAIT * times
    events = timeline["all"]["events"]
    handshakes = report.summary.handshakes
    assert _total(events["opened"]) == handshakes.complete * times
    assert _total(events["reset"]) == report.summary.resets.total * times
    single = timeline["services"]
    assert len(single) <= 15
    assert sum(_total(each["events"]["opened"]) for each in single) == handshakes.complete * times


def _total(series: list[int]) -> int:
    """The sum over all steps of a series of ``step, count`` runs."""
    steps, counts = series[::2], series[1::2]
    ends = [*steps[1:], STEPS][: len(steps)]
    return sum(n * (end - begin) for begin, end, n in zip(steps, ends, counts, strict=True))


def test_a_history_without_end_is_cut_in_the_middle() -> None:
    report = large(3)
    connection = (report.connections or [])[2]
    connection.client.history = connection.client.history * 500
    (row,) = [row for row in data_of(report)["connections"] if row[0] == 2]
    assert len(row[4][5]) == 48 * 5
    assert row[4][5][-5] == STATES.index(connection.client.history[-1].state)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("sight", ["normal", "deuteranopia", "protanopia", "tritanopia"])
def test_colours_of_states_are_told_apart(scheme: str, sight: str) -> None:
    style = (Path(page.__file__).parent / "page.css").read_text()
    colours = palette(style, scheme)
    assert len(colours) == 9
    names = sorted(colours)
    close = [
        (one, two, round(apart))
        for n, one in enumerate(names)
        for two in names[n + 1 :]
        if (apart := difference(colours[one], colours[two], sight)) < 20
    ]
    assert not close


def passed(name: str, report: Report) -> dict[int, Passed]:
    return passages_of([SAMPLE_DIR / name], wanted_segments(report), report.settings)


@pytest.mark.parametrize("name", [SICK, "time_wait_reuse_accepted.pcap", "stale_duplicate_syn.pcap"])
def test_a_page_has_the_segments_that_show_has(name: str) -> None:
    report = sample(name)
    found = page_data(report, 10, passed(name, report))["segments"]
    connections = report.connections[:6]
    assert set(found) >= {str(each.id) for each in connections}
    for connection in connections:
        left_out, _, raw = found[str(connection.id)]
        rows = json.loads(bytes(raw))
        shown = single(SAMPLE_DIR / name, wanted=parse_wanted(str(connection.id)))
        own = [each for each in shown.passages if not each.icmp]
        assert left_out == 0
        assert [(bool(row[0]), row[1], row[-1]) for row in rows] == [
            (each.from_client, each.frame, each.note) for each in own
        ]
        assert [(row[4], row[5]) for row in rows] == [
            each.words() for each in segments(shown.passages) if each is not None
        ]


def test_of_a_long_connection_the_first_and_the_last_segments_are_kept() -> None:
    name = "half_close_long_transfer.pcap"
    report = sample(name)
    everything = passages_of([SAMPLE_DIR / name], {0: (report.connections[0], 1000)}, report.settings)[0]
    cut = passages_of([SAMPLE_DIR / name], {0: (report.connections[0], 11)}, report.settings)[0]
    whole = everything.first + everything.last
    assert (len(whole), everything.left_out) == (report.capture.packets, 0)
    assert cut.first == whole[:5]
    assert cut.last == whole[-6:]
    assert cut.left_out == len(whole) - 11
    short = passages_of([SAMPLE_DIR / name], {0: (report.connections[0], 1000)}, report.settings, None, 20)[0]
    assert short.first + short.last == whole[:20]


def test_segments_are_kept_of_findings_first_and_never_of_too_many() -> None:
    report = large(40_000)
    wanted = wanted_segments(report)
    packets = sum(each.client.packets + each.server.packets for each, _ in wanted.values())
    assert 19_000 < packets <= 20_000
    named = {number for finding in report.findings for number in finding.connections}
    kept = [number in named for number in wanted]
    assert kept == sorted(kept, reverse=True) and kept[0]
    # The largest page that there can be: each of these has segments of the greatest length.
    longest = [
        Passage(n << 20, 10**15, True, 0x1FF & ~4, (1 << 31) + n, (1 << 31) + n, 65_535, 0, "duplicate frame")
        for n in range(200)
    ]
    everything = dict.fromkeys(wanted, Passed(longest[:100], longest[100:], 10**9))
    assert len(page.encode(report, [], everything)) < _MOST_BYTES


def test_who_has_the_packets_draws_them(run_cli: RunCli, tmp_path: Path) -> None:
    capture = SAMPLE_DIR / SICK
    assert run_cli("analyze", capture, "--html", "a.html", "--json", "r.json").returncode == 0
    assert run_cli("report", "r.json", "--html", "r.html").returncode == 0
    assert run_cli("analyze", capture, "--html", "f.html", "--filter", "port 5432").returncode == 0
    blocks = []
    for name in ("a.html", "r.html", "f.html"):
        text = (tmp_path / name).read_text()
        (block,) = re.findall(r'<script type="application/json"[^>]*>(.*?)</script>', text, re.DOTALL)
        blocks.append(json.loads(block))
    report = sample(SICK)
    assert set(blocks[0]["segments"]) == {str(each.id) for each in report.connections}
    assert sum(len(rows) for _, _, rows in blocks[0]["segments"].values()) == report.capture.tcp_segments
    assert blocks[1]["segments"] is None
    # Frames are the file's, whatever the filter let through.
    refused = next(each for each in report.connections if each.server.port == 5432)
    assert [row[1] for row in blocks[2]["segments"]["0"][2]] == [
        refused.client.history[0].frame,
        refused.client.history[-1].frame,
    ]


def test_a_finding_that_a_policy_allows_says_so() -> None:
    report = msgspec.convert(msgspec.to_builtins(sample(SICK)), Report)
    report.findings[0].allowed = Allowed(reason="mended in <2.4>", expires="2099-12-31")
    text = page.encode(report).decode()
    assert "allowed until 2099-12-31: mended in &lt;2.4&gt;" in text
    assert text.count('<span class="pill good">allowed</span>') == 1
    assert "1 allowed</" in text and "1 critical</" not in text
