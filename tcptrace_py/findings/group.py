"""Grouping by culprit, in memory bounded by the number of culprits that we are willing to list.

Compiled (see ``group.pxd``).
"""

from __future__ import annotations

from array import array
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from heapq import heapify, heapreplace

from msgspec.structs import replace

from tcptrace_py.findings.case import Case, other
from tcptrace_py.findings.crowd import POINTS, Crowd
from tcptrace_py.findings.distinct import Distinct, mix
from tcptrace_py.findings.finding import (
    CERTAIN,
    CONFIDENCES,
    LIKELY,
    POSSIBLE,
    Confidence,
    Evidence,
    Finding,
    Role,
    Severity,
    Subject,
)
from tcptrace_py.findings.least import Least
from tcptrace_py.findings.wording import socket_name, times
from tcptrace_py.wire.address import address_text

#: Instants at which a trend counts.
_TREND = 12
#: Culprits listed for one kind; those beyond are counted together as "others".
GROUPS = 10_000
#: Ids listed for one finding, the lowest; and for all findings of a kind, an equal share for each culprit
#: where there are many.
IDS = 1000
_ALL_IDS = 128 * IDS
_LEAST_IDS = 10
#: Points in time of all crowds of a kind, likewise.
_ALL_POINTS = 32 * POINTS
_LEAST_POINTS = 64
#: Connections of a group that evidence is kept of, those with the lowest ids; and of all groups of a kind,
#: so that a thousand are full with the first of each: later ones come by and by, for days.
_EXAMPLES = 3
_ALL_EXAMPLES = 1024
#: Room in all is for so many culprits, with 64 ids and points each; where fewer may be listed it is so much
#: less, so that it is full soon, but for so many at least.
_ROOM_FOR = 2000
_ROOM_LEAST = 250
#: What rests on fewer packets is possible, and a warning at most.
_ENOUGH = 4
#: Role, side, variant, IP version, address (two halves), port of the service.
Key = tuple[Role, Role, str, int, int, int, int]
#: So many groups that each met the same one endpoint are a finding about that endpoint.
MANY = 10


class Group:
    """The connections of one culprit: exact counts, the first examples, who was on the other side.

    A group *about the peer* is about the endpoint that many single culprits had on the other side: one
    client that found 60,000 ports closed, one service whose 500 clients all vanished.
    """

    def __init__(
        self, role: Role, side: Role, version: int, hi: int, lo: int, port: int, variant: str
    ) -> None:
        self.role: Role = role
        #: What the culprits are, ``client`` or ``server``, also where ``role`` is another.
        self.side: Role = side
        self.version = version
        self.hi = hi
        self.lo = lo
        #: The listening port that the connections go to, -1 if there is no one such.
        self.service_port = port
        self.variant = variant
        self.about_peer = False
        #: Of a group about a client and many services: their addresses (if it is about the peer) and ports,
        #: as far as each is listed.
        self.hosts = 0
        self.ports = 0
        self.count = 0
        self.first_ns = 0
        self.last_ns = 0
        #: Connections that it is certain of, and likely; of the others it is possible.
        self.certain = 0
        self.likely = 0
        #: Packets that passed of its connections, counted as far as `_ENOUGH`.
        self.packets = 0
        #: Addresses on the other side.
        self.peers = Distinct()
        self.sole_peer = (0, 0, 0)
        #: The culprits, where there are many.
        self.targets = Distinct()
        #: What a family counts.
        self.tally: defaultdict[str, int] = defaultdict(int)
        #: Shortest and longest of the durations that a family measures, -1 before the first.
        self.least_ns = -1
        self.most_ns = -1
        #: Those that ``Handshakes.look_at_attempt`` counted and that are not in the tally yet: how many, and
        #: how many from inside.
        self.alone = 0
        self.alone_inside = 0
        self.crowd: Crowd | None = None
        self._points = POINTS
        self._ids = Least(IDS)
        self._examples: list[tuple[int, list[Evidence]]] = []
        self._examples_most = _EXAMPLES

    def add(self, case: Case, by: int, first_ns: int, last_ns: int, confidence: int) -> None:
        """Count a connection whose endpoint ``by`` is the culprit."""
        connection = case.connection
        peer = case.endpoint(other(by))
        packets = 0
        if self.packets < _ENOUGH:
            packets = connection.a.packets + connection.b.packets
            if connection.rare.reused_frame:
                # The SYN that began anew on its ports.
                packets += 1
        self.count_one(
            connection.id,
            connection.ip_version,
            peer.address_hi,
            peer.address_lo,
            packets,
            first_ns,
            last_ns,
            confidence,
        )

    def count_one(
        self,
        connection: int,
        version: int,
        peer_hi: int,
        peer_lo: int,
        packets: int,
        first_ns: int,
        last_ns: int,
        confidence: int,
    ) -> None:
        """Count a connection by its id, the address on the other side, and how many packets passed of it."""
        if not self.count:
            self.first_ns = first_ns
            self.last_ns = last_ns
            self.sole_peer = (version, peer_hi, peer_lo)
        elif first_ns < self.first_ns:
            self.first_ns = first_ns
        if last_ns > self.last_ns:
            self.last_ns = last_ns
        self.count += 1
        if confidence == CERTAIN:
            self.certain += 1
        elif confidence == LIKELY:
            self.likely += 1
        if self.packets < _ENOUGH:
            self.packets = min(self.packets + packets, _ENOUGH)
        self.peers.add(peer_hi, peer_lo)
        self._ids.add(connection)

    def add_id(self, connection: int) -> None:
        # A connection may be listed for two reasons: it reused a port, and its port was reused.
        self._ids.add(connection)

    def ids(self) -> list[int]:
        """The ids that are listed, in order."""
        return self._ids.numbers.tolist()

    def stay(self, begin_ns: int, end_ns: int | None) -> None:
        """One of its sockets was stuck from then to then; ``None``: to the end, and beyond."""
        if self.crowd is None:
            self.crowd = Crowd(self._points)
        self.crowd.stay(begin_ns, end_ns)

    def narrow(self, culprits: int) -> None:
        """Be one of so many: take no more room than each of them may."""
        self._ids.narrow(max(_LEAST_IDS, _ALL_IDS // culprits))
        self._points = min(self._points, max(_LEAST_POINTS, _ALL_POINTS // culprits))
        if self.crowd is not None:
            self.crowd.narrow(self._points)
        self._examples_most = min(self._examples_most, max(1, _ALL_EXAMPLES // culprits))
        del self._examples[self._examples_most :]

    def measure(self, ns: int) -> None:
        if ns > self.most_ns:
            self.most_ns = ns
        if self.least_ns < 0 or ns < self.least_ns:
            self.least_ns = ns

    def wants_example(self, connection: int) -> bool:
        """Would an example of this connection be kept? (Then it is worth writing.)"""
        if len(self._examples) < self._examples_most:
            return True
        last = self._examples[self._examples_most - 1]
        return connection < last[0]

    def example(self, connection: int, evidence: list[Evidence]) -> None:
        """Evidence of one connection; kept if there are none of lower ids."""
        self._examples.append((connection, evidence))
        self._examples.sort(key=lambda example: example[0])
        del self._examples[self._examples_most :]

    def preface(self, evidence: Evidence) -> None:
        """Begin each example with a line of what the whole capture knows."""
        self._examples = [(connection, [evidence, *lines]) for connection, lines in self._examples]

    @property
    def key(self) -> Key:
        return (self.role, self.side, self.variant, self.version, self.hi, self.lo, self.service_port)

    def merge(self, group: Group) -> None:
        """Take in another group, which stays as it is."""
        self.absorb(group)
        self.peers.merge(group.peers)
        self.targets.merge(group.targets)

    def absorb(self, group: Group) -> None:
        """Take in another group, all but who was on its other side and whom it stands for."""
        if not self.count:
            self.first_ns = group.first_ns
            self.last_ns = group.last_ns
            self.sole_peer = group.sole_peer
        self.first_ns = min(self.first_ns, group.first_ns)
        self.last_ns = max(self.last_ns, group.last_ns)
        self.count += group.count
        self.certain += group.certain
        self.likely += group.likely
        self.packets = min(self.packets + group.packets, _ENOUGH)
        self.alone += group.alone
        self.alone_inside += group.alone_inside
        for what, n in group.tally.items():
            self.tally[what] += n
        for ns in (group.least_ns, group.most_ns):
            if ns >= 0:
                self.measure(ns)
        if group.crowd is not None:
            if self.crowd is None:
                self.crowd = Crowd(self._points)
            self.crowd.merge(group.crowd)
        self._ids.merge(group._ids)
        for connection, evidence in group._examples:
            self.example(connection, evidence)

    def renumber(self, numbers: Sequence[int]) -> None:
        """Connections have other ids now, in the same order: ``numbers[id]``."""
        self._ids.replace(array("Q", [numbers[connection] for connection in self._ids.numbers]))
        self._examples = [
            (
                numbers[connection],
                [replace(line, connection=numbers[line.connection]) for line in evidence],
            )
            for connection, evidence in self._examples
        ]

    def subject(self) -> Subject:
        if self.role == "others":
            return Subject("others", None, None)
        address = address_text(self.hi, self.lo, self.version)
        if self.role == "server":
            return Subject("server", address, self.service_port)
        return Subject(self.role, address, None, self._toward())

    def _toward(self) -> str:
        if self.about_peer:
            return self.targets.say("service")
        if self.service_port < 0:
            ports = times(self.ports, "port")
            version, hi, lo = self.sole_peer
            return f"{ports} of {address_text(hi, lo, version)}" if self.peers.count() == 1 else ports
        if self.peers.count() != 1:
            return f":{self.service_port}"
        version, hi, lo = self.sole_peer
        return socket_name(version, hi, lo, self.service_port)

    def who(self) -> str:
        """The culprit or culprits, to begin a sentence with."""
        many = "service" if self.side == "server" else "client"
        if self.about_peer:
            name = self.targets.say(many)
        elif self.role == "others":
            return f"Others, too many to list one by one ({self.targets.say('more ' + many)}),"
        else:
            subject = self.subject()
            name = Subject(subject.role, subject.address, subject.port).label()
        return name[0].upper() + name[1:]

    def they(self) -> str:
        """The other side: ``client 10.0.0.9``, ``server 10.0.0.20:80``, ``30 client addresses``."""
        if self.about_peer:
            subject = self.subject()
            return Subject(subject.role, subject.address, subject.port).label()
        version, hi, lo = self.sole_peer
        if self.side == "server":
            if self.peers.count() == 1:
                return f"client {address_text(hi, lo, version)}"
            return self.peers.say("client address", "client addresses")
        if self.peers.count() == 1:
            if self.service_port < 0:
                return f"server {address_text(hi, lo, version)}"
            return f"server {socket_name(version, hi, lo, self.service_port)}"
        port = f" (port {self.service_port})" if self.service_port >= 0 else ""
        return self.peers.say("server address", "server addresses") + port

    def socket_filter(self) -> str:
        """What selects these sockets on a culprit's host, for ``ss``; empty if nothing does."""
        if self.service_port < 0:
            return ""
        return f"{'sport' if self.side == 'server' else 'dport'} = :{self.service_port}"

    def connections(self) -> str:
        return times(self.count, "connection")

    def confidence(self) -> Confidence:
        """That which at least half of the connections reach; what rests on few packets is only possible."""
        return CONFIDENCES[POSSIBLE] if self.packets < _ENOUGH else self.of_most()

    def of_most(self) -> Confidence:
        """That which at least half of the connections reach."""
        if self.certain * 2 >= self.count:
            return CONFIDENCES[CERTAIN]
        return CONFIDENCES[LIKELY if (self.certain + self.likely) * 2 >= self.count else POSSIBLE]

    def trend(self, end_ns: int) -> list[int]:
        """Sockets of the crowd at once, at even instants from the first to ``end_ns``."""
        if self.crowd is None or end_ns <= self.first_ns:
            return []
        return [n for _, n in self.crowd.samples(self.first_ns, end_ns, _TREND)]

    def finding(
        self, kind: str, severity: Severity, explanation: str, remedy: str, trend: Sequence[int] = ()
    ) -> Finding:
        if severity == "critical" and self.packets < _ENOUGH:
            severity = "warning"
        return Finding(
            kind=kind,
            severity=severity,
            subject=self.subject(),
            count=self.count,
            connections=self.ids(),
            first_ns=self.first_ns,
            last_ns=self.last_ns,
            evidence=[line for example in self._examples for line in example[1]],
            explanation=explanation,
            remedy=remedy,
            confidence=self.confidence(),
            trend=list(trend),
        )


class Groups:
    """The groups of one kind, by culprit and (where causes differ in their remedy) variant.

    A server is told by address and port; a client by its address and the port of the service
    it talks to, since its own port changes with each connection. Of more culprits than ``limit``
    those with the least hashes are kept: the same ones in whatever order they came, so that
    ``merge`` does not depend on who was shown what. The more there are, the less room each has for ids,
    examples and its crowd: by powers of two, so that this too follows from who the culprits are. Parts that
    are merged are told the same ``limit``.
    """

    def __init__(self, limit: int = GROUPS) -> None:
        self._limit = limit
        #: Each has as little room as if there were so many times more culprits.
        self._crowding = 1
        self._groups: dict[Key, Group] = {}
        #: Room is made for so many.
        self._culprits = 1
        self._others: dict[tuple[str, str], Group] = {}
        #: Once there are ``limit``: those kept, the largest hash first.
        self._ranks: list[tuple[int, Key]] = []
        #: The one asked for last: in a flood it is the next one too.
        self._latest: Group | None = None

    def limit(self, limit: int) -> None:
        """List no more culprits than that, in as much less room; to be said before there is any."""
        self._limit = min(self._limit, limit)
        self._crowding = max(1, _ROOM_FOR // max(self._limit, _ROOM_LEAST))

    def __len__(self) -> int:
        return len(self._groups) + len(self._others)

    def of(self, case: Case, by: int, variant: str = "") -> Group:
        """The group of endpoint ``by`` of this connection."""
        endpoint = case.endpoint(by)
        role = case.role(by)
        port = endpoint.port if role == "server" else case.endpoint(other(by)).port
        return self.at(
            role, case.connection.ip_version, endpoint.address_hi, endpoint.address_lo, port, variant
        )

    def at(self, role: Role, version: int, hi: int, lo: int, port: int, variant: str = "") -> Group:
        """The group of a culprit by its address, and the port of the service."""
        group = self._latest
        if (
            group is not None
            and group.lo == lo
            and group.service_port == port
            and group.hi == hi
            and group.version == version
            and group.role == role
            and group.variant == variant
        ):
            return group
        group = self.named((role, role, variant, version, hi, lo, port))
        if group.role == "others":
            first, second = _target(role, hi, lo, port)
            group.targets.add(first, second)
        else:
            self._latest = group
        return group

    def named(self, key: Key) -> Group:
        """The group of that key, made if need be; where it is not among those kept, that of the others."""
        group = self._groups.get(key)
        if group is not None:
            return group
        if key[0] == "others":
            return self._other(key[1], key[2])
        if len(self._groups) < self._limit:
            if len(self._groups) >= self._culprits:
                self._culprits *= 2
                for each in self:
                    each.narrow(self._culprits * self._crowding)
            return self._begin(key)
        if not self._ranks:
            self._ranks = [_rank(each) for each in self._groups]
            heapify(self._ranks)
        rank = _rank(key)
        if rank <= self._ranks[0]:
            return self._other(key[1], key[2])
        gone = self._groups.pop(heapreplace(self._ranks, rank)[1])
        self._latest = None
        self._other(gone.side, gone.variant).merge(_as_target(gone))
        return self._begin(key)

    def _begin(self, key: Key) -> Group:
        role, side, variant, version, hi, lo, port = key
        group = self._groups[key] = Group(role, side, version, hi, lo, port, variant)
        group.narrow(self._culprits * self._crowding)
        return group

    def _other(self, side: Role, variant: str) -> Group:
        group = self._others.get((side, variant))
        if group is None:
            group = self._others[side, variant] = Group("others", side, 4, 0, 0, -1, variant)
            group.narrow(self._culprits * self._crowding)
        return group

    def merge(self, groups: Groups) -> None:
        """Take in the groups of another collection, which stays as it is."""
        for group in groups:
            self.take(group)

    def take(self, group: Group) -> None:
        """Take in one group, which stays as it is."""
        into = self.named(group.key)
        into.merge(_as_target(group) if into.role == "others" and group.role != "others" else group)

    def renumber(self, numbers: Sequence[int]) -> None:
        """Connections have other ids now, in the same order: ``numbers[id]``."""
        for group in self:
            group.renumber(numbers)

    def __iter__(self) -> Iterator[Group]:
        yield from self._groups.values()
        yield from self._others.values()

    def by_peer(self) -> Iterator[Group]:
        """The groups; but where `MANY` of them met one endpoint alone, one group about that endpoint.

        So a scan over 60,000 ports is one finding about who scans, and a service whose clients
        vanish by the hundred is one finding about the service.
        """
        alone: dict[tuple[str, str, int, int, int, int], list[Group]] = {}
        for group in self:
            if group.peers.count() == 1:
                alone.setdefault(_met(group), []).append(group)
        many = {key: groups for key, groups in alone.items() if len(groups) >= MANY}
        for group in self:
            if group.peers.count() != 1 or _met(group) not in many:
                yield group
        for (side, variant, version, hi, lo, port), groups in many.items():
            role: Role = "client" if side == "server" else "server"
            whole = Group(role, groups[0].side, version, hi, lo, port, variant)
            whole.about_peer = True
            named = [group for group in groups if group.role != "others"]
            whole.hosts = len({(group.hi, group.lo) for group in named})
            whole.ports = len({group.service_port for group in named})
            for group in groups:
                whole.absorb(group)
                whole.targets.merge(_as_target(group).targets)
            yield whole


def by_client(groups: Iterable[Group]) -> Iterator[Group]:
    """The groups; but of a client that is the culprit at `MANY` services, one group about all of them."""
    groups = list(groups)
    services = Counter(_client(group) for group in groups)
    wholes: dict[tuple[str, int, int, int], Group] = {}
    for group in groups:
        client = _client(group)
        if client is None or services[client] < MANY:
            yield group
            continue
        if client not in wholes:
            variant, version, hi, lo = client
            wholes[client] = Group("client", "client", version, hi, lo, -1, variant)
        wholes[client].merge(group)
        wholes[client].ports += 1
    yield from wholes.values()


def _client(group: Group) -> tuple[str, int, int, int] | None:
    """The client that is the culprit of a group, and how; None where it is no client, or not one alone."""
    if group.role != "client" or group.about_peer or group.service_port < 0:
        return None
    return (group.variant, group.version, group.hi, group.lo)


def _target(side: str, hi: int, lo: int, port: int) -> tuple[int, int]:
    """Two numbers that differ for different services, or different clients' addresses."""
    return (hi ^ (port << 48), lo) if side == "server" else (hi, lo)


def _as_target(group: Group) -> Group:
    """A copy that counts its culprit among those whom it stands for."""
    copy = Group("others", group.side, 4, 0, 0, -1, group.variant)
    copy.merge(group)
    if group.role != "others":
        first, second = _target(group.side, group.hi, group.lo, group.service_port)
        copy.targets.add(first, second)
    return copy


def _rank(key: Key) -> tuple[int, Key]:
    """Sorts keys by their hashes, the largest first."""
    _, side, _, _, hi, lo, port = key
    first, second = _target(side, hi, lo, port)
    return (-mix(first, second), key)


def _met(group: Group) -> tuple[str, str, int, int, int, int]:
    """The one endpoint that all connections of a group have on the other side."""
    port = group.service_port if group.side == "client" else -1
    return (group.side, group.variant, *group.sole_peer, port)
