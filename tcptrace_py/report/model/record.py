"""A finished connection as the report shows it.

Compiled (see ``record.pxd``): a report that lists its connections makes one record each.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, cast

from tcptrace_py.report.model.community_id import community_id
from tcptrace_py.report.model.model import (
    Basis,
    Close,
    CloseKind,
    Handshake,
    HandshakeOutcome,
    Move,
    Reset,
    ResetCause,
    RolesBasis,
    Side,
    State,
    Zeek,
)
from tcptrace_py.report.model.model import Connection as ConnectionRecord
from tcptrace_py.report.model.model import Endpoint as EndpointRecord
from tcptrace_py.report.model.model import Tunnel as TunnelRecord
from tcptrace_py.report.model.stats import endpoint_stats
from tcptrace_py.tcp.codes import (
    CLOSE_KINDS,
    HANDSHAKE_OUTCOMES,
    RESET_CAUSES,
    ROLES_BASIS_NAMES,
    SIMULTANEOUS,
)
from tcptrace_py.tcp.connection import Connection
from tcptrace_py.tcp.endpoint import Endpoint
from tcptrace_py.tcp.history import Entries, histories_of
from tcptrace_py.tcp.state import ASSUMED, BASIS_NAMES, STATE_NAMES
from tcptrace_py.wire.address import address_text
from tcptrace_py.wire.frame_id import frame_number, frame_source
from tcptrace_py.wire.tunnels import Tunnel

# The same words, as the model spells their types.
_STATES = cast("tuple[State, ...]", STATE_NAMES)
_BASES = cast("tuple[Basis, ...]", BASIS_NAMES)
_ROLES_BASES = cast("tuple[RolesBasis, ...]", ROLES_BASIS_NAMES)
_OUTCOMES = cast("tuple[HandshakeOutcome, ...]", HANDSHAKE_OUTCOMES)
_CLOSE_KINDS = cast("tuple[CloseKind, ...]", CLOSE_KINDS)
_CAUSES = cast("tuple[ResetCause, ...]", RESET_CAUSES)
_INITIATORS: tuple[Literal["client", "server", "both"] | None, ...] = (None, "client", "server", "both")


def connection_record(connection: Connection, kinds: Sequence[str]) -> ConnectionRecord:
    """Copy what the report tells of a connection, which may go on.

    ``kinds``: the findings that it is part of.
    """
    client = connection.client()
    server = connection.server()
    of_client, of_server = histories_of(connection)
    if not connection.client_is_a:
        of_client, of_server = of_server, of_client
    version = connection.ip_version
    lasted_ns = connection.last_ns - connection.first_ns
    stream = None if connection.compat is None else connection.compat.stream
    tunnel = connection.rare.tunnel
    return ConnectionRecord(
        id=connection.id,
        first_ns=connection.first_ns,
        last_ns=connection.last_ns,
        client=_endpoint_record(client, version, of_client, lasted_ns),
        server=_endpoint_record(server, version, of_server, lasted_ns),
        roles_basis=_ROLES_BASES[connection.roles_basis],
        handshake=_handshake(connection, client, server),
        close=_close(connection),
        findings=list(kinds),
        reuse_of=connection.rare.reuse_of if connection.rare.reuse_of >= 0 else None,
        reused_by=connection.rare.reused_by if connection.rare.reused_by >= 0 else None,
        stray_resets=connection.rare.stray_resets,
        stream=connection.id if stream is None else stream.number,
        completeness=0 if stream is None else stream.completeness,
        community_id=community_id(
            version,
            client.address_hi,
            client.address_lo,
            client.port,
            server.address_hi,
            server.address_lo,
            server.port,
        ),
        zeek=_zeek(connection),
        tunnel=None if tunnel is None else _tunnel(tunnel, connection.client_is_a),
    )


def _endpoint_record(endpoint: Endpoint, version: int, history: Entries, lasted_ns: int) -> EndpointRecord:
    moves = []
    basis = _BASES[ASSUMED]
    for state, ts_ns, frame_id, basis_index in history:
        basis = _BASES[basis_index]
        source = frame_source(frame_id)
        # (Of the first file the id is the number: the same object, not one more for each.)
        frame = frame_number(frame_id) if source else frame_id
        moves.append(Move(_STATES[state], ts_ns, frame or None, basis, source))
    return EndpointRecord(
        address=address_text(endpoint.address_hi, endpoint.address_lo, version),
        port=endpoint.port,
        state=_STATES[endpoint.state],
        basis=basis,
        history=moves,
        packets=endpoint.packets,
        bytes=endpoint.bytes,
        retransmits=endpoint.rare.retransmits,
        duplicates=endpoint.rare.duplicates,
        keep_alives=endpoint.rare.keep_alives,
        resets=endpoint.rsts,
        half_close_bytes=endpoint.rare.half_close_bytes,
        time_wait_restarts=endpoint.rare.time_wait_restarts,
        gaps=endpoint.rare.gaps,
        stats=None if endpoint.rare.stats is None else endpoint_stats(endpoint.rare.stats, lasted_ns),
    )


def _tunnel(tunnel: Tunnel, as_sent: bool) -> TunnelRecord:
    ends = [
        address_text(tunnel.src_hi, tunnel.src_lo, tunnel.ip_version),
        address_text(tunnel.dst_hi, tunnel.dst_lo, tunnel.ip_version),
    ]
    if not as_sent:
        ends.reverse()
    return TunnelRecord(kind=tunnel.kind, src=ends[0], dst=ends[1], identifier=tunnel.identifier)


def _handshake(connection: Connection, client: Endpoint, server: Endpoint) -> Handshake:
    rtt_to_server_s = None
    rtt_to_client_s = None
    # In a simultaneous open neither SYN is the answer to the other.
    if connection.syn_ack_frame and not connection.simultaneous_open:
        round_trip_ns = connection.syn_ack_ns - connection.syn_ns()
        if connection.syn_frame() and client.syns == 1 and round_trip_ns >= 0:
            rtt_to_server_s = round_trip_ns / 1e9
        round_trip_ns = connection.ack_ns - connection.syn_ack_ns
        if connection.ack_frame and server.syn_acks == 1 and round_trip_ns >= 0:
            rtt_to_client_s = round_trip_ns / 1e9
    return Handshake(
        outcome=_OUTCOMES[connection.handshake],
        simultaneous=bool(connection.simultaneous_open),
        fast_open=bool(connection.fast_open),
        syn_ns=connection.syn_ns() if connection.syn_frame() else None,
        synack_ns=connection.syn_ack_ns if connection.syn_ack_frame else None,
        ack_ns=connection.ack_ns if connection.ack_frame else None,
        syn_retransmits=client.syns - 1 if client.syns > 1 else 0,
        synack_retransmits=server.syn_acks - 1 if server.syn_acks > 1 else 0,
        rtt_to_server_s=rtt_to_server_s,
        rtt_to_client_s=rtt_to_client_s,
    )


def _close(connection: Connection) -> Close:
    reset = None
    if connection.rare.reset_frame:
        reset = Reset(
            by=_side(connection, connection.reset_by),
            cause=_CAUSES[connection.reset_cause],
            frame=frame_number(connection.rare.reset_frame),
            ts_ns=connection.rare.reset_ns,
            source=frame_source(connection.rare.reset_frame),
        )
    # 3 is both.
    initiator = 3 if connection.close == SIMULTANEOUS else connection.first_fin_by or connection.reset_by
    if not connection.client_is_a and 0 < initiator < 3:
        # 1 is `a`, 2 is `b`, which here are the server and the client.
        initiator = 3 - initiator
    return Close(
        kind=_CLOSE_KINDS[connection.close],
        initiator=_INITIATORS[initiator],
        complete=bool(connection.close_complete),
        reset=reset,
    )


def _zeek(connection: Connection) -> Zeek:
    # Who lists connections has the tracker follow them in the peers' words.
    assert connection.compat is not None
    zeek = connection.compat.zeek
    if connection.plain:
        zeek.catch_up(connection.a, connection.b)
    originator = zeek.a if zeek.orig_is_a else zeek.b
    responder = zeek.b if zeek.orig_is_a else zeek.a
    return Zeek(
        conn_state=zeek.conn_state(),
        history=zeek.history(),
        originator=_side(connection, 1 if zeek.orig_is_a else 2),
        orig_bytes=zeek.size(originator, responder),
        resp_bytes=zeek.size(responder, originator),
        missed_bytes=zeek.missed_bytes,
    )


def _side(connection: Connection, number: int) -> Side:
    """Who that is: 1 is ``a``, 2 is ``b``."""
    return "client" if (number == 1) == bool(connection.client_is_a) else "server"
