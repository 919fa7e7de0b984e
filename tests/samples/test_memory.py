"""An analysis leaves nothing behind: the engine's objects name each other, and no collector knows them."""

from __future__ import annotations

import gc
import sys

import pytest

from tcptrace_py import analyze

from .catalogue import SAMPLE_DIR

CAPTURES = sorted(path for path in SAMPLE_DIR.iterdir() if path.suffix in (".pcap", ".pcapng"))
#: Blocks of memory that caches of the interpreter take or give between two rounds.
SLACK_BLOCKS = 300


def round_of_analyses() -> int:
    for path in CAPTURES:
        analyze(path)
        analyze(path, stats=True, connections=False)
    gc.collect()
    return sys.getallocatedblocks()


# Of the compiled engine: Python's collector knows the objects of the uncompiled one.
@pytest.mark.slow
def test_nothing_is_left_behind() -> None:
    round_of_analyses()
    before = round_of_analyses()
    for _ in range(2):
        after = round_of_analyses()
    assert after - before < SLACK_BLOCKS
