"""How far the reading is, on standard error: only on a terminal, and only when it takes over a second."""

from __future__ import annotations

import sys
from time import monotonic
from types import TracebackType
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from rich.progress import Progress

#: What takes no longer than this needs no bar.
PATIENCE_S = 1.0
_REDRAW_S = 0.1
_NARROW_COLUMNS = 70


def shows_progress(stream: TextIO | None) -> bool:
    """Whether ``stream`` is a terminal that can redraw a line."""
    import os

    return (
        stream is not None and stream.isatty() and os.environ.get("TERM", "") not in ("", "dumb", "unknown")
    )


def describe(
    bytes_done: int, bytes_total: int | None, packets: int, elapsed_s: float, *, narrow: bool = False
) -> str:
    """Rate and time left, from averages since the start: ``412 MB/s  1.1 Mpkt/s  0:07 left``."""
    per_s = bytes_done / elapsed_s if elapsed_s > 0 else 0.0
    said = [_scaled(per_s, "B/s")]
    if not narrow:
        said.append(_scaled(packets / elapsed_s if elapsed_s > 0 else 0.0, "pkt/s"))
    if bytes_total is None:
        said.insert(0, _scaled(bytes_done, "B read"))
    elif per_s > 0:
        left_s = round(max(0, bytes_total - bytes_done) / per_s)
        minutes, seconds = divmod(left_s, 60)
        hours, minutes = divmod(minutes, 60)
        said.append(f"{hours}:{minutes:02}:{seconds:02} left" if hours else f"{minutes}:{seconds:02} left")
    return "  ".join(said)


def _scaled(value: float, unit: str) -> str:
    scaled = value
    for prefix in ("", "k", "M", "G"):
        if scaled < 1000:
            digits = 1 if prefix and scaled < 10 else 0
            return f"{scaled:.{digits}f} {prefix}{unit}"
        scaled /= 1000
    return f"{scaled:.1f} T{unit}"


class ProgressBar:
    """A context manager to pass as `tcptrace_py.analyze`'s ``progress``; the bar is gone when it exits."""

    def __init__(self, stream: TextIO | None = None, patience_s: float = PATIENCE_S) -> None:
        self._stream = sys.stderr if stream is None else stream
        self._patience_s = patience_s
        self._bar: Progress | None = None
        self._narrow = False
        self._began_s = monotonic()
        self._draw_at_s = self._began_s + patience_s

    def __enter__(self) -> ProgressBar:
        self._began_s = monotonic()
        self._draw_at_s = self._began_s + self._patience_s
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def __call__(self, bytes_done: int, bytes_total: int | None, packets: int) -> None:
        now_s = monotonic()
        if now_s < self._draw_at_s:
            return
        self._draw_at_s = now_s + _REDRAW_S
        if self._bar is None:
            self._bar = self._open()
        said = describe(bytes_done, bytes_total, packets, now_s - self._began_s, narrow=self._narrow)
        self._bar.update(self._bar.task_ids[0], completed=bytes_done, total=bytes_total, said=said)
        self._bar.refresh()

    def step(self, doing: str, done: int, total: int, of: str) -> None:
        """One more is done of ``total``, ``of`` what is being read, followed or merged."""
        now_s = monotonic()
        if now_s < self._draw_at_s and done < total:
            return
        if self._bar is None:
            if now_s < self._draw_at_s:
                return
            self._bar = self._open()
        self._draw_at_s = now_s + _REDRAW_S
        said = f"{done:,} of {total:,} {of}"
        self._bar.update(self._bar.task_ids[0], description=doing, completed=done, total=total, said=said)
        self._bar.refresh()

    def _open(self) -> Progress:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

        console = Console(file=self._stream, highlight=False)
        self._narrow = console.width < _NARROW_COLUMNS
        bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=None),
            TaskProgressColumn(),
            TextColumn("{task.fields[said]}", markup=False),
            console=console,
            # Drawn from the calls alone: a thread would take turns with the engine.
            auto_refresh=False,
            transient=True,
            expand=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        bar.add_task("reading", total=None, said="")
        bar.start()
        return bar
