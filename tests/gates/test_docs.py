"""``docs/ci.md``: its policy and its workflow do what the page says."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from tcptrace_py.gates.policy import parse_policy
from tests.conftest import ROOT
from tests.pages import prepare, shell

TEXT = (ROOT / "docs" / "ci.md").read_text()


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A folder with the samples and the policy of the page."""
    prepare(tmp_path, "docs/ci.md")
    return tmp_path


def test_the_workflow_runs_as_written(clone: Path) -> None:
    yaml = pytest.importorskip("yaml")
    source, *_ = re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL)
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
    source, *_ = re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL)
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
