"""libpcap by way of pcapy-ng, wanted only to capture and to filter: reading a file needs neither.

There is no wheel of pcapy-ng for every system, so it may be missing.
"""

from __future__ import annotations

import sys
from typing import Any

from tcptrace_py.capture.error import UnavailableError


def libpcap(purpose: str) -> Any:
    """pcapy-ng; where there is none, raises `UnavailableError`, whose line begins with ``purpose``."""
    try:
        import pcapy
    except ImportError as error:
        reason = "is not installed" if isinstance(error, ModuleNotFoundError) else f"does not load ({error})"
        raise UnavailableError(
            f"{purpose} needs pcapy-ng, which {reason}: pip install 'tcptrace-py[live]'"
            " (where there is no wheel of it, that compiles it, with libpcap's headers)"
        ) from error
    return pcapy


def require_linux(purpose: str) -> None:
    """Raises `UnavailableError` anywhere else: the live capture rests on Linux's packet sockets."""
    if sys.platform != "linux":
        raise UnavailableError(f"{purpose} needs Linux; elsewhere, capture with tcpdump and analyze the file")
