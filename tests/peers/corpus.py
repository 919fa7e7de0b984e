"""Where the captures to compare on are, and what we say of each."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

from tcptrace_py import Report, analyze

ROOT = Path(__file__).resolve().parent.parent.parent
SAMPLES = ROOT / "sample_pcaps"
#: Captures that none of us made; they are not part of the project.
CORPUS = Path(os.environ.get("TCPTRACE_PY_CORPUS", ROOT.parent / "shared" / "corpus"))

_SUFFIXES = (".pcap", ".pcapng", ".pcap.gz", ".dmp.gz", ".snoop.gz")


def captures() -> list[Path]:
    """Every capture of the corpus (if it is here) and of the samples."""
    return [
        path
        for folder in (CORPUS, SAMPLES)
        if folder.is_dir()
        for path in sorted(folder.rglob("*"))
        if path.name.endswith(_SUFFIXES)
    ]


def name_of(path: Path) -> str:
    return str(path.relative_to(CORPUS if path.is_relative_to(CORPUS) else ROOT))


@cache
def report_of(path: Path) -> Report:
    return analyze(path)
