"""Colours of the style sheet against WCAG 2.2, where axe does not look: inside SVG."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from importlib import resources

import pytest

SHEET = resources.files("seamwatch.backend.ui").joinpath("static/seamwatch.css").read_text()
COLOURS = {
    name: (light, dark)
    for name, light, dark in re.findall(
        r"--([\w-]+): light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\);", SHEET
    )
}
TEXT = ("text", "muted", "accent", "ok", "warn", "fail", "quiet")
SERVICES = tuple(f"s{number}" for number in range(8))


def linear(colour: str) -> list[float]:
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    return [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]


def luminance(colour: str) -> float:
    red, green, blue = linear(colour)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize("name", [*TEXT, *SERVICES])
def test_colour_of_text_or_of_a_labelled_bar_reads_on_every_ground(name: str, theme: int) -> None:
    grounds = ("surface",) if name in SERVICES else ("surface", "page", "sunken")

    worst = min(contrast(COLOURS[name][theme], COLOURS[ground][theme]) for ground in grounds)

    assert worst >= 4.5


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_edge_of_a_control_is_seen(theme: int) -> None:
    assert contrast(COLOURS["control"][theme], COLOURS["surface"][theme]) >= 3


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize("vision", ["usual", "protan", "deutan", "tritan"])
def test_services_of_a_trace_can_be_told_apart(theme: int, vision: str) -> None:
    seen = [oklab(simulate(COLOURS[name][theme], vision)) for name in SERVICES]

    closest = min(math.dist(seen[i], seen[j]) for i in range(8) for j in range(i))

    assert closest >= 0.08  # four times what is just noticeable


# Linear RGB at full severity: G. M. Machado et al., IEEE TVCG 15 (2009) 1291-1298, table 1.
MATRICES = {
    "usual": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "protan": ((0.152286, 1.052583, -0.204868), (0.114503, 0.786281, 0.099216), (-0.003882, -0.048116, 1.051998)),
    "deutan": ((0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413), (-0.011820, 0.042940, 0.968881)),
    "tritan": ((1.255528, -0.076749, -0.178779), (-0.078411, 0.930809, 0.147602), (0.004733, 0.691367, 0.303900)),
}  # fmt: skip
# B. Ottosson, "A perceptual color space for image processing" (2020).
TO_CONES = ((0.4122214708, 0.5363325363, 0.0514459929), (0.2119034982, 0.6806995451, 0.1073969566),
            (0.0883024619, 0.2817188376, 0.6299787005))  # fmt: skip
TO_LAB = ((0.2104542553, 0.7936177850, -0.0040720468), (1.9779984951, -2.4285922050, 0.4505937099),
          (0.0259040371, 0.7827717662, -0.8086757660))  # fmt: skip
Triple = Sequence[float]


def multiply(matrix: Sequence[Triple], vector: Triple) -> list[float]:
    return [sum(w * x for w, x in zip(row, vector, strict=True)) for row in matrix]


def simulate(colour: str, vision: str) -> list[float]:
    return [min(1.0, max(0.0, x)) for x in multiply(MATRICES[vision], linear(colour))]


def oklab(rgb: Triple) -> list[float]:
    return multiply(TO_LAB, [math.cbrt(x) for x in multiply(TO_CONES, rgb)])
