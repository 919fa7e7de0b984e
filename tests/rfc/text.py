"""The RFCs that the reading rests on: their texts as the RFC Editor publishes them, section by section."""

from __future__ import annotations

import gzip
import re
from functools import cache
from pathlib import Path
from typing import NamedTuple

FOLDER = Path(__file__).resolve().parent
#: A heading in the text stands at the margin. RFC 1122 indents those of its subsections.
_HEADING = re.compile(r"^((?:\d{1,2}|[A-Z](?=\.\d))(?:\.\d{1,2})*)\.? {1,3}([A-Z(][^\n]*?)$")
_INDENTED_HEADING = re.compile(r"^ {0,12}(\d(?:\.\d{1,2})+)\.? {1,3}([A-Z(][^\n]*?)$")
# Old RFCs come in pages: a footer, a form feed, and a header.
_PAGE_BREAK = re.compile(r"\n*[^\n]*\[Page \d+\]\n\f\n?[^\n]*\n*")


class Section(NamedTuple):
    title: str
    #: What stands below the heading, up to the next; white space of any length is one blank.
    text: str


def numbers() -> list[int]:
    """The RFCs whose texts are here."""
    return sorted(int(path.name.removeprefix("rfc").split(".")[0]) for path in FOLDER.glob("rfc*.txt.gz"))


def normalized(text: str) -> str:
    """``text`` in one line. A word that a line's end cuts at its hyphen is one word again."""
    return re.sub(r"(?<=\w-) (?=\w)", "", " ".join(text.split()))


@cache
def sections(number: int) -> dict[str, Section]:
    """The sections of an RFC by number (``3.10.7.4``); a section's text does not hold its subsections'."""
    text = gzip.decompress((FOLDER / f"rfc{number}.txt.gz").read_bytes()).decode("utf-8")
    found: dict[str, Section] = {}
    pattern = _INDENTED_HEADING if number == 1122 else _HEADING
    heading: re.Match[str] | None = None
    below: list[str] = []
    for line in [*_PAGE_BREAK.sub("\n", text).split("\n"), None]:
        match = pattern.match(line) if line is not None else None
        if line is not None and (match is None or re.search(r"\.{3}|\. \.|  \d+$", match[2])):
            below.append(line)
            continue
        if heading is not None:
            # The table of contents has each heading once before its section does.
            found[heading[1]] = Section(heading[2], normalized("\n".join(below)))
        heading, below = match, []
    return found


def holds(number: int, section: str, quote: str) -> bool:
    """Whether the section has the ``quote``, word by word; ``…`` in it stands for words left out."""
    text = sections(number)[section].text
    at = 0
    for part in re.split(r"\s*(?:\[…\]|…)\s*", normalized(quote)):
        at = text.find(part, at)
        if at < 0:
            return False
        at += len(part)
    return True
