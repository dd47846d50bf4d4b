"""Who calls from a page of ours: signed in to Django, and sent by that page. As Django's own views would have it."""

from io import BytesIO

from django.contrib.auth import get_user
from django.contrib.sessions.middleware import SessionMiddleware
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, HttpResponse
from rest_framework.authentication import SessionAuthentication
from rest_framework.exceptions import PermissionDenied
from rest_framework.request import Request

from chat.callers import Caller, in_thread
from chat.errors import not_from_our_page, not_signed_in
from chat.exchange import Exchange
from resilience.database import answer_within

SECONDS = 2.0
# No more is believed: the body is not read yet, and what a form would say in it counts for nothing.
TELLING = {b"host", b"cookie", b"origin", b"referer", b"x-csrftoken", b"x-forwarded-proto"}


async def identify(exchange: Exchange) -> Caller:
    """By session and CSRF token alone; an API key is not looked at. Raises ApiError for who may not come in."""
    request = _request(exchange)
    return await in_thread(lambda: _signed_in(request))


def _request(exchange: Exchange) -> HttpRequest:
    headers = [(name, value) for name, value in exchange.headers.items() if name in TELLING]
    scope = {"method": "POST", "path": exchange.path, "scheme": exchange.scheme, "headers": headers}
    return ASGIRequest(scope, BytesIO())


def _signed_in(request: HttpRequest) -> Caller:
    SessionMiddleware(_nobody).process_request(request)
    with answer_within(SECONDS):
        request.user = get_user(request)
    try:
        found = SessionAuthentication().authenticate(Request(request))
    except PermissionDenied as error:
        raise not_from_our_page(str(error.detail)) from None
    if found is None:
        raise not_signed_in()
    return Caller(found[0].pk, key="")  # so that the limit of the user alone counts


def _nobody(request: HttpRequest) -> HttpResponse:
    """What stands behind a middleware that is asked for its own part only."""
    raise AssertionError
