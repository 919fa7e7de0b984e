"""What devices on the way do, told from the ends: forgotten connections, holes, one-sided firewalls."""

from __future__ import annotations

import pytest

from tcptrace_py.findings.finding import Finding
from tests.findings.stage import Stage, kinds, one

families = pytest.mark.parametrize("server", ["10.0.0.20:8080", "[2001:db8::20]:8080"], ids=["IPv4", "IPv6"])


def client_of(server: str, number: int) -> str:
    return f"[2001:db8::9]:{40_000 + number}" if server.startswith("[") else f"10.0.0.9:{40_000 + number}"


def served(stage: Stage, server: str, number: int) -> None:
    c, s = stage.established(client_of(server, number), server)
    c.fin()
    s.fin()
    c.ack()


# --- a device answers in the server's name what it has forgotten ---


@families
@pytest.mark.parametrize("ttl", [64, 255])
@pytest.mark.parametrize("probe", [False, True])
def test_a_reset_with_another_ttl_after_a_silence(server: str, ttl: int, probe: bool) -> None:
    stage = Stage()
    for number in range(2):
        c, s = stage.established(client_of(server, number), server)
        stage.wait(400 + 30 * number)
        asked = c.keep_alive(arrives=False) if probe else c.data(300, arrives=False)
        s.ttl = ttl
        s.rst_to(asked)
        served(stage, server, 10 + number)
    findings = stage.end()
    if ttl == 64:
        assert "injected-reset" not in kinds(findings)
        if not probe:
            assert "idle time-out on the way of less than 6 min 40 s" in findings[0].remedy
        return
    reset = one(findings, "injected-reset")
    assert (reset.severity, reset.confidence) == ("info" if probe else "warning", "possible")
    assert "6 min 40 s" in reset.remedy.split(".")[0]


def test_a_reset_with_another_ttl_in_a_talk_proves_nothing_by_itself() -> None:
    stage = Stage()
    c, s = stage.established("10.0.0.9:40000", "10.0.0.20:8080")
    stage.wait(5)
    c.data(300)
    s.ttl = 255
    s.rst()
    assert "injected-reset" not in kinds(stage.end())


# --- full-sized segments, captured behind the place where they are lost, and before it ---


def with_holes(server: str, many: int, wait_s: float, largest_bytes: int) -> list[Finding]:
    stage = Stage()
    for number in range(many):
        c, s = stage.pair(client_of(server, number), server)
        c.sack = True
        c.syn()
        s.syn_ack()
        c.ack()
        c.data(500)
        s.ack()
        if largest_bytes > 1000:
            s.data(largest_bytes)
            c.ack()
        s.data(1400, seen=False, arrives=False)
        s.data(400)
        c.ack()
        stage.wait(wait_s)
        c.fin()
    return stage.end()


@families
@pytest.mark.parametrize("many", [1, 3])
@pytest.mark.parametrize("wait_s", [0.5, 30])
@pytest.mark.parametrize("largest_bytes", [400, 1400])
def test_a_hole_that_never_passes(server: str, many: int, wait_s: float, largest_bytes: int) -> None:
    """The receiver says by SACK that it lacks what never passed: it is no hole of the capture alone."""
    findings = with_holes(server, many, wait_s, largest_bytes)
    lasts = wait_s > 5 or many > 1
    assert ("mtu-black-hole" in kinds(findings)) == (lasts and largest_bytes == 400 and wait_s > 5)
    if "mtu-black-hole" in kinds(findings):
        hole = one(findings, "mtu-black-hole")
        assert (hole.severity, hole.confidence) == (
            ("warning", "likely") if many > 1 else ("info", "possible")
        )
        assert "1,400 bytes of payload, which never passed here" in hole.explanation


@families
@pytest.mark.parametrize("many", [1, 3])
@pytest.mark.parametrize("small_bytes", [40, 1400])
def test_uploads_that_fall_silent_at_their_first_full_segment(
    server: str, many: int, small_bytes: int
) -> None:
    stage = Stage()
    for number in range(many):
        c, s = stage.pair(client_of(server, number), server)
        c.syn()
        s.syn_ack()
        c.ack()
        c.data(small_bytes)
        s.ack()
        c.data(1400, arrives=False)
        c.repeat(5, 0.3, arrives=False)
        served(stage, server, 10 + number)
    found = kinds(stage.end())
    assert ("mtu-black-hole" in found) == (many > 1 and small_bytes == 40)
    assert ("dead-peer" in found) != ("mtu-black-hole" in found)


# --- a firewall that sees one direction only ---


@pytest.mark.parametrize("near_client", [False, True])
@pytest.mark.parametrize("served_others", [False, True])
def test_acks_that_may_not_have_reached_the_server(near_client: bool, served_others: bool) -> None:
    stage = Stage()
    stage.step_s = 0.0001
    if served_others:
        for number in range(3):
            served(stage, "10.0.0.20:8080", 50 + number)
    for number in range(3):
        c, s = stage.pair(f"10.0.0.9:{40_000 + number}", "10.0.0.20:8080")
        c.syn()
        stage.wait(0.02 if near_client else 0)
        s.syn_ack()
        stage.wait(0 if near_client else 0.02)
        c.ack(arrives=False)
        request = c.data(300, arrives=False)
        for seconds in (1, 2, 4):
            stage.wait(seconds)
            s.syn_ack()
            c.ack(arrives=False)
            c.again(request, arrives=False)
    full = one(stage.end(), "accept-queue-full")
    doubtful = near_client and not served_others
    assert full.severity == ("warning" if doubtful else "critical")
    assert (full.confidence == "possible") == doubtful
    assert ("do the ACKs arrive there" in full.remedy) == doubtful


def test_handshakes_pass_and_nothing_else() -> None:
    stage = Stage()
    for number in range(3):
        c, s = stage.pair(f"10.0.0.9:{40_000 + number}", "10.0.0.20:8080")
        c.syn()
        s.syn_ack()
        c.ack(arrives=False)
        c.data(300, arrives=False)
        c.repeat(5, 0.3, arrives=False)
    silent = one(stage.end(), "dead-peer")
    assert "the handshake passed and nothing after it" in silent.explanation
    assert "or only the SYNs" in silent.remedy.split("? ")[0]


# --- a RST whose sender goes on ---


@pytest.mark.parametrize("goes_on", [False, True])
def test_a_reset_of_a_download_whose_client_goes_on(goes_on: bool) -> None:
    """As where a reply passed untranslated and the RST that refused it passed translated."""
    stage = Stage()
    for number in range(2):
        c, s = stage.established(f"10.0.0.9:{40_000 + number}", "10.0.0.20:8080")
        c.data(120)
        s.ack()
        s.data(1400)
        c.ack()
        s.data(1400, arrives=False)
        c.rst_to()
        for _ in range(2 if goes_on else 0):
            stage.wait(0.002)
            s.rst_to(c.ack())
    reset = one(stage.end(), "reset-abort")
    assert reset.severity == ("warning" if goes_on else "info")
    assert not goes_on or reset.confidence != "certain"
    assert ("--ctstate INVALID" in reset.remedy) == goes_on


# --- SYNs that meet a connection which only the server remembers ---


@families
@pytest.mark.parametrize("tries", [1, 5])
def test_syns_that_meet_an_old_connection(server: str, tries: int) -> None:
    stage = Stage()
    c, s = stage.established(client_of(server, 0), server)
    stage.wait(30)
    fresh, _ = stage.pair(client_of(server, 0), server)
    for number in range(tries):
        fresh.syn(arrives=False)
        challenge = s.ack()
        if tries > 1:
            fresh.rst_to(challenge, arrives=False)
        stage.wait(2**number)
    stale = one(stage.end(), "stale-syn")
    assert stale.severity == ("warning" if tries > 1 else "info")
    assert ("still held open" in stale.explanation) == (tries > 1)


@pytest.mark.parametrize("resets", [1, 2])
def test_a_request_that_draws_several_resets_is_no_answer(resets: int) -> None:
    """A request of two segments draws two; so does a mirror that copies frames. None of them is an answer."""
    stage = Stage()
    for number in range(4):
        c, s = stage.established(f"10.0.0.9:{40_000 + number}", "10.0.0.20:8080")
        stage.wait(5)
        if number < 2:
            s.fin()
            c.fin()
            s.ack()
            continue
        for _ in range(resets):
            c.data(300, arrives=False)
        for _ in range(resets):
            s.rst()
    race = one(stage.end(), "keep-alive-race")
    assert (race.count, race.confidence) == (2, "likely")


def test_a_server_that_sends_its_syn_ack_again_picked_up_later() -> None:
    """Without the SYN it may be the answer to another one: possible, and a warning at most."""
    stage = Stage()
    for number in range(3):
        c, s = stage.pair(f"10.0.0.9:{40_000 + number}", "10.0.0.20:8080")
        c.syn(seen=False)
        s.syn_ack()
        c.ack(arrives=False)
        request = c.data(300, arrives=False)
        for seconds in (1, 2, 4):
            stage.wait(seconds)
            s.syn_ack()
            c.ack(arrives=False)
            c.again(request, arrives=False)
    full = one(stage.end(), "accept-queue-full")
    assert (full.severity, full.confidence) == ("warning", "possible")


# --- RSTs from nearer than the endpoint that they name ---


@families
@pytest.mark.parametrize("acknowledges", [False, True])
@pytest.mark.parametrize("after_s", [0.0, 0.1])
def test_a_reset_that_answers_what_can_not_have_arrived(
    server: str, acknowledges: bool, after_s: float
) -> None:
    """The perfect forgery of a firewall: the right number and TTL, but sooner than an answer can come.

    Not even the ACK of the handshake can have come to the server by then.
    """
    stage = Stage()
    for number in range(2):
        c, s = stage.pair(client_of(server, number), server)
        c.syn()
        stage.wait(0.08)
        s.syn_ack()
        c.ack()
        c.data(517, arrives=acknowledges)
        stage.wait(after_s)
        s.rst()
    found = stage.end()
    forged = not after_s
    assert kinds(found) == {"injected-reset" if forged else "reset-abort"}
    if forged:
        reset = one(found, "injected-reset")
        assert (reset.severity, reset.confidence) == ("warning", "likely")
        assert "sooner than an answer can" in reset.explanation


@families
@pytest.mark.parametrize("ttl", [64, 107])
def test_an_abort_with_another_ttl_is_only_possibly_its_senders(server: str, ttl: int) -> None:
    stage = Stage()
    for number in range(3):
        c, s = stage.established(client_of(server, number), server)
        c.data(517)
        s.ack()
        stage.wait(0.2)
        c.ttl = ttl
        c.rst()
    reset = one(stage.end(), "reset-abort")
    assert (reset.confidence == "possible") == (ttl != 64)
    assert ("a device on the way may have sent it" in reset.explanation) == (ttl != 64)
