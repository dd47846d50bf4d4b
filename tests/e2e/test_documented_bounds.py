"""The numbers in the table of bounds, and the lengths in the guides, are those of the settings and constants."""

import re
from collections.abc import Iterator
from contextlib import suppress
from importlib import import_module
from typing import NamedTuple

import pytest

from personalities.config import CUSTOM, LENGTHS, MAX_LEVEL
from personalities.names import MAX_LENGTH
from personalities.prompt.wishes import MAX_NAME
from tests.e2e import pages

NAMES = {"personality_name", "archetype", "relationship_type"}  # bounded by the rule of names, or choices
UNITS = (("MiB", 1024**2), ("KiB", 1024), ("day", 24 * 3600), ("hour", 3600), ("minutes", 60))
SETTING = re.compile(r"`([A-Z][A-Z0-9_]+)`")
CONSTANT = re.compile(r'`([a-z_]+(?:\.\w+)+)(?:\["(\w+)"\])?`')


class Row(NamedTuple):
    what: str
    bound: str
    source: str


def section(heading: str, end: str) -> str:
    text = pages.text("docs/operations.md")
    return text[text.index(heading) : text.index(end)]


def rows() -> Iterator[Row]:
    """Those of the table of bounds that name a setting or a constant."""
    for line in section("## Bounds and limits", "## Monitoring").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) == 4 and "`" in cells[2]:
            yield Row(*cells[:3])


def constants() -> Iterator[tuple[str, str, str]]:
    """The bound as documented, and the dotted name and the key of each constant that it names."""
    for row in rows():
        for name, key in CONSTANT.findall(row.source):
            yield row.bound, name, key


def value_of(name: str, key: str) -> object:
    """The constant: an attribute of a module, or of an object in one; or what a mapping there has for `key`."""
    parts, found = name.split("."), None
    for index in range(len(parts), 0, -1):
        with suppress(ModuleNotFoundError):
            found = import_module(".".join(parts[:index]))
            break
    for part in parts[index:]:
        found = getattr(found, part)
    return found[key] if key else found  # type: ignore[index]


def says(text: str, number: float) -> bool:
    """Whether `text` has that number, as it is or in a larger unit."""
    spelt = [f"{number:,g}" if number < 1000 else f"{number:,.0f}"]
    spelt += [f"{number / size:,.0f} {unit}" for unit, size in UNITS if number and number % size == 0]
    return any(re.search(rf"(?<![\d.,]){re.escape(each)}(?![\d]|[.,]\d)", text) for each in spelt)


def defaults() -> dict[str, str]:
    """As the table of the configuration has them."""
    found = re.findall(r"^\| `([A-Z][A-Z0-9_]+)` \| `?([^`|]+)`? \|", section("## Configuration", "## Bounds"), re.M)
    return dict(found)


@pytest.mark.parametrize(("bound", "name", "key"), [*constants()])
def test_bounds__constant__is_what_the_table_says(bound: str, name: str, key: str) -> None:
    value = value_of(name, key)
    if isinstance(value, int | float):  # of an object that bounds something, only that it is there
        assert says(bound, value), f"{name} is {value}"


@pytest.mark.parametrize(
    ("bound", "name"), [(row.bound, name) for row in rows() for name in SETTING.findall(row.source)]
)
def test_bounds__setting__its_default_is_what_the_table_says(bound: str, name: str) -> None:
    default = defaults()[name]
    default = defaults().get(default, default)  # CHAT_KEY_RATE has that of CHAT_RATE
    assert says(bound, float(default)) if default.isdigit() else default in bound


def test_bounds__rows__are_found() -> None:
    assert len(list(rows())) >= 80
    assert len(list(constants())) >= 100
    assert says("12 characters", 12)
    assert not says("112 characters, 1,012 and 12.5", 12)


def test_bounds__every_length_of_a_text__stands_in_the_table() -> None:
    named = {key: bound for bound, name, key in constants() if name == "personalities.config.LENGTHS"}
    of_own_texts = named.pop("")  # the guide says which of them has which length
    assert named.keys() == LENGTHS.keys() - NAMES - {*CUSTOM}
    assert {int(number.replace(",", "")) for number in re.findall(r"[\d,]*\d", of_own_texts)} == {
        LENGTHS[text] for text in CUSTOM
    }


@pytest.mark.parametrize(
    ("page", "field", "said"),
    [
        ("personalities", "personality_name", [f"1 to {MAX_LENGTH} "]),
        ("personalities", "display_name", [f"up to {LENGTHS['display_name']:,} characters"]),
        ("personalities", "greeting", [f"up to {LENGTHS['greeting']:,} characters"]),
        ("personalities", "traits", [f"from 0 to {MAX_LEVEL}"]),
        ("personalities", "custom", [" characters)", *(f"`{text}` ({LENGTHS[text]:,}" for text in CUSTOM)]),
        ("preferences", "call_me", [f"at most {MAX_NAME} characters"]),
    ],
)
def test_guide__field__has_the_length_of_the_code(page: str, field: str, said: list[str]) -> None:
    (line,) = re.findall(rf"^\| `{field}` \| .*$", pages.text(f"docs/guide/{page}.md"), re.M)
    assert [text for text in said if not re.search(rf"{re.escape(text)}(?!\d|,\d)", line)] == []
