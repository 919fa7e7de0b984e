"""Wireshark's display filters for what a report tells of."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from tcptrace_py.findings.finding import Finding, Subject
from tcptrace_py.report.model.model import Connection

#: Streams, or runs of streams that follow each other, in one filter at most: what a field takes comfortably.
RUNS = 200


def stream_filter(streams: Iterable[int]) -> str:
    """``tcp.stream == 2``, ``tcp.stream in {2, 7, 11..14}``; the lowest where there are very many."""
    runs: list[list[int]] = []
    for stream in sorted(set(streams)):
        if runs and stream == runs[-1][1] + 1:
            runs[-1][1] = stream
        else:
            runs.append([stream, stream])
    if not runs:
        return ""
    if len(runs) == 1 and runs[0][0] == runs[0][1]:
        return f"tcp.stream == {runs[0][0]}"
    members = [f"{first}" if first == last else f"{first}..{last}" for first, last in runs[:RUNS]]
    return f"tcp.stream in {{{', '.join(members)}}}"


def subject_filter(subject: Subject) -> str:
    """All TCP of a finding's culprit, by address and port; empty where there is no one such."""
    if subject.address is None:
        return ""
    parts = [_address(subject.address)]
    if subject.port is not None:
        parts.append(f"tcp.port == {subject.port}")
    if subject.toward:
        address, _, port = subject.toward.rpartition(":")
        if address:
            parts.append(_address(address.strip("[]")))
        # Toward many services no port can be named.
        if port.isdecimal():
            parts.append(f"tcp.port == {port}")
    return " && ".join(parts if len(parts) > 1 else [*parts, "tcp"])


def add_filters(findings: Iterable[Finding], connections: Sequence[Connection] | None) -> None:
    """Set each finding's ``display_filter``; ``connections``: the report's own, sorted by id.

    By stream where the finding names all its connections and the report lists them; else by the culprit.
    """
    for finding in findings:
        streams = [] if connections is None else _streams(finding.connections, connections)
        if streams and len(streams) >= finding.count:
            finding.display_filter = stream_filter(streams)
        else:
            finding.display_filter = subject_filter(finding.subject) or stream_filter(streams)


def _streams(ids: Iterable[int], connections: Sequence[Connection]) -> list[int]:
    # Where all are listed, and so in every report of a whole capture, an id is an index.
    return [
        connections[each].stream for each in ids if each < len(connections) and connections[each].id == each
    ]


def _address(address: str) -> str:
    return f"{'ipv6' if ':' in address else 'ip'}.addr == {address}"
