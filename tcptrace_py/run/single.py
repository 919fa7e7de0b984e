"""From captures to one connection of theirs, segment by segment: wires the rooms together.

The tracker that `tcptrace_py.run.analyze` uses follows every connection here too, so ids,
incarnations of a reused four-tuple and states are those of the report. The captures are read
once, and no further than the wanted connection goes, so they may come through a pipe.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

from tcptrace_py.capture.batch import FrameBatch
from tcptrace_py.capture.cut import KeptFrames
from tcptrace_py.capture.error import CaptureError
from tcptrace_py.findings.diagnosis import Diagnosis
from tcptrace_py.findings.finding import Finding
from tcptrace_py.report.model.model import Connection as ConnectionRecord
from tcptrace_py.report.model.passage import Passage
from tcptrace_py.report.model.record import connection_record
from tcptrace_py.report.people.wanted import Wanted
from tcptrace_py.run.captures import Captures, Progress
from tcptrace_py.run.following import Followed, Following
from tcptrace_py.run.owners import name_connection, name_findings, owners_of
from tcptrace_py.run.replay import Replay
from tcptrace_py.run.session import no_cycle_collection
from tcptrace_py.settings import Settings
from tcptrace_py.tcp.codes import BY_LISTENER
from tcptrace_py.tcp.connection import Connection
from tcptrace_py.wire.address import address_text
from tcptrace_py.wire.icmp import IcmpError

# Matches that are named where a name fits several connections.
_NAMED = 8


class NoSuchConnection(LookupError):
    """No connection of the captures is meant, or it can not be told which; the text is one line."""


@dataclass(frozen=True, slots=True)
class SingleConnection:
    """One connection: its record in the report, its findings, and what passed on it in order.

    ``findings`` are about this connection alone, evidence complete. ``frames``: its frames, to be
    cut out; None where they were not asked for. ``paths``: the captures that were read, by the
    ``source`` of a passage. ``complete`` and ``warnings`` mean what they mean in a report, for
    what was read.
    """

    record: ConnectionRecord
    findings: list[Finding]
    passages: list[Passage]
    frames: KeptFrames | None
    paths: list[str]
    complete: bool
    warnings: list[str]


def single(
    *captures: str | os.PathLike[str],
    wanted: Wanted,
    settings: Settings | None = None,
    bpf: str | None = None,
    keep_frames: bool = False,
    progress: Progress | None = None,
) -> SingleConnection:
    """Read captures as `analyze` does and follow the connection that ``wanted`` means.

    Raises ``CaptureError`` as `analyze` does, and if nothing could be read to its end and the
    connection is not in what was read; ``NoSuchConnection`` if none, or more than one, is meant.
    """
    with Captures(captures, bpf) as opened:
        follower = _Follower(settings or Settings(), wanted, KeptFrames() if keep_frames else None)
        with no_cycle_collection():
            try:
                for source, batch, lo, hi in opened.runs(progress):
                    follower.run(batch, source, lo, hi)
                    if follower.found is not None and wanted.id is not None:
                        break
                else:
                    follower.end()
            finally:
                # Nobody else takes connections and their endpoints apart.
                follower.forget()
    complete, warnings = opened.complete, opened.warnings
    if follower.found is not None and wanted.id is not None and not follower.at_end:
        # What is wrong behind the connection's end, where nobody looks, is no matter.
        problems = [reader.problem for reader in opened.readers]
        warnings = [line for line in warnings if line not in problems]
        complete = not opened.unopened
    if follower.found is None or follower.matches > 1:
        missing = follower.missing(opened.paths)
        if not complete and follower.matches < 2:
            raise CaptureError("\n".join([*warnings, missing]))
        raise NoSuchConnection(missing)
    record, findings, passages = follower.found
    owners = owners_of(captures)
    name_connection(record, owners)
    name_findings(findings, owners)
    if follower.frames is not None:
        follower.frames.keep_only([passage.frame_id for passage in passages])
    return SingleConnection(
        record=record,
        findings=findings,
        passages=passages,
        frames=follower.frames,
        paths=opened.paths,
        complete=complete,
        warnings=warnings,
    )


class _Follower:
    """Replays frames one by one and keeps what the tracker gives to the wanted connection."""

    def __init__(self, settings: Settings, wanted: Wanted, frames: KeptFrames | None) -> None:
        self.frames = frames
        self.matches = 0
        self.at_end = False
        #: The wanted connection, once the tracker is done with it.
        self.found: tuple[ConnectionRecord, list[Finding], list[Passage]] | None = None
        self._settings = settings
        self._wanted = wanted
        self._replay = Replay(settings)
        self._tracker = self._replay.tracker
        self._with_older = Diagnosis(settings, self._tracker.gaps)
        self._ids: list[int] = []
        self._target: Connection | None = None
        #: The target, where its roles wait for the listeners that are still to be seen.
        self._undecided: Connection | None = None
        self._icmp_error: object = None
        self._following = Following(self._replay, self._follows, None if frames is None else self._keep)

    def run(self, batch: FrameBatch, source: int, lo: int, hi: int) -> None:
        """Frames ``lo <= i < hi``. Stops where the wanted connection is over, if only one can be meant."""
        replay, tracker = self._replay, self._tracker
        for i in range(lo, hi):
            if not self._following.frame(batch, source, i):
                if replay.decoder.icmp_error is not self._icmp_error:
                    self._icmp_error = replay.decoder.icmp_error
                    self._icmp(batch, i)
            if tracker.finished:
                self._drain(at_end=False)
                if self.found is not None and self._wanted.id is not None:
                    return

    def forget(self) -> None:
        """Nothing more is asked of the connections that are not the wanted one."""
        self._tracker.forget()

    def end(self) -> None:
        """The captures are read to their end."""
        self.at_end = True
        self._tracker.tick(self._replay.last_ns)
        self._drain(at_end=False)
        self._tracker.end()
        self._drain(at_end=True)
        if self._undecided is not None:
            self._tracker.listeners.guess(self._undecided)
            self._find(self._undecided, at_end=False)
            self._tracker.release(self._undecided)

    def missing(self, paths: Sequence[str]) -> str:
        """Why there is no connection to show, in one line."""
        count = self._tracker.connections
        where = "the captures" if len(paths) > 1 else "standard input" if paths[0] == "-" else paths[0]
        if self.matches > 1:
            ids = ", ".join(map(str, self._ids)) + (", ..." if self.matches > len(self._ids) else "")
            return f"{self.matches:,} connections match {self._wanted.text}: give one's id ({ids})"
        if not count:
            return f"{where}: no TCP connection in it"
        if self._wanted.id is None:
            return f"{where}: no connection has {self._wanted.text}"
        held = "1 connection: 0" if count == 1 else f"{count:,} connections: 0 to {count - 1}"
        return f"{where}: no connection {self._wanted.id} ({held})"

    def _follows(self, connection: Connection) -> Followed | None:
        """A connection that was not there before; is it the wanted one?"""
        if not self._wanted.means(connection):
            return None
        self.matches += 1
        if len(self._ids) < _NAMED:
            self._ids.append(connection.id)
        if self.matches == 1:
            self._target = connection
            return Followed(connection)
        # It can not be told which is meant: only their ids are wanted from now on.
        self._target = None
        self._following.followed.clear()
        return None

    def _icmp(self, batch: FrameBatch, i: int) -> None:
        target = self._target
        frame_id = self._replay.decoder.segment.frame
        if target is None or target.rare.unreachable_frame != frame_id:
            return
        followed = self._following.followed.get(target.id)
        error = target.rare.unreachable
        if followed is not None and isinstance(error, IcmpError):
            reporter = address_text(error.reporter_hi, error.reporter_lo, error.ip_version)
            text = f"ICMP from {reporter}: {error.reason}"
            ts_ns = target.rare.unreachable_ns
            followed.add(False, Passage(frame_id, ts_ns, False, 0, 0, 0, 0, 0, text, icmp=True))
            self._keep(frame_id, batch, i)

    def _keep(self, frame_id: int, batch: FrameBatch, i: int) -> None:
        if self.frames is not None:
            self.frames.add(
                frame_id,
                batch.ts_ns[i],
                batch.link_type[i],
                batch.original[i],
                bytes(batch.data[batch.offset[i] : batch.offset[i] + batch.captured[i]]),
            )

    def _drain(self, *, at_end: bool) -> None:
        tracker = self._tracker
        finished = tracker.finished
        tracker.finished = []
        for connection in finished:
            if connection is self._target:
                if connection.roles_basis >= BY_LISTENER and not self.at_end:
                    # Its roles are a guess, and listeners are still to come.
                    self._undecided = connection
                    continue
                self._find(connection, at_end)
            elif connection.rare.reused_by >= 0 and connection.rare.reused_by == self._wanted.id:
                self._with_older.look(connection, at_end, connection.over_ns)
            tracker.release(connection)

    def _find(self, connection: Connection, at_end: bool) -> None:
        kinds, findings = self._diagnose(connection, at_end)
        record = connection_record(connection, kinds)
        # None where a second connection has come that may be meant.
        followed = self._following.followed.pop(connection.id, None)
        passages = [] if followed is None else followed.passages(bool(connection.client_is_a))
        self.found = (record, findings, passages)

    def _diagnose(self, connection: Connection, at_end: bool) -> tuple[list[str], list[Finding]]:
        """What is wrong with the wanted connection; what it shares with the older one on its ports too."""
        tracker = self._tracker
        alone = Diagnosis(self._settings, tracker.gaps)
        kinds = alone.look(connection, at_end, connection.over_ns)
        both = self._with_older.look(connection, at_end, connection.over_ns)
        told = alone.findings(tracker.time_wait, tracker.last_ns)
        kinds = tuple(alone.revise(connection.id, kinds))
        both = tuple(alone.revise(connection.id, both))
        found = [each for each in told if each.kind in kinds]
        shared = [kind for kind in both if kind not in kinds]
        if shared:
            together = self._with_older.findings(tracker.time_wait, tracker.last_ns)
            found += [each for each in together if each.kind in shared]
        return list(both), found
