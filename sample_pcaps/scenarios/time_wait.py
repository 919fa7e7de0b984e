"""TIME_WAIT: piles of it, reuse of its port, and its early death (RFC 9293 section 3.6.1, RFC 1337)."""

from __future__ import annotations

from .script import LINK_RAW_IP, Capture, Endpoint, clean_connection, exchange, handshake, shows


def closed_by_server(c: Endpoint, s: Endpoint) -> None:
    """11 segments; the server is left in TIME_WAIT."""
    handshake(c, s)
    exchange(c, s)
    s.fin()
    c.ack()
    c.fin()
    s.ack()


@shows("S19")
def time_wait_pile(capture: Capture) -> None:
    """A client without a connection pool: 1,100 short connections to one destination in 44 seconds.

    It closes first each time, so 1,100 of its ports are in TIME_WAIT at once.
    Raw IP, headers only.
    """
    capture.link_type, capture.snap_bytes = LINK_RAW_IP, 40
    for number in range(1100):
        c, s, _ = capture.connection(
            f"10.0.0.10:{32768 + 2 * number}", "10.0.0.20:8080", at=0.04 * number, server_ms=0.2
        )
        c.timestamps = s.timestamps = False
        handshake(c, s)
        c.data(150)
        s.data(420)
        c.fin()
        s.fin()
        c.ack()


@shows("S20")
def time_wait_reuse_accepted(capture: Capture) -> None:
    """The client comes back from the same port while the server is in TIME_WAIT; newer numbers, so it is
    accepted.
    """
    c, s, wait = capture.connection("10.0.0.10:44000", "10.0.0.20:80")
    closed_by_server(c, s)
    wait(8)
    c.forget((c.snd_nxt + 250_000) & 0xFFFFFFFF)
    s.forget()
    handshake(c, s)
    exchange(c, s)


@shows("S20")
def time_wait_reuse_by_client(capture: Capture) -> None:
    """The client reuses its own port out of TIME_WAIT (Linux: net.ipv4.tcp_tw_reuse)."""
    c, s, wait = capture.connection("10.0.0.10:44001", "10.0.0.20:80")
    handshake(c, s)
    exchange(c, s)
    c.fin()
    s.ack()
    s.fin()
    c.ack()
    wait(3)
    c.forget((c.snd_nxt + 250_000) & 0xFFFFFFFF)
    s.forget()
    handshake(c, s)
    exchange(c, s)


@shows("S20")
def time_wait_reuse_refused(capture: Capture) -> None:
    """The client comes back with a number below the old connection's: TIME_WAIT answers with its last ACK.

    The client does not know that ACK and resets it, which kills the TIME_WAIT
    (RFC 1337); its SYN, sent again a second later, is accepted.
    """
    c, s, wait = capture.connection("10.0.0.10:44002", "10.0.0.20:80")
    c.timestamps = s.timestamps = False
    closed_by_server(c, s)
    wait(8)
    c.forget((c.snd_nxt - 90_000_000) & 0xFFFFFFFF)
    c.syn(arrives=False)
    c.rst_to(s.ack(arrives=False))
    s.forget()
    wait(1)
    c.syn()
    s.syn_ack()
    c.ack()
    exchange(c, s)


@shows("S20", "S9")
def time_wait_assassination(capture: Capture) -> None:
    """An old duplicate of the server's data arrives in the client's TIME_WAIT (RFC 1337 figure 1).

    The client acknowledges once more; the server, long CLOSED, resets that, and the TIME_WAIT is gone.
    """
    c, s, wait = capture.connection("10.0.0.10:44003", "10.0.0.20:80")
    handshake(c, s)
    c.data(200)
    s.ack()
    old = s.data(600)
    c.ack()
    c.fin()
    s.ack()
    s.fin()
    c.ack()
    wait(4)
    s.delayed_copy(old)
    s.rst_to(c.ack())
    clean_connection(capture, "10.0.0.10:44004", "10.0.0.20:80", at=70)
