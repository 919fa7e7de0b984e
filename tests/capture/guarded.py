"""Reads cut and changed captures with the uncompiled readers over buffers that raise outside what they hold.

In C the readers' numbers are read through a pointer that nothing checks; the same files run uncompiled here.
``TCPTRACE_PY_PURE=1 python -m tests.capture.guarded`` prints how many captures and frames it read.
"""

from __future__ import annotations

import random
import sys
import tempfile
from pathlib import Path
from typing import Any

from tcptrace_py.capture.error import CaptureError
from tcptrace_py.capture.pcap import PcapReader
from tcptrace_py.capture.pcapng import PcapngReader
from tcptrace_py.capture.source import open_source
from tcptrace_py.engine import engine
from tests.capture.test_hostile import SAMPLES
from tests.guarded import Guarded


def guard(reader: Any) -> None:
    """From now on ``reader`` scans a copy of what its buffer was filled with, and no byte more."""
    scan = reader.scan

    def guarded_scan() -> int:
        reader.data = Guarded(bytes(reader.buffer[: reader.filled]))
        count: int = scan()
        return count

    reader.scan = guarded_scan


def captures() -> list[bytes]:
    source = random.Random(17)
    made = []
    for name in ("pcap", "pcap big-endian", "pcap 2.3", "pcap modified", "pcapng", "pcapng big-endian"):
        content = SAMPLES[name]
        made += [content[:length] for length in range(24, len(content) + 1)]
        for _ in range(1500):
            changed = bytearray(content)
            for _ in range(source.randint(1, 4)):
                changed[source.randrange(len(changed))] = source.choice(
                    (0, 1, 8, 0x7F, 0x80, 0xFF, source.randrange(256))
                )
            made.append(bytes(changed))
    return made


def main() -> int:
    if engine() == "compiled":
        sys.exit("TCPTRACE_PY_PURE=1 must be set")
    read = frames = 0
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "x.cap")
        for content in captures():
            path.write_bytes(content)
            try:
                reader = open_source(path, chunk_bytes=random.Random(len(content)).choice((64, 4096)))
            except CaptureError:
                continue
            assert isinstance(reader, PcapReader | PcapngReader)
            guard(reader)
            while count := reader.next_batch():
                frames += count
            reader.close()
            read += 1
    print(f"{read} captures, {frames} frames")
    return 0


if __name__ == "__main__":
    sys.exit(main())
