"""``--checkpoint``: a run that is broken off goes on, captures add up, and what does not fit is refused."""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

pytest.importorskip("fsspec")
pytest.importorskip("pyarrow")

from tcptrace_py.capture.error import CaptureError
from tcptrace_py.report.model.model import Report
from tcptrace_py.run.analyze import analyze
from tcptrace_py.run.captures import JobLost
from tcptrace_py.run.cluster import analyze_by
from tests.conftest import COMMAND, ROOT, RunCli, environment
from tests.run.test_shuffle import AtOnce

SAMPLES = sorted(ROOT.joinpath("sample_pcaps").glob("re*.pcap"))[:4]
SICK = ROOT / "sample_pcaps" / "sick_service.pcap"


@pytest.fixture
def captures(tmp_path: Path) -> list[Path]:
    """Copies of four samples, out of order by name."""
    return [Path(shutil.copy(path, tmp_path / f"{9 - i}.pcap")) for i, path in enumerate(SAMPLES)]


def by_checkpoint(tmp_path: Path, *captures: Path, at: str | None = None, **options: Any) -> Report:
    return analyze_by(
        options.pop("executor", None) or AtOnce(),
        [str(each) for each in captures],
        store=str(tmp_path),
        parts=2,
        checkpoint=at or str(tmp_path / "kept"),
        **options,
    )


def text(report: Report) -> str:
    return msgspec.json.format(msgspec.json.encode(report), indent=1).decode()


def names(tmp_path: Path) -> set[str]:
    """What is kept, by the ends of its names."""
    return {path.name.rpartition(".")[2] for path in tmp_path.joinpath("kept").iterdir()}


class _Breaks(AtOnce):
    """An executor that is lost after so many steps."""

    def __init__(self, steps: int) -> None:
        self.steps = steps

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Any:
        self.steps -= 1
        if self.steps < 0:
            raise KeyboardInterrupt
        return super().submit(fn, *args, **kwargs)


@pytest.mark.parametrize("steps", [0, 1, 3, 4, 12, 22])
def test_broken_off_anywhere(tmp_path: Path, captures: list[Path], steps: int) -> None:
    with pytest.raises(KeyboardInterrupt):
        by_checkpoint(tmp_path, *captures, executor=_Breaks(steps))
    assert not list(tmp_path.glob("tcptrace-py-*")), "nothing is left in the store"
    assert text(by_checkpoint(tmp_path, *captures)) == text(analyze(*captures))


def test_what_is_kept_is_not_read_again(tmp_path: Path, captures: list[Path]) -> None:
    whole = text(analyze(*captures))
    assert text(by_checkpoint(tmp_path, *captures)) == whole
    for path in captures:
        path.unlink()
    assert text(by_checkpoint(tmp_path, *captures)) == whole
    assert text(by_checkpoint(tmp_path)) == whole, "all that it has, also where none is named"


def test_captures_of_tomorrow_add_to_those_of_today(tmp_path: Path, captures: list[Path]) -> None:
    whole = analyze(*captures)
    by_checkpoint(tmp_path, *captures[:2])
    captures[0].unlink()
    added = by_checkpoint(tmp_path, captures[3], captures[1])
    assert [source.path for source in added.capture.sources] == [str(captures[i]) for i in (0, 1, 3)]
    shutil.copy(SAMPLES[0], captures[0])
    assert text(added) == text(analyze(captures[0], captures[1], captures[3]))
    for path in (captures[0], captures[3]):
        path.unlink()
    assert by_checkpoint(tmp_path, captures[2]).summary.connections == whole.summary.connections


def test_thresholds_may_change_with_each_run(tmp_path: Path, captures: list[Path]) -> None:
    from tcptrace_py.settings import Settings

    by_checkpoint(tmp_path, *captures)
    settings = Settings(close_wait_after_s=0.001, msl_s=1.0)
    again = by_checkpoint(tmp_path, *captures, settings=settings, stats=True)
    assert text(again) == text(analyze(*captures, settings=settings, stats=True))


def test_in_a_store_that_is_no_directory(tmp_path: Path, captures: list[Path]) -> None:
    whole = text(analyze(*captures))
    for _ in range(2):
        assert text(by_checkpoint(tmp_path, *captures, at="memory://bucket/kept")) == whole


def test_a_name_that_is_no_text(tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"\xff\xfe.pcap")
    try:
        shutil.copy(SICK, path)
    except OSError:
        pytest.skip("this file system takes no such names")
    for _ in range(2):
        assert text(by_checkpoint(tmp_path, path)) == text(analyze(path))


def test_a_capture_that_grows_is_read_anew_while_it_is_cut_short(tmp_path: Path) -> None:
    path = tmp_path / "growing.pcap"
    path.write_bytes(SICK.read_bytes()[:-7])
    report = by_checkpoint(tmp_path, path)
    assert not report.capture.complete
    assert text(report) == text(analyze(path))
    shutil.copy(SICK, path)
    assert text(by_checkpoint(tmp_path, path)) == text(analyze(path))


def test_a_capture_that_is_missing_is_named_and_not_waited_for(tmp_path: Path, captures: list[Path]) -> None:
    report = by_checkpoint(tmp_path, tmp_path / "none.pcap", *captures)
    assert not report.capture.complete
    assert report.capture.warnings == [f"{tmp_path}/none.pcap: no such file"]
    assert text(report) == text(analyze(tmp_path / "none.pcap", *captures))
    assert text(by_checkpoint(tmp_path, *captures)) == text(analyze(*captures))


def _changed(tmp_path: Path, captures: list[Path]) -> None:
    captures[1].write_bytes(SICK.read_bytes())


def _of_another_version(tmp_path: Path, captures: list[Path]) -> None:
    contents = tmp_path / "kept" / "checkpoint.json"
    told = json.loads(contents.read_bytes())
    told["format"] = "tcptrace-py 0.0.1, " + told["format"].partition(", ")[2]
    contents.write_text(json.dumps(told))


def _damaged(tmp_path: Path, captures: list[Path]) -> None:
    tmp_path.joinpath("kept", "checkpoint.json").write_bytes(b'{"format": 7}')


def _in_too_many_parts(tmp_path: Path, captures: list[Path]) -> None:
    contents = tmp_path / "kept" / "checkpoint.json"
    contents.write_text(contents.read_text().replace('"parts": 16', '"parts": 1000000000'))


def _with_a_record_of_another(tmp_path: Path, captures: list[Path]) -> None:
    first, *rest = (path for path in tmp_path.joinpath("kept").glob("*.json") if len(path.stem) == 32)
    rest[0].write_bytes(first.read_bytes())


def _with_a_damaged_record(tmp_path: Path, captures: list[Path]) -> None:
    next(path for path in tmp_path.joinpath("kept").glob("*.json") if len(path.stem) == 32).write_bytes(b"{")


def _with_damaged_rows(tmp_path: Path, captures: list[Path]) -> None:
    for path in tmp_path.joinpath("kept").glob("*.arrow"):
        path.write_bytes(path.read_bytes()[:100])


def _without_rows(tmp_path: Path, captures: list[Path]) -> None:
    for path in tmp_path.joinpath("kept").glob("*.arrow"):
        path.unlink()


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (_changed, "{captures[1]}: has changed since {kept} kept its records: another checkpoint is needed"),
        (_of_another_version, "{kept}: is a checkpoint of tcptrace-py 0.0.1, rows of 112 bytes, "),
        (_damaged, "{kept}: is no checkpoint: its checkpoint.json is damaged"),
        (_in_too_many_parts, "{kept}: is no checkpoint: its checkpoint.json is damaged"),
        (_with_a_record_of_another, ".json: is damaged; without it "),
        (_with_a_damaged_record, ".json: is damaged; without it "),
        (_with_damaged_rows, ".arrow: cannot be read: "),
        (_without_rows, ".arrow: cannot be read: no such file or directory"),
    ],
    ids=lambda each: each.__name__ if callable(each) else "",
)
def test_refused_in_one_line(
    tmp_path: Path, captures: list[Path], run_cli: RunCli, spoil: Any, told: str
) -> None:
    kept = tmp_path / "kept"
    by_checkpoint(tmp_path, *captures)
    spoil(tmp_path, captures)
    done = run_cli("analyze", *captures, "--checkpoint", kept, "--jobs", "1", "--json", "report.json")
    assert done.returncode == 3
    assert done.stderr.count(b"\n") == 1, done.stderr
    assert told.format(kept=kept, captures=captures) in done.stderr.decode()
    assert not tmp_path.joinpath("report.json").exists()


def test_another_filter_is_refused(tmp_path: Path, captures: list[Path]) -> None:
    pytest.importorskip("pcapy")
    by_checkpoint(tmp_path, *captures, bpf="tcp")
    with pytest.raises(JobLost, match="has what 'tcp' lets pass: another --filter needs another checkpoint"):
        by_checkpoint(tmp_path, *captures)


def test_a_directory_with_other_things_is_left_alone(tmp_path: Path, captures: list[Path]) -> None:
    kept = tmp_path / "kept"
    kept.mkdir()
    kept.joinpath("letter.txt").write_text("dear all")
    with pytest.raises(JobLost, match=r"kept: is no checkpoint, and not empty"):
        by_checkpoint(tmp_path, *captures)
    kept.joinpath("letter.txt").unlink()
    by_checkpoint(tmp_path, *captures)
    kept.joinpath("letter.txt").write_text("dear all")
    by_checkpoint(tmp_path, *captures)
    assert kept.joinpath("letter.txt").exists()


def test_none_that_can_be_read(tmp_path: Path) -> None:
    with pytest.raises(CaptureError, match="no such file"):
        by_checkpoint(tmp_path, tmp_path / "none.pcap")
    with pytest.raises(CaptureError, match="no capture given"):
        by_checkpoint(tmp_path)


@contextmanager
def _held(kept: str) -> Iterator[None]:
    """Another process has the checkpoint open."""
    ours, theirs = multiprocessing.Pipe()

    def hold() -> None:
        from tcptrace_py.run.checkpoint import opened

        with opened(kept, 2, None):
            theirs.send(None)
            theirs.recv()

    process = multiprocessing.get_context("fork").Process(target=hold)
    process.start()
    ours.recv()
    yield
    ours.send(None)
    process.join()


@pytest.mark.skipif(sys.platform != "linux", reason="forks")
def test_two_runs_at_once(tmp_path: Path, captures: list[Path]) -> None:
    with _held(str(tmp_path / "kept")):
        with pytest.raises(JobLost, match="another run has this checkpoint open"):
            by_checkpoint(tmp_path, *captures)
    by_checkpoint(tmp_path, *captures)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (
            ["-", "--checkpoint", "kept"],
            b"cannot be read by the processes of --checkpoint",
        ),
        (
            [SICK, "--checkpoint", "kept", "--annotate", "x.pcapng"],
            b"--annotate reads captures a second",
        ),
        ([SICK, "--cluster", "local", "--jobs", "2"], b"--jobs is for this machine, --cluster for others"),
    ],
)
def test_wrong_usage(run_cli: RunCli, wrong: list[Any], told: bytes) -> None:
    done = run_cli("analyze", *wrong, stdin=b"")
    assert done.returncode == 2
    assert told in b" ".join(done.stderr.split())


def test_connections_in_several_files(run_cli: RunCli, tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    done = run_cli("analyze", *SAMPLES, "--parquet", "table/", "--jobs", "2")
    assert (done.returncode, done.stderr) == (0, b"tcptrace-py: wrote table/\n")
    assert parquet.read_table(tmp_path / "table").num_rows == analyze(*SAMPLES).summary.connections
    again = run_cli("analyze", *SAMPLES, "--parquet", "table/")
    assert again.returncode == 2
    assert b"the directory 'table/' is not empty" in again.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="signals and named pipes")
def test_killed_in_the_middle(tmp_path: Path, captures: list[Path], run_cli: RunCli) -> None:
    kept = tmp_path / "kept"
    slow = tmp_path / "5.pcap"
    # Whoever opens it waits.
    os.mkfifo(slow)
    arguments = ["analyze", *map(str, captures[:2]), str(slow), *map(str, captures[2:])]
    process = subprocess.Popen(
        [*COMMAND, *arguments, "--checkpoint", str(kept), "--jobs", "2", "--json", str(tmp_path / "a.json")],
        env=environment(PYTHONPATH=str(ROOT)),
        stderr=subprocess.PIPE,
        cwd=tmp_path,
    )
    until = time.monotonic() + 60
    while len(list(kept.glob("*.json"))) < 5:
        assert time.monotonic() < until and process.poll() is None
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    # Its end of file: those that it had started have ended too.
    process.communicate(timeout=30)
    assert not tmp_path.joinpath("a.json").exists()
    slow.unlink()
    shutil.copy(SICK, slow)
    resumed = run_cli(*arguments, "--checkpoint", kept, "--jobs", "1", "--json", "-")
    assert resumed.returncode == 0, resumed.stderr
    assert resumed.stdout == run_cli(*arguments, "--jobs", "1", "--json", "-").stdout
    assert len(list(kept.glob("*.json"))) == len(list(kept.glob("*.arrow"))) + 1 == 6
    assert names(tmp_path) == {"json", "arrow", "lock"}
