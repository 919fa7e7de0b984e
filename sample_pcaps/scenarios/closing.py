"""How connections end (RFC 9293 section 3.6)."""

from __future__ import annotations

from .script import Capture, clean_connection, exchange, handshake, shows


@shows("S3")
def four_way_close_client(capture: Capture) -> None:
    """The client closes first: FIN, ACK, FIN, ACK. Seen at the client."""
    c, s, wait = capture.connection("10.0.0.10:41000", "10.0.0.20:80")
    handshake(c, s)
    exchange(c, s)
    c.fin()
    s.ack()
    wait(0.02)
    s.fin()
    c.ack()


@shows("S3")
def four_way_close_server(capture: Capture) -> None:
    """The server closes first: it gets the TIME_WAIT. Seen at the server."""
    c, s, wait = capture.connection("10.0.0.10:41001", "10.0.0.20:80", client_ms=12, server_ms=0.02)
    handshake(c, s)
    exchange(c, s)
    s.fin()
    c.ack()
    wait(0.02)
    c.fin()
    s.ack()


@shows("S4")
def three_segment_close(capture: Capture) -> None:
    """The passive side's FIN rides on its ACK: FIN_WAIT_1 to TIME_WAIT without FIN_WAIT_2."""
    c, s, _ = capture.connection("10.0.0.10:41002", "10.0.0.20:80")
    handshake(c, s)
    exchange(c, s)
    c.fin()
    s.fin()
    c.ack()


@shows("S5")
def half_close(capture: Capture) -> None:
    """The client has sent all it has and says so (shutdown for writing); the server answers for two
    seconds more.
    """
    c, s, wait = capture.connection("10.0.0.10:41003", "10.0.0.20:80")
    handshake(c, s)
    c.data(900)
    s.ack()
    c.fin()
    s.ack()
    for _ in range(4):
        wait(0.5)
        s.data(1000)
        c.ack()
    s.fin()
    c.ack()


@shows("S5", "S14", "S15")
def half_close_long_transfer(capture: Capture) -> None:
    """A half-close with a transfer of 90 seconds: CLOSE_WAIT and FIN_WAIT_2 all the time, and nothing is
    stuck.
    """
    c, s, wait = capture.connection("10.0.0.10:41004", "10.0.0.20:873")
    handshake(c, s)
    c.data(300)
    s.ack()
    c.fin()
    s.ack()
    for _ in range(30):
        wait(3)
        s.data(1200)
        c.ack()
    s.fin()
    c.ack()


@shows("S8")
def simultaneous_close(capture: Capture) -> None:
    """Both sides send FIN before the other's arrives (RFC 9293 figure 13), seen half-way: CLOSING on both."""
    c, s, wait = capture.connection("10.0.0.10:41005", "10.0.0.20:80", client_ms=10, server_ms=10)
    handshake(c, s)
    exchange(c, s)
    wait(1)
    of_client = c.fin(arrives=False)
    of_server = s.fin(arrives=False)
    s.gets(of_client)
    c.gets(of_server)
    c.ack()
    s.ack()


@shows("S6", "S7", "S8", "S9", "S13")
def all_eleven_states(capture: Capture) -> None:
    """Every state of the diagram in one capture.

    A simultaneous open and close, a close by the client, one by the server, and a
    handshake that the client resets (SYN_RCVD back to LISTEN); a last connection
    a good minute later, by when each TIME_WAIT has become CLOSED.
    """
    c, s, wait = capture.connection("10.0.0.10:7100", "10.0.0.20:7101", client_ms=10, server_ms=10)
    first, second = c.syn(arrives=False), s.syn(arrives=False)
    s.gets(first)
    c.gets(second)
    c.syn_ack(arrives=False)
    s.syn_ack(arrives=False)
    c.ack()
    s.ack()
    wait(0.3)
    of_client, of_server = c.fin(arrives=False), s.fin(arrives=False)
    s.gets(of_client)
    c.gets(of_server)
    c.ack()
    s.ack()
    clean_connection(capture, "10.0.0.10:41006", "10.0.0.20:80", at=1)
    c, s, _ = capture.connection("10.0.0.10:41007", "10.0.0.20:80", at=2)
    handshake(c, s)
    exchange(c, s)
    s.fin()
    c.ack()
    c.fin()
    s.ack()
    c, s, _ = capture.connection("10.0.0.10:41008", "10.0.0.20:80", at=3)
    c.syn()
    c.rst_to(s.syn_ack())
    clean_connection(capture, "10.0.0.10:41009", "10.0.0.20:80", at=65)


@shows("S12", "S13")
def lost_last_ack(capture: Capture) -> None:
    """The last ACK is lost: FIN again, ACK again, and 2MSL runs from the second ACK."""
    c, s, wait = capture.connection("10.0.0.10:41010", "10.0.0.20:80")
    handshake(c, s)
    exchange(c, s)
    c.fin()
    s.ack()
    last = s.fin()
    c.ack(arrives=False)
    wait(0.21)
    s.again(last)
    c.ack()
    clean_connection(capture, "10.0.0.10:41011", "10.0.0.20:80", at=62)


@shows("S13")
def time_wait_expires(capture: Capture) -> None:
    """TIME_WAIT lasts 2MSL (60 s) on the active side; the passive side is CLOSED at once."""
    c, s, wait = capture.connection("10.0.0.10:41012", "10.0.0.20:80")
    handshake(c, s)
    exchange(c, s)
    c.fin()
    s.ack()
    wait(0.001)
    s.fin()
    c.ack()
    clean_connection(capture, "10.0.0.10:41013", "10.0.0.20:80", at=61)
