"""Healthy days as worse captures have them (filtered, one way, lossy, cut, twice): still nothing to do."""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import dpkt
import pytest

from sample_pcaps.scenarios.script import Capture
from tcptrace_py import analyze

from .day import make

SYN, FIN, RST, ACK = dpkt.tcp.TH_SYN, dpkt.tcp.TH_FIN, dpkt.tcp.TH_RST, dpkt.tcp.TH_ACK
HOST = bytes([10, 2, 1, 20])
Tcp = dpkt.tcp.TCP
Keep = Callable[[dpkt.ip.IP, Tcp, random.Random], bool]

KEEPS: dict[str, Keep] = {
    "SYN": lambda ip, tcp, rng: bool(tcp.flags & SYN and not tcp.flags & ACK),
    "SYN, FIN and RST": lambda ip, tcp, rng: bool(tcp.flags & (SYN | FIN | RST)),
    "data": lambda ip, tcp, rng: bool(tcp.data),
    "no SYN": lambda ip, tcp, rng: not tcp.flags & SYN,
    "no RST": lambda ip, tcp, rng: not tcp.flags & RST,
    "from a host": lambda ip, tcp, rng: bytes(ip.src) == HOST,
    "to a host": lambda ip, tcp, rng: bytes(ip.dst) == HOST,
    "to the lower port": lambda ip, tcp, rng: tcp.sport > tcp.dport,
    "from the lower port": lambda ip, tcp, rng: tcp.sport < tcp.dport,
    "2 % lost": lambda ip, tcp, rng: rng.random() > 0.02,
    "10 % lost": lambda ip, tcp, rng: rng.random() > 0.1,
    "half lost": lambda ip, tcp, rng: rng.random() > 0.5,
}


@cache
def _day() -> list[tuple[Any, dpkt.ip.IP]]:
    frames = sorted(make(11).frames, key=lambda frame: frame.ts_ns)
    return [(frame, dpkt.ethernet.Ethernet(frame.data).data) for frame in frames]


@pytest.mark.parametrize("what", [*KEEPS, "the middle third", "twice"])
def test_a_worse_capture_raises_nothing(what: str, tmp_path: Path) -> None:
    capture = Capture("worse")
    rng = random.Random(5)
    day = _day()
    if what == "twice":
        capture.frames += [frame for frame, _ in day for _ in range(2)]
    elif what == "the middle third":
        capture.frames += [frame for frame, _ in day[len(day) // 3 : 2 * len(day) // 3]]
    else:
        keep = KEEPS[what]
        capture.frames += [frame for frame, ip in day if isinstance(ip.data, Tcp) and keep(ip, ip.data, rng)]
    capture.save(tmp_path / "day.pcap")
    report = analyze(tmp_path / "day.pcap")
    assert report.summary.connections > 30
    said = [f"{each.kind} {each.subject}" for each in report.findings if each.severity != "info"]
    assert said == []
