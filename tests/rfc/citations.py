"""Where the sources cite an RFC, and what they quote of it.

A citation is ``RFC 9293 section 3.10.7.4`` or ``RFC 9293 sections 3.6 and 3.10.4``. One that rests on a
sentence quotes it: ``RFC 9293 section 3.10.7.4: "If the RST bit is set, then enter the CLOSED state"``, in a
comment, a docstring or a string, over as many lines as it takes; ``…`` stands for words left out.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

_NUMBER = r"(?:\d+(?:\.\d+)*|[A-Z](?:\.\d+)+)"
_MORE = rf"(?:(?: \(figures? [^)]*\))?(?:,| and|, and| to) {_NUMBER})*"
_CITATION = re.compile(
    rf"RFC (?P<rfc>\d+),? [Ss]ections? (?P<sections>{_NUMBER}{_MORE})"
    r"(?::? “(?P<curly>[^”]*)”|: ?\"(?P<quote>[^\"]*)\")?"
)


class Citation(NamedTuple):
    where: str
    rfc: int
    section: str
    quote: str | None


def passages(path: Path) -> Iterator[tuple[int, str]]:
    """Line and text of what people read in a file: of Python comments and strings, else paragraphs."""
    source = path.read_text(encoding="utf-8")
    if path.suffix != ".py":
        line = 1
        for paragraph in re.split(r"(\n\s*\n)", source):
            yield line, " ".join(paragraph.split())
            line += paragraph.count("\n")
        return
    run: list[str] = []
    first = last = 0
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            if run and token.start[0] != last + 1:
                yield first, " ".join(run)
                run = []
            if not run:
                first = token.start[0]
            run.append(token.string.lstrip("#: ").strip())
            last = token.start[0]
    if run:
        yield first, " ".join(run)
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.lineno, " ".join(node.value.split())
        elif isinstance(node, ast.JoinedStr):
            parts = (each.value for each in node.values if isinstance(each, ast.Constant))
            yield node.lineno, " ".join("{}".join(map(str, parts)).split())


def citations(text: str, where: str) -> Iterator[Citation]:
    for match in _CITATION.finditer(text):
        quote = match["quote"] or match["curly"]
        named = re.findall(_NUMBER, re.sub(r"\([^)]*\)|\band\b|\bto\b", " ", match["sections"]))
        for section in named:
            yield Citation(where, int(match["rfc"]), section, quote if section == named[-1] else None)


def cited_in(root: Path, *folders: str) -> list[Citation]:
    """Every citation in the Python files and pages below ``folders`` of ``root``."""
    found = []
    for folder in folders:
        top = root / folder
        files = (
            [top]
            if top.is_file()
            else sorted(each for each in top.rglob("*") if each.suffix in (".py", ".md"))
        )
        for path in files:
            for line, text in passages(path):
                found += citations(text, f"{path.relative_to(root).as_posix()}:{line}")
    return found
