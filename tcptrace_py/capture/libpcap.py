"""libpcap by way of pcapy-ng, wanted only to capture and to filter: reading a file needs neither.

There is no wheel of pcapy-ng for every system, so it may be missing.
"""

from __future__ import annotations

import os
import re
import struct
import sys
import tempfile
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


#: Enough for any frame.
SNAP_BYTES = 262_144
# "The network's mask is not known" (PCAP_NETMASK_UNKNOWN).
_NETMASK_UNKNOWN = 0xFFFFFFFF
# The one expression that needs the mask.
_NEEDS_MASK = re.compile(r"\bip\s+broadcast\b")


def compile_filter(pcapy: Any, link_type: int, expression: str) -> Any:
    """The program of an expression (pcap-filter(7)) for frames of a LINKTYPE_.

    Raises ``pcapy.PcapError`` with libpcap's message where there is none, or ``ValueError``. The ``compile``
    of pcapy-ng reads its handle after it has closed it where an expression does not compile (in every
    version up to 2.1.0), so it is called only with what has compiled before: as the filter of a file
    without packets.
    """
    if _NEEDS_MASK.search(expression):
        raise pcapy.PcapError("netmask not known, so 'ip broadcast' not supported")
    header = struct.pack("=IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, SNAP_BYTES, link_type)
    number, path = tempfile.mkstemp(suffix=".pcap")
    try:
        os.write(number, header)
        os.close(number)
        handle = pcapy.open_offline(path)
    finally:
        os.unlink(path)
    try:
        handle.setfilter(expression)
        return pcapy.compile(handle.datalink(), SNAP_BYTES, expression, 1, _NETMASK_UNKNOWN)
    finally:
        handle.close()


def require_linux(purpose: str) -> None:
    """Raises `UnavailableError` anywhere else: the live capture rests on Linux's packet sockets."""
    if sys.platform != "linux":
        raise UnavailableError(f"{purpose} needs Linux; elsewhere, capture with tcpdump and analyze the file")
