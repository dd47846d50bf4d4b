"""What a prompt is made of, and how long it is."""

import hashlib
import math
import re
from typing import NamedTuple

from personalities.config import Frozen

# Chinese, Japanese and Korean: what these scripts write in one character, others write in a syllable or a word.
DENSE = re.compile(r"[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff]")


class Line(Frozen, frozen=True):
    """One line of the text. Blank lines within an author's text count, those between sections do not."""

    text: str
    section: str
    source: str


class Section(Frozen, frozen=True):
    """Lines that belong together, joined; `tokens` is an estimate."""

    name: str
    text: str
    tokens: int


class Omission(Frozen, frozen=True):
    """A field that the text does not mention, and why."""

    source: str
    reason: str


class CommonPrefix(NamedTuple):
    """The beginning of a prompt, which is the same for every user; `sha256` is of its UTF-8, 64 hexadecimal digits."""

    sha256: str
    text: str

    @classmethod
    def of(cls, text: str) -> "CommonPrefix":
        """`text` with its hash."""
        return cls(hashlib.sha256(text.encode()).hexdigest(), text)


class Prompt(Frozen, frozen=True):
    """The whole: `text` is the sections joined by a blank line, `tokens` an estimate.

    `sha256` is of the part that is the same for every user, with which `text` begins (see `CommonPrefix`).
    """

    text: str
    sha256: str
    tokens: int
    sections: tuple[Section, ...]
    lines: tuple[Line, ...]
    omissions: tuple[Omission, ...]


def estimate_tokens(text: str) -> int:
    """About how many tokens a language model counts, without asking one. 0 for an empty text.

    It is a quarter of the characters or four thirds of the words, whichever is more, plus one for each Chinese,
    Japanese or Korean character. Compared with the tokenizers o200k_base, cl100k_base and the one that Anthropic has
    published, it is 1 to 13 % too high for the prompts of the shipped personalities, and between 24 % too low and 35 %
    too high for German, Chinese, Japanese and Korean. It counts other scripts too low: Russian by half at worst,
    Arabic by three quarters, Thai and emoji by nine tenths.
    """
    dense = len(DENSE.findall(text))
    words = len(DENSE.sub(" ", text).split())
    return dense + math.ceil(max((len(text) - dense) / 4, words * 4 / 3))
