"""``injected-reset``: a RST that somebody on the way sent in an endpoint's name."""

from __future__ import annotations

import pytest

from tcptrace_py.wire.segment import ACK, RST

from .stage import Stage, kinds, one

V4 = ("10.0.0.9:{}", "10.0.0.20:443")
V6 = ("[2001:db8::9]:{}", "[2001:db8::20]:443")
families = pytest.mark.parametrize("names", [V4, V6], ids=["IPv4", "IPv6"])


@families
def test_a_reset_whose_sender_goes_on(names: tuple[str, str]) -> None:
    stage = Stage()
    c, s = stage.pair(names[0].format(40_000), names[1])
    s.ttl = 47
    c.syn()
    stage.wait(0.3)
    s.syn_ack()
    c.ack()
    c.data(500)
    s.ttl = 57
    s.rst()
    s.ttl = 47
    stage.wait(0.3)
    s.ack()
    s.data(1000)
    findings = stage.end()
    injected = one(findings, "injected-reset")
    # A RST that its sender contradicts proves nothing of who sent it.
    assert (injected.confidence, injected.severity) == ("likely", "warning")
    assert "TTL 57" in injected.evidence[0].text
    assert not kinds(findings) & {"reset-abort", "stray-reset"}


@families
def test_a_reset_that_changed_nothing_is_worth_knowing_only(names: tuple[str, str]) -> None:
    stage = Stage()
    c, s = stage.pair(names[0].format(40_000), names[1])
    s.ttl = 47
    c.syn()
    s.syn_ack()
    c.ack()
    c.data(500)
    s.ttl = 57
    s.rst()
    s.ttl = 47
    stage.wait(0.3)
    s.ack()
    s.data(1000)
    c.ack()
    injected = one(stage.end(), "injected-reset")
    assert injected.severity == "info"
    assert "changed nothing" in injected.explanation


@families
@pytest.mark.parametrize("other_ttl", [False, True])
@pytest.mark.parametrize("ends", ["fin", "rst"])
def test_a_forged_refusal_that_nobody_believed(names: tuple[str, str], other_ttl: bool, ends: str) -> None:
    """It comes before the SYN+ACK, with a number that is one too low; how the connection ends is its own."""
    stage = Stage()
    c, s = stage.pair(names[0].format(40_000), names[1])
    c.syn()
    s.ttl = 46 if other_ttl else 49
    s.send(RST | ACK, seq=0, ack=c.isn)
    s.ttl = 49
    stage.wait(1)
    s.syn_ack()
    c.ack()
    c.data(25)
    s.ack()
    if ends == "rst":
        s.rst()
        c.data(100)
    else:
        s.data(100)
        c.ack()
        c.fin()
        s.fin()
        c.ack()
    findings = stage.end()
    assert ("reset-abort" in kinds(findings)) == (ends == "rst")
    if other_ttl:
        injected = one(findings, "injected-reset")
        assert (injected.severity, injected.evidence[0].frame) == ("info", 2)
        assert "TTL 46" in injected.evidence[0].text
    else:
        assert "injected-reset" not in kinds(findings)


def test_a_reset_of_the_endpoint_itself_is_not_injected() -> None:
    stage = Stage()
    c, s = stage.established(V4[0].format(40_000), V4[1])
    c.data(500)
    s.rst()
    assert kinds(stage.end()) == {"reset-abort"}
