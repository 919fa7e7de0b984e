"""The figures of tcptrace's long report, one set for each endpoint, as the report shows them."""

from __future__ import annotations

from math import sqrt

from msgspec import Struct

from tcptrace_py.tcp.compat.tcptrace import Stats


class SegmentSizes(Struct, gc=False):
    """Payload bytes of the segments that carried any."""

    least_bytes: int
    mean_bytes: float
    most_bytes: int


class Windows(Struct, gc=False):
    """Receive windows that the endpoint announced, in bytes, scaled as both SYNs agreed.

    Of ``announced`` segments: those with ACK or SYN and without RST; where scaling is in use
    without the SYNs, whose window is never scaled (RFC 7323 section 2.2). ``least_bytes``: the
    smallest but 0; null where all were 0. ``zero``: segments with ACK that announced 0.
    """

    announced: int
    least_bytes: int | None
    mean_bytes: float
    most_bytes: int
    zero: int


class InitialWindow(Struct, gc=False):
    """Data sent before the peer acknowledged any (RFC 5681 section 3.1 bounds it)."""

    packets: int
    bytes: int


class RoundTrips(Struct, gc=False):
    """From this endpoint's segments to the peer's ACKs for them, both seen at the vantage point.

    An ACK gives a sample if it ends where one segment ended, that was sent once (Karn, RFC 6298
    section 3); ``ambiguous``: ACKs for what was sent more than once. ``after_loss``: ACKs that
    came late because something before was sent again. The deviation is that of a sample (n - 1),
    null with less than two.
    """

    samples: int
    least_s: float | None
    mean_s: float | None
    most_s: float | None
    deviation_s: float | None
    ambiguous: int
    after_loss: int


class EndpointStats(Struct, gc=False):
    """What one endpoint sent, and how its peer acknowledged it; without frames captured twice.

    ``acks``: segments with ACK; ``pure_acks``: nothing else in them (no data, SYN, FIN or RST).
    ``sack_packets``: those with SACK blocks, at most ``most_sack_blocks`` in one. Bytes are
    payload; ``unique_bytes`` without what was sent before. ``retransmitted_packets``: segments
    with sequence space sent before, SYN and FIN too, and ``retransmitted_bytes`` of it (SYN and
    FIN take one each). ``zero_window_probes``: segments with data, SYN or FIN against a closed
    window; neither unique nor retransmitted. ``out_of_order``: segments that filled a hole.
    ``pushed``: data with PSH. ``mss_bytes``, ``window_scale`` (the shift count),
    ``sack_permitted``, ``timestamps``: options that it sent, the first three in its SYN.
    ``idle_s``: longest time between two of its segments, up to the end of the capture where it
    is open then. ``data_s``: from its first data to its last. ``throughput_bytes_per_s``:
    ``unique_bytes`` over the time from the connection's first segment to its last.

    Of the peer's segments: ``cumulatively_acked``: segments of this endpoint that were
    acknowledged together with a later one. ``duplicate_acks`` (RFC 5681 section 2): the same ACK
    again with the same window, and nothing else; the third of a row is one of
    ``triple_duplicate_acks``.
    """

    acks: int
    pure_acks: int
    sack_packets: int
    most_sack_blocks: int
    syns: int
    fins: int
    mss_bytes: int | None
    window_scale: int | None
    sack_permitted: bool
    timestamps: bool
    data_packets: int
    data_bytes: int
    unique_bytes: int
    pushed: int
    segments: SegmentSizes | None
    retransmitted_packets: int
    retransmitted_bytes: int
    out_of_order: int
    zero_window_probes: int
    zero_window_probe_bytes: int
    initial_window: InitialWindow
    windows: Windows | None
    idle_s: float | None
    data_s: float | None
    throughput_bytes_per_s: float | None
    rtt: RoundTrips
    cumulatively_acked: int
    duplicate_acks: int
    triple_duplicate_acks: int


def endpoint_stats(stats: Stats, lasted_ns: int) -> EndpointStats:
    """``lasted_ns``: from the connection's first segment to its last."""
    windows = None
    if stats.windows:
        windows = Windows(
            announced=stats.windows,
            least_bytes=stats.least_window_bytes or None,
            mean_bytes=round(stats.windows_sum / stats.windows, 3),
            most_bytes=stats.most_window_bytes,
            zero=stats.zero_windows,
        )
    segments = None
    if stats.data_packets:
        segments = SegmentSizes(
            least_bytes=stats.least_segment_bytes,
            mean_bytes=round(stats.data_bytes / stats.data_packets, 3),
            most_bytes=stats.most_segment_bytes,
        )
    return EndpointStats(
        acks=stats.acks,
        pure_acks=stats.pure_acks,
        sack_packets=stats.sack_packets,
        most_sack_blocks=stats.most_sack_blocks,
        syns=stats.syns,
        fins=stats.fins,
        mss_bytes=stats.mss_bytes if stats.mss_bytes >= 0 else None,
        window_scale=stats.window_scale if stats.window_scale >= 0 else None,
        sack_permitted=bool(stats.sack_permitted),
        timestamps=bool(stats.timestamps),
        data_packets=stats.data_packets,
        data_bytes=stats.data_bytes,
        unique_bytes=stats.unique_bytes,
        pushed=stats.pushed,
        segments=segments,
        retransmitted_packets=stats.retransmitted_packets,
        retransmitted_bytes=stats.retransmitted_bytes,
        out_of_order=stats.out_of_order,
        zero_window_probes=stats.zero_window_probes,
        zero_window_probe_bytes=stats.zero_window_probe_bytes,
        initial_window=InitialWindow(packets=stats.initial_packets, bytes=stats.initial_bytes),
        windows=windows,
        idle_s=stats.idle_ns / 1e9 if stats.idle_ns >= 0 else None,
        data_s=(stats.last_data_ns - stats.first_data_ns) / 1e9 if stats.data_packets else None,
        throughput_bytes_per_s=round(stats.unique_bytes * 1e9 / lasted_ns, 3) if lasted_ns > 0 else None,
        rtt=_round_trips(stats),
        cumulatively_acked=stats.cumulatively_acked,
        duplicate_acks=stats.duplicate_acks,
        triple_duplicate_acks=stats.triple_duplicate_acks,
    )


def _round_trips(stats: Stats) -> RoundTrips:
    samples = stats.rtt_samples
    sum_s = stats.rtt_sum_ns / 1e9
    deviation_s = None
    if samples > 1:
        deviation_s = round(sqrt(max(stats.rtt_squares_s2 - sum_s * sum_s / samples, 0.0) / (samples - 1)), 9)
    return RoundTrips(
        samples=samples,
        least_s=stats.rtt_least_ns / 1e9 if samples else None,
        mean_s=round(sum_s / samples, 9) if samples else None,
        most_s=stats.rtt_most_ns / 1e9 if samples else None,
        deviation_s=deviation_s,
        ambiguous=stats.ambiguous_acks,
        after_loss=stats.after_loss_acks,
    )
