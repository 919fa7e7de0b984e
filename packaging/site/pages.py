"""The pages of the site that come from the code; MkDocs runs it at each build (mkdocs-gen-files).

A page for each kind of finding with a ladder from a sample that shows it, the references of the
command line, of the JSON report and of the library, the picture of the house, and the files
of the root as pages. Nothing of it is committed, so nothing of it can be out of date.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib import import_module
from inspect import cleandoc
from pathlib import Path
from typing import Any, NamedTuple

import click
import mkdocs_gen_files

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "packaging")]

import manual  # noqa: E402

import tcptrace_py  # noqa: E402
from tcptrace_py.findings.finding import KINDS  # noqa: E402
from tcptrace_py.findings.texts import GENERAL, HALF_OPEN, RESET_ABORT, TEXTS, remedy  # noqa: E402
from tcptrace_py.report.formats.json import schema  # noqa: E402
from tcptrace_py.report.model.model import Report  # noqa: E402
from tcptrace_py.report.people.ladder import build_ladder  # noqa: E402
from tcptrace_py.report.people.wanted import parse_wanted  # noqa: E402
from tcptrace_py.report.pictures.ladder_svg import svg  # noqa: E402
from tcptrace_py.run.analyze import analyze  # noqa: E402
from tcptrace_py.run.single import single  # noqa: E402

SAMPLES = ROOT / "sample_pcaps"
#: Kinds whose meaning and remedy depend on how it came about.
VARIANTS = {"reset-abort": RESET_ABORT, "half-open-handshake": HALF_OPEN}
#: A ladder longer than this explains nothing at a glance, so a sample with fewer segments is sought.
_MOST_SEGMENTS = 40
_SEVERITY_RANK = {"critical": 0, "warning": 1, "info": 2}


class Example(NamedTuple):
    """``connection`` of ``sample`` shows a kind of finding; the least is the best example."""

    rank: tuple[int, int, int, int]
    sample: str
    connection: int
    explanation: str
    severity: str


def write(path: str, text: str) -> None:
    with mkdocs_gen_files.open(path, "w") as page:
        page.write(text)


def examples() -> dict[str, Example]:
    """For each kind the connection that shows it best: the severest, then the shortest."""
    best: dict[str, Example] = {}
    for path in sorted(SAMPLES.glob("*.pcap*")):
        report = analyze(path)
        packets = {each.id: each.client.packets + each.server.packets for each in report.connections or ()}
        for finding in report.findings:
            if not finding.connections:
                continue
            shortest = min(finding.connections, key=lambda each: (packets.get(each, 10**9), each))
            count = packets.get(shortest, 10**9)
            # A sample that is named after the kind was made to show it.
            namesake = finding.kind.replace("-", "_") in path.name
            rank = (int(count > _MOST_SEGMENTS), _SEVERITY_RANK[finding.severity], int(not namesake), count)
            known = best.get(finding.kind)
            if known is None or rank < known.rank:
                best[finding.kind] = Example(rank, path.name, shortest, finding.explanation, finding.severity)
    return best


def since(kind: str) -> str:
    """The first version whose section of the changelog has the kind; the oldest where none names it."""
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    sections = re.findall(r"^## \[([^\]]+)\](.*?)(?=^## \[|\Z)", text, re.MULTILINE | re.DOTALL)
    oldest_first = sections[::-1]
    named = [version for version, body in oldest_first if f"`{kind}`" in body]
    version = named[0] if named else oldest_first[0][0]
    return "the next release" if version == "Unreleased" else version


def capital(title: str) -> str:
    return title[:1].upper() + title[1:]


def finding_pages() -> None:
    best = examples()
    rows = []
    for kind in KINDS:
        text = TEXTS[kind]
        lines = [f"# {capital(text.title)}", "", f"`{kind}`, since {since(kind)}", ""]
        variants = VARIANTS.get(kind, {})
        meaning = GENERAL[kind] if variants else text.meaning
        lines += ["## What it means", "", plain(meaning), ""]
        for variant in variants.values():
            lines += [f"### {capital(variant.title)}", "", plain(variant.meaning), ""]
            lines += [f"**What to do:** {plain(remedy(variant, ''))}", ""]
        if not variants:
            lines += ["## What to do", "", plain(remedy(text, "")), ""]
        example = best.get(kind)
        if example is not None:
            name = f"findings/{kind}.svg"
            path = SAMPLES / example.sample
            one = single(path, wanted=parse_wanted(str(example.connection)))
            ladder = build_ladder(one.record, one.findings, one.passages, [example.sample], full=False)
            write(name, "".join(svg(ladder)))
            lines += ["## How it looks", ""]
            lines += [f"`sample_pcaps/{example.sample}` shows it (severity: {example.severity}):", ""]
            facts = example.explanation.removesuffix(text.meaning).strip()
            lines += [f"> {line}" for line in facts.split("\n")]
            lines += ["", f"Connection {example.connection} of it, as `show` draws it:", ""]
            lines += [f"![The ladder of connection {example.connection}]({kind}.svg)", ""]
        lines += ["## Where it is written", ""]
        lines += [f"- {source}" for source in dict.fromkeys(text.reference.split("; "))]
        write(f"findings/{kind}.md", "\n".join(lines) + "\n")
        rows.append(f"| [`{kind}`]({kind}.md) | {text.title} |")
    head = (
        "# Findings\n\nWhat `analyze` may find; `tcptrace-py explain KIND` tells the same on a terminal.\n\n"
    )
    write("findings/index.md", head + "| kind | what is wrong |\n|---|---|\n" + "\n".join(rows) + "\n")


def command_line() -> None:
    lines = ["# The command line", "", "The same as `man tcptrace-py` and `--help`.", ""]
    for ctx in manual.contexts():
        command = ctx.command
        usage = " ".join([ctx.command_path, *command.collect_usage_pieces(ctx)])
        lines += [f"## {ctx.command_path}", "", "```", usage, "```", ""]
        for block in (command.help or "").split("\n\n"):
            kept = block.startswith("\b")
            text = block.strip("\b\n")
            lines += ["```", *text.split("\n"), "```", ""] if kept else [plain(" ".join(text.split())), ""]
        if isinstance(command, click.Group):
            lines += ["| command | |", "|---|---|"]
            for name in command.list_commands(ctx):
                sub = command.get_command(ctx, name)
                assert sub is not None
                link = f"[`{name}`](#{manual.PROGRAM}-{name})"
                lines.append(f"| {link} | {cell(sub.get_short_help_str(limit=200))} |")
            lines.append("")
        options = [each for each in command.get_params(ctx) if isinstance(each, click.Option)]
        records = [each.get_help_record(ctx) for each in options]
        lines += ["| option | |", "|---|---|"]
        lines += [f"| `{escaped_pipes(record[0])}` | {cell(record[1])} |" for record in records if record]
        lines.append("")
    lines += ["## Exit status", "", cell(manual.exit_status()), ""]
    write("reference/cli.md", "\n".join(lines))


def escaped_pipes(text: str) -> str:
    """``text`` for a cell of a table, which a bar would end, in code too."""
    return text.replace("|", "\\|")


def cell(text: str) -> str:
    """One line of a table, in which nothing begins markup."""
    return escaped_pipes(re.sub(r"([*\[])", r"\\\1", plain(" ".join(text.split()))))


def type_text(field: dict[str, Any]) -> str:
    """A field's type in words; a record is a link to its own part of the page."""
    if "$ref" in field:
        name = field["$ref"].rsplit("/", 1)[-1]
        return f"[{name}](#{name.lower()})"
    if "anyOf" in field:
        return " or ".join(type_text(each) for each in field["anyOf"])
    if "enum" in field:
        return ", ".join("null" if each is None else f"`{each}`" for each in field["enum"])
    if "const" in field:
        return f"`{field['const']}`"
    kind = field.get("type", "anything")
    if kind == "array":
        return f"list of {type_text(field.get('items', {}))}"
    if kind == "object" and "additionalProperties" in field and field["additionalProperties"] is not False:
        values = field["additionalProperties"]
        return f"object of {type_text(values if isinstance(values, dict) else {})}"
    return str(kind)


def records(document: dict[str, Any]) -> Iterator[str]:
    for name, record in document["$defs"].items():
        yield f"## {name}\n"
        if record.get("description"):
            yield plain(cleandoc(record["description"])) + "\n"
        if "properties" in record:
            required = set(record.get("required", ()))
            yield "| field | type | |\n|---|---|---|"
            for field, value in record["properties"].items():
                presence = "" if field in required else "may be left out"
                yield f"| `{field}` | {type_text(value)} | {presence} |"
            yield ""
        else:
            yield type_text(record) + "\n"


def plain(docstring: str) -> str:
    """A docstring for Markdown, in which ``<`` and ``|`` would begin something."""
    return docstring.replace("<", "&lt;")


def json_report() -> None:
    head = (
        "# The JSON report\n\nWhat `--json` writes, record by record; the whole is a [Report](#report)."
        " `tcptrace-py schema` prints the same as JSON Schema (draft 2020-12). Times `*_ns` are integer"
        " nanoseconds since the epoch, durations `*_s` are seconds. Names stay; a rename would need a new"
        " `schema_version`.\n\n"
    )
    write("reference/json.md", head + "\n".join(records(schema(Report))) + "\n")


def library() -> None:
    lines = ["# The library", "", "What `from tcptrace_py import …` gives.", ""]
    for name in tcptrace_py.__all__:
        home = getattr(getattr(tcptrace_py, name), "__module__", None)
        if home is None or name.startswith("__"):
            continue
        assert getattr(import_module(home), name) is getattr(tcptrace_py, name)
        lines += [f"::: {home}.{name}", ""]
    write("reference/library.md", "\n".join(lines))


def rules() -> None:
    """The table that the tests hold against the text of the RFC (``tests/rfc/rules.toml``)."""
    rows = tomllib.loads((ROOT / "tests" / "rfc" / "rules.toml").read_text(encoding="utf-8"))["rule"]
    lines = [
        "# RFC 9293, rule by rule",
        "",
        "What of section 3.10, Event Processing, concerns somebody who sees the segments pass: every MUST"
        " of it, and what moves a state. A test holds the sentences against the RFC, and refuses a"
        " MUST that has no row. The tests are captures of `sample_pcaps/`, each with both endpoints' exact"
        " histories, or tests of single traces.",
        "",
    ]
    section = ""
    for row in sorted(rows, key=lambda each: each["section"]):
        if row["section"] != section:
            section = row["section"]
            lines += [f"## Section {section}", ""]
        tests = ", ".join(f"`{name.rsplit('::', 1)[-1]}`" for name in row["tests"])
        lines += [
            f"> {cell(row['rule'])}",
            "",
            f"{row['reading']} " + (f"Shown by {tests}." if tests else ""),
            "",
        ]
    write("rfc.md", "\n".join(lines) + "\n")


def house() -> None:
    drawn = subprocess.run(
        [sys.executable, str(ROOT / "packaging" / "architecture.py")],
        capture_output=True,
        text=True,
        check=True,
    )
    write("architecture.svg", drawn.stdout)


def tutorial() -> None:
    """``docs/tutorial.md`` with what each of its commands prints; one that fails is an error."""
    text = (ROOT / "docs" / "tutorial.md").read_text(encoding="utf-8")

    def run(block: re.Match[str]) -> str:
        command = block[1].replace("tcptrace-py", f"{shlex.quote(sys.executable)} -m tcptrace_py", 1)
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=ROOT,
            capture_output=True,
            text=True,
            env={**os.environ, "COLUMNS": "78"},
        )
        if done.returncode or not done.stdout:
            raise SystemExit(f"docs/tutorial.md: {block[1]}: status {done.returncode}: {done.stderr}")
        return f"```console\n$ {block[1]}\n{done.stdout.rstrip()}\n```"

    write("tutorial.md", re.sub(r"```console\n\$ (.*)\n```", run, text))


def root_pages() -> None:
    """README, CHANGELOG and CONTRIBUTING as pages, with links as they are from ``docs/``."""
    for source, page in (
        ("README.md", "index.md"),
        ("CHANGELOG.md", "changelog.md"),
        ("CONTRIBUTING.md", "contributing.md"),
    ):
        text = (ROOT / source).read_text(encoding="utf-8")
        text = text.replace("](docs/", "](")
        for other, target in (
            ("README", "index"),
            ("CHANGELOG", "changelog"),
            ("CONTRIBUTING", "contributing"),
        ):
            text = text.replace(f"]({other}.md", f"]({target}.md")
        write(page, text)


command_line()
json_report()
library()
rules()
house()
root_pages()
tutorial()
write("style.css", "td code { white-space: nowrap; }\n")
finding_pages()
