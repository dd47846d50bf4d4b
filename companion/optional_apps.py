"""What preferences, conversations and chat add to the service, each only if COMPANION_APPS names it.

The store of personalities works without them. Nothing of an app that is left out is imported, here or elsewhere.
"""

from collections.abc import Iterator
from http import HTTPStatus
from typing import TYPE_CHECKING

from asgiref.typing import ASGI3Application
from django.conf import settings
from django.urls import URLPattern, URLResolver, include, path

from companion.mount import Mount

if TYPE_CHECKING:
    from prometheus_client.registry import Collector


def is_installed(app: str) -> bool:
    """Whether COMPANION_APPS names the app."""
    return app in settings.COMPANION_APPS


def routes() -> Iterator[URLPattern | URLResolver]:
    """The pages and the REST API of the installed apps."""
    for app in ("preferences", "conversations"):
        if is_installed(app):
            yield path("api/v1/", include(f"{app}.api.urls"))
    if is_installed("chat"):
        yield path("chat/", include("chat.urls"))


def mount_chat(otherwise: ASGI3Application) -> ASGI3Application:
    """OpenAI's API below /v1/, its twin for the playground, and the addresses that clients mistake for either, before
    `otherwise`; without chat, only that.
    """
    if not is_installed("chat"):
        return otherwise
    from chat import addresses
    from chat.application import Chat
    from chat.backends.choose import choose_backend
    from chat.limits import admit_by_rate

    return Mount(addresses.is_chat_path, Chat(choose_backend(), admit=admit_by_rate), otherwise)


def is_chat_path(path: str) -> bool:
    """Whether chat answers this path, if only to name the right one."""
    if not is_installed("chat"):
        return False
    from chat import addresses

    return addresses.is_chat_path(path)


def openai_error(path: str, status: HTTPStatus, message: str, param: str) -> dict[str, dict[str, str | None]] | None:
    """An error in the shape of OpenAI's API, if `path` is an address of it; else None."""
    if not is_chat_path(path):
        return None
    from chat.errors import ApiError

    return ApiError(status, message, param=param).body()


def describe(document: dict[str, object]) -> None:
    """Add to the OpenAPI document the operations of installed apps that are not Django's."""
    if is_installed("chat"):
        from chat.openapi import add

        add(document)


def collectors() -> "Iterator[Collector]":
    """Prometheus collectors of the installed apps."""
    if is_installed("chat"):
        from chat.metrics import ChatCollector

        yield ChatCollector()
    if is_installed("conversations"):
        from conversations.metrics import ConversationsCollector

        yield ConversationsCollector()
