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
        ' a client gets "connection reset" although nothing is wrong with the request.',
        "Set the idle time of the client's pool or of the balancer below the server's, or raise the"
        " server's above it. Retry requests that got no answer on a reused connection, where they may be"
        " repeated.",
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
        " intrusion prevention system, a censor), another machine with the same address, or an attacker"
        " made it. The endpoint itself knows nothing of it.",
        "Look for the device: the TTL of these RSTs tells how far away it is. Ask whoever runs the"
        " firewalls on this path for a rule that resets this traffic. In one's own network,"
        " `arping -I INTERFACE ADDRESS` from a third host shows whether two machines have the address."
        " Captures at both ends show which of them never sent a RST.",
        "RFC 5961 section 3; RFC 3360",
    ),
    "tls-alert": Text(
        "TLS handshakes that fail",
        "One side said in the clear why it cannot go on, before encryption began. What follows on the"
        " connection (FIN, RST) is only the consequence.",
        "Compare what the two sides are configured for: TLS versions, cipher suites, certificates, names.",
        "RFC 8446 section 6; RFC 5246 section 7.2",
    ),
    "protocol-mismatch": Text(
        "TLS and plain text on one connection",
        "One side begins with TLS, and the other one speaks in clear, or closes because it does not"
        " understand. The network is not at fault, and no retry helps: scheme, port or setting is wrong on"
        " one side.",
        "Make both sides speak the same. Look at the address that the client is given: its scheme (http or"
        " https) and its port; at a balancer or proxy, at the protocol that it is to speak to its backends;"
        " at the server, at whether TLS is on for this port. `openssl s_client -connect HOST:PORT` shows"
        ' whether TLS is spoken there: if it is not, it says "wrong version number".',
        "RFC 8446 section 5.1; RFC 9110 sections 4.2.1 and 4.2.2",
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

#: ``protocol-mismatch`` whose client speaks TLS to what does not.
SPEAKS_TLS = Text(
    "a client that speaks TLS to a plain port",
    "The client began with a TLS ClientHello, and the server takes that for a malformed request. The client"
    ' reports "wrong version number", "first record does not look like a TLS handshake" or the like, which is'
    " about no TLS version: the answer is no TLS at all. No certificate or cipher suite is at fault.",
    "Let the client speak plain to this port (http:// in place of https://, or TLS off), or give it the port"
    " that speaks TLS; or turn TLS on at the server. At a balancer or ingress it is the protocol towards its"
    " backends. For SMTP, IMAP, POP3 and the like: STARTTLS in place of implicit TLS on this port. Check with"
    " `openssl s_client -connect HOST:PORT`.",
    "RFC 8446 section 5.1; RFC 9110 section 4.2.2; RFC 8314 section 3",
)

#: ``protocol-mismatch`` whose client speaks in clear to what speaks TLS.
SPEAKS_IN_CLEAR = Text(
    "a client that speaks HTTP in clear to a TLS port",
    "The client sent its request in clear to a port that expects a TLS ClientHello: the server answers with"
    ' an alert, with 400 ("The plain HTTP request was sent to HTTPS port"), or just closes. A balancer in'
    " front shows 400 or 502. No certificate or TLS version is at fault, and what was in the request"
    " (cookies, passwords) has crossed the network in clear.",
    "Let the client speak TLS to this port (https:// in place of http://), or give it the plain port. At a"
    " balancer or ingress it is the protocol towards its backends, also that of its health checks. Check with"
    " `openssl s_client -connect HOST:PORT`.",
    "RFC 8446 section 5.1; RFC 9110 section 4.2.1",
)

#: ``unresponsive-server`` that speaks first by its protocol, and does not.
NO_GREETING = Text(
    "no greeting",
    "The server's kernel has accepted the connection, and its application has not said what it begins with:"
    " it does not call accept(), or hangs right after that (a reverse look-up of the client's name, a full"
    " pool of workers, a backend that it waits for). The client cannot go on: it waits for the greeting. A"
    " proxy in front accepts like that too when it cannot reach its backend.",
    "Look at what the server's application waits for. `ss -tnp '{filter}'` on the server: connections that"
    " no process is shown for have not been accepted (`ss -ltn '{filter}'`: Recv-Q counts them); those with a"
    " process hang in it: look at name resolution (sshd UseDNS, mysqld skip_name_resolve), ident look-ups and"
    " backends. Let the client have a time-out for the greeting.",
    "RFC 5321 section 3.1; RFC 4253 section 4.2; RFC 9293 section 3.10.7.4",
)

#: The same, where the server shows that it knows no such connection.
LOST_ACK = Text(
    "the handshake's last ACK was lost",
    "The server does not know these connections: what it answers with is the RST of a host without such a"
    " connection. It never got the last ACK of the handshake, and does not ask for it by another SYN+ACK: so"
    " it answered by SYN cookie, which it does when its queue of half-open connections is full, or had given"
    " up. The client believes that it is connected and waits for a greeting that nobody will send.",
    "See whether the server sends SYN cookies: `nstat -az TcpExtSyncookiesSent TcpExtTCPReqQFullDoCookies`."
    " If it does, find out what fills its queue (a flood, or a burst beyond the backlog) and raise the"
    " backlog of listen() together with net.core.somaxconn and net.ipv4.tcp_max_syn_backlog; do not turn"
    " net.ipv4.tcp_syncookies off, for then such SYNs are dropped. If it does not, look for a device"
    " between the two that drops the ACK or forgets the connection. Let the client have a time-out for the"
    " greeting, and TCP keep-alive.",
    "RFC 4987 section 3.6; RFC 9293 section 3.5.1",
)

#: ``unresponsive-server`` that closes before anybody has said a word.
SHUT_AT_ONCE = Text(
    "closed without a word",
    "What accepts does not want the connection: a limit (sshd MaxStartups, a pool that is full), an access"
    " rule (TCP wrappers, an allowed list), a process that dies as it starts to serve, or a proxy or"
    " balancer that has no backend to pass it to.",
    "Look at the server's log at these times, and at its limits and access rules. If it is a proxy or"
    " balancer (also docker-proxy, kube-proxy, a sidecar): is there a healthy backend, and does it listen on"
    " the address and port that the proxy connects to?",
    "RFC 9293 section 3.6",
)

#: ``keep-alive-race`` whose server closes after so many answers.
BY_COUNT = Text(
    "requests lost to a limit on requests per connection",
    "The server serves only so many requests on one connection (nginx keepalive_requests, Apache"
    " MaxKeepAliveRequests, Envoy max_requests_per_connection, Node maxRequestsPerSocket), whether it was"
    ' idle or not. It says so in its last answer ("Connection: close"), and a client that does not heed'
    " that, or has sent its next request already, loses it. A balancer in front shows 502.",
    "Let the client heed `Connection: close` in the last answer, and send no request before it has read the"
    " answer before. Or let its pool use a connection for fewer than {answers} requests (nginx as the client:"
    " keepalive_requests in the upstream block), or raise the server's limit. Retry requests that got no"
    " answer on a reused connection, where they may be repeated. The idle time-outs of the two are not at"
    " fault.",
    "RFC 9112 sections 9.3.1, 9.3.2 and 9.6",
)

#: ``connection-timeout`` at a service that accepted others between these attempts.
SOME_DROPPED = Text(
    "some attempts of many",
    "The service accepted other connections between these, so it is neither down nor closed by a rule for"
    " its port: some SYNs are dropped and others are not. Its queue may be full in bursts; one of several"
    " paths, or of several backends behind the address, may be broken; or something on the way has no room"
    " for more connections (a NAT's ports, a table of connections, a rate limit).",
    "Capture on the server: do these SYNs arrive there? If they do: a full queue drops them"
    " (`nstat -az TcpExtListenOverflows TcpExtListenDrops TcpExtTCPReqQFullDrop`), or their timestamps do"
    " (`nstat -az TcpExtPAWSPassive`). If they do not, compare the client's ports of those that fail and of"
    " those that do not: the same ports failing again point to one path or backend of several (ECMP, link"
    " aggregation); failures in busy times only, to a NAT or firewall whose ports or table are full"
    " (`conntrack -S`: insert_failed, drop; `dmesg`: table full).",
    f"RFC 9293 section 3.8.3; RFC 2992; {SYSCTLS} (tcp_max_syn_backlog)",
)

#: The same, where several services fail one client so at one time.
CLIENTS_PATH = Text(
    "some attempts of one client at several services",
    "Servers do not fail together by themselves, and in part: rather what lies between the client and all of"
    " them has no room for more connections: a NAT whose ports toward a destination are used up, a table of"
    " connections that is full, or a limit of the host or cloud that the client runs in.",
    "Look at the NAT, firewall or host that the client's connections pass: ports used (SNAT) and"
    " connections tracked (`conntrack -S`: insert_failed, drop; `dmesg`: nf_conntrack: table full). Open"
    " fewer connections (keep-alive, a pool); give the NAT more addresses; raise"
    " net.netfilter.nf_conntrack_max where that is the limit. The servers need no change.",
    "RFC 9293 section 3.8.3; RFC 4787 section 3; RFC 5382 section 7",
)
