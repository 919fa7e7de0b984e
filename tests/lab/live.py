"""A running ``tcptrace-py live`` on both hosts of a scenario: does what it reads agree with their kernels?"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from ipaddress import ip_address
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from tests.live.net import live

from .network import SIDES
from .run import addresses
from .script import Lab, Scenario

#: Where the kernel knows better, and why nobody who sees segments can know it by then.
EXPLAINED = {
    "accept_queue_overflow": (
        ["server ESTABLISHED, kernel SYN_RCVD"],
        "The queue is full, so the kernel ignores the last ACK of the handshake; that shows only when it"
        " sends its SYN+ACK again.",
    )
}
_SILENT = "A clock of the kernel's ran out, much sooner than by default, and it closed without a segment."
_RFC_1337 = "A RST is presumed to end TIME_WAIT; this host has tcp_rfc1337 set, which no segment shows."
#: The same, of a live that runs on either host for seconds after the last segment.
EXPLAINED_LIVE = EXPLAINED | {
    "accept_queue_full_until_reset": EXPLAINED["accept_queue_overflow"],
    "data_unanswered": (["client ESTABLISHED, kernel CLOSED"], _SILENT),
    "path_broken_then_back": (["client ESTABLISHED, kernel CLOSED"], _SILENT),
    "old_syn_after_the_close": (["server SYN_RCVD, kernel CLOSED"], _SILENT),
    "time_wait_protected": (["client CLOSED, kernel TIME_WAIT"], _RFC_1337),
    "syn_meets_time_wait_rfc1337": (["server CLOSED, kernel TIME_WAIT"], _RFC_1337),
    "keepalive_unanswered": (
        ["server ESTABLISHED, kernel CLOSED"],
        "The script takes the socket away without a segment, as a host does that loses its power.",
    ),
}
# Live asks the kernel each second, and counts a difference that two looks at rest have found.
_REST_S = 3.5


class Watched(NamedTuple):
    """What live said on one host: endpoints that the kernel confirmed, and where it said otherwise.

    ``beyond``: those disagreements that are about the other host's socket, of which live hears as well where
    both are on one machine, though it does not see all that passes there: segments were lost or late on the
    wire between, and a live on that host, which saw them, says as the kernel does.
    """

    scenario: str
    family: str
    host: str
    confirmed: int
    disagreements: list[str]
    beyond: list[str]

    @property
    def unexplained(self) -> list[str]:
        explained, _why = EXPLAINED_LIVE.get(self.scenario, ([], ""))
        return [each for each in self.disagreements if each not in explained and each not in self.beyond]


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
            told = {side: _told(Path(name) / side) for side in SIDES}
            passed = [{frame for _, frame in lab.wire.captures[side].frames} for side in SIDES]
            lossy = passed[0] != passed[1]
            return [
                Watched(
                    scenario.name,
                    family,
                    side,
                    confirmed,
                    [_line(each) for each in differing],
                    [_line(each) for each in differing if lossy and _is_beyond(each, side, lab, told)],
                )
                for side, (confirmed, differing) in told.items()
            ]
    finally:
        lab.close()


#: Endpoints confirmed, and the events of the others.
_Told = tuple[int, list[dict[str, Any]]]


def _told(folder: Path) -> _Told:
    kernel = json.loads((folder / "report.json").read_text())["kernel"]
    events = [json.loads(line) for line in (folder / "events").read_text().splitlines()]
    told = [each for each in events if each["event"] == "disagreement"]
    if len(told) != kernel.get("disagreements", 0):
        raise RuntimeError(f"{folder}: {kernel} in the report, and as events {told}")
    return kernel.get("confirmed", 0), told


def _line(event: dict[str, Any]) -> str:
    return f"{event['role']} {event['state']}, kernel {event['kernel']}"


def _is_beyond(event: dict[str, Any], side: str, lab: Lab, told: dict[str, _Told]) -> bool:
    other = "server" if side == "client" else "client"
    if ip_address(event["address"]) != ip_address(lab.host(other).address):
        return False
    end = ("address", "port", "peer_address", "peer_port")
    return all(any(event[name] != each[name] for name in end) for each in told[other][1])
