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

What an endpoint's own segments have shown is evidence (`tcptrace_py/tcp/evidence.py`); each rule below asks
one question of it (`tcptrace_py/tcp/reading/`). So far that reading stands beside the tracker's own, and
tests hold the two against each other; the report is the tracker's.

To add a rule:

1. Write the trace that is read wrongly, with both histories as they should be, in
   `tests/tcp/test_faults.py`. `python -m pytest tests/tcp/test_reading.py` then fails.
2. Write the rule as a function of a few lines in `opening.py`, `closing.py` or `resets.py` there:
   `@rule(section)`, the sentence as its docstring (subject, rule, consequence), and no look at another
   rule's answer except as an argument. What it asks must be kept by `Evidence.add`, of one end's own
   segments alone.
3. Ask it where its answer is needed: in `opens`, `established`, `closes` or `weigh`.
4. Run `tests/tcp/test_reading.py` again. It also holds the rule against the law of merging (both directions
   put together in any other way give the same histories), and shows that the rule is needed: without it
   some history is another. Then `tests/model/test_reading.py`: no schedule of two RFC 9293 endpoints may
   refute it.
5. Draw this page anew.

Sections are RFC 9293's where no other source is named.

| rule | section | it says |
|---|---|---|
"""


def rules() -> str:
    rows = [f"| `{name.strip('_')}` | {rule.section} | {rule.sentence} |" for name, rule in RULES.items()]
    return _RULES + "\n".join(rows)


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
