"""People's colours: far enough apart to tell people by them, and readable on either ground."""

import itertools
import math
import re
from pathlib import Path

import pytest

from bot.workspace.config import PEOPLE, Person, load_people
from bot.workspace.render import COLORS, color

ROOT = Path(__file__).parents[3]
STYLE = (ROOT / "bot/workspace/page/style.css").read_text(encoding="utf-8")
DEMO = tuple(load_people(ROOT / "examples/demo/workspace.yaml")["people"])
APART = 0.1  # distance in OKLab; 0.02 is just noticeable
Triple = tuple[float, float, float]


def linear(color: str) -> Triple:
    """Red, green and blue as amounts of light, 0 to 1. Source: CSS Color 4."""
    parts = [int(color[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
    return red, green, blue


def contrast(one: str, other: str) -> float:
    """Source: WCAG 2.2, "contrast ratio"."""
    dark, light = sorted(0.2126 * r + 0.7152 * g + 0.0722 * b for r, g, b in (linear(one), linear(other)))
    return (light + 0.05) / (dark + 0.05)


def oklab(color: str) -> Triple:
    """Source: CSS Color 4, "Sample code for color conversions"."""
    r, g, b = linear(color)
    long = math.cbrt(0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b)
    middle = math.cbrt(0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b)
    short = math.cbrt(0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b)
    return (
        0.2104542553 * long + 0.7936177850 * middle - 0.0040720468 * short,
        1.9779984951 * long - 2.4285922050 * middle + 0.4505937099 * short,
        0.0259040371 * long + 0.7827717662 * middle - 0.8086757660 * short,
    )


def pair(name: str) -> list[str]:
    """The light and the dark value of a colour of the style sheet, by the text before it."""
    found = re.search(rf"{re.escape(name)}\s*light-dark\(#(\w{{6}}), #(\w{{6}})\)", STYLE)
    assert found is not None
    return list(found.groups())


@pytest.mark.parametrize("people", [PEOPLE, DEMO], ids=["ours", "demo"])
def test_three_people_and_the_app_are_told_apart(people: tuple[Person, ...]) -> None:
    shown = [color(one.id) for one in people]
    app = pair(".avatar-app { background:")
    for one, other in [*itertools.combinations(shown, 2), *itertools.product(shown, app)]:
        assert math.dist(oklab(one), oklab(other)) > APART, (one, other)


@pytest.mark.parametrize("one", COLORS)
def test_initials_and_squares_are_readable(one: str) -> None:
    assert contrast(one, "ffffff") >= 4.5
    assert all(contrast(one, ground) >= 3 for ground in pair("--ground:"))


def test_colors_are_spread_over_many_people() -> None:
    assert {color(f"U{number}") for number in range(100)} == set(COLORS)
