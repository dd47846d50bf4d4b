"""The history of a personality in the admin: a timeline, two versions side by side, and the way back."""

from itertools import pairwise
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import IntegrityError, connection, transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import URLPattern, path
from django.views.decorators.http import require_POST

from personalities import history
from personalities.admin.preview import PreviewedAdmin
from personalities.admin.stale import history_url
from personalities.comparison import changes, side_by_side
from personalities.lint import new_refusals
from personalities.models import Personality, Version, authored
from personalities.prompt import assemble

TEMPLATE = "admin/personalities/personality/history.html"
SHOWN = 100  # versions of the timeline, the newest
ROLLBACK = "personalities_personality_rollback"


class HistoryAdmin(PreviewedAdmin):
    """Says who changed what and why; refuses a save whose author has not seen the last one."""

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(require_POST(self.rollback))
        return [path("<uuid:pk>/rollback/", view, name=ROLLBACK), *super().get_urls()]

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Personality | None:
        """For a save it is locked, so that nobody else's can come between our look and ours."""
        row: Personality | None = super().get_object(request, object_id, from_field)
        if row and request.method == "POST" and connection.in_atomic_block:
            return Personality.objects.select_for_update(of=("self",)).filter(pk=row.pk).first()
        return row

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        with authored(request.user.get_username(), form.cleaned_data.get("note", "")):
            super().save_model(request, obj, form, change)

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        with authored(request.user.get_username()):
            super().delete_model(request, obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        with authored(request.user.get_username()):
            super().delete_queryset(request, queryset)

    def history_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        """`?before=` and `?after=` compare two versions; without them, the last one with the one before."""
        row: Any = self.get_object(request, object_id)
        if row is None:
            return super().history_view(request, object_id)  # which says so
        if not self.has_view_or_change_permission(request, row):
            raise PermissionDenied
        return render(request, TEMPLATE, self.admin_site.each_context(request) | self._told(request, row))

    def rollback(self, request: HttpRequest, pk: UUID) -> HttpResponse:
        """One more version, that says what an earlier one said."""
        with transaction.atomic():
            row = get_object_or_404(Personality.objects.select_for_update(of=("self",)), pk=pk)
            if not self.has_change_permission(request, row):
                raise PermissionDenied
            if _number(request.POST.get("seen")) != row.version:
                messages.error(request, f"Version {row.version} was saved meanwhile. Nothing was changed: look again.")
                return HttpResponseRedirect(history_url(row))
            numbered = history.versions(row).filter(number=_number(request.POST.get("version")))
            version = get_object_or_404(numbered[:1])
            with authored(request.user.get_username(), f"Back to version {version.number}."):
                _roll_back(request, row, version)
        return HttpResponseRedirect(history_url(row))

    def _told(self, request: HttpRequest, row: Personality) -> dict[str, Any]:
        kept = list(history.versions(row)[: SHOWN + 1])
        entries = [(new, changes(old.to_config(), new.to_config())) for new, old in pairwise(kept)]
        entries += [(first, []) for first in kept[len(entries) : SHOWN]]
        may_change = self.has_change_permission(request, row)
        told = {"title": f"History: {row}", "opts": self.opts, "original": row, "entries": entries}
        return told | {"may_change": may_change, "rollback": f"admin:{ROLLBACK}"} | _compared(request, row, kept)


def _compared(request: HttpRequest, row: Personality, kept: list[Version]) -> dict[str, Any]:
    """The two versions that are asked for, else the last two; nothing where there are not two."""
    newest, last = (version.number for version in (kept[0], kept[1 if len(kept) > 1 else 0]))
    numbers = (_number(request.GET.get("before"), last), _number(request.GET.get("after"), newest))
    before, after = (history.versions(row).filter(number=number).first() for number in numbers)
    if before is None or after is None or len(kept) < 2:
        return {}
    old, new = before.to_config(), after.to_config()
    prompts = side_by_side(assemble(old).text, assemble(new).text)
    return {"before": before, "after": after, "changes": changes(old, new), "prompts": prompts}


def _number(text: str | None, or_else: int = 0) -> int:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 10 else or_else


def _joined(refused: dict[str, list[str]]) -> str:
    return " ".join(f"{field}: {' '.join(said)}" for field, said in refused.items())


def _roll_back(request: HttpRequest, row: Personality, version: Version) -> None:
    if refused := new_refusals(row.to_config(), version.to_config()):
        messages.error(request, f"Version {version.number} would be refused today. {_joined(refused)}")
        return
    try:
        with transaction.atomic():
            history.restore(row, version).save()
    except IntegrityError:
        row.refresh_from_db()
        messages.error(request, f"Another one is named {version.state['personality_name']} by now: rename it first.")
    else:
        messages.success(
            request, f"It is again what it was in version {version.number}; that is version {row.version}."
        )
