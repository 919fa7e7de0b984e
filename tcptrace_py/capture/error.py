"""What goes wrong with captures."""

from __future__ import annotations


class CaptureError(ValueError):
    """A capture cannot be opened or read on, or a filter cannot be compiled.

    ``str(error)`` is one line meant for people, which names the input first:
    ``x.pcap: not a capture file (unknown magic 0x7f454c46)``.
    """


class UnavailableError(CaptureError):
    """This system lacks what was asked for: a library, or a kernel that can capture."""
