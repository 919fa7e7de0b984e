"""``stopped-stream``: a stream that ends because its sender asked for it on another connection."""

from __future__ import annotations

import pytest

from sample_pcaps.scenarios.script import Endpoint

from .stage import Stage, kinds, one

V4 = ("10.0.0.9:{}", "10.0.0.20:{}", "10.0.0.8:{}")
V6 = ("[2001:db8::9]:{}", "[2001:db8::20]:{}", "[2001:db8::8]:{}")
families = pytest.mark.parametrize("names", [V4, V6], ids=["IPv4", "IPv6"])
ABORTS = {"reset-abort", "reset-after-close"}


class Transfer:
    """A connection for control, and a stream beside it: the client sends, or (``down``) the server does."""

    def __init__(self, names: tuple[str, str, str], down: bool = False, port: int = 40_000) -> None:
        self.stage = Stage()
        self.names = names
        self.control = self.stage.established(names[0].format(port), names[1].format(5201))
        self.stage.wait(0.1)
        c, s = self.stage.pair(names[0].format(port + 1), names[1].format(5201))
        self.stream = c, s
        c.syn()
        s.syn_ack()
        c.ack()
        c.data(37)
        s.ack()
        self.sender, self.reader = (s, c) if down else (c, s)
        self.ends = self.control[::-1] if down else self.control

    def flow(self, seconds: int) -> None:
        for _ in range(seconds):
            self.stage.wait(1)
            self.sender.data(1400)
            self.reader.ack()

    def say_stop(self, sender: bool = True) -> None:
        """On the control connection, and the other side answers."""
        one_end, other_end = self.ends if sender else self.ends[::-1]
        one_end.data(1)
        other_end.data(1)

    def stop(self, by_fin: bool) -> None:
        """What is under way meets a closed socket."""
        self.sender.data(1400)
        if by_fin:
            self.reader.fin()
        else:
            self.reader.rst()
        for _ in range(3):
            self.sender.data(1400)
            self.reader.rst_to()

    def close(self) -> None:
        c, s = self.control
        c.data(200)
        s.data(200)
        c.fin()
        s.fin()
        c.ack()


@families
@pytest.mark.parametrize("down", [False, True])
@pytest.mark.parametrize("by_fin", [False, True])
@pytest.mark.parametrize("seconds", [3, 20])
def test_its_sender_had_asked_for_it(
    names: tuple[str, str, str], down: bool, by_fin: bool, seconds: int
) -> None:
    transfer = Transfer(names, down)
    transfer.flow(seconds)
    transfer.say_stop()
    transfer.stop(by_fin)
    transfer.close()
    findings = transfer.stage.end()
    stopped = one(findings, "stopped-stream")
    assert (stopped.severity, stopped.count) == ("info", 1)
    assert stopped.subject.role == ("client" if down else "server")
    word, stop = stopped.evidence
    assert (word.connection, stop.connection) == (0, 1)
    assert stopped.connections == [0, 1]
    assert word.frame is not None and stop.frame is not None and word.frame < stop.frame
    # A second look finds the same.
    assert transfer.stage.diagnosis.findings(transfer.stage.tracker.time_wait, 0) == findings
    assert not kinds(findings) & ABORTS


@families
@pytest.mark.parametrize(
    "what",
    ["nothing", "by the reader", "long before", "never silent", "another client", "answers", "reset too"],
)
def test_what_does_not_say_so(names: tuple[str, str, str], what: str) -> None:
    """An upload that its server aborts is one, whatever other connections do."""
    transfer = Transfer(names)
    stage = transfer.stage
    if what == "another client":
        transfer.ends = stage.established(names[2].format(50_000), names[1].format(5201))
    if what == "never silent":
        for _ in range(10):
            transfer.flow(1)
            transfer.say_stop()
    else:
        transfer.flow(10)
    if what == "answers":
        transfer.reader.data(500)
        transfer.sender.ack()
    if what != "nothing":
        transfer.say_stop(sender=what != "by the reader")
    if what == "long before":
        transfer.flow(5)
    transfer.stop(by_fin=False)
    if what == "reset too":
        transfer.control[1].rst()
    else:
        transfer.close()
    findings = stage.end()
    assert "stopped-stream" not in kinds(findings)
    assert one(findings, "reset-abort").severity == "warning"


def test_among_other_traffic_and_in_parts() -> None:
    """Several streams of one control connection; clients that have nothing to do with it."""
    transfer = Transfer(V4)
    stage = transfer.stage
    others: list[tuple[Endpoint, Endpoint]] = []
    for number in range(2):
        others.append(stage.established(V4[2].format(60_000 + number), V4[1].format(5201)))
    second = stage.pair(V4[0].format(40_002), V4[1].format(5201))
    second[0].syn()
    second[1].syn_ack()
    second[0].ack()
    transfer.flow(5)
    second[0].data(1000)
    transfer.say_stop()
    transfer.stop(by_fin=False)
    second[1].rst()
    others[0][0].data(3000)
    others[0][1].rst()
    transfer.close()
    findings = stage.end()
    assert one(findings, "stopped-stream").count == 2
    assert one(findings, "reset-abort").connections == [2]
