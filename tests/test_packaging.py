"""What ``pip install`` makes of the source tree, with a C compiler and without one."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

import pytest

from tests.conftest import PACKAGE, ROOT, environment, stale_modules

_COMPILER = (os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc").split()[0]


# Modules that cimport nothing of ours, so that they compile alone; `engine` asks one of them.
_LEAVES = ("capture/batch", "run/arenas", "tcp/timeline", "wire/frame_id", "wire/segment")


def copied_tree(target: Path) -> Path:
    """A fresh copy of what a clone holds, without anything built; a few of the hot modules are left hot.

    That a wheel has all of them is told where one is made: ``packaging/wheel.py`` refuses another.
    """
    skipped = shutil.ignore_patterns("*.so", "*.c", "*.egg-info", "__pycache__", ".*", "build", "dist")
    shutil.copytree(PACKAGE, target / "tcptrace_py", ignore=skipped)
    for name in ("pyproject.toml", "setup.py", "MANIFEST.in", "README.md", "LICENSE", "NOTICE"):
        if (ROOT / name).exists():
            shutil.copy(ROOT / name, target / name)
    package = target / "tcptrace_py"
    leaves = {package / f"{name}.pxd" for name in _LEAVES}
    assert all(path.exists() for path in leaves)
    for path in package.rglob("*.pxd"):
        if path.stem != "__init__" and path not in leaves:
            path.unlink()
    return target


def wheel(tree: Path, target: Path, **variables: str) -> zipfile.ZipFile:
    """Builds the wheel of ``tree`` with the tools of this environment, as quickly as compilers go."""
    pytest.importorskip("Cython", reason="Cython is not installed")
    pytest.importorskip("setuptools", reason="setuptools is not installed")
    subprocess.run(
        [
            *(sys.executable, "-m", "pip", "wheel", "--quiet", "--disable-pip-version-check"),
            *("--no-deps", "--no-build-isolation", "--no-index", "--wheel-dir", str(target), str(tree)),
        ],
        check=True,
        env=environment(pure=False, CFLAGS="-O0", **variables),
        timeout=600,
    )
    (path,) = target.glob("*.whl")
    return zipfile.ZipFile(path)


def expected_sources(tree: Path) -> set[str]:
    return {
        path.relative_to(tree).as_posix()
        for path in (tree / "tcptrace_py").rglob("*")
        if path.suffix in (".py", ".pxd", ".html", ".css", ".js") or path.name == "py.typed"
    }


def compiled_in(archive: zipfile.ZipFile) -> set[str]:
    suffix = EXTENSION_SUFFIXES[0]
    return {name.removesuffix(suffix) for name in archive.namelist() if name.endswith(suffix)}


def run_from(archive: zipfile.ZipFile, folder: Path) -> str:
    """What ``--version`` says of the engine, run from the unpacked wheel."""
    archive.extractall(folder)
    done = subprocess.run(
        [sys.executable, "-m", "tcptrace_py", "--version"],
        capture_output=True,
        text=True,
        check=True,
        cwd=folder,
        env=environment(pure=False, PYTHONPATH=str(folder)),
    )
    return done.stdout


@pytest.mark.slow
def test_a_wheel_holds_the_sources_beside_the_compiled_modules(tmp_path: Path) -> None:
    if shutil.which(_COMPILER) is None:
        pytest.skip(f"no C compiler ({_COMPILER}) here")
    tree = copied_tree(tmp_path)
    with wheel(tree, tmp_path / "dist") as archive:
        names = set(archive.namelist())
        assert expected_sources(tree) <= names
        assert compiled_in(archive) == {f"tcptrace_py/{name}" for name in (*_LEAVES, "_cython")}
        assert not [name for name in names if name.endswith((".c", ".pyc"))]
        assert not [name for name in names if "__init__.cpython" in name]
        assert "(compiled engine," in run_from(archive, tmp_path / "unpacked")


@pytest.mark.parametrize("compiler", ["/bin/false", "no-such-compiler"])
def test_without_a_compiler_the_same_sources_are_installed(tmp_path: Path, compiler: str) -> None:
    tree = copied_tree(tmp_path)
    with wheel(tree, tmp_path / "dist", CC=compiler) as archive:
        assert expected_sources(tree) <= set(archive.namelist())
        assert compiled_in(archive) == set()
        assert "(pure Python engine," in run_from(archive, tmp_path / "unpacked")


@pytest.mark.slow
def test_one_module_that_does_not_compile_leaves_out_all(tmp_path: Path) -> None:
    """Compiled and uncompiled modules share types, so a mixture would not even import."""
    if shutil.which(_COMPILER) is None:
        pytest.skip(f"no C compiler ({_COMPILER}) here")
    tree = copied_tree(tmp_path)
    picky = tmp_path / "picky-cc"
    picky.write_text(
        '#!/bin/sh\nfor word in "$@"; do case "$word" in *segment.c) exit 1;; esac; done\n'
        f'exec {_COMPILER} "$@"\n'
    )
    picky.chmod(0o755)
    with wheel(tree, tmp_path / "dist", CC=str(picky)) as archive:
        assert compiled_in(archive) == set()
        assert "(pure Python engine," in run_from(archive, tmp_path / "unpacked")


def test_a_compiled_module_older_than_its_source_is_noticed(tmp_path: Path) -> None:
    package = tmp_path / "tcptrace_py"
    (package / "wire").mkdir(parents=True)
    suffix = EXTENSION_SUFFIXES[0]
    for name, pxd in (("segment", ""), ("fast", "from tcptrace_py.wire.segment cimport Segment\n")):
        (package / "wire" / f"{name}.py").touch()
        (package / "wire" / f"{name}.pxd").write_text(pxd)
    assert stale_modules(package) == []  # nothing is compiled: nothing is stale

    def built(name: str, at: int) -> None:
        module = package / "wire" / f"{name}{suffix}"
        module.touch()
        os.utime(module, (at, at))

    for source in package.rglob("*.p*"):
        os.utime(source, (1000, 1000))
    built("segment", 2000)
    assert stale_modules(package) == ["wire/fast.py is not compiled, others are"]
    built("fast", 2000)
    assert stale_modules(package) == []

    os.utime(package / "wire" / "segment.pxd", (3000, 3000))
    assert stale_modules(package) == [
        f"wire/fast{suffix} is older than wire/segment.pxd",
        f"wire/segment{suffix} is older than wire/segment.pxd",
    ]
    built("segment", 4000)
    built("fast", 4000)
    (package / "wire" / "fast.pxd").unlink()
    assert stale_modules(package) == [f"wire/fast{suffix} has no .pxd any more"]
