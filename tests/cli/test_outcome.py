from __future__ import annotations

import errno
import os
import pty
import sys
import termios

import pytest

from tcptrace_py.cli.outcome import OutputError, complain, output_to, reason


def test_a_name_that_holds_control_characters_can_not_fake_output(capsys: pytest.CaptureFixture[str]) -> None:
    complain("a\x1b[2Jb\x07\udcff.pcap: no such file")
    assert capsys.readouterr().err == "tcptrace-py: a\\x1b[2Jb\\x07\\udcff.pcap: no such file\n"


def test_each_line_is_prefixed(capsys: pytest.CaptureFixture[str]) -> None:
    complain("a: empty\nb: no such file")
    assert capsys.readouterr().err == "tcptrace-py: a: empty\ntcptrace-py: b: no such file\n"


def test_a_reason_is_the_systems_text_alone() -> None:
    assert (
        reason(FileNotFoundError(errno.ENOENT, "No such file or directory", "x"))
        == "no such file or directory"
    )
    assert reason(OSError("Odd")) == "odd"


def test_output_that_fails_names_its_target() -> None:
    with pytest.raises(OutputError) as caught, output_to("r.json"):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert caught.value.format_message() == "r.json: no space left on device"
    assert caught.value.exit_code == 2


def test_a_writers_own_words_are_not_prefixed_again() -> None:
    with pytest.raises(OutputError) as caught, output_to("r.json"):
        raise OSError("r.json: cannot write: No space left on device")
    assert caught.value.format_message() == "r.json: cannot write: No space left on device"


def test_at_a_terminal_a_long_line_is_folded_between_words() -> None:
    line = "gate failed: stuck-close-wait in " + "a-name-that-is-longer-than-the-line " + "x " * 30
    outside, inside = pty.openpty()
    try:
        termios.tcsetwinsize(inside, (24, 30))
        with open(inside, "w") as screen, pytest.MonkeyPatch.context() as patch:
            patch.setattr(sys, "stderr", screen)
            complain(line)
            complain("short")
        shown = os.read(outside, 4096).decode().splitlines()
    finally:
        os.close(outside)
    assert " ".join(shown).split() == f"tcptrace-py: {line} tcptrace-py: short".split()
    # The name has a line of its own, and is whole.
    assert [each for each in shown if len(each) > 30] == ["  a-name-that-is-longer-than-the-line"]
    assert all(each.startswith(("tcptrace-py: ", "  ")) for each in shown)
