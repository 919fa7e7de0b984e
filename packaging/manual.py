"""Writes the manual pages and the shell completions, from the command line as click knows it.

``python packaging/manual.py FOLDER`` puts them where a prefix such as ``/usr`` has them:
``share/man/man1``, ``share/bash-completion/completions``, ``share/zsh/site-functions`` and
``share/fish/vendor_completions.d``. Building the wheel runs it (``setup.py``), so nothing of
it is committed. It needs click and no other library.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# A build works on the sources, whatever is installed.
sys.path.insert(0, str(ROOT))
os.environ["TCPTRACE_PY_PURE"] = "1"

import click  # noqa: E402
from click.shell_completion import get_completion_class  # noqa: E402

from tcptrace_py.cli import program  # noqa: E402
from tcptrace_py.cli.outcome import PROGRAM  # noqa: E402
from tcptrace_py.version import __version__  # noqa: E402

# The name that click derives from the program's.
_COMPLETION_VARIABLE = f"_{PROGRAM.replace('-', '_').upper()}_COMPLETE"
COMPLETIONS = {
    "bash": f"share/bash-completion/completions/{PROGRAM}",
    "zsh": f"share/zsh/site-functions/_{PROGRAM}",
    "fish": f"share/fish/vendor_completions.d/{PROGRAM}.fish",
}
_ENVIRONMENT = (
    ("TCPTRACE_PY_PURE=1", "Run the uncompiled engine, which gives the same reports, many times slower."),
    ("NO_COLOR=1", "Show reports without colours."),
)


def contexts() -> Iterator[click.Context]:
    """One for the program, then one for each command."""
    top = click.Context(program, info_name=PROGRAM, **program.context_settings)
    yield top
    for name in program.list_commands(top):
        command = program.get_command(top, name)
        if command is not None and not command.hidden:
            yield click.Context(command, info_name=name, parent=top, **command.context_settings)


def page_name(ctx: click.Context) -> str:
    """``tcptrace-py-analyze``, as ``git-log`` is named."""
    return ctx.command_path.replace(" ", "-")


def escaped(text: str) -> str:
    r"""``text`` for roff: hyphens stay the ones that are typed, and no line begins a request."""
    text = text.replace("\\", "\\e").replace("-", "\\-")
    return "\n".join(f"\\&{line}" if line[:1] in (".", "'") else line for line in text.split("\n"))


def paragraphs(text: str) -> Iterator[str]:
    """The paragraphs of a help text; one that begins with ``\\b`` keeps its lines, as in click."""
    for number, block in enumerate(text.strip().split("\n\n")):
        kept = block.startswith("\b")
        lines = [line.strip() for line in block.strip("\b\n").split("\n")]
        if number:
            yield ".PP"
        if kept:
            yield ".nf"
            yield from map(escaped, lines)
            yield ".fi"
        else:
            yield escaped(" ".join(lines))


def page(ctx: click.Context) -> str:
    command = ctx.command
    name = page_name(ctx)
    commands = list(command.list_commands(ctx)) if isinstance(command, click.Group) else []
    help_text = command.help or ""
    summary = " ".join(help_text.split("\n\n")[0].split()).rstrip(".")
    lines = [
        f'.TH "{escaped(name.upper())}" "1" "" "{escaped(f"{PROGRAM} {__version__}")}" "User Commands"',
        ".SH NAME",
        f"{escaped(name)} \\- {escaped(summary[:1].lower() + summary[1:])}",
        ".SH SYNOPSIS",
        f".B {escaped(ctx.command_path)}",
        escaped(" ".join(command.collect_usage_pieces(ctx))),
        ".SH DESCRIPTION",
        *paragraphs(help_text),
    ]
    if commands:
        lines.append(".SH COMMANDS")
        for each in commands:
            sub = command.get_command(ctx, each) if isinstance(command, click.Group) else None
            if sub is not None and not sub.hidden:
                lines += [".TP", f".B {escaped(each)}", escaped(sub.get_short_help_str(limit=200))]
    lines.append(".SH OPTIONS")
    for parameter in command.get_params(ctx):
        # What an argument is, the description says.
        record = parameter.get_help_record(ctx) if isinstance(parameter, click.Option) else None
        if record is not None:
            lines += [".TP", f".B {escaped(record[0])}", escaped(" ".join(record[1].split()))]
    lines += [".SH EXIT STATUS", escaped(exit_status())]
    lines.append(".SH ENVIRONMENT")
    for variable, meaning in _ENVIRONMENT:
        lines += [".TP", f".B {escaped(variable)}", escaped(meaning)]
    others = [f"{PROGRAM}-{each}" for each in commands] if commands else [PROGRAM]
    others += ["tcpdump", "ss"]
    sections = {"ss": "8"}
    references = [f".BR {escaped(each)} ({sections.get(each, '1')})" for each in others]
    lines += [".SH SEE ALSO", *(f"{each} ," for each in references[:-1]), references[-1]]
    return "\n".join(lines) + "\n"


def exit_status() -> str:
    """What the program's own help says at its end."""
    return " ".join((program.epilog or "").removeprefix("Exit status:").split())


def completion(shell: str) -> str:
    """The script that click gives for ``shell``, without asking which version of it is installed here."""
    found = get_completion_class(shell)
    assert found is not None, shell
    script = found(program, {}, PROGRAM, _COMPLETION_VARIABLE)
    return script.source_template % script.source_vars()


def write(folder: Path) -> list[Path]:
    """Writes all of it below ``folder``; the paths, relative to it."""
    texts = {f"share/man/man1/{page_name(ctx)}.1": page(ctx) for ctx in contexts()}
    texts |= {path: completion(shell) for shell, path in COMPLETIONS.items()}
    for path, text in texts.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8", newline="\n")
    return [Path(path) for path in texts]


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: manual.py FOLDER")
    for written in write(Path(sys.argv[1])):
        print(written.as_posix())
