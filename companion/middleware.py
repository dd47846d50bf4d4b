"""Middleware of our own: caching, database deadline, slashes, large forms, content security."""

import re
from collections.abc import Callable
from http import HTTPStatus

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponsePermanentRedirect
from django.http.response import HttpResponseBase
from django.middleware.common import CommonMiddleware
from django.utils.deprecation import MiddlewareMixin

from resilience.database import answer_within
from rest.parsers import MAX_BYTES

FORM, MULTIPART = "application/x-www-form-urlencoded", "multipart/form-data"
# name*=charset''value, by RFC 2231: Python remembers every charset that it is ever asked for, known or not. Unlike
# `header_limits.EXTENDED_PARAMETER`, it lets name*0=value pass, which names no charset, for a form is full of texts.
ENCODED_PARAMETER = re.compile(rb"\*[\s\x1c-\x1f]*+=")


class CacheControlMiddleware(MiddlewareMixin):
    """Keeps answers out of shared caches, because they are for one caller, unless a view says otherwise."""

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        """Add the header where there is none: to errors, lists, redirects and metrics."""
        response.headers.setdefault("Cache-Control", "private, no-cache")
        return response


class DatabaseDeadlineMiddleware:
    """Bounds how long a request waits for a frozen PostgreSQL or a locked row: then it is 503, and nothing is written.

    Waiting for the caller does not count: the body was read before, and the response is sent after.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        """`get_response` is the next middleware or the view, as Django passes it."""
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """DATABASE_SECONDS for programs, DATABASE_ADMIN_SECONDS for people in the admin."""
        in_admin = request.path_info.startswith("/admin/")
        with answer_within(settings.DATABASE_ADMIN_SECONDS if in_admin else settings.DATABASE_SECONDS):
            return self.get_response(request)


PROBES = {"/livez", "/readyz", "/metrics"}  # asked by IP address; their answers depend on no host


class SlashMiddleware(CommonMiddleware):
    """Redirects only reads to the path with a slash: a redirected POST would arrive as a GET."""

    def process_request(self, request: HttpRequest) -> HttpResponsePermanentRedirect | None:
        """Check the Host header and redirect as Django does; let probes pass, whatever host they name."""
        return None if request.path_info in PROBES else super().process_request(request)

    def should_redirect_with_slash(self, request: HttpRequest) -> bool:
        """Whether only a slash is missing, as Django decides it, and the method is GET or HEAD."""
        return request.method in {"GET", "HEAD"} and super().should_redirect_with_slash(request)


class FormLimitsMiddleware(MiddlewareMixin):
    """Refuses costly forms before Django parses them, which it does to find the CSRF token, whoever sent them."""

    def process_request(self, request: HttpRequest) -> HttpResponse | None:
        """413 for a large form from anybody but staff, 400 for a multipart one that names charsets.

        `BodyLimits` has checked that Content-Length is a number within the bound of the page.
        """
        if request.method != "POST":
            return None
        is_large = int(request.META.get("CONTENT_LENGTH") or 0) > MAX_BYTES
        if is_large and request.content_type == FORM and not request.user.is_staff:
            return _refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"Only staff send more than {MAX_BYTES} bytes.")
        if request.content_type == MULTIPART and ENCODED_PARAMETER.search(request.body):
            return _refused(HTTPStatus.BAD_REQUEST, "A form with encoded parameters is not read.")
        return None


def _refused(status: HTTPStatus, detail: str) -> HttpResponse:
    text = f"{status} {status.phrase}. {detail}"
    return HttpResponse(text, status=status, content_type="text/plain; charset=utf-8")


CONTENT_SECURITY_POLICY = (
    # The admin theme has inline scripts and styles, and its Alpine evaluates code in attributes.
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'"
)


class ContentSecurityPolicyMiddleware(MiddlewareMixin):
    """Pages neither load anything from other sites nor send anything there. A view may set a stricter policy itself."""

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        """Adds the header to HTML; what programs read needs none."""
        if response.get("Content-Type", "").startswith("text/html"):
            response.headers.setdefault("Content-Security-Policy", CONTENT_SECURITY_POLICY)
        return response
