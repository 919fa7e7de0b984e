"""Gates: rules judged over a report.

>>> verdicts = judge(report, parse_rules(["critical", "time_wait.peak >= 1000"]))
>>> for verdict in verdicts:
...     if verdict.failed:
...         print(verdict.line)
critical: 30 connections of server 10.0.0.20:8080 (stuck-close-wait), wanted none
"""

from __future__ import annotations

import operator
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date

from tcptrace_py.findings.finding import KINDS, SEVERITIES, Allowed, Finding
from tcptrace_py.findings.wording import times
from tcptrace_py.gates.policy import Allowance, Policy
from tcptrace_py.gates.rule import Rule, parse_rules
from tcptrace_py.report.model.model import Report

__all__ = ["Policy", "Rule", "Verdict", "excused", "judge", "mark_allowed", "parse_rules"]

_COMPARE = {
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
    "==": operator.eq,
    "!=": operator.ne,
}
# A rule says what fails; this is what was wanted instead.
_WANTED = {
    ">": "at most {}",
    ">=": "less than {}",
    "<": "at least {}",
    "<=": "more than {}",
    "==": "not {}",
    "!=": "exactly {}",
}


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one rule. ``actual`` and ``wanted`` are words for people.

    ``findings``: those that made the rule fail, worst first; empty for a comparison of counters.
    """

    rule: Rule
    failed: bool
    actual: str
    wanted: str
    findings: list[Finding] = field(default_factory=list)

    @property
    def line(self) -> str:
        """Rule, actual and wanted in one line."""
        return f"{self.rule.text}: {self.actual}, wanted {self.wanted}"


def judge(
    report: Report, rules: Iterable[Rule], policy: Policy | None = None, today: date | None = None
) -> list[Verdict]:
    """A verdict for each of the policy's rules, then of ``rules``; a rule said twice is judged once.

    ``today`` decides which allowances have expired (default: the local date). Allowances
    excuse findings, never a comparison of the report's own counters.
    """
    policy = policy or Policy()
    allowed, notes = excused(report, policy.allowances, today or date.today())
    every = {rule.text: rule for rule in (*policy.rules, *rules)}
    if not report.capture.decoded:
        # What was not seen can not be said to hold.
        return [Verdict(rule, True, "not enough was decoded", _wanted(rule)) for rule in every.values()]
    return [
        _compare(report, rule, allowed, notes) if rule.operator else _find(report, rule, allowed, notes)
        for rule in every.values()
    ]


def excused(
    report: Report, allowances: Iterable[Allowance], today: date
) -> tuple[dict[int, Allowance], dict[int, str]]:
    """What the allowances do, by index in ``report.findings``.

    First the allowance of each finding that is excused, then why an allowance did not excuse one
    that it is about (expired, or too many).
    """
    allowed: dict[int, Allowance] = {}
    notes: dict[int, str] = {}
    for allowance in allowances:
        covered = [index for index, each in enumerate(report.findings) if allowance.covers(each)]
        if allowance.expired(today):
            for index in covered:
                notes[index] = f"the allowance expired on {allowance.expires}: {allowance.reason}"
            continue
        total = sum(report.findings[index].count for index in covered)
        if allowance.count is not None and total > allowance.count:
            for index in covered:
                notes[index] = f"{total:,} is over the {allowance.count:,} allowed: {allowance.reason}"
            continue
        for index in covered:
            allowed.setdefault(index, allowance)
    return allowed, notes


def mark_allowed(report: Report, policy: Policy, today: date | None = None) -> list[Allowance]:
    """Write into each finding whether ``policy`` allows it. Gives the allowances that allow nothing."""
    today = today or date.today()
    allowed, _notes = excused(report, policy.allowances, today)
    for index, finding in enumerate(report.findings):
        by = allowed.get(index)
        expires = by.expires.isoformat() if by is not None and by.expires is not None else None
        finding.allowed = None if by is None else Allowed(by.reason, expires)
    covering = [
        any(each.covers(finding) for finding in report.findings) and not each.expired(today)
        for each in policy.allowances
    ]
    return [each for each, covers in zip(policy.allowances, covering, strict=True) if not covers]


def _find(report: Report, rule: Rule, allowed: dict[int, Allowance], notes: dict[int, str]) -> Verdict:
    if rule.name in KINDS:
        found = [i for i, each in enumerate(report.findings) if each.kind == rule.name]
    else:
        grave = SEVERITIES[: SEVERITIES.index(_severity(rule.name)) + 1]
        found = [i for i, each in enumerate(report.findings) if each.severity in grave]
    left = [i for i in found if i not in allowed]
    if not left:
        excuses = sorted({allowed[i].reason for i in found})
        actual = f"{times(len(found), 'finding')} allowed ({'; '.join(excuses)})" if found else "none"
        return Verdict(rule, False, actual, "none")
    findings = [report.findings[i] for i in left]
    return Verdict(rule, True, _culprits(rule, findings) + _why_not(left, notes), "none", findings)


def _severity(name: str) -> str:
    return next(each for each in SEVERITIES if each == name)


def _culprits(rule: Rule, findings: list[Finding]) -> str:
    first = findings[0]
    unit = "socket" if first.kind == "time-wait-pile" else "connection"
    text = f"{times(first.count, unit)} of {first.subject.label()}"
    if first.kind != rule.name:
        text += f" ({first.kind})"
    more = len(findings) - 1
    return f"{text} and {times(more, 'more finding')}" if more else text


def _why_not(left: Iterable[int], notes: dict[int, str]) -> str:
    said = list(dict.fromkeys(notes[i] for i in left if i in notes))
    return f" ({'; '.join(said)})" if said else ""


def _compare(report: Report, rule: Rule, allowed: dict[int, Allowance], notes: dict[int, str]) -> Verdict:
    assert rule.operator is not None
    left: set[int] = set()
    value = _number(report, rule.name, allowed, left)
    divisor = None
    if rule.divisor is not None:
        divisor = _number(report, rule.divisor, allowed, left)
    wanted = _wanted(rule)
    if value is None or (rule.divisor is not None and (divisor is None or (divisor == 0 and value == 0))):
        # What was never seen, or a share of nothing, is neither more nor less than a limit.
        return Verdict(rule, False, "nothing to measure", wanted)
    if rule.divisor is None:
        result, actual = value, _shown(rule, value)
    else:
        assert divisor is not None
        result = value / divisor if divisor else float("inf")
        actual = f"{_plain(value)} of {_plain(divisor)}"
        if divisor:
            actual = f"{_shown(rule, result)} ({actual})"
    failed = bool(_COMPARE[rule.operator](result, rule.limit))
    indexes = sorted(left) if failed else []
    return Verdict(
        rule, failed, actual + _why_not(indexes, notes), wanted, [report.findings[i] for i in indexes]
    )


def _wanted(rule: Rule) -> str:
    return _WANTED[rule.operator].format(_shown(rule, rule.limit)) if rule.operator else "none"


def _number(report: Report, path: str, allowed: dict[int, Allowance], left: set[int]) -> float | None:
    """The number that ``path`` names; the findings behind a kind go into ``left``."""
    if path in KINDS:
        found = [
            index for index, each in enumerate(report.findings) if each.kind == path and index not in allowed
        ]
        left.update(found)
        return sum(report.findings[index].count for index in found)
    value: object = report
    for name in path.split("."):
        value = getattr(value, name)
        if value is None:
            return None
    assert isinstance(value, (int, float))
    return value


def _shown(rule: Rule, value: float) -> str:
    if rule.percent:
        return f"{value * 100:.4g}%"
    if rule.divisor is not None:
        return f"{value:.4g}"
    return f"{_plain(value)} s" if rule.name.endswith("_s") else _plain(value)


def _plain(value: float) -> str:
    return f"{int(value):,}" if float(value).is_integer() else f"{value:,}"
