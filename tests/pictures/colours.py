"""How far apart two colours look, also to people who are blind to some.

The matrices are those of Machado, Oliveira and Fernandes (2009) for full severity, on linear RGB; the
distance is that of CIE 1976 L*a*b*.
"""

from __future__ import annotations

import math
import re

_SIGHT = {
    "normal": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "deuteranopia": (
        (0.367322, 0.860646, -0.227968),
        (0.280085, 0.672501, 0.047413),
        (-0.011820, 0.042940, 0.968881),
    ),
    "protanopia": (
        (0.152286, 1.052583, -0.204868),
        (0.114503, 0.786281, 0.099216),
        (-0.003882, -0.048116, 1.051998),
    ),
    "tritanopia": (
        (1.255528, -0.076749, -0.178779),
        (-0.078411, 0.930809, 0.147602),
        (0.004733, 0.691367, 0.303900),
    ),
}
_VARIABLE = re.compile(r"--([A-Z][A-Z_0-9]+): (#[0-9a-f]{6});")


def palette(style: str, scheme: str) -> dict[str, str]:
    """The colour of each state in a style sheet whose dark scheme comes after its light one."""
    light, dark = style.split("prefers-color-scheme: dark", 1)
    return dict(_VARIABLE.findall(light if scheme == "light" else dark))


def difference(one: str, two: str, sight: str) -> float:
    """Between two colours ``#rrggbb``; about 2 is just noticeable side by side."""
    return math.dist(_lab(one, sight), _lab(two, sight))


def _lab(colour: str, sight: str) -> tuple[float, float, float]:
    linear = [_linear(int(colour[i : i + 2], 16) / 255) for i in (1, 3, 5)]
    red, green, blue = (
        min(max(sum(weight * value for weight, value in zip(row, linear, strict=True)), 0), 1)
        for row in _SIGHT[sight]
    )
    x = _root((0.4124 * red + 0.3576 * green + 0.1805 * blue) / 0.95047)
    y = _root(0.2126 * red + 0.7152 * green + 0.0722 * blue)
    z = _root((0.0193 * red + 0.1192 * green + 0.9505 * blue) / 1.08883)
    return 116 * y - 16, 500 * (x - y), 200 * (y - z)


def _linear(value: float) -> float:
    return value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4


def _root(value: float) -> float:
    return value ** (1 / 3) if value > 0.008856 else 7.787 * value + 16 / 116
