"""Draws the table of arrows: ``python -m tcptrace_py.tcp.diagram > docs/states.md``."""

from __future__ import annotations

from tcptrace_py.tcp.state import ARROWS, EVENT_NAMES, STATE_NAMES


def mermaid() -> str:
    """A Mermaid state diagram; events that lead from one state to the same other share an arrow."""
    labels: dict[tuple[int, int], list[str]] = {}
    for (state, event), after in ARROWS.items():
        labels.setdefault((state, after), []).append(EVENT_NAMES[event])
    lines = ["stateDiagram-v2"]
    for (state, after), names in sorted(labels.items()):
        lines.append(f"    {STATE_NAMES[state]} --> {STATE_NAMES[after]} : {', '.join(names)}")
    return "\n".join(lines)


def page() -> str:
    return (
        "# The states of an endpoint\n\n"
        "Drawn from the tracker's table (`tcptrace_py/tcp/state.py`) by\n"
        "`python -m tcptrace_py.tcp.diagram > docs/states.md`; the comments there explain each arrow.\n\n"
        f"```mermaid\n{mermaid()}\n```\n"
    )


if __name__ == "__main__":
    print(page(), end="")
