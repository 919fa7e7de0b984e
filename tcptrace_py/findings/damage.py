"""Captures in which frames are damaged: what rests on few packets there may rest on a damaged one."""

from __future__ import annotations

from collections.abc import Iterable

from tcptrace_py.findings.finding import Finding

#: One malformed packet among so many: then others are damaged too where nobody can see it, in an address,
#: a port, a flag.
_ONE_IN = 200
#: Connections that damage may make up, or break.
_FEW = 2

_SAID = (
    "The capture has malformed packets. What rests on so few packets may rest on damaged ones, and on"
    " others that could not be read."
)


def damaged(malformed: int, tcp_segments: int) -> bool:
    """Are so many of a capture's packets malformed that others are damaged without looking so?"""
    return malformed > 0 and malformed * _ONE_IN >= tcp_segments


def doubt(findings: Iterable[Finding]) -> None:
    """Findings of a damaged capture: those about few connections are possible, and information."""
    for finding in findings:
        if finding.count <= _FEW:
            finding.confidence = "possible"
            finding.severity = "info"
            finding.explanation += f" {_SAID}"
