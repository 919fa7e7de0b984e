"""What losses, copies and delays on the way do to a reading: schedules that the model found."""

from __future__ import annotations

from .script import Capture, exchange, handshake, shows


@shows("S3", "S10")
def fin_overtakes_syn_ack(capture: Capture) -> None:
    """The server closes at once; its FIN passes before its SYN+ACK, and reaches the client after it."""
    c, s, wait = capture.connection("10.0.0.10:46100", "10.0.0.20:80", client_ms=8, server_ms=2)
    c.syn()
    late = s.syn_ack(seen=False, arrives=False)
    fin = s.fin(arrives=False)
    wait(0.003)
    s.delayed_copy(late)
    c.gets(fin)
    c.ack()
    c.fin()
    s.ack()


@shows("S8")
def fin_lost_before_vantage(capture: Capture) -> None:
    """Both close at once, but the server's FIN is lost before the vantage point.

    What passes, a second later, acknowledges the client's FIN. Still the server did not close second: its
    ACK of that FIN already had the number after its own.
    """
    c, s, wait = capture.connection("10.0.0.10:46101", "10.0.0.20:80", client_ms=8, server_ms=2)
    handshake(c, s)
    exchange(c, s)
    lost = s.fin(seen=False, arrives=False)
    c.fin()
    s.ack()
    wait(1)
    s.again(lost)
    c.ack()


@shows("S3")
def ack_overtakes_fin(capture: Capture) -> None:
    """The same numbers, another story: the client's FIN came twice, and the ACK of the second passes first.

    The server's FIN answers the first: it closed second.
    """
    c, s, wait = capture.connection("10.0.0.10:46102", "10.0.0.20:80", client_ms=8, server_ms=2)
    handshake(c, s)
    exchange(c, s)
    c.fin()
    wait(0.25)
    c.again()
    late = s.fin(seen=False, arrives=False)
    s.ack()
    wait(0.003)
    s.delayed_copy(late)
    c.ack()


@shows("S3", "S5")
def fin_again_too_early(capture: Capture) -> None:
    """The client sends its FIN again while an ACK of it, with data, is on its way.

    The FIN that comes again seems to say that this ACK was lost; that the client then acknowledges the
    data proves that it was not.
    """
    c, s, wait = capture.connection("10.0.0.10:46103", "10.0.0.20:80", client_ms=8, server_ms=2)
    handshake(c, s)
    exchange(c, s)
    c.fin()
    answer = s.data(300, arrives=False)
    wait(-0.008)  # sent before that arrives
    c.again()
    c.gets(answer)
    wait(0.008)
    c.ack()
    s.fin()
    c.ack()


@shows("S1", "S3")
def syn_ack_copy_after_data(capture: Capture) -> None:
    """A copy of the SYN+ACK wanders in after data and its ACK: the handshake stays complete."""
    c, s, wait = capture.connection("10.0.0.10:46104", "10.0.0.20:80", client_ms=8, server_ms=2)
    c.syn()
    syn_ack = s.syn_ack()
    c.ack()
    exchange(c, s)
    wait(0.4)
    s.delayed_copy(syn_ack, arrives=False)
    c.ack()
    wait(1)
    c.fin()
    s.ack()
    s.fin()
    c.ack()


@shows("S2", "S9")
def syn_copy_after_reset(capture: Capture) -> None:
    """A copy of the SYN wanders in after the server's RST: it is refused, and revives nobody."""
    c, s, wait = capture.connection("10.0.0.10:46105", "10.0.0.20:80", client_ms=8, server_ms=2)
    syn = c.syn()
    s.syn_ack()
    c.ack()
    exchange(c, s)
    s.rst()
    wait(0.4)
    s.rst_to(c.delayed_copy(syn))


@shows("S8")
def fin_copy_from_before_ack(capture: Capture) -> None:
    """Both close at once; the server's first FIN passes last, with an ACK from before the client's.

    All that passed till then looked like a close in three segments, the server second.
    """
    c, s, wait = capture.connection("10.0.0.10:46106", "10.0.0.20:80", client_ms=8, server_ms=2)
    handshake(c, s)
    exchange(c, s)
    late = s.fin(seen=False, arrives=False)
    c.fin()
    s.ack(seen=False, arrives=False)
    wait(0.25)
    s.again(late)
    c.ack()
    wait(0.003)
    s.delayed_copy(late)
    c.ack()


@shows("S8")
def fin_again_after_ack(capture: Capture) -> None:
    """Both close at once, but the server's FIN is lost behind the vantage point: no CLOSING at the client.

    The ACK of its own FIN comes first, and the server's FIN the second time: FIN_WAIT_2, then TIME_WAIT.
    """
    c, s, wait = capture.connection("10.0.0.10:46107", "10.0.0.20:80", client_ms=8, server_ms=2)
    handshake(c, s)
    exchange(c, s)
    lost = s.fin(arrives=False)
    c.fin()
    s.ack()
    wait(0.25)
    s.again(lost)
    c.ack()


@shows("S7")
def syn_after_syn_ack(capture: Capture) -> None:
    """Both open at once; the server's SYN passes after its SYN+ACK, so it was in SYN_SENT, not in LISTEN."""
    c, s, wait = capture.connection("10.0.0.10:46108", "10.0.0.20:80", client_ms=8, server_ms=2)
    c.syn()
    late = s.syn(seen=False, arrives=False)
    s.syn_ack()
    c.ack()
    wait(0.003)
    s.delayed_copy(late)
    c.ack()
    exchange(c, s)
    c.fin()
    s.ack()
    s.fin()
    c.ack()


@shows("S9")
def reset_overtakes_data(capture: Capture) -> None:
    """The client sends a request and aborts; its RST passes before that, and reaches the server after it."""
    c, s, wait = capture.connection("10.0.0.10:46109", "10.0.0.20:80", client_ms=8, server_ms=2)
    c.syn()
    s.syn_ack()
    late = c.data(180, seen=False, arrives=False)
    rst = c.rst(arrives=False)
    wait(0.003)
    c.delayed_copy(late)
    s.gets(rst)


@shows("S3")
def fin_ahead_of_lost_data(capture: Capture) -> None:
    """The client's FIN acknowledges the server's, and arrives ahead of a request that was lost.

    The duplicate ACK that it draws shows that it has come, and with it the ACK: the server is in FIN_WAIT_2
    until the request comes again.
    """
    c, s, wait = capture.connection("10.0.0.10:46110", "10.0.0.20:80", client_ms=8, server_ms=2)
    handshake(c, s)
    lost = c.data(180, arrives=False)
    s.data(60)
    s.fin()
    c.fin()
    s.ack()
    wait(0.25)
    c.again(lost)
    s.ack()
