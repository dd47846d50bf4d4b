"""What a caller may ask for: the shapes of OpenAI's protocol, as far as they are passed on."""

from typing import Annotated, Any, Literal

import msgspec

Penalty = Annotated[float, msgspec.Meta(ge=-2, le=2)]
Tokens = Annotated[int, msgspec.Meta(ge=1, le=1_000_000)]
Text = Annotated[str, msgspec.Meta(min_length=1, max_length=512)]
Label = Annotated[str, msgspec.Meta(max_length=64)]
Value = Annotated[str, msgspec.Meta(max_length=512)]


class ChatTextPart(msgspec.Struct, forbid_unknown_fields=True):
    """Only text: an address of an image would have our language model fetch it."""

    type: Literal["text"]
    text: str


class ChatMessage(msgspec.Struct, omit_defaults=True, forbid_unknown_fields=True):
    role: Literal["system", "developer", "user", "assistant"]
    content: str | Annotated[list[ChatTextPart], msgspec.Meta(min_length=1)]
    name: Text | None = None


class ChatStreamOptions(msgspec.Struct, omit_defaults=True, forbid_unknown_fields=True):
    include_usage: bool | None = None
    include_obfuscation: bool | None = None


class ChatRequest(msgspec.Struct, omit_defaults=True, forbid_unknown_fields=True):
    """All parameters that are known; of the optional ones, those that are sent go on to the language model."""

    model: Annotated[str, msgspec.Meta(min_length=1)]
    messages: Annotated[list[ChatMessage], msgspec.Meta(min_length=1)]
    stream: bool | None = None
    stream_options: ChatStreamOptions | None = None
    temperature: Annotated[float, msgspec.Meta(ge=0, le=2)] | None = None
    top_p: Annotated[float, msgspec.Meta(ge=0, le=1)] | None = None
    max_tokens: Tokens | None = None
    max_completion_tokens: Tokens | None = None
    stop: Text | Annotated[list[Text], msgspec.Meta(max_length=4)] | None = None
    seed: int | None = None
    presence_penalty: Penalty | None = None
    frequency_penalty: Penalty | None = None
    user: Text | None = None
    reasoning_effort: Text | None = None
    verbosity: Text | None = None
    response_format: dict[str, Any] | None = None
    metadata: Annotated[dict[Label, Value], msgspec.Meta(max_length=16)] | None = None

    def passed_on(self) -> dict[str, Any]:
        """Everything but whom it is for and what is said."""
        given: dict[str, Any] = msgspec.to_builtins(self)
        metadata = {name: value for name, value in given.pop("metadata", {}).items() if name != "conversation"}
        kept = {name: value for name, value in given.items() if name not in {"model", "messages"}}
        return kept | ({"metadata": metadata} if metadata else {})
