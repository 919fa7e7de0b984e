"""Our figures against tcptrace's own reference reports."""

from __future__ import annotations

import pytest

from .tcptrace_report import parse_long
from .tcptrace_table import CORPUS, FIGURES, rows, table, totals

needs_corpus = pytest.mark.skipif(not CORPUS.is_dir(), reason="no captures of tcptrace's authors here")

LONG = """\
TCP connection info:
1 TCP connection traced:
TCP connection 1:
	host a:        10.0.0.1:40000
	host b:        10.0.0.2:80
	complete conn: no	(SYNs: 2)  (FINs: 0)
   a->b:			      b->a:
     total packets:             8           total packets:            10      
     SYN/FIN pkts sent:       1/1           SYN/FIN pkts sent:       1/0      
     mss requested:          1460 bytes     mss requested:             0 bytes
     initial window:          280 bytes     initial window:           64 bytes
     initial window:            1 pkts      initial window:            2 pkts 
     idletime max:           74.9 ms        idletime max:             NA ms   

     RTT samples:               3           RTT samples:               6      
"""  # noqa: W291


def test_a_long_report_is_read() -> None:
    (connection,) = parse_long(LONG)
    assert connection.hosts == ["10.0.0.1:40000", "10.0.0.2:80"]
    assert connection.figures == (
        {
            "total packets": "8",
            "SYN/FIN pkts sent": "1/1",
            "mss requested": "1460",
            "initial window bytes": "280",
            "initial window pkts": "1",
            "idletime max": "74.9",
            "RTT samples": "3",
        },
        {
            "total packets": "10",
            "SYN/FIN pkts sent": "1/0",
            "mss requested": "0",
            "initial window bytes": "64",
            "initial window pkts": "2",
            "idletime max": "NA",
            "RTT samples": "6",
        },
    )


@needs_corpus
def test_every_figure_is_equal_or_explained() -> None:
    assert [row for row in rows() if row.verdict == "DIFFERS"] == []
    compared, equal, explained = totals()
    assert compared == equal + explained
    # All 148 connections in both directions; a reason that holds too often would hide a mistake.
    assert compared > 11_000
    assert explained <= 138


@needs_corpus
def test_every_figure_is_compared() -> None:
    assert {row.label for row in rows()} == set(FIGURES)


@needs_corpus
def test_the_table_has_a_row_for_each_figure_and_the_totals() -> None:
    lines = table().splitlines()
    compared, equal, explained = totals()
    assert lines[1 : len(FIGURES) + 1] == [line for line in lines if line.startswith(tuple(FIGURES))]
    assert lines[len(FIGURES) + 1].split() == ["all", str(compared), str(equal), str(explained)]
    assert not any(line.startswith("DIFFERS") for line in lines)
