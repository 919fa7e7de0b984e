"""Each format, read back by a reader that is not ours, holds what the report holds."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from jsonschema import Draft202012Validator

from tcptrace_py import Report, analyze
from tcptrace_py.gates.gate import judge, parse_rules
from tcptrace_py.report.formats import github, junit, markdown
from tcptrace_py.report.people.verdict import folded
from tests.conftest import ROOT, RunCli, mounted

SAMPLES = ROOT / "sample_pcaps"
SICK = SAMPLES / "sick_service.pcap"
STREAMED = ("ndjson", "csv", "parquet")
RULES = parse_rules(["critical", "resets.total > 5", "dead-peer"])


@pytest.fixture(scope="module")
def report() -> Report:
    return analyze(SICK)


@pytest.fixture(scope="module")
def expected(report: Report) -> list[dict[str, Any]]:
    """The connections as the JSON report has them."""
    connections: list[dict[str, Any]] = json.loads(msgspec.json.encode(report.connections))
    return connections


def in_order(rows: list[Any], key: Callable[[Any], int] = lambda row: int(row["id"])) -> list[Any]:
    return sorted(rows, key=key)


def flat(connection: dict[str, Any]) -> dict[str, Any]:
    """As a table's row has it; what is null has no column of its own below it."""
    row: dict[str, Any] = {}

    def walk(value: dict[str, Any], prefix: str) -> None:
        for name, each in value.items():
            if isinstance(each, dict):
                walk(each, f"{prefix}{name}_")
            elif name != "history":
                row[prefix + name] = each

    walk(connection, "")
    # The endpoint's, as distinct from the Zeek history, is a list.
    row["zeek_history"] = connection["zeek"]["history"]
    return row


def test_the_report_satisfies_the_schema_that_is_printed(run_cli: RunCli, report: Report) -> None:
    schema = json.loads(run_cli("schema").stdout)
    Draft202012Validator.check_schema(schema)
    Draft202012Validator(schema).validate(json.loads(msgspec.json.encode(report)))


def test_ndjson_is_the_connections_of_the_report_a_line_each(
    run_cli: RunCli, expected: list[dict[str, Any]]
) -> None:
    done = run_cli("analyze", SICK, "--ndjson", "-")
    assert (done.returncode, done.stderr) == (0, b"")
    rows = [json.loads(line) for line in done.stdout.decode().splitlines()]
    assert in_order(rows) == expected
    validator = Draft202012Validator(json.loads(run_cli("schema", "connection").stdout))
    for row in rows:
        validator.validate(row)


def test_connections_come_as_they_finish_and_are_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []
    found = analyze(SICK, connections=False, sink=lambda connection: seen.append(connection.id))
    assert found.listed is None
    assert sorted(seen) == list(range(found.summary.connections))
    # Some were finished long before others that began earlier.
    assert seen != sorted(seen)


def test_csv(run_cli: RunCli, expected: list[dict[str, Any]], tmp_path: Path) -> None:
    assert run_cli("analyze", SICK, "--csv", "c.csv").stdout == b""
    with (tmp_path / "c.csv").open(newline="") as stream:
        rows = in_order(list(csv.DictReader(stream, strict=True)))
    assert len(rows) == len(expected)
    for row, connection in zip(rows, expected, strict=True):
        for name, value in flat(connection).items():
            if name == "close_reset":
                assert [row[each] for each in row if each.startswith("close_reset_")] == [""] * 5
            elif isinstance(value, float):
                assert float(row[name]) == value
            elif isinstance(value, list):
                assert row[name].split() == value
            else:
                text = "" if value is None else str(value)
                assert row[name] == (text.lower() if isinstance(value, bool) else text), name


def test_parquet(run_cli: RunCli, expected: list[dict[str, Any]], tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    assert run_cli("analyze", SICK, "--parquet", "p.parquet").stdout == b""
    table = parquet.read_table(tmp_path / "p.parquet")
    assert table.schema.metadata[b"tcptrace-py.schema_version"] == b"1"
    assert str(table.schema.field("first_ns").type) == "int64"
    rows = in_order(table.to_pylist())
    assert len(rows) == len(expected)
    for row, connection in zip(rows, expected, strict=True):
        for name, value in flat(connection).items():
            if name == "close_reset":
                assert row["close_reset_by"] is None
            else:
                assert row[name] == value, name


def test_parquet_to_standard_output_and_in_several_row_groups(
    run_cli: RunCli, tmp_path: Path, report: Report, monkeypatch: pytest.MonkeyPatch
) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    from tcptrace_py.report.formats import parquet as ours

    (tmp_path / "out.parquet").write_bytes(run_cli("analyze", SICK, "--parquet", "-").stdout)
    assert parquet.read_table(tmp_path / "out.parquet").num_rows == 66
    monkeypatch.setattr(ours, "ROW_GROUP", 25)
    with ours.writer(tmp_path / "groups.parquet") as write:
        for connection in report.connections or ():
            write(connection)
    assert parquet.ParquetFile(tmp_path / "groups.parquet").num_row_groups == 3
    assert parquet.read_table(tmp_path / "groups.parquet").num_rows == 66


def test_tables_without_connections_have_their_columns(run_cli: RunCli, tmp_path: Path) -> None:
    nothing = ["--filter", "port 1", "--csv", "c.csv", "--ndjson", "n.ndjson", "--parquet", "p.parquet"]
    parquet = pytest.importorskip("pyarrow.parquet")
    assert run_cli("analyze", SICK, *nothing).returncode == 0
    assert (tmp_path / "n.ndjson").read_bytes() == b""
    (names,) = csv.reader((tmp_path / "c.csv").read_text().splitlines())
    table = parquet.read_table(tmp_path / "p.parquet")
    assert table.num_rows == 0 and table.column_names == names


def test_parquet_without_pyarrow_is_one_line_before_the_work(run_cli: RunCli, tmp_path: Path) -> None:
    (tmp_path / "pyarrow.py").write_text("raise ImportError('not here')")
    done = run_cli("analyze", SICK, "--parquet", "p.parquet", process=True, PYTHONSAFEPATH="")
    assert done.returncode == 2
    assert done.stderr.decode().splitlines()[-1] == (
        "Error: --parquet needs pyarrow, which is not installed: pip install 'tcptrace-py[parquet]'."
    )
    assert not (tmp_path / "p.parquet").exists()


def test_junit(run_cli: RunCli, tmp_path: Path) -> None:
    junitparser = pytest.importorskip("junitparser")
    done = run_cli(
        *("analyze", SICK, "--junit", "j.xml", "--fail-on", "critical"),
        *("--fail-on", "resets.total > 5", "--fail-on", "dead-peer"),
    )
    assert done.returncode == 1
    (suite,) = junitparser.JUnitXml.fromfile(str(tmp_path / "j.xml"))
    assert (suite.tests, suite.failures, suite.errors) == (3, 2, 0)
    cases = {case.name: case.result for case in suite}
    assert list(cases) == ["critical", "resets.total > 5", "dead-peer"]
    assert cases["dead-peer"] == []
    (failure,) = cases["critical"]
    assert failure.message == "14 connections of server 10.0.0.20:8080 (stuck-close-wait), wanted none"
    assert "acknowledged by 10.0.0.20:8080, which entered CLOSE_WAIT" in failure.text
    assert "frame 31, " in failure.text


def test_junit_of_an_incomplete_capture_with_a_hostile_name(run_cli: RunCli, tmp_path: Path) -> None:
    junitparser = pytest.importorskip("junitparser")
    name = "a<&\"'\x1b\x01]]>\udcff.pcap"
    (tmp_path / name).write_bytes(SICK.read_bytes()[:-7])
    done = run_cli("analyze", name, "--junit", "j.xml", "--fail-on", "dead-peer")
    assert done.returncode == 3
    (suite,) = junitparser.JUnitXml.fromfile(str(tmp_path / "j.xml"))
    assert (suite.tests, suite.failures, suite.errors) == (2, 0, 1)
    assert suite.name == "a<&\"'\\x1b\\x01]]>\\xff.pcap"


def test_junit_needs_rules(run_cli: RunCli) -> None:
    done = run_cli("analyze", SICK, "--junit", "j.xml")
    assert done.returncode == 2
    assert b"add --fail-on or --policy" in done.stderr


def test_github_annotations_and_summary(run_cli: RunCli, tmp_path: Path) -> None:
    (tmp_path / "summary.md").write_text("what an earlier command said\n")
    done = run_cli(
        *("analyze", SICK, "--github", "--fail-on", "critical"),
        GITHUB_STEP_SUMMARY=str(tmp_path / "summary.md"),
    )
    assert done.returncode == 1
    lines = done.stdout.decode().splitlines()
    assert lines[0] == (
        "::error title=tcptrace-py%3A critical::critical: 14 connections of server 10.0.0.20:8080"
        " (stuck-close-wait), wanted none%0Aframe 30, 2026-03-02 10:00:03.021 UTC, connection 2:"
        " 10.0.0.10:50000 sent FIN"
    )
    # One annotation a fact: neither the finding of the failed gate again, nor its mirrors.
    assert [line.split(" ")[0] for line in lines[1:]] == ["::warning"] * 3 + ["::notice"]
    assert not any("CLOSE_WAIT" in line or "FIN_WAIT_2" in line for line in lines[1:])
    assert "%0AFix: " in lines[1] and "%0Aframe 75, " in lines[1]
    summary = (tmp_path / "summary.md").read_text()
    assert summary.startswith(
        "what an earlier command said\n## tcptrace-py: 1 critical, 3 warnings, 1 informational\n"
    )
    assert "| **failed** | critical |" in summary


def test_github_escapes_what_would_be_a_command(report: Report) -> None:
    hostile = msgspec.convert(msgspec.to_builtins(report), Report)
    hostile.findings[0].explanation = "50%\r\n::error::faked\x1b[2J"
    hostile.findings[0].subject.toward = "a::b,c"
    (line, *_) = github.encode(hostile).decode().split("\n")
    assert line.startswith("::error title=")
    assert "50%25%0D%0A::error::faked\\x1b[2J" in line
    assert "a%3A%3Ab%2Cc" in line


def test_a_summary_is_cut_at_what_github_takes(tmp_path: Path) -> None:
    github.append_summary(b"0123456789abcde\n" * 100_000, str(tmp_path / "s.md"))
    written = (tmp_path / "s.md").read_bytes()
    assert len(written) <= 1 << 20
    assert written.endswith(b"too long for a step's summary.\n")


def test_markdown_renders_as_tables_and_keeps_others_markup_out(report: Report) -> None:
    markdown_it = pytest.importorskip("markdown_it")
    hostile = msgspec.convert(msgspec.to_builtins(report), Report)
    hostile.capture.sources[0].path = "<img src=x>|`*_a\nb"
    text = markdown.encode(hostile, judge(hostile, RULES)).decode()
    html = markdown_it.MarkdownIt("commonmark", {"html": True}).enable("table").render(text)
    assert html.count("<table>") == 3
    assert "<img" not in html and "&lt;img src=x&gt;|`*_a\\nb" in html
    assert html.count("<details>") == html.count("</details>") == len(folded(report.findings))
    # Commands can be copied.
    assert "<code class=\"language-sh\">ss -tnp state close-wait 'sport = :8080'\n</code>" in html
    assert "<td>10.0.0.20:8080</td>" in html
    assert "<strong>failed</strong>" in html


def test_several_formats_at_once(run_cli: RunCli, tmp_path: Path) -> None:
    names = ["r.json", "n.ndjson", "c.csv", "j.xml", "m.md"]
    options = ["--json", "--ndjson", "--csv", "--junit", "--markdown"]
    pairs = [each for pair in zip(options, names, strict=True) for each in pair]
    done = run_cli("analyze", SICK, *pairs, "--fail-on", "dead-peer", "--terminal")
    assert done.returncode == 0
    assert done.stderr.decode().splitlines() == [f"tcptrace-py: wrote {name}" for name in names]
    assert b"stuck-close-wait" in done.stdout
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(names)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--json", "-", "--csv", "-"], "--json and --csv cannot both write to standard output"),
        (["--github", "--csv", "-"], "--github and --csv cannot both write to standard output"),
        (["--json", "a", "--csv", "./a"], "--json and --csv cannot both write to './a'"),
        (["--csv", "capture.pcap"], "is one of the captures"),
        (["--ndjson", "."], "is a directory"),
    ],
)
def test_targets_that_collide(run_cli: RunCli, tmp_path: Path, arguments: list[str], said: str) -> None:
    shutil.copy(SICK, tmp_path / "capture.pcap")
    done = run_cli("analyze", "capture.pcap", *arguments)
    assert done.returncode == 2
    assert said in done.stderr.decode().splitlines()[-1]
    assert (tmp_path / "capture.pcap").read_bytes() == SICK.read_bytes()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system with room for one page."""
    folder = tmp_path / "disk"
    folder.mkdir()
    with mounted(folder, "4k") as there:
        if not there:
            pytest.skip("only root can mount a small disk")
        yield folder


@pytest.mark.parametrize("name", ["json", "ndjson", "csv", "parquet", "markdown"])
def test_a_full_disk_leaves_the_old_file_and_nothing_half_written(
    run_cli: RunCli, small_disk: Path, name: str
) -> None:
    target = small_disk / "report"
    target.write_text("old")
    done = run_cli("analyze", SICK, f"--{name}", target)
    assert done.returncode == 2
    assert done.stderr.decode() == f"tcptrace-py: {target}: cannot write: No space left on device\n"
    assert target.read_text() == "old"
    assert list(small_disk.iterdir()) == [target]


def test_a_full_disk_costs_no_other_format(run_cli: RunCli, small_disk: Path, tmp_path: Path) -> None:
    full = [part for name in ("json", "html") for part in (f"--{name}", str(small_disk / name))]
    done = run_cli("analyze", SICK, *full, "--markdown", "out.md", "--ndjson", "out.ndjson")
    assert done.returncode == 2
    assert sorted(done.stderr.decode().splitlines()) == [
        f"tcptrace-py: {small_disk / name}: cannot write: No space left on device"
        for name in ("html", "json")
    ]
    assert not list(small_disk.iterdir())
    assert {path.name for path in tmp_path.iterdir()} == {"disk", "out.md", "out.ndjson"}


@pytest.mark.parametrize("name", STREAMED)
def test_a_full_standard_output_is_one_line(run_cli: RunCli, name: str) -> None:
    with open("/dev/full", "wb") as full:
        done = run_cli("analyze", SICK, f"--{name}", "-", stdout=full.fileno())
    assert done.returncode == 2
    assert done.stderr.decode() == "tcptrace-py: standard output: cannot write: No space left on device\n"


@pytest.mark.parametrize("name", STREAMED)
def test_unreadable_input_leaves_no_file(run_cli: RunCli, tmp_path: Path, name: str) -> None:
    (tmp_path / "no.pcap").write_bytes(b"this is no capture at all, whatever its name says")
    done = run_cli("analyze", "no.pcap", f"--{name}", "out")
    assert done.returncode == 3
    assert len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "out").exists()


def test_the_same_input_gives_the_same_bytes(run_cli: RunCli, tmp_path: Path, report: Report) -> None:
    verdicts = judge(report, RULES)
    again = analyze(SICK)
    for module in (junit, markdown, github):
        assert module.encode(report, verdicts) == module.encode(again, judge(again, RULES))
    for name in STREAMED:
        for number in "12":
            assert run_cli("analyze", SICK, f"--{name}", f"{name}{number}").returncode == 0
        assert (tmp_path / f"{name}1").read_bytes() == (tmp_path / f"{name}2").read_bytes()
