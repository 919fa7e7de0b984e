"""``--stats`` and ``--long``: the figures in the JSON and in the terminal."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from rich.console import Console

from tcptrace_py import analyze
from tcptrace_py.report.formats.json import encode, schema
from tcptrace_py.report.people.terminal_long import print_long
from tcptrace_py.report.people.view import View

SAMPLES = Path(__file__).parents[2] / "sample_pcaps"
ZERO_WINDOW = SAMPLES / "zero_window.pcap"


def shown(path: Path, width: int = 80, top: int = 10, encoding: str = "utf-8") -> str:
    stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    print_long(analyze(path, stats=True), Console(file=stream, width=width), View(top=top))
    stream.flush()
    stream.seek(0)
    return stream.read()


def test_without_being_asked_for_there_are_none() -> None:
    report = analyze(ZERO_WINDOW)
    assert all(c.client.stats is None and c.server.stats is None for c in report.connections or [])
    assert b'"stats"' not in encode(report)


def test_the_json_has_them_under_each_endpoint_and_fits_its_schema() -> None:
    report = json.loads(encode(analyze(ZERO_WINDOW, stats=True)))
    jsonschema.validate(report, schema())
    (connection,) = report["connections"]
    for side in ("client", "server"):
        assert connection[side]["stats"]["acks"] <= connection[side]["packets"]
    assert (
        connection["server"]["stats"]["windows"]["zero"] + connection["client"]["stats"]["windows"]["zero"]
        > 0
    )


@pytest.mark.parametrize("path", sorted(SAMPLES.glob("*.pcap*")), ids=lambda path: path.name)
def test_they_agree_with_what_the_tracker_counts(path: Path) -> None:
    for connection in analyze(path, stats=True).connections or []:
        for end in (connection.client, connection.server):
            stats = end.stats
            assert stats is not None
            assert stats.data_packets <= end.packets
            assert stats.unique_bytes <= stats.data_bytes
            # The tracker leaves out what cannot belong to the connection, and knows a keep-alive.
            assert stats.unique_bytes >= end.bytes - stats.zero_window_probe_bytes
            if not end.keep_alives and not stats.zero_window_probes and not connection.stray_resets:
                assert stats.retransmitted_packets >= end.retransmits


def test_two_columns_at_80() -> None:
    text = shown(ZERO_WINDOW)
    assert text.splitlines()[1] == "Figures (1 of 1 connections, those with findings first)"
    assert all(len(line) <= 80 for line in text.splitlines())
    header = next(line for line in text.splitlines() if "client" in line)
    assert header.split() == ["client", "server"]
    rows = {line.strip().split("  ")[0] for line in text.splitlines()}
    assert {"packets", "unique bytes", "zero windows", "RTT samples", "duplicate ACKs received"} <= rows


def test_lines_where_it_is_narrow() -> None:
    text = shown(ZERO_WINDOW, width=40)
    assert all(len(line) <= 40 for line in text.splitlines())
    assert "packets: client " in text


def test_no_unicode_where_there_is_none() -> None:
    assert "->" in shown(ZERO_WINDOW, encoding="ascii")


def test_the_first_of_many() -> None:
    text = shown(SAMPLES / "sick_service.pcap", top=2)
    assert text.count("\n  #") == 2
    assert "more; a larger --top shows them" in text


def test_the_command_shows_and_writes_them(run_cli: Callable[..., Any], tmp_path: Path) -> None:
    done = run_cli("analyze", "--long", ZERO_WINDOW)
    assert done.returncode == 0, done.stderr
    assert "Figures (1 of 1 connections" in done.stdout.decode()
    done = run_cli("analyze", "--stats", "--json", "-", ZERO_WINDOW)
    (connection,) = json.loads(done.stdout)["connections"]
    assert connection["client"]["stats"]["syns"] == 1
    plain = run_cli("analyze", ZERO_WINDOW)
    assert "Figures" not in plain.stdout.decode()
