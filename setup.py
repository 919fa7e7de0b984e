"""Builds the compiled engine and the manual pages; all else about the package is in ``pyproject.toml``.

A module is compiled when a ``.pxd`` lies beside its ``.py``. The result is all
or nothing: modules that share C types can not be mixed with uncompiled ones,
so where one fails, all are left out and the same ``.py`` files run as they are.
``TCPTRACE_PY_PURE=1`` builds none of them, as it makes none of them run.

The manual pages and completions are made from the command line (``packaging/manual.py``);
where click is not at hand, the wheel goes without them and the build says so.
"""

from __future__ import annotations

import gc
import importlib.util
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.errors import BaseError, CCompilerError

# setuptools has no name of its own for it; its own distutils stands behind this one.
from distutils.command.install_data import install_data  # isort: skip

ROOT = Path(__file__).resolve().parent
PACKAGE = "tcptrace_py"
# Typed views of memory take 20,000 lines of C, which each module would have for itself: half of the time
# to compile. They are a module of their own, made by Cython, which the others import. What they are asked
# for is asked once for thousands of packets.
SHARED = f"{PACKAGE}._cython"
# What few connections need, or what is asked for once in thousands of packets.
SELDOM = tuple(
    f"{PACKAGE}.{name}"
    for name in """
        capture.batch capture.chunk capture.run
        findings.crowd findings.resets findings.service
        report.model.ranks
        tcp.compat.tcptrace tcp.evidence tcp.late_copies tcp.observations tcp.reading. tcp.reuse tcp.roles
        tcp.two_clocks
        wire.inside wire.records wire.segment
    """.split()
)
# What a connection passes once, when it is over, or where it is listed.
ONCE = tuple(
    f"{PACKAGE}.{name}"
    for name in "findings. report. tcp.compat. tcp.incarnations tcp.time_wait tcp.timeline wire.place".split()
)
CYTHON_DIRECTIVES = {
    "language_level": 3,
    # Type hints are for people and mypy; C types come from the .pxd alone.
    "annotation_typing": False,
    # The engine reads captured bytes: an offset out of bounds raises, never reads on.
    "boundscheck": True,
    "wraparound": False,
    "cdivision": True,
    "show_performance_hints": False,
}
BUILD_FAILURES = (BaseError, CCompilerError, OSError)


def compiled_modules() -> list[Extension]:
    """One optional extension for each ``x.py`` with an ``x.pxd`` beside it (packages' own files aside)."""
    extensions: list[Extension] = []
    if os.environ.get("TCPTRACE_PY_PURE", "") not in ("", "0"):
        return extensions
    for pxd in sorted((ROOT / PACKAGE).rglob("*.pxd")):
        source = pxd.with_suffix(".py")
        if pxd.stem == "__init__" or not source.exists():
            continue
        relative = source.relative_to(ROOT)
        name = ".".join(relative.with_suffix("").parts)
        extensions.append(Extension(name, [relative.as_posix()], optional=True))
    # There is no such file in the tree: where it is made, its place below `build/` goes by this name.
    shared = Extension(SHARED, [SHARED.replace(".", "/") + ".c"], optional=True)
    # What takes longest first: nobody waits for it at the end.
    extensions.sort(key=lambda ext: -(ROOT / ext.sources[0]).stat().st_size)
    return [shared, *extensions]


class BuildEngine(build_ext):
    def finalize_options(self) -> None:
        super().finalize_options()
        if self.parallel is None:
            self.parallel = os.cpu_count() or 1
        self.failed: list[str] = []

    def run(self) -> None:
        # setuptools builds elsewhere with `inplace` cleared, then copies into the tree.
        self.in_place = bool(self.inplace)
        super().run()

    def build_extensions(self) -> None:
        wanted = list(self.extensions)
        self.remove_orphans(wanted)
        reason = self.why_not()
        if not reason:
            self.announce_work()
            self.translate()
            super().build_extensions()
            reason = f"{', '.join(sorted(self.failed))} did not compile" if self.failed else ""
        if reason:
            self.leave_out(wanted, reason)

    def build_extension(self, ext: Extension) -> None:
        if self.compiler.compiler_type == "unix":
            # Debug symbols double the time to compile and the size; warnings are about generated C;
            # Python's own -O3 takes a quarter more time than -O2 and gives nothing; -O1 takes a third less
            # than -O2, and -Og nearly two fifths less than -O1.
            chosen = [] if "-O" in os.environ.get("CFLAGS", "") else [self.level(ext.name)]
            ext.extra_compile_args = [*ext.extra_compile_args, *chosen, "-g0", "-w"]
        try:
            super().build_extension(ext)
        except BUILD_FAILURES:
            self.failed.append(ext.name)
            raise

    def level(self, name: str) -> str:
        if name == SHARED:
            return "-O0"
        if name.startswith(SELDOM):
            return "-Og"
        return "-O1" if name.startswith(ONCE) else "-O2"

    def announce_work(self) -> None:
        """Says what is about to take a while, where something is."""
        stale = 0
        for ext in self.extensions:
            source = ROOT / ext.sources[0]
            built = (ROOT if self.in_place else Path()) / self.get_ext_fullpath(ext.name)
            parts = (source, source.with_suffix(".pxd"))
            newest = max((path.stat().st_mtime for path in parts if path.exists()), default=0)
            stale += not built.exists() or built.stat().st_mtime < newest
        if stale:
            print(
                f"tcptrace-py: compiling the engine ({stale} of {len(self.extensions)} modules, and what uses"
                " their types): up to a minute on two cores.",
                file=sys.stderr,
                flush=True,
            )

    def why_not(self) -> str:
        """Why nothing can be compiled here, or ``""``: found out before time goes into translating."""
        try:
            import Cython  # noqa: F401
        except ImportError:
            return "Cython is not installed"
        with tempfile.TemporaryDirectory() as scratch:
            probe = Path(scratch, "probe.c")
            probe.write_text("#include <Python.h>\nint probe(void) { return PY_VERSION_HEX != 0; }\n")
            try:
                self.compiler.compile([str(probe)], output_dir=scratch, include_dirs=self.include_dirs)
            except BUILD_FAILURES:
                return "no working C compiler, or no Python headers"
        return ""

    def translate(self) -> None:
        from Cython.Build import cythonize
        from Cython.Compiler.Options import get_directive_defaults

        # The engine cuts its own cycles, so the collector need not know its classes. (The directive is
        # one of classes, but a .pxd that only adds types can not give it to them.)
        get_directive_defaults()["no_gc"] = True
        # Translating makes many objects that stay until a module is done; to look through them time and again
        # took a seventh of its time.
        gc.set_threshold(100_000, 10, 10)
        translated = cythonize(
            self.extensions,
            build_dir=os.path.join("build", "cython"),
            compiler_directives=CYTHON_DIRECTIVES,
            shared_utility_qualified_name=SHARED,
            nthreads=self.parallel,
            quiet=not self.verbose,
        )
        # Copies come back, without what setuptools has noted on the originals.
        c_files = {ext.name: ext for ext in translated}
        for ext in self.extensions:
            ext.sources = c_files[ext.name].sources
            ext.depends = c_files[ext.name].depends

    def leave_out(self, wanted: list[Extension], reason: str) -> None:
        for ext in wanted:
            Path(self.get_ext_fullpath(ext.name)).unlink(missing_ok=True)
            if self.in_place:
                self.in_tree(ext.name).unlink(missing_ok=True)
        # A list of its own: an emptied one of the distribution would make this another kind of wheel.
        self.extensions = []
        print(
            f"tcptrace-py: {reason}: installing the uncompiled engine, which gives the same reports but is"
            " many times slower (on Debian or Ubuntu: apt install build-essential python3-dev).",
            file=sys.stderr,
        )

    def remove_orphans(self, wanted: list[Extension]) -> None:
        """Takes away what earlier in-place builds left for modules that are not compiled any more."""
        if not self.in_place:
            return
        keep = {self.in_tree(ext.name) for ext in wanted}
        for built in (ROOT / PACKAGE).rglob("*" + self.suffix()):
            if built not in keep:
                built.unlink()

    def suffix(self) -> str:
        return Path(self.get_ext_filename("x")).name.removeprefix("x")

    def in_tree(self, name: str) -> Path:
        return ROOT / Path(*name.split(".")).with_suffix(self.suffix())


class InstallManual(install_data):
    """Generates the data files (below ``share/``) when they are installed, which a wheel's build does."""

    def run(self) -> None:
        script = ROOT / "packaging" / "manual.py"
        folder = Path("build", "manual")
        if not script.exists() or importlib.util.find_spec("click") is None:
            print("tcptrace-py: click is not here: no manual pages, no completions.", file=sys.stderr)
            return
        done = subprocess.run(
            [sys.executable, str(script), str(folder)], stdout=subprocess.PIPE, text=True, check=True
        )
        written = map(Path, done.stdout.splitlines())
        self.data_files = [(path.parent.as_posix(), [str(folder / path)]) for path in written]
        super().run()


setup(
    ext_modules=compiled_modules(),
    cmdclass={"build_ext": BuildEngine, "install_data": InstallManual},
    # What it holds is told by InstallManual; that there is something makes setuptools ask.
    data_files=[("share", [])],
    # A path instead of an import hook, so that type checkers see an editable install.
    options={"editable_wheel": {"mode": "compat"}},
)
