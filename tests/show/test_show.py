"""``tcptrace-py show`` as users start it: names of connections, pictures, cut captures, bad input."""

from __future__ import annotations

import struct
from io import BytesIO
from pathlib import Path
from xml.etree import ElementTree

import dpkt
import pytest

from tcptrace_py import analyze
from tcptrace_py.capture.cut import KeptFrames
from tcptrace_py.capture.error import CaptureError
from tcptrace_py.report.model.model import Connection
from tcptrace_py.report.people.wanted import parse_wanted
from tcptrace_py.run.single import single
from tests.conftest import ROOT, RunCli

SAMPLES = ROOT / "sample_pcaps"
SICK = SAMPLES / "sick_service.pcap"


@pytest.mark.parametrize(
    "name",
    [
        "3",
        "#3",
        "10.0.0.20:51300",
        "10.0.0.20:51300-10.0.0.50:5672",
        "10.0.0.50:5672 -> 10.0.0.20:51300",
        "10.0.0.20:51300,10.0.0.50:5672",
    ],
)
def test_ways_to_name_a_connection(run_cli: RunCli, name: str) -> None:
    done = run_cli("show", SICK, name)
    assert done.stderr == b""
    assert done.returncode == 0
    assert done.stdout.decode().startswith("Connection 3: client 10.0.0.20:51300 → server 10.0.0.50:5672\n")


def test_ipv6_in_brackets() -> None:
    wanted = parse_wanted("[2001:db8::1]:443-[::1]:80")
    assert wanted.sockets == ((0x20010DB8 << 32, 1, 443), (0, 1, 80))


@pytest.mark.parametrize(
    "text", ["", "x", "1.2.3.4", "1.2.3.4:99999", "1.2.3:5", "::1:80", "1-2-3", "-5", "1.5"]
)
def test_what_names_no_connection(run_cli: RunCli, text: str) -> None:
    with pytest.raises(ValueError, match="names no connection"):
        parse_wanted(text)
    done = run_cli("show", SICK, "--", text)
    assert done.returncode == 2
    assert b"CONNECTION" in done.stderr
    assert done.stdout == b""


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("66", "no connection 66 (66 connections: 0 to 65)"),
        ("10.0.0.20:1", "no connection has 10.0.0.20:1"),
        (
            "10.0.0.20:8080",
            "38 connections match 10.0.0.20:8080: give one's id (0, 2, 6, 7, 9, 11, 12, 14, ...)",
        ),
    ],
)
def test_none_or_several_is_one_line(run_cli: RunCli, name: str, said: str) -> None:
    done = run_cli("show", SICK, name)
    assert done.returncode == 2
    assert done.stdout == b""
    assert done.stderr.count(b"\n") == 1
    assert said in done.stderr.decode()


def test_garbage_is_one_line(run_cli: RunCli, tmp_path: Path) -> None:
    (tmp_path / "x.pcap").write_bytes(b"garbage" * 100)
    for capture in ("x.pcap", "missing.pcap", "."):
        done = run_cli("show", capture, "0")
        assert done.returncode == 3
        assert done.stdout == b""
        assert done.stderr.count(b"\n") == 1


def test_what_a_damaged_capture_still_holds(run_cli: RunCli, tmp_path: Path) -> None:
    (tmp_path / "x.pcap").write_bytes((SAMPLES / "four_way_close_client.pcap").read_bytes()[:-10])
    done = run_cli("show", "x.pcap", "0")
    assert done.returncode == 3
    assert done.stdout.startswith(b"Connection 0: ")
    assert done.stderr.count(b"\n") == 1
    missing = run_cli("show", "x.pcap", "7")
    assert missing.returncode == 3
    assert b"no connection 7 (1 connection: 0)" in missing.stderr


def test_no_further_is_read_than_needed(run_cli: RunCli, tmp_path: Path) -> None:
    """Connection 0 is over, and after it the capture is damaged: that does not matter to it."""
    first = (SAMPLES / "four_way_close_client.pcap").read_bytes()
    # An hour later the four-tuple is used again.
    later = bytearray(first[24:])
    at = 0
    while at < len(later):
        seconds, _, captured = struct.unpack_from("<III", later, at)
        struct.pack_into("<I", later, at, seconds + 3600)
        at += 16 + captured
    (tmp_path / "x.pcap").write_bytes(first + later[:-10])
    assert run_cli("show", "x.pcap", "0").returncode == 0
    assert run_cli("show", "x.pcap", "1").returncode == 3


def test_standard_input(run_cli: RunCli) -> None:
    done = run_cli("show", "-", "3", stdin=SICK.read_bytes())
    assert done.stdout == run_cli("show", SICK, "3").stdout
    assert done.returncode == 0
    assert b"standard input: no connection 99 " in run_cli("show", "-", "99", stdin=SICK.read_bytes()).stderr


def split(path: Path, target: Path, at: int) -> tuple[Path, Path]:
    """The first ``at`` frames of a pcap and the others, as two files."""
    data = path.read_bytes()
    end = 24
    for _ in range(at):
        end += 16 + struct.unpack_from("<I", data, end + 8)[0]
    one, two = target / "one.pcap", target / "two.pcap"
    one.write_bytes(data[:end])
    two.write_bytes(data[:24] + data[end:])
    return one, two


def test_several_files_are_one_capture(run_cli: RunCli, tmp_path: Path) -> None:
    parts = split(SAMPLES / "simultaneous_close.pcap", tmp_path, 7)
    done = run_cli("show", "two.pcap", "one.pcap", "0")
    text = done.stdout.decode()
    assert done.returncode == 0
    assert "#7@2" in text
    assert "#1@1" in text
    assert "Frames: @1 in two.pcap, @2 in one.pcap" in text
    whole = single(SAMPLES / "simultaneous_close.pcap", wanted=parse_wanted("0"))
    both = single(*parts, wanted=parse_wanted("0"))
    assert [each[1:] for each in both.passages] == [each[1:] for each in whole.passages]


def test_the_picture(run_cli: RunCli, tmp_path: Path) -> None:
    done = run_cli("show", SICK, "3", "--svg", "x.svg")
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"tcptrace-py: wrote x.svg\n")
    root = ElementTree.parse(tmp_path / "x.svg").getroot()
    assert root.tag.endswith("svg")
    again = run_cli("show", SICK, "3", "--svg", "-")
    assert again.stdout == (tmp_path / "x.svg").read_bytes()


def told(record: Connection) -> tuple[object, ...]:
    """What a cut must keep: all but ids, frame numbers, and what only a later time shows."""
    moves = [
        [(move.state, move.ts_ns, move.basis) for move in side.history if move.basis != "timer"]
        for side in (record.client, record.server)
    ]
    counts = [(side.packets, side.bytes, side.retransmits) for side in (record.client, record.server)]
    return moves, counts, record.handshake, record.close.kind, record.close.initiator


@pytest.mark.parametrize(
    "name",
    [
        "sick_service.pcap",
        "snaplen_cut.pcap",
        "vlan.pcap",
        "ipv6.pcap",
        "two_interfaces.pcapng",
        "connection_unreachable.pcap",
        "isn_wraps.pcap",
    ],
)
def test_a_cut_analyzes_to_the_same_connection(run_cli: RunCli, tmp_path: Path, name: str) -> None:
    for record in (analyze(SAMPLES / name).connections or [])[:8]:
        done = run_cli("show", SAMPLES / name, str(record.id), "--write", "cut.pcap")
        assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"tcptrace-py: wrote cut.pcap\n")
        cut = analyze(tmp_path / "cut.pcap")
        assert cut.listed is not None
        assert [told(each) for each in cut.connections] == [told(record)]


def test_a_cut_keeps_nanoseconds_and_length_on_the_wire() -> None:
    frames = KeptFrames()
    frames.add(7, 1_700_000_000_123_456_789, 1, 1500, b"\x02" * 60)
    frames.add(8, 1_700_000_001_000_000_001, 1, 64, b"\x03" * 64)
    frames.add(9, 1_700_000_002_000_000_000, 1, 64, b"\x04" * 64)
    frames.keep_only([7, 8])
    data = b"".join(frames.pcap())
    reader = dpkt.pcap.Reader(BytesIO(data))
    assert [(round(ts % 1 * 10**9), bytes(frame)) for ts, frame in reader] == [
        (123456789, b"\x02" * 60),
        (1, b"\x03" * 64),
    ]
    assert struct.unpack_from("<IIII", data, 24) == (1_700_000_000, 123456789, 60, 1500)


def test_what_a_pcap_can_not_hold() -> None:
    frames = KeptFrames()
    frames.add(1, 0, 1, 4, b"abcd")
    frames.add(2, 0, 101, 4, b"abcd")
    with pytest.raises(CaptureError, match="one link type.*ETHERNET, RAW"):
        frames.pcap()
    frames = KeptFrames()
    frames.add(1, -1, 1, 4, b"abcd")
    with pytest.raises(CaptureError, match="1970"):
        frames.pcap()


def test_targets_that_can_not_be_written(run_cli: RunCli, tmp_path: Path) -> None:
    copy = tmp_path / "x.pcap"
    copy.write_bytes(SICK.read_bytes())
    for arguments in (
        ("--write", "x.pcap"),
        ("--svg", "x.pcap"),
        ("--write", "nowhere/x"),
        ("--svg", "."),
        ("--svg", "y", "--write", "y"),
    ):
        done = run_cli("show", "x.pcap", "3", *arguments)
        assert done.returncode == 2, arguments
        assert done.stdout == b""
    assert copy.read_bytes() == SICK.read_bytes()
    assert [path.name for path in tmp_path.iterdir()] == ["x.pcap"]


def test_thresholds_and_filter_count_as_in_analyze(run_cli: RunCli) -> None:
    done = run_cli("show", SAMPLES / "stuck_close_wait.pcap", "0", "--close-wait-after", "10m")
    assert b"stuck-close-wait" not in done.stdout
    done = run_cli("show", SICK, "0", "--filter", "port 5672")
    assert b"server 10.0.0.50:5672" in done.stdout


def test_both_engines_draw_the_same(run_cli: RunCli, both_engines: None) -> None:
    for name in ("sick_service", "half_open_discovery", "time_wait_reuse_accepted"):
        for number in "01":
            compiled = run_cli("show", SAMPLES / f"{name}.pcap", number, pure=False)
            assert compiled.returncode == 0
            assert compiled.stdout == run_cli("show", SAMPLES / f"{name}.pcap", number, pure=True).stdout
