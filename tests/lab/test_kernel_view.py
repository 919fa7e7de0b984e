"""What live capture makes of the kernel's word, over all recorded scenarios: it never disagrees.

At each silence, and at the end, the host's sockets as its kernel's own account has them are held against the
reading of what passed at that host.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tcptrace_py.kernel.reader import KernelReader, Snapshot
from tcptrace_py.kernel.sockets import KernelSocket, SocketKey
from tcptrace_py.run.captures import Captures
from tcptrace_py.run.host import HostView
from tcptrace_py.run.session import Session
from tcptrace_py.settings import Settings

from .compare import captures, load
from .live import EXPLAINED
from .test_recorded import TRUTHS

AT_HOSTS = [path for path in TRUTHS if path.with_name(f"{path.name.split('.')[0]}.server.pcap").exists()]
#: What passed less than 0.3 s ago may still move the one and not the other.
_SETTLED_NS = 310_000_000
_LOOK_NS = 50_000_000


class _Unasked(KernelReader):
    def __init__(self) -> None:
        pass


def _sockets(truth: dict[str, Any], side: int, now_ns: int) -> Iterator[KernelSocket]:
    """Those of the client's host (0) or the server's (1)."""
    for pair in truth["connections"]:
        ends = [(ipaddress.ip_address(end["address"]).packed, end["port"]) for end in pair]
        state = "CLOSED"
        for each, ts_ns in pair[side]["history"]:
            state = each if ts_ns <= now_ns else state
        if state not in ("CLOSED", "LISTEN"):
            yield KernelSocket(SocketKey(*ends[side], *ends[1 - side]), state, "", 0, 0, 0, 0, 0, 1, 1)


def _look(view: HostView, session: Session, truth: dict[str, Any], side: int, after_ns: int) -> None:
    for look in range(3):
        now_ns = after_ns + _SETTLED_NS + look * _LOOK_NS
        session.tracker.tick(now_ns)
        snapshot = Snapshot(now_ns, now_ns, list(_sockets(truth, side, now_ns)), {}, None, "")
        view.compare(snapshot, session.tracker.table.all())


def _held(truth: dict[str, Any], side: int, capture: Path) -> HostView:
    """What the view of this host makes of it."""
    view = HostView(_Unasked())
    session = Session(Settings(**truth["settings"]), connections=False)
    last_ns = 0
    with Captures([capture]) as opened:
        for source, batch, lo, hi in opened.runs():
            for i in range(lo, hi):
                if last_ns and batch.ts_ns[i] - last_ns > _SETTLED_NS + 3 * _LOOK_NS:
                    _look(view, session, truth, side, last_ns)
                session.feed(batch, source, i, i + 1)
                last_ns = batch.ts_ns[i]
    _look(view, session, truth, side, last_ns)
    return view


def _hosts(truth_path: Path, truth: dict[str, Any]) -> Iterator[tuple[int, Path]]:
    for vantage, capture in captures(truth_path, truth).items():
        if vantage != "middle":
            yield int(vantage == "server"), capture


@pytest.mark.parametrize("truth_path", AT_HOSTS, ids=lambda path: path.name.split(".")[0])
def test_the_kernel_agrees_at_every_silence(truth_path: Path) -> None:
    truth = load(truth_path)
    for side, capture in _hosts(truth_path, truth):
        told = [
            f"{each.role} {each.state}, kernel {each.kernel}"
            for each in _held(truth, side, capture).fresh_disagreements()
        ]
        host = ("client", "server")[side]
        explained, _why = EXPLAINED.get(truth["scenario"], ([], ""))
        assert told == [each for each in explained if each.startswith(host)], f"on the {host}"


def test_it_does_compare() -> None:
    confirmed = 0
    for truth_path in AT_HOSTS[::3]:
        truth = load(truth_path)
        for side, capture in _hosts(truth_path, truth):
            confirmed += _held(truth, side, capture)._kernel().confirmed
    assert confirmed > 10
