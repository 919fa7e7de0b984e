"""What a hostile sender may do with one four-tuple: endless segments, made one after the other.

Each flood is a function of the number of the segment; ``many`` spreads the same segments over as many
four-tuples, for comparison.
"""

from __future__ import annotations

import random
from collections.abc import Callable

from tcptrace_py.wire.segment import ACK, FIN, PSH, RST, SYN, Segment

#: (of the client, flags, sequence number, acknowledgment number, payload bytes)
Made = tuple[bool, int, int, int, int]

_FLAGS = (SYN, SYN | ACK, ACK, PSH | ACK, FIN | ACK, RST, RST | ACK, FIN, SYN | FIN, SYN | RST, 0)


def _syns(i: int) -> Made:
    return True, SYN, i * 7919, 0, 0


def _refused(i: int) -> Made:
    isn = i // 2 * 7919
    return (False, RST | ACK, 0, isn + 1, 0) if i % 2 else (True, SYN, isn, 0, 0)


def _reused(i: int) -> Made:
    """Whole connections, one after the other, each ended by a RST."""
    use, step = divmod(i, 4)
    isn = use * 7_000_003
    return (
        (True, SYN, isn, 0, 0),
        (False, SYN | ACK, isn + 1_000_000, isn + 1, 0),
        (True, ACK, isn + 1, isn + 1_000_001, 10),
        (True, RST | ACK, isn + 11, isn + 1_000_001, 0),
    )[step]


def _closed(i: int) -> Made:
    """Whole connections, one after the other, each of which leaves TIME_WAIT behind."""
    use, step = divmod(i, 6)
    isn = use * 7_000_003
    return (
        (True, SYN, isn, 0, 0),
        (False, SYN | ACK, isn + 1_000_000, isn + 1, 0),
        (True, ACK, isn + 1, isn + 1_000_001, 0),
        (True, FIN | ACK, isn + 1, isn + 1_000_001, 0),
        (False, FIN | ACK, isn + 1_000_001, isn + 2, 0),
        (True, ACK, isn + 2, isn + 1_000_002, 0),
    )[step]


def _half_open(i: int) -> Made:
    """SYNs that are all answered and never acknowledged."""
    isn = i // 2 * 7919
    return (False, SYN | ACK, isn * 31, isn + 1, 0) if i % 2 else (True, SYN, isn, 0, 0)


def _opened(step: int) -> Made:
    return (
        (True, SYN, 1000, 0, 0),
        (False, SYN | ACK, 5000, 1001, 0),
        (True, ACK, 1001, 5001, 0),
    )[step]


def _stale(i: int) -> Made:
    """SYNs with ever new numbers in an established connection."""
    return _opened(i) if i < 3 else (True, SYN, 100_000_000 + i * 7919, 0, 0)


def _resets(i: int) -> Made:
    """RSTs in the window of an established connection, which goes on."""
    if i < 3:
        return _opened(i)
    return (True, RST, 1001 + i % 60_000, 0, 0) if i % 2 else (False, ACK, 5001, 1001, 0)


def _exact_resets(i: int) -> Made:
    """RSTs with the exact number, after each of which their sender goes on."""
    if i < 3:
        return _opened(i)
    sent = 1001 + i // 3
    return (
        (True, RST, sent, 0, 0),
        (True, ACK, sent, 5001, 1),
        (False, ACK, 5001, sent + 1, 0),
    )[i % 3]


def _holes(i: int) -> Made:
    return _opened(i) if i < 3 else (True, ACK, 1001 + 20 * i, 5001, 10)


def _holes_filled_backwards(i: int) -> Made:
    if i < 3:
        return _opened(i)
    round_, step = divmod(i, 200)
    at = 1001 + 200_000 * round_
    return (True, ACK, at + 100_000 if step == 0 else at + 100_000 - 20 * step, 5001, 10)


def _tail_again(i: int) -> Made:
    """Many segments without an ACK, and then the last of them again and again."""
    return _opened(i) if i < 3 else (True, ACK, 1001 + 10 * min(i, 100), 5001, 10)


def _fins(i: int) -> Made:
    """FINs and data that show that none of them was meant."""
    if i < 3:
        return _opened(i)
    return (True, FIN | ACK if i % 2 else ACK, 1001 + i, 5001, 1)


def _chaos(numbers: int, spread: int, seed: int) -> Callable[[int], Made]:
    """Any flags with any of a few numbers, ``spread`` apart."""

    def made(i: int) -> Made:
        drawn = random.Random(seed * 1_000_003 + i)
        return (
            drawn.random() < 0.5,
            drawn.choice(_FLAGS),
            drawn.randrange(numbers) * spread,
            drawn.randrange(numbers) * spread,
            drawn.choice((0, 0, 1, 10, 1400)),
        )

    return made


FLOODS: dict[str, Callable[[int], Made]] = {
    "SYNs": _syns,
    "SYNs refused": _refused,
    "SYNs answered": _half_open,
    "reused after RST": _reused,
    "reused in TIME_WAIT": _closed,
    "stale SYNs": _stale,
    "RSTs in the window": _resets,
    "RSTs exact": _exact_resets,
    "holes": _holes,
    "holes filled backwards": _holes_filled_backwards,
    "the tail again": _tail_again,
    "FINs": _fins,
    "chaos near": _chaos(40, 1, 1),
    "chaos far": _chaos(1 << 16, 1 << 16, 2),
    "chaos in windows": _chaos(64, 1000, 3),
}


def fill(segment: Segment, i: int, flood: str, *, many: bool = False, step_ns: int = 1_000_000) -> None:
    """Segment number ``i`` (from 0) of a flood, ``step_ns`` after the one before."""
    from_client, flags, seq, ack, payload_bytes = FLOODS[flood](i)
    client = (0x0A000001 + (i if many else 0), 40000)
    server = (0x0A800001, 80)
    segment.ip_version = 4
    segment.src_lo, segment.src_port = client if from_client else server
    segment.dst_lo, segment.dst_port = server if from_client else client
    segment.flags = flags
    segment.seq = seq & 0xFFFFFFFF
    segment.ack = ack & 0xFFFFFFFF
    segment.payload_bytes = payload_bytes
    segment.window = 65535
    segment.ts_ns = 1_700_000_000_000_000_000 + i * step_ns
    segment.frame = i + 1
    segment.ip_id = i & 0xFFFF
