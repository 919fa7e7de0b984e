"""``zero-window-stall``: a receiver's window stays zero, for its application does not read."""

from __future__ import annotations

from tcptrace_py.findings.case import ENDPOINTS, Case, other
from tcptrace_py.findings.causes.claim import Claim, Decided
from tcptrace_py.findings.finding import CERTAIN, Evidence, Finding, Severity
from tcptrace_py.findings.group import Group
from tcptrace_py.findings.knowledge import Knowledge
from tcptrace_py.findings.texts import TEXTS, remedy
from tcptrace_py.findings.wording import duration, part, span, times
from tcptrace_py.settings import Settings
from tcptrace_py.tcp.observations import BY_STALL, STALL_NS, Stall


class ZeroWindowStall(Decided):
    """By the receiver."""

    KIND = "zero-window-stall"
    TOLD_FROM = BY_STALL

    def look(self, case: Case, knowledge: Knowledge, settings: Settings) -> Claim | None:
        seen = case.seen
        if seen is None:
            return None
        for by in ENDPOINTS:
            stall: Stall | None = seen.stalls[by - 1]
            if stall is not None and not stall.opened_ns:
                claim = self._claim(case, by, stall)
                if claim is not None:
                    return claim
            longest: Stall | None = seen.longest_stalls[by - 1]
            if longest is not None:
                claim = self._claim(case, by, longest)
                if claim is not None:
                    return claim
        return None

    def _claim(self, case: Case, by: int, stall: Stall) -> Claim | None:
        # Known to be zero until it opened, or until the receiver last said so.
        until_ns = case.until(stall.ns, stall.opened_ns or stall.last_ns)
        peer = case.endpoint(other(by))
        if until_ns - stall.ns < STALL_NS or peer.last_data_ns == 0:
            return None
        if not stall.answers and peer.last_ns <= stall.ns:
            # Nobody probed the window: its peer had nothing more to send.
            return None
        name = case.name(by)

        def evidence() -> list[Evidence]:
            lines = [case.evidence(stall.frame, stall.ns, f"{name} announces a window of 0")]
            if stall.answers:
                after = duration(stall.last_ns - stall.ns)
                text = f"{after} later: still 0, the last of {times(stall.answers, 'answer')}"
                lines.append(case.evidence(stall.last_frame, stall.last_ns, text))
            if stall.opened_ns:
                text = f"{duration(stall.opened_ns - stall.ns)} after it closed, the window opens again"
                lines.append(case.evidence(stall.opened_frame, stall.opened_ns, text))
            return lines

        return Claim(
            by,
            stall.ns,
            until_ns,
            CERTAIN,
            evidence,
            measure_ns=until_ns - stall.ns,
            tally={"open": int(not stall.opened_ns), "answers": stall.answers},
            explains=(
                "dead-peer",
                "path-state-lost",
                "stuck-close-wait",
                "unresponsive-server",
                "mtu-black-hole",
            ),
        )

    def finding(self, group: Group, knowledge: Knowledge, end_ns: int) -> Finding:
        text = TEXTS[self.KIND]
        sentences = [
            f"{group.who()} did not read what {group.they()} sent on {group.connections()}: its receive"
            f" window was zero for {span(group.least_ns, group.most_ns)}."
        ]
        if group.tally["answers"]:
            sentences.append(
                f"{times(group.tally['answers'], 'probe')} of the sender drew the same answer: window 0."
            )
        if group.tally["open"]:
            sentences.append(f"{part(group.tally['open'], group.count)} had not opened again when last seen.")
        sentences.append(text.meaning)
        # A player that is paused, a slow disk: a client that reads on in the end has held up itself.
        severity: Severity = "info" if group.side == "client" and not group.tally["open"] else "warning"
        return group.finding(self.KIND, severity, " ".join(sentences), remedy(text, group.socket_filter()))
