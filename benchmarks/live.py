"""How many packets a second a live capture takes without a drop, beside tcpdump in the same run.

    sudo python -m benchmarks.live [--packets N] [--rounds R]

In network namespaces of its own a veth pair carries the workload *mix*, of which 192 bytes a packet are
captured; tcpdump writes to /dev/null. Sender and programs run in real time, so that what else runs on the
machine disturbs neither; that waits meanwhile. Two measures:

- *without a drop*: packets are sent as fast as they can be; where some are dropped, a fifth slower, until
  none are. The kernel's part (two interfaces, the copy into the buffer) costs most, and the sender pays it:
  where both programs keep up with the fastest sender, the ratio is about 1.
- *of one core*: each program is stopped while packets pass, so that they wait in its buffer, and then let go.
  Packets over the processor time that it takes to empty it: what the program costs, without the kernel.
"""

from __future__ import annotations

import argparse
import ctypes
import os
import re
import signal
import socket
import statistics
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from benchmarks import workloads
from tests.live.net import Net, live, messages_of

_SNAP_BYTES = 192
_STOPPED_MIB = 512
_RUNNING_MIB = 32
_QUIET_S = 0.5
_TOGETHER = 64
_SOL_PACKET = 263
_PACKET_QDISC_BYPASS = 20
_TARGET = 0.7


def send(interface: str, path: str, loops: int, per_s: float) -> float:
    """Put the frames of a pcap file onto an interface, from other clients each time; the seconds it took.

    ``per_s``: packets a second at most; 0 is as fast as it takes them.
    """
    data = bytearray(Path(path).read_bytes())
    whole = (ctypes.c_char * len(data)).from_buffer(data)
    base = ctypes.addressof(whole)
    libc = ctypes.CDLL(None, use_errno=True)
    frames: list[tuple[int, int]] = []
    clients: list[int] = []
    at = 24
    while at < len(data):
        (captured,) = struct.unpack_from("<I", data, at + 8)
        frames.append((base + at + 16, captured))
        # A server has 10.0.0.x, a client 10.y.z.x with y not 0: y lies behind Ethernet.
        source = at + 16 + 27
        clients.append(source if data[source] else source + 4)
        at += 16 + captured
    messages, _vectors = messages_of(frames)
    took_s = 0.0
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as raw:
        raw.bind((interface, 0))
        raw.setsockopt(_SOL_PACKET, _PACKET_QDISC_BYPASS, 1)
        for loop in range(loops):
            for client in clients:
                data[client] = loop + 1
            begin_s = time.monotonic()
            done = 0
            while done < len(frames):
                if per_s and done > (time.monotonic() - begin_s) * per_s:
                    time.sleep(0.0002)
                    continue
                count = min(_TOGETHER, len(frames) - done)
                sent = libc.sendmmsg(raw.fileno(), ctypes.byref(messages[done]), count, 0)
                # Its queue may be full for a moment.
                done += max(sent, 0)
                if sent <= 0:
                    time.sleep(0.0001)
            took_s += time.monotonic() - begin_s
    return took_s


def ran_ns(pid: int) -> int:
    """How long a process was on a processor, by its own threads."""
    return sum(
        int(path.read_text().split()[0]) for path in Path(f"/proc/{pid}/task").glob("[0-9]*/schedstat")
    )


def emptied_ns(pid: int) -> int:
    """Let a stopped process go, and say how long it ran until it had no more to do."""
    before = ran_ns(pid)
    os.kill(pid, signal.SIGCONT)
    last = before
    while True:
        time.sleep(_QUIET_S)
        now = ran_ns(pid)
        # Idle, it looks at its clock.
        if now - last < 30_000_000:
            return now - before
        last = now


class Outcome(NamedTuple):
    """``seconds``: what the sender took. ``ran_ns``: processor time of emptying the buffer, if asked for."""

    captured: int
    dropped: int
    seconds: float
    ran_ns: int


def _send(net: Net, path: Path, loops: int, per_s: float) -> float:
    code = "import sys; from benchmarks.live import send; print(send('cl0', sys.argv[1], *eval(sys.argv[2])))"
    sender = net.python(net.client, code, str(path), repr((loops, per_s)))
    told, _ = sender.communicate()
    if sender.returncode:
        raise RuntimeError("the packets could not be sent")
    return float(told)


def _pass(net: Net, pid: int, path: Path, loops: int, per_s: float, stopped: bool) -> tuple[float, int]:
    if not stopped:
        seconds = _send(net, path, loops, per_s)
        time.sleep(_QUIET_S)
        return seconds, 0
    os.kill(pid, signal.SIGSTOP)
    return _send(net, path, loops, per_s), emptied_ns(pid)


def ours(net: Net, path: Path, loops: int, per_s: float, stopped: bool) -> Outcome:
    buffer_mib = _STOPPED_MIB if stopped else _RUNNING_MIB
    with tempfile.TemporaryDirectory() as folder:
        with live(
            *(net.router, Path(folder), "-i", "r0", "--quiet", "--json", "report.json"),
            *("--buffer", f"{buffer_mib}MiB", "--snaplen", str(_SNAP_BYTES), "--no-promiscuous"),
        ) as running:
            told = _pass(net, running.process.pid, path, loops, per_s, stopped)
            running.end()
        capture = running.report()["capture"]
    return Outcome(capture["packets"], capture["dropped_by_kernel"], *told)


def tcpdump(net: Net, path: Path, loops: int, per_s: float, stopped: bool) -> Outcome:
    buffer_kib = (_STOPPED_MIB if stopped else _RUNNING_MIB) << 10
    process = subprocess.Popen(
        [
            *("ip", "netns", "exec", net.router, "tcpdump", "-i", "r0", "-n", "-p", "-w", "/dev/null"),
            *("-s", str(_SNAP_BYTES), "-B", str(buffer_kib), "tcp"),
        ],
        stderr=subprocess.PIPE,
    )
    assert process.stderr is not None
    while b"listening" not in process.stderr.readline():
        if process.poll() is not None:
            raise RuntimeError("tcpdump did not begin")
    told = _pass(net, process.pid, path, loops, per_s, stopped)
    # It hands a block over a second after its first packet.
    time.sleep(1.0)
    process.send_signal(signal.SIGINT)
    said = process.communicate()[1].decode()
    counted = re.search(r"(\d+) packets? captured.*?(\d+) packets? dropped by kernel", said, re.DOTALL)
    if counted is None:
        raise RuntimeError(f"tcpdump said: {said}")
    return Outcome(int(counted[1]), int(counted[2]), *told)


Program = Callable[[Net, Path, int, float, bool], Outcome]
PROGRAMS: dict[str, Program] = {"tcptrace-py live": ours, "tcpdump -w /dev/null": tcpdump}


def without_a_drop(program: Program, net: Net, path: Path, loops: int) -> float:
    """Packets a second, at the fastest pace at which none was dropped."""
    per_s = 0.0
    while True:
        outcome = program(net, path, loops, per_s, False)
        pace = (outcome.captured + outcome.dropped) / outcome.seconds
        print(f"    {pace:12,.0f}/s: {outcome.captured:,} captured, {outcome.dropped:,} dropped", flush=True)
        if not outcome.dropped:
            return pace
        per_s = pace * 0.8


def of_one_core(program: Program, net: Net, path: Path) -> float:
    outcome = program(net, path, 1, 0, True)
    print(
        f"    {outcome.captured:,} captured, {outcome.dropped:,} dropped,"
        f" {outcome.ran_ns / 1e9:.3f} s of processor time",
        flush=True,
    )
    return outcome.captured / outcome.ran_ns * 1e9


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--packets", type=int, default=300_000)
    parser.add_argument("--loops", type=int, default=5, help="how often they are sent without a drop")
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    paces: dict[str, list[float]] = {name: [] for name in PROGRAMS}
    costs: dict[str, list[float]] = {name: [] for name in PROGRAMS}
    # All that is started from here on has it, too (sched(7)).
    os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
    net = Net()
    try:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "mix.pcap"
            workloads.write("mix", path, arguments.packets)
            for _ in range(arguments.rounds):
                for name, program in PROGRAMS.items():
                    print(name)
                    paces[name].append(without_a_drop(program, net, path, arguments.loops))
                    costs[name].append(of_one_core(program, net, path))
    finally:
        net.close()
    for what, found in (("without a drop", paces), ("of one core", costs)):
        mine, theirs = (statistics.median(each) for each in found.values())
        ratio = mine / theirs
        verdict = f" ({'met' if ratio >= _TARGET else 'missed'}: {_TARGET})" if found is paces else ""
        print(f"packets a second {what}: {mine:,.0f}, tcpdump {theirs:,.0f}: ratio {ratio:.2f}{verdict}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
