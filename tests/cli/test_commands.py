"""What people type first: a file alone, a wrong order, a report for a capture; the project's policy."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tcptrace_py.cli import COMMANDS
from tcptrace_py.tcp.state import STATE_NAMES
from tests.conftest import ROOT, RunCli

SAMPLES = ROOT / "sample_pcaps"
SICK = SAMPLES / "sick_service.pcap"


@pytest.fixture
def saved(run_cli: RunCli, tmp_path: Path) -> Path:
    assert run_cli("analyze", SICK, "--json", "r.json").returncode == 0
    return tmp_path / "r.json"


def test_a_capture_alone_is_analyzed(run_cli: RunCli) -> None:
    whole = run_cli("analyze", SICK)
    assert run_cli(SICK).stdout == whole.stdout
    assert run_cli("-q", SICK).stdout == whole.stdout.split(b"\n")[0] + b"\n"
    missing = run_cli("missing.pcap")
    assert (missing.returncode, missing.stderr) == (3, b"tcptrace-py: missing.pcap: no such file\n")


def test_a_report_alone_is_shown(run_cli: RunCli, saved: Path) -> None:
    shown = run_cli(saved)
    # By streams where the report lists its connections, else by addresses.
    without_filter = re.compile(rb"Wireshark: .*")
    analyzed = run_cli("analyze", SICK).stdout
    assert without_filter.sub(b"", shown.stdout) == without_filter.sub(b"", analyzed)
    assert run_cli("report", saved).stdout == shown.stdout


def test_a_saved_report_is_written_in_any_format(run_cli: RunCli, saved: Path, tmp_path: Path) -> None:
    formats = ("ndjson", "csv", "zeek", "markdown", "json", "junit")
    for command, source in (("analyze", SICK), ("report", saved)):
        targets = [f"--{name}={command}.{name}" for name in formats]
        done = run_cli(command, source, *targets, "--fail-on", "dead-peer", "--quiet")
        assert done.returncode == 0, done.stderr
    for name in formats:
        # Connections come in the order in which they end, or that of their ids; conn.log says when it began.
        first, second = (
            sorted(
                line for line in path.read_bytes().splitlines() if not line.startswith((b"#open", b"#close"))
            )
            for path in (tmp_path / f"analyze.{name}", tmp_path / f"report.{name}")
        )
        assert first == second, name


def test_a_report_without_connections_cannot_list_them(run_cli: RunCli) -> None:
    assert run_cli("analyze", SICK, "--json", "r.json", "--no-connections").returncode == 0
    done = run_cli("report", "r.json", "--csv", "-")
    assert done.returncode == 2 and b"lists no connections" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["analyse", SICK], "No such command or file: 'analyse'. Did you mean analyze?"),
        (
            ["--json", "x.json", "analyze", SICK],
            f"come after the command: tcptrace-py analyze --json x.json {SICK}",
        ),
        ([SICK, "analyze"], f"the command comes first: tcptrace-py analyze {SICK}"),
        ([SICK, "show", "2"], f"the command comes first: tcptrace-py show {SICK} 2"),
        (["no.pcap", "show", "2"], "the command comes first: tcptrace-py show no.pcap 2"),
        (["live", "lo", "--filter", "port 80"], "tcptrace-py live -i lo --filter 'port 80'"),
        (["graph", "2", SICK], f"the connection comes last: tcptrace-py graph {SICK} 2"),
        (["show", SICK], f"'CONNECTION': tcptrace-py analyze --connections {SICK} lists what there is."),
        (["graph", "2"], "Missing argument 'CAPTURE...'."),
        (["show", "2", SICK], f"the connection comes last: tcptrace-py show {SICK} 2"),
        (["analyze", "--jsn", "x", SICK], "Did you mean one of: '--jobs', '--json', '--ndjson'?"),
        (["analyze", "r.json"], "'r.json' is a report, not a capture: 'tcptrace-py report r.json' shows it"),
        (["explain", "stuck-closewait"], "Did you mean stuck-close-wait"),
    ],
)
def test_a_slip_gets_the_line_that_was_meant(
    run_cli: RunCli, saved: Path, arguments: list[str], said: str
) -> None:
    done = run_cli(*arguments)
    assert (done.returncode, done.stdout) == (2, b"")
    assert said in " ".join(done.stderr.decode().split())


@pytest.mark.parametrize("command", COMMANDS)
def test_help_has_two_examples_and_whole_sentences(run_cli: RunCli, command: str) -> None:
    text = run_cli(command, "--help", COLUMNS="80").stdout.decode()
    examples = text.split("Examples:\n")[1].splitlines()
    assert len([line for line in examples if "tcptrace-py" in line]) >= 2
    assert "..." not in "".join(run_cli("--help").stdout.decode().split("Commands:")[1])


def test_options_stand_in_groups(run_cli: RunCli) -> None:
    text = run_cli("analyze", "--help").stdout.decode()
    titles = ["Input:", "What is shown:", "Formats:", "Gates:", "Clocks and thresholds:"]
    places = [text.index(f"\n{title}\n") for title in titles]
    assert places == sorted(places)
    assert text.index("--json FILE") > places[2] and text.index("--msl DURATION") > places[4]


def test_every_state_is_explained(run_cli: RunCli) -> None:
    for name in STATE_NAMES:
        said = run_cli("explain", name).stdout.decode()
        assert said.startswith(f"{name}\n") and "RFC 9293 section 3.3.2" in said
        assert name == "CLOSED" or "  leaves   to " in said
    assert run_cli("explain", "close-wait").stdout == run_cli("explain", "CLOSE_WAIT").stdout


@pytest.mark.parametrize(
    ("file", "text", "name"),
    [
        ("tcptrace.toml", 'fail_on = ["info"]', "{above}/tcptrace.toml"),
        (
            "pyproject.toml",
            '[tool.tcptrace-py]\nfail_on = ["info"]',
            "[tool.tcptrace-py] in {above}/pyproject.toml",
        ),
    ],
)
def test_the_project_s_policy_is_found_from_below(
    run_cli: RunCli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: str, text: str, name: str
) -> None:
    # The nearest one counts, and one without a table for us does not.
    below = tmp_path / "src" / "deep"
    below.mkdir(parents=True)
    (tmp_path / file).write_text(text)
    (tmp_path / "src" / "pyproject.toml").write_text('[project]\nname = "tcptrace-py-user"\n')
    lines = run_cli("analyze", SICK, "-q", folder=below).stderr.decode().splitlines()
    assert lines[0] == f"tcptrace-py: following {name.format(above=tmp_path)} (--no-config ignores it)"
    assert lines[1].startswith("tcptrace-py: gate failed: info: ")
    for argument in ("--no-config", "--policy=p.toml"):
        (below / "p.toml").write_text('fail_on = ["dead-peer"]')
        done = run_cli("analyze", SICK, "-q", argument, folder=below)
        assert (done.returncode, done.stderr) == (0, b"")
    (tmp_path / file).write_text(text.replace('["info"]', "7"))
    done = run_cli("analyze", SICK, folder=below)
    assert done.returncode == 2 and b"fail_on: write a list of rules" in done.stderr


def test_the_report_of_a_filter_says_so(run_cli: RunCli) -> None:
    done = run_cli("analyze", SICK, "--filter", "port 1", "--json", "-", "--terminal")
    assert json.loads(done.stdout)["capture"]["filter"] == "port 1"
    assert done.stderr.decode().splitlines()[:2] == [
        f"No packet matched the filter in {SICK} · 0 of 628 packets",
        "Only packets that match: port 1",
    ]


def test_times_of_the_day_in_a_zone(run_cli: RunCli) -> None:
    assert b"from 2026-03-02 11:00:01 CET" in run_cli("analyze", SICK, "--timezone", "Europe/Berlin").stdout
    done = run_cli("analyze", SICK, "--timezone", "Mars/Olympus")
    assert done.returncode == 2 and b"there is no time zone 'Mars/Olympus'" in done.stderr
    local = run_cli("analyze", SICK, "-q", process=True, TZ="Asia/Tokyo").stdout
    assert b"from 2026-03-02 19:00:01 JST" in local
