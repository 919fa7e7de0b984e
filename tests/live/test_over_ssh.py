"""A capture on another host by ssh. What stands in for ssh runs the command here, as sshd would there."""

from __future__ import annotations

import os
import shlex
import time
from pathlib import Path

import pytest

from tcptrace_py.capture.error import CaptureError
from tcptrace_py.capture.over_ssh import Remote, RemoteCapture, parse_remote, remote_command, ssh_command
from tcptrace_py.run.live import Watch
from tests.conftest import ROOT

SAMPLE = ROOT / "sample_pcaps" / "stuck_close_wait.pcap"
REMOTE = Remote("me", "web1", 2222, "eth0")

# Keeps its arguments, and runs the last of them: what is left to the login shell there.
SSH = """#!/bin/sh
for word; do printf '%s\\n' "$word" >> FOLDER/ssh; done
for last; do :; done
SSH_CONNECTION='FROM 50000 10.0.0.2 2222' exec sh -c "$last"
"""
# Keeps the filter, gives a capture, and waits until it is told to end.
TCPDUMP = """#!/bin/sh
for last; do :; done
case "$*" in *' -d '*) exit TAGGED;; esac
printf '%s\\n' "$*" > FOLDER/arguments
trap 'echo "7 packets dropped by kernel" >&2; exit 0' TERM
GIVE
while :; do sleep 0.05; done
"""


@pytest.fixture
def there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    _put(tmp_path, f"cat {shlex.quote(str(SAMPLE))}")
    return tmp_path


def _put(folder: Path, give: str, tagged: int = 0, address: str = "10.0.0.1") -> None:
    for name, text in (("ssh", SSH.replace("FROM", address)), ("tcpdump", TCPDUMP)):
        made = text.replace("FOLDER/ssh", f"{folder}/words").replace("FOLDER", str(folder))
        (folder / name).write_text(made.replace("GIVE", give).replace("TAGGED", str(tagged)))
        (folder / name).chmod(0o755)


def test_what_passes_there_is_reported_here(there: Path) -> None:
    capture = RemoteCapture(REMOTE, expression="port 80")
    watch = Watch(capture)
    until_s = time.monotonic() + 60
    while capture.packets < 20 and time.monotonic() < until_s:
        watch.pump()
    assert capture.problem is None
    report = watch.report()
    assert report.capture.sources[0].path == "ssh://me@web1:2222/eth0"
    assert report.capture.dropped_by_kernel == 7
    assert report.summary.connections > 0
    words = (there / "words").read_text().splitlines()
    assert words[words.index("-p") : words.index("--") + 2] == ["-p", "2222", "-l", "me", "--", "web1"]


@pytest.mark.parametrize("address", ["10.0.0.1", "fe80::1%eth0"])
@pytest.mark.parametrize("tagged", [0, 1])
def test_what_ssh_sends_is_left_out_behind_tags_too(there: Path, tagged: int, address: str) -> None:
    _put(there, f"cat {shlex.quote(str(SAMPLE))}", tagged, address)
    RemoteCapture(REMOTE).close()
    said = (there / "arguments").read_text()
    own = f"not (host {address.partition('%')[0]} and tcp port 50000) and (tcp or "
    # `tcpdump -d` says whether this interface knows tags.
    assert said.count(own) == (1 if tagged else 3)
    assert said.startswith("-i eth0 -n -s 192 -B 32768 -U --immediate-mode -w - -- ")


def test_the_time_there_goes_on_by_its_own_clock(there: Path) -> None:
    capture = RemoteCapture(REMOTE)
    assert capture.now_ns(time.time_ns()) == 0
    while not capture.next_batch():
        pass
    last_ns = capture.batch.ts_ns[capture.batch.count - 1]
    assert 0 <= capture.now_ns(time.time_ns()) - last_ns < 60 * 10**9
    capture.close()


@pytest.mark.parametrize(
    ("give", "said"),
    [
        ("echo 'eth9: \033[2Jno such device' >&2; exit 1", "did not begin: eth9: �[2Jno such device"),
        ("echo 'Welcome to web1, have a nice day!'", "what came is no capture (does the login shell"),
        ("exit 127", "did not begin"),
        (":", "no answer in 0.2 s"),
    ],
)
def test_what_fails_there_is_a_line_here(there: Path, give: str, said: str) -> None:
    _put(there, give)
    with pytest.raises(CaptureError) as error:
        RemoteCapture(REMOTE, patience_s=0.2 if give == ":" else 60)
    assert said in str(error.value)
    assert str(error.value).isprintable()


def test_a_connection_that_breaks_ends_with_what_was_seen(there: Path) -> None:
    _put(there, f"head -c 1000 {shlex.quote(str(SAMPLE))}; echo gone >&2; exit 255")
    capture = RemoteCapture(REMOTE)
    while capture.problem is None:
        capture.next_batch()
    assert capture.packets == 5
    assert "cut short" in capture.problem
    capture.close()


def test_without_ssh(there: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(there / "nothing"))
    with pytest.raises(CaptureError, match="ssh: No such file"):
        RemoteCapture(REMOTE)


@pytest.mark.parametrize(
    ("text", "remote"),
    [
        ("ssh://web1/eth0", Remote(None, "web1", None, "eth0")),
        ("ssh://me@web1.example.org:2222/any", Remote("me", "web1.example.org", 2222, "any")),
        ("ssh://[2001:db8::1]:22/br-1a2b", Remote(None, "2001:db8::1", 22, "br-1a2b")),
        ("ssh://web1/eth0.100@if3", Remote(None, "web1", None, "eth0.100@if3")),
    ],
)
def test_addresses(text: str, remote: Remote) -> None:
    assert parse_remote(text) == remote
    assert str(remote) == text


@pytest.mark.parametrize(
    "text",
    [
        *("web1/eth0", "ssh://web1", "ssh://web1/", "ssh:///eth0", "http://web1/eth0", "ssh://web1/eth0/x"),
        *("ssh://-oProxyCommand=id/eth0", "ssh://-l@web1/eth0", "ssh://web1/-w", "ssh://web1/e;id"),
        *("ssh://web1/$(id)", "ssh://web1/`id`", "ssh://web1/e f", "ssh://web1/eth0\n", "ssh://web1;id/eth0"),
        *("ssh://a b@web1/eth0", "ssh://web1:0/eth0", "ssh://web1:65536/eth0", "ssh://web1:22x/eth0"),
        *(
            "ssh://me:secret@web1/eth0",
            "ssh://web1/abcdefghijklmnop",
            "ssh://wéb/eth0",
            "ssh://[::1;id]/eth0",
        ),
    ],
)
def test_what_is_no_address(text: str) -> None:
    with pytest.raises(ValueError, match="is no address of an interface"):
        parse_remote(text)


@pytest.mark.parametrize("expression", ["port 80'; touch owned; '", 'host "$(touch owned)"', "`touch owned`"])
def test_a_filter_is_one_word_to_both_shells(there: Path, expression: str) -> None:
    RemoteCapture(REMOTE, expression=expression).close()
    assert expression in (there / "arguments").read_text()
    assert not (there / "owned").exists() and not Path("owned").exists()


def test_how_tcpdump_is_called_there() -> None:
    command = remote_command(REMOTE, None, 192, 1 << 25, "sudo -n '/opt/my tools/tcpdump'")
    script = shlex.split(command)[2]
    assert "sudo -n '/opt/my tools/tcpdump' -i \"$1\"" in script
    assert "BatchMode=yes" in ssh_command(REMOTE, command, False)
    assert "BatchMode=yes" not in ssh_command(REMOTE, command, True)
