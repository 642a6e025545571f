"""The dashboard's own colours have enough contrast against every background that they stand on."""

import re
from pathlib import Path

import pytest

import recovery

STATIC = Path(recovery.__file__).parent / "static" / "recovery"
TEXT = {"quiet", "good", "bad", "open", "act"}
ON = {"on-quiet": "quiet", "on-act": "act"}
SHAPES = {"delivered", "no-news", "failed", "median", "target", "line"}
# Django's admin: the page and every second row of a table; unfold: the page, and its boxes.
BACKGROUNDS = {
    "light": ["#ffffff", "#f8f8f8", "#f9fafb"],
    "dark": ["#121212", "#212121", "#111827", "#1f2937"],
}
TINT = ("#808080", 0.12)  # of the sentence above all

Colour = tuple[float, float, float]


def rgb(text: str) -> Colour:
    red, green, blue = (int(text[place : place + 2], 16) / 255 for place in (1, 3, 5))
    return red, green, blue


def over(below: str, above: str, share: float) -> Colour:
    red, green, blue = (a * share + b * (1 - share) for a, b in zip(rgb(above), rgb(below), strict=True))
    return red, green, blue


def luminance(colour: Colour) -> float:
    """WCAG 2.2, relative luminance."""
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in colour)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: Colour, other: Colour) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def palettes() -> dict[str, list[dict[str, str]]]:
    """Each block of colours in the style sheets, by scheme."""
    found: dict[str, list[dict[str, str]]] = {"light": [], "dark": []}
    for name in ("admin.css", "dashboard.css"):
        text = (STATIC / name).read_text(encoding="utf-8")
        blocks = re.findall(r"([^{}]*)\{([^{}]*--recovery-[^{}]*)\}", text)
        for selector, body in blocks:
            colours = dict(re.findall(r"--recovery-([\w-]+): (#\w{6});", body))
            if colours:
                is_light = selector.strip().endswith(":root") and ":not" not in selector
                found["light" if is_light else "dark"].append(colours)
    return found


def test_both_schemes_have_all_colours_and_the_two_ways_to_the_dark_one_agree() -> None:
    found = palettes()
    assert {name for colours in found["light"] for name in colours} == TEXT | SHAPES | ON.keys()
    admin_by_system, admin_chosen, by_system, chosen = found["dark"]
    assert admin_by_system == admin_chosen
    assert by_system == chosen


@pytest.mark.parametrize("scheme", BACKGROUNDS)
def test_text_has_a_contrast_of_four_and_a_half_and_shapes_of_three(scheme: str) -> None:
    for colours in palettes()[scheme]:
        for name, colour in colours.items():
            if name in ON:
                assert contrast(rgb(colour), rgb(colours[ON[name]])) >= 4.5
                continue
            least = 4.5 if name in TEXT else 3.0
            for background in BACKGROUNDS[scheme]:
                assert contrast(rgb(colour), rgb(background)) >= least, (name, background)
                if name in TEXT:
                    assert contrast(rgb(colour), over(background, *TINT)) >= least, (name, background, "tinted")


@pytest.mark.parametrize("scheme", BACKGROUNDS)
def test_the_parts_of_a_bar_differ_by_more_than_their_hue(scheme: str) -> None:
    """For whoever sees few colours: the legend's words and the table say it as well."""
    [colours] = [each for each in palettes()[scheme] if "delivered" in each][:1]
    parts = [rgb(colours[name]) for name in ("delivered", "no-news", "failed")]
    assert contrast(parts[0], parts[1]) >= 1.2
    assert contrast(parts[1], parts[2]) >= 1.2
