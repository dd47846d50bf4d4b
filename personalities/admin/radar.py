"""Traits drawn as a radar: one inline SVG, without assets, in the colour of the text around it."""

import math
from collections.abc import Iterable, Iterator

import msgspec
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from personalities.config import MAX_LEVEL, TRAITS, Traits

WIDTH, HEIGHT = 400, 268
CENTRE_X, CENTRE_Y, RADIUS = 200, 134, 84
RINGS = tuple(MAX_LEVEL * part / 4 for part in range(1, 5))
LABEL_AT = 1.12 * MAX_LEVEL  # a level just outside the last ring
LINE = 16  # height of a line of a label

SVG = """<svg class="radar" viewBox="0 0 {} {}" role="img" aria-label="{}" xmlns="http://www.w3.org/2000/svg">
<title>{}</title>
<g fill="none" stroke="currentColor" stroke-opacity=".22">{}{}</g>
<g class="radar-levels" fill="currentColor" stroke="currentColor">
<polygon points="{}" fill-opacity=".18" stroke-width="2" stroke-linejoin="round"/>{}</g>
<g fill="currentColor" font-size="14">{}</g>
</svg>"""
LABEL = '<text x="{}" y="{}" text-anchor="{}">{}<tspan x="{}" dy="{}" font-weight="600">{}</tspan></text>'


def radar(traits: Traits) -> str:
    """An SVG with one axis per trait, from 0 to MAX_LEVEL. Screen readers get the levels as a list."""
    levels = list(msgspec.structs.astuple(traits))
    listed = ", ".join(f"{_word(trait)} {level}" for trait, level in zip(TRAITS, levels, strict=True))
    drawn = (_rings(), _axes(), _outline(levels), _dots(levels), _labels(levels))
    return format_html(SVG, WIDTH, HEIGHT, f"Traits from 0 to {MAX_LEVEL}: {listed}", "Traits", *drawn)


def _word(trait: str) -> str:
    return trait.removesuffix("_level").capitalize()


def _point(axis: int, level: float) -> tuple[float, float]:
    """Where `level` lies on axis number `axis`, counted clockwise from the one that points up."""
    angle = math.tau * axis / len(TRAITS)
    distance = RADIUS * level / MAX_LEVEL
    return round(CENTRE_X + distance * math.sin(angle), 1), round(CENTRE_Y - distance * math.cos(angle), 1)


def _points(levels: Iterable[float]) -> Iterator[tuple[float, float]]:
    return (_point(axis, level) for axis, level in enumerate(levels))


def _outline(levels: Iterable[float]) -> str:
    return " ".join(f"{x},{y}" for x, y in _points(levels))


def _rings() -> SafeString:
    return format_html_join("", '<polygon points="{}"/>', ((_outline([ring] * len(TRAITS)),) for ring in RINGS))


def _axes() -> SafeString:
    ends = _points([MAX_LEVEL] * len(TRAITS))
    return format_html_join("", '<path d="M{} {}L{} {}"/>', ((CENTRE_X, CENTRE_Y, x, y) for x, y in ends))


def _dots(levels: Iterable[float]) -> SafeString:
    return format_html_join("", '<circle cx="{}" cy="{}" r="2.5"/>', _points(levels))


def _labels(levels: Iterable[int]) -> SafeString:
    return format_html_join("", LABEL, (_label(axis, level) for axis, level in enumerate(levels)))


def _label(axis: int, level: int) -> tuple[object, ...]:
    """Two lines, the word and the level, beside the end of the axis and away from the drawing."""
    x, y = _point(axis, LABEL_AT)
    anchor = "middle" if x == CENTRE_X else "start" if x > CENTRE_X else "end"
    # Above the drawing the last line ends at the point, below it the first line begins there.
    top = y - LINE + (y - CENTRE_Y + RADIUS) / (2 * RADIUS) * 1.4 * LINE
    return x, round(top, 1), anchor, _word(TRAITS[axis]), x, LINE, level
