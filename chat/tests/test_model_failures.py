"""A language model that fails: every failure becomes an error that says whose fault it is; nothing is left behind."""

from time import monotonic

import openai
import pytest
from openai.types.chat import ChatCompletionMessageParam

from chat.backends import upstream_answers
from chat.backends.upstream import Deadlines
from chat.tests import model_server
from chat.tests.conftest import Client, upstream
from chat.tests.model_server import Behaviour, ModelServer
from tests.waiting import wait_until

HELLO: list[ChatCompletionMessageParam] = [{"role": "user", "content": "Hello?"}]
PAGE = model_server.status("200 OK", b"<html>Welcome", kind="text/html")
NOT_JSON = model_server.status("200 OK", b"{nothing")
NO_CHOICE = model_server.status("200 OK", b'{"object": "chat.completion", "choices": [null]}')
NO_MESSAGE = model_server.status("200 OK", b'{"object": "chat.completion", "choices": [{"message": 5}]}')
NO_CHOICES = model_server.status("200 OK", b'{"object": "chat.completion"}')
GZIPPED = model_server.status("200 OK", b"x" * 100, "Content-Encoding: gzip\r\n")
LONG_LINE = model_server.streaming(b"x" * 2_000_000)
BAD_EVENT = model_server.streaming(b"data: {nothing\n\n")
DEEP = model_server.streaming(b"data: " + b"[" * 100_000 + b"\n\n")


def stream(talk: openai.OpenAI) -> str:
    events = talk.chat.completions.create(model="elara", messages=HELLO, stream=True)
    return "".join(event.choices[0].delta.content or "" for event in events if event.choices)


def whole(talk: openai.OpenAI) -> str:
    return talk.chat.completions.create(model="elara", messages=HELLO).choices[0].message.content or ""


@pytest.mark.parametrize(
    ("behaviour", "status", "code"),
    [
        (model_server.silent, 504, "upstream_timeout"),
        (model_server.reset, 502, "upstream_broken"),
        (PAGE, 502, "upstream_broken"),
        (NOT_JSON, 502, "upstream_broken"),
        (NO_CHOICES, 502, "upstream_broken"),
        (NO_CHOICE, 502, "upstream_broken"),
        (NO_MESSAGE, 502, "upstream_broken"),
        (GZIPPED, 502, "upstream_broken"),
        (model_server.status("302 Found", more="Location: http://127.0.0.1:1/\r\n"), 502, "upstream_failed"),
        (model_server.status("401 Unauthorized", b'{"error": {"message": "planted"}}'), 502, "upstream_failed"),
        (model_server.status("404 Not Found"), 502, "upstream_failed"),
        (model_server.status("500 Oops", b"planted"), 502, "upstream_failed"),
        (model_server.status("503 Busy"), 503, "upstream_failed"),
        (model_server.status("504 Slow"), 504, "upstream_failed"),
    ],
)
@pytest.mark.parametrize("ask", [whole, stream])
def test_model__before_the_first_byte__typed_error(
    talk: openai.OpenAI, model: ModelServer, ask: object, behaviour: Behaviour, status: int, code: str
) -> None:
    model.behaviour = behaviour
    with pytest.raises(openai.InternalServerError) as raised:
        ask(talk)  # type: ignore[operator]
    assert (raised.value.status_code, raised.value.type, raised.value.code) == (status, "api_error", code)
    assert "planted" not in str(raised.value)
    wait_until(lambda: model.connections == 0)
    model.behaviour = model_server.answer
    assert whole(talk) == "Hello there."


@pytest.mark.parametrize("behaviour", [model_server.drip, LONG_LINE, BAD_EVENT, DEEP])
def test_model__stream_of_nonsense__error(talk: openai.OpenAI, model: ModelServer, behaviour: Behaviour) -> None:
    model.behaviour = behaviour
    began = monotonic()
    with pytest.raises(openai.APIError, match="broken|too long"):
        stream(talk)
    assert monotonic() - began < 5
    wait_until(lambda: model.connections == 0)


@pytest.mark.parametrize("then", [model_server.reset, None, model_server.silent])
def test_model__cut_in_the_middle__what_there_was_then_an_error(
    talk: openai.OpenAI, model: ModelServer, then: Behaviour | None
) -> None:
    model.behaviour = model_server.streaming(model_server.chunk("Hello "), then=then)
    events = talk.chat.completions.create(model="elara", messages=HELLO, stream=True)
    assert next(events).choices[0].delta.content == "Hello "
    with pytest.raises(openai.APIError):
        next(events)
    wait_until(lambda: model.connections == 0)


def test_model__no_done_but_finished__ends_well(talk: openai.OpenAI, model: ModelServer) -> None:
    model.behaviour = model_server.streaming(model_server.chunk("Hello"), model_server.chunk("", "stop").rstrip())
    assert stream(talk) == "Hello"


def test_model__keeps_its_connection__the_next_is_asked_on_it(
    talk: openai.OpenAI, model: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upstream_answers, "END_SECONDS", 20)  # even on a slow machine
    model.behaviour = model_server.answer_keep_alive
    assert [stream(talk) for _ in range(3)] == ["Hello there."] * 3
    model.behaviour = model_server.answer  # which closes it
    assert stream(talk) == "Hello there."
    assert model.counts["connections"] == 1


def test_model__no_end_after_done__not_waited_for(client: Client, model: ModelServer) -> None:
    said = model_server.chunk("Hello there.", "stop") + b"data: [DONE]\n\n"
    model.behaviour = model_server.streaming(said, then=model_server.silent)
    patient = client(upstream(model, Deadlines(idle=60)))  # longer than the client waits
    assert stream(patient) == "Hello there."
    wait_until(lambda: model.connections == 0)


def test_model__neither_done_nor_closed__not_waited_for(client: Client, model: ModelServer) -> None:
    said = model_server.chunk("Hello there.", "stop")
    model.behaviour = model_server.streaming(said, then=model_server.silent)
    patient = client(upstream(model, Deadlines(idle=60)))  # longer than the client waits
    assert stream(patient) == "Hello there."


def test_model__characters_cut_and_broken__the_rest_is_heard(talk: openai.OpenAI, model: ModelServer) -> None:
    event = model_server.chunk("Br*cke !").replace(b"*", "ü".encode()).replace(b"!", b"\xff")
    cut = event.index("ü".encode()) + 1
    model.behaviour = model_server.streaming(
        b"\xef: comment\r\n", event[:cut], event[cut:], model_server.chunk("", "stop")
    )
    assert stream(talk) == "Brücke \ufffd"


def test_model__429__told_when_to_come_again(talk: openai.OpenAI, model: ModelServer) -> None:
    model.behaviour = model_server.status("429 Too Many", more="Retry-After: 7\r\n")
    for _ in range(20):
        with pytest.raises(openai.RateLimitError) as raised:
            stream(talk)
        assert raised.value.response.headers["retry-after"] == "7"
    assert len(model.requests) == 20  # no retries
    assert raised.value.code == "rate_limit_exceeded"


def test_model__400__what_is_wrong_with_the_prompt(talk: openai.OpenAI, model: ModelServer) -> None:
    body = b'{"error": {"message": "too many tokens", "code": "context_length_exceeded", "param": "messages"}}'
    model.behaviour = model_server.status("400 Bad Request", body)
    with pytest.raises(openai.BadRequestError, match="too many tokens") as raised:
        whole(talk)
    assert (raised.value.param, raised.value.code) == ("messages", "context_length_exceeded")


@pytest.mark.parametrize("blank", [" ", "\t", " \t "])
def test_model__blanks_around_a_header_s_value__no_part_of_it(
    talk: openai.OpenAI, model: ModelServer, blank: str
) -> None:
    model.behaviour = model_server.status("503 Busy", more=f"Retry-After:{blank}120{blank}\r\n")
    with pytest.raises(openai.InternalServerError) as raised:
        whole(talk)
    assert raised.value.response.headers["retry-after"] == "120"
    encoded = f"Content-Encoding:{blank}identity{blank}\r\n"
    model.behaviour = model_server.status("200 OK", model_server.completion("Hi."), encoded)
    assert whole(talk) == "Hi."


LLAMAS = b'{"error": {"code": 500, "message": "Context size has been exceeded.", "type": "server_error"}}'


@pytest.mark.parametrize("ask", [whole, stream])
@pytest.mark.parametrize(
    "behaviour",
    [
        model_server.status("500 Oops", LLAMAS),
        model_server.status("400 No", b"[%b]" % LLAMAS),
        model_server.status("422 No", b'{"detail": "Prompt length (5000) exceeds maximum input length (4096)"}'),
        model_server.status("413 Much", b'{"error": {"code": "tokens_limit_reached", "message": "Too much"}}'),
        model_server.status("400 No", b"prompt token count (5000) cannot exceed 4096", kind="text/plain"),
    ],
)
def test_model__longer_than_its_context__what_clients_act_upon(
    talk: openai.OpenAI, model: ModelServer, ask: object, behaviour: Behaviour
) -> None:
    model.behaviour = behaviour
    with pytest.raises(openai.BadRequestError) as raised:
        ask(talk)  # type: ignore[operator]
    assert (raised.value.code, raised.value.type) == ("context_length_exceeded", "invalid_request_error")


def test_model__longer_than_its_context_inside_a_stream__what_clients_act_upon(
    talk: openai.OpenAI, model: ModelServer
) -> None:
    model.behaviour = model_server.streaming(b"data: " + LLAMAS + b"\n\n")
    with pytest.raises(openai.BadRequestError) as raised:
        stream(talk)
    assert raised.value.code == "context_length_exceeded"
    model.behaviour = model_server.streaming(model_server.chunk("Hello "), b"data: " + LLAMAS + b"\n\n")
    with pytest.raises(openai.APIError, match="Context size has been exceeded") as cut:
        stream(talk)
    assert cut.value.code == "context_length_exceeded"


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b'{"detail": "tools are not supported"}', "application/json"),
        (b'[{"error": {"message": "tools are not supported"}}]', "application/json"),
        (b'{"message": {"detail": [{"msg": "tools are not supported"}]}}', "application/json"),
        (b"tools are not supported\n", "text/plain"),
    ],
)
def test_model__refuses_in_a_shape_of_its_own__told_as_its_own(
    talk: openai.OpenAI, model: ModelServer, body: bytes, kind: str
) -> None:
    model.behaviour = model_server.status("422 No", body, kind=kind)
    with pytest.raises(openai.BadRequestError, match="tools are not supported"):
        whole(talk)


@pytest.mark.parametrize("first", ["502 Bad", "503 Busy", "504 Slow"])
def test_retry__before_the_first_byte__once(talk: openai.OpenAI, model: ModelServer, first: str) -> None:
    model.behaviour = model_server.in_sequence(model_server.status(first), model_server.answer)
    assert stream(talk) == "Hello there."
    assert len(model.requests) == 2


def test_retry__closes_the_connection_on_which_it_failed__told_when_to_come_again(
    talk: openai.OpenAI, model: ModelServer
) -> None:
    model.behaviour = model_server.status_keep_alive("503 Busy", "Retry-After: 4\r\n")
    with pytest.raises(openai.InternalServerError) as raised:
        whole(talk)
    assert (raised.value.status_code, raised.value.response.headers["Retry-After"]) == (503, "4")
    assert len(model.requests) == model.counts["connections"] == 2


def test_failed_inside__told_when_to_come_again(talk: openai.OpenAI, model: ModelServer) -> None:
    model.behaviour = model_server.status("200 OK", b'{"error": {"message": "overloaded"}}', "Retry-After: 4\r\n")
    with pytest.raises(openai.InternalServerError) as raised:
        whole(talk)
    assert (raised.value.status_code, raised.value.response.headers["Retry-After"]) == (502, "4")


@pytest.mark.parametrize(
    "behaviour", [model_server.status("500 Oops"), model_server.reset, model_server.streaming(model_server.chunk("x"))]
)
def test_retry__when_it_might_have_been_paid_for__never(
    talk: openai.OpenAI, model: ModelServer, behaviour: Behaviour
) -> None:
    model.behaviour = behaviour
    with pytest.raises(openai.APIError):
        stream(talk)
    assert len(model.requests) == 1
