"""What each cause of a reset means, and which kind of finding explains the rest."""

from __future__ import annotations

from dataclasses import dataclass

from tcptrace_py.findings.text import Text
from tcptrace_py.findings.texts import RESET_ABORT, TEXTS


@dataclass(frozen=True, slots=True)
class Cause:
    """``meaning``: what the RST is. ``kind``: the kind of finding that it may lead to.

    ``text``: what goes on from there; None: the text of that kind.
    """

    title: str
    meaning: str
    kind: str
    text: Text | None = None


RESET_CAUSES: dict[str, Cause] = {
    "refused": Cause(
        "the SYN is refused",
        "The RST answers a SYN.",
        "connection-refused",
    ),
    "handshake_abort": Cause(
        "the initiator breaks its own attempt off",
        "The RST comes from the initiator before the handshake is complete.",
        "stale-syn",
        Text(
            "",
            "It is a port scan or a health check that wants no connection, an application that gave up"
            " before the SYN+ACK came, or the answer to a SYN+ACK that an old duplicate SYN had drawn.",
            "Nothing, if it is a scan or a check of your own. If applications give up: their time-out for"
            " connecting is shorter than the answer takes, so find out what delays the SYN+ACK (a full"
            " accept queue, loss of the first SYN). If the client never meant to connect: see stale-syn.",
            "RFC 9293 sections 3.5 (figure 9), 3.5.2 and 3.10.7.3",
        ),
    ),
    "abort": Cause(
        "an established connection is aborted",
        "The RST comes from an endpoint in ESTABLISHED: no FIN had been sent or received.",
        "reset-abort",
    ),
    "close_wait_abort": Cause(
        "RST in place of the second FIN",
        "The RST comes from an endpoint in CLOSE_WAIT, in place of the FIN that it owed.",
        "reset-abort",
    ),
    "after_close": Cause(
        "data comes after the close",
        "The RST comes from an endpoint that had sent its FIN: data arrived that nobody reads any more.",
        "reset-after-close",
    ),
    "no_connection": Cause(
        "the sender knows no such connection",
        "The RST comes from an endpoint that knows no such connection: it has no ACK flag, and its number is"
        " the acknowledgment of the segment that provoked it.",
        "reset-no-connection",
    ),
    "timeout": Cause(
        "given up after no answer",
        "The RST follows its sender's own retransmissions or keep-alive probes that nobody answered.",
        "reset-abort",
    ),
    "time_wait": Cause(
        "TIME_WAIT is killed",
        "The RST kills the other side's TIME_WAIT.",
        "time-wait-assassination",
    ),
    "stray": Cause(
        "a RST that changes nothing",
        "The RST is not acceptable to its receiver and changes nothing.",
        "stray-reset",
    ),
}


def cause_text(cause: str) -> Text:
    """The text of a cause: that of its variant where there is one, else that of the kind behind it.

    Raises ``KeyError`` for a word that is no cause.
    """
    known = RESET_CAUSES[cause]
    text = known.text or RESET_ABORT.get(cause) or TEXTS[known.kind]
    return Text(known.title, f"{known.meaning} {text.meaning}", text.remedy, text.reference)
