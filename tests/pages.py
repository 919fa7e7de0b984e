"""Pages of the manual that show commands with what they print: run again, and compared or written anew.

``python -m tests.pages`` writes what the commands print now into the pages.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.conftest import ROOT

#: Each page and the columns of the terminal that it shows.
PAGES = {
    "README.md": 80,
    "docs/ci.md": 100,
    "docs/peers.md": 100,
    "docs/show.md": 80,
    "docs/tcptrace.md": 100,
}

_BLOCK = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_STEP = re.compile(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", re.MULTILINE)


def prepare(folder: Path, page: str) -> None:
    """Makes ``folder`` what the page speaks of: the samples, its policy, and the command on the path."""
    (folder / "sample_pcaps").symlink_to(ROOT / "sample_pcaps")
    for policy in re.findall(r"```toml\n# policy.toml\n(.*?)```", (ROOT / page).read_text(), re.DOTALL):
        (folder / "policy.toml").write_text(policy)
    (folder / "bin").mkdir()
    program = folder / "bin" / "tcptrace-py"
    program.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m tcptrace_py "$@"\n')
    program.chmod(0o755)


def shell(
    folder: Path, script: str, columns: int = 100, **variables: str
) -> subprocess.CompletedProcess[str]:
    """Runs a script as GitHub does (stops at the first failure), with ``tcptrace-py`` on the path."""
    environment = {name: value for name, value in os.environ.items() if name != "GITHUB_STEP_SUMMARY"}
    environment |= {
        "PATH": f"{folder / 'bin'}:{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "COLUMNS": f"{columns}",
    }
    return subprocess.run(
        ["bash", "-e", "-o", "pipefail", "-c", script],
        cwd=folder,
        env=environment | variables,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
        check=False,
    )


def renewed(folder: Path, page: str) -> str:
    """The text of ``page`` with what its commands print now; they run in ``folder``, one after the other."""

    def step(match: re.Match[str]) -> str:
        if page == "README.md" and not match[2]:
            # What to write with a capture of one's own.
            return match[0]
        done = shell(folder, f"set +e +o pipefail\n{match[1]}", PAGES[page])
        return f"$ {match[1]}\n{done.stdout}"

    return _BLOCK.sub(lambda block: f"```console\n{_STEP.sub(step, block[1])}```", (ROOT / page).read_text())


def main() -> None:
    for page in PAGES:
        with tempfile.TemporaryDirectory() as folder:
            prepare(Path(folder), page)
            text = renewed(Path(folder), page)
        if text != (ROOT / page).read_text():
            (ROOT / page).write_text(text)
            print(f"renewed {page}")


if __name__ == "__main__":
    main()
