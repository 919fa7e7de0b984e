"""The network that live tests are run in."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.live.net import missing, orphans


def test_namespaces_of_processes_that_are_gone_are_orphans() -> None:
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    names = [f"tcptrace-test-{child.pid}-client", f"tcptrace-test-{os.getppid()}-client", "blue", "tt5c"]
    assert orphans(names, os.getpid()) == names[:1]
    assert orphans(names, os.getppid()) == names[:2]


def test_what_a_killed_run_leaves_behind_goes_with_the_next_one() -> None:
    if why := missing():
        pytest.skip(why)
    makes = "import os, signal; from tests.live.net import new_namespace, remove_namespace\n"
    killed = makes + (
        "import subprocess, time\n"
        "name = new_namespace('left')\n"
        "held = subprocess.Popen(['ip', 'netns', 'exec', name, 'sleep', '99'], stdout=subprocess.DEVNULL)\n"
        "while not subprocess.check_output(['ip', 'netns', 'pids', name]): time.sleep(0.01)\n"
        "print(name, held.pid, flush=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    root = Path(__file__).parents[2]
    run = subprocess.run([sys.executable, "-c", killed], cwd=root, stdout=subprocess.PIPE, text=True)
    name, pid = run.stdout.split()
    assert Path("/run/netns", name).exists()
    subprocess.run(
        [sys.executable, "-c", makes + "remove_namespace(new_namespace('next'))"], cwd=root, check=True
    )
    assert not Path("/run/netns", name).exists()
    # A zombie, until whoever inherited it has looked.
    state = Path("/proc", pid, "stat")
    assert not state.exists() or state.read_text().rsplit(")", 1)[1].split()[0] == "Z"
