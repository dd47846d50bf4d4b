from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.middleware.common import CommonMiddleware
from django.utils.deprecation import MiddlewareMixin

from resilience.database import answer_within


class DatabaseDeadlineMiddleware:
    """No request waits for PostgreSQL for ever, be it frozen or a row locked: then it is 503, and nothing is written.

    The caller is not waited for meanwhile: the body is there before, and the answer is sent after.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        in_admin = request.path_info.startswith("/admin/")
        with answer_within(settings.DATABASE_ADMIN_SECONDS if in_admin else settings.DATABASE_SECONDS):
            return self.get_response(request)


class SlashMiddleware(CommonMiddleware):
    """Django's, but only a read is sent on to the address with a slash: a redirected POST arrives as a GET."""

    def should_redirect_with_slash(self, request: HttpRequest) -> bool:
        return request.method in {"GET", "HEAD"} and super().should_redirect_with_slash(request)


class ContentSecurityPolicyMiddleware(MiddlewareMixin):
    """Pages load nothing from elsewhere, nor send anything there. What programs read is no page.

    A view may have said it for itself, and more strictly.
    """

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        if response.get("Content-Type", "").startswith("text/html"):
            response.headers.setdefault("Content-Security-Policy", settings.CONTENT_SECURITY_POLICY)
        return response
