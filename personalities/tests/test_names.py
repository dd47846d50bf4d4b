import pytest
from hypothesis import given
from hypothesis import strategies as st

from personalities.names import NAME_PATTERN, InvalidName, canonical


@pytest.mark.parametrize("spelling", ["elara", "Elara", "ELARA", " elara ", "ｅｌａｒａ", "Ｅlara", "\u00a0elara"])
def test_canonical__other_spellings__one_name(spelling: str) -> None:
    assert canonical(spelling) == "elara"


@pytest.mark.parametrize(
    "text",
    ["", " ", "*", "a:id", "[a", "?", "el ara", "elara\n", "\telara", "a\r\nDEL b", "el\u200bara", "\u202eelara",
     "еlara", "élara", "e\u0301lara", "ıslä", "-elara", "_elara", ".", "..", "a/b", "a%2fb", "a\x00", "\ud800",
     "a" * 101, "a" * 100_000, "resolve"],
)  # fmt: skip
def test_canonical__no_name__refused(text: str) -> None:
    with pytest.raises(InvalidName):
        canonical(text)


@pytest.mark.parametrize("value", [None, 5, 5.5, True, b"elara", ["elara"]])
def test_canonical__not_text__refused(value: object) -> None:
    with pytest.raises(InvalidName, match="text"):
        canonical(value)


@given(st.text(max_size=20))
def test_canonical__any_text__safe_and_stable_or_refused(text: str) -> None:
    try:
        name = canonical(text)
    except InvalidName:
        return
    assert NAME_PATTERN.fullmatch(name)
    assert canonical(name) == name
