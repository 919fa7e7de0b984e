"""``diff``: what changed between two reports or captures."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest
from jsonschema import Draft202012Validator

from tcptrace_py.gates.diff import Diff, RoundTrips, Side, compare, parse_tolerance
from tcptrace_py.report.model.model import Report
from tests.conftest import RunCli
from tests.gates.test_rules import SAMPLES, TRIPS, report_of

SICK = SAMPLES / "sick_service.pcap"
STUCK = SAMPLES / "stuck_close_wait.pcap"


def changed(report: Report, **counters: float) -> Report:
    """A copy whose summary has other numbers: ``resets__total=3``."""
    raw = msgspec.to_builtins(report)
    for name, value in counters.items():
        *groups, last = name.split("__")
        place = raw["summary"]
        for group in groups:
            place = place[group]
        assert last in place
        place[last] = value
    return msgspec.convert(raw, Report)


def difference(before: Report, after: Report, *tolerances: str) -> Diff:
    return compare(Side("a", before), Side("b", after), [parse_tolerance(each) for each in tolerances])


@pytest.mark.parametrize("sample", sorted({"sick_service", *TRIPS.values()}))
def test_a_report_differs_from_itself_in_nothing(sample: str) -> None:
    report = report_of(sample)
    trips = RoundTrips(report.connections or ())
    found = compare(Side("a", report, trips), Side("b", report, trips))
    assert (found.findings, found.summary, found.services, found.notes, found.regressions) == (
        [],
        [],
        [],
        [],
        0,
    )


def test_worse_and_new_findings_come_first_by_severity_then_gone_ones() -> None:
    found = difference(report_of("connection_refused"), report_of("sick_service"))
    assert [each.change for each in found.findings][:2] == ["new", "worse"]
    back = difference(report_of("sick_service"), report_of("connection_refused"))
    assert back.findings[0].change == "gone" and back.findings[0].kind == "stuck-close-wait"
    assert back.regressions == 0


def regressions(found: Diff) -> list[str]:
    return [each.name for each in found.summary if each.regression]


@pytest.mark.parametrize(
    "name", ["resets__by_cause__abort", "handshakes__half_open", "close_wait__stuck", "closes__reset"]
)
def test_more_of_something_bad_is_a_regression_and_less_is_better(name: str) -> None:
    worse = changed(report_of("sick_service"), **{name: 60})
    metric = name.replace("__", ".")
    assert regressions(difference(report_of("sick_service"), worse)) == [metric]
    (change,) = difference(worse, report_of("sick_service")).summary
    assert (change.name, change.direction, change.regression) == (metric, "better", False)


def test_more_of_something_good_is_no_regression() -> None:
    found = difference(report_of("sick_service"), changed(report_of("sick_service"), closes__four_way=60))
    assert [(each.name, each.direction) for each in found.summary] == [("closes.four_way", "changed")]


def test_what_grows_with_the_traffic_is_no_regression() -> None:
    before = changed(report_of("sick_service"), connections=100, resets__total=10)
    busier = changed(before, connections=1000, resets__total=100)
    assert regressions(difference(before, busier)) == []
    worse = changed(before, connections=1000, resets__total=101)
    assert regressions(difference(before, worse)) == ["resets.total"]
    # Stuck sockets are a leak, however busy the service.
    assert regressions(difference(before, changed(busier, close_wait__stuck=15))) == ["close_wait.stuck"]


def test_a_short_close_wait_is_nothing_bad() -> None:
    before = report_of("four_way_close_client")
    assert regressions(difference(before, changed(before, close_wait__longest_s=9.0))) == []
    assert regressions(difference(before, changed(before, close_wait__longest_s=11.0))) == [
        "close_wait.longest_s"
    ]


@pytest.mark.parametrize(
    ("tolerances", "tolerated"),
    [
        ([], False),
        (["1"], False),
        (["2"], True),
        (["15%"], False),
        (["16%"], True),
        (["resets=2"], True),
        (["resets.total=2"], True),
        (["handshakes=2"], False),
        (["2", "resets=1"], False),
        (["resets.total=2", "resets=1"], True),
    ],
)
def test_tolerances(tolerances: list[str], tolerated: bool) -> None:
    before = report_of("sick_service")
    after = changed(before, resets__total=15)
    assert (difference(before, after, *tolerances).regressions == 0) is tolerated


@pytest.mark.parametrize("text", ["resets", "resets=", "resets=x", "-1", "resets=-5%", "nan", "reset=3"])
def test_a_wrong_tolerance_is_one_line(text: str) -> None:
    with pytest.raises(ValueError) as caught:
        parse_tolerance(text)
    assert len(str(caught.value).splitlines()) == 1


def timed(server_s: float | None) -> Report:
    raw = msgspec.to_builtins(report_of("sick_service"))
    each = {"idle_s": server_s, "least_s": server_s, "most_s": server_s, "count": 9}
    raw["services"][0]["timers"] = {
        "server_s": server_s,
        "client_s": None,
        "server": [] if server_s is None else [each],
        "client": [],
        "survived": 3,
        "longest_survived_s": 4.0,
        "lost": 0,
        "shortest_lost_s": None,
        "near_misses": 0,
    }
    return msgspec.convert(raw, Report)


def test_another_idle_time_out_is_told_and_a_hair_more_is_not() -> None:
    assert difference(timed(5.0), timed(5.2)).services == []
    (service,) = difference(timed(5.0), timed(60.0)).services
    assert [(each.name, each.before, each.after) for each in service.changes] == [
        ("timers.server_s", 5.0, 60.0)
    ]
    (service,) = difference(timed(None), timed(60.0)).services
    assert [each.name for each in service.changes] == ["timers.server_s"]


def test_settings_that_differ_are_noted() -> None:
    raw = msgspec.to_builtins(report_of("sick_service"))
    raw["settings"]["msl_s"] = 120.0
    found = difference(report_of("sick_service"), msgspec.convert(raw, Report))
    assert found.notes == ["msl_s was 30 before and 120 after"]


def test_slower_round_trips_of_a_service_are_a_regression() -> None:
    before = report_of("four_way_close_client")
    raw = msgspec.to_builtins(before)
    for connection in raw["connections"]:
        connection["handshake"]["rtt_to_server_s"] *= 2
        assert connection["handshake"]["rtt_to_server_s"] > 0.002
    after = msgspec.convert(raw, Report)
    sides = [Side("", each, RoundTrips(each.connections or ())) for each in (before, after)]
    (service,) = compare(sides[0], sides[1]).services
    assert [(each.name, each.regression) for each in service.changes] == [("round_trip.to_server_s", True)]
    (service,) = compare(sides[1], sides[0]).services
    assert [(each.name, each.direction) for each in service.changes] == [("round_trip.to_server_s", "better")]


def test_reports_and_captures_give_the_same(run_cli: RunCli, tmp_path: Path) -> None:
    for name, capture in (("a.json", STUCK), ("b.json", SICK)):
        assert run_cli("analyze", capture, "--json", name).returncode == 0
    found = []
    for before, after in (("a.json", "b.json"), (STUCK, "b.json"), ("a.json", SICK), (STUCK, SICK)):
        done = run_cli("diff", before, after, "--json", "-")
        assert (done.returncode, done.stderr) == (0, b"")
        found.append({**json.loads(done.stdout), "before": "", "after": ""})
    assert found[0]["regressions"] > 0
    assert all(each == found[0] for each in found)
    schema = json.loads(run_cli("schema", "diff").stdout)
    Draft202012Validator.check_schema(schema)
    Draft202012Validator(schema).validate(json.loads(done.stdout))


def test_a_capture_takes_the_settings_of_the_report_beside_it(run_cli: RunCli) -> None:
    assert run_cli("analyze", SICK, "--close-wait-after", "40s", "--json", "r.json").returncode == 0
    done = run_cli("diff", "r.json", SICK)
    assert done.stdout.decode().startswith("No difference: r.json -> ")
    done = run_cli("diff", "r.json", SICK, "--close-wait-after", "10s")
    assert "close_wait_after_s was 40 before and 10 after" in done.stdout.decode()


def test_fail_on_regression(run_cli: RunCli) -> None:
    done = run_cli("diff", STUCK, SICK, "--fail-on-regression")
    assert done.returncode == 1
    assert done.stderr.decode().startswith("tcptrace-py: gate failed: ")
    assert len(done.stderr.splitlines()) == 1
    assert run_cli("diff", SICK, SICK, "--fail-on-regression").returncode == 0
    assert run_cli("diff", STUCK, SICK, "--fail-on-regression", "--tolerance", "1000000").returncode == 0


def test_the_terminal_fits_80_columns_and_names_the_worst_findings_first(run_cli: RunCli) -> None:
    lines = run_cli("diff", STUCK, SICK, COLUMNS="80").stdout.decode().splitlines()
    assert max(map(len, lines)) <= 80
    assert [each for each in lines if each != each.rstrip()] == []
    assert lines[0].endswith("sick_service.pcap") or "->" in lines[0]
    assert lines.index("Findings") < lines.index("Summary")
    assert lines[lines.index("Findings") + 1].startswith("  worse  critical")


def test_markdown(run_cli: RunCli) -> None:
    text = run_cli("diff", STUCK, SICK, "--markdown", "-").stdout.decode()
    assert text.startswith("## tcptrace-py diff: ")
    assert "| **new** | warning | `connection-refused` | server 10.0.0.30:5432 | 0 | 6 |" in text


def test_standard_input_is_a_report(run_cli: RunCli) -> None:
    report = run_cli("analyze", SICK, "--json", "-").stdout
    assert run_cli("diff", "-", SICK, stdin=report).stdout.startswith(b"No difference")
    assert run_cli("diff", "-", "-", stdin=report).returncode == 2


def test_what_got_worse_comes_first_by_severity() -> None:
    found = difference(report_of("stuck_close_wait"), report_of("sick_service"))
    changes = [(each.regression, each.severity, each.change) for each in found.findings]
    assert changes[0] == (True, "critical", "worse")
    assert [each for each in changes if each[0]] == changes[: sum(each[0] for each in changes)]
    assert changes[1] == (True, "warning", "new")


def test_a_regression_counts_once() -> None:
    # A leak that grew and four kinds that are new, each of which four to eight counters show as well.
    found = difference(report_of("stuck_close_wait"), report_of("sick_service"))
    told = [each for each in found.findings if each.regression]
    assert len([each for each in found.summary if each.regression]) > len(told) == 4
    # The resets of the idle time-out, which is information, and one more.
    assert found.regressions - len(told) <= 2
    # A counter that no finding explains counts by itself, and so does one of a service.
    base = report_of("sick_service")
    worse = changed(base, resets__by_cause__abort=60, resets__total=68, closes__reset=68)
    assert difference(base, worse).regressions == 1
