"""The bytes of the JSON report, and how they reach a file."""

from __future__ import annotations

import errno
import io
import json
import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from tcptrace_py.report.formats import json as report_json
from tcptrace_py.report.formats.target import WriteError, write_whole
from tcptrace_py.report.model.model import Report
from tests.report.scenes import Scene, capture, finding, finish, healthy_report, sick_report, sick_scene


def test_the_same_report_gives_the_same_bytes() -> None:
    assert report_json.encode(sick_report()) == report_json.encode(sick_report())


@pytest.mark.parametrize("make", [sick_report, healthy_report])
def test_a_written_report_reads_back_as_the_same(make: object) -> None:
    report = make()  # type: ignore[operator]
    assert msgspec.json.decode(report_json.encode(report), type=Report) == report


def test_without_connections_the_rest_is_the_same() -> None:
    whole = json.loads(report_json.encode(sick_report()))
    without = sick_report()
    without.listed = None
    rest = json.loads(report_json.encode(without))
    assert "connections" not in rest
    del whole["connections"]
    assert rest == whole


def test_a_connection_and_a_service_take_one_line_each() -> None:
    text = report_json.encode(sick_report()).decode()
    assert text.endswith("}\n") and "\n\n" not in text
    lines = text.splitlines()
    assert lines[:2] == ["{", '  "schema_version": 1,']
    begin = lines.index('  "connections": [')
    assert [json.loads(line.rstrip(","))["id"] for line in lines[begin + 1 : -2]] == [0, 1, 2, 3, 4, 5]
    begin = lines.index('  "services": [')
    assert [json.loads(line.rstrip(","))["port"] for line in lines[begin + 1 : begin + 3]] == [8080, 9090]
    assert '      "connections": [0, 1, 2],' in lines


def test_an_empty_report_is_valid_json() -> None:
    empty = finish(Scene(), [], capture(packets=0, tcp_segments=0, first_ns=None, last_ns=None))
    read = json.loads(report_json.encode(empty))
    assert read["services"] == read["connections"] == read["findings"] == []


def test_text_that_looks_like_the_layout_is_left_alone() -> None:
    hostile = 'x\n  "services": []\n [\n  1,\n  2\n ]\x1b[31m'
    report = finish(sick_scene(), [finding("stale-syn", "info", explanation=hostile)], capture(path=hostile))
    read = json.loads(report_json.encode(report))
    assert read["findings"][0]["explanation"] == hostile
    assert read["capture"]["sources"][0]["path"] == hostile
    assert len(read["services"]) == 2


def test_a_file_is_written_whole(tmp_path: Path) -> None:
    target = tmp_path / "report.json"
    report_json.write(sick_report(), target)
    assert target.read_bytes() == report_json.encode(sick_report())
    assert os.listdir(tmp_path) == ["report.json"]
    umask = os.umask(0)
    os.umask(umask)
    assert stat.S_IMODE(target.stat().st_mode) == 0o666 & ~umask


def failing() -> Iterator[bytes]:
    yield b"half"
    raise OSError(errno.ENOSPC, "No space left on device")


def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    target = tmp_path / "report.json"
    target.write_text("old")
    with pytest.raises(WriteError) as caught:
        write_whole(failing(), target)
    assert str(caught.value) == f"{target}: cannot write: No space left on device"
    assert isinstance(caught.value, OSError)
    assert target.read_text() == "old"
    assert os.listdir(tmp_path) == ["report.json"]


def test_a_failure_leaves_no_new_file(tmp_path: Path) -> None:
    with pytest.raises(WriteError):
        write_whole(failing(), tmp_path / "report.json")
    assert os.listdir(tmp_path) == []


def test_an_interrupt_leaves_no_new_file(tmp_path: Path) -> None:
    def interrupted() -> Iterator[bytes]:
        yield b"half"
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_whole(interrupted(), tmp_path / "report.json")
    assert os.listdir(tmp_path) == []


def test_an_existing_file_keeps_its_mode_and_a_link_stays_one(tmp_path: Path) -> None:
    real, link = tmp_path / "real.json", tmp_path / "link.json"
    real.write_text("old")
    real.chmod(0o640)
    link.symlink_to("real.json")
    write_whole([b"new"], link)
    assert link.is_symlink() and real.read_text() == "new"
    assert stat.S_IMODE(real.stat().st_mode) == 0o640


@pytest.mark.parametrize(
    ("name", "reason"),
    [("missing/report.json", "No such file or directory"), ("folder", "Is a directory"), ("\0", "null")],
)
def test_what_can_not_be_written_says_so_in_one_line(tmp_path: Path, name: str, reason: str) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(WriteError, match=reason) as caught:
        write_whole([b"x"], os.path.join(tmp_path, name))
    assert "\n" not in str(caught.value) and "\0" not in str(caught.value)


def test_the_longest_file_name_can_be_written(tmp_path: Path) -> None:
    target = tmp_path / ("r" * 250 + ".json")
    write_whole([b"x"], target)
    assert target.read_bytes() == b"x"


def test_a_pipe_is_written_directly(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    with subprocess.Popen([sys.executable, "-c", f"print(open({str(fifo)!r}).read())"], stdout=-1) as reader:
        write_whole([b"through ", b"a pipe"], fifo)
        assert reader.communicate(timeout=20)[0] == b"through a pipe\n"
    assert stat.S_ISFIFO(fifo.stat().st_mode)


def test_a_dash_is_standard_output(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(stream))
    print("before", end=" ")
    report_json.write(sick_report(), "-")
    assert stream.getvalue() == b"before " + report_json.encode(sick_report())
