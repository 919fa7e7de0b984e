"""A process that analyzes many captures loses no memory, whether an analysis ends well or not."""

from __future__ import annotations

import bz2
import contextlib
import gc
import gzip
import lzma
import tracemalloc
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from tcptrace_py import analyze
from tcptrace_py.capture.error import CaptureError
from tcptrace_py.report.people.wanted import parse_wanted
from tcptrace_py.run.single import NoSuchConnection, single
from tests.conftest import ROOT

SICK = ROOT / "sample_pcaps" / "sick_service.pcap"


class _Refused(Exception):
    pass


def _refuse(*_: object) -> None:
    raise _Refused


def _good(_: Path) -> None:
    analyze(SICK, stats=True)


def _cut(bad: Path) -> None:
    assert not analyze(bad).capture.complete


@cache
def _compressed() -> tuple[bytes, ...]:
    sick = SICK.read_bytes()
    return gzip.compress(sick, mtime=0), lzma.compress(sick), bz2.compress(sick)


def _corrupt(bad: Path) -> None:
    """What a library of compression raises knows the frames that it passed, and they the reader."""
    for whole in _compressed():
        for at in (-6, -500):
            packed = bytearray(whole)
            packed[at] ^= 0xFF
            bad.with_name("corrupt").write_bytes(packed)
            with contextlib.suppress(CaptureError):
                assert not analyze(bad.with_name("corrupt")).capture.complete


def _no_capture(bad: Path) -> None:
    with pytest.raises(CaptureError):
        analyze(bad.parent / "missing.pcap")


def _sink(_: Path) -> None:
    """Whoever takes connections fails at the first of many."""
    with pytest.raises(_Refused):
        analyze(SICK, sink=_refuse)


def _progress(_: Path) -> None:
    with pytest.raises(_Refused):
        analyze(SICK, progress=_refuse)


def _one_of_many(_: Path) -> None:
    single(SICK, wanted=parse_wanted("0"))


def _none_of_many(_: Path) -> None:
    with pytest.raises(NoSuchConnection):
        single(SICK, wanted=parse_wanted("100000"))


# What could be lost is the compiled engine's: its objects are unknown to the collector.
@pytest.mark.slow
@pytest.mark.parametrize(
    "run",
    [_good, _cut, _corrupt, _no_capture, _sink, _progress, _one_of_many, _none_of_many],
    ids=lambda run: run.__name__,
)
def test_nothing_is_lost(run: Callable[[Path], None], tmp_path: Path) -> None:
    bad = tmp_path / "bad.pcap"
    bad.write_bytes(SICK.read_bytes()[:-3])
    for _ in range(2):
        run(bad)
    gc.collect()
    tracemalloc.start()
    try:
        run(bad)
        gc.collect()
        before, _ = tracemalloc.get_traced_memory()
        for _ in range(5):
            run(bad)
        gc.collect()
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert after - before < 1000
