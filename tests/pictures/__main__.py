"""``python -m tests.pictures`` makes the pictures of the manual anew: the page in a browser, and graphs."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

from tcptrace_py.cli import main
from tcptrace_py.report.pictures import page
from tests.conftest import ROOT
from tests.pictures.browser import launched, opened
from tests.pictures.reports import SICK, sample
from tests.samples.catalogue import SAMPLE_DIR

_FOLDER = ROOT / "docs" / "pictures"
_WIDE = {"width": 1180, "height": 800}
#: Each graph of the manual, the sample and the connection that it is of.
GRAPHS = {
    "time-sequence": ("half_close_long_transfer.pcap", "0"),
    "throughput": ("half_close_long_transfer.pcap", "0"),
    "rtt": ("half_close_long_transfer.pcap", "0"),
    "outstanding": ("half_close_long_transfer.pcap", "0"),
    "window": ("zero_window.pcap", "0"),
}


def _shots(shown: Any) -> None:
    shown.screenshot(path=_FOLDER / "report.png")
    # All of the page at once, so that nothing scrolls under its head.
    shown.set_viewport_size({"width": _WIDE["width"], "height": 12_000})
    shown.wait_for_timeout(300)
    chart = shown.locator("svg.chart").first
    box = chart.bounding_box()
    shown.mouse.move(box["x"] + box["width"] * 0.6, box["y"] + 80)
    shown.locator("#time").screenshot(path=_FOLDER / "time.png")
    shown.mouse.move(0, 0)
    shown.locator("#connections").screenshot(path=_FOLDER / "connections.png")
    shown.set_viewport_size({"width": _WIDE["width"], "height": 1100})
    shown.locator("#list .row").first.click()
    shown.locator("dialog#ladder").screenshot(path=_FOLDER / "ladder.png")


def make() -> int:
    _FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "report.html"
        # As the manual names it, whoever makes the pictures.
        report = sample(SICK)
        report.capture.sources[0].path = f"sample_pcaps/{SICK}"
        page.write(report, [], path)
        for browser in launched():
            with opened(browser, path, viewport=_WIDE) as found:
                _shots(found.page)
    for kind, (name, connection) in GRAPHS.items():
        target = str(_FOLDER / f"{kind}.svg")
        status = main(["graph", str(SAMPLE_DIR / name), connection, "--kind", kind, "--svg", target])
        if status:
            return status
    return 0


if __name__ == "__main__":
    sys.exit(make())
