"""A plugin for pytest: ``pytest --tcptrace lo`` names the test that opened each leaked or aborted connection.

A second process captures while the tests run and ends with the same report as ``tcptrace-py live``. A
connection is of the test during which its first packet passed. By the rules of ``--tcptrace-fail-on``, of the
file of ``--tcptrace-policy``, or of the project's own policy, tests fail whose connections are part of a
finding, also in JUnit's XML; without rules they are only named.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tcptrace_py.findings.finding import Finding
    from tcptrace_py.gates.gate import Verdict
    from tcptrace_py.gates.policy import Policy
    from tcptrace_py.gates.rule import Rule
    from tcptrace_py.report.model.model import Connection, Report

# For what no test opened.
_NO_TEST = "(outside of any test)"
# After the last test, on top of the time after which CLOSE_WAIT is stuck.
_SETTLE_S = 0.5
_END_S = 60.0
# Named of one finding.
_CONNECTIONS = 5
# Of what the capture complained of.
_LINES = 3
#: Findings that are told of also where no rule fails on them.
_NAMED = ("stuck-close-wait", "reset-abort")


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("tcptrace", "TCP connections of the tests (tcptrace-py)")
    group.addoption("--tcptrace", metavar="IFACE", help="capture on this interface while the tests run (lo)")
    group.addoption("--tcptrace-filter", metavar="BPF", help="only packets that match, as in tcpdump")
    group.addoption(
        "--tcptrace-fail-on",
        metavar="RULE",
        action="append",
        default=[],
        help="fail tests with such findings: a kind (stuck-close-wait), a severity, a comparison; repeatable",
    )
    group.addoption(
        "--tcptrace-policy", metavar="FILE", help="rules, thresholds and allowances in a TOML file"
    )
    group.addoption(
        "--tcptrace-close-wait-after",
        metavar="DURATION",
        default="1s",
        help="CLOSE_WAIT is stuck when it lasts longer (default: 1s)",
    )
    group.addoption("--tcptrace-json", metavar="FILE", help="keep the report")


def pytest_configure(config: pytest.Config) -> None:
    interface = config.getoption("--tcptrace")
    # Of pytest-xdist's processes the first one captures for all.
    if interface is None or hasattr(config, "workerinput"):
        return
    config.pluginmanager.register(_Tracing(config, interface), "tcptrace-capture")


class _Tracing:
    """The capture of one session, and what its report says of which test."""

    def __init__(self, config: pytest.Config, interface: str) -> None:
        self._interface = interface
        self._config = config
        self._close_wait_after = config.getoption("--tcptrace-close-wait-after")
        self._rules, self._policy = self._gates()
        self._folder = tempfile.TemporaryDirectory(prefix="tcptrace-")
        kept = config.getoption("--tcptrace-json")
        self._json = Path(kept).absolute() if kept else Path(self._folder.name, "report.json")
        self._capture: subprocess.Popen[bytes] | None = None
        #: When each phase of a test began and ended, seconds since the epoch.
        self._phases: list[tuple[float, float, str]] = []
        self._lines: list[str] = []
        self._problem = ""

    def _gates(self) -> tuple[list[Rule], Policy | None]:
        from tcptrace_py.cli.config import project_policy
        from tcptrace_py.cli.durations import parse_duration
        from tcptrace_py.gates.policy import read_policy
        from tcptrace_py.gates.rule import parse_rules

        given = self._config.getoption("--tcptrace-policy")
        try:
            self._settle_s = parse_duration(self._close_wait_after) + _SETTLE_S
            rules = parse_rules(self._config.getoption("--tcptrace-fail-on"))
            if given is not None:
                return rules, read_policy(given)
            found = project_policy(Path.cwd())
        except ValueError as error:
            raise pytest.UsageError(f"tcptrace: {error}") from error
        return rules, None if found is None else found[1]

    # --- capturing ---------------------------------------------------------------------

    @pytest.hookimpl(wrapper=True)
    def pytest_runtestloop(self, session: pytest.Session) -> Generator[None, object, object]:
        self._begin()
        try:
            result = yield
            time.sleep(self._settle_s)
        finally:
            self._end()
        report = self._read()
        if report is not None:
            self._judge(report, session)
        else:
            self._fail(_NO_TEST, [self._problem], session)
        self._folder.cleanup()
        return result

    def _begin(self) -> None:
        command = [sys.executable, "-m", "tcptrace_py", "live", "-i", self._interface, "--events"]
        command += ["--connections", "--no-config", "--json", str(self._json)]
        command += ["--close-wait-after", self._close_wait_after]
        if self._policy is not None and "close_wait_after_s" in self._policy.thresholds:
            command[-1] = f"{self._policy.thresholds['close_wait_after_s']:g}s"
            self._settle_s = self._policy.thresholds["close_wait_after_s"] + _SETTLE_S
        if (bpf := self._config.getoption("--tcptrace-filter")) is not None:
            command += ["--filter", bpf]
        # Whoever runs pytest as root by sudo reads the report as root.
        environment = {name: value for name, value in os.environ.items() if not name.startswith("SUDO_")}
        self._errors = open(Path(self._folder.name, "stderr"), "w+b")
        self._capture = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            env=environment,
            # Ctrl-C is for the tests; the report comes after them.
            start_new_session=True,
        )
        assert self._capture.stdout is not None
        # The first event tells that packets are taken; nobody reads the others.
        begun = self._capture.stdout.readline()
        self._capture.stdout.close()
        if not begun:
            self._capture.wait()
            raise pytest.UsageError(f"--tcptrace {self._interface}: {self._said()}")

    def _end(self) -> None:
        if self._capture is None:
            return
        self._capture.terminate()
        try:
            self._capture.wait(_END_S)
        except subprocess.TimeoutExpired:
            self._capture.kill()
            self._capture.wait()

    def _said(self) -> str:
        self._errors.seek(0)
        lines = self._errors.read().decode(errors="replace").splitlines()
        lines = [line.removeprefix("tcptrace-py: ") for line in lines[-_LINES:]]
        return "; ".join(lines) or "the capture ended by itself"

    def _read(self) -> Report | None:
        from tcptrace_py.gates.saved import ReportError, read_report

        try:
            return read_report(self._json)
        except ReportError as error:
            self._problem = f"no report: {error} ({self._said()})"
            return None

    # --- judging -----------------------------------------------------------------------

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._phases.append((report.start, report.stop, report.nodeid))

    def _tests_at(self, ts_ns: int) -> list[str]:
        """The tests that ran then: one, or with several processes more."""
        at_s = ts_ns / 1e9
        found = [nodeid for start, stop, nodeid in self._phases if start <= at_s <= stop]
        return list(dict.fromkeys(found)) or [_NO_TEST]

    def _judge(self, report: Report, session: pytest.Session) -> None:
        from tcptrace_py.gates.gate import judge
        from tcptrace_py.report.people.verdict import scope, verdict

        verdicts = judge(report, self._rules, self._policy)
        self._lines = [f"{verdict(report)} · {scope(report)}", *report.capture.warnings]
        listed = {connection.id: connection for connection in report.connections}
        failing = [each for each in verdicts if each.failed]
        for finding in report.findings:
            if finding.kind in _NAMED or any(finding in each.findings for each in failing):
                self._lines += self._described(finding, listed)
        blamed: dict[str, list[str]] = {}
        for each in failing:
            for nodeid, lines in self._blamed(each, listed).items():
                blamed.setdefault(nodeid, []).extend(lines)
        for nodeid, lines in blamed.items():
            self._fail(nodeid, list(dict.fromkeys(lines)), session)

    def _blamed(self, failed: Verdict, listed: dict[int, Connection]) -> dict[str, list[str]]:
        blamed: dict[str, list[str]] = {}
        for finding in failed.findings:
            for connection in _of(finding, listed):
                for nodeid in self._tests_at(connection.first_ns):
                    line = f"tcptrace-py: {finding.kind}: {_name(connection)} ({failed.rule.text})"
                    blamed.setdefault(nodeid, []).append(line)
        return blamed or {_NO_TEST: [failed.line]}

    def _described(self, finding: Finding, listed: dict[int, Connection]) -> list[str]:
        from tcptrace_py.report.people.proof import headline
        from tcptrace_py.report.people.remedy import action, first_sentence

        lines = ["", f"{finding.severity.upper()} {headline(finding)} ({finding.kind})"]
        fact = first_sentence(finding.explanation).rstrip(".")
        lines.append(f"  {finding.confidence.capitalize()}: {fact}")
        by_test: dict[str, list[Connection]] = {}
        for connection in _of(finding, listed):
            by_test.setdefault(" or ".join(self._tests_at(connection.first_ns)), []).append(connection)
        for nodeid, connections in by_test.items():
            names = ", ".join(_name(connection) for connection in connections[:_CONNECTIONS])
            more = len(connections) - _CONNECTIONS
            lines.append(f"  {nodeid}: {names}" + (f" and {more} more" if more > 0 else ""))
        if fix := action(finding.remedy):
            lines.append(f"  Fix: {fix}")
        return lines

    def _fail(self, nodeid: str, lines: list[str], session: pytest.Session) -> None:
        """As an error at the test's end, which the terminal, JUnit's XML and the exit status have too."""
        name = nodeid if nodeid != _NO_TEST else "tcptrace"
        now_s = time.time()
        path = name.partition("::")[0]
        failed = pytest.TestReport(
            nodeid=name,
            location=(path, None, name.rpartition("::")[2]),
            keywords={},
            outcome="failed",
            longrepr="\n".join(lines),
            when="teardown",
            start=now_s,
            stop=now_s,
        )
        session.config.hook.pytest_runtest_logreport(report=failed)

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        if self._lines or self._problem:
            terminalreporter.section(f"tcptrace-py on {self._interface}", sep="=")
        for line in [self._problem] if self._problem else self._lines:
            terminalreporter.line(line)


def _of(finding: Finding, listed: dict[int, Connection]) -> Iterable[Connection]:
    return (listed[number] for number in finding.connections if number in listed)


def _name(connection: Connection) -> str:
    from tcptrace_py.report.people.terminal_text import endpoint_name

    client, server = connection.client, connection.server
    return f"{endpoint_name(client.address, client.port)} to {endpoint_name(server.address, server.port)}"
