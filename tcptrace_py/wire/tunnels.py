"""Tunnels: what wrapped the packets of a connection."""

from __future__ import annotations

from typing import Literal, NamedTuple

Kind = Literal[
    "vxlan",
    "vxlan-gpe",
    "geneve",
    "gtp-u",
    "gre",
    "ip-in-ip",
    "etherip",
    "ethernet-in-ip",
    "mpls",
    "pim-register",
    "l2tp",
    "teredo",
    "ayiya",
    "capwap",
    "lisp",
    "tzsp",
]

# Tunnels that are remembered, to have one object for each.
_REMEMBERED = 65_536


class Tunnel(NamedTuple):
    """The innermost tunnel around a packet: what kind, and the addresses of the packet that carries it.

    Addresses are halves as in ``Segment``. ``identifier``: VNI, TEID, GRE key
    or L2TP session, None without one.
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
