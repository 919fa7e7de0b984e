"""Policy files: rules, thresholds and allowances, and what is wrong with the wrong ones."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from tcptrace_py import Settings
from tcptrace_py.gates.gate import judge
from tcptrace_py.gates.policy import PolicyError, parse_policy, parse_service, read_policy
from tests.conftest import RunCli
from tests.gates.test_rules import SAMPLES, report_of

TODAY = date(2026, 6, 1)


def judged(allow: str, rule: str = "stuck-close-wait", today: date = TODAY) -> str:
    """``passed`` or ``failed``, and what was found, with one allowance over the sick service."""
    policy = parse_policy(f"fail_on = [{rule!r}]\n[[allow]]\n{allow}")
    (verdict,) = judge(report_of("sick_service"), [], policy, today)
    return f"{'failed' if verdict.failed else 'passed'}: {verdict.actual}"


@pytest.mark.parametrize(
    "allow",
    [
        "kind = 'stuck-close-wait'",
        "service = '10.0.0.20:8080'",
        "service = '10.0.0.20'",
        "service = ':8080'",
        "kind = 'stuck-close-wait'\nservice = '10.0.0.20:8080'\ncount = 14",
        "kind = 'stuck-close-wait'\nexpires = 2026-06-01",
    ],
)
def test_an_allowance_excuses(allow: str) -> None:
    assert judged(f"{allow}\nreason = 'known leak'") == "passed: 1 finding allowed (known leak)"


@pytest.mark.parametrize(
    ("allow", "why"),
    [
        ("kind = 'reset-abort'", ""),
        ("service = '10.0.0.20:8081'", ""),
        ("service = '10.0.0.2'", ""),
        ("kind = 'stuck-close-wait'\ncount = 13", " (14 is over the 13 allowed: known leak)"),
        (
            "kind = 'stuck-close-wait'\nexpires = 2026-05-31",
            " (the allowance expired on 2026-05-31: known leak)",
        ),
    ],
)
def test_an_allowance_does_not_excuse_what_it_is_not_about(allow: str, why: str) -> None:
    expected = f"failed: 14 connections of server 10.0.0.20:8080{why}"
    assert judged(f"{allow}\nreason = 'known leak'") == expected


def test_a_service_covers_its_clients_findings_too() -> None:
    """The FIN_WAIT_2 of three clients is the mirror of the same leak."""
    said = judged("service = '10.0.0.20:8080'\nreason = 'known leak'", "stuck-fin-wait-2")
    assert said == "passed: 3 findings allowed (known leak)"


def test_a_count_is_for_all_findings_together() -> None:
    allow = "kind = 'stuck-fin-wait-2'\nreason = 'r'\ncount = "
    assert judged(f"{allow}14", "stuck-fin-wait-2").startswith("passed")
    assert "14 is over the 13 allowed" in judged(f"{allow}13", "stuck-fin-wait-2")


def test_a_kind_that_is_compared_counts_only_what_is_not_allowed() -> None:
    assert judged("service = ':8080'\nreason = 'r'", "stuck-close-wait > 0") == "passed: 0"
    assert judged("service = ':8081'\nreason = 'r'", "stuck-close-wait > 0") == "failed: 14"


def test_counters_of_the_report_are_never_excused() -> None:
    assert judged("kind = 'stuck-close-wait'\nreason = 'r'", "close_wait.stuck > 0") == "failed: 14"


def test_thresholds_change_the_settings_but_what_is_kept() -> None:
    policy = parse_policy("[thresholds]\nclose_wait_after_s = 30\nmsl_s = 60.5\nephemeral_ports = 100")
    expected = replace(Settings(), close_wait_after_s=30.0, ephemeral_ports=100)
    assert policy.settings(Settings(), keep=["msl_s"]) == expected
    assert policy.differs(replace(expected, msl_s=60.5)) is None
    assert policy.differs(expected) == "the policy wants msl_s = 60.5, but the report was made with 30"


@pytest.mark.parametrize(
    ("text", "service"),
    [
        ("10.0.0.20:8080", ("10.0.0.20", 8080)),
        ("10.0.0.20", ("10.0.0.20", None)),
        (":443", (None, 443)),
        ("[2001:DB8:0:0::1]:443", ("2001:db8::1", 443)),
        ("[2001:db8::1]", ("2001:db8::1", None)),
        ("2001:db8::1", ("2001:db8::1", None)),
    ],
)
def test_services(text: str, service: tuple[str | None, int | None]) -> None:
    assert parse_service(text) == service


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("fail_on = ", "not TOML"),
        ("fail-on = []", "no such key: 'fail-on'; did you mean 'fail_on'?"),
        ("fail_on = 'critical'", "write a list of rules"),
        ("fail_on = ['critcal']", "did you mean 'critical'?"),
        ("thresholds = 3", "[thresholds]"),
        ("[thresholds]\nclose_wait = 3", "did you mean 'close_wait_after_s'?"),
        ("[thresholds]\nmsl_s = 0", "it must be more than 0"),
        ("[thresholds]\nmsl_s = nan", "it must be more than 0"),
        ("[thresholds]\nmsl_s = '30s'", "write a number of seconds"),
        ("[thresholds]\nephemeral_ports = 70000", "at most 65535"),
        ("[thresholds]\nephemeral_ports = 3.5", "write a whole number"),
        ("[thresholds]\ndead_peer_probes = true", "write a whole number"),
        ("allow = 3", "begin each allowance with [[allow]]"),
        ("[[allow]]\nkind = 'dead-peer'", "allowance 1: it needs a reason"),
        ("[[allow]]\nreason = 'r'", "it needs a kind or a service"),
        ("[[allow]]\nreason = 'r'\nkind = 'dead-pear'", "did you mean 'dead-peer'?"),
        ("[[allow]]\nreason = 'r'\nservce = ':80'", "did you mean 'service'?"),
        ("[[allow]]\nreason = 'r'\nservice = 'web:80'", "'web:80' is no service"),
        ("[[allow]]\nreason = 'r'\nservice = ':99999'", "is no service"),
        ("[[allow]]\nreason = 'r'\nservice = ':80'\ncount = -1", "write a whole number, 0 or more"),
        ("[[allow]]\nreason = 'r'\nservice = ':80'\nexpires = '2026-01-01'", "write a date without quotes"),
    ],
)
def test_a_wrong_policy_is_one_line_that_names_file_and_fault(text: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "p.toml"
    path.write_text(text)
    with pytest.raises(PolicyError) as caught:
        read_policy(path)
    assert str(caught.value).startswith(f"{path}: ") and said in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize("content", [None, b"\xff\xfe"], ids=["missing", "binary"])
def test_a_policy_that_can_not_be_read(content: bytes | None, tmp_path: Path) -> None:
    path = tmp_path / "p.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(PolicyError, match=r"p\.toml: (no such file|not UTF-8)"):
        read_policy(path)


_ALLOWS = """
fail_on = ["critical"]
[[allow]]
service = "10.0.0.20:8080"
kind = "stuck-close-wait"
count = 14
reason = "the <pool> leaks"
expires = 2099-12-31
[[allow]]
service = "10.9.9.9"
reason = "gone long ago"
"""


def test_what_is_allowed_is_shown_in_every_format_and_what_allows_nothing_is_told(
    run_cli: RunCli, tmp_path: Path
) -> None:
    (tmp_path / "policy.toml").write_text(_ALLOWS)
    outputs = ("--json", "r.json", "--junit", "j.xml", "--markdown", "m.md", "--github", "--terminal")
    done = run_cli(
        "analyze", SAMPLES / "sick_service.pcap", "--policy", "policy.toml", *outputs, COLUMNS="200"
    )
    assert done.returncode == 0
    said = done.stderr.decode()
    assert "an allowance that nothing needs: any kind of 10.9.9.9 (gone long ago)\n" in said
    assert said.count("allowance") == 1
    shown = "allowed until 2099-12-31: the <pool> leaks"
    assert f"3 warnings, 1 informational, 1 allowed in {SAMPLES / 'sick_service.pcap'}" in said
    assert f"critical, {shown}\n" in said and "CRITICAL" not in said
    # The next step is about what counts.
    assert "tcptrace-py explain connection-refused" in said
    (finding, *others) = json.loads((tmp_path / "r.json").read_text())["findings"]
    assert finding["allowed"] == {"reason": "the <pool> leaks", "expires": "2099-12-31"}
    assert all(each["allowed"] is None for each in others)
    assert "allowed until 2099-12-31: the &lt;pool&gt; leaks</system-out>" in (tmp_path / "j.xml").read_text()
    assert "**Allowed until 2099-12-31: the \\<pool\\> leaks**" in (tmp_path / "m.md").read_text()
    notice = next(line for line in done.stdout.decode().splitlines() if "CLOSE_WAIT" in line)
    assert notice.startswith("::notice ") and "::Allowed until 2099-12-31: the <pool> leaks%0A" in notice
    # A saved report keeps it, and another policy has its own say.
    assert "1 allowed" in run_cli("report", "r.json", "-q").stdout.decode()
    (tmp_path / "none.toml").write_text('[[allow]]\nkind = "dead-peer"\nreason = "none"\n')
    assert "1 critical" in run_cli("report", "r.json", "-q", "--policy", "none.toml").stdout.decode()
