"""Kinds by cause: what a connection alone does not show, told from the others in the same capture."""

from __future__ import annotations

from .script import Capture, Endpoint, clean_connection, exchange, handshake, shows


@shows("S11", "S9")
def accept_queue_full(capture: Capture) -> None:
    """Seen at the server, whose application does not accept(): ACKs and data behind them are dropped.

    Two connections are served. Then three are not taken: SYN+ACK again and again although the ACK had
    come; the first client's data draws RST when the server has given up.
    """
    clean_connection(capture, "10.0.0.11:46000", "10.0.0.20:8081", at=0.2, client_ms=3, server_ms=0.02)
    clean_connection(capture, "10.0.0.12:46001", "10.0.0.20:8081", at=0.9, client_ms=3, server_ms=0.02)
    for number in range(3):
        c, s, wait = capture.connection(
            f"10.0.0.{11 + number}:{46010 + number}",
            "10.0.0.20:8081",
            at=2 + 0.4 * number,
            client_ms=3,
            server_ms=0.02,
        )
        c.syn()
        s.syn_ack()
        c.ack(arrives=False)
        request = c.data(240, arrives=False)
        for seconds in (1, 2, 4):
            wait(seconds / 2)
            c.again(request, arrives=False)
            wait(seconds / 2)
            s.syn_ack()
            c.ack(arrives=False)
        if number == 0:
            wait(9)
            c.again(request, arrives=False)
            wait(14)
            s.rst_to(c.again(request, arrives=False))


@shows("S9", "S22")
def foreign_reply(capture: Capture) -> None:
    """The client asks the balancer's address; the server behind it answers around it, from its own.

    The client knows no such connection and resets it; its SYN, sent again, has the same fate.
    """
    c, vip, wait = capture.connection("10.0.0.40:46100", "10.0.0.100:443", server_ms=0.8)
    twin, server, _ = capture.connection("10.0.0.40:46100", "10.0.0.61:8443", server_ms=0.8)
    twin.clock = server.clock = c.clock
    for again_s in (1, 2, 4):
        syn = c.syn(arrives=False)
        server.gets(syn)
        twin.rst_to(server.syn_ack())
        wait(again_s)
    clean_connection(capture, "10.0.0.40:46101", "10.0.0.101:443", at=9)
    assert vip.rcv_nxt == 0


@shows("S11", "S22")
def stale_timestamp(capture: Capture) -> None:
    """Two hosts behind one NAT address; the server drops the SYNs of the one whose clock is behind."""

    def from_host(port: int, at: float, ts_offset: int) -> Endpoint:
        c, _, _ = capture.connection(f"203.0.113.7:{port}", "10.0.0.20:443", at=at, client_ms=12)
        c.ts_offset = ts_offset
        return c

    for number in range(4):
        c = from_host(46200 + number, 0.5 + 6 * number, 3_000_000_000)
        handshake(c, c.peer)
        exchange(c, c.peer)
        c.fin()
        c.peer.fin()
        c.ack()
    for number in range(3):
        c = from_host(46300 + number, 2 + 6 * number, 1_400_000_000)
        c.syn(arrives=False)
        c.repeat(2, 1.0, arrives=False)


@shows("S3", "S9")
def keep_alive_race(capture: Capture) -> None:
    """The server closes connections idle for 5 s; the balancer sends its next request just then.

    Three idle connections close in peace. On two more the FIN crosses a request, which draws RST: the
    balancer's clients see 502.
    """
    for number in range(5):
        c, s, wait = capture.connection(
            f"10.0.0.5:{46400 + number}", "10.0.0.21:3000", at=1 + 1.7 * number, server_ms=0.6
        )
        handshake(c, s)
        for _ in range(1 + number % 2):
            wait(0.8)
            exchange(c, s, 420, 1300)
        wait(5.002)
        if number in (1, 3):
            s.fin(arrives=False)
            s.rst_to(c.data(420, arrives=False))
        else:
            s.fin()
            c.fin()
            s.ack()


@shows("S18", "S23")
def path_state_lost(capture: Capture) -> None:
    """A firewall forgets connections idle for five minutes: what comes then is dropped without a word.

    One connection of the pool is used again after four minutes and lives, three after six and more fall
    silent, while the database serves others.
    """
    for number, idle_s in enumerate((240, 372, 401, 455)):
        c, s, wait = capture.connection(
            f"10.0.1.5:{46500 + number}", "10.0.2.9:5432", at=2.0 + 3 * number, server_ms=1.5
        )
        handshake(c, s)
        exchange(c, s, 90, 310)
        wait(idle_s)
        if idle_s < 300:
            exchange(c, s, 90, 310)
            c.fin()
            s.fin()
            c.ack()
        else:
            c.data(90, arrives=False)
            c.repeat(6, 0.4, arrives=False)
    for number in range(3):
        clean_connection(capture, f"10.0.1.6:{46510 + number}", "10.0.2.9:5432", at=300 + 85.0 * number)


@shows("S3", "S9")
def unresponsive_server(capture: Capture) -> None:
    """Requests are acknowledged and not answered; the clients leave after 3 s, their own time-out."""
    for number in range(4):
        clean_connection(capture, f"10.0.0.{50 + number}:46600", "10.0.0.22:8080", at=0.3 + 2 * number)
    for number in range(4):
        c, s, wait = capture.connection(f"10.0.0.{50 + number}:46610", "10.0.0.22:8080", at=9 + 1.1 * number)
        handshake(c, s)
        c.data(310)
        s.ack()
        wait(3.001)
        c.fin()
        s.ack()
        if number == 2:
            # The answer comes at last; nobody waits for it.
            wait(4)
            c.rst_to(s.data(640))
        else:
            wait(6)
            s.fin()
            c.ack()


@shows("S3", "S9")
def stopped_stream(capture: Capture) -> None:
    """A test tool as iperf3 is: a connection for control, and a stream that the client says is to end.

    The server closes the stream's socket at once; what is under way draws RST. Results follow on the first.
    """
    c, s, wait = capture.connection("10.0.0.54:46650", "10.0.0.24:5201")
    handshake(c, s)
    exchange(c, s, 120, 1)
    stream, reader, stream_wait = capture.connection("10.0.0.54:46651", "10.0.0.24:5201", at=0.1)
    handshake(stream, reader)
    stream.data(37)
    reader.ack()
    for _ in range(6):
        stream_wait(0.5)
        stream.data(1400)
        reader.ack()
    wait(3.1)
    c.data(1)
    s.ack()
    stream_wait(0.1)
    under_way = [stream.data(1400, arrives=False) for _ in range(2)]
    reader.rst()
    for segment in under_way:
        reader.rst_to(segment)
    s.data(1)
    exchange(c, s, 296, 298)
    c.fin()
    s.fin()
    c.ack()


@shows("S23")
def mtu_black_hole(capture: Capture) -> None:
    """Seen at the server: a tunnel on the way takes 1,400 bytes, and its ICMP message is filtered.

    The handshake and the request pass, so do short answers; full-sized segments are lost each time.
    """
    c, s, wait = capture.connection("10.0.3.7:46700", "10.0.0.23:443", client_ms=14, server_ms=0.02)
    c.sack = True
    handshake(c, s)
    c.data(517)
    s.ack()
    full = s.data(1448, arrives=False)
    s.data(1448, arrives=False)
    s.data(420)
    c.ack()
    for attempt in range(6):
        wait(0.3 * 2**attempt)
        s.again(full, arrives=False)
    clean_connection(capture, "10.0.3.7:46701", "10.0.0.23:443", at=4, client_ms=14, server_ms=0.02)


@shows("S9")
def injected_reset(capture: Capture) -> None:
    """A device between client and server resets the connection in the server's name.

    The RST comes 2 ms after the request where the round trip takes 90, and with another TTL; the server
    answers the request all the same, and the client, which believed the RST, refuses the answer.
    """
    c, s, wait = capture.connection("10.0.0.33:46800", "203.0.113.80:443", server_ms=45)
    s.ttl = 49
    handshake(c, s)
    request = c.data(517)
    s.ttl, s.distance_ms = 121, 1
    s.rst()
    s.ttl = 49
    wait(0.088)
    answer = s.data(1300)
    assert answer.ack == request.next_seq
    c.distance_ms = 0.05
    c.rst_to(answer)


@shows("S3")
def tls_alert(capture: Capture) -> None:
    """An old client offers TLS 1.0 only; the server says so in clear, and closes."""
    hello = bytes.fromhex("16030100310100002d0301") + bytes(32) + bytes.fromhex("0000040035002f0100")
    hello = hello[:5] + hello[5:].ljust(0x31, b"\0")
    for number in range(2):
        c, s, _ = capture.connection(
            f"10.0.0.{71 + number}:46900", "10.0.0.24:443", at=0.4 + 3 * number, server_ms=2
        )
        handshake(c, s)
        c.says(hello)
        s.ack()
        s.says(bytes.fromhex("15030200020246"))
        s.fin()
        c.fin()
        s.ack()


@shows("S3")
def protocol_mismatch(capture: Capture) -> None:
    """A client speaks TLS to a plain port; another one HTTP in clear to a TLS port, and gets an alert."""
    hello = bytes.fromhex("16030101fa010001f60303") + bytes(500)
    refusal = b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n"
    request, alert = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", bytes.fromhex("15030100020246")
    for number, (port, asks, says) in enumerate(((8080, hello, refusal), (8443, request, alert))):
        c, s, _ = capture.connection(
            f"10.0.0.{73 + number}:46950", f"10.0.0.25:{port}", at=0.6 + 2 * number, server_ms=2
        )
        handshake(c, s)
        c.says(asks)
        s.ack()
        s.says(says)
        s.fin()
        c.fin()
        s.ack()


@shows("S1", "S9")
def probe(capture: Capture) -> None:
    """A balancer's health checks connect and reset without a word; a TCP traceroute raises its TTL."""
    for number in range(4):
        c, s, _ = capture.connection(f"10.0.0.250:{47000 + number}", "10.0.0.20:80", at=1 + 5.0 * number)
        handshake(c, s)
        c.rst()
    for ttl in range(1, 5):
        c, s, _ = capture.connection(f"10.0.0.251:{47100 + ttl}", "10.0.0.20:443", at=7 + 0.5 * ttl)
        c.ttl = ttl
        syn = c.syn(arrives=ttl == 4)
        if ttl == 4:
            c.ttl = 64
            c.rst_to(s.syn_ack())
            assert s.rcv_nxt == syn.next_seq
