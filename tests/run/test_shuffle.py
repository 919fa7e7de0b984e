"""Split, replayed and merged by an executor: the report that one process gives."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import msgspec
import pytest

pytest.importorskip("fsspec")
pytest.importorskip("pyarrow")

from tcptrace_py.capture.error import CaptureError
from tcptrace_py.report.formats.rows import COLUMNS, row
from tcptrace_py.report.model.model import Report
from tcptrace_py.run.analyze import analyze
from tcptrace_py.run.captures import JobLost
from tcptrace_py.run.cluster import analyze_by
from tests.capture.test_process_info import capture as process_capture

from .test_parts import LEAK, later

ROOT = Path(__file__).parents[2]
SAMPLES = sorted(ROOT.joinpath("sample_pcaps").glob("*.pcap"))
SICK = ROOT / "sample_pcaps" / "sick_service.pcap"


class AtOnce(Executor):
    """Runs what it is given when it is given it."""

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except BaseException as error:
            future.set_exception(error)
        return future


def text(report: Report) -> str:
    return msgspec.json.format(msgspec.json.encode(report), indent=1).decode()


def check(
    tmp_path: Path, *paths: Path, parts: int = 3, executor: Executor | None = None, **options: Any
) -> None:
    whole = analyze(*paths, **options)
    shuffled = analyze_by(
        executor or AtOnce(), [str(path) for path in paths], store=str(tmp_path), parts=parts, **options
    )
    assert text(shuffled) == text(whole)
    assert not list(tmp_path.glob("tcptrace-py-*")), "nothing is left in the store"


@pytest.mark.parametrize("first", range(6))
def test_samples_that_overlap_in_time(first: int, tmp_path: Path) -> None:
    """Every sample is in one of them: what is in a row, and beside it, is what was in the capture."""
    check(tmp_path, *SAMPLES[first::6], parts=5, stats=first == 0)


def test_files_of_different_days(tmp_path: Path) -> None:
    check(tmp_path, SICK, later(SICK, tmp_path / "3.pcap", 3), later(LEAK, tmp_path / "9.pcap", 9))


@pytest.fixture(params=["threads", "processes"])
def executor(request: pytest.FixtureRequest) -> Iterator[Executor]:
    pool: Executor
    if request.param == "threads":
        pool = ThreadPoolExecutor(2)
    else:
        pool = ProcessPoolExecutor(2, get_context("forkserver"))
    with pool:
        yield pool


@pytest.mark.parametrize("options", [{"stats": True}, {"connections": False}, {"bpf": "port 8080"}], ids=str)
def test_any_executor(executor: Executor, options: dict[str, Any], tmp_path: Path) -> None:
    check(tmp_path, SICK, *SAMPLES[:4], executor=executor, **options)


def test_damaged_and_missing_files_are_named(tmp_path: Path) -> None:
    cut = tmp_path / "cut.pcap"
    cut.write_bytes(SICK.read_bytes()[:-7])
    paths = [str(cut), str(tmp_path / "none.pcap"), str(SAMPLES[0])]
    report = analyze_by(AtOnce(), [*paths, f"{tmp_path}/no*.pcapng"], store=str(tmp_path), parts=2)
    assert not report.capture.complete
    assert report.capture.warnings == [
        f"{tmp_path}/no*.pcapng: nothing there has such a name",
        f"{cut}: cut short: the record after frame {report.capture.sources[0].packets} is incomplete",
        f"{tmp_path}/none.pcap: no such file",
    ]
    assert [source.path for source in report.capture.sources] == [str(cut), str(SAMPLES[0])]


def test_none_that_can_be_read(tmp_path: Path) -> None:
    with pytest.raises(CaptureError, match="no such file"):
        analyze_by(AtOnce(), [str(tmp_path / "none.pcap")], store=str(tmp_path), parts=2)


def test_urls_and_globs(tmp_path: Path) -> None:
    shutil.copy(SICK, tmp_path / "b.pcap")
    shutil.copy(SAMPLES[0], tmp_path / "a.pcap")
    report = analyze_by(AtOnce(), [f"file://{tmp_path}/*.pcap"], store=f"file://{tmp_path}", parts=2)
    assert [source.path for source in report.capture.sources] == [
        f"file://{tmp_path}/a.pcap",
        f"file://{tmp_path}/b.pcap",
    ]
    whole = analyze(tmp_path / "a.pcap", tmp_path / "b.pcap")
    assert msgspec.json.encode(report.connections) == msgspec.json.encode(whole.connections)
    assert report.findings == whole.findings


def test_a_url_without_its_package(tmp_path: Path) -> None:
    with pytest.raises(CaptureError, match="nosuch://bucket/x.pcap: Protocol not known: nosuch"):
        analyze_by(AtOnce(), ["nosuch://bucket/x.pcap"], store=str(tmp_path), parts=2)


def test_a_store_that_can_not_be_written(tmp_path: Path) -> None:
    tmp_path.joinpath("file").write_bytes(b"")
    with pytest.raises(JobLost, match="cannot be written to"):
        analyze_by(AtOnce(), [str(SICK)], store=str(tmp_path / "file"), parts=2)


def test_frames_are_told_of_the_input_that_they_are_in(tmp_path: Path) -> None:
    """Where inputs before it can not be opened, and where the capture names processes."""
    owned = process_capture(tmp_path, "<", apple=False)
    paths = [tmp_path / "none.pcap", SAMPLES[0], tmp_path / "neither.pcap", SICK, owned]
    check(tmp_path, *paths)
    owners = analyze(owned).findings[0].processes
    assert owners and owners[0].pid == 812


def _table(folder: Path) -> list[dict[str, Any]]:
    parquet = pytest.importorskip("pyarrow.parquet")
    files = sorted(folder.glob("*.parquet"))
    each = [parquet.read_table(path).to_pylist() for path in files]
    for rows in each:
        assert [row["id"] for row in rows] == sorted(row["id"] for row in rows)
    return sorted((row for rows in each for row in rows), key=lambda row: row["id"])


@pytest.mark.slow
@pytest.mark.parametrize("listed", [True, False])
def test_connections_as_a_table_of_several_files(tmp_path: Path, listed: bool) -> None:
    """Numbers, findings, roles and processes are those of the whole."""
    owned = process_capture(tmp_path, "<", apple=False)
    # The whole capture alone tells why these were not answered.
    told_late = ["foreign_reply", "stale_timestamp", "unresponsive_server", "stopped_stream"]
    paths = [*SAMPLES[::9], *(SICK.with_name(f"{name}.pcap") for name in told_late), SICK, owned]
    whole = analyze(*paths)
    table = tmp_path / "table"
    report = analyze_by(
        AtOnce(),
        [str(path) for path in paths],
        store=str(tmp_path / "store"),
        parts=3,
        connections=listed,
        table=str(table),
    )
    assert text(report) == text(whole if listed else analyze(*paths, connections=False))
    names = [column.name for column in COLUMNS]
    assert _table(table) == [dict(zip(names, row(each), strict=True)) for each in whole.connections]
    assert len(list(table.iterdir())) == 4
    assert sum(path.stat().st_size > 20_000 for path in table.iterdir()) > 1


def test_a_table_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    class Fails(AtOnce):
        def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
            if fn.__name__ == "write_table" and args[0].endswith("-1.arrow"):
                Path(args[0]).write_bytes(b"")
            return super().submit(fn, *args, **kwargs)

    with pytest.raises(JobLost, match=r"connections-1\.arrow: cannot be read"):
        analyze_by(Fails(), [str(SICK)], store=str(tmp_path), parts=2, table=str(tmp_path / "table"))
    assert not list(tmp_path.iterdir())
