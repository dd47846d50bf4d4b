"""However a language model's server answers, what is kept of it is what the caller was told, or nothing is."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Iterator
from functools import lru_cache
from random import Random
from typing import Any, NamedTuple

import pytest
from django.contrib.auth.models import User
from django.db import connection

from accounts.models import ApiKey
from chat.application import Chat
from chat.backends.upstream import Deadlines
from chat.tests import model_server
from chat.tests.conftest import upstream
from chat.tests.model_server import ModelServer
from conversations import pinning
from conversations.models import Conversation, Message
from personalities.models import Personality
from tests.faults.conftest import LONG
from tests.faults.random_upstream import Answer, RandomAnswer
from tests.faults.recorded_answers import Caller, ChatForm, Form, ResponsesForm, Told
from tests.promises import Figure

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(1800)]
COUNT = 20_000 if LONG else 300  # half of them in each API
SEED = "told and kept"
AT_ONCE = 16
# No answer fails because the machine is busy, be it with the model's server or with the database.
LONG_DEADLINES, DATABASE_SECONDS = Deadlines(connect=60, first_byte=60, idle=5, total=60), 60
FORMS: list[Form] = [ChatForm(), ResponsesForm(goes_on=False), ChatForm(), ResponsesForm(goes_on=True)]
SAID_BEFORE = "Hello."  # the last answer of each conversation, which may be gone on from
Recorded = list[tuple[str, str, Any]]


class Turn(NamedTuple):
    """A turn, and what its caller was told, each time it was sent."""

    number: int
    told: list[Told]


@lru_cache(64)
def answer_of(number: int) -> Answer:
    return RandomAnswer(f"{SEED} {number}").draw()


async def behave(server: ModelServer, writer: model_server.Writer, request: dict[str, Any]) -> None:
    await answer_of(int(request["messages"][-1]["content"])).send(writer)


def form_of(number: int) -> Form:
    """Six turns of the one, then six of another: so each has callers of every kind."""
    return FORMS[number // 6 % len(FORMS)]


def conversations(user: User) -> list[Conversation]:
    """One for each turn, with an answer in it that was given before; all made at once."""
    first = pinning.start(user, Personality.objects.create(personality_name="elara").to_config())
    names = ("owner_id", "personality_id", "personality_version", "personality_name")
    pinned = {name: getattr(first, name) for name in names}
    made = Conversation.objects.bulk_create(Conversation(**pinned) for _ in range(COUNT))
    common = {"position": 1, "role": "assistant", "content": SAID_BEFORE, "created_at": first.created_at}
    Message.objects.bulk_create(Message(id=each.pk, conversation=each, **common) for each in made)
    return made


async def ask(chat: Chat, key: str, conversation: Conversation, number: int) -> Turn:
    """Every other turn has an idempotency key, and is sent again; every third caller hangs up somewhere."""
    random, has_key, form = Random(f"{SEED} caller {number}"), number % 2 == 0, form_of(number)
    places: list[int | str] = [1, 2, 3, 4, 6, "finish"]
    hang_up = random.choice(places) if number % 3 == 0 else 0
    asked = form.question(str(number), str(conversation.pk), last_answer=conversation.pk.hex)
    body = {"model": "elara", "stream": answer_of(number).is_stream, **asked}
    headers = [(b"authorization", f"Bearer {key}".encode())] + [(b"idempotency-key", b"turn-1")] * has_key
    hang_ups = [hang_up, 0] if has_key else [hang_up]
    return Turn(number, [await Caller(chat, form, body, headers, each).ask() for each in hang_ups])


async def ask_all(model: ModelServer, key: str, given: list[Conversation]) -> list[Turn]:
    chat, slots = Chat(upstream(model, LONG_DEADLINES)), asyncio.Semaphore(AT_ONCE)

    async def ask_one(number: int) -> Turn:
        async with slots:
            return await ask(chat, key, given[number], number)

    turns = await asyncio.gather(*map(ask_one, range(COUNT)))
    await asyncio.sleep(1)  # what callers who hung up have said may still be on its way into the database
    return turns


def recorded(given: list[Conversation]) -> list[Recorded]:
    """The messages of each conversation that its turn has added."""
    found: dict[Any, Recorded] = defaultdict(list)
    added = Message.objects.filter(conversation__in=given, position__gt=1)
    rows = added.order_by("conversation_id", "position")
    for id, role, content, calls in rows.values_list("conversation_id", "role", "content", "tool_calls"):
        found[id].append((role, content, calls or []))
    return [found[conversation.pk] for conversation in given]


def faults(turn: Turn, messages: Recorded) -> Iterator[str]:
    """What is wrong between what was told and what is kept."""
    answer = answer_of(turn.number)
    said = messages[-1] if messages else None
    for told in turn.told:
        heard = told.heard
        if told.is_500:
            yield "500"
        if heard.contradicts_itself:
            yield "the end of an answer contradicts its pieces"
        if told.hung_up:
            if heard.is_finished and (said is None or said[1] != heard.text):
                yield "the end was told, and not kept"
            if said and not said[1].startswith(heard.text):
                yield "another text was kept than its caller heard"
        elif heard.error is None and (said is None or told.said != said[1:]):
            yield "another answer was told than kept"
        elif heard.error is None and answer.is_good and told.said != (answer.text, answer.calls):
            yield "another answer was told than given"
        elif heard.error and answer.is_good and not answer.is_empty:
            yield "a good answer was an error"
        others_may_have_kept = any(other.heard.error is None for other in turn.told)
        if heard.error and (heard.is_finished or (said and not others_may_have_kept)):
            yield "an error was told, and an end or something kept"
    if said and not said[1].strip() and not said[2]:
        yield "empty"
    if len({told.ending for told in turn.told} - {None}) > 1:
        yield "it ended otherwise when it was sent again"


@pytest.fixture
def model() -> Iterator[ModelServer]:
    with model_server.running() as running:
        running.behaviour = behave
        yield running


@pytest.fixture
def patient_database(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the database take its time, and those of AT_ONCE who have to wait for a connection."""
    settings.DATABASE_SECONDS = DATABASE_SECONDS
    monkeypatch.setattr(connection.pool, "timeout", DATABASE_SECONDS)  # type: ignore[attr-defined]  # of PostgreSQL's


@pytest.mark.usefixtures("patient_database")
def test_recorded__any_answer_of_a_server__no_difference(model: ModelServer, user: User, figure: Figure) -> None:
    given, key = conversations(user), ApiKey.objects.issue(user)[1]
    asked = asyncio.run(ask_all(model, key, given))
    found = [
        (turn, fault) for turn, messages in zip(asked, recorded(given), strict=True) for fault in faults(turn, messages)
    ]
    kinds = Counter(fault for _, fault in found)
    empty, broken = kinds.pop("empty", 0), kinds.pop("500", 0)
    answers = [told for turn in asked for told in turn.told]
    well, hung_up = (
        sum(told.heard.error is None and not told.hung_up for told in answers),
        sum(told.hung_up for told in answers),
    )
    figure(
        "C4",
        f"{COUNT:,} turns in both APIs, answered as any server might, streamed and whole, sent again, hung up on",
        "0 differences between told and kept, 0 empty messages, 0 x 500",
        before="188 differences, 94 empty, in 300 turns",
        measured=f"{kinds.total()} differences, {empty} empty, {broken} x 500; "
        f"{well:,} told well, {len(answers) - well - hung_up:,} errors, {hung_up:,} hung up",
        met=not found and well > len(answers) / 3,
        why="\n".join(f"{fault}: {turn} {answer_of(turn.number)}"[:3000] for turn, fault in found[:5]),
    )
