"""What is answered to one caller says that no shared cache may keep it, whoever answers."""

from typing import Any

import pytest
from django.contrib.auth.models import User

from accounts.models import ApiKey
from companion.tests.asgi_client import HOST, PREFIX, AsgiClient, request, with_key

OPTIONAL = ["/api/v1/conversations/", "/api/v1/preferences/", "/v1/models", "/v1/models/nobody", "/v1/nothing",
            "/chat/completions", "/chat/"]  # fmt: skip
PATHS = [PREFIX, f"{PREFIX}nobody/", f"{PREFIX}nobody/versions/", "/api/v1/archetypes/", "/metrics", "/api/nothing",
         "/nothing", "/", "/livez", "/readyz", "/admin/", "/admin/login/", "/accounts/login/", "/api/v1/archetypes",
         "/static/nothing", "/api/docs/"]  # fmt: skip
FAULTS: dict[str, dict[str, bytes]] = {
    "none": {},
    "no key": {"authorization": b""},
    "foreign host": {"host": b"evil.example"},
    "long header": {"content-type": b"x" * 1000},
    "long body": {"content-length": b"99999999"},
    "no media type": {"accept": b"x"},
}


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("fault", FAULTS)
def test_answer__whoever_gives_it__private(application: Any, ask: AsgiClient, settings: Any, fault: str) -> None:
    settings.ALLOWED_HOSTS = [HOST]
    key = ApiKey.objects.issue(User.objects.create_user("ursula"))[1]
    apps = OPTIONAL if "chat" in settings.COMPANION_APPS else []
    for path in PATHS + apps:
        answer = ask(application, request(path, with_key(key, **FAULTS[fault])))
        said = answer.header(b"cache-control")
        assert b"private" in said or b"no-store" in said, (path, answer)
