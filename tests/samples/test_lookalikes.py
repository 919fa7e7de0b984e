"""For each kind by cause: healthy traffic that resembles it and raises nothing to act on."""

from __future__ import annotations

from pathlib import Path

import pytest

from sample_pcaps.scenarios.script import Capture, Scenario, clean_connection, exchange, handshake
from tcptrace_py import analyze
from tcptrace_py.findings.causes.claims import CAUSES

LOOK_ALIKES: dict[str, Scenario] = {}


def resembles(kind: str) -> object:
    def register(scenario: Scenario) -> Scenario:
        LOOK_ALIKES[kind] = scenario
        return scenario

    return register


@resembles("accept-queue-full")
def deferred_accept(capture: Capture) -> None:
    """TCP_DEFER_ACCEPT: SYN+ACK again while the client says nothing; its data is taken up at once."""
    for number in range(3):
        c, s, wait = capture.connection(f"10.1.0.{number + 5}:50000", "10.1.0.2:8000", at=1.1 * number)
        handshake(c, s)
        wait(1.02)
        s.syn_ack()
        c.ack()
        wait(0.6)
        exchange(c, s)
        c.fin()
        s.fin()
        c.ack()


@resembles("slow-connect")
def far_away(capture: Capture) -> None:
    """A satellite's round trip: each connect takes 1.2 s, and no SYN is lost."""
    for number in range(4):
        clean_connection(
            capture, f"10.1.0.9:{50100 + number}", "10.1.0.2:443", at=2.0 * number, server_ms=600
        )


@resembles("foreign-reply")
def same_port_to_two_servers(capture: Capture) -> None:
    """One port, two servers at once, each served; the second aborts its own connection."""
    for number, server in enumerate(("10.1.0.2:443", "10.1.0.3:443")):
        c, s, _ = capture.connection("10.1.0.9:50200", server, at=0.2 * number)
        handshake(c, s)
        exchange(c, s)
        c.fin()
        s.fin()
        c.ack()


@resembles("stale-timestamp")
def several_clocks_served(capture: Capture) -> None:
    """Hosts with clocks of their own behind one address; all SYNs are answered, one after a loss."""
    for number in range(6):
        c, s, wait = capture.connection(f"203.0.113.9:{50300 + number}", "10.1.0.2:443", at=1.5 * number)
        c.ts_offset = (3_000_000_000, 1_200_000_000)[number % 2]
        if number == 3:
            c.syn(arrives=False)
            wait(1.0)
        handshake(c, s)
        exchange(c, s)
        c.fin()
        s.fin()
        c.ack()


@resembles("keep-alive-race")
def closed_in_time(capture: Capture) -> None:
    """The server closes idle connections after 5 s; the client asked its last just in time."""
    for number in range(5):
        c, s, wait = capture.connection(f"10.1.0.9:{50400 + number}", "10.1.0.2:3000", at=1.3 * number)
        handshake(c, s)
        exchange(c, s)
        wait(4.9 if number % 2 else 1.0)
        exchange(c, s)
        wait(5.0)
        s.fin()
        c.fin()
        s.ack()


@resembles("idle-timeout")
def idle_and_alive(capture: Capture) -> None:
    """A pool's connections are silent for minutes, are used again, and close in the end."""
    for number in range(3):
        c, s, wait = capture.connection(f"10.1.0.9:{50500 + number}", "10.1.0.2:5432", at=1.0 * number)
        handshake(c, s)
        exchange(c, s)
        wait(180)
        exchange(c, s)
        c.fin()
        s.fin()
        c.ack()


@resembles("path-state-lost")
def a_burst_of_loss_after_idle(capture: Capture) -> None:
    """The first request after a long silence is lost twice, and then answered."""
    c, s, wait = capture.connection("10.1.0.9:50600", "10.1.0.2:5432")
    handshake(c, s)
    exchange(c, s)
    wait(400)
    request = c.data(90, arrives=False)
    c.repeat(1, 0.3, request, arrives=False)
    wait(0.6)
    c.again(request)
    s.data(200)
    c.fin()
    s.fin()
    c.ack()
    clean_connection(capture, "10.1.0.8:50601", "10.1.0.2:5432", at=401)


@resembles("unresponsive-server")
def slow_but_answered(capture: Capture) -> None:
    """A long poll: the answer takes 25 s and comes; the client closes then."""
    for number in range(4):
        c, s, wait = capture.connection(f"10.1.0.{10 + number}:50700", "10.1.0.2:8080", at=0.9 * number)
        handshake(c, s)
        c.data(300)
        s.ack()
        wait(25)
        s.data(90)
        c.fin()
        s.fin()
        c.ack()


@resembles("stopped-stream")
def streams_that_end_by_themselves(capture: Capture) -> None:
    """Control and data as FTP has them: the word comes once the stream has closed."""
    c, s, wait = capture.connection("10.1.0.9:50750", "10.1.0.2:5201")
    handshake(c, s)
    exchange(c, s)
    stream, reader, stream_wait = capture.connection("10.1.0.9:50751", "10.1.0.2:5201", at=0.2)
    handshake(stream, reader)
    for _ in range(5):
        stream_wait(0.6)
        stream.data(1400)
        reader.ack()
    stream.fin()
    reader.fin()
    stream.ack()
    wait(4)
    exchange(c, s)
    c.fin()
    s.fin()
    c.ack()


@resembles("zero-window-stall")
def briefly_full(capture: Capture) -> None:
    """A window is zero for 0.4 s, as flow control does."""
    c, s, wait = capture.connection("10.1.0.9:50800", "10.1.0.2:9000")
    handshake(c, s)
    c.data(5792)
    s.window_bytes = 0
    s.ack()
    wait(0.4)
    s.window_bytes = 64_256
    s.ack()
    exchange(c, s)
    c.fin()
    s.fin()
    c.ack()


@resembles("mtu-black-hole")
def full_segment_lost_thrice(capture: Capture) -> None:
    """A full-sized segment is lost three times and then arrives: loss, not size."""
    c, s, wait = capture.connection("10.1.0.9:50900", "10.1.0.2:443")
    c.sack = True
    handshake(c, s)
    c.data(517)
    full = s.data(1448, arrives=False)
    s.data(300)
    c.ack()
    for attempt in range(3):
        wait(0.3 * 2**attempt)
        s.again(full, arrives=False)
    wait(2.4)
    s.again(full)
    c.ack()
    exchange(c, s)
    c.fin()
    s.fin()
    c.ack()


@resembles("injected-reset")
def its_own_reset(capture: Capture) -> None:
    """A client resets when it has all it wants, on another IP ID sequence but with its own TTL."""
    c, s, _ = capture.connection("10.1.0.9:51000", "10.1.0.2:443", server_ms=40)
    c.ttl = 57
    handshake(c, s)
    exchange(c, s)
    c.ip_id = 0
    c.rst()


@resembles("tls-alert")
def close_notify(capture: Capture) -> None:
    """A warning in clear (close_notify) before the FIN, as some servers without a session send it."""
    c, s, _ = capture.connection("10.1.0.9:51100", "10.1.0.2:443")
    handshake(c, s)
    exchange(c, s)
    c.says(bytes.fromhex("15030300020100"))
    c.fin()
    s.ack()
    s.says(bytes.fromhex("15030300020100"))
    s.fin()
    c.ack()


@resembles("protocol-mismatch")
def bad_requests_and_starttls(capture: Capture) -> None:
    """A plain server refuses plain requests by 400; a mail server is asked for TLS, and then speaks it."""
    hello = bytes.fromhex("16030101fa010001f60303") + bytes(500)
    for number in range(4):
        c, s, _ = capture.connection(f"10.1.0.9:{51150 + number}", "10.1.0.2:8080", at=2.0 * number)
        handshake(c, s)
        c.says(b"GET /%zz HTTP/1.1\r\n\r\n")
        s.ack()
        s.says(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")
        s.fin()
        c.fin()
        s.ack()
        c, s, _ = capture.connection(f"10.1.0.9:{51170 + number}", "10.1.0.3:587", at=2.0 * number)
        handshake(c, s)
        s.says(b"220 mail ESMTP\r\n")
        c.says(b"STARTTLS\r\n")
        s.says(b"220 go ahead\r\n")
        c.says(hello)
        s.says(bytes.fromhex("160303005a02000056") + bytes(300))
        c.fin()
        s.fin()
        c.ack()


@resembles("probe")
def check_that_speaks(capture: Capture) -> None:
    """A health check that asks and is answered, every 5 s."""
    for number in range(4):
        clean_connection(capture, f"10.1.0.250:{51200 + number}", "10.1.0.2:80", at=5.0 * number)


def test_every_kind_by_cause_has_one() -> None:
    assert set(LOOK_ALIKES) == {cause.KIND for cause in CAUSES}


@pytest.mark.parametrize("kind", sorted(LOOK_ALIKES))
def test_healthy_traffic_that_resembles_it(kind: str, tmp_path: Path) -> None:
    capture = Capture(kind)
    LOOK_ALIKES[kind](capture)
    capture.save(tmp_path / "capture.pcap")
    findings = analyze(tmp_path / "capture.pcap").findings
    assert kind not in {finding.kind for finding in findings}
    assert [finding.kind for finding in findings if finding.severity != "info"] == []
