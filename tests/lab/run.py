"""Runs scenarios, many at once (they mostly sleep), and saves traffic and truth."""

from __future__ import annotations

import gzip
import ipaddress
import json
import os
import platform
import random
import shutil
import tempfile
import time
import traceback
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .network import Capture, Sample, write_pcap
from .script import FIRST_PORT, LAST_PORT, Lab, Scenario
from .truth import Life, Trace, Transition, endpoints

FAMILIES = ("v4", "v6")
#: Transitions up to so long after the last packet count: the stack's reaction to it.
_REACTION_NS = 50_000_000


@dataclass(slots=True)
class Outcome:
    """One run of one scenario on one family; ``failure`` if the lab or its script failed."""

    scenario: Scenario
    family: str
    seconds: float = 0.0
    failure: str = ""
    captures: dict[str, Capture] | None = None
    samples: list[Sample] | None = None
    truth: dict[str, Any] | None = None
    offset_ns: int = 0  # what turns CLOCK_MONOTONIC into the epoch's time
    client: str = ""  # its address


def run(
    scenarios: Sequence[Scenario],
    families: Sequence[str] = FAMILIES,
    *,
    at_once: int = 24,
    block: int | None = None,
) -> list[Outcome]:
    """Run each scenario on each family. ``block`` numbers the address range (random if None)."""
    if block is None:
        block = random.SystemRandom().randrange(100, 250)
    jobs = [Outcome(scenario, family) for scenario in scenarios for family in families]
    # The long ones first, so that the short ones fill the gaps.
    order = sorted(range(len(jobs)), key=lambda index: jobs[index].scenario.speed != "slow")
    offset_ns = time.time_ns() - time.monotonic_ns()
    with Trace(FIRST_PORT, LAST_PORT) as trace:
        pool = ThreadPoolExecutor(at_once)
        try:
            list(pool.map(lambda index: _run_one(jobs[index], block, index), order))
        except BaseException:  # Ctrl-C: do not wait for scripts that sleep
            pool.shutdown(wait=False, cancel_futures=True)
            raise
        pool.shutdown()
        transitions = trace.transitions()
    by_pair: dict[tuple[bytes, bytes], list[Transition]] = {}
    for transition in transitions:
        key = (transition.local[0], transition.remote[0])
        by_pair.setdefault((min(key), max(key)), []).append(transition)
    for index, job in enumerate(jobs):
        if job.samples is not None and job.captures is not None:
            client, server = (ipaddress.ip_address(a).packed for a in addresses(job.family, block, index))
            mine = by_pair.get((min(client, server), max(client, server)), [])
            job.client = addresses(job.family, block, index)[0]
            job.truth = _truth(job, mine, offset_ns)
    return jobs


def addresses(family: str, block: int, index: int) -> tuple[str, str]:
    """Those of the client and the server of run ``index``."""
    if family == "v4":
        return f"10.{block}.{index}.1", f"10.{block}.{index}.2"
    return f"2001:db8:{block}:{index}::1", f"2001:db8:{block}:{index}::2"


def _run_one(job: Outcome, block: int, index: int) -> None:
    began = time.monotonic()
    lab: Lab | None = None
    try:
        lab = Lab(*addresses(job.family, block, index))
        job.scenario.script(lab)
        lab.settle()
        lab.finish()
        if lab.wire.error is not None:
            raise lab.wire.error
        job.samples = lab.wire.samples
    except BaseException:
        job.failure = traceback.format_exc()
    finally:
        if lab is not None:
            lab.close()
            job.captures = lab.wire.captures
        job.seconds = time.monotonic() - began


def _truth(job: Outcome, transitions: list[Transition], offset_ns: int) -> dict[str, Any]:
    assert job.captures is not None and job.samples is not None
    last_ns = max((frames.frames[-1][0] for frames in job.captures.values() if frames.frames), default=0)
    pairs = endpoints(transitions, job.samples, last_ns + _REACTION_NS)

    def endpoint(life: Life | None, other: Life | None) -> dict[str, Any]:
        if life is None:
            assert other is not None
            (address, port), states = other.remote, []
        else:
            (address, port), states = life.local, life.states
        return {
            "address": str(ipaddress.ip_address(address)),
            "port": port,
            "history": [[state, ts_ns + offset_ns] for state, ts_ns in states],
        }

    scenario = job.scenario
    job.offset_ns = offset_ns
    return {
        "scenario": scenario.name,
        "purpose": scenario.purpose,
        "family": job.family,
        "kernel": platform.release().split("-")[0],
        "settings": scenario.settings,
        "findings": sorted(scenario.findings),
        "may": sorted(scenario.may),
        "first": {
            "handshake": scenario.handshake,
            "close": scenario.close,
            "initiator": scenario.initiator,
            "reset": scenario.reset,
        },
        "vantages": list(scenario.vantages),
        "unseen": scenario.unseen,
        "counts": scenario.counts,
        "blind": scenario.blind,
        "forged": scenario.forged,
        "connections": [[endpoint(a, b), endpoint(b, a)] for a, b in pairs],
    } | ({"log": [[at_ns + offset_ns, *rest] for at_ns, *rest in scenario.log]} if scenario.log else {})


def save(job: Outcome, directory: Path) -> Path:
    """Write ``<scenario>-<family>.json`` and a pcap for each vantage point; the JSON's path.

    A capture of more than 64 KiB is compressed.
    """
    assert job.captures is not None and job.truth is not None
    directory.mkdir(parents=True, exist_ok=True)
    stem = f"{job.scenario.name}-{job.family}"
    for vantage in job.scenario.vantages:
        path = directory / f"{stem}.{vantage}.pcap"
        write_pcap(path, job.captures[vantage], job.offset_ns)
        if path.stat().st_size > 65536:
            with (
                open(path, "rb") as plain,
                open(f"{path}.gz", "wb") as packed,
                gzip.GzipFile("", "wb", 9, packed, mtime=0) as file,
            ):
                shutil.copyfileobj(plain, file)
            path.unlink()
    return save_truth(job.truth, directory / f"{stem}.json")


def save_truth(truth: dict[str, Any], path: Path) -> Path:
    text = json.dumps(truth, indent=1)
    if len(text) > 65536:
        path = path.with_suffix(".json.gz")
        with open(path, "wb") as packed, gzip.GzipFile("", "wb", 9, packed, mtime=0) as file:
            file.write(json.dumps(truth, separators=(",", ":")).encode())
    else:
        # One history a line.
        flat = {key: value for key, value in truth.items() if key != "connections"}
        rows = ",\n  ".join(
            "[" + ",\n   ".join(json.dumps(end) for end in pair) + "]" for pair in truth["connections"]
        )
        head = json.dumps(flat, indent=1)[:-2]
        path.write_text(f'{head},\n "connections": [\n  {rows}\n ]\n}}\n')
    return path


def scratch() -> Path:
    """A new directory for captures, removed by the caller."""
    return Path(tempfile.mkdtemp(prefix=f"tcptrace-lab-{os.getpid()}-"))
