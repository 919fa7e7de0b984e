"""A capture of which next to nothing could be decoded passes no gate."""

from __future__ import annotations

import json
import struct
import sys
from pathlib import Path
from typing import ClassVar

import click
import pytest

from tcptrace_py import analyze
from tcptrace_py.capture.source import open_source
from tcptrace_py.cli import main
from tcptrace_py.cli.gates import status
from tcptrace_py.run.live import Watch
from tests.conftest import RunCli

ETHERNET = bytes.fromhex("020000000001 020000000002")


def _ip(protocol: int, carried: bytes) -> bytes:
    header = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(carried), 1, 0, 64, protocol, 0)
    return ETHERNET + b"\x08\x00" + header + bytes((10, 0, 0, 1, 10, 0, 0, 2)) + carried


TCP_FRAME = _ip(6, struct.pack("!HHIIBBHHH", 1000, 80, 1, 0, 80, 2, 100, 0, 0))
UDP = _ip(17, struct.pack("!HHHH", 5000, 53, 8, 0))
ESP = _ip(50, bytes(24))
ARP = ETHERNET + b"\x08\x06" + bytes(46)
UNKNOWN = ETHERNET + b"\xab\xcd" + bytes(60)
CUT = TCP_FRAME[:30]
MALFORMED = ETHERNET + b"\x08\x00" + b"\x41" + TCP_FRAME[15:]
BEACON = b"\x80\0" + bytes(34)
ENCRYPTED = b"\x08\x41" + bytes(60)


def _write(folder: Path, frames: list[bytes], link_type: int = 1) -> Path:
    path = folder / "input.pcap"
    data = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, link_type)
    for number, frame in enumerate(frames):
        original = len(TCP_FRAME) if frame is CUT else len(frame)
        data += struct.pack("<IIII", 1_700_000_000 + number, 0, len(frame), original) + frame
    path.write_bytes(data)
    return path


@pytest.mark.parametrize(
    ("frames", "link_type", "decoded", "named"),
    [
        ([TCP_FRAME], 1, True, {}),
        ([], 1, True, {}),
        # Neighbours, management and other IP are no reason to doubt.
        ([ARP] * 9, 1, True, {}),
        ([UDP] * 9 + [ARP], 1, True, {}),
        ([BEACON] * 9, 105, True, {}),
        ([TCP_FRAME, *[ARP] * 9], 1, True, {}),
        # Of what carries IP, half or more was decoded.
        ([TCP_FRAME, UNKNOWN], 1, True, {"ethertype 0xABCD": 1}),
        ([TCP_FRAME, UDP, UNKNOWN, CUT], 1, True, {"ethertype 0xABCD": 1}),
        # What is encrypted between two hosts was read down to its IP header.
        ([TCP_FRAME, *[ESP] * 9], 1, True, {"IP protocol 50 (ESP)": 9}),
        ([UDP, *[ESP]], 1, True, {"IP protocol 50 (ESP)": 1}),
        # Less than half, or nothing.
        ([TCP_FRAME, UNKNOWN, UNKNOWN], 1, False, {"ethertype 0xABCD": 2}),
        ([TCP_FRAME, *[ARP] * 9, UNKNOWN, UNKNOWN], 1, False, {"ethertype 0xABCD": 2}),
        ([ESP], 1, False, {"IP protocol 50 (ESP)": 1}),
        ([UNKNOWN], 1, False, {"ethertype 0xABCD": 1}),
        ([CUT], 1, False, {}),
        ([MALFORMED] * 3, 1, False, {}),
        ([*[BEACON] * 99, *[ENCRYPTED] * 26], 105, False, {"802.11 frames, encrypted": 26}),
        ([TCP_FRAME], 3, False, {"link type AX25": 1}),
    ],
)
def test_what_counts_as_decoded(
    frames: list[bytes], link_type: int, decoded: bool, named: dict[str, int], tmp_path: Path
) -> None:
    report = analyze(_write(tmp_path, frames, link_type))
    assert {each.what: each.count for each in report.capture.undecoded} == named
    assert report.capture.decoded is decoded
    assert report.capture.complete is decoded
    if not decoded:
        assert report.capture.warnings[-1].startswith(
            f"most of the {len(frames)} packets could not be decoded ("
        )


def test_no_gate_passes_and_the_status_is_3(run_cli: RunCli, tmp_path: Path) -> None:
    path = _write(tmp_path, [ENCRYPTED] * 26, 105)
    rules = ("--fail-on", "info", "--fail-on", "resets.total > 3")
    target = tmp_path / "report.json"
    done = run_cli("analyze", *rules, "--json", target, "--terminal", path)
    assert done.returncode == 3
    said = done.stderr.decode()
    assert "(802.11 frames, encrypted: 26)" in said
    assert "gate failed: info: not enough was decoded, wanted none" in said
    assert "gate failed: resets.total > 3: not enough was decoded, wanted at most 3" in said
    assert done.stdout.decode().startswith("Mostly not decoded in ")
    # Nor when the report is judged later.
    assert run_cli("check", *rules, target).returncode == 3
    capture = json.loads(target.read_bytes())["capture"]
    assert capture["undecoded"] == [{"what": "802.11 frames, encrypted", "count": 26}]


def test_unless_the_user_says_so(run_cli: RunCli, tmp_path: Path) -> None:
    path = _write(tmp_path, [ENCRYPTED] * 26, 105)
    done = run_cli("analyze", "--fail-on", "info", "--allow-undecoded", path)
    assert done.returncode == 0
    assert run_cli("analyze", path).returncode == 3


class _Sniffed:
    """A live capture that is over."""

    path = "lo"
    format = "live"
    expression = None
    problem = None
    dropped_by_kernel = 0
    link_types: ClassVar[set[str]] = set()
    packets = 0
    consumed_bytes = 0
    descriptor = 0
    is_remote = False
    downs = 0

    def close(self) -> None:
        pass


@pytest.mark.parametrize("allowed", [True, False])
def test_nor_of_what_is_captured_live(tmp_path: Path, allowed: bool) -> None:
    watch = Watch(_Sniffed(), allow_undecoded=allowed)  # type: ignore[arg-type]
    reader = open_source(_write(tmp_path, [UNKNOWN] * 3))
    watch.session.feed(reader.batch, 0, 0, reader.next_batch())
    reader.close()
    capture = watch.report().capture
    assert capture.decoded is capture.complete is allowed
    assert status([], capture) == (0 if allowed else 3)


@pytest.mark.skipif(sys.platform != "linux", reason="live capture")
@pytest.mark.parametrize("command", [["live"], ["exec", "--", "true"]], ids=lambda each: each[0])
@pytest.mark.parametrize("allowed", [True, False])
def test_the_commands_that_capture_ask_for_it(
    command: list[str], allowed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: dict[str, object] = {}

    def watch(*_: object, **options: object) -> None:
        asked.update(options)
        raise click.exceptions.Exit(7)

    monkeypatch.setattr("tcptrace_py.run.live.Watch", watch)
    monkeypatch.setattr(f"tcptrace_py.cli.{command[0]}.open_capture", lambda *_: _Sniffed())
    options = ["-i", "lo", "--no-kernel", *(["--allow-undecoded"] if allowed else [])]
    assert main([command[0], *options, *command[1:]]) == 7
    assert asked["allow_undecoded"] is allowed
