"""Conversations: begin, list, rename, upgrade and delete them."""

from http import HTTPStatus
from typing import cast
from uuid import UUID

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import QuerySet
from django.http.response import HttpResponseBase
from drf_spectacular.utils import PolymorphicProxySerializer, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse
from rest_framework.views import APIView

from accounts.authentication import lock_caller
from conversations import pinning
from conversations.api import rows
from conversations.api.serializers import (
    ConversationSerializer,
    NewConversationSerializer,
    PersonalityGone,
    RenameSerializer,
    UpgradePreviewSerializer,
)
from conversations.models import Conversation
from conversations.pinning import Pin
from personalities.api.rows import PersonalityNotFound
from personalities.comparison import unified
from personalities.models import Personality
from personalities.names import no_active
from rest.concurrency import CostlyListView, costly
from rest.conditional import IF_MATCH, IF_NONE_MATCH, respond, respond_to_write
from rest.query_parameters import KnownParameters


class ConversationListView(CostlyListView):
    """List the caller's conversations, the last used first."""

    serializer_class = ConversationSerializer
    filter_backends = (KnownParameters,)
    parameters = frozenset({"page", "page_size"})

    def get_queryset(self) -> QuerySet[Conversation]:
        """The conversations of the caller alone."""
        return Conversation.objects.owned_by(self.request.user)

    @extend_schema(request=NewConversationSerializer, responses={201: ConversationSerializer})
    def post(self, request: Request) -> HttpResponseBase:
        """Begin a conversation with a personality as it is now. The personality's greeting is its first message."""
        body = NewConversationSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        given = body.validated_data
        config = Personality.objects.lookup(given["personality_name"], request.user).value
        if config is None:
            raise PersonalityNotFound(no_active(given["personality_name"]), field="personality")
        with transaction.atomic():
            lock_caller(request)
            made = pinning.start(cast(User, request.user), config, given.get("title", ""), greeting=given["greeting"])
        location = reverse("conversation", args=[made.pk], request=request)
        return respond_to_write(rows.represent(made), HTTPStatus.CREATED, {"Location": location})


class ConversationView(APIView):
    """One conversation."""

    @extend_schema(responses={200: ConversationSerializer, 304: None}, parameters=[IF_NONE_MATCH])
    def get(self, request: Request, id: UUID) -> HttpResponseBase:
        """Get a conversation, without its messages."""
        return respond(request._request, rows.represent(rows.owned(request, id)))

    @extend_schema(request=RenameSerializer(partial=True), responses=ConversationSerializer, parameters=[IF_MATCH])
    @transaction.atomic
    def patch(self, request: Request, id: UUID) -> HttpResponseBase:
        """Rename a conversation."""
        row = rows.locked(request, id)
        rows.check_unchanged(request, row)
        body = RenameSerializer(row, data=request.data, partial=True)
        body.is_valid(raise_exception=True)
        return respond_to_write(rows.represent(body.save()))

    @extend_schema(responses={204: None}, parameters=[IF_MATCH])
    @transaction.atomic
    def delete(self, request: Request, id: UUID) -> Response:
        """Delete a conversation with all its messages, for good."""
        row = rows.locked(request, id)
        rows.check_unchanged(request, row)
        row.delete()
        return Response(status=HTTPStatus.NO_CONTENT)


class UpgradeView(APIView):
    """The version and the prompt that a conversation is pinned to."""

    @extend_schema(
        request=None,
        responses=PolymorphicProxySerializer(
            "UpgradeAnswer", [ConversationSerializer, UpgradePreviewSerializer], resource_type_field_name=None
        ),
        parameters=[IF_MATCH, rows.DRY_RUN],
    )
    @costly
    @transaction.atomic
    def post(self, request: Request, id: UUID) -> HttpResponseBase:
        """Let a conversation go on with the personality as it is now, or see what that would change."""
        is_dry_run = rows.is_dry_run(request)
        row = rows.locked(request, id)
        rows.check_unchanged(request, row)
        try:
            if is_dry_run:
                return Response(_preview(row))
            pinning.upgrade(row)
        except pinning.PersonalityGone:
            raise PersonalityGone from None
        return respond_to_write(rows.represent(row))


def _preview(row: Conversation) -> dict[str, object]:
    old, new = pinning.preview(row)
    difference = unified(old.prompt.text, new.prompt.text, (_name(old), _name(new)))
    return {"before": _shown(old), "after": _shown(new), "prompt": difference}


def _shown(pin: Pin) -> dict[str, object]:
    return {"personality_version": pin.version, "prompt_sha256": pin.prompt.sha256}


def _name(pin: Pin) -> str:
    return f"version {pin.version}, prompt {pin.prompt.sha256}"
