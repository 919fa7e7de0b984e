"""What the exit of a watched command says of sockets that were stuck until then."""

from __future__ import annotations

from collections.abc import Iterable

from tcptrace_py.findings.finding import Finding

_KIND = "stuck-close-wait"
# The kernel closes a process's sockets before it says that the process has ended, and an interpreter's
# teardown before that: on a busy machine (load 8 on two cores) more than 250 ms.
_BEFORE_NS = 1_000_000_000
_LATE = ": closed late rather than leaked"


def mark_closed_by_exit(findings: Iterable[Finding], exit_ns: int) -> None:
    """Sockets that left CLOSE_WAIT only as the command exited, at ``exit_ns``, had leaked.

    The kernel closes whatever a process leaves open (exit(2)); that is no close() of the application's.
    """
    for finding in findings:
        if finding.kind != _KIND or finding.last_ns < exit_ns - _BEFORE_NS:
            continue
        said = "Closed only when the command exited: a leak."
        finding.explanation = finding.explanation.replace(_LATE, "")
        head, stop, rest = finding.explanation.partition(". ")
        finding.explanation = f"{head}{stop}{said} {rest}" if stop else f"{head} {said}"
        if finding.confidence != "possible":
            finding.severity = "critical"
