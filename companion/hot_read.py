"""The hot read: a personality that is in this process's memory is answered before Django sees the request.

The views of `personalities.api` are the specification; what is answered here is byte for byte what they would answer.
Only a plain GET or HEAD with an API key that is in memory too is answered here. Anything else goes on to Django.
"""

from collections.abc import Mapping
from functools import cache, lru_cache
from time import perf_counter
from typing import NamedTuple

from asgiref.typing import ASGI3Application, ASGIReceiveCallable, ASGISendCallable, HTTPScope, Scope
from django.conf import settings
from django.http import HttpRequest
from django.urls import resolve, reverse

from accounts.verification import verified_from_memory
from coherence.cache import Answer as Lookup
from coherence.cache import memory_may_answer
from companion.cors import ORIGIN, VARY, sharing_headers
from companion.mount import Headers, encoded, is_secure_request, security_headers
from companion.request_metrics import Row, count, counts
from companion.shutdown import CLOSE, shutdown
from companion.slow_peers import slow_peers
from personalities.api.views import PersonalityDetailView, PersonalityIdView
from personalities.config import PersonalityConfig
from personalities.lookup import current_config_in_memory
from rest.conditional import provenance_headers
from rest.request_id import HEADER as REQUEST_ID
from rest.request_id import TRACE, given_id

View = type[PersonalityDetailView] | type[PersonalityIdView]
VIEWS: dict[str, View] = {"": PersonalityDetailView, "id/": PersonalityIdView}  # by what follows the name in the path
METHODS = {"GET", "HEAD"}
MAX_PATH = 500  # characters; a longer path is left to Django, and not remembered here
MAX_HEADERS = 4096  # bytes of all values; with more of them others decide, see header_limits.py
ACCEPTED = {b"*/*", b"application/json", b"application/json, text/plain, */*"}  # what HTTP clients send
# Each of these may change the answer: a session, a condition, a body that is refused.
DECIDING_HEADERS = frozenset(
    {b"cookie", b"if-match", b"if-modified-since", b"if-unmodified-since", b"content-length", b"transfer-encoding"}
)

REFLECTED_HEADERS = frozenset({REQUEST_ID, TRACE, ORIGIN})  # these are reflected in the response


class Response(NamedTuple):
    """A complete HTTP response."""

    status: int
    headers: Headers
    body: bytes
    row: Row  # where it is counted


RequestVariant = tuple[View, str, bool]  # the view, the method, and whether the request came by HTTPS


class Responses(NamedTuple):
    """Both responses to one variant of a request for one configuration, kept with it."""

    etag: bytes
    ok: Response
    not_modified: Response


class HotReader:
    """Wraps an ASGI application. It runs in the server's event loop: no I/O, no waiting, no lock."""

    def __init__(self, application: ASGI3Application) -> None:
        """`application` answers everything that is not a hot read."""
        self.application = application
        self._prefix = reverse("personalities")

    async def __call__(self, scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        """Answer from memory, or hand the request on unchanged."""
        started = perf_counter()
        response = self.find(scope) if scope["type"] == "http" and not shutdown.begun else None
        if response is None:
            await self.application(scope, receive, send)
            return
        # A new list for each request: middleware that wraps `send` may append to it.
        headers = [*response.headers, CLOSE] if slow_peers.is_full else [*response.headers]
        await send({"type": "http.response.start", "status": response.status, "headers": headers, "trailers": False})
        await send({"type": "http.response.body", "body": response.body, "more_body": False})
        count(response.row, perf_counter() - started)

    def find(self, scope: HTTPScope) -> Response | None:
        """The response, if the request is a plain read and all it needs is in memory and current; else None."""
        path, method = scope["path"], scope["method"]
        target = _target(path, self._prefix) if len(path) <= MAX_PATH and method in METHODS else None
        headers = plain_headers(scope) if target else None
        if not target or not headers or not memory_may_answer():
            return None
        host, proto = headers.get(b"host"), headers.get(b"x-forwarded-proto")
        is_secure = is_secure_request(scope.get("scheme", "http"), host, proto)  # servers may omit the scheme
        authorization = headers.get(b"authorization", b"")
        if is_secure is None or authorization[:7] != b"Bearer ":
            return None
        name, view = target
        user = verified_from_memory(authorization[7:])
        config = current_config_in_memory(name, user) if user is not None else None
        return _respond(config, (view, method, is_secure), headers) if config else None


def plain_headers(scope: HTTPScope) -> dict[bytes, bytes] | None:
    """The headers by name, if it is certain what Django would do with such a request; else None."""
    if scope.get("query_string") or scope.get("root_path"):  # servers may omit both
        return None
    pairs = [*scope["headers"]]
    headers = dict(pairs)
    if len(headers) < len(pairs) or not DECIDING_HEADERS.isdisjoint(headers):  # a header is given twice
        return None
    if headers.get(b"accept", b"*/*") not in ACCEPTED or len(b"".join(headers.values())) > MAX_HEADERS:
        return None
    return headers


@lru_cache(maxsize=1000)
def _target(path: str, prefix: str) -> tuple[str, View] | None:
    """The personality's name as given, and the view."""
    name, slash, rest = path.removeprefix(prefix).partition("/")
    view = VIEWS.get(rest) if slash and path.startswith(prefix) else None
    return (name, view) if view else None


def _respond(config: PersonalityConfig, variant: RequestVariant, headers: Mapping[bytes, bytes]) -> Response | None:
    """None if the caller has other ETags: it takes Django to parse a list of them."""
    responses: Responses = config.memo.get(variant) or _make_responses(config, variant)
    response, etag = responses.ok, headers.get(b"if-none-match")
    if etag is not None:
        if etag != responses.etag:
            return None
        response = responses.not_modified
    if REFLECTED_HEADERS.isdisjoint(headers):
        return response
    return response._replace(headers=(*response.headers, *_echo(headers)))


def _echo(headers: Mapping[bytes, bytes]) -> Headers:
    """The headers of a response that depend on the request's."""
    given = given_id(headers)
    return (*([(REQUEST_ID, given)] if given else ()), *sharing_headers(headers))


def _make_responses(config: PersonalityConfig, variant: RequestVariant) -> Responses:
    """The 200 and the 304 for `config`, which GET and HEAD share."""
    view, _, is_secure = variant
    found = view.represent(config)
    headers = found.headers | _view_headers(view) | security_headers(is_secure)  # type: ignore[arg-type]  # hashable
    vary = [VARY] if settings.CORS_ALLOWED_ORIGINS else []
    ok = *encoded(headers | {"Content-Length": str(len(found.body))}), *vary
    del headers["Content-Type"]
    not_modified = *encoded(headers | {"Content-Length": "0"}), *vary
    for method in METHODS:
        config.memo[view, method, is_secure] = Responses(
            found.etag.encode(),
            Response(200, ok, found.body, _row(view, method, 200)),
            Response(304, not_modified, b"", _row(view, method, 304)),
        )
    responses: Responses = config.memo[variant]
    return responses


def _row(view: View, method: str, status: int) -> Row:
    """Under the route as Django names it, which gives the same answer if it is not in memory."""
    (rest,) = (rest for rest, each in VIEWS.items() if each is view)
    return counts.row(f"/{resolve(reverse('personalities') + 'x/' + rest).route}", method, status)


@cache
def _view_headers(view: View) -> dict[str, str]:
    """What the view says with every personality that it finds in memory."""
    instance = view()
    instance.setup(HttpRequest())  # from here on it also knows HEAD
    return provenance_headers([Lookup(None, "near")]) | {"Allow": ", ".join(instance.allowed_methods)}
