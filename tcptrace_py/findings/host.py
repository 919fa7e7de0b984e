"""Was a culprit's host up while it seemed dead? Then neither power nor network was lost."""

from __future__ import annotations

from tcptrace_py.findings.group import Group
from tcptrace_py.findings.knowledge import Knowledge

#: What is heard so soon after (or, of a host that nothing was heard of, before) is meanwhile.
_MARGIN_NS = 30_000_000_000


def up_meanwhile(group: Group, knowledge: Knowledge, since_ns: int) -> str:
    """A sentence, where the culprit was heard on other connections from ``since_ns`` on; else empty."""
    if group.about_peer or group.role not in ("server", "client"):
        return ""
    until_ns = group.last_ns + _MARGIN_NS
    # From then on all of them were silent: what was heard on them before is no witness.
    silent_ns = max(group.first_ns, group.last_ns - max(group.least_ns, 0))
    if group.role == "client":
        heard = knowledge.client_heard(group.hi, group.lo, silent_ns, until_ns)
        return "Its host was up: it was heard on other connections at that time." if heard else ""
    key = (group.version, group.hi, group.lo, group.service_port)
    port = knowledge.answers_at(key, since_ns, until_ns)
    service = knowledge.service(*key)
    if not port and service is not None and service.accepted.between(silent_ns, until_ns):
        # Those of this finding were accepted before their silence, or never.
        when = "meanwhile" if service.accepted.between(silent_ns, group.last_ns) else "right afterwards"
        return f"Its host was up: it accepted connections on that port {when}."
    return f"Its host was up: it answered on port {port} at that time." if port else ""


def before(group: Group) -> int:
    """From when on a host counts as up that an attempt reached nothing of."""
    return group.first_ns - _MARGIN_NS
