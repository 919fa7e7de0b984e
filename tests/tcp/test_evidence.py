"""Evidence is bounded, and what a reading may name of it is known."""

from __future__ import annotations

from tcptrace_py.tcp.evidence import Evidence, Passes, Rst


def test_every_frame_that_it_holds_may_be_named() -> None:
    end = Evidence()
    frames = set()
    holders: list[tuple[object, str]] = [(end, name) for name in dir(end) if name.endswith("_frame")]
    for name in dir(end):
        held = getattr(end, name)
        if isinstance(held, Passes):
            holders += [(held, each) for each in ("first", "later", "kept", "last")]
    for number, (holder, name) in enumerate(holders, 1):
        setattr(holder, name, number)
        frames.add(number)
    end.rsts.append(Rst(1_000, 0, 0, 0, 0, 0))
    assert len(frames) > 30
    assert set(end.frames()) == {*frames, 1_000}
