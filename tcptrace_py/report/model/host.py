"""What this host's kernel says beside the reading: in reports of live captures, left out of all others."""

from __future__ import annotations

from msgspec import Struct

from tcptrace_py.findings.finding import Process


class Socket(Struct, gc=False, omit_defaults=True):
    """An endpoint's socket when the kernel was last asked, at ``ts_ns``.

    ``state``: the kernel's word. ``agrees``: the reading said the same, no segment being under way.
    ``unread_bytes``: received, not read by the application (without the FIN, which the kernel counts);
    ``unacked_bytes``: sent or to be sent, not acknowledged. ``timer``: ``retransmit``, ``keepalive``,
    ``persist`` or ``timewait``, with what is left of it. ``inode``: 0 where no process holds it any more.
    """

    ts_ns: int
    state: str
    agrees: bool
    unread_bytes: int
    unacked_bytes: int
    uid: int
    inode: int
    timer: str = ""
    timer_s: float = 0.0
    processes: list[Process] = []


class Listener(Struct, gc=False):
    """A listening socket: connections that waited to be accepted when last asked, the most, and how many may.

    More than ``backlog`` never wait: the next handshake is dropped (listen(2)).
    """

    address: str
    port: int
    waiting: int
    waiting_most: int
    backlog: int


class Kernel(Struct, gc=False, omit_defaults=True):
    """``sockets``: TCP sockets of this host when last asked. ``confirmed``: endpoints whose reading the
    kernel has confirmed; ``disagreements``: endpoints of which it said something else, twice in a row
    with no segment in between. ``listen_overflows``: connections dropped during the capture because an
    accept queue was full; null where the kernel does not say.
    """

    sockets: int
    confirmed: int
    disagreements: int
    listen_overflows: int | None
    listeners: list[Listener]
