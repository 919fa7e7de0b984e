"""Captures analyzed in three steps that any `concurrent.futures.Executor` can run, wherever it runs them.

`split_file` reads one capture and writes its segments (see `run.rows`); `replay_part` plays one part's
segments of all captures, in the order of the whole, and writes what comes out; `merge_partials` joins two of
those. What passes between the steps lies in a store that fsspec opens, so a step that is lost with its
machine can be run again elsewhere. What a checkpoint keeps of a capture is not read again.
"""

from __future__ import annotations

import pickle
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b

import fsspec
from msgspec import Struct

from tcptrace_py.capture.error import CaptureError
from tcptrace_py.capture.presence import CELL_BITS
from tcptrace_py.findings.finding import Process
from tcptrace_py.report.model.builder import Sink
from tcptrace_py.report.model.model import Source
from tcptrace_py.run.captures import Captures, JobLost
from tcptrace_py.run.owners import Ends, Owners, owners_of
from tcptrace_py.run.partial import Partial
from tcptrace_py.run.pieces import Pieces, decoded
from tcptrace_py.run.replay import quoted_segment
from tcptrace_py.run.rows import CaptureRows, RowsFile, in_order
from tcptrace_py.run.session import Session, no_cycle_collection, sources_of
from tcptrace_py.run.store import from_json, one_line, read_bytes, stored, to_json, write_bytes
from tcptrace_py.run.tables import keep_begins, spooled
from tcptrace_py.settings import Settings
from tcptrace_py.tcp.tracker import RUN_SEGMENTS
from tcptrace_py.wire.decoder import Decoder
from tcptrace_py.wire.fragments import SetAside
from tcptrace_py.wire.icmp import IcmpError
from tcptrace_py.wire.place import place
from tcptrace_py.wire.result import FRAGMENT, ICMP_ERROR, SKIPPED_NAMES, TCP
from tcptrace_py.wire.segment import Segment

_PIECE = SKIPPED_NAMES[FRAGMENT]
# What a store tells of a file, under one name or another, that changes when the file does.
_TELLING = ("size", "mtime", "ETag", "etag", "LastModified", "last_modified", "md5Hash", "generation")


@dataclass(frozen=True, slots=True)
class Plan:
    """What all steps are told. ``store``: an URL of fsspec's, where what passes between them lies.

    ``checkpoint``: another, where the rows of captures stay. ``table``: connections are written for a table
    (see `run.tables`), whether or not they are listed.
    """

    store: str
    parts: int
    settings: Settings
    bpf: str | None
    connections: bool
    stats: bool
    checkpoint: str | None = None
    table: bool = False

    def partial(self, name: str) -> str:
        return f"{self.store}/partial-{name}.pickle"

    def spooled(self, part: int) -> str:
        """Where the connections of a part lie for a table."""
        return f"{self.store}/connections-{part}.arrow"

    def begins(self, name: str) -> str:
        """Where it lies when the connections of a part began, or of the whole."""
        return f"{self.store}/begins-{name}.pickle"


class Split(Struct):
    """What became of one capture: what the report tells of it, and where its rows lie."""

    source: Source | None
    warnings: list[str]
    complete: bool
    first_ns: int | None = None
    last_ns: int | None = None
    #: Frames that passed the filter.
    packets: int = 0
    skipped: dict[str, int] = {}
    unread: dict[int, int] = {}
    dropped: int | None = None
    #: The file's name, beside what else is in the store or the checkpoint; of each batch in it the part, and
    #: the checksum.
    rows: str = ""
    batches: list[tuple[int, int]] = []
    #: Frames with pieces of datagrams, which are beside the rows and not in these counts.
    pieces: int = 0
    pieces_checksum: int = 0
    #: When there were frames, by the capture's time: first and last of each cell.
    present: list[tuple[int, int]] = []
    #: Where the capture itself names processes.
    owners: list[tuple[Ends, Process]] = []

    def rows_of(self, plan: Plan, part: int, source: int) -> CaptureRows | None:
        """Where the rows of a part lie, if there are any. ``source``: the capture's index among all."""
        batches = [(number, checksum) for number, (its, checksum) in enumerate(self.batches) if its == part]
        if self.first_ns is None or not batches:
            return None
        return CaptureRows(self.first_ns, source, self.rows_at(plan), batches)

    def rows_at(self, plan: Plan) -> str:
        """Where all its rows lie, with the pieces beside them."""
        return self.rows if "/" in self.rows else f"{plan.checkpoint or plan.store}/{self.rows}"

    def pieces_at(self, plan: Plan) -> str:
        return f"{self.rows_at(plan)}.pieces"


class Kept(Struct):
    """What a checkpoint has of a capture. ``stamp``: what changes when that file changes."""

    path: str
    stamp: str
    split: Split


def kept_at(checkpoint: str, path: str) -> str:
    """Where what is kept of a capture is told."""
    return f"{checkpoint}/{_name_of(path)}.json"


def _name_of(path: str) -> str:
    return blake2b(path.encode("utf-8", "surrogateescape"), digest_size=16).hexdigest()


def split_file(plan: Plan, path: str) -> Split:
    """Read the capture ``path`` and write its rows, unless they are kept."""
    name = f"{_name_of(path)}-{uuid.uuid4().hex}.arrow"
    if plan.checkpoint is None:
        return _split(plan, path, f"{plan.store}/{name}", name)
    try:
        stamp = _stamp(path)
    except CaptureError as error:
        return Split(None, [str(error)], False)
    at = kept_at(plan.checkpoint, path)
    known = read_bytes(at)
    if known is not None:
        try:
            kept = from_json(known, Kept)
            if kept.path != path or "/" in kept.split.rows:
                raise ValueError("of another capture")
        except ValueError as error:
            raise JobLost(f"{at}: is damaged; without it {path} is read again") from error
        if stamp not in (None, kept.stamp):
            raise CaptureError(
                f"{path}: has changed since {plan.checkpoint} kept its records: another checkpoint is needed"
            )
        return kept.split
    split = _split(plan, path, f"{plan.checkpoint}/{name}", name)
    # One that was read in part, or changed meanwhile, is read again next time.
    if split.complete and stamp is not None and _stamp(path) == stamp:
        write_bytes(at, to_json(Kept(path, stamp, split)))
    return split


def _stamp(path: str) -> str | None:
    """What changes when the file does, None where there is no such file."""
    try:
        system, inside = fsspec.core.url_to_fs(path)
        # Another machine may have written there since this one looked.
        system.invalidate_cache()
        told = system.info(inside)
    except FileNotFoundError:
        return None
    except Exception as error:
        raise CaptureError(f"{path}: {one_line(error)}") from error
    return ", ".join(f"{name} {told[name]}" for name in _TELLING if told.get(name) is not None)


def _split(plan: Plan, path: str, url: str, name: str) -> Split:
    try:
        opened = Captures([path], plan.bpf)
    except CaptureError as error:
        return Split(None, str(error).split("\n"), False)
    aside = SetAside()
    decoder = Decoder(fragments=aside)
    pieces = Pieces(f"{url}.pieces")
    first_ns: int | None = None
    last_ns = 0
    packets = 0
    present: list[tuple[int, int]] = []
    cell_first_ns = cell_end_ns = 0
    with opened, no_cycle_collection(), RowsFile(url, plan.parts) as rows:
        for _, batch, lo, hi in opened.runs():
            decoder.begin(batch, 0)
            try:
                for i in range(lo, hi):
                    code = decoder.decode(batch, i)
                    ts_ns = batch.ts_ns[i]
                    first_ns = ts_ns if first_ns is None else min(first_ns, ts_ns)
                    if ts_ns >= cell_end_ns:
                        if packets:
                            present.append((cell_first_ns, last_ns))
                        cell_first_ns = ts_ns
                        cell_end_ns = ((ts_ns >> CELL_BITS) + 1) << CELL_BITS
                    last_ns = max(last_ns, ts_ns)
                    packets += 1
                    if aside.pieces_met != pieces.count:
                        pieces.add(batch, i, last_ns)
                    else:
                        _shelve(rows, plan.parts, decoder, code, last_ns)
            finally:
                decoder.end()
        pieces.close()
    reader = opened.readers[0]
    return Split(
        sources_of(opened.readers)[0],
        opened.warnings,
        opened.complete,
        first_ns,
        last_ns if packets else None,
        packets,
        # What becomes of the pieces is not known yet.
        {why: count - (pieces.count if why == _PIECE else 0) for why, count in decoder.skipped().items()},
        dict(decoder.unread),
        reader.dropped_by_kernel,
        name,
        rows.batches,
        pieces.count,
        pieces.checksum,
        [*present, (cell_first_ns, last_ns)] if packets else [],
        list(owners_of([path]).items()),
    )


def _shelve(rows: RowsFile, parts: int, decoder: Decoder, code: int, now_ns: int) -> None:
    """What the decoder found goes to the part that it is of."""
    segment = decoder.segment
    segment.now_ns = now_ns
    if code == TCP:
        rows.add(place(segment) % parts, segment, None)
    elif code == ICMP_ERROR and decoder.icmp_error is not None and decoder.icmp_error.tells:
        quoted = quoted_segment(decoder.icmp_error, segment.ts_ns, now_ns, segment.frame)
        rows.add(place(quoted) % parts, quoted, decoder.icmp_error)


def join_pieces(plan: Plan, pieces: Sequence[tuple[int, str, int]]) -> Split:
    """Put the datagrams of all captures together; what they carry, with frames of their own sources.

    ``pieces``: the source of each capture that has any, where they lie, and their checksum.
    """
    name = f"joined-{uuid.uuid4().hex}.arrow"
    decoder = Decoder()
    first_ns: int | None = None
    with RowsFile(f"{plan.store}/{name}", plan.parts) as rows:
        for code, piece in decoded(decoder, pieces):
            first_ns = piece.now_ns if first_ns is None else first_ns
            _shelve(rows, plan.parts, decoder, code, piece.now_ns)
    return Split(
        None, [], True, first_ns, skipped=decoder.skipped(), unread=dict(decoder.unread),
        rows=f"{plan.store}/{name}", batches=rows.batches,
    )  # fmt: skip


def replay_part(
    plan: Plan,
    part: int,
    captures: Sequence[CaptureRows],
    end_ns: int,
    gaps: Sequence[tuple[int, int]],
    owners: Owners,
) -> str:
    """Play the rows of one part; where the `Partial` lies then.

    ``end_ns``: the last moment of all; ``gaps``: the silences of all; ``owners``: who holds which ends.
    """
    if not plan.table:
        partial = _replay(plan, captures, end_ns, gaps)
    else:
        with spooled(plan.spooled(part), owners) as sink:
            partial = _replay(plan, captures, end_ns, gaps, sink)
        keep_begins(plan.begins(str(part)), (partial.begins, partial.stream_begins))
    url = plan.partial(str(part))
    write_partial(partial, url)
    return url


def _replay(
    plan: Plan,
    captures: Sequence[CaptureRows],
    end_ns: int,
    gaps: Sequence[tuple[int, int]],
    sink: Sink | None = None,
) -> Partial:
    session = Session(
        plan.settings,
        connections=plan.connections,
        sink=sink,
        stats=plan.stats,
        peers=plan.connections or sink is not None,
        part=1,
        parts=2,
    )
    tracker = session.tracker
    for begin_ns, gap_end_ns in gaps:
        tracker.gaps.add(begin_ns, gap_end_ns)
    segments = [Segment() for _ in range(RUN_SEGMENTS)]
    with no_cycle_collection():
        for reader, beside, lo, hi in in_order(captures):
            row = lo
            while row < hi:
                count = 0
                error: IcmpError | None = None
                while row < hi and count < RUN_SEGMENTS and error is None:
                    segment = segments[count]
                    reader.fill(row, segment)
                    more = beside.get(row)
                    row += 1
                    if more is not None:
                        segment.tunnel = more.tunnel
                        error = more.error
                    if error is None:
                        count += 1
                tracker.run(segments, count)
                if error is not None:
                    tracker.unreachable(error, segments[count])
            session.drain()
        session.end(end_ns)
    session.partial.counts.first_ns = session.partial.counts.last_ns = None
    session.partial.counts.tcp_segments = tracker.segments
    return session.partial


def merge_partials(plan: Plan, name: str, first: str, second: str) -> str:
    """Merge what lies at two URLs; where the result lies."""
    into = read_partial(first)
    into.merge(read_partial(second))
    url = plan.partial(name)
    write_partial(into, url)
    return url


def write_partial(partial: Partial, url: str) -> None:
    with stored(url, "written"), fsspec.open(url, "wb") as file:
        pickle.dump(partial, file, protocol=pickle.HIGHEST_PROTOCOL)


def read_partial(url: str) -> Partial:
    """What a step of this run wrote there."""
    with stored(url, "read"), fsspec.open(url, "rb") as file:
        partial: Partial = pickle.load(file)
    return partial
