"""What is made of a language model's answers, failures and sizes: to the byte, and without a server."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import msgspec
import pytest

from chat.backends import upstream_answers
from chat.backends.upstream_answers import check_content_type, parse_chunks, parse_completion
from chat.backends.upstream_errors import failures_as_api_errors
from chat.errors import ApiError


async def pieces_of(*pieces: bytes) -> AsyncIterator[bytes]:
    for piece in pieces:
        yield piece


def read(source: AsyncIterator[Any]) -> list[Any]:
    async def collect() -> list[Any]:
        return [item async for item in source]

    return asyncio.run(collect())


def read_chunks(source: AsyncIterator[bytes], expected: int = 1, idle_seconds: float = 60) -> list[Any]:
    return read(parse_chunks(source, expected, idle_seconds))


@pytest.mark.parametrize("given", ["application/json", "Application/JSON", "application/json; charset=utf-8"])
def test_content_type__as_expected__accepted(given: str) -> None:
    check_content_type({"content-type": given}, "application/json")
    check_content_type({"content-type": given, "content-encoding": "identity"}, "application/json")


@pytest.mark.parametrize(
    "headers",
    [{}, {"content-type": "text/html"}, {"content-type": "application/json", "content-encoding": "gzip"}],
)
def test_content_type__another_or_compressed__broken(headers: dict[str, str]) -> None:
    with pytest.raises(ApiError) as raised:
        check_content_type(headers, "application/json")
    assert (raised.value.status, raised.value.code) == (502, "upstream_broken")


ANSWERS = [
    {"choices": [{}]},
    {"choices": [{"index": 0}, {}] * 4},
    {"choices": [{"index": 0, "message": None, "finish_reason": None}]},
    {"choices": [{"message": {"content": "Hé", "reasoning": [1.5, {}], "tool_calls": []}, "logprobs": {"a": [{}]}}]},
    {"choices": [{"delta": {"content": "x", "refusal": None}, "finish_reason": "stop", "x": "\\ \n"}], "error": None},
    {"choices": [{"index": 7, "delta": {"role": "assistant", "refusal": "No."}, "error": None}], "usage": None},
    {"id": 5, "choices": [{"delta": {}}], "usage": {"total_tokens": 5}, "provider": {"of": ["another", "house"]}},
    {"choices": [{"delta": {"tool_calls": [{"index": 0, "function": {"arguments": "{"}}]}}], "error": {}},
]
CHOICES_OF_ANOTHER_SHAPE: list[object] = [
    {}, [None], [5], [[]], [{}] * 9, [{}, 5], [{"message": 5}], [{"message": []}], [{"message": "x"}],
    [{"delta": 5}], [{"delta": {"content": 5}}], [{"message": {"content": {}}}], [{"message": {"content": True}}],
    [{"finish_reason": 5}], [{"delta": {"content": [5]}}], [{"delta": {"content": [{"text": 5}]}}],
    [{"delta": {"refusal": 5}}],
]  # fmt: skip
OTHER_SHAPES = [{"choices": choices} for choices in CHOICES_OF_ANOTHER_SHAPE]


def stream(*answers: object) -> list[Any]:
    """What is passed on of a stream of these, up to `[DONE]`."""
    events = [f"data: {json.dumps(answer)}\n\n".encode() for answer in answers]
    return [builtin(chunk) for chunk in read_chunks(pieces_of(*events, b"data: [DONE]\n\n"))]


def builtin(answer: object) -> Any:
    return msgspec.json.decode(msgspec.json.encode(answer))


def failure(work: Callable[[], object]) -> ApiError:
    with pytest.raises(ApiError) as raised, failures_as_api_errors():
        work()
    return raised.value


@pytest.mark.parametrize("answer", ANSWERS)
def test_answer__in_the_protocol__passed_on_as_it_is(answer: dict[str, Any]) -> None:
    for indent in (None, 1):
        text = json.dumps(answer, indent=indent)
        assert builtin(parse_completion(text.encode())) == answer
        sent = text.replace("\n", "\ndata: ")
        (chunk,) = read_chunks(pieces_of(f"data: {sent}\n\ndata: [DONE]\n\n".encode()))
        assert b"\n" not in msgspec.json.encode(chunk)  # it would end the caller's event
        assert builtin(chunk) == answer


@pytest.mark.parametrize("answer", OTHER_SHAPES)
def test_answer__of_another_shape__broken(answer: object) -> None:
    for work in (lambda: parse_completion(json.dumps(answer).encode()), lambda: stream(answer)):
        error = failure(work)
        assert (error.status, error.code) == (502, "upstream_broken")


@pytest.mark.parametrize("answer", [[], "x", 5])
def test_answer__no_object__broken_or_no_part_of_a_stream(answer: object) -> None:
    assert failure(lambda: parse_completion(json.dumps(answer).encode())).code == "upstream_broken"
    assert failure(lambda: stream(answer)).code == "upstream_empty"


@pytest.mark.parametrize("answer", [None, {}, {"choices": None}, {"choices": []}, {"usage": {}}])
def test_answer__nothing_at_all__said_so(answer: dict[str, Any] | None) -> None:
    assert failure(lambda: stream(answer)).code == "upstream_empty"
    code = "upstream_empty" if "choices" in (answer or {}) else "upstream_broken"
    assert failure(lambda: parse_completion(json.dumps(answer).encode())).code == code


def choice(delta: object, finish: object = None, **more: object) -> dict[str, Any]:
    return {"index": 0, "delta": delta, "finish_reason": finish, **more}


SAID = {"choices": [choice({"content": "x"})]}


@pytest.mark.parametrize(
    "answer",
    [
        {"error": {"message": "boom"}}, {"error": "boom"}, {"error": True}, {"error": 5},
        {"error": {"message": "boom"}, "choices": []}, {"error": {"message": "boom"}, "choices": [choice({}, "stop")]},
        {"choices": [choice({"content": ""}, "error")]}, {"choices": [choice({"content": "x"}, error={"code": 5})]},
        {"object": "error", "message": "boom", "code": 500}, {"object": "error", "choices": None},
        {"type": "error", "code": 500, "message": "boom"}, {"event": "exception", "data": {}}, {"detail": "boom"},
        {"detail": [{"msg": "boom"}]}, {"success": False, "errors": [{"message": "boom"}]}, {"success": False},
        {"errors": ["boom"], "choices": [choice({"content": "x"}, "stop")]}, {"exception": "boom"}, {"message": "boom"},
        {"error_code": "INTERNAL", "choices": []}, {"status": "error"}, {"status": 500, "title": "boom"},
        {"type": "about:blank", "status": 503}, {"choices": [choice({"error": {"message": "boom"}})]},
        {"choices": [{"message": {"content": "x", "error": "boom"}}]}, {"choices": [choice({}, errors=["boom"])]},
        {"choices": [choice({}, "ERROR")]}, {"choices": [choice({}, "Internal_Error")]},
    ],
)  # fmt: skip
def test_answer__an_error_in_it__not_an_answer(answer: dict[str, Any]) -> None:
    for work in (lambda: parse_completion(json.dumps(answer).encode()), lambda: stream(SAID, answer)):
        error = failure(work)
        assert (error.status, error.code) == (502, "upstream_failed")


def test_answer__a_byte_order_mark_before_it__read() -> None:
    assert builtin(parse_completion(b"\xef\xbb\xbf" + json.dumps(SAID).encode())) == SAID


@pytest.mark.parametrize("nothing", [None, False, "", {}, []])
def test_answer__an_error_that_says_nothing__none(nothing: object) -> None:
    assert stream({**SAID, "error": nothing}) == [{**SAID, "error": nothing}]


@pytest.mark.parametrize(
    ("event", "told"),
    [
        (b"data: {}", []), (b"data: null", []), (b"data:", []), (b"data\ndata", []), (b": ping", []), (b"id: 1", []),
        (b"event: ping\ndata: {}", []), (b"event: ping\ndata: pong", []), (b'event: x\ndata: {"type": "ping"}', []),
        (b'data: {"type": "ping"}', []), (b'data: {"choices": null}', []), (b'data: {"usage": null}', []),
        (b'data: {"usage": {"total_tokens": 5}}', [{"usage": {"total_tokens": 5}, "choices": []}]),
        (b'data: {"usage": {}, "choices": null}', [{"usage": {}, "choices": []}]),
        (b'data: {"prompt_filter_results": [], "choices": []}', [{"prompt_filter_results": [], "choices": []}]),
        (b'event: chunk\ndata: {"choices": [{}]}', [{"choices": [{}]}]),
        (b'data: {"type": "status", "message": "Searching"}', []), (b'data: {"success": true, "errors": []}', []),
        (b'event: status\ndata: {"message": "Searching", "detail": "x"}', []), (b'data: {"status": 200}', []),
        (b'event: tool_result\ndata: {"tool": "search", "error": "timeout"}', []), (b"data: ping", []),
        (b'event: tool\ndata: {"name": "search", "status": "failed"}', []), (b"data: [keep-alive]", []),
        (b'event: tool\ndata: {"type": "error", "success": false}', []), (b"event: tool_error\ndata: x", []),
        (b"data: []", []), (b"data: 1", []), (b"data: true", []), (b'data: "ok"', []),
    ],
)  # fmt: skip
def test_chunks__an_event_that_says_nothing__does_not_end_the_answer(event: bytes, told: list[object]) -> None:
    said = f"data: {json.dumps(SAID)}\n\n".encode()
    chunks = read_chunks(pieces_of(said, event + b"\n\n", said, b"data: [DONE]\n\n"))
    assert [builtin(chunk) for chunk in chunks] == [SAID, *told, SAID]


@pytest.mark.parametrize("data", [b"boom", b'{"message": "boom"}', b'{"error": {"message": "boom"}}', b""])
@pytest.mark.parametrize("name", ["error", "exception", "Error", "failed", "response.failed"])
def test_chunks__an_event_named_error__an_error(data: bytes, name: str) -> None:
    wire = f"data: {json.dumps(SAID)}\n\nevent: {name}\ndata: ".encode() + data + b"\n\ndata: [DONE]\n\n"
    assert failure(lambda: read_chunks(pieces_of(wire))).code == "upstream_failed"


@pytest.mark.parametrize(
    ("delta", "told"),
    [
        ({"content": "a\0b"}, {"content": "a\ufffdb"}),
        ({"refusal": "\0"}, {"refusal": "\ufffd"}),
        ({"content": [{"type": "text", "text": "a\0"}, {"text": "b"}]}, {"content": "a\ufffdb"}),
        ({"content": []}, {"content": ""}),
        ({"content": [{"type": "image_url", "image_url": {}}, {"type": "text"}]}, {"content": ""}),
        ({"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "Hm."}]}, {"text": "a"}]},
         {"content": "a", "reasoning_content": "Hm."}),
        ({"content": [{"type": "thinking", "thinking": "Hm."}]}, {"content": "", "reasoning_content": "Hm."}),
    ],
)  # fmt: skip
def test_text__in_any_shape__one_text_that_can_be_kept(delta: dict[str, Any], told: dict[str, Any]) -> None:
    assert stream({"choices": [choice(delta)]}) == [{"choices": [choice(told)]}]


def test_text__of_very_many_parts__broken() -> None:
    """They would take long to read, and no model writes so many."""
    assert stream({"choices": [choice({"content": [{}] * 10_000})]}) == [{"choices": [choice({"content": ""})]}]
    with pytest.raises(ApiError, match="broken"):
        stream({"choices": [choice({"content": [{}] * 10_001})]})


def test_finish__an_empty_reason__none() -> None:
    assert stream({"choices": [choice({"content": "x"}, "")]}) == [SAID]


CHUNK = b'data: {"choices": [{"delta": {"content": "x"}, "finish_reason": %s}]}\n\n'


@pytest.mark.parametrize("end", [b"data: [DONE]\n\n", b"data: [DONE] \n\ndata: {nothing\n\n"])
def test_chunks__done__nothing_after_it_is_read(end: bytes) -> None:
    assert len(read_chunks(pieces_of(CHUNK % b"null", end))) == 1


def test_chunks__finished_without_done__ends_well() -> None:
    assert len(read_chunks(pieces_of(CHUNK % b"null", CHUNK % b'"stop"', CHUNK % b"null"))) == 3


@pytest.mark.parametrize("reason", [b"null", b'""'])
def test_chunks__neither_done_nor_finished__broken(reason: bytes) -> None:
    with pytest.raises(ApiError, match="broken"):
        read_chunks(pieces_of(CHUNK % reason))


INDEXED = b'data: {"choices": [{"index": %d, "delta": {"content": "x"}, "finish_reason": %s}]}\n\n'


@pytest.mark.parametrize("expected", [1, 2])
def test_chunks__one_of_several_choices_has_not_finished__broken(expected: int) -> None:
    wire = [INDEXED % (0, b"null"), INDEXED % (1, b"null"), INDEXED % (1, b'"stop"')]
    with pytest.raises(ApiError, match="broken"):
        read_chunks(pieces_of(*wire), expected)
    assert len(read_chunks(pieces_of(*wire, INDEXED % (0, b'"stop"')), expected)) == 4


def test_chunks__events_are_counted_where_the_index_belongs__one_choice() -> None:
    wire = [INDEXED % (number, b"null") for number in range(3)]
    chunks = read_chunks(pieces_of(*wire, INDEXED % (3, b'"stop"')))
    assert [bytes(chunk["choices"][0]["index"]) for chunk in chunks] == [b"0"] * 4
    several = read_chunks(pieces_of(wire[0], wire[1], INDEXED % (0, b'"stop"'), INDEXED % (1, b'"stop"')), expected=2)
    assert [bytes(chunk["choices"][0]["index"]) for chunk in several] == [b"0", b"1", b"0", b"1"]


def test_chunks__an_index_that_is_null__none() -> None:
    without = b'data: {"choices": [{"index": null, "delta": {"content": "x"}}]}\n\n'
    chunks = read_chunks(pieces_of(without, INDEXED % (0, b'"stop"')))
    assert "index" not in chunks[0]["choices"][0]
    assert len(chunks) == 2


def test_chunks__another_choice_finishes_than_has_begun__broken_even_if_done() -> None:
    wire = [INDEXED % (0, b"null"), INDEXED % (0, b"null"), INDEXED % (7, b'"stop"'), b"data: [DONE]\n\n"]
    with pytest.raises(ApiError, match="broken"):
        read_chunks(pieces_of(*wire))


@pytest.mark.parametrize("reason", [b'"null"', b'"None"', b'""'])
def test_chunks__a_reason_that_is_none__goes_on(reason: bytes) -> None:
    async def goes_on() -> AsyncIterator[bytes]:
        yield CHUNK % reason
        await asyncio.sleep(0.05)
        yield CHUNK % b'"stop"'

    assert [chunk["choices"][0]["finish_reason"] for chunk in read_chunks(goes_on(), idle_seconds=0.01)] == [
        None,
        "stop",
    ]


@pytest.mark.parametrize(("first", "other"), [(0, 1), (1, 0)])
def test_chunks__a_choice_that_was_not_asked_for_has_not_finished__ends_well(first: int, other: int) -> None:
    wire = [INDEXED % (first, b"null"), INDEXED % (other, b"null"), INDEXED % (first, b'"stop"')]
    assert len(read_chunks(pieces_of(*wire))) == 3


def test_chunks__fewer_choices_than_were_asked_for__ends_well() -> None:
    assert len(read_chunks(pieces_of(INDEXED % (0, b"null"), INDEXED % (0, b'"stop"')), expected=3)) == 2


def test_chunks__comments_after_the_reason_to_finish__what_follows_is_waited_for() -> None:
    async def works_on() -> AsyncIterator[bytes]:
        yield CHUNK % b'"tool_calls"'
        for _ in range(30):
            await asyncio.sleep(0.02)
            yield b": at work\n\n"
        yield CHUNK % b"null" + b"data: [DONE]\n\n"

    assert len(read_chunks(works_on(), idle_seconds=0.2)) == 2


@pytest.mark.parametrize(
    "wire",
    [
        [CHUNK % b'"stop"', b"data: [DONE]\n\n", b"\n"],
        [INDEXED % (0, b'"stop"'), INDEXED % (1, b"null"), b": at work\n\n", INDEXED % (1, b'"stop"')],
    ],
)
def test_chunks__pieces_after_all_could_have_been_over__read(wire: list[bytes]) -> None:
    assert len(read_chunks(pieces_of(*wire))) == sum(b"choices" in piece for piece in wire)


def test_chunks__comments_for_ever_after_the_reason_to_finish__the_end() -> None:
    async def never_ends() -> AsyncIterator[bytes]:
        yield CHUNK % b'"stop"'
        while True:
            await asyncio.sleep(0.001)
            yield b": at work\n\n"

    assert len(read_chunks(never_ends(), idle_seconds=0.02)) == 1


def test_chunks__text_after_the_reason_to_finish__passed_on() -> None:
    chunks = read_chunks(pieces_of(CHUNK % b'"stop"', CHUNK % b"null", CHUNK % b'"stop"', b"data: [DONE]\n\n"))
    assert len(chunks) == 3


@pytest.mark.parametrize("last", [CHUNK % b'"stop"', b"data: [DONE]\n\n", CHUNK % b'"stop"' + b"data: [DO"])
@pytest.mark.parametrize("cut", [1, 2])
def test_chunks__the_last_event_lacks_its_blank_line__counts_if_it_is_whole(last: bytes, cut: int) -> None:
    assert len(read_chunks(pieces_of(CHUNK % b"null", last[:-cut]))) == 1 + last.count(b"choices")


def test_chunks__the_last_event_is_cut__broken() -> None:
    with pytest.raises(ApiError, match="broken"):
        read_chunks(pieces_of(CHUNK % b"null", (CHUNK % b'"stop"')[:-4]))


def test_chunks__silence_after_the_reason_to_finish__the_end() -> None:
    async def never_ends() -> AsyncIterator[bytes]:
        yield CHUNK % b'"stop"'
        yield CHUNK % b"null"
        await asyncio.Event().wait()

    assert len(read_chunks(never_ends(), idle_seconds=0.01)) == 2


def test_chunks__text_after_a_pause_after_the_reason__passed_on() -> None:
    async def goes_on() -> AsyncIterator[bytes]:
        yield CHUNK % b'"tool_calls"'
        await asyncio.sleep(0.05)
        yield CHUNK % b"null"
        await asyncio.sleep(0.05)
        yield b"data: [DONE]\n\n"

    assert len(read_chunks(goes_on(), idle_seconds=5)) == 2


def test_chunks__silence_before_all_choices_have_finished__waited_for() -> None:
    async def goes_on() -> AsyncIterator[bytes]:
        yield CHUNK % b'"stop"'
        await asyncio.sleep(0.05)
        yield CHUNK % b'"stop"'
        await asyncio.Event().wait()

    assert len(read_chunks(goes_on(), expected=2, idle_seconds=0.01)) == 2


def test_chunks__more_after_done_than_is_waited_for__let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    async def never_ends() -> AsyncIterator[bytes]:
        yield CHUNK % b"null" + b"data: [DONE]\n\n"
        await asyncio.Event().wait()

    monkeypatch.setattr(upstream_answers, "END_SECONDS", 0.01)
    assert len(read_chunks(never_ends())) == 1


def test_chunks__done__read_to_the_end_of_the_body() -> None:
    """Else the connection could not be used again."""
    read_to_the_end = []

    async def body() -> AsyncIterator[bytes]:
        yield CHUNK % b"null" + b"data: [DONE]\n\n"
        yield b": bye\n\n"
        read_to_the_end.append(True)

    assert len(read_chunks(body())) == 1
    assert read_to_the_end
