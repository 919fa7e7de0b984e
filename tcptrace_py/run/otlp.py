"""Live capture's metrics to an OpenTelemetry collector, by OTLP over HTTP, with the SDK's own exporter.

Names follow the semantic conventions where there are such (sockets: ``system.network.connection.count``);
all else is what Prometheus scrapes, with dots: ``tcptrace.handshakes``. The SDK's thread sends; the capture
never waits for it. Its settings come from the environment (``OTEL_EXPORTER_OTLP_HEADERS``,
``OTEL_METRIC_EXPORT_INTERVAL``, ``OTEL_RESOURCE_ATTRIBUTES``, …), as with every program that uses it.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.metrics import CallbackOptions, Observation
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.metrics.view import ExplicitBucketHistogramAggregation, View
from opentelemetry.sdk.resources import SERVICE_NAME, SERVICE_VERSION, Resource
from prometheus_client.core import Metric

from tcptrace_py.report.model.model import Connection
from tcptrace_py.run.metrics import BUCKETS_S, OTHER, Metrics, round_trip_s, service_name
from tcptrace_py.version import __version__

if TYPE_CHECKING:
    from tcptrace_py.run.live import Watch

#: No export takes longer, nor does the last one at the end.
TIMEOUT_S = 10.0
# What the SDK takes to say that its time limit has passed.
_MARGIN_S = 1.0
_CACHED_S = 0.5
_PATH = "/v1/metrics"

# By Prometheus' name: OpenTelemetry's, and its unit (UCUM).
_NAMES = {
    "tcptrace_sockets": ("system.network.connection.count", "{connection}"),
    "process_resident_memory_bytes": ("process.memory.usage", "By"),
    "process_cpu_seconds": ("process.cpu.time", "s"),
    "process_open_fds": ("process.unix.file_descriptor.count", "{file_descriptor}"),
}
_STATES = {"SYN_RCVD": "syn_received"}


class Otlp:
    """An observer of a `Watch` and a sink of its connections, beside the `Metrics` whose numbers it sends.

    ``endpoint``: the collector's address, ``http://collector:4318``. ``close`` sends once more.
    """

    period_s = 1.0

    def __init__(self, endpoint: str, metrics: Metrics, interface: str, timeout_s: float = TIMEOUT_S) -> None:
        self._metrics = metrics
        self._interface = interface
        self._endpoint = endpoint
        self._told = ""
        self._made: set[str] = set()
        self._families: dict[str, Metric] = {}
        self._collected_s = 0.0
        self._timeout_s = timeout_s
        self._failures = _Failures()
        self._logger = logging.getLogger("opentelemetry")
        self._logger.addHandler(self._failures)
        self._propagated, self._logger.propagate = self._logger.propagate, False
        url = endpoint.rstrip("/")
        exporter = OTLPMetricExporter(url if url.endswith(_PATH) else url + _PATH, timeout=timeout_s)
        resource = Resource.create({SERVICE_NAME: "tcptrace-py", SERVICE_VERSION: __version__})
        self._provider = MeterProvider(
            [PeriodicExportingMetricReader(exporter, export_timeout_millis=timeout_s * 1000)],
            resource,
            shutdown_on_exit=False,
            views=[
                View(
                    instrument_name="tcptrace.handshake.duration",
                    aggregation=ExplicitBucketHistogramAggregation(BUCKETS_S),
                )
            ],
        )
        self._meter = self._provider.get_meter("tcptrace_py", __version__)
        self._handshakes = self._meter.create_histogram(
            "tcptrace.handshake.duration",
            "s",
            "From SYN to the ACK that completes the handshake, where neither SYN nor SYN+ACK was sent again.",
        )

    # --- a sink -------------------------------------------------------------------------

    def finished(self, record: Connection) -> None:
        seconds = round_trip_s(record)
        if seconds is not None:
            service = self._metrics.label(service_name(record), True)
            self._handshakes.record(seconds, _attributes({"service": service}))

    # --- an observer --------------------------------------------------------------------

    def moved(self, moves: Iterable[object]) -> None:
        """Single transitions are not counted."""

    def look(self, watch: Watch) -> None:
        for name, family in self._collected().items():
            if name not in self._made and family.type in ("counter", "gauge"):
                self._made.add(name)
                self._make(name, family)
        if self._failures.latest and self._failures.latest != self._told:
            self._told = self._failures.latest
            watch.notice(f"--otlp {self._endpoint}: {self._told}")

    def _make(self, name: str, family: Metric) -> None:
        dotted, unit = _NAMES.get(name, (name.replace("_", "."), "1"))

        def observe(_options: CallbackOptions) -> Iterator[Observation]:
            found = self._collected().get(name)
            wanted = f"{name}_total" if family.type == "counter" else name
            for sample in () if found is None else found.samples:
                if sample.name == wanted:
                    yield Observation(sample.value, self._described(name, sample.labels))

        if family.type == "counter":
            self._meter.create_observable_counter(dotted, [observe], unit, family.documentation)
        elif name == "tcptrace_sockets" or name.startswith("process_"):
            self._meter.create_observable_up_down_counter(dotted, [observe], unit, family.documentation)
        else:
            self._meter.create_observable_gauge(dotted, [observe], unit, family.documentation)

    def _described(self, name: str, labels: dict[str, str]) -> dict[str, str | int]:
        found = _attributes(labels)
        if name == "tcptrace_sockets":
            state = labels["state"]
            found["network.connection.state"] = _STATES.get(state, state.lower())
            found["network.transport"] = "tcp"
        if name.startswith("tcptrace_"):
            found["network.interface.name"] = self._interface
        return found

    def _collected(self) -> dict[str, Metric]:
        """What a scrape would give now, taken once for all instruments of an export."""
        now_s = time.monotonic()
        if now_s - self._collected_s > _CACHED_S or not self._families:
            self._families = {each.name: each for each in self._metrics.registry.collect()}
            self._collected_s = now_s
        return self._families

    def close(self) -> None:
        """Send what there is, no longer than the time limit."""
        try:
            self._provider.shutdown((self._timeout_s + _MARGIN_S) * 1000)
        finally:
            self._logger.removeHandler(self._failures)
            self._logger.propagate = self._propagated

    @property
    def problem(self) -> str:
        """What last went wrong, in a line, or ""."""
        return self._failures.latest


class _Failures(logging.Handler):
    """The SDK tells of what it could not send only in its log."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.latest = ""

    def emit(self, record: logging.LogRecord) -> None:
        text = " ".join(record.getMessage().split())
        self.latest = "".join(each if each.isprintable() else "�" for each in text)


def _attributes(labels: dict[str, str]) -> dict[str, str | int]:
    found: dict[str, str | int] = {}
    for label, value in labels.items():
        if label == "service":
            if value == OTHER:
                found["server.address"] = OTHER
                continue
            address, _, port = value.rpartition(":")
            found["server.address"] = address.strip("[]")
            found["server.port"] = int(port)
        elif label != "state":
            found[f"tcptrace.{label}"] = value
    return found
