from typing import Any

from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.pagination import PageNumberPagination
from rest_framework.request import Request


class Pages(PageNumberPagination):
    """`?page=` from 1 and `?page_size=` up to 200."""

    page_size = 50
    page_size_query_param = "page_size"
    max_page_size = 200

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        """DRF's, with the bounds."""
        parameters: list[dict[str, Any]] = super().get_schema_operation_parameters(view)
        most = {self.page_size_query_param: {"maximum": self.max_page_size}}
        for parameter in parameters:
            parameter["schema"] |= {"minimum": 1} | most.get(parameter["name"], {})
        return parameters

    def get_page_number(self, request: Request, paginator: Any) -> int:
        """DRF would take nothing for 1, and "last" for another number each time."""
        text = request.query_params.get(self.page_query_param, "1")
        if not (text.isascii() and text.isdigit()):
            raise NotFound("There is no such page.")
        return int(text[:10])

    def get_page_size(self, request: Request) -> int:
        """A size that is out of bounds is an error, where DRF would silently take another."""
        text = request.query_params.get("page_size", str(self.page_size))
        if not (text.isascii() and text.isdigit() and len(text) < 4 and 1 <= int(text) <= self.max_page_size):
            raise ValidationError({"page_size": f"A whole number from 1 to {self.max_page_size}."})
        return int(text)
