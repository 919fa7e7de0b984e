"""Names the processes of endpoints where the capture itself says them (`capture.process_info`)."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence

from tcptrace_py.capture.error import CaptureError
from tcptrace_py.capture.process_info import ProcessInfo, process_info
from tcptrace_py.capture.source import open_source
from tcptrace_py.findings.finding import Finding, Process, Subject
from tcptrace_py.report.model.model import Connection, Report
from tcptrace_py.wire.address import address_text
from tcptrace_py.wire.decoder import Decoder
from tcptrace_py.wire.result import TCP

#: Of an endpoint: its address and port, then those of its peer.
Ends = tuple[str, int, str, int]
Owners = dict[Ends, Process]
# Of one finding.
_NAMED = 100


def owners_of(captures: Sequence[str | os.PathLike[str]]) -> Owners:
    """The first process that each endpoint is said to be of."""
    owners: Owners = {}
    for path in captures:
        infos = process_info(path)
        first = next(infos, None)
        if first is not None:
            _add_owners(path, first, infos, owners)
    return owners


def _add_owners(
    path: str | os.PathLike[str], info: ProcessInfo | None, infos: Iterable[ProcessInfo], owners: Owners
) -> None:
    """Read the frames beside what is said of them."""
    rest = iter(infos)
    decoder = Decoder()
    try:
        reader = open_source(path)
    except CaptureError:
        return
    try:
        while info is not None and (count := reader.next_batch()):
            batch = reader.batch
            decoder.begin(batch)
            try:
                while info is not None and (i := info.frame - batch.first_number) < count:
                    if decoder.decode(batch, i) == TCP:
                        segment = decoder.segment
                        version = segment.ip_version
                        sender = address_text(segment.src_hi, segment.src_lo, version), segment.src_port
                        receiver = address_text(segment.dst_hi, segment.dst_lo, version), segment.dst_port
                        ends = (*receiver, *sender) if info.inbound else (*sender, *receiver)
                        if ends not in owners:
                            owners[ends] = Process(info.pid, info.command, [], container=info.container)
                    info = next(rest, None)
            finally:
                decoder.end()
    finally:
        reader.close()


def name_connection(connection: Connection, owners: Owners) -> None:
    """Name the owners of a connection's two ends."""
    client, server = connection.client, connection.server
    client.process = owners.get((client.address, client.port, server.address, server.port))
    server.process = owners.get((server.address, server.port, client.address, client.port))


def name_findings(findings: Iterable[Finding], owners: Owners) -> None:
    """Name the processes that hold a culprit's ends, where nobody has named them better."""
    for finding in findings:
        if finding.processes:
            continue
        found: dict[int, Process] = {}
        for ends, process in owners.items():
            if process.pid not in found and _is_of(finding.subject, ends):
                found[process.pid] = process
        finding.processes = list(found.values())[:_NAMED]


def name_owners(report: Report, owners: Owners) -> None:
    """In a whole report."""
    if owners:
        for connection in report.connections:
            name_connection(connection, owners)
        name_findings(report.findings, owners)


def _is_of(subject: Subject, ends: Ends) -> bool:
    address, port, peer, peer_port = ends
    if subject.address != address or (subject.port is not None and subject.port != port):
        return False
    if not subject.toward:
        return True
    toward, _, toward_port = subject.toward.rpartition(":")
    return str(peer_port) == toward_port and toward.strip("[]") in ("", peer)
