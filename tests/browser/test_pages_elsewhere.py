"""A page of another origin asks with an API key and reads every answer; with its visitor's session it reads nothing."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, StorageState

from tests.e2e.instance import Instance

CALL = """async ([url, options]) => {
  try {
    const answer = await fetch(url, options);
    return {status: answer.status, text: await answer.text(), headers: Object.fromEntries(answer.headers)};
  } catch (error) {
    return {status: 0, text: String(error), headers: {}};
  }
}"""
JSON = {"Content-Type": "application/json"}


class EmptyPage(BaseHTTPRequestHandler):
    """A page without anything, at each address."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<!doctype html><link rel=icon href=data:,>")

    def log_message(self, format: str, *arguments: object) -> None:
        """Nowhere."""


@contextmanager
def site() -> Iterator[str]:
    """The origin of such pages: of the same site as the service, so that its cookies would be sent."""
    with HTTPServer(("127.0.0.1", 0), EmptyPage) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def named() -> Iterator[str]:
    with site() as origin:
        yield origin


@pytest.fixture(scope="module")
def other() -> Iterator[str]:
    with site() as origin:
        yield origin


@pytest.fixture(scope="module")
def variables(named: str) -> dict[str, str]:
    return {"CORS_ALLOWED_ORIGINS": named}


@pytest.fixture
def elsewhere(chromium: Browser, cookies: StorageState) -> Iterator[Page]:
    """A page whose visitor is signed in to the service."""
    with chromium.new_context(storage_state=cookies) as context:
        yield context.new_page()


def call(page: Page, url: str, **options: Any) -> dict[str, Any]:
    answer: dict[str, Any] = page.evaluate(CALL, [url, options])
    return answer


def bearer(instance: Instance) -> dict[str, str]:
    with instance.http() as client:
        return {"Authorization": client.headers["Authorization"]}


def test_page__named__reads_answers_errors_and_streams(elsewhere: Page, instance: Instance, named: str) -> None:
    elsewhere.goto(named)
    url, key = f"{instance.url}/api/v1/personalities/elara/", bearer(instance)
    for _ in range(2):  # the second from memory
        found = call(elsewhere, url, headers=key)
        assert (found["status"], '"elara"' in found["text"]) == (200, True)
        assert {"etag", "server-timing"} <= found["headers"].keys()
    etag = {"If-Match": found["headers"]["etag"], "X-Request-ID": "mine"}
    changed = call(elsewhere, url, method="PATCH", headers=key | JSON | etag, body='{"greeting": "From elsewhere."}')
    assert (changed["status"], changed["headers"]["x-request-id"]) == (200, "mine")
    assert call(elsewhere, url, headers={"Authorization": "Bearer cpk_x"})["status"] == 401
    body = '{"model": "elara", "messages": [{"role": "user", "content": "Hi"}], "stream": true}'
    streamed = call(elsewhere, f"{instance.url}/v1/chat/completions", method="POST", headers=key | JSON, body=body)
    assert (streamed["status"], streamed["text"].endswith("data: [DONE]\n\n")) == (200, True)
    refused = call(elsewhere, f"{instance.url}/v1/chat/completions", method="POST", headers=JSON, body=body)
    assert (refused["status"], "invalid_api_key" in refused["text"]) == (401, True)


@pytest.mark.parametrize("credentials", ["include", "same-origin"])
def test_page__named_but_without_a_key__no_session_counts(
    elsewhere: Page, instance: Instance, named: str, credentials: str
) -> None:
    elsewhere.goto(named)
    found = call(elsewhere, f"{instance.url}/api/v1/personalities/", credentials=credentials)
    assert found["status"] == (0 if credentials == "include" else 401)
    for path in ("/admin/", "/chat/", "/"):
        assert call(elsewhere, instance.url + path, credentials=credentials)["status"] == 0


def test_page__not_named__reads_nothing(elsewhere: Page, instance: Instance, other: str) -> None:
    elsewhere.goto(other)
    for path in ("/api/v1/personalities/elara/", "/v1/models"):
        assert call(elsewhere, instance.url + path, headers=bearer(instance))["status"] == 0


def test_page__our_own__keeps_its_session(elsewhere: Page, instance: Instance) -> None:
    elsewhere.goto(f"{instance.url}/chat/")
    assert call(elsewhere, "/api/v1/personalities/")["status"] == 200
