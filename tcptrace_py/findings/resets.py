"""RSTs: who resets whom, and why (S9, S24).

Compiled (see ``resets.pxd``): of a usual capture's connections one in twenty is reset.
"""

from __future__ import annotations

from collections.abc import Collection

from tcptrace_py.findings import families
from tcptrace_py.findings.case import Case, trip_ns
from tcptrace_py.findings.case import other as peer_of
from tcptrace_py.findings.finding import CERTAIN, LIKELY, POSSIBLE, Evidence, Finding
from tcptrace_py.findings.group import Groups
from tcptrace_py.findings.knowledge import Knowledge
from tcptrace_py.findings.reset_findings import (
    ABORT_KIND,
    AFTER_CLOSE_KIND,
    ASSASSINATION_KIND,
    NO_CONNECTION_KIND,
    STRAY_KIND,
    reset_findings,
)
from tcptrace_py.findings.wording import duration, times
from tcptrace_py.settings import Settings
from tcptrace_py.tcp.codes import (
    ABORT,
    AFTER_CLOSE,
    CLOSE_WAIT_ABORT,
    FITS_NOTHING,
    KILLS_TIME_WAIT,
    NO_CONNECTION,
    RECEIVER_GOES_ON,
    RESET_CAUSES,
    SENDER_GOES_ON,
    TIMEOUT,
)
from tcptrace_py.tcp.observations import Observations, Reset
from tcptrace_py.tcp.serial import distance

#: Silence before a RST that suggests that some idle time-out ran out.
_IDLE_NS = 5_000_000_000
#: A server that resets so soon after the handshake, without a byte, did not take the connection up.
_AT_ONCE_NS = 100_000_000
#: An endpoint that sent something so short a time ago has not forgotten the connection.
_THERE_NS = 1_000_000_000
#: A TLS close_notify in its record, and what other protocols say goodbye with, is no longer than this.
GOODBYE_BYTES = 64
#: It closes so soon after its last word.
_GOODBYE_NS = 10_000_000
#: What passes so short a time before the other side's FIN crosses it.
_CROSSING_NS = 1_000_000
#: A TTL that differs by less may be another path.
_TTL_APART = 3
#: So many stray RSTs on one connection are no accident.
_MANY_STRAYS = 10

_KINDS = {
    ABORT: ABORT_KIND,
    CLOSE_WAIT_ABORT: ABORT_KIND,
    TIMEOUT: ABORT_KIND,
    AFTER_CLOSE: AFTER_CLOSE_KIND,
    NO_CONNECTION: NO_CONNECTION_KIND,
    KILLS_TIME_WAIT: ASSASSINATION_KIND,
}

#: What a RST shows, for its evidence line.
_SHOWS = {
    ABORT: "sent RST; no FIN had been sent by either side",
    CLOSE_WAIT_ABORT: "sent RST from CLOSE_WAIT, instead of its FIN",
    TIMEOUT: "sent RST after its own unanswered retransmissions or probes",
    AFTER_CLOSE: "sent RST although it had sent FIN before",
    NO_CONNECTION: "sent RST without ACK, its number the provoking segment's: it knows no such connection",
    KILLS_TIME_WAIT: "sent RST while the other side was in TIME_WAIT",
}

#: Why a RST changed nothing, by ``ConnectionRare.stray_reset_fits``.
_CHANGES_NOTHING = {
    FITS_NOTHING: "that does not fit the connection and changes nothing",
    SENDER_GOES_ON: "that was not its own: its number fitted, but its sender went on",
    RECEIVER_GOES_ON: "that changes nothing: its number fitted, but its receiver went on",
}


def harmless(case: Case, by: int, cause: int) -> bool:
    """Nobody lost anything by the RST of endpoint ``by``: what was sent had arrived, or was not wanted."""
    seen = case.seen
    sender, peer = case.endpoint(by), case.endpoint(peer_of(by))
    reset = ended_by(case, by)
    if cause == AFTER_CLOSE:
        if by == case.client_by and not sender.unanswered:
            # What comes after a client has closed it does not want.
            return True
        if seen is not None and seen.after_fin_bytes[2 - by] > 0:
            # Who has said nothing before does not say goodbye: it asks.
            asks = peer.bytes <= seen.after_fin_bytes[2 - by]
            return not asks and (goodbye(case, peer_of(by)) or answered_close(case, by))
        if reset is not None and reset.peer_spoke_last and sender.fin_ns - peer.last_data_ns < _CROSSING_NS:
            # Last words that cross the FIN with which a server ends a talk, not a silence.
            return bool(sender.bytes and reset.peer_outstanding <= GOODBYE_BYTES)
        delivered = peer.has_una and distance(peer.snd_nxt, peer.snd_una) <= 1
        return bool(delivered or sender.unanswered == 0 and peer.bytes == 0)
    if reset is None:
        return False
    if closed_unopened(case, peer_of(by)):
        return True
    if by == case.client_by and peer.fin_sent and peer.fin_ns < reset.ns and reset.peer_outstanding <= 1:
        # The server had closed, and all that it sent has come: what the client lost, it lost by that.
        return True
    if both_reset(case, by) or said_goodbye(case, by):
        return True
    # A goodbye that it did not wait to see acknowledged; who has got no answer yet has not said goodbye.
    goodbyes = peer.fin_sent or (by == case.client_by and peer.bytes > 0)
    if reset.own_outstanding > (GOODBYE_BYTES if goodbyes else 0):
        return False
    if by == case.server_by and peer.fin_sent:
        if not peer.bytes or (reset.own_outstanding and reset.peer_outstanding <= 1):
            # The client wanted nothing, or has closed with all that it sent delivered.
            return True
        # The client said goodbye and closed at once; nobody waits for an answer.
        closed_ns = peer.fin_ns - peer.last_data_ns
        last = sender.bytes and sender.last_data_ns < peer.last_data_ns and 0 <= closed_ns < _GOODBYE_NS
        if last and reset.peer_outstanding <= GOODBYE_BYTES + 1:
            return True
    if unwanted(case, by):
        return True
    if reset.peer_outstanding > 1:
        return False
    # A client that wants no more has what it wanted.
    return by == case.client_by or (cause != ABORT and not reset.peer_spoke_last)


def ended_by(case: Case, by: int) -> Reset | None:
    """The RST of endpoint ``by`` that ended the connection, not one before it after which its sender went on.

    Where that was not noted, the first.
    """
    seen = case.seen
    if seen is None:
        return None
    later: Reset | None = seen.later_resets[by - 1]
    if later is not None and later.frame == case.connection.rare.reset_frame:
        return later
    first: Reset | None = seen.resets[by - 1]
    return first


def unheard(case: Case, by: int) -> bool:
    """What endpoint ``by`` sent before it closed, or its FIN again and again, was never acknowledged."""
    sender = case.endpoint(by)
    if not sender.fin_sent or sender.fin_acked_frame:
        return False
    return bool(sender.fins > 1 or (sender.has_una and distance(sender.fin_seq, sender.snd_una) > 0))


def closed_unopened(case: Case, by: int) -> bool:
    """Endpoint ``by`` sent a FIN before it had the number for one, and no data: it wanted no connection."""
    endpoint = case.endpoint(by)
    return bool(endpoint.fins and not endpoint.fin_sent and not endpoint.bytes)


def answered_all(case: Case, by: int, cause: int) -> bool:
    """A server resets when it has answered, and all that either side had sent is acknowledged.

    It owed its client a FIN; but many servers and balancers end idle connections so.
    """
    reset = ended_by(case, by)
    if reset is None or cause != ABORT or by != case.server_by or reset.peer_spoke_last:
        return False
    return bool(case.endpoint(by).bytes and not reset.own_outstanding and reset.peer_outstanding <= 1)


def both_reset(case: Case, by: int) -> bool:
    """Both sides reset in the same moment, and each RST acknowledges all that the other side had sent."""
    reset, others = ended_by(case, by), case.seen.resets[2 - by]
    if reset is None or others is None or not reset.has_ack or not others.has_ack:
        return False
    crossing = abs(others.ns - reset.ns) < max(trip_ns(case, by), _CROSSING_NS)
    return bool(crossing and reset.peer_outstanding == 0 and others.peer_outstanding == 0)


def said_goodbye(case: Case, by: int) -> bool:
    """A server answers a client's short last word with RST at once, as Windows does after an LDAP unbind.

    All that the client had asked before was answered, and the RST acknowledges that word: nothing is lost,
    and nobody waits for an answer.
    """
    reset = ended_by(case, by)
    sender, peer = case.endpoint(by), case.endpoint(peer_of(by))
    if reset is None or by != case.server_by or not reset.has_ack or not sender.bytes:
        return False
    if not 0 < reset.peer_unanswered <= GOODBYE_BYTES or reset.peer_outstanding or reset.own_outstanding:
        return False
    waited_ns = peer.last_data_ns - sender.last_data_ns
    return bool(0 <= reset.after_peer_data_ns < _GOODBYE_NS and 0 < waited_ns < _THERE_NS)


def unwanted(case: Case, by: int) -> bool:
    """A client broke off what the server was still sending: it wanted no more of it."""
    reset = ended_by(case, by)
    if reset is None or by != case.client_by:
        return False
    return bool(reset.peer_outstanding > 1 and not reset.own_outstanding and reset.peer_spoke_last)


def answered_close(case: Case, by: int) -> bool:
    """What came behind the FIN of ``by`` was short and acknowledged that FIN: close_notify and the like."""
    seen, sender = case.seen, case.endpoint(by)
    after_ns = seen.after_fin_ns[2 - by]
    few = seen.after_fin_bytes[2 - by] <= 2 * GOODBYE_BYTES
    return bool(few and sender.fin_acked_frame and sender.fin_acked_ns <= after_ns)


def goodbye(case: Case, by: int) -> bool:
    """What endpoint ``by`` sent after the other side's FIN was a few bytes, and its own FIN at once."""
    seen = case.seen
    endpoint = case.endpoint(by)
    if seen is None or not 0 < seen.after_fin_bytes[by - 1] <= GOODBYE_BYTES or not endpoint.fin_sent:
        return False
    return bool(endpoint.fin_ns - seen.after_fin_ns[by - 1] < _THERE_NS)


def other_ttl(reset: Reset, usual_ttl: int) -> bool:
    """It came with a TTL that its sender's other segments do not have; 0 where one of them is not known."""
    return usual_ttl > 0 and reset.ttl > 0 and abs(reset.ttl - usual_ttl) >= _TTL_APART


class Resets:
    """Collects RSTs by who sent them; one group for each cause.

    Warnings. Information only: ``timeout`` (a consequence), ``reset-after-close`` where
    nothing was lost, ``stray-reset`` unless some connection drew ten or more. A RST that ends a
    silence or a handshake which has a finding of its own is not told twice.
    """

    KINDS = (ABORT_KIND, AFTER_CLOSE_KIND, NO_CONNECTION_KIND, ASSASSINATION_KIND, STRAY_KIND)
    SUSPECT = families.RESETS

    def __init__(self, settings: Settings) -> None:
        self._groups: dict[str, Groups] = {kind: Groups() for kind in _KINDS.values()}
        self._strays = Groups()

    def look(self, case: Case, known: Collection[str]) -> list[str]:
        connection = case.connection
        kinds = []
        cause = connection.reset_cause
        seen = case.seen
        if seen is not None and seen.subflow and cause == NO_CONNECTION:
            # RST answers what MP_FASTCLOSE has ended, here or on another subflow (RFC 8684 section 3.5).
            cause = ABORT
        told = cause in (TIMEOUT, NO_CONNECTION) and "dead-peer" in known
        if cause == NO_CONNECTION and self._was_there(case):
            cause = ABORT
        told = told or (cause in (ABORT, TIMEOUT) and "half-open-handshake" in known)
        told = told or _KINDS.get(cause) in case.explained
        if connection.reset_by and seen is not None and seen.fast_close_by:
            if ABORT_KIND not in case.explained:
                self._take_fast_close(case)
                kinds.append(ABORT_KIND)
        elif connection.reset_by and cause in _KINDS and not told:
            self._take(case, cause)
            kinds.append(_KINDS[cause])
        if connection.rare.stray_resets and STRAY_KIND not in case.explained:
            self._take_stray(case)
            kinds.append(STRAY_KIND)
        return kinds

    def _was_there(self, case: Case) -> bool:
        """It had just sent something on the connection: some stacks abort by RST without ACK.

        But a server whose RST answers a request at once, after it had been silent itself, is taken at its
        word: that is what a host without such a connection sends (RFC 9293 section 3.10.7.1).
        """
        connection = case.connection
        by = connection.reset_by
        reset = ended_by(case, by)
        if reset is None or case.seen.began_anew_by == by:
            return False
        if self._answers(case, by, reset):
            return False
        # (Three times a trip of a century, as a broken clock may stamp it, would be beyond 64 bits.)
        if reset.after_peer_ns > _THERE_NS and reset.after_peer_ns // 3 >= trip_ns(case, by):
            # Nothing provoked it, and who knows no connection does not begin to speak.
            return True
        return bool(0 <= reset.after_own_ns < _THERE_NS)

    def _answers(self, case: Case, by: int, reset: Reset) -> bool:
        """It answers data that came to a server long after all that the server had sent."""
        soon_ns = max(2 * trip_ns(case, by), _AT_ONCE_NS // 100)
        return bool(
            by == case.server_by
            and reset.peer_outstanding
            and reset.after_peer_data_ns == reset.after_peer_ns
            and 0 <= reset.after_peer_ns <= soon_ns
            and reset.after_own_ns - reset.after_peer_ns > _AT_ONCE_NS
        )

    def _took_first(self, case: Case, by: int) -> bool:
        """The server's RST acknowledges what its client said first: it had the connection, and cut it.

        What an accept queue does not take draws RST without ACK (Linux).
        """
        reset = ended_by(case, by)
        client = case.endpoint(peer_of(by))
        if reset is None or not reset.has_ack or not client.bytes or not client.has_isn:
            return False
        if case.seen.stalls[by - 1] is not None:
            # It had taken what its buffer holds, and did not read it.
            return False
        return distance(reset.ack, client.isn) > 1

    def _went_on(self, case: Case, by: int) -> bool:
        """Its sender went on; what the RST had only overtaken, all ahead of its number, does not count."""
        reset: Reset | None = None if case.seen is None else case.seen.resets[by - 1]
        sender = case.endpoint(by)
        if reset is None or not reset.went_on or reset.frame != case.connection.rare.reset_frame:
            return False
        return sender.last_data_ns < reset.ns or distance(sender.snd_nxt, reset.seq) > 0

    def _upon_data(self, case: Case, by: int) -> bool:
        """A server's RST follows so soon on its client's data that it will be for this data."""
        reset = ended_by(case, by)
        if reset is None or by != case.server_by or reset.after_peer_data_ns < 0:
            return False
        return reset.after_peer_data_ns < max(2 * trip_ns(case, by), _GOODBYE_NS)

    def _turned_away(self, case: Case, by: int) -> bool:
        """A server closes as soon as the connection is open, and has read nothing of what its client asks."""
        connection, server, client = case.connection, case.endpoint(by), case.endpoint(peer_of(by))
        if by != case.server_by or not connection.ack_ns or not client.bytes:
            return False
        at_once = server.fin_ns - connection.ack_ns < _AT_ONCE_NS + max(trip_ns(case, by), 0)
        return at_once and client.has_una and distance(client.snd_una, client.isn) <= 1

    def _take(self, case: Case, cause: int) -> None:
        connection = case.connection
        by = connection.reset_by
        kind = _KINDS[cause]
        reset = ended_by(case, by)
        groups = self._groups[kind]
        group = groups.of(case, by, RESET_CAUSES[cause] if kind == ABORT_KIND else "")
        # Its sender goes on as if it had sent none: then the application did not, whatever the number says.
        went_on = cause == ABORT and self._went_on(case, by)
        sure = LIKELY if went_on else self._confidence(case, cause)
        if cause == ABORT and reset is not None and other_ttl(reset, reset.usual_ttl):
            # Whose it is then, nothing that passes here decides.
            sure = POSSIBLE
            group.tally["other_ttl"] += 1
        group.add(case, by, connection.rare.reset_ns, connection.rare.reset_ns, sure)
        if went_on:
            group.tally["went_on"] += 1
        idle_ns = self._idle_ns(case)
        if cause in (ABORT, NO_CONNECTION) and idle_ns >= _IDLE_NS:
            group.measure(idle_ns)
            group.tally["idle"] += 1
        sender = case.endpoint(by)
        if cause == ABORT and sender.bytes and self._upon_data(case, by):
            group.tally["upon_data"] += 1
        if case.seen is not None and case.seen.subflow:
            group.tally["subflow"] += 1
        if cause == ABORT:
            since_ns = connection.rare.reset_ns - connection.ack_ns
            wanted = not closed_unopened(case, peer_of(by))
            if by == case.server_by and not sender.bytes and self._took_first(case, by):
                group.tally["took"] += 1
            soon_ns = _AT_ONCE_NS + max(trip_ns(case, by), 0)
            if by == case.server_by and connection.ack_ns and sender.bytes and since_ns < soon_ns:
                group.tally["said"] += 1
            if by == case.server_by and connection.ack_ns and sender.bytes == 0 and wanted:
                # Linux resets what its accept queue does not take by a RST without ACK.
                mute = sender.packets <= sender.syn_acks + sender.rsts
                bare = reset is not None and not reset.has_ack
                if since_ns < _AT_ONCE_NS or (mute and bare and since_ns < _THERE_NS):
                    group.tally["at_once"] += 1
            if reset is not None and reset.peer_outstanding:
                group.tally["unacknowledged"] += 1
            if connection.first_fin_by or not wanted:
                group.tally["fin"] += 1
            group.tally["unopened"] += not wanted
        if not case.endpoint(peer_of(by)).bytes:
            group.tally["received_nothing"] += 1
        if not connection.syn_frame() and not connection.syn_ack_frame and self._before_ns(case) == 0:
            group.tally["midstream"] += 1
        if answered_all(case, by, cause):
            group.tally["answered"] += 1
        elif not went_on and harmless(case, by, cause):
            word = "unwanted" if unwanted(case, by) else "harmless"
            group.tally["unheard" if cause == AFTER_CLOSE and unheard(case, by) else word] += 1
        if cause == AFTER_CLOSE and case.seen is not None and case.seen.after_fin_bytes[2 - by]:
            group.tally["data"] += 1
        if cause == AFTER_CLOSE and self._turned_away(case, by):
            group.tally["away"] += 1
        if group.wants_example(connection.id):
            group.example(connection.id, self._evidence(case, cause, idle_ns))

    def _take_fast_close(self, case: Case) -> None:
        """Who sends MP_FASTCLOSE aborts; the RST is its own, or answers it (RFC 8684 section 3.5)."""
        connection, seen = case.connection, case.seen
        by = seen.fast_close_by
        groups = self._groups[ABORT_KIND]
        group = groups.of(case, by, RESET_CAUSES[ABORT])
        group.add(case, by, seen.fast_close_ns, max(seen.fast_close_ns, connection.rare.reset_ns), CERTAIN)
        group.tally["fast_close"] += 1
        if connection.first_fin_by:
            group.tally["fin"] += 1
        if group.wants_example(connection.id):
            text = f"{case.name(by)} sent MP_FASTCLOSE"
            lines = [case.evidence(seen.fast_close_frame, seen.fast_close_ns, text)]
            if connection.rare.reset_frame != seen.fast_close_frame:
                answers = connection.reset_by != by
                text = f"{case.name(connection.reset_by)} {'answers it with' if answers else 'sent'} RST"
                lines.append(case.evidence(connection.rare.reset_frame, connection.rare.reset_ns, text))
            group.example(connection.id, lines)

    def _confidence(self, case: Case, cause: int) -> int:
        connection = case.connection
        sender = case.endpoint(connection.reset_by)
        if sender.packets <= sender.rsts and not connection.established:
            # Nothing but its RST was seen of it.
            return POSSIBLE
        if case.seen is not None and case.seen.subflow:
            # MP_FASTCLOSE of either side may have passed on another subflow.
            return POSSIBLE
        if cause == NO_CONNECTION and 0 <= connection.rare.reset_ns - self._before_ns(case) < _THERE_NS:
            # No host starts anew in so short a time; its connection may have been dropped, or aborted.
            return POSSIBLE
        if not connection.rare.reset_certain or connection.doubtful:
            # It may have another cause; or another RST on this connection was not its sender's, or was not
            # believed, and this may be like it.
            return LIKELY
        return LIKELY if cause == KILLS_TIME_WAIT else CERTAIN

    def _before_ns(self, case: Case) -> int:
        """When the sender of the RST had sent the segment before it; 0 if that is not known."""
        connection = case.connection
        reset = ended_by(case, connection.reset_by)
        return 0 if reset is None or reset.after_own_ns < 0 else reset.ns - reset.after_own_ns

    def _idle_ns(self, case: Case) -> int:
        """Silence of both sides before the RST, or before what it answers; -1 unknown."""
        connection = case.connection
        seen: Observations | None = case.seen
        reset = ended_by(case, connection.reset_by)
        if seen is None or reset is None:
            return -1
        gap_by = seen.gap_by
        # Not where it had acknowledged what ended the silence: then it resets for another reason.
        took = 0 <= reset.after_own_ns < reset.ns - seen.gap_end_ns
        if gap_by and gap_by != connection.reset_by and not took and reset.ns - seen.gap_end_ns < _THERE_NS:
            return max(seen.gap_ns, reset.quiet_ns)
        return reset.quiet_ns

    def _evidence(self, case: Case, cause: int, idle_ns: int) -> list[Evidence]:
        connection = case.connection
        by = connection.reset_by
        lines = []
        for fin_by in (connection.first_fin_by, peer_of(connection.first_fin_by)):
            if not connection.first_fin_by:
                break
            endpoint = case.endpoint(fin_by)
            if endpoint.fin_sent and 0 < endpoint.fin_ns <= connection.rare.reset_ns:
                text = f"{case.name(fin_by)} sent FIN"
                lines.append(case.evidence(endpoint.fin_frame, endpoint.fin_ns, text))
        if not lines and connection.ack_frame:
            text = "the handshake is complete"
            lines.append(case.evidence(connection.ack_frame, connection.ack_ns, text))
        first = None if case.seen is None else case.seen.resets[by - 1]
        sender = case.endpoint(by)
        if (
            cause == AFTER_CLOSE
            and first is not None
            and sender.fin_ns <= first.ns < connection.rare.reset_ns
        ):
            # Each segment that was under way draws one; which of them is believed does not matter.
            text = f"{case.name(by)} {_SHOWS[cause]}; the first of {times(sender.rsts, 'RST')}"
            lines.append(case.evidence(first.frame, first.ns, text))
            return lines
        text = f"{case.name(by)} {_SHOWS[cause]}"
        if cause == ABORT and closed_unopened(case, peer_of(by)):
            text = f"{case.name(by)} sent RST; {case.name(peer_of(by))} had closed before it was open"
        if cause in (ABORT, NO_CONNECTION) and idle_ns >= _IDLE_NS:
            text += f"; neither side had sent anything for {duration(idle_ns)}"
        elif self._upon_data(case, by):
            text += f", at once upon data from {case.name(peer_of(by))}"
        lines.append(case.evidence(connection.rare.reset_frame, connection.rare.reset_ns, text))
        return lines

    def _take_stray(self, case: Case) -> None:
        connection = case.connection
        by = connection.rare.stray_reset_by
        group = self._strays.of(case, by)
        group.add(case, by, connection.rare.stray_reset_ns, connection.rare.stray_reset_ns, CERTAIN)
        group.tally["resets"] += connection.rare.stray_resets
        closed = case.endpoint(by).fin_sent or connection.reset_by == by
        # Each segment that was under way when its sender closed draws one: that is no sign of forgery.
        reset = None if case.seen is None else case.seen.resets[by - 1]
        if closed or (reset is not None and reset.is_peers_ack):
            group.tally["answers"] += 1
        elif connection.rare.stray_resets >= _MANY_STRAYS:
            group.tally["many"] += 1
        if group.wants_example(connection.id):
            text = f"RST in the name of {case.name(by)} {_CHANGES_NOTHING[connection.rare.stray_reset_fits]}"
            if connection.rare.stray_resets > 1:
                text += f"; the first of {connection.rare.stray_resets:,}"
            line = case.evidence(connection.rare.stray_reset_frame, connection.rare.stray_reset_ns, text)
            group.example(connection.id, [line])

    # --- what it amounts to ---

    def groups(self) -> list[Groups]:
        """All that it keeps connections in."""
        return [*self._groups.values(), self._strays]

    def merge(self, other: Resets) -> None:
        for kind, groups in other._groups.items():
            self._groups[kind].merge(groups)
        self._strays.merge(other._strays)

    def findings(self, end_ns: int, knowledge: Knowledge) -> list[Finding]:
        return reset_findings(self._groups, self._strays)
