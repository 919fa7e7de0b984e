"""What public captures taught, played anew: what was never heard, which RST it was, goodbyes, lone tries."""

from __future__ import annotations

import pytest

from sample_pcaps.scenarios.script import Endpoint
from tcptrace_py.findings.finding import Finding
from tcptrace_py.wire.segment import ACK, FIN, RST

from .stage import Stage, kinds, one

V4 = ("10.0.0.9:{}", "10.0.0.{}:{}")
V6 = ("[2001:db8::9]:{}", "[2001:db8::{}]:{}")
families = pytest.mark.parametrize("names", [V4, V6], ids=["IPv4", "IPv6"])
Names = tuple[str, str]


def established(stage: Stage, names: Names, port: int = 443) -> tuple[Endpoint, Endpoint]:
    return stage.established(names[0].format(40_000), names[1].format(20, port))


@families
@pytest.mark.parametrize("heard", [True, False])
@pytest.mark.parametrize("tries", [1, 4])
def test_what_was_never_acknowledged_had_not_been_delivered(names: Names, heard: bool, tries: int) -> None:
    """A client closes; what the server still sends draws a RST. Had the client's last word come?"""
    stage = Stage()
    c, s = established(stage, names)
    c.data(80, arrives=heard)
    last = c.fin(arrives=heard)
    c.repeat(tries - 1, 0.3, last, arrives=heard)
    stage.wait(1)
    answer = s.data(8)
    c.rst_to(answer)
    told = one(stage.end(at_s=600), "reset-after-close")
    assert told.severity == "info"
    assert ("never acknowledged" in told.explanation) != heard
    assert heard or "had been delivered" not in told.explanation


@families
@pytest.mark.parametrize("refused", [True, False])
@pytest.mark.parametrize("answered", [True, False])
def test_the_rst_that_ended_it_and_not_one_before(names: Names, refused: bool, answered: bool) -> None:
    """A SYN that was refused is taken half a second later: that RST says nothing of how it ends."""
    stage = Stage()
    c, s = stage.pair(names[0].format(40_000), names[1].format(20, 8554))
    c.syn()
    if refused:
        s.rst_to()
        stage.wait(0.5)
        c.again()
    s.syn_ack()
    c.ack()
    if answered:
        c.data(100)
        s.data(200)
        c.ack()
    stage.wait(58)
    c.data(149)
    s.ack()
    s.rst()
    found = stage.end(at_s=600)
    assert kinds(found) == {"reset-abort"}
    told = one(found, "reset-abort")
    assert told.severity == "warning"
    assert ("at once upon data" in told.explanation) == answered
    assert ("upon what the client said first" in told.explanation) != answered
    assert "acknowledged" not in told.explanation.replace("The RST acknowledges", "")


@families
@pytest.mark.parametrize("ahead", [0, 150])
def test_what_passes_after_a_rst_it_has_not_left_behind(names: Names, ahead: int) -> None:
    stage = Stage()
    c, s = established(stage, names)
    s.rst(100_000)
    stage.wait(2)
    s.data(50)
    c.ack()
    if ahead:
        c.data(ahead, arrives=False)
    s.rst()
    c.data(300, arrives=False)
    told = one(stage.end(at_s=600), "reset-abort")
    assert ("left data of the other side unacknowledged" in told.explanation) == bool(ahead)


def fins(stage: Stage, names: Names, times: int, peer_seen: bool) -> list[Finding]:
    c, s = established(stage, names) if peer_seen else stage.under_way(*(_pair(names)))
    s.seen = peer_seen
    last = c.fin()
    c.repeat(times - 1, 0.3, last)
    return stage.end(at_s=600)


def _pair(names: Names) -> tuple[str, str]:
    return names[0].format(40_000), names[1].format(20, 443)


@families
@pytest.mark.parametrize("peer_seen", [True, False])
@pytest.mark.parametrize("times", [1, 2, 4, 7])
def test_a_fin_in_vain(names: Names, times: int, peer_seen: bool) -> None:
    """Three retransmissions show that no ACK came, also where nothing of the peer was captured; sent once,
    it was not sent "again and again"."""
    stage = Stage()
    found = fins(stage, names, times, peer_seen)
    if not peer_seen and times < 4:
        assert found == []
        return
    told = one(found, "unacknowledged-fin")
    assert told.confidence == ("likely" if peer_seen and times > 1 else "possible")
    assert told.severity == ("warning" if peer_seen and times > 1 else "info")
    assert ("again and again" in told.explanation) == (times > 1)
    assert all(line.frame for line in told.evidence if "last segment" in line.text)


@families
@pytest.mark.parametrize("size_bytes", [31, 500])
@pytest.mark.parametrize("closes", [True, False])
@pytest.mark.parametrize("server", [True, False])
def test_a_goodbye_is_no_half_close(names: Names, size_bytes: int, closes: bool, server: bool) -> None:
    """A few bytes of a client whose server has closed, and its FIN; what a server sends is an answer."""
    stage = Stage()
    c, s = established(stage, names)
    first, second = (c, s) if server else (s, c)
    first.fin()
    second.ack()
    second.data(size_bytes)
    if closes:
        second.fin()
    first.ack()
    goodbye = not server and closes and size_bytes == 31
    assert ("half-close" in kinds(stage.end())) != goodbye


@families
@pytest.mark.parametrize("server", [True, False])
def test_nor_is_a_tls_alert(names: Names, server: bool) -> None:
    stage = Stage()
    c, s = established(stage, names)
    first, second = (c, s) if server else (s, c)
    first.fin()
    second.ack()
    second.says(bytes.fromhex("15030300020100"))
    second.fin()
    first.ack()
    assert kinds(stage.end()) == set()


@families
@pytest.mark.parametrize("fin", [True, False])
def test_who_closes_before_it_is_open_wants_no_connection(names: Names, fin: bool) -> None:
    """A FIN of the SYN's own number, as some kernels send it for a socket that is closed while connecting."""
    stage = Stage()
    c, s = stage.pair(names[0].format(40_000), names[1].format(20, 443))
    c.syn()
    if fin:
        c.send(FIN, seq=c.isn, bare=True)
    s.syn_ack()
    if fin:
        c.send(FIN | ACK, seq=c.isn)
    else:
        c.ack()
    s.send(RST, seq=s.snd_nxt, ack=0, bare=True)
    told = one(stage.end(at_s=600), "reset-abort")
    assert told.severity == ("info" if fin else "warning")
    assert ("before the connection was open" in told.explanation) == fin
    assert ("accept queue" in told.explanation) != fin
    assert not fin or not any("no FIN" in line.text for line in told.evidence)


@families
@pytest.mark.parametrize("tries", [1, 2])
def test_a_lone_syn_may_be_one_of_several(names: Names, tries: int) -> None:
    stage = Stage()
    stage.established(names[0].format(50_000), names[1].format(30, 443))
    for port in (40_000, 40_001):
        c, _ = stage.pair(names[0].format(port), names[1].format(20, 443))
        c.syn()
        c.repeat(tries - 1, 1)
        stage.wait(10)
    told = one(stage.end(at_s=600), "connection-timeout")
    assert "the application's own connect time-out" in told.explanation
    assert ("were not captured" in told.explanation) == (tries == 1)


@pytest.mark.parametrize("names", [V4, ("[fd00::9]:{}", "[fd00::{}]:{}")], ids=["IPv4", "IPv6"])
@pytest.mark.parametrize("ports", [19, 60])
def test_what_a_scan_that_goes_on_was_refused(names: Names, ports: int) -> None:
    """The capture ends in it: most of its attempts are under way, and what answered at once is no service."""
    stage = Stage()
    for port in range(ports):
        c, s = stage.pair(names[0].format(40_000), names[1].format(20, 8_000 + port))
        c.syn()
        if port in (3, 11):
            s.rst_to()
    severities = {finding.severity for finding in stage.end() if finding.kind == "connection-refused"}
    assert severities == ({"info"} if ports == 60 else {"warning"})


@families
@pytest.mark.parametrize("stalls", [True, False])
def test_a_server_that_did_not_read_is_not_said_to_refuse_a_request(names: Names, stalls: bool) -> None:
    stage = Stage()
    c, s = stage.pair(names[0].format(40_000), names[1].format(20, 7000))
    c.syn()
    s.syn_ack()
    c.ack()
    c.data(1000)
    s.window_bytes = 0 if stalls else s.window_bytes
    s.ack()
    if stalls:
        for _ in range(3):
            stage.wait(1)
            c.keep_alive()
            s.ack()
    s.rst()
    told = one(stage.end(at_s=600), "reset-abort")
    assert ("upon what the client said first" in told.explanation) != stalls
    assert "unread" in told.explanation
