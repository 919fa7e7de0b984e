"""Rights are given up for good, and only by root that sudo started."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tcptrace_py.cli.privileges import drop_privileges, invoking_user
from tests.conftest import PACKAGE, environment

_NOBODY = 65534


@pytest.fixture
def as_root() -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root to have something to give up")


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every user reaches; each pytest that starts closes its own to others."""
    with tempfile.TemporaryDirectory(prefix="tcptrace-py-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder


def _in_a_child(body: str) -> int:
    """Run code in a forked copy; 0 if it all held."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            exec(body, {"os": os, "drop_privileges": drop_privileges})
            status = 0
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def test_root_becomes_who_called_sudo(as_root: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SUDO_UID", str(_NOBODY))
    monkeypatch.setenv("SUDO_GID", str(_NOBODY))
    monkeypatch.delenv("SUDO_USER", raising=False)
    assert invoking_user() == (_NOBODY, _NOBODY, "")
    body = f"""
drop_privileges()
assert os.getresuid() == ({_NOBODY},) * 3
assert os.getresgid() == ({_NOBODY},) * 3
assert os.getgroups() == [{_NOBODY}]
for call in (lambda: os.setuid(0), lambda: os.setgid(0)):
    try:
        call()
    except PermissionError:
        continue
    raise AssertionError("it can come back")
"""
    assert _in_a_child(body) == 0


@pytest.mark.parametrize("uid", ["", "0", "-1", "x", None])
def test_otherwise_nothing_changes(as_root: None, monkeypatch: pytest.MonkeyPatch, uid: str | None) -> None:
    monkeypatch.setenv("SUDO_GID", str(_NOBODY))
    if uid is None:
        monkeypatch.delenv("SUDO_UID", raising=False)
    else:
        monkeypatch.setenv("SUDO_UID", uid)
    assert invoking_user() is None
    assert _in_a_child("before = os.getresuid(); drop_privileges(); assert os.getresuid() == before") == 0


@pytest.mark.parametrize("command", ["live", "exec"])
def test_the_package_may_lie_out_of_that_users_reach(as_root: None, open_folder: Path, command: str) -> None:
    """All that is imported later is imported before the rights are given up."""
    locked = open_folder / "locked"
    shutil.copytree(PACKAGE, locked / "tcptrace_py", ignore=shutil.ignore_patterns("*.so", "__pycache__"))
    locked.chmod(0o700)
    shared = open_folder / "shared"
    shared.mkdir()
    shared.chmod(0o777)
    tail = ["--duration", "0.1s", "--quiet"] if command == "live" else ["--settle", "0s", "--", "true"]
    done = subprocess.run(
        [sys.executable, "-m", "tcptrace_py", command, "-i", "lo", "--no-kernel", "--json", "r.json", *tail],
        cwd=shared,
        env=environment(
            pure=True, PYTHONPATH=str(locked), SUDO_UID=str(_NOBODY), SUDO_GID=str(_NOBODY), SUDO_USER=""
        ),
        capture_output=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr.decode()
    assert (shared / "r.json").stat().st_uid == _NOBODY
