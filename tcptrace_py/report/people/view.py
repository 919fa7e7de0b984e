"""What the reader of a report wants to see of it."""

from __future__ import annotations

from datetime import UTC, tzinfo
from typing import NamedTuple

# Of one finding, so that the next one is on the same screen.
_EVIDENCE = 4
_IDS = 8
_TOP = 10


class View(NamedTuple):
    """``top``: rows of each list. ``connections``: list them too. ``verbose``: the proof, the long texts
    and all counters; ``quiet``: the verdict alone. ``zone``: of times of the day, None for the system's.
    ``whole``: the file that has what is left out here, if one is written. ``brief``: without the list of
    services, which would not fit on the screen.
    """

    top: int = _TOP
    connections: bool = False
    verbose: bool = False
    quiet: bool = False
    zone: tzinfo | None = UTC
    whole: str | None = None
    brief: bool = False

    @property
    def evidence(self) -> int:
        """Observations of one finding that are shown."""
        return _EVIDENCE if self.top <= _TOP else self.top

    @property
    def ids(self) -> int:
        """Connections of one finding that are named."""
        return _IDS if self.top <= _TOP else self.top

    def more(self, left: int) -> str:
        """``5 more; a larger --top shows them``: what is said of rows that are left out."""
        where = f"all in {self.whole}" if self.whole else "a larger --top shows them"
        return f"{left:,} more; {where}"
