"""``live --otlp``: what a collector gets, and one that hangs, refuses or is not there."""

from __future__ import annotations

import gzip
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import click
import pytest

pytest.importorskip("opentelemetry.sdk", reason="opentelemetry-sdk is not installed")
pytest.importorskip("prometheus_client", reason="prometheus-client is not installed")
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from prometheus_client.core import GaugeMetricFamily

from tcptrace_py import analyze
from tcptrace_py.cli.sniffing import Endpoint
from tcptrace_py.run.metrics import Metrics
from tcptrace_py.run.otlp import Otlp
from tests.conftest import ROOT

SICK = ROOT / "sample_pcaps" / "sick_service.pcap"


class Collector(BaseHTTPRequestHandler):
    """Keeps what it is sent, and answers with ``status`` after ``delay_s``."""

    received: list[tuple[str, ExportMetricsServiceRequest]]
    status = 200
    released: threading.Event

    def do_POST(self) -> None:  # noqa: N802
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        request = ExportMetricsServiceRequest()
        request.ParseFromString(body)
        self.received.append((self.path, request))
        self.released.wait(60)
        # Whoever sent it may not wait for the answer any more.
        with suppress(OSError):
            self.send_response(self.status)
            self.send_header("Content-Type", "application/x-protobuf")
            self.end_headers()
            self.wfile.write(ExportMetricsServiceResponse().SerializeToString())

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def collecting(status: int = 200, hangs: bool = False) -> Iterator[tuple[str, type[Collector]]]:
    released = threading.Event()
    if not hangs:
        released.set()
    handler = type("Handler", (Collector,), {"received": [], "status": status, "released": released})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", handler
    finally:
        released.set()
        server.shutdown()
        thread.join()
        server.server_close()


class Watched:
    """As much of a `Watch` as an observer of metrics needs."""

    def __init__(self) -> None:
        self.notices: list[str] = []

    def notice(self, line: str) -> None:
        self.notices.append(line)


def sent(endpoint: str, timeout_s: float = 60) -> tuple[Any, Otlp, Watched]:
    metrics, watched = Metrics(), Watched()
    otlp = Otlp(endpoint, metrics, "eth0", timeout_s)
    both = (metrics.finished, otlp.finished)
    report = analyze(SICK, sink=lambda record: [each(record) for each in both])
    sockets = GaugeMetricFamily("tcptrace_sockets", "Sockets now.", labels=("service", "side", "state"))
    sockets.add_metric(("[2001:db8::1]:443", "server", "SYN_RCVD"), 3)
    metrics._now = [sockets]
    otlp.look(watched)  # type: ignore[arg-type]
    otlp.close()
    otlp.look(watched)  # type: ignore[arg-type]
    return report, otlp, watched


def attributes(point: Any) -> dict[str, Any]:
    return {each.key: getattr(each.value, each.value.WhichOneof("value")) for each in point.attributes}


def test_a_collector_gets_what_the_report_says() -> None:
    with collecting() as (endpoint, collector):
        report, otlp, watched = sent(endpoint)
    assert (otlp.problem, watched.notices) == ("", [])
    path, request = collector.received[-1]
    assert path == "/v1/metrics"
    (resource,) = request.resource_metrics
    assert attributes(resource.resource)["service.name"] == "tcptrace-py"
    found = {metric.name: metric for scope in resource.scope_metrics for metric in scope.metrics}
    by_outcome: dict[str, float] = {}
    for point in found["tcptrace.handshakes"].sum.data_points:
        told = attributes(point)
        assert told["network.interface.name"] == "eth0"
        by_outcome[told["tcptrace.outcome"]] = by_outcome.get(told["tcptrace.outcome"], 0) + point.as_double
    assert by_outcome["refused"] == report.summary.handshakes.refused > 0
    assert by_outcome["complete"] == report.summary.handshakes.complete > 0
    assert found["tcptrace.handshakes"].sum.is_monotonic
    measured = sum(each.handshake_time.measured for each in report.services if each.handshake_time)
    histogram = found["tcptrace.handshake.duration"]
    assert histogram.unit == "s"
    assert sum(point.count for point in histogram.histogram.data_points) == measured > 0
    # The semantic conventions' own names.
    (point,) = found["system.network.connection.count"].sum.data_points
    assert point.as_int == 3
    assert attributes(point) == {
        "server.address": "2001:db8::1",
        "server.port": 443,
        "tcptrace.side": "server",
        "network.connection.state": "syn_received",
        "network.transport": "tcp",
        "network.interface.name": "eth0",
    }
    assert not found["system.network.connection.count"].sum.is_monotonic
    assert found["process.memory.usage"].unit == "By"


def test_a_collector_that_hangs_costs_no_more_than_the_time_limit() -> None:
    with collecting(hangs=True) as (endpoint, collector):
        begin_s = time.monotonic()
        _report, otlp, watched = sent(endpoint, timeout_s=0.3)
        took_s = time.monotonic() - begin_s
    assert collector.received
    assert took_s < 30
    assert otlp.problem
    assert len(watched.notices) == 1


@pytest.mark.parametrize("status", [400, None])
def test_one_that_refuses_or_is_not_there_is_a_line(status: int | None) -> None:
    if status is None:
        # A port of which nothing listens, since it is not privileged to anybody.
        _report, otlp, watched = sent("http://127.0.0.1:9", timeout_s=0.3)
    else:
        with collecting(status) as (endpoint, _collector):
            _report, otlp, watched = sent(endpoint)
    assert otlp.problem.isprintable() and otlp.problem
    (line,) = watched.notices
    assert line.startswith("--otlp http://127.0.0.1:")


@pytest.mark.parametrize("text", ["localhost:4318", "ftp://x/", "http://", "http://a b/", "http://[::1/"])
def test_what_is_no_address(text: str) -> None:
    with pytest.raises(click.BadParameter):
        Endpoint().convert(text, None, None)
    assert Endpoint().convert("https://[::1]:4318/otlp", None, None)
