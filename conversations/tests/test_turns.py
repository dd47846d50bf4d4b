"""Messages are stored once, in order, all of a turn or none."""

import threading
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from conversations import turns
from conversations.models import MAX_BYTES, Conversation, Message, Role
from conversations.tests.transcripts import (
    append_turn,
    append_turns,
    list_items,
    list_key,
    recent_contents,
    stored_contents,
    texts_of_turns,
)
from conversations.turns import Draft, InvalidContent, KeyReused
from personalities.models import Personality
from tests.database import sql

pytestmark = pytest.mark.django_db(transaction=True)
THREADS = 8


def rows_read_by_scans(table: str) -> int:
    """How many rows this transaction has read by going through the whole table."""
    return int(sql("SELECT seq_tup_read FROM pg_stat_xact_user_tables WHERE relname = %s", table)[0][0])


def test_append__turns__positions_from_one_without_gaps(conversation: Conversation) -> None:
    append_turns(conversation, 1, 3)
    assert stored_contents(conversation) == list(enumerate(texts_of_turns(1, 3), 1))


def test_append__a_turn__conversation_was_last_used_then(conversation: Conversation) -> None:
    (question, answer), _ = append_turn(conversation, 1)
    conversation.refresh_from_db()
    assert conversation.updated_at == question.created_at == answer.created_at


def test_append__id_of_the_last__stored_under_it(conversation: Conversation) -> None:
    last_id = uuid4()
    turns.append(conversation, [Draft(Role.USER, "question"), Draft(Role.ASSISTANT, "answer")], last_id=last_id)
    assert [message.content for message in Message.objects.filter(pk=last_id)] == ["answer"]


def test_append__same_key_again__the_same_messages_and_nothing_changed(conversation: Conversation) -> None:
    first = append_turn(conversation, 1, "a")
    append_turn(conversation, 2, "b")
    conversation.refresh_from_db()
    again = append_turn(conversation, 1, "a")
    assert (first.repeated, again.repeated) == (False, True)
    assert again.messages == first.messages
    assert stored_contents(conversation) == list(enumerate(texts_of_turns(1, 2), 1))
    assert Conversation.objects.get().updated_at == conversation.updated_at


@pytest.mark.parametrize(
    "drafts",
    [
        [],
        [Draft(Role.USER, "question 1")],
        [Draft(Role.USER, "question 1"), Draft(Role.ASSISTANT, "other")],
        [Draft(Role.USER, "question 1"), Draft(Role.USER, "answer 1")],
        [Draft(Role.USER, "question 1"), Draft(Role.ASSISTANT, "answer 1"), Draft(Role.USER, "more")],
    ],
)
def test_append__same_key_other_messages__refused(conversation: Conversation, drafts: list[Draft]) -> None:
    append_turn(conversation, 1, "a")
    with pytest.raises(KeyReused):
        turns.append(conversation, drafts, "a")
    assert stored_contents(conversation) == list(enumerate(texts_of_turns(1, 1), 1))


def test_append__same_key_in_another_conversation__its_own(start: Callable[[], Conversation]) -> None:
    one, other = start(), start()
    assert not append_turn(one, 1, "a").repeated
    assert not append_turn(other, 1, "a").repeated
    assert [message.position for message in turns.stored(other, "a")] == [1, 2]


def test_append__nothing__changes_nothing(conversation: Conversation, redis: Any) -> None:
    append_turn(conversation, 1)
    conversation.refresh_from_db()
    before = list_items(redis, conversation)
    assert turns.append(conversation, [], "a") == ([], False)
    assert Conversation.objects.get().updated_at == conversation.updated_at
    assert list_items(redis, conversation) == before


def test_append__second_message_cannot_be_stored__none_is(conversation: Conversation) -> None:
    with pytest.raises(IntegrityError):
        turns.append(conversation, [Draft(Role.USER, "fine"), Draft("narrator", "not known")])  # type: ignore[arg-type]
    assert stored_contents(conversation) == []


@pytest.mark.parametrize("text", ["x" * (MAX_BYTES + 1), "é" * (MAX_BYTES // 2 + 1), "a\0b", "\ud800"])
def test_append__not_text__refused(conversation: Conversation, text: str) -> None:
    with pytest.raises(InvalidContent):
        turns.append(conversation, [Draft(Role.USER, "fine"), Draft(Role.ASSISTANT, text)])
    assert stored_contents(conversation) == []


@pytest.mark.parametrize("text", ["", "x" * MAX_BYTES, "é" * (MAX_BYTES // 2), "{{7*7}} {0.__class__} %s \u202e"])
def test_append__text_at_the_bound__stored_to_the_letter(conversation: Conversation, text: str) -> None:
    turns.append(conversation, [Draft(Role.ASSISTANT, text)])
    assert stored_contents(conversation) == [(1, text)]
    assert recent_contents(conversation) == recent_contents(conversation) == [text]


def test_append__deleted_meanwhile__says_so(conversation: Conversation) -> None:
    Conversation.objects.all().delete()
    with pytest.raises(Conversation.DoesNotExist):
        append_turn(conversation, 1)


def test_append__rolled_back__neither_stored_nor_in_redis(conversation: Conversation, redis: Any) -> None:
    append_turn(conversation, 1)
    with transaction.atomic():
        append_turn(conversation, 2)
        assert recent_contents(conversation) == texts_of_turns(1, 2)
        transaction.set_rollback(True)
    assert len(list_items(redis, conversation)) == 2
    assert recent_contents(conversation) == texts_of_turns(1, 1)


def at_once(do: Callable[[int], Any]) -> list[Any]:
    """Calls `do` in THREADS threads at once, each with its number, and returns the results."""
    line, done = threading.Barrier(THREADS), dict.fromkeys(range(THREADS))

    def run(number: int) -> None:
        line.wait()
        try:
            done[number] = do(number)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(number,)) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return list(done.values())


def test_append__many_threads__no_gap_none_lost_none_doubled(conversation: Conversation) -> None:
    at_once(lambda number: [append_turn(conversation, 100 * number + each) for each in range(10)])
    found = stored_contents(conversation)
    assert [position for position, _ in found] == list(range(1, 20 * THREADS + 1))
    texts = [text for _, text in found]
    assert sorted(texts) == sorted(
        text for thread in range(THREADS) for text in texts_of_turns(100 * thread, 100 * thread + 9)
    )
    assert texts[1::2] == [question.replace("question", "answer") for question in texts[::2]]
    assert recent_contents(conversation) == recent_contents(conversation) == texts[-20:]


def test_append__same_key_from_many_threads__stored_once(conversation: Conversation) -> None:
    done = at_once(lambda _: append_turn(conversation, 1, "a"))
    assert sorted(each.repeated for each in done) == [False] + [True] * (THREADS - 1)
    assert len({message.pk for each in done for message in each.messages}) == 2
    assert stored_contents(conversation) == list(enumerate(texts_of_turns(1, 1), 1))


def test_append__and_delete_at_once__neither_half_a_conversation_nor_an_error(conversation: Conversation) -> None:
    def do(number: int) -> str:
        try:
            if number == 0:
                with transaction.atomic():
                    Conversation.objects.select_for_update().get().delete()
            else:
                append_turn(conversation, number)
        except Conversation.DoesNotExist:
            return "gone"
        return "done"

    assert set(at_once(do)) <= {"done", "gone"}
    assert not Message.objects.exists()


def test_append__queries__few(conversation: Conversation, django_assert_num_queries: Any) -> None:
    append_turns(conversation, 1, 30)
    with django_assert_num_queries(6):  # begin, lock, last, insert, time, commit
        append_turn(conversation, 31)
    with django_assert_num_queries(7):  # and the key
        append_turn(conversation, 32, "a")
    with django_assert_num_queries(4):  # begin, lock, the key, commit
        append_turn(conversation, 32, "a")


def test_messages__many_where_the_table_was_small__none_reads_all_others(conversation: Conversation) -> None:
    """This connection may keep a plan that was made for a small table."""
    append_turn(conversation, 1)
    sql("VACUUM (FULL, ANALYZE) conversations_message")
    append_turns(conversation, 2, 6)
    with transaction.atomic():
        before = rows_read_by_scans("conversations_message")
        sql(
            "INSERT INTO conversations_message"
            " (id, conversation_id, position, role, content, idempotency_key, part, created_at)"
            " SELECT gen_random_uuid(), %s, position, 'user', '', '', 0, now() FROM generate_series(13, 5012) position",
            str(conversation.pk),
        )
        sql("SET CONSTRAINTS ALL IMMEDIATE")
        assert rows_read_by_scans("conversations_message") - before < 5_000  # not 5,000 times as many


def test_messages__deleted_with_many_conversations__none_reads_all_others(conversation: Conversation) -> None:
    """As above: conversations were few when this connection deleted the first messages."""
    append_turns(conversation, 1, 6)
    sql("VACUUM (FULL, ANALYZE) conversations_conversation")
    conversation.delete()
    sql(
        "INSERT INTO conversations_conversation (id, owner_id, personality_id, personality_version, personality_name,"
        " title, created_at, updated_at) SELECT gen_random_uuid(), %s, %s, 1, 'elara', '', now(), now()"
        " FROM generate_series(1, 4000)",
        conversation.owner_id,
        conversation.personality_id,
    )
    sql(
        "INSERT INTO conversations_message (id, conversation_id, position, role, content, idempotency_key, part,"
        " created_at) SELECT gen_random_uuid(), id, 1, 'user', '', '', 0, now() FROM conversations_conversation"
    )
    with transaction.atomic():
        before = rows_read_by_scans("conversations_conversation")
        sql("CREATE TEMPORARY TABLE half ON COMMIT DROP AS SELECT id FROM conversations_conversation LIMIT 2000")
        sql("DELETE FROM conversations_message WHERE conversation_id IN (SELECT id FROM half)")
        sql("DELETE FROM conversations_conversation WHERE id IN (SELECT id FROM half)")
        sql("SET CONSTRAINTS ALL IMMEDIATE")
        assert rows_read_by_scans("conversations_conversation") - before < 20_000  # not 2,000 times 2,000


@pytest.mark.parametrize("position", [4, 1_000_000])
def test_message__inserted_past_a_gap__postgresql_refuses(conversation: Conversation, position: int) -> None:
    append_turn(conversation, 1)
    with pytest.raises(IntegrityError, match="follows none"):
        Message.objects.create(
            conversation=conversation, position=position, role=Role.USER, content="", created_at=timezone.now()
        )


def test_message__deleted_by_itself__postgresql_refuses(conversation: Conversation) -> None:
    append_turns(conversation, 1, 2)
    with pytest.raises(IntegrityError, match="only with the whole"):
        Message.objects.filter(position=4).delete()
    assert len(stored_contents(conversation)) == 4


def test_message__changed__postgresql_refuses(conversation: Conversation) -> None:
    append_turn(conversation, 1)
    with pytest.raises(Exception, match="Cannot update"):
        Message.objects.update(content="Never said.")


def test_user__deleted__conversations_go_and_their_lists(conversation: Conversation, redis: Any) -> None:
    append_turn(conversation, 1)
    key = list_key(conversation)
    assert redis.exists(key)
    conversation.owner.delete()
    assert not Message.objects.exists()
    assert not redis.exists(key)


def test_personality__deleted__conversation_stays(conversation: Conversation) -> None:
    append_turn(conversation, 1)
    Personality.objects.all().delete()
    assert stored_contents(conversation) == list(enumerate(texts_of_turns(1, 1), 1))
    assert Conversation.objects.get().personality_name == "elara"
