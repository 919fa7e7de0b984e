"""The README's lines for live capture as a person types them; a host with nginx and a service that leaks."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import time
from pathlib import Path

import click
import pytest

from tcptrace_py.cli.exec import exec as exec_command
from tcptrace_py.cli.live import live as live_command
from tests.conftest import ROOT
from tests.live.net import SERVER, Net, live

LINES = re.findall(
    r"^\$ (?:sudo )?tcptrace-py ((?:live|exec) .*)$", (ROOT / "README.md").read_text(), re.MULTILINE
)

# nginx in the foreground, without root's files.
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
# It reads each request, answers nothing, and keeps the socket when nginx gives up: CLOSE_WAIT.
LEAKY = """
import socket, sys
listener = socket.create_server((sys.argv[1], 8081)); kept = []
print("ready", flush=True)
while True:
    connection, _ = listener.accept()
    connection.recv(65536)
    kept.append(connection)
"""
ASK = """
import sys, urllib.error, urllib.request
for _ in range(3):
    try:
        urllib.request.urlopen(f"http://{sys.argv[1]}:8080/", timeout=30)
    except urllib.error.HTTPError as error:
        print(error.code, flush=True)
"""


def test_there_are_the_lines() -> None:
    assert len(LINES) == 10


@pytest.mark.parametrize("line", LINES)
def test_a_line_of_the_readme_is_right_usage(line: str, tmp_path: Path) -> None:
    words = shlex.split(line.partition("  #")[0].partition(" | ")[0])
    command: click.Command = {"live": live_command, "exec": exec_command}[words[0]]
    context = command.make_context(words[0], words[1:])
    given = {name for name in context.params if context.get_parameter_source(name) is not None}
    assert {"interface"} <= given
    assert (context.params["interface"] is None) == ("--remote" in words)


def test_nginx_and_a_service_that_leaks(net: Net, tmp_path: Path) -> None:
    nginx = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    if nginx is None:
        pytest.skip("nginx is not installed")
    config = tmp_path / "nginx.conf"
    config.write_text(NGINX.replace("FOLDER", str(tmp_path)).replace("ADDRESS", SERVER))
    leaky = net.python(net.server, LEAKY, SERVER)
    front = subprocess.Popen(
        ["ip", "netns", "exec", net.server, nginx, "-c", str(config), "-p", str(tmp_path)],
        stderr=subprocess.PIPE,
    )
    try:
        assert leaky.stdout is not None and leaky.stdout.readline() == "ready\n"
        with live(
            *(
                net.server,
                tmp_path,
                "-i",
                "any",
                "--quiet",
                "--json",
                "report.json",
                "--close-wait-after",
                "1s",
            ),
            *("--record", "kept", "--on", "stuck-close-wait", "--after", "0s", "--connections"),
        ) as running:
            told, _ = net.python(net.client, ASK, SERVER).communicate(timeout=120)
            assert told == "504\n" * 3
            # The last of them is stuck too.
            time.sleep(1.5)
            until_s = time.monotonic() + 60
            while not list((tmp_path / "kept").glob("*.json")) and time.monotonic() < until_s:
                time.sleep(0.1)
            status, _out, err = running.end()
        assert status == 0, err
    finally:
        for process in (front, leaky):
            process.kill()
            process.communicate()
    report = running.report()
    finding = next(each for each in report["findings"] if each["kind"] == "stuck-close-wait")
    assert finding["subject"] == {"role": "server", "address": SERVER, "port": 8081}
    assert finding["count"] == 3
    (process_told,) = finding["processes"]
    assert process_told["pid"] == leaky.pid
    assert len(process_told["descriptors"]) == 3
    assert report["kernel"]["disagreements"] == 0
    sides = [record["server"] for record in report["connections"] if record["server"]["port"] == 8081]
    assert {(side["state"], side["basis"]) for side in sides} == {("CLOSE_WAIT", "kernel")}
    (recorded,) = (tmp_path / "kept").glob("*.pcapng")
    assert f"stuck-close-wait-{SERVER}_8081" in recorded.name
