"""The corpus: captures and texts to begin with, made from the samples.

    python -m fuzz.corpus FOLDER

writes a folder for each target, as atheris wants it.
"""

from __future__ import annotations

import random
import sys
from functools import cache
from pathlib import Path

from fuzz.captures import Frame, container, read
from tcptrace_py import analyze
from tcptrace_py.capture.error import CaptureError
from tcptrace_py.report.formats import json
from tests.hostile.inputs import INPUTS, pcap
from tests.wire.formats import FORMATS
from tests.wire.frames import IPV4, IPV6, ipv4, ipv6, tcp

ROOT = Path(__file__).resolve().parent.parent
_MOST_BYTES = 200_000
_MOST_FRAMES = 400

_RULES = (
    b"critical", b"stuck-close-wait", b"resets.total / connections > 1%", b"time_wait.peak >= 1000",
    b"close_wait.longest_s > 30s", b"handshakes.complete < 50",
)  # fmt: skip
_POLICY = b"""fail_on = ["critical", "resets.total > 5"]
[thresholds]
close_wait_after = "2s"
[[allow]]
kind = "reset-abort"
count = 3
reason = "known"
expires = 2030-01-01
"""


def samples() -> list[Path]:
    return sorted((ROOT / "sample_pcaps").rglob("*.pcap*"))


@cache
def captures(every: int = 1) -> list[list[Frame]]:
    """The samples (or one of so many), as frames; and what once broke an analysis."""
    found = []
    for path in samples()[::every]:
        if path.stat().st_size > _MOST_BYTES:
            continue
        try:
            frames = read(path)
        except CaptureError:
            continue
        if frames:
            found.append(frames[:_MOST_FRAMES])
    for make in INPUTS.values():
        found.append([Frame(round(each.time_s * 1e9), 101, len(each.ip()), each.ip()) for each in make()])
    return found


@cache
def texts(target: str) -> list[bytes]:
    """Texts to mutate for the targets that read one."""
    if target == "rule":
        return list(_RULES)
    if target == "policy":
        return [_POLICY]
    return [json.encode(analyze(ROOT / "sample_pcaps" / "sick_service.pcap"))]


def seeds(target: str) -> list[bytes]:
    """Good inputs of a target."""
    if target in ("whole", "reader"):
        made = random.Random(0)
        return [container(frames, made) for frames in captures()] + [pcap(make()) for make in INPUTS.values()]
    if target == "decoder":
        return [
            each.link_type.to_bytes(2, "big") + b"\0" + each.data
            for frames in captures()
            for each in frames[:3]
        ] + [
            form.link_type.to_bytes(2, "big") + b"\0" + form.build(packet, kind)
            for form in FORMATS.values()
            for packet, kind in ((ipv4(tcp()), IPV4), (ipv6(tcp()), IPV6))
        ]
    return texts(target)


def write(folder: Path) -> None:
    for target in ("whole", "reader", "decoder", "saved", "policy", "rule"):
        place = folder / target
        place.mkdir(parents=True, exist_ok=True)
        for number, data in enumerate(seeds(target)):
            (place / f"{number:04}").write_bytes(data)


if __name__ == "__main__":
    write(Path(sys.argv[1]))
