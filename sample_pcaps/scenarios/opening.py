"""How connections begin, or fail to (RFC 9293 section 3.5)."""

from __future__ import annotations

from .script import Capture, clean_connection, exchange, handshake, shows


@shows("S1")
def three_way_handshake(capture: Capture) -> None:
    """SYN x; SYN+ACK y, x+1; ACK y+1; then a request. Seen in the middle: 2 ms to the client, 8 ms to the
    server.
    """
    c, s, _ = capture.connection("10.0.0.10:40000", "10.0.0.20:80", client_ms=2, server_ms=8)
    c.syn()
    s.syn_ack()
    c.ack()
    exchange(c, s)


@shows("S1")
def third_ack_lost(capture: Capture) -> None:
    """The final ACK of the handshake is lost behind the vantage point: SYN+ACK again, ACK again."""
    c, s, wait = capture.connection("10.0.0.10:40001", "10.0.0.20:80")
    c.syn()
    s.syn_ack()
    c.ack(arrives=False)
    wait(1.0)
    s.syn_ack()
    c.ack()
    exchange(c, s)


@shows("S1")
def syn_retransmitted(capture: Capture) -> None:
    """The first SYN is lost behind the vantage point; the second, with the same ISN, is answered."""
    c, s, wait = capture.connection("10.0.0.10:40002", "10.0.0.20:80")
    c.syn(arrives=False)
    wait(1.0)
    c.syn()
    s.syn_ack()
    c.ack()
    exchange(c, s)


@shows("S2")
def stale_duplicate_syn(capture: Capture) -> None:
    """Recovery from an old duplicate SYN (RFC 9293 figure 9), seen at the server.

    A SYN of an earlier attempt arrives late; the server answers it, the client has
    never heard of that number and resets it. Then the client's real SYN arrives.
    """
    c, s, wait = capture.connection("10.0.0.10:40003", "10.0.0.20:80", client_ms=15, server_ms=0.02)
    c.syn()
    answer = s.syn_ack()
    c.rst_to(answer)
    wait(0.004)
    c.forget()
    s.forget()
    c.syn()
    s.syn_ack()
    c.ack()
    exchange(c, s)
    c.fin()
    s.ack()
    s.fin()
    c.ack()


@shows("S2")
def stale_syn_in_established(capture: Capture) -> None:
    """A stale SYN arrives in the middle of a living connection on the same ports.

    Seen at the server, which answers with a challenge ACK (RFC 9293 section 3.10.7.4) and goes on.
    """
    c, s, wait = capture.connection("10.0.0.10:40004", "10.0.0.20:80", client_ms=15, server_ms=0.02)
    handshake(c, s)
    exchange(c, s)
    wait(3)
    stale, _, _ = capture.connection("10.0.0.10:40004", "10.0.0.20:80", at=3.2, client_ms=15)
    stale.isn = (c.isn - 5_000_000) & 0xFFFFFFFF
    stale.syn()
    c.clock.until(3.20005)
    s.ack()
    wait(0.5)
    exchange(c, s)


@shows("S7")
def simultaneous_open(capture: Capture) -> None:
    """Both sides send SYN before the other's arrives (RFC 9293 figure 7), seen half-way."""
    c, s, wait = capture.connection("10.0.0.10:7000", "10.0.0.20:7001", client_ms=10, server_ms=10)
    first = c.syn(arrives=False)
    second = s.syn(arrives=False)
    s.gets(first)
    c.gets(second)
    c.syn_ack(arrives=False)
    s.syn_ack(arrives=False)
    c.ack()
    s.ack()
    exchange(c, s)


@shows("S10")
def syn_rcvd_to_fin_wait_1(capture: Capture) -> None:
    """The server closes before the third ACK has come: SYN_RCVD to FIN_WAIT_1, never ESTABLISHED.

    Seen at the server; the client is 40 ms away.
    """
    c, s, _ = capture.connection("10.0.0.10:40005", "10.0.0.20:80", client_ms=40, server_ms=0.02)
    c.syn()
    s.syn_ack()
    s.fin()
    c.ack()
    c.fin()
    s.ack()


@shows("S11", "S22")
def syn_timeout(capture: Capture) -> None:
    """A SYN into nothing, six retransmissions (1, 2, 4, ... s), then the client gives up at 127 s."""
    c, _, _ = capture.connection("10.0.0.10:40006", "10.0.0.99:6379")
    c.syn(arrives=False)
    c.repeat(6, 1.0, arrives=False)
    clean_connection(capture, "10.0.0.10:40007", "10.0.0.20:80", at=130)


@shows("S22")
def connection_timeout(capture: Capture) -> None:
    """A firewall drops SYNs; the application gives up by itself after three tries."""
    c, _, _ = capture.connection("10.0.0.10:40008", "10.0.0.99:443")
    c.syn(arrives=False)
    c.repeat(2, 1.0, arrives=False)
    clean_connection(capture, "10.0.0.10:40009", "10.0.0.20:80", at=5)


@shows("S11")
def syn_ack_timeout(capture: Capture) -> None:
    """A SYN from an address that never acknowledges the SYN+ACK; the server retries five times, gives up
    at 63 s.
    """
    c, s, _ = capture.connection("198.51.100.7:40010", "10.0.0.20:80", server_ms=0.02)
    c.syn()
    s.syn_ack(arrives=False)
    s.repeat(5, 1.0, arrives=False)
    clean_connection(capture, "10.0.0.10:40011", "10.0.0.20:80", at=70)


@shows("S22", "S9")
def connection_refused(capture: Capture) -> None:
    """Nobody listens: the SYN draws a RST that acknowledges it. Three tries from three ports."""
    for number, at in enumerate((0.0, 1.0, 2.0)):
        c, s, _ = capture.connection(f"10.0.0.10:{40020 + number}", "10.0.0.30:5432", at=at)
        s.rst_to(c.syn())


@shows("S22")
def connection_unreachable(capture: Capture) -> None:
    """A router answers the SYN with ICMP host unreachable."""
    c, _, _ = capture.connection("10.0.0.10:40030", "10.9.9.9:443")
    capture.unreachable(c.clock, "10.0.0.1", c.syn(arrives=False), code=1)


@shows("S22")
def unreachable_then_reached(capture: Capture) -> None:
    """ICMP says unreachable, but the client tries again and gets through: nothing is wrong in the end."""
    c, s, wait = capture.connection("10.0.0.10:40031", "10.9.9.9:443")
    capture.unreachable(c.clock, "10.0.0.1", c.syn(arrives=False), code=0)
    wait(1.0)
    c.syn()
    s.syn_ack()
    c.ack()
    exchange(c, s)


@shows("S1", "S4")
def tcp_fast_open(capture: Capture) -> None:
    """Data on the SYN with a Fast Open cookie (RFC 7413); the server answers before the third ACK."""
    c, s, _ = capture.connection("10.0.0.10:40032", "10.0.0.20:443")
    c.syn(b"GET / HTTP/1.1\r\nHost: example.test\r\n\r\n", cookie=bytes.fromhex("c00c1e5eed0ff1ce"))
    s.syn_ack()
    s.data(600)
    c.ack()
    c.fin()
    s.fin()
    c.ack()


@shows("S1", "S4", "S22")
def ipv6(capture: Capture) -> None:
    """Over IPv6: a handshake with a three-segment close, and a refused connection."""
    c, s, _ = capture.connection("[2001:db8::10]:40033", "[2001:db8::20]:80")
    handshake(c, s)
    exchange(c, s)
    c.fin()
    s.fin()
    c.ack()
    c, s, _ = capture.connection("[2001:db8::10]:40034", "[2001:db8::30]:81", at=1)
    s.rst_to(c.syn())
