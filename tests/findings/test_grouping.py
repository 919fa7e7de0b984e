"""Groups are bounded and honest; the small counters under them are right."""

from __future__ import annotations

import pickle
import random
import re

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tcptrace_py.findings.crowd import Crowd
from tcptrace_py.findings.diagnosis import FAMILIES
from tcptrace_py.findings.distinct import Distinct
from tcptrace_py.findings.family import Families, _groups_of
from tcptrace_py.findings.finding import CONFIDENCE_MEANINGS, CONFIDENCES, KINDS, Evidence, Subject
from tcptrace_py.findings.group import Group, Groups
from tcptrace_py.findings.text import Text
from tcptrace_py.findings.texts import HALF_OPEN, RESET_ABORT, TEXTS, remedy
from tcptrace_py.findings.wording import duration, moment, part, socket_name, span, times
from tcptrace_py.report.people.remedy import action, pieces
from tcptrace_py.settings import Settings

from .stage import Stage, one


def refuse(stage: Stage, client: str, server: str) -> None:
    c, s = stage.pair(client, server)
    c.syn()
    s.rst()


def test_culprits_beyond_the_limit_are_counted_together() -> None:
    stage = Stage(culprits=5)
    for number in range(8):
        refuse(stage, f"10.0.1.{number}:40000", f"10.0.0.{number}:80")
    refuse(stage, "10.0.1.99:40000", "10.0.0.0:80")
    findings = stage.end()
    assert [(found.subject.label(), found.count) for found in findings] == [
        ("others", 3),
        ("server 10.0.0.0:80", 2),
        # Those with the least hashes, not the first: so the order does not matter.
        *((f"server 10.0.0.{number}:80", 1) for number in (2, 5, 6, 7)),
    ]
    others = findings[0]
    assert (others.subject.address, others.subject.port) == (None, None)
    assert others.explanation.startswith("Others, too many to list one by one (3 more services), refused 3 ")


def test_all_groups_of_a_family_are_limited_compiled_or_not() -> None:
    families = Families(FAMILIES, Settings(), 5)
    for number in range(len(FAMILIES)):
        found = list(_groups_of(families.of(number)))
        assert found
        for groups in found:
            for culprit in range(9):
                groups.named(("server", "server", "", 4, 0, culprit, 80))
            assert len(groups) == 5 + 1


def test_a_diagnosis_lists_no_more_culprits_than_it_is_told_to() -> None:
    stage = Stage(culprits=5)
    for number in range(8):
        refuse(stage, f"10.0.1.{number}:40000", f"10.0.0.{number}:80")
    assert [(found.subject.label(), found.count) for found in stage.end()][0] == ("others", 3)


def test_a_scan_beyond_the_limit_is_still_one_finding() -> None:
    stage = Stage(culprits=20)
    for port in range(1, 301):
        refuse(stage, "203.0.113.5:40000", f"10.0.0.30:{port}")
    (scan,) = stage.end()
    assert (scan.subject.label(), scan.count) == ("client 203.0.113.5 toward 300 services", 300)
    assert scan.connections == list(range(300))


def test_ids_are_the_lowest_thousand_and_the_count_is_exact() -> None:
    stage = Stage()
    for number in range(1100):
        refuse(stage, f"10.0.1.9:{10_000 + number}", "10.0.0.1:80")
    found = one(stage.end(), "connection-refused")
    assert found.count == 1100
    assert found.connections == list(range(1000))


def test_ids_do_not_depend_on_the_order() -> None:
    group = Group("server", "server", 4, 0, 1, 80, "")
    for connection in reversed(range(3000)):
        group.add_id(connection)
    assert group.finding("stray-reset", "info", "", "").connections == list(range(1000))


def _culprits(numbers: list[int], limit: int) -> Groups:
    """Each culprit has 3,000 connections and as many stays, of which one part sees some."""
    groups = Groups(limit)
    for number in numbers:
        culprit, connection = divmod(number, 3000)
        group = groups.named(("server", "server", "", 4, 0, culprit, 80))
        group.count += 1
        group.add_id(number)
        group.stay(number * 1_000, number * 1_000 + 700)
    return groups


def _all_of(groups: Groups) -> list[object]:
    return sorted(
        (group.key, group.count, group.ids(), group.crowd.peak(), group.crowd.samples(0, 10**9, 9))
        for group in groups
        if group.crowd is not None
    )


@pytest.mark.parametrize("limit", [400, 150])
def test_of_many_culprits_each_has_less_room_whoever_saw_them_first(limit: int) -> None:
    numbers = [culprit * 3000 + connection for culprit in range(200) for connection in range(0, 3000, 37)]
    numbers += range(1500)
    whole = _culprits(numbers, limit)
    first = next(iter(whole))
    assert len(first.ids()) == 128_000 // 256
    chance = random.Random(limit)
    chance.shuffle(numbers)
    into, *others = (_culprits(numbers[part::4], limit) for part in range(4))
    for other in others:
        into.merge(other)
    assert _all_of(into) == _all_of(whole)


def test_where_fewer_culprits_may_be_listed_all_have_less_room() -> None:
    groups = Groups()
    groups.limit(250)
    for culprit in range(64):
        group = groups.named(("server", "server", "", 4, 0, culprit, 80))
        for number in range(2000):
            group.add_id(number)
            group.stay(number * 1000, number * 1000 + 700)
    for group in groups:
        assert group.ids() == list(range(250))
        # 256 cells of four numbers.
        assert len(pickle.dumps(group.crowd)) < 256 * 32 + 1000


def test_examples_are_of_the_lowest_ids() -> None:
    group = Group("server", "server", 4, 0, 1, 80, "")
    for connection in (7, 3, 9, 1, 8):
        if group.wants_example(connection):
            group.example(connection, [Evidence(connection, 1, 0, "")])
    assert [line.connection for line in group.finding("stray-reset", "info", "", "").evidence] == [1, 3, 7]
    assert not group.wants_example(8)


@pytest.mark.parametrize(
    ("confidences", "word"),
    [([1, 0, 1], "certain"), ([1, 0, 2], "possible"), ([1, 1, 2], "likely"), ([0, 0, 1], "possible")],
)
def test_confidence_is_what_half_of_the_connections_reach(confidences: list[int], word: str) -> None:
    group = Group("server", "server", 4, 0, 1, 80, "")
    group.certain, group.likely, _ = confidences
    group.count, group.packets = sum(confidences), 4
    assert group.confidence() == word


@pytest.mark.parametrize(("attempts", "sure"), [(1, False), (2, True)])
def test_what_rests_on_fewer_than_four_packets_is_possible(attempts: int, sure: bool) -> None:
    stage = Stage()
    for number in range(attempts):
        refuse(stage, f"10.0.0.9:{40_000 + number}", "10.0.0.30:5432")
    (found,) = stage.end()
    assert (found.severity, found.confidence) == ("warning", "certain" if sure else "possible")


def test_few_packets_are_enough_once_groups_are_merged() -> None:
    halves = []
    for port in (40_000, 40_001):
        stage = Stage()
        refuse(stage, f"10.0.0.9:{port}", "10.0.0.30:5432")
        stage.end()
        halves.append(stage.diagnosis)
    halves[0].merge(halves[1])
    (found,) = halves[0].findings(stage.tracker.time_wait, stage.at_ns(1))
    assert (found.count, found.confidence) == (2, "certain")


def test_servers_on_ipv6() -> None:
    stage = Stage()
    refuse(stage, "[2001:db8::9]:40000", "[2001:db8::30]:5432")
    (found,) = stage.end()
    assert found.subject.label() == "server [2001:db8::30]:5432"
    assert "[2001:db8::30]:5432 refused 1 connection from client 2001:db8::9." in found.explanation


def test_second_source_is_named() -> None:
    stage = Stage()
    stage.frame = (1 << 40) + 11
    refuse(stage, "10.0.0.9:40000", "10.0.0.1:80")
    (found,) = stage.end()
    assert [(line.frame, line.source) for line in found.evidence] == [(12, 1), (13, 1)]


def test_defaults_are_left_out_of_json() -> None:
    line = msgspec.json.encode(Evidence(1, None, 5, "x"))
    assert line == b'{"connection":1,"frame":null,"ts_ns":5,"text":"x"}'
    assert (
        msgspec.json.encode(Subject("server", "10.0.0.1", 80))
        == b'{"role":"server","address":"10.0.0.1","port":80}'
    )


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(1, 50), st.booleans()), max_size=40))
def test_crowd_counts_as_a_simple_count_does(stays: list[tuple[int, int, bool]]) -> None:
    crowd = Crowd()
    for begin, length, still in stays:
        crowd.stay(begin, None if still else begin + length)

    def holders(t: int) -> int:
        return sum(begin <= t and (still or t < begin + length) for begin, length, still in stays)

    peak, at = crowd.peak()
    assert peak == max(map(holders, range(101)), default=0)
    if peak:
        assert at == next(t for t in range(101) if holders(t) == peak)
    assert crowd.samples(0, 100, 5) == [(t, holders(t)) for t in (0, 25, 50, 75, 100)]


def test_crowd_stays_small() -> None:
    crowd = Crowd()
    for number in range(20_000):
        crowd.stay(number * 1_000_003, number * 1_000_003 + 500_000_000)
    assert len(pickle.dumps(crowd)) < 40 * 4096
    assert crowd.peak()[0] == pytest.approx(500, rel=0.05)
    merged = Crowd()
    merged.merge(crowd)
    merged.merge(crowd)
    assert merged.peak()[0] == pytest.approx(1000, rel=0.1)


def test_distinct_is_exact_then_near() -> None:
    few, many = Distinct(), Distinct()
    for number in range(500):
        few.add(0, number)
        few.add(0, number)
    assert (few.count(), few.exact) == (500, True)
    for number in range(100_000):
        many.add(number & 7, number)
    assert many.count() == pytest.approx(100_000, rel=0.15)
    assert many.say("client address", "client addresses").startswith("about ")
    few.merge(many)
    assert few.count() == pytest.approx(100_500, rel=0.15)


def test_every_kind_is_explained() -> None:
    assert set(TEXTS) == set(KINDS)
    for text in [*TEXTS.values(), *RESET_ABORT.values(), *HALF_OPEN.values()]:
        for words in (text.title, text.meaning, text.remedy, text.reference):
            assert words.strip() == words != ""
            assert "  " not in words
        assert "RFC" in text.reference
        assert "{filter}" not in remedy(text, "sport = :80")
        assert "{" not in remedy(text, "")
    assert set(CONFIDENCE_MEANINGS) == set(CONFIDENCES)


@pytest.mark.parametrize(
    "text", [*TEXTS.values(), *RESET_ABORT.values(), *HALF_OPEN.values()], ids=lambda text: text.title
)
def test_a_remedy_begins_with_the_one_thing_to_do(text: Text) -> None:
    assert 10 < len(action(text.remedy)) <= 130
    # What can be copied is marked as a command, for a report must not break it.
    said = " ".join(piece for piece, command in pieces(text.remedy) if not command)
    assert not re.search(r"\b(ss -|nstat -|sysctl -|ip |nft list|tcpdump -|conntrack -)", said)


@pytest.mark.parametrize(
    ("ns", "said"),
    [
        (0, "0 s"),
        (999, "less than 1 ms"),
        (412_000_000, "412 ms"),
        (999_499_999, "999 ms"),
        (999_500_000, "1.0 s"),
        (41_200_000_000, "41.2 s"),
        (111_000_000_000, "111 s"),
        (725_000_000_000, "12 min 5 s"),
        (12_000_000_000_000, "3 h 20 min"),
        (190_800_000_000_000, "2 d 5 h"),
        (-5, "0 s"),
    ],
)
def test_duration(ns: int, said: str) -> None:
    assert duration(ns) == said


def test_wording() -> None:
    assert moment(1_714_564_800_120_999_999) == "2024-05-01 12:00:00.120 UTC"
    assert moment(1 << 62) == "2116-02-20 23:53:38.427 UTC"
    assert moment(10**24) == f"{10**15}.000 s since 1970"
    assert socket_name(6, 0x20010DB8 << 32, 1, 80) == "[2001:db8::1]:80"
    assert times(1200, "connection") == "1,200 connections"
    assert span(1_000_000_000, 1_000_000_001) == "1.0 s"
    assert (part(1, 1), part(2, 2), part(1, 2)) == ("It", "All of them", "1 of 2")
