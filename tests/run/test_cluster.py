"""``--cluster`` with a real scheduler and two worker processes on loopback."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("distributed")
pytest.importorskip("fsspec")

from tcptrace_py.version import __version__
from tests.conftest import COMMAND, ROOT, RunCli, environment

# Once is enough: what the steps compute is tested in this process, with either engine.
pytestmark = pytest.mark.slow
SAMPLES = ROOT / "sample_pcaps"
PILE = SAMPLES / "time_wait_pile.pcap"


@pytest.fixture(scope="module")
def store() -> Iterator[dict[str, str]]:
    """An object store that speaks S3, and the variables that tell where it is."""
    server = pytest.importorskip("moto.server").ThreadedMotoServer(
        ip_address="127.0.0.1", port=0, verbose=False
    )
    server.start()
    host, port = server.get_host_and_port()
    yield {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_ACCESS_KEY_ID": "nobody",
        "AWS_SECRET_ACCESS_KEY": "nothing",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    server.stop()


@pytest.fixture(scope="module")
def cluster(
    tmp_path_factory: pytest.TempPathFactory, store: dict[str, str]
) -> Iterator[tuple[str, list[subprocess.Popen[bytes]]]]:
    """The scheduler's address, and its two workers."""
    folder = tmp_path_factory.mktemp("dask")
    where = environment(PYTHONPATH=str(ROOT), **store)
    log = folder.joinpath("scheduler.log")
    with log.open("wb") as out:
        scheduler = subprocess.Popen(
            [sys.executable, "-m", "distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", "0",
             "--no-dashboard"],
            stdout=out, stderr=out, env=where, cwd=folder,
        )  # fmt: skip
    workers: list[subprocess.Popen[bytes]] = []
    try:
        until = time.monotonic() + 60
        while not (found := re.search(r"(tcp://127\.0\.0\.1:\d+)", log.read_text())):
            assert time.monotonic() < until and scheduler.poll() is None, log.read_text()
            time.sleep(0.1)
        for number in range(2):
            with folder.joinpath(f"worker-{number}.log").open("wb") as out:
                workers.append(
                    subprocess.Popen(
                        [
                            sys.executable,
                            "-m",
                            "distributed.cli.dask_worker",
                            found[1],
                            "--nthreads",
                            "1",
                            "--no-dashboard",
                            "--no-nanny",
                            "--local-directory",
                            str(folder),
                        ],
                        stdout=out,
                        stderr=out,
                        env=where,
                        cwd=folder,
                    )  # fmt: skip
                )
        yield found[1], workers
    finally:
        for process in (*workers, scheduler):
            process.terminate()
            process.wait(20)


def test_the_same_bytes(cluster: tuple[str, list[subprocess.Popen[bytes]]], run_cli: RunCli) -> None:
    captures = sorted(SAMPLES.glob("re*.pcap"))
    one = run_cli("analyze", *captures, "--jobs", "1", "--json", "-")
    many = run_cli("analyze", *captures, "--cluster", cluster[0], "--json", "-")
    assert many.returncode == one.returncode == 0, many.stderr
    assert many.stdout == one.stdout


def test_captures_in_an_object_store(
    cluster: tuple[str, list[subprocess.Popen[bytes]]],
    store: dict[str, str],
    run_cli: RunCli,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    captures = sorted(SAMPLES.glob("reset_*.pcap"))
    system = pytest.importorskip("s3fs").S3FileSystem(
        endpoint_url=store["AWS_ENDPOINT_URL"], key="nobody", secret="nothing", use_listings_cache=False
    )
    system.mkdir("captures")
    for path in captures:
        system.put(str(path), f"captures/{path.name}")
    many = run_cli(
        *("analyze", "s3://captures/reset_*.pcap", "--cluster", cluster[0]),
        *("--spill", "s3://captures/spill", "--json", "-"),
        **store,
    )
    assert many.returncode == 0, many.stderr
    one = run_cli("analyze", *captures, "--jobs", "1", "--json", "-")
    assert many.stdout.replace(b"s3://captures", str(SAMPLES).encode()) == one.stdout
    assert not system.find("captures/spill"), "nothing is left behind"
    # What was read stays there, and the connections go there; in few parts, for the store is slow.
    monkeypatch.setattr("tcptrace_py.run.checkpoint.LEAST_PARTS", 2)
    for _ in range(2):
        kept = run_cli(
            *("analyze", "s3://captures/reset_*.pcap", "--cluster", cluster[0]),
            *("--checkpoint", "s3://captures/kept", "--parquet", "s3://captures/table/", "--json", "-"),
            **store,
        )
        assert kept.returncode == 0, kept.stderr
        assert kept.stdout == many.stdout
    rows = pytest.importorskip("pyarrow.parquet").read_table("captures/table", filesystem=system)
    assert sorted(rows["id"].to_pylist()) == list(range(rows.num_rows))
    assert rows.num_rows == json.loads(many.stdout)["summary"]["connections"]
    assert not [name for name in system.find("captures") if "/tcptrace-py-" in name]
    missing = run_cli("analyze", "s3://nowhere/*.pcap", "--cluster", cluster[0], **store)
    assert missing.returncode == 3
    assert missing.stderr.splitlines()[-1].startswith(b"tcptrace-py: s3://nowhere/*.pcap: ")


def test_a_file_that_is_not_there_is_named(
    cluster: tuple[str, list[subprocess.Popen[bytes]]], run_cli: RunCli
) -> None:
    done = run_cli("analyze", PILE, "nothing/*.pcap", "--cluster", cluster[0], "--json", "-")
    assert done.returncode == 3
    assert b"nothing/*.pcap: nothing there has such a name" in done.stderr
    assert b'"complete": false' in done.stdout or b'"complete":false' in done.stdout


def test_other_versions_are_refused(
    cluster: tuple[str, list[subprocess.Popen[bytes]]], run_cli: RunCli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tcptrace_py.run.executors.__version__", "0.0.1")
    done = run_cli("analyze", PILE, "--cluster", cluster[0], "--json", "report.json")
    assert done.returncode == 3
    lines = done.stderr.decode().splitlines()
    assert lines[0].startswith("tcptrace-py: Dask's dashboard: ")
    assert len(lines) == 2
    assert f"this worker has other versions: tcptrace-py {__version__}, not 0.0.1" in lines[1]


@pytest.mark.skipif(sys.platform != "linux", reason="signals")
def test_a_worker_that_is_killed(
    cluster: tuple[str, list[subprocess.Popen[bytes]]], run_cli: RunCli, tmp_path: Path
) -> None:
    address, workers = cluster
    captures = [str(PILE)] * 4
    spill = tmp_path / "spill"
    process = subprocess.Popen(
        [*COMMAND, "analyze", *captures, "--cluster", address, "--spill", str(spill)]
        + ["--json", str(tmp_path / "many.json")],
        env=environment(PYTHONPATH=str(ROOT)),
        stderr=subprocess.PIPE,
    )
    until = time.monotonic() + 60
    while len(list(spill.glob("*/*.arrow"))) < 2:
        assert time.monotonic() < until and process.poll() is None
        time.sleep(0.01)
    os.kill(workers[0].pid, signal.SIGKILL)
    _, told = process.communicate(timeout=120)
    assert process.returncode == 0, told
    one = run_cli("analyze", *captures, "--jobs", "1", "--json", str(tmp_path / "one.json"))
    assert one.returncode == 0
    assert tmp_path.joinpath("many.json").read_bytes() == tmp_path.joinpath("one.json").read_bytes()


def test_paths_are_told_as_they_were_given(
    cluster: tuple[str, list[subprocess.Popen[bytes]]], run_cli: RunCli, tmp_path: Path
) -> None:
    tmp_path.joinpath("cut.pcap").write_bytes(PILE.read_bytes()[:-7])
    one = run_cli("analyze", "cut.pcap", "--jobs", "1", "--json", "-")
    many = run_cli("analyze", "c*.pcap", "--cluster", cluster[0], "--json", "-")
    assert one.returncode == many.returncode == 3
    assert many.stdout == one.stdout
    assert many.stderr.splitlines()[1:] == one.stderr.splitlines()


def test_nobody_there(run_cli: RunCli, monkeypatch: pytest.MonkeyPatch) -> None:
    # Ten seconds for a person.
    monkeypatch.setattr("tcptrace_py.run.executors._PATIENCE_S", 1)
    done = run_cli("analyze", PILE, "--cluster", "tcp://127.0.0.1:1")
    assert done.returncode == 3
    assert done.stderr.count(b"\n") == 1
    assert b"tcp://127.0.0.1:1: no Dask scheduler answers there" in done.stderr
