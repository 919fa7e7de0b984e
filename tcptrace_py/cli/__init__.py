"""The command line. It only wires: arguments in, the library called, a writer called, a status out.

Commands load when they are used, so that ``--version`` and a shell's completion stay quick.
"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

import click

from tcptrace_py.cli.help import Group
from tcptrace_py.cli.outcome import (
    DEFECT,
    FINE,
    INPUT,
    INTERRUPTED,
    PROGRAM,
    USAGE,
    complain,
    reason,
    silence_stdout,
)
from tcptrace_py.engine import engine

#: Command name: the module that defines it under the same name, dashes made underscores.
COMMANDS = {
    "analyze": "tcptrace_py.cli.analyze",
    "report": "tcptrace_py.cli.report",
    "show": "tcptrace_py.cli.show",
    "graph": "tcptrace_py.cli.graph",
    "explain": "tcptrace_py.cli.explain",
    "live": "tcptrace_py.cli.live",
    "exec": "tcptrace_py.cli.exec",
    "interfaces": "tcptrace_py.cli.interfaces",
    "check": "tcptrace_py.cli.check",
    "diff": "tcptrace_py.cli.diff",
    "schema": "tcptrace_py.cli.schema",
}
# Python's own is 700; loading the modules makes some 30,000 that stay.
_OBJECTS_BETWEEN_COLLECTIONS = 50_000
_COMPLETION_VARIABLE = "_TCPTRACE_PY_COMPLETE"


def _print_version(ctx: click.Context, _param: click.Parameter, asked: bool) -> None:
    if not asked or ctx.resilient_parsing:
        return
    from platform import python_implementation, python_version

    from tcptrace_py.version import __version__

    implementation = python_implementation().replace("CPython", "Python")
    click.echo(f"{PROGRAM} {__version__} ({engine()} engine, {implementation} {python_version()})")
    ctx.exit()


@click.group(
    cls=Group,
    modules=COMMANDS,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="\b\nExamples:\n  tcptrace-py trouble.pcap\n  sudo tcptrace-py live -i eth0\n\n"
    "Exit status: 0 fine, 1 a gate failed, 2 wrong usage or a target that cannot be written, 3 input that"
    " could not be read or only in part (what was read is still reported), 70 a defect of tcptrace-py.",
)
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_print_version,
    help="Show the version and which engine runs, and exit.",
)
def program() -> None:
    """Replay both endpoints' TCP states from captured packets: who leaks sockets, who resets whom, why.

    A capture in place of a COMMAND is analyzed.
    """


def run() -> NoReturn:
    """The program: `main` as a process of its own, which ends without taking its memory apart first.

    Python looks for garbage ten times while it loads the modules, all of which stay, and at the
    end frees every connection of the report one by one, which takes longer than writing them.
    """
    gc.set_threshold(_OBJECTS_BETWEEN_COLLECTIONS)
    _use_huge_pages()
    status = main()
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None:
                stream.flush()
        except (OSError, ValueError):
            # `main` has said so, or nobody reads it any more.
            status = status or USAGE
    os._exit(status)


def _use_huge_pages() -> None:
    """Python's allocator is the whole process's, so only who owns it may do that."""
    if engine() == "compiled":
        from tcptrace_py.run.arenas import use_huge_pages

        use_huge_pages()


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line on ``arguments`` (default: those of the process) and returns the exit status.

    See `tcptrace_py.cli.outcome` for the statuses. A reader of standard output
    that goes away (``| head``) ends the output quietly and does not count as a failure.
    """
    try:
        return _invoke(list(sys.argv[1:] if arguments is None else arguments))
    except BrokenPipeError:
        # Help, version, and a stream of connections that nobody reads on; a report has its own answer.
        silence_stdout()
        return FINE
    except KeyboardInterrupt:
        if sys.stderr is not None and sys.stderr.isatty():
            # The terminal has echoed ^C at the start of the line.
            click.echo(err=True)
        complain("interrupted")
        silence_stdout()
        return INTERRUPTED
    except ImportError as error:
        # Of Python's own or ours: gone, broken, or below a directory that is not for this user.
        complain(f"could not load {error.name or 'a module'}: {error}")
        silence_stdout()
        return INPUT
    except OSError as error:
        complain(f"{error.filename or 'standard output'}: {reason(error)}")
        silence_stdout()
        return USAGE
    except Exception:
        import traceback

        traceback.print_exc()
        complain("this is a defect of tcptrace-py, not of the capture; please report the lines above")
        return DEFECT


def _invoke(arguments: list[str]) -> int:
    # click's own `main` would answer Ctrl-C and a broken pipe in its own way.
    instruction = os.environ.get(_COMPLETION_VARIABLE)
    if instruction:
        from click.shell_completion import shell_complete

        return shell_complete(program, {}, PROGRAM, _COMPLETION_VARIABLE, instruction)
    try:
        with program.make_context(PROGRAM, arguments) as ctx:
            status = program.invoke(ctx)
            return status if isinstance(status, int) else FINE
    except click.exceptions.Exit as end:
        return end.exit_code
    except click.UsageError as error:
        error.show()
        return error.exit_code
    except click.ClickException as error:
        complain(error.format_message())
        return error.exit_code
    except click.Abort:
        raise KeyboardInterrupt from None
