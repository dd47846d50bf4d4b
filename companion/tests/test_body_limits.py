"""How large a body may be is asked of the routes, not guessed from addresses."""

from uuid import UUID

import pytest

from companion.body_limits import MAX_ROUTE, body_limit

MESSAGES = f"/api/v1/conversations/{UUID(int=1)}/messages/"
JSON, MESSAGE, FORM = 64 * 1024, 1024 * 1024, 2_621_440


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/api/v1/personalities/elara/", JSON),
        ("/metrics", JSON),
        pytest.param(MESSAGES, MESSAGE, marks=pytest.mark.apps("conversations")),
        ("/api/v1/personalities/messages/", JSON),  # ends alike
        (f"/api/v1/nothing{MESSAGES}", JSON),
        ("/admin/personalities/personality/1/change/", FORM),
        ("/accounts/login/", FORM),
        ("/nothing", JSON),
        ("", JSON),
        ("/\x00/\n", JSON),
        ("/admin/" + "x" * MAX_ROUTE, JSON),
    ],
)
def test_body_limit__path__that_of_its_view(path: str, expected: int) -> None:
    assert body_limit(path) == expected
