"""Black holes: what ICMP says of sizes is evidence, wherever it is there; and windows of zero are counted."""

from __future__ import annotations

import pytest

from sample_pcaps.scenarios.script import ACK, Endpoint, text
from tcptrace_py.wire.address import parse_address
from tcptrace_py.wire.icmp import FRAGMENTATION_NEEDED, V6_PACKET_TOO_BIG, IcmpError
from tcptrace_py.wire.segment import Segment

from .stage import Stage, kinds, one

SERVER, SERVER6 = "10.0.0.20:8080", "[2001:db8::20]:8080"


def too_big(stage: Stage, sender: Endpoint, seq: int, mtu_bytes: int) -> None:
    """A router tells ``sender``."""
    stage.frame += 1
    stage.wait(0.001)
    hi, lo, version = parse_address(str(sender.address))
    peer_hi, peer_lo, _ = parse_address(str(sender.peer.address))
    ends = (hi, lo, peer_hi, peer_lo, sender.port, sender.peer.port)
    kind, code = (3, FRAGMENTATION_NEEDED) if version == 4 else (V6_PACKET_TOO_BIG, 0)
    router = (0, 0x0A0000FE) if version == 4 else (0x20010DB8 << 32, 0xFE)
    error = IcmpError(version, *ends, seq, kind, code, *router, mtu_bytes)
    quoted = Segment()
    quoted.ts_ns = quoted.now_ns = stage.at_ns(stage.now_s)
    quoted.frame = stage.frame
    quoted.ip_version = version
    quoted.src_hi, quoted.src_lo, quoted.dst_hi, quoted.dst_lo, quoted.src_port, quoted.dst_port = ends
    quoted.seq = seq
    stage.tracker.unreachable(error, quoted)


def large_in_vain(stage: Stage, sender: Endpoint, mtu_bytes: int | None, times: int = 4) -> None:
    at = sender.snd_nxt
    sender.data(1448, arrives=False)
    if mtu_bytes is not None:
        too_big(stage, sender, at, mtu_bytes)
    for number in range(times):
        stage.wait(2**number)
        sender.again(arrives=False)


@pytest.mark.parametrize(("server", "client"), [(SERVER, "10.0.0.9:40000"), (SERVER6, "[2001:db8::9]:40000")])
@pytest.mark.parametrize("by_server", [True, False])
def test_icmp_that_is_not_heeded_makes_it_certain(server: str, client: str, by_server: bool) -> None:
    stage = Stage()
    c, s = stage.established(client, server)
    sender = s if by_server else c
    large_in_vain(stage, sender, 1400)
    found = one(stage.end(), "mtu-black-hole")
    assert (found.confidence, found.severity) == ("certain", "warning")
    v6 = sender.address.version == 6
    reason = "packet too big" if v6 else "fragmentation needed"
    router = "2001:db8::fe" if v6 else "10.0.0.254"
    assert found.evidence[0].text.startswith(f"ICMP from {router} to ")
    assert found.evidence[0].text.endswith(f": {reason}, MTU 1,400")
    assert "It met such a message, which did pass here" in found.explanation


@pytest.mark.parametrize("times", [1, 2])
@pytest.mark.parametrize("told", [True, False])
def test_who_was_told_needs_fewer_tries(times: int, told: bool) -> None:
    stage = Stage()
    _, s = stage.established("10.0.0.9:40000", SERVER)
    large_in_vain(stage, s, 1400 if told else None, times)
    assert ("mtu-black-hole" in kinds(stage.end())) == (told and times == 2)


def test_a_sender_that_heeds_it_is_healthy() -> None:
    stage = Stage()
    c, s = stage.established("10.0.0.9:40000", SERVER)
    at = s.snd_nxt
    s.data(1448, arrives=False)
    too_big(stage, s, at, 1400)
    s.send(ACK, text(1348), seq=at)
    c.ack()
    assert not kinds(stage.end())


def test_icmp_about_larger_segments_explains_nothing() -> None:
    for mtu_bytes in (None, 9000):
        stage = Stage()
        c, s = stage.established("10.0.0.9:40000", SERVER)
        large_in_vain(stage, s, mtu_bytes)
        found = [each for each in stage.end() if each.kind == "mtu-black-hole"]
        assert all(
            each.confidence != "certain" and "ICMP from" not in each.evidence[0].text for each in found
        )


def test_it_fails_no_attempt() -> None:
    stage = Stage()
    c, s = stage.pair("10.0.0.9:40000", SERVER)
    c.syn()
    too_big(stage, c, c.isn, 1400)
    s.syn_ack()
    c.ack()
    assert not kinds(stage.end())


def test_connections_with_a_window_of_zero_are_counted() -> None:
    stage = Stage()
    for number in range(5):
        c, s = stage.established(f"10.0.0.9:{40_000 + number}", SERVER)
        if number < 2:
            c.window_bytes = 0
            c.ack()
            c.window_bytes = 64_000
            c.ack()
        s.fin()
        c.fin()
        s.ack()
    stage.end()
    (service,) = stage.diagnosis.knowledge.services.entries.values()
    assert (service.connections, service.zero_windows) == (5, 2)


@pytest.mark.parametrize(("server", "client"), [(SERVER, "10.0.0.9:{}"), (SERVER6, "[2001:db8::9]:{}")])
@pytest.mark.parametrize("hung", [1, 3])
@pytest.mark.parametrize("answer", [0, 300, 15_928])
def test_seen_from_the_client_the_answer_shows_in_numbers_only(
    server: str, client: str, hung: int, answer: int
) -> None:
    """The client gives up; the ACK of its FIN has the number behind an answer that never passed here."""
    stage = Stage()
    for number in range(2):
        c, s = stage.established(client.format(39_000 + number), server)
        c.fin()
        s.fin()
        c.ack()
    for number in range(hung):
        c, s = stage.pair(client.format(40_000 + number), server)
        c.syn()
        s.syn_ack()
        c.ack()
        c.data(81)
        s.ack()
        if answer:
            s.data(answer, seen=False, arrives=False)
        stage.wait(6)
        c.fin()
        s.ack()
    findings = stage.end(at_s=40)
    if answer < 536:
        assert "mtu-black-hole" not in kinds(findings)
        return
    hole = one(findings, "mtu-black-hole")
    assert (hole.count, hole.confidence) == (hung, "likely" if hung > 1 else "possible")
    assert hole.severity == ("warning" if hung > 1 else "info")
    assert "had sent 15,928 bytes, of which none passed here" in hole.evidence[1].text
    assert "unresponsive-server" not in kinds(findings)


@pytest.mark.parametrize("hung", [1, 3])
@pytest.mark.parametrize("before", [False, True])
def test_several_that_hang_at_their_first_large_segment(hung: int, before: bool) -> None:
    """Their clients are heard until they give up. Where large ones came through before, size is no matter."""
    stage = Stage()
    for number in range(hung):
        c, s = stage.established(f"10.0.0.9:{40_000 + number}", SERVER)
        if before:
            s.data(1448)
            c.ack()
        large_in_vain(stage, s, None)
        c.fin()
        s.ack()
    findings = stage.end()
    if before:
        assert "mtu-black-hole" not in kinds(findings)
        return
    hole = one(findings, "mtu-black-hole")
    assert (hole.confidence, hole.severity) == (("likely", "warning") if hung > 1 else ("possible", "info"))
