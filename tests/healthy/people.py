"""Browsers, telephones, users who change their minds."""

from __future__ import annotations

from sample_pcaps.scenarios.script import Endpoint, exchange, handshake

from .day import Scene, habit

SITE = "198.51.100.80:443"
APPLICATION = b"\x17\x03\x03"


def record(size_bytes: int) -> bytes:
    """A TLS record of application data; that is also what an encrypted alert looks like."""
    return APPLICATION + (size_bytes - 5).to_bytes(2, "big") + bytes(size_bytes - 5)


def tls(c: Endpoint, s: Endpoint) -> None:
    """TLS 1.3 in four segments and their ACKs."""
    c.says(b"\x16\x03\x01\x02\x00\x01" + bytes(511))
    s.ack()
    s.data(3100)
    c.ack()
    c.says(b"\x14\x03\x03\x00\x01\x01" + record(58))
    s.says(record(255))
    c.ack()


def page(c: Endpoint, s: Endpoint, response_bytes: int = 4200) -> None:
    c.says(record(310))
    s.ack()
    s.data(response_bytes)
    c.ack()


@habit(12)
def browser(scene: Scene) -> None:
    """Several pages on one connection, which the browser closes."""
    c, s, wait = scene.established(f"10.2.0.{scene.rng.randrange(2, 40)}", SITE, server_ms=18)
    tls(c, s)
    for _ in range(scene.rng.randrange(1, 5)):
        page(c, s, scene.rng.randrange(300, 9000))
        wait(scene.some(0.1, 9))
    c.says(record(24))
    c.fin()
    s.ack()
    s.fin()
    c.ack()


@habit(10)
def close_notify_crosses_fin(scene: Scene) -> None:
    """The server's close_notify comes after the browser has closed for good: RST."""
    c, s, wait = scene.established(f"10.2.0.{scene.rng.randrange(2, 40)}", SITE, server_ms=18)
    tls(c, s)
    page(c, s)
    wait(scene.some(1, 60))
    c.says(record(24))
    c.fin()
    notify = s.says(record(24))
    fin = s.fin()
    c.rst_to(notify)
    c.rst_to(fin)


@habit(6)
def browser_keeps_half_closed(scene: Scene) -> None:
    """The server closes after its idle time; the browser leaves its half for minutes, unused."""
    c, s, wait = scene.established(f"10.2.0.{scene.rng.randrange(2, 40)}", SITE, server_ms=18)
    tls(c, s)
    page(c, s)
    wait(60.0)
    s.fin()
    c.ack()
    wait(scene.some(30, 240))
    # FIN_WAIT_2 of the server's has run out meanwhile.
    s.rst_to(c.fin(arrives=False))


@habit(8)
def user_cancels(scene: Scene) -> None:
    """A download is cancelled: the browser closes while data is under way, and each segment draws RST."""
    c, s, wait = scene.established(f"10.2.0.{scene.rng.randrange(2, 40)}", SITE, server_ms=18)
    tls(c, s)
    c.says(record(300))
    s.ack()
    for _ in range(3):
        s.data(5600)
        c.ack()
    late = s.data(1400, arrives=False)
    c.rst()
    c.rst_to(late)
    wait(0.01)


@habit(5)
def tab_closed(scene: Scene) -> None:
    """A tab is closed during a long answer: FIN first, then RST for what still comes."""
    c, s, _ = scene.established(f"10.2.0.{scene.rng.randrange(2, 40)}", SITE, server_ms=18)
    tls(c, s)
    c.says(record(300))
    s.ack()
    s.data(5600)
    c.ack()
    c.fin(arrives=False)
    c.rst_to(s.data(1400))
    c.rst_to(s.data(1400))


@habit(6)
def happy_eyeballs(scene: Scene) -> None:
    """IPv6 and IPv4 race; the loser is reset as soon as it is connected, or its SYN never answered."""
    host = scene.rng.randrange(2, 40)
    six, six_s, _ = scene.open(f"2001:db8:2::{host:x}", "[2001:db8:80::80]:443", server_ms=40)
    if scene.rng.random() < 0.5:
        six.syn()
        six_s.syn_ack()
        six.rst()
    else:
        six.syn(arrives=False)
    c, s, wait = scene.established(f"10.2.0.{host}", SITE, after_s=0.25, server_ms=18)
    tls(c, s)
    page(c, s)
    wait(scene.some(1, 5))
    c.fin()
    s.fin()
    c.ack()


@habit(4)
def localhost_by_name(scene: Scene) -> None:
    """``localhost`` is ::1 first, where nobody listens, and then 127.0.0.1."""
    c, s, _ = scene.open("::1", "[::1]:5000")
    s.rst_to(c.syn())
    c, s, _ = scene.established("127.0.0.1", "127.0.0.1:5000", after_s=0.002)
    exchange(c, s)
    c.fin()
    s.fin()
    c.ack()


@habit(8)
def telephone_aborts(scene: Scene) -> None:
    """A mobile stack ends connections that it has done with by a RST without ACK."""
    c, s, wait = scene.established(
        f"203.0.113.{scene.rng.randrange(2, 60)}", "10.2.1.80:443", client_ms=45, server_ms=0.1
    )
    tls(c, s)
    page(c, s)
    wait(scene.some(0.3, 20))
    last = s.last
    assert last is not None
    c.rst_to(last)


@habit(5)
def telephone_wakes(scene: Scene) -> None:
    """A telephone sleeps; the server's keep-alive probes are answered late, and it goes on."""
    c, s, wait = scene.established(
        f"203.0.113.{scene.rng.randrange(2, 60)}", "10.2.1.80:443", client_ms=60, server_ms=0.1
    )
    tls(c, s)
    page(c, s)
    for _ in range(3):
        wait(75)
        s.keep_alive()
        c.ack()
    page(c, s)
    c.says(record(24))
    c.fin()
    s.fin()
    c.ack()


@habit(5)
def websocket(scene: Scene) -> None:
    """A chat: pings every 25 s, few messages, closed by the browser with a closing frame."""
    c, s, wait = scene.established(f"10.2.0.{scene.rng.randrange(2, 40)}", SITE, server_ms=18)
    tls(c, s)
    page(c, s)
    for _ in range(scene.rng.randrange(3, 9)):
        wait(25)
        s.says(record(28))
        c.says(record(32))
        s.ack()
    c.says(record(30))
    s.says(record(28))
    c.ack()
    s.fin()
    c.fin()
    s.ack()


@habit(4)
def video(scene: Scene) -> None:
    """The player's buffer is full now and then: a window of zero for some 300 ms; one segment is lost."""
    c, s, wait = scene.established(f"10.2.0.{scene.rng.randrange(2, 40)}", SITE, server_ms=18)
    c.sack = True
    tls(c, s)
    c.says(record(300))
    for chunk in range(4):
        lost = s.data(1448, arrives=chunk != 2)
        s.data(4344)
        c.ack()
        if chunk == 2:
            s.again(lost)
            c.ack()
        c.window_bytes = 0
        c.ack()
        wait(scene.some(0.1, 0.4))
        c.window_bytes = 64_256
        c.ack()
    c.fin()
    s.fin()
    c.ack()


@habit(2)
def slow_network(scene: Scene) -> None:
    """A first SYN lost, a FIN lost, a last ACK lost: what every network does now and then."""
    c, s, wait = scene.open(f"10.2.0.{scene.rng.randrange(2, 40)}", SITE, server_ms=90)
    c.syn(arrives=False)
    wait(1.0)
    handshake(c, s)
    tls(c, s)
    page(c, s)
    c.fin(arrives=False)
    wait(0.4)
    c.again()
    s.fin()
    c.ack(arrives=False)
    wait(0.5)
    s.again()
    c.ack()
