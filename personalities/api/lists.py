"""How the list of personalities is filtered, ordered, searched and cut into pages, bounded in number and in bytes.

A parameter that makes no sense is an error.
"""

from collections.abc import Iterable, Iterator, Sequence

import msgspec
from django.db.models import QuerySet
from django_filters import ChoiceFilter, FilterSet, TypedChoiceFilter
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework.exceptions import ValidationError
from rest_framework.filters import OrderingFilter
from rest_framework.request import Request
from rest_framework.views import APIView

from personalities.archetypes import ARCHETYPES
from personalities.models import Personality
from rest.pages import BoundedPages, BoundedPaginator
from rest.query_parameters import SEARCH_BOUND, HasParameters, KnownParameters, Row, can_be_searched

MAX_PAGE_BYTES = 1024 * 1024  # of personalities as JSON, each of which has 25 KiB at most
BOOLEANS = [("true", "true"), ("false", "false")]


class PersonalityFilter(FilterSet):  # type: ignore[misc]  # it is untyped
    """`?archetype=` and `?is_active=`."""

    archetype = ChoiceFilter(choices=[(name, name) for name in sorted(ARCHETYPES)])
    is_active = extend_schema_field(OpenApiTypes.BOOL)(TypedChoiceFilter)(choices=BOOLEANS, coerce="true".__eq__)

    class Meta:
        model = Personality
        fields: Sequence[str] = ()


class StrictOrdering(OrderingFilter):
    """`?ordering=` by known fields only. A misspelt one is an error, where DRF would silently drop it.

    The id comes last, so that pages of rows that are otherwise equal neither repeat nor lose one.
    """

    def get_schema_operation_parameters(self, view: APIView) -> list[dict[str, object]]:
        """Document the parameter as DRF does, and add the fields that are known."""
        (parameter,) = super().get_schema_operation_parameters(view)
        field = f"-?({'|'.join(_known_fields(view))})"
        parameter["schema"] |= {"pattern": f"^({field}(,{field})*)?$"}
        return [parameter]

    def get_ordering(self, request: Request, queryset: QuerySet[Row], view: APIView) -> list[str]:
        """The fields as given, else the name; then the id."""
        return [*(super().get_ordering(request, queryset, view) or ("personality_name",)), "id"]

    def remove_invalid_fields(
        self, queryset: QuerySet[Row], fields: Iterable[str], view: APIView, request: Request
    ) -> list[str]:
        """Return `fields` as they are. Raises ValidationError for an unknown one."""
        given = list(fields)
        valid = super().remove_invalid_fields(queryset, given, view, request)
        if refused := [field for field in given if field not in valid]:
            known = ", ".join(_known_fields(view))
            raise ValidationError({"ordering": f"Unknown: {', '.join(refused)}. Known: {known}."})
        return valid


def _known_fields(view: APIView) -> Sequence[str]:
    fields: Sequence[str] = getattr(view, "ordering_fields", ())
    return fields


class PersonalityParameters(KnownParameters):
    """Refuses unknown parameters, empty filters and searches that are too long."""

    def filter_queryset(self, request: Request, queryset: QuerySet[Row], view: HasParameters) -> QuerySet[Row]:  # type: ignore[override]
        """Return `queryset` as it is. Raises ValidationError."""
        super().filter_queryset(request, queryset, view)
        if empty := {"archetype", "is_active"} & {name for name, value in request.query_params.items() if not value}:
            raise ValidationError(dict.fromkeys(empty, "This parameter must not be empty."))
        if not can_be_searched(request.query_params.get("search", "")):
            raise ValidationError({"search": SEARCH_BOUND})
        return queryset


class PersonalityPaginator(BoundedPaginator):
    """Shows each as `GET` of it does."""

    object_list: QuerySet[Personality]

    def read(self, begin: int, limit: int) -> Sequence[msgspec.Raw]:
        """At most `limit` personalities from `begin` on, as JSON, and only as many as MAX_PAGE_BYTES holds."""
        return list(_shown(self.object_list[begin : begin + limit]))


class PersonalityPages(BoundedPages):
    """Pages of personalities, bounded in number and in bytes."""

    paginator_class = PersonalityPaginator


def _shown(rows: QuerySet[Personality]) -> Iterator[msgspec.Raw]:
    left = MAX_PAGE_BYTES
    for row in rows:
        json = row.to_config().json
        left -= len(json)
        if left < 0:
            return
        yield msgspec.Raw(json)
