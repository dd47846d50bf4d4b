"""What an owner has is one small entry, so that the names an owner reads cost one query and not one each."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection, transaction
from django_redis import get_redis_connection

from accounts.models import ApiKey
from coherence import change_log
from coherence.cache import CoherentCache
from coherence.feed import feed
from coherence.listener import listener
from coherence.tests.log_access import record
from personalities import warming
from personalities.cache import config_cache
from personalities.lookup import config_from_memory
from personalities.models import Personality
from personalities.owned_names import MAX_NAMES, OwnedNames, codec, owned_names
from tests.database import sql
from tooling.processes import SupervisedServer

pytestmark = pytest.mark.django_db(transaction=True)
Queries = Callable[[int], Any]
NAMES = ["elara", "nova", "isla"]


@pytest.fixture
def warm() -> None:
    """Global personalities, in Redis and not in memory."""
    Personality.objects.bulk_create([Personality(personality_name=name) for name in NAMES])
    call_command("warm_personality_cache", verbosity=0)


def own(owner: User, name: str = "mira", **values: Any) -> Personality:
    return Personality.objects.create(personality_name=name, owner=owner, **values)


def whose(owner: User | None, name: str = "elara") -> int | None:
    """Whose personality answers; -1 if none does."""
    answer = Personality.objects.lookup(name, owner).value
    return answer.meta.owner if answer else -1


def key(owner: User) -> str:
    return f"{settings.REDIS_KEY_PREFIX}personality:{owner.pk}:names"


def refuse(*args: Any) -> None:
    raise OperationalError("PostgreSQL is away")


# ── What it costs ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_lookup__global_names_after_warming__one_query_for_the_owner(
    warm: None, user: User, django_assert_num_queries: Queries
) -> None:
    with django_assert_num_queries(1):
        sources = [Personality.objects.lookup(name, user).source for name in (*NAMES, *NAMES)]
    assert sources == ["database", "redis", "redis", "near", "near", "near"]


def test_lookup__in_a_process_that_starts_later__no_query(
    warm: None, user: User, django_assert_num_queries: Queries, clear_memory: Callable[[], None]
) -> None:
    own(user)
    Personality.objects.get_configs([*NAMES, "mira"], user)
    clear_memory()
    with django_assert_num_queries(0):
        assert {Personality.objects.lookup(name, user).source for name in (*NAMES, "mira")} == {"redis"}


def test_warm__nobody_has_anything__no_query_all_the_same(
    warm: None, user: User, django_assert_num_queries: Queries
) -> None:
    call_command("warm_personality_cache", verbosity=0)
    with django_assert_num_queries(0):
        assert whose(user) is None


def test_warm__users__no_query_for_them(
    warm: None, user: User, staff: User, django_assert_num_queries: Queries
) -> None:
    own(staff, "elara")
    call_command("warm_personality_cache", verbosity=0)
    with django_assert_num_queries(0):
        assert [Personality.objects.lookup(name, user).source for name in NAMES] == ["redis"] * 3
        assert whose(staff) == staff.pk


def test_expected_owners__more_users_than_are_warmed__owners_holders_and_who_signed_in_last(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(warming, "EXPECTED_USERS", 1)
    made = {name: User.objects.create_user(name) for name in ("owner", "holder", "revoked", "idle", "gone", "latest")}
    own(made["owner"])
    ApiKey.objects.issue(made["holder"])
    ApiKey.objects.issue(made["revoked"])[0].revoke()
    ApiKey.objects.issue(made["gone"])
    for name, day in {"gone": 3, "latest": 2, "idle": 1}.items():
        User.objects.filter(username=name).update(
            last_login=datetime(2026, 1, day, tzinfo=UTC), is_active=name != "gone"
        )
    expected = {made[name].pk for name in ("owner", "holder", "latest")}
    assert warming.expected_owners() == expected


def test_warm__named__entries_of_their_owners_alone(user: User, staff: User, redis: Any) -> None:
    own(user), own(staff, "nova")  # noqa: B018
    call_command("warm_personality_cache", "mira", verbosity=0)
    assert (redis.exists(key(user)), redis.exists(key(staff))) == (1, 0)


def test_lookup__first_by_an_owner__one_more_get_and_then_none(
    own_redis: SupervisedServer, user: User, clear_memory: Callable[[], None]
) -> None:
    Personality.objects.bulk_create([Personality(personality_name=name) for name in NAMES])
    Personality.objects.get_configs(NAMES, user)
    clear_memory()
    client = get_redis_connection("default")
    client.config_resetstat()
    for name in NAMES * 2:
        Personality.objects.get_config(name, user)
    calls = {name.removeprefix("cmdstat_"): stats["calls"] for name, stats in client.info("commandstats").items()}
    assert (calls["get"], "mget" in calls, "set" in calls) == (1 + len(NAMES), False, False)


def test_from_memory__entry_and_global_one_are_known__answers_a_pair_that_was_never_asked_for(
    warm: None, user: User
) -> None:
    Personality.objects.get_config("elara", user)
    Personality.objects.get_config("nova")
    assert config_from_memory("Nova", user.pk) is config_from_memory("nova", None) is not None
    assert config_from_memory("isla", user.pk) is None


def test_from_memory__own_one_is_known_of_and_not_there__not_the_global_one(warm: None, user: User) -> None:
    own(user, "nova")
    Personality.objects.get_config("elara", user)
    Personality.objects.get_config("nova")
    assert config_from_memory("elara", user.pk) is not None
    assert config_from_memory("nova", user.pk) is None


def test_lookup__own_is_in_memory__nothing_else_is_asked(user: User, django_assert_num_queries: Queries) -> None:
    own(user)
    Personality.objects.get_config("mira", user)
    own(user, "nova")  # so that the entry no longer counts
    with django_assert_num_queries(0):
        assert Personality.objects.lookup_many(["mira"], user)["mira"].source == "near"


def test_lookup__many_names_some_of_them_own__one_query_each_for_entry_and_rows(
    user: User, django_assert_num_queries: Queries
) -> None:
    Personality.objects.create(personality_name="elara")
    own(user, "elara"), own(user)  # noqa: B018
    with django_assert_num_queries(2):
        found = Personality.objects.get_configs(["elara", "mira", "nobody"], user)
    assert {name: config.meta.owner for name, config in found.items()} == {"elara": user.pk, "mira": user.pk}


def test_memory__more_owners_than_are_kept__bounded(warm: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(owned_names.positive, "capacity", 5)
    for owner in range(1, 30):
        assert Personality.objects.get_config("elara", owner).meta.owner is None
    assert len(owned_names.positive) == 5
    assert len(owned_names.negative) == len(config_cache.negative) == 0


# ── What it says ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_redis__stored__key_and_value_as_published(user: User, redis: Any) -> None:
    own(user), own(user, "aria"), own(user, "zoe", is_active=False)  # noqa: B018
    whose(user)
    stored = json.loads(redis.get(key(user)))
    assert stored["names"] == ["aria", "mira"]
    assert stored["meta"].keys() == {"owner", "history", "number", "shape"}
    assert (stored["meta"]["owner"], stored["meta"]["shape"]) == (user.pk, codec.fingerprint)
    assert 86390 < redis.ttl(key(user)) <= 86400


def test_redis__an_owner_of_nothing__said(user: User, redis: Any) -> None:
    whose(user)
    assert json.loads(redis.get(key(user)))["names"] == []


def test_entry__handed_out__cannot_be_changed(user: User) -> None:
    entry = owned_names.get(user.pk).value
    assert entry
    with pytest.raises(AttributeError):
        entry.names = None  # type: ignore[misc]


@pytest.mark.parametrize(
    ("name", "owner"),
    [
        ("personality:7:names", 7),
        ("personality:07:names", None),
        ("personality:0:names", None),
        ("personality:global:names", None),
        ("personality:7:names:config", None),
        ("personality:12345678901234567890:names", None),
        ("personality:7", None),
        ("personality:9223372036854775807:names", 2**63 - 1),
        ("personality:9223372036854775808:names", None),
    ],
)
def test_codec__a_name_in_redis__whose_entry_lies_there(name: str, owner: int | None) -> None:
    assert codec.key_from_redis(name) == owner
    assert owner is None or codec.redis_key(owner) == name


TABLE = "personalities_personality"
OF_USER, OF_STAFF = (
    f"owner_id = (SELECT id FROM auth_user WHERE username = '{name}')" for name in ("ursula", "stella")
)
TO_USER = "(SELECT json_build_object('id', gen_random_uuid(), 'owner_id', id) FROM auth_user WHERE username = 'ursula')"
WRITES = {  # in SQL, so that no hook tells this process; and to whom their own "elara" answers afterwards
    "inserted": (
        f"INSERT INTO {TABLE} SELECT (json_populate_record(g, {TO_USER})).* FROM {TABLE} g WHERE owner_id IS NULL",
        "user staff",
    ),
    "renamed to it": (f"UPDATE {TABLE} SET personality_name = 'elara' WHERE {OF_USER}", "user staff"),
    "renamed": (f"UPDATE {TABLE} SET personality_name = 'aria' WHERE {OF_STAFF}", ""),
    "given away": (f"UPDATE {TABLE} SET {OF_USER} WHERE {OF_STAFF}", "user"),
    "made global": (f"UPDATE {TABLE} SET owner_id = NULL, personality_name = 'aria' WHERE {OF_STAFF}", ""),
    "deleted": (f"DELETE FROM {TABLE} WHERE {OF_STAFF}", ""),
    "switched off": (f"UPDATE {TABLE} SET is_active = false WHERE {OF_STAFF}", ""),
    "switched on": (f"UPDATE {TABLE} SET is_active = true", "staff other"),
    "edited": (f"UPDATE {TABLE} SET greeting = 'Hi'", "staff"),
}


@pytest.mark.parametrize("copies", ["in memory", "in Redis"])
@pytest.mark.parametrize("change", WRITES)
def test_entry__changed_by_sql__each_owner_is_answered_with_what_is_theirs(
    user: User, staff: User, change: str, copies: str, clear_memory: Callable[[], None]
) -> None:
    other = User.objects.create_user("otto")
    Personality.objects.create(personality_name="elara")
    own(user, "zoe"), own(staff, "elara"), own(other, "elara", is_active=False)  # noqa: B018
    users = {"user": user, "staff": staff, "other": other}
    assert [whose(each) for each in users.values()] == [None, staff.pk, None]
    statement, expected = WRITES[change]
    sql(statement)
    feed.catch_up()
    if copies == "in Redis":
        clear_memory()
    assert {name: whose(each) for name, each in users.items()} == {
        name: each.pk if name in expected else None for name, each in users.items()
    }


def test_entry__older_than_what_the_process_remembers__read_anew(
    user: User, clear_memory: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """There is no room to remember what the log would tell of all groups."""
    Personality.objects.create(personality_name="elara")
    own(user, "zoe")
    assert whose(user) is None
    sql(f"UPDATE {TABLE} SET personality_name = 'elara' WHERE owner_id IS NOT NULL")
    monkeypatch.setattr(change_log, "MAX_REMEMBERED_KEYS", 2)
    for name in "abcdef":
        record(name)
        feed.catch_up()
    assert f"personality:{user.pk}" not in feed.latest
    clear_memory()
    assert whose(user) == user.pk


def test_entries__older_than_what_the_process_remembers__one_question_to_the_log_for_all_owners(
    warm: None,
    clear_memory: Callable[[], None],
    monkeypatch: pytest.MonkeyPatch,
    django_assert_num_queries: Queries,
) -> None:
    changed, *others = [User.objects.create_user(name) for name in "abcde"]
    for each in (changed, *others):
        assert whose(each) is None
    monkeypatch.setattr(change_log, "MAX_ENTRIES_PER_POLL", 5)
    monkeypatch.setattr(change_log, "FIRST_MAX_ENTRIES", 5)  # applies when the listener polls at the same moment
    feed.catch_up()
    record(*(f"personality:{changed.pk}:{number}" for number in range(20)))
    feed.catch_up()
    monkeypatch.setattr(change_log, "MAX_ENTRIES_PER_POLL", 100)
    clear_memory()
    Personality.objects.lookup("elara")  # about whose copy the log is asked too
    before = owned_names.lookups
    with django_assert_num_queries(1):
        assert [whose(each) for each in others] == [None] * len(others)
    assert whose(changed) is None
    assert owned_names.lookups - before == {("redis", True): len(others), ("database", True): 1}


def test_entry__table_truncated__nobody_has_anything(user: User) -> None:
    own(user)
    assert whose(user, "mira") == user.pk
    sql(f"TRUNCATE {TABLE} CASCADE")
    feed.catch_up()
    assert whose(user, "mira") == -1


def test_entry__what_it_lists_is_gone_unheard__global_one(user: User) -> None:
    """Between the entry and the row a commit may fall."""
    Personality.objects.create(personality_name="elara")
    own(user, "elara")
    assert owned_names.get(user.pk).value == OwnedNames(("elara",))
    listener.stop()
    sql(f"DELETE FROM {TABLE} WHERE owner_id IS NOT NULL")
    assert whose(user) is None


def test_write__here__the_entry_leaves_redis(user: User, staff: User, redis: Any) -> None:
    row = own(user)
    for owner in (user, staff):
        whose(owner)
    row.owner = staff
    row.save()
    assert not redis.exists(key(user), key(staff))
    assert (whose(user, "mira"), whose(staff, "mira")) == (-1, staff.pk)


def test_user__deleted__the_entry_leaves_redis(user: User, redis: Any) -> None:
    own(user)
    whose(user)
    user.delete()
    assert not redis.exists(key(user))


def test_lookup__inside_a_transaction__what_the_writer_has_and_only_there(user: User, redis: Any) -> None:
    Personality.objects.create(personality_name="elara")
    assert whose(user) is None
    with transaction.atomic():
        own(user, "elara")
        assert whose(user) == user.pk
        assert json.loads(redis.get(key(user)))["names"] == []
        transaction.set_rollback(True)
    assert whose(user) is None


@pytest.mark.parametrize("count", [MAX_NAMES, MAX_NAMES + 1])
def test_entry__an_owner_of_very_many__listed_up_to_the_bound_and_answered_beyond(
    user: User, redis: Any, count: int, django_assert_num_queries: Queries
) -> None:
    Personality.objects.create(personality_name="elara")
    Personality.objects.bulk_create([Personality(personality_name=f"own-{n}", owner=user) for n in range(count)])
    names = ["elara", "own-0", f"own-{count - 1}", "nobody"]
    expected = {"elara": None, "own-0": user.pk, f"own-{count - 1}": user.pk}
    for _ in range(2):
        found = Personality.objects.get_configs(names, user)
        assert {name: config.meta.owner for name, config in found.items()} == expected
    stored = json.loads(redis.get(key(user)))["names"]
    assert len(stored) == count if count <= MAX_NAMES else stored is None
    with django_assert_num_queries(0):
        assert whose(user, "elara") is None


# ── What is not believed ──────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "change",
    [
        {"names": None},
        {"names": "mira"},
        {"names": [""]},
        {"names": ["x" * 101]},
        {"names": [5]},
        {"names": [str(n) for n in range(MAX_NAMES + 1)]},
        {"unknown": 1},
        {"meta": {"owner": 0}},
        {"meta": {"shape": "another release"}},
        {"meta": {"number": 0}},
        {"meta": {"number": 10**18}},
        {"meta": {"number": "7"}},
        {"meta": {"history": "another"}},
        {"meta": None},
    ],
)
def test_entry__foreign_one_in_redis__own_is_found_all_the_same(
    user: User, redis: Any, change: dict[str, Any], clear_memory: Callable[[], None]
) -> None:
    Personality.objects.create(personality_name="elara")
    own(user, "elara")
    whose(user)
    stored = json.loads(redis.get(key(user)))
    meta = {"meta": {**stored["meta"], **change["meta"]}} if change.get("meta") else {}
    redis.set(key(user), json.dumps(stored | change | meta))
    clear_memory()
    assert whose(user) == user.pk


@pytest.mark.parametrize("garbage", [b"", b"{", b"[]", b"null", b'{"names": []}', b"\x80\x04K\x01."])
def test_entry__garbage_in_redis__replaced(
    user: User, redis: Any, garbage: bytes, clear_memory: Callable[[], None]
) -> None:
    own(user)
    redis.set(key(user), garbage)
    assert whose(user, "mira") == user.pk
    assert json.loads(redis.get(key(user)))["names"] == ["mira"]


# ── While PostgreSQL is away ──────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", ["mira", "elara"])
def test_lookup__postgresql_away__answered_though_the_other_ones_copy_is_unknown(
    user: User, out_of_touch: Callable[[float], None], name: str
) -> None:
    Personality.objects.create(personality_name="elara")
    own(user)
    for each in ("mira", "elara"):
        whose(user, each)
    out_of_touch(60)
    with connection.execute_wrapper(refuse):
        answer = Personality.objects.lookup(name, user)
        assert answer.value is not None
        assert answer.unverified
        with pytest.raises(OperationalError):
            Personality.objects.lookup("nova", user)


def test_lookup__postgresql_away_and_the_entry_no_longer_counts__own_copy_answers(
    user: User, out_of_touch: Callable[[float], None]
) -> None:
    own(user)
    whose(user, "mira")
    own(user, "nova")
    out_of_touch(60)
    with connection.execute_wrapper(refuse):
        assert whose(user, "mira") == user.pk
        with pytest.raises(OperationalError):
            whose(user, "elara")


def test_get_configs__postgresql_away__remembered_absence_answers_and_a_name_never_asked_for_fails_all(
    user: User, out_of_touch: Callable[[float], None]
) -> None:
    """To leave a name out says that there is none, which nobody knows of one that was never asked for."""
    Personality.objects.create(personality_name="elara")
    assert Personality.objects.get_configs(["elara", "nobody"], user).keys() == {"elara"}
    out_of_touch(60)
    with connection.execute_wrapper(refuse):
        assert Personality.objects.get_configs(["elara", "nobody"], user).keys() == {"elara"}
        with pytest.raises(OperationalError):
            Personality.objects.get_configs(["elara", "nova"], user)


# ── Commands ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_commands__entries__shown_audited_and_cleared_with_the_personalities(
    user: User, redis: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    own(user)
    whose(user, "mira")
    call_command("show_personality_cache", "--json")
    shown = [entry["key"] for entry in json.loads(capsys.readouterr().out)["keys"]]
    assert shown == [key(user).replace("names", part) for part in ("mira:config", "mira:id", "names")]
    stored = json.loads(redis.get(key(user)))
    redis.set(key(user), json.dumps(stored | {"names": []}))
    for names in ([], ["mira"]):
        with pytest.raises(CommandError, match=f"1 wrong or damaged: personality:{user.pk}$"):
            call_command("audit_personality_cache", *names)
    call_command("clear_personality_cache", "mira")
    assert not redis.exists(key(user))
    whose(user, "nobody")
    capsys.readouterr()
    call_command("audit_personality_cache", "--json")
    assert json.loads(capsys.readouterr().out)["sound"] == 1
    call_command("clear_personality_cache")
    assert not redis.exists(key(user))


@pytest.mark.parametrize("owner", ["9" * 19, f"{2**63}", "007", "0"])
@pytest.mark.parametrize("command", ["audit", "show", "warm", "clear"])
@pytest.mark.parametrize("names", [[], ["mira"]])
def test_commands__keys_of_an_owner_that_cannot_be__none_of_ours(
    user: User, redis: Any, owner: str, command: str, names: list[str]
) -> None:
    own(user)
    keys = [f"{settings.REDIS_KEY_PREFIX}personality:{owner}:{part}" for part in ("names", "mira:id", "mira:config")]
    for each in keys:
        redis.set(each, "x")
    call_command(f"{command}_personality_cache", *names, verbosity=0)
    assert redis.exists(*keys) == 3


def test_metrics__entries__a_kind_of_their_own(user: User) -> None:
    cache = CoherentCache.by_kind["owned_names"]
    before = cache.lookups
    whose(user)
    whose(user, "nova")
    assert cache.lookups - before == {("database", True): 1, ("near", True): 1}
