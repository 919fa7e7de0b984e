"""``python -m tcptrace_py``: the same as the ``tcptrace-py`` command."""

from __future__ import annotations

from tcptrace_py.cli import run

if __name__ == "__main__":
    run()
