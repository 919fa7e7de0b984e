"""Saved reports that are none, or lie; numbers too large for the engine; a standard output that is closed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tcptrace_py.gates import saved
from tests.conftest import ROOT, RunCli

SICK = ROOT / "sample_pcaps" / "sick_service.pcap"


@pytest.fixture
def report(run_cli: RunCli, tmp_path: Path) -> dict[str, object]:
    assert run_cli("analyze", "--json", tmp_path / "report.json", SICK).returncode == 0
    return json.loads((tmp_path / "report.json").read_bytes())


def test_a_device_without_an_end_is_refused_at_once(run_cli: RunCli) -> None:
    done = run_cli("check", "--fail-on", "info", "/dev/zero")
    assert done.returncode == 3
    assert done.stderr == b"tcptrace-py: '/dev/zero': nothing but zeros\n"


def test_a_report_that_is_too_large_is_refused_unless_asked_for(
    report: object, run_cli: RunCli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(saved, "MOST_BYTES", 1000)
    path = tmp_path / "report.json"
    for command in (("check", "--fail-on", "resets.total < 0", path), ("report", path), ("diff", path, path)):
        done = run_cli(*command)
        assert done.returncode == 3
        assert b"larger than 1 GiB: give --any-size" in done.stderr
        assert run_cli(command[0], "--any-size", *command[1:]).returncode == 0


@pytest.mark.parametrize(
    ("number", "said"),
    [(-5, b"is negative"), (10**400, b""), (2**63, b"is beyond 64 bits"), (1.5, b"Expected `int`")],
)
def test_counters_that_can_not_be(
    number: float, said: bytes, report: dict[str, dict[str, float]], run_cli: RunCli, tmp_path: Path
) -> None:
    report["summary"]["connections"] = number
    (tmp_path / "report.json").write_text(json.dumps(report))
    done = run_cli("check", "--fail-on", "connections > 3", tmp_path / "report.json")
    assert done.returncode == 3
    assert b"not a whole report: " in done.stderr and said in done.stderr
    assert done.stderr.count(b"\n") == 1


@pytest.mark.parametrize("option", ["--top", "--time-wait-pile", "--dead-peer-probes", "--ephemeral-ports"])
def test_a_huge_number_is_wrong_usage(option: str, run_cli: RunCli) -> None:
    for number in ("99999999999999999999999", "9" * 5000, "-1", "0"):
        done = run_cli("analyze", option, number, SICK)
        assert done.returncode == 2
        assert b"Traceback" not in done.stderr


def test_a_closed_standard_output_is_named(run_cli: RunCli) -> None:
    done = run_cli("analyze", SICK, prefix=("sh", "-c", 'exec "$@" >&-', "sh"))
    assert done.returncode == 2
    assert done.stderr == b"tcptrace-py: standard output: cannot write: closed\n"
