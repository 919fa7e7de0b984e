"""Which timers connections show: who closes idle ones after how long, and what silences they survive."""

from __future__ import annotations

from msgspec import Struct

from tcptrace_py.findings.service import Service
from tcptrace_py.findings.wording import duration, span, times
from tcptrace_py.tcp.observations import class_ns

# So many closes after about as long are a timer's.
_FEWEST = 3
# Classes of idle times no further apart than this are one cluster's, and one timer's are no wider than that.
_APART = 1.05
_WIDE = 1.1
# Timers told of one side, those of the most closes.
_MOST = 4
# A connection that is used again after so much of the other side's time-out has barely escaped it.
_NEAR = 0.9


class Timer(Struct, gc=False):
    """``count`` connections were closed after about ``idle_s`` without data, ``least_s`` to ``most_s``."""

    idle_s: float
    least_s: float
    most_s: float
    count: int


class Timers(Struct):
    """The timers of a service, from how long its connections were idle (no data, either way) before what.

    ``server`` and ``client``: what that side closes idle connections by, the most frequent first, where
    three or more were closed after about as long; ``server_s`` and ``client_s`` are the first of each. All
    are exact to 2 %. ``survived``: silences that ended with data which was answered, and the longest of
    them. ``lost``: silences that ended with data which nobody answered, and the shortest of them.
    ``near_misses``: of those survived, how many ended within the last 10 % of the server's time.
    """

    server_s: float | None
    client_s: float | None
    server: list[Timer]
    client: list[Timer]
    survived: int
    longest_survived_s: float | None
    lost: int
    shortest_lost_s: float | None
    near_misses: int


def timers(service: Service) -> Timers | None:
    """None where its connections were never idle."""
    server, client = (_clusters(closed) for closed in service.closed)
    survived, lost = sum(service.survived.values()), sum(service.lost.values())
    if not (server or client or survived or lost):
        return None
    return Timers(
        server_s=server[0].idle_s if server else None,
        client_s=client[0].idle_s if client else None,
        server=server,
        client=client,
        survived=survived,
        longest_survived_s=service.longest_survived_ns / 1e9 if survived else None,
        lost=lost,
        shortest_lost_s=service.shortest_lost_ns / 1e9 if lost else None,
        near_misses=_near_misses(service, server[0]) if server else 0,
    )


def _clusters(closed: dict[int, int]) -> list[Timer]:
    """Closes by class of idle time, as timers."""
    found = []
    cluster: list[int] = []
    for number in [*sorted(closed), -1]:
        if cluster and (number < 0 or class_ns(number) > class_ns(cluster[-1] + 1) * _APART):
            found.append(_timer(closed, cluster))
            cluster = []
        cluster.append(number)
    timers_found = [each for each in found if each.count >= _FEWEST and each.most_s <= each.least_s * _WIDE]
    return sorted(timers_found, key=lambda timer: (-timer.count, timer.idle_s))[:_MOST]


def _timer(closed: dict[int, int], cluster: list[int]) -> Timer:
    count = sum(closed[number] for number in cluster)
    # Each by the middle of its class, in whole ns, so that parts in any order give the same.
    total_ns = sum(closed[number] * (class_ns(number) + class_ns(number + 1)) for number in cluster)
    return Timer(
        idle_s=_seconds(total_ns // (2 * count)),
        least_s=_seconds(class_ns(cluster[0])),
        most_s=_seconds(class_ns(cluster[-1] + 1)),
        count=count,
    )


def _seconds(ns: int) -> float:
    return round(ns / 1e9, 3)


def _near_misses(service: Service, timer: Timer) -> int:
    least_ns, most_ns = timer.idle_s * _NEAR * 1e9, timer.most_s * 1e9
    return sum(n for number, n in service.survived.items() if least_ns <= class_ns(number) <= most_ns)


def told(service: Service, server: bool = True) -> list[str]:
    """Both timers in sentences, as far as they are seen, and how near the misses were; empty without any.

    ``server``: the server's own too, where that was not told already.
    """
    found = timers(service)
    if found is None:
        return []
    sentences = []
    for side, sides in (("server", found.server), ("client", found.client)):
        if sides and (server or side == "client"):
            timer = sides[0]
            after = span(round(timer.least_s * 1e9), round(timer.most_s * 1e9))
            sentences.append(
                f"The {side} closes idle connections after {after} ({times(timer.count, 'connection')})."
            )
    if found.longest_survived_s is not None and (found.server or found.client or found.lost):
        sentence = f"The longest silence that a connection survived: {duration(service.longest_survived_ns)}"
        if found.lost:
            sentence += f"; the shortest that one did not: {duration(service.shortest_lost_ns)}"
        sentences.append(f"{sentence}.")
    if found.near_misses:
        sentences.append(
            f"{times(found.near_misses, 'request')} came just in time: within the last 10 % of the server's."
        )
    return sentences
