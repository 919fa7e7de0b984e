"""The flight recorder and the notices: what is written around a finding, its bounds, and bad surroundings."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from msgspec.structs import replace

from tcptrace_py import analyze
from tcptrace_py.findings.finding import Finding, Subject
from tcptrace_py.run.alarm import Alarm, Notifier
from tcptrace_py.run.recorder import FlightRecorder, _name, _recorded
from tests.conftest import ROOT, RunCli
from tests.live.net import LEAKING_SERVER, SERVER, Net, live, serving
from tests.live.test_live import _clients

SECOND_NS = 1_000_000_000


def finding(kind: str = "stuck-close-wait", address: str = "10.0.0.1", severity: str = "warning") -> Finding:
    made = analyze(ROOT / "sample_pcaps" / "stuck_close_wait.pcap").findings[0]
    return replace(made, kind=kind, subject=Subject("server", address, 80), severity=severity)


def test_a_culprit_is_told_of_once_an_interval() -> None:
    alarm = Alarm((), 60)
    one, other = finding(), finding(address="10.0.0.2")
    assert alarm.fresh([one], 0) == [one]
    assert alarm.fresh([one, other], 59 * SECOND_NS) == [other]
    assert alarm.fresh([one, other], 60 * SECOND_NS) == [one]


def test_which_findings_count() -> None:
    info = finding("half-close", severity="info")
    assert Alarm((), 60).fresh([info], 0) == []
    assert Alarm(("half-close",), 60).fresh([info, finding()], 0) == [info]


def test_a_command_gets_the_finding_on_standard_input(tmp_path: Path) -> None:
    target = tmp_path / "told.json"
    told = Notifier(
        f"{sys.executable} -c 'import sys; open(sys.argv[1], \"w\").write(sys.stdin.read())' {target}"
    )
    told.tell(finding())
    told.close()
    assert told.problems == []
    assert json.loads(target.read_text())["kind"] == "stuck-close-wait"


@pytest.mark.parametrize(
    ("command", "problem"),
    [
        (f"{sys.executable} -c 'import time; time.sleep(60)'", "ended after 0.2 s without an answer"),
        (f"{sys.executable} -c 'raise SystemExit(3)'", "exit status 3"),
        ("/nonexistent/command", "No such file or directory"),
        ("http://127.0.0.1:9/", "Connection refused"),
    ],
)
def test_what_fails_is_a_line_and_holds_nothing_up(command: str, problem: str) -> None:
    told = Notifier(command, patience_s=0.2 if "sleep" in command else 60)
    for _ in range(2):
        told.tell(finding())
    told._queue.put(None)
    told._thread.join(60)
    # Said once, however often.
    (line,) = told.problems
    assert problem in line


def test_a_hook_gets_it_posted() -> None:
    received: list[bytes] = []

    class Hook(BaseHTTPRequestHandler):
        def do_POST(self) -> None:  # noqa: N802
            received.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Hook)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    told = Notifier(f"http://127.0.0.1:{server.server_port}/")
    told.tell(finding())
    told.close()
    server.shutdown()
    thread.join()
    server.server_close()
    assert told.problems == []
    assert json.loads(received[0])["subject"]["address"] == "10.0.0.1"


def test_the_oldest_recordings_go_first_and_nothing_else(tmp_path: Path) -> None:
    recorder = FlightRecorder(tmp_path, before_s=1, after_s=0, most_bytes=1000)
    (tmp_path / "mine.pcapng").write_bytes(bytes(5000))
    for number in range(5):
        (tmp_path / f"tcptrace-2026010{number}T000000.000Z-x-y.pcapng").write_bytes(bytes(200))
    assert recorder._make_room(150) == 400
    assert [path.name[9:17] for path, _ in _recorded(tmp_path)] == ["20260102", "20260103", "20260104"]
    assert (tmp_path / "mine.pcapng").exists()


@pytest.mark.parametrize("address", ["10.0.0.1", "fe80::1", "../../etc/passwd", "a\n::error::b", None])
def test_a_name_is_a_name(address: str | None) -> None:
    made = finding()
    made.subject = Subject("server", address, 80)
    name = _name(made)
    assert name.startswith("tcptrace-20") and "/" not in name and name.isprintable() and " " not in name


def test_packets_report_and_sockets_around_a_finding(net: Net, tmp_path: Path) -> None:
    with live(
        *(net.router, tmp_path, "-i", "r0", "--quiet", "--close-wait-after", "1s", "--record", "kept"),
        *("--before", "60s", "--after", "1s", "--on", "stuck-close-wait", "--json", "report.json"),
    ) as running:
        with serving(net, net.server, LEAKING_SERVER, SERVER) as port:
            _clients(net, SERVER, port, 3)
            until_s = time.monotonic() + 60
            while not list((tmp_path / "kept").glob("*[0-9].json")) and time.monotonic() < until_s:
                time.sleep(0.1)
        status, _out, err = running.end()
    assert status == 0, err
    (packets,) = (tmp_path / "kept").glob("*.pcapng")
    again = analyze(packets)
    assert again.summary.connections == 3
    assert again.capture.packets >= 3 * 6
    stem = packets.with_suffix("")
    assert f"stuck-close-wait-{SERVER}_{port}" in stem.name
    report = json.loads(Path(f"{stem}.json").read_text())
    assert any(each["kind"] == "stuck-close-wait" for each in report["findings"])
    sockets = json.loads(Path(f"{stem}.sockets.json").read_text())
    assert {"address": SERVER, "port": port, "state": "CLOSE_WAIT"}.items() <= next(
        each for each in sockets if each["port"] == port and each["state"] == "CLOSE_WAIT"
    ).items()
    if shutil.which("tshark"):
        shown = subprocess.run(
            [
                *("tshark", "-r", packets, "-Y", "frame.comment"),
                *("-T", "fields", "-e", "tcp.flags.fin", "-e", "frame.comment"),
            ],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        assert any(line.startswith("1\tstuck-close-wait: ") for line in shown.splitlines()), shown


def test_a_folder_that_can_not_be_is_wrong_usage(run_cli: RunCli, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = run_cli("live", "-i", "lo", "--record", "file/below", "--duration", "1s")
    assert done.returncode == 2
    assert b"--record" in done.stderr
    done = run_cli("live", "-i", "lo", "--notify", "true", "--on", "no-such-kind")
    assert done.returncode == 2
    assert b"no-such-kind" in done.stderr
