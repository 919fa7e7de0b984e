"""``tcptrace-py exec``: captures while a command runs; a leak detector around a test suite."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Sequence
from typing import Any

import click

from tcptrace_py.capture.error import CaptureError
from tcptrace_py.cli.durations import Duration
from tcptrace_py.cli.gates import gate_options, gates_from
from tcptrace_py.cli.help import with_examples
from tcptrace_py.cli.outcome import FINE, INPUT, complain, reason
from tcptrace_py.cli.outputs import output_options, outputs_from
from tcptrace_py.cli.sniffing import (
    capture_options,
    end_with,
    handled,
    host_view,
    open_capture,
    open_writer,
)
from tcptrace_py.cli.thresholds import settings_from, threshold_options
from tcptrace_py.cli.view import view_from, view_options

# As shells have it.
_NOT_EXECUTABLE = 126
_NOT_FOUND = 127
_BY_SIGNAL = 128
# Signals that are the command's. By name: not every system has them all.
_PASSED_ON = ("SIGINT", "SIGQUIT", "SIGTERM", "SIGHUP", "SIGUSR1", "SIGUSR2")


class _Child:
    """The command while it runs; signals that reach us are passed on to it."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        # A terminal sends Ctrl-C and Ctrl-\ to all of its foreground group: the command has it already.
        self._shares_terminal = _in_foreground()

    def pass_on(self, number: int) -> None:
        if self._shares_terminal and number in (signal.SIGINT, signal.SIGQUIT):
            return
        if self._process.poll() is None:
            self._process.send_signal(number)

    def status(self) -> int:
        code = self._process.wait()
        return code if code >= 0 else _BY_SIGNAL - code


def _in_foreground() -> bool:
    try:
        terminal = os.open("/dev/tty", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        return os.tcgetpgrp(terminal) == os.getpgrp()
    except OSError:
        return False
    finally:
        os.close(terminal)


@with_examples(
    "sudo tcptrace-py exec -i lo -- pytest tests/integration",
    "sudo tcptrace-py exec -i lo --fail-on stuck-close-wait --close-wait-after 2s -- make check",
    context_settings={"ignore_unknown_options": False, "allow_interspersed_args": False},
)
@capture_options
@click.option(
    "--settle",
    "settle_s",
    metavar="DURATION",
    type=Duration(zero=True),
    default="1s",
    show_default=True,
    help="Go on capturing for so long after the command ended.",
)
@click.option(
    "--connections/--no-connections",
    "connections",
    default=None,
    help="List the connections in the shown report / leave their list out of the JSON.",
)
@view_options()
@output_options("exec")
@gate_options
@threshold_options
@click.argument("command", metavar="-- COMMAND...", nargs=-1, required=True, type=click.UNPROCESSED)
@click.pass_context
def exec(  # noqa: A001
    ctx: click.Context,
    /,
    settle_s: float,
    connections: bool | None,
    pager: bool,
    max_connections: int | None,
    stats: bool,
    command: Sequence[str],
    **options: Any,
) -> int:
    """Capture while COMMAND runs, then report; the report goes to standard error.

    Exits with COMMAND's status if that is not 0 (128 and the signal's number if one ended it), else with
    the gate's. What else passes on the interface meanwhile is captured too: --filter narrows it.

    Started by sudo, COMMAND runs as the user who called sudo, with that user's environment and PATH. Where
    sudo does not find tcptrace-py itself (it has a PATH of its own), give it the whole path:

    \b
    sudo "$(command -v tcptrace-py)" exec -i lo -- pytest tests/integration
    """
    try:
        signals = ctx.with_resource(handled(_PASSED_ON))
    except CaptureError as error:
        complain(str(error))
        return INPUT
    gates = gates_from(options)
    outputs = outputs_from(options, (), bool(gates))
    settings = gates.settings(settings_from(options), ctx)
    listed = outputs.wants_connections() if connections is None else connections

    from tcptrace_py.cli.privileges import users_environment

    # Root may read what sudo was started with.
    environment = users_environment()
    # Its child is forked while there are rights to see the processes of others.
    host = ctx.with_resource(host_view(options))
    try:
        capture = open_capture(options, outputs)
    except CaptureError as error:
        complain(str(error))
        return INPUT
    writer = open_writer(options, capture)

    from tcptrace_py.findings.at_exit import mark_closed_by_exit
    from tcptrace_py.run.live import Watch

    with outputs.sink(needed=True) as sink:
        watch = Watch(
            capture,
            settings,
            connections=listed,
            most_connections=max_connections,
            writer=writer,
            sink=sink,
            host=host,
            stats=stats,
            allow_undecoded=bool(options["allow_undecoded"]),
        )
        if signals.kept:
            # Asked to end before there was a command.
            capture.close()
            complain("interrupted")
            return _BY_SIGNAL + signals.kept[0]
        try:
            process = subprocess.Popen(command, env=environment)
        except OSError as error:
            capture.close()
            complain(f"{command[0]}: {reason(error)}")
            raise click.exceptions.Exit(
                _NOT_FOUND if isinstance(error, FileNotFoundError) else _NOT_EXECUTABLE
            ) from error
        child = _Child(process)
        signals.pass_to(dict.fromkeys(signals.numbers, child.pass_on), watch)
        ended = os.pidfd_open(process.pid)
        exit_ns = 0

        def has_ended() -> None:
            # The watch's last look at the kernel, which follows, may take seconds.
            nonlocal exit_ns
            exit_ns = exit_ns or time.time_ns()
            watch.stop()

        try:
            watch.attach(ended, has_ended)
            watch.run()
            watch.detach(ended)
        finally:
            os.close(ended)
        # The interface may have failed before the command ended.
        child_status = child.status()
        exit_ns = exit_ns or time.time_ns()
        watch.resume()
        watch.run(duration_s=settle_s)
        signals.restore()
        report = watch.report()
    mark_closed_by_exit(report.findings, exit_ns)
    # Standard output is the command's.
    outputs.uses_stdout = True

    view = view_from(options, connections=bool(connections), whole=outputs.whole())
    status = end_with(report, gates, outputs, view, pager, options["write_target"], watch.write_problem)
    return status if child_status == FINE else child_status
