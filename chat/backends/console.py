"""No language model: the answer is the prompt that one would have been sent. As Django's e-mail backend of the name."""

from collections.abc import AsyncGenerator
from time import time
from typing import Any
from uuid import uuid4

from chat.backends.backend import Chunk, Payload
from personalities.prompt import estimate_tokens

SAYING = "No language model was asked (CHAT_BACKEND=console). This is what it would have been sent:"


class Console:
    seconds: float | None = None

    async def complete(self, payload: Payload) -> dict[str, Any]:
        message = {"role": "assistant", "content": _text(payload), "refusal": None}
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}
        return {**_head("chat.completion"), "choices": [choice], "usage": _usage(payload)}

    async def chunks(self, payload: Payload) -> AsyncGenerator[Chunk, None]:
        head = _head("chat.completion.chunk")
        yield _chunk(head, {"role": "assistant", "content": ""})
        for line in _text(payload).splitlines(keepends=True):
            yield _chunk(head, {"content": line})
        yield _chunk(head, {}, "stop")
        if (payload.get("stream_options") or {}).get("include_usage"):
            yield {**head, "choices": [], "usage": _usage(payload)}


def _head(kind: str) -> dict[str, Any]:
    return {"id": f"chatcmpl-{uuid4().hex}", "object": kind, "created": int(time())}


def _chunk(head: dict[str, Any], delta: dict[str, str], finish_reason: str | None = None) -> Chunk:
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
    return {**head, "choices": [choice]}


def _text(payload: Payload) -> str:
    said = [f"[{message['role']}]\n{_content(message['content'])}" for message in payload["messages"]]
    return "\n\n".join([SAYING, *said])


def _content(content: str | list[dict[str, str]]) -> str:
    return content if isinstance(content, str) else "".join(part["text"] for part in content)


def _usage(payload: Payload) -> dict[str, int]:
    """Estimated: of what is sent, and of what is answered."""
    sent = sum(estimate_tokens(_content(message["content"])) for message in payload["messages"])
    answered = estimate_tokens(_text(payload))
    return {"prompt_tokens": sent, "completion_tokens": answered, "total_tokens": sent + answered}
