"""What the admin's lists share."""

from typing import Any

from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.core.exceptions import BadRequest, ValidationError
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from unfold.admin import ModelAdmin


class ListAdmin(ModelAdmin):
    """The theme's, for forms from strangers too."""

    def response_action(self, request: HttpRequest, queryset: QuerySet[Model]) -> HttpResponse | None:  # type: ignore[override]
        """As Django, which would fail on a selected id that cannot be one. Raises BadRequest, so 400."""
        key: Any = self.model._meta.pk
        try:
            for text in request.POST.getlist(ACTION_CHECKBOX_NAME):
                key.to_python(text)
        except ValidationError:
            raise BadRequest("A selected id is none.") from None
        return super().response_action(request, queryset)
