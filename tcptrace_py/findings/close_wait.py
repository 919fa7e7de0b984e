"""``stuck-close-wait``: the peer has finished, the application never closes (S14)."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from tcptrace_py.findings.case import ENDPOINTS, Case, goes_on_unseen, other
from tcptrace_py.findings.crowd import Crowd
from tcptrace_py.findings.families import WAITS
from tcptrace_py.findings.finding import CERTAIN, POSSIBLE, Evidence, Finding, Severity
from tcptrace_py.findings.group import Group, Groups
from tcptrace_py.findings.knowledge import Knowledge
from tcptrace_py.findings.texts import MUTE_CLOSE_WAIT, TEXTS, remedy
from tcptrace_py.findings.wording import duration, part, span
from tcptrace_py.settings import Settings
from tcptrace_py.tcp.clocks import nanoseconds
from tcptrace_py.tcp.serial import distance
from tcptrace_py.tcp.state import ASSUMED, CLOSE_WAIT, LAST_ACK

KIND = "stuck-close-wait"
#: Instants at which the holders are counted, the first and the last included.
_SAMPLES = 5
#: Sockets that a client may keep half-closed before it matters: those of a browser, or of a pool.
_CLIENTS_FEW = 10
#: And of several servers so many of each, and in all.
_EACH, _BROWSERS_FEW = 2, 50


#: In place of the state after a stay: it lasts beyond the capture; a gap in the capture hides its end.
LASTS, CUT = -1, -2


class Stay(NamedTuple):
    """A stay in a state: entered, waiting since (its last new data), left (or the capture's end)."""

    entered_ns: int
    entered_frame: int
    basis: int
    since_ns: int
    end_ns: int
    #: The state after it (or `LASTS` or `CUT`), and the frame of that transition.
    next_state: int
    next_frame: int

    @property
    def open(self) -> bool:
        return self.next_state == LASTS

    @property
    def cut(self) -> bool:
        return self.next_state == CUT

    @property
    def waited_ns(self) -> int:
        return self.end_ns - self.since_ns


def stay_in(case: Case, by: int, state: int, last_use_ns: int) -> Stay | None:
    """How long endpoint ``by`` was in ``state``; waiting counts from ``last_use_ns`` if that is later."""
    history = case.history(by)
    for i, entry in enumerate(history):
        if entry[0] != state:
            continue
        if i + 1 < len(history):
            next_state, end_ns, next_frame = history[i + 1][:3]
        else:
            next_state, end_ns, next_frame = LASTS, case.end_ns, 0
        since_ns = max(entry[1], min(last_use_ns, end_ns))
        known_ns = case.until(since_ns, end_ns)
        if known_ns < end_ns:
            # What became of it in a silence of the whole capture nobody has seen.
            return Stay(entry[1], entry[2], entry[3], since_ns, known_ns, CUT, 0)
        return Stay(entry[1], entry[2], entry[3], since_ns, end_ns, next_state, next_frame)
    return None


def held_up(case: Case, by: int) -> bool:
    """Endpoint ``by`` may well have closed: its FIN waits behind data that its peer does not take.

    A FIN goes out after all data (RFC 9293 section 3.10.4), so while the peer acknowledges
    nothing or has closed its window, the silence says nothing about the application.
    """
    endpoint = case.endpoint(by)
    if endpoint.fin_sent:
        return False
    if endpoint.has_una and endpoint.has_snd and distance(endpoint.snd_nxt, endpoint.snd_una) > 0:
        return True
    return case.endpoint(other(by)).window_field == 0


def stuck_stay(case: Case, by: int, after_ns: int) -> Stay | None:
    """The stay of endpoint ``by`` in CLOSE_WAIT if it is to be called stuck."""
    endpoint = case.endpoint(by)
    if goes_on_unseen(endpoint):
        # Its FIN may be among that.
        return None
    stay = stay_in(case, by, CLOSE_WAIT, endpoint.last_data_ns)
    if stay is None or stay.waited_ns <= after_ns or held_up(case, by):
        return None
    return stay


class CloseWaits:
    """Collects stuck CLOSE_WAITs.

    Critical where a server has several at the end of the capture, or ever more; else a warning. Where
    every case rests on a guess (``possible``), and for clients, it is a warning at most; a client's few
    are information.
    """

    KINDS = (KIND,)
    SUSPECT = WAITS

    def __init__(self, settings: Settings) -> None:
        self._after_ns = nanoseconds(settings.close_wait_after_s)
        self._groups = Groups()

    def look(self, case: Case, known: Collection[str]) -> list[str]:
        kinds: list[str] = []
        if KIND in case.explained:
            return kinds
        for by in ENDPOINTS:
            stay = stuck_stay(case, by, self._after_ns)
            if stay is not None:
                self._take(case, by, stay)
                kinds = [KIND]
        return kinds

    def _take(self, case: Case, by: int, stay: Stay) -> None:
        endpoint = case.endpoint(by)
        # With Multipath TCP applications close by DATA_FIN (RFC 8684 section 3.3.3); a FIN ends one subflow.
        subflow = case.seen is not None and case.seen.subflow
        doubtful = stay.basis == ASSUMED or endpoint.tail_gap or not endpoint.proven_open or subflow
        group = self._groups.of(case, by)
        group.add(case, by, stay.entered_ns, stay.end_ns, POSSIBLE if doubtful else CERTAIN)
        group.measure(stay.waited_ns)
        group.stay(stay.entered_ns, None if stay.open else stay.end_ns)
        if subflow:
            group.tally["subflow"] += 1
        if by == case.server_by and not endpoint.bytes and case.endpoint(other(by)).bytes:
            group.tally["mute"] += 1
        if not endpoint.proven_open:
            group.tally["unproven"] += 1
        if stay.open:
            group.tally["open"] += 1
        elif stay.cut:
            group.tally["cut"] += 1
        elif stay.next_state != LAST_ACK:
            group.tally["reset"] += 1
        if group.wants_example(case.connection.id):
            group.example(case.connection.id, self._evidence(case, by, stay))

    def _evidence(self, case: Case, by: int, stay: Stay) -> list[Evidence]:
        name, peer_name = case.name(by), case.name(other(by))
        peer = case.endpoint(other(by))
        lines = []
        if peer.fin_frame:
            lines.append(case.evidence(peer.fin_frame, peer.fin_ns, f"{peer_name} sent FIN"))
        guessed = ", as we assume," if stay.basis == ASSUMED else ""
        stayed = duration(stay.end_ns - stay.entered_ns)
        lines.append(
            case.evidence(
                stay.entered_frame,
                stay.entered_ns,
                f"acknowledged by {name}, which{guessed} entered CLOSE_WAIT",
            )
        )
        if not stay.open and not stay.cut:
            what = "FIN" if stay.next_state == LAST_ACK else "no FIN, but a reset ends it"
            lines.append(
                case.evidence(
                    stay.next_frame,
                    stay.end_ns,
                    f"{stayed} later: {what}" + (f" from {name}" if stay.next_state == LAST_ACK else ""),
                )
            )
            return lines
        last_ns, last_frame = case.last_segment()
        if stay.entered_ns < last_ns <= stay.end_ns:
            lines.append(
                case.evidence(
                    last_frame,
                    last_ns,
                    f"{duration(last_ns - stay.entered_ns)} later, the connection's last segment:"
                    f" still no FIN from {name}",
                )
            )
        what = "here a gap in the capture begins" if stay.cut else "as far as the capture goes"
        lines.append(case.evidence(0, stay.end_ns, f"{what}: {name} still in CLOSE_WAIT after {stayed}"))
        return lines

    def merge(self, other: CloseWaits) -> None:
        self._groups.merge(other._groups)

    def findings(self, end_ns: int, knowledge: Knowledge) -> list[Finding]:
        return [self._finding(group, end_ns) for group in self._groups]

    def _severity(self, group: Group, grows: bool) -> Severity:
        """A server loses sockets by each; a client that keeps a few loses next to nothing."""
        possible = group.confidence() == "possible"
        if possible and group.count < _CLIENTS_FEW:
            # A FIN picked up mid-stream may be the second of the two.
            return "info"
        if group.side == "client" and group.tally["open"] + group.tally["cut"] < _few(group):
            return "info"
        if group.tally["subflow"] == group.count:
            return "info"
        if group.tally["unproven"] * 2 > group.count:
            # Picked up at the FIN: its own may well have gone before.
            return "info"
        if possible or group.side == "client":
            return "warning"
        return "critical" if group.tally["open"] > 1 or (grows and group.count > 1) else "warning"

    def _finding(self, group: Group, end_ns: int) -> Finding:
        crowd = group.crowd or Crowd()
        samples = crowd.samples(group.first_ns, end_ns, _SAMPLES)
        grows = growing([n for _, n in samples])
        peak, _ = crowd.peak()
        still, cut = group.tally["open"], group.tally["cut"]
        at_once = f", up to {peak:,} sockets at once" if peak > 1 else ""
        sentences = [
            f"{group.who()} got FIN from {group.they()} on {group.connections()} and did not close its own"
            f" side: stuck in CLOSE_WAIT for {span(group.least_ns, group.most_ns)}{at_once}."
        ]
        if still:
            # A browser's or a pool's few idle ones are no leak yet.
            few = group.side == "client" and still < _few(group)
            leak = "" if few or group.tally["subflow"] == group.count else ": a leak"
            sentences.append(f"{part(still, group.count)} stayed so as far as the capture goes{leak}.")
        if group.tally["subflow"]:
            sentences.append(
                f"Of Multipath TCP: {group.tally['subflow']:,}. There applications close by DATA_FIN, and"
                " the FIN of a subflow ends that subflow only."
            )
        if cut:
            lost = part(cut, group.count).lower()
            sentences.append(f"A gap in the capture hides what became of {lost}.")
        if group.count - still - cut:
            by_reset = group.tally["reset"]
            ended = f", {by_reset:,} of these by RST instead of FIN" if by_reset else ""
            late = "" if still or cut else ": closed late rather than leaked"
            gone = part(group.count - still - cut, group.count)
            sentences.append(f"{gone} ended within the capture{ended}{late}.")
        if group.count > 1 and end_ns > group.first_ns:
            counts = [f"{n:,} after {duration(ts_ns - group.first_ns)}" for ts_ns, n in samples[1:]]
            how = "grew" if grows else "stayed the same" if len({n for _, n in samples}) == 1 else "changed"
            sentences.append(f"Their number {how}: {samples[0][1]:,} at first, {', '.join(counts)}.")
        # It is not that it reads the end of file and forgets to close.
        text = MUTE_CLOSE_WAIT if group.tally["mute"] == group.count else TEXTS[KIND]
        sentences.append(text.meaning)
        return group.finding(
            KIND,
            self._severity(group, grows),
            " ".join(sentences),
            remedy(text, group.socket_filter()),
            group.trend(end_ns),
        )


def _few(group: Group) -> int:
    """So many a client may hold in the end: a browser closes its idle ones late, two of each server."""
    return max(_CLIENTS_FEW, min(_BROWSERS_FEW, _EACH * group.peers.count()))


def growing(holders: list[int]) -> bool:
    """Whether counts at even instants rise: never fewer than before, and more at the end than at first."""
    rises = all(a <= b for a, b in zip(holders, holders[1:], strict=False))
    return rises and holders[-1] > holders[0]
