"""The manual pages and completions that a wheel carries."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import click
import pytest

from tcptrace_py.cli import COMMANDS, program
from tests.conftest import ROOT


@pytest.fixture(scope="module")
def manual(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("manual")
    subprocess.run(
        [sys.executable, str(ROOT / "packaging" / "manual.py"), str(folder)],
        check=True,
        stdout=subprocess.DEVNULL,
        timeout=120,
    )
    return folder


def typed(text: str) -> str:
    """What a reader of a page sees, near enough to look for words in it."""
    return " ".join(text.replace("\\-", "-").replace("\\&", "").replace("\\e", "\\").split())


def test_every_command_has_a_page_with_all_that_its_help_says(manual: Path) -> None:
    pages = {path.stem for path in (manual / "share" / "man" / "man1").iterdir()}
    assert pages == {"tcptrace-py", *(f"tcptrace-py-{name}" for name in COMMANDS)}
    top = click.Context(program, info_name="tcptrace-py")
    for name in COMMANDS:
        command = program.get_command(top, name)
        assert command is not None and command.help is not None
        text = typed((manual / "share" / "man" / "man1" / f"tcptrace-py-{name}.1").read_text())
        for paragraph in command.help.split("\n\n"):
            assert typed(paragraph.strip("\b\n")) in text
        for parameter in command.params:
            if isinstance(parameter, click.Option):
                assert all(each in text for each in parameter.opts)
                assert typed(parameter.help or "") in text


def test_the_pages_are_sound_roff(manual: Path) -> None:
    if shutil.which("groff") is None:
        pytest.skip("groff is not installed")
    for path in (manual / "share" / "man" / "man1").iterdir():
        done = subprocess.run(
            ["groff", "-man", "-ww", "-Tutf8", str(path)],
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        assert done.stderr == ""
        assert f"{path.stem.upper()}(1)" in done.stdout


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_completions_are_sound_scripts(manual: Path, shell: str) -> None:
    (script,) = (
        path
        for path in (manual / "share").rglob("*tcptrace-py*")
        if shell in path.as_posix() and path.is_file()
    )
    assert "_TCPTRACE_PY_COMPLETE=" in script.read_text()
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    subprocess.run([shell, "-n", str(script)], check=True, timeout=60)
