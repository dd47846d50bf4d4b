"""The history of a personality in the admin: a timeline, two versions side by side, and the way back."""

from functools import partial
from itertools import pairwise
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import URLPattern, path
from django.views.decorators.http import require_POST
from unfold.admin import ModelAdmin

from personalities import edits, history
from personalities.admin.forms import history_url
from personalities.comparison import changes, side_by_side
from personalities.models import Personality, Version
from personalities.prompt import assemble
from rest.admin import costly_page
from rest.numbers import is_whole_number

TEMPLATE = "admin/personalities/personality/history.html"
MAX_DIGITS = 9  # of the number of a version: any number of so many fits the column
SHOWN = 100  # versions of the timeline, the newest
ROLLBACK = "personalities_personality_rollback"


def urls(model_admin: ModelAdmin) -> list[URLPattern]:
    """The URL of the rollback."""
    view = model_admin.admin_site.admin_view(require_POST(partial(roll_back, model_admin)))
    return [path("<uuid:pk>/rollback/", view, name=ROLLBACK)]


@costly_page
def page(model_admin: ModelAdmin, request: HttpRequest, row: Personality) -> HttpResponse:
    """The timeline. `?before=` and `?after=` compare two versions; without them, the last one with the one before."""
    if not model_admin.has_view_or_change_permission(request, row):
        raise PermissionDenied
    kept = list(history.versions(row)[: SHOWN + 1])
    entries = [(new, changes(old.to_config(), new.to_config())) for new, old in pairwise(kept)]
    entries += [(first, []) for first in kept[len(entries) : SHOWN]]
    may_change = model_admin.has_change_permission(request, row)
    context = {"title": f"History: {row}", "opts": model_admin.opts, "original": row, "entries": entries,
               "may_change": may_change, "rollback": f"admin:{ROLLBACK}"}  # fmt: skip
    context |= model_admin.admin_site.each_context(request) | _compared(request, row, kept)
    return render(request, TEMPLATE, context)


def _compared(request: HttpRequest, row: Personality, kept: list[Version]) -> dict[str, object]:
    """The two versions that are asked for, else the last two; nothing if there are fewer than two."""
    if len(kept) < 2:
        return {}
    newest, last = kept[0].number, kept[1].number
    numbers = (_number(request.GET.get("before"), last), _number(request.GET.get("after"), newest))
    before, after = (history.versions(row).filter(number=number).first() for number in numbers)
    if before is None or after is None:
        return {}
    old, new = before.to_config(), after.to_config()
    prompts = side_by_side(assemble(old).text, assemble(new).text)
    return {"before": before, "after": after, "changes": changes(old, new), "prompts": prompts}


def roll_back(model_admin: ModelAdmin, request: HttpRequest, pk: UUID) -> HttpResponse:
    """Save one more version, equal to an earlier one, or show a message that says why not."""
    try:
        with transaction.atomic():
            row = get_object_or_404(Personality.objects.select_for_update(of=("self",)), pk=pk)
            if not model_admin.has_change_permission(request, row):
                raise PermissionDenied
            _roll_back(request, row)
    except edits.NameInUse as error:
        messages.error(request, f"Another one is named {error} by now: rename it first.")
    return HttpResponseRedirect(history_url(pk))


def _roll_back(request: HttpRequest, row: Personality) -> None:
    if _number(request.POST.get("seen")) != row.version:
        messages.error(request, f"Version {row.version} was saved meanwhile. Nothing was changed: look again.")
        return
    number = _number(request.POST.get("version"))
    version = get_object_or_404(history.versions(row).filter(number=number)[:1])
    before, author = row.to_config(), request.user.get_username()
    try:
        edits.apply_edit(history.restore(row, version), before, author=author, note=f"Back to version {number}.")
    except edits.Refused as refused:
        messages.error(request, f"Version {number} would be refused today. {refused}")
    else:
        messages.success(request, f"It is again what it was in version {number}; that is version {row.version}.")


def _number(text: str | None, or_else: int = 0) -> int:
    return int(text) if text and is_whole_number(text, MAX_DIGITS) else or_else
