"""Coverage-guided by atheris (libFuzzer): ``python -m fuzz.guided TARGET [libFuzzer's options] [CORPUS]``.

The uncompiled engine is instrumented, so that a branch of it counts as one. Half of the mutations are ours,
which know packets and connections; half are libFuzzer's. Needs atheris: pip install -e '.[fuzz]'.
"""

from __future__ import annotations

import os
import sys
from types import FunctionType

os.environ["TCPTRACE_PY_PURE"] = "1"

import atheris

from fuzz.__main__ import maker
from fuzz.targets import TARGETS

# The instrumented engine reads slowly: some of the samples are enough to begin with.
_EVERY = 12


def instrument() -> int:
    """Count the branches of every function of the package that is loaded by now; how many functions.

    One by one: the finder that picks the uncompiled engine goes before atheris's own.
    """
    functions = set()
    for name, module in list(sys.modules.items()):
        if name.startswith("tcptrace_py"):
            for each in list(vars(module).values()):
                members = vars(each).values() if isinstance(each, type) else (each,)
                functions.update(
                    member
                    for member in members
                    if isinstance(member, FunctionType) and member.__module__.startswith("tcptrace_py")
                )
    for function in functions:
        atheris.instrument_func(function)
    return len(functions)


def main() -> None:
    target = sys.argv.pop(1)
    run = TARGETS[target]
    # Loads what is loaded late.
    make = maker(target, 0, _EVERY)
    for _ in range(20):
        run(make())
    instrument()

    def mutate(data: bytes, max_size: int, seed: int) -> bytes:
        if seed % 2:
            mutated: bytes = atheris.Mutate(data, max_size)
            return mutated
        return maker(target, seed, _EVERY)()[:max_size]

    atheris.Setup(sys.argv, run, custom_mutator=mutate)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
