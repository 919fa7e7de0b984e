"""Bounds of the numbers that evidence compares. (Compiled modules take them in as C's.)"""

from __future__ import annotations

#: Below and above every number.
NONE = -(1 << 40)
BEYOND = 1 << 40

#: A window is at least this large: its scale may be unknown, and it may have grown since.
WINDOW_BYTES = 65535
