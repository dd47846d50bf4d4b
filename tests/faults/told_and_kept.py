"""Asks chat for answers, in this process, and reads what a caller is told as OpenAI's clients do."""

import asyncio
import json
from typing import Any, NamedTuple

from chat.application import Chat
from tests.faults.told_forms import Form, Heard


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
