"""Rights are given up for good, and only by root that sudo started."""

from __future__ import annotations

import os

import pytest

from tcptrace_py.cli.privileges import drop_privileges, invoking_user

_NOBODY = 65534


@pytest.fixture
def as_root() -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root to have something to give up")


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
