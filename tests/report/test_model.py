"""The report's names are a contract: those that users were promised are there."""

from __future__ import annotations

import json
import typing

import jsonschema
import msgspec
import pytest

import tcptrace_py
from tcptrace_py.report.formats import json as report_json
from tcptrace_py.report.model import model
from tcptrace_py.report.model.columns import STRAY_RESETS, WIDTH
from tcptrace_py.tcp import codes, state
from tests.report.scenes import healthy_report, sick_report

COUNTERS = {
    "handshakes": (
        "complete refused unanswered unreachable half_open aborted unseen simultaneous fast_open".split()
    ),
    "closes": "four_way three_way simultaneous reset half_closed open".split(),
    "close_wait": "stuck open_at_end longest_s".split(),
    "time_wait": "entered peak peak_at_ns".split(),
    "resets": "total by_cause".split(),
    "states_at_end": "client server".split(),
}
TOP = "schema_version tool capture settings summary findings services connections".split()
CAPTURE = "sources first_ns last_ns packets tcp_segments skipped dropped_by_kernel complete warnings".split()
FINDING = (
    "kind severity subject count connections first_ns last_ns evidence explanation remedy confidence trend"
    " allowed"
).split()
CONNECTION = "id first_ns last_ns client server roles_basis handshake close findings".split()
HANDSHAKE = (
    "outcome simultaneous fast_open syn_ns synack_ns ack_ns syn_retransmits synack_retransmits".split()
)
ENDPOINT = "address port state basis history packets bytes retransmits".split()


def written() -> dict[str, typing.Any]:
    return typing.cast("dict[str, typing.Any]", json.loads(report_json.encode(sick_report())))


def holds(value: dict[str, object], names: list[str]) -> None:
    """All of the names, in the documented order (further ones may stand between)."""
    assert [name for name in value if name in names] == names


def test_every_promised_name_is_written_in_order() -> None:
    report = written()
    holds(report, TOP)
    assert report["schema_version"] == 1
    assert report["tool"] == {"name": "tcptrace-py", "version": tcptrace_py.__version__}
    holds(report["capture"], CAPTURE)
    holds(report["capture"]["sources"][0], "path format link_types packets bytes".split())
    holds(report["capture"]["skipped"], "not_tcp truncated malformed".split())
    for block, names in COUNTERS.items():
        holds(report["summary"][block], names)
    for finding in report["findings"]:
        holds(finding, FINDING)
        holds(finding["subject"], "role address port".split())
        holds(finding["evidence"][0], "connection frame ts_ns text".split())
    holds(report["services"][0], "address port connections".split())
    for connection in report["connections"]:
        holds(connection, CONNECTION)
        holds(connection["handshake"], HANDSHAKE)
        holds(connection["close"], "kind initiator complete reset".split())
        for side in ("client", "server"):
            holds(connection[side], ENDPOINT)
            for move in connection[side]["history"]:
                holds(move, "state ts_ns frame basis".split())
    holds(report["connections"][5]["close"]["reset"], "by cause frame".split())


def test_the_summary_stands_in_the_documented_order() -> None:
    holds(
        written()["summary"],
        "connections handshakes closes states_at_end close_wait time_wait resets".split(),
    )


def test_settings_are_all_there_with_their_values() -> None:
    settings = written()["settings"]
    assert settings["msl_s"] == 30.0
    assert settings["close_wait_after_s"] == 10.0


@pytest.mark.parametrize(
    ("literal", "names"),
    [
        (model.State, state.STATE_NAMES),
        # What the kernel says is set beside the reading afterwards.
        (model.Basis, (*state.BASIS_NAMES, "kernel")),
        (model.RolesBasis, codes.ROLES_BASIS_NAMES),
        (model.HandshakeOutcome, codes.HANDSHAKE_OUTCOMES),
        (model.CloseKind, codes.CLOSE_KINDS),
        (model.ResetCause, codes.RESET_CAUSES[1:]),
    ],
)
def test_the_words_are_those_of_the_tracker(literal: object, names: tuple[str, ...]) -> None:
    assert typing.get_args(literal) == names


@pytest.mark.parametrize(
    ("struct", "names"),
    [
        (model.States, state.STATE_NAMES),
        (model.Closes, codes.CLOSE_KINDS),
        (model.ResetCauses, codes.RESET_CAUSES[1:]),
        (model.Handshakes, (*codes.HANDSHAKE_OUTCOMES, "simultaneous", "fast_open")),
    ],
)
def test_the_counters_are_those_of_the_tracker(struct: type[msgspec.Struct], names: tuple[str, ...]) -> None:
    assert struct.__struct_fields__ == names


def test_the_columns_end_with_stray_resets() -> None:
    assert codes.RESET_CAUSES[-1] == "stray"
    assert STRAY_RESETS == WIDTH - 1


@pytest.mark.parametrize("make", [sick_report, healthy_report])
def test_every_report_satisfies_its_schema(make: typing.Callable[[], model.Report]) -> None:
    schema = report_json.schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.Draft202012Validator(schema).validate(json.loads(report_json.encode(make())))


def test_the_schema_refuses_an_unknown_state() -> None:
    report = written()
    report["connections"][0]["client"]["state"] = "FIN_WAIT_3"
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(report_json.schema()).validate(report)


def test_every_struct_says_what_it_means() -> None:
    for name, definition in report_json.schema()["$defs"].items():
        assert definition.get("description", "").strip(), name
