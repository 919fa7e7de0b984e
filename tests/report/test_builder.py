"""Counters, records and their order, from connections made by hand."""

from __future__ import annotations

import random
from types import SimpleNamespace

import pytest

from tcptrace_py.findings.finding import Subject
from tcptrace_py.report.formats import json as report_json
from tcptrace_py.report.model.builder import ReportBuilder
from tcptrace_py.report.model.model import Report
from tcptrace_py.settings import Settings
from tcptrace_py.tcp.state import (
    ACKNOWLEDGED,
    CLOSED,
    CLOSING,
    ESTABLISHED,
    FIN_WAIT_1,
    LAST_ACK,
    SENT,
    TIME_WAIT,
)
from tests.report.scenes import (
    BEGIN_NS,
    MILLISECOND,
    NO_TIME_WAIT,
    SECOND,
    Scene,
    capture,
    finding,
    finish,
    healthy_report,
    sick_report,
    sick_scene,
)


@pytest.fixture
def scene() -> Scene:
    return Scene()


def only(scene: Scene) -> Report:
    return finish(scene, [], capture())


def test_the_summary_counts_every_connection_once() -> None:
    summary = sick_report().summary
    assert summary.connections == 6
    assert (summary.handshakes.complete, summary.handshakes.refused) == (5, 1)
    assert (summary.closes.half_closed, summary.closes.four_way, summary.closes.reset) == (3, 2, 1)
    assert (summary.states_at_end.client.FIN_WAIT_2, summary.states_at_end.client.CLOSED) == (3, 3)
    assert (summary.states_at_end.server.CLOSE_WAIT, summary.states_at_end.server.CLOSED) == (3, 3)
    assert (summary.resets.total, summary.resets.by_cause.refused) == (1, 1)
    assert (summary.time_wait.entered, summary.time_wait.peak) == (2, 2)


def test_close_wait_lasts_to_the_end_of_the_capture_where_nobody_left_it() -> None:
    wait = sick_report().summary.close_wait
    assert (wait.stuck, wait.open_at_end) == (3, 3)
    assert wait.longest_s == pytest.approx(61.2 - 2.001)


def test_close_wait_ends_with_the_own_fin() -> None:
    wait = healthy_report().summary.close_wait
    assert (wait.stuck, wait.open_at_end) == (0, 0)
    assert wait.longest_s == pytest.approx(0.099)


def test_close_wait_ends_with_a_reset(scene: Scene) -> None:
    connection = scene.open()
    scene.establish(connection)
    scene.client_finishes(connection, 1.0)
    scene.tell(connection.b, (CLOSED, BEGIN_NS + 4 * SECOND, 9, SENT))
    wait = only(scene).summary.close_wait
    assert (wait.open_at_end, wait.longest_s) == (0, pytest.approx(2.999))


def test_who_never_was_there_by_its_history_was_not_in_close_wait(scene: Scene) -> None:
    """It acknowledged the peer's FIN, but after its own, as in a simultaneous close."""
    connection = scene.open()
    scene.establish(connection)
    at_ns = BEGIN_NS + SECOND
    connection.a.fin_sent = connection.b.fin_sent = True
    connection.a.fin_acked_ns, connection.a.fin_acked_frame = at_ns + 2 * MILLISECOND, 7
    for frame, endpoint in enumerate((connection.a, connection.b), 5):
        scene.tell(endpoint, (FIN_WAIT_1, at_ns, frame, SENT), (CLOSING, at_ns, 7, ACKNOWLEDGED))
    assert only(scene).summary.close_wait.longest_s is None


def test_a_three_segment_close_is_in_close_wait_for_no_time(scene: Scene) -> None:
    connection = scene.open()
    scene.establish(connection)
    scene.client_finishes(connection, 1.0)
    scene.tell(connection.b, (LAST_ACK, connection.a.fin_acked_ns, connection.a.fin_acked_frame, SENT))
    assert only(scene).summary.close_wait.longest_s == 0.0


def test_services_are_sorted_and_add_up() -> None:
    report = sick_report()
    assert [(s.address, s.port, s.connections) for s in report.services] == [
        ("10.0.0.20", 8080, 5),
        ("10.0.0.20", 9090, 1),
    ]
    busy, refusing = report.services
    assert busy.listening and not refusing.listening
    assert (busy.bytes_to_server, busy.bytes_to_client) == (5 * 120, 5 * 4096)
    assert (busy.close_wait.stuck, busy.closes.half_closed, refusing.resets.by_cause.refused) == (3, 3, 1)
    time = busy.handshake_time
    assert time is not None and time.measured == 5
    assert (time.least_s, time.most_s) == (pytest.approx(0.011), pytest.approx(0.031))
    assert time.mean_s == pytest.approx(0.019)
    assert refusing.handshake_time is None
    assert report.unlisted_connections == 0


def test_services_are_sorted_by_number_not_by_text(scene: Scene) -> None:
    for lo in (0x0A000002, 0x0A00000A, 0x09000001):
        scene.open().b.address_lo = lo
    six = scene.open()
    six.ip_version = 6
    six.a.address_hi = six.b.address_hi = 0x20010DB800000000
    six.b.address_lo = 1
    assert [s.address for s in only(scene).services] == ["9.0.0.1", "10.0.0.2", "10.0.0.10", "2001:db8::1"]


def test_an_ipv4_service_is_not_the_ipv6_one_with_the_same_number(scene: Scene) -> None:
    for version in (4, 6):
        connection = scene.open()
        connection.ip_version = version
        connection.a.address_hi = connection.b.address_hi = 0
    assert [s.address for s in only(scene).services] == ["10.0.0.20", "::a00:14"]


def test_a_scan_keeps_the_services_that_matter(scene: Scene) -> None:
    builder = ReportBuilder(services=3)
    for port in range(1, 200):
        scene.refuse(scene.open(port=port))
    for port, stuck in ((443, ()), (5432, ("stuck-close-wait",)), (22, ()), (22, ())):
        scene.establish(scene.open(port=port))
        scene.kinds[-1] = stuck
    order = list(range(len(scene.connections)))
    random.Random(4).shuffle(order)
    for i in order:
        builder.add(scene.connections[i], scene.kinds[i], False)
    report = builder.finish(capture(), [], NO_TIME_WAIT, Settings(), keep=False)
    assert [(s.port, s.listening) for s in report.services] == [(22, True), (443, True), (5432, True)]
    assert report.summary.connections == 203
    assert report.unlisted_connections + sum(s.connections for s in report.services) == 203
    assert report.services[2].close_wait.stuck == 1


def test_of_equal_services_the_first_seen_stay(scene: Scene) -> None:
    builder = ReportBuilder(services=4)
    for port in range(100, 107):
        builder.add(scene.open(port=port), (), False)
    report = builder.finish(capture(), [], NO_TIME_WAIT, Settings(), keep=False)
    assert [s.port for s in report.services] == [100, 101, 102, 103]
    assert report.unlisted_connections == 3


def test_order_of_hand_over_changes_nothing_but_work() -> None:
    texts = set()
    for seed in range(4):
        scene = sick_scene()
        builder = ReportBuilder()
        order = list(range(len(scene.connections)))
        random.Random(seed).shuffle(order)
        for i in order:
            builder.add(scene.connections[i], scene.kinds[i], True)
        report = builder.finish(capture(), [], NO_TIME_WAIT, Settings())
        texts.add(report_json.encode(report))
    assert len(texts) == 1


def test_findings_come_worst_first_then_largest_then_by_name() -> None:
    given = [
        finding("time-wait-reuse", "info", 900),
        finding("stale-syn", "warning", 2),
        finding("reset-abort", "warning", 5, 9),
        finding("reset-abort", "warning", 5, 8),
        finding("dead-peer", "warning", 5, None, subject=Subject("others", None, None)),
        finding("reset-abort", "warning", 5, 8, subject=Subject("server", "9.0.0.1", 8)),
        finding("stuck-close-wait", "critical", 1),
    ]
    random.Random(1).shuffle(given)
    report = finish(Scene(), given, capture())
    assert [(f.kind, f.count, f.subject.address, f.subject.port) for f in report.findings] == [
        ("stuck-close-wait", 1, "10.0.0.20", 8080),
        ("dead-peer", 5, None, None),
        ("reset-abort", 5, "9.0.0.1", 8),
        ("reset-abort", 5, "10.0.0.20", 8),
        ("reset-abort", 5, "10.0.0.20", 9),
        ("stale-syn", 2, "10.0.0.20", 8080),
        ("time-wait-reuse", 900, "10.0.0.20", 8080),
    ]


def test_a_record_tells_histories_with_null_for_a_clock() -> None:
    connections = sick_report().connections
    assert connections is not None
    closed = connections[3]
    assert [(m.state, m.frame, m.basis) for m in closed.client.history][-2:] == [
        ("TIME_WAIT", 68, "acknowledged"),
        ("CLOSED", None, "timer"),
    ]
    assert (closed.client.state, closed.client.basis) == ("CLOSED", "timer")
    assert closed.server.history[0].state == "LISTEN"
    assert (closed.close.kind, closed.close.initiator, closed.close.complete) == ("four_way", "client", True)
    refused = connections[5].close
    assert refused.reset is not None
    assert (refused.reset.by, refused.reset.cause, refused.reset.frame) == ("server", "refused", 102)
    assert connections[5].findings == ["connection-refused"]


def test_frames_of_further_files_name_their_source(scene: Scene) -> None:
    connection = scene.open()
    scene.refuse(connection)
    connection.own_rare().reset_frame = (2 << 40) | 7
    connection.b.own_rare().history = b""
    scene.tell(connection.b, (CLOSED, BEGIN_NS, (2 << 40) | 7, SENT))
    report = only(scene)
    assert report.listed is not None
    record = report.connections[0]
    assert (record.server.history[0].frame, record.server.history[0].source) == (7, 2)
    assert record.close.reset is not None
    assert (record.close.reset.frame, record.close.reset.source) == (7, 2)
    text = report_json.encode(report)
    assert text.count(b'"source":2') == 2
    assert b'"source":0' not in text


def test_an_endpoint_that_never_spoke_is_closed_by_assumption(scene: Scene) -> None:
    scene.open()
    report = only(scene)
    assert report.listed is not None
    server = report.connections[0].server
    assert (server.state, server.basis, server.history) == ("CLOSED", "assumed", [])
    assert report.connections[0].handshake.synack_ns is None
    assert report.connections[0].close.initiator is None


def test_round_trips_on_both_sides_of_the_vantage_point(scene: Scene) -> None:
    scene.establish(scene.open(), round_trip_ms=12)
    report = only(scene)
    assert report.listed is not None
    handshake = report.connections[0].handshake
    assert (handshake.rtt_to_server_s, handshake.rtt_to_client_s) == (0.012, 0.001)


@pytest.mark.parametrize(
    ("syns", "syn_acks", "known"), [(2, 1, (False, True)), (1, 2, (True, False)), (3, 2, (False, False))]
)
def test_round_trips_are_unknown_after_retransmission(
    scene: Scene, syns: int, syn_acks: int, known: tuple[bool, bool]
) -> None:
    connection = scene.open()
    scene.establish(connection)
    connection.a.syns, connection.b.syn_acks = syns, syn_acks
    report = only(scene)
    assert report.listed is not None
    handshake = report.connections[0].handshake
    assert (handshake.rtt_to_server_s is not None, handshake.rtt_to_client_s is not None) == known
    assert (handshake.syn_retransmits, handshake.synack_retransmits) == (syns - 1, syn_acks - 1)
    assert report.services[0].handshake_time is None


def test_roles_may_be_the_other_way_round(scene: Scene) -> None:
    """The server spoke first in the capture: ``a`` is the server."""
    connection = scene.open()
    scene.establish(connection)
    connection.client_is_a = False
    connection.a.state, connection.b.state = FIN_WAIT_1, ESTABLISHED
    connection.a.fin_sent, connection.first_fin_by = True, 1
    report = only(scene)
    assert report.listed is not None
    record = report.connections[0]
    assert (record.server.address, record.server.state) == ("10.0.0.9", "FIN_WAIT_1")
    assert record.close.initiator == "server"
    assert report.services[0].address == "10.0.0.9"
    assert report.summary.states_at_end.server.FIN_WAIT_1 == 1


def test_time_wait_peak_is_null_where_there_was_none(scene: Scene) -> None:
    builder = ReportBuilder()
    assert builder.finish(capture(), [], NO_TIME_WAIT, Settings()).summary.time_wait.peak_at_ns is None
    counts = SimpleNamespace(entered=3, peak=2, peak_at_ns=BEGIN_NS + 5 * MILLISECOND)
    assert builder.finish(capture(), [], counts, Settings()).summary.time_wait.peak_at_ns == (
        BEGIN_NS + 5 * MILLISECOND
    )


def test_connections_are_left_out_unless_asked_for() -> None:
    report = finish(sick_scene(), [], capture(), keep=False)
    assert report.listed is None
    assert b'"connections": [\n    {' not in report_json.encode(report)
    assert report.summary.connections == 6
    empty = finish(Scene(), [], capture(packets=0, tcp_segments=0, first_ns=None, last_ns=None))
    assert empty.connections == []


def test_states_and_strays_are_counted(scene: Scene) -> None:
    connection = scene.open()
    scene.establish(connection)
    connection.a.state = TIME_WAIT
    connection.own_rare().stray_resets = 3
    connection.simultaneous_open = connection.fast_open = True
    summary = only(scene).summary
    assert summary.states_at_end.client.TIME_WAIT == 1
    assert (summary.resets.total, summary.resets.by_cause.stray) == (1, 1)
    assert (summary.handshakes.simultaneous, summary.handshakes.fast_open) == (1, 1)
    assert summary.closes.open == 1


def test_a_name_of_bytes_that_are_no_utf8_can_be_written() -> None:
    name = b"bad-\xff.pcap".decode("utf-8", "surrogateescape")
    report = finish(Scene(), [], capture(path=name, warnings=[f"{name}: cut off"]))
    assert report.capture.sources[0].path == "bad-\\xff.pcap"
    assert b"bad-\\\\xff.pcap: cut off" in report_json.encode(report)
