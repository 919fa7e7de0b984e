"""Reading files needs neither libpcap nor POSIX: with what other systems lack hidden, it goes as ever."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT, environment

_CAPTURE = ROOT / "sample_pcaps" / "four_way_close_client.pcap"
# Modules and names that Python has on Linux and not on Windows.
_BARE = """
import os, select, signal, socket, sys
for name in "fcntl termios tty pty pwd grp resource syslog pcapy".split():
    sys.modules[name] = None
for module, names in (
    (os, "fork forkpty pipe2 geteuid getuid getgid setresuid setresgid setgroups initgroups getpgrp setsid "
         "killpg tcgetpgrp pread preadv posix_fadvise sched_getaffinity sched_setaffinity sysconf uname "
         "pidfd_open fchmod fchown chown mkfifo O_CLOEXEC O_NONBLOCK O_NOFOLLOW O_DIRECTORY WNOHANG"),
    (select, "poll epoll"),
    (signal, "SIGHUP SIGQUIT SIGPIPE SIGALRM SIGUSR1 SIGUSR2 SIGWINCH SIGTSTP SIGCONT SIGCHLD"),
    (socket, "AF_PACKET AF_NETLINK AF_UNIX"),
):
    for name in names.split():
        vars(module).pop(name, None)
# No win32 or darwin: libraries would look for modules that only those have.
sys.platform = "freebsd14"
from tcptrace_py.cli import main
sys.exit(main(sys.argv[1:]))
"""
_WITHOUT_PCAPY = """
import sys
sys.modules["pcapy"] = None
from tcptrace_py.cli import main
sys.exit(main(sys.argv[1:]))
"""


def run(script: str, *arguments: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        # Imported first: the standard library's own choices by platform are not under test.
        [sys.executable, "-c", f"import subprocess, tempfile, shutil, pathlib, random\n{script}", *arguments],
        capture_output=True,
        text=True,
        cwd=cwd,
        env=environment(pure=True, PYTHONPATH=str(ROOT)),
        timeout=120,
        check=False,
    )


@pytest.mark.parametrize(
    "arguments",
    [
        ("analyze", _CAPTURE),
        ("show", _CAPTURE, "0"),
        ("show", _CAPTURE, "0", "--svg", "x.svg"),
        ("explain", "stuck-close-wait"),
        ("schema",),
        ("--version",),
    ],
    ids=lambda arguments: arguments[0],
)
def test_files_are_read_without_posix_and_without_libpcap(
    tmp_path: Path, arguments: tuple[str | Path, ...]
) -> None:
    bare = run(_BARE, *arguments, cwd=tmp_path)
    assert bare.returncode == 0, bare.stderr
    plain = run(
        "import sys\nfrom tcptrace_py.cli import main\nsys.exit(main(sys.argv[1:]))", *arguments, cwd=tmp_path
    )
    assert (bare.stdout, bare.stderr) == (plain.stdout, plain.stderr)


def test_every_format_is_written_without_posix(tmp_path: Path) -> None:
    formats = ("json", "ndjson", "csv", "junit", "markdown")
    for _ in range(2):  # over nothing, and over what is there
        done = run(
            _BARE,
            "analyze",
            "--fail-on",
            "critical",
            *(f"--{each}={each}.out" for each in formats),
            _CAPTURE,
            cwd=tmp_path,
        )
        assert done.returncode == 0
        assert done.stderr == "".join(f"tcptrace-py: wrote {each}.out\n" for each in formats)
        assert sorted(path.stem for path in tmp_path.iterdir()) == sorted(formats)
    assert json.loads((tmp_path / "json.out").read_text())["summary"]["connections"] == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ("analyze", "--filter", "tcp", _CAPTURE),
        ("live", "-i", "lo", "--duration", "1s"),
        ("exec", "-i", "lo", "--", "true"),
        ("interfaces",),
    ],
    ids=lambda arguments: arguments[0],
)
def test_what_needs_libpcap_says_so_in_one_line(tmp_path: Path, arguments: tuple[str | Path, ...]) -> None:
    done = run(_WITHOUT_PCAPY, *arguments, cwd=tmp_path)
    assert done.returncode == 3
    (line,) = done.stderr.splitlines()
    assert "needs pcapy-ng, which is not installed: pip install 'tcptrace-py[live]'" in line


@pytest.mark.parametrize(
    "arguments", [("live", "-i", "lo"), ("exec", "-i", "lo", "--", "true"), ("interfaces",)]
)
def test_what_needs_linux_says_so_in_one_line(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    done = run(_BARE, *arguments, cwd=tmp_path)
    assert done.returncode == 3
    (line,) = done.stderr.splitlines()
    assert line.endswith("needs Linux; elsewhere, capture with tcpdump and analyze the file")
