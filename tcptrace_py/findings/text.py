"""What there is to say of a kind of finding, in general."""

from __future__ import annotations

from typing import NamedTuple

SYSCTLS = "Linux Documentation/networking/ip-sysctl.rst"


class Text(NamedTuple):
    """``title``: a few words. ``meaning``: what it is and what usually causes it.
    ``remedy``: what to change. ``reference``: where the rules are written.
    """

    title: str
    meaning: str
    remedy: str
    reference: str
