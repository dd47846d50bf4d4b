"""What differs: found where that is quick, and never at the cost of seconds of processor time."""

import time
from collections.abc import Callable
from difflib import unified_diff
from itertools import product

import pytest

from personalities.comparison import side_by_side, unified
from personalities.config import LENGTHS
from personalities.history import difference
from personalities.models import Personality

SECONDS = 1.0  # of the processor; a twentieth of it is usual
LONGEST = sum(LENGTHS[field] for field in ("backstory", "custom_instructions", "speaking_style", "greeting"))


def lines(pattern: str, count: int) -> str:
    """`count` lines, each a letter of `pattern`, over and over."""
    return "\n".join((pattern * count)[:count])


COSTLY: dict[str, tuple[str, str]] = {
    "one huge line": ("x" * 10**6, "x" * 10**6 + "y"),
    "equal short lines": (lines("a", 10_000), lines("a", 10_001)),
    "empty lines": ("\n" * 10_000, "\n" * 10_001),
    "alternating": (lines("ab", 2000), lines("ba", 2000)),
    "in pairs": (lines("ab", 2000), lines("aabb", 2000)),
    "in pairs, short": (lines("ab", 400), lines("aabb", 400)),
    "in threes": (lines("abc", 2000), lines("aaabbbccc", 2000)),
    "forty equal ones of each": (lines("".join(map(chr, range(100, 150))), 2000),
                                 "\n".join(chr(100 + place // 40) for place in range(2000))),
    "below what difflib calls popular": ("\n".join(f"{place % 100}" for place in range(2000)),
                                         "\n".join(f"{place // 20}" for place in range(2000))),
    "as long as texts may be": (lines("ab", LONGEST // 2), lines("aabb", LONGEST // 2)),
    "nothing equal": ("\n".join(map(str, range(2000))), "\n".join(map(str, range(2000, 4000)))),
    "reversed": ("\n".join(map(str, range(2000))), "\n".join(map(str, reversed(range(2000))))),
}  # fmt: skip
COMPARE: list[Callable[[str, str], object]] = [side_by_side, lambda old, new: unified(old, new, ("old", "new"))]


@pytest.mark.parametrize("compare", COMPARE, ids=["side by side", "unified"])
@pytest.mark.parametrize("texts", COSTLY.values(), ids=COSTLY)
def test_comparison__costly_texts__bounded_in_processor_time(
    texts: tuple[str, str], compare: Callable[[str, str], object]
) -> None:
    began = time.thread_time()
    compare(*texts)
    assert time.thread_time() - began < SECONDS


@pytest.mark.parametrize("texts", COSTLY.values(), ids=COSTLY)
def test_comparison__costly_texts__nothing_is_lost(texts: tuple[str, str]) -> None:
    pairs = side_by_side(*texts)
    assert "\n".join(pair.before for pair in pairs if pair.before is not None) == texts[0]
    assert "\n".join(pair.after for pair in pairs if pair.after is not None) == texts[1]


@pytest.mark.parametrize("compare", COMPARE, ids=["side by side", "unified"])
@pytest.mark.parametrize("count", [500, 900, LONGEST // 2])
def test_comparison__each_second_line_is_another__a_tenth_of_a_second_at_most(
    count: int, compare: Callable[[str, str], object]
) -> None:
    old = [chr(0x4E00 + place) for place in range(count)]
    new = [chr(0x8000 + place) if place % 2 else line for place, line in enumerate(old)]
    spent = []
    for _ in range(3):
        began = time.thread_time()
        compare("\n".join(old), "\n".join(new))
        spent.append(time.thread_time() - began)
    assert min(spent) < 0.1


def test_unified__a_long_list_with_blank_lines__what_differs() -> None:
    """Fifty paragraphs and fifty blank lines, of which one is another."""
    old = "\n\n".join(f"- Rule {number}." for number in range(50))
    told = unified(old, old.replace("Rule 25.", "Rule 25, always."), ("old", "new")).split("\n")
    assert [line for line in told if line[0] in "+-"][2:] == ["-- Rule 25.", "+- Rule 25, always."]


def test_unified__would_take_too_long__all_is_replaced() -> None:
    old, new = COSTLY["in pairs"]
    head = ["--- old", "+++ new", "@@ -1,2000 +1,2000 @@"]
    wanted = [*head, *(f"-{line}" for line in old.split("\n")), *(f"+{line}" for line in new.split("\n"))]
    assert unified(old, new, ("old", "new")) == "\n".join(wanted)


@pytest.mark.parametrize(("old", "new"), list(product(["a\nb", "a", "", "c\na"], repeat=2)))
def test_unified__texts_of_a_usual_size__as_difflib_does(old: str, new: str) -> None:
    wanted = "\n".join(unified_diff(old.split("\n"), new.split("\n"), "old", "new", lineterm=""))
    assert unified(old, new, ("old", "new")) == wanted


def test_side_by_side__a_line_added__the_others_beside_each_other() -> None:
    pairs = [(pair.before, pair.after, pair.differs) for pair in side_by_side("a\nc", "a\nb\nc")]
    assert pairs == [("a", "a", False), (None, "b", True), ("c", "c", False)]


def test_difference__costly_versions__bounded_in_processor_time() -> None:
    old, new = (
        Personality(personality_name="x", custom_instructions=lines(pattern, 1000), backstory=lines(pattern, 500))
        for pattern in ("ab", "aabb")
    )
    began = time.thread_time()
    assert difference(old.to_config(), new.to_config()).prompt
    assert time.thread_time() - began < SECONDS
