"""RST: who sends it, when, and whether it counts (RFC 9293 section 3.10.7, RFC 5961 section 3)."""

from __future__ import annotations

from .script import Capture, clean_connection, exchange, handshake, shows


@shows("S9")
def reset_abort(capture: Capture) -> None:
    """The client aborts a living connection (SO_LINGER 0): RST instead of FIN."""
    c, s, wait = capture.connection("10.0.0.10:43000", "10.0.0.20:80")
    handshake(c, s)
    exchange(c, s)
    wait(0.1)
    c.rst()


@shows("S9")
def reset_close_wait_abort(capture: Capture) -> None:
    """The server closes; the client, in CLOSE_WAIT, answers with RST instead of its FIN."""
    c, s, wait = capture.connection("10.0.0.10:43001", "10.0.0.20:80")
    handshake(c, s)
    exchange(c, s)
    s.fin()
    c.ack()
    wait(0.7)
    c.rst()


@shows("S9")
def reset_after_close(capture: Capture) -> None:
    """The client closes while the response is still under way; its kernel resets the data nobody will
    read.
    """
    c, s, _ = capture.connection("10.0.0.10:43002", "10.0.0.20:80")
    handshake(c, s)
    c.data(200)
    s.ack()
    s.data(1000)
    c.ack()
    c.fin(arrives=False)
    c.rst_to(s.data(1000))


@shows("S9")
def reset_after_full_close(capture: Capture) -> None:
    """The client has closed for good, not half: what the server sends after its ACK of the FIN draws a
    RST.
    """
    c, s, wait = capture.connection("10.0.0.10:43003", "10.0.0.20:80")
    handshake(c, s)
    exchange(c, s)
    c.fin()
    s.ack()
    wait(0.3)
    c.rst_to(s.data(1000))


@shows("S9", "S24")
def server_restarted(capture: Capture) -> None:
    """The server's host restarts under a living connection; the client's next request draws a RST."""
    c, s, wait = capture.connection("10.0.0.10:43004", "10.0.0.20:6379")
    handshake(c, s)
    exchange(c, s)
    wait(45)
    s.rst_to(c.data(120, arrives=False))


@shows("S9", "S24")
def half_open_discovery(capture: Capture) -> None:
    """The client restarts and comes back from the same port (RFC 9293 figure 10).

    The server still is ESTABLISHED and answers the SYN with an ACK of the old
    connection; the client resets that; its SYN, sent again, opens a new connection.
    """
    c, s, wait = capture.connection("10.0.0.10:43005", "10.0.0.20:5672")
    handshake(c, s)
    exchange(c, s)
    wait(30)
    c.forget()
    c.syn(arrives=False)
    c.rst_to(s.ack(arrives=False))
    s.forget()
    wait(1)
    c.syn()
    s.syn_ack()
    c.ack()
    exchange(c, s)


@shows("S9", "S23")
def reset_timeout(capture: Capture) -> None:
    """The client's data stays unanswered; after five retransmissions it gives up with a RST (as BSD does)."""
    c, s, wait = capture.connection("10.0.0.10:43006", "10.0.0.20:80")
    handshake(c, s)
    exchange(c, s)
    wait(2)
    data = c.data(400, arrives=False)
    c.repeat(5, 0.3, data, arrives=False)
    wait(9.6)
    c.rst(arrives=False)


@shows("S9")
def reset_handshake_abort(capture: Capture) -> None:
    """A give-up: the SYN+ACK comes when the client's application has already closed its socket.

    The vantage point is at the server; the server's SYN_RCVD goes back to LISTEN.
    """
    c, s, wait = capture.connection("10.0.0.10:43007", "10.0.0.20:80", client_ms=15, server_ms=0.02)
    c.syn(arrives=False)
    wait(1.0)
    c.syn(arrives=False)
    wait(2.0)
    s.gets(c.syn(arrives=False))
    wait(0.5)
    c.rst_to(s.syn_ack())


@shows("S9")
def reset_stray(capture: Capture) -> None:
    """A forged RST whose number is far outside the client's window changes nothing."""
    c, s, wait = capture.connection("10.0.0.10:43008", "10.0.0.20:80")
    handshake(c, s)
    exchange(c, s)
    wait(0.5)
    s.rst(offset=900_000_000, arrives=False)
    wait(0.5)
    exchange(c, s)
    c.fin()
    s.ack()
    s.fin()
    c.ack()


@shows("S9")
def reset_in_window_contradicted(capture: Capture) -> None:
    """A RST in the client's window but not exact draws a challenge ACK (RFC 5961) and the connection goes
    on.
    """
    c, s, wait = capture.connection("10.0.0.10:43009", "10.0.0.20:80")
    handshake(c, s)
    exchange(c, s)
    wait(0.5)
    s.rst(offset=5000, arrives=False)
    c.ack()
    wait(0.5)
    exchange(c, s)


@shows("S9")
def reset_in_window_silent(capture: Capture) -> None:
    """A RST in the window but not exact, and then silence: it did end the connection.

    The server's last 700 bytes were lost before the vantage point.
    """
    c, s, wait = capture.connection("10.0.0.10:43010", "10.0.0.20:80")
    handshake(c, s)
    exchange(c, s)
    wait(0.5)
    s.data(700, seen=False, arrives=False)
    s.rst()
    clean_connection(capture, "10.0.0.10:43011", "10.0.0.20:80", at=20)


@shows("S9")
def reset_lost(capture: Capture) -> None:
    """The client's RST is lost behind the vantage point; the server goes on, and the client's host resets
    it again.
    """
    c, s, wait = capture.connection("10.0.0.10:43012", "10.0.0.20:80")
    handshake(c, s)
    exchange(c, s)
    wait(0.1)
    c.rst(arrives=False)
    wait(2.5)
    c.rst_to(s.data(900))
