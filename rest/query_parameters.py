"""Query parameters: unknown or malformed ones are errors, where DRF would ignore them or choose for itself."""

import re
from collections.abc import Collection
from typing import Protocol, TypeVar

from django.core.paginator import Paginator
from django.db.models import Model, QuerySet
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.filters import BaseFilterBackend
from rest_framework.pagination import PageNumberPagination
from rest_framework.request import Request
from rest_framework.views import APIView

from rest.numbers import is_whole_number

Row = TypeVar("Row", bound=Model)
MAX_SEARCH, MAX_WORDS = 200, 10  # characters; each word is looked for in every row
SEARCH_BOUND = f"At most {MAX_WORDS} words of {MAX_SEARCH} characters, without NUL."


def can_be_searched(text: str) -> bool:
    """Whether `text` is within SEARCH_BOUND. Words end at spaces and commas."""
    return len(text) <= MAX_SEARCH and len(re.split(r"[\s,]+", text)) <= MAX_WORDS and "\x00" not in text


def check_parameters(request: Request, known: Collection[str]) -> None:
    """Check the query. Raises ValidationError for a parameter that is not known, or that is given more than once."""
    given = request.query_params
    if unknown := given.keys() - {*known}:
        raise ValidationError(dict.fromkeys(unknown, "This parameter is not known."))
    if repeated := [name for name, values in given.lists() if len(values) > 1]:
        raise ValidationError(dict.fromkeys(repeated, "This parameter is given more than once."))


class HasParameters(Protocol):
    """A list view that names the query parameters it takes."""

    parameters: frozenset[str]


class KnownParameters(BaseFilterBackend):
    """Refuses a parameter that is not in `view.parameters`: with a misspelt filter the answer would be everything."""

    def filter_queryset(self, request: Request, queryset: QuerySet[Row], view: HasParameters) -> QuerySet[Row]:  # type: ignore[override]
        """Return `queryset` as it is. Raises ValidationError."""
        check_parameters(request, view.parameters)
        return queryset


class Pages(PageNumberPagination):
    """`?page=` from 1, and `?page_size=` up to 200."""

    page_size = 50
    page_size_query_param = "page_size"
    max_page_size = 200

    def get_schema_operation_parameters(self, view: APIView) -> list[dict[str, dict[str, object]]]:
        """Document both parameters as DRF does, and add their bounds."""
        parameters: list[dict[str, dict[str, object]]] = super().get_schema_operation_parameters(view)
        most: dict[object, dict[str, object]] = {self.page_size_query_param: {"maximum": self.max_page_size}}
        for parameter in parameters:
            parameter["schema"] |= {"minimum": 1} | most.get(parameter["name"], {})
        return parameters

    def get_paginated_response_schema(self, schema: dict[str, object]) -> dict[str, object]:
        """Describe a page in the dialect of OpenAPI 3.1, which DRF does not know."""
        link = {"type": ["string", "null"], "format": "uri"}
        properties = {"count": {"type": "integer"}, "next": link, "previous": dict(link), "results": schema}
        return {"type": "object", "required": list(properties), "properties": properties}

    def get_page_number(self, request: Request, paginator: "Paginator[object]") -> int:
        """The number as given. DRF would take an empty one for 1, and "last" for a number that changes."""
        text = request.query_params.get(self.page_query_param, "1")
        if not is_whole_number(text):
            raise NotFound("There is no such page.")
        return int(text[:10])

    def get_page_size(self, request: Request) -> int:
        """The size as given. Raises ValidationError out of bounds, where DRF would silently take another."""
        text = request.query_params.get(self.page_size_query_param, str(self.page_size))
        if not (is_whole_number(text, 3) and 1 <= int(text) <= self.max_page_size):
            raise ValidationError({"page_size": f"A whole number from 1 to {self.max_page_size}."})
        return int(text)
