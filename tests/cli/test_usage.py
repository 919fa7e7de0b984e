"""Help, version and wrong usage."""

from __future__ import annotations

import platform
import shutil
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest

from tcptrace_py import __version__
from tcptrace_py.cli.thresholds import THRESHOLDS
from tcptrace_py.engine import engine
from tcptrace_py.settings import Settings
from tests.conftest import ROOT, RunCli, environment


def test_version_names_the_engine(run_cli: RunCli) -> None:
    done = run_cli("--version")
    assert done.returncode == 0
    assert (
        done.stdout.decode()
        == f"tcptrace-py {__version__} ({engine()} engine, Python {platform.python_version()})\n"
    )
    assert done.stderr == b""


def test_version_of_the_uncompiled_engine(run_cli: RunCli) -> None:
    done = run_cli("--version", pure=True)
    assert done.stdout.decode().startswith(f"tcptrace-py {__version__} (pure Python engine, ")


def test_version_of_the_compiled_engine(run_cli: RunCli, both_engines: None) -> None:
    done = run_cli("--version", pure=False)
    assert done.stdout.decode().startswith(f"tcptrace-py {__version__} (compiled engine, ")


def test_the_console_script_is_installed() -> None:
    script = shutil.which("tcptrace-py", path=str(Path(sys.executable).parent))
    if script is None:
        pytest.skip("tcptrace-py is not installed in this environment")
    done = subprocess.run([script, "--version"], capture_output=True, text=True, check=True)
    assert done.stdout.startswith(f"tcptrace-py {__version__} (")


def test_version_loads_nothing_heavy() -> None:
    """What makes ``--version`` slow is imports; these are the ones that cost."""
    program = (
        "import sys\n"
        "from tcptrace_py.cli import main\n"
        "status = main(['--version'])\n"
        "heavy = {'rich', 'dpkt', 'msgspec', 'pcapy', 'backports', 'lz4', 'importlib.metadata'}\n"
        "print(sorted(heavy & set(sys.modules)), status)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
        env=environment(PYTHONPATH=str(ROOT)),
    )
    assert done.stdout.splitlines()[1:] == ["[] 0"]


def test_analyze_loads_only_what_its_report_needs(tmp_path: Path) -> None:
    arguments = ["analyze", "--json", str(tmp_path / "r.json"), str(ROOT / "sample_pcaps/sick_service.pcap")]
    program = (
        "import sys\n"
        "from tcptrace_py.cli import main\n"
        f"status = main({arguments!r})\n"
        "needless = {'rich', 'dpkt', 'pcapy', 'backports', 'lz4', 'tomllib', 'difflib', 'hmac'}\n"
        "print(sorted(needless & set(sys.modules)), status)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
        env=environment(PYTHONPATH=str(ROOT)),
    )
    assert done.stdout.splitlines() == ["[] 0"]


def test_importing_the_package_loads_neither_libraries_nor_engine() -> None:
    program = (
        "import sys, tcptrace_py\n"
        "print(sorted(n for n in sys.modules if n.startswith('tcptrace_py')))\n"
        "print(sorted({'click', 'rich', 'dpkt', 'msgspec', 'pcapy'} & set(sys.modules)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
        env=environment(PYTHONPATH=str(ROOT)),
    )
    assert done.stdout.splitlines() == [
        "['tcptrace_py', 'tcptrace_py.engine', 'tcptrace_py.version']",
        "[]",
    ]


def test_every_setting_has_an_option_and_its_default_is_shown(run_cli: RunCli) -> None:
    assert [field.name for field in fields(Settings)] == list(THRESHOLDS)
    shown = run_cli("analyze", "--help", COLUMNS="100").stdout.decode()
    for threshold in THRESHOLDS.values():
        assert f"{threshold.option} {threshold.metavar}" in shown
    for default in ("30s", "127s", "63s", "102s", "1000", "10%", "28232"):
        assert f"[default: {default}]" in " ".join(shown.split()), default


def test_help_names_the_exit_statuses(run_cli: RunCli) -> None:
    done = run_cli("--help")
    assert done.returncode == 0
    assert b"Exit status: 0 fine, 1 a gate failed, 2 wrong usage" in b" ".join(done.stdout.split())


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["analyze"], "Missing argument 'CAPTURE...'"),
        (["analyse"], "No such command or file: 'analyse'. Did you mean analyze?"),
        (["analyze", "--wat", "x"], "No such option"),
        (["analyze", "--msl", "5 parsecs", "x"], "write 30s, 2m, 500ms, 1.5h"),
        (["analyze", "--msl", "0", "x"], "cannot be zero"),
        (["analyze", "--close-wait-after", "-3s", "x"], "is not a duration"),
        (["analyze", "--time-wait-pile", "0", "x"], "--time-wait-pile"),
        (["analyze", "--time-wait-share", "110%", "x"], "is not a share"),
        (["analyze", "--dead-peer-probes", "many", "x"], "--dead-peer-probes"),
        (["analyze", "--top", "0", "x"], "--top"),
        (["analyze", "--filter", "port port port", "x"], "--filter"),
        (["analyze", "--json", ".", "x"], "is a directory"),
        (["analyze", "--json", "missing/report.json", "x"], "there is no directory 'missing'"),
        (["analyze", "-", "-"], "only once"),
    ],
)
def test_wrong_usage_is_status_2_and_says_what(run_cli: RunCli, arguments: list[str], said: str) -> None:
    done = run_cli(*arguments)
    assert done.returncode == 2
    assert done.stdout == b""
    assert said in " ".join(done.stderr.decode().split())
    assert b"Traceback" not in done.stderr


def test_no_command_shows_the_help(run_cli: RunCli) -> None:
    done = run_cli()
    assert done.returncode == 2
    assert b"analyze" in done.stdout + done.stderr


def test_shell_completion_offers_the_commands(run_cli: RunCli) -> None:
    done = run_cli(_TCPTRACE_PY_COMPLETE="bash_complete", COMP_WORDS="tcptrace-py an", COMP_CWORD="1")
    assert done.stdout.decode().split() == ["plain,analyze"]
