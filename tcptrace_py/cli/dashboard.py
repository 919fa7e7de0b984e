"""The dashboard on the terminal: drawn four times a second at most, ended by a key."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from rich.live import Live
from rich.text import Text

from tcptrace_py.cli.screen import report_console
from tcptrace_py.report.people.dashboard import lines
from tcptrace_py.run.live import Watch
from tcptrace_py.run.live_view import ViewSource
from tcptrace_py.run.session import Move

_PERIOD_S = 0.25
_KEYS = b"qQ\x1b\x03\x04"


class Dashboard:
    """An observer of a `Watch` that draws it on standard output, which must be a terminal."""

    period_s = _PERIOD_S

    def __init__(self) -> None:
        self._console = report_console(sys.stdout, fold=True)
        self._live: Live | None = None
        self._source: ViewSource | None = None

    def moved(self, moves: Sequence[Move]) -> None:
        """What moved shows in the next picture."""

    def look(self, watch: Watch) -> None:
        if self._live is None:
            return
        if self._source is None:
            self._source = ViewSource(watch)
        self._live.update(Text("\n").join(lines(self._source.view(), self._console)), refresh=True)

    @contextmanager
    def shown(self, watch: Watch) -> Iterator[None]:
        """Takes the screen while inside, and gives it back as it was; a key ends the watch."""
        with Live(
            console=self._console,
            screen=True,
            # Drawn from the loop alone: a thread would take turns with the engine.
            auto_refresh=False,
            redirect_stdout=False,
            redirect_stderr=False,
        ) as live:
            self._live = live
            with _keys(watch):
                try:
                    yield
                finally:
                    self._live = None


@contextmanager
def _keys(watch: Watch) -> Iterator[None]:
    """While inside, keys come without Enter and are not echoed."""
    if sys.stdin is None or not sys.stdin.isatty():
        yield
        return
    import termios
    import tty

    descriptor = sys.stdin.fileno()
    before = termios.tcgetattr(descriptor)

    def pressed() -> None:
        try:
            keys = os.read(descriptor, 64)
        except OSError:
            keys = b""
        if not keys:
            # The terminal is gone.
            watch.detach(descriptor)
        elif keys[:1] in (b"\x1b",) and len(keys) > 1:
            # An arrow or function key, not Escape.
            return
        elif any(key in _KEYS for key in keys):
            watch.stop()

    stop: Callable[[], None] = pressed
    tty.setcbreak(descriptor)
    watch.attach(descriptor, stop)
    try:
        yield
    finally:
        watch.detach(descriptor)
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)
