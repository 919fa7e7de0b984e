"""A month of live capture, with its time compressed: memory must stay flat.

    python -m benchmarks.soak [--connections N] [--days D]

A made interface gives the frames of a small workload again and again, each time later on its own clock
and from other clients, to the same `Watch` that `tcptrace-py live` runs: tracker, findings, metrics.
Four-tuples come again after a day or so. Some connections never close, so `--max-connections` is at
work as well. Resident memory is printed at each tenth; the exit status is 1 where it has grown by more
than a tenth since the first of them.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from array import array
from operator import itemgetter
from pathlib import Path

from benchmarks.workloads import START_NS, frames
from tcptrace_py.capture.batch import BATCH_FRAMES, FrameBatch
from tcptrace_py.run.live import Watch

# Connections of a cycle: those that close, and those some of which stay.
_SHORT = 1_900
_MIX = 100
_DAY_NS = 86_400 * 1_000_000_000
_GROWTH = 1.10
_CLIENTS = 250
# Source and target address, behind Ethernet.
_SOURCE = 26
_TARGET = 30
_MOST_CONNECTIONS = 20_000


class MadeInterface:
    """What a `Watch` wants of a `LiveCapture`, from frames in memory."""

    path = "made"
    format = "live"
    link_types = {"ETHERNET"}
    link_type = 1
    snap_bytes = 192
    expression = None
    problem: str | None = None
    dropped_by_kernel = 0
    down = False
    downs = 0
    is_remote = False

    def __init__(self, cycle_ns: int) -> None:
        self.batch = FrameBatch()
        self.packets = 0
        self.consumed_bytes = 0
        self.descriptor, self._other_end = os.pipe()
        self._cycle_ns = cycle_ns
        self._cycle = 0
        self._at = 0
        data = bytearray()
        self._after_ns = array("q")
        self._offset = array("q")
        self._captured = array("q")
        self._original = array("q")
        #: Where the second octet of the client's address lies, for each frame.
        self._clients: list[int] = []
        made = [*frames("short", _SHORT * 10), *frames("mix", _MIX * 33)]
        for ts_ns, frame in sorted(made, key=itemgetter(0)):
            captured = frame[: self.snap_bytes]
            self._after_ns.append(ts_ns - START_NS)
            self._offset.append(len(data))
            self._captured.append(len(captured))
            self._original.append(len(frame))
            # A server has 10.0.0.x, a client 10.y.z.x with y not 0.
            source = frame[_SOURCE + 1 : _SOURCE + 3]
            self._clients.append(len(data) + (_SOURCE if source != bytes(2) else _TARGET) + 1)
            data += captured
        self._link_types = array("q", [self.link_type] * BATCH_FRAMES)
        self._data = data
        self._rename()

    @property
    def cycle_packets(self) -> int:
        return len(self._after_ns)

    def _rename(self) -> None:
        """Other clients in this cycle than in the last _CLIENTS ones."""
        octet = 1 + self._cycle % _CLIENTS
        for at in self._clients:
            self._data[at] = octet

    def next_batch(self, most: int = BATCH_FRAMES) -> int:
        batch = self.batch
        begin = START_NS + self._cycle * self._cycle_ns
        at = self._at
        count = min(most, BATCH_FRAMES, self.cycle_packets - at)
        batch.ts_ns[:count] = array("q", map(begin.__add__, self._after_ns[at : at + count]))
        batch.offset[:count] = self._offset[at : at + count]
        batch.captured[:count] = self._captured[at : at + count]
        batch.original[:count] = self._original[at : at + count]
        batch.link_type[:count] = self._link_types[:count]
        batch.data = self._data
        batch.count = count
        batch.first_number = self.packets + 1
        self._at += count
        self.packets += count
        if self._at == self.cycle_packets:
            self._at = 0
            self._cycle += 1
            self._rename()
        return count

    def now_ns(self, ours_ns: int) -> int:
        return ours_ns

    def close(self) -> None:
        os.close(self.descriptor)
        os.close(self._other_end)


def resident_bytes() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def soak(connections: int, days: float) -> bool:
    """Whether memory stayed flat."""
    cycles = max(10, connections // (_SHORT + _MIX))
    interface = MadeInterface(round(days * _DAY_NS) // cycles)
    observers = []
    try:
        from tcptrace_py.run.metrics import Metrics
    except ModuleNotFoundError:
        sink = None
    else:
        metrics = Metrics()
        observers.append(metrics)
        sink = metrics.finished
    watch = Watch(interface, sink=sink, most_connections=_MOST_CONNECTIONS)  # type: ignore[arg-type]
    first_bytes = 0
    begin_s = time.monotonic()
    tenth = cycles // 10
    for cycle in range(cycles):
        target = (cycle + 1) * interface.cycle_packets
        while interface.packets < target:
            watch.pump()
        if cycle % 20 == 0:
            for observer in observers:
                observer.look(watch)
        if (cycle + 1) % tenth == 0:
            now_bytes = resident_bytes()
            first_bytes = first_bytes or now_bytes
            print(
                f"day {days * (cycle + 1) / cycles:5.1f}  {watch.tracker.connections:>12,} connections"
                f"  {interface.packets:>13,} packets  {watch.tracker.known:>7,} in the table"
                f"  {now_bytes / 2**20:7.1f} MiB  {time.monotonic() - begin_s:6.0f} s",
                flush=True,
            )
    report = watch.report()
    grown = resident_bytes() / first_bytes
    print(
        f"{report.summary.connections:,} connections reported, {len(report.findings)} findings;"
        f" memory at the end is {grown:.2f} of the first tenth's"
    )
    return grown <= _GROWTH


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--connections", type=int, default=10_000_000)
    parser.add_argument("--days", type=float, default=30.0)
    arguments = parser.parse_args()
    return 0 if soak(arguments.connections, arguments.days) else 1


if __name__ == "__main__":
    sys.exit(main())
