"""Codes that the tracker keeps as numbers, with the names by index that the report writes for them."""

from __future__ import annotations

#: How the client was told from the server (``Connection.roles_basis``).
ROLES_BASIS_NAMES = ("syn", "syn_ack", "listener", "port", "first_speaker")
BY_SYN, BY_SYN_ACK, BY_LISTENER, BY_PORT, BY_FIRST_SPEAKER = range(5)

#: In place of a state or a code: no other than before.
SAME = -1

#: ``Connection.reset_cause``; index 0 is "no reset".
RESET_CAUSES = (
    "",
    "refused",
    "handshake_abort",
    "abort",
    "close_wait_abort",
    "after_close",
    "no_connection",
    "timeout",
    "time_wait",
    "stray",
)
(
    NO_RESET,
    REFUSED,
    HANDSHAKE_ABORT,
    ABORT,
    CLOSE_WAIT_ABORT,
    AFTER_CLOSE,
    NO_CONNECTION,
    TIMEOUT,
    KILLS_TIME_WAIT,
    STRAY,
) = range(10)

#: ``Connection.handshake``
HANDSHAKE_OUTCOMES = ("complete", "refused", "unanswered", "unreachable", "half_open", "aborted", "unseen")
(COMPLETE, REFUSED_HANDSHAKE, UNANSWERED, UNREACHABLE, HALF_OPEN, ABORTED, UNSEEN) = range(7)

#: ``Connection.close``
CLOSE_KINDS = ("four_way", "three_way", "simultaneous", "reset", "half_closed", "open")
(FOUR_WAY, THREE_WAY, SIMULTANEOUS, RESET, HALF_CLOSED, OPEN) = range(6)

#: Clocks an endpoint can have running (``Endpoint.clock``); 0 is none.
NO_CLOCK, SYN_CLOCK, SYN_ACK_CLOCK, FIN_CLOCK, FIN_WAIT_2_CLOCK, TIME_WAIT_CLOCK = range(6)
#: Those of a connection that is over, on its end ``a``: the second where it came out of TIME_WAIT.
LINGER_CLOCK, REUSE_CLOCK = 6, 7
CLOCK_KINDS = 8

#: ``ConnectionRare.stray_reset_fits``: its number fitted, but who goes on had not sent or did not believe it.
FITS_NOTHING, SENDER_GOES_ON, RECEIVER_GOES_ON = range(3)
#: Why an endpoint is CLOSED that its segments do not say it of: not so; until it sends again; for good.
BY_ITS_SEGMENTS, UNTIL_IT_SENDS, FOR_GOOD = range(3)
