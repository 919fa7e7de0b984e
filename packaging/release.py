"""The release checklist: ``python packaging/release.py [--checks]`` stops at the first thing amiss.

docs/releasing.md explains each step. ``--checks`` looks at what can be looked at without building.
Nothing is tagged, pushed or uploaded: the commands for that are printed at the end.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PLACEHOLDER = "example.org"


class Amiss(Exception):
    """What does not hold, in one line."""


def output(*command: str, root: Path) -> str:
    done = subprocess.run(command, cwd=root, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise Amiss(f"{' '.join(command)}: status {done.returncode}")
    return done.stdout.strip()


def version_in(root: Path) -> str:
    text = (root / "tcptrace_py" / "version.py").read_text(encoding="utf-8")
    found = re.search(r'^__version__ = "([^"]*)"$', text, re.MULTILINE)
    if found is None:
        raise Amiss("tcptrace_py/version.py has no __version__")
    return found[1]


def numbers(version: str) -> tuple[int, ...] | None:
    return tuple(map(int, version.split("."))) if re.fullmatch(r"\d+\.\d+\.\d+", version) else None


def sections(changelog: str) -> dict[str, tuple[str, str]]:
    """Of each ``## [name] rest``: the rest of the line, and what stands below, without empty lines."""
    found = re.findall(r"^## \[([^\]]+)\](.*)\n((?:(?!^## ).*\n?)*)", changelog, re.MULTILINE)
    return {
        name: (rest, "\n".join(line for line in body.splitlines() if line.strip()))
        for name, rest, body in found
    }


def tree_is_clean(root: Path) -> str:
    changed = output("git", "status", "--porcelain", root=root)
    if changed:
        raise Amiss(f"the tree is not clean: {changed.splitlines()[0]}")
    return "nothing is changed"


def version_is_next(root: Path) -> str:
    version = version_in(root)
    mine = numbers(version)
    if mine is None:
        raise Amiss(f"version {version!r} is not three numbers")
    for tag in output("git", "tag", "--list", "v*", root=root).split():
        theirs = numbers(tag.removeprefix("v"))
        if theirs is not None and theirs > mine:
            raise Amiss(f"version {version} is not above {tag}")
    return version


def changelog_has_it(root: Path) -> str:
    version = version_in(root)
    known = sections((root / "CHANGELOG.md").read_text(encoding="utf-8"))
    if "Unreleased" not in known:
        raise Amiss("CHANGELOG.md has no section [Unreleased]")
    if known["Unreleased"][1]:
        raise Amiss("CHANGELOG.md still has lines under [Unreleased]")
    if version not in known:
        raise Amiss(f"CHANGELOG.md has no section [{version}]")
    rest, body = known[version]
    if not re.fullmatch(r" - \d{4}-\d\d-\d\d", rest):
        raise Amiss(f"CHANGELOG.md: section [{version}] has no date (## [{version}] - YYYY-MM-DD)")
    if not body:
        raise Amiss(f"CHANGELOG.md: section [{version}] is empty")
    return f"section [{version}]{rest}"


def addresses_are_filled_in(root: Path) -> str:
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    for name, url in project["urls"].items():
        if PLACEHOLDER in url:
            raise Amiss(f"pyproject.toml: [project.urls] {name} is a placeholder: {url}")
    return f"{len(project['urls'])} addresses"


def tag_is_free(root: Path) -> str:
    tag = f"v{version_in(root)}"
    head = output("git", "rev-parse", "HEAD", root=root)
    if tag in output("git", "tag", "--list", root=root).split():
        if output("git", "rev-list", "-n", "1", tag, root=root) != head:
            raise Amiss(f"tag {tag} is another commit")
        return f"{tag} is this commit"
    return f"{tag} is free"


def make(target: str, *variables: str) -> Callable[[Path], str]:
    def step(root: Path) -> str:
        if subprocess.run(
            ["make", "--no-print-directory", target, *variables], cwd=root, check=False
        ).returncode:
            raise Amiss(f"make {target} fails")
        return f"make {' '.join([target, *variables])}"

    return step


def metadata_is_sound(root: Path) -> str:
    files = sorted(map(str, (root / "dist").iterdir()))
    return output(sys.executable, "-m", "twine", "check", "--strict", *files, root=root).splitlines()[-1]


CHECKS: tuple[tuple[str, Callable[[Path], str]], ...] = (
    ("tree", tree_is_clean),
    ("version", version_is_next),
    ("changelog", changelog_has_it),
    ("addresses", addresses_are_filled_in),
    ("tag", tag_is_free),
)
BUILDS: tuple[tuple[str, Callable[[Path], str]], ...] = (
    ("build", make("wheel", "FRESH=1")),
    ("metadata", metadata_is_sound),
    ("wheel", make("try-wheel", "ROOMS=samples report")),
    ("docs", make("docs")),
)


def main(root: Path = ROOT) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--checks", action="store_true", help="build nothing")
    steps = CHECKS if parser.parse_args().checks else CHECKS + BUILDS
    for name, step in steps:
        try:
            print(f"{name:<10} {step(root)}", flush=True)
        except Amiss as amiss:
            sys.exit(f"{name:<10} AMISS: {amiss}")
    if steps is CHECKS:
        return
    tag = f"v{version_in(root)}"
    print(f"\nAll holds. What is left:\n  git tag -a {tag} -m {tag} && git push origin {tag}")
    print("  twine upload dist/*")


if __name__ == "__main__":
    main()
