"""``tcptrace-py explain``: what a kind of finding, or a cause of a reset, means and what to do about it."""

from __future__ import annotations

import sys
from difflib import get_close_matches
from functools import partial
from typing import TYPE_CHECKING

import click

from tcptrace_py.cli.help import with_examples
from tcptrace_py.cli.outcome import FINE, output_to
from tcptrace_py.cli.view import pager_option

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem
    from rich.console import Console

    from tcptrace_py.findings.text import Text as FindingText

_MOST_SUGGESTIONS = 4


def _topics() -> dict[str, str]:
    """Every word that can be explained, and its title."""
    from tcptrace_py.findings.finding import KINDS
    from tcptrace_py.findings.reset_causes import RESET_CAUSES, cause_text
    from tcptrace_py.findings.texts import TEXTS
    from tcptrace_py.tcp.state_texts import STATE_TEXTS

    return {
        **{kind: TEXTS[kind].title for kind in KINDS},
        **{cause: cause_text(cause).title for cause in RESET_CAUSES},
        **{state: text.meaning.split(".")[0] for state, text in STATE_TEXTS.items()},
    }


def _complete(_ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    from click.shell_completion import CompletionItem

    topics = _topics()
    return [CompletionItem(word, help=topics[word]) for word in topics if word.startswith(incomplete)]


def _spelled(word: str) -> str:
    return word.strip().lower().replace("_", "-")


def nearest(word: str) -> list[str]:
    """The words that ``word`` may have meant, best first; at most four."""
    known = {_spelled(each): each for each in reversed(_topics())}
    sought = _spelled(word)
    # Words that hold it (TIME_WAIT), then those that are spelled alike.
    holding = [known[each] for each in known if sought and sought in each]
    similar = [known[each] for each in get_close_matches(sought, known, n=_MOST_SUGGESTIONS, cutoff=0.7)]
    return list(dict.fromkeys([*similar[:1], *holding, *similar]))[:_MOST_SUGGESTIONS]


@with_examples(
    "tcptrace-py explain stuck-close-wait",
    "tcptrace-py explain CLOSE_WAIT",
)
@click.argument("kind", metavar="[KIND]", required=False, shell_complete=_complete)
@pager_option
def explain(kind: str | None, pager: bool) -> int:
    """Explain a KIND of finding, a cause of a reset or a state: what it means, what to change.

    Without KIND, lists all of them.
    """
    if kind is not None and kind not in _topics():
        alike = [each for each in _topics() if _spelled(each) == _spelled(kind)]
        if alike:
            kind = alike[0]
        else:
            meant = nearest(kind)
            hint = f"Did you mean {' or '.join(meant)}?" if meant else "Without KIND, all are listed."
            raise click.BadParameter(f"nothing is called {kind!r}. {hint}", param_hint="'KIND'")

    from tcptrace_py.cli.screen import report_console, show_on

    draw = _list if kind is None else partial(_explain, kind)
    with output_to("-"):
        show_on(report_console(sys.stdout), [draw], None, pager)
    return FINE


def _list(console: Console) -> None:
    from rich.text import Text

    from tcptrace_py.findings.finding import KINDS
    from tcptrace_py.report.people.terminal_text import hang, heading

    topics = _topics()
    indent = max(map(len, topics)) + 4
    for title, words in (
        ("Kinds of findings", [each for each in topics if each in KINDS]),
        ("Causes of resets", [each for each in topics if each not in KINDS and each.islower()]),
        ("States", [each for each in topics if each.isupper()]),
    ):
        heading(console, title)
        for word in words:
            hang(console, Text(f"  {word}"), topics[word], indent)
        if title != "States":
            console.print()


def _explain(word: str, console: Console) -> None:
    from rich.text import Text

    from tcptrace_py.findings.finding import KINDS
    from tcptrace_py.findings.reset_causes import RESET_CAUSES, cause_text
    from tcptrace_py.findings.texts import GENERAL, HALF_OPEN, RESET_ABORT, TEXTS
    from tcptrace_py.report.people.terminal_text import heading, line

    if word.isupper():
        _explain_state(word, console)
        return
    text = TEXTS[word] if word in KINDS else cause_text(word)
    heading(console, f"{word}: {text.title}")
    variants = {"reset-abort": RESET_ABORT, "half-open-handshake": HALF_OPEN}.get(word)
    if variants is None:
        _paragraphs(text, console)
    else:
        console.print()
        line(console, Text(GENERAL[word]), indent=0)
        for variant in variants.values():
            console.print()
            heading(console, variant.title[:1].upper() + variant.title[1:])
            _paragraphs(variant, console)
    console.print()
    references = [text, *(variants or {}).values()]
    sources = dict.fromkeys(each for one in references for each in one.reference.split("; "))
    heading(console, "References")
    for source in sources:
        line(console, Text(f"  {source}"), indent=4)
    if word in RESET_CAUSES:
        console.print()
        line(console, Text(f"The finding: {RESET_CAUSES[word].kind}"))


def _explain_state(name: str, console: Console) -> None:
    from rich.text import Text

    from tcptrace_py.report.people.terminal_text import command_line, hang, heading
    from tcptrace_py.tcp.diagram import ways_out
    from tcptrace_py.tcp.state import STATE_NAMES
    from tcptrace_py.tcp.state_texts import STATE_TEXTS

    text = STATE_TEXTS[name]
    heading(console, name)
    for label, said in (("meaning", text.meaning), ("seen as", text.seen)):
        console.print()
        hang(console, Text(f"  {label}", "bold"), said, 11)
    console.print()
    label = "  leaves"
    for after, events in ways_out(STATE_NAMES.index(name)).items():
        hang(console, Text(label, "bold"), f"to {after}: {', '.join(events)}", 11)
        label = ""
    if text.findings:
        console.print()
        label = "  more"
        for kind in text.findings:
            command_line(console, f"tcptrace-py explain {kind}", 11, Text(label, "bold"))
            label = ""
    console.print()
    heading(console, "References")
    hang(console, Text(""), "RFC 9293 section 3.3.2", 2)


def _paragraphs(text: FindingText, console: Console) -> None:
    from rich.text import Text

    from tcptrace_py.findings.texts import remedy
    from tcptrace_py.report.people.remedy import pieces
    from tcptrace_py.report.people.terminal_text import command_line, hang

    console.print()
    hang(console, Text("  meaning", "bold"), text.meaning, 11)
    console.print()
    label = "  remedy"
    for piece, command in pieces(remedy(text, "")):
        if command:
            command_line(console, piece, 13)
        else:
            hang(console, Text(label, "bold"), piece, 11)
            label = ""
