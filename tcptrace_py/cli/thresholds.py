"""The options that set clocks and thresholds, the same for each command that tracks connections."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import Any, NamedTuple, TypeVar

import click

from tcptrace_py.cli.durations import Duration, format_duration
from tcptrace_py.cli.inputs import COUNT, Count
from tcptrace_py.settings import Settings

_Command = TypeVar("_Command", bound=Callable[..., object])


class Share(click.ParamType[float]):
    """A part of a whole: ``10%`` or ``0.1``, more than nothing and at most all."""

    name = "share"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        if isinstance(value, float):
            return value
        text = str(value).strip()
        try:
            share = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
        except ValueError:
            share = 0.0
        if not 0 < share <= 1:
            self.fail(f"{text!r} is not a share: write 10% or 0.1, more than 0 and at most 100%.", param, ctx)
        return share


class Threshold(NamedTuple):
    option: str
    metavar: str
    type: click.ParamType[Any]
    help: str


_DURATION = "DURATION"
_CLOCK = Duration()
_PATIENCE = Duration(zero=True)

#: For each field of `Settings` the option that sets it.
THRESHOLDS = {
    "msl_s": Threshold("--msl", _DURATION, _CLOCK, "Maximum Segment Lifetime; TIME_WAIT lasts twice that."),
    "syn_give_up_s": Threshold(
        "--syn-give-up", _DURATION, _CLOCK, "A client gives up this long after its first SYN."
    ),
    "syn_ack_give_up_s": Threshold(
        "--syn-ack-give-up", _DURATION, _CLOCK, "A server gives up this long after its first SYN+ACK."
    ),
    "fin_give_up_s": Threshold(
        "--fin-give-up", _DURATION, _CLOCK, "A FIN that is never acknowledged is given up after this."
    ),
    "fin_wait_2_s": Threshold("--fin-wait-2", _DURATION, _CLOCK, "How long an orphaned FIN_WAIT_2 lasts."),
    "close_wait_after_s": Threshold(
        "--close-wait-after", _DURATION, _PATIENCE, "CLOSE_WAIT is stuck when it lasts longer."
    ),
    "fin_wait_2_after_s": Threshold(
        "--fin-wait-2-after", _DURATION, _PATIENCE, "FIN_WAIT_2 is stuck when it lasts longer."
    ),
    "time_wait_pile_sockets": Threshold(
        "--time-wait-pile", "N", COUNT, "So many sockets in TIME_WAIT at once on one address are a pile."
    ),
    "time_wait_pile_share": Threshold(
        "--time-wait-share",
        "SHARE",
        Share(),
        "Part of the ephemeral ports in TIME_WAIT toward one destination that makes a pile.",
    ),
    "ephemeral_ports": Threshold(
        "--ephemeral-ports",
        "N",
        Count(65535),
        "Ports a client can choose from (net.ipv4.ip_local_port_range).",
    ),
    "dead_peer_probes": Threshold(
        "--dead-peer-probes",
        "N",
        COUNT,
        "Retransmissions or keep-alive probes without an answer that make a peer dead.",
    ),
}


def _shown(threshold: Threshold, default: float) -> str:
    if threshold.metavar == _DURATION:
        return format_duration(default)
    return f"{default:.0%}" if isinstance(threshold.type, Share) else str(default)


def threshold_options(command: _Command) -> _Command:
    """Decorates a click command with an option for each field of `Settings`."""
    defaults = Settings()
    for name, threshold in reversed(THRESHOLDS.items()):
        default = getattr(defaults, name)
        command = click.option(
            threshold.option,
            name,
            type=threshold.type,
            metavar=threshold.metavar,
            default=default,
            # click would put a text of ours in brackets.
            help=f"{threshold.help}  [default: {_shown(threshold, default)}]",
        )(command)
    return command


def settings_from(options: Mapping[str, object]) -> Settings:
    """The `Settings` among the parsed ``options`` of a command that `threshold_options` decorates."""
    return Settings(**{field.name: options[field.name] for field in fields(Settings)})  # type: ignore[arg-type]
