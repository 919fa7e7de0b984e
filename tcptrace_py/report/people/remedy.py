"""A remedy as people read it: the one thing to do, and commands that can be copied.

In the texts of findings commands stand in backticks; the first sentence is the one thing to do.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

# A full stop or question mark that another sentence follows.
_END = re.compile(r"[.?](?= [A-Z`])")
_COMMAND = re.compile(r"`([^`]+)`")


def action(remedy: str) -> str:
    """The first sentence, without its full stop; without its command where that comes last."""
    end = _END.search(remedy)
    first = remedy[: end.end()] if end else remedy
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
