"""What we write as pcapng is read back alike by our own reader and by tshark, comments too."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tcptrace_py.capture import pcapng_writer as writer
from tcptrace_py.capture.source import open_source

FRAMES = [
    (0, 1_700_000_000_123_456_789, 60, bytes(range(60)), []),
    (1, 1_700_000_001_000_000_001, 1514, bytes(54), ["SYN sent again", "naïve 漢字"]),
    (0, 4_300_000_000_000_000_000, 61, bytes(61), ["x" * 70_000]),
    (0, 0, 3, b"abc", []),
]


@pytest.fixture
def written(tmp_path: Path) -> Path:
    path = tmp_path / "written.pcapng"
    blocks = [writer.section_header("tcptrace-py", "a section")]
    blocks += [writer.interface(1, 262144, "eth0"), writer.interface(101, 54, "tun0")]
    blocks += [writer.packet(*frame) for frame in FRAMES]
    assert all(len(block) % 4 == 0 for block in blocks)
    path.write_bytes(b"".join(blocks))
    return path


def test_our_reader_reads_the_same_frames(written: Path) -> None:
    reader = open_source(written)
    found = []
    while count := reader.next_batch():
        batch = reader.batch
        for i in range(count):
            begin = batch.offset[i]
            frame = bytes(batch.data[begin : begin + batch.captured[i]])
            found.append((batch.link_type[i], batch.ts_ns[i], batch.original[i], frame))
    reader.close()
    assert reader.problem is None
    links = {0: 1, 1: 101}
    assert found == [(links[number], ts_ns, original, frame) for number, ts_ns, original, frame, _ in FRAMES]


def test_tshark_reads_the_comments(written: Path) -> None:
    if shutil.which("tshark") is None:
        pytest.skip("tshark is not installed")
    done = subprocess.run(
        [
            *("tshark", "-r", written, "-T", "fields", "-E", "separator=|", "-E", "aggregator=;"),
            *("-e", "frame.len", "-e", "frame.cap_len", "-e", "frame.comment"),
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    rows = [line.split("|", 2) for line in done.stdout.splitlines()]
    assert [row[:2] for row in rows] == [["60", "60"], ["1514", "54"], ["61", "61"], ["3", "3"]]
    assert rows[1][2] == "SYN sent again;naïve 漢字"
    assert rows[0][2] == rows[3][2] == ""
    # An option holds 65,535 bytes at most; the rest of a longer comment is cut.
    assert set(rows[2][2].rstrip("…")) <= {"x", "[", "t", "r", "u", "n", "c", "a", "e", "d", "]", " "}
