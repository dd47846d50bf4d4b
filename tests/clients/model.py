"""A language model's server that does what clients ask for: it calls tools that are offered, keeps to a schema, looks
at images and refuses. What it answers follows from the request, so that a client's program can know what to expect.
"""

import asyncio
import json
import re
from collections.abc import Iterator
from typing import Any

from chat.tests.model_server import SSE, ModelServer, Writer, start_response, write
from tests.clients.examples import example

Request = dict[str, Any]
Message = dict[str, Any]
USAGE = {"prompt_tokens": 7, "completion_tokens": 5, "total_tokens": 12}
FIRST_CALL = 1  # of the ids of calls


async def answer(server: ModelServer, writer: Writer, request: Request) -> None:
    """Answer as the last message asks: "Answer 429." is refused so, "Count …" is answered until the caller leaves."""
    said = _text(request["messages"][-1])
    if refused := re.match(r"Answer (\d{3})\b", said):
        await _refuse(writer, int(refused[1]))
    elif said.startswith("Count"):
        await _count(server, writer, said)
    else:
        await _tell(writer, request, _message(request, said))


async def _refuse(writer: Writer, status: int) -> None:
    await start_response(writer, "application/json", f"{status} Refused", "Retry-After: 2\r\n")
    error = {"message": "The model refuses.", "type": "refused", "param": None, "code": None}
    await write(writer, json.dumps({"error": error}).encode())


async def _count(server: ModelServer, writer: Writer, said: str) -> None:
    """Stream numbers without end, and note in `counts` that the caller has left."""
    await start_response(writer, SSE)
    number = 0
    try:
        while True:
            number += 1
            await write(writer, _event({"content": f"{number} "}))
            await asyncio.sleep(0.02)
    finally:
        server.counts[f"left: {said}"] += 1


def _message(request: Request, said: str) -> Message:
    if calls := [_call(tool, index) for index, tool in enumerate(_tools_to_call(request, said), FIRST_CALL)]:
        return {"role": "assistant", "content": None, "tool_calls": calls}
    return {"role": "assistant", "content": _content(request, said)}


def _tools_to_call(request: Request, said: str) -> list[Message]:
    """Tools that were offered and not called yet for what the user said last: the first, or all if both are wanted.

    A result is answered in words, unless a call is required.
    """
    choice, called = request.get("tool_choice", "auto"), _called(request["messages"])
    if choice == "none" or (choice == "auto" and called):
        return []
    wanted = choice["function"]["name"] if isinstance(choice, dict) else None
    tools = [tool["function"] for tool in request.get("tools", []) if tool["function"]["name"] not in called]
    tools = [tool for tool in tools if wanted in (None, tool["name"])]
    return tools if "both" in said else tools[:1]


def _called(messages: list[Message]) -> set[str]:
    """Names of the tools that were called since the user spoke."""
    last = max(index for index, message in enumerate(messages) if message["role"] == "user")
    return {call["function"]["name"] for message in messages[last:] for call in message.get("tool_calls", [])}


def _call(tool: Message, index: int) -> Message:
    arguments = json.dumps(example(tool.get("parameters", {})))
    return {"id": f"call_{index}", "type": "function", "function": {"name": tool["name"], "arguments": arguments}}


def _content(request: Request, said: str) -> str:
    """JSON if that is asked for, else what was seen and heard, with the first sentence of the prompt."""
    wanted = request.get("response_format", {"type": "text"})
    if wanted["type"] == "json_schema":
        return json.dumps(example(wanted["json_schema"]["schema"]))
    if wanted["type"] == "json_object":
        return '{"city": "Paris"}'
    prompt, last = _text(request["messages"][0]), request["messages"][-1]
    return " ".join([*_sights(last), f"{prompt.partition('.')[0]}. I heard: {said}"])


def _sights(message: Message) -> Iterator[str]:
    parts = message["content"] if isinstance(message["content"], list) else []
    for url in (part["image_url"]["url"] for part in parts if part["type"] == "image_url"):
        yield f"I see {url.partition(';')[0].removeprefix('data:')}."


def _text(message: Message) -> str:
    content = message.get("content") or ""
    if isinstance(content, str):
        return content
    return "".join(part["text"] for part in content if part["type"] == "text")


async def _tell(writer: Writer, request: Request, message: Message) -> None:
    reason = "tool_calls" if message.get("tool_calls") else "stop"
    if not request.get("stream"):
        choice = {"index": 0, "message": message, "finish_reason": reason}
        await start_response(writer, "application/json")
        await write(writer, json.dumps(_completion("chat.completion", [choice]) | {"usage": USAGE}).encode())
        return
    await start_response(writer, SSE)
    for delta in _deltas(message):
        await write(writer, _event(delta))
    await write(writer, _event({}, reason))
    if request.get("stream_options", {}).get("include_usage"):
        await write(writer, _data(_completion("chat.completion.chunk", []) | {"usage": USAGE}))
    await write(writer, b"data: [DONE]\n\n")


def _deltas(message: Message) -> Iterator[Message]:
    """As OpenAI cuts a message: the role, then words; of a call its name, then its arguments in two pieces."""
    yield {"role": "assistant", "content": "" if message["content"] is not None else None}
    for piece in re.findall(r"\S+\s*", message["content"] or ""):
        yield {"content": piece}
    for index, call in enumerate(message.get("tool_calls", [])):
        name, arguments = call["function"]["name"], call["function"]["arguments"]
        yield _call_delta(index, {**call, "function": {"name": name, "arguments": ""}})
        for piece in (arguments[:3], arguments[3:]):
            yield _call_delta(index, {"function": {"arguments": piece}})


def _call_delta(index: int, delta: Message) -> Message:
    return {"tool_calls": [{"index": index, **delta}]}


def _event(delta: Message, reason: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": reason}
    return _data(_completion("chat.completion.chunk", [choice]))


def _data(value: Message) -> bytes:
    return f"data: {json.dumps(value)}\n\n".encode()


def _completion(kind: str, choices: list[Message]) -> Message:
    return {"id": "chatcmpl-1", "object": kind, "created": 1, "model": "small-model", "choices": choices}
