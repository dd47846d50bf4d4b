"""The panel beside the form: what programs will see when the form is saved as it stands."""

import json
from typing import Any
from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import URLPattern, path, reverse
from django.utils.text import capfirst
from django.views.decorators.http import require_POST
from unfold.admin import ModelAdmin

from personalities.admin.forms import PersonalityForm
from personalities.config import TRAITS
from personalities.lint import lint
from personalities.models import Personality
from personalities.prompt import assemble
from personalities.radar import radar

TEMPLATE = "admin/personalities/personality/preview.html"
URL_NAME = "personalities_personality_preview"


class PreviewedAdmin(ModelAdmin):
    """Shows the panel beside the form, and answers with it while the form is edited."""

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(require_POST(self.preview))
        routes = ("preview/", "<uuid:pk>/preview/")
        return [*(path(route, view, name=URL_NAME) for route in routes), *super().get_urls()]

    def preview(self, request: HttpRequest, pk: UUID | None = None) -> HttpResponse:
        """The panel for the posted form, as HTML. Nothing is saved."""
        row = get_object_or_404(Personality, pk=pk) if pk else None
        if not self.has_view_permission(request, row):
            raise PermissionDenied
        form: Any = self.get_form(request, row, change=row is not None)(request.POST, instance=row)
        return render(request, TEMPLATE, panel(form))

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        form, row = context["adminform"].form, context["original"]
        # Somebody who may only look gets nothing that a preview could follow.
        may_write = self.has_change_permission(request, row) if row else self.has_add_permission(request)
        if may_write and self.has_view_permission(request, row):
            name = f"{self.admin_site.name}:{URL_NAME}"
            context["preview_url"] = reverse(name, args=[row.pk] if row else [])
        return super().render_change_form(request, context | panel(form), *args, **kwargs)


def panel(form: PersonalityForm) -> dict[str, Any]:
    """The template's context. `form.instance` holds what was typed, or what is stored when nothing was."""
    errors = [
        (_label(form, name), messages) for name, messages in form.errors.items()
    ]  # first: this fills the instance
    personality: Personality = form.instance
    config = personality.to_config()
    return {
        "radar": radar(config.traits),
        "prompt": assemble(config),
        "findings": [] if errors else lint(config),
        "levels": json.dumps({trait: getattr(personality, trait) for trait in TRAITS}),
        "mistakes": errors,
        "follows": sorted(_label(form, name) for name in form.follows),
        # Without a name, or with a mistake in the form, there is nothing that programs could see.
        "json": "" if errors or not personality.personality_name else _json(personality),
    }


def _json(personality: Personality) -> str:
    plain = personality.to_config().to_dict()
    if personality._state.adding:
        plain["id"] = None  # it gets another one when it is saved
    return json.dumps(plain, indent=2, ensure_ascii=False)


def _label(form: PersonalityForm, name: str) -> str:
    return capfirst(str(form[name].label)) if name in form.fields else ""
