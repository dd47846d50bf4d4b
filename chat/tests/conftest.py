"""The application on a real server, uvicorn, in front of a real one that stands for the language model's."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import openai
import pytest
import uvicorn
from django.contrib.auth.models import User

from accounts.models import ApiKey
from chat.application import Chat
from chat.backends import Backend
from chat.backends.console import ConsoleBackend
from chat.backends.upstream import Deadlines, UpstreamBackend
from chat.tests import model_server
from chat.tests.model_server import ModelServer
from conversations import pinning
from conversations.models import Conversation
from personalities.models import Personality
from tests.waiting import wait_until

SECRET = "sk-planted-upstream-key"
SHORT = Deadlines(connect=0.5, first_byte=0.5, idle=0.5, total=1.0)


@pytest.fixture
def model() -> Iterator[ModelServer]:
    """The language model's server."""
    with model_server.running() as server:
        yield server


@contextmanager
def served(application: Any) -> Iterator[str]:
    """Serves the application while the context lasts. The value is its base URL for OpenAI's clients."""
    server = uvicorn.Server(
        uvicorn.Config(application, log_level="warning", lifespan="off", ws="none", timeout_graceful_shutdown=5)
    )
    with socket.create_server(("127.0.0.1", 0), backlog=1000) as listening:
        thread = threading.Thread(target=server.run, args=([listening],))
        thread.start()
        wait_until(lambda: server.started)
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}/v1"
        finally:
            server.should_exit = True
            thread.join()


@pytest.fixture
def key(transactional_db: None) -> str:
    """An API key of ursula. She owns mira, otto owns nora, elara is global, and isla is global and inactive."""
    ursula = User.objects.create_user("ursula")
    Personality.objects.create(personality_name="elara", archetype="wise_mentor", backstory="Bridges. {{7*7}}")
    Personality.objects.create(personality_name="isla", is_active=False)
    Personality.objects.create(personality_name="mira", owner=ursula)
    Personality.objects.create(personality_name="nora", owner=User.objects.create_user("otto"))
    return ApiKey.objects.issue(ursula)[1]


def upstream(model: ModelServer, deadlines: Deadlines = SHORT) -> UpstreamBackend:
    """A backend that asks this server."""
    return UpstreamBackend(model.url, SECRET, "big-model", deadlines)


Client = Callable[..., openai.OpenAI]
Say = Callable[..., Any]


@pytest.fixture
def client(key: str) -> Iterator[Client]:
    """Makes OpenAI clients, each of an application of its own that is served while the test lasts."""
    with ExitStack() as stack:

        def make(backend: Backend | None = None, **options: Any) -> openai.OpenAI:
            url = stack.enter_context(served(Chat(backend or ConsoleBackend(), **options)))
            # Without TLS: to load the authorities' certificates takes 25 ms of processor for every client.
            plain = openai.DefaultHttpxClient(verify=False)
            made = openai.OpenAI(base_url=url, api_key=key, max_retries=0, timeout=20, http_client=plain)
            return stack.enter_context(made)

        yield make


@pytest.fixture
def talk(client: Client, model: ModelServer) -> openai.OpenAI:
    """An OpenAI client of an application that asks the language model, with short timeouts."""
    return client(upstream(model))


@pytest.fixture
def conversation(key: str) -> Conversation:
    """A conversation of ursula with elara."""
    return pinning.start(User.objects.get(username="ursula"), Personality.objects.get_config("elara"))


@pytest.fixture
def say(talk: openai.OpenAI, conversation: Conversation) -> Say:
    """Sends a turn of the conversation, under an idempotency key or none."""

    def send(text: str, idempotency_key: str = "", **options: Any) -> Any:
        given: Any = {"model": "elara", "metadata": {"conversation": str(conversation.pk)}} | options
        headers = {"Idempotency-Key": idempotency_key} if idempotency_key else None
        messages = given.pop("messages", [{"role": "user", "content": text}])
        return talk.chat.completions.create(messages=messages, extra_headers=headers, **given)

    return send
