"""conn_state and history are Zeek's; its readers read the conn.log that we write."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from tcptrace_py import Settings, analyze
from tcptrace_py.capture.merge import merge
from tcptrace_py.capture.source import open_source
from tcptrace_py.report.formats import conn_log
from tcptrace_py.tcp.compat.zeek import HISTORY_LIMIT, Zeek
from tcptrace_py.tcp.tracker import Tracker
from tcptrace_py.wire.decoder import Decoder
from tcptrace_py.wire.result import TCP
from tcptrace_py.wire.segment import Segment
from tests.segments import ADDRESS, Passing

from . import zeek
from .corpus import SAMPLES, report_of

needs_corpus = pytest.mark.skipif(
    not zeek.EXPECTED.is_file(), reason="Zeek's captures and baselines are not here"
)


@needs_corpus
def test_baselines() -> None:
    rows = zeek.compare()
    assert len(rows) >= 60
    assert [row for row in rows if not row.equal and not row.reason] == []
    assert [row for row in rows if row.equal and row.reason] == []


class Talk(Passing):
    """What Zeek's machine makes of a trace; ``^`` stands first where it takes ``s`` for the client."""

    def __init__(self, port: int = 80, isn: int = 0) -> None:
        super().__init__(isn=isn)
        self.zeek = Zeek()
        self.port = port

    def sees(self, segment: Segment) -> None:
        from_client = segment.src_port == ADDRESS["c"][1]
        if from_client:
            segment.dst_port = self.port
        else:
            segment.src_port = self.port
        self.zeek.segment(from_client, segment)

    def said(self) -> tuple[str, str]:
        return self.zeek.conn_state(), self.zeek.history()


def said(trace: str, port: int = 80) -> tuple[str, str]:
    return Talk(port).play(trace).said()


OPEN = "c SYN 100\ns SYN+ACK 900 101\nc ACK 101 901\n"


def test_states() -> None:
    assert said("c SYN 100") == ("S0", "S")
    assert said("c SYN 100\ns RST+ACK 0 101") == ("REJ", "Sr")
    assert said("c SYN 100\nc RST 101") == ("RSTOS0", "SR")
    assert said("c SYN 100\nc FIN 101") == ("SH", "SF")
    assert said(OPEN) == ("S1", "ShA")
    assert said(OPEN + "c FIN+ACK 101 901") == ("S2", "ShAF")
    assert said(OPEN + "s FIN+ACK 901 101") == ("S3", "ShAf")
    assert said(OPEN + "c RST 101") == ("RSTO", "ShAR")
    assert said(OPEN + "s RST 901") == ("RSTR", "ShAr")
    assert said(OPEN + "c FIN+ACK 101 901\ns FIN+ACK 901 102\nc ACK 102 902") == ("SF", "ShAFf")
    # No SYN: flipped, for port 80 is a server's.
    assert said("s SYN+ACK 900 101\ns FIN 901") == ("SHR", "^hf")
    assert said("s SYN+ACK 900 101\ns RST 901") == ("RSTRH", "^hr")
    assert said("c ACK 100 900 5", port=54321) == ("OTH", "D")


def test_a_connection_that_begins_with_syn_ack_is_flipped_when_it_goes_on() -> None:
    talk = Talk(54321).play("s SYN+ACK 900 101")
    assert talk.said() == ("OTH", "H")
    assert talk.play("c ACK 101 901").said() == ("S1", "^hA")


def test_syn_and_syn_ack_captured_in_the_wrong_order() -> None:
    assert said("s SYN+ACK 900 101\nc SYN 100", port=54321) == ("S1", "^hS")


def test_letters_of_control_segments_come_again_with_another_number() -> None:
    assert said("c SYN 100\nc SYN 100")[1] == "S"
    assert said(OPEN + "c FIN+ACK 101 901\nc FIN+ACK 101 901\nc FIN+ACK 150 901")[1] == "ShAFF"
    assert said(OPEN + "c RST 101\nc RST 101\nc RST 102")[1] == "ShARR"


def test_logarithmic_repetition() -> None:
    talk = Talk().play(OPEN + "c ACK 101 901 10")
    written = []
    for _ in range(1000):
        talk.play("c ACK 101 901 10")
        written.append(talk.zeek.history().count("T"))
    assert [written.index(times) + 1 for times in (1, 2, 3, 4)] == [1, 10, 100, 1000]
    assert said(OPEN + 10 * "s ACK 901 101 window=0\n")[1] == "ShAaww"


def test_odd_flags_once() -> None:
    assert said(OPEN + 3 * "c FIN+RST 101\ns SYN+FIN 901\n")[1] == "ShAIq"


def test_gap() -> None:
    talk = Talk().play(OPEN + "c ACK 111 901 10")
    assert "G" not in talk.zeek.history()
    # Acknowledged, so it had come; here it never passed.
    assert talk.play("s ACK 901 121").said() == ("S1", "ShADaG")
    assert talk.zeek.missed_bytes == 10
    filled = Talk().play(OPEN + "c ACK 111 901 10\nc ACK 101 901 10\ns ACK 901 121")
    assert "G" not in filled.zeek.history()
    assert filled.zeek.missed_bytes == 0


def test_numbers_wrap() -> None:
    talk = Talk(isn=0xFFFFFFF0 - 100).play(OPEN)
    for seq in range(101, 141, 10):
        talk.play(f"c ACK {seq} 901 10\ns ACK 901 {seq + 10}")
    assert talk.said() == ("S1", "ShADa")
    assert talk.zeek.size(talk.zeek.a, talk.zeek.b) == 40


def test_history_is_bounded() -> None:
    talk = Talk().play(OPEN)
    for number in range(1000):
        talk.play(f"c RST {101 + number}")
    history = talk.zeek.history()
    assert history.startswith("ShARRR") and len(history) <= HISTORY_LIMIT


@pytest.mark.parametrize(
    "name",
    ["sick_service.pcap", "zero_window.pcap", "gap_in_capture.pcap", "isn_wraps.pcap", "half_close.pcap"],
)
def test_regular_segments_need_not_be_told(name: str) -> None:
    """The tracker keeps regular segments from Zeek's machine: the same comes out."""
    tracker = Tracker(Settings())
    decoder = Decoder()
    told: dict[int, Zeek] = {}
    reader = open_source(SAMPLES / name)
    for _source, batch, lo, hi in merge([reader]):
        decoder.begin(batch, 0)
        for i in range(lo, hi):
            if decoder.decode(batch, i) == TCP:
                tracker.segment(decoder.segment)
                connection = tracker.recent
                from_a = connection.a.port == decoder.segment.src_port
                told.setdefault(connection.id, Zeek()).segment(from_a, decoder.segment)
        decoder.end()
    reader.close()
    tracker.end()
    assert tracker.finished
    for connection in tracker.finished:
        ours, all_told = connection.compat.zeek, told[connection.id]
        if connection.plain:
            ours.catch_up(connection.a, connection.b)
        assert (ours.conn_state(), ours.history()) == (all_told.conn_state(), all_told.history())
        for side in ("a", "b"):
            mine, theirs = getattr(ours, side), getattr(all_told, side)
            assert (mine.sent, mine.acked, mine.whole) == (theirs.sent, theirs.acked, theirs.whole)


def test_conn_log(tmp_path: Path) -> None:
    report = report_of(SAMPLES / "sick_service.pcap")
    target = tmp_path / "conn.log"
    with conn_log.writer(target) as write:
        for connection in report.connections or ():
            write(connection)
    lines = target.read_text().splitlines()
    assert lines[0] == "#separator \\x09"
    assert lines[-1].startswith("#close\t")
    names = next(line for line in lines if line.startswith("#fields")).split("\t")[1:]
    kinds = next(line for line in lines if line.startswith("#types")).split("\t")[1:]
    rows = [line.split("\t") for line in lines if not line.startswith("#")]
    assert len(rows) == report.summary.connections
    assert {len(row) for row in rows} == {len(names)} == {len(kinds)}
    first = dict(zip(names, rows[0], strict=True))
    connection = report.connections[0]
    assert first["id.orig_h"] == connection.client.address
    assert first["conn_state"] == connection.zeek.conn_state
    assert first["history"] == connection.zeek.history
    uids = {dict(zip(names, row, strict=True))["uid"] for row in rows}
    assert len(uids) == len(rows) and all(len(uid) == 18 and uid.isalnum() for uid in uids)


def test_conn_log_as_json_lines(run_cli, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    target = tmp_path / "conn.json"
    assert run_cli("analyze", SAMPLES / "connection_refused.pcap", "--zeek", target).returncode == 0
    lines = [msgspec.json.decode(line) for line in target.read_bytes().splitlines()]
    assert lines and all(line["conn_state"] == "REJ" and line["proto"] == "tcp" for line in lines)
    assert "service" not in lines[0]


def test_conn_log_of_nothing(tmp_path: Path) -> None:
    target = tmp_path / "conn.log"
    with conn_log.writer(target):
        pass
    lines = target.read_text().splitlines()
    assert all(line.startswith("#") for line in lines)
    assert len(lines) == 9


def test_zat_reads_it(run_cli, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    reader = pytest.importorskip("zat.zeek_log_reader", reason="zat is not installed")
    target = tmp_path / "conn.log"
    assert run_cli("analyze", SAMPLES / "sick_service.pcap", "--zeek", target).returncode == 0
    rows = list(reader.ZeekLogReader(str(target), strict=True).readrows())
    report = analyze(SAMPLES / "sick_service.pcap")
    ours = {conn_log.line_of(connection).uid: connection for connection in report.connections or ()}
    assert len(rows) == len(ours) > 0
    for row in rows:
        connection = ours[row["uid"]]
        assert row["id.orig_h"] == connection.client.address
        assert row["id.resp_p"] == connection.server.port
        assert (row["conn_state"], row["history"]) == (connection.zeek.conn_state, connection.zeek.history)
        assert (row["orig_pkts"], row["orig_bytes"]) == (
            connection.client.packets,
            connection.zeek.orig_bytes,
        )
        assert row["ts"].timestamp() >= 0
