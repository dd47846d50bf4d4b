"""No language model: the answer is the prompt that one would have been sent. As Django's e-mail backend of the name."""

from collections.abc import AsyncGenerator
from typing import Any

from chat.backends import shapes
from chat.backends.backend import Chunk, Payload
from personalities.prompt import estimate_tokens

SAYING = "No language model was asked (CHAT_BACKEND=console). This is what it would have been sent:"


class Console:
    seconds: float | None = None

    def __init__(self, model: str = "") -> None:
        self._own = {"model": model} if model else {}

    async def complete(self, payload: Payload) -> dict[str, Any]:
        payload = {**self._own, **payload}
        return {**shapes.whole(_text(payload)), "usage": _usage(payload)}

    async def chunks(self, payload: Payload) -> AsyncGenerator[Chunk, None]:
        payload, answer = {**self._own, **payload}, shapes.Chunks()
        yield answer.begin()
        for line in _text(payload).splitlines(keepends=True):
            yield answer.piece(line)
        yield answer.end()
        if shapes.wants_usage(payload):
            yield answer.usage(_usage(payload))


def _text(payload: Payload) -> str:
    said = [f"[{message['role']}]\n{_in_short(_content(message['content']))}" for message in payload["messages"]]
    given = ", ".join(f"{name} = {payload[name]}" for name in ("model", "temperature") if name in payload)
    return "\n\n".join([SAYING, *([given] if given else []), *said])


def _in_short(content: str) -> str:
    """Each answer would have all before it in it, and be twice as long as the one before."""
    return f"{SAYING} ..." if content.startswith(SAYING) else content


def _content(content: str | list[dict[str, str]]) -> str:
    return content if isinstance(content, str) else "".join(part["text"] for part in content)


def _usage(payload: Payload) -> dict[str, int]:
    """Estimated: of what is sent, and of what is answered."""
    sent = sum(estimate_tokens(_content(message["content"])) for message in payload["messages"])
    answered = estimate_tokens(_text(payload))
    return {"prompt_tokens": sent, "completion_tokens": answered, "total_tokens": sent + answered}
