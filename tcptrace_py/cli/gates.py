"""The options that set gates, the same for each command that has a report to judge."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import click
from click.core import ParameterSource

from tcptrace_py.cli.outcome import DEFECT, FINE, GATE_FAILED, INPUT, complain

if TYPE_CHECKING:
    from tcptrace_py.gates.gate import Verdict
    from tcptrace_py.gates.policy import Policy
    from tcptrace_py.gates.rule import Rule
    from tcptrace_py.report.model.model import Capture, Report
    from tcptrace_py.settings import Settings

_Command = TypeVar("_Command", bound=Callable[..., object])

# Where a command's context keeps the path of --policy.
_POLICY_FILE = f"{__name__}.policy_file"


class Gates(NamedTuple):
    """What the user asked for: the rules of ``--fail-on``, and the policy of ``--policy``."""

    rules: list[Rule]
    policy: Policy | None

    def __bool__(self) -> bool:
        """Whether there is any rule."""
        return bool(self.rules) or (self.policy is not None and bool(self.policy.rules))

    def settings(self, settings: Settings, ctx: click.Context) -> Settings:
        """``settings`` with the policy's thresholds; an option that was given goes before them."""
        if self.policy is None:
            return settings
        given = [
            name
            for name in self.policy.thresholds
            if ctx.get_parameter_source(name) not in (None, ParameterSource.DEFAULT)
        ]
        return self.policy.settings(settings, keep=given)

    def read_again(self, ctx: click.Context, settings: Settings) -> tuple[Gates, list[str]]:
        """The gates as their file has them now, or these if it cannot be read; and lines on what came of it.

        ``ctx``: that of the command; ``settings``: what its capture began with, and goes on with.
        """
        if self.policy is None:
            return self, ["there is no policy to read again"]
        from tcptrace_py.cli.config import project_policy
        from tcptrace_py.findings.wording import times
        from tcptrace_py.gates.policy import PolicyError, read_policy

        path = ctx.meta.get(_POLICY_FILE)
        try:
            named = project_policy(os.getcwd()) if path is None else (path, read_policy(path))
        except (OSError, PolicyError) as error:
            return self, [f"the policy stays as it was: {error}"]
        if named is None:
            return self, ["the policy stays as it was: its file is gone"]
        name, policy = named
        lines = [f"{name} was read again: {times(len(policy.rules), 'rule')}"]
        differs = policy.differs(settings)
        if differs is not None:
            lines.append(f"thresholds stay as they were when the capture began: {differs}")
        return Gates(self.rules, policy), lines

    def judge(self, report: Report) -> list[Verdict]:
        """The verdicts; each rule that failed is told in a line on standard error.

        Findings that the policy allows are marked so in the report.
        """
        if self.policy is not None and self.policy.allowances:
            from tcptrace_py.gates.gate import mark_allowed

            for unused in mark_allowed(report, self.policy):
                complain(f"an allowance that nothing needs: {unused.label()} ({unused.reason})")
        if not self:
            return []
        from tcptrace_py.gates.gate import judge

        verdicts = judge(report, self.rules, self.policy)
        for verdict in verdicts:
            if verdict.failed:
                complain(f"gate failed: {verdict.line}")
        return verdicts


def _complete(_ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[str]:
    from tcptrace_py.findings.finding import KINDS, SEVERITIES

    return [word for word in (*SEVERITIES, *KINDS) if word.startswith(incomplete)]


def gate_options(command: _Command) -> _Command:
    """Decorates a click command with ``--fail-on``, ``--policy`` and ``--no-config``; see `gates_from`."""
    command = click.option(
        "--config/--no-config",
        default=True,
        help="Without --policy, follow tcptrace.toml or [tool.tcptrace-py] in pyproject.toml, here or above"
        " (the default) / follow none.",
    )(command)
    command = click.option(
        "--policy",
        metavar="FILE",
        type=click.Path(readable=False),
        callback=_policy,
        help="Rules, thresholds and allowances in a TOML file.",
    )(command)
    return click.option(
        "--fail-on",
        "fail_on",
        metavar="RULE",
        multiple=True,
        callback=_rules,
        shell_complete=_complete,
        help="Exit with status 1 on a finding kind (stuck-close-wait), on a severity or worse (warning), or"
        " when a comparison over the summary holds ('resets.total / connections > 1%'). Can be repeated.",
    )(command)


def gates_from(options: Mapping[str, Any]) -> Gates:
    """The `Gates` among the parsed ``options`` of a command that `gate_options` decorates."""
    policy = options["policy"]
    if policy is None and options["config"]:
        policy = _project_policy()
    return Gates(options["fail_on"], policy)


def _project_policy() -> Policy | None:
    from tcptrace_py.cli.config import project_policy

    try:
        found = project_policy(os.getcwd())
    except OSError:
        # The directory is gone, or a file in it is not for us.
        return None
    except ValueError as error:
        raise click.UsageError(f"{sentence(error)} --no-config ignores it.") from error
    if found is None:
        return None
    name, policy = found
    complain(f"following {name} (--no-config ignores it)")
    return policy


def status(verdicts: Iterable[Verdict], capture: Capture) -> int:
    """The exit status: a gate that failed stays failed, however much more of the input there was."""
    if capture.defects:
        return DEFECT
    if not capture.decoded:
        return INPUT
    if any(verdict.failed for verdict in verdicts):
        return GATE_FAILED
    return FINE if capture.complete else INPUT


def sentence(error: Exception) -> str:
    """An error's one line with a full stop, unless it asks."""
    text = str(error)
    return text if text.endswith("?") else f"{text}."


def _rules(_ctx: click.Context, _param: click.Parameter, texts: tuple[str, ...]) -> list[Rule]:
    if not texts:
        return []
    from tcptrace_py.gates.rule import parse_rules

    try:
        return parse_rules(texts)
    except ValueError as error:
        raise click.BadParameter(sentence(error)) from error


def _policy(ctx: click.Context, _param: click.Parameter, path: str | None) -> Policy | None:
    if path is None:
        return None
    from tcptrace_py.gates.policy import PolicyError, read_policy

    ctx.meta[_POLICY_FILE] = path
    try:
        return read_policy(path)
    except PolicyError as error:
        raise click.BadParameter(sentence(error)) from error
