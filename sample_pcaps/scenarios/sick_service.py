"""One capture with several illnesses, for a look at the whole report."""

from __future__ import annotations

from .script import Capture, clean_connection, exchange, handshake, shows
from .stuck import leaked


@shows("S14", "S15", "S22", "S9", "S24")
def sick_service(capture: Capture) -> None:
    """Two minutes of 10.0.0.20:8080 and its neighbours.

    The service leaks sockets in CLOSE_WAIT, fourteen so far; connections to
    10.0.0.30:5432 are refused, those to 10.0.0.40:6379 time out; the load balancer
    10.0.0.5 aborts its connections to 10.0.0.20:9000; 10.0.0.50:5672 was
    restarted under two living connections. The rest is healthy.
    """
    for number in range(14):
        leaked(capture, f"10.0.0.{10 + number % 3}:{50000 + number}", "10.0.0.20:8080", at=3 + 6.5 * number)
    for number in range(24):
        clean_connection(
            capture, f"10.0.0.{10 + number % 3}:{50100 + number}", "10.0.0.20:8080", at=1.3 + 4.9 * number
        )
    for number in range(12):
        clean_connection(
            capture, f"10.0.0.20:{51000 + number}", "10.0.0.31:443", at=2.1 + 9.5 * number, server_ms=18
        )
    for number in range(6):
        c, s, _ = capture.connection(f"10.0.0.20:{51100 + number}", "10.0.0.30:5432", at=10 + 15.0 * number)
        s.rst_to(c.syn())
    for number in range(3):
        c, s, _ = capture.connection(f"10.0.0.20:{51200 + number}", "10.0.0.40:6379", at=20 + 25.0 * number)
        c.syn(arrives=False)
        c.repeat(4, 1.0, arrives=False)
    for number in range(5):
        c, s, wait = capture.connection(f"10.0.0.5:{52000 + number}", "10.0.0.20:9000", at=5 + 20.0 * number)
        handshake(c, s)
        exchange(c, s, 320, 2100)
        wait(4)
        c.rst()
    for number in range(2):
        c, s, wait = capture.connection(f"10.0.0.20:{51300 + number}", "10.0.0.50:5672", at=4 + 2.0 * number)
        handshake(c, s)
        for _ in range(3):
            exchange(c, s, 90, 60)
            wait(15)
        wait(25)
        s.rst_to(c.data(90, arrives=False))
