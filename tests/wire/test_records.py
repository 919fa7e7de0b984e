"""Rows of segments: what is read is what was written, at the ends of every field's range too."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from tcptrace_py.wire.records import ROW_BYTES, RowReader, RowWriter
from tcptrace_py.wire.segment import Segment

_LEAST = {"tls_alert": -1, "mss_bytes": -1, "window_scale": -1, "fast_open_cookie_bytes": -1}
_MOST = {
    **dict.fromkeys(("ts_ns", "now_ns", "frame"), 2**63 - 1),
    **dict.fromkeys(("src_hi", "src_lo", "dst_hi", "dst_lo"), 2**64 - 1),
    **dict.fromkeys(
        ("seq", "ack", "payload_bytes", "ts_val", "ts_ecr", "sack_left", "sack_right"), 2**32 - 1
    ),
    **dict.fromkeys(("src_port", "dst_port", "window", "checksum", "ip_id", "mss_bytes"), 2**16 - 1),
    **dict.fromkeys(("flags", "ttl"), 255),
    "tls_alert": 2**15 - 2,
    "begins_with": 6,
    "mptcp": 2**16 - 1,
    "window_scale": 14,
    "sack_blocks": 31,
    "fast_open_cookie_bytes": 38,
    "ip_version": 6,
    "sack_permitted": True,
    "has_timestamps": True,
}
_FIELDS = st.fixed_dictionaries(
    {
        name: st.booleans() if most is True else st.integers(_LEAST.get(name, 0), most)
        for name, most in _MOST.items()
    }
)


def test_every_field_travels() -> None:
    fields = {name for name in dir(Segment()) if not name.startswith("_")}
    assert fields - {"tunnel"} == set(_MOST)


@settings(deadline=None)
@given(st.lists(_FIELDS, min_size=1, max_size=5))
def test_what_is_read_is_what_was_written(rows: list[dict[str, int]]) -> None:
    writer = RowWriter(5)
    for number, fields in enumerate(rows, 1):
        segment = Segment()
        for name, value in fields.items():
            setattr(segment, name, value)
        assert writer.add(segment) == number
    written = writer.rows()
    assert len(written) == ROW_BYTES * len(rows)
    assert writer.count == 0
    reader = RowReader(written)
    assert reader.count == len(rows)
    segment = Segment()
    for row, fields in enumerate(rows):
        reader.fill(row, segment)
        assert {name: getattr(segment, name) for name in fields} == fields
        assert reader.now_ns(row) == fields["now_ns"]
