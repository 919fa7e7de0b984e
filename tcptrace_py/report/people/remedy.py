"""A finding's texts as people read them: first sentences, and commands that can be copied.

Commands stand in backticks. The first sentence of an explanation is the fact that a finding claims, and the
first of a remedy the one thing to do.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

# A full stop or question mark that another sentence follows.
_END = re.compile(r"[.?](?= [A-Z0-9`])")
_COMMAND = re.compile(r"`([^`]+)`")


def first_sentence(text: str) -> str:
    end = _END.search(text)
    return text[: end.end()] if end else text


def action(remedy: str) -> str:
    """The first sentence, without its full stop; without its command where that comes last."""
    first = first_sentence(remedy)
    first = _COMMAND.sub("", first).rstrip(". ") if first.rstrip(".").endswith("`") else plain(first)
    return first.rstrip(".:")


def commands(text: str) -> list[str]:
    """The commands in a text, in order."""
    return _COMMAND.findall(text)


def plain(text: str) -> str:
    """The text for readers that have no mark for commands."""
    return text.replace("`", "")


def pieces(text: str) -> Iterator[tuple[str, bool]]:
    """The text in pieces: prose, and commands that stand on lines of their own (True)."""
    for number, piece in enumerate(_COMMAND.split(text)):
        if number % 2:
            yield piece, True
        elif piece := piece.strip(" ").lstrip(".,;)").strip(" ").removesuffix("(").rstrip(" "):
            yield piece, False
