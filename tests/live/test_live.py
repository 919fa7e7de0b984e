"""``tcptrace-py live`` on real interfaces with real sockets."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tcptrace_py import analyze
from tests.conftest import ROOT, RunCli, environment
from tests.live.net import (
    CLIENT,
    CLIENTS,
    CLOSING_SERVER,
    LEAKING_SERVER,
    SERVER,
    Live,
    Net,
    live,
    serving,
)


def _clients(net: Net, address: str, port: int, count: int) -> None:
    process = net.python(net.client, CLIENTS, address, str(port), str(count))
    out, _ = process.communicate(timeout=60)
    assert out == "done\n"


def _events(out: bytes) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.splitlines()]


def _stuck(running: Live) -> dict[str, Any]:
    return next(each for each in running.report()["findings"] if each["kind"] == "stuck-close-wait")


def test_live_and_its_written_packets_tell_the_same(net: Net, tmp_path: Path) -> None:
    written = tmp_path / "kept.pcap"
    with live(
        *(net.router, tmp_path, "-i", "r0", "--json", "report.json", "--quiet", "--connections"),
        # A file knows nothing of what the kernel says.
        *("--write", "kept.pcap", "--close-wait-after", "1s", "--no-kernel"),
    ) as running:
        with serving(net, net.server, LEAKING_SERVER, SERVER) as port:
            _clients(net, SERVER, port, 5)
            time.sleep(1.3)
        with serving(net, net.server, CLOSING_SERVER, SERVER) as port:
            _clients(net, SERVER, port, 3)
            time.sleep(0.3)
        status, out, err = running.end()
    assert (status, out, err) == (0, b"", b"")
    seen = running.report()
    again = tmp_path / "again.json"
    done = subprocess.run(
        [sys.executable, "-m", "tcptrace_py", "analyze", written, "--json", again]
        + ["--close-wait-after", "1s"],
        cwd=ROOT,
        env=environment(PYTHONPATH=str(ROOT)),
    )
    assert done.returncode == 0
    read = json.loads(again.read_text())
    assert len(seen["connections"]) == 8
    assert seen["connections"] == read["connections"]
    assert seen["summary"] == read["summary"]
    assert [(f["kind"], f["subject"], f["connections"]) for f in seen["findings"]] == [
        (f["kind"], f["subject"], f["connections"]) for f in read["findings"]
    ]
    assert seen["summary"]["close_wait"]["stuck"] == 5
    assert seen["capture"]["dropped_by_kernel"] == 0
    assert seen["capture"]["sources"][0]["path"] == "r0"


def test_a_silent_wire_lets_the_clock_run(net: Net, tmp_path: Path) -> None:
    """CLOSE_WAIT becomes stuck at its threshold though not one packet passes."""
    with live(net.router, tmp_path, "-i", "r0", "--close-wait-after", "1s", "--duration", "3.5s") as running:
        with serving(net, net.server, LEAKING_SERVER, SERVER) as port:
            _clients(net, SERVER, port, 2)
            out, err = running.process.communicate(timeout=60)
            assert running.process.returncode == 0
    events = _events(out)
    assert [events[0]["event"], events[-1]["event"]] == ["start", "end"]
    found = next(each for each in events if each["event"] == "finding" and each["kind"] == "stuck-close-wait")
    assert found["subject"] == {"role": "server", "address": SERVER, "port": port}
    assert found["count"] == 2
    last_packet_ns = max(each["ts_ns"] for each in events if each["event"] == "transition")
    # Not before its threshold; and before the end of the capture, which comes 3.5 s after its begin.
    assert found["ts_ns"] - last_packet_ns > 1e9
    assert events.index(found) < len(events) - 1
    assert b"stuck-close-wait" in err


def test_events_are_the_history(net: Net, tmp_path: Path) -> None:
    with live(net.router, tmp_path, "-i", "r0", "--json", "report.json", "--events", "--connections") as on:
        with serving(net, net.server, CLOSING_SERVER, SERVER) as port:
            _clients(net, SERVER, port, 1)
            time.sleep(0.3)
        _status, out, _err = on.end()
    moves = [each for each in _events(out) if each["event"] == "transition"]
    for role in ("client", "server"):
        endpoint = on.report()["connections"][0][role]
        told = [
            {key: move[key] for key in ("state", "ts_ns", "frame", "basis")}
            for move in moves
            if move["role"] == role
        ]
        assert told == endpoint["history"]
        assert (endpoint["address"], endpoint["port"]) == (
            (CLIENT, endpoint["port"]) if role == "client" else (SERVER, port)
        )
    assert set(moves[0]) == {
        *("event", "ts_ns", "connection", "role", "address", "port", "peer_address", "peer_port"),
        *("from_state", "state", "basis", "frame"),
    }


def test_events_come_as_they_happen(net: Net, tmp_path: Path) -> None:
    with live(net.router, tmp_path, "-i", "r0") as running:
        with serving(net, net.server, CLOSING_SERVER, SERVER) as port:
            _clients(net, SERVER, port, 1)
            assert running.process.stdout is not None
            lines = [running.process.stdout.readline() for _ in range(2)]
    assert [json.loads(line)["event"] for line in lines] == ["start", "transition"]


def test_the_reader_of_events_may_go(net: Net, tmp_path: Path) -> None:
    with live(net.router, tmp_path, "-i", "r0", "--duration", "20s") as running:
        assert running.process.stdout is not None
        running.process.stdout.close()
        running.process.stdout = None
        with serving(net, net.server, CLOSING_SERVER, SERVER) as port:
            _clients(net, SERVER, port, 2)
        assert running.process.wait(10) == 0
        assert running.process.stderr is not None
        assert b"Traceback" not in running.process.stderr.read()


def test_any_sees_a_packet_twice_and_counts_it_once(net: Net, tmp_path: Path) -> None:
    with live(
        net.router, tmp_path, "-i", "any", "--json", "report.json", "--quiet", "--connections"
    ) as running:
        with serving(net, net.server, CLOSING_SERVER, SERVER) as port:
            _clients(net, SERVER, port, 3)
            time.sleep(0.3)
        running.end()
    report = running.report()
    assert report["capture"]["sources"][0]["link_types"] == ["LINUX_SLL"]
    assert len(report["connections"]) == 3
    for connection in report["connections"]:
        for role in ("client", "server"):
            assert connection[role]["retransmits"] == 0
            # Pure ACKs of an endpoint without IP identification may count as more than one.
            assert connection[role]["duplicates"] > 0
        assert connection["close"]["complete"]


def test_vlan_tags_and_the_default_filter(net: Net, tmp_path: Path) -> None:
    with live(
        net.router, tmp_path, "-i", "r0", "--json", "report.json", "--quiet", "--connections"
    ) as running:
        code = """
from tests.live.net import send_syns
import socket
send_syns("cl0", b"", bytes.fromhex("81000005"), bytes.fromhex("88a8000681000005"))
datagram = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
datagram.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
datagram.sendto(b"no TCP", ("255.255.255.255", 9))
"""
        assert net.python(net.client, code).wait(30) == 0
        time.sleep(0.3)
        running.end()
    report = running.report()
    assert [each["client"]["port"] for each in report["connections"]] == [1024, 1025, 1026]
    # The datagram was not even captured.
    assert report["capture"]["packets"] == report["capture"]["tcp_segments"]


def test_icmp_errors_pass_the_filter(net: Net, tmp_path: Path) -> None:
    with live(net.router, tmp_path, "-i", "r0", "--json", "report.json", "--quiet") as running:
        code = (
            "import socket\ntry: socket.create_connection(('10.99.0.1', 80), 5)\nexcept OSError: print('no')"
        )
        assert net.python(net.client, code).communicate(timeout=30)[0] == "no\n"
        time.sleep(0.3)
        running.end()
    assert running.report()["summary"]["handshakes"]["unreachable"] == 1


def test_the_filter_narrows(net: Net, tmp_path: Path) -> None:
    with live(
        net.router, tmp_path, "-i", "r0", "--json", "report.json", "--quiet", "--filter", "port 4711"
    ) as running:
        with serving(net, net.server, CLOSING_SERVER, SERVER) as port:
            _clients(net, SERVER, port, 1)
        with serving(net, net.server, CLOSING_SERVER, SERVER, 4711) as port:
            _clients(net, SERVER, port, 1)
            time.sleep(0.3)
        running.end()
    assert [each["port"] for each in running.report()["services"]] == [4711]


def test_it_ends_after_so_many_packets(net: Net, tmp_path: Path) -> None:
    with live(net.router, tmp_path, "-i", "r0", "--json", "report.json", "--quiet", "--packets", "7") as on:
        with serving(net, net.server, CLOSING_SERVER, SERVER) as port:
            _clients(net, SERVER, port, 4)
        assert on.process.wait(20) == 0
    assert on.report()["capture"]["packets"] == 7


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_end_it_with_a_report(net: Net, tmp_path: Path, number: int) -> None:
    with live(net.router, tmp_path, "-i", "r0", "--quiet") as running:
        status, out, err = running.end(number)
    assert status == 0
    assert out.startswith((b"No packets in r0", b"No TCP in r0"))
    assert err == b""


def test_a_snapshot_does_not_disturb(net: Net, tmp_path: Path) -> None:
    with live(net.router, tmp_path, "-i", "r0", "--json", "report.json", "--quiet") as running:
        with serving(net, net.server, CLOSING_SERVER, SERVER) as port:
            _clients(net, SERVER, port, 2)
            time.sleep(0.2)
            running.process.send_signal(signal.SIGUSR1)
            until = time.monotonic() + 10
            while not running.json.exists() and time.monotonic() < until:
                time.sleep(0.02)
            assert running.report()["summary"]["connections"] == 2
            _clients(net, SERVER, port, 3)
            time.sleep(0.2)
        status, _out, err = running.end()
    assert (status, err) == (0, b"")
    assert running.report()["summary"]["connections"] == 5
    assert running.report()["summary"]["closes"]["open"] == 0


def test_what_the_kernel_drops_is_told(net: Net, tmp_path: Path) -> None:
    """Stopped while 300,000 packets pass, it can keep what its buffer holds: the rest is dropped."""
    count = 300_000
    with live(
        *(net.router, tmp_path, "-i", "r0", "--json", "report.json", "--quiet"),
        *("--buffer", "2MiB", "--filter", "dst port 9", "--max-connections", "100"),
    ) as running:
        running.process.send_signal(signal.SIGSTOP)
        code = "import sys; from tests.live.net import flood; flood('cl0', int(sys.argv[1]))"
        sender = net.python(net.client, code, str(count))
        sender.communicate(timeout=120)
        assert sender.returncode == 0
        running.process.send_signal(signal.SIGCONT)
        status, _out, err = running.end()
    assert status == 0
    capture = running.report()["capture"]
    assert capture["dropped_by_kernel"] > 0
    assert capture["packets"] + capture["dropped_by_kernel"] == count
    assert b"were dropped" in err
    assert b"--max-connections" in err


def test_a_flood_is_kept_up_with(net: Net, tmp_path: Path) -> None:
    count = 100_000
    with live(
        net.router, tmp_path, "-i", "r0", "--json", "report.json", "--quiet", "--filter", "dst port 9"
    ) as running:
        code = "import sys; from tests.live.net import flood; flood('cl0', int(sys.argv[1]), 50_000)"
        sender = net.python(net.client, code, str(count))
        sender.communicate(timeout=120)
        running.end()
    capture = running.report()["capture"]
    assert capture["packets"] + capture["dropped_by_kernel"] == count
    if environment().get("TCPTRACE_PY_PURE", "") in ("", "0"):
        assert capture["dropped_by_kernel"] == 0


def test_written_packets_survive_a_kill(net: Net, tmp_path: Path) -> None:
    with live(net.router, tmp_path, "-i", "r0", "--quiet", "--write", "kept.pcap") as running:
        with serving(net, net.server, CLOSING_SERVER, SERVER) as port:
            _clients(net, SERVER, port, 5)
            time.sleep(0.3)
        # It can be read while it is written, too.
        meanwhile = analyze(tmp_path / "kept.pcap")
        running.process.kill()
        running.process.wait(10)
    report = analyze(tmp_path / "kept.pcap")
    assert report.capture.complete
    assert report.summary.connections == meanwhile.summary.connections == 5


def test_a_gate_fails(net: Net, tmp_path: Path) -> None:
    with live(
        *(net.router, tmp_path, "-i", "r0", "--quiet", "--json", "report.json"),
        *("--fail-on", "stuck-close-wait", "--close-wait-after", "0.5s"),
    ) as running:
        with serving(net, net.server, LEAKING_SERVER, SERVER) as port:
            _clients(net, SERVER, port, 1)
            time.sleep(1)
            status, _out, err = running.end()
    assert status == 1
    assert b"gate failed: stuck-close-wait" in err
    # One socket, and no more of them: nothing is running out.
    assert _stuck(running)["severity"] == "warning"


def test_an_interface_that_goes_away(net: Net, tmp_path: Path) -> None:
    add = ("ip", "-n", net.router, "link", "add", "gone0", "type", "veth", "peer", "name", "gone1")
    subprocess.run(add, check=True)
    subprocess.run(["ip", "-n", net.router, "link", "set", "gone0", "up"], check=True)
    with live(net.router, tmp_path, "-i", "gone0", "--quiet", "--json", "report.json") as running:
        subprocess.run(["ip", "-n", net.router, "link", "del", "gone0"], check=True)
        assert running.process.wait(20) == 3
        assert running.process.stderr is not None
        assert b"gone0" in running.process.stderr.read()
    assert running.report()["capture"]["complete"] is False


def test_down_and_up_again_and_a_policy_read_again(net: Net, tmp_path: Path) -> None:
    subprocess.run(
        ["ip", "-n", net.router, "link", "add", "flap0", "type", "veth", "peer", "name", "flap1"], check=True
    )
    for name in ("flap0", "flap1"):
        subprocess.run(["ip", "-n", net.router, "link", "set", name, "up"], check=True)
    policy = tmp_path / "policy.toml"
    policy.write_text('fail_on = ["connections > 5"]\n')
    with live(
        *(net.router, tmp_path, "-i", "flap0", "--quiet", "--json", "report.json", "--policy", policy.name)
    ) as running:
        err = running.process.stderr
        assert err is not None
        for state, said in (("down", b"flap0 is down"), ("up", b"flap0 is up again")):
            subprocess.run(["ip", "-n", net.router, "link", "set", "flap0", state], check=True)
            assert said in err.readline()
        code = "from tests.live.net import send_syns; send_syns('flap1', b'')"
        assert net.python(net.router, code).wait(60) == 0
        policy.write_text("fail_on = [")
        running.process.send_signal(signal.SIGHUP)
        assert b"the policy stays as it was: policy.toml" in err.readline()
        policy.write_text('fail_on = ["connections > 0"]\n[thresholds]\nclose_wait_after_s = 5\n')
        running.process.send_signal(signal.SIGHUP)
        assert b"policy.toml was read again: 1 rule" in err.readline()
        assert b"thresholds stay as they were" in err.readline()
        status, _out, rest = running.end()
    assert status == 1, rest
    assert b"gate failed: connections > 0" in rest
    assert "flap0 was down 1 time: states after that are less sure" in running.report()["capture"]["warnings"]


def test_without_the_right_to_capture(run_cli: RunCli, net: Net) -> None:
    prefix = ("setpriv", "--bounding-set=-net_raw", "--inh-caps=-net_raw")
    done = run_cli("live", "-i", "lo", "--duration", "1s", prefix=prefix)
    assert done.returncode == 3
    assert len(done.stderr.splitlines()) == 1
    assert b"sudo" in done.stderr and b"setcap cap_net_raw" in done.stderr
    done = run_cli("interfaces", prefix=prefix)
    assert done.returncode == 3
    assert b"setcap cap_net_raw" in done.stderr
    assert b"lo" in done.stdout


def test_interfaces(run_cli: RunCli, net: Net) -> None:
    deadline_s = time.monotonic() + 20
    while True:
        done = run_cli("interfaces", prefix=("ip", "netns", "exec", net.router))
        assert done.returncode == 0
        rows = {line.split()[0]: line for line in done.stdout.decode().splitlines()}
        # (The kernel says a little later that a new link has a carrier, once a second where many are made.)
        if "no carrier" not in rows["r0"] or time.monotonic() > deadline_s:
            break
    assert "10.77.1.2" in rows["r0"] and " up " in rows["r0"]
    assert {"lo", "r0", "r1", "any"} <= set(rows)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), b"Missing option '-i' / '--interface' (there are lo"),
        (("-i", "nope0"), b"there is no interface 'nope0'"),
        (("-i", "x" * 40), b"no name of an interface"),
        (("-i", "lo", "--filter", "((("), b"filter"),
        (("-i", "lo", "--keep", "3"), b"--write"),
        (("-i", "lo", "--rotate", "5"), b"neither a size"),
        (("-i", "lo", "--events", "--json", "-"), b"standard output"),
        (("-i", "lo", "--write", "/nowhere/x.pcap"), b"'/nowhere/x.pcap': no such file"),
    ],
)
def test_wrong_usage(run_cli: RunCli, net: Net, arguments: tuple[str, ...], said: bytes) -> None:
    done = run_cli("live", "--duration", "0.2s", *arguments)
    assert done.returncode == (3 if said.startswith((b"there is", b"no name")) else 2)
    assert said in done.stderr
    assert b"Traceback" not in done.stderr
