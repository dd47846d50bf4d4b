import re
from itertools import pairwise
from xml.etree import ElementTree

from personalities.admin.radar import CENTRE_X, CENTRE_Y, HEIGHT, RADIUS, WIDTH, radar
from personalities.archetypes import ARCHETYPES
from personalities.config import TRAITS, Traits

SVG = "{http://www.w3.org/2000/svg}"


def traits(level: int) -> Traits:
    return Traits(**dict.fromkeys(TRAITS, level))


def outline(drawn: str) -> list[tuple[float, float]]:
    group = ElementTree.fromstring(drawn).find(f"{SVG}g[@class='radar-levels']")
    assert group is not None
    polygon = group.find(f"{SVG}polygon")
    assert polygon is not None
    return [(float(x), float(y)) for x, y in re.findall(r"([\d.]+),([\d.]+)", polygon.attrib["points"])]


def test_radar__any_traits__lists_every_level_for_screen_readers() -> None:
    drawn = ElementTree.fromstring(radar(ARCHETYPES["wise_mentor"].traits))
    assert drawn.attrib["role"] == "img"
    assert drawn.findtext(f"{SVG}title") == "Traits"
    assert drawn.attrib["aria-label"] == (
        "Traits from 0 to 10: Humor 4, Formality 6, Enthusiasm 5, Empathy 7, Directness 7, Curiosity 8, "
        "Supportiveness 6, Playfulness 3"
    )


def test_radar__level_0__all_points_are_the_centre() -> None:
    assert set(outline(radar(traits(0)))) == {(CENTRE_X, CENTRE_Y)}


def test_radar__level_10__points_lie_on_the_outer_ring_clockwise_from_the_top() -> None:
    points = outline(radar(traits(10)))
    assert points[0] == (CENTRE_X, CENTRE_Y - RADIUS)
    assert points[2] == (CENTRE_X + RADIUS, CENTRE_Y)
    assert all(start != end for start, end in pairwise(points))


def test_radar__one_trait_raised__only_its_point_moves() -> None:
    low, high = traits(2), Traits(**dict.fromkeys(TRAITS, 2) | {"empathy_level": 9})
    moved = [low != high for low, high in zip(outline(radar(low)), outline(radar(high)), strict=True)]
    assert moved == [trait == "empathy_level" for trait in TRAITS]


def test_radar__any_traits__needs_nothing_from_outside() -> None:
    drawn = radar(traits(5))
    assert re.findall(r"https?://[^\"]+", drawn) == ["http://www.w3.org/2000/svg"]
    assert not re.search(r"href|style|<script|url\(", drawn)
    assert "currentColor" in drawn


def test_radar__labels__lie_inside_the_picture() -> None:
    texts = ElementTree.fromstring(radar(traits(10))).iter(f"{SVG}text")
    places = [(float(text.attrib["x"]), float(text.attrib["y"])) for text in texts]
    assert len(places) == len(TRAITS)
    assert all(0 < x < WIDTH and 14 < y < HEIGHT - 14 for x, y in places)
