"""Draw findings to be judged: ``python -m tests.precision --seed N --out DIRECTORY``.

Warnings and criticals of all captures that nobody made for a finding (the corpora, where they are; the
recordings of the lab; healthy days) are drawn by lot. Each is written as it is printed, with the packets of
its connections as tshark tells them, for somebody who has not read the rules: useful, noise or wrong?
`causes.txt` lists every finding of a kind by cause, samples included, to be looked at for false alarms.
"""

from __future__ import annotations

import argparse
import io
import random
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

from msgspec.structs import replace
from rich.console import Console

from tcptrace_py import analyze
from tcptrace_py.findings.causes.claims import CAUSES
from tcptrace_py.findings.finding import Finding
from tcptrace_py.report.model.model import Report
from tcptrace_py.report.people.terminal import render
from tcptrace_py.report.people.view import View
from tests.healthy.day import make

ROOT = Path(__file__).parents[1]
CORPUS = ROOT.parent / "shared" / "corpus"
SAMPLES = ROOT / "sample_pcaps"
DAYS = (1, 2, 3)
BY_CAUSE = frozenset(cause.KIND for cause in CAUSES)
#: Where captures come from: ``FURTHER`` from the folders that were named.
ORIGINS = CORPORA, LAB, HEALTHY, FURTHER = ("corpus", "lab", "healthy day", "further")
#: Connections of a finding whose packets are written, and packets of each at its beginning and end.
CONNECTIONS, HEAD, TAIL = 3, 40, 25

QUESTION = """\
You are on call. The tool printed this about a capture. By the packets below, is it

  useful   true, and somebody should look at it or act on it this week
  noise    true, but nobody would act: everyday, harmless, or of no consequence
  wrong    what it says did not happen, or has another cause or culprit than it says

Write one row to verdicts.tsv: number, verdict, the frames that show it, why.
"""


@dataclass
class Drawn:
    """A finding, and the capture that it is of."""

    origin: str
    path: Path
    report: Report
    finding: Finding


def captures(days: Path, more: list[Path]) -> Iterator[tuple[str, Path]]:
    """``(origin, path)``; each capture once, and of a lab scenario one recording, for all tell the same."""
    seen: set[bytes] = set()
    for origin, folder in ((CORPORA, CORPUS), *((FURTHER, folder) for folder in more)):
        for path in sorted(folder.rglob("*")):
            if not path.name.removesuffix(".gz").endswith((".pcap", ".pcapng", ".dmp", ".trace", ".cap")):
                continue
            content = blake2b(path.read_bytes()).digest() if path.is_file() else b""
            if content and content not in seen:
                seen.add(content)
                yield origin, path
    scenarios: dict[str, Path] = {}
    for path in sorted((SAMPLES / "kernel").glob("*.pcap*"), key=lambda path: "middle" not in path.name):
        scenarios.setdefault(path.name.split("-")[0], path)
    for path in scenarios.values():
        yield LAB, path
    for seed in DAYS:
        make(seed).save(days / f"healthy-day-{seed}.pcap")
        yield HEALTHY, days / f"healthy-day-{seed}.pcap"


def found(sources: Iterator[tuple[str, Path]]) -> Iterator[Drawn]:
    for origin, path in sources:
        try:
            report = analyze(path)
        except ValueError as error:
            print(f"{path.name}: {error}")
            continue
        for finding in report.findings:
            yield Drawn(origin, path, report, finding)


def printed(drawn: Drawn) -> str:
    """The finding as ``tcptrace-py analyze -v`` prints it, and no other."""
    out = io.StringIO()
    console = Console(file=out, width=100, color_system=None)
    render(replace(drawn.report, findings=[drawn.finding]), console, View(verbose=True))
    return out.getvalue()


def packets(drawn: Drawn) -> str:
    """Those of its first connections, by tshark where it is installed, else by ``tcptrace-py show``."""
    by_id = {connection.id: connection for connection in drawn.report.connections}
    parts = []
    for number in drawn.finding.connections[:CONNECTIONS]:
        connection = by_id[number]
        a, b = connection.client, connection.server
        parts.append(f"--- #{number} {a.address}:{a.port} > {b.address}:{b.port}\n")
        layer = "ipv6" if ":" in a.address else "ip"
        wanted = " && ".join(
            [f"{layer}.addr=={end.address}" for end in (a, b)] + [f"tcp.port=={end.port}" for end in (a, b)]
        )
        if shutil.which("tshark"):
            call = ["tshark", "-n", "-t", "r", "-o", "tcp.relative_sequence_numbers:true"]
            call += ["-r", str(drawn.path), "-Y", wanted]
        else:
            call = ["tcptrace-py", "show", str(drawn.path), str(number)]
        lines = subprocess.run(call, capture_output=True, text=True, check=False).stdout.splitlines()
        if len(lines) > HEAD + TAIL:
            left = len(lines) - HEAD - TAIL
            lines = [*lines[:HEAD], f"    ... {left:,} packets left out ...", *lines[-TAIL:]]
        parts += [line + "\n" for line in lines]
    return "".join(parts)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=60)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--more", type=Path, nargs="*", default=[], help="folders of captures besides")
    options = parser.parse_args()
    out: Path = options.out
    out.mkdir(parents=True, exist_ok=True)
    everything = list(found(captures(out, options.more)))
    worth = [drawn for drawn in everything if drawn.finding.severity != "info"]
    some = random.Random(options.seed).sample(worth, min(options.count, len(worth)))
    (out / "QUESTION.txt").write_text(QUESTION)
    rows = ["number\torigin\tcapture\tseverity\tkind\tsubject\tverdict\tframes\twhy"]
    for number, drawn in enumerate(some, 1):
        finding = drawn.finding
        head = f"{drawn.origin}: {drawn.path.name}\n\n"
        (out / f"{number:02}.txt").write_text(head + printed(drawn) + "\nPackets\n" + packets(drawn))
        cells = [f"{number}", drawn.origin, drawn.path.name, finding.severity, finding.kind]
        rows.append("\t".join([*cells, finding.subject.label(), "", "", ""]))
    (out / "verdicts.tsv").write_text("\n".join(rows) + "\n")
    everything += found(("sample", path) for path in sorted(SAMPLES.glob("*.pcap*")))
    causes = [drawn for drawn in everything if drawn.finding.kind in BY_CAUSE]
    causes.sort(key=lambda drawn: drawn.finding.kind)
    lines = [
        f"{drawn.finding.kind:20} {drawn.finding.severity:8} {drawn.finding.confidence:8} {drawn.origin:11}"
        f" {drawn.path.name} {drawn.finding.subject.label()} ({drawn.finding.count})"
        f" #{','.join(str(number) for number in drawn.finding.connections[:3])}"
        for drawn in causes
    ]
    (out / "causes.txt").write_text("\n".join(lines) + "\n")
    of = {origin: sum(each.origin == origin for each in worth) for origin in ORIGINS}
    print(f"{len(worth)} warnings and criticals ({of}), {len(some)} drawn to {out}; {len(causes)} by cause")


if __name__ == "__main__":
    main()
