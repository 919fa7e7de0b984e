"""Draws the table of transitions and the rules: ``python -m tcptrace_py.tcp.diagram > docs/states.md``."""

from __future__ import annotations

from tcptrace_py.tcp.reading import RULES
from tcptrace_py.tcp.state import EVENT_NAMES, STATE_NAMES, TRANSITIONS
from tcptrace_py.tcp.state_texts import STATE_TEXTS


def mermaid() -> str:
    """A Mermaid state diagram; events that lead from one state to the same other share a transition."""
    labels: dict[tuple[int, int], list[str]] = {}
    for (state, event), after in TRANSITIONS.items():
        labels.setdefault((state, after), []).append(EVENT_NAMES[event])
    lines = ["stateDiagram-v2"]
    for (state, after), names in sorted(labels.items()):
        lines.append(f"    {STATE_NAMES[state]} --> {STATE_NAMES[after]} : {', '.join(names)}")
    return "\n".join(lines)


def ways_out(state: int) -> dict[str, list[str]]:
    """Where an endpoint can go from ``state``, and on which events."""
    ways: dict[str, list[str]] = {}
    for (before, event), after in sorted(TRANSITIONS.items()):
        if before == state:
            ways.setdefault(STATE_NAMES[after], []).append(EVENT_NAMES[event])
    return ways


def _paragraph(state: int) -> str:
    name = STATE_NAMES[state]
    text = STATE_TEXTS[name]
    ways = "; ".join(f"{after} ({', '.join(events)})" for after, events in ways_out(state).items())
    lines = [
        f"## {name}",
        "",
        text.meaning,
        "",
        f"**In a capture:** {text.seen}",
        "",
        f"**From here:** {ways}.",
    ]
    if text.findings:
        kinds = ", ".join(f"`{kind}`" for kind in text.findings)
        lines += ["", f"**Findings:** {kinds} (`tcptrace-py explain KIND`)."]
    return "\n".join(lines)


_RULES = """\
## Rules, and how to add one

A connection that is opened, used and closed without anything out of the ordinary needs no rules: each of
its segments can have come about in one way only (`tcptrace_py/tcp/regular.py`). From the first other segment
on, what an endpoint's own segments have shown is kept as evidence (`tcptrace_py/tcp/evidence.py`), and both
histories, with what became of the connection, are read from that (`tcptrace_py/tcp/reading/`). Each rule
below asks one question of the evidence. Nothing that was read is ever edited: a later segment is more
evidence, and all is read anew.

To add a rule:

1. Write the trace that is read wrongly, with both histories as they should be, in
   `tests/tcp/test_faults.py`. `python -m pytest tests/tcp/test_faults.py` then fails.
2. Write the rule as a function of a few lines in the file of `tcptrace_py/tcp/reading` that has its like:
   `@rule(section)`, the sentence as its docstring (subject, rule, consequence), and no look at another
   rule's answer except as an argument. What it asks must be kept by `Evidence.add`, of one end's own
   segments alone.
3. Ask it where its answer is needed: in `opens`, `established`, `closes`, `weigh` or `outcome`.
4. Run `tests/tcp/test_faults.py` again, and `tests/tcp/test_reading.py`. That holds the rule against the law
   of merging (both directions put together in any other way give the same histories), shows that it is
   needed (without it some connection is read otherwise), and that the regular way still says what would be
   read. Then `tests/model/test_model.py`: no schedule of two RFC 9293 endpoints may refute it. Where a rule
   or a piece of evidence goes, run `python -m tests.model` too: what the tests let pass, its largest
   scenarios have refuted.
5. Draw this page anew.

Sections are RFC 9293's where no other source is named.
"""


_FILES = {
    "histories": "How it opened, and how it closed",
    "resets": "Whose RST it was, and who believed it",
    "outcome": "What became of the connection",
}


def rules() -> str:
    lines = [_RULES]
    for file, title in _FILES.items():
        lines += [f"### {title} (`{file}.py`)\n", "| rule | section | it says |", "|---|---|---|"]
        lines += [
            f"| `{name}` | {rule.section} | {rule.sentence} |"
            for name, rule in RULES.items()
            if rule.file == file
        ]
        lines.append("")
    return "\n".join(lines).rstrip()


def page() -> str:
    paragraphs = "\n\n".join(_paragraph(state) for state in range(len(STATE_NAMES)))
    return (
        "# The states of an endpoint\n\n"
        "Drawn from the tracker's table (`tcptrace_py/tcp/state.py`) by\n"
        "`python -m tcptrace_py.tcp.diagram > docs/states.md`; the comments there explain each transition.\n"
        "`tcptrace-py explain CLOSE_WAIT` prints a state's paragraph.\n\n"
        f"```mermaid\n{mermaid()}\n```\n\n"
        f"{paragraphs}\n\n"
        f"{rules()}\n"
    )


if __name__ == "__main__":
    print(page(), end="")
