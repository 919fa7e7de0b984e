"""Gates on the command line: ``analyze --fail-on``, ``check``, exit statuses."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.conftest import RunCli
from tests.gates.test_rules import SAMPLES, TRIPS

SICK = SAMPLES / "sick_service.pcap"
WELL = SAMPLES / "four_way_close_client.pcap"


def said(stderr: bytes) -> list[str]:
    return stderr.decode().splitlines()


@pytest.fixture
def saved(run_cli: RunCli, tmp_path: Path) -> Path:
    assert run_cli("analyze", SICK, "--json", "saved.json").returncode == 0
    return tmp_path / "saved.json"


def test_a_failed_gate_is_status_1_and_a_line_a_rule(run_cli: RunCli) -> None:
    done = run_cli(
        "analyze", SICK, "--fail-on", "critical", "--fail-on", "resets.total > 5", "--fail-on", "dead-peer"
    )
    assert done.returncode == 1
    assert said(done.stderr) == [
        "tcptrace-py: gate failed: critical: 14 connections of server 10.0.0.20:8080 (stuck-close-wait),"
        " wanted none",
        "tcptrace-py: gate failed: resets.total > 5: 13, wanted at most 5",
    ]
    assert b"stuck-close-wait" in done.stdout


def test_gates_that_hold_are_status_0_and_silent(run_cli: RunCli) -> None:
    done = run_cli("analyze", WELL, "--fail-on", "info", "--fail-on", "resets.total > 0")
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.parametrize("kind", ["stuck-close-wait", "time-wait-pile", "half-open-handshake"])
def test_a_saved_report_trips_as_its_capture_did(run_cli: RunCli, kind: str, tmp_path: Path) -> None:
    capture = SAMPLES / f"{TRIPS[kind]}.pcap"
    analyzed = run_cli("analyze", capture, "--quiet", "--fail-on", kind, "--json", "r.json")
    checked = run_cli("check", "r.json", "--fail-on", kind)
    assert (analyzed.returncode, checked.returncode) == (1, 1)
    assert analyzed.stderr == checked.stderr


def test_check_says_what_passed(run_cli: RunCli, saved: Path) -> None:
    done = run_cli("check", saved, "--fail-on", "dead-peer", "--fail-on", "resets.total > 13")
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.decode().splitlines() == [
        "passed: dead-peer: none, wanted none",
        "passed: resets.total > 13: 13, wanted at most 13",
    ]


def test_check_reads_standard_input(run_cli: RunCli, saved: Path) -> None:
    assert run_cli("check", "-", "--fail-on", "critical", stdin=saved.read_bytes()).returncode == 1
    assert run_cli("check", "-", "--fail-on", "dead-peer", stdin=saved.read_bytes()).returncode == 0


def test_a_policy_sets_rules_thresholds_and_allowances(run_cli: RunCli, tmp_path: Path) -> None:
    policy = tmp_path / "tcptrace.toml"
    policy.write_text(
        'fail_on = ["stuck-close-wait", "connection-refused"]\n'
        "[thresholds]\nclose_wait_after_s = 40\n"
        '[[allow]]\nservice = "10.0.0.30:5432"\nreason = "the database starts later"\n'
    )
    done = run_cli("analyze", SICK, "--policy", policy, "--json", "r.json")
    report = json.loads((tmp_path / "r.json").read_bytes())
    assert done.returncode == 1
    assert report["settings"]["close_wait_after_s"] == 40
    stuck = report["summary"]["close_wait"]["stuck"]
    assert 0 < stuck < 14
    line, wrote = said(done.stderr)
    assert wrote == "tcptrace-py: wrote r.json"
    assert line.startswith(
        f"tcptrace-py: gate failed: stuck-close-wait: {stuck} connections of server 10.0.0.20"
    )
    # An option that was given goes before the policy.
    done = run_cli("analyze", SICK, "--policy", policy, "--close-wait-after", "10m")
    assert (done.returncode, done.stderr) == (0, b"")


def test_check_refuses_a_policy_with_other_thresholds_than_the_reports(
    run_cli: RunCli, saved: Path, tmp_path: Path
) -> None:
    (tmp_path / "p.toml").write_text("fail_on = ['critical']\n[thresholds]\nmsl_s = 60")
    done = run_cli("check", saved, "--policy", "p.toml")
    assert done.returncode == 2
    (line,) = said(done.stderr)
    assert "the policy wants msl_s = 60, but the report was made with 30" in line


@pytest.mark.parametrize(
    ("arguments", "wanted"),
    [
        (["--fail-on", "stuck-closewait"], "did you mean 'stuck-close-wait'?"),
        (["--fail-on", "resets.totl > 3"], "did you mean 'resets.total'?"),
        (["--policy", "missing.toml"], "missing.toml: no such file or directory."),
        ([], "no rule: add --fail-on RULE"),
        (["--fail-on", "info", "--junit", "nowhere/j.xml"], "there is no directory 'nowhere'."),
    ],
)
def test_wrong_usage_is_status_2(run_cli: RunCli, saved: Path, arguments: list[str], wanted: str) -> None:
    done = run_cli("check", saved, *arguments)
    assert done.returncode == 2
    assert (
        said(done.stderr)[-1].startswith("Error: ")
        and said(done.stderr)[-1].endswith(wanted)
        or (wanted in said(done.stderr)[-1])
    )
    assert b"Traceback" not in done.stderr


@pytest.mark.parametrize(
    "command", [["check", "--fail-on", "info"], ["diff", "saved.json"]], ids=["check", "diff"]
)
@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (None, "no such file"),
        ("{", "not a report that tcptrace-py wrote"),
        ('{"a": 1}', "not a report that tcptrace-py wrote"),
        ('{"schema_version": 1}', "not a whole report"),
        (
            '{"schema_version": 2, "all": "new"}',
            "schema_version 2, newer than this tcptrace-py reads (1): upgrade",
        ),
        ('{"schema_version": 0}', "there is no schema_version 0"),
        ("{" * 100_000, "not a report"),
        ('{"schema_version": 1, "tool": ' + '{"name":' * 50_000, "not a report"),
    ],
    ids=["missing", "cut", "other", "empty", "newer", "older", "deep", "deep-inside"],
)
def test_what_is_no_report_is_one_line_and_status_3(
    run_cli: RunCli, saved: Path, command: list[str], text: str | None, wanted: str, tmp_path: Path
) -> None:
    if text is not None:
        (tmp_path / "other.json").write_text(text)
    done = run_cli(*command, "other.json")
    assert done.returncode == 3
    (line,) = said(done.stderr)
    assert line.startswith("tcptrace-py: other.json: ") and wanted in line


def test_an_incomplete_capture_is_status_3_unless_a_gate_failed(run_cli: RunCli, tmp_path: Path) -> None:
    (tmp_path / "cut.pcap").write_bytes(SICK.read_bytes()[:-7])
    assert run_cli("analyze", "cut.pcap", "--fail-on", "dead-peer", "--json", "r.json").returncode == 3
    assert run_cli("analyze", "cut.pcap", "--fail-on", "critical").returncode == 1
    assert run_cli("check", "r.json", "--fail-on", "dead-peer").returncode == 3
    assert run_cli("check", "r.json", "--fail-on", "critical").returncode == 1
    assert run_cli("diff", "r.json", "r.json").returncode == 3


def test_a_gate_is_judged_even_if_nobody_reads_the_report(run_cli: RunCli) -> None:
    import os

    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = run_cli("analyze", SICK, "--ndjson", "-", "--fail-on", "critical", stdout=writing)
        unjudged = run_cli("analyze", SICK, "--ndjson", "-", stdout=writing)
    finally:
        os.close(writing)
    assert done.returncode == 1
    assert len(said(done.stderr)) == 1
    assert (unjudged.returncode, unjudged.stderr) == (0, b"")
