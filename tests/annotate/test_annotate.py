"""Captures written anew: comments that Wireshark reads back, and nothing else changed."""

from __future__ import annotations

import gzip
import json
import shutil
import struct
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner

from tcptrace_py import analyze
from tcptrace_py.capture import pcapng_writer
from tcptrace_py.capture.pcapng_copy import blocks
from tcptrace_py.capture.source import open_source
from tcptrace_py.capture.stream import open_stream
from tcptrace_py.cli import program
from tcptrace_py.report.formats.comments import finding_comments
from tcptrace_py.run.annotate import Written, annotated
from tests.annotate.test_anonymize import frames_of
from tests.samples.catalogue import SAMPLE_DIR

SICK = SAMPLE_DIR / "sick_service.pcap"
NAMES = struct.pack("<HH", 1, 9) + bytes((10, 0, 0, 20)) + b"back\0" + bytes(3) + bytes(4)


def run(*arguments: str | Path) -> int:
    done = CliRunner().invoke(program, [str(each) for each in arguments], standalone_mode=False)
    if done.exception is not None:
        raise done.exception
    return int(done.return_value)


def pcapng(order: str, comment: bytes = b"") -> bytes:
    """The sick service in a pcapng with names, an interface's name and statistics, in either byte order."""
    made = bytearray()

    def block(kind: int, body: bytes) -> None:
        length = 12 + len(body)
        made.extend(struct.pack(order + "II", kind, length) + body + struct.pack(order + "I", length))

    def option(code: int, value: bytes) -> bytes:
        return struct.pack(order + "HH", code, len(value)) + value + bytes(-len(value) % 4)

    end = option(0, b"")
    block(0x0A0D0D0A, struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, 5000) + option(3, b"an OS") + end)
    frames = frames_of(SICK)
    block(1, struct.pack(order + "HHI", frames[0][0], 0, 0) + option(2, b"eth7") + option(9, b"\x09") + end)
    block(4, struct.pack(order + "HH", 1, 9) + NAMES[4:])
    reader = open_source(SICK)
    count = reader.next_batch()
    assert count == len(frames)
    for i, (_, frame) in enumerate(frames):
        ts_ns = reader.batch.ts_ns[i]
        head = struct.pack(order + "IIIII", 0, ts_ns >> 32, ts_ns & 0xFFFFFFFF, len(frame), len(frame))
        own = option(1, comment) + end if comment else b""
        block(6, head + frame + bytes(-len(frame) % 4) + own)
    block(5, struct.pack(order + "III", 0, 0, 0) + option(5, struct.pack(order + "Q", 3)) + end)
    block(0x0BAD, b"custom!!")
    reader.close()
    return bytes(made)


def comments_read_back(path: Path) -> dict[int, list[str]]:
    """By tshark."""
    if shutil.which("tshark") is None:
        pytest.skip("tshark is not installed")
    done = subprocess.run(
        [
            "tshark",
            "-r",
            str(path),
            "-T",
            "json",
            "-Y",
            "frame.comment",
            "-e",
            "frame.number",
            "-e",
            "frame.comment",
        ],
        capture_output=True,
        check=True,
        timeout=120,
    )
    layers = [each["_source"]["layers"] for each in json.loads(done.stdout)]
    return {int(each["frame.number"][0]): each["frame.comment"] for each in layers}


def expected() -> dict[int, list[str]]:
    return {frame: texts for (_, frame), texts in finding_comments(analyze(SICK).findings).items()}


@pytest.mark.parametrize("kind", ["pcap", "pcap.gz", "little", "big"])
def test_wireshark_reads_the_comments_back(kind: str, tmp_path: Path) -> None:
    source = tmp_path / f"in.{kind}"
    if kind == "pcap":
        source = SICK
    elif kind == "pcap.gz":
        source.write_bytes(gzip.compress(SICK.read_bytes()))
    else:
        source.write_bytes(pcapng("<" if kind == "little" else ">"))
    target = tmp_path / "out.pcapng"
    assert run("analyze", source, "--annotate", target) == 0
    assert comments_read_back(target) == expected()
    # Nothing else is changed: the same frames, the same report.
    assert frames_of(target) == frames_of(source)
    before, after = analyze(source), analyze(target)
    before.capture.sources = after.capture.sources = []
    assert after == before
    done = subprocess.run(["capinfos", str(target)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0
    assert "appears to be" not in done.stderr and "damaged" not in done.stderr


@pytest.mark.parametrize("order", ["<", ">"])
def test_every_other_block_stays_byte_for_byte(order: str, tmp_path: Path) -> None:
    source = tmp_path / "in.pcapng"
    source.write_bytes(pcapng(order, b"mine"))
    target = tmp_path / "out.pcapng"
    assert run("analyze", source, "--annotate", target) == 0
    before = list(blocks(*open_stream(source)))
    after = list(blocks(*open_stream(target)))
    commented = expected()
    frame = 0
    assert len(before) == len(after)
    for one, two in zip(before, after, strict=True):
        frame += one.kind == 6
        if one.kind == 0x0A0D0D0A:
            # Its length is another; everything else of it is the same.
            assert one.data[:16] + one.data[24:] == two.data[:16] + two.data[24:]
        elif one.kind == 6 and frame in commented:
            assert two.data.endswith(one.data[-16:-4] + two.data[4:8]), (
                "the comment that was there comes last"
            )
            assert len(two.data) > len(one.data)
        else:
            assert one.data == two.data
    assert comments_read_back(target)[min(commented)] == [*commented[min(commented)], "mine"]


def test_only_the_packets_of_connections_with_findings(tmp_path: Path) -> None:
    target = tmp_path / "out.pcapng"
    assert run("analyze", SICK, "--annotate", target, "--annotate-only-findings") == 0
    whole, cut = analyze(SICK), analyze(target)
    concerned = [each for each in whole.connections or [] if each.findings]
    assert 0 < len(concerned) < whole.summary.connections
    ends = [(e.client.port, e.server.address, e.client.packets, e.server.packets) for e in concerned]
    assert ends == [
        (e.client.port, e.server.address, e.client.packets, e.server.packets) for e in cut.connections or []
    ]
    assert {each.kind for each in cut.findings} == {each.kind for each in whole.findings}


def test_an_anonymous_cut_for_a_vendor_names_nobody(tmp_path: Path) -> None:
    target, again = tmp_path / "out.pcapng", tmp_path / "again.pcapng"
    for path in (target, again):
        options = ("--annotate", path, "--annotate-only-findings", "--anonymize", "--anonymize-key", "k")
        assert run("analyze", SICK, *options) == 0
    made = target.read_bytes()
    assert made == again.read_bytes()
    addresses = {each.address for each in analyze(SICK).services}
    for address in addresses:
        assert address.encode() not in made
    assert SICK.name.encode() not in made
    told = analyze(target)
    assert {each.kind for each in told.findings} == {each.kind for each in analyze(SICK).findings}
    # The comments name the addresses that the packets have now.
    said = " ".join(text for texts in comments_read_back(target).values() for text in texts)
    assert any(service.address in said for service in told.services)


def test_several_files_are_one_section_with_an_interface_each(tmp_path: Path) -> None:
    target = tmp_path / "out.pcapng"
    names = [SAMPLE_DIR / "four_way_close_client.pcap", SAMPLE_DIR / "reset_abort.pcap"]
    whole = analyze(*names)
    assert run("analyze", *names, "--annotate", target) == 0
    made = analyze(target)
    assert made.summary == whole.summary
    found = [each for each in blocks(*open_stream(target)) if each.kind == 1]
    assert [name.name.encode() in each.data for name, each in zip(names, found, strict=True)] == [True, True]


def test_a_connection_shown_has_its_moves_as_comments(tmp_path: Path) -> None:
    target = tmp_path / "out.pcapng"
    assert run("show", SICK, "2", "--annotate", target) == 0
    connection = (analyze(SICK).connections or [])[2]
    read = comments_read_back(target)
    states = [text for texts in read.values() for text in texts if text.endswith(")")]
    for side, end in (("client", connection.client), ("server", connection.server)):
        for move in end.history:
            assert (f"{side} {move.state} ({move.basis})" in states) == (move.frame is not None)
    assert any(text.startswith("stuck-close-wait") for texts in read.values() for text in texts)


def test_a_truncated_pcapng_is_copied_as_far_as_it_goes(tmp_path: Path) -> None:
    source = tmp_path / "in.pcapng"
    source.write_bytes(pcapng("<")[:-500])
    target = tmp_path / "out.pcapng"
    assert run("analyze", source, "--annotate", target) == 3
    assert frames_of(target) == frames_of(source)


def test_a_frame_without_room_for_a_comment_gets_it(tmp_path: Path) -> None:
    frame = frames_of(SICK)[0][1]
    body = struct.pack("<I", len(frame)) + frame + bytes(-len(frame) % 4)
    simple = struct.pack("<II", 3, 12 + len(body)) + body + struct.pack("<I", 12 + len(body))
    source = tmp_path / "in.pcapng"
    source.write_bytes(pcapng_writer.section_header("x") + pcapng_writer.interface(1) + simple)
    target = tmp_path / "out.pcapng"
    target.write_bytes(b"".join(annotated([source], {(0, 1): ["here"]}, Written())))
    assert frames_of(target) == frames_of(source)
    assert comments_read_back(target) == {1: ["here"]}


@pytest.mark.parametrize(
    "options",
    [
        ("--anonymize",),
        ("--annotate-only-findings",),
        ("--annotate", "out.pcapng", "--anonymize-key", "k"),
        ("--annotate", "no/such/folder.pcapng"),
        ("--annotate", str(SICK)),
        ("--annotate", "x.json", "--json", "x.json"),
    ],
)
def test_wrong_usage_is_told_before_the_work(options: tuple[str, ...], tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(program, ["analyze", str(SICK), *options])
    assert done.exit_code == 2
    assert not list(tmp_path.iterdir())
