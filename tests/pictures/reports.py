"""Reports that no capture of ours gives: very large ones, and ones whose every text is hostile."""

from __future__ import annotations

from functools import cache

import msgspec

from tcptrace_py import analyze
from tcptrace_py.report.model.model import Connection, Endpoint, Report
from tests.samples.catalogue import SAMPLE_DIR

#: What each text of a hostile report carries: ends of elements, strings and comments, and turned writing.
HOSTILE = (
    "\"'</script></style></title></textarea><script>document.documentElement.dataset.broken='script'</script>"
    '<img src=x onerror="document.documentElement.dataset.broken=\'image\'"><a href="javascript:broken()">'
    "<!-- {{ 7*7 }} {% raw %} \u202e\x1b[31m\x00\u2028</td></table>`${'x'}`\\u003c"
)
SICK = "sick_service.pcap"


@cache
def sample(name: str) -> Report:
    """The report of a sample, every connection listed; not to be changed."""
    return analyze(SAMPLE_DIR / name)


def without_connections(report: Report) -> Report:
    return msgspec.structs.replace(report, listed=None)


def large(count: int, name: str = SICK) -> Report:
    """``count`` connections: those of a sample over and over, each time from other ports."""
    report = sample(name)
    given = report.connections or []
    connections = []
    for number in range(count):
        each = given[number % len(given)]
        moved = msgspec.structs.replace(each.client, port=1024 + number // len(given) % 60_000)
        connections.append(msgspec.structs.replace(each, id=number, stream=number, client=moved))
    findings = []
    for finding in report.findings:
        ids = [
            n
            for n in range(count)
            if finding.kind in connections[n].findings and given[n % len(given)].id in finding.connections
        ]
        findings.append(msgspec.structs.replace(finding, count=len(ids), connections=ids[:1000]))
    summary = msgspec.structs.replace(report.summary, connections=count)
    return msgspec.structs.replace(report, listed=connections, findings=findings, summary=summary)


def hostile() -> Report:
    """A sample's report in which every free text is `HOSTILE`."""
    report = msgspec.convert(msgspec.to_builtins(sample(SICK)), Report)
    capture = report.capture
    for source in capture.sources:
        source.path = HOSTILE
        source.link_types = [HOSTILE]
    capture.warnings = [HOSTILE]
    for finding in report.findings:
        finding.explanation = finding.remedy = HOSTILE
        finding.subject.address = HOSTILE
        for evidence in finding.evidence:
            evidence.text = HOSTILE
    for service in report.services:
        service.address = HOSTILE
    for connection in report.connections or []:
        for end in _ends(connection):
            end.address = HOSTILE
    return report


def _ends(connection: Connection) -> tuple[Endpoint, Endpoint]:
    return connection.client, connection.server
