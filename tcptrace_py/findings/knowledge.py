"""What a capture knows besides one connection: of a service, a pair of hosts, a client's port.

Compiled (see ``knowledge.pxd``): every connection is noted. All of it is bounded, and merges to the
same whatever part noted which connection.
"""

from __future__ import annotations

from collections.abc import Sequence

from tcptrace_py.capture.presence import NO_GAPS
from tcptrace_py.findings.distinct import mix
from tcptrace_py.findings.kept import Kept, Sample
from tcptrace_py.findings.left import Left
from tcptrace_py.findings.moments import Moments
from tcptrace_py.findings.service import Service, ServiceKey
from tcptrace_py.findings.spoken import Spoken
from tcptrace_py.findings.uses import Pair, Use, pair_rank, remember, use_of
from tcptrace_py.tcp.attempt import Attempt
from tcptrace_py.tcp.codes import COMPLETE
from tcptrace_py.tcp.connection import Connection
from tcptrace_py.tcp.endpoint import Endpoint
from tcptrace_py.tcp.observations import DATA, QUIET_NS, Observations, idle_class
from tcptrace_py.tcp.observer import Observer
from tcptrace_py.tcp.serial import distance
from tcptrace_py.wire.segment import HTTP_RESPONSE, OTHER_BYTES, TLS_HELLO, TLS_RECORD

#: Services, pairs and four-tuples of which something is known at most.
SERVICES = 10_000
PAIRS = 192
CLIENTS = 256
#: Services of one host by which it is told to be up.
_HOST_SERVICES = 8
#: Client's ports whose connections are known: of all, and of those that failed or came unasked.
PORTS = 384
TROUBLED = 768
#: Places for services seen lately.
_PLACES = 256
#: Moments noted of one connection: 2**32 ns apart at least, and so many.
_HEARD_BITS = 32
_HEARD_TIMES = 1024

#: Connections with missing segments from which on the capture lost them; of so many.
_HOLED, _ONE_IN = 2, 10
#: A SYN+ACK that waits for an ACK comes again after 1 s (RFC 6298 section 2).
_MUTE_NS = 1_500_000_000
#: Connections that clients left without an answer.
_LEFT = 256
#: Words that ended a silence, on connections that went on.
_SPOKEN = 256
_WORD = (1 << 64) - 1
#: Who closes so soon after its last answer closes because of it.
_AT_ONCE_NS = 100_000_000
#: And who closes so soon turns a connection away.
_SOON_NS = 1_000_000_000
_HTTP_RESPONSE, _OTHER_BYTES, _TLS_HELLO, _TLS_RECORD = HTTP_RESPONSE, OTHER_BYTES, TLS_HELLO, TLS_RECORD

#: IP version and address (two halves).
Client = tuple[int, int, int]


class Knowledge:
    """``note`` every connection; then ask."""

    def __init__(self) -> None:
        self.services = Kept(SERVICES)
        self.pairs = Sample(PAIRS)
        #: Connections by their client's port, a sample of all; and of those that failed, or came unasked.
        self.ports = Sample(PORTS)
        self.troubled = Sample(TROUBLED)
        #: When clients were heard on open connections, by their addresses' hashes: a sample of them.
        self.clients = Sample(CLIENTS)
        #: The client noted last, and when it was heard if that is kept.
        self._client_hi = 0
        self._client_lo = 0
        self._client_heard: Moments | None = None
        #: Services by address; see ``index``.
        self._hosts: dict[tuple[int, int, int], list[Service]] = {}
        #: Hosts that had answered though nothing of that was captured, and how many lone SYNs went there.
        self._unseen: dict[tuple[int, int, int], int] = {}
        #: Connections that clients left without an answer, a sample of them: each ``Left`` is its own key.
        self.left = Kept(_LEFT)
        #: What ended silences of connections that went on, a sample: by it the connection's id and the
        #: frame.
        self.spoken = Kept(_SPOKEN)
        self.connections = 0
        self.one_way = 0
        #: Connections whose times run backwards, by far.
        self.shuffled = 0
        self.midstream = 0
        #: Connections in which segments never passed that were acknowledged.
        self.holed = 0
        #: Those that were closed by FIN, and of them those of which nothing passed but SYN, FIN and RST.
        self.closed = 0
        self.flagged = 0
        #: Segments that are no SYN, FIN or RST.
        self.plain = 0
        #: Segments, and those among them that are another's frame captured again.
        self.segments = 0
        self.duplicates = 0
        # Gaps are no matter when it only settles.
        self._observer = Observer(NO_GAPS)
        #: Services seen lately, each in the one place that its address and port give it.
        self._recent: list[Service | None] = [None] * _PLACES

    def note(self, connection: Connection) -> None:
        client = connection.client()
        server = connection.server()
        self.connections += 1
        if not connection.syn_frame() and not connection.syn_ack_frame:
            self.midstream += 1
        packets = client.packets + server.packets
        unseen = False
        if not client.packets or not server.packets:
            unseen = _answered_unseen(client, server)
            self.one_way += unseen or _answered_unseen(server, client)
        elif _never_passed(client) or _never_passed(server):
            self.holed += 1
        self.segments += packets
        self.duplicates += client.rare.duplicates + server.rare.duplicates
        flagged = client.syns + client.syn_acks + client.fins + client.rsts
        flagged += server.syns + server.syn_acks + server.fins + server.rsts
        if flagged < packets:
            self.plain += packets - flagged
        if client.fin_sent or server.fin_sent:
            self.closed += 1
            if flagged >= packets:
                self.flagged += 1
        service = self._service_at(connection.ip_version, server.address_hi, server.address_lo, server.port)
        observed: Observations | None = connection.observed
        if observed is not None and observed.shuffled:
            self.shuffled += 1
        if service is not None:
            service.connections += 1
            if connection.handshake == COMPLETE:
                service.established += 1
            if server.bytes:
                service.answered += 1
            if connection.handshake == COMPLETE:
                self._note_words(connection, service, client, server)
            if server.packets:
                # A RST and nothing else may be a device's on the way: it does not show that the host is up.
                if server.packets > server.rsts:
                    self._note_heard(connection, server, service.heard)
                if connection.syn_ack_frame:
                    service.accepted.add(connection.syn_ack_ns)
            elif unseen:
                service.unseen += 1
                pair = self._pair(client, server, 0)
                if pair is not None:
                    pair.unseen += 1
            elif client.syns == 1 and client.packets == 1:
                service.lone_syns += 1
            if connection.observed is not None:
                self._note_idle(connection, service)
            left = self._note_left(connection, client, server)
            if observed is not None and observed.word_by and not connection.reset_by:
                self._note_spoken(connection, client, server)
            if server.bytes and not left:
                service.replied.add(server.last_data_ns)
            if connection.handshake == COMPLETE and connection.syn_ack_frame:
                if _untaken(client, server) or (left and not _replied(connection, client, server)):
                    service.leave(connection.syn_ack_ns)
        if connection.handshake == COMPLETE and client.packets:
            self._note_client(connection, client)
        stamped = client.has_syn_ts and (connection.syn_ack_frame != 0 or server.packets == 0)
        if stamped or connection.handshake == COMPLETE:
            self._note_pair(connection, client, server, stamped)
        # Through a 64-bit local, so that C shifts as Python does.
        port = client.port
        rank = mix(client.address_hi ^ (port << 48), client.address_lo)
        sample = self.ports
        if not client.packets or not server.packets or connection.reset_by or not connection.syn_frame():
            sample = self.troubled
        if sample.wants(rank):
            self._note_use(sample, rank, use_of(connection, client, server))

    def note_attempt(self, attempt: Attempt) -> bool:
        """What ``note`` does where one SYN is all of a connection; whether its pair keeps its timestamp."""
        self.connections += 1
        self.segments += 1
        service = self._service_at(attempt.ip_version, attempt.dst_hi, attempt.dst_lo, attempt.dst_port)
        if service is not None:
            service.connections += 1
            service.lone_syns += 1
        # Through a 64-bit local, so that C shifts as Python does.
        port = attempt.src_port
        rank = mix(attempt.src_hi ^ (port << 48), attempt.src_lo)
        if self.troubled.wants(rank):
            use = Use()
            use.fill_syn(attempt)
            self._note_use(self.troubled, rank, use)
        if not attempt.has_timestamps:
            return False
        pair = self._pair_at(
            pair_rank(attempt.src_hi, attempt.src_lo, attempt.dst_hi, attempt.dst_lo, attempt.dst_port)
        )
        if pair is None:
            return False
        pair.add(attempt.ts_ns, attempt.ts_val, False)
        return True

    def _note_words(
        self, connection: Connection, service: Service, client: Endpoint, server: Endpoint
    ) -> None:
        """Note who spoke first and in which language, and how many answers there were."""
        if server.spoke_first:
            service.greeted += 1
        if client.begins_with == _TLS_HELLO:
            if server.begins_with == _TLS_RECORD:
                service.tls += 1
        elif server.begins_with == _HTTP_RESPONSE or server.begins_with == _OTHER_BYTES:
            service.plain += 1
        closed = connection.first_fin_by == (2 if connection.client_is_a else 1)
        if closed and not client.turns and server.fin_ns - connection.ack_ns < _SOON_NS:
            service.shut += 1
        service.note_answers(server.turns, closed and server.fin_ns - server.last_data_ns < _AT_ONCE_NS)

    def _note_client(self, connection: Connection, client: Endpoint) -> None:
        same = client.address_lo == self._client_lo and client.address_hi == self._client_hi
        if not same or self._client_heard is None:
            self._client_hi = client.address_hi
            self._client_lo = client.address_lo
            self._client_heard = None
            rank = mix(client.address_hi, client.address_lo)
            if self.clients.wants(rank):
                self._client_heard = self.clients.entries.get(rank)
                if self._client_heard is None:
                    self._client_heard = Moments()
                    self.clients.put(rank, self._client_heard)
        if self._client_heard is not None:
            self._note_heard(connection, client, self._client_heard)

    def _note_heard(self, connection: Connection, speaker: Endpoint, heard: Moments) -> None:
        """At the first and the last moment, and in between as often as no silence can contradict."""
        first_ns = connection.heard_ns(speaker)
        heard.add(first_ns)
        heard.add(speaker.last_ns)
        seen: Observations | None = connection.observed
        bits = _HEARD_BITS
        while seen is not None and seen.longest_gap_ns >> bits:
            bits += 1
        while (speaker.last_ns - first_ns) >> bits > _HEARD_TIMES:
            bits += 1
        # On a grid of its own, so that a connection that goes on adds moments and moves none.
        moment = (first_ns >> bits) + 1
        while moment < speaker.last_ns >> bits:
            heard.add(moment << bits)
            moment += 1

    def _service_at(self, version: int, hi: int, lo: int, port: int) -> Service | None:
        place = (lo ^ port) & (_PLACES - 1)
        service: Service | None = self._recent[place]
        if (
            service is not None
            and service.lo == lo
            and service.port == port
            and service.hi == hi
            and service.version == version
        ):
            return service
        service = self.make((version, hi, lo, port))
        self._recent[place] = service
        return service

    def make(self, key: ServiceKey) -> Service | None:
        """What is known of a service, begun if need be; None where there are too many."""
        service: Service | None = self.services.entries.get(key)
        if service is None:
            rank = mix(key[1] ^ (key[3] << 48), key[2])
            if not self.services.wants(rank):
                return None
            service = Service(*key)
            gone: Service | None = self.services.put(rank, key, service)
            if gone is service:
                return None
            if gone is not None:
                self._recent = [None] * _PLACES
        return service

    def _note_idle(self, connection: Connection, service: Service) -> None:
        seen: Observations = connection.observed
        self._observer.settle(connection, seen)
        if seen.stalls[0] is not None or seen.stalls[1] is not None:
            service.zero_windows += 1
        if seen.mute_ns >= _MUTE_NS and not seen.late_syn_acks:
            service.accepted_mute += 1
        for number, n in seen.survived.items():
            service.survived[number] = service.survived.get(number, 0) + n
        if seen.longest_survived_ns > service.longest_survived_ns:
            service.longest_survived_ns = seen.longest_survived_ns
        if seen.gap_by and seen.gap_what == DATA:
            speaker = connection.a if seen.gap_by == 1 else connection.b
            # Not where the capture just ended before the answer.
            if speaker.unanswered >= 2 or seen.resets[2 - seen.gap_by] is not None:
                number = idle_class(seen.gap_ns)
                service.lost[number] = service.lost.get(number, 0) + 1
                service.lose(seen.gap_ns)
        # Idle: the side that closes had the last word answered, and nothing was under way.
        if seen.close_by and seen.close_settled and seen.close_idle_ns >= 900_000_000:
            server_by = 2 if connection.client_is_a else 1
            if seen.close_spoke_last == server_by:
                closed = service.closed[0 if seen.close_by == server_by else 1]
                number = idle_class(seen.close_idle_ns)
                closed[number] = closed.get(number, 0) + 1

    def _note_left(self, connection: Connection, client: Endpoint, server: Endpoint) -> bool:
        """Note where the client closed without an answer to its last word; whether it did."""
        seen: Observations | None = connection.observed
        client_by = 1 if connection.client_is_a else 2
        if seen is None or connection.handshake != COMPLETE:
            return False
        if seen.close_by != client_by or seen.close_spoke_last != client_by:
            return False
        if not seen.close_settled or seen.close_idle_ns < QUIET_NS:
            return False
        version = connection.ip_version
        self._leave(
            Left(
                (version, client.address_hi, client.address_lo),
                client.port,
                (version, server.address_hi, server.address_lo, server.port),
                seen.close_ns - seen.close_idle_ns,
                seen.close_ns,
            )
        )
        return True

    def _leave(self, left: Left) -> None:
        _, hi, lo = left.client
        rank = mix(mix(hi ^ (left.port << 48), lo), mix(left.closed_ns & _WORD, left.asked_ns & _WORD))
        if self.left.wants(rank) and left not in self.left.entries:
            self.left.put(rank, left, True)

    def _note_spoken(self, connection: Connection, client: Endpoint, server: Endpoint) -> None:
        """Note what ended the longest silence of a connection; both sides spoke, one of them since."""
        seen: Observations | None = connection.observed
        if seen is None:
            return
        if not seen.subflow and (not client.bytes or not server.bytes):
            return
        if max(client.last_data_ns, server.last_data_ns) <= seen.word_ns and not seen.subflow:
            return
        version = connection.ip_version
        self._speak(
            Spoken(
                (version, client.address_hi, client.address_lo),
                (version, server.address_hi, server.address_lo, server.port),
                bool(seen.subflow),
                seen.word_by == (1 if connection.client_is_a else 2),
                connection.first_ns,
                seen.word_quiet_ns,
                seen.word_ns,
            ),
            (connection.id, seen.word_frame),
        )

    def _speak(self, spoken: Spoken, where: tuple[int, int]) -> None:
        _, hi, lo = spoken.client
        _, server_hi, server_lo, port = spoken.service
        rank = mix(mix(hi ^ (port << 48), lo), mix(spoken.ns & _WORD, spoken.first_ns & _WORD))
        rank = mix(rank, mix(server_hi, server_lo))
        if self.spoken.wants(rank) and spoken not in self.spoken.entries:
            self.spoken.put(rank, spoken, where)

    def _note_pair(self, connection: Connection, client: Endpoint, server: Endpoint, stamped: bool) -> None:
        pair = self._pair(client, server, server.port)
        if pair is None:
            return
        if stamped:
            pair.add(connection.syn_ns(), client.syn_ts_val, connection.syn_ack_frame != 0)
        if connection.handshake == COMPLETE and server.packets:
            pair.served.add(connection.ack_ns or connection.first_ns)

    def _pair(self, client: Endpoint, server: Endpoint, port: int) -> Pair | None:
        """That of a client and a service (or host, port 0), begun if need be; None where it is not kept."""
        return self._pair_at(
            pair_rank(client.address_hi, client.address_lo, server.address_hi, server.address_lo, port)
        )

    def _pair_at(self, rank: int) -> Pair | None:
        if not self.pairs.wants(rank):
            return None
        pair: Pair | None = self.pairs.entries.get(rank)
        if pair is None:
            pair = Pair()
            self.pairs.put(rank, pair)
        return pair

    def _note_use(self, sample: Sample, rank: int, use: Use) -> None:
        uses: list[Use] | None = sample.entries.get(rank)
        if uses is None:
            uses = []
            sample.put(rank, uses)
        remember(uses, use)

    def service(self, version: int, hi: int, lo: int, port: int) -> Service | None:
        """What is known of a service; None where nothing is."""
        return self.services.entries.get((version, hi, lo, port))

    def used_before_ns(self, connection: Connection) -> int:
        """How long before its first segment the four-tuple was last in use; -1 if that is not known."""
        client = connection.client()
        server = connection.server()
        key = (connection.ip_version, server.address_hi, server.address_lo, server.port)
        latest = -1
        for use in self.uses((connection.ip_version, client.address_hi, client.address_lo, client.port)):
            if use.server == key and use.id != connection.id and use.first_ns < connection.first_ns:
                latest = max(latest, use.last_ns)
        return max(connection.first_ns - latest, 0) if latest >= 0 else -1

    def index(self) -> None:
        """The services of each address that were heard, before ``answers_at`` is asked: those used most."""
        self._hosts = {}
        for service in self.services.entries.values():
            if service.heard.ever():
                self._hosts.setdefault((service.version, service.hi, service.lo), []).append(service)
        self._unseen = {}
        for service in self.services.entries.values():
            host = (service.version, service.hi, service.lo)
            if service.unseen and host not in self._hosts:
                self._unseen[host] = 0
        for service in self.services.entries.values() if self._unseen else ():
            host = (service.version, service.hi, service.lo)
            if host in self._unseen:
                self._unseen[host] += service.lone_syns
        for services in self._hosts.values():
            services.sort(key=lambda service: (-service.connections, service.port))
            del services[_HOST_SERVICES:]

    def unseen(self, version: int, hi: int, lo: int) -> bool:
        """Was nothing of a host captured, though it answered? After ``index``."""
        return (version, hi, lo) in self._unseen

    def only_flags(self) -> bool:
        """Was nothing captured but SYN, FIN and RST?"""
        return self.plain == 0

    def lossy(self) -> bool:
        """Are segments missing in so many connections that what others lack may be missing too?"""
        return self.holed >= _HOLED and self.holed * _ONE_IN >= self.connections

    def in_one_direction(self) -> int:
        """Connections of which only one side's packets were captured; lone SYNs to such a host among them."""
        self.index()
        return self.one_way + sum(self._unseen.values())

    def answers_at(self, service: ServiceKey, begin_ns: int, end_ns: int) -> int:
        """The lowest other port at which a service's host answered in between, if indexed; 0 for none."""
        version, hi, lo, port = service
        others = self._hosts.get((version, hi, lo), ())
        ports = [each.port for each in others if each.port != port and each.heard.between(begin_ns, end_ns)]
        return min(ports, default=0)

    def client_heard(self, hi: int, lo: int, begin_ns: int, end_ns: int) -> bool:
        """Was a client's address heard in between, on a connection that was open? As far as that is known."""
        moments: Moments | None = self.clients.entries.get(mix(hi, lo))
        return moments is not None and moments.between(begin_ns, end_ns)

    def knows_pair(self, connection: Connection) -> bool:
        """Is the pair of its client's address and its service among those kept so far?"""
        client = connection.client()
        server = connection.server()
        return self.pairs.wants(
            pair_rank(client.address_hi, client.address_lo, server.address_hi, server.address_lo, server.port)
        )

    def uses(self, client: ServiceKey) -> list[Use]:
        """Connections of a client's port, as far as they are known."""
        rank = mix(client[1] ^ (client[3] << 48), client[2])
        return [*self.ports.entries.get(rank, ()), *self.troubled.entries.get(rank, ())]

    def served_between(self, client: Client, service: ServiceKey, begin_ns: int, end_ns: int) -> bool | None:
        """Was a client's address served in between? None where nothing is known of the two."""
        _, hi, lo = client
        rank = pair_rank(hi, lo, *service[1:])
        if not self.pairs.wants(rank):
            return None
        pair: Pair | None = self.pairs.entries.get(rank)
        return pair is not None and pair.served.between(begin_ns, end_ns)

    def one_way_of(self, client: Client, service: ServiceKey) -> bool:
        """Was nothing captured of what a service's host answers a client, though it does? As far as known.

        After ``index``.
        """
        _, hi, lo = client
        version, server_hi, server_lo, _ = service
        host = self.pair(hi, lo, server_hi, server_lo, 0)
        if host is None or not host.unseen:
            return False
        for each in self._hosts.get((version, server_hi, server_lo), ()):
            pair = self.pair(hi, lo, server_hi, server_lo, each.port)
            if pair is not None and pair.served.ever():
                return False
        return True

    def pair(self, client_hi: int, client_lo: int, server_hi: int, server_lo: int, port: int) -> Pair | None:
        """What is known of a client's address and a service; None where nothing is."""
        rank = pair_rank(client_hi, client_lo, server_hi, server_lo, port)
        found: Pair | None = self.pairs.entries.get(rank)
        return found

    def renumber(self, numbers: Sequence[int]) -> None:
        """Connections have other ids now, in the same order: ``numbers[id]``."""
        for sample in (self.ports, self.troubled):
            for uses in sample.entries.values():
                for use in uses:
                    use.id = numbers[use.id]
        for spoken, (number, frame) in self.spoken.entries.items():
            self.spoken.entries[spoken] = (numbers[number], frame)

    def merge(self, other: Knowledge) -> None:
        """Take in what another one noted; that one stays as it is."""
        self.connections += other.connections
        self.one_way += other.one_way
        self.shuffled += other.shuffled
        self.midstream += other.midstream
        self.holed += other.holed
        self.closed += other.closed
        self.flagged += other.flagged
        self.plain += other.plain
        self.segments += other.segments
        self.duplicates += other.duplicates
        for key, service in other.services.entries.items():
            mine = self.make(key)
            if mine is not None:
                mine.merge(service)
        self.clients.narrow(other.clients)
        for rank, moments in other.clients.entries.items():
            if rank not in self.clients.entries and self.clients.wants(rank):
                self.clients.put(rank, Moments())
            if rank in self.clients.entries:
                self.clients.entries[rank].merge(moments)
        for left in other.left.entries:
            self._leave(left)
        for spoken, where in other.spoken.entries.items():
            self._speak(spoken, where)
        self.pairs.narrow(other.pairs)
        for rank, pair in other.pairs.entries.items():
            if rank not in self.pairs.entries and self.pairs.wants(rank):
                self.pairs.put(rank, Pair())
            if rank in self.pairs.entries:
                self.pairs.entries[rank].merge(pair)
        for sample, its in ((self.ports, other.ports), (self.troubled, other.troubled)):
            sample.narrow(its)
            for rank, uses in its.entries.items():
                if rank not in sample.entries and sample.wants(rank):
                    sample.put(rank, [])
                if rank in sample.entries:
                    for use in uses:
                        remember(sample.entries[rank], use)


def _never_passed(endpoint: Endpoint) -> bool:
    """Was something of it acknowledged that never passed here? What was only late, or sent again, did."""
    if endpoint.rare.holes is None or not endpoint.has_una:
        return False
    for hole in endpoint.rare.holes:
        if distance(endpoint.snd_una, hole[0]) > 0:
            return True
    return False


def _answered_unseen(speaker: Endpoint, silent: Endpoint) -> bool:
    """Does what ``speaker`` sent prove that the other side, of which nothing passed here, had answered?"""
    if silent.packets:
        return False
    # It acknowledges ever more; or it goes on after its SYN, or its SYN+ACK.
    if silent.rare.gaps:
        return True
    opening = speaker.syns + speaker.syn_acks
    return opening > 0 and speaker.packets > opening + speaker.rsts + speaker.rare.duplicates


def _untaken(client: Endpoint, server: Endpoint) -> bool:
    """Did the server's kernel acknowledge data, and its application neither say a word nor close?"""
    if not client.bytes or server.bytes or server.fin_sent or server.rsts or not client.has_una:
        return False
    return distance(client.snd_una, client.isn) > 1


def _replied(connection: Connection, client: Endpoint, server: Endpoint) -> bool:
    """Did the server's application say anything before its client left?"""
    seen: Observations = connection.observed
    return not client.bytes or server.bytes > seen.after_fin_bytes[1 if connection.client_is_a else 0]
