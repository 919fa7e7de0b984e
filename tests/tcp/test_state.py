"""The table of transitions against RFC 9293 section 3.3.2, figure 5."""

from __future__ import annotations

from tcptrace_py.tcp import state as st
from tcptrace_py.tcp.diagram import mermaid

# Figure 5's transitions that a segment or a CLOSE makes, written out once more by hand.
FIGURE_5 = {
    ("CLOSED", "SYN_SENT"),
    ("CLOSED", "LISTEN"),
    ("LISTEN", "SYN_RCVD"),
    ("LISTEN", "SYN_SENT"),
    ("SYN_SENT", "SYN_RCVD"),
    ("SYN_SENT", "ESTABLISHED"),
    ("SYN_RCVD", "ESTABLISHED"),
    ("SYN_RCVD", "FIN_WAIT_1"),
    ("SYN_RCVD", "LISTEN"),
    ("ESTABLISHED", "FIN_WAIT_1"),
    ("ESTABLISHED", "CLOSE_WAIT"),
    ("FIN_WAIT_1", "FIN_WAIT_2"),
    ("FIN_WAIT_1", "CLOSING"),
    ("FIN_WAIT_1", "TIME_WAIT"),
    ("FIN_WAIT_2", "TIME_WAIT"),
    ("CLOSING", "TIME_WAIT"),
    ("CLOSE_WAIT", "LAST_ACK"),
    ("LAST_ACK", "CLOSED"),
    ("TIME_WAIT", "CLOSED"),
}


def transitions() -> set[tuple[str, str]]:
    return {(st.STATE_NAMES[begin], st.STATE_NAMES[end]) for (begin, _), end in st.TRANSITIONS.items()}


def test_every_transition_of_the_figure_is_there() -> None:
    assert transitions() >= FIGURE_5


def test_what_is_not_in_the_figure_ends_a_connection() -> None:
    """RST, time-outs and replacement lead to CLOSED."""
    assert {end for _, end in transitions() - FIGURE_5} == {"CLOSED"}


def test_the_table_of_bytes_says_the_same() -> None:
    table = st.transition_table()
    assert len(table) == st.STATES * st.EVENTS
    for state in range(st.STATES):
        for event in range(st.EVENTS):
            assert table[state * st.EVENTS + event] == st.TRANSITIONS.get((state, event), st.NO_TRANSITION)


def test_the_diagram_holds_every_transition() -> None:
    drawn = mermaid()
    for begin, end in transitions():
        assert f"{begin} --> {end}" in drawn
