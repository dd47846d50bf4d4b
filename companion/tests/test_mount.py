"""An ASGI application mounted beside Django."""

from io import BytesIO
from typing import Any

import pytest
from django.core.handlers.asgi import ASGIRequest

from companion.mount import Mount, is_secure_request, security_headers
from companion.tests.asgi_client import HOST, AsgiClient, request


async def named(send: Any, name: bytes) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": name})


async def beside(scope: Any, receive: Any, send: Any) -> None:
    await named(send, b"beside")


def below_v1(path: str) -> bool:
    return path.startswith("/v1/")


async def django(scope: Any, receive: Any, send: Any) -> None:
    await named(send, b"django")


@pytest.fixture(autouse=True)
def _one_host(settings: Any) -> Any:
    """These settings are cached; forget them afterwards."""
    settings.ALLOWED_HOSTS = [HOST]
    yield
    is_secure_request.cache_clear()
    security_headers.cache_clear()


@pytest.mark.parametrize(
    ("path", "host", "root", "expected"),
    [
        ("/v1/models", HOST, "", b"beside"),
        ("/below/v1/models", HOST, "/below", b"beside"),
        ("/v1", HOST, "", b"django"),
        ("/api/v1/models", HOST, "", b"django"),
        ("/v1/models", "evil.example", "", b"django"),  # which refuses it
        ("/v1/models", "", "", b"django"),
    ],
)
def test_mount__path_and_host__who_answers(ask: AsgiClient, path: str, host: str, root: str, expected: bytes) -> None:
    headers = [(b"host", host.encode())] if host else []
    assert ask(Mount(below_v1, beside, django), request(path, headers, root_path=root)).body == expected


def test_mount__https_only__plain_http_is_for_django_to_redirect(ask: AsgiClient, settings: Any) -> None:
    settings.SECURE_SSL_REDIRECT, settings.SECURE_HSTS_SECONDS = True, 60
    mount, headers = Mount(below_v1, beside, django), [(b"host", HOST.encode())]
    assert ask(mount, request("/v1/models", headers)).body == b"django"
    answer = ask(mount, request("/v1/models", headers, scheme="https"))
    assert (answer.body, answer.header(b"strict-transport-security")) == (b"beside", b"max-age=60")


@pytest.mark.parametrize("protocols", [["http", "https"], ["https", "http"], ["https"], ["https, http"], ["HTTPS"], []])
@pytest.mark.parametrize("hosts", [[HOST], [HOST, HOST], [HOST, "evil.example"], ["evil.example", HOST], []])
def test_mount__headers_said_twice__decided_as_django_does(
    ask: AsgiClient, settings: Any, protocols: list[str], hosts: list[str]
) -> None:
    settings.SECURE_SSL_REDIRECT, settings.SECURE_PROXY_SSL_HEADER = True, ("HTTP_X_FORWARDED_PROTO", "https")
    headers = [(b"x-forwarded-proto", text.encode()) for text in protocols] + [
        (b"host", text.encode()) for text in hosts
    ]
    scope = request("/v1/models", headers)
    is_for_chat = hosts == [HOST] and ASGIRequest(scope, BytesIO()).is_secure()
    assert ask(Mount(below_v1, beside, django), scope).body == (b"beside" if is_for_chat else b"django")


def test_mount__answer__has_the_headers_of_the_middleware(ask: AsgiClient) -> None:
    answer = ask(Mount(below_v1, beside, django), request("/v1/models", [(b"host", HOST.encode())]))
    assert answer.header(b"x-content-type-options") == b"nosniff"
    assert answer.header(b"x-frame-options") == b"DENY"
