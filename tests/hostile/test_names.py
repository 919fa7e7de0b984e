"""Names of files and captured text are other people's: no output lets them begin a line as a command.

GitHub's runner takes a line that begins with ``::error ...::`` (after white space) as a workflow command, and
``##[error]`` anywhere in a line.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.conftest import ROOT, RunCli

_NAME = "a ::error title=x::one\n::error title=y::two ::warning::three ##[error]four \x1b[31m\r.pcap"
_BEGINS = re.compile(r"^\s*::[A-Za-z].*::", re.MULTILINE)
_COMMAND = re.compile(r"^\s*::[A-Za-z].*::|##\[", re.MULTILINE)
_OURS = re.compile(r"^::(error|warning|notice) title=.*$\n", re.MULTILINE)


@pytest.fixture
def capture(tmp_path: Path) -> Path:
    """Cut within its last packet, so that its name is in a warning too."""
    path = tmp_path / _NAME
    path.write_bytes((ROOT / "sample_pcaps" / "sick_service.pcap").read_bytes()[:-3])
    return path


# What an engine made is only shown here: one run is enough.
@pytest.mark.slow
@pytest.mark.parametrize("columns", [None, *range(20, 100, 7)])
@pytest.mark.parametrize("options", [(), ("-v",), ("-q",), ("--connections",)])
def test_the_terminal(columns: int | None, options: tuple[str, ...], capture: Path, run_cli: RunCli) -> None:
    variables = {} if columns is None else {"COLUMNS": str(columns)}
    # By its name alone, as it is the first word of what is folded.
    done = run_cli("analyze", *options, _NAME, **variables)
    assert done.returncode == 3
    assert not _COMMAND.search(done.stdout.decode())
    assert not _COMMAND.search(done.stderr.decode())
    assert b"\x1b" not in done.stdout + done.stderr


@pytest.mark.parametrize("format", ["json", "ndjson", "csv", "zeek", "markdown", "junit", "html", "github"])
def test_every_format(format: str, capture: Path, run_cli: RunCli) -> None:
    target = ("--github",) if format == "github" else (f"--{format}", "-")
    done = run_cli("analyze", *target, "--fail-on", "critical", "--fail-on", "info", _NAME)
    assert done.returncode == 1
    # What programs read keeps a name as it is, within a line.
    wanted = _BEGINS if format in ("json", "html") else _COMMAND
    assert not wanted.search(_OURS.sub("", done.stdout.decode()))
    assert not _COMMAND.search(done.stderr.decode())


def test_other_commands(capture: Path, run_cli: RunCli, tmp_path: Path) -> None:
    (tmp_path / "::error::b.pcap").write_bytes(capture.read_bytes())
    for arguments in (
        ("show", _NAME, "0"),
        ("show", "::error::b.pcap", "999999"),
        ("diff", _NAME, "::error::b.pcap"),
        ("diff", "--markdown", "-", "::error::b.pcap", _NAME),
        ("analyze", "--fail-on", "::error::x", _NAME),
        ("analyze", "::error::nothing.pcap"),
        ("check", "::error::nothing.json", "--fail-on", "info"),
        ("::error::c",),
    ):
        done = run_cli(*arguments, COLUMNS="40")
        assert not _COMMAND.search(done.stdout.decode()), arguments
        assert not _COMMAND.search(done.stderr.decode()), arguments
