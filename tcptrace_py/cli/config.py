"""The project's own policy: ``tcptrace.toml``, or ``[tool.tcptrace-py]`` in pyproject.toml."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tcptrace_py.gates.policy import Policy

FILE = "tcptrace.toml"
_PROJECT = "pyproject.toml"
_TABLE = "tcptrace-py"
_HEADER = re.compile(rb"tool\s*\.\s*[\"']?tcptrace-py")


def project_policy(folder: str | os.PathLike[str]) -> tuple[str, Policy] | None:
    """The nearest one from ``folder`` upwards, and how it is named from there; None without any.

    Raises `PolicyError`.
    """
    # (Every command looks for one, and `pathlib` takes as long to load as all of this.)
    folder = above = os.path.abspath(folder)
    while True:
        path = os.path.join(above, FILE)
        if os.path.isfile(path):
            from tcptrace_py.gates.policy import read_policy

            return _named(path, folder), read_policy(path)
        path = os.path.join(above, _PROJECT)
        # Most have no such table, and parsing takes longer than reading.
        if os.path.isfile(path) and _HEADER.search(_bytes_of(path)):
            from tcptrace_py.gates.policy import policy_from, read_toml

            tools = read_toml(path).get("tool", {})
            table = tools.get(_TABLE) if isinstance(tools, dict) else None
            if isinstance(table, dict):
                name = f"[tool.{_TABLE}] in {_named(path, folder)}"
                return name, policy_from(table, name)
        below, above = above, os.path.dirname(above)
        if above == below:
            return None


def _bytes_of(path: str) -> bytes:
    with open(path, "rb") as stream:
        return stream.read()


def _named(path: str, folder: str) -> str:
    """Short where it is near."""
    return os.path.basename(path) if os.path.dirname(path) == folder else path
