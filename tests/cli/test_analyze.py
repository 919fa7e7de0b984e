"""``tcptrace-py analyze`` as a process: what goes where, and with which exit status it ends."""

from __future__ import annotations

import gzip
import json
import os
import shutil
import threading
from pathlib import Path
from typing import Any

import pytest

from tcptrace_py.cli import main
from tcptrace_py.run import analyze as analysis
from tests.conftest import RunCli


@pytest.fixture
def capture(tmp_path: Path, handshake_pcap: bytes) -> Path:
    path = tmp_path / "handshake.pcap"
    path.write_bytes(handshake_pcap)
    return path


def one_line(stderr: bytes) -> str:
    """The only line there is, without the program's name."""
    text = stderr.decode()
    assert text.startswith("tcptrace-py: ") and text.endswith("\n") and text.count("\n") == 1, text
    return text.removeprefix("tcptrace-py: ").rstrip("\n")


def test_json_to_standard_output_is_json_alone(run_cli: RunCli, capture: Path) -> None:
    done = run_cli("analyze", capture, "--json", "-")
    assert (done.returncode, done.stderr) == (0, b"")
    report = json.loads(done.stdout)
    assert report["capture"]["packets"] == 3
    assert report["capture"]["complete"] is True
    assert report["summary"]["handshakes"]["complete"] == 1
    assert len(report["connections"]) == 1


def test_json_to_a_file_shows_nothing(run_cli: RunCli, capture: Path, tmp_path: Path) -> None:
    done = run_cli("analyze", capture, "--json", "report.json")
    assert (done.returncode, done.stdout) == (0, b"")
    assert one_line(done.stderr) == "wrote report.json"
    assert json.loads((tmp_path / "report.json").read_bytes())["summary"]["connections"] == 1


def test_both_reports_can_be_asked_for(run_cli: RunCli, capture: Path, tmp_path: Path) -> None:
    shown = run_cli("analyze", capture)
    both = run_cli("analyze", capture, "--json", "report.json", "--terminal")
    assert (both.returncode, both.stdout) == (0, shown.stdout)
    assert one_line(both.stderr) == "wrote report.json"
    quiet = run_cli("analyze", capture, "--json", "report.json", "--quiet")
    assert (quiet.stdout, quiet.stderr) == (b"", b"")
    assert (tmp_path / "report.json").stat().st_size > 0
    aside = run_cli("analyze", capture, "--json", "-", "--terminal")
    assert aside.stderr == shown.stdout
    assert aside.stdout == (tmp_path / "report.json").read_bytes()


def test_the_shown_report_is_clean_text_without_a_terminal(run_cli: RunCli, capture: Path) -> None:
    done = run_cli("analyze", capture)
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"\x1b" not in done.stdout and b"\r" not in done.stdout
    assert done.stdout.strip()


def test_a_locale_without_line_drawing_is_no_error(run_cli: RunCli, capture: Path) -> None:
    done = run_cli("analyze", capture, PYTHONIOENCODING="ascii")
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.isascii() and done.stdout.strip()


def test_connections_are_listed_or_left_out(run_cli: RunCli, capture: Path) -> None:
    assert b"40000" in run_cli("analyze", capture, "--connections").stdout
    left_out = json.loads(run_cli("analyze", capture, "--no-connections", "--json", "-").stdout)
    assert not left_out.get("connections")
    assert left_out["summary"]["connections"] == 1


@pytest.mark.parametrize(
    ("arguments", "listed"),
    [
        ([], False),
        (["--connections"], True),
        (["--json", "-"], True),
        (["--json", "-", "--no-connections"], False),
    ],
)
def test_connections_are_kept_only_for_who_reads_them(
    capture: Path, arguments: list[str], listed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[object] = []
    whole = analysis.analyze

    def watched(*captures: str, **options: Any) -> object:
        asked.append(options["connections"])
        return whole(*captures, **options)

    monkeypatch.setattr(analysis, "analyze", watched)
    assert main(["analyze", str(capture), *arguments]) == 0
    assert asked == [listed]


def test_standard_input(run_cli: RunCli, capture: Path, handshake_pcap: bytes) -> None:
    done = run_cli("analyze", "-", "--json", "-", stdin=handshake_pcap)
    assert (done.returncode, done.stderr) == (0, b"")
    assert json.loads(done.stdout)["capture"]["packets"] == 3


def test_filter_narrows(run_cli: RunCli, capture: Path) -> None:
    done = run_cli("analyze", capture, "--filter", "src port 80", "--json", "-")
    assert done.returncode == 0
    assert json.loads(done.stdout)["capture"]["tcp_segments"] == 1


def test_options_reach_the_settings(run_cli: RunCli, capture: Path) -> None:
    done = run_cli(
        "analyze",
        capture,
        "--json",
        "-",
        "--msl",
        "2m",
        "--close-wait-after",
        "500ms",
        "--time-wait-share",
        "25%",
    )
    settings = json.loads(done.stdout)["settings"]
    assert (settings["msl_s"], settings["close_wait_after_s"], settings["time_wait_pile_share"]) == (
        120,
        0.5,
        0.25,
    )


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("empty.pcap", b""),
        ("short.pcap", b"\xd4\xc3\xb2\xa1\x02"),
        ("garbage.pcap", b"\x7fELF" + bytes(range(256)) * 40),
        ("letter.txt", b"Dear Sir or Madam,\n"),
        ("cut.pcap.gz", gzip.compress(b"\0" * 4096, mtime=0)[:9]),
    ],
)
def test_what_is_no_capture_is_one_line_and_status_3(
    run_cli: RunCli, tmp_path: Path, name: str, content: bytes
) -> None:
    (tmp_path / name).write_bytes(content)
    done = run_cli("analyze", name, "--json", "report.json")
    assert (done.returncode, done.stdout) == (3, b"")
    assert one_line(done.stderr).startswith(f"{name}: ")
    assert not (tmp_path / "report.json").exists()


def test_a_missing_file(run_cli: RunCli) -> None:
    done = run_cli("analyze", "missing.pcap")
    assert (done.returncode, done.stdout) == (3, b"")
    assert one_line(done.stderr).startswith("missing.pcap: no such file")


def test_a_directory(run_cli: RunCli, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    done = run_cli("analyze", "folder")
    assert done.returncode == 3
    assert "directory" in one_line(done.stderr)


def test_no_permission(run_cli: RunCli, capture: Path) -> None:
    capture.chmod(0)
    prefix: tuple[str, ...] = ()
    if os.geteuid() == 0:
        if shutil.which("setpriv") is None:
            pytest.skip("root may read anything, and setpriv is not there to take that away")
        # Root without the capabilities that override a file's mode.
        prefix = ("setpriv", "--bounding-set=-dac_override,-dac_read_search", "--inh-caps=-all")
    done = run_cli("analyze", capture, prefix=prefix)
    assert done.returncode == 3
    assert one_line(done.stderr) == f"{capture}: permission denied"


def test_a_name_with_a_newline_stays_one_line(run_cli: RunCli) -> None:
    done = run_cli("analyze", "two\x1b[31m.pcap")
    assert done.returncode == 3
    assert "\x1b" not in one_line(done.stderr)


def test_a_truncated_capture_is_reported_up_to_the_cut(
    run_cli: RunCli, capture: Path, handshake_pcap: bytes
) -> None:
    capture.write_bytes(handshake_pcap[:-7])
    done = run_cli("analyze", capture, "--json", "-")
    assert done.returncode == 3
    assert one_line(done.stderr).startswith(f"{capture}: ")
    report = json.loads(done.stdout)
    assert report["capture"]["packets"] == 2
    assert report["capture"]["complete"] is False
    assert len(report["capture"]["warnings"]) == 1


def test_a_corrupt_gzip_tail_is_reported_up_to_it(
    run_cli: RunCli, tmp_path: Path, handshake_pcap: bytes
) -> None:
    packed = bytearray(gzip.compress(handshake_pcap))
    packed[-8] ^= 0xFF
    (tmp_path / "tail.pcap.gz").write_bytes(packed)
    done = run_cli("analyze", "tail.pcap.gz", "--json", "-")
    assert done.returncode == 3
    assert one_line(done.stderr).startswith("tail.pcap.gz: ")
    assert json.loads(done.stdout)["capture"]["complete"] is False


def test_one_bad_capture_does_not_hide_the_good_one(run_cli: RunCli, capture: Path) -> None:
    done = run_cli("analyze", "missing.pcap", capture, "--json", "-")
    assert done.returncode == 3
    assert one_line(done.stderr).startswith("missing.pcap: ")
    report = json.loads(done.stdout)
    assert report["capture"]["complete"] is False
    assert report["capture"]["packets"] == 3


def test_two_bad_captures_are_both_named(run_cli: RunCli) -> None:
    done = run_cli("analyze", "one.pcap", "two.pcap")
    assert done.returncode == 3
    assert [line.split(":")[1] for line in done.stderr.decode().splitlines()] == [" one.pcap", " two.pcap"]


def test_the_report_does_not_overwrite_a_capture(
    run_cli: RunCli, capture: Path, handshake_pcap: bytes
) -> None:
    done = run_cli("analyze", capture, "--json", capture)
    assert done.returncode == 2
    assert b"is one of the captures" in done.stderr
    assert capture.read_bytes() == handshake_pcap


def test_a_report_through_a_link_keeps_the_link(run_cli: RunCli, capture: Path, tmp_path: Path) -> None:
    (tmp_path / "real.json").write_text("old")
    (tmp_path / "link.json").symlink_to("real.json")
    assert run_cli("analyze", capture, "--json", "link.json").returncode == 0
    assert (tmp_path / "link.json").is_symlink()
    assert json.loads((tmp_path / "real.json").read_bytes())["schema_version"] == 1


def test_a_report_to_a_device_leaves_the_device(run_cli: RunCli, capture: Path) -> None:
    assert run_cli("analyze", capture, "--json", "/dev/null").returncode == 0
    assert Path("/dev/null").is_char_device()


@pytest.mark.parametrize("arguments", [["--json", "-"], []], ids=["json", "terminal"])
def test_a_full_disk_is_one_line_and_status_2(run_cli: RunCli, capture: Path, arguments: list[str]) -> None:
    with open("/dev/full", "wb") as full:
        done = run_cli("analyze", capture, *arguments, stdout=full.fileno())
    assert done.returncode == 2
    said = one_line(done.stderr).lower()
    assert said.startswith("standard output: ") and said.endswith("no space left on device")


def test_an_unwritable_folder_is_refused_before_the_work(
    run_cli: RunCli, capture: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "locked"
    folder.mkdir(mode=0o500)
    prefix: tuple[str, ...] = ()
    if os.geteuid() == 0:
        if shutil.which("setpriv") is None:
            pytest.skip("root may write anywhere, and setpriv is not there to take that away")
        prefix = ("setpriv", "--bounding-set=-dac_override,-dac_read_search", "--inh-caps=-all")
    done = run_cli("analyze", capture, "--json", folder / "r.json", prefix=prefix)
    assert done.returncode == 2
    assert b"permission denied" in done.stderr


@pytest.mark.parametrize("arguments", [["--json", "-"], []], ids=["json", "terminal"])
def test_a_reader_that_goes_away_is_no_failure(run_cli: RunCli, capture: Path, arguments: list[str]) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = run_cli("analyze", capture, *arguments, stdout=writing)
    finally:
        os.close(writing)
    assert (done.returncode, done.stderr) == (0, b"")


def test_a_reader_that_goes_away_does_not_hide_unreadable_input(
    run_cli: RunCli, capture: Path, handshake_pcap: bytes
) -> None:
    capture.write_bytes(handshake_pcap[:-7])
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = run_cli("analyze", capture, stdout=writing)
    finally:
        os.close(writing)
    assert done.returncode == 3
    assert one_line(done.stderr).startswith(f"{capture}: ")


@pytest.mark.parametrize(
    ("before", "after"), [(["analyze", "-q"], []), (["analyze", "-q", "--jobs", "2"], []), (["show"], ["0"])]
)
def test_a_named_pipe_is_read_once(
    before: list[str], after: list[str], tmp_path: Path, run_cli: RunCli, handshake_pcap: bytes
) -> None:
    """To open it again would wait for a second writer for ever."""
    path = tmp_path / "fifo"
    os.mkfifo(path)
    feeder = threading.Thread(target=path.write_bytes, args=(handshake_pcap,))
    feeder.start()
    done = run_cli(*before, path, *after, process=True)
    feeder.join()
    assert done.returncode == 0, done.stderr.decode()


def test_a_named_pipe_is_not_annotated(tmp_path: Path, run_cli: RunCli) -> None:
    path = tmp_path / "fifo"
    os.mkfifo(path)
    done = run_cli("analyze", path, "--annotate", "out.pcapng")
    assert done.returncode == 2
    assert b"give a file, not a pipe" in done.stderr


@pytest.mark.parametrize(
    ("option", "value", "most"),
    [("--top", "0", "2,147,483,647"), ("--jobs", "x", "256"), ("--ephemeral-ports", "65536", "65,535")],
)
def test_who_meets_a_bound_is_told_both(option: str, value: str, most: str, run_cli: RunCli) -> None:
    done = run_cli("analyze", "x.pcap", option, value)
    assert done.returncode == 2
    assert f"'{value}' is not a whole number from 1 to {most}." in " ".join(done.stderr.decode().split())
