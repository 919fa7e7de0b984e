"""tshark's streams beside ours: number and completeness of each."""

from __future__ import annotations

import os
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import NamedTuple

from .corpus import name_of, report_of

TSHARK = shutil.which("tshark")


class Row(NamedTuple):
    """One stream; ``reason`` is empty where both say the same, and where we do not know why they differ."""

    capture: str
    stream: int
    wireshark: int | None
    ours: int | None
    reason: str

    @property
    def equal(self) -> bool:
        return self.wireshark == self.ours


@cache
def streams_of(path: Path) -> dict[int, int]:
    """tshark's ``tcp.completeness`` by ``tcp.stream``, as it stands when the whole file has been read.

    That is what the second pass prints for the first packet of a stream: what it prints later
    counts the packets of the second pass once more.
    """
    assert TSHARK
    fields = ("-e", "tcp.stream", "-e", "tcp.completeness")
    printed = subprocess.run(
        [
            TSHARK,
            "-2",
            "-r",
            os.fspath(path),
            "-Y",
            "tcp.stream",
            "-T",
            "fields",
            "-E",
            "occurrence=l",
            *fields,
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    ).stdout
    found: dict[int, int] = {}
    for line in printed.splitlines():
        stream, completeness = line.split("\t")
        if completeness and "," not in stream:
            found.setdefault(int(stream), int(completeness))
    return found


def compare(path: Path) -> list[Row]:
    name = name_of(path)
    theirs = streams_of(path)
    ours: dict[int, int] = {}
    for connection in report_of(path).connections or ():
        ours.setdefault(connection.stream, connection.completeness)
    return [
        Row(name, stream, theirs.get(stream), ours.get(stream), REASONS.get((name, stream), ""))
        for stream in sorted({*theirs, *ours})
    ]


_EXPECTED_BY_FTP = (
    "an FTP data connection: Wireshark's FTP dissector makes the conversation before its first packet,"
    " and a SYN that is not a conversation's first packet does not set the SYN bit"
)
_STALE_SYN = (
    "a stale SYN on a live connection: Wireshark begins a stream there, and gives it all that follows; the"
    " connection goes on, and so does ours, in the stream that it began in"
)

#: ``(capture, stream)``: why we say something else, or nothing.
REASONS = {
    ("tcptrace/linux_cooked_socket.dmp.gz", 1): _EXPECTED_BY_FTP,
    ("zeek/ftp/bigtransfer.pcap", 1): _EXPECTED_BY_FTP,
    ("zeek/ftp/bigtransfer.pcap", 2): _EXPECTED_BY_FTP,
    ("zeek/ftp/ipv4.pcap", 1): _EXPECTED_BY_FTP,
    ("zeek/ftp/ipv4.pcap", 2): _EXPECTED_BY_FTP,
    ("zeek/ftp/ipv6.pcap", 1): _EXPECTED_BY_FTP,
    ("zeek/ftp/ipv6.pcap", 2): _EXPECTED_BY_FTP,
    ("zeek/ftp/ipv6.pcap", 3): _EXPECTED_BY_FTP,
    ("sample_pcaps/kernel/stale_syn_hits_a_live_connection-v4.server.pcap", 1): _STALE_SYN,
    ("sample_pcaps/stale_syn_in_established.pcap", 1): _STALE_SYN,
}
