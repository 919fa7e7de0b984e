"""Draws the table of arrows: ``python -m tcptrace_py.tcp.diagram > docs/states.md``."""

from __future__ import annotations

from tcptrace_py.tcp.state import ARROWS, EVENT_NAMES, STATE_NAMES
from tcptrace_py.tcp.state_texts import STATE_TEXTS


def mermaid() -> str:
    """A Mermaid state diagram; events that lead from one state to the same other share an arrow."""
    labels: dict[tuple[int, int], list[str]] = {}
    for (state, event), after in ARROWS.items():
        labels.setdefault((state, after), []).append(EVENT_NAMES[event])
    lines = ["stateDiagram-v2"]
    for (state, after), names in sorted(labels.items()):
        lines.append(f"    {STATE_NAMES[state]} --> {STATE_NAMES[after]} : {', '.join(names)}")
    return "\n".join(lines)


def ways_out(state: int) -> dict[str, list[str]]:
    """Where an endpoint can go from ``state``, and on which events."""
    ways: dict[str, list[str]] = {}
    for (before, event), after in sorted(ARROWS.items()):
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


def page() -> str:
    paragraphs = "\n\n".join(_paragraph(state) for state in range(len(STATE_NAMES)))
    return (
        "# The states of an endpoint\n\n"
        "Drawn from the tracker's table (`tcptrace_py/tcp/state.py`) by\n"
        "`python -m tcptrace_py.tcp.diagram > docs/states.md`; the comments there explain each arrow.\n"
        "`tcptrace-py explain CLOSE_WAIT` prints a state's paragraph.\n\n"
        f"```mermaid\n{mermaid()}\n```\n\n"
        f"{paragraphs}\n"
    )


if __name__ == "__main__":
    print(page(), end="")
