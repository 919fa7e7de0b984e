"""What the first words of both sides tell: who should speak first, and two that do not understand."""

from __future__ import annotations

import pytest

from sample_pcaps.scenarios.script import Endpoint, exchange, handshake
from tcptrace_py.findings.finding import Finding

from .stage import Stage, kinds, one

V4 = ("10.0.0.9:{}", "10.0.0.20:{}")
V6 = ("[fd00::9]:{}", "[fd00::20]:{}")
families = pytest.mark.parametrize("names", [V4, V6], ids=["IPv4", "IPv6"])
HELLO = bytes.fromhex("16030101fa010001f60303") + bytes(500)
SERVER_HELLO = bytes.fromhex("160303005a02000056") + bytes(300)
RECORD = bytes.fromhex("1703030050") + bytes(80)
REQUEST = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
BAD_REQUEST = b"HTTP/1.1 400 Bad Request\r\n\r\n"
GREETING = b"220 mail.example ESMTP\r\n"
ALERT = bytes.fromhex("15030100020246")


class Talk:
    """Connections to one service, one after the other."""

    def __init__(self, names: tuple[str, str], port: int) -> None:
        self.stage = Stage()
        self.names = names
        self.port = port
        self.client_port = 40_000

    def open(self) -> tuple[Endpoint, Endpoint]:
        self.client_port += 1
        c, s = self.stage.pair(self.names[0].format(self.client_port), self.names[1].format(self.port))
        handshake(c, s)
        return c, s

    def greeted(self) -> None:
        c, s = self.open()
        s.says(GREETING)
        exchange(c, s)
        close(c, s)

    def over_tls(self) -> None:
        c, s = self.open()
        c.says(HELLO)
        s.says(SERVER_HELLO)
        c.says(RECORD)
        s.says(RECORD)
        close(c, s)

    def in_clear(self) -> None:
        c, s = self.open()
        c.says(REQUEST)
        s.says(OK)
        close(c, s)

    def told(self, kind: str) -> list[Finding]:
        return [each for each in self.stage.end() if each.kind == kind]


def close(c: Endpoint, s: Endpoint) -> None:
    c.fin()
    s.fin()
    c.ack()


# --- who should speak first ---


@families
@pytest.mark.parametrize("leaves", ["FIN", "RST", "server closes", "not yet"])
@pytest.mark.parametrize("greeted", [0, 3])
@pytest.mark.parametrize("port", [25, 7777])
def test_a_server_that_does_not_greet(names: tuple[str, str], leaves: str, greeted: int, port: int) -> None:
    talk = Talk(names, port)
    for _ in range(greeted):
        talk.greeted()
    for _ in range(2):
        c, s = talk.open()
        talk.stage.wait(20)
        if leaves == "FIN":
            close(c, s)
        elif leaves == "RST":
            c.rst()
        elif leaves == "server closes":
            s.fin()
            c.fin()
            s.ack()
    findings = talk.stage.end()
    told = [each for each in findings if each.kind == "unresponsive-server"]
    assert bool(told) == (greeted > 0 or port == 25)
    if told:
        (finding,) = told
        assert (finding.severity, finding.count, finding.subject.role) == ("warning", 2, "server")
        assert finding.confidence == ("possible" if leaves == "not yet" else "likely")
        assert "It greeted 3 other connections" in finding.explanation or not greeted
        assert "accept()" in finding.explanation
        assert not {"idle-timeout", "reset-abort"} & kinds(findings)


@families
@pytest.mark.parametrize("after_s", [0.2, 4])
def test_who_leaves_sooner_is_a_check(names: tuple[str, str], after_s: float) -> None:
    talk = Talk(names, 25)
    for number in range(6):
        c, s = talk.open()
        talk.stage.wait(after_s)
        if number % 2:
            c.rst()
        else:
            close(c, s)
    assert {each.severity for each in talk.stage.end()} <= {"info"}


@families
def test_a_spare_connection_where_clients_speak_first(names: tuple[str, str]) -> None:
    """Browsers open one more than they need."""
    talk = Talk(names, 443)
    for _ in range(3):
        talk.over_tls()
    for number in range(3):
        c, s = talk.open()
        talk.stage.wait(30)
        if number % 2:
            close(c, s)
        else:
            s.fin()
            c.fin()
            s.ack()
    talk.open()
    talk.stage.wait(30)
    assert talk.stage.end() == []


@families
@pytest.mark.parametrize("provoked_by", ["FIN", "probe"])
def test_the_last_ack_was_lost_after_a_syn_cookie(names: tuple[str, str], provoked_by: str) -> None:
    """Captured at the client: it is connected, and the server answers what comes next with RST."""
    talk = Talk(names, 3306)
    talk.greeted()
    for _ in range(2):
        c, s = talk.open()
        talk.stage.wait(40)
        if provoked_by == "FIN":
            c.fin(arrives=False)
        else:
            c.keep_alive(arrives=False)
        s.rst_to()
    findings = talk.stage.end()
    finding = one(findings, "unresponsive-server")
    assert "SYN cookie" in finding.explanation
    assert "TcpExtSyncookiesSent" in finding.remedy
    assert kinds(findings) == {"unresponsive-server"}


@families
@pytest.mark.parametrize("syn_acks", [1, 2])
def test_the_same_captured_at_the_server(names: tuple[str, str], syn_acks: int) -> None:
    """A server without cookies asks again for the ACK; it holds a place for each."""
    talk = Talk(names, 3306)
    talk.greeted()
    for number in range(3):
        c, s = talk.stage.pair(names[0].format(50_000 + number), names[1].format(3306))
        c.syn()
        s.syn_ack()
        if syn_acks > 1:
            talk.stage.wait(1)
            s.syn_ack()
        talk.stage.wait(40)
        c.fin()
        s.rst_to()
    findings = talk.stage.end()
    finding = one(findings, "half-open-handshake")
    assert ("SYN cookie" in finding.explanation) == (syn_acks == 1)
    assert kinds(findings) == {"half-open-handshake"}


@families
@pytest.mark.parametrize("captured", ["client", "server"])
def test_one_direction_tells_nothing_of_who_greets(names: tuple[str, str], captured: str) -> None:
    talk = Talk(names, 25)
    for _ in range(3):
        c, s = talk.stage.pair(names[0].format(talk.client_port), names[1].format(25))
        talk.client_port += 1
        c.seen, s.seen = captured == "client", captured == "server"
        handshake(c, s)
        talk.stage.wait(20)
        close(c, s)
    assert talk.told("unresponsive-server") == []


@families
@pytest.mark.parametrize("count", [2, 3])
@pytest.mark.parametrize("port", [25, 5672])
def test_closed_without_a_word(names: tuple[str, str], count: int, port: int) -> None:
    talk = Talk(names, port)
    for _ in range(count):
        c, s = talk.open()
        s.fin()
        c.fin()
        s.ack()
    told = talk.told("unresponsive-server")
    assert bool(told) == (count >= 3)
    if told:
        # Where the server speaks first its clients waited for it; elsewhere they may have been checks.
        assert (told[0].severity, told[0].confidence) == ("warning" if port == 25 else "info", "possible")
        assert "backend" in told[0].remedy


@families
@pytest.mark.parametrize("count", [2, 3])
@pytest.mark.parametrize(("port", "served", "told"), [(3306, 0, True), (7000, 0, False), (7000, 8, True)])
@pytest.mark.parametrize("late_word", [False, True])
def test_greeted_and_closed_at_once(
    names: tuple[str, str], count: int, port: int, served: int, told: bool, late_word: bool
) -> None:
    """ "Too many connections". Some services say all that they have to say to everybody."""
    talk = Talk(names, port)
    for _ in range(served):
        talk.greeted()
    for _ in range(count):
        c, s = talk.open()
        s.says(b"-ERR too many connections\r\n")
        s.fin()
        c.ack()
        if late_word:
            s.rst_to(c.says(b"*1\r\n$4\r\nPING\r\n"))
        else:
            c.fin()
            s.ack()
    findings = talk.stage.end()
    found = [each for each in findings if each.kind == "unresponsive-server"]
    # Where their requests drew RST, that was told already.
    assert bool(found) == (told and count >= 3 and not late_word)
    assert ("reset-after-close" in kinds(findings)) == late_word
    if found:
        assert "before the client had said a word" in found[0].explanation
        assert "Follow TCP Stream" in found[0].remedy


@families
@pytest.mark.parametrize("served", [0, 4])
@pytest.mark.parametrize("steady", [False, True])
def test_a_balancer_that_gives_the_request_up_by_reset(
    names: tuple[str, str], served: int, steady: bool
) -> None:
    talk = Talk(names, 8080)
    for _ in range(served):
        talk.in_clear()
    for number in range(3):
        c, s = talk.open()
        c.says(REQUEST)
        s.ack()
        talk.stage.wait(10 if steady else 4 + 5 * number)
        s.rst()
    findings = talk.stage.end()
    by_cause = [each for each in findings if each.kind == "unresponsive-server"]
    assert bool(by_cause) == (steady or served > 0)
    if by_cause:
        assert kinds(findings) == {"unresponsive-server"}
        assert by_cause[0].severity == "warning"
        assert ("cannot connect to their backend" in by_cause[0].explanation) == steady


# --- who does not understand ---


def understood(talk: Talk, tls: bool) -> None:
    for _ in range(4):
        talk.over_tls() if tls else talk.in_clear()


@families
@pytest.mark.parametrize("answer", [BAD_REQUEST, GREETING, OK])
@pytest.mark.parametrize("leaves", ["alert", "FIN", "RST"])
def test_tls_answered_in_clear(names: tuple[str, str], answer: bytes, leaves: str) -> None:
    talk = Talk(names, 8080)
    c, s = talk.open()
    c.says(HELLO)
    s.ack()
    s.says(answer)
    if leaves == "alert":
        c.says(ALERT)
    if leaves == "RST":
        c.rst()
    else:
        close(c, s)
    findings = talk.stage.end()
    finding = one(findings, "protocol-mismatch")
    assert kinds(findings) == {"protocol-mismatch"}
    assert finding.subject.role == "client"
    assert finding.severity == "warning"
    assert finding.confidence == ("likely" if answer == GREETING else "certain")
    assert "http://" in finding.remedy
    assert [line.frame for line in finding.evidence] == [3, 6]


@families
def test_a_greeting_that_meets_tls(names: tuple[str, str]) -> None:
    talk = Talk(names, 25)
    c, s = talk.open()
    s.says(GREETING)
    c.says(HELLO)
    s.says(b"500 what?\r\n")
    close(c, s)
    assert "STARTTLS" in one(talk.stage.end(), "protocol-mismatch").remedy


@families
@pytest.mark.parametrize("others", ["TLS", "clear", "none"])
@pytest.mark.parametrize("answer", [ALERT, BAD_REQUEST, b"FIN", b"RST"])
@pytest.mark.parametrize("port", [443, 8080])
def test_http_in_clear(names: tuple[str, str], others: str, answer: bytes, port: int) -> None:
    """Where the server says it in TLS it is certain; else what it speaks with others decides, or its port."""
    talk = Talk(names, port)
    if others != "none":
        understood(talk, others == "TLS")
    c, s = talk.open()
    c.says(REQUEST)
    s.ack()
    if len(answer) > 3:
        s.says(answer)
    if answer == b"RST":
        s.rst()
    else:
        s.fin()
        c.fin()
        s.ack()
    told = talk.told("protocol-mismatch")
    assert bool(told) == (answer == ALERT or others == "TLS" or (others == "none" and port == 443))
    if told:
        assert told[0].confidence == ("certain" if answer == ALERT else "likely")
        assert "https://" in told[0].remedy


@families
@pytest.mark.parametrize("others", ["TLS", "clear", "none"])
@pytest.mark.parametrize("how", ["FIN", "RST", "nothing"])
def test_tls_that_is_not_answered(names: tuple[str, str], others: str, how: str) -> None:
    talk = Talk(names, 9000)
    if others != "none":
        understood(talk, others == "TLS")
    for _ in range(3):
        c, s = talk.open()
        c.says(HELLO)
        s.ack()
        if how == "RST":
            s.rst()
            continue
        if how == "nothing":
            talk.stage.wait(10)
            close(c, s)
            continue
        s.fin()
        c.fin()
        s.ack()
    findings = talk.stage.end()
    assert ("protocol-mismatch" in kinds(findings)) == (others == "clear")
    # An answer was due in any case.
    assert {each.severity for each in findings} == {"warning"}


@families
def test_who_goes_on_has_understood(names: tuple[str, str]) -> None:
    """The payload of one side was overwritten before the capture was handed on."""
    talk = Talk(names, 443)
    c, s = talk.open()
    c.says(HELLO)
    s.data(900)
    c.says(RECORD)
    s.data(300)
    close(c, s)
    assert talk.stage.end() == []


@families
def test_who_waits_on_was_not_answered_in_clear(names: tuple[str, str]) -> None:
    """Bytes that are no TLS prove little by themselves: whoever gets them gives up at once."""
    talk = Talk(names, 443)
    c, s = talk.open()
    c.says(HELLO)
    s.data(900)
    c.ack()
    talk.stage.wait(20)
    close(c, s)
    assert "protocol-mismatch" not in kinds(talk.stage.end())


# --- a limit on requests per connection ---


@families
@pytest.mark.parametrize("order", ["request first", "FIN first", "later"])
@pytest.mark.parametrize("answers", [5, 40])
def test_closed_by_count(names: tuple[str, str], order: str, answers: int) -> None:
    talk = Talk(names, 80)
    for number in range(6):
        c, s = talk.open()
        for _ in range(answers):
            c.data(200)
            s.data(400)
        if number % 3:
            s.fin()
            c.fin()
            s.ack()
            continue
        if order == "request first":
            request = c.data(200, arrives=False)
            s.fin(arrives=False)
        else:
            s.fin(arrives=order == "later")
            if order == "later":
                c.ack()
                talk.stage.wait(2)
            request = c.data(200)
        s.rst_to(request)
    findings = talk.stage.end()
    finding = one(findings, "keep-alive-race")
    assert kinds(findings) == {"keep-alive-race"}
    assert (finding.count, finding.severity, finding.confidence) == (2, "warning", "certain")
    assert f"answer number {answers}" in finding.explanation
    assert "It closed 4 other connections after just as many" in finding.explanation
    assert f"fewer than {answers} requests" in finding.remedy


@families
def test_closes_after_any_number_of_answers_are_by_no_count(names: tuple[str, str]) -> None:
    talk = Talk(names, 80)
    for number in range(6):
        c, s = talk.open()
        for _ in range(3 + number):
            c.data(200)
            s.data(400)
        request = c.data(200, arrives=False)
        s.fin(arrives=False)
        s.rst_to(request)
    assert talk.told("keep-alive-race") == []


# --- several addresses of one name ---


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("10.0.0.30:443", "10.0.0.31:443"),
        ("[fd00::30]:443", "[fd00::31]:443"),
        ("[fd00::30]:443", "10.0.0.31:443"),
    ],
)
@pytest.mark.parametrize("serves", [False, True])
@pytest.mark.parametrize("straight", [0, 6])
@pytest.mark.parametrize("syns", [1, 3])
def test_who_loses_a_race(first: str, second: str, serves: bool, straight: int, syns: int) -> None:
    """A dead backend among two looks alike, but many connections go straight to the living one."""
    stage = Stage()
    clients = ["[fd00::9]:{}" if "[" in name else "10.0.0.9:{}" for name in (first, second)]
    port = 40_000

    def served(number: int) -> None:
        nonlocal port
        port += 1
        c, s = stage.pair(clients[number].format(port), (first, second)[number])
        handshake(c, s)
        exchange(c, s)
        close(c, s)

    if serves:
        served(0)
    for _ in range(straight):
        served(1)
    stage.wait(10)
    for number in range(4):
        c, _ = stage.pair(clients[0].format(50_000 + number), first)
        c.syn(arrives=False)
        stage.wait(0.25)
        served(1)
        for again in range(syns - 1):
            stage.wait(1 << again)
            c.syn(arrives=False)
        stage.wait(4)
    finding = one(stage.end(), "connection-timeout")
    several = first[0] == second[0]
    if several:
        assert (finding.severity == "info") == (syns == 1 and (serves or not straight))
        assert ("RFC 8305" in finding.explanation) == (finding.severity == "info")
