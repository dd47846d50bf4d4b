"""Finds personalities while somebody types in the playground: there may be more than a page should hold."""

from django.utils.decorators import method_decorator
from django.views.decorators.cache import never_cache
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from chat import choices
from chat.catalogue import LIST_SECONDS
from chat.sessions import Session
from resilience.database import answer_within
from rest.concurrency import one_of_few
from rest.query_parameters import SEARCH_BOUND, can_be_searched


@method_decorator(never_cache, name="dispatch")
@extend_schema(exclude=True)  # it belongs to the page
class SearchView(APIView):
    """What the page finds while somebody types."""

    authentication_classes = (Session,)

    def get(self, request: Request) -> Response:
        """`?q=` finds by the beginnings of words, `?name=` the one of that name. Raises ValidationError."""
        text, name = request.query_params.get("q", ""), request.query_params.get("name", "")
        if not can_be_searched(text):
            raise ValidationError({"q": SEARCH_BOUND})
        with one_of_few(request.user.pk), answer_within(LIST_SECONDS):
            if not name:
                return Response(choices.search(request._request, text))
            chosen = choices.named(request._request, name)
            return Response({"results": [chosen] if chosen else [], "has_more": False})
