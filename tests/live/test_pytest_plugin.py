"""``pytest --tcptrace lo``: which test opened what leaked."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT, environment
from tests.live.net import Net

_TESTS = """
import socket, struct
import pytest

held = []

@pytest.fixture(scope="session")
def server():
    return socket.create_server(("127.0.0.1", 0))

def test_clean(server):
    with socket.create_connection(server.getsockname()):
        server.accept()[0].close()

def test_leak(server):
    with socket.create_connection(server.getsockname()):
        held.append(server.accept()[0])

def test_abort(server):
    client = socket.create_connection(server.getsockname())
    served = server.accept()[0]
    client.send(b"x")
    served.recv(1)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()
    served.close()
"""


def run_tests(folder: Path, *arguments: str, net: Net | None = None) -> subprocess.CompletedProcess[str]:
    (folder / "test_it.py").write_text(_TESTS)
    # Installed, the entry point has loaded it already; so has nobody else here.
    plugin = ["-p", "no:tcptrace", "-p", "tcptrace_py.pytest_plugin", "-p", "no:cacheprovider"]
    command = [sys.executable, "-m", "pytest", "-q", *plugin, *arguments]
    if net is not None:
        command = ["ip", "netns", "exec", net.client, *command]
    return subprocess.run(
        command,
        cwd=folder,
        env=environment(PYTHONPATH=str(ROOT)),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_it_names_the_tests_and_fails_them_by_rule(net: Net, tmp_path: Path) -> None:
    done = run_tests(
        tmp_path,
        *("--tcptrace", "lo", "--tcptrace-close-wait-after", "500ms", "--tcptrace-json", "r.json"),
        *("--tcptrace-fail-on", "stuck-close-wait", "--junitxml", "j.xml"),
        net=net,
    )
    assert done.returncode == 1, done.stdout + done.stderr
    assert "3 passed, 1 error" in done.stdout
    assert "ERROR at teardown of test_leak" in done.stdout
    # Named, though no rule objects to it.
    summary = done.stdout.split("tcptrace-py on lo")[1]
    assert "  test_it.py::test_leak: 127.0.0.1:" in summary
    assert "  test_it.py::test_abort: 127.0.0.1:" in summary
    assert "test_clean" not in summary
    junitparser = pytest.importorskip("junitparser")
    (suite,) = junitparser.JUnitXml.fromfile(str(tmp_path / "j.xml"))
    (failed,) = (case for case in suite if case.result)
    assert failed.name == "test_leak" and "stuck-close-wait: 127.0.0.1:" in failed.result[0].message
    assert json.loads((tmp_path / "r.json").read_text())["summary"]["close_wait"]["stuck"] == 1


def test_without_rules_it_only_tells(net: Net, tmp_path: Path) -> None:
    done = run_tests(tmp_path, "--tcptrace", "lo", "--tcptrace-close-wait-after", "300ms", net=net)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "  test_it.py::test_leak: 127.0.0.1:" in done.stdout


def test_the_project_s_policy_counts(net: Net, tmp_path: Path) -> None:
    (tmp_path / "tcptrace.toml").write_text(
        'fail_on = ["stuck-close-wait", "reset-abort"]\n'
        '[[allow]]\nkind = "stuck-close-wait"\nreason = "until 2.4"\n'
    )
    done = run_tests(tmp_path, "--tcptrace", "lo", "--tcptrace-close-wait-after", "300ms", net=net)
    assert done.returncode == 1
    assert "ERROR at teardown of test_abort" in done.stdout and "teardown of test_leak" not in done.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--tcptrace", "no-such-interface0"], "--tcptrace no-such-interface0: "),
        (["--tcptrace", "lo", "--tcptrace-fail-on", "leaks"], "no such finding kind or severity"),
        (["--tcptrace", "lo", "--tcptrace-policy", "missing.toml"], "missing.toml: no such file"),
        (["--tcptrace", "lo", "--tcptrace-close-wait-after", "soon"], "is not a duration"),
    ],
)
def test_what_cannot_work_is_one_line(tmp_path: Path, arguments: list[str], said: str) -> None:
    done = run_tests(tmp_path, *arguments)
    assert done.returncode == 4
    assert said in done.stderr and "Traceback" not in done.stdout + done.stderr


def test_without_being_asked_for_it_does_nothing(tmp_path: Path) -> None:
    done = run_tests(tmp_path)
    assert done.returncode == 0 and "tcptrace" not in done.stdout
