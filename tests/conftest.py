"""What tests of several rooms share: the two engines, the command line as users start it, a small capture."""

from __future__ import annotations

import gc
import io
import os
import re
import signal
import struct
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path
from typing import NoReturn, TypeVar

import pytest

from tcptrace_py.engine import PURE_VARIABLE, engine
from tcptrace_py.tcp.connection import ConnectionRare, new_connection
from tcptrace_py.tcp.endpoint import EndpointRare, new_endpoint

T = TypeVar("T")
ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "tcptrace_py"
# Whoever runs the tests has a terminal, and pytest-xdist says how wide; what is tested has none.
_OF_THE_TERMINAL = ("COLUMNS", "LINES", "TZ")
# A shell's job in the background ignores SIGINT, and so would all that tests start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
# Rooms of tests.
_NETWORKS = ("kernel", "lab", "live")
# What takes long to start, and serves all tests that ask for it.
_SHARED_FIXTURES = frozenset(("cluster", "browser"))
# Tests handed out together: with each that is done, the scheduler counts all that it ever handed out.
_TOGETHER = 16
# Made by Cython, of no source of ours.
_SHARED = "_cython"
_CIMPORT = re.compile(r"^\s*from\s+(tcptrace_py[\w.]*)\s+cimport\b", re.MULTILINE)


def stale_modules(package: Path) -> list[str]:
    """What is wrong with compiled modules that lie in the source tree ``package``, a line each.

    A compiled module older than its source, or than the C types it was compiled
    against, would be tested instead of what the source says.
    """
    built = {
        path.with_name(path.name.removesuffix(EXTENSION_SUFFIXES[0])).with_suffix(".py"): path
        for path in package.rglob("*" + EXTENSION_SUFFIXES[0])
    }
    if not built:
        return []
    problems = []
    for source in sorted(pxd.with_suffix(".py") for pxd in package.rglob("*.pxd") if pxd.stem != "__init__"):
        if source not in built:
            problems.append(f"{source.relative_to(package)} is not compiled, others are")
    for source, module in sorted(built.items()):
        if source.stem == _SHARED:
            continue
        pxd = source.with_suffix(".pxd")
        if not pxd.exists():
            problems.append(f"{module.relative_to(package)} has no .pxd any more")
            continue
        for needed in (source, *_types_behind(pxd, package)):
            if needed.exists() and needed.stat().st_mtime > module.stat().st_mtime:
                problems.append(f"{module.relative_to(package)} is older than {needed.relative_to(package)}")
    return problems


def _types_behind(pxd: Path, package: Path) -> set[Path]:
    """``pxd`` and all that it cimports from the package, directly or not."""
    found: set[Path] = set()
    waiting = [pxd]
    while waiting:
        path = waiting.pop()
        if path in found or not path.exists():
            continue
        found.add(path)
        for name in _CIMPORT.findall(path.read_text()):
            waiting.append(package.parent.joinpath(*name.split(".")).with_suffix(".pxd"))
    return found


@pytest.fixture(scope="session", autouse=True)
def shared_by_all_is_written_by_nobody() -> Iterator[None]:
    """What connections and endpoints have while they have nothing rare is one object for all."""
    yield
    for one, shared in (
        (ConnectionRare(), new_connection().rare),
        (EndpointRare(), new_endpoint().rare),
    ):
        fields = [name for name in dir(one) if not name.startswith("_") and name != "shared"]
        assert [name for name in fields if getattr(one, name) != getattr(shared, name)] == []


def pytest_configure(config: pytest.Config) -> None:
    if engine() == "compiled" and (problems := stale_modules(PACKAGE)):
        raise pytest.UsageError("\n".join([*problems, "rebuild first: make build"]))


# Before pytest-xdist's own, which reads the marks.
@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """What one of pytest-xdist's processes is handed at once, and in which order.

    Tests that make networks take turns in one process; those of a cluster or a browser share it. They begin
    first, for they wait more than they compute, then the slow ones, one by one, so that the end is short.
    """
    if not config.pluginmanager.hasplugin("xdist"):
        return
    of_file: Counter[Path] = Counter()
    chunks: dict[tuple[Path, int], int] = {}
    order: dict[pytest.Item, int] = {}
    for item in items:
        room = item.path.relative_to(ROOT).parts[1]
        shared = _SHARED_FIXTURES.intersection(getattr(item, "fixturenames", ()))
        if room in _NETWORKS:
            group, order[item] = "network", 0
        elif shared:
            group, order[item] = min(shared), 1
        elif item.get_closest_marker("xdist_group"):
            group, order[item] = "", 2
        elif item.get_closest_marker("slow"):
            group, order[item] = "", 2
        else:
            chunk = (item.path, of_file[item.path] // _TOGETHER)
            group, order[item] = f"{chunks.setdefault(chunk, len(chunks))}", 3
            of_file[item.path] += 1
        if group:
            item.add_marker(pytest.mark.xdist_group(group))
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: order[item])


def pytest_collection_finish(session: pytest.Session) -> None:
    """Ten thousand tests are no garbage: the collector need not look at them again and again.

    Whoever shares the tests out knows a group by the end of a test's id.
    """
    if session.config.getoption("loadgroup", False) and not all(
        "@" in item.nodeid.rpartition("]")[2]
        for item in session.items
        if item.get_closest_marker("xdist_group")
    ):
        raise pytest.UsageError("this pytest-xdist does not share tests out in groups with this pytest")
    gc.collect()
    gc.freeze()


def pytest_report_header(config: pytest.Config) -> str:
    return f"tcptrace-py: {engine()} engine"


def environment(*, pure: bool | None = None, **changes: str) -> dict[str, str]:
    """The environment for a child process; ``pure`` picks its engine, None keeps that of this run."""
    given = {name: value for name, value in os.environ.items() if name not in _OF_THE_TERMINAL} | changes
    if pure is not None:
        given.pop(PURE_VARIABLE, None)
        if pure:
            given[PURE_VARIABLE] = "1"
    return given


@contextmanager
def mounted(folder: Path, size: str) -> Iterator[bool]:
    """A file system of this size at ``folder``; whether there is one, which takes root's rights on Linux."""
    command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "none", str(folder)]
    done = sys.platform == "linux" and os.geteuid() == 0
    if not (done and subprocess.run(command, capture_output=True).returncode == 0):
        yield False
        return
    try:
        yield True
    finally:
        subprocess.run(["umount", str(folder)], check=True)


COMMAND = (sys.executable, "-m", "tcptrace_py")
RunCli = Callable[..., "subprocess.CompletedProcess[bytes]"]


# What the interpreter reads when it starts, and commands that change their process.
_OF_A_PROCESS = ("PYTHONIOENCODING", "live", "exec")


@pytest.fixture
def run_cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunCli:
    """Runs ``tcptrace-py`` with the given arguments in ``folder`` (``tmp_path``), without a terminal.

    In this process, for starting one takes longer than most commands; as a process of its own where
    ``process`` asks for it, or what is asked for needs one. ``pure``: True or False picks the engine;
    ``stdin``: bytes for standard input; ``stdout``: where standard output goes if it is not to be
    captured; more keywords are environment variables.
    """

    def run(
        *arguments: str | os.PathLike[str],
        pure: bool | None = None,
        stdin: bytes = b"",
        stdout: int | None = None,
        prefix: tuple[str, ...] = (),
        process: bool = False,
        folder: Path = tmp_path,
        **variables: str,
    ) -> subprocess.CompletedProcess[bytes]:
        needs = {*variables, *map(str, arguments)}
        own = pure is None and not stdin and stdout is None and not prefix
        if own and not process and not needs.intersection(_OF_A_PROCESS):
            with monkeypatch.context() as patch:
                return _in_process([os.fspath(each) for each in arguments], folder, variables, patch)
        return subprocess.run(
            [*prefix, *COMMAND, *map(os.fspath, arguments)],
            input=stdin,
            stdout=subprocess.PIPE if stdout is None else stdout,
            stderr=subprocess.PIPE,
            env=environment(pure=pure, PYTHONPATH=str(ROOT), **variables),
            cwd=folder,
            timeout=120,
            check=False,
        )

    return run


def _in_process(
    arguments: list[str], folder: Path, variables: dict[str, str], patch: pytest.MonkeyPatch
) -> subprocess.CompletedProcess[bytes]:
    from tcptrace_py.cli import main

    streams = {
        name: io.TextIOWrapper(io.BytesIO(), encoding="utf-8") for name in ("stdin", "stdout", "stderr")
    }
    # As Python opens it for a program.
    streams["stderr"].reconfigure(errors="backslashreplace", line_buffering=True)
    for name, stream in streams.items():
        patch.setattr(sys, name, stream)
    for name in _OF_THE_TERMINAL:
        patch.delenv(name, raising=False)
    for name, value in variables.items():
        patch.setenv(name, value)
    patch.chdir(folder)
    status = main(arguments)
    written = []
    for name in ("stdout", "stderr"):
        streams[name].flush()
        raw = streams[name].buffer
        assert isinstance(raw, io.BytesIO)
        written.append(raw.getvalue())
    return subprocess.CompletedProcess(arguments, status, *written)


def asked_for_uncompiled() -> bool:
    """This is the run with the uncompiled engine, beside which there is one with the compiled."""
    return os.environ.get(PURE_VARIABLE, "") not in ("", "0")


def for_this_run(all_of_them: Sequence[T]) -> list[T]:
    """All of these captures or examples; in the run with the uncompiled engine every fourth.

    For what must hold of any report: ``cli/test_engines`` compares both engines' reports of all samples.
    """
    return list(all_of_them[:: 4 if asked_for_uncompiled() else 1])


@pytest.fixture
def both_engines() -> None:
    """For tests that compare the engines: skips where there is only one, or where this run is the second."""
    if asked_for_uncompiled():
        pytest.skip("the engines are compared in the compiled run")
    if engine() != "compiled":
        pytest.skip("no compiled engine here (no C compiler when it was installed)")


def _frame(source: str, destination: str, ports: tuple[int, int], seq: int, ack: int, flags: int) -> bytes:
    tcp = struct.pack("!HHIIBBHHH", *ports, seq, ack, 5 << 4, flags, 65535, 0, 0)
    addresses = bytes(int(part) for address in (source, destination) for part in address.split("."))
    ip = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(tcp), 0, 0, 64, 6, 0) + addresses
    return b"\x02\0\0\0\0\x01\x02\0\0\0\0\x02\x08\x00" + ip + tcp


@pytest.fixture
def handshake_pcap() -> bytes:
    """A pcap of three frames: SYN, SYN+ACK and ACK of one connection."""
    client, server = "10.0.0.1", "10.0.0.2"
    frames = [
        _frame(client, server, (40000, 80), 1000, 0, 0x02),
        _frame(server, client, (80, 40000), 5000, 1001, 0x12),
        _frame(client, server, (40000, 80), 1001, 5001, 0x10),
    ]
    records = [
        struct.pack("<IIII", 1_700_000_000, 1000 * number, len(frame), len(frame)) + frame
        for number, frame in enumerate(frames)
    ]
    return struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1) + b"".join(records)


def untried(why: str) -> NoReturn:
    """What a test of live capture or the kernel needs is missing: skip it, but as root in CI fail."""
    if os.environ.get("CI") == "true" and hasattr(os, "geteuid") and os.geteuid() == 0:
        pytest.fail(f"nothing that needs root goes untried in CI: {why}")
    pytest.skip(why)
