"""Rules: what they say, over reports of the samples, and what is wrong with the wrong ones."""

from __future__ import annotations

from functools import cache

import pytest

from tcptrace_py import analyze
from tcptrace_py.findings.finding import KINDS
from tcptrace_py.gates.gate import judge, parse_rules
from tcptrace_py.report.model.model import Report
from tests.conftest import ROOT

SAMPLES = ROOT / "sample_pcaps"

#: For each kind a sample that has such a finding.
TRIPS = {
    "stuck-close-wait": "stuck_close_wait",
    "stuck-fin-wait-2": "stuck_fin_wait_2",
    "unacknowledged-fin": "unacknowledged_fin",
    "half-close": "half_close",
    "time-wait-pile": "time_wait_pile",
    "time-wait-reuse": "time_wait_reuse_accepted",
    "time-wait-assassination": "time_wait_assassination",
    "connection-refused": "connection_refused",
    "connection-timeout": "connection_timeout",
    "connection-unreachable": "connection_unreachable",
    "half-open-handshake": "syn_ack_timeout",
    "stale-syn": "stale_duplicate_syn",
    "reset-abort": "reset_abort",
    "reset-after-close": "reset_after_close",
    "reset-no-connection": "server_restarted",
    "stray-reset": "reset_stray",
    "dead-peer": "dead_connection",
    "slow-connect": "syn_retransmitted",
    "idle-timeout": "sick_service",
    "zero-window-stall": "zero_window",
    "accept-queue-full": "accept_queue_full",
    "foreign-reply": "foreign_reply",
    "stale-timestamp": "stale_timestamp",
    "keep-alive-race": "keep_alive_race",
    "path-state-lost": "path_state_lost",
    "unresponsive-server": "unresponsive_server",
    "stopped-stream": "stopped_stream",
    "mtu-black-hole": "mtu_black_hole",
    "injected-reset": "injected_reset",
    "tls-alert": "tls_alert",
    "protocol-mismatch": "protocol_mismatch",
    "probe": "probe",
}


@cache
def report_of(name: str) -> Report:
    return analyze(SAMPLES / f"{name}.pcap")


def failed(name: str, rule: str) -> bool:
    (verdict,) = judge(report_of(name), parse_rules([rule]))
    return verdict.failed


def test_every_kind_has_a_sample() -> None:
    assert set(TRIPS) == set(KINDS)


@pytest.mark.parametrize("kind", TRIPS)
def test_each_kind_trips_and_passes(kind: str) -> None:
    assert failed(TRIPS[kind], kind)
    assert failed(TRIPS[kind], f"{kind} >= 1")
    assert not failed(TRIPS[kind], f"{kind} > 100000")
    assert not failed("four_way_close_client", kind)
    assert not failed("four_way_close_client", f"{kind} > 0")


@pytest.mark.parametrize(
    ("sample", "worst"),
    [("stuck_close_wait", "critical"), ("connection_refused", "warning"), ("half_close", "info")],
)
def test_a_severity_trips_on_that_and_on_worse(sample: str, worst: str) -> None:
    grave = ["critical", "warning", "info"]
    assert [failed(sample, each) for each in grave] == [
        grave.index(each) >= grave.index(worst) for each in grave
    ]


@pytest.mark.parametrize(
    ("rule", "fails"),
    [
        ("resets.total > 12", True),
        ("resets.total > 13", False),
        ("resets.total >= 13", True),
        ("summary.resets.total>=13", True),
        ("resets.total < 13", False),
        ("resets.total <= 13", True),
        ("resets.total == 13", True),
        ("resets.total != 13", False),
        ("resets.by_cause.refused > 5", True),
        ("resets.total / connections > 19.69%", True),
        ("resets.total / connections > 19.7%", False),
        ("resets.total / connections > 0.19", True),
        ("handshakes.complete < 1_000", True),
        ("close_wait.longest_s > 110s", True),
        ("close_wait.longest_s > 2m", False),
        ("close_wait.longest_s > 110999 ms", True),
        ("stuck-close-wait / connections > 20%", True),
        ("capture.skipped.not_tcp > 0", False),
        ("capture.packets < 628", False),
        # The capture does not say, so it is neither.
        ("capture.dropped_by_kernel >= 0", False),
        ("capture.dropped_by_kernel == 0", False),
    ],
)
def test_comparisons(rule: str, fails: bool) -> None:
    summary = report_of("sick_service").summary
    assert (summary.resets.total, summary.connections) == (13, 66)
    assert failed("sick_service", rule) is fails


def test_a_share_of_nothing_passes_and_something_of_nothing_does_not() -> None:
    assert not failed("four_way_close_client", "resets.total / handshakes.refused > 0")
    assert failed("four_way_close_client", "connections / handshakes.refused > 100%")


def test_a_line_has_rule_actual_and_wanted() -> None:
    rules = [
        "critical",
        "resets.total / connections > 1%",
        "time_wait.peak >= 20",
        "close_wait.longest_s > 30s",
    ]
    verdicts = judge(report_of("sick_service"), parse_rules(rules))
    assert [verdict.line for verdict in verdicts] == [
        "critical: 14 connections of server 10.0.0.20:8080 (stuck-close-wait), wanted none",
        "resets.total / connections > 1%: 19.7% (13 of 66), wanted at most 1%",
        "time_wait.peak >= 20: 20, wanted less than 20",
        "close_wait.longest_s > 30s: 110.999022 s, wanted at most 30 s",
    ]
    assert [len(verdict.findings) for verdict in verdicts] == [1, 0, 0, 0]


def test_a_rule_said_twice_is_judged_once() -> None:
    assert len(judge(report_of("sick_service"), parse_rules(["critical", " critical ", "info"]))) == 2


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ("stuck-closewait", "did you mean 'stuck-close-wait'?"),
        ("critcal", "did you mean 'critical'?"),
        ("resets.by_cause.abrt > 5", "did you mean 'resets.by_cause.abort'?"),
        ("summary.time_wait.peek > 5", "did you mean 'time_wait.peak'?"),
        ("peak > 5", "did you mean 'time_wait.peak'?"),
        ("resets.total / conections > 1%", "did you mean 'connections'?"),
        ("stuck_close_wait > 5", "did you mean 'stuck-close-wait'?"),
        ("time_wait.peak", "a number has to be compared, as in 'time_wait.peak > 0'"),
        ("time_wait.peak = 5", "compare with =="),
        ("time_wait.peak > five", "'five' is not a number"),
        ("time_wait.peak > -5", "'-5' is not a number"),
        ("time_wait.peak > 5%", "a percentage needs a rate"),
        ("time_wait.peak > 5s", "is no duration"),
        ("critical > 3", "a severity is a rule by itself"),
        ("capture.complete == 1", "no such number in the report"),
        ("handshakes > 1", "no such number in the report"),
        ("", "an empty rule"),
        ("> 5", "no such"),
    ],
)
def test_a_wrong_rule_is_one_line_that_helps(rule: str, said: str) -> None:
    with pytest.raises(ValueError) as caught:
        parse_rules([rule])
    assert said in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1
