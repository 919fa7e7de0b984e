"""Zeek's own baselines beside ours: conn_state, history and packets of each connection."""

from __future__ import annotations

from typing import NamedTuple

from .corpus import CORPUS, report_of

EXPECTED = CORPUS / "zeek" / "expected.tsv"


class Said(NamedTuple):
    conn_state: str
    history: str
    orig_packets: int
    resp_packets: int


class Row(NamedTuple):
    """One connection; ``ours`` is None where we have no such connection."""

    capture: str
    connection: str
    zeek: Said
    ours: Said | None
    reason: str

    @property
    def equal(self) -> bool:
        return self.zeek == self.ours


def compare() -> list[Row]:
    rows = []
    for line in EXPECTED.read_text().splitlines():
        if line.startswith("#") or not line:
            continue
        trace, orig_h, orig_p, resp_h, resp_p, state, history, orig_packets, resp_packets = line.split("\t")
        name = f"{orig_h}:{orig_p} > {resp_h}:{resp_p}"
        theirs = Said(state, history.replace("-", ""), int(orig_packets), int(resp_packets))
        ours = _ours(trace, (orig_h, int(orig_p)), (resp_h, int(resp_p)))
        rows.append(Row(trace, name, theirs, ours, REASONS.get((trace, name), "")))
    return rows


def _ours(trace: str, orig: tuple[str, int], resp: tuple[str, int]) -> Said | None:
    for connection in report_of(CORPUS / "zeek" / trace).connections or ():
        sides = {"client": connection.client, "server": connection.server}
        originator = sides.pop(connection.zeek.originator)
        (responder,) = sides.values()
        if (originator.address, originator.port) == orig and (responder.address, responder.port) == resp:
            said = connection.zeek
            return Said(said.conn_state, said.history, originator.packets, responder.packets)
    return None


_STOPPED = (
    "the baseline's script stopped Zeek's processing once the connection to port 25 was established:"
    " it counts nothing of the data that the capture holds"
)

#: ``(capture, connection)``: why we say something else.
REASONS = {
    ("ftp/fake-long-commands.pcap", "127.0.0.1:58634 > 127.0.0.1:21"): (
        "X is what Zeek's FTP analyzer says of a command that is too long; we do not look into payload"
    ),
    ("pppoe-over-qinq.pcap", "1.1.1.1:20394 > 2.2.2.2:443"): (
        "some IP lengths (46) are larger than the PPPoE payload around them (40): Zeek takes 6 bytes of"
        " Ethernet padding for data sent again and comes to 10 retransmissions sooner; tshark and we do not"
    ),
    ("smtp.pcap", "10.10.1.4:1470 > 74.53.140.153:25"): _STOPPED,
    ("smtp.pcap", "192.168.133.100:49648 > 192.168.133.102:25"): _STOPPED,
    ("vntag_vlan_sandwich_clean.pcap", "10.10.10.1:443 > 10.10.10.2:56960"): (
        "the snap length cut the TCP options: Zeek drops the packet and logs a connection without any, we"
        " count it; and the baseline comes from bare mode, which knows no server ports and does not flip it"
    ),
}
