"""Documentation: links lead somewhere, and files that are named exist."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

PAGES = [
    *sorted(ROOT.glob("*.md")),
    *sorted((ROOT / "docs").glob("*.md")),
    ROOT / "sample_pcaps" / "README.md",
]
# Pages and pictures that are made when the site is built.
_MADE = re.compile(r"^(findings|reference)/|^(changelog|contributing|index|rfc)\.md$|^architecture\.svg$")
_LINK = re.compile(r"(?<!`)\]\(([^)\s]+)\)")
_NAMED_FILE = re.compile(r"`((?:tcptrace_py|tests|sample_pcaps|packaging|docs|benchmarks)/[\w./@-]*)`")


def anchor(heading: str) -> str:
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


def anchors(page: Path) -> set[str]:
    return {anchor(line.lstrip("#")) for line in page.read_text().splitlines() if line.startswith("#")}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(page: Path) -> None:
    for link in _LINK.findall(page.read_text()):
        if link.startswith(("https://", "http://", "mailto:")):
            continue
        path, _, fragment = link.partition("#")
        if page.parent.name == "docs" and _MADE.match(path):
            continue
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), f"{link} leads nowhere"
        if fragment:
            assert fragment in anchors(target), f"{link}: no such heading"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_files_that_are_named_exist(page: Path) -> None:
    missing = [name for name in _NAMED_FILE.findall(page.read_text()) if not (ROOT / name).exists()]
    assert not missing


def test_imports_go_one_way() -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "packaging" / "architecture.py"), "--check"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_an_import_that_goes_the_wrong_way_is_named(tmp_path: Path) -> None:
    from importlib.util import module_from_spec, spec_from_file_location

    spec = spec_from_file_location("architecture", ROOT / "packaging" / "architecture.py")
    assert spec is not None and spec.loader is not None
    architecture = module_from_spec(spec)
    spec.loader.exec_module(architecture)
    package = tmp_path / "tcptrace_py"
    for name, text in {
        "wire/fast.py": "def f():\n    from tcptrace_py.tcp.state import STATES\n",
        "report/model/model.py": "import tcptrace_py.report.formats.json\n"
        "def f():\n    from tcptrace_py.report.formats.json import write\n    import tcptrace_py.run.live\n",
        "report/formats/json.py": "from tcptrace_py.gates.gate import Verdict\n",
        "cli/x.py": "from tcptrace_py.settings import Settings\nimport os\n",
    }.items():
        (package / name).parent.mkdir(parents=True, exist_ok=True)
        (package / name).write_text(text)
    assert architecture.faults(list(architecture.imports(package))) == [
        "tcptrace_py.report.model.model imports tcptrace_py.report.formats.json:"
        " report.model may not know report",
        "tcptrace_py.report.model.model imports tcptrace_py.run.live: report.model may not know run",
        "tcptrace_py.wire.fast imports tcptrace_py.tcp.state: wire may not know tcp",
    ]
