"""What the kernel says beside the reading: traces held against made snapshots, and one real leak."""

from __future__ import annotations

import ipaddress
import json
import socket
import sys
from pathlib import Path

import pytest
from msgspec.structs import replace

from tcptrace_py import analyze
from tcptrace_py.findings.finding import Process, Subject
from tcptrace_py.kernel.owners import Owner
from tcptrace_py.kernel.reader import KernelReader, Snapshot
from tcptrace_py.kernel.sockets import KernelSocket, SocketKey
from tcptrace_py.report.people.verdict import held_by
from tcptrace_py.run.host import HostView
from tests.conftest import ROOT, RunCli, untried
from tests.live.net import missing
from tests.segments import ADDRESS, Trace

LEAK = """
c SYN 100
s SYN+ACK 300 101
c ACK 101 301
c ACK 101 301 7
s ACK 301 108
c FIN+ACK 108 301
s ACK 301 109
"""
SECOND_NS = 1_000_000_000


def key(of: str, to: str) -> SocketKey:
    return SocketKey(
        ADDRESS[of][0].to_bytes(4, "big"), ADDRESS[of][1], ADDRESS[to][0].to_bytes(4, "big"), ADDRESS[to][1]
    )


def kernel_socket(end: SocketKey, state: str, unread_bytes: int = 0, inode: int = 7) -> KernelSocket:
    return KernelSocket(end, state, "", 0, 0, unread_bytes, 0, 1000, inode, 1)


def snapshot(ts_ns: int, *sockets: KernelSocket, overflows: int | None = None) -> Snapshot:
    return Snapshot(
        ts_ns, ts_ns, list(sockets), {7: [Owner(42, 5, "leaky", "leaky.service", "")]}, overflows, ""
    )


@pytest.fixture
def view() -> HostView:
    class Unasked(KernelReader):
        def __init__(self) -> None:
            pass

    return HostView(Unasked())


def compare(view: HostView, trace: Trace, after_s: float, *sockets: KernelSocket, **more: int) -> None:
    at_ns = trace.now_ns + round(after_s * SECOND_NS)
    view.compare(snapshot(at_ns, *sockets, **more), trace.tracker.table.all())


def test_what_agrees_is_confirmed(view: HostView) -> None:
    trace = Trace().play(LEAK)
    compare(view, trace, 1, kernel_socket(key("s", "c"), "CLOSE_WAIT", 8))
    told = view._kernel()
    assert (told.confirmed, told.disagreements) == (1, 0)
    (socket,) = view._sockets.values()
    # Seven bytes of data; the eighth is the FIN.
    assert (socket.state, socket.agrees, socket.unread_bytes) == ("CLOSE_WAIT", True, 7)
    assert [
        (each.pid, each.descriptors, each.unread_bytes, each.unit) for each in view._processes([socket])
    ] == [(42, [5], 7, "leaky.service")]


@pytest.mark.parametrize(("looks", "disagreements"), [(1, 0), (2, 1), (5, 1)])
def test_a_difference_counts_once_two_looks_have_found_it(
    view: HostView, looks: int, disagreements: int
) -> None:
    trace = Trace().play(LEAK)
    for look in range(looks):
        compare(view, trace, 1 + look, kernel_socket(key("s", "c"), "LAST_ACK"))
    assert view._kernel().disagreements == disagreements


def test_nothing_counts_while_segments_are_under_way(view: HostView) -> None:
    trace = Trace().play(LEAK)
    for _ in range(3):
        compare(view, trace, 0.1, kernel_socket(key("s", "c"), "LAST_ACK"))
    assert view._kernel().disagreements == 0


def test_a_socket_that_was_never_there_is_on_another_host(view: HostView) -> None:
    trace = Trace().play(LEAK)
    for look in range(3):
        compare(view, trace, 1 + look, kernel_socket(key("s", "c"), "CLOSE_WAIT"))
    assert len(view._sockets) == 1


def test_a_socket_that_went_is_closed_and_its_owner_remembered(view: HostView) -> None:
    trace = Trace().play(LEAK)
    compare(view, trace, 1, kernel_socket(key("s", "c"), "CLOSE_WAIT", 8))
    compare(view, trace, 2)
    compare(view, trace, 3)
    (socket,) = view._sockets.values()
    assert (socket.state, socket.agrees, socket.unread_bytes) == ("CLOSED", False, 7)
    assert view._processes([socket])[0].pid == 42
    assert view._kernel().disagreements == 1


def test_listeners_and_overflows(view: HostView) -> None:
    trace = Trace()
    listening = SocketKey(bytes(4), 80, bytes(4), 0)
    full = KernelSocket(listening, "LISTEN", "", 0, 0, 129, 128, 0, 9, 1)
    compare(view, trace, 1, full, overflows=10)
    compare(view, trace, 2, kernel_socket(listening, "LISTEN"), overflows=17)
    told = view._kernel()
    assert told.listen_overflows == 7
    assert [(each.address, each.port, each.waiting_most) for each in told.listeners] == [("0.0.0.0", 80, 129)]


@pytest.mark.parametrize("address", ["10.0.0.20", "0.0.0.0", "::"])
@pytest.mark.parametrize(
    ("waiting", "dropped", "elsewhere", "confidence", "severity", "said"),
    [
        (
            6,
            3,
            False,
            "certain",
            "critical",
            "its accept queue was full: 6 connections waited in it, and 5 may",
        ),
        (6, 0, True, "certain", "critical", "its accept queue was full"),
        # It is looked at once a second.
        (5, 3, False, "likely", "critical", ""),
        (0, 0, True, "likely", "critical", ""),
        (2, 0, False, "possible", "warning", "says otherwise: at most 2 connections waited"),
    ],
)
def test_the_kernel_says_of_an_accept_queue_whether_it_is_full(
    view: HostView,
    address: str,
    waiting: int,
    dropped: int,
    elsewhere: bool,
    confidence: str,
    severity: str,
    said: str,
) -> None:
    packed = ipaddress.ip_address(address).packed
    listener = KernelSocket(SocketKey(packed, 80, bytes(4), 0), "LISTEN", "", 0, 0, waiting, 5, 0, 9, 1)
    view._own_namespace = 2 if elsewhere else 1
    compare(view, Trace(), 1, listener, overflows=10)
    compare(view, Trace(), 2, listener, overflows=10 + dropped)
    found = analyze(ROOT / "sample_pcaps" / "stuck_close_wait.pcap").findings[0]
    found = replace(
        found,
        kind="accept-queue-full",
        subject=Subject("server", "10.0.0.20", 80),
        confidence="likely",
        severity="critical",
        explanation="So it looks.",
    )
    for _ in range(2):
        view.confirm([found])
    assert (found.confidence, found.severity) == (confidence, severity)
    assert found.explanation.count("The kernel") == bool(said)
    assert said in found.explanation
    assert ("3 handshakes on this host" in found.explanation) == (confidence == "certain" and dropped > 0)


def test_syns_that_a_full_queue_drops_are_told_as_that(view: HostView) -> None:
    listening = SocketKey(bytes(4), 80, bytes(4), 0)
    compare(view, Trace(), 1, KernelSocket(listening, "LISTEN", "", 0, 0, 3, 2, 0, 9, 1), overflows=10)
    made = analyze(ROOT / "sample_pcaps" / "stuck_close_wait.pcap").findings[0]
    found = [
        replace(made, kind="connection-timeout", subject=Subject("server", "10.0.0.20", port), count=4)
        for port in (80, 81)
    ]
    told = view.confirm(found)
    (full, other) = found
    assert told == dict.fromkeys(full.connections, "connection-timeout")
    assert (full.kind, full.subject.port, full.severity) == ("accept-queue-full", 80, "critical")
    assert "accept" in full.remedy
    assert other.kind == "connection-timeout"


@pytest.mark.parametrize("segments", ["c SYN 100", LEAK + "s FIN+ACK 301 109\nc ACK 109 302"])
def test_who_goes_without_a_segment_contradicts_nothing(view: HostView, segments: str) -> None:
    trace = Trace().play(segments)
    states = {"c": "SYN_SENT"} if segments.startswith("c SYN") else {"c": "TIME_WAIT"}
    compare(view, trace, 1, *(kernel_socket(key(end, "s"), state) for end, state in states.items()))
    for look in range(3):
        compare(view, trace, 2 + look)
    told = view._kernel()
    assert (told.confirmed, told.disagreements) == (1, 0)


@pytest.mark.parametrize(("expires_ms", "disagreements"), [(0, 0), (30_000, 1)])
def test_a_time_wait_whose_time_is_up_may_be_there_for_seconds(
    view: HostView, expires_ms: int, disagreements: int
) -> None:
    trace = Trace().play(LEAK + "s FIN+ACK 301 109\nc ACK 109 302")
    for after_s in (60.5, 61.5, 62.5):
        trace.tracker.tick(trace.now_ns + round(after_s * SECOND_NS))
        socket_ = replace(kernel_socket(key("c", "s"), "TIME_WAIT"), expires_ms=expires_ms)
        compare(view, trace, after_s, socket_)
    assert view._kernel().disagreements == disagreements


def test_a_disagreement_is_an_event(view: HostView) -> None:
    trace = Trace().play(LEAK)
    for look in range(3):
        compare(view, trace, 1 + look, kernel_socket(key("s", "c"), "LAST_ACK"))
    (told,) = view.fresh_disagreements()
    assert (told.role, told.port, told.peer_port) == ("server", ADDRESS["s"][1], ADDRESS["c"][1])
    assert (told.state, told.kernel) == ("CLOSE_WAIT", "LAST_ACK")
    assert view.fresh_disagreements() == []


def test_the_leaking_process_is_named(run_cli: RunCli, tmp_path: Path) -> None:
    why = missing()
    if why:
        untried(why)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    server = tmp_path / "leaky.py"
    server.write_text(
        "import socket, time\n"
        f"listener = socket.create_server(('127.0.0.1', {port})); kept = []\n"
        "for _ in range(3):\n"
        "    client = socket.create_connection(listener.getsockname())\n"
        "    kept.append(listener.accept()[0]); client.send(b'unread!'); client.close()\n"
        "time.sleep(4)\n"
    )
    done = run_cli(
        # Others may leak on this interface meanwhile.
        *("exec", "-i", "lo", "--filter", f"port {port}", "--close-wait-after", "1s", "--connections"),
        *("--json", "report.json", "--"),
        *(sys.executable, server),
    )
    assert done.returncode == 0, done.stderr
    report = json.loads((tmp_path / "report.json").read_text())
    finding = next(each for each in report["findings"] if each["kind"] == "stuck-close-wait")
    (process,) = finding["processes"]
    assert str(server) in process["command"]
    assert len(process["descriptors"]) == 3
    assert process["unread_bytes"] == 3 * len(b"unread!")
    assert report["kernel"]["confirmed"] >= 3
    ends = [record[side] for record in report["connections"] for side in ("client", "server")]
    assert any(end["basis"] == "kernel" and end["socket"]["agrees"] for end in ends)
    without = run_cli(
        *("exec", "-i", "lo", "--no-kernel", "--json", "without.json", "--", sys.executable, "-c", "0")
    )
    assert without.returncode == 0
    assert "kernel" not in json.loads((tmp_path / "without.json").read_text())


def test_people_are_told_who_holds_the_sockets() -> None:
    made = analyze(ROOT / "sample_pcaps" / "stuck_close_wait.pcap").findings[0]
    assert held_by(made) == []
    many = [Process(pid, "python3 leaky.py", list(range(4, 12)), pid, "leaky.service") for pid in range(1, 6)]
    assert held_by(replace(made, processes=many)) == [
        "pid 1 (python3 leaky.py; leaky.service), fd 4, 5, 6, 7, 8, …, 1 byte unread",
        "pid 2 (python3 leaky.py; leaky.service), fd 4, 5, 6, 7, 8, …, 2 bytes unread",
        "pid 3 (python3 leaky.py; leaky.service), fd 4, 5, 6, 7, 8, …, 3 bytes unread",
        "and 2 more processes",
    ]
    assert held_by(replace(made, processes=[Process(7, "x", [3], container="0123456789ab")])) == [
        "pid 7 (x; container 0123456789ab), fd 3"
    ]
