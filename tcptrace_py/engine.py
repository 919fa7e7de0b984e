"""Which engine reads the packets: the compiled modules, or the same ``.py`` files uncompiled.

A build compiles all of the hot modules or none of them (see ``setup.py``), so
one of them tells for all. ``TCPTRACE_PY_PURE=1`` in the environment, set before
the first import, takes the ``.py`` files even where compiled ones lie beside them.
"""

from __future__ import annotations

import os
import sys
from importlib.machinery import SOURCE_SUFFIXES, ExtensionFileLoader, FileFinder, ModuleSpec, SourceFileLoader

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import ModuleType
    from typing import Literal

PURE_VARIABLE = "TCPTRACE_PY_PURE"
#: A hot module that imports nothing, so that asking costs nothing.
_WITNESS = "tcptrace_py.wire.segment"


class UncompiledFinder:
    """A meta-path finder (PEP 302) that gives this package's modules from source alone."""

    @staticmethod
    def find_spec(
        name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if path is None or not name.startswith("tcptrace_py."):
            return None
        for folder in path:
            spec = FileFinder(folder, (SourceFileLoader, SOURCE_SUFFIXES)).find_spec(name)
            if spec is not None:
                return spec
        return None


def use_uncompiled_if_asked() -> None:
    """Puts `UncompiledFinder` first if the environment asks for it; asking twice changes nothing."""
    if os.environ.get(PURE_VARIABLE, "") in ("", "0"):
        return
    if UncompiledFinder not in sys.meta_path:
        sys.meta_path.insert(0, UncompiledFinder)


def engine() -> Literal["compiled", "pure Python"]:
    """The engine that this process uses, without loading it."""
    from importlib.util import find_spec

    spec = find_spec(_WITNESS)
    return "compiled" if spec is not None and isinstance(spec.loader, ExtensionFileLoader) else "pure Python"
