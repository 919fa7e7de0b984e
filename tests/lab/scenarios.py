"""All scenarios: short scripts of real sockets, and what an analysis must say of each.

Waits are short because each namespace has its own settings. ``quick`` ones run in the
test suite; ``full`` and ``slow`` ones only in ``python -m tests.lab``.
"""

from __future__ import annotations

from .causes import CAUSES
from .endings import ENDINGS
from .faults import FAULTS
from .openings import OPENINGS

SCENARIOS = [*OPENINGS, *ENDINGS, *FAULTS, *CAUSES]
