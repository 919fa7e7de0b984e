"""What each kind of finding means and what to do about it, in words for people.

One table: reports print from it, and so does whatever explains a kind by itself. The
texts are general; the sentence that names the culprit and the numbers comes before them.
Where they tell what a system does, they tell what Linux does, unless they name another.

A remedy's first sentence is the one thing to do: reports that have room for one line show it alone.
Commands stand in backticks, and every report prints them whole, to be copied. In a command ``{filter}``
stands for the ``ss`` filter of the sockets in question.
"""

from __future__ import annotations

from tcptrace_py.findings.cause_texts import CAUSE_TEXTS
from tcptrace_py.findings.text import SYSCTLS as _SYSCTLS
from tcptrace_py.findings.text import Text

TEXTS: dict[str, Text] = {
    "stuck-close-wait": Text(
        "sockets stuck in CLOSE_WAIT",
        "CLOSE_WAIT means: the peer has finished (its FIN was received and acknowledged by the kernel), and"
        " only the local application's close() can go on from here. So this is that process's doing, not a"
        " network or kernel fault: each one holds a file descriptor, and no kernel time-out ends CLOSE_WAIT"
        " (only keep-alive, once the peer is gone altogether, or a RST).",
        "Close the socket when read() or recv() returns 0, also on errors. Usual causes: a worker blocked"
        " or deadlocked before it reads the end of file; a connection pool that never checks idle"
        " connections; a response body or stream that is not closed; a file descriptor also held by a child"
        " process (set O_CLOEXEC). Find the process on that host: `ss -tnp state close-wait '{filter}'`,"
        " and what its threads wait for. Restarting it frees the sockets for now. Lowering tcp_fin_timeout"
        " or the keep-alive times does not.",
        f"RFC 9293 sections 3.3.2, 3.6 and 3.10.4; {_SYSCTLS} (tcp_fin_timeout: only FIN_WAIT_2)",
    ),
    "stuck-fin-wait-2": Text(
        "sockets stuck in FIN_WAIT_2",
        "FIN_WAIT_2 means: this side has closed and the peer acknowledged that, but the peer's own FIN does"
        " not come. The cause is on the peer's side: its application has not closed (it sits in"
        " CLOSE_WAIT), or it is gone.",
        "Make the peer's application close() after it reads the end of file (see stuck-close-wait)."
        " On this side: if the application has called close(), Linux drops the socket"
        " after net.ipv4.tcp_fin_timeout (60 s) by itself; if it called shutdown(SHUT_WR) and kept the"
        " socket, nothing does, so it needs a read time-out of its own and then close(). Look at:"
        " `ss -tnop state fin-wait-2 '{filter}'` (no process shown: already orphaned).",
        "RFC 9293 sections 3.3.2 and 3.6; the time-out is not in the RFC but in"
        f" {_SYSCTLS} (tcp_fin_timeout)",
    ),
    "unacknowledged-fin": Text(
        "FINs that nobody acknowledges",
        "The FIN was sent again and again with no answer: the peer was switched off, lost its network, or a"
        " firewall or NAT between them has forgotten the connection and drops what belongs to it. An"
        " endpoint that closed first waits in FIN_WAIT_1 (or CLOSING), one that closed second in LAST_ACK;"
        " data that was still unsent or unacknowledged is lost.",
        "Find out why the peer is silent: is its host up, did its address move, did a firewall or NAT"
        " forget the connection? A stateful firewall, NAT or load balancer on the way may time out idle"
        " connections before the endpoints do: keep-alive probes more frequent than its time-out keep its"
        " state alive. Linux gives up an orphaned socket after tcp_orphan_retries (0, the default, stands"
        " for 8: often around 100 s) and frees it; lowering that only shortens the wait.",
        f"RFC 9293 section 3.8.3; RFC 1122 section 4.2.3.5; {_SYSCTLS} (tcp_orphan_retries)",
    ),
    "half-close": Text(
        "half-closed connections that still carry data",
        "One side finished with shutdown(SHUT_WR) and the other went on sending: TCP allows this, and some"
        " protocols are built on it. It is worth knowing because proxies, load balancers and many"
        " applications treat the first FIN as the end of the connection, which then cuts the rest off.",
        "Nothing, if the protocol intends it. If not: the side that finished first closed before it had"
        " the whole answer; let it read to the end of file before it shuts down. Make sure that middleboxes"
        " on the way allow half-closed connections for long enough.",
        "RFC 9293 section 3.6; RFC 1122 section 4.2.2.13",
    ),
    "time-wait-pile": Text(
        "a pile of sockets in TIME_WAIT",
        "TIME_WAIT is healthy: the side that closes first keeps the four-tuple for 2MSL, so that late"
        " segments cannot harm the next connection. A pile means many short connections closed by this"
        " side. It costs little memory, but a client runs out of local ports toward that destination:"
        " connect() then fails with EADDRNOTAVAIL.",
        "Open fewer connections: keep-alive and pooling on the client, HTTP keep-alive on the server. A"
        " client that still runs out of ports: set net.ipv4.tcp_tw_reuse=1 on it (only the connecting side"
        " gains, and both sides must use TCP timestamps), widen net.ipv4.ip_local_port_range, or spread"
        " over more destination or source addresses. On Linux TIME_WAIT is a constant 60 s:"
        " net.ipv4.tcp_fin_timeout does not change it (it bounds orphaned FIN_WAIT_2). tcp_tw_recycle broke"
        " clients behind NAT and is gone since Linux 4.12. Do not reset connections (SO_LINGER 0) to avoid"
        " TIME_WAIT: that can lose data. Count them: `ss -tan state time-wait '{filter}'`.",
        "RFC 9293 sections 3.4.2, 3.6 and 3.6.1; RFC 6191; Linux include/net/tcp.h (TCP_TIMEWAIT_LEN);"
        f" {_SYSCTLS} (tcp_tw_reuse, tcp_fin_timeout, ip_local_port_range)",
    ),
    "time-wait-reuse": Text(
        "ports used again while in TIME_WAIT",
        "A new connection began on a four-tuple whose old connection was still in TIME_WAIT. That is allowed"
        " if the new SYN is provably newer: by its timestamp where both sides use them, else by its number."
        " Otherwise the other side answers with an ACK of the old connection, or not at all, and connecting"
        " takes a second or more longer, or fails. It happens when the client goes through its local ports in"
        " less than 2MSL.",
        "Reuse connections instead of opening new ones. While all are accepted, nothing has to change. If"
        " they are not: widen net.ipv4.ip_local_port_range on the client, keep TCP timestamps on at both ends"
        " (net.ipv4.tcp_timestamps=1), and do not bind clients to a fixed local port.",
        "RFC 9293 sections 3.6.1 and 3.10.7.4; RFC 6191; RFC 1122 section 4.2.2.13;"
        f" {_SYSCTLS} (tcp_timestamps, ip_local_port_range)",
    ),
    "time-wait-assassination": Text(
        "TIME_WAIT killed by a RST",
        "A RST came for a connection in TIME_WAIT and ended it early, so late segments of the old connection"
        " are no longer kept from the next one on the same ports. Typical: an old duplicate reaches"
        " TIME_WAIT, its ACK reaches the side that has already forgotten the connection, and that side"
        " answers with RST; or a peer that closes and then resets. Seldom harmful by itself.",
        "If the peer resets every connection after its close, look there: it closes with unread data, or"
        " with SO_LINGER 0. Now and then, it is harmless.",
        "RFC 1337; RFC 9293 section 3.10.7.4; Linux net/ipv4/tcp_minisocks.c (tcp_rfc1337, which"
        " ip-sysctl.rst describes the wrong way round)",
    ),
    "connection-refused": Text(
        "connections refused",
        "The SYN was answered with RST: the host is up and reachable, but nothing listens on that port and"
        " address, or a firewall rejects with a RST. connect() failed with ECONNREFUSED.",
        "Check that the service runs and listens on this address: `ss -tlnp '{filter}'`. If it listens on"
        " 127.0.0.1 only: bind it to this address too. If it listens here: a firewall's REJECT with"
        " tcp-reset, or a load balancer without a healthy backend. During a restart, retry with back-off,"
        " or let the new process inherit the listening socket.",
        "RFC 9293 sections 3.5.2 and 3.10.7.1",
    ),
    "connection-timeout": Text(
        "connection attempts that nobody answered",
        "The SYN was sent and nothing came back: the host is down, the address is wrong, a firewall drops"
        " the packets, or the way back does not work. A server whose accept queue is full drops SYNs too."
        " Left alone, Linux gives up with ETIMEDOUT 127 s after the first SYN (tcp_syn_retries=6; 131 s from"
        " Linux 6.5 on, which retries more often at first); most applications have a shorter connect"
        " time-out of their own.",
        "Capture on the server: does the SYN arrive, is it answered? If it does not arrive:"
        " routing, or a firewall on the way. If it arrives and is not answered: a local firewall:"
        " `nft list ruleset`, or a full queue, where Recv-Q is more than Send-Q: `ss -tln`, and how often it"
        " was: `nstat -az TcpExtListenOverflows TcpExtListenDrops`. If it is answered: the answer is lost"
        " on the way back. If only some attempts of a busy client behind NAT fail: ports or conntrack entries"
        " are exhausted.",
        "RFC 9293 section 3.8.3; RFC 1122 section 4.2.3.5;"
        f" {_SYSCTLS} (tcp_syn_retries, tcp_syn_linear_timeouts)",
    ),
    "connection-unreachable": Text(
        "connection attempts answered with ICMP unreachable",
        "A router, a firewall or the host itself said by ICMP that it cannot or will not deliver the SYN."
        " Linux fails connect() at once on this.",
        "Ask the host that sent the ICMP error why: no route, no such neighbor, or a rule that rejects. Is"
        " the target up, is its address right, does the prefix have a route? iptables REJECT says port"
        " unreachable by default.",
        "RFC 1122 sections 3.2.2.1 and 4.2.3.9; RFC 4443 section 3.1; RFC 5461",
    ),
    "half-open-handshake": Text(
        "handshakes that stop halfway",
        "The SYN+ACK was sent, but the handshake was never completed as far as the server can tell: each one"
        " holds a place in the server's SYN backlog until it gives up (63 s with tcp_synack_retries=5).",
        "",
        f"RFC 9293 section 3.5; RFC 4987; {_SYSCTLS} (tcp_synack_retries, tcp_syncookies, somaxconn)",
    ),
    "stale-syn": Text(
        "stale SYNs",
        "A SYN arrived that belongs to no current connection attempt: an old duplicate that was delayed in"
        " the network, or one of a host that restarted. The handshake's numbers protect against it: the"
        " server answers, and the client, which knows nothing of it, resets the attempt (or, where the"
        " connection is alive, the server answers with an ACK and nothing is harmed).",
        "Nothing, if it is rare. Many of them: a device that duplicates or delays packets (a loop, a failing"
        " link-aggregation, a mirror that injects), a client that uses one fixed source port, or a host"
        " that restarts and takes the same ports again.",
        "RFC 9293 sections 3.5 (figures 8 to 10) and 3.10.7.4; RFC 5961 section 4",
    ),
    "reset-abort": Text(
        "connections aborted by RST",
        "The connection was cut by RST instead of being closed; the peer's application sees ECONNRESET, and"
        " data under way may be lost.",
        "",
        "RFC 9293 sections 3.5.2 and 3.10.5; RFC 1122 section 4.2.2.13",
    ),
    "reset-after-close": Text(
        "RST after close",
        "This side had closed: nobody reads what comes after that, and the kernel answers it"
        " with RST. The peer may lose what it had received but not read yet, even data that was sent long"
        " before the RST: a half-delivered response, a broken upload.",
        "Let the side that closes first be the one that has nothing more to receive. Before close():"
        " shutdown(SHUT_WR), read until end of file (with a time-out), then close(). For HTTP servers that"
        " refuse an upload this is lingering close (nginx lingering_close). If the peer only gave up its"
        " download, it is harmless.",
        "RFC 1122 section 4.2.2.13; RFC 9293 section 3.6.1; RFC 2525 section 2.17; RFC 9112 section 9.6",
    ),
    "reset-no-connection": Text(
        "RST from a side that knows no such connection",
        "The RST carries no ACK, and its number is the acknowledgment of the segment that provoked it: the"
        " form for a segment that fits no connection. So its sender had lost the connection that the other"
        " side still believed in: it rebooted or restarted without a FIN that arrived, another machine took"
        " over the address, or a NAT, firewall or load balancer on the way had let the idle connection"
        " expire and now rejects it.",
        "Compare with the times of restarts and fail-overs. If there were none, look at how long the"
        " connections were silent before: a constant time points to an idle time-out on the way (AWS NLB"
        " 350 s, Azure 4 min, many firewalls 1 h): set keep-alive below it (TCP_KEEPIDLE, or"
        " net.ipv4.tcp_keepalive_time with SO_KEEPALIVE), or a shorter idle time in the connection pool.",
        f"RFC 9293 sections 3.5.1 and 3.5.2; {_SYSCTLS} (tcp_keepalive_time)",
    ),
    "stray-reset": Text(
        "RSTs that changed nothing",
        "A RST's number did not fit the connection, so its receiver ignored it, or answered with a"
        " challenge ACK. Answers to segments that were under way when their sender closed look like this,"
        " late RSTs of an earlier connection too; and forged ones: someone off the path who guesses"
        " numbers, or a device that injects RSTs too late.",
        "Nothing, if it is rare. If it is not: compare TTL and IP identification of these RSTs with the"
        " endpoint's other segments; if they differ, a device on the way (intrusion prevention, a censor, a"
        " firewall) or an attacker sends them. Linux counts challenge ACKs:"
        " `nstat -az TcpExtTCPChallengeACK`.",
        "RFC 5961 section 3; RFC 9293 section 3.5.3",
    ),
    "dead-peer": Text(
        "peers that stopped responding",
        "Data or keep-alive probes were sent again and again and no answer passed, though the connection was"
        " established. The peer lost power or network, its address moved, or a device on"
        " the way drops the connection silently. The sending application learns of it late: Linux retries"
        " data about 15 min (tcp_retries2=15) before ETIMEDOUT, and an application that only reads never"
        " learns of it without keep-alive.",
        "Check the peer and the path at that time: host down, fail-over, firewall or NAT state expired. If"
        " only full-sized segments go unanswered: an MTU black hole. Make the application notice sooner:"
        " TCP_USER_TIMEOUT for data, SO_KEEPALIVE with TCP_KEEPIDLE, TCP_KEEPINTVL and TCP_KEEPCNT for idle"
        " connections (the default first probe is after 2 h), or time-outs in its own protocol.",
        "RFC 9293 sections 3.8.3 and 3.8.4; RFC 5482; RFC 1122 section 4.2.3.5;"
        f" {_SYSCTLS} (tcp_retries2, tcp_keepalive_time)",
    ),
}

TEXTS.update(CAUSE_TEXTS)

#: ``reset-abort`` by cause of reset.
RESET_ABORT: dict[str, Text] = {
    "abort": Text(
        "aborted while established",
        "The usual reasons are close() with data received but unread (also when the process is killed: the"
        " kernel then sends RST instead of FIN), SO_LINGER with time 0, or a device on the way that resets in"
        " the name of an endpoint.",
        "Look for crashes and time-outs in the log of whoever sent the RST, at these times. Let it read to"
        " the end of file before it closes, and take SO_LINGER 0 out. If the endpoint itself"
        " did not send the RST (capture there), a device on the way did.",
        "RFC 9293 section 3.10.5; RFC 1122 section 4.2.2.13; RFC 2525 section 2.17",
    ),
    "close_wait_abort": Text(
        "aborted instead of closed",
        "The peer had sent its FIN, and in place of a FIN of its own this side sent RST: its application"
        " closed with received data unread or with SO_LINGER 0, or was killed so.",
        "Let the application read until end of file and then close(). If it resets on purpose to avoid"
        " TIME_WAIT: the side that closes second has no TIME_WAIT, so nothing is won.",
        "RFC 9293 sections 3.6 and 3.10.5; RFC 1122 section 4.2.2.13",
    ),
    "timeout": Text(
        "given up after no answer",
        "The RST is a consequence: its sender had retransmitted or probed without an answer and gave the"
        " connection up (keep-alive, TCP_USER_TIMEOUT, or its own time-out). The trouble is the silent peer;"
        " see dead-peer.",
        "Find out why the peer did not answer. If the silence is an expected idle state (a suspended laptop,"
        " a mobile client), the reset is right and nothing needs to change.",
        "RFC 9293 sections 3.8.3 and 3.8.4; RFC 5482",
    ),
}

#: Of an "abort" whose sender had received nothing: what can not be its reason.
IF_NOTHING_CAME = (
    "close() with data received but unread (also when the process is killed: the kernel then sends RST"
    " instead of FIN), SO_LINGER with time 0,",
    "SO_LINGER with time 0 (it had received nothing that it could have left unread),",
)

#: ``reset-abort`` of connections that a server drops as soon as they are open.
AT_ONCE = Text(
    "aborted as soon as they were open",
    "Usual reasons: a full accept queue with net.ipv4.tcp_abort_on_overflow=1, or a server that closes at"
    " once without reading (a limit of connections, an access rule).",
    "See whether the server's accept queue is full, or a limit or an access rule turns clients away. On the"
    " server, `ss -ltn '{filter}'` shows the queue (Recv-Q above Send-Q: full), and `nstat -az"
    " TcpExtListenOverflows` counts how often it was. If so, find what keeps the application from calling"
    " accept(); a longer backlog of listen() only helps with bursts.",
    f"listen(2); {_SYSCTLS} (tcp_abort_on_overflow, somaxconn)",
)

#: ``reset-abort`` of connections that a server drops as soon as they are open, with a word.
SAID_WHY = Text(
    "aborted as soon as they were open, with a word",
    "The server said something, and closed with the client's request unread: so servers turn clients away (a"
    " limit of connections, an access rule), or fail upon what they are asked first.",
    "Read what it said before it cut the connections: follow the stream in Wireshark. See in the server's log"
    " why it turns clients away, or fails upon the first request.",
    "RFC 9293 section 3.10.5; RFC 2525 section 2.17",
)

#: ``reset-after-close`` of connections that a server closes before it has read anything.
TURNED_AWAY = Text(
    "turned away as soon as they were open",
    "The server's application accepted them and closed at once, with a word or without: it turns clients"
    " away. Usual reasons: a limit of connections or of open files is reached, or an access rule (Redis's"
    " protected mode, a list of allowed addresses).",
    "See in the server's log why it turns clients away: a limit of connections or of open files, or an access"
    " rule. `ss -tn '{filter}' | wc -l` counts what it holds. What it said before it closed may name the"
    " reason: follow the stream in Wireshark.",
    "RFC 9293 section 3.6.1; RFC 9112 section 9.6",
)

#: ``reset-abort`` of connections that a server drops upon what the client said first.
UPON_FIRST = Text(
    "aborted upon the first request",
    "The RST acknowledges what the client said first, so the connection had been taken up, and was closed"
    " with that unread (the kernel then sends RST instead of FIN) or with SO_LINGER 0. Usual reasons: the"
    " server does not serve that name or protocol (TLS server name, plain text on a TLS port), an access rule"
    " or a limit turns the client away, its worker failed, or a device on the way refuses the request in the"
    " server's name.",
    "See in the server's log why it cuts connections upon their first request. Compare that request with one"
    " that is served: server name (SNI), protocol, address of the client. If the server itself did not send"
    " the RST (capture there), a device on the way did: a firewall or a filter of names.",
    "RFC 9293 section 3.10.5; RFC 6066 section 3; RFC 2525 section 2.17",
)

#: ``stale-syn`` of a client that wants to connect on ports whose old connection the server still holds.
STILL_OPEN = Text(
    "SYNs that meet an old connection",
    "One side had given the old connection up, or a device on the way had, and the other was not told. A SYN"
    " in the midst of a connection draws an ACK of the old numbers; the RST that answers that ends the old"
    " one, and the next SYN is accepted. Here that did not happen: the ACK or the RST does not pass the"
    " firewalls on the way.",
    "Let firewalls on the way pass the ACK and the RST of such connections, and keep closed ones in mind for"
    " as long as the ends do. Let the side that holds old connections find that out by keep-alive"
    " (SO_KEEPALIVE with TCP_KEEPIDLE). Let the client take its source ports from a wider range.",
    "RFC 9293 sections 3.5.1 and 3.10.7.4; RFC 5961 section 4",
)

#: ``reset-abort`` whose sender went on with the connection.
WENT_ON = Text(
    "reset, and its sender went on",
    "Usual reasons: a segment came to this host that fits none of its connections, because its address was"
    " not translated on the way (connection tracking called it invalid), and the RST that refused it passed"
    " translated; or a device on the way resets in the name of an endpoint.",
    "Look for a NAT or a firewall on the way that sends packets on untranslated, or resets by itself. On"
    " Linux `conntrack -S` counts invalid ones, and this rule drops them: `iptables -I FORWARD -m conntrack"
    " --ctstate INVALID -j DROP`. Capture at that endpoint: to what does it answer with RST?",
    "RFC 9293 section 3.5.2; RFC 5961 section 3",
)

#: ``time-wait-reuse`` where the SYN was refused for its timestamp.
STALE_REUSE = Text(
    "refused for an older timestamp",
    "",
    "Find out why the client's timestamps go back: several hosts behind one address (NAT), each with its own"
    " clock, or a host that restarted. Reuse connections, or let clients have more ports"
    " (net.ipv4.ip_local_port_range), so that none comes back within 2MSL. net.ipv4.tcp_timestamps=0 on the"
    " server lets numbers alone decide, but takes from all its connections what timestamps are good for.",
    f"RFC 6191; RFC 7323 section 5.3; {_SYSCTLS} (tcp_timestamps, ip_local_port_range)",
)

#: ``half-open-handshake`` by what the numbers say.
HALF_OPEN: dict[str, Text] = {
    "unanswered": Text(
        "the client never acknowledges",
        "The client's last ACK did not come: it vanished, the SYN's source address was forged, or the"
        " SYN+ACK does not reach it (asymmetric routing, a firewall that knows only one direction).",
        "Capture at the client: does the SYN+ACK arrive? If it does not: check the way back. From many"
        " addresses with one attempt each it is a SYN flood with forged sources: net.ipv4.tcp_syncookies=1"
        " (the default) keeps the service reachable, and filtering belongs upstream.",
        "RFC 4987; RFC 9293 section 3.5",
    ),
}


#: ``stuck-close-wait`` of a server that has not answered what it was asked there either.
MUTE_CLOSE_WAIT = Text(
    "sockets stuck in CLOSE_WAIT, requests unanswered",
    "CLOSE_WAIT means: the peer has finished, and only the local application's close() can go on from here."
    " It has not answered what it was asked there either: it hangs, or it failed before it answered, and left"
    " the socket open. Each one holds a file descriptor, and no kernel time-out ends CLOSE_WAIT.",
    "Find out why the application neither answers nor closes. `ss -tnp state close-wait '{filter}'` names the"
    " process: what do its threads wait for (a lock, a database, a full pool), or is it stopped? Where it"
    " serves others meanwhile, look in its log for errors at these times: a handler that fails and leaves its"
    " socket open leaks it. Restarting it frees the sockets for now.",
    "RFC 9293 sections 3.3.2, 3.6 and 3.10.4",
)


#: ``half-open-handshake``, and SYNs that draw no answer, from hardly fewer addresses than attempts.
SYN_FLOOD = Text(
    "a SYN flood",
    "Its sources are forged, so none of them asked for a connection, and nothing at these addresses is at"
    " fault. Each attempt holds a place in the server's SYN backlog; once that is full, SYN cookies keep the"
    " service reachable, or clients are turned away.",
    "Leave net.ipv4.tcp_syncookies at 1 (the default), and have it filtered upstream: by the provider, or a"
    " firewall with SYN cookies of its own (synproxy). On the server `nstat -az TcpExtTCPReqQFullDoCookies"
    " TcpExtTCPReqQFullDrop` counts what was answered with cookies, and what was dropped.",
    "RFC 4987",
)


def _if(title: str, text: str) -> str:
    return f"If {title}: {text[0].lower()}{text[1:]}"


def _whole(general: Text, by_variant: dict[str, Text]) -> Text:
    """The text of a kind by itself: the general part, then each variant."""
    return Text(
        general.title,
        " ".join([general.meaning, *(_if(text.title, text.meaning) for text in by_variant.values())]),
        " ".join(_if(text.title, text.remedy) for text in by_variant.values()),
        general.reference,
    )


#: What of a meaning does not hold where the culprit's host was up, and what holds instead.
_IF_UP = {
    "unacknowledged-fin": (
        "the peer was switched off, lost its network, or a firewall or NAT between them has forgotten the"
        " connection and drops what belongs to it.",
        "the peer's host is up, so a firewall or NAT between them, or on that host, has forgotten the"
        " connection and drops what belongs to it.",
    ),
    "dead-peer": (
        "The peer lost power or network, its address moved, or a device on the way drops the connection"
        " silently.",
        "So it lost neither power nor network: a device on the way, or a filter on that host, drops this"
        " connection silently.",
    ),
    "connection-timeout": (
        "the host is down, the address is wrong, a firewall drops the packets, or the way back does not"
        " work.",
        "the host is up, so a firewall on it or before it drops what goes to this port.",
    ),
}


_TOGETHER = (
    "Hosts do not fall silent together by themselves: rather the network of the one side that they all have"
    " in common, or a device or filter there, drops these connections."
)


def meaning(kind: str, up: bool, together: bool = False) -> str:
    """What a kind means.

    ``up``: where the culprit's host was heard otherwise at that time; ``together``: where many hosts did
    it to one.
    """
    usual, if_up = _IF_UP[kind]
    said = TEXTS[kind].meaning
    return said.replace(usual, _TOGETHER if together else if_up) if up or together else said


#: What a finding of a variant begins with, before the variant's own meaning.
GENERAL = {kind: TEXTS[kind].meaning for kind in ("reset-abort", "half-open-handshake")}
TEXTS["reset-abort"] = _whole(TEXTS["reset-abort"], RESET_ABORT)
TEXTS["half-open-handshake"] = _whole(TEXTS["half-open-handshake"], HALF_OPEN)


def remedy(text: Text, socket_filter: str) -> str:
    """The remedy for sockets that ``socket_filter`` selects in ``ss`` (empty: no filter)."""
    if socket_filter:
        return text.remedy.replace("{filter}", socket_filter)
    return text.remedy.replace(" '{filter}'", "")
