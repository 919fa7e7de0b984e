"""A paragraph a state: what it means, and what it looks like from outside (RFC 9293 section 3.3.2)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class StateText:
    """``meaning``: what the endpoint waits for, and who has to act. ``seen``: how a capture shows it, and
    what is normal. ``findings``: kinds of findings about it.
    """

    meaning: str
    seen: str
    findings: tuple[str, ...] = ()


STATE_TEXTS = {
    "CLOSED": StateText(
        "There is no connection: nothing is kept of it. Every connection ends here.",
        "Nothing passes any more. The side that closed second gets here at the last ACK, the side that closed"
        " first after TIME_WAIT; a RST brings both sides here at once.",
        ("connection-refused", "reset-no-connection"),
    ),
    "LISTEN": StateText(
        "A server waits for SYNs. The application has called listen(), and the kernel answers for it.",
        "A listener is seen only by its answer, a SYN+ACK. An endpoint in SYN_RCVD that gets a RST goes back"
        " to LISTEN.",
    ),
    "SYN_SENT": StateText(
        "A client has called connect() and waits for the SYN+ACK. The kernel sends the SYN again after 1 s,"
        " 3 s, 7 s and so on, and gives up after about two minutes (ETIMEDOUT).",
        "A SYN without an answer so far. It lasts one round trip; longer than a second means that the SYN or"
        " its answer was lost, dropped, or never sent.",
        ("connection-timeout", "connection-refused", "connection-unreachable", "stale-syn"),
    ),
    "SYN_RCVD": StateText(
        "A server has answered a SYN and waits for the ACK that completes the handshake. Each one holds a"
        " place in the SYN backlog until it is completed or given up (63 s on Linux).",
        "A SYN+ACK, sent again while no ACK comes. It lasts one round trip; many at once are a SYN flood, a"
        " full accept queue, or a way back that does not work.",
        ("half-open-handshake",),
    ),
    "ESTABLISHED": StateText(
        "Both sides may send. It lasts as long as the applications want; no kernel ends it by itself unless"
        " keep-alive or TCP_USER_TIMEOUT are set, or data goes unanswered.",
        "Data and ACKs, or silence: an idle connection looks the same as one whose peer is gone.",
        ("dead-peer", "reset-abort"),
    ),
    "FIN_WAIT_1": StateText(
        "The application has closed first; the FIN is sent and its ACK is awaited. The kernel sends the FIN"
        " again by itself.",
        "A FIN without its ACK. It lasts one round trip; longer means that the peer is gone, or that it does"
        " not take the data that goes before the FIN.",
        ("unacknowledged-fin",),
    ),
    "FIN_WAIT_2": StateText(
        "This side has closed and the peer's kernel has acknowledged it; the peer's application has not"
        " closed yet. Only the peer can go on from here. Linux drops the socket after tcp_fin_timeout (60 s)"
        " if the application has called close(); after shutdown() it waits for ever.",
        "The FIN and its ACK, and no FIN from the other side, which is in CLOSE_WAIT. It is the mirror of a"
        " leak over there, or an intended half-close.",
        ("stuck-fin-wait-2", "half-close"),
    ),
    "CLOSE_WAIT": StateText(
        "The peer has closed: its FIN was received and acknowledged by the kernel. This side's application"
        " has not called close() yet, and only that call can go on from here; no time-out of the kernel"
        " ends CLOSE_WAIT. Each one holds a file descriptor.",
        "A FIN, its ACK, and no FIN in return. Milliseconds are normal, and longer while this side still"
        " sends (a half-close); sockets that stay are a leak in this side's application.",
        ("stuck-close-wait", "half-close"),
    ),
    "CLOSING": StateText(
        "Both sides closed at the same time: each got the other's FIN before the ACK of its own. It waits"
        " for that ACK.",
        "Two FINs that cross. It lasts one round trip and is harmless.",
        ("unacknowledged-fin",),
    ),
    "LAST_ACK": StateText(
        "This side closed second; its FIN is sent and the last ACK is awaited. The kernel sends the FIN"
        " again by itself.",
        "The second FIN without its ACK. It lasts one round trip; longer means that the peer is gone.",
        ("unacknowledged-fin",),
    ),
    "TIME_WAIT": StateText(
        "This side closed first and all is acknowledged. The four-tuple is kept for 2MSL, 60 s on Linux, so"
        " that late segments cannot harm a new connection on the same ports, and so that a lost last ACK can"
        " be sent again. No application holds it.",
        "Nothing passes, or the peer's FIN once more and its ACK. It is healthy; thousands at once toward one"
        " destination use up a client's ports.",
        ("time-wait-pile", "time-wait-reuse", "time-wait-assassination"),
    ),
}
