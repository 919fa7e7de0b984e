"""The wish to end the reading of captures early: what was read by then is reported."""

from __future__ import annotations

import io
import select
import time

# A pipe may hold the last packets of whoever writes it, who was asked to end as well (Ctrl-C goes to all of
# a pipeline): reading goes on until the pipe ends, but not for longer than this.
_LAST_WORDS_S = 1.0


class Stopped(Exception):
    """Raised by ``Stop.ask`` in the thread that waits, so that it waits no more."""


class Stop:
    """Asked by a signal handler, heeded by who reads: between two batches, or while it waits for a pipe."""

    def __init__(self) -> None:
        self.asked = False
        self._waits = False
        #: Set when it is first waited for after that.
        self._until_s = 0.0

    def ask(self) -> None:
        """Stop soon. To be called in the main thread, where signal handlers run."""
        if self.asked:
            return
        self.asked = True
        if self._waits:
            self._waits = False
            raise Stopped

    def open(self, path: str) -> io.FileIO:
        """Open a file to be read. A named pipe waits for its writer; ``Stopped`` where it is time to stop."""
        self._waits = True
        try:
            if self.asked:
                raise Stopped
            return io.FileIO(path, "rb")
        finally:
            self._waits = False

    def wait(self, raw: io.RawIOBase) -> bool:
        """Wait until ``raw`` can be read; False when it is time to stop."""
        try:
            self._waits = True
            if not self.asked:
                select.select([raw], [], [])
                self._waits = False
                return True
        except Stopped:
            pass
        self._waits = False
        if not self._until_s:
            self._until_s = time.monotonic() + _LAST_WORDS_S
        rest_s = self._until_s - time.monotonic()
        return rest_s > 0 and bool(select.select([raw], [], [], rest_s)[0])
