"""How the list is read and narrowed."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.views import ChangeList

from personalities.cache import redis_copies
from personalities.models import Personality

# Neighbours in kind share a colour: five are all there are.
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
    """Knows of each row of the page whether Redis has a copy: one round trip, none of them when Redis is away."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        self.cached_keys = redis_copies.stored([row.key for row in self.result_list])
        for row in self.result_list:
            row.is_cached = row.key in self.cached_keys


class OwnerFilter(admin.SimpleListFilter):
    title = "owner"
    parameter_name = "owned"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("no", "Global"), ("yes", "Owned")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Personality]) -> QuerySet[Personality]:
        owned = {"no": False, "yes": True}.get(self.value() or "")
        return queryset if owned is None else queryset.filter(owner__isnull=not owned)
