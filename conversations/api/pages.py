"""Pages of messages, bounded in number and in bytes."""

from django.core.paginator import Page, Paginator
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.utils.urls import remove_query_param, replace_query_param
from rest_framework.views import APIView

from conversations.models import MAX_BYTES, MessageQuerySet, MessageRow
from rest.query_parameters import Pages

MAX_PAGE_BYTES = 4 * MAX_BYTES  # of messages, but one at least; escaped in JSON its text may be six times as long
MAX_DIGITS = 10  # of a position
AFTER: dict[str, object] = {
    "name": "after",
    "in": "query",
    "required": False,
    "description": "Only messages after this position. Pages are counted from there.",
    "schema": {"type": "integer", "minimum": 0, "maximum": 10**MAX_DIGITS - 1},
}


class MessagePaginator(Paginator):  # type: ignore[type-arg]  # it is generic in the stubs alone
    """Positions have no gaps, so the number of a page says at which position it begins, counted from `after`."""

    object_list: MessageQuerySet
    after: int

    def page(self, number: int | str) -> "Page[MessageRow]":
        """As Django's, but it ends early if its messages are long."""
        number = self.validate_number(number)
        first = self.after + (number - 1) * self.per_page + 1
        return Page(self.object_list.read_from(first, self.per_page, MAX_PAGE_BYTES), number, self)


class MessagePages(Pages):
    """Pages by number. `next` of one that ended early names the last position instead: `?after=`."""

    request: Request
    page: "Page[MessageRow]"
    after: int | None = None

    def paginate_queryset(  # type: ignore[override]
        self, queryset: MessageQuerySet, request: Request, view: APIView | None = None
    ) -> list[MessageRow]:
        """The messages of the page. Raises NotFound, and ValidationError for malformed parameters."""
        self.after = self._after(request)
        return super().paginate_queryset(queryset, request, view)  # type: ignore[arg-type, return-value]

    def django_paginator_class(  # type: ignore[override]  # anything that may be called will do
        self, messages: MessageQuerySet, per_page: int
    ) -> MessagePaginator:
        """The paginator, under the name by which DRF makes it."""
        paginator = MessagePaginator(messages, per_page)
        paginator.after = self.after or 0
        return paginator

    def body(self) -> dict[str, object]:
        """The response: the page, and links to the next and the previous one."""
        links = {"next": self.get_next_link(), "previous": self.get_previous_link()}
        return {"count": self.page.paginator.count, **links, "results": list(self.page)}

    def get_next_link(self) -> str | None:
        """By page number as long as pages are full, else by position."""
        last = self.page[-1]["position"] if self.page else self.page.paginator.count
        if last >= self.page.paginator.count:
            return None
        if self.after is None and len(self.page) == self.page.paginator.per_page:
            return super().get_next_link()
        return replace_query_param(self._url_without_page(), "after", last)

    def get_previous_link(self) -> str | None:
        """None with `after`: where the page before it began is not known."""
        return super().get_previous_link() if self.after is None else None

    def get_schema_operation_parameters(self, view: APIView) -> list[dict[str, dict[str, object]]]:
        """The parameters for page numbers, and `after`."""
        return [*super().get_schema_operation_parameters(view), AFTER]  # type: ignore[list-item]

    def _url_without_page(self) -> str:
        return remove_query_param(self.request.build_absolute_uri(), self.page_query_param)

    def _after(self, request: Request) -> int | None:
        text = request.query_params.get("after")
        if text is None:
            return None
        if not (text.isascii() and text.isdigit() and len(text) <= MAX_DIGITS):
            raise ValidationError({"after": "A position, as a whole number."})
        return int(text)
