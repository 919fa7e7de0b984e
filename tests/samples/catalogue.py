"""All samples and what is expected of them."""

from __future__ import annotations

from pathlib import Path

from . import (
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
from .expectation import Sample

SAMPLE_DIR = Path(__file__).parents[2] / "sample_pcaps"
FAMILIES = (causes, opening, closing, stuck, resets, time_wait, long_lived, imperfect, disorder, sick_service)
SAMPLES: list[Sample] = [sample for family in FAMILIES for sample in family.SAMPLES]
