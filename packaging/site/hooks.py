"""What of the site's configuration is told elsewhere: its addresses, and which pages there are."""

from __future__ import annotations

import os
import sys
import tomllib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))
# What the sources say is shown, whatever was compiled from them before.
os.environ["TCPTRACE_PY_PURE"] = "1"

#: Pages of ``docs/`` that have their own place in the navigation; the others are guides.
_PLACED = ("tutorial", "states", "architecture", "releasing")


def on_config(config: Any) -> Any:
    from tcptrace_py.findings.finding import KINDS

    urls = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["urls"]
    config.site_url = urls["Documentation"]
    config.repo_url = urls["Repository"]
    config.repo_name = "source"
    config.edit_uri = None
    guides = [f"{path.stem}.md" for path in sorted((ROOT / "docs").glob("*.md")) if path.stem not in _PLACED]
    config.nav = [
        "index.md",
        "tutorial.md",
        {"Use": guides},
        {"Findings": ["findings/index.md", *({kind: f"findings/{kind}.md"} for kind in KINDS)]},
        {"Reference": ["reference/cli.md", "reference/json.md", "reference/library.md", "states.md"]},
        {"For contributors": ["contributing.md", "architecture.md", "rfc.md", "releasing.md"]},
        "changelog.md",
    ]
    return config
