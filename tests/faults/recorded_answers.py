"""Asks chat for answers in this process, by either API, and reads what a caller is told as OpenAI's clients do."""

import asyncio
import json
from collections.abc import Iterable
from typing import Any, NamedTuple, Protocol

from chat.application import Chat

DONE = b"data: [DONE]\n\n"
TEXT_DELTAS = {"response.output_text.delta", "response.refusal.delta"}
ENDS = {"response.completed", "response.incomplete"}


class Heard(NamedTuple):
    """What is read of an answer, or of the beginning of one."""

    text: str
    calls: list[Any]  # as OpenAI's chat messages have them
    error: dict[str, Any] | None  # in place of the answer, or in its last event
    is_finished: bool  # heard why, or that this was all
    reason: str | None  # why it is finished, in the API's own words
    is_refusal: bool  # all that it says
    contradicts_itself: bool = False


class Form(Protocol):
    """One of the two."""

    path: str

    def question(self, text: str, conversation: str, last_answer: str) -> dict[str, Any]:
        """Return what the body says of a turn of the conversation, whose last answer has this id."""

    def read(self, body: bytes, *, is_stream: bool) -> Heard:
        """Return what the body says, or what it has said so far."""


class ChatForm:
    """`/v1/chat/completions`."""

    path = "/v1/chat/completions"

    def question(self, text: str, conversation: str, last_answer: str) -> dict[str, Any]:
        """As `Form` says."""
        return {"messages": [{"role": "user", "content": text}], "metadata": {"conversation": conversation}}

    def read(self, body: bytes, *, is_stream: bool) -> Heard:
        """As `Form` says."""
        events = _objects(body, is_stream=is_stream)
        choices = [choice for event in events for choice in event.get("choices", [])[:1]]
        messages = [choice.get("delta" if is_stream else "message") or {} for choice in choices]
        return Heard(
            "".join((message.get("content") or "") + (message.get("refusal") or "") for message in messages),
            _calls(messages),
            next((event["error"] for event in events if set(event) == {"error"}), None),
            body.endswith(DONE) or any(choice.get("finish_reason") for choice in choices),
            next((choice["finish_reason"] for choice in choices if choice.get("finish_reason")), None),
            _is_refusal(name for message in messages for name in ("content", "refusal") if message.get(name)),
        )


class ResponsesForm:
    """`/v1/responses`. The conversation is named, or the answer that is gone on from."""

    path = "/v1/responses"

    def __init__(self, *, goes_on: bool) -> None:
        self._goes_on = goes_on

    def question(self, text: str, conversation: str, last_answer: str) -> dict[str, Any]:
        """As `Form` says."""
        if self._goes_on:
            return {"input": text, "previous_response_id": f"resp_{last_answer}"}
        return {"input": text, "metadata": {"conversation": conversation}}

    def read(self, body: bytes, *, is_stream: bool) -> Heard:
        """As `Form` says."""
        objects = _objects(body, is_stream=is_stream)
        return _streamed(objects) if is_stream else _whole(objects[0] if objects else {})


def _objects(body: bytes, *, is_stream: bool) -> list[Any]:
    """The data of each event but `[DONE]`, or the whole body. A comment may stand between events."""
    if not is_stream:
        return [json.loads(body)] if body else []
    lines = [line for event in body.split(b"\n\n") for line in event.split(b"\n")]
    data = [line.removeprefix(b"data: ") for line in lines if line.startswith(b"data: ")]
    return [json.loads(each) for each in data if each != b"[DONE]"]


def _calls(messages: list[Any]) -> list[Any]:
    """The calls that these pieces make: those of one index together, and each that has none, or another shape, by
    itself.
    """
    made: list[Any] = []
    for piece in [piece for message in messages for piece in message.get("tool_calls") or []]:
        is_function = isinstance(piece.get("function"), dict)
        found = next((call for call in made if is_function and call.get("index", -1) == piece.get("index")), None)
        if found and isinstance(found.get("function"), dict):
            found["function"]["arguments"] += piece["function"]["arguments"]
            found["function"]["name"] += piece["function"].get("name", "")
        else:
            made.append(piece)
    return [{name: value for name, value in call.items() if name != "index"} for call in made]


def _whole(answer: Any) -> Heard:
    """What a response object says; nothing, if it is the body of an error."""
    output = answer.get("output", [])
    parts = [part for item in output for part in item.get("content", [])]
    text = "".join(part.get("text", "") + part.get("refusal", "") for part in parts)
    calls = [_call(item, item["arguments"]) for item in output if item["type"] == "function_call"]
    is_finished = answer.get("status") in {"completed", "incomplete"}
    reason = (answer.get("incomplete_details") or {"reason": "completed"})["reason"] if is_finished else None
    is_refusal = _is_refusal(part["type"] for part in parts)
    return Heard(text, calls, answer.get("error"), is_finished, reason, is_refusal)


def _streamed(events: list[Any]) -> Heard:
    """What is heard piece by piece. The object at the end says the same again."""
    texts = [event for event in events if event["type"] in TEXT_DELTAS]
    heard = Heard(
        "".join(event["delta"] for event in texts),
        [_streamed_call(event, events) for event in events if event["type"] == "response.output_item.added"
         and event["item"]["type"] == "function_call"],
        next((event["error"] for event in events if event["type"] == "error"), None),
        any(event["type"] in ENDS for event in events),
        None,
        _is_refusal(event["type"].split(".")[1] for event in texts),
    )  # fmt: skip
    whole = _whole(events[-1]["response"]) if heard.is_finished else heard
    numbers = [event["sequence_number"] for event in events]
    is_same = heard == whole._replace(reason=None) and numbers == list(range(len(events)))
    return heard._replace(reason=whole.reason, contradicts_itself=not is_same)


def _streamed_call(begun: Any, events: list[Any]) -> Any:
    deltas = [event for event in events if event["type"] == "response.function_call_arguments.delta"]
    return _call(
        begun["item"],
        "".join(event["delta"] for event in deltas if event["output_index"] == begun["output_index"]),
    )


def _is_refusal(kinds: Iterable[str]) -> bool:
    """Whether there are texts, and each is a refusal."""
    return set(kinds) == {"refusal"}


def _call(item: Any, arguments: str) -> Any:
    return {"id": item["call_id"], "type": "function", "function": {"name": item["name"], "arguments": arguments}}


class Told(NamedTuple):
    """What a caller was told."""

    status: int
    heard: Heard
    hung_up: bool

    @property
    def said(self) -> tuple[str, list[Any]]:
        """Its text, and what it calls."""
        return self.heard.text, self.heard.calls

    @property
    def ending(self) -> tuple[str, bool] | None:
        """Why it ended, and whether it refused; None if that was not heard, or no reason given."""
        is_heard = not self.hung_up and self.heard.reason
        return (self.heard.reason or "", self.heard.is_refusal) if is_heard else None

    @property
    def is_500(self) -> bool:
        """Whether something broke here."""
        return self.status == 500 or (self.heard.error or {}).get("code") == "internal_error"


class Caller:
    """One request. Hangs up after so many messages of ASGI's, or when told why the answer is finished."""

    def __init__(
        self, chat: Chat, form: Form, body: dict[str, Any], headers: list[tuple[bytes, bytes]], hang_up: int | str
    ) -> None:
        self._chat, self._form, self._hang_up = chat, form, hang_up
        self._body, self._is_sent = json.dumps(body).encode(), False
        self._scope: Any = {
            "type": "http", "method": "POST", "path": form.path, "scheme": "http",
            "headers": [(b"content-type", b"application/json"), *headers],
        }  # fmt: skip
        self._is_gone = asyncio.Event()
        self._sent: list[Any] = []

    async def ask(self) -> Told:
        """Return what was heard until it ended, or until the caller hung up."""
        await self._chat(self._scope, self._receive, self._send)
        status = self._sent[0]["status"] if self._sent else 0
        return Told(status, self._heard(self._sent), self._is_gone.is_set())

    async def _receive(self) -> Any:
        if not self._is_sent:
            self._is_sent = True
            return {"type": "http.request", "body": self._body, "more_body": False}
        await self._is_gone.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Any) -> None:
        if self._is_gone.is_set():
            return
        self._sent.append(message)
        if len(self._sent) == self._hang_up or (self._hang_up == "finish" and self._is_finish(message)):
            self._is_gone.set()
            await asyncio.sleep(0)

    def _is_finish(self, message: Any) -> bool:
        return self._is_stream and self._heard([message]).is_finished

    def _heard(self, messages: list[Any]) -> Heard:
        body = b"".join(message.get("body", b"") for message in messages)
        return self._form.read(body, is_stream=self._is_stream)

    @property
    def _is_stream(self) -> bool:
        """Whether the answer is one: an error before its first byte is not."""
        return bool(self._sent) and any(b"text/event-stream" in value for _, value in self._sent[0]["headers"])
