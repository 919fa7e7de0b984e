"""Rotated captures analyzed by a Dask cluster of this machine: time, memory of each process, bytes passed on.

    python -m benchmarks.cluster [--files N] [--file-mb MB] [--workers N]

Makes the workload *mix*, cuts it into files as ``tcpdump -C`` would, and lets one process, then a
scheduler with workers on loopback, analyze them; the two reports have to be the same.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks import workloads

# Of *mix*, on average.
_BYTES_A_PACKET = 830


def rotated(folder: Path, files: int, file_bytes: int) -> tuple[list[Path], int]:
    """*mix* in so many files of this size, one after the other; and the packets of all."""
    whole = folder / "whole.pcap"
    packets = workloads.write("mix", whole, files * file_bytes // _BYTES_A_PACKET)
    data = memoryview(whole.read_bytes())
    head, at, begin = data[:24], 24, 24
    paths = []
    while at < len(data):
        at += 16 + int.from_bytes(data[at + 8 : at + 12], "little")
        if at - begin >= file_bytes or at >= len(data):
            paths.append(folder / f"rotated-{len(paths):05}.pcap")
            with paths[-1].open("wb") as out:
                out.write(head)
                out.write(data[begin:at])
            begin = at
    whole.unlink()
    return paths, packets


def peak_mb(pid: int) -> float:
    found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    return int(found[1]) / 1024 if found else 0.0


def run(command: list[str], spill: Path | None = None) -> tuple[float, float, int]:
    """Seconds, peak memory in MB, and the most bytes that lay in ``spill``."""
    begin_s = time.monotonic()
    process = subprocess.Popen(command)
    most_mb, most_bytes = 0.0, 0
    while process.poll() is None:
        try:
            most_mb = max(most_mb, peak_mb(process.pid))
        except OSError:
            pass
        if spill is not None:
            sizes = [path.stat().st_size for path in spill.rglob("*.arrow") if path.exists()]
            most_bytes = max(most_bytes, sum(sizes))
        time.sleep(0.05)
    if process.returncode:
        sys.exit(f"{command[3:5]} failed: {process.returncode}")
    return time.monotonic() - begin_s, most_mb, most_bytes


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--files", type=int, default=200)
    parser.add_argument("--file-mb", type=float, default=10.0)
    parser.add_argument("--workers", type=int, default=2)
    arguments = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="tcptrace-py-cluster-"))
    started: list[subprocess.Popen[bytes]] = []
    try:
        paths, packets = rotated(folder, arguments.files, round(arguments.file_mb * 1e6))
        size = sum(path.stat().st_size for path in paths)
        print(f"{len(paths)} files, {size / 1e6:,.0f} MB, {packets:,} packets")
        python = [sys.executable, "-m"]
        quiet = ["--no-dashboard"]
        alone = ["--no-nanny", *quiet]
        log = folder / "scheduler.log"
        with log.open("wb") as out:
            started.append(
                subprocess.Popen(
                    [*python, "distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", "0", *quiet],
                    stdout=out, stderr=out,
                )
            )  # fmt: skip
        while not (address := re.search(r"tcp://127\.0\.0\.1:\d+", log.read_text())):
            time.sleep(0.1)
        for _ in range(arguments.workers):
            started.append(
                subprocess.Popen(
                    [*python, "distributed.cli.dask_worker", address[0], "--nthreads", "1", *alone],
                    stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=folder,
                )
            )  # fmt: skip
        time.sleep(3)
        analyze = [*python, "tcptrace_py", "analyze", *map(str, paths), "--no-connections", "--json"]
        alone_s, alone_mb, _ = run([*analyze, str(folder / "one.json"), "--jobs", "1"])
        print(f"one process: {alone_s:.1f} s, at most {alone_mb:,.0f} MB")
        spill = folder / "spill"
        spill.mkdir()
        took_s, client_mb, spilled = run(
            [*analyze, str(folder / "many.json"), "--cluster", address[0], "--spill", str(spill)], spill
        )
        print(
            f"{arguments.workers} workers: {took_s:.1f} s; the client at most {client_mb:,.0f} MB, workers"
            f" {', '.join(f'{peak_mb(each.pid):,.0f}' for each in started[1:])} MB, the scheduler"
            f" {peak_mb(started[0].pid):,.0f} MB"
        )
        print(f"passed on: {spilled / 1e6:,.1f} MB, {spilled / packets:.1f} bytes a packet")
        same = (folder / "one.json").read_bytes() == (folder / "many.json").read_bytes()
        print("the reports are the same" if same else "THE REPORTS DIFFER")
    finally:
        for process in reversed(started):
            process.terminate()
            process.wait()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
