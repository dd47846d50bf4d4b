"""The panel beside the form: what programs will see when the form is saved as it stands."""

import json
from collections.abc import Mapping
from functools import partial
from typing import Any
from uuid import UUID

from django.contrib.auth.models import AnonymousUser, User
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import URLPattern, path, reverse
from django.utils.text import capfirst
from django.views.decorators.http import require_POST
from unfold.admin import ModelAdmin

from personalities.admin.forms import PersonalityForm
from personalities.admin.radar import radar
from personalities.config import TRAITS
from personalities.lint import lint
from personalities.models import Personality
from personalities.names import RESERVED
from personalities.prompt.opening import prompt_at_first
from rest.admin import costly_page

TEMPLATE = "admin/personalities/personality/preview.html"
URL_NAME = "personalities_personality_preview"


def urls(model_admin: ModelAdmin) -> list[URLPattern]:
    """The page that renders the panel while the form is edited."""
    view = model_admin.admin_site.admin_view(require_POST(partial(preview, model_admin)))
    return [path(route, view, name=URL_NAME) for route in ("preview/", "<uuid:pk>/preview/")]


@costly_page
def preview(model_admin: ModelAdmin, request: HttpRequest, pk: UUID | None = None) -> HttpResponse:
    """The panel for the posted form, as HTML. Nothing is saved."""
    row = get_object_or_404(Personality, pk=pk) if pk else None
    if not model_admin.has_view_permission(request, row):
        raise PermissionDenied
    form: Any = model_admin.get_form(request, row, change=row is not None)(request.POST, instance=row)
    return render(request, TEMPLATE, panel(form))


def context(
    model_admin: ModelAdmin, request: HttpRequest, form: PersonalityForm, row: Personality | None
) -> dict[str, object]:
    """What the template of the form needs for the panel: its content and, for those who may write, its address."""
    given = panel(form) | {"served_as": _served_as(request.user, row) if row else ""}
    may_write = model_admin.has_change_permission(request, row) if row else model_admin.has_add_permission(request)
    if not (may_write and model_admin.has_view_permission(request, row)):
        return given
    name = f"{model_admin.admin_site.name}:{URL_NAME}"
    return given | {"preview_url": reverse(name, args=[row.pk] if row else [])}


def _served_as(user: User | AnonymousUser, row: Personality) -> str:
    """The name by which `row`, as it is stored, answers to `user`; "" if it is inactive, somebody else's or hidden."""
    _, name = row.stored_key or row.key
    if name in RESERVED:
        return ""  # written in SQL, before the database refused such names
    served = Personality.objects.served_to(user.pk).filter(personality_name=name).first()
    return name if served == row else ""


def panel(form: PersonalityForm) -> dict[str, object]:
    """The context of the panel's template. `form.instance` holds what was typed or, if nothing was, what is stored."""
    errors = [(_label(form, name), messages) for name, messages in form.errors.items()]  # first: fills the instance
    personality: Personality = form.instance
    config = personality.to_config()
    return {
        "radar": radar(config.traits),
        "prompt": prompt_at_first(config),
        "findings": [] if errors else lint(config),
        "levels": json.dumps({trait: getattr(personality, trait) for trait in TRAITS}),
        "mistakes": errors,
        "follows": sorted(_label(form, name) for name in form.follows),
        # Without a name, or with a mistake in the form, there is nothing that programs could see.
        "json": "" if errors or not personality.personality_name else _json(config.to_dict(), personality),
    }


def _json(plain: Mapping[str, object], personality: Personality) -> str:
    unsaved = {"id": None} if personality._state.adding else {}  # it gets another one when it is saved
    return json.dumps({**plain, **unsaved}, indent=2, ensure_ascii=False)


def _label(form: PersonalityForm, name: str) -> str:
    return capfirst(str(form[name].label)) if name in form.fields else ""
