"""Wireshark's display filters for what a report tells of."""

from __future__ import annotations

from collections.abc import Iterable

#: Streams, or runs of streams that follow each other, in one filter at most: what a field takes comfortably.
RUNS = 200


def stream_filter(streams: Iterable[int]) -> str:
    """``tcp.stream == 2``, ``tcp.stream in {2, 7, 11..14}``; the lowest where there are very many."""
    runs: list[list[int]] = []
    for stream in sorted(set(streams)):
        if runs and stream == runs[-1][1] + 1:
            runs[-1][1] = stream
        else:
            runs.append([stream, stream])
    if not runs:
        return ""
    if len(runs) == 1 and runs[0][0] == runs[0][1]:
        return f"tcp.stream == {runs[0][0]}"
    told = [f"{first}" if first == last else f"{first}..{last}" for first, last in runs[:RUNS]]
    return f"tcp.stream in {{{', '.join(told)}}}"
