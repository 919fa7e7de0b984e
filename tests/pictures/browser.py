"""A browser for the tests of pages: Debian's Chromium, without a network, driven by Playwright."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

#: Another browser of Chromium's kind, by its path.
VARIABLE = "TCPTRACE_PY_CHROMIUM"
_NAMES = ("chromium", "chromium-browser", "google-chrome")
_FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)

WIDE = {"width": 1280, "height": 900}
PHONE = {"width": 390, "height": 844}


@dataclass
class Opened:
    """A page that was opened from disk; ``complaints``: what its console said and what it asked for."""

    page: Any
    complaints: list[str] = field(default_factory=list)


def launched() -> Iterator[Any]:
    """The browser, for a fixture; skips where there is none."""
    playwright = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
    path = os.environ.get(VARIABLE) or next(filter(None, map(shutil.which, _NAMES)), None)
    if path is None:
        pytest.skip(f"no Chromium (apt install chromium, or set {VARIABLE})")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=path, args=list(_FLAGS))
        yield browser
        browser.close()


@contextmanager
def opened(
    browser: Any, path: Path, scheme: str = "light", viewport: dict[str, int] | None = None
) -> Iterator[Opened]:
    """The file in a page of its own, drawn; nothing but the file itself can be fetched."""
    context = browser.new_context(
        color_scheme=scheme, viewport=viewport or WIDE, offline=True, reduced_motion="reduce"
    )
    page = context.new_page()
    found = Opened(page)
    page.on("console", lambda message: found.complaints.append(f"{message.type}: {message.text}"))
    page.on("pageerror", lambda error: found.complaints.append(f"error: {error}"))
    page.on("request", lambda request: _note(found, request.url, path))
    page.goto(path.as_uri())
    page.wait_for_selector("html[data-ready=yes]", state="attached", timeout=20_000)
    try:
        yield found
    finally:
        context.close()


def _note(found: Opened, url: str, path: Path) -> None:
    if url.split("#")[0] != path.as_uri():
        found.complaints.append(f"request: {url}")
