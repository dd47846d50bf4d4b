"""The hot read through the server that the README names: on the wire it cannot be told from Django's answer."""

import socket
from collections.abc import Iterator
from http.client import HTTPResponse
from urllib.parse import urlsplit

import pytest

from tests.e2e.instance import ELARA, Instance

Headers = dict[str, str]
DJANGOS = "Cookie: a=b\r\n"  # with one, Django is asked
ID = "X-Request-ID: mine\r\n"  # without one Django makes one up, and the hot read does not


@pytest.fixture
def connection(instance: Instance) -> Iterator[socket.socket]:
    parts = urlsplit(instance.url)
    with socket.create_connection((parts.hostname, parts.port), 5) as raw:
        yield raw


def said(connection: socket.socket, key: str, method: str, path: str, more: str) -> tuple[int, Headers, bytes]:
    """The answer as an ordinary client sees it over a kept connection, without its date."""
    lines = f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: {key}\r\n{more}\r\n"
    connection.sendall(lines.encode())
    response = HTTPResponse(connection, method=method)
    response.begin()
    headers = {name.lower(): value for name, value in response.getheaders() if name.lower() != "date"}
    return response.status, headers, response.read()


@pytest.mark.parametrize("path", [ELARA, f"{ELARA}id/"])
def test_hot_read__over_one_connection__as_django(instance: Instance, connection: socket.socket, path: str) -> None:
    key = instance.http().headers["Authorization"]
    said(connection, key, "GET", path, "")  # now it is near
    status, headers, body = said(connection, key, "GET", path, "")
    assert (status, body[:5]) == (200, b'{"id"')
    for method in ("GET", "HEAD"):
        for known in ("", headers["etag"], '"old"'):
            condition = ID + (f"If-None-Match: {known}\r\n" if known else "")
            ours, djangos = (said(connection, key, method, path, condition + more) for more in ("", DJANGOS))
            assert ours == djangos
            assert ours[0] == (304 if known == headers["etag"] else 200)
