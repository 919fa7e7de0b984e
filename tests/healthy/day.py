"""A day of healthy traffic: ``python -m tests.healthy.day --seed N FILE`` writes it.

Each habit is a function that plays one connection, or a few that belong together, as stacks and
applications in the field do; the day is a seeded mixture of all of them. `people.py` has browsers and
telephones, `machines.py` services, databases and checks.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import dpkt

from sample_pcaps.scenarios.script import Capture, Endpoint, handshake

DAY_S = 86_400


@dataclass
class Scene:
    """Where a habit plays: ``at`` its second of the day, ``number`` unlike any other's."""

    capture: Capture
    rng: random.Random
    at: float
    number: int

    def open(
        self,
        client: str,
        server: str,
        *,
        after_s: float = 0.0,
        client_ms: float = 0.05,
        server_ms: float = 5.0,
    ) -> tuple[Endpoint, Endpoint, Callable[[float], None]]:
        """A connection from a port of its own; ``client`` is an address only."""
        host = f"[{client}]" if ":" in client else client
        return self.capture.connection(
            f"{host}:{self.port()}", server, at=self.at + after_s, client_ms=client_ms, server_ms=server_ms
        )

    def established(
        self,
        client: str,
        server: str,
        *,
        after_s: float = 0.0,
        client_ms: float = 0.05,
        server_ms: float = 5.0,
    ) -> tuple[Endpoint, Endpoint, Callable[[float], None]]:
        c, s, wait = self.open(client, server, after_s=after_s, client_ms=client_ms, server_ms=server_ms)
        handshake(c, s)
        return c, s, wait

    def port(self) -> int:
        self.number += 1
        return 20_000 + self.number % 40_000

    def some(self, least_s: float, most_s: float) -> float:
        return self.rng.uniform(least_s, most_s)


Habit = Callable[[Scene], None]
#: Every habit with how often a day has it.
HABITS: dict[str, tuple[Habit, int]] = {}


def habit(times: int) -> Callable[[Habit], Habit]:
    def register(play: Habit) -> Habit:
        HABITS[play.__name__] = (play, times)
        return play

    return register


def twice_by_nat(capture: Capture, first: int, old: bytes, new: bytes) -> None:
    """Frames from ``first`` on as capturing on `any` sees them: before and behind a destination NAT."""
    for frame in capture.frames[first:]:
        ip = dpkt.ip.IP(frame.data[14:])
        if ip.dst == old:
            ip.dst = new
        elif ip.src == old:
            ip.src = new
        ip.ttl -= 1
        ip.sum = ip.data.sum = 0
        capture.write(frame.ts_ns + 20_000, bytes(ip), frame.data[:6], frame.data[6:12])


def make(seed: int, only: str = "") -> Capture:
    """The capture of a day; ``only``: of one habit, as often as a day has it."""
    from . import machines, people  # noqa: F401  (they register their habits)

    rng = random.Random(seed)
    capture = Capture(f"healthy day {seed}")
    number = 0
    for name, (play, times) in HABITS.items():
        for _ in range(times):
            scene = Scene(capture, rng, rng.uniform(0, DAY_S - 1200), number)
            if not only or only == name:
                play(scene)
            number = max(number + 8, scene.number)
    return capture


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default="", help="one habit")
    parser.add_argument("file", type=Path)
    options = parser.parse_args()
    make(options.seed, options.only).save(options.file)


if __name__ == "__main__":
    # As the module that the habits register with, not as `__main__`.
    from tests.healthy import day

    day.main()
