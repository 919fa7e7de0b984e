"""The families of findings as bits: which of them must look at a connection. And what is late."""

from __future__ import annotations

#: CLOSE_WAIT, and FIN_WAIT_2 on the other side, for longer than their thresholds.
WAITS = 1
#: A FIN that is not acknowledged.
FIN_UNANSWERED = 2
#: Data flowed after one side's FIN.
HALF_CLOSE = 4
#: The four-tuple of a connection in TIME_WAIT was used again.
REUSE = 8
#: A handshake that failed, or is not complete.
HANDSHAKE = 16
#: RSTs, effective and stray, and stale SYNs.
RESETS = 32
#: Retransmissions or probes without an answer.
SILENCE = 64
#: A connection of which something was observed that causes are told from.
OBSERVED = 128
#: A SYN sent again, then success.
SLOW = 256
#: The server closed first, and its client had the last word.
UNANSWERED = 512
#: What a side lacks, and says so by SACK, did not pass.
HOLE = 1024
#: One side speaks TLS or HTTP, and the other does not answer in kind.
IN_CLEAR = 2048
#: Nobody has said a word, for long, or before the server closed.
MUTE = 4096

#: A handshake without a retransmission is late when it has waited so long: the first
#: retransmission is due after 1 s (RFC 6298 section 2), or 3 s in older systems.
LATE_NS = 3_000_000_000
