from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tcptrace_py.cli.durations import LONGEST_S, format_duration, parse_duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("30s", 30.0),
        ("2m", 120.0),
        ("2min", 120.0),
        ("500ms", 0.5),
        ("1.5h", 5400.0),
        ("1d", 86400.0),
        ("250us", 0.00025),
        ("1h30m", 5400.0),
        ("1h 30m 5s", 5405.0),
        (" 10 s ", 10.0),
        ("45", 45.0),
        (".5", 0.5),
        ("2.", 2.0),
        ("0", 0.0),
    ],
)
def test_forms(text: str, seconds: float) -> None:
    assert parse_duration(text) == pytest.approx(seconds, rel=1e-12)


@pytest.mark.parametrize(
    "text",
    ["", " ", "s", "5 parsecs", "-5", "-5s", "+5s", "1e3", "nan", "inf", "5s6", "1h-30m", "3O s", "٣s", "5S"],
)
def test_what_is_no_duration_is_told_with_the_forms(text: str) -> None:
    with pytest.raises(ValueError, match="30s, 2m, 500ms, 1.5h"):
        parse_duration(text)


def test_longer_than_any_clock_is_refused() -> None:
    with pytest.raises(ValueError, match="ten years"):
        parse_duration("4000000d")
    with pytest.raises(ValueError, match="ten years"):
        parse_duration("9" * 400)


@given(st.integers(min_value=0, max_value=int(LONGEST_S)))
def test_whole_seconds_come_back_exactly(seconds: int) -> None:
    assert parse_duration(f"{seconds}s") == parse_duration(str(seconds)) == seconds


@given(st.integers(min_value=0, max_value=99_999).map(lambda n: n / 100))
def test_what_is_written_can_be_read(seconds: float) -> None:
    assert parse_duration(format_duration(seconds)) == seconds


@given(st.text(max_size=20))
def test_any_text_gives_seconds_or_a_value_error(text: str) -> None:
    try:
        seconds = parse_duration(text)
    except ValueError:
        return
    assert 0 <= seconds <= LONGEST_S
