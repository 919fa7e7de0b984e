"""Processes that a capture names: in comments as ptcpdump writes them, in blocks as Apple's tcpdump does."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from tcptrace_py import analyze
from tcptrace_py.capture.process_info import process_info
from tcptrace_py.capture.source import open_source
from tcptrace_py.findings.finding import Process
from tcptrace_py.report.people.ladder import build_ladder
from tcptrace_py.report.people.wanted import parse_wanted
from tcptrace_py.report.pictures import page
from tcptrace_py.run.single import single
from tests.samples.catalogue import SAMPLE_DIR

SICK = SAMPLE_DIR / "sick_service.pcap"
SERVER = ("10.0.0.20", 8080)
COMMENT = b"PID: 812\nCmd: /usr/sbin/leaky\nArgs: leaky -x"
CONTAINER = b"ContainerName: shop-1\nContainerId: 4711"


def capture(folder: Path, order: str, apple: bool, direction: bool = True) -> Path:
    """The sick service as its host captured it, with the process of the server's end on each packet."""
    made = bytearray()

    def block(kind: int, body: bytes) -> None:
        length = 12 + len(body)
        made.extend(struct.pack(order + "II", kind, length) + body + struct.pack(order + "I", length))

    def option(code: int, value: bytes) -> bytes:
        return struct.pack(order + "HH", code, len(value)) + value + bytes(-len(value) % 4)

    end = option(0, b"")
    reader = open_source(SICK)
    count = reader.next_batch()
    batch = reader.batch
    block(0x0A0D0D0A, struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1))
    block(1, struct.pack(order + "HHI", batch.link_type[0], 0, 0) + option(9, b"\x09") + end)
    if apple:
        block(0x80000001, struct.pack(order + "I", 1) + option(2, b"other") + end)
        block(0x80000001, struct.pack(order + "I", 812) + option(2, b"leaky") + end)
    for i in range(count):
        frame = bytes(batch.data[batch.offset[i] : batch.offset[i] + batch.captured[i]])
        ports = struct.unpack(">HH", frame[-len(frame) :][_ip(batch.link_type[i]) + 20 :][:4])
        options = b""
        if SERVER[1] in ports:
            inbound = ports[1] == SERVER[1]
            options += option(2, struct.pack(order + "I", 1 if inbound else 2)) if direction else b""
            options += (
                option(0x8001, struct.pack(order + "I", 1))
                if apple
                else option(1, COMMENT) + option(1, CONTAINER)
            )
            options += end
        ts_ns = batch.ts_ns[i]
        head = struct.pack(order + "IIIII", 0, ts_ns >> 32, ts_ns & 0xFFFFFFFF, len(frame), len(frame))
        block(6, head + frame + bytes(-len(frame) % 4) + options)
    reader.close()
    path = folder / "host.pcapng"
    path.write_bytes(made)
    return path


def _ip(link_type: int) -> int:
    return 14 if link_type == 1 else 0


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("apple", [False, True])
def test_the_owner_of_an_endpoint_is_named_everywhere(tmp_path: Path, order: str, apple: bool) -> None:
    path = capture(tmp_path, order, apple)
    owner = Process(812, "leaky", [], container="" if apple else "shop-1")
    report = analyze(path)
    for each in report.connections:
        at_it = (each.server.address, each.server.port) == SERVER
        assert each.server.process == (owner if at_it else None)
        assert each.client.process is None
    for finding in report.findings:
        its = finding.subject.role == "server" and finding.subject.port == SERVER[1]
        assert finding.processes == ([owner] if its else [])
    # Without the connections listed, the findings have it all the same.
    assert [each.processes for each in analyze(path, connections=False).findings] == [
        each.processes for each in report.findings
    ]
    found = single(path, wanted=parse_wanted("2"))
    ladder = build_ladder(found.record, found.findings, found.passages, found.paths)
    where = "" if apple else "; container shop-1"
    assert f"The server is pid 812 (leaky{where})." in ladder.heading
    assert page.encode(report).count(b"leaky") > 1


def test_without_a_direction_nobody_is_named(tmp_path: Path) -> None:
    path = capture(tmp_path, "<", apple=False, direction=False)
    assert not list(process_info(path))
    assert all(each.server.process is None for each in analyze(path).connections)


def test_other_captures_are_not_looked_through(tmp_path: Path) -> None:
    assert not list(process_info(SICK))
    assert not list(process_info(SAMPLE_DIR / "two_interfaces.pcapng"))
    assert not list(process_info(tmp_path / "missing"))
    assert not list(process_info("-"))


def test_hostile_options_make_nothing_fail(tmp_path: Path) -> None:
    path = capture(tmp_path, "<", apple=False)
    whole = path.read_bytes()
    damaged = bytearray(whole)
    for at in range(200, len(whole), 97):
        damaged[at] ^= 0xFF
    for text in (
        bytes(damaged),
        whole[:3000],
        whole.replace(b"PID: 812", b"PID: \xff\xfe2"),
        whole.replace(b"PID: 812", b"PID: 99999999999"[:8]),
    ):
        path.write_bytes(text)
        list(process_info(path))
