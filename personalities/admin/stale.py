"""What is said to who wants to save a personality that somebody else has saved meanwhile."""

from django.core.exceptions import ValidationError
from django.urls import reverse
from django.utils.html import format_html

from personalities.models import Personality


def changed_meanwhile(row: Personality, seen: int) -> ValidationError:
    """For who wants to save what was made of version `seen`."""
    return ValidationError(
        format_html(
            "Version {} was saved while you were editing; yours was made from version {}. "
            '<a href="{}" class="underline">See what changed</a>, then reload: what you typed is still below.',
            row.version, seen, f"{history_url(row)}?before={seen}&after={row.version}",
        ),
        code="changed_meanwhile",
    )  # fmt: skip


def history_url(row: Personality) -> str:
    return reverse("admin:personalities_personality_history", args=[row.pk])
