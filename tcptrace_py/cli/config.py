"""The project's own policy: ``tcptrace.toml``, or ``[tool.tcptrace-py]`` in pyproject.toml."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tcptrace_py.gates.policy import Policy

FILE = "tcptrace.toml"
_PROJECT = "pyproject.toml"
_TABLE = "tcptrace-py"
_HEADER = re.compile(rb"tool\s*\.\s*[\"']?tcptrace-py")


def project_policy(folder: Path) -> tuple[str, Policy] | None:
    """The nearest one from ``folder`` upwards, and how it is named from there; None without any.

    Raises `PolicyError`.
    """
    for above in (folder, *folder.parents):
        path = above / FILE
        if path.is_file():
            from tcptrace_py.gates.policy import read_policy

            return _named(path, folder), read_policy(path)
        path = above / _PROJECT
        # Most have no such table, and parsing takes longer than reading.
        if path.is_file() and _HEADER.search(path.read_bytes()):
            from tcptrace_py.gates.policy import policy_from, read_toml

            tools = read_toml(path).get("tool", {})
            table = tools.get(_TABLE) if isinstance(tools, dict) else None
            if isinstance(table, dict):
                name = f"[tool.{_TABLE}] in {_named(path, folder)}"
                return name, policy_from(table, name)
    return None


def _named(path: Path, folder: Path) -> str:
    """Short where it is near."""
    return path.name if path.parent == folder else str(path)
