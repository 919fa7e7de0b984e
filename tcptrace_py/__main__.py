"""``python -m tcptrace_py``: the same as the ``tcptrace-py`` command."""

from __future__ import annotations

import sys

from tcptrace_py.cli import main

if __name__ == "__main__":
    sys.exit(main())
