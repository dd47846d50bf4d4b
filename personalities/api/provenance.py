"""Headers that say where an answer came from, and how old it may be."""

from collections.abc import Collection
from typing import Any

from coherence.answer import SOURCES, Answer


def headers(answers: Collection[Answer[Any]]) -> dict[str, str]:
    """`Server-Timing: lookup;desc="near"`, of several answers the farthest source, and `Age`: 0, as long as PostgreSQL
    vouches for it. When that is out of reach, `, unverified` is added and Age counts the seconds since it did.
    """
    if not answers:
        return {}
    source = max((answer.source for answer in answers), key=SOURCES.index)
    age = max(answer.age for answer in answers)
    mark = ", unverified" if age else ""
    return {"Server-Timing": f'lookup;desc="{source}"{mark}', "Age": f"{age:.0f}"}
