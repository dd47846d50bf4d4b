from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest
from django.contrib.auth.models import User

from accounts.models import ApiKey
from companion.body_limits import BodyLimits
from companion.handler import Handler
from companion.hot_read import HotReader
from companion.mount import is_secure_request, security_headers
from companion.tests.asgi_client import HOST, PREFIX, AsgiClient, Headers, request, with_key
from personalities.models import Personality

NAMES = ("elara", "nova", "isla", "nobody")
PATHS = [f"{PREFIX}{name}/{rest}" for name in NAMES for rest in ("", "id/")]


class Cast(NamedTuple):
    """API keys by user: ursula owns an elara, otto nothing; the keys of the others are refused."""

    ursula: str
    otto: str
    gone: str
    revoked: str


@pytest.fixture
def cast(transactional_db: None) -> Cast:
    """Also creates a global elara and nova, and isla, who is inactive."""
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
    """These settings are cached; forget them afterwards."""
    settings.ALLOWED_HOSTS = [HOST]
    yield
    is_secure_request.cache_clear()
    security_headers.cache_clear()


@pytest.fixture
def deployment(request: pytest.FixtureRequest, settings: Any) -> Headers:
    """ "https" is production behind a proxy. Returns the headers that the proxy adds to each request."""
    if getattr(request, "param", "plain") == "plain":
        return []
    settings.SECURE_SSL_REDIRECT, settings.SECURE_HSTS_SECONDS = True, 31536000
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    return [(b"x-forwarded-proto", b"https")]


@pytest.fixture
def django(deployment: Headers) -> Any:
    """Django alone: the specification."""
    return BodyLimits(Handler())


@pytest.fixture
def reader(django: Any) -> HotReader:
    return HotReader(django)


@pytest.fixture
def warm(cast: Cast, django: Any, ask: AsgiClient, deployment: Headers) -> None:
    """Everything that can be in this process's memory is."""
    for key in cast:
        for path in PATHS:
            ask(django, request(path, with_key(key) + deployment))
