"""Captures as they are: wrapped numbers, mirrors, gaps, tags, cuts, pick-ups in mid-stream."""

from __future__ import annotations

from collections.abc import Callable

from .script import (
    LINK_ETHERNET,
    LINK_RAW_IP,
    Capture,
    Endpoint,
    clean_connection,
    exchange,
    handshake,
    shows,
)


@shows("S1", "S3")
def isn_wraps(capture: Capture) -> None:
    """Both ISNs just below 2^32: the numbers wrap in the data and, on the server's side, in the FIN."""
    c, s, _ = capture.connection("10.0.0.10:46000", "10.0.0.20:80")
    c.forget(2**32 - 100)
    s.forget(2**32 - 642)
    handshake(c, s)
    exchange(c, s)
    c.fin()
    s.ack()
    s.fin()
    c.ack()


@shows("S1", "S3")
def duplicate_frames(capture: Capture) -> None:
    """A mirror port that copies each frame twice: duplicates, not retransmissions."""
    capture.twice = True
    clean_connection(capture, "10.0.0.10:46001", "10.0.0.20:80", at=0)


@shows("S1", "S21")
def one_direction(capture: Capture) -> None:
    """Asymmetric routing: only what the client sends is seen."""
    c, s, _ = capture.connection("10.0.0.10:46002", "10.0.0.20:80")
    s.seen = False
    handshake(c, s)
    exchange(c, s)
    c.fin()
    s.ack()
    s.fin()
    c.ack()


@shows("S3")
def gap_in_capture(capture: Capture) -> None:
    """The capture missed a client's segment and its ACK, just before the client acknowledges the server's
    FIN.
    """
    c, s, wait = capture.connection("10.0.0.10:46003", "10.0.0.20:80")
    handshake(c, s)
    exchange(c, s)
    s.fin(arrives=False)
    late = s.last
    c.data(100, seen=False)
    s.ack(seen=False)
    assert late is not None
    c.gets(late)
    c.ack()
    wait(0.1)
    c.fin()
    s.ack()


@shows("S3")
def ack_of_unseen_fin(capture: Capture) -> None:
    """The server's FIN was missed; the client's ACK of it is there, one number beyond all that was seen."""
    c, s, _ = capture.connection("10.0.0.10:46004", "10.0.0.20:80")
    handshake(c, s)
    exchange(c, s)
    c.fin()
    s.ack()
    s.fin(seen=False)
    c.ack()


@shows("S3")
def fin_out_of_order(capture: Capture) -> None:
    """The segment before the FIN is lost before the vantage point.

    The server's ACK of what it had is no ACK of the FIN; CLOSE_WAIT begins only when the gap is filled.
    """
    c, s, wait = capture.connection("10.0.0.10:46005", "10.0.0.20:80", client_ms=12, server_ms=0.02)
    handshake(c, s)
    exchange(c, s)
    lost = c.data(500, seen=False, arrives=False)
    c.fin()
    s.ack()
    wait(0.2)
    c.again(lost)
    s.ack()
    s.fin()
    c.ack()


@shows("S3")
def time_runs_backwards(capture: Capture) -> None:
    """The capturing host's clock is set back by 0.3 s in the middle of a connection."""
    capture.in_order_of_writing = True
    c, s, wait = capture.connection("10.0.0.10:46006", "10.0.0.20:80")
    handshake(c, s)
    c.data(180)
    capture.clock_error_ns = -300_000_000
    s.ack()
    s.data(640)
    c.ack()
    wait(1)
    c.fin()
    s.ack()
    s.fin()
    c.ack()


@shows("S3")
def snaplen_cut(capture: Capture) -> None:
    """Only 68 bytes of each frame were kept: bytes are counted by the IP length."""
    capture.snap_bytes = 68
    c, s, _ = capture.connection("10.0.0.10:46007", "10.0.0.20:80")
    handshake(c, s)
    exchange(c, s, 180, 5000)
    c.fin()
    s.ack()
    s.fin()
    c.ack()


@shows("S3")
def vlan(capture: Capture) -> None:
    """VLAN 42 on what the client sends, a priority tag (VLAN 0) on the answers: one connection."""
    c, s, _ = capture.connection("10.0.0.10:46008", "10.0.0.20:80")
    steps: list[tuple[Endpoint, Callable[[], object]]] = [
        (c, c.syn),
        (s, s.syn_ack),
        (c, c.ack),
        (c, lambda: c.data(180)),
        (s, s.ack),
        (s, lambda: s.data(640)),
        (c, c.ack),
        (c, c.fin),
        (s, s.ack),
        (s, s.fin),
        (c, c.ack),
    ]
    for side, send in steps:
        # The upper three bits are the priority (IEEE 802.1Q).
        capture.vlan = 42 if side is c else 5 << 13
        send()


@shows("S3", "S9", suffix=".pcapng")
def two_interfaces(capture: Capture) -> None:
    """pcapng with nanoseconds and two interfaces, Ethernet and raw IP, a connection on each."""
    capture.nanoseconds = True
    capture.interface_link_types = [LINK_ETHERNET, LINK_RAW_IP]
    clean_connection(capture, "10.0.0.10:46009", "10.0.0.20:80", at=0)
    capture.interface = 1
    c, s, wait = capture.connection("10.8.0.2:46010", "10.8.0.1:22", at=0.001)
    handshake(c, s)
    exchange(c, s)
    wait(1)
    s.rst()


@shows("S21")
def roles_midstream(capture: Capture) -> None:
    """Who is the client when no SYN was seen.

    A connection to a listener that was seen accepting earlier, although its port is
    the higher one; one to a well-known port whose server speaks first; one between
    two high ports (the lower is taken for the server's).
    """
    clean_connection(capture, "10.0.0.10:1023", "10.0.0.20:50051", at=0)
    c, s, _ = capture.connection("10.0.0.11:40100", "10.0.0.20:50051", at=1)
    s.gets(c.syn(seen=False))
    c.gets(s.syn_ack(seen=False))
    s.gets(c.ack(seen=False))
    exchange(c, s)
    c, s, _ = capture.connection("10.0.0.11:40101", "10.0.0.21:443", at=2)
    s.gets(c.syn(seen=False))
    c.gets(s.syn_ack(seen=False))
    s.data(300)
    c.ack()
    c, s, _ = capture.connection("10.0.0.11:40102", "10.0.0.22:30000", at=3)
    s.gets(c.syn(seen=False))
    c.gets(s.syn_ack(seen=False))
    exchange(c, s)
    c.fin()
    s.ack()
    s.fin()
    c.ack()


@shows("S9", "S21")
def reset_midstream(capture: Capture) -> None:
    """The capture begins with the RST that ends a connection."""
    c, s, _ = capture.connection("10.0.0.10:46020", "10.0.0.20:80")
    s.gets(c.syn(seen=False))
    c.gets(s.syn_ack(seen=False))
    s.rst()
