"""The reference endpoints against the figures of RFC 9293 and the rules behind them."""

from __future__ import annotations

import pytest

from . import endpoint as ep
from .endpoint import ACK, FIN, RST, SYN, Seg, Tcb
from .explore import Explorer
from .network import Scenario
from .scenarios import scenario

CLIENT_ISS, SERVER_ISS = 100, 300


def listening() -> Tcb:
    return ep.open_passive(Tcb(), SERVER_ISS)[0]


def established() -> tuple[Tcb, Tcb]:
    client, (syn,) = ep.open_active(Tcb(), CLIENT_ISS, 0)
    server, (syn_ack,) = ep.arrives(listening(), syn, 0)
    client, _ = ep.arrives(client, syn_ack, 0)
    client, (ack,) = ep.acknowledge(client)
    server, _ = ep.arrives(server, ack, 0)
    return client, server


def test_figure_6_basic_handshake() -> None:
    client, (syn,) = ep.open_active(Tcb(), CLIENT_ISS, 0)
    assert (syn, client.state) == (Seg(100, 0, SYN), "S")
    server, (syn_ack,) = ep.arrives(listening(), syn, 0)
    assert (syn_ack, server.state) == (Seg(300, 101, SYN | ACK), "R")
    client, _ = ep.arrives(client, syn_ack, 0)
    client, (ack,) = ep.acknowledge(client)
    assert (ack, client.state) == (Seg(101, 301, ACK), "E")
    server, out = ep.arrives(server, ack, 0)
    assert (server.state, out) == ("E", ())
    client, (data,) = ep.send(client, 0)
    assert data == Seg(101, 301, ACK, ep.MSS)


def test_figure_7_simultaneous_open() -> None:
    a, (syn_a,) = ep.open_active(Tcb(), CLIENT_ISS, 0)
    b, (syn_b,) = ep.open_active(Tcb(), SERVER_ISS, 0)
    a, (answer_a,) = ep.arrives(a, syn_b, 0)
    b, (answer_b,) = ep.arrives(b, syn_a, 0)
    assert (answer_a, answer_b) == (Seg(100, 301, SYN | ACK), Seg(300, 101, SYN | ACK))
    a, out_a = ep.arrives(a, answer_b, 0)
    b, out_b = ep.arrives(b, answer_a, 0)
    assert (a.path, b.path, out_a, out_b) == ("SRE", "SRE", (), ())


def test_figure_8_old_duplicate_syn() -> None:
    client, _ = ep.open_active(Tcb(), CLIENT_ISS, 0)
    server, (answer,) = ep.arrives(listening(), Seg(90, 0, SYN), 0)
    client, (reset,) = ep.arrives(client, answer, 0)
    assert (reset, client.state) == (Seg(91, 0, RST), "S")
    server, _ = ep.arrives(server, reset, 0)
    assert server.path == "LRL"
    server, (answer,) = ep.arrives(server, Seg(100, 0, SYN), 0)
    client, _ = ep.arrives(client, answer, 0)
    assert client.state == "E"


def test_figure_9_half_open_discovered_by_the_restarted_side() -> None:
    _, server = established()
    client, (syn,) = ep.open_active(Tcb(), 400 + 9000, 0)
    server, (challenge,) = ep.arrives(server, syn, 0)
    assert (challenge, server.state) == (Seg(301, 101, ACK), "E")
    client, (reset,) = ep.arrives(client, challenge, 0)
    assert (reset, client.state) == (Seg(101, 0, RST), "S")
    server, out = ep.arrives(server, reset, 0)
    assert (server.state, out) == ("C", ())


def test_figure_10_active_side_finds_the_other_gone() -> None:
    _, server = established()
    server, (data,) = ep.send(server, 0)
    gone, (reset,) = ep.arrives(Tcb(), data, 0)
    assert (reset, gone.state) == (Seg(101, 0, RST), "C")
    assert ep.arrives(server, reset, 0)[0].state == "C"


def test_figure_11_old_duplicate_syn_at_two_listeners() -> None:
    b, (answer,) = ep.arrives(listening(), Seg(90, 0, SYN), 0)
    a, (reset,) = ep.arrives(listening(), answer, 0)
    assert (reset, a.state) == (Seg(91, 0, RST), "L")
    assert ep.arrives(b, reset, 0)[0].path == "LRL"


def test_figure_12_normal_close() -> None:
    a, b = established()
    a, (fin,) = ep.close(a, 0, gone=False)
    assert (fin, a.state) == (Seg(101, 301, FIN | ACK), "1")
    b, _ = ep.arrives(b, fin, 0)
    b, (ack,) = ep.acknowledge(b)
    assert (ack, b.state) == (Seg(301, 102, ACK), "W")
    a, _ = ep.arrives(a, ack, 0)
    assert a.state == "2"
    b, (fin,) = ep.close(b, 0, gone=False)
    a, _ = ep.arrives(a, fin, 0)
    a, (ack,) = ep.acknowledge(a)
    assert (ack, a.state, b.state) == (Seg(102, 302, ACK), "T", "A")
    b, _ = ep.arrives(b, ack, 0)
    assert b.path == "LREWAC"
    a, _ = ep.timeout(a, ep.TWO_MSL_S)
    assert a.path == "SE12TC"


def test_figure_13_simultaneous_close() -> None:
    a, b = established()
    a, (fin_a,) = ep.close(a, 0, gone=False)
    b, (fin_b,) = ep.close(b, 0, gone=False)
    a, _ = ep.arrives(a, fin_b, 0)
    b, _ = ep.arrives(b, fin_a, 0)
    a, (ack_a,) = ep.acknowledge(a)
    b, (ack_b,) = ep.acknowledge(b)
    assert (a.state, b.state) == ("X", "X")
    a, _ = ep.arrives(a, ack_b, 0)
    b, _ = ep.arrives(b, ack_a, 0)
    assert (a.path, b.path) == ("SE1XT", "LRE1XT")


def test_fin_on_the_ack_closes_in_three_segments() -> None:
    a, b = established()
    a, (fin,) = ep.close(a, 0, gone=False)
    b, _ = ep.arrives(b, fin, 0)
    b, (fin,) = ep.close(b, 0, gone=False)
    a, _ = ep.arrives(a, fin, 0)
    assert (a.path, b.path) == ("SE1T", "LREWA")


def test_close_before_the_last_ack_of_the_handshake() -> None:
    server, _ = ep.arrives(listening(), Seg(100, 0, SYN), 0)
    server, (fin,) = ep.close(server, 0, gone=False)
    assert (fin, server.path) == (Seg(301, 101, FIN | ACK), "LR1")


def test_time_wait_acknowledges_a_fin_again_and_restarts() -> None:
    a, b = established()
    a, (fin_a,) = ep.close(a, 0, gone=False)
    b, _ = ep.arrives(b, fin_a, 0)
    b, (fin_b,) = ep.close(b, 0, gone=False)
    a, _ = ep.arrives(a, fin_b, 0)
    a, _ = ep.acknowledge(a)
    a, (ack,) = ep.arrives(a, fin_b, 50)
    assert (ack.flags, a.state, a.ends_at) == (ACK, "T", 50 + ep.TWO_MSL_S)


@pytest.mark.parametrize(
    ("offset", "state", "answers"), [(0, "C", 0), (1, "E", 1), (-1, "E", 0), (ep.WINDOW, "E", 0)]
)
def test_only_an_exact_reset_is_believed(offset: int, state: str, answers: int) -> None:
    """3.10.7.4, second check (RFC 5961): exact closes, in the window draws a challenge, else nothing."""
    _, server = established()
    server, out = ep.arrives(server, Seg(server.rcv + offset, 0, RST), 0)
    assert (server.state, len(out)) == (state, answers)


def test_closed_refuses() -> None:
    """3.10.7.1: the form of the RST depends on whether the segment carried an ACK."""
    assert ep.arrives(Tcb(), Seg(100, 0, SYN), 0)[1] == (Seg(0, 101, RST | ACK),)
    assert ep.arrives(Tcb(), Seg(100, 7, ACK, 5), 0)[1] == (Seg(7, 0, RST),)
    assert ep.arrives(Tcb(), Seg(100, 0, RST), 0)[1] == ()


def test_data_for_an_application_that_is_gone_draws_a_reset() -> None:
    a, b = established()
    a, (fin,) = ep.close(a, 0, gone=True)
    b, _ = ep.arrives(b, fin, 0)
    b, (data,) = ep.send(b, 0)
    a, (reset,) = ep.arrives(a, data, 0)
    assert (a.path, reset.flags) == ("SE12C", RST)


def test_early_data_and_fin_wait_for_the_gap() -> None:
    a, b = established()
    a, (first,) = ep.send(a, 0)
    a, (second,) = ep.close(a, 0, gone=False, length=ep.MSS)
    b, (duplicate_ack,) = ep.arrives(b, second, 0)
    assert (duplicate_ack.ack, b.state) == (101, "E")
    b, _ = ep.arrives(b, first, 0)
    assert (b.rcv, b.state) == (101 + 2 * ep.MSS + 1, "W")


def test_syn_is_sent_again_and_given_up() -> None:
    client, _ = ep.open_active(Tcb(), CLIENT_ISS, 0)
    times = []
    while client.state == "S":
        now = client.next_deadline
        client, out = ep.timeout(client, now)
        times += [now] if out else []
    assert times == [1, 3, 7, 15, 31, 63]
    assert now == ep.SYN_GIVE_UP_S


def ends_of(s: Scenario) -> set[tuple[str, str]]:
    """The states of both when all is over, whatever was lost where the vantage point could see it."""
    return {(client[0], server[0]) for node in Explorer(s).nodes() for client, server in node.over}


def paths_of(s: Scenario) -> tuple[set[str], set[str]]:
    explorer = Explorer(s)
    found: tuple[set[str], set[str]] = (set(), set())
    for node in explorer.nodes():
        for paths, explored, belief in zip(found, explorer.sides, node.beliefs, strict=True):
            paths.update(explored.sides[number].tcb.path for number in belief.sides)
    return found


def test_exploration_reaches_every_way_to_close() -> None:
    client, server = paths_of(scenario("", "open ?up shut", "listen ?up shut"))
    assert {"SE12TC", "SE1TC", "SE1XTC", "SEWAC"} <= client
    assert {"LRE12TC", "LRE1TC", "LRE1XTC", "LREWAC"} <= server


def test_exploration_reaches_every_state() -> None:
    client, server = paths_of(scenario("", "open shut", "open shut"))
    passive = paths_of(scenario("", "open shut", "listen shut"))[1]
    assert set("".join(client | server | passive)) == set(ep.NAMES)
    assert "SREWAC" in client
    assert "LR1XTC" in passive


def test_without_faults_both_ends_agree_at_the_end() -> None:
    assert ends_of(scenario("", "open send ?up shut", "listen ?up send shut")) == {("C", "C")}
    assert ends_of(scenario("", "open send shut", "listen send")) == {("2", "W")}


def test_one_loss_is_always_mended() -> None:
    """Retransmission brings both ends to CLOSED whatever single segment is lost, but for a last RST."""
    s = scenario("", "open send ?up shut", "listen send ?eof shut", faults=1, kinds=frozenset({"lose"}))
    explorer = Explorer(s)
    over = [
        side
        for node in explorer.nodes()
        if not node.edges
        for belief, explored in zip(node.beliefs, explorer.sides, strict=True)
        for side in map(explored.sides.__getitem__, belief.sides)
        if explored.is_over(side)
    ]
    assert any(side.lost for side in over)
    assert any(side.unseen for side in over)
    assert {side.tcb.state for side in over} == {"C"}
