"""Personalities in the admin: the list, and what happens when a form is shown, saved or deleted."""

from functools import partial
from typing import Any

from django import forms
from django.contrib import admin
from django.db import connection
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern
from unfold.decorators import display
from unfold.views import ChangeList

from personalities import edits
from personalities.admin import history, preview
from personalities.admin.actions import forget_copies, warm
from personalities.admin.forms import TEXTS, AddForm, ChangeForm, LocksField
from personalities.cache import configs_in_redis
from personalities.config import BEHAVIORS, GENERATION, TRAITS
from personalities.models import Personality, authored
from personalities.names import MAX_RAW_LENGTH
from rest.admin import ListAdmin

SECTIONS: tuple[tuple[str, Any], ...] = (
    ("Identity", {"fields": ("personality_name", "display_name", "archetype", "relationship_type")}),
    ("Traits", {"fields": tuple(zip(TRAITS[::2], TRAITS[1::2], strict=True))}),
    ("Behaviours", {"fields": BEHAVIORS}),
    ("Voice", {"fields": TEXTS}),
    ("Generation", {"fields": (GENERATION,)}),
    ("Preferences of the user", {"fields": ("locked_preferences",)}),
)
STATE = ("is_active", "owner")
COUNTED = ("version", "created_at", "updated_at")

# Archetypes of one kind share a colour: there are only five.
BADGES = {
    "wise_mentor": "info",
    "curious_student": "info",
    "supportive_friend": "success",
    "balanced_companion": "success",
    "creative_partner": "primary",
    "calm_therapist": "primary",
    "professional_coach": "warning",
    "enthusiastic_cheerleader": "warning",
    "pragmatic_advisor": "danger",
}


class PersonalityList(ChangeList):
    """Knows which rows of the page have a copy in Redis: by one round trip, or none while Redis is away."""

    def get_results(self, request: HttpRequest) -> None:
        """Read the page's rows, and mark each with `is_cached`."""
        super().get_results(request)
        self.cached_keys = configs_in_redis.existing([row.key for row in self.result_list])
        for row in self.result_list:
            row.is_cached = row.key in self.cached_keys


class OwnerFilter(admin.SimpleListFilter):
    """Narrows the list to global personalities, or to those of users."""

    title = "owner"
    parameter_name = "owned"

    def lookups(self, request: HttpRequest, model_admin: object) -> list[tuple[str, str]]:
        """The choices of the filter: global ones, or owned ones."""
        return [("no", "Global"), ("yes", "Owned")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Personality]) -> QuerySet[Personality]:
        """The rows that belong to the choice; all if there is none."""
        owned = {"no": False, "yes": True}.get(self.value() or "")
        return queryset if owned is None else queryset.filter(owner__isnull=not owned)


@admin.register(Personality)
class PersonalityAdmin(ListAdmin):
    """The list and the forms. The preview beside a form and the history have a module each."""

    list_display = ("name", "kind", "whose", "version", "is_active", "cached", "updated_at")
    list_filter = ("archetype", "relationship_type", "is_active", OwnerFilter)
    list_select_related = ("owner",)
    search_fields = ("personality_name", "display_name", "backstory", "owner__username")
    actions = (forget_copies, warm)
    fieldsets = (*SECTIONS, ("State", {"fields": (*STATE, COUNTED, "note", "seen")}))
    add_fieldsets: Any = (*SECTIONS, ("State", {"fields": (*STATE, "note")}))
    readonly_fields = COUNTED
    raw_id_fields = ("owner",)  # if its value is not a number, the form says so; an autocomplete field would raise
    compressed_fields = False  # labels above the inputs leave room for the panel beside them

    @display(description="personality", ordering="display_name", header=True)
    def name(self, row: Personality) -> tuple[str, str]:
        """The name that people see, above the name that programs use."""
        return str(row), row.personality_name

    @display(description="archetype", ordering="archetype", label=BADGES)
    def kind(self, row: Personality) -> tuple[str, str] | None:
        """The archetype as a badge."""
        return (row.archetype, row.get_archetype_display()) if row.archetype else None

    @display(description="owner", ordering="owner__username")
    def whose(self, row: Personality) -> str:
        """The owner's name."""
        return row.owner.get_username() if row.owner else "global"

    @display(description="cached", boolean=True)
    def cached(self, row: Personality) -> bool:
        """Whether Redis has a copy."""
        return bool(getattr(row, "is_cached", False))

    def get_urls(self) -> list[URLPattern]:
        """Django's pages, the preview and the rollback."""
        return [*history.urls(self), *preview.urls(self), *super().get_urls()]

    def get_changelist(self, request: HttpRequest, **kwargs: object) -> Any:
        """The list that knows what is cached."""
        return PersonalityList

    def get_form(
        self, request: HttpRequest, obj: Personality | None = None, change: bool = False, **kwargs: object
    ) -> "type[forms.ModelForm[Personality]]":
        """One form to add, another to change."""
        return super().get_form(request, obj, change, **{"form": ChangeForm if change else AddForm} | kwargs)

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: object) -> Any:
        """Django's, except for the name, which may be longer as typed than as stored, and for the locks."""
        if db_field.name == "personality_name":
            kwargs["max_length"] = MAX_RAW_LENGTH
        if db_field.name == "locked_preferences":
            return LocksField(db_field.help_text)
        return super().formfield_for_dbfield(db_field, request, **kwargs)

    def render_change_form(
        self,
        request: HttpRequest,
        context: dict[str, Any],
        add: bool = False,
        change: bool = False,
        form_url: str = "",
        obj: Personality | None = None,
    ) -> HttpResponse:
        """The form with the preview beside it."""
        context |= preview.context(self, request, context["adminform"].form, context["original"])
        return super().render_change_form(request, context, add, change, form_url, obj)

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, object] | None = None,
    ) -> Any:
        """Django's. If the name was taken between the form's check and its save, check and save once more."""
        show = partial(super().changeform_view, request, object_id, form_url, extra_context)
        try:
            return show()
        except edits.NameInUse:
            return show()

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Personality | None:
        """The row, locked if it is to be saved: nobody else can save it between the form's check and its save."""
        row: Personality | None = super().get_object(request, object_id, from_field)
        if row and request.method == "POST" and connection.in_atomic_block:
            return Personality.objects.select_for_update(of=("self",)).filter(pk=row.pk).first()
        return row

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Save what the form has checked, under the user's name and with the form's note."""
        edits.apply_edit(obj, form.before, author=request.user.get_username(), note=form.cleaned_data.get("note", ""))

    def delete_model(self, request: HttpRequest, obj: Personality) -> None:
        """Delete under the user's name."""
        with authored(request.user.get_username()):
            super().delete_model(request, obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Personality]) -> None:
        """Delete the selected ones under the user's name."""
        with authored(request.user.get_username()):
            super().delete_queryset(request, queryset)

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, object] | None = None
    ) -> HttpResponse:
        """The timeline; Django's answer where there is no such personality."""
        row = self.get_object(request, object_id)
        return history.page(self, request, row) if row else super().history_view(request, object_id)
