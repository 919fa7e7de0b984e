"""Fragmented datagrams whose pieces are in several captures: the report of one process, byte for byte."""

from __future__ import annotations

import random
import struct
from pathlib import Path

import pytest

pytest.importorskip("fsspec")
pytest.importorskip("pyarrow")

from tcptrace_py.capture.source import open_source
from tcptrace_py.run.analyze import analyze
from tcptrace_py.run.captures import JobLost
from tcptrace_py.run.cluster import analyze_by
from tests.conftest import ROOT, for_this_run
from tests.run.test_shuffle import AtOnce, text

SICK = ROOT / "sample_pcaps" / "sick_service.pcap"
ETHERNET_BYTES = 14

# Time and bytes.
Frame = tuple[int, bytes]


def in_pieces(step: int) -> list[Frame]:
    """The packets of a sample, each in fragments whose payloads are of ``step`` bytes (RFC 791)."""
    found: list[Frame] = []
    reader = open_source(SICK)
    count = reader.next_batch()
    batch = reader.batch
    for i in range(count):
        frame = bytes(batch.data[batch.offset[i] : batch.offset[i] + batch.captured[i]])
        ethernet, packet = frame[:ETHERNET_BYTES], frame[ETHERNET_BYTES:]
        size = (packet[0] & 15) * 4
        header, payload = packet[:size], packet[size : int.from_bytes(packet[2:4], "big")]
        for at in range(0, len(payload), step):
            piece = payload[at : at + step]
            more = 0x2000 if at + step < len(payload) else 0
            its = header[:2] + struct.pack(">HHH", size + len(piece), i, more | at // 8) + header[8:]
            found.append((batch.ts_ns[i], ethernet + its + piece))
    reader.close()
    return found


def write(path: Path, frames: list[Frame]) -> Path:
    made = bytearray(struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 65535, 1))
    for ts_ns, data in frames:
        made += struct.pack("<IIII", ts_ns // 10**9, ts_ns % 10**9, len(data), len(data)) + data
    path.write_bytes(made)
    return path


def check(tmp_path: Path, paths: list[Path], checkpoint: bool = False) -> None:
    whole = analyze(*paths)
    assert whole.summary.connections == analyze(SICK).summary.connections, "they were put together"
    names = [str(path) for path in paths]
    for _ in range(1 + checkpoint):
        kept = str(tmp_path / "kept") if checkpoint else None
        report = analyze_by(AtOnce(), names, store=str(tmp_path / "store"), parts=3, checkpoint=kept)
        assert text(report) == text(whole)


@pytest.mark.parametrize("seed", for_this_run(range(3)))
def test_rotated_anywhere(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    frames = in_pieces(8 * (1 + seed % 3))
    ends = sorted(chance.sample(range(1, len(frames)), 5))
    paths = [
        write(tmp_path / f"{number}.pcap", frames[begin:end])
        for number, (begin, end) in enumerate(zip([0, *ends], [*ends, len(frames)], strict=True))
    ]
    check(tmp_path, paths, checkpoint=seed == 0)


@pytest.mark.parametrize("seed", for_this_run(range(2)))
def test_captures_that_overlap_in_time(tmp_path: Path, seed: int) -> None:
    """Two interfaces, some pieces seen on both, others on one; and whole packets among them."""
    chance = random.Random(seed)
    frames = in_pieces(16)
    both: list[list[Frame]] = [[], []]
    for frame in frames:
        seen = chance.choice(((0,), (1,), (0, 1)))
        for side in seen:
            both[side].append(frame)
    paths = [write(tmp_path / f"{side}.pcap", both[side]) for side in range(2)]
    check(tmp_path, [*paths, SICK] if seed else paths)


def test_what_nobody_wants_is_told_as_by_one(tmp_path: Path) -> None:
    """UDP that is no tunnel, a piece of an impossible length, one that never comes."""
    frames = in_pieces(16)
    odd = []
    for ts_ns, data in frames[:40]:
        packet = bytearray(data)
        packet[ETHERNET_BYTES + 9] = 17
        odd.append((ts_ns, bytes(packet)))
    short = bytearray(frames[0][1][:-3])
    short[ETHERNET_BYTES + 2 : ETHERNET_BYTES + 4] = (len(short) - ETHERNET_BYTES).to_bytes(2, "big")
    odd.append((frames[0][0], bytes(short)))
    frames = sorted(odd + frames, key=lambda frame: frame[0])
    half = len(odd)
    check(tmp_path, [write(tmp_path / "a.pcap", frames[:half]), write(tmp_path / "b.pcap", frames[half:])])


@pytest.mark.parametrize("kind", ["arrow", "pieces"])
def test_what_is_kept_and_damaged_is_no_segment_that_never_was(tmp_path: Path, kind: str) -> None:
    """One line, or, where the damage is in bytes that nobody reads, the same report."""
    chance = random.Random(kind)
    path = write(tmp_path / "a.pcap", in_pieces(16)[:300]) if kind == "pieces" else SICK
    kept = tmp_path / "kept"

    def report() -> str:
        return text(analyze_by(AtOnce(), [str(path)], store=str(tmp_path), parts=2, checkpoint=str(kept)))

    whole = report()
    (file,) = kept.glob(f"*.{kind}")
    good = file.read_bytes()
    told = 0
    for _ in range(12):
        bad = bytearray(good)
        bad[chance.randrange(len(bad))] ^= 1 << chance.randrange(8)
        file.write_bytes(bad)
        try:
            assert report() == whole
        except JobLost as error:
            told += 1
            assert f".{kind}: cannot be read: " in str(error) and "\n" not in str(error)
    assert told > 6
