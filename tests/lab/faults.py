"""Scenarios: segments lost, reordered and delivered twice."""

from __future__ import annotations

import itertools
import socket
import time
from collections.abc import Callable

from .network import (
    Match,
    Packet,
    anything,
    by,
    data,
    fin,
    first,
    nth,
    pure_ack,
    syn,
    syn_ack,
)
from .script import Lab, Scenario, Scenarios

FAULTS = Scenarios()
scenario = FAULTS.scenario


# --- loss ---

#: The segments of an ordinary connection, in order. The client closes first.
LOSSES: dict[str, Callable[[], Match]] = {
    "syn": lambda: first(syn),
    "syn_ack": lambda: first(syn_ack),
    "third_ack": lambda: first(by("client", pure_ack)),
    "request": lambda: first(by("client", data)),
    "response": lambda: first(by("server", data)),
    "fin": lambda: first(by("client", fin)),
    "ack_of_fin": lambda: _after(first(by("client", fin)), by("server", pure_ack)),
    "second_fin": lambda: first(by("server", fin)),
    "last_ack": lambda: _after(first(by("server", fin)), by("client", pure_ack)),
}


def _after(start: Match, wanted: Match) -> Match:
    """The first match of ``wanted`` after one of ``start``."""
    started = done = False

    def match(packet: Packet) -> bool:
        nonlocal started, done
        if not started:
            started = start(packet)
        elif not done and wanted(packet):
            done = True
            return True
        return False

    return match


#: Longer than a FIN is waited for where the handshake gave no round-trip time (RFC 6298 section 5.7).
_LONG_S = 3.3


def _lossy(lost: tuple[str, ...], near: str, server_waits_s: float = 0.5) -> Callable[[Lab], None]:
    def script(lab: Lab) -> None:
        for segment in lost:
            lab.drop(LOSSES[segment](), near)
        client, server = lab.pair()
        lab.exchange(client, server)
        client.close()
        lab.read_to_end(server)
        time.sleep(server_waits_s)
        server.close()
        lab.settle(max(0.5, server_waits_s))

    where = "before" if near == "sender" else "after"
    script.__doc__ = f"Lost {where} the vantage point in the middle: {' and '.join(lost)}."
    return script


for _segment in LOSSES:
    FAULTS.append(
        Scenario(
            f"lost_{_segment}", _lossy((_segment,), "receiver"), handshake="complete", initiator="client"
        )
    )
    FAULTS.append(
        Scenario(
            f"lost_{_segment}_unseen",
            _lossy((_segment,), "sender"),
            handshake="complete",
            initiator="client",
            vantages=("middle",),
            speed="full",
        )
    )
for _pair in itertools.combinations(LOSSES, 2):
    FAULTS.append(
        Scenario(
            f"lost_{_pair[0]}_and_{_pair[1]}",
            _lossy(_pair, "receiver", _LONG_S),
            handshake="complete",
            initiator="client",
            speed="full",
        )
    )


# Without a retransmission of the FIN only the client's own wire tells that it never got the ACK.
FAULTS.append(
    Scenario(
        "lost_ack_of_fin_then_fin",
        _lossy(("ack_of_fin",), "receiver", server_waits_s=0.1),
        handshake="complete",
        initiator="client",
        vantages=("client",),
    )
)


# --- order and duplicates ---


# The late data draws a RST with its own old number, which TIME_WAIT ignores.
@scenario(handshake="complete", close="four_way", initiator="client", findings={"stray-reset"})
def fin_overtakes_data(lab: Lab) -> None:
    """The client's data is late, its FIN arrives first and is not received until the data is."""
    client, server = lab.pair()
    lab.delay(by("client", first(data)), 0.15)
    client.sendall(b"d" * 500)
    lab.close_in_turn(client, server)


@scenario(
    handshake="complete",
    close="four_way",
    initiator="client",
    may={"half-close"},
    findings={"time-wait-assassination"},
)
def server_fin_overtakes_data(lab: Lab) -> None:
    """The server's data is late, its FIN arrives first at a client in FIN_WAIT_2."""
    client, server = lab.pair()
    client.shutdown(socket.SHUT_WR)
    lab.read_to_end(server)
    lab.settle()
    lab.delay(by("server", first(data)), 0.15)
    server.sendall(b"d" * 500)
    server.close()
    lab.read_to_end(client)
    client.close()


@scenario(handshake="complete", close="four_way", initiator="client")
def data_reordered(lab: Lab) -> None:
    """Two segments of one stream change places."""
    client, server = lab.pair()
    lab.delay(by("client", nth(1, data)), 0.05)
    lab.delay(by("client", nth(3, data)), 0.05)
    for letter in (b"a", b"b", b"c", b"d"):
        client.sendall(letter * 300)
    lab.close_in_turn(client, server)


@scenario(
    handshake="complete",
    close="four_way",
    initiator="client",
    findings={"time-wait-assassination"},
    reset="time_wait",
)
def everything_twice(lab: Lab) -> None:
    """Each segment is delivered a second time 20 ms later; the last ACK's duplicate draws a RST."""
    lab.duplicate(anything, 0.02)
    client, server = lab.pair()
    lab.exchange(client, server)
    lab.close_in_turn(client, server)


@scenario(
    handshake="complete",
    initiator="client",
    may={"stale-syn", "time-wait-assassination", "half-open-handshake"},
)
def old_syn_after_the_close(lab: Lab) -> None:
    """A duplicate of the SYN arrives when all is over: the listener answers, TIME_WAIT refuses."""
    lab.server.sysctl("tcp_synack_retries", 0)
    lab.duplicate(first(syn), 0.7)
    client, server = lab.pair()
    lab.close_in_turn(client, server)
    time.sleep(0.8)


@scenario(handshake="complete", close="four_way", initiator="client")
def third_ack_overtaken_by_data(lab: Lab) -> None:
    """The client's data reaches the server before its third ACK does."""
    lab.delay(first(by("client", pure_ack)), 0.1)
    listener = lab.listen()
    client = lab.connect()
    client.sendall(b"first words")
    server = lab.accept(listener)
    server.recv(100)
    lab.settle()
    lab.close_in_turn(client, server)


@scenario(handshake="complete", close="four_way", initiator="client", findings={"time-wait-assassination"})
def last_ack_late(lab: Lab) -> None:
    """The last ACK is slower than the server's retransmission of its FIN; late, it draws a RST."""
    client, server = lab.pair()
    lab.delay(_after(first(by("server", fin)), by("client", pure_ack)), 0.5)
    lab.close_in_turn(client, server)
    time.sleep(0.6)
