"""A counterexample, drawn: a shortest schedule that shows it, beside what the tracker claimed."""

from __future__ import annotations

from collections.abc import Sequence

from .endpoint import NAMES
from .explore import Explorer, Step
from .judge import Counterexample, show
from .network import Side, Witness, at_rest


def ladder(example: Counterexample) -> str:
    """The schedule, drawn: every event, what passed, the true states, the tracker's claims."""
    bounds = example.scenario
    lines = [
        f"{bounds.name}: client {' '.join(bounds.scripts[0])}; server {' '.join(bounds.scripts[1])}; "
        f"vantage point {bounds.vantage}, faults {bounds.faults}",
        f"{example.failure.check}: {example.failure.text}",
    ]
    states = [path[-1] for path in bounds.past]
    sides = _schedules(example)
    for number in range(len(example.word) + 1):
        steps = [
            (step.after.now, end, step) for end in (0, 1) for step in sides[end] if step.passed == number
        ]
        for at_s, end, step in sorted(steps, key=lambda each: each[:2]):
            if step.move is None or step.move.passes is not None:
                continue
            states[end] = step.after.tcb.state
            lines.append(
                f"  {at_s:4d} s  {_truth(states)}      . {'CS'[end]}: {step.move.what} {step.move.item}"
            )
        if number == len(example.word):
            break
        label = example.word[number]
        arrow = "-->" if label.sender == 0 else "<--"
        sender = [
            step.move.witness
            for step in sides[label.sender]
            if step.passed == number and step.move is not None and step.move.passes is not None
        ]
        then = "".join(f"   (its sender then: {NAMES[w.path[-1]]})" for w in sender if w is not None)
        lines.append(f"  {label.at_s:4d} s  {_truth(states)} {number + 1:3d} {arrow} {label.seg}{then}")
        for client, server in example.claims[number]:
            lines.append(f"{'':40}tracker: client {show(client)}")
            lines.append(f"{'':40}         server {show(server)}")
    if example.failure.check in ("end", "stuck"):
        for client, server in example.claims[-1]:
            lines.append(f"  long after: client {show(client)}")
            lines.append(f"              server {show(server)}")
    return "\n".join(lines)


def _truth(states: Sequence[str]) -> str:
    return f"{NAMES[states[0]]:>12} {NAMES[states[1]]:<12}"


def _schedules(example: Counterexample) -> tuple[list[Step], list[Step]]:
    """A schedule of each side that shows the failure, where it shows in the last of its steps."""
    explorer = Explorer(example.scenario)
    failure = example.failure
    last = example.word[-1]

    def wanted(end: int, side: Side, witness: Witness | None) -> bool:
        if failure.check == "fact":
            claimed = failure.kind.split("/")[1]
            return not side.unseen and (witness is None or witness.path[-1] != claimed)
        if failure.check == "rest":
            quiet = at_rest(side, explorer.sides[end].rules) and side.now == last.at_s
            return quiet and not side.unseen and not side.lost
        if failure.check in ("end", "stuck"):
            quiet = explorer.sides[end].is_over(side)
            return quiet and not side.unseen and not (side.lost and failure.check == "end")
        return True

    def schedule(end: int) -> list[Step]:
        explored = explorer.sides[end]
        shown = explored.schedule(example.word, lambda side, witness: wanted(end, side, witness))
        return shown or explored.schedule(example.word, lambda _side, _witness: True) or []

    return schedule(0), schedule(1)
