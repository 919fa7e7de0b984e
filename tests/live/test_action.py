"""``action.yml``, as the workflow in ``docs/ci.md`` uses it: its steps run as GitHub runs them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT
from tests.live.net import Net
from tests.pages import prepare

yaml = pytest.importorskip("yaml")
ACTION = yaml.safe_load((ROOT / "action.yml").read_text())
_LEAK = """
import socket, time
listener = socket.create_server(("127.0.0.1", 0))
with socket.create_connection(listener.getsockname()):
    held = listener.accept()[0]
time.sleep(1)
print("passed")
"""


def workflow() -> dict[str, Any]:
    """What the page's step gives to the action."""
    pages = re.findall(r"```yaml\n(.*?)```", (ROOT / "docs" / "ci.md").read_text(), re.DOTALL)
    (source,) = (page for page in pages if "uses: ./" in page)
    (job,) = yaml.safe_load(source)["jobs"].values()
    (step,) = (step for step in job["steps"] if step.get("uses") == "./")
    given: dict[str, Any] = step["with"]
    return given


def run_action(net: Net, folder: Path, given: dict[str, Any]) -> subprocess.CompletedProcess[str]:
    """Its last step; what the first one installs is put in place."""
    assert set(given) <= set(ACTION["inputs"])
    inputs = {name: str(each.get("default", "")) for name, each in ACTION["inputs"].items()}
    inputs |= {name: str(value) for name, value in given.items()}
    install, capture = ACTION["runs"]["steps"]
    assert '"$GITHUB_ACTION_PATH"' in install["run"]
    prepare(folder, "docs/ci.md")
    place = folder / "temp" / "tcptrace-py" / "bin"
    place.mkdir(parents=True)
    (place / "tcptrace-py").symlink_to(folder / "bin" / "tcptrace-py")
    # Nobody else's rights are at stake here.
    sudo = folder / "bin" / "sudo"
    sudo.write_text('#!/bin/sh\nexec "$@"\n')
    sudo.chmod(0o755)
    environment = {
        name: re.sub(r"\$\{\{ inputs\.([\w-]+) \}\}", lambda match: inputs[match[1]], value)
        for name, value in capture["env"].items()
    }
    return subprocess.run(
        ["ip", "netns", "exec", net.client, "bash", "-e", "-o", "pipefail", "-c", capture["run"]],
        cwd=folder,
        env={
            **os.environ,
            **environment,
            "PATH": f"{folder / 'bin'}:{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
            "RUNNER_TEMP": str(folder / "temp"),
            "GITHUB_STEP_SUMMARY": str(folder / "summary.md"),
        },
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_the_workflow_of_the_page_passes(net: Net, tmp_path: Path) -> None:
    done = run_action(net, tmp_path, workflow())
    assert done.returncode == 0, done.stderr
    assert "usage: server.py" in done.stdout
    assert (tmp_path / "summary.md").read_text().startswith("## tcptrace-py: ")


def test_a_leak_fails_it_and_is_annotated(net: Net, tmp_path: Path) -> None:
    (tmp_path / "leak.py").write_text(_LEAK)
    given = {
        "run": f"{sys.executable} leak.py",
        "fail-on": "stuck-close-wait 'resets.total > 5'",
        "close-wait-after": "500ms",
    }
    done = run_action(net, tmp_path, given)
    assert done.returncode == 1, done.stderr
    assert done.stdout.startswith("passed\n::error title=sockets stuck in CLOSE_WAIT")
    assert "gate failed: stuck-close-wait: 1 connection" in done.stderr
    assert "## tcptrace-py: 1 critical" in (tmp_path / "summary.md").read_text()


def test_the_status_of_the_command_is_the_step_s(net: Net, tmp_path: Path) -> None:
    done = run_action(net, tmp_path, {"run": "false | true\necho not reached", "policy": "policy.toml"})
    assert (done.returncode, "not reached" in done.stdout) == (1, False)
