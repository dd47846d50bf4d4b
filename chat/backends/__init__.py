"""Who answers a chat: a language model's server or a stand-in, behind one protocol."""

from collections.abc import AsyncGenerator
from typing import Protocol, Required, TypedDict

JsonObject = dict[str, object]
MAX_CHOICES = 8  # that may be requested, and that are read from an answer
MAX_WORD = 512  # characters of a name, of an id, and of other parameters that are words


class Message(TypedDict, total=False):
    """One message of the prompt. It may have more fields than these."""

    role: Required[str]
    content: str | list[JsonObject] | None
    tool_calls: list[JsonObject]
    tool_call_id: str


class Payload(TypedDict, total=False):
    """The body of a request in OpenAI's protocol. It may have more parameters than these.

    `model` is left out to use the service's own.
    """

    messages: Required[list[Message]]
    model: str
    n: int
    temperature: float
    stream_options: dict[str, bool]


class Completion(TypedDict, total=False):
    """A `chat.completion`. In one from a language model, only the list of choices has been checked."""

    id: str
    object: str
    created: int
    choices: Required[list[JsonObject]]
    usage: dict[str, int]


class Chunk(Completion, total=False):
    """A `chat.completion.chunk`."""


# What a backend may yield once the answer is complete: from here on the stream's time limit no longer applies, so that
# the caller of an answer that is stored receives its end.
ENDING: Chunk = {"choices": []}


class Backend(Protocol):
    """Answers a prompt. When cancelled, neither method leaves a task or a connection behind."""

    @property
    def stream_seconds(self) -> float | None:
        """How long a stream may take up to ENDING; None if there is no limit. The reader of the stream enforces it."""

    async def complete(self, payload: Payload) -> Completion:
        """The whole answer. Raises ApiError."""

    def chunks(self, payload: Payload) -> AsyncGenerator[Chunk, None]:
        """The answer in chunks, to be read from beginning to end in one task. Raises ApiError."""
