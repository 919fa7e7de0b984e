"""Ctrl-C and SIGTERM on a command that reads captures: what was read is reported."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from tcptrace_py.capture.stop import Stop

_NUMBERS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def stoppable() -> Iterator[Stop]:
    """While inside, the first of these signals asks to stop; the second ends the command at once.

    A signal that whoever started the command had ignored stays ignored.
    """
    stop = Stop()

    def handle(number: int, _frame: FrameType | None) -> None:
        if not stop.asked:
            stop.ask()
        elif number == signal.SIGINT:
            raise KeyboardInterrupt
        else:
            raise SystemExit(128 + number)

    before = {}
    if threading.current_thread() is threading.main_thread():
        before = {number: signal.getsignal(number) for number in _NUMBERS}
    for number, handler in before.items():
        if handler is not signal.SIG_IGN:
            signal.signal(number, handle)
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def cleared_up() -> Iterator[None]:
    """While inside, SIGTERM ends the command as Ctrl-C does: what it began elsewhere is taken away first."""

    def handle(number: int, _frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    before = signal.getsignal(signal.SIGTERM)
    main = threading.current_thread() is threading.main_thread()
    if main and before is not signal.SIG_IGN:
        signal.signal(signal.SIGTERM, handle)
    try:
        yield
    finally:
        if main:
            signal.signal(signal.SIGTERM, before)
