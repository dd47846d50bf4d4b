"""Signing in and out with a password: the page, the session, and what django-axes asks when it counts failures.

The admin has a login page of its own, for staff; failures there count together with failures here.
"""

from http import HTTPStatus
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.contrib.auth.views import LoginView
from django.contrib.sessions.backends import db
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from rest.client_address import address_block, client_address

# For pages made of our own markup only: no scripts, and no styles or forms that lead elsewhere.
STRICT_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
# No user has a longer name, and the column in which axes keeps attempts takes no more.
MAX_USERNAME_LENGTH = User._meta.get_field("username").max_length


class SignIn(LoginView):
    """Django's login page in our layout. Attempts are counted by django-axes, where passwords are checked."""

    template_name = "accounts/login.html"
    # Another site cannot tell by an image whether somebody is signed in: the cookie is SameSite=Lax.
    redirect_authenticated_user = True

    def get_redirect_url(self, *args: Any) -> str:
        """The `next` address if it is safe, else nothing. Never this page itself, which would redirect in a circle."""
        address = super().get_redirect_url(*args)
        return "" if address == self.request.path else address

    def render_to_response(self, context: dict[str, Any], **response_kwargs: Any) -> HttpResponse:
        """The page, with a content security policy stricter than that of other pages."""
        page = super().render_to_response(context, **response_kwargs)
        page["Content-Security-Policy"] = STRICT_POLICY
        return page


class SessionStore(db.SessionStore):
    """Django's sessions in the database (SESSION_ENGINE names this module), for cookies from strangers."""

    def _validate_session_key(self, key: str | None) -> bool:
        """Reject what cannot be a key. A cookie can spell NUL as \\000, which PostgreSQL would refuse with an error."""
        return bool(super()._validate_session_key(key)) and str(key).isascii() and str(key).isalnum()  # type: ignore[misc]


def counted_address(request: HttpRequest) -> str:
    """AXES_CLIENT_IP_CALLABLE: the client's address, of IPv6 its /64, for which django-axes counts failures."""
    return address_block(client_address(request))


def attempted_username(request: HttpRequest, credentials: dict[str, object] | None) -> str:
    """AXES_USERNAME_CALLABLE: the name that was tried, cut to the length that axes can store."""
    return str((credentials or {}).get("username", ""))[:MAX_USERNAME_LENGTH]


def locked_out(
    request: HttpRequest, response: HttpResponse | None, credentials: dict[str, object] | None
) -> HttpResponse:
    """AXES_LOCKOUT_CALLABLE: the answer instead of the login page after too many failures, 429 with Retry-After."""
    wait = settings.AXES_COOLOFF_TIME
    page = render(
        request, "accounts/locked_out.html", {"minutes": wait.seconds // 60}, status=HTTPStatus.TOO_MANY_REQUESTS
    )
    page["Retry-After"] = str(wait.seconds)
    return page
