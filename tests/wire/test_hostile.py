"""Generated, cut and mutated frames: both decoders agree, and nothing escapes."""

from __future__ import annotations

import importlib.util
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tcptrace_py.wire import fast as fast_module
from tcptrace_py.wire import result
from tcptrace_py.wire.by_dpkt import DpktDecoder
from tcptrace_py.wire.decoder import Decoder
from tcptrace_py.wire.fast import FastPath
from tcptrace_py.wire.segment import Segment
from tests.conftest import for_this_run
from tests.guarded import Guarded

from . import frames as f
from .frames import fields
from .test_agreement import LEFT_TO_DPKT
from .test_decoder import UNREACHABLE_FRAME, batch_of
from .test_tunnels import FRAMES as TUNNELS

# Bytes behind the frame in its buffer. A decoder that read them would find other values in each.
BEHIND = (b"\x00" * 64, b"\xff" * 64, b"\x08\x0a\x02\x04" * 16)


def _uncompiled_fast_path() -> Any:
    """A FastPath from the very file that is compiled: in C nothing would tell of a read outside."""
    path = Path(fast_module.__file__).with_name("fast.py")
    spec = importlib.util.spec_from_file_location("uncompiled_fast", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.__file__.endswith(".py")
    vars(module)["pointer"] = Guarded
    return module.FastPath()


UNCOMPILED = _uncompiled_fast_path()


def check(frame: bytes, original: int, link_type: int) -> int:
    """Decodes both ways; they agree, whatever lies behind the frame. Returns the fast path's code."""
    fast = FastPath()
    results = []
    for behind in BEHIND:
        segment = Segment()
        fast.open(behind + frame + behind)
        code = fast.decode(len(behind), len(frame), original, link_type, segment)
        fast.close()
        results.append((code, fields(segment) if code == result.TCP else None))
    guarded = Segment()
    UNCOMPILED.open(frame)
    code = UNCOMPILED.decode(0, len(frame), original, link_type, guarded)
    UNCOMPILED.close()
    results.append((code, fields(guarded) if code == result.TCP else None))
    assert results == results[:1] * 4
    other = Segment()
    decoder = DpktDecoder()
    expected = decoder.decode(frame, original, link_type, other)
    assert expected in range(result.CODES) and expected != result.OTHER
    if code in LEFT_TO_DPKT:
        assert expected in LEFT_TO_DPKT[code]
    else:
        assert expected == code
        if code == result.UNDECODED:
            assert fast.unread == decoder.unread
        if code == result.TCP:
            assert fields(segment) == fields(other)
    return code


# --- generated stacks of headers, from TCP outwards

option = st.one_of(
    st.sampled_from([b"\x00", b"\x01", b"\x04\x02", b"\x22\x02", b"\xfe\x04\xf9\x89", b"\x02\x00", b"\x08"]),
    st.tuples(st.sampled_from([2, 3, 4, 5, 8, 34, 253, 254, 30]), st.binary(max_size=16)).map(
        lambda o: bytes((o[0], len(o[1]) + 2)) + o[1]
    ),
)
word = st.integers(0, 2**32 - 1)
half = st.integers(0, 2**16 - 1)
tcp_segment = st.builds(
    lambda payload, options, **kw: f.tcp(payload, options=b"".join(options)[:40], **kw),
    st.binary(max_size=20),
    st.lists(option, max_size=6),
    sport=half,
    dport=half,
    seq=word,
    ack=word,
    flags=st.integers(0, 255),
    window=half,
    reserved=st.integers(0, 15),
    offset=st.sampled_from([None] * 20 + [0, 4, 5, 6, 10, 15]),
)
tcp_payload = st.tuples(tcp_segment, st.just(f.TCP))
ip_payload = st.one_of(
    tcp_payload,
    tcp_payload,
    tcp_payload,
    st.tuples(st.binary(max_size=40), st.sampled_from([0, 1, 4, 6, 17, 41, 43, 44, 47, 50, 51, 58, 59, 60])),
)


def _behind(header: Callable[..., bytes], number: int, sizes: st.SearchStrategy[int]):  # type: ignore[no-untyped-def]
    return lambda inner: st.builds(lambda i, size: (header(i[0], i[1], size), number), inner, sizes)


eights = st.integers(1, 5).map(lambda n: n * 8)
extended = st.recursive(
    ip_payload,
    lambda inner: st.one_of(
        _behind(f.extension, 0, eights)(inner),
        _behind(f.extension, 43, eights)(inner),
        _behind(f.extension, 60, eights)(inner),
        _behind(f.ah, 51, st.integers(2, 8).map(lambda n: n * 4))(inner),
        st.builds(
            lambda i, at, more: (f.ipv6_fragment(*i, at * 8, more), 44),
            inner,
            st.integers(0, 3),
            st.booleans(),
        ),
    ),
    max_leaves=10,
)
rarely = st.sampled_from([None] * 20 + [0, 0, 19, 20, 39, 40, 47, 60, 70, 3000])
in_ipv4 = st.builds(
    lambda p, **kw: (f.ipv4(*p, **kw), f.IPV4),
    extended,
    options=st.integers(0, 10).map(lambda n: bytes(4 * n)),
    total=rarely,
    ihl=st.sampled_from([None] * 20 + [0, 4, 5, 6, 15]),
    flags_offset=st.sampled_from([0] * 9 + [0x4000, 0x8000, 0x2000, 1]),
    version=st.sampled_from([4] * 19 + [6]),
)
in_ipv6 = st.builds(
    lambda p, **kw: (f.ipv6(*p, **kw), f.IPV6),
    extended,
    length=rarely,
    version=st.sampled_from([6] * 19 + [4]),
)
network = st.one_of(in_ipv4, in_ipv6)
tagged = st.recursive(
    network,
    lambda inner: st.builds(
        lambda i, tci, kind: (f.vlan(*i, tci), kind),
        inner,
        half,
        st.sampled_from([0x8100, 0x88A8, 0x9100, 0x9200]),
    ),
    max_leaves=6,
)
framed = st.one_of(
    tagged.map(lambda t: (f.ethernet(*t), f.ETHERNET)),
    tagged.map(lambda t: (f.sll(*t), f.SLL)),
    tagged.map(lambda t: (f.sll2(*t), f.SLL2)),
    st.builds(lambda n, kind: (n[0], kind), network, st.sampled_from([12, 14, 101, 228, 229])),
    st.builds(
        lambda n, family, order, kind: (family.to_bytes(4, order) + n[0], kind),
        network,
        st.sampled_from([2, 10, 23, 24, 28, 30, 7]),
        st.sampled_from(["little", "big"]),
        st.sampled_from([f.NULL, f.LOOP]),
    ),
)


@settings(max_examples=len(for_this_run(range(600))), deadline=None)
@given(framed, st.integers(0, 200), st.integers(0, 70), st.booleans())
def test_generated_frames(frame: tuple[bytes, int], cut: int, padding: int, shorten: bool) -> None:
    data, link_type = frame
    data += bytes(padding)
    captured = data[: len(data) - cut] if shorten and cut < len(data) else data
    check(captured, len(data), link_type)


# Of the strategy, not of the engine: once is enough.
@pytest.mark.slow
def test_generated_frames_reach_tcp() -> None:
    # The strategy above is worth nothing if it only made what is refused at once.
    counts = dict.fromkeys(range(result.CODES), 0)

    # Hypothesis draws from the constants of all loaded modules: the counts differ by what ran before.
    @settings(max_examples=1500, deadline=None, derandomize=True, database=None)
    @given(framed)
    def count(frame: tuple[bytes, int]) -> None:
        counts[check(frame[0], len(frame[0]), frame[1])] += 1

    count()
    assert counts[result.TCP] > 30
    assert counts[result.MALFORMED] > 5
    assert counts[result.NOT_TCP] > 5
    assert counts[result.OTHER] > 5


@settings(max_examples=len(for_this_run(range(400))), deadline=None)
@given(st.binary(max_size=150), st.integers(0, 300))
def test_random_bytes(data: bytes, more: int) -> None:
    for link_type in (0, 1, 9, 10, 12, 50, 51, 101, 104, 108, 113, 228, 229, 276, 147):
        check(data, len(data) + more, link_type)


# --- every length, and mutations

options = b"\x02\x04\x05\xb4\x04\x02\x08\x0a\0\0\0\x09\0\0\0\x07\x01\x03\x03\x0a\x05\x12" + bytes(range(16))
WHOLE = {
    "ethernet": (f.ethernet(f.ipv4(f.tcp(b"x" * 9, options=options))), f.ETHERNET),
    "vlan": (
        f.ethernet(f.vlan(f.vlan(f.ipv6(f.tcp(b"x" * 9, options=options)), f.IPV6), 0x8100), 0x88A8),
        f.ETHERNET,
    ),
    "extensions": (
        f.ethernet(f.ipv6(f.extension(f.extension(f.ah(f.tcp(b"x" * 9), 6), 51, 24), 43, 16), 0), f.IPV6),
        f.ETHERNET,
    ),
    "sll": (f.sll(f.ipv4(f.tcp(b"x" * 9), options=bytes(12))), f.SLL),
    "sll2": (f.sll2(f.ipv4(f.ah(f.tcp(b"x" * 9), 6), f.AH)), f.SLL2),
    "null": (b"\x1e\0\0\0" + f.ipv6(f.tcp(options=options)), f.NULL),
    "raw": (f.ipv4(f.tcp(options=options)), f.RAW),
    "icmp": (UNREACHABLE_FRAME, f.ETHERNET),
}


@pytest.mark.parametrize("name", WHOLE)
def test_every_captured_length(name: str) -> None:
    frame, link_type = WHOLE[name]
    for captured in range(len(frame) + 1):
        check(frame[:captured], len(frame), link_type)
        check(frame[:captured], captured, link_type)


@pytest.mark.parametrize("name", [*WHOLE, *TUNNELS])
def test_mutations(name: str) -> None:
    frame, link_type = {**WHOLE, **TUNNELS}[name]
    frame = frame[:140]
    rng = random.Random(name)
    for _ in range(150):
        mutated = bytearray(frame)
        for _ in range(rng.choice((1, 1, 2, 4))):
            mutated[rng.randrange(len(mutated))] = rng.choice(
                (0, 1, 4, 6, 0x45, 0x60, 0xFF, rng.randrange(256))
            )
        check(bytes(mutated), len(mutated) + rng.choice((0, 0, 0, 1000)), link_type)


@pytest.mark.parametrize("name", WHOLE)
def test_each_byte_at_each_extreme(name: str) -> None:
    frame, link_type = WHOLE[name]
    for at in range(len(frame)):
        for value in (0x00, 0x01, 0x0F, 0xF0, 0xFF):
            mutated = bytearray(frame)
            mutated[at] = value
            check(bytes(mutated), len(frame), link_type)


def test_a_decoder_survives_a_flood_of_everything() -> None:
    rng = random.Random(5)
    source = [*WHOLE.values(), *TUNNELS.values()]
    decoder = Decoder()
    total = 0
    for _ in range(4):
        flood = []
        for _ in range(1000):
            frame, link_type = rng.choice(source)
            mutated = bytearray(frame[: rng.randrange(len(frame) + 1)])
            for _ in range(rng.randrange(4) if mutated else 0):
                mutated[rng.randrange(len(mutated))] = rng.randrange(256)
            flood.append((bytes(mutated), link_type if rng.random() < 0.9 else rng.randrange(300)))
        batch = batch_of(*flood)
        decoder.begin(batch)
        for i in range(batch.count):
            assert decoder.decode(batch, i) != result.OTHER
        decoder.end()
        total += batch.count
    assert decoder.tcp_segments + sum(decoder.skipped().values()) == total
    assert decoder.tcp_segments > 100
