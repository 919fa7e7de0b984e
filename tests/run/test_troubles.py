"""What goes wrong where a run is spread: one line, status 3, and nothing half-written."""

from __future__ import annotations

import errno
import gzip
import sys
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("fsspec")
pytest.importorskip("pyarrow")

import fsspec

from tcptrace_py.capture.error import CaptureError
from tcptrace_py.run.analyze import analyze
from tcptrace_py.run.captures import JobLost
from tcptrace_py.run.cluster import analyze_by
from tcptrace_py.run.executors import _Watched
from tests.conftest import ROOT, RunCli, mounted
from tests.run.test_shuffle import AtOnce, text

SAMPLES = ROOT / "sample_pcaps"
SICK = SAMPLES / "sick_service.pcap"
PILE = SAMPLES / "time_wait_pile.pcap"


@pytest.fixture
def small_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A directory on a file system of 16 KB; where none can be mounted, one that takes no more."""
    folder = tmp_path / "small"
    folder.mkdir()
    with mounted(folder, "16k") as there:
        if not there:
            _fill(monkeypatch)
        yield folder


def _fill(monkeypatch: pytest.MonkeyPatch) -> None:
    opened = fsspec.open

    class Full:
        def __init__(self, file: Any) -> None:
            self._file = file
            self._left = 16_384

        def write(self, data: Any) -> int:
            self._left -= len(data)
            if self._left < 0:
                raise OSError(errno.ENOSPC, "No space left on device")
            return int(self._file.write(data))

        def __getattr__(self, name: str) -> Any:
            return getattr(self._file, name)

    class Opened:
        def __init__(self, url: str, mode: str) -> None:
            self._file = opened(url, mode)

        def open(self) -> Any:
            return Full(self._file.open())

        def __enter__(self) -> Any:
            return Full(self._file.__enter__())

        def __exit__(self, *error: Any) -> None:
            self._file.__exit__(*error)

    monkeypatch.setattr(
        fsspec, "open", lambda url, mode: Opened(url, mode) if mode == "wb" else opened(url, mode)
    )


def test_a_full_disk(small_disk: Path, tmp_path: Path, run_cli: RunCli) -> None:
    for option in ("--checkpoint", "--spill"):
        done = run_cli(
            *("analyze", PILE, option, small_disk / "store", "--parquet", "table/", "--jobs", "1"),
            *("--json", "report.json"),
        )
        assert done.returncode == 3
        assert done.stderr.count(b"\n") == 1, done.stderr
        assert b"cannot be written: no space left on device" in done.stderr
        assert {path.name for path in tmp_path.iterdir()} == {"small"}
        assert not list(small_disk.rglob("*.arrow"))
        assert not list(small_disk.rglob("tcptrace-py-*"))


def test_a_place_that_can_not_be_written(run_cli: RunCli, tmp_path: Path) -> None:
    for option in ("--checkpoint", "--spill"):
        done = run_cli("analyze", SICK, "--parquet", "table/", option, "/proc/nowhere", "--json", "a.json")
        assert done.returncode == 3
        assert done.stderr.startswith(b"tcptrace-py: /proc/nowhere: cannot be written to: ")
        assert done.stderr.count(b"\n") == 1
        assert not list(tmp_path.iterdir())


def test_nothing_to_read(run_cli: RunCli, tmp_path: Path) -> None:
    done = run_cli("analyze", "none/*.pcap", "--checkpoint", "kept", "--json", "report.json")
    assert done.returncode == 3
    assert done.stderr == b"tcptrace-py: none/*.pcap: nothing there has such a name\n"
    assert not tmp_path.joinpath("report.json").exists()


@pytest.mark.parametrize("url", ["gs://bucket/x.pcap", "gs://bucket/*.pcap"])
def test_a_url_without_its_package(run_cli: RunCli, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "gcsfs", None)
    done = run_cli("analyze", url, "--checkpoint", "kept", "--jobs", "1")
    assert done.returncode == 3
    assert done.stderr.count(b"\n") == 1
    assert done.stderr.startswith(f"tcptrace-py: {url}: ".encode())
    assert b"gcsfs" in done.stderr


def test_a_capture_that_nobody_may_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Root may read all, so the store says no."""
    fsspec.filesystem("memory").pipe_file("/locked/a.pcap", SICK.read_bytes())
    opened = fsspec.open

    def refuse(url: str, mode: str) -> Any:
        if url.startswith("memory://"):
            raise PermissionError(errno.EACCES, "Permission denied")
        return opened(url, mode)

    monkeypatch.setattr(fsspec, "open", refuse)
    report = analyze_by(AtOnce(), ["memory://locked/a.pcap", str(SICK)], store=str(tmp_path), parts=2)
    assert report.capture.warnings == ["memory://locked/a.pcap: permission denied"]
    assert not report.capture.complete
    with pytest.raises(CaptureError, match="memory://locked/a.pcap: permission denied"):
        analyze_by(AtOnce(), ["memory://locked/a.pcap"], store=str(tmp_path), parts=2)


@pytest.mark.parametrize("kept", [True, False])
def test_a_capture_that_vanishes_in_the_middle(tmp_path: Path, kept: bool) -> None:
    paths = [tmp_path / "a.pcap", tmp_path / "b.pcap"]
    for path in paths:
        path.write_bytes(SICK.read_bytes())

    class Sweeps(AtOnce):
        def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Any:
            done = super().submit(fn, *args, **kwargs)
            paths[1].unlink(missing_ok=True)
            return done

    report = analyze_by(
        Sweeps(),
        [f"{tmp_path}/*.pcap"],
        store=str(tmp_path),
        parts=2,
        checkpoint=str(tmp_path / "kept") if kept else None,
    )
    assert text(report) == text(analyze(*paths))
    assert report.capture.warnings == [f"{paths[1]}: no such file"]
    assert not report.capture.complete


def test_a_capture_that_is_damaged_within_its_compression(tmp_path: Path) -> None:
    path = tmp_path / "a.pcap.gz"
    packed = bytearray(gzip.compress(SICK.read_bytes(), mtime=0))
    packed[len(packed) // 2] ^= 0xFF
    path.write_bytes(packed)
    report = analyze_by(AtOnce(), [str(path)], store=str(tmp_path), parts=2)
    assert text(report) == text(analyze(path))
    assert not report.capture.complete


def test_a_step_that_is_lost(tmp_path: Path) -> None:
    class Lost(AtOnce):
        def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Any:
            if fn.__name__ != "replay_part":
                return super().submit(fn, *args, **kwargs)
            return super().submit(_dies)

    with pytest.raises(JobLost, match="a step of the run was lost: it is gone"):
        analyze_by(Lost(), [str(SICK)], store=str(tmp_path), parts=2)
    assert not list(tmp_path.iterdir())


def _dies() -> None:
    from concurrent.futures.process import BrokenProcessPool

    raise BrokenProcessPool("it is gone")


class _Client:
    """Dask's client as far as it is asked: no step is ever run, and there are so many workers."""

    def __init__(self, workers: int) -> None:
        self.workers = workers
        self.submitted: list[Future[Any]] = []

    def nthreads(self) -> dict[str, int]:
        return {f"tcp://127.0.0.1:{number}": 1 for number in range(self.workers)}

    def get_executor(self, pure: bool) -> Any:
        return self

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        self.submitted.append(Future())
        return self.submitted[-1]


def test_a_cluster_whose_workers_are_all_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tcptrace_py.run.executors._LOOK_S", 0.01)
    monkeypatch.setattr("tcptrace_py.run.executors._PATIENCE_S", 0.05)
    with pytest.raises(JobLost, match="all workers of the cluster are gone"):
        analyze_by(_Watched(_Client(0)), [str(SICK)], store=str(tmp_path), parts=2)
    assert not list(tmp_path.iterdir())


def test_a_cluster_whose_scheduler_is_gone() -> None:
    client = _Client(1)
    executor = _Watched(client)
    done, failed, lost = (executor.submit(print) for _ in range(3))
    client.submitted[0].set_result(7)
    client.submitted[1].set_exception(CaptureError("no"))
    client.submitted[2].cancel()
    client.submitted[2].set_running_or_notify_cancel()
    assert done.result() == 7
    assert isinstance(failed.exception(), CaptureError)
    with pytest.raises(JobLost, match="the cluster's scheduler is gone"):
        lost.result()
    executor.gone.set()


def test_a_step_that_dask_gives_up(tmp_path: Path) -> None:
    """Its workers died of it, again and again."""
    scheduler = pytest.importorskip("distributed.scheduler")

    class GivesUp(AtOnce):
        def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Any:
            future: Future[Any] = Future()
            future.set_exception(
                scheduler.KilledWorker("split_file", SimpleNamespace(address="tcp://127.0.0.1:1"), 3)
            )
            return future

    with pytest.raises(JobLost, match="a step of the run was lost: .*split_file") as told:
        analyze_by(GivesUp(), [str(SICK)], store=str(tmp_path), parts=2)
    assert "\n" not in str(told.value)
