"""The playground: a page to talk to a personality in the browser, and to see the prompt the language model gets."""

from typing import cast

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import ensure_csrf_cookie
from django.views.decorators.http import require_safe

from accounts.login import STRICT_POLICY
from chat import catalogue
from chat.application import PAGE_COMPLETIONS
from personalities.models import Personality

# Stricter than the admin's: the page shows what a language model says, and runs no script but its own.
POLICY = f"{STRICT_POLICY}; script-src 'self'; connect-src 'self'"


@require_safe
@login_required
@ensure_csrf_cookie  # the script reads the token for each request, since it changes when the user signs in again
@never_cache  # the browser's Back button must not bring a conversation back after its owner has signed out
def playground(request: HttpRequest) -> HttpResponse:
    """The page, with the personalities its user can talk to."""
    own, shared = _choices(cast(int, request.user.pk))  # not anonymous: see login_required
    groups = [("Yours", own), ("Everybody's", shared)]
    context = {"groups": groups, "is_any": bool(own or shared), "completions": PAGE_COMPLETIONS}
    page = render(request, "chat/playground.html", context)
    page["Content-Security-Policy"] = POLICY
    return page


def _choices(user_id: int) -> tuple[list[Personality], list[Personality]]:
    """The user's own personalities, and the global ones: at most MAX_LISTED in all, the first by name."""
    rows = list(
        Personality.objects.served_to(user_id).defer("backstory", "custom_instructions")[: catalogue.MAX_LISTED]
    )
    return [row for row in rows if row.owner_id], [row for row in rows if not row.owner_id]
