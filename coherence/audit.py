"""Verdicts on copies in a shared cache: does any process believe what is no longer so?"""

from enum import StrEnum
from typing import NamedTuple, TypeVar

from coherence.feed import feed

V = TypeVar("V")


class Verdict(StrEnum):
    SOUND = "sound"
    OUTDATED = "outdated"
    FOREIGN = "foreign"
    WRONG = "wrong"


class Finding(NamedTuple):
    key: str
    verdict: Verdict


def judge(key: str, copy: tuple[int, V] | None, row: V | None) -> Finding:
    """On the copy under `key` and its number, None when it is not as it is stored. Catch the feed up after `row` was
    read: then a row that changed since makes the copy outdated, not wrong.
    """
    return Finding(key, _verdict(key, copy, row))


def _verdict(key: str, copy: tuple[int, V] | None, row: V | None) -> Verdict:
    if copy is None:
        return Verdict.FOREIGN
    number, value = copy
    if number > feed.number:
        return Verdict.FOREIGN
    if not feed.current(key, number):
        return Verdict.OUTDATED
    return Verdict.SOUND if value == row else Verdict.WRONG
