"""Names that a .pxd gives a C type are no names of the compiled module, so nobody may import them from it."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from tests.conftest import PACKAGE, ROOT

_TYPED = re.compile(r"^cdef (?!class|inline|extern)\w[\w ]*? (\w+(?:, \w+)*)$", re.MULTILINE)


def typed_names(module: str) -> set[str]:
    pxd = ROOT.joinpath(*module.split(".")).with_suffix(".pxd")
    if not pxd.exists():
        return set()
    return {name for names in _TYPED.findall(pxd.read_text()) for name in names.split(", ")}


def test_the_types_of_names_are_found() -> None:
    assert {"TCP", "ETHERTYPE_KEY"} <= typed_names("tcptrace_py.wire.fast")
    assert "LATEST_NS" in typed_names("tcptrace_py.capture.pcapng")


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: str(path.relative_to(ROOT)))
def test_no_typed_name_is_imported(path: Path) -> None:
    wrong = [
        f"{alias.name} from {node.module}"
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("tcptrace_py")
        for alias in node.names
        if alias.name in typed_names(node.module)
    ]
    assert wrong == []
