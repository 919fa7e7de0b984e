"""The options that say where a report goes and in which format, and the writing itself."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any, TypeVar

import click

from tcptrace_py.capture.error import CaptureError
from tcptrace_py.cli.inputs import STDIN
from tcptrace_py.cli.outcome import OutputError, complain, output_to, silence_stdout
from tcptrace_py.defects import Defects
from tcptrace_py.report.formats.catalogue import FORMATS, formats_of

if TYPE_CHECKING:
    from rich.console import Console

    from tcptrace_py.gates.gate import Verdict
    from tcptrace_py.report.model.model import Connection, Report
    from tcptrace_py.report.model.passage import Passed
    from tcptrace_py.report.people.view import View

_Command = TypeVar("_Command", bound=Callable[..., object])
_Sink = Callable[["Connection"], None]

_ReadAgain = Callable[["Report"], "Mapping[int, Passed] | None"]

STDOUT = "-"


class Outputs:
    """Where one run's report goes. ``targets``: format name and target, in the order of `FORMATS`."""

    def __init__(self, targets: Mapping[str, str], github: bool, terminal: bool, quiet: bool = False) -> None:
        self.targets = targets
        self._quiet = quiet
        self.github = github
        #: Standard output holds something that a program reads.
        self.uses_stdout = github or STDOUT in targets.values()
        #: The report is shown to people too.
        self.shown = terminal or not (targets or github)
        #: Writers that failed: each costs its own format and no other.
        self._defects = Defects()
        self._lost: set[str] = set()
        self._unwritten: list[OutputError] = []

    def wants_records(self) -> bool:
        """Whether a format takes the connections one by one."""
        return any(FORMATS[name].streams for name in self.targets)

    def wants_connections(self) -> bool:
        """Whether the report itself has to list its connections."""
        return any(FORMATS[name].connections for name in self.targets)

    def folder(self) -> str | None:
        """The directory for connections in several files, if one is to be written."""
        found = (path for name, path in self.targets.items() if FORMATS[name].folders and is_folder(path))
        return next(found, None)

    @contextmanager
    def sink(self, needed: bool) -> Iterator[_Sink | None]:
        """For a ``with`` block that reads: what takes connections as they finish, if anything does.

        The files appear when the block ends well. When the reader of standard output goes away,
        ``BrokenPipeError`` ends the block at once, unless the rest of the report is ``needed`` or
        has another place to go.
        """
        alone = not needed and not self.shown and len(self.targets) + self.github == 1
        with ExitStack() as stack:
            sinks = [
                stack.enter_context(_streamed(name, target, alone, self.failed(name, target)))
                for name, target in self.targets.items()
                if FORMATS[name].streams and target != self.folder()
            ]
            if len(sinks) <= 1:
                yield sinks[0] if sinks else None
            else:

                def every(connection: Connection) -> None:
                    for sink in sinks:
                        sink(connection)

                yield every

    def deliver(
        self,
        report: Report,
        verdicts: Sequence[Verdict],
        view: View,
        *,
        read_again: _ReadAgain | None = None,
        long: bool = False,
        pager: bool = False,
    ) -> None:
        """`write`, name what was written, and `show`. Raises `OutputError`."""
        self.write(report, verdicts, read_again)
        self.wrote()
        self.show(report, view, long=long, pager=pager)

    def write(
        self, report: Report, verdicts: Sequence[Verdict], read_again: _ReadAgain | None = None
    ) -> None:
        """Write all that is not streamed and not shown. Raises `OutputError` when all others are written.

        A writer that fails, here or in ``sink``, is told as a defect, and counted in the report's.
        ``read_again``: gives what passed on the report's connections, where the captures are files.
        """
        for name, target in self.targets.items():
            wanted = FORMATS[name]
            if wanted.streams:
                continue
            writer = import_module(wanted.module)
            with self.contained(name, target), output_to(target):
                if wanted.passages:
                    writer.write(report, verdicts, target, read_again(report) if read_again else None)
                elif wanted.verdicts:
                    writer.write(report, verdicts, target)
                else:
                    writer.write(report, target)
        if self.github:
            from tcptrace_py.report.formats import github

            with self.contained("github", STDOUT), output_to(STDOUT):
                github.write(report, verdicts, STDOUT)
            path = os.environ.get(github.SUMMARY_VARIABLE)
            if path:
                with self.contained("github", path), output_to(path):
                    github.append_summary(github.summary(report, verdicts), path)
        self._tell(report)

    def failed(self, name: str, target: str) -> Callable[[Exception], None]:
        """What notes that the writer of a format has failed."""
        where = "on standard output" if target == STDOUT else f"to {target}"

        def failed(error: Exception) -> None:
            self._lost.add(target)
            self._defects.note(f"writing --{name} {where}", (), error)

        return failed

    @contextmanager
    def contained(self, name: str, target: str) -> Iterator[None]:
        """For a ``with`` block in which what fails costs its format alone, until all others are written."""
        try:
            yield
        except OutputError as error:
            self._lost.add(target)
            self._unwritten.append(error)
        except (OSError, click.ClickException, CaptureError):
            # The target's fault, or a capture's that is read again, not the writer's.
            raise
        except Exception as error:
            self.failed(name, target)(error)

    def _tell(self, report: Report) -> None:
        """Tell what has failed since the last time. Raises `OutputError`."""
        report.capture.defects += self._defects.count
        for line in self._defects.lines():
            complain(line)
        self._defects = Defects()
        if self._unwritten:
            first, *others = self._unwritten
            self._unwritten = []
            for error in others:
                complain(error.format_message())
            raise first

    def wrote(self) -> None:
        """Name each file that was written on standard error, unless that is not wanted."""
        if self._quiet:
            return
        say_wrote(*(target for target in self.targets.values() if target not in self._lost))

    def whole(self) -> str | None:
        """The file that has all of the report, if one is written."""
        target = self.targets.get("json", STDOUT)
        return None if target == STDOUT else target

    def show(self, report: Report, view: View, *, long: bool = False, pager: bool = False) -> None:
        """Show the report, on standard error where standard output is taken. Raises `OutputError`.

        ``long``: with the figures of each connection. ``pager``: through one, if longer than a screen.
        """
        if not self.shown:
            return
        from tcptrace_py.cli.screen import report_console, show_on
        from tcptrace_py.report.people.terminal import print_verdict, render

        def draw(view: View, console: Console) -> None:
            render(report, console, view)
            if long and not view.quiet:
                from tcptrace_py.report.people.terminal_long import print_long

                print_long(report, console, view)

        shown = "standard error" if self.uses_stdout else STDOUT
        with self.contained("terminal", shown), output_to(shown):
            console = report_console(sys.stderr if self.uses_stdout else sys.stdout)
            draws = [partial(draw, view)]
            if not (view.verbose or view.connections or long):
                draws.append(partial(draw, view._replace(brief=True)))
            show_on(console, draws, lambda console: print_verdict(report, console, view), pager)
        self._tell(report)


def say_wrote(*targets: str | None) -> None:
    """Name the files that were written on standard error; devices and standard output are no files."""
    for target in targets:
        if target is not None and (_is_file(target) or is_folder(target)):
            complain(f"wrote {target}")


def output_options(name: str) -> Callable[[_Command], _Command]:
    """Decorates the click command of this name with an option for each of its formats, and for people."""

    def decorate(command: _Command) -> _Command:
        command = click.option(
            "--terminal",
            is_flag=True,
            help="Show the report as well when an option above writes it (on standard error where standard"
            " output is taken).",
        )(command)
        command = click.option(
            "--github",
            is_flag=True,
            help="Print GitHub workflow annotations, and append to the step's summary"
            " ($GITHUB_STEP_SUMMARY).",
        )(command)
        for wanted in reversed(formats_of(name)):
            check = check_folder if FORMATS[wanted].folders == name else check_target
            command = target_option(wanted, FORMATS[wanted].help, check)(command)
        return command

    return decorate


def target_option(
    name: str, told: str, check: Callable[..., str | None] | None = None
) -> Callable[[_Command], _Command]:
    """The option ``--NAME FILE`` of what is written, ``NAME_target`` to the command; ``told`` is its help.

    ``check``: a click callback, `check_target` where it is None.
    """
    return click.option(
        f"--{name}",
        f"{name}_target",
        metavar="FILE",
        type=click.Path(allow_dash=True, readable=False),
        callback=check or check_target,
        help=told,
    )


def outputs_from(options: Mapping[str, Any], inputs: Sequence[str], judged: bool) -> Outputs:
    """The `Outputs` among the parsed ``options`` of a command that `output_options` decorates.

    Refuses, before the work, targets that would overwrite each other or one of ``inputs``, a
    missing library, and test cases without rules (``judged``).
    """
    targets = {name: path for name in FORMATS if (path := options.get(f"{name}_target")) is not None}
    github = bool(options["github"])
    for name, path in targets.items():
        refuse_overwriting(inputs, path, f"'--{name}'")
    refuse_sharing(targets, github)
    for name in targets:
        wanted = FORMATS[name]
        if wanted.rules and not judged:
            raise click.UsageError(f"--{name} writes what became of each rule: add --fail-on or --policy.")
        if wanted.needs is not None:
            try:
                import_module(wanted.needs)
            except ImportError as error:
                extra = f"pip install 'tcptrace-py[{name}]'"
                raise click.UsageError(
                    f"--{name} needs {wanted.needs}, which is not installed: {extra}."
                ) from error
    return Outputs(targets, github, bool(options["terminal"]), bool(options.get("quiet")))


def refuse_overwriting(inputs: Sequence[str], target: str | None, hint: str) -> None:
    """A target that is one of the inputs is a usage error at the option that ``hint`` names."""
    if target is None or not _is_file(target):
        return
    for path in inputs:
        if path != STDIN and os.path.exists(path) and os.path.samefile(path, target):
            raise click.BadParameter(f"{target!r} is one of the captures.", param_hint=hint)


def check_target(_ctx: click.Context, _param: click.Parameter, path: str | None) -> str | None:
    """A click callback: refuses, before the work, a file that cannot be written after it."""
    if path is None or path == STDOUT:
        return path
    folder = os.path.dirname(path) or os.curdir
    if os.path.isdir(path):
        raise click.BadParameter(f"{path!r} is a directory.")
    if not os.path.isdir(folder):
        raise click.BadParameter(f"there is no directory {folder!r}.")
    if not os.access(path if os.path.exists(path) else folder, os.W_OK):
        raise click.BadParameter(f"{path!r}: permission denied.")
    return path


def check_folder(ctx: click.Context, param: click.Parameter, path: str | None) -> str | None:
    """`check_target` where ``path`` may be a directory, or a URL of one, by a slash at its end."""
    if path is None or not is_folder(path):
        return check_target(ctx, param, path)
    if "://" in path:
        return path
    folder = path.rstrip("/") or path
    if os.path.isdir(folder) and os.listdir(folder):
        raise click.BadParameter(f"the directory {path!r} is not empty.")
    if os.path.exists(folder) and not os.path.isdir(folder):
        raise click.BadParameter(f"{path!r} is no directory.")
    check_target(ctx, param, f"{folder}.tmp")
    return path


def is_folder(target: str) -> bool:
    """A directory for several files."""
    return target.endswith("/")


def refuse_sharing(targets: Mapping[str, str], github: bool = False) -> None:
    """Two options that write to one place are a usage error."""
    used = {STDOUT: "--github"} if github else {}
    for name, path in targets.items():
        # A device can take more than one; a file or standard output cannot.
        place = path if path == STDOUT else os.path.realpath(path)
        if path != STDOUT and os.path.exists(path) and not _is_file(path):
            continue
        if place in used:
            where = "standard output" if path == STDOUT else repr(path)
            raise click.UsageError(f"{used[place]} and --{name} cannot both write to {where}.")
        used[place] = f"--{name}"


def _is_file(path: str) -> bool:
    if path == STDOUT:
        return False
    try:
        return stat.S_ISREG(os.stat(path).st_mode)
    except (OSError, ValueError):
        return False


@contextmanager
def _streamed(name: str, target: str, alone: bool, failed: Callable[[Exception], None]) -> Iterator[_Sink]:
    """``failed`` is told of an error of the writer itself; its file is not written then, the rest is."""
    from tcptrace_py.report.formats.target import WriteError

    left = False
    broken = False
    taking = True
    file = ExitStack()

    def take(connection: Connection) -> None:
        nonlocal left, broken
        if broken:
            return
        try:
            write(connection)
        except BrokenPipeError:
            if target != STDOUT:
                raise
            # What comes after goes nowhere.
            silence_stdout()
            left = alone
            if left:
                raise
        except OSError:
            raise
        except Exception as error:
            broken = True
            failed(error)
            # Takes away what was written.
            with suppress(Exception):
                file.__exit__(type(error), error, error.__traceback__)

    try:
        with file:
            write = file.enter_context(import_module(FORMATS[name].module).writer(target))
            yield take
            taking = False
    except BrokenPipeError:
        silence_stdout()
        if left:
            raise
    except WriteError as error:
        raise OutputError(target, error) from error
    except OSError:
        raise
    except Exception as error:
        if taking:
            raise
        failed(error)
