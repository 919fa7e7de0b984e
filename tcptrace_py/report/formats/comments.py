"""What a report says of single frames, as comments to put at them in a capture."""

from __future__ import annotations

from collections.abc import Iterable

from tcptrace_py.findings.finding import Finding
from tcptrace_py.report.model.model import Connection

#: Comments by ``(source, frame)``, as evidence has them.
Comments = dict[tuple[int, int], list[str]]


def finding_comments(findings: Iterable[Finding]) -> Comments:
    """At each frame that a finding cites: which finding, whose, and what the frame shows."""
    comments: Comments = {}
    for finding in findings:
        whose = f"{finding.kind} ({finding.severity}, {finding.confidence}), {finding.subject.label()}"
        for each in finding.evidence:
            if each.frame is not None:
                text = f"{whose}: connection {each.connection}: {each.text}"
                comments.setdefault((each.source, each.frame), []).append(text)
    return comments


def move_comments(connection: Connection) -> Comments:
    """At each frame that moved one of both machines: into which state, and why we believe it."""
    comments: Comments = {}
    for side, endpoint in (("client", connection.client), ("server", connection.server)):
        for move in endpoint.history:
            if move.frame is not None:
                comments.setdefault((move.source, move.frame), []).append(
                    f"{side} {move.state} ({move.basis})"
                )
    return comments


def joined(*several: Comments) -> Comments:
    """All of them, in this order at each frame."""
    comments: Comments = {}
    for each in several:
        for place, texts in each.items():
            comments.setdefault(place, []).extend(texts)
    return comments
