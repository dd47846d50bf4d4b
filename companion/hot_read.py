"""The hot read: a personality that is in this process's memory is answered before Django sees the request.

The views of `personalities.api` are the specification; what is answered here is byte for byte what they would answer.
Only a plain GET or HEAD with an API key that is in memory too is answered here. Anything else goes on to Django.
"""

from collections.abc import Mapping
from functools import cache, lru_cache
from time import perf_counter
from typing import NamedTuple

from asgiref.typing import ASGI3Application, ASGIReceiveCallable, ASGISendCallable, HTTPScope, Scope
from django.http import HttpRequest
from django.urls import resolve, reverse

from accounts.verification import verified_from_memory
from coherence.cache import Answer as Lookup
from coherence.cache import memory_may_answer
from companion.mount import Headers, encoded, is_secure_request, security_headers
from companion.request_metrics import Row, count, counts
from companion.shutdown import shutdown
from personalities.api.views import PersonalityDetailView, PersonalityIdView
from personalities.cache import current_config
from personalities.config import PersonalityConfig
from rest import request_id
from rest.conditional import provenance_headers

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


class PlainRead(NamedTuple):
    """A request about which it is certain what Django would do with it."""

    name: str  # of the personality, as given
    key: bytes  # the API key, as given
    etag: bytes | None  # of what the caller has
    form: tuple[View, bool]  # which view, and whether the request came by HTTPS
    request_id: bytes | None  # the caller's, to give back


class Response(NamedTuple):
    """A complete HTTP response."""

    status: int
    headers: Headers
    body: bytes
    rows: Mapping[str, Row]  # where it is counted, by method


class Responses(NamedTuple):
    """Both responses to a read of one configuration, kept with it."""

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
        headers = [*response.headers]
        await send({"type": "http.response.start", "status": response.status, "headers": headers, "trailers": False})
        await send({"type": "http.response.body", "body": response.body, "more_body": False})
        count(response.rows[scope["method"]], perf_counter() - started)  # type: ignore[typeddict-item]  # of HTTP

    def find(self, scope: HTTPScope) -> Response | None:
        """The response, if the request is a plain read and all it needs is in memory and current; else None."""
        read = plain_read(scope, self._prefix)
        if read is None or not memory_may_answer():
            return None
        user = verified_from_memory(read.key)
        config = current_config(read.name, user) if user is not None else None
        response = _respond(config, read) if config else None
        if response and read.request_id:
            return response._replace(headers=(*response.headers, (request_id.HEADER, read.request_id)))
        return response


def plain_read(scope: HTTPScope, prefix: str) -> PlainRead | None:
    """Parse a read below the path `prefix`; None for any other request, and for one that is not plain."""
    target = _target(scope["path"], prefix) if len(scope["path"]) <= MAX_PATH else None
    if target is None or scope["method"] not in METHODS:
        return None
    if scope.get("query_string") or scope.get("root_path"):  # servers may omit both, and the scheme
        return None
    pairs = [*scope["headers"]]
    headers = dict(pairs)
    if len(headers) < len(pairs) or not DECIDING_HEADERS.isdisjoint(headers):  # some header stands there twice
        return None
    if len(b"".join(headers.values())) > MAX_HEADERS:
        return None
    is_secure = is_secure_request(scope.get("scheme", "http"), headers.get(b"host"), headers.get(b"x-forwarded-proto"))
    authorization = headers.get(b"authorization", b"")
    if is_secure is None or authorization[:7] != b"Bearer " or headers.get(b"accept", b"*/*") not in ACCEPTED:
        return None
    name, view = target
    has_id = request_id.HEADER in headers or request_id.TRACE in headers
    given_id = request_id.given_id(headers) if has_id else None
    return PlainRead(name, authorization[7:], headers.get(b"if-none-match"), (view, is_secure), given_id)


@lru_cache(maxsize=1000)
def _target(path: str, prefix: str) -> tuple[str, View] | None:
    """The personality's name as given, and the view."""
    name, slash, rest = path.removeprefix(prefix).partition("/")
    view = VIEWS.get(rest) if slash and path.startswith(prefix) else None
    return (name, view) if view else None


def _respond(config: PersonalityConfig, read: PlainRead) -> Response | None:
    """None if the caller has other ETags: it takes Django to parse a list of them."""
    responses: Responses = config.memo.get(read.form) or _make_responses(config, *read.form)
    if read.etag is None:
        return responses.ok
    return responses.not_modified if read.etag == responses.etag else None


def _make_responses(config: PersonalityConfig, view: View, is_secure: bool) -> Responses:
    found = view.represent(config)
    headers = found.headers | _view_headers(view) | security_headers(is_secure)  # type: ignore[arg-type]  # hashable
    rows = [_rows(view, status) for status in (200, 304)]  # type: ignore[arg-type]  # hashable
    ok = Response(200, encoded(headers | {"Content-Length": str(len(found.body))}), found.body, rows[0])
    del headers["Content-Type"]
    not_modified = Response(304, encoded(headers | {"Content-Length": "0"}), b"", rows[1])
    responses = Responses(found.etag.encode(), ok, not_modified)
    config.memo[view, is_secure] = responses
    return responses


@cache
def _rows(view: View, status: int) -> Mapping[str, Row]:
    """Under the route as Django names it, which answers the same when it is not in memory."""
    (rest,) = (rest for rest, each in VIEWS.items() if each is view)
    route = f"/{resolve(reverse('personalities') + 'x/' + rest).route}"
    return {method: counts.row(route, method, status) for method in METHODS}


@cache
def _view_headers(view: View) -> dict[str, str]:
    """What the view says with every personality that it finds in memory."""
    instance = view()
    instance.setup(HttpRequest())  # from here on it also knows HEAD
    return provenance_headers([Lookup(None, "near")]) | {"Allow": ", ".join(instance.allowed_methods)}
