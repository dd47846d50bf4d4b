"""Who answers a chat: a language model's server or a stand-in, behind one protocol."""

from collections.abc import AsyncGenerator
from typing import Protocol, Required, TypedDict

JsonObject = dict[str, object]
MAX_CHOICES = 8  # that may be asked for, and that are read of an answer


class Message(TypedDict, total=False):
    """One message of the prompt. More may be in it than is named here."""

    role: Required[str]
    content: str | list[JsonObject] | None
    tool_calls: list[JsonObject]
    tool_call_id: str


class Payload(TypedDict, total=False):
    """The body of a request in OpenAI's protocol. More parameters than are named here may be in it.

    `model` is only there if it is not to be the service's own.
    """

    messages: Required[list[Message]]
    model: str
    n: int
    temperature: float
    stream_options: dict[str, bool]


class Completion(TypedDict, total=False):
    """A `chat.completion`. Of one that a language model sent, only the list of choices has been checked."""

    id: str
    object: str
    created: int
    choices: Required[list[JsonObject]]
    usage: dict[str, int]


class Chunk(Completion, total=False):
    """A `chat.completion.chunk`."""


# What a backend may put among its chunks once the answer is complete: from here on the stream's time limit does not
# count, so that an answer that is stored is told to its end.
ENDING: Chunk = {"choices": []}


class Backend(Protocol):
    """Answers. When cancelled, neither method leaves a task or a connection behind."""

    @property
    def stream_seconds(self) -> float | None:
        """How long a stream may take up to ENDING; None if there is no limit. The reader of the stream enforces it."""

    async def complete(self, payload: Payload) -> Completion:
        """The whole answer. Raises ApiError."""

    def chunks(self, payload: Payload) -> AsyncGenerator[Chunk, None]:
        """The answer in chunks, to be read from beginning to end in one task. Raises ApiError."""
