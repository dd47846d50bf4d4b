"""The endpoints. A view parses, calls once, answers; HTTP begins and ends here."""

from http import HTTPStatus

import msgspec
from django.db import transaction
from django.http.response import HttpResponseBase
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.authentication import lock_caller
from personalities.api.prompts import PromptSerializer
from personalities.api.rows import PersonalityNotFound
from personalities.models import Personality
from personalities.names import no_active
from personalities.prompt import Wishes
from personalities.prompt.opening import prompt_at_first
from preferences.api.serializers import PreferencesSerializer
from preferences.models import NO_WISHES, Preferences
from rest.concurrency import costly
from rest.conditional import (
    IF_MATCH,
    IF_NONE_MATCH,
    Representation,
    check_if_match,
    provenance_headers,
    respond,
    respond_to_write,
)

IF_MATCH_ONCE = OpenApiParameter(
    "If-Match", location="header", description="The ETag that you last read; required once a preference is set."
)


class PreferencesView(APIView):
    """How the caller wants to be talked to. Preferences always exist: at first each is null."""

    @extend_schema(responses={200: PreferencesSerializer, 304: None}, parameters=[IF_NONE_MATCH])
    def get(self, request: Request) -> HttpResponseBase:
        """Get the caller's own preferences."""
        answer = Preferences.objects.lookup(request.user)
        found = Representation.of(answer.value or NO_WISHES)
        return respond(request._request, found, provenance_headers([answer]))

    @extend_schema(request=PreferencesSerializer, responses=PreferencesSerializer, parameters=[IF_MATCH_ONCE])
    def put(self, request: Request) -> HttpResponseBase:
        """Replace all preferences: what is left out is cleared.

        The first time nothing can be lost, so no ETag is needed.
        """
        return self._write(request, partial=False)

    @extend_schema(request=PreferencesSerializer, responses=PreferencesSerializer, parameters=[IF_MATCH])
    def patch(self, request: Request) -> HttpResponseBase:
        """Change the preferences that are given and keep the rest; null clears."""
        return self._write(request, partial=True)

    @extend_schema(responses={204: None}, parameters=[IF_MATCH])
    @transaction.atomic
    def delete(self, request: Request) -> Response:
        """Clear all preferences."""
        _check(request, _locked(request), required=False)
        Preferences.objects.replace(request.user, NO_WISHES)
        return Response(status=HTTPStatus.NO_CONTENT)

    @transaction.atomic
    def _write(self, request: Request, *, partial: bool) -> HttpResponseBase:
        _ = request.data  # parsed, or refused, before the caller is locked
        current = _locked(request)
        _check(request, current, required=not partial and current != NO_WISHES)
        serializer = PreferencesSerializer(data=request.data, partial=partial)
        serializer.is_valid(raise_exception=True)
        wishes = msgspec.structs.replace(current if partial else NO_WISHES, **serializer.validated_data)
        Preferences.objects.replace(request.user, wishes)
        return respond_to_write(Representation.of(wishes))


class PromptView(APIView):
    """The prompt of a personality, for the caller."""

    @extend_schema(responses={200: PromptSerializer, 304: None}, parameters=[IF_NONE_MATCH])
    @costly
    def get(self, request: Request, name: str) -> HttpResponseBase:
        """Get what a language model is told about a personality that talks with the caller.

        The author's locks overrule the caller's preferences, and these overrule the personality's own ways. Each line
        and omission names its source.
        """
        found, wishes = Personality.objects.lookup(name, request.user), Preferences.objects.lookup(request.user)
        headers = provenance_headers([found, wishes])
        if found.value is None:
            raise PersonalityNotFound(no_active(name), headers)
        prompt = Representation.of(prompt_at_first(found.value, wishes.value))
        return respond(request._request, prompt, headers)


def _locked(request: Request) -> Wishes:
    """The caller's wishes, locked until the end of the transaction against other writes of theirs.

    It is the user who is locked, for the row may not exist yet.
    """
    lock_caller(request)
    return Preferences.objects.wishes_of(request.user)


def _check(request: Request, current: Wishes, *, required: bool) -> None:
    check_if_match(request, Representation.of(current), "these are current", required=required)
