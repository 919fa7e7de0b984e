"""The eleven states of an endpoint, and every transition that it may take between them.

The theory
----------
A capture shows segments *passing*, at one vantage point, on the way from one
endpoint to the other. It does not show them arriving, and it does not show what
an application does. The tracker therefore runs two machines, one an endpoint,
and asks of each segment two questions:

1. What must its **sender** have been, to send this? A SYN, a SYN+ACK, a FIN and a
   RST are each sent from one state only, and what a segment acknowledges its
   sender has received. These are facts (``sent``, ``acknowledged``).
2. What will its **receiver** become? If the receiver has to answer (a SYN, a FIN),
   we wait for the answer, which is a fact of kind 1. If it need not answer (the
   ACK that ends a handshake or a close, a RST), nothing will ever prove the
   arrival, so the transition is taken on trust (``presumed``) and taken back when the
   endpoint acts as if nothing had come: when it sends its SYN+ACK or FIN again, or the
   data before that FIN.

A clock may also run out with nothing on the wire (``timer``), and where the
capture begins too late or has a gap a state is a guess (``assumed``).

The rules of this file
----------------------
- ``TRANSITIONS`` says which state follows which. All others name an *event* and its
  basis; an event for which a state has no transition changes nothing. So a history holds
  only transitions of RFC 9293 section 3.3.2 (figure 5) and section 3.10, and the few that
  are commented as ours.
- Nothing here knows of captures, files, clocks or sockets. The diagram in the
  documentation is drawn from ``TRANSITIONS``.
"""

from __future__ import annotations

# --- states (RFC 9293 section 3.3.2) ---------------------------------------------------
CLOSED = 0
LISTEN = 1
SYN_SENT = 2
SYN_RCVD = 3
ESTABLISHED = 4
FIN_WAIT_1 = 5
FIN_WAIT_2 = 6
CLOSE_WAIT = 7
CLOSING = 8
LAST_ACK = 9
TIME_WAIT = 10

STATE_NAMES = (
    "CLOSED",
    "LISTEN",
    "SYN_SENT",
    "SYN_RCVD",
    "ESTABLISHED",
    "FIN_WAIT_1",
    "FIN_WAIT_2",
    "CLOSE_WAIT",
    "CLOSING",
    "LAST_ACK",
    "TIME_WAIT",
)
STATES = len(STATE_NAMES)

# --- bases: why we believe it ----------------------------------------------------------
SENT = 0  # the endpoint itself sent what only this state sends
ACKNOWLEDGED = 1  # its own later segment proves it had received what moves it
PRESUMED = 2  # a segment that needs no answer passed by; may be withdrawn
TIMER = 3  # a clock ran out, in the capture's own time; may be withdrawn
ASSUMED = 4  # picked up mid-stream, or a gap in the capture

BASIS_NAMES = ("sent", "acknowledged", "presumed", "timer", "assumed")

# --- events: what moves an endpoint ----------------------------------------------------
SENDS_SYN = 0
SENDS_SYN_ACK = 1
GETS_SYN_ACK = 2
GETS_ACK_OF_SYN = 3
SENDS_FIN = 4
GETS_FIN = 5
GETS_FIN_WITH_ACK_OF_FIN = 6
GETS_ACK_OF_FIN = 7
SENDS_RST = 8
GETS_RST = 9
GETS_RST_AS_LISTENER = 10
GETS_UNREACHABLE = 11
CLOCK_RUNS_OUT = 12
IS_REPLACED = 13
LISTENS = 14
GETS_SYN_AS_LISTENER = 15

EVENT_NAMES = (
    "sends SYN",
    "sends SYN+ACK",
    "gets SYN+ACK",
    "gets ACK of SYN",
    "sends FIN",
    "gets FIN",
    "gets FIN with ACK of FIN",
    "gets ACK of FIN",
    "sends RST",
    "gets RST",
    "gets RST as listener",
    "gets ICMP unreachable",
    "clock runs out",
    "is replaced",
    "listens",
    "gets SYN as listener",
)
EVENTS = len(EVENT_NAMES)

NO_TRANSITION = 255

_SYNCHRONIZED = (ESTABLISHED, FIN_WAIT_1, FIN_WAIT_2, CLOSE_WAIT, CLOSING, LAST_ACK, TIME_WAIT)

#: ``(state, event) -> state``. Section numbers are RFC 9293's.
TRANSITIONS: dict[tuple[int, int], int] = {
    # A passive OPEN (3.10.1): that it was one is seen by its first answer, at times after a refusal.
    (CLOSED, LISTENS): LISTEN,
    # An active OPEN (3.10.1). LISTEN may turn active as well (3.10.2, SEND in LISTEN).
    (CLOSED, SENDS_SYN): SYN_SENT,
    (LISTEN, SENDS_SYN): SYN_SENT,
    # A listener answers a SYN (3.10.7.2); a SYN_SENT endpoint that is sent a bare SYN
    # answers it likewise: the simultaneous open (3.10.7.3, figure 7).
    (LISTEN, SENDS_SYN_ACK): SYN_RCVD,
    (SYN_SENT, SENDS_SYN_ACK): SYN_RCVD,
    # The active opener has its answer (3.10.7.3).
    (SYN_SENT, GETS_SYN_ACK): ESTABLISHED,
    # The third segment of the handshake (3.10.7.4, fifth check).
    (SYN_RCVD, GETS_ACK_OF_SYN): ESTABLISHED,
    # CLOSE (3.10.4). From SYN_RCVD without passing ESTABLISHED: the application closed
    # before the handshake's last ACK came.
    (SYN_RCVD, SENDS_FIN): FIN_WAIT_1,
    (ESTABLISHED, SENDS_FIN): FIN_WAIT_1,
    (CLOSE_WAIT, SENDS_FIN): LAST_ACK,
    # The peer's FIN (3.10.7.4, eighth check). That names SYN_RCVD as well, but the fifth check, of
    # the ACK that a FIN comes with, has led from there to ESTABLISHED.
    (ESTABLISHED, GETS_FIN): CLOSE_WAIT,
    (FIN_WAIT_1, GETS_FIN): CLOSING,
    (FIN_WAIT_2, GETS_FIN): TIME_WAIT,
    # "If our FIN has been ACKed (perhaps in this segment), then enter TIME-WAIT": one transition.
    (FIN_WAIT_1, GETS_FIN_WITH_ACK_OF_FIN): TIME_WAIT,
    # The peer's ACK of our FIN (3.10.7.4, fifth check).
    (FIN_WAIT_1, GETS_ACK_OF_FIN): FIN_WAIT_2,
    (CLOSING, GETS_ACK_OF_FIN): TIME_WAIT,
    (LAST_ACK, GETS_ACK_OF_FIN): CLOSED,
    # RST (3.5.3, 3.10.7): a passive opener goes back to LISTEN, all others are done.
    (SYN_RCVD, GETS_RST_AS_LISTENER): LISTEN,
    # Another SYN does the same (3.10.7.4, fourth check).
    (SYN_RCVD, GETS_SYN_AS_LISTENER): LISTEN,
    (SYN_SENT, GETS_RST): CLOSED,
    (SYN_RCVD, GETS_RST): CLOSED,
    **{(state, GETS_RST): CLOSED for state in _SYNCHRONIZED},
    # ABORT (3.10.5), and the answer of an endpoint that knows no such connection (3.5.2).
    (SYN_SENT, SENDS_RST): CLOSED,
    (SYN_RCVD, SENDS_RST): CLOSED,
    **{(state, SENDS_RST): CLOSED for state in _SYNCHRONIZED},
    # An ICMP error fails an attempt (RFC 1122 4.2.3.9, and what stacks do: RFC 5461 4.1);
    # for a synchronized connection it is a hint only, and moves nothing.
    (SYN_SENT, GETS_UNREACHABLE): CLOSED,
    # 2MSL (3.10.8), and the give-up times of SYN, SYN+ACK, FIN and of an orphaned
    # FIN_WAIT_2. The last is not in the RFC: stacks have it because an endpoint whose
    # application is gone would otherwise wait for ever.
    (SYN_SENT, CLOCK_RUNS_OUT): CLOSED,
    (SYN_RCVD, CLOCK_RUNS_OUT): CLOSED,
    (FIN_WAIT_1, CLOCK_RUNS_OUT): CLOSED,
    (FIN_WAIT_2, CLOCK_RUNS_OUT): CLOSED,
    (CLOSING, CLOCK_RUNS_OUT): CLOSED,
    (LAST_ACK, CLOCK_RUNS_OUT): CLOSED,
    (TIME_WAIT, CLOCK_RUNS_OUT): CLOSED,
    # Ours: the endpoint opens a new connection on the same four-tuple, so it holds the
    # old one no longer (3.6.1 allows it from TIME_WAIT; elsewhere the host restarted).
    (SYN_SENT, IS_REPLACED): CLOSED,
    (SYN_RCVD, IS_REPLACED): CLOSED,
    **{(state, IS_REPLACED): CLOSED for state in _SYNCHRONIZED},
}


def transition_table() -> bytes:
    """``TRANSITIONS`` as a table of bytes, ``state * EVENTS + event`` -> state or ``NO_TRANSITION``."""
    return bytes(
        TRANSITIONS.get((state, event), NO_TRANSITION) for state in range(STATES) for event in range(EVENTS)
    )
