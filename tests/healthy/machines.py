"""Services, databases, balancers and their checks, other systems' stacks."""

from __future__ import annotations

import ipaddress

from sample_pcaps.scenarios.script import exchange

from .day import Scene, habit, twice_by_nat

API, DATABASE, CACHE = "10.2.1.20:8080", "10.2.1.30:5432", "10.2.1.31:6379"


@habit(12)
def keep_alive_pool(scene: Scene) -> None:
    """Requests on a pool's connection; the server closes it after 65 s, the client at once too."""
    c, s, wait = scene.established(f"10.2.1.{scene.rng.randrange(5, 9)}", API)
    for _ in range(scene.rng.randrange(2, 6)):
        exchange(c, s, 410, 1900)
        wait(scene.some(0.2, 40))
    exchange(c, s, 410, 900)
    wait(65.0)
    s.fin()
    c.fin()
    s.ack()


@habit(10)
def one_request(scene: Scene) -> None:
    """``Connection: close``: the server closes with its answer."""
    c, s, _ = scene.established(f"10.2.1.{scene.rng.randrange(5, 9)}", API)
    c.data(250)
    s.ack()
    s.data(1200)
    s.fin()
    c.fin()
    s.ack()


@habit(5)
def long_poll(scene: Scene) -> None:
    """The answer comes after half a minute, or empty after a minute."""
    c, s, wait = scene.established(f"10.2.1.{scene.rng.randrange(5, 9)}", API)
    for _ in range(3):
        c.data(210)
        s.ack()
        wait(scene.rng.choice((28.5, 60.0)))
        s.data(120)
        c.ack()
    c.fin()
    s.fin()
    c.ack()


@habit(3)
def long_poll_given_up(scene: Scene) -> None:
    """A consumer of events goes away while it waits for the next one."""
    c, s, wait = scene.established(f"10.2.1.{scene.rng.randrange(5, 9)}", API)
    c.data(210)
    s.ack()
    s.data(300)
    c.ack()
    for _ in range(3):
        wait(30)
        s.data(12)
        c.ack()
    wait(14)
    c.fin()
    s.fin()
    c.ack()


@habit(4)
def slow_query(scene: Scene) -> None:
    """A report takes four minutes, with keep-alive probes meanwhile."""
    c, s, wait = scene.established("10.2.1.20", DATABASE, server_ms=0.3)
    exchange(c, s, 80, 300)
    c.data(400)
    s.ack()
    for _ in range(4):
        wait(60)
        c.keep_alive()
        s.ack()
    s.data(7000)
    c.ack()
    c.data(5)
    c.fin()
    s.fin()
    c.ack()


@habit(10)
def database_session(scene: Scene) -> None:
    """A pool's session, idle for minutes; closed by a word of goodbye, FIN, and the server's FIN or RST."""
    c, s, wait = scene.established("10.2.1.20", DATABASE, server_ms=0.3)
    for _ in range(scene.rng.randrange(2, 7)):
        exchange(c, s, 90, 400)
        wait(scene.some(0.1, 280))
    exchange(c, s, 90, 400)
    goodbye = c.data(5)
    c.fin()
    if scene.rng.random() < 0.5:
        s.fin()
        c.ack()
    else:
        # Closed with its peer's goodbye unread.
        s.rst_to(goodbye)


@habit(5)
def windows_database(scene: Scene) -> None:
    """A Windows client: FIN, the server's FIN, and RST instead of the last ACK."""
    c, s, wait = scene.established("10.2.1.20", "10.2.1.32:1433", server_ms=0.3)
    c.ttl = s.ttl = 128
    exchange(c, s, 160, 700)
    wait(scene.some(0.1, 30))
    c.fin()
    s.ack()
    s.fin()
    c.rst()


@habit(5)
def file_server(scene: Scene) -> None:
    """SMB: the client logs off and resets; all it wanted had come."""
    c, s, wait = scene.established(f"10.2.0.{scene.rng.randrange(2, 40)}", "10.2.1.40:445", server_ms=0.5)
    c.ttl = s.ttl = 128
    for _ in range(3):
        exchange(c, s, 240, 1100)
    wait(scene.some(10, 15))
    exchange(c, s, 72, 72)
    c.rst()


@habit(12)
def check_resets(scene: Scene) -> None:
    """A balancer's check of a port: connect and RST."""
    c, _, _ = scene.established("10.2.1.250", API, server_ms=0.2)
    c.rst()


@habit(6)
def check_half_open(scene: Scene) -> None:
    """A check that does not even complete the handshake."""
    c, s, _ = scene.open("10.2.1.250", API, server_ms=0.2)
    c.syn()
    s.syn_ack()
    c.rst()


@habit(12)
def check_closes(scene: Scene) -> None:
    """A kubelet's check: connect and close."""
    c, s, _ = scene.established("10.2.1.251", API, server_ms=0.2)
    c.fin()
    s.fin()
    c.ack()


@habit(8)
def check_has_its_answer(scene: Scene) -> None:
    """An HTTP check that resets as soon as it has seen the status."""
    c, s, _ = scene.established("10.2.1.250", API, server_ms=0.2)
    c.data(90)
    s.ack()
    s.data(220)
    c.rst()


@habit(8)
def cache(scene: Scene) -> None:
    c, s, _ = scene.established("10.2.1.20", CACHE, server_ms=0.2)
    for _ in range(scene.rng.randrange(1, 20)):
        exchange(c, s, 60, 90)
    c.fin()
    s.fin()
    c.ack()


@habit(4)
def upload(scene: Scene) -> None:
    """30 kB up with a hole that is filled; the answer, and a close by the server."""
    c, s, _ = scene.established("10.2.1.5", API, server_ms=12)
    s.sack = True
    c.data(14_480)
    s.ack()
    lost = c.data(1448, arrives=False)
    c.data(5792)
    s.ack()
    c.again(lost)
    s.ack()
    c.data(9000)
    s.ack()
    s.data(150)
    c.ack()
    s.fin()
    c.fin()
    s.ack()


@habit(3)
def backup(scene: Scene) -> None:
    """A half-close that lasts: all is sent, the other side works on it for two minutes and says so."""
    c, s, wait = scene.established("10.2.1.60", "10.2.1.61:873", server_ms=1)
    c.data(9000)
    s.ack()
    c.fin()
    s.ack()
    for _ in range(4):
        wait(30)
        s.data(900)
        c.ack()
    s.fin()
    c.ack()


@habit(5)
def log_sink(scene: Scene) -> None:
    """Lines to a collector that never says anything; closed after a quiet minute."""
    c, s, wait = scene.established("10.2.1.20", "10.2.1.70:5044", server_ms=0.4)
    for _ in range(6):
        c.data(600)
        s.ack()
        wait(scene.some(0.5, 12))
    wait(60)
    c.fin()
    s.fin()
    c.ack()


@habit(4)
def mail(scene: Scene) -> None:
    """The server speaks first, QUIT, and closes."""
    c, s, _ = scene.established("10.2.1.75", "192.0.2.25:25", server_ms=30)
    s.data(60)
    c.ack()
    for _ in range(5):
        exchange(c, s, 40, 50)
    s.fin()
    c.fin()
    s.ack()


@habit(3)
def shell(scene: Scene) -> None:
    """SSH with pauses of an hour, kept alive by both the protocol and TCP."""
    c, s, wait = scene.established("10.2.0.3", "10.2.1.20:22")
    exchange(c, s, 41, 41)
    for _ in range(5):
        wait(scene.some(100, 180))
        exchange(c, s, 60, 100)
    c.data(60)
    c.fin()
    s.ack()
    s.fin()
    c.ack()


@habit(3)
def queue_consumer(scene: Scene) -> None:
    """AMQP: heartbeats of both sides every 30 s; a broker's deploy closes it."""
    c, s, wait = scene.established("10.2.1.20", "10.2.1.33:5672", server_ms=0.4)
    for _ in range(10):
        wait(30)
        s.data(8)
        c.data(8)
        s.ack()
    s.data(40)
    c.data(12)
    s.fin()
    c.fin()
    s.ack()


@habit(5)
def port_forwarded(scene: Scene) -> None:
    """Captured on `any` of a container host: before and behind the destination NAT."""
    first = len(scene.capture.frames)
    c, s, _ = scene.established("10.2.0.9", "10.2.1.90:8000", server_ms=0.1)
    exchange(c, s, 300, 2000)
    c.fin()
    s.fin()
    c.ack()
    old, new = (ipaddress.ip_address(name).packed for name in ("10.2.1.90", "172.17.0.5"))
    twice_by_nat(scene.capture, first, old, new)


@habit(4)
def deferred_accept(scene: Scene) -> None:
    """TCP_DEFER_ACCEPT: the client connects ahead of need, SYN+ACK comes again, then it asks."""
    c, s, wait = scene.established("10.2.0.11", "10.2.1.80:80")
    wait(1.0)
    s.syn_ack()
    c.ack()
    wait(0.7)
    exchange(c, s)
    c.fin()
    s.fin()
    c.ack()


@habit(3)
def ports_go_round(scene: Scene) -> None:
    """A busy client comes back to a port whose TIME_WAIT is not over; the SYN is newer, and taken."""
    port = scene.port()
    isn = scene.rng.randrange(2**32)
    for number in range(2):
        c, s, _ = scene.capture.connection(f"10.2.1.20:{port}", CACHE, at=scene.at + 31.0 * number)
        c.isn = c.snd_nxt = (isn + 90_000 * number) & 0xFFFFFFFF
        c.syn()
        s.syn_ack()
        c.ack()
        exchange(c, s)
        s.fin()
        c.fin()
        s.ack()


@habit(3)
def idle_reset(scene: Scene) -> None:
    """A proxy resets what nobody has used for five minutes; nobody wants it any more."""
    c, s, wait = scene.established("10.2.0.12", "10.2.1.91:3128")
    exchange(c, s)
    wait(300)
    s.rst()


@habit(6)
def scanner(scene: Scene) -> None:
    """The Internet's background: one SYN to a port where nobody listens, or that a firewall drops."""
    for port in scene.rng.sample((23, 2323, 3389, 5900, 8291, 1433), 3):
        c, s, _ = scene.open(f"192.0.2.{scene.rng.randrange(100, 250)}", f"10.2.1.80:{port}", client_ms=70)
        c.timestamps = False
        c.window_bytes = 1024
        if scene.rng.random() < 0.5:
            s.rst_to(c.syn())
        else:
            c.syn(arrives=False)


@habit(3)
def deploy(scene: Scene) -> None:
    """A server is asked to stop: it finishes the request and closes its idle connections."""
    for number in range(4):
        c, s, wait = scene.established(f"10.2.1.{5 + number}", "10.2.1.21:8080", after_s=0.3 * number)
        exchange(c, s)
        wait(12 - 0.3 * number)
        if number == 3:
            c.data(300)
            s.ack()
            wait(0.4)
            s.data(900)
        s.fin()
        c.fin()
        s.ack()
