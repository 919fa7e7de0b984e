"""Samples' reports as JSON; ``test_counts.py`` has their sums."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import msgspec

from tcptrace_py import analyze
from tcptrace_py.report.formats import json as report_json
from tcptrace_py.report.model.model import Report

SAMPLES = Path(__file__).resolve().parents[2] / "sample_pcaps"
NAMES = sorted(path.name for path in SAMPLES.glob("*.pcap*"))


def test_every_sample_satisfies_the_schema_and_reads_back() -> None:
    validator = jsonschema.Draft202012Validator(report_json.schema())
    for name in NAMES:
        report = analyze(SAMPLES / name)
        text = report_json.encode(report)
        validator.validate(json.loads(text))
        assert msgspec.json.decode(text, type=Report) == report
