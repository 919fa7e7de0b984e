"""``tls-alert``: TLS says in clear why the connection ends."""

from __future__ import annotations

from tcptrace_py.findings.case import Case
from tcptrace_py.findings.causes.claim import Claim, Decided
from tcptrace_py.findings.finding import CERTAIN, Evidence, Finding, Severity
from tcptrace_py.findings.group import Group
from tcptrace_py.findings.knowledge import Knowledge
from tcptrace_py.findings.texts import TEXTS, remedy
from tcptrace_py.settings import Settings
from tcptrace_py.tcp.observations import BY_ALERT

#: RFC 8446 section 6, RFC 5246 section 7.2, and IANA's registry.
ALERTS = {
    10: "unexpected_message",
    20: "bad_record_mac",
    21: "decryption_failed",
    22: "record_overflow",
    30: "decompression_failure",
    40: "handshake_failure",
    41: "no_certificate",
    42: "bad_certificate",
    43: "unsupported_certificate",
    44: "certificate_revoked",
    45: "certificate_expired",
    46: "certificate_unknown",
    47: "illegal_parameter",
    48: "unknown_ca",
    49: "access_denied",
    50: "decode_error",
    51: "decrypt_error",
    60: "export_restriction",
    70: "protocol_version",
    71: "insufficient_security",
    80: "internal_error",
    86: "inappropriate_fallback",
    109: "missing_extension",
    110: "unsupported_extension",
    111: "certificate_unobtainable",
    112: "unrecognized_name",
    113: "bad_certificate_status_response",
    115: "unknown_psk_identity",
    116: "certificate_required",
    120: "no_application_protocol",
}
#: close_notify and user_canceled: no errors, whatever their level (RFC 8446 section 6.1).
_GOODBYES = (0, 90)
#: What each side can do about the usual ones.
_ADVICE = {
    "handshake_failure": "The two share no cipher suite, group or signature algorithm, or a client"
    " certificate is missing: compare what both offer with `openssl s_client -connect HOST:PORT`.",
    "protocol_version": "The hello offers no TLS version that is taken: raise the older side's, or allow it"
    " on the newer one. A client that falls back after a failure offers less than it can.",
    "unknown_ca": "The one that complains does not know the issuer of the other's certificate: send the whole"
    " chain, or install the CA.",
    "certificate_expired": "Renew the certificate, and look at both clocks.",
    "bad_certificate": "Look at the certificate that the other side sent: `openssl s_client -showcerts`.",
    "certificate_unknown": "The one that complains refuses the other's certificate: see its log for why.",
    "unrecognized_name": "The server has no certificate for the name that was asked for (SNI): add it, or ask"
    " by the right name.",
    "no_application_protocol": "The two share no ALPN protocol: allow h2 or http/1.1 on both.",
    "certificate_required": "The server asks for a client certificate and got none: configure one.",
}


def alert_name(number: int) -> str:
    return ALERTS.get(number, f"alert {number}")


class TlsAlert(Decided):
    """By the peer of who complains: it is what it offered or sent that was not accepted."""

    KIND = "tls-alert"
    TOLD_FROM = BY_ALERT

    def look(self, case: Case, knowledge: Knowledge, settings: Settings) -> Claim | None:
        seen = case.seen
        if seen is None or not seen.alert_by or seen.alert in _GOODBYES:
            return None
        by = seen.alert_by
        name = alert_name(seen.alert)

        def evidence() -> list[Evidence]:
            text = f"{case.name(by)} sent a fatal TLS alert in clear: {name} ({seen.alert})"
            return [case.evidence(seen.alert_frame, seen.alert_ns, text)]

        return Claim(
            by,
            seen.alert_ns,
            seen.alert_ns,
            CERTAIN,
            evidence,
            tally={name: 1},
            explains=(
                "reset-abort",
                "reset-after-close",
                "reset-no-connection",
                "time-wait-assassination",
                "unresponsive-server",
                "keep-alive-race",
                "idle-timeout",
                "probe",
            ),
            variant=name,
        )

    def finding(self, group: Group, knowledge: Knowledge, end_ns: int) -> Finding:
        text = TEXTS[self.KIND]
        name = group.variant
        explanation = (
            f"{group.who()} broke the TLS handshake off with the fatal alert {name} on"
            f" {group.connections()} with {group.they()}. {text.meaning}"
        )
        advice = _ADVICE.get(name, "")
        severity: Severity = "warning"
        return group.finding(self.KIND, severity, explanation, f"{advice} {remedy(text, '')}".strip())
