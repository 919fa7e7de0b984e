"""Attempts that lost a race: a client tries several addresses of one name and keeps what answers first.

RFC 8305 (Happy Eyeballs): an address that has not answered within some 250 ms is joined by the next one, of
either version of IP; the others are given up as soon as one of them is connected.
"""

from __future__ import annotations

from bisect import bisect_left

from tcptrace_py.findings.knowledge import Knowledge
from tcptrace_py.findings.service import ServiceKey

#: The next address is tried so soon after (or, where the order changes, before) the one that loses.
_AFTER_NS, _BEFORE_NS = 2_000_000_000, 500_000_000
#: So large a part of the attempts.
_NEARLY_ALL = 0.9


def raced(key: ServiceKey, knowledge: Knowledge) -> bool:
    """Was nearly each attempt at a service that nobody answered run beside one that another address took?

    Where the service serves nobody, a balancer that spreads over a dead and a living server looks alike; but
    it takes many connections straight to the living one.
    """
    if not (knowledge.ports.whole() and knowledge.troubled.whole()):
        # Who ran beside whom is not known.
        return False
    lost: dict[tuple[int, int, int], list[int]] = {}
    tried: dict[tuple[int, int, int], list[int]] = {}
    took: dict[tuple[int, int, int], list[int]] = {}
    for sample in (knowledge.ports, knowledge.troubled):
        for uses in sample.entries.values():
            for use in uses:
                client = (use.version, use.client_hi, use.client_lo)
                if use.port == key[3] and use.begun_by_syn:
                    if use.server == key:
                        tried.setdefault(client, []).append(use.first_ns)
                        if not use.answered:
                            lost.setdefault(client, []).append(use.first_ns)
                    elif use.answered:
                        took.setdefault(client, []).append(use.first_ns)
    beside = straight = count = 0
    for client, begun in tried.items():
        losses = lost.get(client, ())
        count += len(losses)
        others = sorted(took.get(client, ()))
        beside += sum(_any_between(others, ns - _BEFORE_NS, ns + _AFTER_NS) for ns in losses)
        straight += max(len(others) - len(begun), 0)
    service = knowledge.service(*key)
    if service is None or not service.established:
        if straight * 2 > beside:
            return False
    return 0 < count * _NEARLY_ALL <= beside


def _any_between(moments: list[int], begin_ns: int, end_ns: int) -> bool:
    at = bisect_left(moments, begin_ns)
    return at < len(moments) and moments[at] <= end_ns
