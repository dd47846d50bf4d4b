from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest
from django.contrib.auth.models import User

from accounts.models import ApiKey
from companion.body_limits import BodyLimits
from companion.handler import Handler
from companion.hot_read import HotReader
from companion.mount import is_secure_request, security_headers
from companion.tests.asking import HOST, PREFIX, Asking, Headers, asked_by, request
from personalities.models import Personality

NAMES = ("elara", "nova", "isla", "nobody")
PATHS = [f"{PREFIX}{name}/{rest}" for name in NAMES for rest in ("", "id/")]


class Cast(NamedTuple):
    """Keys by whose they are: ursula has an elara of her own, otto nothing; the others may not come in."""

    ursula: str
    otto: str
    gone: str
    revoked: str


@pytest.fixture
def cast(transactional_db: None) -> Cast:
    """And a global elara, a global nova, and isla, whom nobody is served."""
    users = [User.objects.create_user(name) for name in Cast._fields]
    rows = [ApiKey.objects.issue(user) for user in users]
    User.objects.filter(username="gone").update(is_active=False)
    rows[3][0].revoke()
    Personality.objects.create(
        personality_name="elara", archetype="wise_mentor", backstory="Brücken – “bridges” 🌉\u2028"
    )
    Personality.objects.create(personality_name="elara", owner=users[0], greeting="Mine.")
    Personality.objects.create(personality_name="nova")
    Personality.objects.create(personality_name="isla", is_active=False)
    return Cast(*(text for _, text in rows))


@pytest.fixture(autouse=True)
def _one_host(settings: Any) -> Iterator[None]:
    """These settings are asked once."""
    settings.ALLOWED_HOSTS = [HOST]
    yield
    is_secure_request.cache_clear()
    security_headers.cache_clear()


@pytest.fixture
def deployment(request: pytest.FixtureRequest, settings: Any) -> Headers:
    """ "https" is production behind a proxy; what that adds to each request."""
    if getattr(request, "param", "plain") == "plain":
        return []
    settings.SECURE_SSL_REDIRECT, settings.SECURE_HSTS_SECONDS = True, 31536000
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    return [(b"x-forwarded-proto", b"https")]


@pytest.fixture
def django(deployment: Headers) -> Any:
    """The specification."""
    return BodyLimits(Handler())


@pytest.fixture
def reader(django: Any) -> HotReader:
    return HotReader(django)


@pytest.fixture
def warm(cast: Cast, django: Any, ask: Asking, deployment: Headers) -> None:
    """All that may be near is."""
    for key in cast:
        for path in PATHS:
            ask(django, request(path, asked_by(key) + deployment))
