"""The playground: a page to talk to a personality in the browser, and to see the prompt the language model gets."""

import json
from http import HTTPStatus

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import ensure_csrf_cookie
from django.views.decorators.http import require_safe

from accounts.login import STRICT_POLICY
from chat import choices
from chat.addresses import PAGE_COMPLETIONS

# Stricter than the admin's: the page shows what a language model says, and runs no script but its own.
POLICY = f"{STRICT_POLICY}; script-src 'self'; connect-src 'self'"


@require_safe
@login_required
@ensure_csrf_cookie  # the script reads the token for each request, since it changes when the user signs in again
@never_cache  # the browser's Back button must not bring a conversation back after its owner has signed out
def playground(request: HttpRequest, name: str = "") -> HttpResponse:
    """The page, with the personality that its address names: /chat/NAME/ or /chat/?personality=NAME."""
    wanted = name or request.GET.get("personality", "")
    chosen = choices.named(request, wanted) if wanted else choices.first(request)
    context = {"chosen": chosen, "wanted": wanted, "as_json": json.dumps(chosen), "addresses": _addresses()}
    status = HTTPStatus.NOT_FOUND if wanted and not chosen else HTTPStatus.OK
    page = render(request, "chat/playground.html", context, status=status)
    page["Content-Security-Policy"] = POLICY
    return page


def _addresses() -> dict[str, str]:
    """What the page's script asks, below the root under which a proxy serves the service."""
    return {
        "completions": reverse("home").removesuffix("/") + PAGE_COMPLETIONS,
        "search": reverse("playground-search"),
        "conversations": reverse("conversations"),
    }
