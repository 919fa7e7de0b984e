"""The options that write captures anew for Wireshark, and the writing itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import click

from tcptrace_py.cli.outcome import complain, output_to
from tcptrace_py.cli.outputs import refuse_overwriting, refuse_sharing, say_wrote, target_option

if TYPE_CHECKING:
    from tcptrace_py.report.formats.comments import Comments

_Command = TypeVar("_Command", bound=Callable[..., object])
_RANDOM_BYTES = 32


class Annotating(NamedTuple):
    """What was asked for: the ``target``, whether cut to the connections of findings, and the key of other
    addresses (None: the addresses stay).
    """

    target: str
    only_findings: bool
    key: bytes | None

    def write(
        self,
        captures: Sequence[str],
        comments: Comments,
        keep: set[tuple[int, int]] | None,
    ) -> None:
        """The frames of ``captures``, or those in ``keep``. Raises `OutputError` and ``CaptureError``."""
        from tcptrace_py.findings.wording import times
        from tcptrace_py.report.formats.target import write_whole
        from tcptrace_py.run.annotate import Written, annotated
        from tcptrace_py.wire.anonymize import Anonymizer

        anonymizer = None if self.key is None else Anonymizer(self.key)
        written = Written()
        with output_to(self.target):
            write_whole(annotated(captures, comments, written, keep, anonymizer), self.target)
        say_wrote(self.target)
        if written.left_out:
            complain(
                f"{self.target}: {times(written.left_out, 'frame')} left out that could not be made anonymous"
            )


def annotating_options(*, cuts: bool) -> Callable[[_Command], _Command]:
    """Decorates a click command with ``--annotate`` and its kin; ``cuts``: with the cut to findings."""

    def decorate(command: _Command) -> _Command:
        command = click.option(
            "--anonymize-key",
            metavar="TEXT",
            help="With --anonymize: the key, for the same addresses in several captures (default: a new one"
            " each time).",
        )(command)
        command = click.option(
            "--anonymize",
            is_flag=True,
            help="With --annotate: replace addresses (networks stay networks), blank payload, fix checksums.",
        )(command)
        if cuts:
            command = click.option(
                "--annotate-only-findings",
                is_flag=True,
                help="With --annotate: only the packets of connections that a finding is about.",
            )(command)
        told = "Write the packets to FILE, a pcapng, with a comment at each that a finding cites."
        return target_option("annotate", told)(command)

    return decorate


def annotating_from(
    options: Mapping[str, Any], captures: Sequence[str], targets: Mapping[str, str] | None = None
) -> Annotating | None:
    """The `Annotating` among a command's parsed ``options``; ``targets``: what else it writes, by option."""
    target = options["annotate_target"]
    only_findings = bool(options.get("annotate_only_findings"))
    anonymize, key = bool(options["anonymize"]), options["anonymize_key"]
    if target is None:
        if only_findings or anonymize or key is not None:
            raise click.UsageError(
                "--annotate-only-findings and --anonymize say how --annotate FILE writes: add it."
            )
        return None
    if key is not None and not anonymize:
        raise click.UsageError("--anonymize-key is the key of --anonymize: add it.")
    from tcptrace_py.capture.stream import read_once

    if any(map(read_once, captures)):
        raise click.UsageError("--annotate reads the capture a second time: give a file, not a pipe.")
    refuse_overwriting(captures, target, "'--annotate'")
    refuse_sharing({**(targets or {}), "annotate": target})
    if not anonymize:
        return Annotating(target, only_findings, None)
    if key is not None:
        return Annotating(target, only_findings, key.encode("utf-8", "surrogateescape"))
    import os

    return Annotating(target, only_findings, os.urandom(_RANDOM_BYTES))
