"""What the admin's lists share."""

from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

from django.contrib import messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.views.main import ORDER_VAR, SEARCH_VAR
from django.core.exceptions import BadRequest, ValidationError
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse, QueryDict
from unfold.admin import ModelAdmin

from rest.concurrency import TooManyAtOnce, limited_concurrency
from rest.query_parameters import SEARCH_BOUND, can_be_searched

FILTER_LOOKUPS = ("", "__exact", "__isnull", "__id__exact")  # those of Django's filters by choice, boolean and relation
P = ParamSpec("P")
Admin = TypeVar("Admin")


def costly_page(
    page: Callable[Concatenate[Admin, HttpRequest, P], HttpResponse],
) -> Callable[Concatenate[Admin, HttpRequest, P], HttpResponse]:
    """A page of the admin, of which few are made at a time for each user: 429 for more."""

    @wraps(page)
    def bounded(admin: Admin, request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        try:
            with limited_concurrency(request.user.pk):
                return page(admin, request, *args, **kwargs)
        except TooManyAtOnce as error:
            return HttpResponse(
                str(error.detail), status=error.status_code, content_type="text/plain", headers=error.headers
            )

    return bounded


class ListAdmin(ModelAdmin):
    """The theme's, safe against forms and addresses from strangers."""

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        """Django's list. Of repeated parameters the last counts, and of too many columns to order by the first."""
        request.GET = self._bounded(request)  # type: ignore[assignment]  # the stubs take it for immutable
        if not can_be_searched(request.GET.get(SEARCH_VAR, "")):
            self.message_user(request, SEARCH_BOUND, messages.ERROR)
        return super().changelist_view(request, extra_context)

    def _bounded(self, request: HttpRequest) -> QueryDict:
        parameters = QueryDict(mutable=True)
        parameters.update(request.GET.dict())
        if order := parameters.get(ORDER_VAR):
            parameters[ORDER_VAR] = ".".join(order.split(".")[: len(self.get_list_display(request))])
        return parameters

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Model], search_term: str
    ) -> tuple[QuerySet[Model], bool]:
        """What Django finds; no rows if the search is too long, as an action on all it found must not hit others."""
        if not can_be_searched(search_term):
            return queryset.none(), False
        return super().get_search_results(request, queryset, search_term)

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest | None = None) -> bool:
        """Only what a filter of the list asks for: others take regular expressions, and numbers of any size."""
        filters = self.get_list_filter(request) if request else self.list_filter
        names = [getattr(each, "parameter_name", each) for each in filters]
        return any(lookup == f"{name}{suffix}" for name in names for suffix in FILTER_LOOKUPS)

    def response_action(self, request: HttpRequest, queryset: QuerySet[Model]) -> HttpResponse | None:  # type: ignore[override]
        """Run the action as Django does. Raises BadRequest, so 400, for a selected id that cannot be one."""
        key = self.model._meta.pk
        try:
            for text in request.POST.getlist(ACTION_CHECKBOX_NAME):
                key.to_python(text)
        except ValidationError:
            raise BadRequest("A selected id is none.") from None
        return super().response_action(request, queryset)
