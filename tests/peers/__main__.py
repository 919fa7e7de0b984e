"""``python -m tests.peers``: what Zeek, Wireshark and tcptrace say, and what we say."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from textwrap import fill
from typing import Protocol

from . import tcptrace_table, wireshark, zeek
from .corpus import CORPUS, captures


class Row(Protocol):
    @property
    def equal(self) -> bool: ...
    @property
    def reason(self) -> str: ...


def main() -> int:
    unexplained = 0
    if zeek.EXPECTED.is_file():
        rows = zeek.compare()
        print("Zeek: conn_state, history and packets of each connection in its own baselines\n")
        for row in rows:
            said = [
                " ".join(map(str, each)) if each else "no such connection" for each in (row.zeek, row.ours)
            ]
            print(f"  {verdict(row):9}  {row.capture}  {row.connection}  {said[0]}")
            if not row.equal:
                print(f"{'ours':>11}  {said[1]}")
                explain(row)
        unexplained += total("Zeek", rows)
    else:
        print(f"Zeek: nothing to compare with, there is no {zeek.EXPECTED}")
    if wireshark.SHARKD:
        print("\nWireshark: tcp.stream and tcp.completeness of each stream\n")
        streams: list[wireshark.Row] = []
        for path in captures():
            of_file = wireshark.compare(path)
            streams.extend(of_file)
            equal = sum(row.equal for row in of_file)
            if of_file and equal == len(of_file):
                print(f"  equal      {of_file[0].capture}  {equal} streams")
            for row in of_file:
                if not row.equal:
                    said = f"{row.wireshark} / {row.ours}"
                    print(f"  {verdict(row):9}  {row.capture}  stream {row.stream}: {said}")
                    explain(row)
        unexplained += total("Wireshark", streams)
    else:
        print("\nWireshark: tshark is not installed")
    if CORPUS.is_dir():
        print()
        unexplained += tcptrace_table.main()
    return 1 if unexplained else 0


def verdict(row: Row) -> str:
    return "equal" if row.equal else "explained" if row.reason else "DIFFERS"


def explain(row: Row) -> None:
    if row.reason:
        print(fill(row.reason, 100, initial_indent=" " * 13, subsequent_indent=" " * 13))


def total(name: str, rows: Sequence[Row]) -> int:
    """Print the totals; how many rows differ for no reason that we know."""
    equal = count(row.equal for row in rows)
    explained = count(not row.equal and bool(row.reason) for row in rows)
    unexplained = len(rows) - equal - explained
    print(f"\n{name}: {len(rows)} rows compared, {equal} equal, {explained} explained, {unexplained} not")
    return unexplained


def count(flags: Iterable[bool]) -> int:
    return sum(1 for flag in flags if flag)


if __name__ == "__main__":
    sys.exit(main())
