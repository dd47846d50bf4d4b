"""Stores an answer in its conversation before the caller is sent its end.

What is stored is exactly what was sent; otherwise nothing is stored, and the caller gets an error.
"""

from collections.abc import AsyncGenerator, Callable
from http import HTTPStatus
from typing import Literal, cast

import msgspec

from chat.backends import Backend, Chunk, Completion, JsonObject, Payload, answers, tool_calls
from chat.backends.answers import AnswerContent, FirstChoice
from chat.conversation import Turn, not_found, stored_answer
from chat.errors import ApiError, broken_answer, empty_answer
from chat.stream_end import end_when_stored
from chat.threads import in_thread
from conversations import turns
from conversations.models import MAX_FINISH_REASON, Conversation, Role
from conversations.turns import Draft, InvalidContent, KeyReused, MovedOn

Tell = Callable[[Completion], object]
NO_CALLS = (b"null", b"[]")
MAX_ALTERNATIONS = 64  # from text to refusal or back; hardly any answer has both


class RecordingBackend:
    """Answers a turn of a stored conversation, and stores the answer before the caller receives its end."""

    def __init__(self, backend: Backend, turn: Turn, tell: Tell) -> None:
        """`tell` is tried on a whole answer before it is stored, and raises ApiError if it cannot be sent."""
        self._backend, self._turn, self._tell = backend, turn, tell
        self.stream_seconds = backend.stream_seconds

    async def complete(self, payload: Payload) -> Completion:
        """The stored answer or, if there is none yet, the language model's. Raises ApiError."""
        if (earlier := self._turn.earlier_answer) is not None:
            return {**answers.completion(_content(earlier)), "usage": answers.NO_USAGE}
        recorder = Recorder(self._turn.answer_id.hex, "message")
        given = await self._backend.complete(payload)
        answer = _as_kept(recorder.record(given) or given, recorder.message())
        self._tell(answer)
        told, stored = await in_thread(lambda: _store(self._turn, recorder))
        if _is_same(told, stored):
            return answer
        return {**answer, **answers.completion(_content(stored))}  # the usage stays

    def chunks(self, payload: Payload) -> AsyncGenerator[Chunk, None]:
        """The same answer in chunks: its text at once, and its end when it is stored. Raises ApiError."""
        if (earlier := self._turn.earlier_answer) is not None:
            return _again(earlier, payload)
        recorder = Recorder(self._turn.answer_id.hex, "delta")
        chunks = self._backend.chunks(payload)
        return end_when_stored(chunks, lambda: _store_streamed(self._turn, recorder), recorder.record, recorder.reason)


class Recorder:
    """Collects what an answer says and calls, piece by piece. Calls without an id get one derived from `key`.

    `part` is where it is said: in the `message` of a whole answer, or in the `delta` of a chunk.
    """

    def __init__(self, key: str, part: Literal["message", "delta"]) -> None:
        self._part, self._are_whole, self._first = part, part == "message", FirstChoice()
        self._texts: list[tuple[str, list[str]]] = []  # its field, and pieces of it in a row
        self._calls: list[bytes] = []
        self._legacy_calls: list[bytes] = []  # some servers send both
        self._ids, self._legacy_ids = (tool_calls.CallNormalizer(key, are_whole=self._are_whole) for _ in range(2))
        self._call_bytes = 0
        self._reason = ""

    def record(self, answer: Completion) -> Completion | None:
        """The whole answer or the next chunk of it, as it is to be sent, with the calls that are stored; None if it is
        not to be sent. Raises ApiError.
        """
        first = self._first.only_first(answer)
        return self._add(first) if first else None

    def reason(self) -> str:
        """The finish reason that a repeat would be given."""
        return _content(self.message()).reason()

    def _add(self, answer: Completion) -> Completion:
        if not answer["choices"]:
            return answer
        (choice,) = answer["choices"]
        if reason := choice.get("finish_reason"):
            self._reason = str(reason)
        message = choice.get(self._part)
        if not isinstance(message, dict):
            return answer
        calls = self._add_message(message)
        return {**answer, "choices": [{**choice, self._part: message | calls}]} if calls else answer

    def _add_message(self, message: JsonObject) -> JsonObject:
        """Returns the fields to be sent otherwise than they came."""
        for name in (answers.CONTENT, answers.REFUSAL):
            text = message.get(name)
            if text and isinstance(text, str):
                self._add_text(name, text)
        told: JsonObject = {}
        if "tool_calls" in message and (calls := self._bounded(message["tool_calls"])) not in NO_CALLS:
            self._calls.append(self._ids.normalized(calls))
            told = {"tool_calls": msgspec.Raw(self._calls[-1])}
        if "function_call" in message and (call := self._bounded(message["function_call"])).startswith(b"{"):
            self._legacy_calls.append(self._legacy_ids.normalized(tool_calls.from_legacy(call)))
            told = told if self._calls else {"tool_calls": msgspec.Raw(self._legacy_calls[-1])}
        return told

    def _add_text(self, field: str, text: str) -> None:
        if not self._texts or self._texts[-1][0] != field:
            self._texts.append((field, []))
        if len(self._texts) > MAX_ALTERNATIONS:
            raise broken_answer(f"it turns from text to refusal or back more than {MAX_ALTERNATIONS - 1} times")
        self._texts[-1][1].append(text)

    def _bounded(self, calls: object) -> bytes:
        json = msgspec.json.encode(calls)
        self._call_bytes += len(json)
        if self._call_bytes > tool_calls.MAX_BYTES:
            raise broken_answer(f"more than {tool_calls.MAX_BYTES} bytes of tool calls")
        return json

    def message(self) -> Draft:
        """The whole answer, to be stored. Raises ApiError if there is nothing to store.

        A message without text would make the next turn fail: many models refuse it.
        """
        pieces = [(field, "".join(texts)) for field, texts in self._texts]
        text = "".join(text for _, text in pieces)
        try:
            calls = self._merged(self._calls) or self._merged(self._legacy_calls)
        except (msgspec.DecodeError, RecursionError, tool_calls.BrokenCalls) as error:
            raise broken_answer(str(error)) from None
        if not calls and not text.strip():
            raise empty_answer(self._reason)
        reason = self._reason if len(self._reason) <= MAX_FINISH_REASON else ""
        fields = {field for field, _ in pieces}
        draft = Draft(Role.ASSISTANT, text, calls or None, finish_reason=reason, is_refusal=fields == {answers.REFUSAL})
        return draft._replace(parts=answers.parts(pieces)) if len(fields) > 1 else draft

    def _merged(self, lists: list[bytes]) -> list[JsonObject]:
        return tool_calls.merge(lists, are_whole=self._are_whole)


def _as_kept(answer: Completion, kept: Draft) -> Completion:
    """The whole answer, with its calls and finish reason as they are stored and repeated."""
    (choice,), content = answer["choices"], _content(kept)
    message = {name: value for name, value in cast(JsonObject, choice["message"]).items() if name != "tool_calls"}
    calls: JsonObject = {"tool_calls": content.tool_calls} if content.tool_calls else {}
    reason = choice.get("finish_reason") or content.reason()
    return {**answer, "choices": [{**choice, "message": message | calls, "finish_reason": reason}]}


async def _again(earlier: Draft, payload: Payload) -> AsyncGenerator[Chunk, None]:
    for chunk in answers.chunks(_content(earlier), payload):
        yield chunk


def _store_streamed(turn: Turn, recorder: Recorder) -> None:
    """Store the turn. Raises ApiError if another answer is stored: this one has been sent."""
    told, stored = _store(turn, recorder)
    if not _is_same(told, stored):
        raise _answered_otherwise()


def _store(turn: Turn, recorder: Recorder) -> tuple[Draft, Draft]:
    """What was sent, and what is stored. Blocks: call it in a thread."""
    answer = recorder.message()._replace(prompt_sha256=turn.prompt.sha256)
    return answer, store_turn(turn, answer)


def _is_same(told: Draft, stored: Draft) -> bool:
    return _content(told) == _content(stored)


def _content(answer: Draft) -> AnswerContent:
    return AnswerContent(answer.content, answer.tool_calls, answer.finish_reason, answer.is_refusal, answer.parts)


def store_turn(turn: Turn, answer: Draft) -> Draft:
    """Stores the new messages and the answer, all or none, and once. Blocks: call it in a thread.

    Returns the answer that is stored: a different one if the same turn, sent twice at the same time, was stored by the
    other request first. Raises ApiError if the conversation is gone or the answer cannot be stored.
    """
    try:
        turns.append(turn.conversation, [*turn.drafts, answer], turn.idempotency_key, turn.answer_id, turn.after)
    except KeyReused:
        return _stored_meanwhile(turn)
    except MovedOn:
        raise _moved_on() from None
    except Conversation.DoesNotExist:
        raise not_found() from None
    except InvalidContent as error:
        message = f"The answer cannot be stored. {error}"
        raise ApiError(HTTPStatus.BAD_GATEWAY, message, type="api_error", code="upstream_broken") from None
    return answer


def _stored_meanwhile(turn: Turn) -> Draft:
    answer = stored_answer(turn.conversation, turn.drafts, turn.idempotency_key)
    if answer is None:
        raise not_found()  # deleted since
    return answer


def _moved_on() -> ApiError:
    message = "The conversation has gone on since it called these tools: send the results of calls once."
    return ApiError(HTTPStatus.CONFLICT, message, param="messages", code="conversation_moved_on")


def _answered_otherwise() -> ApiError:
    message = "This turn was sent twice at the same time, and the other answer was stored. Send it again for that."
    return ApiError(HTTPStatus.CONFLICT, message, param="idempotency-key", code="answered_otherwise")
