"""Wireshark's streams beside ours: number and completeness of each."""

from __future__ import annotations

import atexit
import json
import os
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple, Self

from .corpus import name_of, report_of

SHARKD = shutil.which("sharkd")


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


class Sharkd:
    """A process of Wireshark's that answers much: to start tshark takes longer than to read most captures."""

    def __init__(self, program: str) -> None:
        self._process = subprocess.Popen(
            [program, "-"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        atexit.register(self.end)

    def end(self) -> None:
        self._process.kill()
        self._process.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        atexit.unregister(self.end)
        self.end()

    def ask(self, method: str, **params: str) -> Any:
        """One line of JSON-RPC each way."""
        assert self._process.stdin and self._process.stdout
        self._process.stdin.write(
            json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}) + "\n"
        )
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())["result"]


@cache
def _sharkd() -> Sharkd:
    assert SHARKD
    return Sharkd(SHARKD)


@cache
def streams_of(path: Path) -> dict[int, int]:
    """Wireshark's ``tcp.completeness`` by ``tcp.stream``, as it stands when the whole file has been read.

    That is what its second pass gives for the first packet of a stream: what it gives later
    counts the packets of the second pass once more.
    """
    _sharkd().ask("load", file=os.fspath(path.resolve()))
    # With a filter sharkd would give the frames that it fitted in the file before.
    rows = _sharkd().ask("frames", column0="tcp.stream:0", column1="tcp.completeness:0")
    found: dict[int, int] = {}
    for stream, completeness in (row["c"] for row in rows):
        # A packet in a packet may be of another stream.
        if completeness and "," not in stream:
            found.setdefault(int(stream), int(completeness.rpartition("(")[2].rstrip(")")))
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
