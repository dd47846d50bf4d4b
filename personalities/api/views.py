"""The endpoints of personalities themselves. A view parses, calls once, answers; HTTP begins and ends here."""

from http import HTTPStatus

import msgspec
from django.db.models import QuerySet
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django_filters.rest_framework import DjangoFilterBackend
from drf_spectacular.utils import extend_schema
from rest_framework.filters import SearchFilter
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse
from rest_framework.views import APIView

from personalities.api import rows, serializers, writes
from personalities.api.lists import PersonalityFilter, PersonalityPages, PersonalityParameters, StrictOrdering
from personalities.api.rows import PersonalityNotFound
from personalities.api.serializers import Represent, represent, represent_id
from personalities.archetypes import ARCHETYPES
from personalities.models import Personality
from personalities.names import no_active
from rest.concurrency import limited_concurrency
from rest.conditional import IF_MATCH, IF_MATCH_ALWAYS, IF_NONE_MATCH, provenance_headers, respond, respond_to_write
from rest.pages import BoundedListView

PERSONALITY = serializers.PersonalitySerializer


class PersonalityListView(BoundedListView[Personality]):
    """List the global personalities and the caller's own. A page of long ones ends early; `next` continues after it."""

    serializer_class = serializers.PersonalitySerializer
    filter_backends = (PersonalityParameters, DjangoFilterBackend, SearchFilter, StrictOrdering)
    filterset_class = PersonalityFilter
    parameters = frozenset({"archetype", "is_active", "search", "ordering", "page", "page_size", "after"})
    pagination_class = PersonalityPages
    search_fields = ("personality_name", "display_name", "backstory")
    ordering_fields = ("personality_name", "display_name", "archetype", "created_at", "updated_at")

    def get_queryset(self) -> QuerySet[Personality]:
        """All that the caller may see; filters narrow it."""
        return Personality.objects.visible_to(self.request.user)

    @extend_schema(responses={201: PERSONALITY})
    def post(self, request: Request) -> HttpResponseBase:
        """Create a personality: a global one if the caller is staff, else one of their own.

        Only `personality_name` must be given: the archetype fills what is left out.
        """
        made = writes.create(request)
        location = reverse("personality", args=[made.personality_name], request=request)
        return respond_to_write(represent(made), HTTPStatus.CREATED, {"Location": location})


class PersonalityDetailView(APIView):
    """One personality by name, in any spelling: the caller's own, else the global one."""

    represent = staticmethod(represent)

    @extend_schema(responses={200: PERSONALITY, 304: None}, parameters=[IF_NONE_MATCH, rows.OWNER])
    def get(self, request: Request, name: str) -> HttpResponseBase:
        """Get a personality, if it is active.

        An inactive one is listed for its editors, and served to nobody.
        """
        return _read(request, name, self.represent)

    @extend_schema(request=PERSONALITY, responses=PERSONALITY, parameters=[IF_MATCH_ALWAYS, rows.OWNER])
    def put(self, request: Request, name: str) -> HttpResponseBase:
        """Replace a personality: what is left out becomes what a new personality has there."""
        return respond_to_write(represent(writes.edit(request, name, partial=False)))

    @extend_schema(request=PERSONALITY, responses=PERSONALITY, parameters=[IF_MATCH, rows.OWNER])
    def patch(self, request: Request, name: str) -> HttpResponseBase:
        """Change what is given of a personality and keep the rest."""
        return respond_to_write(represent(writes.edit(request, name, partial=True)))

    @extend_schema(responses={204: None}, parameters=[IF_MATCH, rows.OWNER])
    def delete(self, request: Request, name: str) -> Response:
        """Delete a personality. Its history stays."""
        writes.delete(request, name)
        return Response(status=HTTPStatus.NO_CONTENT)


class PersonalityIdView(APIView):
    """The id of one personality, by name in any spelling."""

    represent = staticmethod(represent_id)

    @extend_schema(responses={200: serializers.IdSerializer, 304: None}, parameters=[IF_NONE_MATCH, rows.OWNER])
    def get(self, request: Request, name: str) -> HttpResponseBase:
        """Get the id of a personality."""
        return _read(request, name, self.represent)


class ResolveView(APIView):
    """Many personalities at once."""

    @extend_schema(request=serializers.ResolveSerializer, responses=serializers.ResolvedSerializer)
    def post(self, request: Request) -> HttpResponse:
        """Get up to 100 personalities by name, in one round trip."""
        serializer = serializers.ResolveSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        names = serializer.validated_data["names"]
        with limited_concurrency(request.user.pk):
            answers = Personality.objects.lookup_many(names, request.user)
            found = {name: msgspec.Raw(answer.value.json) for name, answer in answers.items() if answer.value}
            body = {"personalities": found, "missing": [name for name in answers if name not in found]}
            headers = provenance_headers(answers.values())
            return HttpResponse(msgspec.json.encode(body), content_type="application/json", headers=headers)


class ArchetypeListView(APIView):
    """The ready-made characters."""

    @extend_schema(responses=serializers.ArchetypeSerializer(many=True))
    def get(self, request: Request) -> Response:
        """List the archetypes and what each fills in."""
        return Response(msgspec.to_builtins(list(ARCHETYPES.values())))


def _read(request: Request, name: str, represent: Represent) -> HttpResponseBase:
    if "owner" in request.query_params:
        row = rows.visible(request, name, is_active=True)
        return respond(request._request, represent(row.to_config()))
    answer = Personality.objects.lookup(name, request.user)
    headers = provenance_headers([answer])
    if answer.value is None:
        raise PersonalityNotFound(no_active(name), headers)
    return respond(request._request, represent(answer.value), headers)
