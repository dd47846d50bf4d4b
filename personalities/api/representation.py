"""A personality as HTTP carries it: bytes, and the ETag of exactly these bytes."""

import hashlib
from collections.abc import Callable
from typing import NamedTuple

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.cache import get_conditional_response

from personalities.config import PersonalityConfig


class Representation(NamedTuple):
    """`etag` is strong, quotes included."""

    body: bytes
    etag: str

    @classmethod
    def of(cls, body: bytes) -> "Representation":
        return cls(body, f'"{hashlib.sha256(body).hexdigest()[:32]}"')

    @property
    def headers(self) -> dict[str, str]:
        """Whoever keeps it asks each time whether it still is the one, and shares it with nobody."""
        return {"Content-Type": "application/json", "ETag": self.etag, "Cache-Control": "private, no-cache"}


Represent = Callable[[PersonalityConfig], Representation]


def of_config(config: PersonalityConfig) -> Representation:
    return Representation(config.json, f'"{config.digest}"')


def of_id(config: PersonalityConfig) -> Representation:
    return Representation(b'{"id":"%s"}' % str(config.id).encode(), f'"{config.id}"')


def written(config: PersonalityConfig, status: int = 200, headers: dict[str, str] | None = None) -> HttpResponse:
    """What a write has made: the bytes and the ETag that a read gives from now on."""
    made = of_config(config)
    return HttpResponse(made.body, status=status, headers=made.headers | (headers or {}))


def respond(request: HttpRequest, found: Representation, provenance: dict[str, str]) -> HttpResponseBase:
    """With the bytes, or 304 to who has them already."""
    full = HttpResponse(found.body, headers=found.headers)
    response = get_conditional_response(request, etag=found.etag, response=full) or full
    for name, value in provenance.items():
        response[name] = value
    return response
