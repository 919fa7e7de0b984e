"""``live --metrics``: what a scrape gives, its bounds, and a port that is taken."""

from __future__ import annotations

import json
import re
import shutil
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("prometheus_client", reason="prometheus-client is not installed")
from prometheus_client.openmetrics.exposition import generate_latest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from tcptrace_py import analyze
from tcptrace_py.run.metrics import OTHER, SERVICES, Metrics
from tests.conftest import ROOT
from tests.live.net import LEAKING_SERVER, SERVER, Net, live, serving
from tests.live.test_live import _clients

SICK = ROOT / "sample_pcaps" / "sick_service.pcap"

# Scrapes until the answer has a word in it, and prints that answer.
SCRAPE = """
import sys, time, urllib.request
until, text = time.monotonic() + 60, ""
while sys.argv[2] not in text and time.monotonic() < until:
    try:
        text = urllib.request.urlopen(sys.argv[1]).read().decode()
    except OSError:
        pass
    time.sleep(0.1)
print(text)
"""


def samples(text: str) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def total(found: dict[Any, float], name: str, **labels: str) -> float:
    return sum(
        value for (each, given), value in found.items() if each == name and set(labels.items()) <= set(given)
    )


def test_finished_connections_are_counted_as_the_report_counts_them() -> None:
    metrics = Metrics()
    report = analyze(SICK, sink=metrics.finished)
    found = samples(generate_latest(metrics.registry).decode())
    for outcome in ("complete", "refused", "unanswered"):
        wanted = getattr(report.summary.handshakes, outcome)
        assert total(found, "tcptrace_handshakes_total", outcome=outcome) == wanted > 0
    assert total(found, "tcptrace_closes_total", kind="reset") == report.summary.closes.reset
    resets = sum(1 for each in report.connections or () if each.close.reset is not None)
    assert total(found, "tcptrace_resets_total") == resets
    measured = sum(each.handshake_time.measured for each in report.services if each.handshake_time)
    assert total(found, "tcptrace_handshake_seconds_count") == measured
    # Who never accepted has no label of its own.
    assert total(found, "tcptrace_handshakes_total", service=OTHER, outcome="refused") == total(
        found, "tcptrace_handshakes_total", outcome="refused"
    )


def test_labels_are_bounded() -> None:
    metrics = Metrics()
    names = {metrics.label(f"10.0.0.1:{port}", True) for port in range(2 * SERVICES)}
    assert len(names) == SERVICES + 1
    assert OTHER in names


def test_a_scrape_while_it_runs(net: Net, tmp_path: Path) -> None:
    with live(
        *(
            net.router,
            tmp_path,
            "-i",
            "r0",
            "--quiet",
            "--metrics",
            "10.77.1.2:9464",
            "--json",
            "report.json",
        ),
        *("--close-wait-after", "1s"),
    ) as running:
        with serving(net, net.server, LEAKING_SERVER, SERVER) as port:
            _clients(net, SERVER, port, 4)
            text, _ = net.python(
                net.client, SCRAPE, "http://10.77.1.2:9464/metrics", "stuck-close-wait"
            ).communicate(timeout=90)
        running.end()
    assert f'tcptrace_sockets{{service="{SERVER}:{port}",side="server",state="CLOSE_WAIT"}} 4.0' in text
    assert "tcptrace_packets_dropped_total 0.0" in text
    (finding,) = [line for line in text.splitlines() if 'kind="stuck-close-wait"' in line]
    assert finding.endswith(" 4.0")


def test_a_port_that_is_taken_is_one_line_and_capture_goes_on(net: Net, tmp_path: Path) -> None:
    with live(
        net.router, tmp_path, "-i", "r0", "--quiet", "--metrics", "10.77.9.9:1", "--duration", "1s"
    ) as running:
        running.process.wait(60)
        status, _out, err = running.end()
    assert status == 0
    assert err.decode().splitlines()[0] == (
        "tcptrace-py: no metrics: 10.77.9.9:1: Cannot assign requested address"
    )


def test_it_answers_over_http() -> None:
    metrics = Metrics()
    metrics.serve("127.0.0.1", 0)
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{metrics.port}/metrics") as answer:
            assert b"process_resident_memory_bytes" in answer.read()
        with pytest.raises(OSError), socket.create_server(("127.0.0.1", metrics.port)):
            pass
    finally:
        metrics.close()


def names_used() -> set[str]:
    texts = [path.read_text() for path in sorted((ROOT / "docs" / "prometheus").iterdir())]
    return {name for text in texts for name in re.findall(r"\btcptrace_\w+", text)}


def test_rules_and_dashboard_use_metrics_that_there_are(net: Net, tmp_path: Path) -> None:
    with live(net.router, tmp_path, "-i", "r0", "--quiet", "--metrics", "10.77.1.2:9465") as running:
        text, _ = net.python(
            net.client, SCRAPE, "http://10.77.1.2:9465/metrics", "tcptrace_packets"
        ).communicate(timeout=90)
        running.end()
    families = set(re.findall(r"^# TYPE (\w+)", text, re.MULTILINE))
    used = {re.sub(r"_bucket$", "", name) for name in names_used()}
    assert used <= families | {f"{name}_total" for name in families}


def test_prometheus_takes_the_rules() -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not installed (Debian: prometheus)")
    done = subprocess.run(
        [promtool, "check", "rules", ROOT / "docs" / "prometheus" / "alerts.yml"],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "7 rules found" in done.stdout
    dashboard = json.loads((ROOT / "docs" / "prometheus" / "dashboard.json").read_text())
    assert len({panel["id"] for panel in dashboard["panels"]}) == len(dashboard["panels"])


def test_a_real_prometheus_scrapes_it(tmp_path: Path) -> None:
    prometheus = shutil.which("prometheus")
    if prometheus is None:
        pytest.skip("prometheus is not installed (Debian: prometheus)")
    metrics = Metrics()
    report = analyze(SICK, sink=metrics.finished)
    metrics.serve("127.0.0.1", 0)
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"127.0.0.1:{free.getsockname()[1]}"
    rules = ROOT / "docs" / "prometheus" / "alerts.yml"
    (tmp_path / "prometheus.yml").write_text(
        f"rule_files: [{json.dumps(str(rules))}]\n"
        "scrape_configs:\n"
        "  - job_name: tcptrace\n"
        "    scrape_interval: 1s\n"
        "    static_configs:\n"
        f"      - targets: ['127.0.0.1:{metrics.port}']\n"
    )
    question = f"http://{address}/api/v1/query?query=sum(tcptrace_handshakes_total)"
    server = subprocess.Popen(
        [
            *(prometheus, "--config.file=prometheus.yml", "--storage.tsdb.path=data"),
            f"--web.listen-address={address}",
        ],
        cwd=tmp_path,
        stderr=subprocess.PIPE,
    )
    try:
        answer = subprocess.run(
            [sys.executable, "-c", SCRAPE, question, '"value"'], capture_output=True, text=True, timeout=90
        ).stdout
    finally:
        server.terminate()
        _, told = server.communicate(timeout=60)
        metrics.close()
    assert '"value"' in answer, told.decode()
    (result,) = json.loads(answer)["data"]["result"]
    assert float(result["value"][1]) == report.summary.connections
