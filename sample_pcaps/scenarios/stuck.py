"""Closes that stop half-way: somebody forgets to close, or is no longer there."""

from __future__ import annotations

from .script import Capture, Endpoint, clean_connection, exchange, handshake, shows


def leaked(capture: Capture, client: str, server: str, at: float) -> tuple[Endpoint, Endpoint]:
    """The client gets its answer and closes; the server acknowledges and never closes: 9 segments."""
    c, s, _ = capture.connection(client, server, at=at)
    handshake(c, s)
    exchange(c, s)
    c.fin()
    s.ack()
    return c, s


@shows("S14", "S15")
def stuck_close_wait(capture: Capture) -> None:
    """10.0.0.20:8080 leaks sockets in CLOSE_WAIT, one more every eight seconds.

    Six are stuck. A seventh is slow and does close; an eighth was closed by its
    client only four seconds before the end. 10.0.0.30:9090 is healthy. The
    clients wait in FIN_WAIT_2, those of the first sockets until they give up.
    """
    for number in range(6):
        leaked(capture, f"10.0.0.10:{42000 + number}", "10.0.0.20:8080", at=8.0 * number)
    c, s = leaked(capture, "10.0.0.10:42006", "10.0.0.20:8080", at=50)
    s.clock.wait(2)
    s.fin()
    c.ack()
    leaked(capture, "10.0.0.10:42007", "10.0.0.20:8080", at=76)
    for number in range(4):
        clean_connection(capture, f"10.0.0.10:{42010 + number}", "10.0.0.30:9090", at=20.0 * number + 20)


@shows("S14", "S15")
def stuck_fin_wait_2(capture: Capture) -> None:
    """The server closes an idle connection, the client's pool never notices.

    The server waits in FIN_WAIT_2 until its clock (60 s) runs out, the client stays in CLOSE_WAIT.
    """
    c, s, wait = capture.connection("10.0.0.10:42020", "10.0.0.20:3306")
    handshake(c, s)
    exchange(c, s)
    wait(5)
    s.fin()
    c.ack()
    clean_connection(capture, "10.0.0.11:42021", "10.0.0.20:3306", at=70)


@shows("S16")
def unacknowledged_fin(capture: Capture) -> None:
    """The server vanishes; the client's FIN is retried eight times and given up (orphan retries)."""
    c, s, wait = capture.connection("10.0.0.10:42030", "10.0.0.20:80")
    handshake(c, s)
    exchange(c, s)
    wait(1)
    fin = c.fin(arrives=False)
    c.repeat(8, 0.2, fin, arrives=False)
    clean_connection(capture, "10.0.0.10:42031", "10.0.0.21:80", at=104)


@shows("S17")
def unacknowledged_last_ack(capture: Capture) -> None:
    """The client closes and vanishes; the server's own FIN (LAST_ACK) is never acknowledged."""
    c, s, wait = capture.connection("10.0.0.10:42040", "10.0.0.20:80", client_ms=12, server_ms=0.02)
    handshake(c, s)
    exchange(c, s)
    c.fin()
    s.ack()
    wait(0.5)
    fin = s.fin(arrives=False)
    s.repeat(8, 0.2, fin, arrives=False)
    clean_connection(capture, "10.0.0.11:42041", "10.0.0.20:80", at=104)


@shows("S14")
def zero_window(capture: Capture) -> None:
    """A CLOSE_WAIT of 35 seconds that is not stuck: the server has more to send, the client's window is zero.

    The server probes, the client answers that its window is still closed; then it
    opens, the rest goes through and the server closes.
    """
    c, s, wait = capture.connection("10.0.0.10:42050", "10.0.0.20:80")
    handshake(c, s)
    c.data(300)
    s.ack()
    c.fin()
    s.ack()
    s.data(1400)
    c.window_bytes = 0
    c.ack()
    for attempt in range(7):
        wait(0.25 * 2**attempt)
        s.keep_alive()
        c.ack()
    wait(3)
    c.window_bytes = 64_256
    c.ack()
    s.data(1400)
    c.ack()
    s.fin()
    c.ack()
