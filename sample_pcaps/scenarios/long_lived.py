"""Long connections: idle, probed, dead (RFC 9293 section 3.8.4)."""

from __future__ import annotations

from .script import Capture, clean_connection, exchange, handshake, shows


@shows("S18")
def keep_alive_answered(capture: Capture) -> None:
    """A connection that idles for five minutes; its keep-alive probes are answered."""
    c, s, wait = capture.connection("10.0.0.10:45000", "10.0.0.20:5432")
    handshake(c, s)
    exchange(c, s)
    for _ in range(4):
        wait(75)
        c.keep_alive()
        s.ack()
    exchange(c, s)
    c.fin()
    s.ack()
    s.fin()
    c.ack()


@shows("S18", "S9")
def keep_alive_dead_peer(capture: Capture) -> None:
    """Keep-alive probes into nothing: after five unanswered ones the client resets (Linux:
    tcp_keepalive_probes).
    """
    c, s, wait = capture.connection("10.0.0.10:45001", "10.0.0.20:5432")
    handshake(c, s)
    exchange(c, s)
    wait(60)
    for _ in range(5):
        c.keep_alive(arrives=False)
        wait(10)
    c.rst(arrives=False)


@shows("S23")
def dead_connection(capture: Capture) -> None:
    """A connection that just dies: data retransmitted seven times, no FIN, no RST, nothing."""
    c, s, wait = capture.connection("10.0.0.10:45002", "10.0.0.20:5432")
    handshake(c, s)
    exchange(c, s)
    wait(20)
    data = c.data(250, arrives=False)
    c.repeat(7, 0.2, data, arrives=False)
    clean_connection(capture, "10.0.0.10:45003", "10.0.0.21:5432", at=60)


@shows("S18")
def short_and_long(capture: Capture) -> None:
    """Two short connections beside one that lives for two minutes, busy every twenty seconds."""
    c, s, wait = capture.connection("10.0.0.10:45010", "10.0.0.20:443")
    handshake(c, s)
    for _ in range(6):
        exchange(c, s)
        wait(20)
    s.fin()
    c.fin()
    s.ack()
    clean_connection(capture, "10.0.0.10:45011", "10.0.0.20:443", at=10)
    clean_connection(capture, "10.0.0.10:45012", "10.0.0.20:443", at=30)
