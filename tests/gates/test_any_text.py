"""Whatever a user writes is understood or refused in one line."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tcptrace_py.gates.diff import METRICS, parse_tolerance
from tcptrace_py.gates.gate import judge
from tcptrace_py.gates.policy import parse_policy, parse_service
from tcptrace_py.gates.rule import PATHS, parse_rule
from tcptrace_py.gates.saved import ReportError, decode_report
from tests.gates.test_rules import report_of

_WORDS = st.sampled_from(
    [*PATHS[:8], "stuck-close-wait", "critical", "/", ">", "<=", "==", "%", "5", "1e9", "s", "."]
)
_LISTS = st.lists(_WORDS, max_size=7)
_RULES = st.one_of(st.text(), _LISTS.map(" ".join), _LISTS.map("".join))
_KEYS = ["fail_on", "[thresholds]\nmsl_s", "[[allow]]\nreason = 'r'\nservice", "[[allow]]\ncount"]
_TOML = st.one_of(
    st.text(),
    st.tuples(
        st.sampled_from(_KEYS),
        st.one_of(st.integers(), st.floats(), st.booleans(), st.text("0123456789.:[]abf").map(repr)),
    ).map(lambda pair: f"{pair[0]} = {str(pair[1]).lower()}"),
)


@pytest.mark.parametrize("parse", [parse_rule, parse_tolerance, parse_service, parse_policy])
@given(text=st.one_of(_RULES, _TOML))
def test_any_text_is_understood_or_one_line(parse: Callable[[str], object], text: str) -> None:
    try:
        parse(text)
    except ValueError as error:
        assert len(str(error).split("\n")) == 1


@given(text=_RULES)
def test_what_is_understood_can_be_judged(text: str) -> None:
    try:
        rule = parse_rule(text)
    except ValueError:
        return
    (verdict,) = judge(report_of("sick_service"), [rule])
    assert "\n" not in verdict.actual + verdict.wanted


@given(text=st.binary())
def test_any_bytes_are_no_report_in_one_line(text: bytes) -> None:
    for content in (text, b'{"schema_version": 1, "tool": ' + text):
        with pytest.raises(ReportError) as caught:
            decode_report(content, "r.json")
        assert len(str(caught.value).splitlines()) == 1


def test_each_metric_can_have_a_tolerance() -> None:
    for name in METRICS:
        assert parse_tolerance(f"{name}=1").name == name
