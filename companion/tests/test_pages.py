import re
import socket
from typing import Any
from uuid import UUID

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from rest_framework.test import APIClient

from coherence.feed import IN_TOUCH_SECONDS, feed
from coherence.listener import listener
from resilience.clock import clock

OPEN = {"", "livez", "readyz", "api/schema/", "api/docs/", "admin/login/", "accounts/login/"}
PAGES = {"admin/personalities/personality/": "admin"}  # for people, who are sent to a login
if "chat" in settings.COMPANION_APPS:
    PAGES |= {"chat/": "accounts", "chat/elara/": "accounts"}
POSTED = {"accounts/logout/"}


def paths(resolver: URLResolver, start: str = "") -> list[str]:
    """Every route with its parameters filled in."""
    found = []
    for pattern in resolver.url_patterns:
        route = str(pattern.pattern).replace("<str:name>", "elara").replace("<path:object_id>", "1")
        path = start + re.sub(r"<uuid:\w+>", str(UUID(int=1)), re.sub(r"<int:\w+>", "1", route))
        found += paths(pattern, path) if isinstance(pattern, URLResolver) else [path]
        assert isinstance(pattern, URLResolver | URLPattern)
    return found


@pytest.mark.parametrize(
    ("path", "meant"),
    [
        ("/api//v1//personalities", "/api/v1/personalities/"),
        ("/api/v1/personalities", "/api/v1/personalities/"),
        ("/accounts//login/", "/accounts/login/"),
    ],
)
def test_not_found__the_address_is_nearly_right__says_which_is(path: str, meant: str) -> None:
    response = Client().post(path, "{}", content_type="application/json")
    assert response.status_code == 404
    assert f" Ask {meant}" in response.content.decode()
    assert response["Content-Type"].startswith("application/problem+json" if "api" in path else "text/plain")


@pytest.mark.django_db
def test_routes__without_credentials__closed_but_for_a_few() -> None:
    api = [path for path in paths(get_resolver()) if not path.startswith("admin/")]
    assert len(api) >= 10
    for path in set(api) - OPEN - PAGES.keys() - POSTED:
        assert Client().get(f"/{path}").status_code == 401, path
    for path in OPEN:
        assert Client().get(f"/{path}").status_code == 200, path
    for path in POSTED:
        assert Client().get(f"/{path}").status_code == 405, path
    for path, login in PAGES.items():
        assert Client().get(f"/{path}")["Location"] == f"/{login}/login/?next=/{path}"


@pytest.mark.django_db
def test_home__a_person__finds_the_way() -> None:
    page = Client().get("/").content.decode()
    for way in (
        "/admin/",
        "/accounts/login/",
        "/api/docs/",
        "/api/schema/",
        "create_api_key",
        "/api/v1/personalities/elara/",
    ):
        assert way in page
    assert "http://testserver" in page


def test_livez__any_time__touches_no_database() -> None:
    assert Client().get("/livez").json() == {"status": "alive"}


@pytest.mark.django_db
def test_readyz__all_up__ready() -> None:
    assert Client().get("/readyz").json() == {
        "status": "ready",
        "postgresql": "ok",
        "redis": "ok",
        "changes": "followed",
    }


@pytest.fixture
def no_postgresql(settings: Any, transactional_db: None) -> Any:
    """Point the connection at a port where nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        connection.close_pool()  # type: ignore[attr-defined]
        before = dict(connection.settings_dict)
        connection.settings_dict |= {"PORT": taken.getsockname()[1], "OPTIONS": {"connect_timeout": 1}}
        connection.close()
        yield
        connection.close()
        connection.settings_dict |= before


@pytest.mark.parametrize(("seconds", "word", "code"), [(0, "degraded", 200), (901, "not ready", 503)])
def test_readyz__postgresql_away__200_while_copies_are_served(
    no_postgresql: None, monkeypatch: pytest.MonkeyPatch, seconds: int, word: str, code: int
) -> None:
    listener.stop()
    monkeypatch.setattr(listener, "ensure", lambda: None)
    monkeypatch.setattr(feed, "last_synced", clock() - IN_TOUCH_SECONDS - seconds)
    response = Client().get("/readyz")
    assert response.status_code == code
    said = {"status": word, "postgresql": "unreachable", "redis": "ok", "changes": "not followed"}
    assert response.json() == said


def test_api__postgresql_away__503_to_be_tried_again(no_postgresql: None) -> None:
    client = APIClient()
    client.force_authenticate(User(pk=1, username="ursula"))
    response = client.get("/api/v1/personalities/elara/")
    assert response.status_code == 503
    assert response["Retry-After"] == "1"
    assert response["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize("path", ["/nothing", "/api/nothing"])
def test_not_found__api_or_page__in_its_own_language(db: None, path: str) -> None:
    response = Client().get(path)
    assert response.status_code == 404
    assert response["Content-Type"].startswith("application/problem+json" if "api" in path else "text/plain")


@pytest.mark.django_db
def test_schema__read__every_operation_and_the_way_to_sign_in() -> None:
    schema = Client().get("/api/schema/?format=json").json()
    operations = {(path, verb) for path, verbs in schema["paths"].items() for verb in verbs}
    detail = "/api/v1/personalities/{name}/"
    assert {(detail, verb) for verb in ("get", "put", "patch", "delete")} <= operations
    assert {("/api/v1/personalities/", "post"), ("/api/v1/personalities/resolve/", "post")} <= operations
    assert schema["components"]["securitySchemes"]["apiKey"]["scheme"] == "bearer"


@pytest.mark.apps("conversations")
@pytest.mark.django_db
def test_schema__read__the_operations_of_conversations_too() -> None:
    paths = Client().get("/api/schema/?format=json").json()["paths"]
    operations = {(path, verb) for path, verbs in paths.items() for verb in verbs}
    conversation = "/api/v1/conversations/{id}/"
    assert {(conversation, verb) for verb in ("get", "patch", "delete")} <= operations
    assert {(f"{conversation}{path}/", "post") for path in ("messages", "upgrade")} <= operations


HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "X-Frame-Options": "DENY",
}


@pytest.mark.django_db
@pytest.mark.parametrize(
    "path",
    ["/", "/admin/login/", "/accounts/login/", "/api/v1/archetypes/", "/api/nothing", "/readyz", "/nothing"],
)
def test_headers__any_answer__what_browsers_are_to_know(path: str) -> None:
    response = Client().get(path)
    assert {name: response.get(name) for name in HEADERS} == HEADERS


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/", "/admin/login/", "/api/docs/"])
def test_headers__a_page__loads_and_sends_nothing_elsewhere(path: str) -> None:
    policy = dict(rule.strip().split(" ", 1) for rule in Client().get(path)["Content-Security-Policy"].split(";"))
    assert (policy["default-src"], policy["form-action"], policy["object-src"]) == ("'self'", "'self'", "'none'")
    assert "http" not in str(policy)


@pytest.mark.django_db
def test_docs__page__loads_nothing_from_elsewhere() -> None:
    page = Client().get("/api/docs/").content.decode()
    assert "swagger-ui" in page
    assert "https://" not in page
    assert "//cdn" not in page
