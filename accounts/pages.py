"""Signing in and out in a browser, for whoever has a password. The admin has a login of its own, for staff."""

from typing import Any

from django.contrib.auth.views import LoginView
from django.http import HttpResponse

# Of pages with nothing in them but our own: no script, and no style or form that leads elsewhere.
POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)


class SignIn(LoginView):
    """Django's. Guesses are counted where passwords are checked, by django-axes."""

    template_name = "accounts/login.html"
    # No image on another site can ask so whether somebody is signed in: the cookie is SameSite=Lax.
    redirect_authenticated_user = True

    def get_redirect_url(self, *args: Any) -> str:
        """Not this page, which would lead whoever is signed in to itself."""
        address = super().get_redirect_url(*args)
        return "" if address == self.request.path else address

    def render_to_response(self, context: dict[str, Any], **response_kwargs: Any) -> HttpResponse:
        page = super().render_to_response(context, **response_kwargs)
        page["Content-Security-Policy"] = POLICY
        return page
