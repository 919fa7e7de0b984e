"""Damaged frames and frames that are missing: whose silence is the capture's is nobody's fault."""

from __future__ import annotations

import pytest

from sample_pcaps.scenarios.script import Endpoint
from tcptrace_py.findings.damage import damaged, doubt

from .stage import Stage, kinds, one

V4 = ("10.0.0.9:{}", "10.0.0.20:443")
V6 = ("[2001:db8::9]:{}", "[2001:db8::20]:443")
families = pytest.mark.parametrize("names", [V4, V6], ids=["IPv4", "IPv6"])
unseen = pytest.mark.parametrize("unseen", [0, 1, 189], ids=["all passed", "a byte", "an answer"])


def established(stage: Stage, names: tuple[str, str], port: int = 40_000) -> tuple[Endpoint, Endpoint]:
    return stage.established(names[0].format(port), names[1])


@families
@unseen
@pytest.mark.parametrize("server", [False, True], ids=["client speaks", "server speaks"])
def test_who_is_acknowledged_beyond_what_passed_is_not_dead(
    names: tuple[str, str], unseen: int, server: bool
) -> None:
    stage = Stage()
    ends = established(stage, names)
    speaker, silent = ends[::-1] if server else ends
    speaker.data(100)
    for _ in range(5):
        stage.wait(3)
        speaker.again()
    # It goes on: what it acknowledges now was sent in between.
    if unseen:
        silent.data(unseen, seen=False)
    speaker.data(50)
    for _ in range(4):
        stage.wait(3)
        speaker.again()
    assert ("dead-peer" in kinds(stage.end(at_s=200))) == (not unseen)


@families
@unseen
@pytest.mark.parametrize("server", [False, True], ids=["client closes", "server closes"])
def test_whose_fin_may_be_missing_is_not_stuck(names: tuple[str, str], unseen: int, server: bool) -> None:
    stage = Stage()
    ends = established(stage, names)
    closer, peer = ends[::-1] if server else ends
    closer.fin()
    peer.ack()
    stage.wait(5)
    if unseen:
        peer.data(unseen, seen=False)
    closer.ack()
    found = kinds(stage.end(at_s=100))
    stuck = {"stuck-close-wait", "stuck-fin-wait-2"}
    assert found & stuck == (set() if unseen else stuck)


@families
@unseen
def test_what_the_client_acknowledges_was_answered(names: tuple[str, str], unseen: int) -> None:
    stage = Stage()
    for number in range(6):
        c, s = established(stage, names, 40_000 + number)
        c.data(100)
        s.ack()
        if number < 3:
            stage.wait(2)
        else:
            s.data(500)
        if unseen:
            s.data(unseen, seen=False)
        c.fin()
        s.fin()
        c.ack()
    assert ("unresponsive-server" in kinds(stage.end())) == (not unseen)


@families
def test_an_unanswered_fin_of_which_more_was_acknowledged(names: tuple[str, str]) -> None:
    stage = Stage()
    c, s = established(stage, names)
    s.fin()
    for _ in range(4):
        stage.wait(1)
        s.again()
    c.data(30, seen=False)
    s.ack()
    assert "unacknowledged-fin" not in kinds(stage.end(at_s=600))


def test_few_packets_of_a_damaged_capture_are_possible() -> None:
    for damage in (False, True):
        stage = Stage()
        for number in range(3):
            c, s = established(stage, V4, 40_000 + number)
            c.fin()
            s.ack()
        c, s = stage.established("10.0.0.9:50000", "10.0.0.30:80")
        c.fin()
        s.ack()
        findings = [each for each in stage.end(at_s=60) if each.kind == "stuck-close-wait"]
        if damage:
            doubt(findings)
        told = {(each.count, each.severity, each.confidence) for each in findings}
        few = (1, "info", "possible") if damage else (1, "warning", "certain")
        assert told == {(3, "critical", "certain"), few}


@pytest.mark.parametrize(
    ("malformed", "segments", "so"),
    [(0, 0, False), (0, 9, False), (1, 200, True), (1, 201, False), (5, 131, True)],
)
def test_damaged(malformed: int, segments: int, so: bool) -> None:
    assert damaged(malformed, segments) == so


@families
@pytest.mark.parametrize("tries", [0, 2, 3, 6])
@pytest.mark.parametrize("server", [False, True], ids=["client speaks", "server speaks"])
@pytest.mark.parametrize("who_resets", ["speaker", "silent"])
def test_a_rst_after_data_that_nobody_acknowledged_is_only_the_end(
    names: tuple[str, str], tries: int, server: bool, who_resets: str
) -> None:
    """Of the speaker, when the other side is heard that had got nothing; or of the other side itself."""
    stage = Stage()
    ends = established(stage, names)
    speaker, silent = ends[::-1] if server else ends
    speaker.data(100, arrives=False)
    for _ in range(tries):
        stage.wait(2)
        speaker.again(arrives=False)
    if who_resets == "speaker":
        silent.data(50)
        speaker.rst_to()
    else:
        stage.wait(2)
        silent.rst_to()
    findings = stage.end(at_s=60)
    if tries < 3:
        assert "dead-peer" not in kinds(findings)
        return
    assert kinds(findings) == {"dead-peer"}
    dead = one(findings, "dead-peer")
    assert dead.subject.role == ("client" if server else "server")
    assert f"no answer to {tries} retransmissions" in dead.explanation
    said = "had acknowledged nothing" if who_resets == "speaker" else "RST of the silent side"
    assert said in dead.explanation
