"""The prompt that a conversation is pinned to stays what it was, to the byte, for as long as anything needs it."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import IntegrityError, connection, transaction

from conversations import pinning, prompts
from conversations.models import Conversation, EarlierPrompt, Prompt
from personalities.models import Personality
from personalities.prompt import CommonPrefix, common_prefix
from tests.database import somebody_waits, sql
from tests.waiting import wait_until

pytestmark = pytest.mark.django_db(transaction=True)
UPGRADE_OF_BEFORE = "UPDATE conversations_conversation SET personality_version = 2"
TONIGHT = CommonPrefix.of("What the next release says.")


@pytest.fixture
def release(monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on this process writes other prompts."""
    monkeypatch.setattr(pinning, "common_prefix", lambda config: TONIGHT)


def prompt_of(conversation: Conversation) -> CommonPrefix:
    """As a process finds it that has just started."""
    prompts.load.cache_clear()
    found = Conversation.objects.get(pk=conversation.pk)
    return pinning.prompt_of(found, pinning.config_of(found))


def as_older_release_left_it(conversation: Conversation) -> Conversation:
    sql("UPDATE conversations_conversation SET prompt_id = NULL")
    sql("DELETE FROM conversations_prompt")
    conversation.refresh_from_db()
    return conversation


def test_start__same_personality__one_prompt_for_all(start: Callable[[], Conversation], elara: Personality) -> None:
    made = [start() for _ in range(3)]
    assert [(row.sha256, row.text) for row in Prompt.objects.all()] == [common_prefix(elara.to_config())]
    assert {prompt_of(conversation) for conversation in made} == {common_prefix(elara.to_config())}


def test_prompt_of__next_release__as_it_was(conversation: Conversation, elara: Personality, release: None) -> None:
    Personality.objects.update(backstory="Other.", greeting="Changed.")
    assert prompt_of(conversation) == common_prefix(elara.to_config())


def test_prompt_of__known_to_this_process__no_query(
    conversation: Conversation, elara: Personality, django_assert_num_queries: Any
) -> None:
    config = elara.to_config()
    pinning.prompt_of(conversation, config)
    with django_assert_num_queries(0):
        assert pinning.prompt_of(conversation, config) == common_prefix(config)


def test_prompt_of__made_by_an_older_release__pinned_at_first_use(
    conversation: Conversation, elara: Personality, monkeypatch: pytest.MonkeyPatch
) -> None:
    as_older_release_left_it(conversation)
    first = prompt_of(conversation)
    monkeypatch.setattr(pinning, "common_prefix", lambda config: TONIGHT)
    assert prompt_of(conversation) == first == common_prefix(elara.to_config())


def test_prompt_of__two_releases_use_it_first_at_once__one_prompt(
    conversation: Conversation, elara: Personality, monkeypatch: pytest.MonkeyPatch
) -> None:
    older, newer = as_older_release_left_it(conversation), Conversation.objects.get()
    first = pinning.prompt_of(older, elara.to_config())
    monkeypatch.setattr(pinning, "common_prefix", lambda config: TONIGHT)
    assert pinning.prompt_of(newer, elara.to_config()) == first
    assert [row.sha256 for row in Prompt.objects.all()] == [first.sha256]


def test_prompt_of__upgraded_by_an_older_release_meanwhile__of_its_version(
    conversation: Conversation, elara: Personality
) -> None:
    as_older_release_left_it(conversation)
    Personality.objects.update(backstory="Other.")
    sql(UPGRADE_OF_BEFORE)
    upgraded = common_prefix(Personality.objects.get().to_config())
    assert pinning.prompt_of(conversation, elara.to_config()) == prompt_of(conversation) == upgraded


def test_prompt_of__deleted_before_its_first_use__does_not_exist(
    conversation: Conversation, elara: Personality
) -> None:
    as_older_release_left_it(conversation)
    Conversation.objects.all().delete()
    with pytest.raises(Conversation.DoesNotExist):
        pinning.prompt_of(conversation, elara.to_config())
    assert not Prompt.objects.exists()


def test_upgrade__nothing_edited_but_another_release__its_prompt(conversation: Conversation, release: None) -> None:
    before = conversation.prompt_id
    pinning.upgrade(conversation)
    assert (prompt_of(conversation), conversation.personality_version) == (TONIGHT, 1)
    assert pinning.prompts_of(conversation) == [before, TONIGHT.sha256]


def test_upgrade__there_and_back__each_prompt_once(conversation: Conversation) -> None:
    first = conversation.prompt_id
    for backstory in ("Other.", "Bridges.", "Other.", "Bridges."):
        Personality.objects.update(backstory=backstory)
        pinning.upgrade(conversation)
    assert conversation.prompt_id == first
    assert len(pinning.prompts_of(conversation)) == EarlierPrompt.objects.count() == Prompt.objects.count() == 2


def test_upgrade__no_prompt_yet_or_the_same_again__no_earlier_one(conversation: Conversation) -> None:
    as_older_release_left_it(conversation)
    pinning.upgrade(conversation)
    Personality.objects.update(greeting="Changed.")
    pinning.upgrade(conversation)
    assert (prompt_of(conversation).sha256, conversation.personality_version) == (conversation.prompt_id, 2)
    assert not EarlierPrompt.objects.exists()


def test_preview__edited__both_prompts_and_nothing_written(conversation: Conversation, elara: Personality) -> None:
    Personality.objects.update(backstory="Other.")
    before, after = pinning.preview(conversation)
    assert before == (1, common_prefix(elara.to_config()))
    assert after == (2, common_prefix(Personality.objects.get().to_config()))
    assert [row.sha256 for row in Prompt.objects.all()] == [before.prompt.sha256]
    assert Conversation.objects.get().personality_version == 1


def test_preview__made_by_an_older_release__not_pinned_by_that(conversation: Conversation) -> None:
    as_older_release_left_it(conversation)
    before, after = pinning.preview(conversation)
    assert before == after
    assert Conversation.objects.get().prompt_id is None


def test_delete__last_conversation_of_a_prompt__it_goes_too(start: Callable[[], Conversation]) -> None:
    one, other = start(), start()
    one.delete()
    assert Prompt.objects.count() == 1
    other.delete()
    assert not Prompt.objects.exists()


def test_delete__prompts_that_it_had_before__go_unless_others_have_them(start: Callable[[], Conversation]) -> None:
    upgraded, first = start(), start()
    Personality.objects.update(backstory="Other.")
    pinning.upgrade(upgraded)
    first.delete()
    assert Prompt.objects.count() == 2
    upgraded.delete()
    assert not Prompt.objects.exists()


def test_delete__owner_with_many_conversations__no_prompt_is_left(
    start: Callable[[], Conversation], user: User
) -> None:
    for _ in range(3):
        start()
    user.delete()
    assert not Prompt.objects.exists()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE conversations_prompt SET text = 'Other.'",
        "UPDATE conversations_prompt SET text = 'a', "
        "sha256 = 'ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb'",
        "DELETE FROM conversations_prompt",
        "INSERT INTO conversations_prompt VALUES (repeat('0', 64), 'Not its hash.')",
    ],
)
@pytest.mark.usefixtures("conversation")
def test_prompt__changed_removed_or_invented_in_sql__refused(statement: str) -> None:
    before = list(Prompt.objects.values())
    with pytest.raises(IntegrityError), transaction.atomic():
        sql(statement)
    assert list(Prompt.objects.values()) == before


def test_delete__while_another_one_begins__the_prompt_stays(conversation: Conversation, elara: Personality) -> None:
    """It is locked by the one that begins, which is not committed yet."""
    with ThreadPoolExecutor() as pool, transaction.atomic():
        pinning.start(conversation.owner, elara.to_config())
        pool.submit(_in_thread, lambda: Conversation.objects.filter(pk=conversation.pk).delete()).result(10)
    assert [row.sha256 for row in Prompt.objects.all()] == [Conversation.objects.get().prompt_id]


def test_start__while_the_last_one_is_deleted__waits_and_has_a_prompt(
    conversation: Conversation, elara: Personality, user: User
) -> None:
    with ThreadPoolExecutor() as pool:
        with transaction.atomic():
            conversation.delete()
            beginning = pool.submit(_in_thread, lambda: pinning.start(user, elara.to_config()))
            wait_until(somebody_waits)
        made = beginning.result(10)
    assert prompt_of(made) == common_prefix(elara.to_config())


def _in_thread(work: Callable[[], Any]) -> Any:
    try:
        return work()
    finally:
        connection.close()


@pytest.fixture
def _before_prompts(conversation: Conversation) -> Iterator[None]:
    call_command("migrate", "conversations", "0004", verbosity=0)
    yield
    call_command("migrate", verbosity=0)


@pytest.mark.usefixtures("_before_prompts")
def test_migrate__conversations_of_before__pinned_to_what_this_release_says(
    conversation: Conversation, elara: Personality
) -> None:
    """Each version once, however many conversations have it; also of a personality that is deleted."""
    sql("UPDATE personalities_personality SET backstory = 'Other.'")
    sql(MORE, conversation.owner_id, elara.pk)
    sql("DELETE FROM personalities_personality")
    call_command("migrate", verbosity=0)
    first = common_prefix(elara.to_config())
    second = Prompt.objects.exclude(pk=first.sha256).get()
    assert "Other." in second.text
    found = Conversation.objects.values_list("personality_version", "prompt")
    assert sorted(found) == sorted([(1, first.sha256), *[(2, second.sha256)] * 50, (3, None)])


@pytest.mark.usefixtures("_before_prompts")
def test_migrate__upgraded_by_the_release_before_meanwhile__prompt_of_its_version(conversation: Conversation) -> None:
    call_command("migrate", "conversations", "0005", verbosity=0)
    sql("UPDATE personalities_personality SET backstory = 'Other.'")
    with ThreadPoolExecutor() as pool:
        with transaction.atomic():
            sql(UPGRADE_OF_BEFORE)
            migrating = pool.submit(_in_thread, lambda: call_command("migrate", verbosity=0))
            wait_until(somebody_waits)
        migrating.result(20)
    assert prompt_of(conversation) == common_prefix(Personality.objects.get().to_config())


# The last one's version is not in the history.
MORE = """
INSERT INTO conversations_conversation
    (id, owner_id, personality_id, personality_version, personality_name, title, created_at, updated_at)
SELECT gen_random_uuid(), %s, %s, 2 + number / 50, 'elara', '', now(), now() FROM generate_series(0, 50) number
"""
