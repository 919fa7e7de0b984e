"""The figures of one endpoint, where tcptrace's captures do not reach."""

from __future__ import annotations

import pytest

from tcptrace_py.tcp.compat.tcptrace import Stats
from tcptrace_py.wire.segment import Segment
from tests.segments import ADDRESS, Passing

MS = 1_000_000
ISN = 0xFFFFFF00  # sequence numbers wrap within the first data


class Talk(Passing):
    """Figures of both endpoints, from segments 1 ms apart; a SYN has number 0, the first data 1."""

    def __init__(self) -> None:
        super().__init__(step_ns=MS, isn=ISN, window=1000)
        self.a = Stats()
        self.b = Stats()

    def sees(self, segment: Segment) -> None:
        ends = (self.a, self.b) if segment.src_port == ADDRESS["c"][1] else (self.b, self.a)
        ends[0].sends(ends[1], segment)


OPEN = "c SYN 0 mss_bytes=1460\ns SYN+ACK 0 1\nc ACK 1 1\n"


@pytest.fixture
def talk() -> Talk:
    return Talk().play(OPEN)


def test_handshake_and_plain_data(talk: Talk) -> None:
    talk.play("c ACK+PSH 1 1 400\n+0.019\ns ACK 1 401")
    a, b = talk.a, talk.b
    assert (a.syns, b.syns, a.mss_bytes, b.mss_bytes) == (1, 1, 1460, -1)
    assert (a.acks, a.pure_acks, b.acks, b.pure_acks) == (2, 1, 2, 1)
    assert (a.data_packets, a.data_bytes, a.unique_bytes, a.pushed) == (1, 400, 400, 1)
    assert (a.initial_packets, a.initial_bytes) == (1, 400)
    # The SYN gives a sample as well.
    assert (a.rtt_samples, a.rtt_least_ns, a.rtt_most_ns, a.rtt_sum_ns) == (2, 1 * MS, 20 * MS, 21 * MS)
    assert a.retransmitted_packets == a.out_of_order == a.duplicate_acks == 0


def test_a_time_of_zero_is_a_sample(talk: Talk) -> None:
    talk.step_ns = 0
    talk.play("c ACK 1 1 10\ns ACK 1 11\n+0.001\nc ACK 11 1 10\n+0.005\ns ACK 1 21")
    assert (talk.a.rtt_samples, talk.a.rtt_least_ns, talk.a.rtt_most_ns) == (3, 0, 5 * MS)


def test_what_was_sent_twice_gives_no_round_trip_time(talk: Talk) -> None:
    talk.play("c ACK 1 1 100\n+0.3\nc ACK 1 1 100\n+0.01\ns ACK 1 101")
    a = talk.a
    assert (a.retransmitted_packets, a.retransmitted_bytes, a.unique_bytes) == (1, 100, 100)
    assert (a.rtt_samples, a.ambiguous_acks) == (1, 1)


def test_nor_does_what_waited_for_a_retransmission_before_it(talk: Talk) -> None:
    talk.play("c ACK 1 1 100\nc ACK 101 1 100\ns ACK 1 1\n+0.3\nc ACK 1 1 100\ns ACK 1 201")
    a = talk.a
    assert (a.rtt_samples, a.ambiguous_acks, a.after_loss_acks, a.cumulatively_acked) == (1, 0, 1, 1)


def test_one_ack_for_two_segments_times_the_later(talk: Talk) -> None:
    talk.play("c ACK 1 1 100\n+0.05\nc ACK 101 1 100\n+0.006\ns ACK 1 201")
    assert (talk.a.cumulatively_acked, talk.a.rtt_samples, talk.a.rtt_most_ns) == (1, 2, 7 * MS)


def test_an_ack_within_a_segment_acknowledges_its_front_only(talk: Talk) -> None:
    """Segmentation offload: one large segment is captured, the peer acknowledges its parts."""
    talk.play("c ACK 1 1 3000\n+0.009\ns ACK 1 1501")
    assert talk.a.rtt_samples == 1
    talk.play("+0.009\ns ACK 1 3001")
    assert (talk.a.rtt_samples, talk.a.rtt_most_ns, talk.a.duplicate_acks) == (2, 20 * MS, 0)
    talk.play("c ACK 1 1 1500")
    assert (talk.a.retransmitted_packets, talk.a.retransmitted_bytes) == (1, 1500)


def test_a_hole_filled_later_is_out_of_order_not_retransmitted(talk: Talk) -> None:
    talk.play("c ACK 101 1 100\nc ACK 1 1 100")
    a = talk.a
    assert (a.out_of_order, a.retransmitted_packets, a.unique_bytes) == (1, 0, 200)


def test_a_segment_that_fills_a_hole_and_repeats_what_is_around_it(talk: Talk) -> None:
    talk.play("c ACK 1 1 100\nc ACK 201 1 100\nc ACK 401 1 100\nc ACK 51 1 400")
    a = talk.a
    # 51..101, 201..301 and 401..451 came before; 101..201 and 301..401 fill holes.
    assert (a.retransmitted_bytes, a.unique_bytes) == (200, 500)
    talk.play("c ACK 1 1 600")
    assert (a.retransmitted_bytes, a.unique_bytes) == (700, 600)
    assert a.retransmitted_packets == 2


def test_duplicate_acks_are_those_of_rfc_5681(talk: Talk) -> None:
    talk.play("c ACK 1 1 100\ns ACK 1 101\nc ACK 201 1 100\ns ACK 1 101\ns ACK 1 101")
    assert (talk.a.duplicate_acks, talk.a.triple_duplicate_acks) == (2, 0)
    talk.play("s ACK 1 101 window=2000  # a window update")
    talk.play("s ACK 1 101 50 window=2000  # data\ns ACK+FIN 51 101 window=2000")
    assert talk.a.duplicate_acks == 2
    talk.play("s ACK 52 101 window=2000")
    assert (talk.a.duplicate_acks, talk.a.triple_duplicate_acks) == (3, 1)


def test_syn_and_fin_take_a_number_each(talk: Talk) -> None:
    talk.play("c ACK+FIN 1 1 10\nc ACK+FIN 1 1 10\nc ACK+FIN 11 1")
    a = talk.a
    assert (a.fins, a.data_packets, a.data_bytes, a.unique_bytes) == (3, 2, 20, 10)
    assert (a.retransmitted_packets, a.retransmitted_bytes) == (2, 12)


def test_probes_of_a_closed_window_are_neither_new_nor_retransmitted(talk: Talk) -> None:
    talk.play("c ACK 1 1 100\ns ACK 1 101 window=0\n" + 3 * "c ACK 101 1 1\n")
    talk.play("s ACK 1 101 window=500\nc ACK 101 1 200")
    a = talk.a
    assert (a.zero_window_probes, a.zero_window_probe_bytes) == (3, 3)
    assert (a.unique_bytes, a.retransmitted_packets, talk.b.zero_windows) == (300, 0, 1)


SCALED = "c SYN 0 window_scale=7\ns SYN+ACK 0 1"


def test_scaled_windows_count_without_the_syn() -> None:
    talk = Talk().play(SCALED + " window_scale=2\nc ACK 1 1\nc ACK 1 1 window=10")
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
    talk = Talk().play(SCALED + "\nc ACK 1 1")
    assert (talk.a.windows, talk.a.most_window_bytes, talk.a.window_scale) == (2, 1000, 7)


def test_the_window_of_a_rst_means_nothing(talk: Talk) -> None:
    talk.play("c ACK+RST 1 1 window=0")
    assert (talk.a.windows, talk.a.zero_windows, talk.a.acks, talk.a.pure_acks) == (2, 0, 2, 1)


def test_a_rst_is_no_first_scaled_window() -> None:
    talk = Talk().play(SCALED + " window_scale=7\nc RST 1 window=0")
    assert (talk.a.windows, talk.a.most_window_bytes) == (1, 1000)


def test_idle_time_ends_with_the_capture(talk: Talk) -> None:
    talk.play("+0.039\nc ACK 1 1")
    assert talk.a.idle_ns == 40 * MS
    talk.a.settle(talk.now_ns + 30 * MS)
    assert talk.a.idle_ns == 40 * MS
    talk.a.settle(talk.now_ns + 90 * MS)
    assert talk.a.idle_ns == 90 * MS
    assert Stats().idle_ns == -1


def test_more_than_four_gigabytes(talk: Talk) -> None:
    size = 1 << 30
    for seq in range(1, 1 + 6 * size, size):
        talk.play(f"c ACK {seq} 1 {size}\ns ACK 1 {seq + size}")
    a = talk.a
    assert (a.unique_bytes, a.retransmitted_packets, a.out_of_order, a.rtt_samples) == (6 * size, 0, 0, 7)


def test_memory_is_bounded_whatever_arrives(talk: Talk) -> None:
    for n in range(3000):
        talk.play(f"c ACK {1 + n * 10} 1 5")  # a hole behind each
    for n in range(2999, 0, -1):
        talk.play(f"c ACK {1 + n * 10 - 4} 1 2")
    for n in range(3000):
        talk.play(f"s ACK 1 {1 + n * 10 + 5}")
    a = talk.a
    assert a.pieces() <= 520
    assert a.data_packets == 5999


def test_a_capture_of_one_direction_keeps_next_to_nothing() -> None:
    talk = Talk()
    for n in range(1000):
        talk.play(f"c ACK {1 + n * 100} 1 100")
    talk.play("c ACK 501 1 100")
    a = talk.a
    assert a.pieces() <= 20
    assert (a.unique_bytes, a.retransmitted_packets, a.rtt_samples) == (100_000, 1, 0)


def test_round_trip_times_go_on_when_there_is_too_much_in_flight(talk: Talk) -> None:
    talk.step_ns = 0
    for n in range(2000):
        talk.play(f"c ACK {1 + n * 100} 1 100")
    talk.play("+0.008\ns ACK 1 101\n+0.001\ns ACK 1 50001\n+0.001\ns ACK 1 200001")
    talk.play("+0.001\nc ACK 200001 1 100\n+0.003\ns ACK 1 200101")
    a = talk.a
    assert a.rtt_samples == 4  # the SYN, the first segment, the 500th and the last
    assert (a.unique_bytes, a.retransmitted_packets) == (200_100, 0)
