"""Who calls: identified by an API key or, on the playground's own address, by a Django session."""

from io import BytesIO
from typing import NamedTuple

from django.contrib.auth import get_user
from django.contrib.sessions.middleware import SessionMiddleware
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest
from rest_framework.authentication import SessionAuthentication
from rest_framework.exceptions import PermissionDenied
from rest_framework.request import Request

from accounts import keys
from accounts.models import ApiKey
from accounts.verification import verified_from_memory
from chat.addresses import unknown_path
from chat.errors import csrf_failed, invalid_key, signed_out
from chat.exchange import Exchange
from chat.threads import in_thread
from coherence.cache import memory_may_answer
from resilience.database import answer_within
from rest.asgi import no_view

SESSION_SECONDS = 2.0  # to look up a session and its user
# All that a session depends on. The body has not been read yet, so a token in a form field does not count.
SESSION_HEADERS = {b"host", b"cookie", b"origin", b"referer", b"x-csrftoken", b"x-forwarded-proto"}


class Caller(NamedTuple):
    """`key` is the public part of the API key; empty when the caller has a session."""

    user_id: int
    key: str


async def identify_by_key(authorization: bytes) -> Caller:
    """The caller by the Authorization header, from memory where possible. Raises ApiError if the key is not valid."""
    scheme, _, text = authorization.partition(b" ")
    prefix = keys.prefix(text.strip().decode("latin-1")) if scheme.lower() == b"bearer" else None
    if prefix is None:
        raise invalid_key()
    user_id = verified_from_memory(text.strip()) if memory_may_answer() else None
    if user_id is None:
        user_id = await in_thread(lambda: _verify(text.strip()))
    return Caller(user_id, prefix)


def _verify(text: bytes) -> int:
    user = ApiKey.objects.verify(text.decode("latin-1"))
    if user is None:
        raise invalid_key()
    return int(user.pk)


async def identify_by_session(exchange: Exchange) -> Caller:
    """The caller by session cookie and CSRF token alone; an API key is ignored. Raises ApiError if either is missing
    or not valid.
    """
    request = _django_request(exchange)
    caller = await in_thread(lambda: _signed_in(request))
    if caller is None and b"authorization" in exchange.headers:  # a program whose base URL lacks /v1
        raise unknown_path(exchange.method, exchange.path)
    if caller is None:
        raise signed_out()
    return caller


def _django_request(exchange: Exchange) -> HttpRequest:
    headers = [(name, value) for name, value in exchange.headers.items() if name in SESSION_HEADERS]
    scope = {"method": "POST", "path": exchange.path, "scheme": exchange.scheme, "headers": headers}
    return ASGIRequest(scope, BytesIO())


def _signed_in(request: HttpRequest) -> Caller | None:
    SessionMiddleware(no_view).process_request(request)
    with answer_within(SESSION_SECONDS):
        request.user = get_user(request)
    try:
        found = SessionAuthentication().authenticate(Request(request))
    except PermissionDenied as error:
        raise csrf_failed(str(error.detail)) from None
    return Caller(found[0].pk, key="") if found else None
