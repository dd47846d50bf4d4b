from typing import Any

from django.contrib import admin
from django.db import IntegrityError
from django.http import HttpRequest
from unfold.decorators import display

from personalities.admin.actions import forget_copies, warm
from personalities.admin.forms import TEXTS, AddForm, ChangeForm, LocksField
from personalities.admin.history import HistoryAdmin
from personalities.admin.listing import BADGES, OwnerFilter, PersonalityList
from personalities.config import BEHAVIORS, GENERATION, TRAITS
from personalities.models import Personality
from personalities.names import MAX_RAW_LENGTH

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


@admin.register(Personality)
class PersonalityAdmin(HistoryAdmin):
    list_display = ("name", "kind", "whose", "version", "is_active", "cached", "updated_at")
    list_filter = ("archetype", "relationship_type", "is_active", OwnerFilter)
    list_select_related = ("owner",)
    search_fields = ("personality_name", "display_name", "backstory", "owner__username")
    actions = (forget_copies, warm)
    fieldsets = (*SECTIONS, ("State", {"fields": (*STATE, COUNTED, "note", "seen")}))
    add_fieldsets: Any = (*SECTIONS, ("State", {"fields": (*STATE, "note")}))
    readonly_fields = COUNTED
    raw_id_fields = ("owner",)  # an owner that is no number is an error of the form; autocomplete would raise
    compressed_fields = False  # labels above the inputs leave room for the panel beside them

    @display(description="personality", ordering="display_name", header=True)
    def name(self, row: Personality) -> tuple[str, str]:
        return str(row), row.personality_name

    @display(description="archetype", ordering="archetype", label=BADGES)
    def kind(self, row: Personality) -> tuple[str, str] | None:
        return (row.archetype, row.get_archetype_display()) if row.archetype else None

    @display(description="owner", ordering="owner__username")
    def whose(self, row: Personality) -> str:
        return row.owner.get_username() if row.owner else "global"

    @display(description="cached", boolean=True)
    def cached(self, row: Any) -> bool:
        return bool(row.is_cached)

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> Any:
        return PersonalityList

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        return super().get_form(request, obj, change, **{"form": ChangeForm if change else AddForm} | kwargs)

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name == "personality_name":
            kwargs["max_length"] = MAX_RAW_LENGTH  # what was typed may be longer than the spelling made of it
        if db_field.name == "locked_preferences":
            return LocksField(help_text=db_field.help_text)
        return super().formfield_for_dbfield(db_field, request, **kwargs)

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        """As Django's. A name that was taken between our look and our save is said at the name, by a second look."""
        try:
            return super().changeform_view(request, *args, **kwargs)
        except IntegrityError:
            return super().changeform_view(request, *args, **kwargs)
