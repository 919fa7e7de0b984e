"""Write the sample captures: ``python sample_pcaps/make.py [OUTDIR]``.

Deterministic: the same bytes every time (each scenario's random numbers are
seeded by its name). Needs dpkt only.
"""

from __future__ import annotations

import sys
from pathlib import Path

from scenarios import (  # noqa: F401  (each registers its scenarios when imported)
    causes,
    closing,
    disorder,
    imperfect,
    long_lived,
    opening,
    resets,
    sick_service,
    stuck,
    time_wait,
)
from scenarios.script import SCENARIOS, Capture


def main(out_dir: Path) -> None:
    out_dir.mkdir(parents=True, exist_ok=True)
    for name, (scenario, _rows) in SCENARIOS.items():
        capture = Capture(name)
        scenario(capture)
        capture.save(out_dir / name)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)
