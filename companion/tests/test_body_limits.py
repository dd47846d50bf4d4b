"""How large a body may be is asked of the routes, not guessed from addresses."""

import encodings
import weakref
from typing import Any
from uuid import UUID

import pytest
from django.conf import settings
from django.test import Client

from companion.body_limits import MAX_ROUTE, BodyLimits, body_limit
from companion.tests.asgi_client import AsgiClient, request

MESSAGES = f"/api/v1/conversations/{UUID(int=1)}/messages/"
JSON, MESSAGE, FORM = 64 * 1024, 1024 * 1024, 512 * 1024


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/api/v1/personalities/elara/", JSON),
        ("/metrics", JSON),
        pytest.param(MESSAGES, MESSAGE, marks=pytest.mark.apps("conversations")),
        ("/api/v1/personalities/messages/", JSON),  # ends alike
        (f"/api/v1/nothing{MESSAGES}", JSON),
        ("/admin/personalities/personality/1/change/", FORM),
        ("/admin/login/", FORM),
        ("/accounts/login/", JSON),
        ("/accounts/logout/", JSON),
        ("/", JSON),
        ("/livez", JSON),
        ("/readyz", JSON),
        ("/api/docs/", JSON),
        pytest.param("/chat/", JSON, marks=pytest.mark.apps("chat")),
        ("/nothing", JSON),
        ("", JSON),
        ("/\x00/\n", JSON),
        ("/admin/" + "x" * MAX_ROUTE, JSON),
    ],
)
def test_body_limit__path__that_of_its_view(path: str, expected: int) -> None:
    assert body_limit(path) == expected


class WatchedPath(str):
    """Unlike a plain text, it can be watched for whether somebody keeps it."""


def test_body_limit__path_longer_than_any_route__not_remembered() -> None:
    path = WatchedPath("/" + "x" * MAX_ROUTE)
    kept = weakref.ref(path)
    body_limit(path)
    del path
    assert kept() is None


@pytest.mark.parametrize(("path", "kind", "status"), [
    ("/admin/login/", b"application/x-www-form-urlencoded", 200),
    ("/admin/login/", b"multipart/form-data; boundary=x", 413),
    ("/admin/login/", b" Multipart/Form-Data; boundary=x", 413),
    ("/livez", b"application/x-www-form-urlencoded", 413),
    ("/accounts/login/", b"application/x-www-form-urlencoded", 413),
])  # fmt: skip
def test_form__more_than_64_kib__let_in_where_there_is_one(
    ask: AsgiClient, path: str, kind: bytes, status: int
) -> None:
    headers = [(b"content-length", b"%d" % settings.DATA_UPLOAD_MAX_MEMORY_SIZE), (b"content-type", kind)]
    assert ask(BodyLimits(answer_200), request(path, headers, "POST")).status == status


@pytest.mark.apps("conversations")
@pytest.mark.parametrize(("kind", "status"), [(b"application/json", 200), (b"application/x-www-form-urlencoded", 413)])
def test_form__where_json_is_read__no_longer_than_other_forms(ask: AsgiClient, kind: bytes, status: int) -> None:
    headers = [(b"content-length", b"%d" % MESSAGE), (b"content-type", kind)]
    assert ask(BodyLimits(answer_200), request(MESSAGES, headers, "POST")).status == status


def test_form__above_64_kib__taken_apart_for_staff_alone(client: Client, admin_client: Client) -> None:
    form, kind = "a=" + "%" * JSON, "application/x-www-form-urlencoded"
    assert client.post("/admin/login/", form, content_type=kind).status_code == 413
    assert admin_client.post("/admin/", form, content_type=kind).status_code != 413


@pytest.mark.parametrize("name", [b"x*", b"x*0*", b"x* ", b"x*\t", b"x*\x1f"])
def test_form__multipart_that_names_charsets__remembered_by_nobody(client: Client, name: bytes) -> None:
    part = b'--a\r\nContent-Disposition: form-data; name="a"; ' + name + b"=c%d''a\r\n\r\n\r\n"
    body = b"".join(part % number for number in range(50)) + b"--a--\r\n"
    before = len(encodings._cache)
    answer = client.post("/accounts/login/", body, content_type="multipart/form-data; boundary=a")
    assert answer.status_code == 400
    assert len(encodings._cache) == before


@pytest.mark.parametrize("query", [b"a=%00", b"a=\x00", b"a=\xff"])
@pytest.mark.parametrize(
    ("path", "kind"), [("/api/", b"application/problem+json"), ("/admin/", b"text/plain; charset=utf-8")]
)
def test_query__that_is_no_text__400(ask: AsgiClient, path: str, kind: bytes, query: bytes) -> None:
    answer = ask(BodyLimits(answer_200), request(path, [], query_string=query))
    assert (answer.status, answer.header(b"content-type")) == (400, kind)


async def answer_200(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b""})
