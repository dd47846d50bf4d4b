"""Asks chat for answers, in this process, and reads what a caller is told as OpenAI's clients do."""

import asyncio
import json
from typing import Any, NamedTuple

from chat.application import Chat

DONE = b"data: [DONE]\n\n"


class Told(NamedTuple):
    """What a caller was told."""

    status: int
    text: str
    calls: list[Any]
    error: dict[str, Any] | None  # in place of the answer, or in its last event
    is_finished: bool  # heard why, or that this was all
    hung_up: bool

    @property
    def is_500(self) -> bool:
        """Whether something broke here."""
        return self.status == 500 or (self.error or {}).get("code") == "internal_error"


class Caller:
    """One request. Hangs up after so many messages of ASGI's, or when told why the answer is finished."""

    def __init__(
        self, chat: Chat, body: dict[str, Any], headers: list[tuple[bytes, bytes]], hang_up: int | str
    ) -> None:
        self._chat, self._hang_up = chat, hang_up
        self._body, self._is_sent = json.dumps(body).encode(), False
        self._scope: Any = {
            "type": "http", "method": "POST", "path": "/v1/chat/completions", "scheme": "http",
            "headers": [(b"content-type", b"application/json"), *headers],
        }  # fmt: skip
        self._is_gone = asyncio.Event()
        self._sent: list[Any] = []

    async def ask(self) -> Told:
        """Return what was heard until it ended, or until the caller hung up."""
        await self._chat(self._scope, self._receive, self._send)
        return self._told()

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
        if len(self._sent) == self._hang_up or (self._hang_up == "finish" and _is_finish(message)):
            self._is_gone.set()
            await asyncio.sleep(0)

    def _told(self) -> Told:
        body = b"".join(message.get("body", b"") for message in self._sent)
        status = self._sent[0]["status"] if self._sent else 0
        is_stream = any(b"text/event-stream" in value for _, value in self._sent[0]["headers"]) if self._sent else False
        events = _events(body) if is_stream else [json.loads(body)] if body else []
        choices = [choice for event in events for choice in event.get("choices", [])[:1]]
        messages = [choice.get("delta" if is_stream else "message") or {} for choice in choices]
        return Told(
            status,
            "".join((message.get("content") or "") + (message.get("refusal") or "") for message in messages),
            _calls(messages),
            next((event["error"] for event in events if set(event) == {"error"}), None),
            body.endswith(DONE) or any(choice.get("finish_reason") for choice in choices),
            self._is_gone.is_set(),
        )


def _events(body: bytes) -> list[Any]:
    """The data of each event but `[DONE]`. A comment may stand between them."""
    data = [event.removeprefix(b"data: ") for event in body.split(b"\n\n") if event.startswith(b"data: ")]
    return [json.loads(each) for each in data if each != b"[DONE]"]


def _calls(messages: list[Any]) -> list[Any]:
    """The calls that these pieces make: those of one index together, and each that has none by itself."""
    made: list[Any] = []
    for piece in [piece for message in messages for piece in message.get("tool_calls") or []]:
        found = next((call for call in made if call.get("index", -1) == piece.get("index")), None)
        if found:
            found["function"]["arguments"] += piece["function"]["arguments"]
        else:
            made.append(piece)
    return [{name: value for name, value in call.items() if name != "index"} for call in made]


def _is_finish(message: Any) -> bool:
    body = message.get("body", b"")
    return body.startswith(b"data: {") and any(
        choice.get("finish_reason") for choice in _events(body)[0].get("choices", [])
    )
