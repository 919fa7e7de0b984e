"""What losses, copies and delays on the way do to a reading: schedules of the model, as packet traces."""

from __future__ import annotations

import pytest

from tcptrace_py.tcp.codes import CLOSE_KINDS, RESET_CAUSES
from tests.segments import Trace

OPEN = "c SYN 100\ns SYN+ACK 300 101\nc ACK 101 301\n"
OPENED = "SYN_SENT@1s ESTABLISHED@3a"
SERVING = "LISTEN@2a SYN_RCVD@2s ESTABLISHED@3p"

TRACES = {
    "a late FIN that acknowledges the peer's, whose FIN had come again: it closed second": (
        OPEN + "c FIN+ACK 101 301\n+1\nc FIN+ACK 101 301\ns ACK 302 102\ns FIN+ACK 301 102",
        OPENED + " FIN_WAIT_1@4s FIN_WAIT_2@6p",
        SERVING + " CLOSE_WAIT@6A LAST_ACK@7A",
    ),
    "the FIN was lost on its way here, and sent again with a newer acknowledgment: both closed at once": (
        OPEN + "c FIN+ACK 101 301\ns ACK 302 102\n+1\ns FIN+ACK 301 102",
        OPENED + " FIN_WAIT_1@4s FIN_WAIT_2@5p",
        SERVING + " FIN_WAIT_1@5A CLOSING@5A",
    ),
    "the same, and what would have ended its handshake carried that FIN": (
        "c SYN 100\ns SYN+ACK 300 101\nc FIN+ACK 101 301\ns ACK 302 102\n+1\ns FIN+ACK 301 102",
        OPENED + " FIN_WAIT_1@3s FIN_WAIT_2@4p",
        "LISTEN@2a SYN_RCVD@2s FIN_WAIT_1@4A CLOSING@4A",
    ),
    "such a FIN sooner than anybody sends again: overtaken by a later ACK, it closed second": (
        OPEN + "c FIN+ACK 101 301\ns ACK 302 102\ns FIN+ACK 301 102\nc ACK 102 302",
        OPENED + " FIN_WAIT_1@4s FIN_WAIT_2@5p TIME_WAIT@7a",
        SERVING + " CLOSE_WAIT@5A LAST_ACK@6A CLOSED@7p",
    ),
    "such a FIN in a gap from before it acknowledged the peer's: both closed at once, beyond doubt": (
        "c SYN 100\ns SYN+ACK 300 101\n+1\ns SYN+ACK 300 101\nc ACK 112 301\ns FIN+ACK 301 101 10\n"
        "c ACK 112 312\nc FIN+ACK 101 312 10\ns ACK 312 112",
        "SYN_SENT@1s ESTABLISHED@4a FIN_WAIT_1@4s CLOSING@6a TIME_WAIT@8p",
        "LISTEN@2a SYN_RCVD@2s ESTABLISHED@4p FIN_WAIT_1@5s FIN_WAIT_2@6p TIME_WAIT@8a",
    ),
    "the client's first ACK lies beyond what never passed: that may have been its FIN": (
        "c SYN 100\ns SYN+ACK 300 101\n+1\ns SYN+ACK 300 101\nc ACK 102 301",
        "SYN_SENT@1s ESTABLISHED@4A",
        "LISTEN@2a SYN_RCVD@2s ESTABLISHED@4p",
    ),
    "a copy of the SYN after the server's RST revives nobody": (
        OPEN + "s ACK 301 101 10\ns RST+ACK 311 101\nc SYN 100\ns RST+ACK 0 101",
        OPENED + " CLOSED@5p",
        SERVING + " CLOSED@5s",
    ),
    "a copy of the SYN+ACK after the server has sent data takes nothing back": (
        OPEN + "s ACK 301 101 10\ns SYN+ACK 300 101\ns RST+ACK 311 101",
        OPENED + " CLOSED@6p",
        SERVING + " CLOSED@6s",
    ),
    "a copy of the SYN+ACK after the server has acknowledged data takes nothing back": (
        OPEN + "c ACK 101 301 10\ns ACK 301 111\ns SYN+ACK 300 101",
        OPENED,
        SERVING,
    ),
    "the server closes with data, so it had the end of the handshake, whatever it acknowledges": (
        "c SYN 100\ns SYN+ACK 300 101\nc FIN+ACK 101 301 10\n+1\ns SYN+ACK 300 101\nc ACK 112 301\n"
        "s FIN+ACK 301 101 10",
        OPENED + " FIN_WAIT_1@3s",
        "LISTEN@2a SYN_RCVD@2s ESTABLISHED@5p FIN_WAIT_1@6s",
    ),
    "the first ACK of a FIN did not come, the next did, before the peer's FIN: FIN_WAIT_2 begins with that": (
        OPEN
        + "c ACK 101 301 10\nc FIN+ACK 111 301\ns FIN+ACK 301 101\nc ACK 112 302\n+1\ns FIN+ACK 301 101\n"
        "c ACK 112 302\nc ACK 101 302 10\n+1\nc FIN+ACK 111 302\ns ACK 302 112",
        OPENED + " FIN_WAIT_1@5s CLOSING@7a TIME_WAIT@12p",
        SERVING + " FIN_WAIT_1@6s FIN_WAIT_2@9p TIME_WAIT@12p",
    ),
    "a FIN sent too early again: data that came with the ACK of it, once taken in, proves that ACK": (
        OPEN + "c FIN+ACK 101 301\ns ACK 301 102 10\nc FIN+ACK 101 301\nc ACK 102 311",
        OPENED + " FIN_WAIT_1@4s FIN_WAIT_2@5p",
        SERVING + " CLOSE_WAIT@5a",
    ),
    "a FIN overtakes its sender's SYN+ACK": (
        "c SYN 100\ns FIN+ACK 301 101\ns SYN+ACK 300 101\nc ACK 101 302\nc FIN+ACK 101 302\ns ACK 302 102",
        "SYN_SENT@1s ESTABLISHED@4a CLOSE_WAIT@4a LAST_ACK@5s CLOSED@6p",
        "LISTEN@2A SYN_RCVD@2A FIN_WAIT_1@2s FIN_WAIT_2@4p TIME_WAIT@6a",
    ),
    "the SYN+ACK never passed here; a FIN_WAIT_1 endpoint sends it again": (
        "c SYN 100\ns FIN+ACK 301 101\n+1\ns SYN+ACK 300 101",
        "SYN_SENT@1s",
        "LISTEN@2A SYN_RCVD@2A FIN_WAIT_1@2s",
    ),
    "the peer's first FIN did not come; the ACK of its own came before the second": (
        "c SYN 100\ns SYN+ACK 300 101\nc FIN+ACK 101 301 10\n+1\ns SYN+ACK 300 101\nc ACK 112 301\n"
        "s FIN+ACK 301 101 10\nc ACK 112 312\nc FIN+ACK 101 312 10\ns ACK 312 112",
        OPENED + " FIN_WAIT_1@3s CLOSING@7a TIME_WAIT@9p",
        "LISTEN@2a SYN_RCVD@2s ESTABLISHED@5p FIN_WAIT_1@6s FIN_WAIT_2@7p TIME_WAIT@9p",
    ),
    "the same, but the second may have come before the ACK": (
        "c SYN 100\ns SYN+ACK 300 101\nc FIN+ACK 101 301 10\n+1\ns SYN+ACK 300 101\nc ACK 112 301\n"
        "c FIN+ACK 101 301 10\ns FIN+ACK 301 101 10\nc ACK 112 312\ns ACK 312 112",
        OPENED + " FIN_WAIT_1@3s CLOSING@8a TIME_WAIT@9p",
        "LISTEN@2a SYN_RCVD@2s ESTABLISHED@5p FIN_WAIT_1@7s CLOSING@9p TIME_WAIT@9p",
    ),
    "a FIN behind data that never passed has not come: the ACK of the other's came before": (
        OPEN + "c FIN+ACK 101 301\ns FIN+ACK 311 101\nc ACK 102 301\ns ACK 312 102\n+1\n"
        "s FIN+ACK 301 102 10\nc ACK 102 312",
        OPENED + " FIN_WAIT_1@4s FIN_WAIT_2@7p TIME_WAIT@9p",
        SERVING + " FIN_WAIT_1@5s CLOSING@7a TIME_WAIT@9p",
    ),
    "both close at once, and the client's first FIN is lost: the second acknowledges the server's": (
        OPEN + "c FIN+ACK 101 301\ns FIN+ACK 301 101\n+1\nc FIN+ACK 101 302\ns ACK 302 102",
        OPENED + " FIN_WAIT_1@4s CLOSING@6a TIME_WAIT@7p",
        SERVING + " FIN_WAIT_1@5s TIME_WAIT@7p",
    ),
    "the first was not lost, so the second was dropped with its acknowledgment": (
        OPEN + "c FIN+ACK 101 301\ns FIN+ACK 301 101\n+1\nc FIN+ACK 101 302\ns ACK 302 102\n"
        "s FIN+ACK 301 102\nc ACK 102 302",
        OPENED + " FIN_WAIT_1@4s CLOSING@6a TIME_WAIT@7p",
        SERVING + " FIN_WAIT_1@5s CLOSING@7p TIME_WAIT@9p",
    ),
    "a FIN out of order, and again with its data, before the ACK of it was lost: in FIN_WAIT_2 by then": (
        OPEN + "c ACK 101 301 10\nc FIN+ACK 111 301\ns ACK 301 111\ns FIN+ACK 311 111\nc ACK 112 301\n"
        "s ACK 312 112\n+1\ns FIN+ACK 301 112 10\nc ACK 112 312\n+2\ns FIN+ACK 301 112 10",
        OPENED + " FIN_WAIT_1@5s FIN_WAIT_2@9p TIME_WAIT@11p",
        SERVING + " FIN_WAIT_1@7s CLOSING@9a",
    ),
    "the same the other way round, and it was sent before the peer's FIN": (
        OPEN + "c FIN+ACK 111 301\ns ACK 301 101\ns ACK 301 101 10\nc ACK 112 311\ns FIN+ACK 311 101\n"
        "c ACK 112 312\n+1\nc FIN+ACK 101 312 10\ns ACK 312 112\n+2\nc FIN+ACK 101 312 10",
        OPENED + " FIN_WAIT_1@4s CLOSING@9a",
        SERVING + " FIN_WAIT_1@8s FIN_WAIT_2@9p TIME_WAIT@11p",
    ),
    "the ACK that answers a SYN+ACK sent again ended the handshake, whatever follows it": (
        OPEN + "+1\ns SYN+ACK 300 101\nc ACK 101 301\nc ACK 101 301 10\ns ACK 301 111\n"
        "s FIN+ACK 301 111\nc ACK 111 302",
        OPENED + " CLOSE_WAIT@9a",
        "LISTEN@2a SYN_RCVD@2s ESTABLISHED@5p FIN_WAIT_1@8s FIN_WAIT_2@9p",
    ),
    "the ACK that answers a FIN sent again has come, whatever follows it": (
        OPEN + "c FIN+ACK 101 301\ns ACK 301 102\n+1\nc FIN+ACK 101 301\ns ACK 301 102\n"
        "s ACK 301 102 10\ns ACK 311 102 10",
        OPENED + " FIN_WAIT_1@4s FIN_WAIT_2@7p",
        SERVING + " CLOSE_WAIT@5a",
    ),
    "a RST of who had sent what the capture lacks, and the peer had acknowledged, is exact": (
        OPEN + "s ACK 311 101 10\nc ACK 101 321\ns ACK 321 101 10\ns RST+ACK 331 101\nc ACK 101 331",
        OPENED + " CLOSED@7p",
        SERVING + " CLOSED@7s",
    ),
    "data sent again before a FIN: the ACK of both did not arrive": (
        OPEN + "c FIN+ACK 101 301\ns ACK 301 102 10\ns FIN+ACK 311 102\nc ACK 102 312\n+1\ns ACK 301 102 10",
        OPENED + " FIN_WAIT_1@4s FIN_WAIT_2@5p TIME_WAIT@7a",
        SERVING + " CLOSE_WAIT@5a LAST_ACK@6s",
    ),
    "but a copy of it with an old acknowledgment takes nothing back": (
        OPEN + "s ACK 301 101 10\nc FIN+ACK 101 311\ns FIN+ACK 311 102\nc ACK 102 312\n+1\ns ACK 301 101 10",
        OPENED + " FIN_WAIT_1@5s TIME_WAIT@7a",
        SERVING + " CLOSE_WAIT@6a LAST_ACK@6s CLOSED@7p",
    ),
    "many RSTs, of which the fourth has the exact number, and the last an older one": (
        OPEN + "c ACK 111 301 20\nc RST+ACK 131 301\nc ACK 101 301 10\ns ACK 301 101\nc RST 101\nc RST 101\n"
        "s ACK 301 131\nc RST 131\nc RST 101",
        OPENED + " CLOSED@8s",
        SERVING + " CLOSED@11p",
    ),
    "a RST ahead of data that never passed, a challenge ACK, and the RST that answers it": (
        "c SYN 100\ns SYN+ACK 300 101\nc RST 111\ns ACK 301 101\nc RST 101",
        "SYN_SENT@1s ESTABLISHED@5A CLOSED@5s",
        "LISTEN@2a SYN_RCVD@2s LISTEN@5p",
    ),
    "the same after the peer's FIN, which the first RST acknowledges": (
        "c SYN 100\ns SYN+ACK 300 101\nc FIN+ACK 101 301\ns RST+ACK 311 102\nc ACK 102 301\ns RST 301",
        OPENED + " FIN_WAIT_1@3s CLOSED@6p",
        SERVING + " CLOSE_WAIT@6a CLOSED@6s",
    ),
    "the same, and the data comes late": (
        OPEN + "c FIN+ACK 101 301\ns RST+ACK 311 102\nc ACK 102 301\ns ACK 301 101 10\nc ACK 102 311\n"
        "s RST 301\ns RST 311",
        OPENED + " FIN_WAIT_1@4s CLOSED@10p",
        SERVING + " CLOSE_WAIT@10a CLOSED@10s",
    ),
    "a RST behind data that never passed does not fit what its receiver has had; silence may confirm it": (
        OPEN + "c FIN+ACK 101 301\ns ACK 311 102\ns RST+ACK 311 102",
        OPENED + " FIN_WAIT_1@4s FIN_WAIT_2@5p",
        SERVING + " CLOSE_WAIT@5A",
    ),
    "a copy of a FIN takes no ACK of it back that came with data its sender took in": (
        OPEN + "c FIN+ACK 101 301\ns ACK 301 102 10\nc ACK 102 311\nc FIN+ACK 101 301\ns RST+ACK 311 102",
        OPENED + " FIN_WAIT_1@4s FIN_WAIT_2@5p CLOSED@8p",
        SERVING + " CLOSE_WAIT@5a CLOSED@8s",
    ),
    "a FIN that ends the handshake as well, which only the RST that answers it shows": (
        "c SYN 100\ns SYN+ACK 300 101\nc FIN+ACK 101 301\n+1\ns SYN+ACK 300 101\ns RST+ACK 301 102",
        "SYN_SENT@1s ESTABLISHED@3a FIN_WAIT_1@3s CLOSED@5p",
        "LISTEN@2a SYN_RCVD@2s ESTABLISHED@5a CLOSE_WAIT@5a CLOSED@5s",
    ),
    "the same, shown by the RST that only who had the FIN believes": (
        "c SYN 100\ns SYN+ACK 300 101\nc FIN+ACK 101 301\n+1\ns SYN+ACK 300 101\nc RST 102",
        "SYN_SENT@1s ESTABLISHED@3a FIN_WAIT_1@3s CLOSED@5s",
        "LISTEN@2a SYN_RCVD@2s ESTABLISHED@5p CLOSE_WAIT@5p CLOSED@5p",
    ),
    "the SYN+ACK again crosses data and the RST after it, believed only by who has had the data": (
        "c SYN 100\ns SYN+ACK 300 101\nc ACK 101 301 10\nc RST 111\ns SYN+ACK 300 101",
        OPENED + " CLOSED@4s",
        "LISTEN@2a SYN_RCVD@2s ESTABLISHED@4p CLOSED@4p",
    ),
    "the same, and the data came with the ACK of its receiver's FIN": (
        OPEN + "c FIN+ACK 101 301\ns ACK 301 102 10\nc FIN+ACK 101 301\ns RST+ACK 311 102",
        OPENED + " FIN_WAIT_1@4s FIN_WAIT_2@7p CLOSED@7p",
        SERVING + " CLOSE_WAIT@5a CLOSED@7s",
    ),
    "a RST with the number of data that its receiver then acknowledges is too old": (
        OPEN + "c FIN+ACK 101 301\ns ACK 301 101 10\ns RST 301\nc ACK 102 311",
        OPENED + " FIN_WAIT_1@4s",
        SERVING + " CLOSED@6s",
    ),
    "a RST that acknowledges the peer's FIN, overtaken by one that its sender sent from CLOSED": (
        OPEN + "c FIN+ACK 101 301\ns ACK 301 101 10\nc ACK 102 311\ns RST 311\ns RST+ACK 311 102",
        OPENED + " FIN_WAIT_1@4s CLOSED@7p",
        SERVING + " CLOSE_WAIT@7a CLOSED@7s",
    ),
    "nobody reads any more on either side: each resets what the other still has under way": (
        OPEN + "c ACK 101 301 10\nc FIN+ACK 111 301\ns ACK 301 101 10\ns FIN+ACK 311 101\n"
        "s RST 312\nc RST 112",
        OPENED + " FIN_WAIT_1@5s CLOSED@9s",
        SERVING + " FIN_WAIT_1@7s CLOSED@8s",
    ),
    "a RST that answers what came before the ACK of its sender's FIN: it was CLOSED already": (
        OPEN + "c ACK 101 301 10\nc FIN+ACK 111 301\ns ACK 301 101 10\ns ACK 311 111\ns ACK 311 112\n"
        "c RST 112\nc RST 111",
        OPENED + " FIN_WAIT_1@5s CLOSED@9s",
        SERVING + " CLOSE_WAIT@8a CLOSED@9p",
    ),
    "a RST acknowledges the FIN that its sender's handshake ended with": (
        "c SYN 100\ns SYN+ACK 300 101\nc FIN+ACK 101 301\ns SYN+ACK 300 101\ns RST+ACK 301 102",
        OPENED + " FIN_WAIT_1@3s CLOSED@5p",
        "LISTEN@2a SYN_RCVD@2s ESTABLISHED@5a CLOSE_WAIT@5a CLOSED@5s",
    ),
    "the FIN that would have ended the handshake is refused, sent twice": (
        "c SYN 100\ns SYN+ACK 300 101\nc FIN+ACK 101 301\nc FIN+ACK 101 301\ns RST 301",
        OPENED + " FIN_WAIT_1@3s CLOSED@5p",
        "LISTEN@2a SYN_RCVD@2s CLOSED@5s",
    ),
    "the SYN+ACK again, too late to have crossed data and RST: neither came": (
        "c SYN 100\ns SYN+ACK 300 101\nc ACK 101 301 10\nc RST 111\n+1\ns SYN+ACK 300 101",
        OPENED + " CLOSED@4s",
        "LISTEN@2a SYN_RCVD@2s",
    ),
    "the SYN+ACK again: the RST that sent its sender back to LISTEN did not come": (
        "c SYN 100\ns SYN+ACK 300 101\nc RST 101\n+2\ns SYN+ACK 300 101",
        "SYN_SENT@1s CLOSED@3s",
        "LISTEN@2a SYN_RCVD@2s",
    ),
    "a RST ahead of what has passed is confirmed by the one that answers the SYN+ACK again": (
        "c SYN 100\ns SYN+ACK 300 101\nc RST 111\ns SYN+ACK 300 101\nc RST 101",
        "SYN_SENT@1s ESTABLISHED@5A CLOSED@5s",
        "LISTEN@2a SYN_RCVD@2s LISTEN@5p",
    ),
    "both open at once; a SYN+ACK long after the peer's is sent by who has not had that": (
        "c SYN 100\ns SYN 300\ns SYN+ACK 300 101\n+1\nc SYN+ACK 100 301",
        "SYN_SENT@1s SYN_RCVD@4s",
        "SYN_SENT@2s SYN_RCVD@3s ESTABLISHED@4p",
    ),
    "both open at once; who acknowledges the peer's SYN, and had no SYN+ACK, has sent its own unseen": (
        "c SYN 100\ns SYN 300\nc ACK 101 301",
        "SYN_SENT@1s SYN_RCVD@3A",
        "SYN_SENT@2s",
    ),
    "both open at once, and no further segment is due (figure 7)": (
        "c SYN 100\ns SYN 300\ns SYN+ACK 300 101\nc SYN+ACK 100 301\n+99\nc FIN+ACK 101 301",
        "SYN_SENT@1s SYN_RCVD@4s ESTABLISHED@4p FIN_WAIT_1@5s",
        "SYN_SENT@2s SYN_RCVD@3s ESTABLISHED@4p",
    ),
    "the same, and the peer's SYN+ACK, which had passed first, did not come": (
        "c SYN 100\ns SYN 300\ns SYN+ACK 300 101\nc SYN+ACK 100 301\n+1\nc SYN+ACK 100 301",
        "SYN_SENT@1s SYN_RCVD@4s",
        "SYN_SENT@2s SYN_RCVD@3s ESTABLISHED@4p",
    ),
    "a refused attempt goes on, and who refused it opens as well": (
        "c SYN 100\ns RST+ACK 0 101\nc SYN 100\ns SYN 300\nc SYN+ACK 100 301\ns SYN+ACK 300 101",
        "SYN_SENT@1s SYN_RCVD@5s ESTABLISHED@6p",
        "CLOSED@2s SYN_SENT@4s SYN_RCVD@6s ESTABLISHED@6p",
    ),
    "the same, and the refusal had come: now the first refuses": (
        "c SYN 100\ns RST+ACK 0 101\nc SYN 100\ns SYN 300\nc RST+ACK 0 301",
        "SYN_SENT@1s CLOSED@5s",
        "CLOSED@2s SYN_SENT@4s CLOSED@5p",
    ),
    "a late copy of a FIN shows that it was sent before the peer's had come: both closed at once": (
        OPEN + "c FIN+ACK 101 301\ns FIN+ACK 301 102\ns FIN+ACK 301 101",
        OPENED + " FIN_WAIT_1@4s",
        SERVING + " FIN_WAIT_1@5s CLOSING@5a",
    ),
    "the same after the last ACK": (
        OPEN + "c FIN+ACK 101 301\ns FIN+ACK 301 102\nc ACK 102 302\ns FIN+ACK 301 101",
        OPENED + " FIN_WAIT_1@4s TIME_WAIT@6p",
        SERVING + " FIN_WAIT_1@5s CLOSING@5a TIME_WAIT@6p",
    ),
    "the same, and only the peer's FIN could have ended its handshake: it closed from SYN_RCVD": (
        "c SYN 100\ns SYN+ACK 300 101\nc FIN+ACK 101 301\ns FIN+ACK 301 102\ns FIN+ACK 301 101",
        OPENED + " FIN_WAIT_1@3s",
        "LISTEN@2a SYN_RCVD@2s FIN_WAIT_1@4s CLOSING@4a",
    ),
    "the peer's FIN comes again after an ACK of the own one: the first had not come": (
        "c SYN 100\ns SYN+ACK 300 101\ns FIN+ACK 301 101\n+1\nc FIN+ACK 101 301\ns ACK 302 102\n+1\n"
        "s FIN+ACK 301 102\nc ACK 102 302",
        "SYN_SENT@1s ESTABLISHED@4a FIN_WAIT_1@4s FIN_WAIT_2@5p TIME_WAIT@7p",
        "LISTEN@2a SYN_RCVD@2s FIN_WAIT_1@3s CLOSING@5a TIME_WAIT@7p",
    ),
    "the peer's FIN passes only after an ACK of the own one, which came again in between": (
        "c SYN 100\ns SYN+ACK 300 101\nc FIN+ACK 101 301\ns ACK 302 102\nc FIN+ACK 101 301\n"
        "s FIN+ACK 301 101\nc ACK 102 302",
        OPENED + " FIN_WAIT_1@3s FIN_WAIT_2@7p TIME_WAIT@7p",
        "LISTEN@2a SYN_RCVD@2s FIN_WAIT_1@4s CLOSING@4a TIME_WAIT@7p",
    ),
    "a SYN passes after its sender's SYN+ACK: that was no listener": (
        OPEN + "s SYN 300",
        OPENED,
        "SYN_SENT@2a SYN_RCVD@2s ESTABLISHED@3p",
    ),
    "the same when it is CLOSED already": (
        "c SYN 100\ns SYN+ACK 300 101\nc FIN+ACK 101 301\ns FIN+ACK 301 102\nc ACK 102 302\ns SYN 300",
        OPENED + " FIN_WAIT_1@3s TIME_WAIT@5a",
        "SYN_SENT@2a SYN_RCVD@2s ESTABLISHED@3p CLOSE_WAIT@4a LAST_ACK@4s CLOSED@5p",
    ),
    "both open at once, and a FIN overtakes its sender's SYN+ACK": (
        "c SYN 100\ns SYN 300\ns SYN+ACK 300 101\nc FIN+ACK 101 301\nc SYN+ACK 100 301",
        "SYN_SENT@1s SYN_RCVD@4a ESTABLISHED@4p FIN_WAIT_1@4s",
        "SYN_SENT@2s SYN_RCVD@3s ESTABLISHED@4p",
    ),
    "the SYN+ACK again after its sender's FIN: no ACK had come, so it closed from SYN_RCVD": (
        OPEN + "s FIN+ACK 301 101\n+1\ns SYN+ACK 300 101",
        OPENED,
        "LISTEN@2a SYN_RCVD@2s FIN_WAIT_1@4s",
    ),
    "the same, so what acknowledged that FIN has not come either": (
        "c SYN 100\ns SYN+ACK 300 101\ns FIN+ACK 301 101\nc ACK 101 302\n+1\ns SYN+ACK 300 101",
        "SYN_SENT@1s ESTABLISHED@4a CLOSE_WAIT@4a",
        "LISTEN@2a SYN_RCVD@2s FIN_WAIT_1@3s",
    ),
    "who has had no more than a SYN, and sent one number that never passed, has sent its FIN": (
        "c SYN 100\ns SYN+ACK 300 101\nc FIN+ACK 101 301\ns ACK 302 101",
        OPENED + " FIN_WAIT_1@3s",
        "LISTEN@2a SYN_RCVD@2s FIN_WAIT_1@4A",
    ),
    "so it does not listen again by the RST that crosses that": (
        "c SYN 100\ns SYN+ACK 300 101\nc RST 101\ns ACK 302 101",
        "SYN_SENT@1s CLOSED@3s",
        "LISTEN@2a SYN_RCVD@2s FIN_WAIT_1@4A CLOSED@4p",
    ),
    "such a FIN passes late: it was sent from SYN_RCVD, whatever has passed in between": (
        "c SYN 100\ns SYN+ACK 300 101\ns ACK 302 101\nc ACK 101 301\ns FIN+ACK 301 101\n"
        "c FIN+ACK 101 302\ns ACK 302 102",
        "SYN_SENT@1s ESTABLISHED@4a CLOSE_WAIT@6a LAST_ACK@6s CLOSED@7p",
        "LISTEN@2a SYN_RCVD@2s FIN_WAIT_1@3s TIME_WAIT@7a",
    ),
    "the SYN+ACK again, a second after a RST toward a FIN_WAIT_1 endpoint: that did not come": (
        "c SYN 100\ns FIN+ACK 301 101\nc RST 101\n+1\ns SYN+ACK 300 101",
        "SYN_SENT@1s CLOSED@3s",
        "LISTEN@2A SYN_RCVD@2A FIN_WAIT_1@2s",
    ),
    "a SYN+ACK from who was refused in SYN_SENT: it was in SYN_RCVD when the RST came": (
        "c SYN 100\ns RST+ACK 0 101\nc SYN 100\ns SYN 300\nc RST+ACK 0 301\n+1\ns SYN+ACK 300 101",
        "SYN_SENT@1s CLOSED@5s",
        "CLOSED@2s SYN_SENT@4s SYN_RCVD@6s",
    ),
    "a RST overtakes the data that was sent before it": (
        "c SYN 100\ns SYN+ACK 300 101\nc RST 111\nc ACK 101 301 10",
        "SYN_SENT@1s ESTABLISHED@4a CLOSED@4s",
        "LISTEN@2a SYN_RCVD@2s ESTABLISHED@3p CLOSED@3p",
    ),
    "the same, and it acknowledges the peer's FIN": (
        "c SYN 100\ns SYN+ACK 300 101\ns FIN+ACK 301 101\nc RST+ACK 111 302\nc ACK 101 301 10",
        "SYN_SENT@1s ESTABLISHED@5a CLOSE_WAIT@5a CLOSED@5s",
        "LISTEN@2a SYN_RCVD@2s FIN_WAIT_1@3s CLOSED@4p",
    ),
    "a copy of what refused the first SYN passes after the own SYN of its sender, which goes on": (
        "c SYN 100\ns RST+ACK 0 101\nc SYN 100\ns SYN 300\ns RST+ACK 0 101\ns SYN+ACK 300 101",
        "SYN_SENT@1s CLOSED@5p",
        "CLOSED@2s SYN_SENT@4s SYN_RCVD@6s",
    ),
    "a RST below the data that ended the handshake: that data had not come, so the listener had not opened": (
        "c SYN 100\ns SYN+ACK 300 101\nc ACK 101 301 10\ns ACK 301 101\nc RST 101",
        OPENED + " CLOSED@5s",
        "LISTEN@2a SYN_RCVD@2s LISTEN@5p",
    ),
    "but not where a RST with the number after that data has passed before": (
        OPEN + "c RST 111\nc ACK 101 301 10\ns SYN+ACK 300 101\nc RST 101",
        OPENED + " CLOSED@4s",
        "LISTEN@2a SYN_RCVD@2s ESTABLISHED@4p CLOSED@4p",
    ),
    "a listener that was reset answers anew: it had not opened": (
        OPEN + "c RST 101\ns SYN+ACK 400 101",
        OPENED + " CLOSED@4s",
        "LISTEN@2a SYN_RCVD@2s LISTEN@4p SYN_RCVD@5s",
    ),
    "a late copy of a listener's former answer changes nothing": (
        "c SYN 100\ns SYN+ACK 300 101\nc RST 101\ns SYN+ACK 400 101\nc RST 101\ns SYN+ACK 300 101\n"
        "s FIN+ACK 401 101",
        "SYN_SENT@1s CLOSED@3s",
        "LISTEN@2a SYN_RCVD@2s LISTEN@3p SYN_RCVD@4s FIN_WAIT_1@7s CLOSED@7p",
    ),
    "who goes on after a RST has not had it, nor the FIN before it that its number told of": (
        OPEN + "c FIN+ACK 101 301\ns ACK 301 101 10\nc RST+ACK 102 311\n+2\ns ACK 301 101 10\n+1\n"
        "s FIN+ACK 311 101\n+5\ns FIN+ACK 301 101 10",
        OPENED + " FIN_WAIT_1@4s CLOSED@6s",
        SERVING + " FIN_WAIT_1@8s",
    ),
    "nor the ACK of its own FIN": (
        OPEN + "s FIN+ACK 301 101\nc ACK 101 302 10\nc RST+ACK 111 302\n+2\ns FIN+ACK 301 101",
        OPENED + " CLOSE_WAIT@5a CLOSED@6s",
        SERVING + " FIN_WAIT_1@4s",
    ),
    "two clocks: a FIN stamped just before the FIN that it acknowledges is of who closed second": (
        OPEN + "c ACK 101 301 10\ns FIN+ACK 301 112\nc FIN+ACK 111 301\nc ACK 112 302",
        OPENED + " FIN_WAIT_1@6s TIME_WAIT@7a",
        SERVING + " CLOSE_WAIT@5a LAST_ACK@5s CLOSED@7p",
    ),
    "a server's SYN+ACK never passed, its data does": (
        "c SYN 100\ns ACK 301 101 10\nc ACK 101 311",
        OPENED,
        "LISTEN@2A SYN_RCVD@2A ESTABLISHED@2a",
    ),
    "the same, and a bare ACK of its comes first: that shows no more than SYN_RCVD": (
        "c SYN 100\ns ACK 301 101\nc ACK 101 301 5\ns ACK 301 106",
        OPENED,
        "LISTEN@2A SYN_RCVD@2A ESTABLISHED@3p",
    ),
    "two clocks: the ACK of a SYN+ACK stamped just before it is no older": (
        "c SYN 100\nc ACK 101 301\ns SYN+ACK 300 101",
        "SYN_SENT@1s ESTABLISHED@2a",
        "LISTEN@3a SYN_RCVD@3s ESTABLISHED@3p",
    ),
    "two clocks: the ACK of a FIN stamped just before it, after its sender's own FIN": (
        OPEN + "c FIN+ACK 101 301\nc ACK 102 302\ns FIN+ACK 301 101\ns ACK 302 102",
        OPENED + " FIN_WAIT_1@4s CLOSING@6a TIME_WAIT@7p",
        SERVING + " FIN_WAIT_1@6s CLOSING@7p TIME_WAIT@7p",
    ),
    "what it has sent since shows that it had opened, whatever the RST's number": (
        "c SYN 100\ns SYN+ACK 300 101\nc ACK 101 301 7\ns ACK 301 101 9\nc RST 101",
        OPENED + " CLOSED@5s",
        "LISTEN@2a SYN_RCVD@2s ESTABLISHED@4a CLOSED@5p",
    ),
    "nor does the RST for what acknowledges it": (
        "c SYN 100\ns SYN+ACK 300 101\nc RST 101\nc ACK 101 301\ns SYN+ACK 400 101\ns RST 301",
        # Only who has had the SYN+ACK sends the ACK of it: its RST, an abort, has overtaken that.
        "SYN_SENT@1s ESTABLISHED@4a CLOSED@4s",
        "LISTEN@2a SYN_RCVD@2s LISTEN@3p SYN_RCVD@5s",
    ),
    "a FIN where an ACK from before the peer's FIN had left a gap: both closed at once": (
        OPEN + "s ACK 301 101 10\nc ACK 102 311\ns FIN+ACK 311 101\nc FIN+ACK 101 312",
        OPENED + " FIN_WAIT_1@5s CLOSING@7a",
        SERVING + " FIN_WAIT_1@6s",
    ),
    "a late FIN, and the peer had to send again what came with its own: perhaps the first was lost": (
        OPEN + "c ACK 101 301 10\n+1\nc FIN+ACK 101 301 10\ns ACK 302 112\ns FIN+ACK 301 112",
        OPENED + " FIN_WAIT_1@5s FIN_WAIT_2@6p",
        SERVING + " CLOSE_WAIT@6A LAST_ACK@7A",
    ),
    "an ACK that its sender's FIN has overtaken does not open what that FIN did not": (
        "c SYN 100\ns SYN+ACK 300 101\nc FIN+ACK 101 301\nc ACK 101 301\ns FIN+ACK 301 101",
        OPENED + " FIN_WAIT_1@3s",
        "LISTEN@2a SYN_RCVD@2s FIN_WAIT_1@5s",
    ),
    "a server's ACK of a FIN, from beyond what never passed: it may have closed before it was open": (
        "c SYN 100\ns SYN+ACK 300 101\nc FIN+ACK 101 301\ns SYN+ACK 300 101\ns ACK 302 102",
        OPENED + " FIN_WAIT_1@3s FIN_WAIT_2@5p",
        "LISTEN@2a SYN_RCVD@2s ESTABLISHED@5A CLOSE_WAIT@5A",
    ),
    "the same, and its FIN passes: it had": (
        "c SYN 100\ns SYN+ACK 300 101\nc FIN+ACK 101 301\ns SYN+ACK 300 101\ns ACK 302 102\n"
        "s FIN+ACK 301 101",
        OPENED + " FIN_WAIT_1@3s FIN_WAIT_2@5p",
        "LISTEN@2a SYN_RCVD@2s FIN_WAIT_1@5s CLOSING@5a",
    ),
    "a FIN with a number that is not its own shows nothing of the close": (
        OPEN + "c FIN+ACK 101 301\ns FIN+ACK 301 102\nc ACK 102 302\ns FIN+ACK 500 101",
        OPENED + " FIN_WAIT_1@4s TIME_WAIT@6a",
        SERVING + " CLOSE_WAIT@5a LAST_ACK@5s CLOSED@6p",
    ),
    "nor does a late one from an endpoint that has reset the connection since": (
        OPEN + "c FIN+ACK 101 301\ns FIN+ACK 301 102\ns RST+ACK 302 102\ns FIN+ACK 301 101",
        OPENED + " FIN_WAIT_1@4s FIN_WAIT_2@6p TIME_WAIT@6p CLOSED@6p",
        SERVING + " FIN_WAIT_1@5s CLOSING@5a CLOSED@6s",
    ),
    "two answers to one SYN, neither after a reset: a RST of the one that the client took is believed": (
        "c SYN 100\ns SYN+ACK 300 101\nc SYN 100\ns SYN+ACK 400 101\nc ACK 101 301\ns RST 301",
        "SYN_SENT@1s ESTABLISHED@5a CLOSED@6p",
        "LISTEN@2a SYN_RCVD@2s CLOSED@6s",
    ),
    "a copy of the SYN+ACK long after a FIN takes nothing back of what the server has shown": (
        "c SYN 100\ns SYN+ACK 300 101\nc ACK 101 301 10\ns ACK 301 111 50\ns FIN+ACK 351 111\n"
        "c ACK 111 352\n+2\ns SYN+ACK 300 101",
        OPENED + " CLOSE_WAIT@6a",
        SERVING + " FIN_WAIT_1@5s FIN_WAIT_2@6p",
    ),
    "nor does the SYN+ACK that its sender's FIN has overtaken": (
        "c SYN 100\nc ACK 101 301\ns FIN+ACK 301 101\ns SYN+ACK 300 101",
        "SYN_SENT@1s ESTABLISHED@2a",
        "LISTEN@3A SYN_RCVD@3A ESTABLISHED@3p FIN_WAIT_1@3s",
    ),
    "what was taken for a FIN that never passed was none: data goes on": (
        "c SYN 100\ns SYN+ACK 300 101\ns ACK 302 101\nc ACK 101 302\ns ACK 302 101 500",
        "SYN_SENT@1s ESTABLISHED@4a",
        "LISTEN@2a SYN_RCVD@2s ESTABLISHED@4p",
    ),
    "a RST that data caught up with, from somebody else: its sender goes on": (
        "c SYN 100\ns SYN+ACK 300 101\nc RST 111\nc ACK 101 301 10\n+2\nc ACK 111 301 20\ns ACK 301 131 100",
        "SYN_SENT@1s ESTABLISHED@4a",
        "LISTEN@2a SYN_RCVD@2s ESTABLISHED@4p",
    ),
    "data overtakes the ACK that ends the handshake": (
        "c SYN 100\ns SYN+ACK 300 101\nc ACK 101 301 10\nc ACK 101 301\ns FIN+ACK 301 101",
        OPENED,
        "LISTEN@2a SYN_RCVD@2s ESTABLISHED@4p FIN_WAIT_1@5s",
    ),
    "data is answered before it closes, though what goes before that data is lost": (
        "c SYN 100\ns SYN+ACK 300 101\nc ACK 111 301 10\ns ACK 301 101\ns FIN+ACK 301 101",
        OPENED,
        SERVING + " FIN_WAIT_1@5s",
    ),
    "a FIN behind lost data ends the handshake, and the RST after that does not acknowledge it": (
        "c SYN 100\ns SYN+ACK 300 101\nc FIN+ACK 102 301\ns ACK 301 101\ns RST+ACK 301 101",
        OPENED + " FIN_WAIT_1@3s CLOSED@5p",
        SERVING + " CLOSED@5s",
    ),
    "what goes before the peer's FIN is sent again after the ACK: FIN_WAIT_2 until that is refused": (
        OPEN + "c ACK 101 301 10\nc FIN+ACK 111 301\ns FIN+ACK 301 101\nc ACK 112 302\n+.3\n"
        "c ACK 101 302 10\ns RST 302",
        OPENED + " FIN_WAIT_1@5s CLOSING@7a CLOSED@9p",
        SERVING + " FIN_WAIT_1@6s FIN_WAIT_2@7p CLOSED@9s",
    ),
    "a keep-alive probe, dropped unread though its ACK is of the FIN, and then the ACK of that": (
        OPEN + "c FIN+ACK 101 301\n+1\ns ACK 300 102\nc ACK 102 301\n+1\ns ACK 301 102",
        OPENED + " FIN_WAIT_1@4s FIN_WAIT_2@7p",
        SERVING + " CLOSE_WAIT@5a",
    ),
    "a RST that acknowledges the SYN+ACK, in place of the ACK: it was ESTABLISHED": (
        "c SYN 100\ns SYN+ACK 300 101\nc RST+ACK 101 301",
        "SYN_SENT@1s ESTABLISHED@3a CLOSED@3s",
        "LISTEN@2a SYN_RCVD@2s LISTEN@3p",
    ),
    "a SYN with data was given up: the RST that refuses the late SYN+ACK goes on after that data": (
        "c SYN 100 0 10\ns ACK 301 111 20\n+1\ns SYN+ACK 300 111\nc RST 111",
        "SYN_SENT@1s CLOSED@4s",
        "LISTEN@2A SYN_RCVD@2A LISTEN@4p",
    ),
}


@pytest.mark.parametrize(("trace", "client", "server"), TRACES.values(), ids=TRACES)
def test_reading(trace: str, client: str, server: str) -> None:
    played = Trace().play(trace)
    (connection,) = played.tracker.table.all()
    assert played.words(connection.client()) == client
    assert played.words(connection.server()) == server


CHALLENGED = OPEN + "s RST 311\nc ACK 101 301\n"


@pytest.mark.parametrize(
    ("trace", "strays", "cause"),
    [
        (CHALLENGED + "s RST 301", 0, "abort"),
        (CHALLENGED + "s ACK 301 101 10\nc ACK 101 311", 1, ""),
        (CHALLENGED, 1, ""),
        (OPEN + "s ACK 311 101\ns RST 311", 0, "abort"),
        (OPEN + "s ACK 311 101\ns RST 311\nc ACK 101 301\ns ACK 301 101 10\nc ACK 101 311", 1, ""),
    ],
    ids=["confirmed", "goes on", "no answer", "silence", "the data comes late"],
)
def test_a_rst_not_exact_counts_by_silence_or_by_the_answer_to_a_challenge_ack(
    trace: str, strays: int, cause: str
) -> None:
    (connection,) = Trace().play(trace).end()
    assert connection.rare.stray_resets == strays
    assert RESET_CAUSES[connection.reset_cause] == cause


def test_a_syn_ack_that_is_overtaken_is_no_retransmission() -> None:
    played = Trace().play("c SYN 100\ns FIN+ACK 301 101\ns SYN+ACK 300 101")
    (connection,) = played.tracker.table.all()
    assert connection.server().rare.retransmits == 0
    played.play("s SYN+ACK 300 101")
    assert connection.server().rare.retransmits == 1


def test_a_late_fin_of_both_closing_at_once_makes_it_a_simultaneous_close() -> None:
    (connection,) = Trace().play(OPEN + "c FIN+ACK 101 301\ns ACK 302 102\n+1\ns FIN+ACK 301 102").end()
    assert CLOSE_KINDS[connection.close] == "simultaneous"


def test_a_duplicate_ack_below_a_fin_is_for_that_fin_until_it_proves_to_be_for_something_else() -> None:
    """A FIN ahead of data draws it at once (RFC 5681 section 4.2); with the data, both are acknowledged."""
    played = Trace().play(
        OPEN + "c ACK 101 301 10\ns ACK 301 101 10\ns FIN+ACK 311 101\nc FIN+ACK 111 312\ns ACK 312 101"
    )
    (connection,) = played.tracker.table.all()
    assert played.words(connection.client()) == OPENED + " CLOSE_WAIT@7a LAST_ACK@7s"
    assert played.words(connection.server()) == SERVING + " FIN_WAIT_1@6s FIN_WAIT_2@8p"
    played.play("s ACK 312 111")
    assert played.words(connection.server()) == SERVING + " FIN_WAIT_1@6s"
