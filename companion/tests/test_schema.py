"""The OpenAPI document is made once for each media type, and 304 to whoever has it."""

import threading
from collections.abc import Callable
from typing import Any

import pytest
from drf_spectacular.generators import SchemaGenerator
from rest_framework.test import APIClient

from companion import openapi

KINDS = ["application/vnd.oai.openapi", "application/yaml", "application/vnd.oai.openapi+json", "application/json"]


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> Callable[[], int]:
    """Return a function that tells how often the document was made, beginning with a process that has none."""
    openapi._schema.cache_clear()
    openapi._document.cache_clear()
    times: list[None] = []
    make: Callable[..., Any] = SchemaGenerator.get_schema

    def counting(*arguments: Any, **named: Any) -> Any:
        times.append(None)
        return make(*arguments, **named)

    monkeypatch.setattr(SchemaGenerator, "get_schema", counting)
    return lambda: len(times)


@pytest.mark.django_db
def test_schema__every_kind_again_and_again__made_once(made: Callable[[], int]) -> None:
    etags = {APIClient().get("/api/schema/", HTTP_ACCEPT=kind)["ETag"] for kind in KINDS * 2}
    assert made() == 1
    assert len(etags) == 2  # YAML and JSON


@pytest.mark.django_db
@pytest.mark.parametrize("kind", KINDS)
def test_schema__with_its_etag__304(kind: str) -> None:
    first = APIClient().get("/api/schema/", HTTP_ACCEPT=kind)
    assert (first.status_code, first["Content-Type"].partition(";")[0]) == (200, kind)
    again = APIClient().get("/api/schema/", HTTP_ACCEPT=kind, HTTP_IF_NONE_MATCH=first["ETag"])
    assert (again.status_code, again.content) == (304, b"")
    assert {first["Cache-Control"], again["Cache-Control"]} == {"no-cache"}


@pytest.mark.django_db(transaction=True)
def test_schema__many_at_once__made_once(made: Callable[[], int]) -> None:
    threads = [threading.Thread(target=lambda: APIClient().get("/api/schema/?format=json")) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert made() == 1


@pytest.mark.django_db
@pytest.mark.parametrize(("method", "status"), [("GET", 200), ("POST", 405), ("OPTIONS", 405)])
def test_docs__any_method_with_a_wrong_key__never_500(method: str, status: int) -> None:
    answer = APIClient().generic(method, "/api/docs/", HTTP_AUTHORIZATION="Bearer cpk_wrong", HTTP_ACCEPT="*/*")
    assert answer.status_code == status
