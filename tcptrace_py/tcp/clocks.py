# cython: boundscheck=False, initializedcheck=False
"""Clocks that run on the capture's own time: 2MSL and the give-up times (RFC 9293 section 3.8, 3.10.8).

Compiled (see ``clocks.pxd``). All clocks of one kind last equally long, so those
started later run out later: each kind is a queue, linked through the endpoints,
and only the heads are ever looked at. No clock is scanned for. Only the clock of a SYN that was
held back may start late: such wait in a heap.
"""

from __future__ import annotations

from heapq import heappop, heappush

from tcptrace_py.settings import Settings
from tcptrace_py.tcp.codes import CLOCK_KINDS, SYN_CLOCK
from tcptrace_py.tcp.endpoint import Endpoint

#: What an endpoint sends within this time of what passes toward it may have been under way already.
UNDER_WAY_NS = 1_000_000_000
#: Linux waits so long at least before it sends a FIN again (RFC 6298 section 2.4 asks for a second).
RTO_MIN_NS = 200_000_000

# TIME_WAIT with the Maximum Segment Lifetime of RFC 9293 section 3.4.2, two minutes.
_RFC_TIME_WAIT_S = 240.0

_NEVER = 0x7FFFFFFFFFFFFFFF


def nanoseconds(seconds: float) -> int:
    return round(seconds * 1_000_000_000)


class Queue:
    """Endpoints whose clocks of one kind run, by when they started; they are linked with one another."""

    def __init__(self, duration_ns: int) -> None:
        self.duration_ns = duration_ns
        self.head: Endpoint | None = None
        self.tail: Endpoint | None = None


class Clocks:
    """One queue of endpoints a kind of clock (``words.CLOCK_KINDS``), and the time."""

    def __init__(self, settings: Settings) -> None:
        #: The latest time stamp seen; time never runs backwards here.
        self.now_ns = 0
        #: No clock runs out before this.
        self.next_ns = _NEVER
        #: Endpoints in SYN_SENT, whose clock runs.
        self.syn_clocks = 0
        durations_ns = (
            0,
            nanoseconds(settings.syn_give_up_s),
            nanoseconds(settings.syn_ack_give_up_s),
            nanoseconds(settings.fin_give_up_s),
            nanoseconds(settings.fin_wait_2_s),
            nanoseconds(2 * settings.msl_s),
            # A connection that is over stays known for another 2MSL, for what is still under way.
            nanoseconds(2 * settings.msl_s),
            # Out of TIME_WAIT it does until the four minutes of the RFC are over, since its host may not
            # be Linux and hold TIME_WAIT so long: a SYN that meets it there is a reuse of its port.
            nanoseconds(max(2 * settings.msl_s, _RFC_TIME_WAIT_S - 2 * settings.msl_s)),
        )
        self._queues = [Queue(duration_ns) for duration_ns in durations_ns]
        #: Clocks that started late, by when they run out; of those that were stopped, some are still there.
        self._late: list[tuple[int, int, Endpoint]] = []
        self._started_late = 0

    def start(self, endpoint: Endpoint, kind: int) -> None:
        """Start (or start anew) a clock of ``kind`` for this endpoint, which has one at a time."""
        if endpoint.clock:
            self.stop(endpoint)
        if kind == SYN_CLOCK:
            self.syn_clocks += 1
        queue = self._queues[kind]
        endpoint.clock = kind
        endpoint.deadline_ns = self.now_ns + queue.duration_ns
        before = queue.tail
        if before is not None and before.deadline_ns > endpoint.deadline_ns:
            self._started_late += 1
            heappush(self._late, (endpoint.deadline_ns, self._started_late, endpoint))
        else:
            endpoint.clock_before = before
            if before is None:
                queue.head = endpoint
            else:
                before.clock_after = endpoint
            queue.tail = endpoint
        if endpoint.deadline_ns < self.next_ns:
            self.next_ns = endpoint.deadline_ns

    def stop(self, endpoint: Endpoint) -> None:
        kind = endpoint.clock
        if not kind:
            return
        if kind == SYN_CLOCK:
            self.syn_clocks -= 1
        endpoint.clock = 0
        queue = self._queues[kind]
        before = endpoint.clock_before
        after = endpoint.clock_after
        if before is None:
            if queue.head is not endpoint:
                # It waits in the heap, which drops it when its time comes.
                return
            queue.head = after
        else:
            before.clock_after = after
        if after is None:
            queue.tail = before
        else:
            after.clock_before = before
        endpoint.clock_before = None
        endpoint.clock_after = None

    def duration_ns(self, kind: int) -> int:
        """How long clocks of this kind last."""
        queue = self._queues[kind]
        return queue.duration_ns

    def oldest(self, kind: int) -> Endpoint | None:
        """The endpoint whose clock of this kind was started first."""
        queue = self._queues[kind]
        return queue.head

    def run_out(self, ts_ns: int) -> Endpoint | None:
        """The endpoint whose clock runs out first, if by ``ts_ns``; ``None`` when none (any more) does.

        The time is then that at which it ran out: what starts because of it starts there, whenever
        the next segment passes.
        """
        earliest: Endpoint | None = None
        next_ns = _NEVER
        for kind in range(1, CLOCK_KINDS):
            queue = self._queues[kind]
            head = queue.head
            if head is not None and head.deadline_ns < next_ns:
                earliest = head
                next_ns = head.deadline_ns
        late = self._late
        while late:
            deadline_ns, _, endpoint = late[0]
            if endpoint.clock == SYN_CLOCK and endpoint.deadline_ns == deadline_ns:
                if endpoint.deadline_ns < next_ns:
                    earliest = endpoint
                    next_ns = endpoint.deadline_ns
                break
            heappop(late)
        self.next_ns = next_ns
        if next_ns > ts_ns:
            return None
        if next_ns > self.now_ns:
            self.now_ns = next_ns
        return earliest
