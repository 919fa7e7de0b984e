"""Our frame lists against those of dpkt and tshark, over captures that none of us made."""

from __future__ import annotations

import gzip
import shutil
import subprocess
from pathlib import Path

import dpkt
import pytest

from tests.capture.capture_bytes import CORPUS, read

CAPTURES = sorted([*CORPUS.rglob("*.pcap"), *CORPUS.rglob("*.pcapng"), *CORPUS.rglob("*.gz")])
needs_corpus = pytest.mark.skipif(not CAPTURES, reason="no corpus beside the repository")


@needs_corpus
def test_corpus_is_read_whole() -> None:
    for path in CAPTURES:
        found, reader = read(path)
        assert found, path
        assert reader.problem is None, path
        assert reader.warnings == [], path


@needs_corpus
def test_as_dpkt() -> None:
    compared = 0
    for path in CAPTURES:
        content = path.read_bytes()
        if path.suffix == ".gz":
            content = gzip.decompress(content)
        if content[:5] == b"snoop" or content[4:8] in (b"\0\2\0\2", b"\2\0\2\0"):
            # dpkt knows neither snoop nor the swapped lengths of pcap 2.2.
            continue
        plain = gzip.open(path) if path.suffix == ".gz" else open(path, "rb")
        with plain as file:
            is_pcapng = content[:4] == b"\x0a\x0d\x0d\x0a"
            expected = list((dpkt.pcapng if is_pcapng else dpkt.pcap).Reader(file))
        found, _ = read(path)
        assert [frame.data for frame in found] == [data for _, data in expected], path
        for frame, (seconds, _) in zip(found, expected, strict=True):
            # dpkt's time is a decimal or a float, good to a microsecond.
            assert abs(frame.ts_ns - round(float(seconds) * 1e6) * 1000) <= 1000, path
        compared += 1
    assert compared > 50


@needs_corpus
@pytest.mark.slow
@pytest.mark.skipif(shutil.which("mergecap") is None, reason="tshark and mergecap are not installed")
def test_as_tshark(tmp_path: Path) -> None:
    """All captures one behind the other, for to start tshark takes longer than to read most of them."""
    joined = tmp_path / "joined.pcapng"
    subprocess.run(["mergecap", "-a", "-w", joined, *CAPTURES], check=True, capture_output=True, timeout=120)
    fields = ("frame.time_epoch", "frame.len", "frame.cap_len")
    command = ["tshark", "-r", joined, "-T", "fields", *(word for each in fields for word in ("-e", each))]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    theirs = iter(done.stdout.splitlines())
    for path in CAPTURES:
        found, _ = read(path)
        assert [frame.number for frame in found] == list(range(1, len(found) + 1))
        for frame in found:
            time, length, captured = next(theirs).split("\t")
            seconds, _, rest = time.partition(".")
            ts_ns = int(seconds) * 1_000_000_000 + int(f"{rest:0<9}"[:9])
            ours = (frame.ts_ns, frame.original, len(frame.data))
            assert ours == (ts_ns, int(length), int(captured)), (path, frame.number)
    assert list(theirs) == []
