"""Rights are needed to open a capture, and for nothing after that."""

from __future__ import annotations

import os


def invoking_user() -> tuple[int, int, str] | None:
    """Who called sudo: uid, gid and name; None if this is not root started by sudo, or by root itself."""
    if os.geteuid() != 0:
        return None
    try:
        uid = int(os.environ["SUDO_UID"])
        gid = int(os.environ["SUDO_GID"])
    except (KeyError, ValueError):
        return None
    if uid <= 0 or gid < 0:
        return None
    return uid, gid, os.environ.get("SUDO_USER", "")


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
