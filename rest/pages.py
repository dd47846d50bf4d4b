"""Lists in pages that are bounded in bytes too: a page of long rows ends early, and `next` goes on after its last."""

from collections.abc import Sequence
from typing import Any, TypeVar

import msgspec
from django.core.paginator import Page, Paginator
from django.db.models import Model
from django.http import HttpResponse
from rest_framework.exceptions import ValidationError
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.utils.urls import remove_query_param, replace_query_param
from rest_framework.views import APIView

from rest.concurrency import limited_concurrency
from rest.numbers import is_whole_number
from rest.query_parameters import Pages

MAX_DIGITS = 10  # of a place in a list
AFTER: dict[str, object] = {
    "name": "after",
    "in": "query",
    "required": False,
    "description": "Only what comes after this place in the list, counted from 1. Pages are counted from there.",
    "schema": {"type": "integer", "minimum": 0, "maximum": 10**MAX_DIGITS - 1},
}
AnyModel = TypeVar("AnyModel", bound=Model)


class BoundedPage(Page[Any]):
    """A page, and how many rows there are up to its end."""

    def __init__(self, rows: Sequence[object], number: int, paginator: "BoundedPaginator", begin: int) -> None:
        super().__init__(rows, number, paginator)
        self.end = begin + len(rows)


class BoundedPaginator(Paginator):  # type: ignore[type-arg]  # it is generic in the stubs alone
    """Django's, whose pages are counted from `after`, and may end early."""

    object_list: Any
    after: int

    def read(self, begin: int, limit: int) -> Sequence[object]:
        """Up to `limit` rows after the first `begin`, as they are shown: fewer if they are long, but at least one."""
        raise NotImplementedError

    def page(self, number: int | str) -> BoundedPage:
        """The page. Raises EmptyPage and PageNotAnInteger."""
        number = self.validate_number(number)
        begin = self.after + (number - 1) * self.per_page
        return BoundedPage(self.read(begin, self.per_page), number, self, begin)


class BoundedPages(Pages):
    """Pages by number. `next` of one that ended early names its last place instead: `?after=`."""

    paginator_class: type[BoundedPaginator]
    request: Request
    page: BoundedPage
    after: int | None = None

    def paginate_queryset(self, queryset: Any, request: Request, view: APIView | None = None) -> list[Any] | None:
        """The rows of the page. Raises NotFound, and ValidationError for malformed parameters."""
        self.after = _after(request)
        return super().paginate_queryset(queryset, request, view)

    def django_paginator_class(self, rows: Any, per_page: int) -> BoundedPaginator:  # type: ignore[override]  # anything that may be called will do
        """The paginator, under the name by which DRF makes it."""
        paginator = self.paginator_class(rows, per_page)
        paginator.after = self.after or 0
        return paginator

    def body(self) -> dict[str, object]:
        """The response: the page, and links to the next and the previous one."""
        links = {"next": self.get_next_link(), "previous": self.get_previous_link()}
        return {"count": self.page.paginator.count, **links, "results": list(self.page)}

    def get_next_link(self) -> str | None:
        """The address of the next page: by number as long as pages are full, else by the place where this one ended."""
        if self.page.end >= self.page.paginator.count:
            return None
        if self.after is None and len(self.page) == self.page.paginator.per_page:
            return super().get_next_link()
        address = remove_query_param(self.request.build_absolute_uri(), self.page_query_param)
        return replace_query_param(address, "after", self.page.end)

    def get_previous_link(self) -> str | None:
        """None with `after`: where the page before it began is not known."""
        return super().get_previous_link() if self.after is None else None

    def get_schema_operation_parameters(self, view: APIView) -> list[dict[str, dict[str, object]]]:
        """The parameters for page numbers, and `after`."""
        return [*super().get_schema_operation_parameters(view), AFTER]  # type: ignore[list-item]


class BoundedListView(ListAPIView[AnyModel]):
    """A list in such pages, of which few are made at a time for each user."""

    pagination_class: type[BoundedPages]

    def list(self, request: Request, *args: object, **kwargs: object) -> HttpResponse:  # type: ignore[override]
        """A page of the list, encoded by msgspec: DRF would copy long rows four times. Raises TooManyAtOnce."""
        pages = self.pagination_class()
        with limited_concurrency(request.user.pk):
            pages.paginate_queryset(self.filter_queryset(self.get_queryset()), request, self)
            return HttpResponse(msgspec.json.encode(pages.body()), content_type="application/json")


def _after(request: Request) -> int | None:
    text = request.query_params.get("after")
    if text is None:
        return None
    if not is_whole_number(text, MAX_DIGITS):
        raise ValidationError({"after": "A position, as a whole number."})
    return int(text)
