"""Replays both endpoints' TCP states (RFC 9293 section 3.3.2) from captured packets.

>>> from tcptrace_py import analyze
>>> report = analyze("service.pcap")
>>> report.summary.close_wait.stuck
30

Importing the package is cheap: the engine and its libraries load when a name
below is first used.
"""

from __future__ import annotations

from tcptrace_py.engine import use_uncompiled_if_asked
from tcptrace_py.version import __version__

use_uncompiled_if_asked()

TYPE_CHECKING = False
if TYPE_CHECKING:
    from tcptrace_py.capture.error import CaptureError
    from tcptrace_py.report.model.model import Report
    from tcptrace_py.run.analyze import analyze
    from tcptrace_py.settings import Settings

__all__ = ["CaptureError", "Report", "Settings", "__version__", "analyze"]

_HOMES = {
    "CaptureError": "tcptrace_py.capture.error",
    "Report": "tcptrace_py.report.model.model",
    "Settings": "tcptrace_py.settings",
    "analyze": "tcptrace_py.run.analyze",
}


def __getattr__(name: str) -> object:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value: object = getattr(import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
