"""``docs/ci.md``: what it shows is what happens."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tcptrace_py.gates.policy import parse_policy
from tests.conftest import ROOT

TEXT = (ROOT / "docs" / "ci.md").read_text()
#: Each command and what it printed.
COMMANDS = [
    (command, output)
    for block in re.findall(r"```console\n(.*?)```", TEXT, re.DOTALL)
    for command, output in re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", block, re.MULTILINE)
]


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A folder with the samples and the policy of the page."""
    (tmp_path / "sample_pcaps").symlink_to(ROOT / "sample_pcaps")
    (policy,) = re.findall(r"```toml\n(.*?)```", TEXT, re.DOTALL)
    (tmp_path / "tcptrace.toml").write_text(policy)
    return tmp_path


def shell(folder: Path, script: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Runs a script as GitHub does (stops at the first failure), with ``tcptrace-py`` on the path."""
    (folder / "bin").mkdir(exist_ok=True)
    program = folder / "bin" / "tcptrace-py"
    program.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m tcptrace_py "$@"\n')
    program.chmod(0o755)
    environment = {name: value for name, value in os.environ.items() if name != "GITHUB_STEP_SUMMARY"}
    environment |= {
        "PATH": f"{folder / 'bin'}:{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "COLUMNS": "100",
    }
    return subprocess.run(
        ["bash", "-e", "-o", "pipefail", "-c", script],
        cwd=folder,
        env=environment | variables,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
        check=False,
    )


def test_the_commands_print_what_the_page_shows(clone: Path) -> None:
    assert len(COMMANDS) >= 7
    for command, shown in COMMANDS:
        assert shell(clone, f"set +e +o pipefail\n{command}").stdout == shown, command


def test_the_workflow_runs_as_written(clone: Path) -> None:
    yaml = pytest.importorskip("yaml")
    (source,) = re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL)
    workflow = yaml.safe_load(source)
    (job,) = workflow["jobs"].values()
    steps = [step["run"] for step in job["steps"] if "run" in step]
    # What is under test is installed already.
    assert steps.pop(0) == "pip install ."
    summary = clone / "summary.md"
    for step in steps:
        done = shell(clone, step, GITHUB_STEP_SUMMARY=str(summary))
        assert done.returncode == 0, done.stdout
        assert done.stdout.startswith("::")
    assert summary.read_text().count("## tcptrace-py: ") == len(steps)
    assert "| passed | critical | 1 finding allowed" in summary.read_text()
    assert (clone / "tcp.xml").read_text().startswith("<?xml ")


def test_a_service_that_leaks_more_fails_the_workflow(clone: Path) -> None:
    (source,) = re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL)
    assert "count = 14" in source
    yaml = pytest.importorskip("yaml")
    (job,) = yaml.safe_load(source.replace("count = 14", "count = 13"))["jobs"].values()
    done = shell(clone, job["steps"][-1]["run"])
    assert done.returncode == 1
    assert "14 is over the 13 allowed: the connection pool leaks" in done.stdout


def test_the_policy_of_the_page_is_one() -> None:
    (source,) = re.findall(r"```toml\n(.*?)```", TEXT, re.DOTALL)
    policy = parse_policy(source)
    assert len(policy.rules) == 2 and len(policy.allowances) == 2
    assert set(policy.thresholds) == set(tomllib.loads(source)["thresholds"])
