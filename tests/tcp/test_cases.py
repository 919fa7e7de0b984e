"""The captures of ``../shared/cases/states``, each with both endpoints' true histories."""

from __future__ import annotations

import importlib.util
import tomllib
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec
import pytest

from tcptrace_py import analyze

CASES = Path(__file__).parents[3] / "shared" / "cases"
STATES = CASES / "states"
WANTED = tomllib.loads((STATES / "expected.toml").read_text())["case"] if STATES.is_dir() else []


def check() -> ModuleType:
    """The judge that lies beside the captures."""
    spec = importlib.util.spec_from_file_location("check", CASES / "check.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.skipif(not WANTED, reason="../shared/cases is not there")
@pytest.mark.parametrize("case", WANTED, ids=lambda case: case["file"].partition(".")[0])
def test_histories_are_the_true_ones(case: dict[str, Any]) -> None:
    report = msgspec.to_builtins(analyze(STATES / case["file"]))
    assert list(check().judge(report, case)) == []
