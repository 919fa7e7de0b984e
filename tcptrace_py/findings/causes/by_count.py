"""``keep-alive-race`` by count: the server closes after so many answers, just as the next request comes.

That it closes by count is told from all its connections: none has more answers than so many, and several
were closed right after just as many.
"""

from __future__ import annotations

from tcptrace_py.findings.case import Case
from tcptrace_py.findings.cause_texts import BY_COUNT
from tcptrace_py.findings.causes.about import round_trip_ns, service_key, service_of
from tcptrace_py.findings.causes.claim import Claim, Key
from tcptrace_py.findings.finding import CERTAIN, LIKELY, Evidence, Finding
from tcptrace_py.findings.group import Group
from tcptrace_py.findings.knowledge import Knowledge
from tcptrace_py.findings.resets import GOODBYE_BYTES, goodbye
from tcptrace_py.findings.texts import remedy
from tcptrace_py.findings.wording import duration, part, times

VARIANT = "count"
#: Who closes by count does so right after the last answer.
_AT_ONCE_NS = 100_000_000
#: Fewer answers are no limit that anybody sets; so many closes after just as many are no accident.
_FEWEST_ANSWERS, _CLOSES = 2, 3


def by_count(case: Case) -> Claim | None:
    """The server's FIN (or RST) right after an answer meets the client's next request."""
    connection, by, client_by = case.connection, case.server_by, case.client_by
    client, server = case.endpoint(client_by), case.endpoint(by)
    seen = case.seen
    if not connection.syn_frame() or server.turns < _FEWEST_ANSWERS or seen is None or seen.backwards:
        return None
    reset = seen.resets[by - 1]
    asked_ns = seen.after_fin_ns[client_by - 1]
    frame = seen.after_fin_frame[client_by - 1]
    if reset is None or (client.fin_sent and client.fin_ns < reset.ns):
        return None
    if not asked_ns and client.last_data_ns > server.last_data_ns:
        # Captured at the client, the request passes before the FIN that does not acknowledge it.
        asked_ns, frame = client.last_data_ns, 0
    trip_ns = max(3 * round_trip_ns(case), _AT_ONCE_NS)
    closed_ns = server.fin_ns if server.fin_sent else reset.ns
    told = bool(server.fin_acked_frame and server.fin_acked_ns < asked_ns)
    if not asked_ns or goodbye(case, client_by) or (not told and abs(asked_ns - closed_ns) > trip_ns):
        return None
    if told and seen.after_fin_bytes[client_by - 1] <= 2 * GOODBYE_BYTES:
        # Its last words, which nobody misses.
        return None
    if connection.first_fin_by not in (by, 0) or not server.last_data_ns <= closed_ns:
        return None
    if closed_ns - server.last_data_ns > trip_ns or reset.ns < asked_ns:
        return None

    def evidence() -> list[Evidence]:
        name = case.name(by)
        lines = []
        if server.fin_sent:
            after = duration(closed_ns - server.last_data_ns)
            text = f"{name} closes {after} after its answer number {server.turns}"
            lines.append(case.evidence(server.fin_frame, server.fin_ns, text))
        how = f"comes {duration(asked_ns - closed_ns)} later" if told else "crosses that"
        lines.append(case.evidence(frame, asked_ns, f"the next request of {case.name(client_by)} {how}"))
        lines.append(case.evidence(reset.frame, reset.ns, f"{name} answers it with RST: the request is lost"))
        return sorted(lines, key=lambda line: line.ts_ns)

    return Claim(
        by,
        asked_ns,
        reset.ns,
        CERTAIN if server.fin_sent else LIKELY,
        evidence,
        tally={f"answers {server.turns}": 1, "told": int(told)},
        explains=(
            "reset-abort",
            "reset-after-close",
            "reset-no-connection",
            "half-close",
            "time-wait-assassination",
            "stopped-stream",
        ),
        hangs_on=(VARIANT, *service_key(case), server.turns),
        variant=VARIANT,
    )


def judge(key: Key, knowledge: Knowledge) -> bool:
    service = knowledge.services.entries.get(key[1:5])
    return bool(service and service.most_answers == key[5] and service.closed_at_most >= _CLOSES)


def finding(kind: str, group: Group, knowledge: Knowledge) -> Finding:
    answers = max(int(what.split()[1]) for what in group.tally if what.startswith("answers "))
    sentences = [
        f"{group.who()} closed {group.connections()} with {group.they()} right after answer number"
        f" {answers:,}, just as the next request came or before it: the requests were lost."
    ]
    if group.tally["told"]:
        many = part(group.tally["told"], group.count)
        sentences.append(f"On {many} the client had acknowledged the close before.")
    service = service_of(group, knowledge)
    others = 0 if service is None else service.closed_at_most - group.count
    if others > 0:
        many = times(others, "other connection")
        sentences.append(f"It closed {many} after just as many, and none had more.")
    sentences.append(BY_COUNT.meaning)
    advice = remedy(BY_COUNT, "").replace("{answers}", f"{answers:,}")
    return group.finding(kind, "warning", " ".join(sentences), advice)
