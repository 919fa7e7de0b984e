"""Pages of one file: a template, a style, scripts and a block of data, and nothing that is fetched.

The template escapes all that it shows; the data can not end its script element; the page's policy runs
and loads nothing but its own style and scripts, known by their hashes.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from functools import cache
from importlib.resources import files

import msgspec
from jinja2 import Environment, StrictUndefined, Template
from markupsafe import Markup

# Within a script element only these can end it or begin a comment; in JSON they stand in strings alone.
_UNSAFE = ((b"<", b"\\u003c"), (b">", b"\\u003e"), (b"&", b"\\u0026"))


def shown(text: str) -> str:
    """Text as a page shows it: what would not print (control codes, turned writing) is escaped."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def json_block(data: object) -> bytes:
    """JSON to stand in a script element."""
    text = msgspec.json.encode(data)
    for raw, safe in _UNSAFE:
        text = text.replace(raw, safe)
    return text


def rendered(parts: tuple[str, ...], data: bytes, **context: object) -> bytes:
    """The page as UTF-8. ``parts``: files of this package, the template, the style and the scripts."""
    template, style, scripts = _loaded(parts)
    page = template.render(
        style=Markup(style),
        scripts=[Markup(script) for script in scripts],
        policy=policy(style, scripts),
        data=Markup(data.decode()),
        **context,
    )
    return page.encode("utf-8", "backslashreplace")


@cache
def _loaded(parts: tuple[str, ...]) -> tuple[Template, str, list[str]]:
    here = files(__package__)
    template, style, *scripts = ((here / name).read_text("utf-8") for name in parts)
    environment = Environment(
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_printable,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.from_string(template), style, scripts


def _printable(value: object) -> object:
    return shown(value) if type(value) is str else value


def policy(style: str, scripts: Sequence[str]) -> str:
    """The page's Content-Security-Policy."""
    return (
        f"default-src 'none'; style-src {source_hash(style)};"
        f" script-src {' '.join(map(source_hash, scripts))};"
        " img-src data:; base-uri 'none'; form-action 'none'"
    )


def source_hash(text: str) -> str:
    """By which a policy knows a style or script."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
