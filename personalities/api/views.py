"""The endpoints. A view parses, calls once, answers; HTTP begins and ends here."""

from http import HTTPStatus
from typing import Any, cast

import msgspec
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import QuerySet
from django.http.response import HttpResponseBase
from django_filters.rest_framework import DjangoFilterBackend
from drf_spectacular.utils import extend_schema
from rest_framework.filters import SearchFilter
from rest_framework.generics import ListCreateAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse
from rest_framework.views import APIView

from personalities.api import representation, rows, serializers
from personalities.api.errors import PersonalityNotFound
from personalities.api.filters import PersonalityFilter, PersonalityParameters, StrictOrdering
from personalities.api.representation import Represent
from personalities.models import Personality
from personalities.seeds import ARCHETYPES
from rest.conditional import IF_MATCH, IF_MATCH_ALWAYS, IF_NONE_MATCH, provenance_headers, respond, written

PERSONALITY = serializers.PersonalitySerializer


class PersonalityListView(ListCreateAPIView[Personality]):
    """The global personalities and the caller's own. Staff create global ones, everybody else their own."""

    serializer_class = serializers.PersonalitySerializer
    filter_backends = (PersonalityParameters, DjangoFilterBackend, SearchFilter, StrictOrdering)
    filterset_class = PersonalityFilter
    parameters = frozenset({"archetype", "is_active", "search", "ordering", "page", "page_size"})
    search_fields = ("personality_name", "display_name", "backstory")
    ordering_fields = ("personality_name", "display_name", "archetype", "created_at", "updated_at")

    def get_queryset(self) -> QuerySet[Personality]:
        return Personality.objects.visible_to(self.request.user)

    def create(self, request: Request, *args: Any, **kwargs: Any) -> Any:
        user = cast(User, request.user)
        row = rows.save(request, self.get_serializer(data=request.data), owner=None if user.is_staff else user)
        location = reverse("personality", args=[row.personality_name], request=request)
        return written(representation.of_config(row.to_config()), HTTPStatus.CREATED, {"Location": location})


class PersonalityDetailView(APIView):
    """One personality by name, in any spelling: the caller's own, else the global one."""

    represent = staticmethod(representation.of_config)

    @extend_schema(responses={200: serializers.PersonalitySerializer, 304: None}, parameters=[IF_NONE_MATCH])
    def get(self, request: Request, name: str) -> HttpResponseBase:
        """Active ones only: an inactive personality is listed for its editors, and served to nobody."""
        return _read(request, name, self.represent)

    @extend_schema(request=PERSONALITY, responses=PERSONALITY, parameters=[IF_MATCH_ALWAYS, rows.OWNER])
    def put(self, request: Request, name: str) -> HttpResponseBase:
        return self._write(request, name, partial=False)

    @extend_schema(request=PERSONALITY, responses=PERSONALITY, parameters=[IF_MATCH, rows.OWNER])
    def patch(self, request: Request, name: str) -> HttpResponseBase:
        return self._write(request, name, partial=True)

    @extend_schema(responses={204: None}, parameters=[IF_MATCH, rows.OWNER])
    @transaction.atomic
    def delete(self, request: Request, name: str) -> Response:
        row = rows.locked(request, name)
        rows.check_unchanged(request, row)
        with rows.authored_by(request):
            row.delete()
        return Response(status=HTTPStatus.NO_CONTENT)

    @transaction.atomic
    def _write(self, request: Request, name: str, *, partial: bool) -> HttpResponseBase:
        row = rows.locked(request, name)
        rows.check_unchanged(request, row, required=not partial)
        row = rows.save(request, PERSONALITY(row, data=request.data, partial=partial))
        return written(representation.of_config(row.to_config()))


class PersonalityIdView(APIView):
    represent = staticmethod(representation.of_id)

    @extend_schema(responses={200: serializers.IdSerializer, 304: None}, parameters=[IF_NONE_MATCH])
    def get(self, request: Request, name: str) -> HttpResponseBase:
        """Only the id."""
        return _read(request, name, self.represent)


class ResolveView(APIView):
    @extend_schema(request=serializers.ResolveSerializer, responses=serializers.ResolvedSerializer)
    def post(self, request: Request) -> Response:
        """Up to 100 personalities by name, in one round trip."""
        serializer = serializers.ResolveSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        names = serializer.validated_data["names"]
        answers = Personality.objects.lookup_many(names, request.user)
        found = {name: answer.value.to_dict() for name, answer in answers.items() if answer.value}
        missing = [name for name in answers if name not in found]
        return Response({"personalities": found, "missing": missing}, headers=provenance_headers(answers.values()))


class ArchetypeListView(APIView):
    @extend_schema(responses=serializers.ArchetypeSerializer(many=True))
    def get(self, request: Request) -> Response:
        """The archetypes and what each fills in."""
        return Response(msgspec.to_builtins(list(ARCHETYPES.values())))


def _read(request: Request, name: str, represent: Represent) -> HttpResponseBase:
    if "owner" in request.query_params:
        row = rows.visible(request, name, is_active=True)
        return respond(request._request, represent(row.to_config()))
    answer = Personality.objects.lookup(name, request.user)
    headers = provenance_headers([answer])
    if answer.value is None:
        raise PersonalityNotFound(f"No active personality is named {name!r:.120}.", headers)
    return respond(request._request, represent(answer.value), headers)
