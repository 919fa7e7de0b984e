"""Coverage-guided by atheris (libFuzzer): ``python -m fuzz.guided TARGET [libFuzzer's options] CORPUS``.

The uncompiled engine is instrumented, so that a branch of it counts as one. Half of the mutations are ours,
which know packets and connections; half are libFuzzer's.
"""

from __future__ import annotations

import os
import sys

os.environ["TCPTRACE_PY_PURE"] = "1"

import atheris  # noqa: E402

with atheris.instrument_imports(include=["tcptrace_py"]):
    from fuzz.targets import TARGETS

from fuzz.__main__ import maker  # noqa: E402


def main() -> None:
    target = sys.argv.pop(1)
    run = TARGETS[target]

    def mutate(data: bytes, max_size: int, seed: int) -> bytes:
        if seed % 2:
            mutated: bytes = atheris.Mutate(data, max_size)
            return mutated
        return maker(target, seed)()[:max_size]

    atheris.Setup(sys.argv, run, custom_mutator=mutate)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
