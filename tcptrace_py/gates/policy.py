"""A policy file: rules, thresholds, and what is allowed until it is mended. TOML::

    fail_on = ["warning", "resets.total / connections > 1%"]

    [thresholds]
    close_wait_after_s = 30

    [[allow]]
    service = "10.0.0.20:8080"
    kind = "stuck-close-wait"
    count = 30
    reason = "pool leak, mended in 2.4"
    expires = 2026-12-31

See ``docs/ci.md`` for what each key means.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, fields, replace
from datetime import date, datetime
from ipaddress import ip_address

from tcptrace_py.findings.finding import KINDS, Finding
from tcptrace_py.gates.rule import Rule, nearest, parse_rules
from tcptrace_py.settings import Settings

_KEYS = ("fail_on", "thresholds", "allow")
_ALLOWANCE_KEYS = ("kind", "service", "count", "reason", "expires")
_THRESHOLDS = tuple(each.name for each in fields(Settings))
_DEFAULTS = Settings()
# Zero is a threshold of patience, but no clock of TCP.
_MAY_BE_ZERO = ("close_wait_after_s", "fin_wait_2_after_s")
# The same bounds as the options of the same meaning: ten years, and the ports there are.
_LONGEST_S = 10 * 365 * 86400
_MOST = {"time_wait_pile_share": 1, "ephemeral_ports": 65535}


class PolicyError(ValueError):
    """A policy that can not be read or means nothing. ``str(error)`` is one line."""


@dataclass(frozen=True, slots=True)
class Allowance:
    """Findings that do not count.

    ``kind``: None is any. ``address`` and ``port`` of the service: None is any. ``count``: at most so many
    connections over all findings that match; more, and none of them is excused. ``expires``: the
    last day on which it holds.
    """

    kind: str | None
    address: str | None
    port: int | None
    count: int | None
    reason: str
    expires: date | None

    def expired(self, today: date) -> bool:
        return self.expires is not None and today > self.expires

    def covers(self, finding: Finding) -> bool:
        """Kind and service match: a server's own address and port, or what a client talks to."""
        if self.kind is not None and finding.kind != self.kind:
            return False
        if self.address is None and self.port is None:
            return True
        subject = finding.subject
        places = [(subject.address, subject.port)]
        if subject.toward is not None:
            with suppress(ValueError):
                places.append(parse_service(subject.toward))
        return any(
            (self.address is None or self.address == address) and (self.port is None or self.port == port)
            for address, port in places
        )

    def label(self) -> str:
        """``stuck-close-wait of 10.0.0.20:8080``."""
        what = self.kind or "any kind"
        if self.address is None and self.port is None:
            return what
        host = self.address or ""
        if self.port is None:
            return f"{what} of {host}"
        return f"{what} of [{host}]:{self.port}" if ":" in host else f"{what} of {host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Policy:
    """What a policy file says. ``thresholds``: fields of `Settings` and the values that it sets."""

    rules: tuple[Rule, ...] = ()
    thresholds: Mapping[str, float] = field(default_factory=dict)
    allowances: tuple[Allowance, ...] = ()

    def settings(self, base: Settings, keep: Iterable[str] = ()) -> Settings:
        """``base`` with this policy's thresholds, except the fields that ``keep`` names."""
        kept = set(keep)
        changes = {name: value for name, value in self.thresholds.items() if name not in kept}
        return replace(base, **changes)  # type: ignore[arg-type]

    def differs(self, settings: Settings) -> str | None:
        """The first threshold that a report made with ``settings`` does not share, in words, or None."""
        for name, wanted in self.thresholds.items():
            used = getattr(settings, name)
            if used != wanted:
                return f"the policy wants {name} = {wanted:g}, but the report was made with {used:g}"
        return None


def read_policy(path: str | os.PathLike[str]) -> Policy:
    """Read a policy file. Raises `PolicyError`: one line that begins with the path."""
    return policy_from(read_toml(path), _shown(path))


def read_toml(path: str | os.PathLike[str]) -> dict[str, object]:
    """The table in a TOML file. Raises `PolicyError`: one line that begins with the path."""
    try:
        with open(path, "rb") as stream:
            text = stream.read().decode()
    except (OSError, ValueError) as error:
        what = (error.strerror if isinstance(error, OSError) else None) or "not UTF-8 text"
        raise PolicyError(f"{_shown(path)}: {what[:1].lower()}{what[1:]}") from error
    try:
        return _toml(text)
    except PolicyError as error:
        raise PolicyError(f"{_shown(path)}: {error}") from error


def policy_from(table: Mapping[str, object], name: str) -> Policy:
    """The policy of a table; ``name`` begins the line of a `PolicyError`."""
    try:
        return _policy(table)
    except PolicyError as error:
        raise PolicyError(f"{name}: {error}") from error


def parse_policy(text: str) -> Policy:
    """The policy that a TOML text says. Raises `PolicyError`."""
    return _policy(_toml(text))


def _shown(path: str | os.PathLike[str]) -> str:
    return os.fspath(path).encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def _toml(text: str) -> dict[str, object]:
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise PolicyError(f"not TOML: {str(error).splitlines()[0]}") from error


def _policy(table: Mapping[str, object]) -> Policy:
    _known(table, _KEYS, "key")
    rule_texts = table.get("fail_on", [])
    if not isinstance(rule_texts, list) or not all(isinstance(each, str) for each in rule_texts):
        raise PolicyError('fail_on: write a list of rules, as in fail_on = ["critical"]')
    try:
        rules = tuple(parse_rules(rule_texts))
    except ValueError as error:
        raise PolicyError(f"fail_on: {error}") from error
    allowances = table.get("allow", [])
    if not isinstance(allowances, list) or not all(isinstance(each, dict) for each in allowances):
        raise PolicyError("allow: begin each allowance with [[allow]]")
    return Policy(
        rules=rules,
        thresholds=_thresholds(table.get("thresholds", {})),
        allowances=tuple(_allowance(each, number) for number, each in enumerate(allowances, 1)),
    )


def parse_service(text: str) -> tuple[str | None, int | None]:
    """``10.0.0.20:8080``, ``10.0.0.20``, ``:8080``, ``[2001:db8::1]:443`` or ``2001:db8::1``.

    None for what it leaves open. Raises ``ValueError``, one line.
    """
    host, port = text, ""
    if text.startswith("["):
        host, closed, rest = text[1:].partition("]")
        if not closed or (rest and not rest.startswith(":")):
            raise ValueError(f"{text!r} is no service")
        port = rest[1:]
        if rest and not port:
            raise ValueError(f"{text!r} is no service")
    elif text.count(":") == 1:
        host, _, port = text.partition(":")
        if not port:
            raise ValueError(f"{text!r} is no service")
    if port and not (port.isascii() and port.isdecimal() and int(port) <= 65535):
        raise ValueError(f"{text!r} is no service")
    if not host and not port:
        raise ValueError(f"{text!r} is no service")
    return (str(ip_address(host)) if host else None, int(port) if port else None)


def _thresholds(table: object) -> dict[str, float]:
    if not isinstance(table, dict):
        raise PolicyError("thresholds: begin them with [thresholds]")
    _known(table, _THRESHOLDS, "threshold")
    return {name: _threshold(name, value) for name, value in table.items()}


def _threshold(name: str, value: object) -> float:
    whole = isinstance(getattr(_DEFAULTS, name), int)
    wanted = "a whole number" if whole else "a number of seconds" if name.endswith("_s") else "a number"
    if isinstance(value, bool) or not isinstance(value, int if whole else (int, float)):
        raise PolicyError(f"thresholds: {name} = {value!r}: write {wanted}")
    most = _MOST.get(name, _LONGEST_S if not whole else 2**62)
    least_is_fine = value >= 0 if name in _MAY_BE_ZERO else value > 0
    # `not <=`, so that nan is refused as well.
    if not least_is_fine or not value <= most:
        least = "0 or more" if name in _MAY_BE_ZERO else "more than 0"
        raise PolicyError(f"thresholds: {name} = {value!r}: it must be {least} and at most {most}")
    return value if whole else float(value)


def _allowance(table: Mapping[str, object], number: int) -> Allowance:
    where = f"allowance {number}"
    _known(table, _ALLOWANCE_KEYS, f"{where}: key")
    reason = table.get("reason")
    if not isinstance(reason, str) or not reason.strip():
        raise PolicyError(f'{where}: it needs a reason, as in reason = "pool leak, mended in 2.4"')
    kind, service = table.get("kind"), table.get("service")
    if kind is None and service is None:
        raise PolicyError(f"{where}: it needs a kind or a service, or both")
    if kind is not None and kind not in KINDS:
        raise PolicyError(f"{where}: no such finding kind: {kind!r}{nearest(str(kind), KINDS)}")
    address, port = None, None
    if service is not None:
        try:
            address, port = parse_service(str(service))
        except ValueError:
            forms = "10.0.0.20:8080, 10.0.0.20, :8080 or [2001:db8::1]:443"
            raise PolicyError(f"{where}: {service!r} is no service: write {forms}") from None
    count = table.get("count")
    if count is not None and (not isinstance(count, int) or isinstance(count, bool) or count < 0):
        raise PolicyError(f"{where}: count = {count!r}: write a whole number, 0 or more")
    expires = table.get("expires")
    if expires is not None and (not isinstance(expires, date) or isinstance(expires, datetime)):
        raise PolicyError(f"{where}: expires = {expires!r}: write a date without quotes, as in 2026-12-31")
    return Allowance(
        kind=str(kind) if kind is not None else None,
        address=address,
        port=port,
        count=count,
        reason=" ".join(reason.split()),
        expires=expires,
    )


def _known(table: Mapping[str, object], names: Iterable[str], what: str) -> None:
    names = tuple(names)
    for name in table:
        if name not in names:
            raise PolicyError(f"no such {what}: {name!r}{nearest(name, names)}")
