"""Answers with the prompt a language model would have been sent, as Django's console e-mail backend prints e-mails."""

from collections.abc import AsyncGenerator

import msgspec

from chat.backends import Chunk, Completion, Message, Payload, answers
from personalities.prompt import estimate_tokens

HEADING = "No language model was asked (CHAT_BACKEND=console). This is what it would have been sent:"


class ConsoleBackend:
    """For development. `model` is the one that would be asked unless the payload names another."""

    stream_seconds: float | None = None

    def __init__(self, model: str = "") -> None:
        self._model = model

    async def complete(self, payload: Payload) -> Completion:
        """The prompt as one message."""
        text = self._text(payload)
        return {**answers.completion(answers.AnswerContent(text)), "usage": _usage(payload, text)}

    async def chunks(self, payload: Payload) -> AsyncGenerator[Chunk, None]:
        """The prompt line by line."""
        text, build = self._text(payload), answers.ChunkBuilder()
        yield build.begin()
        for line in text.splitlines(keepends=True):
            yield build.piece(line)
        yield build.end()
        if answers.wants_usage(payload):
            yield build.usage(_usage(payload, text))

    def _text(self, payload: Payload) -> str:
        messages = [f"[{each['role']}]\n{_shortened(_content(each))}" for each in payload["messages"]]
        given = {"model": payload.get("model", self._model), "temperature": payload.get("temperature")}
        parameters = ", ".join(f"{name} = {value}" for name, value in given.items() if value not in ("", None))
        return "\n\n".join([HEADING, *([parameters] if parameters else []), *messages])


def _shortened(content: str) -> str:
    """Otherwise each answer would quote all earlier ones and double in length."""
    return f"{HEADING} ..." if content.startswith(HEADING) else content


def _content(message: Message) -> str:
    """Its text and, in brackets, its other parts and calls."""
    content = message.get("content") or ""
    texts = [content] if isinstance(content, str) else [str(part.get("text", f"[{part['type']}]")) for part in content]
    calls = [f"[{msgspec.json.encode(call).decode()}]" for call in message.get("tool_calls", ())]
    return "".join([*texts, *calls])


def _usage(payload: Payload, answer: str) -> dict[str, int]:
    """Estimated token counts."""
    sent = sum(estimate_tokens(_content(message)) for message in payload["messages"])
    answered = estimate_tokens(answer)
    return {"prompt_tokens": sent, "completion_tokens": answered, "total_tokens": sent + answered}
