"""The dashboard on the terminal: drawn four times a second at most, ended by a key."""

from __future__ import annotations

import errno
import io
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

from rich.console import Console
from rich.live import Live
from rich.text import Text

from tcptrace_py.capture.error import CaptureError
from tcptrace_py.cli.screen import report_console
from tcptrace_py.findings.wording import times
from tcptrace_py.report.formats.target import WriteError, write_whole
from tcptrace_py.report.people.dashboard import View, lines
from tcptrace_py.report.people.dashboard_lists import CONNECTIONS, LADDER, NOTHING, Focus
from tcptrace_py.report.people.ladder import Ladder
from tcptrace_py.report.people.ladder_terminal import render_ladder
from tcptrace_py.run.live import Watch
from tcptrace_py.run.live_view import ViewSource
from tcptrace_py.run.recent import RecentFrames
from tcptrace_py.run.session import Move
from tcptrace_py.tcp.connection import Connection

_PERIOD_S = 0.25
_LARGE_ROWS = 40
_ENDS = ("q", "Q", "esc", "ctrl-d")
_SEQUENCES = {
    b"\x1b[A": "up",
    b"\x1b[B": "down",
    b"\x1bOA": "up",
    b"\x1bOB": "down",
    b"\x1b[5~": "pgup",
    b"\x1b[6~": "pgdn",
}
_NAMED = {
    **{0x1B: "esc", 0x03: "ctrl-c", 0x04: "ctrl-d", 0x09: "tab", 0x20: "space"},
    **{0x0A: "enter", 0x0D: "enter", 0x7F: "backspace", 0x08: "backspace"},
}


def key_names(keys: bytes) -> list[str]:
    """The keys in what a terminal sends: ``up``, ``enter``, ``esc``, a character; unknown ones are none."""
    names = []
    while keys:
        known = next((each for each in _SEQUENCES if keys.startswith(each)), None)
        if known is not None:
            names.append(_SEQUENCES[known])
            keys = keys[len(known) :]
        elif keys[0] == 0x1B and len(keys) > 1:
            # Some other function key: to the end of what came with it.
            return names
        else:
            names.append(_NAMED.get(keys[0], chr(keys[0])))
            keys = keys[1:]
    return names


class Dashboard:
    """An observer of a `Watch` that draws it on standard output, which must be a terminal."""

    period_s = _PERIOD_S

    def __init__(self) -> None:
        self._console = report_console(sys.stdout, fold=True)
        self._live: Live | None = None
        self._source: ViewSource | None = None
        self._view: View | None = None
        self._recent: RecentFrames | None = None
        self._marked: dict[int, Connection] = {}
        self._note = ""
        # A large screen has room for a list from the start.
        self._focus = Focus(shown=CONNECTIONS if self._console.height >= _LARGE_ROWS else NOTHING)

    def moved(self, moves: Sequence[Move]) -> None:
        """What moved shows in the next picture."""

    def look(self, watch: Watch) -> None:
        if self._live is None:
            return
        if self._source is None:
            self._source = ViewSource(watch)
        if self._view is None or not self._focus.paused:
            self._view = self._source.view(self._focus.shown)
        self.draw()

    def draw(self) -> None:
        if self._live is not None and self._view is not None:
            view = replace(self._view, notes=[*([self._note] if self._note else []), *self._view.notes])
            drawn = lines(view, self._console, self._focus)
            self._live.update(Text("\n").join(drawn), refresh=True)

    def press(self, key: str) -> bool:
        """Takes a key that is about what is shown; whether it was one."""
        focus = self._focus
        before, marked = focus.shown, set(focus.marked)
        taken = focus.press(key)
        if taken:
            self._note = ""
            self._do(marked)
        if taken and focus.shown == before:
            # Another list has to be fetched first; that comes with the next look.
            self.draw()
        return taken

    def _do(self, marked: set[int]) -> None:
        """What a key asked for; ``marked`` before it."""
        focus, source, recent = self._focus, self._source, self._recent
        asked, focus.asked = focus.asked, ""
        if source is None or recent is None:
            return
        for number in marked ^ focus.marked:
            # Held on to: its packets can be written when it is long over.
            connection = source.connection(number)
            if connection is not None:
                self._marked[number] = connection
        if focus.current is None or not asked:
            return
        connection = source.connection(focus.current.id)
        if asked == LADDER:
            focus.ladder = [Text("This connection is over.")]
            if connection is not None:
                focus.ladder = self._ladder(source.ladder(connection, recent))
        else:
            wanted = [self._marked[number] for number in focus.marked if number in self._marked]
            self._note = self._write(recent, wanted or ([connection] if connection is not None else []))

    def _ladder(self, ladder: Ladder) -> list[Text]:
        screen = self._console
        drawn = Console(
            file=io.TextIOWrapper(io.BytesIO(), encoding=screen.encoding),
            width=screen.width,
            force_terminal=True,
            color_system="standard" if screen.color_system else None,
        )
        with drawn.capture() as captured:
            render_ladder(ladder, drawn)
        return [Text.from_ansi(each) for each in captured.get().splitlines()]

    def _write(self, recent: RecentFrames, connections: Sequence[Connection]) -> str:
        """Their packets as a pcap in the current directory; what became of it, in a line."""
        kept = recent.cut(connections)
        extent = kept.extent()
        if not extent.frames:
            return "nothing written: no packet of it is in memory any more"
        name = time.strftime("tcptrace-%Y%m%d-%H%M%S.pcap")
        try:
            write_whole(kept.pcap(), name)
        except (CaptureError, OSError, WriteError) as error:
            return f"not written: {error}"
        return f"wrote {name}: {times(extent.frames, 'packet')} of {times(len(connections), 'connection')}"

    @contextmanager
    def shown(self, watch: Watch) -> Iterator[None]:
        """Takes the screen while inside, and gives it back as it was; a key ends the watch.

        So does a terminal that is gone.
        """
        with (
            _until_it_is_gone(),
            Live(
                console=self._console,
                screen=True,
                # Drawn from the loop alone: a thread would take turns with the engine.
                auto_refresh=False,
                redirect_stdout=False,
                redirect_stderr=False,
            ) as live,
        ):
            self._live = live
            self._recent = RecentFrames(watch.capture.link_type)
            watch.keep = self._recent.keep
            with _keys(watch, self.press):
                try:
                    yield
                finally:
                    self._live = watch.keep = None


@contextmanager
def _until_it_is_gone() -> Iterator[None]:
    import termios

    try:
        yield
    except (OSError, termios.error) as error:
        if error.args[0] != errno.EIO:
            raise


@contextmanager
def _keys(watch: Watch, press: Callable[[str], bool]) -> Iterator[None]:
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
        for name in key_names(keys):
            if name == "ctrl-c" or (not press(name) and name in _ENDS):
                watch.stop()

    stop: Callable[[], None] = pressed
    tty.setcbreak(descriptor)
    watch.attach(descriptor, stop)
    try:
        yield
    finally:
        watch.detach(descriptor)
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)
