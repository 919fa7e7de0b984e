"""What the kernel's endpoints really did: the tracepoint ``sock:inet_sock_set_state`` and sock_diag.

The tracepoint gives every transition of a full socket with its time. What it cannot show
(requests that wait for the third ACK, TIME_WAIT) the wire asks of sock_diag, the interface
behind ``ss``, after each segment that a host sent or got. ``histories()`` joins the two.
"""

from __future__ import annotations

import ctypes
import os
import re
import socket
import tempfile
from dataclasses import dataclass, field
from itertools import zip_longest
from pathlib import Path

from .network import ACK, FIN, RST, SYN, LabError, Sample

#: The kernel's numbers (include/net/tcp_states.h) and names, in the words of RFC 9293.
STATES = {
    1: "ESTABLISHED",
    2: "SYN_SENT",
    3: "SYN_RCVD",
    4: "FIN_WAIT_1",
    5: "FIN_WAIT_2",
    6: "TIME_WAIT",
    7: "CLOSED",
    8: "CLOSE_WAIT",
    9: "LAST_ACK",
    10: "LISTEN",
    11: "CLOSING",
    12: "SYN_RCVD",
}
_NAMES = {
    "TCP_ESTABLISHED": "ESTABLISHED",
    "TCP_SYN_SENT": "SYN_SENT",
    "TCP_SYN_RECV": "SYN_RCVD",
    "TCP_FIN_WAIT1": "FIN_WAIT_1",
    "TCP_FIN_WAIT2": "FIN_WAIT_2",
    "TCP_TIME_WAIT": "TIME_WAIT",
    "TCP_CLOSE": "CLOSED",
    "TCP_CLOSE_WAIT": "CLOSE_WAIT",
    "TCP_LAST_ACK": "LAST_ACK",
    "TCP_LISTEN": "LISTEN",
    "TCP_CLOSING": "CLOSING",
    "TCP_NEW_SYN_RECV": "SYN_RCVD",
}

Address = tuple[bytes, int]


@dataclass(slots=True)
class Transition:
    """One line of the trace. ``ts_ns`` is CLOCK_MONOTONIC, cut to microseconds by the kernel's print."""

    ts_ns: int
    local: Address
    remote: Address
    old: str
    new: str


class Trace:
    """An own trace instance, so that nobody else's tracing is disturbed or disturbs. A context manager."""

    _LINE = re.compile(
        r"\s(\d+)\.(\d{6}): inet_sock_set_state: family=(\w+) protocol=IPPROTO_TCP sport=(\d+) dport=(\d+) "
        r"saddr=(\S+) daddr=(\S+) saddrv6=(\S+) daddrv6=(\S+) oldstate=(\w+) newstate=(\w+)"
    )

    def __init__(self, first_port: int, last_port: int) -> None:
        self._ports = (first_port, last_port)
        self._mounted: int | None = None  # an open directory

    def __enter__(self) -> Trace:
        root = Path("/sys/kernel/tracing")
        if not (root / "instances").is_dir():
            self._mounted = _mount_tracefs()
            root = Path(f"/proc/self/fd/{self._mounted}")
        try:
            self._sweep(root)
            self._instance = root / "instances" / f"tcptrace-lab-{os.getpid()}-{id(self):x}"
            self._instance.mkdir()
            low, high = self._ports
            event = self._instance / "events/sock/inet_sock_set_state"
            (self._instance / "trace_clock").write_text("mono")
            (self._instance / "buffer_size_kb").write_text("8192")
            (event / "filter").write_text(
                f"(sport >= {low} && sport <= {high}) || (dport >= {low} && dport <= {high})"
            )
            (event / "enable").write_text("1")
        except OSError as error:
            self.__exit__()
            raise LabError(f"cannot trace inet_sock_set_state: {error}") from error
        return self

    @staticmethod
    def _sweep(root: Path) -> None:
        """Remove instances whose maker was killed."""
        for instance in (root / "instances").glob("tcptrace-lab-*"):
            pid = instance.name.split("-")[2]
            if not Path("/proc", pid).exists():
                try:
                    instance.rmdir()
                except OSError:
                    pass

    def __exit__(self, *_exc: object) -> None:
        try:
            if hasattr(self, "_instance") and self._instance.is_dir():
                (self._instance / "events/enable").write_text("0")
                self._instance.rmdir()
        finally:
            if self._mounted is not None:
                os.close(self._mounted)
                self._mounted = None

    def transitions(self) -> list[Transition]:
        """All transitions so far, in order of time. LabError if the kernel lost some."""
        for stats in self._instance.glob("per_cpu/cpu*/stats"):
            for line in stats.read_text().splitlines():
                if line.startswith(("overrun:", "dropped events:")) and not line.endswith(" 0"):
                    raise LabError(f"the kernel's trace buffer overflowed ({line})")
        found = []
        with open(self._instance / "trace") as file:
            for line in file:
                match = self._LINE.search(line)
                if match is None:
                    continue
                seconds, micros, family, sport, dport, saddr, daddr, saddr6, daddr6, old, new = match.groups()
                kind = socket.AF_INET6 if family == "AF_INET6" else socket.AF_INET
                if kind == socket.AF_INET6:
                    saddr, daddr = saddr6, daddr6
                found.append(
                    Transition(
                        int(seconds) * 1_000_000_000 + int(micros) * 1000,
                        (socket.inet_pton(kind, saddr), int(sport)),
                        (socket.inet_pton(kind, daddr), int(dport)),
                        _NAMES[old],
                        _NAMES[new],
                    )
                )
        found.sort(key=lambda transition: transition.ts_ns)
        return found


def _mount_tracefs() -> int:
    """Mount tracefs where nobody sees it; the open directory is all that holds it, even after SIGKILL."""
    libc = ctypes.CDLL(None, use_errno=True)
    place = tempfile.mkdtemp(prefix="tcptrace-lab-")
    try:
        if libc.mount(b"nodev", os.fsencode(place), b"tracefs", 0, None) != 0:
            number = ctypes.get_errno()
            raise LabError(f"cannot mount tracefs: {os.strerror(number)}")
        try:
            return os.open(place, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        finally:
            libc.umount2(os.fsencode(place), 2)  # MNT_DETACH
    finally:
        os.rmdir(place)


# --- normalising ------------------------------------------------------------------------
#
# Where the kernel's account differs from the diagram of RFC 9293, and what we make of it:
#
# 1. Requests. Until the third ACK a passive opener is a "request socket" (NEW_SYN_RECV) that
#    the tracepoint does not show; its child appears at the third ACK as SYN_RECV -> ESTABLISHED.
#    sock_diag shows the request. Either is read as LISTEN, SYN_RCVD: the port's listener
#    took the SYN. (With TCP Fast Open the child exists from the SYN on; same reading.)
# 2. A request that disappears without a child: by a RST it was sent, the passive opener goes
#    back to LISTEN (RFC 9293 section 3.10.7.4); else (retries used up, or
#    tcp_abort_on_overflow) it is CLOSED.
# 3. TIME_WAIT. The full socket is thrown away (traced as ... -> CLOSE) and a mini-socket
#    stands in for it, untraced. sock_diag shows it; the traced CLOSE is then no transition.
# 4. FIN_WAIT_2 of a closed (orphaned) socket lives in the same kind of mini-socket
#    (sub-state FIN_WAIT2), also after a traced CLOSE; the FIN turns it into TIME_WAIT untraced.
# 5. A FIN that acknowledges our FIN: the kernel looks at the ACK first and passes through
#    FIN_WAIT2 within the same segment (traced). RFC 9293 figure 5 draws FIN_WAIT_1 ->
#    TIME_WAIT: a FIN_WAIT_2 that began and ended by the same segment, which held a FIN, is
#    left out.
# 6. A segment that comes while the application holds the socket waits in its backlog, so a
#    transition may come after the call that delivered the segment; times are those of the
#    transition, causes are looked for among the segments delivered before it.
#
# 7. The port of a socket that was not bound is chosen after its SYN_SENT was traced (as port 0);
#    its real one is that of the next SYN from this host to this destination.
# 8. A new connection on the same four-tuple (tcp_tw_reuse, or a SYN accepted in TIME_WAIT) takes the
#    mini-socket's place untraced: the old socket is CLOSED at that moment.
# 9. A connect() that the four-tuple's older socket forbids (EADDRNOTAVAIL) is traced as SYN_SENT, and CLOSED
#    at once, though nothing is sent.
# 10. A SYN cookie keeps nothing: who has sent a SYN+ACK and has no socket of it is in SYN_RCVD all the same,
#     until a RST with the number of the ACK comes (LISTEN), or one is sent (CLOSED), but for a later ACK.
#     A copy of that ACK makes a socket anew, when the one before is closed: the same life goes on.
# 11. close() enters FIN_WAIT_1 (or LAST_ACK) though the FIN waits behind data for which there is no window
#     (RFC 9293 section 3.10.4 does so too). No segment shows that; the state is entered when the FIN is sent.
# 12. A request socket takes a SYN with another ISN, and answers with another ISN of its own: the passive
#     opener was back in LISTEN (RFC 9293 section 3.10.7.4, fourth check).

#: A segment that its host has sent is read from its interface this soon.
_READ_NS = 10_000_000


@dataclass(slots=True)
class Life:
    """One socket's states, from its first to its last: (state, CLOCK_MONOTONIC nanoseconds)."""

    local: Address
    remote: Address
    side: str
    states: list[tuple[str, int]] = field(default_factory=list)

    @property
    def state(self) -> str:
        return self.states[-1][0] if self.states else "CLOSED"


def lives(
    transitions: list[Transition],
    samples: list[Sample],
    side: str,
    local: Address,
    remote: Address,
    until_ns: int,
) -> list[Life]:
    """Every socket that this endpoint of one four-tuple had, in order, in RFC 9293's states."""
    mine = [t for t in transitions if t.local == local and t.remote == remote and t.ts_ns <= until_ns]
    asked = [s for s in samples if s.side == side and s.local == local and s.remote == remote]
    events: list[tuple[int, int, Transition | Sample]] = []
    events += [(t.ts_ns, 0, t) for t in mine]
    events += [(s.ts_ns, 1, s) for s in asked if s.ts_ns <= until_ns]
    events.sort(key=lambda event: event[:2])
    found: list[Life] = []
    mini: str | None = None  # the mini-socket's state as last seen

    cookie: int | None = None  # the number of what may acknowledge it
    answered = 0  # the number after its SYN+ACK

    def begin(*states: str) -> None:
        nonlocal answered, cookie
        answered, cookie = 0, None
        if found and found[-1].state not in ("CLOSED", "LISTEN"):
            found[-1].states.append(("CLOSED", at_ns))  # oddity 8
        found.append(Life(local, remote, side, [(state, at_ns) for state in states]))

    def move(state: str) -> None:
        nonlocal cookie
        cookie = None
        if found and found[-1].state not in (state, "CLOSED"):
            found[-1].states.append((state, at_ns))

    def accept() -> None:
        """A listener's child appears."""
        came = [s for s in asked if s.why == "delivered" and s.after_ns - 1000 <= at_ns]
        if not (found and answered) or (came and came[-1].flags & SYN):
            begin("LISTEN", "SYN_RCVD")  # oddity 1
        elif cookie is not None:
            found[-1].states.pop()  # oddity 10
        else:
            found[-1].states.append(("SYN_RCVD", at_ns))

    for at_ns, _order, event in events:
        syn_ack = isinstance(event, Sample) and event.why == "sent" and event.flags & (SYN | ACK) == SYN | ACK
        end = event.end if isinstance(event, Sample) else 0
        if syn_ack and answered not in (0, end) and found[-1].state == "SYN_RCVD":
            move("LISTEN")  # oddity 12
            begin("LISTEN", "SYN_RCVD")
        life = found[-1] if found else None
        if isinstance(event, Transition):
            if event.old == "CLOSED":
                if event.new == "SYN_SENT":
                    begin("SYN_SENT")
                    mini = None
            elif event.old == "LISTEN":
                if event.new == "SYN_RCVD" and (life is None or life.state != "SYN_RCVD"):
                    accept()
                mini = None
            elif event.old == "SYN_RCVD" and (life is None or life.state not in ("SYN_RCVD", "SYN_SENT")):
                accept()  # the request was never sampled
                mini = None
                move(event.new)
            elif event.new == "CLOSED":
                if _replaced_by_mini(events, at_ns):
                    continue  # oddities 3 and 4
                mini = None
                move("LISTEN" if life is not None and _refused(life, asked, at_ns) else "CLOSED")
            else:
                mini = None
                move(event.new)
        elif event.mini and event.state is not None:
            state = STATES[event.state]
            if state == "SYN_RCVD":
                if mini != "SYN_RCVD" and (life is None or life.state != "SYN_RCVD"):
                    begin("LISTEN", "SYN_RCVD")  # oddity 1
            else:
                move(state)
            mini = state
        elif event.state is None and mini is not None:
            by_rst = mini == "SYN_RCVD" and event.why == "delivered" and event.flags & RST
            move("LISTEN" if by_rst else "CLOSED")  # oddity 2, or the end of TIME_WAIT
            mini = None
        elif event.state == 3 and (life is None or life.state in ("CLOSED", "TIME_WAIT")):
            begin("LISTEN", "SYN_RCVD")  # oddity 1, a Fast Open child
            mini = None
        elif event.state is not None:
            mini = None
        elif syn_ack:
            if life is None or life.state in ("CLOSED", "LISTEN"):
                begin("LISTEN", "SYN_RCVD")  # oddity 10
                cookie = event.ack
        elif cookie is not None and event.flags & RST and found[-1].state == "SYN_RCVD":
            if event.why == "sent":
                found[-1].states.append(("CLOSED", at_ns))
            elif event.why == "delivered" and end == cookie:
                found[-1].states.append(("LISTEN", at_ns))
        if syn_ack:
            answered = end
    for life, later in zip_longest(found, found[1:]):
        _drop_passing_fin_wait_2(life, asked)
        _drop_unsent_fin(life, asked, later.states[0][1] if later else 1 << 63)
    return found


def _replaced_by_mini(events: list[tuple[int, int, Transition | Sample]], at_ns: int) -> bool:
    """Whether a mini-socket stands in for the socket whose CLOSE was traced at ``at_ns``."""
    last_before: Sample | None = None
    for ts_ns, _order, event in events:
        if not isinstance(event, Sample):
            if ts_ns > at_ns:
                break
            continue
        if ts_ns <= at_ns:
            last_before = event
            continue
        # The question may have been asked before the transition and answered after it.
        if event.state is not None and event.mini and event.state != 3:
            return True
        if event.state is None:
            return False
    return last_before is not None and last_before.mini and last_before.state != 3


def _refused(life: Life, asked: list[Sample], at_ns: int) -> bool:
    """Oddity 2, of a Fast Open child: it is closed by a RST that comes."""
    came = [sample for sample in asked if sample.why == "delivered" and sample.after_ns - 1000 <= at_ns]
    answered = life.state == "SYN_RCVD" and life.states[0][0] == "LISTEN"
    return answered and bool(came) and bool(came[-1].flags & RST) and came[-1].ts_ns >= at_ns - 1000


def _drop_unsent_fin(life: Life, asked: list[Sample], until_ns: int) -> None:
    """Oddity 11. ``until_ns``: when the four-tuple's next life began."""
    began_ns = life.states[0][1]
    mine = [s for s in asked if began_ns <= s.ts_ns < until_ns + _READ_NS]
    sent = next((s for s in mine if s.why == "sent" and s.flags & FIN), None)
    kept: list[tuple[str, int]] = []
    held = False
    for state, at_ns in life.states:
        came = [s for s in mine if s.why == "delivered" and s.flags & FIN and s.after_ns - 1000 <= at_ns]
        if state in ("FIN_WAIT_1", "LAST_ACK") and sent is None:
            held = True
        elif state == "CLOSING" and (
            sent is None or (sent.end and came and 0 < (sent.ack - came[-1].end + 1) & 0xFFFFFFFF < 1 << 31)
        ):
            # It acknowledges the peer's FIN.
            if kept[-1][0] == "FIN_WAIT_1":
                kept.pop()
            kept.append(("CLOSE_WAIT", at_ns))
            if sent is not None:
                kept.append(("LAST_ACK", max(at_ns, sent.ts_ns)))
            held = True
        elif not (held and state in ("TIME_WAIT", "FIN_WAIT_2")):
            kept.append((state, at_ns))
    life.states = kept


def _drop_passing_fin_wait_2(life: Life, asked: list[Sample]) -> None:
    """Oddity 5."""
    names = [state for state, _ts in life.states]
    for index in range(1, len(names) - 1):
        if names[index - 1 : index + 2] != ["FIN_WAIT_1", "FIN_WAIT_2", "TIME_WAIT"]:
            continue
        began_ns, ended_ns = life.states[index][1], life.states[index + 1][1]
        delivered = [s for s in asked if s.why == "delivered" and s.after_ns - 1000 <= ended_ns]
        before = [s for s in delivered if s.after_ns - 1000 <= began_ns]
        if before and len(before) == len(delivered) and before[-1].flags & FIN:
            del life.states[index]
        return


def _name_unbound(transitions: list[Transition], samples: list[Sample]) -> None:
    """Oddity 7. A connect() that finds no free port (EADDRNOTAVAIL) never gets a name."""
    unnamed = [transition for transition in transitions if transition.local[1] == 0]
    for index, transition in enumerate(unnamed):
        if transition.new != "SYN_SENT":
            continue
        until_ns = min(
            (
                other.ts_ns
                for other in unnamed[index + 1 :]
                if (other.local, other.remote) == (transition.local, transition.remote)
            ),
            default=1 << 63,
        )
        for sample in samples:
            if (
                sample.why == "sent"
                and sample.flags & (SYN | ACK) == SYN
                and sample.remote == transition.remote
                and sample.local[0] == transition.local[0]
                and transition.ts_ns <= sample.ts_ns <= until_ns
            ):
                transition.local = sample.local
                break


def _without_forbidden(transitions: list[Transition], samples: list[Sample]) -> list[Transition]:
    """Oddity 9."""
    left = list(transitions)
    for index, opens in enumerate(transitions):
        if opens.new != "SYN_SENT":
            continue
        later = [t for t in transitions[index + 1 :] if (t.local, t.remote) == (opens.local, opens.remote)]
        if not later or (later[0].old, later[0].new) != ("SYN_SENT", "CLOSED"):
            continue
        again_ns = min((t.ts_ns for t in later if t.new == "SYN_SENT"), default=1 << 63)
        until_ns = min(again_ns, later[0].ts_ns + _READ_NS)
        if not any(
            sample.why == "sent"
            and (sample.local, sample.remote) == (opens.local, opens.remote)
            and sample.flags & (SYN | ACK) == SYN
            and opens.ts_ns <= sample.ts_ns <= until_ns
            for sample in samples
        ):
            left.remove(opens)
            left.remove(later[0])
    return left


def endpoints(
    transitions: list[Transition], samples: list[Sample], until_ns: int
) -> list[tuple[Life | None, Life | None]]:
    """The connections of one scenario in order of their first moment: (client's life, server's life).

    A server's life belongs to the latest client's life on its four-tuple that began before it;
    one without any (a stale SYN whose sender's socket is gone belongs to the old life) stands alone.
    """
    _name_unbound(transitions, samples)
    transitions = _without_forbidden(transitions, samples)
    tuples: dict[tuple[str, Address, Address], None] = {}
    for sample in samples:
        tuples.setdefault((sample.side, sample.local, sample.remote))
    result: list[tuple[Life | None, Life | None]] = []
    initiators: list[Life] = []
    acceptors: list[Life] = []
    for side, local, remote in tuples:
        for life in lives(transitions, samples, side, local, remote, until_ns):
            (initiators if life.states[0][0] == "SYN_SENT" else acceptors).append(life)
    initiators.sort(key=lambda life: life.states[0][1])
    taken: set[int] = set()
    for index, life in enumerate(initiators):
        if index in taken:
            continue
        ends_ns = min(
            (
                other.states[0][1]
                for other in initiators[index + 1 :]
                if (other.local, other.remote) == (life.local, life.remote)
            ),
            default=until_ns + 1,
        )
        partner: Life | None = None
        for other in acceptors:
            if (other.local, other.remote) == (life.remote, life.local) and life.states[0][1] <= other.states[
                0
            ][1] < ends_ns:
                partner = other
                break
        for number, other in enumerate(initiators[index + 1 :], index + 1):
            over_ns = life.states[-1][1] if life.state == "CLOSED" else until_ns
            if (other.local, other.remote) == (life.remote, life.local) and other.states[0][1] < over_ns:
                if partner is None or other.states[0][1] < partner.states[0][1]:
                    partner = other  # simultaneous open
                    taken.add(number)
                break
        if partner is not None and partner in acceptors:
            acceptors.remove(partner)
        result.append((life, partner))
    result += [(None, life) for life in acceptors]
    result.sort(key=lambda pair: min(life.states[0][1] for life in pair if life))
    return result
