"""What a user may set: clocks of the tracker and thresholds of the findings."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Settings:
    """Durations in seconds. The defaults are those of Linux, where it has one.

    The clocks (``DESIGN`` of the tracker: they run on the capture's own time):

    - ``msl_s``: Maximum Segment Lifetime; TIME_WAIT lasts twice that. RFC 9293 section 3.4.2
      says two minutes; Linux has a constant TIME_WAIT of 60 s, so 30 s here.
    - ``syn_give_up_s``: an active opener gives up this long after its first SYN
      (``tcp_syn_retries`` = 6: 1 + 2 + 4 + ... + 64 s).
    - ``syn_ack_give_up_s``: likewise for SYN+ACK (``tcp_synack_retries`` = 5).
    - ``fin_give_up_s``: likewise for a FIN that is never acknowledged (8 orphan retries
      with the least RTO of 200 ms).
    - ``fin_wait_2_s``: an orphaned FIN_WAIT_2 (``tcp_fin_timeout``).

    The thresholds of findings:

    - ``close_wait_after_s``, ``fin_wait_2_after_s``: stuck when longer in that state.
    - ``time_wait_pile_sockets``: TIME_WAIT at once on one address.
    - ``time_wait_pile_share``: part of ``ephemeral_ports`` toward one destination.
    - ``ephemeral_ports``: ports an active opener can choose from (``ip_local_port_range``).
    - ``dead_peer_probes``: retransmissions or keep-alive probes without an answer.
    """

    msl_s: float = 30.0
    syn_give_up_s: float = 127.0
    syn_ack_give_up_s: float = 63.0
    fin_give_up_s: float = 102.0
    fin_wait_2_s: float = 60.0
    close_wait_after_s: float = 10.0
    fin_wait_2_after_s: float = 10.0
    time_wait_pile_sockets: int = 1000
    time_wait_pile_share: float = 0.10
    ephemeral_ports: int = 28232
    dead_peer_probes: int = 3
