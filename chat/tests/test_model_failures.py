"""The language model's bad moods: each ends in an error that says whose fault it is, and nothing is left behind."""

from time import monotonic

import openai
import pytest
from openai.types.chat import ChatCompletionMessageParam

from chat.backends import upstream_answers
from chat.backends.upstream import Deadlines
from chat.tests import model_server as moods
from chat.tests.conftest import Client, upstream
from chat.tests.model_server import ModelServer, Mood
from tests.waiting import wait_until

HELLO: list[ChatCompletionMessageParam] = [{"role": "user", "content": "Hello?"}]
PAGE = moods.status("200 OK", b"<html>Welcome", kind="text/html")
NOT_JSON = moods.status("200 OK", b"{nothing")
NO_CHOICE = moods.status("200 OK", b'{"object": "chat.completion", "choices": [null]}')
NO_CHOICES = moods.status("200 OK", b'{"object": "chat.completion"}')
GZIPPED = moods.status("200 OK", b"x" * 100, "Content-Encoding: gzip\r\n")
LONG_LINE = moods.streaming(b"x" * 2_000_000)
BAD_EVENT = moods.streaming(b"data: {nothing\n\n")
DEEP = moods.streaming(b"data: " + b"[" * 100_000 + b"\n\n")


def stream(talk: openai.OpenAI) -> str:
    events = talk.chat.completions.create(model="elara", messages=HELLO, stream=True)
    return "".join(event.choices[0].delta.content or "" for event in events if event.choices)


def whole(talk: openai.OpenAI) -> str:
    return talk.chat.completions.create(model="elara", messages=HELLO).choices[0].message.content or ""


@pytest.mark.parametrize(
    ("mood", "status", "code"),
    [
        (moods.silent, 504, "upstream_timeout"),
        (moods.reset, 502, "upstream_broken"),
        (PAGE, 502, "upstream_broken"),
        (NOT_JSON, 502, "upstream_broken"),
        (NO_CHOICES, 502, "upstream_broken"),
        (NO_CHOICE, 502, "upstream_broken"),
        (GZIPPED, 502, "upstream_broken"),
        (moods.status("302 Found", more="Location: http://127.0.0.1:1/\r\n"), 502, "upstream_failed"),
        (moods.status("401 Unauthorized", b'{"error": {"message": "planted"}}'), 502, "upstream_failed"),
        (moods.status("404 Not Found"), 502, "upstream_failed"),
        (moods.status("500 Oops", b"planted"), 502, "upstream_failed"),
        (moods.status("503 Busy"), 503, "upstream_failed"),
        (moods.status("504 Slow"), 504, "upstream_failed"),
    ],
)
@pytest.mark.parametrize("ask", [whole, stream])
def test_mood__before_the_first_byte__typed_error(
    talk: openai.OpenAI, model: ModelServer, ask: object, mood: Mood, status: int, code: str
) -> None:
    model.mood = mood
    with pytest.raises(openai.InternalServerError) as raised:
        ask(talk)  # type: ignore[operator]
    assert (raised.value.status_code, raised.value.type, raised.value.code) == (status, "api_error", code)
    assert "planted" not in str(raised.value)
    wait_until(lambda: model.connections == 0)
    model.mood = moods.speak
    assert whole(talk) == "Hello there."


@pytest.mark.parametrize("mood", [moods.drip, LONG_LINE, BAD_EVENT, DEEP])
def test_mood__stream_of_nonsense__error(talk: openai.OpenAI, model: ModelServer, mood: Mood) -> None:
    model.mood = mood
    began = monotonic()
    with pytest.raises(openai.APIError, match="broken|too long"):
        stream(talk)
    assert monotonic() - began < 5
    wait_until(lambda: model.connections == 0)


@pytest.mark.parametrize("then", [moods.reset, None, moods.silent])
def test_mood__cut_in_the_middle__what_there_was_then_an_error(
    talk: openai.OpenAI, model: ModelServer, then: Mood | None
) -> None:
    model.mood = moods.streaming(moods.chunk("Hello "), then=then)
    events = talk.chat.completions.create(model="elara", messages=HELLO, stream=True)
    assert next(events).choices[0].delta.content == "Hello "
    with pytest.raises(openai.APIError):
        next(events)
    wait_until(lambda: model.connections == 0)


def test_mood__no_done_but_finished__ends_well(talk: openai.OpenAI, model: ModelServer) -> None:
    model.mood = moods.streaming(moods.chunk("Hello"), moods.chunk("", "stop").rstrip())
    assert stream(talk) == "Hello"


def test_mood__keeps_its_connection__the_next_is_asked_on_it(
    talk: openai.OpenAI, model: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upstream_answers, "END_SECONDS", 20)  # however slow this machine is now
    model.mood = moods.speak_on
    assert [stream(talk) for _ in range(3)] == ["Hello there."] * 3
    model.mood = moods.speak  # which closes it
    assert stream(talk) == "Hello there."
    assert model.counted["connections"] == 1


def test_mood__no_end_after_done__not_waited_for(client: Client, model: ModelServer) -> None:
    said = moods.chunk("Hello there.", "stop") + b"data: [DONE]\n\n"
    model.mood = moods.streaming(said, then=moods.silent)
    patient = client(upstream(model, Deadlines(idle=60)))  # longer than the client waits
    assert stream(patient) == "Hello there."
    wait_until(lambda: model.connections == 0)


def test_mood__characters_cut_and_broken__the_rest_is_heard(talk: openai.OpenAI, model: ModelServer) -> None:
    event = moods.chunk("Br*cke !").replace(b"*", "ü".encode()).replace(b"!", b"\xff")
    cut = event.index("ü".encode()) + 1
    model.mood = moods.streaming(b"\xef: comment\r\n", event[:cut], event[cut:], moods.chunk("", "stop"))
    assert stream(talk) == "Brücke \ufffd"


def test_mood__429__told_when_to_come_again(talk: openai.OpenAI, model: ModelServer) -> None:
    model.mood = moods.status("429 Too Many", more="Retry-After: 7\r\n")
    for _ in range(20):
        with pytest.raises(openai.RateLimitError) as raised:
            stream(talk)
        assert raised.value.response.headers["retry-after"] == "7"
    assert len(model.asked) == 20  # no storm of our own
    assert raised.value.code == "rate_limit_exceeded"


def test_mood__400__what_is_wrong_with_the_prompt(talk: openai.OpenAI, model: ModelServer) -> None:
    body = b'{"error": {"message": "too many tokens", "code": "context_length_exceeded", "param": "messages"}}'
    model.mood = moods.status("400 Bad Request", body)
    with pytest.raises(openai.BadRequestError, match="too many tokens") as raised:
        whole(talk)
    assert (raised.value.param, raised.value.code) == ("messages", "context_length_exceeded")


@pytest.mark.parametrize("first", ["502 Bad", "503 Busy", "504 Slow"])
def test_retry__before_the_first_byte__once(talk: openai.OpenAI, model: ModelServer, first: str) -> None:
    model.mood = moods.in_turn(moods.status(first), moods.speak)
    assert stream(talk) == "Hello there."
    assert len(model.asked) == 2


@pytest.mark.parametrize("mood", [moods.status("500 Oops"), moods.reset, moods.streaming(moods.chunk("x"))])
def test_retry__when_it_might_have_been_paid_for__never(talk: openai.OpenAI, model: ModelServer, mood: Mood) -> None:
    model.mood = mood
    with pytest.raises(openai.APIError):
        stream(talk)
    assert len(model.asked) == 1
