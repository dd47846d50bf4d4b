"""The answer to a plain read, made once of each configuration: its headers are asked of the view and the middleware."""

from collections.abc import Mapping
from functools import cache
from io import BytesIO
from typing import NamedTuple

from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, HttpResponse
from django.middleware.clickjacking import XFrameOptionsMiddleware
from django.middleware.security import SecurityMiddleware

from coherence.answer import Answer as Lookup
from companion.reader.plain import PlainRead, View, nobody
from personalities.config import PersonalityConfig
from rest.conditional import provenance_headers

Headers = tuple[tuple[bytes, bytes], ...]


class Answer(NamedTuple):
    status: int
    headers: Headers
    body: bytes


class Answers(NamedTuple):
    etag: bytes
    whole: Answer
    not_modified: Answer


def answer(config: PersonalityConfig, asked: PlainRead) -> Answer | None:
    """None where other ETags are known to the caller: it takes Django to read a list of them."""
    made: Answers = config.made_of_it.get(asked.form) or _make(config, *asked.form)
    if asked.known is None:
        return made.whole
    return made.not_modified if asked.known == made.etag else None


def _make(config: PersonalityConfig, view: View, is_secure: bool) -> Answers:
    found = view.represent(config)
    constant = of_view(view) | of_middleware(is_secure)  # type: ignore[arg-type]  # a class is hashable
    whole = found.headers | constant | {"Content-Length": str(len(found.body))}
    without = {name: value for name, value in whole.items() if name != "Content-Type"} | {"Content-Length": "0"}
    made = Answers(found.etag.encode(), Answer(200, _encoded(whole), found.body), Answer(304, _encoded(without), b""))
    config.made_of_it[view, is_secure] = made
    return made


@cache
def of_view(view: View) -> dict[str, str]:
    """What it says of every personality that is near."""
    asked = view()
    asked.setup(HttpRequest())  # from here on it also knows HEAD
    return provenance_headers([Lookup(None, "near")]) | {"Allow": ", ".join(asked.allowed_methods)}


@cache
def of_middleware(is_secure: bool) -> dict[str, str]:
    """What Django's middleware adds to every answer."""
    scheme = "https" if is_secure else "http"
    request = ASGIRequest({"method": "GET", "path": "/", "scheme": scheme, "headers": []}, BytesIO())
    response = XFrameOptionsMiddleware(nobody).process_response(request, HttpResponse())
    response = SecurityMiddleware(nobody).process_response(request, response)
    return {name: value for name, value in response.items() if name != "Content-Type"}


def _encoded(headers: Mapping[str, str]) -> Headers:
    return tuple((name.lower().encode(), value.encode("latin-1")) for name, value in headers.items())
