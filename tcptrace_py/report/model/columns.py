"""The columns of a `Tally` row. Plain Python: the compiled tally types them for itself."""

from __future__ import annotations

from tcptrace_py.tcp.codes import CLOSE_KINDS, HANDSHAKE_OUTCOMES, RESET_CAUSES, STRAY
from tcptrace_py.tcp.state import STATES

CONNECTIONS = 0
FIRST_NS = 1
LAST_NS = 2
PACKETS = 3
BYTES_TO_SERVER = 4
BYTES_TO_CLIENT = 5
RETRANSMITS = 6
# Connections that a server accepted (it sent SYN+ACK, and no SYN of its own).
LISTENING = 7
SIMULTANEOUS = 8
FAST_OPEN = 9
# Handshakes without a retransmission, and the time from SYN to ACK: sum, least, most.
MEASURED = 10
MEASURED_NS = 11
MEASURED_LEAST_NS = 12
MEASURED_MOST_NS = 13
# CLOSE_WAIT: part of a finding; there still, and since when the oldest is; the longest of
# those that left it (-1 none).
WAIT_STUCK = 14
WAIT_OPEN = 15
WAIT_OLDEST_NS = 16
WAIT_LONGEST_NS = 17
# From here on one column for each index of the tables in tcp/codes.py and tcp/state.py.
HANDSHAKES = 18
CLOSES = HANDSHAKES + len(HANDSHAKE_OUTCOMES)
CLIENT_STATES = CLOSES + len(CLOSE_KINDS)
SERVER_STATES = CLIENT_STATES + STATES
RESETS = SERVER_STATES + STATES
STRAY_RESETS = RESETS + STRAY
WIDTH = RESETS + len(RESET_CAUSES)
