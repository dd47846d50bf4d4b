"""Which requests are the plain case: those of which it is certain what Django would do with them."""

from functools import lru_cache
from io import BytesIO
from typing import NamedTuple

from asgiref.typing import HTTPScope
from django.core.exceptions import DisallowedHost
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, HttpResponse
from django.middleware.security import SecurityMiddleware

from personalities.api.views import PersonalityDetailView, PersonalityIdView

View = type[PersonalityDetailView] | type[PersonalityIdView]
VIEWS: dict[str, View] = {"": PersonalityDetailView, "id/": PersonalityIdView}  # by what follows the name in the path
METHODS = {"GET", "HEAD"}
LONGEST = 500  # of a path that is remembered
ACCEPTED = {b"*/*", b"application/json", b"application/json, text/plain, */*"}  # as programs say it
# Each may change the answer: a session, a condition, a body that is refused.
TELLING = frozenset({b"cookie", b"if-match", b"if-modified-since", b"if-unmodified-since", b"content-length",
                     b"transfer-encoding"})  # fmt: skip


class PlainRead(NamedTuple):
    name: str  # as given
    key: bytes  # the API key, as given
    known: bytes | None  # the ETag of what the caller has
    form: tuple[View, bool]  # and whether it came by HTTPS


def plain(scope: HTTPScope, prefix: str) -> PlainRead | None:
    """The read that is asked for below the path `prefix`; None when it is another request, or not a plain one."""
    place = _place(scope["path"], prefix) if len(scope["path"]) <= LONGEST else None
    if place is None or scope["method"] not in METHODS:
        return None
    if scope.get("query_string") or scope.get("root_path"):  # which a server may leave out, as it may the scheme
        return None
    given = [*scope["headers"]]
    headers = dict(given)
    if len(headers) < len(given) or not TELLING.isdisjoint(headers):  # some header twice
        return None
    is_secure = comes_securely(scope.get("scheme", "http"), headers.get(b"host"), headers.get(b"x-forwarded-proto"))
    authorization = headers.get(b"authorization", b"")
    if is_secure is None or authorization[:7] != b"Bearer " or headers.get(b"accept", b"*/*") not in ACCEPTED:
        return None
    name, view = place
    return PlainRead(name, authorization[7:], headers.get(b"if-none-match"), (view, is_secure))


@lru_cache(maxsize=1000)
def _place(path: str, prefix: str) -> tuple[str, View] | None:
    """The name as it is given, and the view whose answer is asked for."""
    name, slash, rest = path.removeprefix(prefix).partition("/")
    view = VIEWS.get(rest) if slash and path.startswith(prefix) else None
    return (name, view) if view else None


@lru_cache(maxsize=1000)
def comes_securely(scheme: str, host: bytes | None, forwarded: bytes | None) -> bool | None:
    """Whether Django takes such a request for one by HTTPS; None when it would refuse it, or send it there.

    `forwarded` is the header by which a proxy tells the scheme.
    """
    given = {b"host": host, b"x-forwarded-proto": forwarded}
    headers = [(name, value) for name, value in given.items() if value is not None]
    request = ASGIRequest({"method": "GET", "path": "/", "scheme": scheme, "headers": headers}, BytesIO())
    if host is None or not _is_allowed(request) or SecurityMiddleware(nobody).process_request(request):
        return None
    return request.is_secure()


def nobody(request: HttpRequest) -> HttpResponse:
    """What stands behind a middleware that is asked for its own part only."""
    raise AssertionError


def _is_allowed(request: ASGIRequest) -> bool:
    try:
        request.get_host()
    except DisallowedHost:
        return False
    return True
