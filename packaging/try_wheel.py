"""Tries the wheel in ``dist/`` as a user gets it: a fresh environment, no compiler, the sources out of reach.

``python packaging/try_wheel.py [WHEEL] [--tests ROOM...]`` installs it with what it needs, runs
the program on a sample, looks at its manual pages and completions, and with ``--tests`` runs
those rooms of ``tests/`` against it. It stops at the first thing amiss, with status 1.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
#: Installing takes longer only where something is compiled (or the network is slow).
MOST_SECONDS = 120
# What takes longer to install than its tests are worth here; they skip.
_BIG = ("axe-playwright-python", "playwright", "pyarrow", "zat")
# Completes "tcptrace-py expl" as bash does, with the script that is its first argument.
_COMPLETE_EXPL = """
source "$0"; COMP_WORDS=(tcptrace-py expl); COMP_CWORD=1; _tcptrace_py_completion tcptrace-py
echo "${COMPREPLY[*]}"
"""


def programs(folder: Path) -> str:
    """A ``PATH`` of its own in ``folder``: the few programs that tests start, and no compiler."""
    folder.mkdir()
    for name in (
        "sh",
        "bash",
        "env",
        "cat",
        "head",
        "true",
        "false",
        "sleep",
        "tshark",
        "tcpdump",
        "ip",
        "man",
    ):
        found = shutil.which(name)
        if found is not None:
            (folder / name).symlink_to(found)
    return str(folder)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("wheel", nargs="?", type=Path, help="default: the one in dist/")
    parser.add_argument("--tests", nargs="+", default=[], metavar="ROOM", help="rooms of tests/ to run")
    arguments = parser.parse_args()
    wheels = [arguments.wheel] if arguments.wheel else list((ROOT / "dist").glob("*.whl"))
    if len(wheels) != 1:
        sys.exit(f"one wheel is wanted in dist/, and there are {len(wheels)}: make wheel")
    wheel = wheels[0].resolve()
    # Below the user's home or /tmp, never in the tree: the sources must not be found by accident.
    with tempfile.TemporaryDirectory(prefix="tcptrace-py-wheel-") as scratch:
        try_in(Path(scratch), wheel, arguments.tests)


def try_in(folder: Path, wheel: Path, rooms: list[str]) -> None:
    subprocess.run([sys.executable, "-m", "venv", str(folder / "env")], check=True)
    python = folder / "env" / "bin" / "python"
    path = f"{python.parent}{os.pathsep}{programs(folder / 'programs')}"
    environment = {
        name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "TCPTRACE_PY_PURE")
    }
    environment |= {"PATH": path, "CC": "no-compiler-here", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}

    def run(*command: str | Path) -> str:
        done = subprocess.run(
            command, cwd=folder, env=environment, stdout=subprocess.PIPE, text=True, check=False
        )
        if done.returncode:
            print(done.stdout, end="")
            sys.exit(f"{' '.join(map(str, command))}: status {done.returncode}")
        return done.stdout

    began = time.monotonic()
    run(python, "-m", "pip", "install", "--quiet", wheel)
    seconds = time.monotonic() - began
    print(f"installed in {seconds:.1f} s")
    if seconds > MOST_SECONDS:
        sys.exit(f"installing took longer than {MOST_SECONDS} s: is something compiled?")

    program = python.parent / "tcptrace-py"
    home = run(python, "-c", "import tcptrace_py; print(tcptrace_py.__file__)").strip()
    if not home.startswith(str(folder)):
        sys.exit(f"not the wheel, but {home} is imported")
    version = run(program, "--version")
    print(version, end="")
    if "(compiled engine," not in version:
        sys.exit("the wheel's engine is not the compiled one")
    shutil.copytree(ROOT / "sample_pcaps", folder / "sample_pcaps")
    report = run(program, "analyze", "--json", "-", "sample_pcaps/sick_service.pcap")
    kinds = {finding["kind"] for finding in json.loads(report)["findings"]}
    if "stuck-close-wait" not in kinds:
        sys.exit(f"the report of a sample does not find what is wrong there, but {', '.join(sorted(kinds))}")
    # As people type it.
    run(program, "sample_pcaps/sick_service.pcap")
    for page in ("man/man1/tcptrace-py.1", "man/man1/tcptrace-py-analyze.1"):
        if not (folder / "env" / "share" / page).is_file():
            sys.exit(f"no share/{page} was installed")
    completion = folder / "env" / "share" / "bash-completion" / "completions" / "tcptrace-py"
    told = run("bash", "-c", _COMPLETE_EXPL, completion)
    if "explain" not in told:
        sys.exit(f"completion does not complete: {told!r}")
    print("report, manual pages and completions are there")
    if rooms:
        try_tests(folder, python, rooms, environment)


def try_tests(folder: Path, python: Path, rooms: list[str], environment: dict[str, str]) -> None:
    """The tests against the wheel, beside nothing but their data."""
    shutil.copytree(ROOT / "tests", folder / "tests", ignore=shutil.ignore_patterns("__pycache__"))
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    wanted = [each for each in extras["test"] if not each.startswith(_BIG)]
    subprocess.run(
        [python, "-m", "pip", "install", "--quiet", *wanted], check=True, env=environment, cwd=folder
    )
    done = subprocess.run(
        [
            *(python, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-m", "not slow"),
            *("--import-mode=importlib", "-o", "pythonpath=.", "-o", "markers=slow: takes long"),
            *("-n", str(os.cpu_count() or 1), "--dist", "loadgroup"),
            *(f"tests/{room}" for room in rooms),
        ],
        cwd=folder,
        env=environment,
        check=False,
    )
    if done.returncode:
        sys.exit("the tests fail against the wheel")


if __name__ == "__main__":
    main()
