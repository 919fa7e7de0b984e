"""The figures of one endpoint, where tcptrace's captures do not reach."""

from __future__ import annotations

import pytest

from tcptrace_py.tcp.compat.tcptrace import Stats
from tcptrace_py.wire.segment import ACK, FIN, PSH, RST, SYN, Segment

MS = 1_000_000
ISN = 0xFFFFFF00  # sequence numbers wrap within the first data


class Talk:
    """Two endpoints' figures, and segments between them, 1 ms apart unless told."""

    def __init__(self) -> None:
        self.a = Stats()
        self.b = Stats()
        self.now_ns = 1_700_000_000_000_000_000

    def send(
        self,
        offset: int = 0,
        size: int = 0,
        ack: int = 0,
        flags: int = ACK,
        *,
        after_ms: int = 1,
        **fields: int,
    ) -> None:
        """From a to b: ``size`` bytes at ``offset``, acknowledging ``ack`` bytes of the other side."""
        self._pass(self.a, self.b, offset, size, ack, flags, after_ms, fields)

    def answer(
        self,
        offset: int = 0,
        size: int = 0,
        ack: int = 0,
        flags: int = ACK,
        *,
        after_ms: int = 1,
        **fields: int,
    ) -> None:
        self._pass(self.b, self.a, offset, size, ack, flags, after_ms, fields)

    def open(self, *, scale: int = -1, answered_scale: int = -1) -> None:
        self.send(-1, flags=SYN, window_scale=scale, mss_bytes=1460)
        self.answer(-1, flags=SYN | ACK, window_scale=answered_scale)
        self.send()

    def _pass(
        self,
        sender: Stats,
        receiver: Stats,
        offset: int,
        size: int,
        ack: int,
        flags: int,
        after_ms: int,
        fields: dict[str, int],
    ) -> None:
        self.now_ns += after_ms * MS
        segment = Segment()
        segment.ts_ns = self.now_ns
        segment.seq = (ISN + 1 + offset) & 0xFFFFFFFF
        segment.ack = (ISN + 1 + ack) & 0xFFFFFFFF if flags & ACK else 0
        segment.flags = flags
        segment.payload_bytes = size
        segment.window = 1000
        for name, value in fields.items():
            setattr(segment, name, value)
        sender.sends(receiver, segment)


@pytest.fixture
def talk() -> Talk:
    talk = Talk()
    talk.open()
    return talk


def test_handshake_and_plain_data(talk: Talk) -> None:
    talk.send(0, 400, flags=ACK | PSH)
    talk.answer(ack=400, after_ms=20)
    a, b = talk.a, talk.b
    assert (a.syns, b.syns, a.mss_bytes, b.mss_bytes) == (1, 1, 1460, -1)
    assert (a.acks, a.pure_acks, b.acks, b.pure_acks) == (2, 1, 2, 1)
    assert (a.data_packets, a.data_bytes, a.unique_bytes, a.pushed) == (1, 400, 400, 1)
    assert (a.initial_packets, a.initial_bytes) == (1, 400)
    # The SYN gives a sample as well.
    assert (a.rtt_samples, a.rtt_least_ns, a.rtt_most_ns, a.rtt_sum_ns) == (2, 1 * MS, 20 * MS, 21 * MS)
    assert a.retransmitted_packets == a.out_of_order == a.duplicate_acks == 0


def test_a_time_of_zero_is_a_sample(talk: Talk) -> None:
    talk.send(0, 10)
    talk.answer(ack=10, after_ms=0)
    talk.send(10, 10)
    talk.answer(ack=20, after_ms=5)
    assert (talk.a.rtt_samples, talk.a.rtt_least_ns, talk.a.rtt_most_ns) == (3, 0, 5 * MS)


def test_what_was_sent_twice_gives_no_round_trip_time(talk: Talk) -> None:
    talk.send(0, 100)
    talk.send(0, 100, after_ms=300)
    talk.answer(ack=100, after_ms=10)
    a = talk.a
    assert (a.retransmitted_packets, a.retransmitted_bytes, a.unique_bytes) == (1, 100, 100)
    assert (a.rtt_samples, a.ambiguous_acks) == (1, 1)


def test_nor_does_what_waited_for_a_retransmission_before_it(talk: Talk) -> None:
    talk.send(0, 100)
    talk.send(100, 100)
    talk.answer(ack=0)
    talk.send(0, 100, after_ms=300)
    talk.answer(ack=200)
    a = talk.a
    assert (a.rtt_samples, a.ambiguous_acks, a.after_loss_acks, a.cumulatively_acked) == (1, 0, 1, 1)


def test_one_ack_for_two_segments_times_the_later(talk: Talk) -> None:
    talk.send(0, 100)
    talk.send(100, 100, after_ms=50)
    talk.answer(ack=200, after_ms=7)
    assert (talk.a.cumulatively_acked, talk.a.rtt_samples, talk.a.rtt_most_ns) == (1, 2, 7 * MS)


def test_an_ack_within_a_segment_acknowledges_its_front_only(talk: Talk) -> None:
    """Segmentation offload: one large segment is captured, the peer acknowledges its parts."""
    talk.send(0, 3000)
    talk.answer(ack=1500, after_ms=10)
    assert talk.a.rtt_samples == 1
    talk.answer(ack=3000, after_ms=10)
    assert (talk.a.rtt_samples, talk.a.rtt_most_ns, talk.a.duplicate_acks) == (2, 20 * MS, 0)
    talk.send(0, 1500)
    assert (talk.a.retransmitted_packets, talk.a.retransmitted_bytes) == (1, 1500)


def test_a_hole_filled_later_is_out_of_order_not_retransmitted(talk: Talk) -> None:
    talk.send(100, 100)
    talk.send(0, 100)
    a = talk.a
    assert (a.out_of_order, a.retransmitted_packets, a.unique_bytes) == (1, 0, 200)


def test_a_segment_that_fills_a_hole_and_repeats_what_is_around_it(talk: Talk) -> None:
    talk.send(0, 100)
    talk.send(200, 100)
    talk.send(400, 100)
    talk.send(50, 400)
    a = talk.a
    # 50..100, 200..300 and 400..450 came before; 100..200 and 300..400 fill holes.
    assert (a.retransmitted_bytes, a.unique_bytes) == (200, 500)
    talk.send(0, 600)
    assert (a.retransmitted_bytes, a.unique_bytes) == (700, 600)
    assert a.retransmitted_packets == 2


def test_duplicate_acks_are_those_of_rfc_5681(talk: Talk) -> None:
    talk.send(0, 100)
    talk.answer(ack=100)
    talk.send(200, 100)
    talk.answer(ack=100)
    talk.answer(ack=100)
    assert (talk.a.duplicate_acks, talk.a.triple_duplicate_acks) == (2, 0)
    talk.answer(ack=100, window=2000)  # a window update
    talk.answer(0, 50, ack=100, window=2000)  # data
    talk.answer(50, ack=100, window=2000, flags=ACK | FIN)
    assert talk.a.duplicate_acks == 2
    talk.answer(51, ack=100, window=2000)
    assert (talk.a.duplicate_acks, talk.a.triple_duplicate_acks) == (3, 1)


def test_syn_and_fin_take_a_number_each(talk: Talk) -> None:
    talk.send(0, 10, flags=ACK | FIN)
    talk.send(0, 10, flags=ACK | FIN)
    talk.send(10, flags=ACK | FIN)
    a = talk.a
    assert (a.fins, a.data_packets, a.data_bytes, a.unique_bytes) == (3, 2, 20, 10)
    assert (a.retransmitted_packets, a.retransmitted_bytes) == (2, 12)


def test_probes_of_a_closed_window_are_neither_new_nor_retransmitted(talk: Talk) -> None:
    talk.send(0, 100)
    talk.answer(ack=100, window=0)
    for _ in range(3):
        talk.send(100, 1)
    talk.answer(ack=100, window=500)
    talk.send(100, 200)
    a = talk.a
    assert (a.zero_window_probes, a.zero_window_probe_bytes) == (3, 3)
    assert (a.unique_bytes, a.retransmitted_packets, talk.b.zero_windows) == (300, 0, 1)


def test_scaled_windows_count_without_the_syn() -> None:
    talk = Talk()
    talk.open(scale=7, answered_scale=2)
    talk.send(window=10)
    a, b = talk.a, talk.b
    assert (a.windows, a.least_window_bytes, a.most_window_bytes, a.windows_sum) == (
        2,
        1280,
        128_000,
        129_280,
    )
    # Its SYN+ACK is all that b sent.
    assert (b.windows, b.most_window_bytes) == (1, 1000)


def test_a_window_is_not_scaled_unless_both_offer_it() -> None:
    talk = Talk()
    talk.open(scale=7)
    assert (talk.a.windows, talk.a.most_window_bytes, talk.a.window_scale) == (2, 1000, 7)


def test_the_window_of_a_rst_means_nothing(talk: Talk) -> None:
    talk.send(flags=ACK | RST, window=0)
    assert (talk.a.windows, talk.a.zero_windows, talk.a.acks, talk.a.pure_acks) == (2, 0, 2, 1)


def test_a_rst_is_no_first_scaled_window() -> None:
    talk = Talk()
    talk.send(-1, flags=SYN, window_scale=7)
    talk.answer(-1, flags=SYN | ACK, window_scale=7)
    talk.send(flags=RST, window=0)
    assert (talk.a.windows, talk.a.most_window_bytes) == (1, 1000)


def test_idle_time_ends_with_the_capture(talk: Talk) -> None:
    talk.send(after_ms=40)
    assert talk.a.idle_ns == 40 * MS
    talk.a.settle(talk.now_ns + 30 * MS)
    assert talk.a.idle_ns == 40 * MS
    talk.a.settle(talk.now_ns + 90 * MS)
    assert talk.a.idle_ns == 90 * MS
    assert Stats().idle_ns == -1


def test_more_than_four_gigabytes(talk: Talk) -> None:
    size = 1 << 30
    for n in range(6):
        talk.send(n * size, size)
        talk.answer(ack=(n + 1) * size)
    a = talk.a
    assert (a.unique_bytes, a.retransmitted_packets, a.out_of_order, a.rtt_samples) == (6 * size, 0, 0, 7)


def test_memory_is_bounded_whatever_arrives(talk: Talk) -> None:
    for n in range(3000):
        talk.send(n * 10, 5)  # a hole behind each
    for n in range(2999, 0, -1):
        talk.send(n * 10 - 4, 2)
    for n in range(3000):
        talk.answer(ack=n * 10 + 5)
    a = talk.a
    assert a.pieces() <= 520
    assert a.data_packets == 5999


def test_a_capture_of_one_direction_keeps_next_to_nothing() -> None:
    talk = Talk()
    for n in range(1000):
        talk.send(n * 100, 100)
    talk.send(500, 100)
    a = talk.a
    assert a.pieces() <= 20
    assert (a.unique_bytes, a.retransmitted_packets, a.rtt_samples) == (100_000, 1, 0)


def test_round_trip_times_go_on_when_there_is_too_much_in_flight(talk: Talk) -> None:
    for n in range(2000):
        talk.send(n * 100, 100, after_ms=0)
    talk.answer(ack=100, after_ms=8)
    talk.answer(ack=50_000)
    talk.answer(ack=200_000)
    talk.send(200_000, 100)
    talk.answer(ack=200_100, after_ms=3)
    a = talk.a
    assert a.rtt_samples == 4  # the SYN, the first segment, the 500th and the last
    assert (a.unique_bytes, a.retransmitted_packets) == (200_100, 0)
