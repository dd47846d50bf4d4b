"""Conditional requests, and what an answer says of itself: its ETag, where it came from and how old it may be."""

import hashlib
from collections.abc import Collection, Mapping
from http import HTTPStatus
from typing import Any, NamedTuple

import msgspec
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.cache import get_conditional_response
from django.utils.http import parse_etags
from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request

from coherence.cache import SOURCES, Answer
from rest.problems import PreconditionFailed, PreconditionRequired

IF_NONE_MATCH = OpenApiParameter(
    "If-None-Match", location="header", description="The ETag that you have; 304 if it is current."
)
IF_MATCH = OpenApiParameter(
    "If-Match", location="header", description="The ETag that you last read; 412 if it is outdated."
)
IF_MATCH_ALWAYS = OpenApiParameter("If-Match", location="header", required=True, description=IF_MATCH.description)


class Representation(NamedTuple):
    """JSON as HTTP carries it. `etag` is strong, quotes included: it changes wherever a byte of `body` does."""

    body: bytes
    etag: str

    @classmethod
    def of(cls, value: object) -> "Representation":
        """The JSON of `value`, encoded by msgspec, with its ETag."""
        return cls.of_bytes(msgspec.json.encode(value))

    @classmethod
    def of_bytes(cls, body: bytes) -> "Representation":
        """A body as it is, with an ETag of 128 bits of its SHA-256."""
        return cls(body, f'"{hashlib.sha256(body).hexdigest()[:32]}"')

    @property
    def headers(self) -> dict[str, str]:
        """Caches that keep it must ask each time whether it is current, and share it with nobody."""
        return {"Content-Type": "application/json", "ETag": self.etag, "Cache-Control": "private, no-cache"}


def respond(request: HttpRequest, found: Representation, headers: Mapping[str, str] | None = None) -> HttpResponseBase:
    """The answer to a read: the body or, if the request's If-None-Match names its ETag, 304. Both get `headers`."""
    full = HttpResponse(found.body, headers=found.headers)
    response = get_conditional_response(request, etag=found.etag, response=full) or full
    for name, value in (headers or {}).items():
        response[name] = value
    return response


def respond_to_write(
    made: Representation, status: int = HTTPStatus.OK, headers: Mapping[str, str] | None = None
) -> HttpResponse:
    """The answer to a write: the bytes and the ETag that a read gives from now on."""
    return HttpResponse(made.body, status=status, headers={**made.headers, **(headers or {})})


def check_if_match(request: Request, current: Representation, reason: str, *, required: bool = False) -> None:
    """Let a write through only when nobody else has written since its author looked. The row must be locked.

    Raises PreconditionFailed, with `reason` and `current`, unless If-Match is absent, `*`, or names the ETag of
    `current`; and PreconditionRequired where it is absent but `required`. A weak ETag, W/"…", never matches.
    """
    given = request.headers.get("If-Match")
    if given is None:
        if required:
            raise PreconditionRequired
    elif {current.etag, "*"}.isdisjoint(parse_etags(given)):
        raise PreconditionFailed(reason, msgspec.json.decode(current.body), current.etag)


def provenance_headers(answers: Collection[Answer[Any]]) -> dict[str, str]:
    """Where the answers of lookups came from, and how old they may be.

    `Server-Timing: lookup;desc="near"` names the farthest of their sources. `Age` is 0 as long as PostgreSQL vouches
    for them; while it cannot be reached, `, unverified` is added, and Age counts the seconds since it last did.
    """
    if not answers:
        return {}
    source = max((answer.source for answer in answers), key=SOURCES.index)
    age = max(answer.age for answer in answers)
    mark = ", unverified" if age else ""
    return {"Server-Timing": f'lookup;desc="{source}"{mark}', "Age": f"{age:.0f}"}
