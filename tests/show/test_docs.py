"""The commands in ``docs/show.md`` give the output that stands there."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

from tests.conftest import ROOT, RunCli

PAGE = ROOT / "docs" / "show.md"


def test_the_page_shows_real_output(run_cli: RunCli, tmp_path: Path) -> None:
    (tmp_path / "sample_pcaps").symlink_to(ROOT / "sample_pcaps")
    checked = 0
    for block in re.findall(r"^```console\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL):
        for command, output in re.findall(r"^\$ tcptrace-py (.*)\n((?:(?!\$ ).*\n)*)", block, re.MULTILINE):
            done = run_cli(*shlex.split(command), COLUMNS="80")
            assert (done.stderr + done.stdout).decode() == output, command
            checked += 1
    assert checked >= 6
    assert (tmp_path / "ladder.svg").stat().st_size > 1000
