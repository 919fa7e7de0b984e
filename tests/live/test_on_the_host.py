"""On a host with nginx, HAProxy and a service that leaks behind them, a running live tells who leaks."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.live.net import SERVER, Net, live, running
from tests.live.test_metrics import SCRAPE

# Long enough for the kernel to be asked, on a busy machine too, before there is a finding.
_STUCK_S = 3
# In the foreground, without root's files.
NGINX = """
daemon off; master_process off; pid FOLDER/nginx.pid; error_log FOLDER/error.log;
events {}
http {
  access_log off; client_body_temp_path FOLDER/body; proxy_temp_path FOLDER/proxy;
  fastcgi_temp_path FOLDER/fastcgi; uwsgi_temp_path FOLDER/uwsgi; scgi_temp_path FOLDER/scgi;
  server {
    listen ADDRESS:8080;
    location / { proxy_pass http://ADDRESS:8081; proxy_read_timeout 500ms; }
  }
}
"""
HAPROXY = """
defaults
  timeout connect 5s
  timeout client 60s
  timeout server 60s
listen requests
  mode http
  timeout server 500ms
  bind ADDRESS:8090
  server one ADDRESS:8081
listen streams
  mode tcp
  bind ADDRESS:8091
  server one ADDRESS:8082
"""
# On 8081 it reads each request, answers nothing, and keeps the socket when the proxy gives up; on 8082 it
# does not even read.
LEAKY = """
import select, socket, sys
listeners = [socket.create_server((sys.argv[1], port)) for port in (8081, 8082)]; kept = []
print("ready", flush=True)
while True:
    for listener in select.select(listeners, [], [])[0]:
        kept.append(listener.accept()[0])
        if listener is listeners[0]:
            kept[-1].recv(65536)
"""
# Requests through both, by HTTP; and streams, whose client goes away.
ASK = """
import socket, sys, time, urllib.error, urllib.request
until = time.monotonic() + 60
for port in map(int, sys.argv[2:]):
    for _ in range(3):
        while True:
            try:
                if port == 8091:
                    with socket.create_connection((sys.argv[1], port)) as connection:
                        connection.sendall(b"x" * 100)
                else:
                    urllib.request.urlopen(f"http://{sys.argv[1]}:{port}/", timeout=30)
            except urllib.error.HTTPError as error:
                print(port, error.code, flush=True)
            except OSError:
                # It has not begun to listen.
                if time.monotonic() < until:
                    time.sleep(0.05)
                    continue
            break
"""


def _program(name: str) -> str | None:
    return shutil.which(name) or shutil.which(name, path="/usr/sbin")


@pytest.mark.parametrize("front", ["nginx", "haproxy"])
def test_a_service_that_leaks_behind_a_proxy(net: Net, tmp_path: Path, front: str) -> None:
    program = _program(front)
    if program is None:
        pytest.skip(f"{front} is not installed")
    config = tmp_path / "front.conf"
    text = {"nginx": NGINX, "haproxy": HAPROXY}[front]
    config.write_text(text.replace("FOLDER", str(tmp_path)).replace("ADDRESS", SERVER))
    options = {"nginx": ["-c", str(config), "-p", str(tmp_path)], "haproxy": ["-db", "-f", str(config)]}
    # Whom the proxy gives up on by FIN, and what it leaves unread there.
    port, unread_bytes = {"nginx": (8081, 0), "haproxy": (8082, 300)}[front]
    ports = {"nginx": ("8080",), "haproxy": ("8090", "8091")}[front]
    with ExitStack() as stack:
        leaky = stack.enter_context(running(net.python(net.server, LEAKY, SERVER)))
        assert leaky.stdout is not None and leaky.stdout.readline() == "ready\n"
        command = ["ip", "netns", "exec", net.server, program, *options[front]]
        proxy = stack.enter_context(running(subprocess.Popen(command, stderr=subprocess.PIPE, text=True)))
        watching = stack.enter_context(
            live(
                *(net.server, tmp_path, "-i", "any", "--quiet", "--json", "report.json", "--connections"),
                *("--close-wait-after", f"{_STUCK_S}s", "--record", "kept", "--on", "stuck-close-wait"),
                *("--after", "0s", "--notify", "tee -a told", "--metrics", f"{SERVER}:9464"),
                *("--stats", "--zeek", "conn.log"),
            )
        )
        answers, _ = net.python(net.client, ASK, SERVER, *ports).communicate(timeout=120)
        assert answers == f"{ports[0]} 504\n" * 3
        asked_s = time.monotonic()
        until_s = asked_s + 60
        while not list((tmp_path / "kept").glob("*.json")) and time.monotonic() < until_s:
            time.sleep(0.1)
        scraped, _ = net.python(
            net.client, SCRAPE, f"http://{SERVER}:9464/metrics", 'kind="stuck-close-wait"'
        ).communicate(timeout=90)
        # All of them are stuck by then.
        time.sleep(max(0.0, asked_s + _STUCK_S + 0.5 - time.monotonic()))
        status, _out, err = watching.end()
        assert status == 0, err
    report = watching.report()
    finding = next(each for each in report["findings"] if each["kind"] == "stuck-close-wait")
    assert finding["subject"] == {"role": "server", "address": SERVER, "port": port}
    assert (finding["count"], finding["severity"], finding["confidence"]) == (3, "critical", "certain")
    (process,) = finding["processes"]
    assert process["pid"] == leaky.pid and "select, socket, sys" in process["command"]
    assert (len(process["descriptors"]), process.get("unread_bytes", 0)) == (3, unread_bytes)
    stuck = [each for each in report["connections"] if each["id"] in finding["connections"]]
    sides = [each["server"] for each in stuck]
    assert {(each["state"], each["basis"]) for each in sides} == {("CLOSE_WAIT", "kernel")}
    # Since when: from when the first of them had received FIN.
    entered = [at["ts_ns"] for each in sides for at in each["history"] if at["state"] == "CLOSE_WAIT"]
    assert finding["first_ns"] == min(entered)
    # HAProxy resets what does not answer a request.
    reset = [each["close"]["reset"] for each in report["connections"] if each["server"]["port"] == 8081]
    assert [each and each["by"] for each in reset] == [None if front == "nginx" else "client"] * 3
    assert report["kernel"]["disagreements"] == 0 and report["kernel"]["confirmed"] >= 3
    assert all(each["stats"] for each in sides)
    assert f'kind="stuck-close-wait",severity="critical",subject="server {SERVER}:{port}"' in scraped
    assert (tmp_path / "conn.log").read_text().count(f"\t{SERVER}\t{port}\ttcp\t") == 3
    # HAProxy holds its clients' connections for as long, and is told of as well.
    culprits = {"nginx": {8081: leaky.pid}, "haproxy": {8082: leaky.pid, 8091: proxy.pid}}[front]
    told = [json.loads(line) for line in (tmp_path / "told").read_text().splitlines()]
    assert {each["subject"]["port"]: each["processes"][0]["pid"] for each in told} == culprits
    recorded = sorted(path.name.partition("Z-")[2] for path in (tmp_path / "kept").glob("*.pcapng"))
    assert recorded == [f"stuck-close-wait-{SERVER}_{each}.pcapng" for each in sorted(culprits)]
