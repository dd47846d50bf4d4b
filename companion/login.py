"""What django-axes asks about a login: who, from where, and what is said to who has guessed too often."""

from http import HTTPStatus
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

NAME_LENGTH = User._meta.get_field("username").max_length  # nobody has a longer one, and axes has no place for it


def address(request: HttpRequest) -> str:
    """Where the connection comes from. What X-Forwarded-For says anybody may write."""
    return str(request.META.get("REMOTE_ADDR", ""))


def username(request: HttpRequest, credentials: dict[str, Any] | None) -> str:
    return str((credentials or {}).get("username", ""))[:NAME_LENGTH]


def locked_out(request: HttpRequest, response: HttpResponse | None, credentials: dict[str, Any] | None) -> HttpResponse:
    """Instead of the login page."""
    wait = settings.AXES_COOLOFF_TIME
    page = render(request, "locked_out.html", {"minutes": wait.seconds // 60}, status=HTTPStatus.TOO_MANY_REQUESTS)
    page["Retry-After"] = str(wait.seconds)
    return page
