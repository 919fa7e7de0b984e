"""What each kind by cause means and what to do about it; see `tcptrace_py.findings.texts`."""

from __future__ import annotations

from tcptrace_py.findings.text import SYSCTLS, Text

CAUSE_TEXTS: dict[str, Text] = {
    "accept-queue-full": Text(
        "connections that the server's accept queue does not take",
        "The client has sent the last ACK of the handshake and believes the connection open; the server"
        " acts as if no ACK had come. That is how Linux behaves when the application does not accept() fast"
        " enough and the queue of accepted connections is full: the ACK, and data behind it, are dropped."
        " Clients wait, time out, or get RST much later.",
        "Find what keeps the application from calling accept(): a blocked event loop, too few workers, a"
        " long pause. On the server, `ss -ltn '{filter}'` shows the queue (it is full when Recv-Q is above"
        " Send-Q), and `nstat -az TcpExtListenOverflows TcpExtListenDrops` counts what was dropped. A longer"
        " queue (the backlog of listen(), and net.core.somaxconn, the smaller of which counts) only helps"
        " with bursts.",
        f"RFC 9293 section 3.10.7.4; {SYSCTLS} (somaxconn, tcp_abort_on_overflow); listen(2)",
    ),
    "slow-connect": Text(
        "connects that took seconds",
        "A SYN that stays unanswered is sent again after 1 s (3 s on older systems), then after twice as"
        " long each time. So one lost segment costs a connect 1, 3 or 7 s, however fast the network is.",
        "Find where the first SYN is lost: capture at the server too. If it arrives there and is not"
        " answered, see whether a queue is full in bursts:"
        " `nstat -az TcpExtListenDrops TcpExtTCPReqQFullDrop`. If only ports used"
        " before are hit, let clients keep connections open instead of opening new ones, widen"
        " net.ipv4.ip_local_port_range, and look at how long firewalls, NAT and balancers on the way"
        " keep closed connections. If it is one client or one path only, look for loss there.",
        f"RFC 6298 section 2; RFC 9293 section 3.8.1; {SYSCTLS} (tcp_syn_linear_timeouts)",
    ),
    "foreign-reply": Text(
        "replies from another address than was asked",
        "The client asked one address and another one answers, with the right numbers: the translation of"
        " addresses was missing on the way back. The client knows no such connection and refuses the reply"
        " with RST, so the connection fails or dies.",
        "Make replies pass through the device that translated the request. Check the reverse NAT rule,"
        " routes that let the server answer around the balancer or NAT (asymmetric routing), and packets"
        " that its connection tracking calls invalid and sends on untranslated. On Linux `conntrack -S`"
        " counts them, and this rule drops them:"
        " `iptables -I FORWARD -m conntrack --ctstate INVALID -j DROP`",
        "RFC 9293 section 3.5.2; RFC 3022 section 2",
    ),
    "stale-timestamp": Text(
        "SYNs dropped for their timestamps",
        "Hosts behind one address (NAT) have clocks of their own, so their TCP timestamps do not rise"
        " together. A server or device that compares timestamps per address drops the SYNs whose timestamp"
        " is lower than the last one it saw: now and then a connect stays without an answer, to some"
        " clients only.",
        "Turn off what compares timestamps per address, on the server or a balancer before it. On Linux"
        " before 4.12 that is net.ipv4.tcp_tw_recycle=0 (it is gone since). `nstat -az"
        " TcpExtPAWSPassive` counts such drops.",
        "RFC 7323 sections 5.3 and 5.8; RFC 6191",
    ),
    "keep-alive-race": Text(
        "requests lost to an idle time-out",
        "The server closes idle connections after a fixed time. The client picked one for its next request"
        " in just that moment: the request met a closed socket and drew RST. A balancer in front shows 502;"
        " a client gets"
        ' "connection reset" although nothing is wrong with the request.',
        "Set the idle time of the client's pool or of the balancer below the server's, or raise the server's"
        " above it. Retry"
        " requests that got no answer on a reused connection, where they may be repeated.",
        "RFC 9112 sections 9.3.1 and 9.5; RFC 9293 section 3.5.2",
    ),
    "idle-timeout": Text(
        "connections reset after a silence",
        "The RST was unprovoked: its sender had waited and gave the connection up. That is a timer: an idle"
        " time-out of the application, a proxy, a balancer or a firewall that ends connections in the name"
        " of one of the two. It does no harm unless the other side wants to use the connection again.",
        "Raise that time-out if the other side still needs such connections. Or let it send something more"
        " often: keep-alive below it (TCP_KEEPIDLE), or a shorter idle time in the connection pool. Let"
        " what ends idle connections close with FIN.",
        f"RFC 9293 sections 3.8.4 and 3.10.5; {SYSCTLS} (tcp_keepalive_time)",
    ),
    "path-state-lost": Text(
        "idle connections forgotten on the way",
        "A firewall, NAT or balancer keeps state for each connection and drops it after some time without"
        " traffic. Both ends still believe in the connection; what they send then is dropped without a"
        " word. The sender retries for minutes.",
        "Send keep-alive probes more often than the device forgets: SO_KEEPALIVE with TCP_KEEPIDLE."
        " The default (net.ipv4.tcp_keepalive_time) is 2 h. Or let the pool close idle connections sooner. Or"
        " raise the time-out of the device. TCP_USER_TIMEOUT lets the sender notice sooner.",
        f"RFC 5382 section 5 (REQ-5); RFC 1122 section 4.2.3.6; {SYSCTLS} (tcp_keepalive_time)",
    ),
    "unresponsive-server": Text(
        "requests that are not answered",
        "The server's kernel acknowledges the requests, but its application sends no answer before the"
        " clients lose patience. The network is not at fault: the requests have arrived.",
        "Look at the server's application at these times: what do its workers wait for (a lock, a database,"
        " a full pool)? `ss -tnp '{filter}'` shows requests that it has not read (Recv-Q). Compare the"
        " clients' time-out with how long answers take.",
        "RFC 9293 section 3.10.7.4; RFC 9110 section 15.6.5",
    ),
    "stopped-stream": Text(
        "streams that their sender asked to end",
        "A program that keeps one connection for control and others for data tells the other side on the"
        " first that it is done; the reader closes at once, and what is still under way draws RST. That is"
        " how iperf3 ends each test. Nobody misses that data.",
        "Nothing, if the transfer was meant to stop. Where every byte should arrive, let the sender close the"
        " stream itself, with FIN.",
        "RFC 9293 section 3.6",
    ),
    "zero-window-stall": Text(
        "a receiver that does not read",
        "The receive window is zero while the receiver's buffer is full, that is while its application does"
        " not read from the socket. The sender may only probe, and waits. The network is not at fault.",
        "Look at the receiving application: what keeps it from reading (a slow disk, a blocked thread, a"
        " consumer that has stopped)? `ss -tnpm '{filter}'` on that host shows the full Recv-Q. Larger"
        " buffers only put it off.",
        "RFC 9293 section 3.8.6.1; RFC 1122 section 4.2.2.17",
    ),
    "mtu-black-hole": Text(
        "full-sized segments that never arrive",
        "The path carries less than the sender believes, and the ICMP message that should tell it"
        " (fragmentation needed, packet too big) is missing. Small segments pass, so the handshake and"
        " short requests work, and the connection hangs at the first full segment.",
        'Let ICMP "fragmentation needed" (IPv6: packet too big) pass firewalls on the way. Or make segments'
        " smaller: clamp the MSS to the path (`iptables -t mangle -A FORWARD -p tcp --tcp-flags SYN,RST SYN"
        " -j TCPMSS --clamp-mss-to-pmtu`), or lower the MTU of a tunnel's inner interface. On the sending"
        " host, net.ipv4.tcp_mtu_probing=1 finds the right size by itself.",
        f"RFC 1191; RFC 8201; RFC 4821; RFC 2923 section 2.1; {SYSCTLS} (tcp_mtu_probing)",
    ),
    "injected-reset": Text(
        "RSTs that their sender did not send",
        "The RST does not come from the endpoint that it names: a device on the way (a firewall, an"
        " intrusion prevention system, a censor) or an attacker made it. The endpoint itself knows nothing"
        " of it.",
        "Look for the device: the TTL of these RSTs tells how far away it is. Ask whoever runs the"
        " firewalls on this path for a rule that resets this traffic. Captures at both ends show which of"
        " them never sent a RST.",
        "RFC 5961 section 3; RFC 3360",
    ),
    "tls-alert": Text(
        "TLS handshakes that fail",
        "One side said in the clear why it cannot go on, before encryption began. What follows on the"
        " connection (FIN, RST) is only the consequence.",
        "Compare what the two sides are configured for: TLS versions, cipher suites, certificates, names.",
        "RFC 8446 section 6; RFC 5246 section 7.2",
    ),
    "probe": Text(
        "probes: scans, checks, traceroutes",
        "These attempts were not made to be served, and count as no failure of the service.",
        "Nothing, if the probe is your own. If it is not, it is what every address on the Internet gets;"
        " from inside your network, find out who scans.",
        "RFC 9293 section 3.5",
    ),
}

#: ``keep-alive-race`` whose clients had acknowledged the close before they sent the request.
CLOSED_BEFORE = Text(
    "requests on connections that were closed",
    "The server's FIN had come and the client's kernel had acknowledged it; its application, or its pool of"
    " connections, did not look before it sent the next request. At the server nobody reads that: it drew"
    ' RST, and the client gets "connection reset" or "broken pipe".',
    "Let its pool drop a connection that the other side has closed: read() returns 0 there, and most pools"
    " can test a connection before they lend it (a stale check, test on borrow, pre-ping). Retry requests"
    " that got no answer on a reused connection, where they may be repeated.",
    "RFC 9112 sections 9.3.1 and 9.5; RFC 9293 section 3.6.1",
)

#: ``unresponsive-server`` whose server closes before it has answered.
CLOSED_INSTEAD = Text(
    "closed instead of an answer",
    "The request had arrived, and the server's FIN took the place of the answer: its process ended or its"
    " worker failed on the request (a crash, a kill for memory, a restart during a rollout), or it gave the"
    " request up after a time-out of its own. A balancer in front shows 502 (upstream prematurely closed).",
    "Look at the server's log at these times: did its process or a worker end (crash, out of memory,"
    " restart), or a time-out cut the request off? At a rollout, take the instance out of the balancer first"
    " and let it finish what it has begun.",
    "RFC 9293 section 3.6; RFC 9112 section 9.6",
)
