"""Rights are needed to open a capture, and for nothing after that."""

from __future__ import annotations

import os

# Programs, and what only others import.
_NOT_LOADED = frozenset(("__main__", "pytest_plugin", "diagnose", "jupyter"))


def invoking_user() -> tuple[int, int, str] | None:
    """Who called sudo: uid, gid and name; None if this is not root started by sudo, or by root itself."""
    # Windows has no users by number.
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        return None
    try:
        uid = int(os.environ["SUDO_UID"])
        gid = int(os.environ["SUDO_GID"])
    except (KeyError, ValueError):
        return None
    if uid <= 0 or gid < 0:
        return None
    return uid, gid, os.environ.get("SUDO_USER", "")


def load_all() -> None:
    """Import what may be imported later, while root may still read it.

    Python and the packages may lie below a directory that the user who called sudo cannot read.
    """
    import importlib
    import pkgutil

    for package in ("tcptrace_py", "rich", "msgspec", "dpkt"):
        try:
            found = importlib.import_module(package)
            walk = pkgutil.walk_packages(found.__path__, f"{package}.", lambda _: None)
            names = [each.name for each in walk]
        except ImportError:
            continue
        for name in names:
            if name.rpartition(".")[2] in _NOT_LOADED:
                continue
            try:
                importlib.import_module(name)
            except Exception:
                # For another system, or for a library that is not there: it will not be asked for.
                continue


def drop_privileges() -> None:
    """Become the user who called sudo, for good; nothing happens otherwise.

    Raises ``OSError`` if that is refused: going on as root would be worse.
    """
    user = invoking_user()
    if user is None:
        return
    uid, gid, name = user
    if name:
        os.initgroups(name, gid)
    else:
        os.setgroups([gid])
    os.setresgid(gid, gid, gid)
    os.setresuid(uid, uid, uid)


# What sudo sets for the program that it starts (sudoers(5), env_reset and secure_path).
_OF_SUDO = ("HOME", "LOGNAME", "MAIL", "PATH", "SHELL", "USER")
_MOST_ANCESTORS = 8


def users_environment() -> dict[str, str]:
    """The environment for a program of the user who called sudo: that user's own, not root's.

    What sudo was started with, where /proc tells (to be asked before the rights are given up); else at
    least home, name and shell of the user's account, and a user's PATH. Variables set on sudo's command
    line (``sudo NAME=value ...``) stay. Without sudo, our own environment.
    """
    ours = dict(os.environ)
    user = invoking_user()
    if user is None:
        return ours
    uid, _gid, name = user
    found = {key: value for key, value in ours.items() if not key.startswith("SUDO_")}
    theirs = _of_ancestor("sudo")
    if theirs is not None:
        for key in _OF_SUDO:
            found.pop(key, None)
        return {**theirs, **found, **{key: theirs[key] for key in _OF_SUDO if key in theirs}}
    import pwd

    try:
        account = pwd.getpwuid(uid)
    except KeyError:
        found.update(USER=name, LOGNAME=name)
        return found
    found.update(
        HOME=account.pw_dir,
        USER=account.pw_name,
        LOGNAME=account.pw_name,
        SHELL=account.pw_shell or "/bin/sh",
    )
    found["PATH"] = f"{account.pw_dir}/.local/bin:{found.get('PATH', os.defpath)}"
    found.pop("MAIL", None)
    return found


def _of_ancestor(command: str) -> dict[str, str] | None:
    """What the nearest ancestor of this name was started with; None where that cannot be read."""
    pid = os.getppid()
    for _ in range(_MOST_ANCESTORS):
        try:
            with open(f"/proc/{pid}/stat", "rb") as stream:
                # The name stands in parentheses and may hold any character.
                begin, _, rest = stream.read().rpartition(b")")
            if begin.partition(b"(")[2] == command.encode():
                with open(f"/proc/{pid}/environ", "rb") as stream:
                    pairs = [each.partition(b"=") for each in stream.read().split(b"\0") if b"=" in each]
                return {os.fsdecode(key): os.fsdecode(value) for key, _, value in pairs} or None
            pid = int(rest.split()[1])
        except (OSError, ValueError, IndexError):
            return None
        if pid <= 1:
            return None
    return None
