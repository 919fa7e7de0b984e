"""``tcptrace-py explain`` and what a shell completes."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import get_args

import pytest

from tcptrace_py.findings.finding import KINDS
from tcptrace_py.findings.reset_causes import RESET_CAUSES, cause_text
from tcptrace_py.findings.texts import HALF_OPEN, RESET_ABORT, TEXTS, remedy
from tcptrace_py.report.model.model import ResetCause
from tcptrace_py.report.people.remedy import pieces
from tests.conftest import ROOT, RunCli, environment


def words(text: str) -> str:
    return " ".join(text.split())


@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_is_explained_with_the_text_of_its_findings(run_cli: RunCli, kind: str) -> None:
    done = run_cli("explain", kind, COLUMNS="80")
    assert done.returncode == 0
    said = words(done.stdout.decode())
    variants = {"reset-abort": RESET_ABORT, "half-open-handshake": HALF_OPEN}.get(kind)
    for text in variants.values() if variants else [TEXTS[kind]]:
        assert words(text.meaning) in said
        for piece, _command in pieces(remedy(text, "")):
            assert words(piece) in said
        assert all(words(source) in said for source in text.reference.split("; "))
    assert "{filter}" not in said
    # Commands are not folded.
    assert all(
        len(line) <= 80 or any(f" {command} -" in line for command in ("ss", "iptables"))
        for line in done.stdout.decode().splitlines()
    )


def test_every_cause_of_a_reset_is_explained(run_cli: RunCli) -> None:
    assert set(RESET_CAUSES) == set(get_args(ResetCause))
    for cause, known in RESET_CAUSES.items():
        assert known.kind in KINDS
        assert "RFC" in cause_text(cause).reference
    said = words(run_cli("explain", "close_wait_abort").stdout.decode())
    assert "in CLOSE_WAIT, in place of the FIN" in said
    assert "The finding: reset-abort" in said


def test_without_a_kind_all_are_listed(run_cli: RunCli) -> None:
    listed = run_cli("explain").stdout.decode()
    assert all(f"  {word} " in listed for word in (*KINDS, *RESET_CAUSES))


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("stuck-closewait", "stuck-close-wait"),
        ("time-wait-asassination", "time-wait-assassination"),
        ("TIME_WAITS", "TIME_WAIT"),
        ("dead", "dead-peer"),
        ("no-conection", "no_connection"),
    ],
)
def test_an_unknown_word_is_a_usage_error_that_names_the_nearest(
    run_cli: RunCli, word: str, meant: str
) -> None:
    done = run_cli("explain", word)
    assert done.returncode == 2
    assert done.stdout == b""
    assert meant in words(done.stderr.decode())


def test_nothing_near(run_cli: RunCli) -> None:
    done = run_cli("explain", "xyzzy")
    assert done.returncode == 2
    assert "Without KIND, all are listed." in words(done.stderr.decode())


def test_spelling_does_not_matter(run_cli: RunCli) -> None:
    assert run_cli("explain", "Stuck_Close_Wait").stdout == run_cli("explain", "stuck-close-wait").stdout


def test_facts_that_many_pages_have_wrong() -> None:
    """Linux: include/net/tcp.h and Documentation/networking/ip-sysctl.rst."""
    pile = TEXTS["time-wait-pile"].remedy
    assert "On Linux TIME_WAIT is a constant 60 s: net.ipv4.tcp_fin_timeout does not change it" in pile
    assert "tcp_tw_recycle broke clients behind NAT and is gone since Linux 4.12" in pile
    assert "only the connecting side gains, and both sides must use TCP timestamps" in pile
    assert "Lowering tcp_fin_timeout or the keep-alive times does not." in TEXTS["stuck-close-wait"].remedy


# --- completion ---

SHELLS = ("bash", "zsh", "fish")


@pytest.mark.parametrize("shell", SHELLS)
def test_the_shell_gets_a_script(run_cli: RunCli, shell: str) -> None:
    done = run_cli(_TCPTRACE_PY_COMPLETE=f"{shell}_source")
    assert done.returncode == 0
    assert b"_TCPTRACE_PY_COMPLETE=" + shell.encode() + b"_complete" in done.stdout


@pytest.fixture
def command_folder(tmp_path: Path) -> Path:
    """A folder with ``tcptrace-py`` in it, to be first in PATH."""
    folder = tmp_path / "bin"
    folder.mkdir()
    script = folder / "tcptrace-py"
    script.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m tcptrace_py "$@"\n')
    script.chmod(0o755)
    return folder


BASH = """
eval "$(_TCPTRACE_PY_COMPLETE=bash_source tcptrace-py)" 2>/dev/null
COMP_WORDS=(tcptrace-py explain stuck); COMP_CWORD=2
_tcptrace_py_completion tcptrace-py
echo "${COMPREPLY[@]}"
"""
ZSH = """
autoload -Uz compinit && compinit -u -d "$ZDOTDIR/dump"
eval "$(_TCPTRACE_PY_COMPLETE=zsh_source tcptrace-py)"
_describe() { local -a them; eval "them=(\\"\\${$3[@]}\\")"; print -l -- $them; }
words=(tcptrace-py explain stuck) CURRENT=3
_tcptrace_py_completion
"""
FISH = """
_TCPTRACE_PY_COMPLETE=fish_source tcptrace-py | source
complete -C "tcptrace-py explain stuck"
"""


@pytest.mark.parametrize(("shell", "script"), [("bash", BASH), ("zsh", ZSH), ("fish", FISH)])
def test_kinds_are_completed_in_a_real_shell(
    shell: str, script: str, command_folder: Path, tmp_path: Path
) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed here")
    given = environment(
        PATH=f"{command_folder}:/usr/bin:/bin",
        PYTHONPATH=str(ROOT),
        HOME=str(tmp_path),
        ZDOTDIR=str(tmp_path),
    )
    done = subprocess.run(
        [shell, "-c", script], capture_output=True, text=True, env=given, timeout=60, check=False
    )
    assert "stuck-close-wait" in done.stdout, done.stderr
    assert "stuck-fin-wait-2" in done.stdout
    assert "half-close" not in done.stdout


def test_captures_are_completed_as_files(run_cli: RunCli) -> None:
    done = run_cli(_TCPTRACE_PY_COMPLETE="bash_complete", COMP_WORDS="tcptrace-py show x", COMP_CWORD="2")
    assert done.stdout.startswith(b"file,")


def test_commands_are_completed(run_cli: RunCli) -> None:
    done = run_cli(_TCPTRACE_PY_COMPLETE="bash_complete", COMP_WORDS="tcptrace-py ", COMP_CWORD="1")
    assert {b"plain,show", b"plain,explain", b"plain,analyze"} <= set(done.stdout.split())


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("analyze --fail-on stuck", {"stuck-close-wait", "stuck-fin-wait-2"}),
        ("check --fail-on crit", {"critical"}),
        ("live -i l", {"lo"}),
        ("exec --interface an", {"any"}),
    ],
)
def test_values_of_options_are_completed(words: str, expected: set[str], run_cli: RunCli) -> None:
    line = f"tcptrace-py {words}"
    done = run_cli(_TCPTRACE_PY_COMPLETE="bash_complete", COMP_WORDS=line, COMP_CWORD="3", process=True)
    found = {row.split(",")[1] for row in done.stdout.decode().split()}
    assert found >= expected
    assert all(word.startswith(words.split()[-1]) for word in found)
