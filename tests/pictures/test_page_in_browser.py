"""The page as a browser shows it: opened from disk with the network off, clicked, zoomed, printed."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tcptrace_py.report.model.model import Report
from tcptrace_py.report.pictures import page
from tcptrace_py.report.pictures.page_segments import wanted_segments
from tcptrace_py.run.following import passages_of
from tests.pictures.browser import PHONE, WIDE, launched, opened
from tests.pictures.reports import SICK, hostile, large, sample, without_connections
from tests.samples.catalogue import SAMPLE_DIR, SAMPLES

# Once, with the engine that reports are made with: the browser does not know which one it was.
pytestmark = pytest.mark.slow

# Some 0.7 s of a quiet machine's script, in ms of this one.
_WORK = """(() => {
    const began = performance.now();
    for (let n = 0; n < 6; n++) Float64Array.from({ length: 1e6 }, (_, i) => Math.sin(i * 7919 + n)).sort();
    return performance.now() - began;
})()"""
_GRAVE = ("serious", "critical")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    yield from launched()


def written(report: Report, folder: Path) -> Path:
    path = folder / "report.html"
    page.write(report, [], path)
    return path


@pytest.fixture(scope="module")
def sick(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("page") / "report.html"
    report = sample(SICK)
    page.write(report, [], path, passages_of([SAMPLE_DIR / SICK], wanted_segments(report), report.settings))
    return path


def grave_faults(shown: Any) -> list[str]:
    """What axe-core finds that is serious, one line each."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-core is not installed")
    found = axe.Axe().run(shown).response["violations"]
    return [
        f"{each['id']}: {each['nodes'][0]['html'][:200]}: {each['nodes'][0]['failureSummary']}"
        for each in found
        if each["impact"] in _GRAVE
    ]


def test_every_sample_opens_without_a_complaint(browser: Any, tmp_path: Path) -> None:
    path = written(sample(SICK), tmp_path)
    with opened(browser, path) as found:
        for each in SAMPLES:
            report = sample(each.name)
            page.write(report, [], path)
            found.page.reload()
            found.page.wait_for_selector("html[data-ready=yes]", state="attached")
            assert not found.complaints, (each.name, found.complaints)
            drawn = found.page.evaluate(
                "[document.querySelectorAll('#list .row').length,"
                " document.querySelectorAll('article.finding').length]"
            )
            assert bool(drawn[0]) == bool(report.connections), each.name
            assert drawn[1] == len(report.findings), each.name


@pytest.mark.parametrize(("scheme", "viewport"), [("light", WIDE), ("dark", PHONE)], ids=["light", "phone"])
def test_no_serious_fault_for_those_who_hear_or_type(
    browser: Any, sick: Path, scheme: str, viewport: dict[str, int]
) -> None:
    with opened(browser, sick, scheme, viewport) as found:
        shown = found.page
        assert shown.evaluate("document.documentElement.scrollWidth <= innerWidth"), "it scrolls sideways"
        shown.locator("#list .row").first.click()
        assert shown.locator("dialog#ladder").is_visible()
        assert grave_faults(shown) == []
        shown.keyboard.press("Escape")
        assert grave_faults(shown) == []
        assert not found.complaints


def test_a_finding_leads_to_its_connections_and_one_of_them_to_its_ladder(browser: Any, sick: Path) -> None:
    report = sample(SICK)
    first = report.findings[0]
    with opened(browser, sick) as found:
        shown = found.page
        shown.locator('[data-show-finding="0"]').click()
        note = shown.locator("#list-note").inner_text()
        assert note == f"{first.count} of {report.summary.connections} connections."
        shown.locator("#list .row").first.click()
        ladder = shown.locator("dialog#ladder")
        assert ladder.is_visible()
        assert shown.locator("#ladder-title").inner_text() == f"Connection {first.connections[0]}"
        connection = (report.connections or [])[first.connections[0]]
        for side, end in (("left", connection.client), ("right", connection.server)):
            told = ladder.locator(f".moves.{side} .state").all_inner_texts()
            assert [each.rstrip("?*~") for each in told] == [move.state for move in end.history]
        frames = {move.frame for end in (connection.client, connection.server) for move in end.history}
        for frame in frames - {None}:
            assert f"frame {frame}" in ladder.inner_text()
        for evidence in first.evidence:
            if evidence.connection == connection.id:
                assert evidence.text in ladder.inner_text()
        # Every segment is there, in order, and nothing is told to be missing.
        drawn = ladder.locator(".arrow:not(.none)").all_inner_texts()
        assert len(drawn) == connection.client.packets + connection.server.packets
        assert [each.split("\n")[-1] for each in drawn[:3]] == [
            "SYN seq 0",
            "SYN,ACK seq 0 ack 1",
            "ACK seq 1 ack 1",
        ]
        assert "Only segments that moved" not in ladder.inner_text()
        # Client, segment and server stand side by side in every row.
        columns = ladder.locator("ol.ladder li").evaluate_all(
            """rows => rows.map(row => [".line.left", ".moves.left", ".middle", ".moves.right", ".line.right"]
                .map(name => row.querySelector(name).getBoundingClientRect().left))"""
        )
        assert len(columns) >= len(connection.client.history)
        assert all(lefts == sorted(lefts) for lefts in columns), columns
        assert len({lefts[0] for lefts in columns}) == len({lefts[2] for lefts in columns}) == 1
        shown.keyboard.press("Escape")
        assert not ladder.is_visible()
        assert not found.complaints


def test_pictures_say_the_report_own_numbers(browser: Any, sick: Path) -> None:
    report = sample(SICK)
    states = report.summary.states_at_end
    with opened(browser, sick) as found:
        shown = found.page
        chart = shown.locator("svg.chart").first
        chart.scroll_into_view_if_needed()
        box = chart.bounding_box()
        shown.mouse.move(box["x"] + box["width"] - 20, box["y"] + 50)
        assert f"{states.server.CLOSE_WAIT} CLOSE_WAIT" in shown.locator(".said").first.inner_text()
        said = chart.get_attribute("aria-label")
        for state in ("CLOSE_WAIT", "TIME_WAIT", "FIN_WAIT_2", "ESTABLISHED"):
            there = getattr(states.client, state) + getattr(states.server, state)
            assert (f"{there} {state}" in said) == bool(there), (state, said)
        assert f"At the end of the capture: {states.server.CLOSE_WAIT} CLOSE_WAIT." in (
            shown.locator("svg.chart").nth(1).get_attribute("aria-label")
        )
        shown.locator("#time-side").select_option("0")
        assert "CLOSE_WAIT" not in shown.locator("#legend").inner_text()


def test_an_area_has_no_slanted_edge(browser: Any, sick: Path) -> None:
    with opened(browser, sick) as found:
        paths = found.page.evaluate(
            """stackPaths([
                { name: "A", at: (t) => (t < 30 ? 0 : t < 60 ? 3 : 1) },
                { name: "B", at: (t) => (t < 45 ? 2 : 0) },
            ], 0, 100, 100, 50, 10).map((each) => each.path)"""
        )
        for path in paths:
            steps = re.findall(r"([MHVZ])([\d.,]*)", path)
            assert "".join(command + number for command, number in steps) == path
            # It closes where it began, at the left edge.
            across = [float(number) for command, number in steps if command == "H"]
            assert path.startswith("M0,") and across[-1] == 0
        # Upright and level edges only, so what is drawn is the counts: 3 * 30 + 1 * 40, and 2 * 45.
        assert [round(_area(path) / 5, -1) for path in paths] == [130, 90]


def _area(path: str) -> float:
    """Of a path of level and upright lines."""
    x = y = doubled = 0.0
    for command, number in re.findall(r"([MHV])([\d.,]+)", path):
        to_x, to_y = x, y
        if command == "M":
            x, y = (float(each) for each in number.split(","))
            continue
        to_x, to_y = (float(number), y) if command == "H" else (x, float(number))
        doubled += x * to_y - to_x * y
        x, y = to_x, to_y
    return abs(doubled) / 2


def test_dragging_zooms_every_picture_and_the_list(browser: Any, sick: Path) -> None:
    with opened(browser, sick) as found:
        shown = found.page
        chart = shown.locator("svg.chart").first
        chart.scroll_into_view_if_needed()
        axes = "svg.chart .grid text[text-anchor=middle]"
        before = shown.locator(axes).all_text_contents()
        box = chart.bounding_box()
        shown.mouse.move(box["x"] + 200, box["y"] + 60)
        shown.mouse.down()
        shown.mouse.move(box["x"] + 260, box["y"] + 60, steps=3)
        shown.mouse.up()
        shown.wait_for_timeout(100)
        after = shown.locator(axes).all_text_contents()
        assert shown.locator("#zoomed").is_visible()
        charts = shown.locator("svg.chart").count()
        assert before != after and len(after) % charts == 0
        assert after[: len(after) // charts] * charts == after, "the pictures show different times"
        everything = shown.locator("#list-note").inner_text()
        shown.locator("#list-zoom").check()
        assert shown.locator("#list-note").inner_text() != everything
        # On the keyboard: all of it again, and in once more.
        chart.focus()
        shown.keyboard.press("0")
        assert not shown.locator("#zoomed").is_visible()
        shown.keyboard.press("+")
        assert shown.locator("#zoomed").is_visible()
        shown.keyboard.press("ArrowRight")
        assert "+" in shown.locator("#readout").inner_text()
        shown.locator("#zoom-reset").click()
        assert not shown.locator("#zoomed").is_visible()
        assert not found.complaints


def test_filters_show_what_fits_and_count_it(browser: Any, sick: Path) -> None:
    connections = sample(SICK).connections or []
    with opened(browser, sick) as found:
        shown = found.page
        note = shown.locator("#list-note")
        shown.locator("#list-service").select_option("10.0.0.20:8080")
        to_it = [
            each for each in connections if (each.server.address, each.server.port) == ("10.0.0.20", 8080)
        ]
        assert note.inner_text() == f"{len(to_it)} of {len(connections)} connections."
        shown.locator("#list-state").select_option("CLOSE_WAIT")
        waited = [
            each
            for each in to_it
            if any(move.state == "CLOSE_WAIT" for end in (each.client, each.server) for move in end.history)
        ]
        assert note.inner_text() == f"{len(waited)} of {len(connections)} connections."
        shown.locator("#list-service").select_option("")
        shown.locator("#list-state").select_option("")
        shown.locator("#list-search").fill("5432")
        refused = [each for each in connections if "5432" in f"{each.client.port} {each.server.port}"]
        assert note.inner_text() == f"{len(refused)} of {len(connections)} connections."
        shown.locator("#list-search").fill("nowhere")
        assert note.inner_text() == f"0 of {len(connections)} connections."
        assert not found.complaints


def test_the_list_goes_by_keyboard(browser: Any, sick: Path) -> None:
    with opened(browser, sick) as found:
        shown = found.page
        box = shown.locator("#list")
        box.focus()
        shown.keyboard.press("End")
        count = len(sample(SICK).connections or [])
        active = shown.locator("#list .row.active")
        assert active.get_attribute("aria-posinset") == str(count)
        assert box.get_attribute("aria-activedescendant") == active.get_attribute("id")
        shown.keyboard.press("Home")
        shown.keyboard.press("ArrowDown")
        assert active.get_attribute("aria-posinset") == "2"
        shown.keyboard.press("Enter")
        assert shown.locator("dialog#ladder").is_visible()


def test_a_command_is_copied_by_one_click(browser: Any, sick: Path) -> None:
    with opened(browser, sick) as found:
        shown = found.page
        shown.context.grant_permissions(["clipboard-read", "clipboard-write"])
        code = shown.locator("code[data-copy]").first
        code.locator("xpath=following-sibling::button[1]").click()
        assert shown.evaluate("navigator.clipboard.readText()") == code.inner_text()


def test_a_hostile_report_makes_no_element_and_runs_nothing(browser: Any, tmp_path: Path) -> None:
    with opened(browser, written(hostile(), tmp_path)) as found:
        shown = found.page
        shown.locator("#list .row").first.click()
        shown.wait_for_timeout(50)
        assert "Only segments that moved" in shown.locator("dialog#ladder").inner_text()
        assert shown.evaluate("document.documentElement.dataset.broken") is None
        assert shown.evaluate("document.scripts.length") == 3
        assert (
            shown.evaluate("document.querySelectorAll('img, iframe, object, embed, link, base').length") == 0
        )
        links = shown.evaluate("Array.from(document.links, (each) => each.getAttribute('href'))")
        assert all(each.startswith("#") for each in links)
        assert not found.complaints


def test_ten_thousand_connections_open_and_scroll(browser: Any, tmp_path: Path) -> None:
    path = written(large(10_000), tmp_path)
    with opened(browser, path) as found:
        shown = found.page
        took_ms = shown.evaluate("performance.now()")
        # By what the machine can do meanwhile, so that it holds on a busy one: two seconds of a quiet one.
        work_ms = shown.evaluate(_WORK)
        assert took_ms < 2 * work_ms, (took_ms, work_ms)
        # However long the list is, only what is in sight exists.
        assert shown.locator("#list .row").count() < 60
        frames = shown.evaluate(
            """async () => {
                const box = document.getElementById("list");
                const took = [];
                for (let i = 0; i < 30; i++) {
                    const from = performance.now();
                    box.scrollTop = i * 12000;
                    box.getBoundingClientRect();
                    list.draw();
                    took.push(performance.now() - from);
                    await new Promise(requestAnimationFrame);
                }
                return took.sort((a, b) => a - b);
            }"""
        )
        assert frames[len(frames) // 2] < 30, frames
        assert not found.complaints


def test_a_sample_of_more_says_so_and_counts_all(browser: Any, tmp_path: Path) -> None:
    with opened(browser, written(large(13_200), tmp_path)) as found:
        shown = found.page
        assert "a fair sample of all 13,200" in shown.locator("#list-note").inner_text()
        label = shown.locator("svg.chart").nth(1).get_attribute("aria-label")
        stuck = sample(SICK).summary.states_at_end.server.CLOSE_WAIT * 200
        assert f"{stuck:,} CLOSE_WAIT" in label
        assert not found.complaints


def test_without_connections_the_page_says_what_it_lacks(browser: Any, tmp_path: Path) -> None:
    with opened(browser, written(without_connections(sample(SICK)), tmp_path)) as found:
        assert "lists no connections" in found.page.locator("#list-note").inner_text()
        assert "lists no connections" in found.page.locator("#time-note").inner_text()
        assert not found.complaints


def test_it_prints_with_everything_unfolded(browser: Any, sick: Path) -> None:
    with opened(browser, sick) as found:
        pdf = found.page.pdf(format="A4")
        assert pdf.startswith(b"%PDF")
        assert 3 <= pdf.count(b"/Type /Page\n") + pdf.count(b"/Type /Page ") <= 40
        # On paper of that width: the rows of the list under each other, and what follows under them.
        shown = found.page
        shown.set_viewport_size({"width": 718, "height": 1000})
        shown.emulate_media(media="print")
        shown.evaluate("dispatchEvent(new Event('beforeprint'))")
        edges = shown.evaluate(
            """[...document.querySelectorAll("#list .row"), document.getElementById("services")]
                .map((each) => each.getBoundingClientRect()).map((box) => [box.top, box.bottom])"""
        )
        assert len(edges) == 61
        assert all(above[1] <= below[0] for above, below in itertools.pairwise(edges))
        assert not found.complaints
