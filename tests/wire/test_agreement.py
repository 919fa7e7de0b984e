"""The two decoders against each other and against tshark, on captures that none of us made."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tcptrace_py.capture.source import open_source
from tcptrace_py.wire import result
from tcptrace_py.wire.address import address_text
from tcptrace_py.wire.by_dpkt import DpktDecoder
from tcptrace_py.wire.decoder import Decoder
from tcptrace_py.wire.fast import FastPath
from tcptrace_py.wire.segment import Segment
from tests.conftest import for_this_run

from .frames import fields

ROOT = Path(__file__).parents[2]
CORPUS = ROOT.parent / "shared" / "corpus"
SAMPLES = ROOT / "sample_pcaps"
CAPTURES = sorted(
    path
    for folder in (CORPUS, SAMPLES)
    for pattern in ("*.pcap", "*.pcapng", "*.pcap.gz", "*.dmp.gz", "*.snoop.gz")
    for path in folder.rglob(pattern)
)
OF_OTHERS = [path for path in CAPTURES if path.is_relative_to(CORPUS)]
NAMES = [path.name for path in CAPTURES]
needs_corpus = pytest.mark.skipif(not CORPUS.is_dir(), reason=f"no captures of others in {CORPUS.name}/")
needs_tshark = pytest.mark.skipif(
    shutil.which("mergecap") is None, reason="tshark and mergecap are not installed"
)

# What the fast path may say beside what dpkt says.
LEFT_TO_DPKT = {
    result.OTHER: set(range(result.CODES)) - {result.OTHER},
    result.ICMP_ERROR: {result.ICMP_ERROR, result.NOT_TCP, result.TRUNCATED, result.MALFORMED},
}


def frames_of(path: Path) -> Iterator[tuple[int, bytes, int, int, int]]:
    """(number, captured bytes, length on the wire, link type, time) of each frame."""
    reader = open_source(path)
    try:
        while reader.next_batch():
            batch = reader.batch
            for i in range(batch.count):
                start = batch.offset[i]
                frame = bytes(memoryview(batch.data)[start : start + batch.captured[i]])
                yield batch.first_number + i, frame, batch.original[i], batch.link_type[i], batch.ts_ns[i]
    finally:
        reader.close()


@needs_corpus
def test_the_corpus_is_not_empty() -> None:
    assert len(CAPTURES) >= 80


@pytest.mark.parametrize("path", for_this_run(CAPTURES), ids=for_this_run(NAMES))
def test_fast_path_and_dpkt_agree(path: Path) -> None:
    fast, by_dpkt = FastPath(), DpktDecoder()
    ours, theirs = Segment(), Segment()
    count = 0
    for number, frame, original, link_type, ts_ns in frames_of(path):
        theirs.ts_ns = ts_ns
        fast.open(frame)
        code = fast.decode(0, len(frame), original, link_type, ours)
        fast.close()
        expected = by_dpkt.decode(frame, original, link_type, theirs)
        count += 1
        if code in LEFT_TO_DPKT:
            assert expected in LEFT_TO_DPKT[code], number
            continue
        assert code == expected, number
        if code == result.UNDECODED:
            assert fast.unread == by_dpkt.unread, number
        if code == result.TCP:
            assert fields(ours) == fields(theirs), number
    assert count > 0


# --- tshark

ABSENT = fields(Segment())

_TSHARK_FIELDS = (
    "frame.number ip.version ip.src ip.dst ipv6.src ipv6.dst tcp.srcport tcp.dstport tcp.seq_raw tcp.ack_raw "
    "tcp.len tcp.flags tcp.window_size_value tcp.checksum tcp.options.mss_val tcp.options.wscale.shift "
    "tcp.options.sack_perm tcp.options.timestamp.tsval tcp.options.timestamp.tsecr tcp.options.sack.count "
    "tcp.options.sack_le tcp.options.sack_re _ws.expert.message"
).split()


@cache
def by_tshark() -> dict[Path, dict[int, dict[str, list[str]]]]:
    """Fields of each frame that holds a TCP segment of its own, not one quoted by ICMP, of each capture.

    tshark reads all of them one behind the other, for to start it takes longer than to read most of them.
    """
    with tempfile.TemporaryDirectory(prefix="tcptrace-py-") as scratch:
        joined = os.path.join(scratch, "joined.pcapng")
        merge = ["mergecap", "-a", "-w", joined, *OF_OTHERS]
        subprocess.run(merge, check=True, capture_output=True, timeout=300)
        command = ["tshark", "-n", "-r", joined, "-Y", "tcp && !icmp && !icmpv6", "-T", "fields"]
        for preference in (
            "tcp.desegment_tcp_streams:FALSE",
            "tcp.relative_sequence_numbers:FALSE",
            "ip.defragment:TRUE",
        ):
            command += ["-o", preference]
        command += ["-E", "occurrence=a", "-E", "separator=/t"]
        for field in _TSHARK_FIELDS:
            command += ["-e", field]
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=300)
    rows = {}
    for line in done.stdout.splitlines():
        values = [value.split(",") if value else [] for value in line.split("\t")]
        row = dict(zip(_TSHARK_FIELDS, values, strict=True))
        rows[int(row["frame.number"][0])] = row
    tables = {}
    before = 0
    for path in OF_OTHERS:
        count = sum(1 for _ in frames_of(path))
        numbers = range(before + 1, before + count + 1)
        tables[path] = {number - before: rows.pop(number) for number in numbers if number in rows}
        before += count
    assert not rows
    return tables


def _last(values: list[str], default: int = 0) -> int:
    return int(values[-1], 0) if values else default


@needs_corpus
@needs_tshark
@pytest.mark.slow
@pytest.mark.xdist_group("tshark")
@pytest.mark.parametrize("path", OF_OTHERS, ids=[path.name for path in OF_OTHERS])
def test_decoder_and_tshark_agree(path: Path) -> None:
    table = by_tshark()[path]
    decoder = Decoder()
    segment = decoder.segment
    reader = open_source(path)
    seen = set()
    while reader.next_batch():
        batch = reader.batch
        decoder.begin(batch)
        for i in range(batch.count):
            number = batch.first_number + i
            if decoder.decode(batch, i) != result.TCP:
                assert number not in table, number
                continue
            assert number in table, number
            seen.add(number)
            row = table[number]
            addresses = ("ipv6.src", "ipv6.dst") if segment.ip_version == 6 else ("ip.src", "ip.dst")
            assert row[addresses[0]][-1] == address_text(segment.src_hi, segment.src_lo, segment.ip_version)
            assert row[addresses[1]][-1] == address_text(segment.dst_hi, segment.dst_lo, segment.ip_version)
            sack_blocks = _last(row["tcp.options.sack.count"])
            ours = {
                "tcp.srcport": segment.src_port,
                "tcp.dstport": segment.dst_port,
                "tcp.seq_raw": segment.seq,
                "tcp.ack_raw": segment.ack,
                "tcp.window_size_value": segment.window,
                "tcp.checksum": segment.checksum,
            }
            assert {name: _last(row[name]) for name in ours} == ours, number
            assert _last(row["tcp.flags"]) & 0xFF == segment.flags, number
            if "exceeds packet length" in " ".join(row["_ws.expert.message"]):
                # A frame that was cut, and its length on the wire rewritten: tshark goes by the
                # frame, we by the IP header, and the receiver's acknowledgments agree with that.
                assert _last(row["tcp.len"]) <= segment.payload_bytes, number
            else:
                assert _last(row["tcp.len"]) == segment.payload_bytes, number
            theirs = {
                "mss_bytes": _last(row["tcp.options.mss_val"], -1),
                "window_scale": min(_last(row["tcp.options.wscale.shift"], -1), 14),
                "sack_permitted": bool(row["tcp.options.sack_perm"]),
                "has_timestamps": bool(row["tcp.options.timestamp.tsval"]),
                "ts_val": _last(row["tcp.options.timestamp.tsval"]),
                "ts_ecr": _last(row["tcp.options.timestamp.tsecr"]),
                "sack_blocks": sack_blocks,
            }
            if batch.captured[i] < batch.original[i] - segment.payload_bytes:
                # The snap length cut the options. tshark shows the halves of one, we do not.
                theirs = {
                    name: value for name, value in theirs.items() if fields(segment)[name] != ABSENT[name]
                }
            assert {name: fields(segment)[name] for name in theirs} == theirs, number
            if segment.sack_blocks:
                # Every block's edges are listed; the first one is the option's first.
                assert int(row["tcp.options.sack_le"][-sack_blocks]) == segment.sack_left, number
                assert int(row["tcp.options.sack_re"][-sack_blocks]) == segment.sack_right, number
        decoder.end()
    reader.close()
    assert seen == set(table)
