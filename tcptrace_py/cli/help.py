"""Help that a person reads: options in groups, examples, and a hint where a command line means another."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable
from importlib import import_module
from typing import Any, TypeVar

import click

from tcptrace_py.cli.outcome import PROGRAM

_Function = TypeVar("_Function", bound=Callable[..., object])

#: A group's title, and the names of the parameters in it. Formats and thresholds are added where they
#: are declared; what is in no group is under "Options".
_GROUPS: dict[str, tuple[str, ...]] = {
    "Input": (
        "bpf",
        "jobs",
        "cluster",
        "spill",
        "checkpoint",
        "interface",
        "remote",
        "remote_tcpdump",
        "snap_bytes",
        "buffer_bytes",
        "promiscuous",
        "max_connections",
        "duration_s",
        "packets",
        "settle_s",
        "kernel",
        "any_size",
    ),
    "What is shown": (
        "verbose",
        "quiet",
        "top",
        "connections",
        "stats",
        "long",
        "full",
        "zone",
        "pager",
        "events",
        "terminal",
        "kind",
    ),
    "Formats": (
        "github",
        "svg",
        "write_target",
        "rotation",
        "keep_files",
        "metrics_address",
        "otlp",
        "annotate_only_findings",
        "anonymize",
        "anonymize_key",
    ),
    "Recording and alarms": (
        "record_folder",
        "before_s",
        "after_s",
        "most_bytes",
        "notify",
        "kinds",
        "interval_s",
    ),
    "Gates": ("fail_on", "policy", "config", "fail_on_regression", "tolerances", "allow_undecoded"),
    "Clocks and thresholds": (),
}
_OTHER = "Options"


def _group_of(name: str) -> str:
    from tcptrace_py.cli.thresholds import THRESHOLDS

    if name in THRESHOLDS:
        return "Clocks and thresholds"
    if name.endswith("_target") and name != "write_target":
        return "Formats"
    return next((title for title, names in _GROUPS.items() if name in names), _OTHER)


class Command(click.Command):
    """A command whose options stand in groups; one that captures takes no interface as its argument."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        captures = any(parameter.name == "interface" for parameter in self.params)
        takes_arguments = any(isinstance(parameter, click.Argument) for parameter in self.params)
        first = args[0] if args else "-"
        if captures and not takes_arguments and not first.startswith("-"):
            raise click.UsageError(
                f"the interface is an option: {ctx.command_path} -i {shlex.join(args)}", ctx
            )
        return super().parse_args(ctx, args)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        groups: dict[str, list[tuple[str, str]]] = {title: [] for title in (*_GROUPS, _OTHER)}
        for parameter in self.get_params(ctx):
            # Arguments stand in the line of usage, and in the text.
            record = parameter.get_help_record(ctx) if isinstance(parameter, click.Option) else None
            if record is not None:
                groups[_group_of(parameter.name or "")].append(record)
        alone = sum(bool(records) for records in groups.values()) <= 2
        if alone:
            groups = {_OTHER: [record for records in groups.values() for record in records]}
        for title, records in groups.items():
            if records:
                with formatter.section(title):
                    formatter.write_dl(records)


def with_examples(*examples: str, **settings: Any) -> Callable[[_Function], Command]:
    """Like `click.command`, for a `Command` whose help ends with these examples."""
    lines = "\n".join(f"  {example}" for example in examples)
    epilog = f"\b\nExamples:\n{lines}" if examples else None
    return click.command(cls=Command, epilog=epilog, **settings)


class Group(click.Group):
    """A group whose commands are imported when one is looked up: ``commands`` says from which modules.

    A capture in place of a command is analyzed, a saved report is shown.
    """

    def __init__(self, *arguments: Any, modules: dict[str, str], **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self._modules = modules

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self._modules)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        module = self._modules.get(cmd_name)
        if module is None:
            return None
        found: click.Command = getattr(import_module(module), cmd_name.replace("-", "_"))
        return found

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Each with its whole first sentence."""
        rows = []
        for name in self.list_commands(ctx):
            found = self.get_command(ctx, name)
            if found is not None and not found.hidden:
                rows.append((name, found.get_short_help_str(limit=1000)))
        with formatter.section("Commands"):
            formatter.write_dl(rows)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        own = {name for parameter in self.get_params(ctx) for name in parameter.opts}
        if args and args[0] not in self._modules and args[0].split("=")[0] not in own:
            args = self._meant(args)
        return super().parse_args(ctx, args)

    def _meant(self, args: list[str]) -> list[str]:
        """The arguments with the command that they leave out. Raises `click.UsageError` with a suggestion."""
        first = args[0]
        if not first.startswith("-") or first == "-":
            if first == "-" or os.path.exists(first):
                if len(args) > 1 and args[1] in self._modules:
                    raise click.UsageError(_reordered(args[1], [first, *args[2:]]))
                return ["report" if _is_report(first) else "analyze", *args]
            return self._unknown(first, args)
        command = next((each for each in args if each in self._modules), None)
        if command is not None:
            rest = shlex.join(each for each in args if each != command)
            raise click.UsageError(f"options come after the command: {PROGRAM} {command} {rest}")
        path = next((each for each in args if not each.startswith("-") and os.path.isfile(each)), None)
        return args if path is None else ["report" if _is_report(path) else "analyze", *args]

    def _unknown(self, first: str, args: list[str]) -> list[str]:
        command = next((each for each in args[1:] if each in self._modules), None)
        if command is not None:
            args.remove(command)
            raise click.UsageError(_reordered(command, args))
        if "." in first or os.sep in first:
            # A file that is not there: the command says so.
            return ["analyze", *args]
        from difflib import get_close_matches

        near = get_close_matches(first, self._modules, n=2, cutoff=0.6)
        hint = f" Did you mean {' or '.join(near)}?" if near else ""
        raise click.UsageError(f"No such command or file: {first!r}.{hint}")


def _reordered(command: str, others: list[str]) -> str:
    return f"the command comes first: {PROGRAM} {command} {shlex.join(others)}"


def _is_report(path: str) -> bool:
    from tcptrace_py.gates.saved import looks_like_report

    return path != "-" and looks_like_report(path)
