"""In which order mutants are tried: wherever it ends, about the same share of every file has had its turn."""

import random
from collections.abc import Iterator, Mapping, Sequence
from typing import TypeVar

T = TypeVar("T")


def in_turn(mutants: Mapping[str, Sequence[T]], seed: int) -> Iterator[T]:
    """Yield the `mutants` of each file in an order that depends on `seed` and the file alone, mixed with the others'.

    So a file that is measured by itself meets the same mutants first as among all.
    """
    placed = []
    for file, those in mutants.items():
        dice = random.Random(f"{seed} {file}")  # noqa: S311  not a secret
        shuffled = dice.sample(those, len(those))
        placed += [((place + dice.random()) / len(those), mutant) for place, mutant in enumerate(shuffled)]
    for _, mutant in sorted(placed, key=lambda each: each[0]):
        yield mutant
