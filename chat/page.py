"""The playground: talk to a personality in a browser, and see what a language model is told of her."""

from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import ensure_csrf_cookie
from django.views.decorators.http import require_safe

from accounts.login import STRICT_POLICY
from chat.asgi import PAGE_COMPLETIONS
from personalities.models import Personality

# Stricter than that of the admin: here stands what a language model says, and there is no script but our own.
POLICY = f"{STRICT_POLICY}; script-src 'self'; connect-src 'self'"


@require_safe
@login_required
@ensure_csrf_cookie  # the script reads it anew each time: who signs in again meanwhile has another
@never_cache  # a conversation is not to come back by the button "Back" after its owner has signed out
def playground(request: HttpRequest) -> HttpResponse:
    theirs, global_ones = _choices(request.user)
    groups = [("Yours", theirs), ("Everybody's", global_ones)]
    context = {"groups": groups, "is_any": bool(theirs or global_ones), "completions": PAGE_COMPLETIONS}
    page = render(request, "chat/playground.html", context)
    page["Content-Security-Policy"] = POLICY
    return page


def _choices(user: Any) -> tuple[list[Personality], list[Personality]]:
    """Their own, and the global ones."""
    rows = list(Personality.objects.served_to(user.pk).defer("backstory", "custom_instructions"))
    return [row for row in rows if row.owner_id], [row for row in rows if not row.owner_id]
