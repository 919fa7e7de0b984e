"""Tunnels: what wrapped the packets of a connection."""

from __future__ import annotations

from typing import Literal, NamedTuple

Kind = Literal["vxlan", "vxlan-gpe", "geneve", "gtp-u", "gre", "ip-in-ip", "etherip", "ethernet-in-ip"]

#: UDP ports (RFC 7348; Linux before it had a number; draft-ietf-nvo3-vxlan-gpe; RFC 8926; 3GPP TS 29.281).
VXLAN_PORTS = frozenset((4789, 8472))
VXLAN_GPE_PORT = 4790
GENEVE_PORT = 6081
GTP_U_PORT = 2152
TUNNEL_PORTS = VXLAN_PORTS | {VXLAN_GPE_PORT, GENEVE_PORT, GTP_U_PORT}

#: EtherTypes of what VXLAN-GPE's next-protocol field names.
GPE_PROTOCOLS = {1: 0x0800, 2: 0x86DD, 3: 0x6558, 5: 0x8847}

# Tunnels that are remembered, to have one object for each.
_REMEMBERED = 65_536


class Tunnel(NamedTuple):
    """The innermost tunnel around a packet: what kind, and the addresses of the packet that carries it.

    Addresses are halves as in ``Segment``. ``identifier``: VNI, TEID or GRE key, None without one.
    """

    kind: Kind
    ip_version: int
    src_hi: int
    src_lo: int
    dst_hi: int
    dst_lo: int
    identifier: int | None


class Tunnels:
    """One object for each tunnel, however many packets come through it."""

    def __init__(self) -> None:
        self._known: dict[Tunnel, Tunnel] = {}

    def one(self, tunnel: Tunnel) -> Tunnel:
        known = self._known.get(tunnel)
        if known is not None:
            return known
        if len(self._known) < _REMEMBERED:
            self._known[tunnel] = tunnel
        return tunnel
