"""The families of findings as bits: which of them must look at a connection."""

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
