"""No two texts that somebody has stored cost more than a moment of processor time to compare."""

import time
from collections.abc import Callable

import pytest

from personalities.tests.test_comparison import COMPARE, COSTLY, SECONDS
from tests.promises import Figure


@pytest.mark.parametrize(
    ("compare", "before"), [(COMPARE[0], "47 s"), (COMPARE[1], "0.1 s")], ids=["admin's history", "API's diff"]
)
def test_comparison__texts_made_to_be_costly__a_moment(
    compare: Callable[[str, str], object], before: str, request: pytest.FixtureRequest, figure: Figure
) -> None:
    spent = {}
    for name, texts in COSTLY.items():
        began = time.thread_time()
        compare(*texts)
        spent[name] = time.thread_time() - began
    worst = max(spent, key=spent.__getitem__)
    figure(
        "A6",
        f"{len(COSTLY)} pairs of texts that are costly to compare, in the {request.node.callspec.id}",
        f"{SECONDS:g} s of processor time each at most",
        before=before,
        measured=f"{spent[worst]:.2f} s ({worst})",
        met=spent[worst] <= SECONDS,
    )
