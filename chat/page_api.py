"""What the playground's script asks for besides answers: personalities to choose from, and prompts of conversations."""

from typing import cast
from uuid import UUID

import msgspec
from django.contrib.auth.models import User
from django.utils.decorators import method_decorator
from django.views.decorators.cache import never_cache
from drf_spectacular.utils import extend_schema
from rest_framework.authentication import SessionAuthentication
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from chat import choices
from chat.backends import Message
from chat.catalogue import LIST_SECONDS
from chat.history import to_message, window
from chat.request_messages import without_greeting
from conversations import pinning
from conversations.api import rows
from conversations.api.serializers import ConversationNotFound
from conversations.models import Conversation, Prompt
from personalities.prompt import explained
from personalities.prompt.opening import greets_in_prompt
from preferences.models import Preferences
from resilience.database import answer_within
from rest.concurrency import limited_concurrency
from rest.query_parameters import SEARCH_BOUND, can_be_searched

QUESTION: Message = {"role": "user", "content": ""}  # a greeting is what comes before one


class Session(SessionAuthentication):
    """Somebody who is not signed in gets 401, where DRF's answers 403."""

    def authenticate_header(self, request: Request) -> str:
        """The scheme that DRF's 401 names."""
        return "Session"


@method_decorator(never_cache, name="dispatch")
@extend_schema(exclude=True)  # it belongs to the page
class SearchView(APIView):
    """Personalities, found while somebody types: there may be more than a page should hold."""

    authentication_classes = (Session,)

    def get(self, request: Request) -> Response:
        """`?q=` finds by the beginnings of words, `?name=` the one of that name. Raises ValidationError."""
        text, name = request.query_params.get("q", ""), request.query_params.get("name", "")
        if not can_be_searched(text):
            raise ValidationError({"q": SEARCH_BOUND})
        with limited_concurrency(request.user.pk), answer_within(LIST_SECONDS):
            if not name:
                return Response(choices.search(request._request, text))
            chosen = choices.named(request._request, name)
            return Response({"results": [chosen] if chosen else [], "has_more": False})


@method_decorator(never_cache, name="dispatch")
@extend_schema(exclude=True)  # it belongs to the page
class ConversationPromptView(APIView):
    """The prompt of a kept conversation: what a language model would be sent there now."""

    authentication_classes = (Session,)

    def get(self, request: Request, id: UUID) -> Response:
        """The prompt as `prompt/` explains it, and the version that it is of. Raises ConversationNotFound."""
        with limited_concurrency(request.user.pk):
            conversation = rows.owned(request, id)
            try:
                return Response(_explained(conversation, cast(User, request.user)))
            except Prompt.DoesNotExist:  # deleted a moment ago
                raise ConversationNotFound(id) from None


def _explained(conversation: Conversation, user: User) -> dict[str, object]:
    config = pinning.config_of(conversation)
    pinned = pinning.shown_prompt(conversation, config)
    prompt = explained(pinned, config, Preferences.objects.wishes_of(user.pk), _greeting(conversation))
    return {**msgspec.to_builtins(prompt), "personality_version": conversation.personality_version}


def _greeting(conversation: Conversation) -> str:
    """The greeting in the prompt: none if it is sent as a message, or is too old to be sent at all."""
    return without_greeting([*map(to_message, window(conversation)), QUESTION])[0] if greets_in_prompt() else ""
