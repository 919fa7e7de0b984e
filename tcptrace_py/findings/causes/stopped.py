"""``stopped-stream``: its sender had told the other side to stop, on another connection of the two.

Test tools (iperf3), and whatever else keeps a connection for control beside those for data: the reader closes
at once, though data is under way, and each segment of it draws RST. Nobody wants that data.
"""

from __future__ import annotations

from tcptrace_py.findings.case import Case, evidence, other, trip_ns
from tcptrace_py.findings.causes.about import client_key, service_key
from tcptrace_py.findings.causes.claim import Claim, Key
from tcptrace_py.findings.finding import LIKELY, Evidence, Finding
from tcptrace_py.findings.group import Group
from tcptrace_py.findings.knowledge import Knowledge
from tcptrace_py.findings.resets import GOODBYE_BYTES
from tcptrace_py.findings.spoken import Spoken
from tcptrace_py.findings.texts import TEXTS, remedy
from tcptrace_py.settings import Settings
from tcptrace_py.tcp.observations import AT_ONCE_NS, BY_STREAM_RESET, QUIET_NS

#: Frames of two connections may be captured the wrong way round; where time runs backwards, by far.
_ORDER_NS = 1_000_000
#: The control connection was silent for this part of the stream at least.
_SILENT = 0.5


class StoppedStream:
    """By who stopped reading."""

    KIND = "stopped-stream"
    TOLD_FROM = BY_STREAM_RESET

    def look(self, case: Case, knowledge: Knowledge, settings: Settings) -> Claim | None:
        seen, connection = case.seen, case.connection
        if seen is None or not connection.established or not connection.syn_frame():
            return None
        by = seen.fast_close_by or connection.first_fin_by or connection.reset_by
        if not by:
            return None
        stopper, sender = case.endpoint(by), case.endpoint(other(by))
        stop_ns, frame, what = connection.rare.reset_ns, connection.rare.reset_frame, "RST"
        if seen.fast_close_by:
            stop_ns, frame, what = seen.fast_close_ns, seen.fast_close_frame, "MP_FASTCLOSE"
        elif connection.first_fin_by:
            stop_ns, frame, what = stopper.fin_ns, stopper.fin_frame, "FIN"
        if stopper.bytes > GOODBYE_BYTES or sender.fin_sent and sender.fin_ns <= stop_ns:
            # No stream in one direction, or it was over.
            return None
        if not seen.subflow and stop_ns - connection.ack_ns < QUIET_NS:
            # A request that is turned away, rather than a stream.
            return None
        if not seen.subflow and (not sender.turns or stop_ns - sender.last_data_ns > AT_ONCE_NS):
            return None

        # A path that the stream fills is slower than in the handshake.
        at_once_ns = max(AT_ONCE_NS, 3 * trip_ns(case, by))

        def stops() -> list[Evidence]:
            return [case.evidence(frame, stop_ns, f"{case.name(by)} stops reading: {what}")]

        return Claim(
            by,
            stop_ns,
            connection.last_ns,
            LIKELY,
            stops,
            explains=("reset-abort", "reset-after-close", "reset-no-connection", "stray-reset", "half-close"),
            hangs_on=(
                "stopped",
                service_key(case),
                client_key(case)[:3],
                bool(seen.subflow),
                by == case.server_by,
                connection.first_ns,
                stop_ns,
                at_once_ns,
                at_once_ns if seen.backwards else _ORDER_NS,
            ),
        )

    def judge(self, key: Key, facts: tuple[object, ...], group: Group, knowledge: Knowledge) -> bool:
        words = [(word.ns, where) for word, where in knowledge.spoken.entries.items() if _tells(word, key)]
        if not words:
            return False
        ns, (connection, frame) = max(words)
        speaker = "client" if key[4] else "server"
        text = f"the {speaker} speaks after a silence, on the connection for control"
        group.preface(evidence(connection, frame, ns, text))
        group.add_id(connection)
        return True

    def finding(self, group: Group, knowledge: Knowledge, end_ns: int) -> Finding:
        text = TEXTS[self.KIND]
        first = (
            f"{group.who()} broke off what {group.they()} sent on {group.connections()}. Just before,"
            " the sender had ended a silence on another connection to the same service, and that one went on:"
            " it had asked for this."
        )
        return group.finding(self.KIND, "info", f"{first} {text.meaning}", remedy(text, ""))


def _tells(word: Spoken, key: Key) -> bool:
    """Is it what made the reader of a stream stop?"""
    _, service, client, subflow, by_server, first_ns, stop_ns, at_once_ns, order_ns = key
    # Subflows of one connection go between several addresses.
    same = word.service == service and (word.client == client or (subflow and word.subflow))
    return bool(
        same
        and word.by_client == by_server
        and word.first_ns < first_ns  # type: ignore[operator]
        and -order_ns <= stop_ns - word.ns <= at_once_ns  # type: ignore[operator]
        and word.quiet_ns >= (stop_ns - first_ns) * _SILENT  # type: ignore[operator]
    )
