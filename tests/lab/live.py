"""A running ``tcptrace-py live`` on both hosts of a scenario: does what it reads agree with their kernels?"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from tests.live.net import live

from .network import SIDES
from .run import addresses
from .script import Lab, Scenario

#: Where the kernel knows better, and why nobody who sees segments can know it by then.
EXPLAINED = {
    ("accept_queue_overflow", "server"): (
        ["server ESTABLISHED, kernel SYN_RCVD"],
        "The queue is full, so the kernel ignores the last ACK of the handshake; that shows only when it"
        " sends its SYN+ACK again.",
    )
}
_BEYOND = (
    "It is the other host's socket, of which live hears as well where both are on one machine; what moved it,"
    " or was to, was lost on the wire between."
)
_SILENT = "A clock of the kernel's ran out, much sooner than by default, and it closed without a segment."
_FULL = EXPLAINED["accept_queue_overflow", "server"]
#: The same, of a live that runs on either host for seconds after the last segment.
EXPLAINED_LIVE = EXPLAINED | {
    ("accept_queue_overflow", "client"): _FULL,
    ("syn_ack_never_arrives", "client"): (["server CLOSED, kernel SYN_RCVD"], _BEYOND),
    ("third_ack_never_arrives", "client"): (["server ESTABLISHED, kernel SYN_RCVD"], _BEYOND),
    ("third_ack_never_arrives", "server"): (["client SYN_SENT, kernel ESTABLISHED"], _BEYOND),
    ("keepalive_unanswered", "server"): (["client ESTABLISHED, kernel CLOSED"], _BEYOND),
    ("fin_never_acknowledged", "server"): (["client ESTABLISHED, kernel CLOSED"], _BEYOND),
    ("last_ack_never_comes", "client"): (["server CLOSE_WAIT, kernel LAST_ACK"], _BEYOND),
    ("data_unanswered", "client"): (["client ESTABLISHED, kernel CLOSED"], _SILENT),
    ("data_unanswered", "server"): (["client ESTABLISHED, kernel CLOSED"], _SILENT),
    ("old_syn_after_the_close", "client"): (["server SYN_RCVD, kernel CLOSED"], _SILENT),
    ("old_syn_after_the_close", "server"): (["server SYN_RCVD, kernel CLOSED"], _SILENT),
    ("time_wait_protected", "server"): (
        ["client CLOSED, kernel TIME_WAIT"],
        "A RST is presumed to end TIME_WAIT; this host has tcp_rfc1337 set, which no segment shows.",
    ),
}
# Live asks the kernel each second, and counts a difference that two looks at rest have found.
_REST_S = 3.5


class Watched(NamedTuple):
    """What live said on one host: endpoints that the kernel confirmed, and where it said otherwise."""

    scenario: str
    family: str
    host: str
    confirmed: int
    disagreements: list[str]

    @property
    def unexplained(self) -> list[str]:
        explained, _why = EXPLAINED_LIVE.get((self.scenario, self.host), ([], ""))
        return [each for each in self.disagreements if each not in explained]


def watch(scenarios: Sequence[tuple[Scenario, str]], block: int, at_once: int = 6) -> list[Watched]:
    """Run each scenario on its family of addresses, with a live on each of its hosts."""
    with ThreadPoolExecutor(at_once) as pool:
        return [
            each
            for found in pool.map(
                lambda job: _watch(job[1][0], job[1][1], block, job[0]), enumerate(scenarios)
            )
            for each in found
        ]


def _watch(scenario: Scenario, family: str, block: int, index: int) -> list[Watched]:
    lab = Lab(*addresses(family, block, index))
    try:
        with TemporaryDirectory() as name, ExitStack() as stack:
            running = {}
            for side in SIDES:
                folder = Path(name) / side
                folder.mkdir()
                thresholds = "".join(f"{key} = {value}\n" for key, value in scenario.settings.items())
                (folder / "tcptrace.toml").write_text(f"[thresholds]\n{thresholds}")
                events = stack.enter_context(open(folder / "events", "wb"))
                with lab.host(side).inside():
                    running[side] = stack.enter_context(
                        live(None, folder, "-i", "lab0", "--json", "report.json", stdout=events)
                    )
            scenario.script(lab)
            lab.settle()
            time.sleep(_REST_S)
            for each in running.values():
                status, _out, err = each.end()
                if status:
                    raise RuntimeError(f"live ended with status {status}: {err.decode()}")
            lab.finish()
            return [_told(scenario.name, family, side, Path(name) / side) for side in SIDES]
    finally:
        lab.close()


def _told(scenario: str, family: str, side: str, folder: Path) -> Watched:
    kernel = json.loads((folder / "report.json").read_text())["kernel"]
    events = [json.loads(line) for line in (folder / "events").read_text().splitlines()]
    told = [
        f"{each['role']} {each['state']}, kernel {each['kernel']}"
        for each in events
        if each["event"] == "disagreement"
    ]
    if len(told) != kernel.get("disagreements", 0):
        raise RuntimeError(f"{scenario} on the {side}: {kernel} in the report, and as events {told}")
    return Watched(scenario, family, side, kernel.get("confirmed", 0), told)
