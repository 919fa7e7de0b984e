"""What the commands that capture share: their options, opening the interface, signals, snapshots."""

from __future__ import annotations

import os
import re
import signal
import socket
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

import click

from tcptrace_py.capture.libpcap import require_linux
from tcptrace_py.cli.durations import LONGEST_S, parse_duration
from tcptrace_py.cli.gates import status
from tcptrace_py.cli.inputs import COUNT, allow_undecoded_option, check_filter
from tcptrace_py.cli.outcome import USAGE, complain, reason
from tcptrace_py.cli.outputs import STDOUT, Outputs, check_target
from tcptrace_py.defects import Defects

if TYPE_CHECKING:
    from tcptrace_py.capture.live import LiveCapture
    from tcptrace_py.capture.over_ssh import Remote, RemoteCapture
    from tcptrace_py.capture.pcap_writer import PcapWriter
    from tcptrace_py.cli.gates import Gates
    from tcptrace_py.report.model.model import Report
    from tcptrace_py.report.people.view import View
    from tcptrace_py.run.host import HostView
    from tcptrace_py.run.live import Watch
    from tcptrace_py.run.metrics import Metrics
    from tcptrace_py.run.otlp import Otlp

_Command = TypeVar("_Command", bound=Callable[..., object])

_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*(|k|ki|m|mi|g|gi)b?", re.IGNORECASE | re.ASCII)
_UNITS = {"": 1, "k": 10**3, "ki": 2**10, "m": 10**6, "mi": 2**20, "g": 10**9, "gi": 2**30}
_SNAPSHOT = "tcptrace-py-snapshot.json"


def parse_size(text: str) -> int:
    """Bytes that ``64M``, ``100 MB``, ``32MiB`` or a plain number stand for. Raises `ValueError`."""
    match = _SIZE.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{text!r} is not a size: write 64M, 32MiB, 1G or a plain number of bytes")
    return int(float(match[1]) * _UNITS[match[2].lower()])


class Size(click.ParamType[int]):
    """A click type that gives bytes, from ``least`` to ``most``."""

    name = "size"

    def __init__(self, least: int, most: int) -> None:
        self.least = least
        self.most = most

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if isinstance(value, int):
            return value
        try:
            size = parse_size(str(value))
        except ValueError as error:
            self.fail(f"{error}.", param, ctx)
        if not self.least <= size <= self.most:
            self.fail(f"{value!r}: at least {self.least:,} and at most {self.most:,} bytes.", param, ctx)
        return size


class Address(click.ParamType[tuple[str, int]]):
    """``:9464``, ``127.0.0.1:9464`` or ``[::1]:9464``: a host ("" for every address) and a TCP port."""

    name = "address"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, int]:
        if isinstance(value, tuple):
            return value
        host, colon, port = str(value).strip().rpartition(":")
        if not colon or not port.isascii() or not port.isdecimal() or int(port[:6]) > 65535:
            self.fail(f"{value!r} is no address: write :9464, 127.0.0.1:9464 or [::1]:9464.", param, ctx)
        return host.removeprefix("[").removesuffix("]"), int(port)


class Endpoint(click.ParamType[str]):
    """An ``http(s)`` address."""

    name = "url"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> str:
        text = str(value)
        try:
            parts = urlsplit(text)
            valid = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        except ValueError:
            valid = False
        if not valid or not text.isprintable() or " " in text:
            self.fail(f"{value!r} is no address of a collector: write http://localhost:4318.", param, ctx)
        return text


class Rotation(click.ParamType[tuple[int | None, float | None]]):
    """A size (``100M``) or an age (``1h``): ``(bytes, None)`` or ``(None, seconds)``."""

    name = "rotation"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int | None, float | None]:
        if isinstance(value, tuple):
            return value
        text = str(value).strip()
        if not text.isdecimal():
            try:
                seconds = parse_duration(text)
            except ValueError:
                pass
            else:
                if 1 <= seconds <= LONGEST_S:
                    return None, seconds
                self.fail(f"{text!r}: at least 1s.", param, ctx)
            try:
                size = parse_size(text)
            except ValueError:
                pass
            else:
                if size >= 1000:
                    return size, None
                self.fail(f"{text!r}: at least 1k.", param, ctx)
        self.fail(f"{text!r} is neither a size (100M, 1G) nor an age (10m, 1h).", param, ctx)


def check_remote(_ctx: click.Context, _param: click.Parameter, text: str | None) -> Remote | None:
    if text is None:
        return None
    from tcptrace_py.capture.over_ssh import parse_remote

    try:
        return parse_remote(text)
    except ValueError as error:
        raise click.BadParameter(f"{error}.") from error


def remote_options(command: _Command) -> _Command:
    """Decorates a click command with the options of `open_capture` for an interface of another host."""
    command = click.option(
        "--remote-tcpdump",
        metavar="COMMAND",
        default="tcpdump",
        show_default=True,
        help="With --remote, how tcpdump is called there: 'sudo -n tcpdump'.",
    )(command)
    return click.option(
        "--remote",
        metavar="ssh://[USER@]HOST[:PORT]/IFACE",
        callback=check_remote,
        help="Instead of -i: run tcpdump on another host, by ssh, and read its packets here.",
    )(command)


def _complete(_ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[str]:
    from tcptrace_py.capture.interfaces import names

    return [name for name in names() if name.startswith(incomplete)]


def capture_options(command: _Command) -> _Command:
    """Decorates a click command with the options that `open_capture` and `open_writer` take."""
    options = (
        click.option(
            "-i",
            "--interface",
            metavar="IFACE",
            shell_complete=_complete,
            help="The interface to capture on, or any; 'tcptrace-py interfaces' lists them.",
        ),
        click.option(
            "--filter",
            "bpf",
            metavar="BPF",
            callback=check_filter,
            help="Only packets that match, in the syntax of tcpdump (pcap-filter); it narrows the filter"
            " that is always set: TCP, ICMP errors, fragments.",
        ),
        click.option(
            "--snaplen",
            "snap_bytes",
            metavar="SIZE",
            type=Size(96, 262_144),
            default="192",
            show_default=True,
            help="Bytes kept of each packet; the default holds all headers and little else.",
        ),
        click.option(
            "--buffer",
            "buffer_bytes",
            metavar="SIZE",
            type=Size(2**20, 2**31 - 1),
            default="32MiB",
            show_default=True,
            help="Room in the kernel for packets that wait to be read.",
        ),
        click.option(
            "--promiscuous/--no-promiscuous",
            default=True,
            show_default=True,
            help="Capture also what is not addressed to this host.",
        ),
        click.option(
            "--write",
            "write_target",
            metavar="FILE",
            type=click.Path(readable=False),
            help="Keep the packets in FILE, as pcap.",
        ),
        click.option(
            "--rotate",
            "rotation",
            metavar="SIZE|AGE",
            type=Rotation(),
            help="Start a new file when that of --write reaches this size (100M) or age (1h); files"
            " are numbered: FILE-000001.pcap.",
        ),
        click.option(
            "--keep",
            "keep_files",
            metavar="N",
            type=COUNT,
            help="With --rotate, keep the newest N files only.",
        ),
        click.option(
            "--stats",
            is_flag=True,
            help="Take the figures of tcptrace's long report for each endpoint (into the JSON, under"
            " `stats`).",
        ),
        click.option(
            "--kernel/--no-kernel",
            "kernel",
            default=True,
            show_default=True,
            help="Ask this host's kernel for the states of its own sockets, and name the processes that hold"
            " them.",
        ),
        click.option(
            "--max-connections",
            metavar="N",
            type=COUNT,
            help="Track at most N connections at once; those that are over are let go first, then"
            " the oldest. The report says how many were.",
        ),
    )
    for option in reversed((*options, allow_undecoded_option)):
        command = option(command)
    return command


def open_capture(options: Mapping[str, Any], outputs: Outputs) -> LiveCapture | RemoteCapture:
    """Open the interface, then give up the rights that only this needed.

    Raises ``CaptureError``, and ``click.BadParameter`` where the user who called sudo cannot
    write a target of ``outputs``: those were checked with root's rights before.
    """
    from tcptrace_py.capture.error import CaptureError
    from tcptrace_py.capture.interfaces import names_here
    from tcptrace_py.capture.live import LiveCapture
    from tcptrace_py.cli.privileges import drop_privileges, invoking_user, load_all

    if options["write_target"] is None and (options["rotation"] or options["keep_files"]):
        raise click.UsageError("--rotate and --keep are about the file of --write: give that too.")
    if options["keep_files"] and not options["rotation"]:
        raise click.UsageError("--keep keeps the newest files of --rotate: give that too.")
    remote = options.get("remote")
    if (options["interface"] is None) == (remote is None):
        raise click.UsageError(
            f"Missing option '-i' / '--interface' (there are {names_here()})."
            if remote is None
            else "-i and --remote contradict each other."
        )
    if remote is None:
        capture = LiveCapture(
            options["interface"],
            expression=options["bpf"],
            snap_bytes=options["snap_bytes"],
            buffer_bytes=options["buffer_bytes"],
            promiscuous=options["promiscuous"],
        )
    try:
        if invoking_user() is not None:
            load_all()
            drop_privileges()
            ctx = click.get_current_context()
            for name, path in outputs.targets.items():
                check_target(ctx, click.Option([f"--{name}"]), path)
    except OSError as error:
        if remote is None:
            capture.close()
        raise CaptureError(f"cannot give up root's rights: {error.strerror}") from error
    except click.BadParameter:
        if remote is None:
            capture.close()
        raise
    if remote is None:
        return capture
    # With the keys of the user who asked, not with root's.
    from tcptrace_py.capture.over_ssh import RemoteCapture

    return RemoteCapture(
        remote,
        expression=options["bpf"],
        snap_bytes=options["snap_bytes"],
        buffer_bytes=options["buffer_bytes"],
        tcpdump=options["remote_tcpdump"],
        interactive=sys.stdin is not None and sys.stdin.isatty(),
    )


@contextmanager
def metrics_server(
    options: Mapping[str, Any], host: HostView | None, interface: str
) -> Iterator[tuple[Metrics | None, Otlp | None]]:
    """What answers scrapes at ``--metrics``, and what sends to ``--otlp``.

    Where the port cannot be had, one line says so and capture goes on.
    """
    address, endpoint = options["metrics_address"], options["otlp"]
    if address is None and endpoint is None:
        yield None, None
        return
    try:
        from tcptrace_py.run.metrics import Metrics
    except ModuleNotFoundError as error:
        raise click.UsageError(f"--metrics needs {error.name}: pip install 'tcptrace-py[live]'") from error
    metrics = Metrics(None if host is None else lambda: host.disagreements)
    otlp = None
    if endpoint is not None:
        try:
            from tcptrace_py.run.otlp import Otlp
        except ModuleNotFoundError as error:
            raise click.UsageError(f"--otlp needs {error.name}: pip install 'tcptrace-py[otlp]'") from error
        otlp = Otlp(endpoint, metrics, interface)
    if address is not None:
        try:
            metrics.serve(*address)
        except OSError as error:
            complain(f"no metrics: {address[0]}:{address[1]}: {error.strerror or error}")
    try:
        yield (metrics if address is None or metrics.port or otlp is not None else None), otlp
    finally:
        metrics.close()
        if otlp is not None:
            otlp.close()
            if otlp.problem:
                complain(f"--otlp {endpoint}: {otlp.problem}")


@contextmanager
def host_view(options: Mapping[str, Any]) -> Iterator[HostView | None]:
    """What asks the kernel of ``--kernel``. To be entered before root's rights are given up."""
    # Only Linux has sock_diag; and of sockets on another host this kernel knows nothing.
    if options.get("remote") is not None or not (
        options["kernel"] and hasattr(socket, "AF_NETLINK") and hasattr(os, "fork")
    ):
        yield None
        return
    from tcptrace_py.kernel.reader import KernelReader
    from tcptrace_py.run.host import HostView

    try:
        view = HostView(KernelReader())
    except OSError as error:
        complain(f"the kernel's own states are not shown: {error.strerror}")
        yield None
        return
    try:
        yield view
    finally:
        view.close()


def open_writer(options: Mapping[str, Any], capture: LiveCapture | RemoteCapture) -> PcapWriter | None:
    """The file of ``--write``, if there is to be one. A target that cannot be written is wrong usage."""
    path = options["write_target"]
    if path is None:
        return None
    from tcptrace_py.capture.pcap_writer import PcapWriter
    from tcptrace_py.cli.outcome import reason

    rotate_bytes, rotate_s = options["rotation"] or (None, None)
    try:
        return PcapWriter(
            path,
            capture.link_type,
            capture.snap_bytes,
            rotate_bytes=rotate_bytes,
            rotate_s=rotate_s,
            keep=options["keep_files"],
        )
    except OSError as error:
        capture.close()
        raise click.BadParameter(
            f"{error.filename or path!r}: {reason(error)}.", param_hint="'--write'"
        ) from error


def end_with(
    report: Report,
    gates: Gates,
    outputs: Outputs,
    view: View,
    pager: bool,
    write_target: str | None,
    write_problem: OSError | None,
) -> int:
    """What a capture ends with: warnings, gates, the report; the exit status. Raises `OutputError`.

    ``write_problem``: why the packets could not all be written to ``write_target``, if so.
    """
    for warning in report.capture.warnings:
        complain(warning)
    verdicts = gates.judge(report)
    outputs.deliver(report, verdicts, view, pager=pager)
    if write_problem is not None:
        complain(f"{write_target}: {reason(write_problem)}")
        return USAGE
    return status(verdicts, report.capture)


class Snapshots:
    """Writes the report as it would be now, without disturbing the capture.

    A forked copy of the process has all that the tracker knows, as of that moment, and may end
    its watch. To the file of ``--json``, or to one of a fixed name in the current directory.
    """

    def __init__(self, watch: Watch, outputs: Outputs) -> None:
        self._watch = watch
        target = outputs.targets.get("json", STDOUT)
        self.target = _SNAPSHOT if target == STDOUT else target
        self._children: list[int] = []

    def take(self, _signal: int = 0) -> None:
        self.reap(wait=False)
        child = os.fork()
        if child:
            self._children.append(child)
            return
        status = 1
        try:
            signal.set_wakeup_fd(-1)
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1):
                signal.signal(number, signal.SIG_IGN)
            from tcptrace_py.report.formats import json

            json.write(self._watch.snapshot(), self.target)
            status = 0
        except OSError as error:
            complain(f"snapshot: {error}")
        except Exception as error:
            defects = Defects()
            defects.note("the snapshot", (), error)
            complain("\n".join(defects.lines()))
        finally:
            os._exit(status)

    def reap(self, *, wait: bool) -> None:
        """Those that are done; with ``wait`` all of them."""
        for child in list(self._children):
            done, _status = os.waitpid(child, 0 if wait else os.WNOHANG)
            if done:
                self._children.remove(child)


class Signals:
    """Signals that do not end the process; what comes before there is anything to tell is kept."""

    def __init__(self, names: Iterable[str]) -> None:
        self.numbers = [int(getattr(signal, name)) for name in names]
        #: Those that came before ``pass_to``, in the order in which they did.
        self.kept: list[int] = []
        self._handlers: Mapping[int, Callable[[int], None]] | None = None
        self._watch: Watch | None = None
        self._reader, self._writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._wakeup = signal.set_wakeup_fd(self._writer, warn_on_full_buffer=False)
        self._before = {number: signal.signal(number, self._handle) for number in self.numbers}

    def _handle(self, number: int, _frame: FrameType | None) -> None:
        if self._handlers is None:
            self.kept.append(number)
        else:
            self._handlers[number](number)

    def pass_to(self, handlers: Mapping[int, Callable[[int], None]], watch: Watch) -> None:
        """From now on each signal calls its handler, and wakes the watch if it waits; also those kept."""
        self._watch = watch
        watch.attach(self._reader, self._swallow)
        self._handlers = handlers
        while self.kept:
            number = self.kept.pop(0)
            handlers[number](number)

    def _swallow(self) -> None:
        try:
            os.read(self._reader, 4096)
        except BlockingIOError:
            pass

    def restore(self) -> None:
        """Signals do again what they did before."""
        if self._watch is not None:
            self._watch.detach(self._reader)
            self._watch = None
        for number, handler in self._before.items():
            signal.signal(number, handler)
        if self._before:
            self._before = {}
            signal.set_wakeup_fd(self._wakeup)
            os.close(self._reader)
            os.close(self._writer)


@contextmanager
def handled(names: Iterable[str]) -> Iterator[Signals]:
    """While inside, the signals of these names are taken. To be entered before anything takes time.

    Raises `UnavailableError` where there is no live capture.
    """
    require_linux("live capture")
    signals = Signals(names)
    try:
        yield signals
    finally:
        signals.restore()
