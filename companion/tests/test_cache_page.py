"""The admin's page "Cache": who may see it and press its buttons, what it shows, and what the buttons do."""

from collections.abc import Callable
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.contrib.auth.models import Permission, User
from django.test import Client

from coherence import redis_copies as module
from coherence.change_log import Position
from companion.admin import cache_numbers
from personalities.cache import Key, codec, configs_in_redis
from personalities.models import Personality
from personalities.owned_names import owned_names_in_redis
from resilience.redis_pool import breaker_of
from tooling.processes import SupervisedServer

PAGE = "/admin/cache/"
NUMBERS = f"{PAGE}numbers/"
VERBS = {"forget/": {"key": "k"}, "forget-all/": {"confirm": "all"}, "warm-all/": {}}
committing = pytest.mark.django_db(transaction=True)


def browser(*codenames: str, is_staff: bool = True) -> Client:
    """The browser of a signed-in user with these permissions."""
    user = User.objects.create_user("sam", is_staff=is_staff)
    user.user_permissions.set(Permission.objects.filter(codename__in=codenames))
    client = Client()
    client.force_login(user)
    return client


def press(client: Client, verb: str, **data: Any) -> list[str]:
    """Press a button; return the messages shown afterwards."""
    answer = client.post(f"{PAGE}{verb}", data, follow=True)
    assert answer.redirect_chain == [(PAGE, 302)]
    return [str(message) for message in answer.context["messages"]]


def redis_key(key: Key) -> str:
    return f"{django_settings.REDIS_KEY_PREFIX}{codec.redis_key(key)}"


@pytest.fixture
def rows(db: None) -> dict[str, Personality]:
    return {name: Personality.objects.create(personality_name=name) for name in ("mira", "nova")}


def stored(rows: dict[str, Personality]) -> set[Key]:
    keys = {row.key for row in rows.values()}
    configs_in_redis.put_or_raise(Position("", 1), {row.key: row.to_config() for row in rows.values()})
    assert configs_in_redis.existing(keys) == keys
    return keys


# ── Who may ───────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("path", [PAGE, NUMBERS])
@pytest.mark.parametrize(
    ("codenames", "is_staff", "status"),
    [
        (["view_personality"], True, 200),
        (["change_personality"], True, 200),
        (["add_personality"], True, 403),
        (["view_personality"], False, 403),
    ],
)
def test_page__each_role__seen_by_staff_who_may_view(
    db: None, path: str, codenames: list[str], is_staff: bool, status: int
) -> None:
    assert browser(*codenames, is_staff=is_staff).get(path).status_code == status


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize(
    ("codenames", "is_staff", "status"),
    [
        (["change_personality"], True, 302),
        (["view_personality"], True, 403),
        (["change_personality"], False, 403),
    ],
)
def test_button__each_role__pressed_by_staff_who_may_change(
    db: None, verb: str, codenames: list[str], is_staff: bool, status: int
) -> None:
    client = browser(*codenames, is_staff=is_staff)
    assert client.post(f"{PAGE}{verb}", VERBS[verb]).status_code == status


@pytest.mark.parametrize("path", [PAGE, NUMBERS, *(f"{PAGE}{verb}" for verb in VERBS)])
def test_page__anonymous__is_sent_to_log_in(client: Client, db: None, path: str) -> None:
    for answer in (client.get(path), client.post(path)):
        assert (answer.status_code, answer["Location"].partition("?")[0]) == (302, "/admin/login/")


@pytest.mark.parametrize("verb", VERBS)
def test_button__get_or_without_csrf_token__is_refused(admin_user: User, verb: str) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(admin_user)
    assert client.get(f"{PAGE}{verb}").status_code == 405
    assert client.post(f"{PAGE}{verb}", VERBS[verb]).status_code == 403


@pytest.mark.parametrize(("codename", "is_offered"), [("view_personality", False), ("change_personality", True)])
def test_page__buttons__offered_to_who_may_press_them(
    rows: dict[str, Personality], codename: str, is_offered: bool
) -> None:
    stored(rows)
    text = browser(codename).get(PAGE).content.decode()
    assert [f'action="{PAGE}warm-all/"' in text, f'action="{PAGE}forget-all/"' in text, 'name="key"' in text] == [
        is_offered
    ] * 3


@pytest.mark.parametrize(("codename", "links"), [("view_personality", 2), ("add_personality", 0)])
def test_index__link__in_the_list_and_the_sidebar_for_who_may_view(db: None, codename: str, links: int) -> None:
    assert browser(codename).get("/admin/").content.decode().count(f'href="{PAGE}"') == links


# ── What it shows ─────────────────────────────────────────────────────────────────────────────────────────────────────


def counts(client: Client, kind: str = "personality") -> dict[str, tuple[int, int]]:
    sources = client.get(NUMBERS).json()["kinds"][kind]["sources"]
    return {name: (source["found"], source["absent"]) for name, source in sources.items()}


def growth(client: Client, before: dict[str, tuple[int, int]]) -> dict[str, tuple[int, int]]:
    return {name: (now[0] - before[name][0], now[1] - before[name][1]) for name, now in counts(client).items()}


@committing
def test_numbers__known_lookups__counted_by_source_found_and_absent(
    admin_client: Client, rows: dict[str, Personality], clear_memory: Callable[[], None]
) -> None:
    before = counts(admin_client)
    Personality.objects.lookup_many(["mira", "nova"])
    for _ in range(3):
        Personality.objects.lookup("mira")
    Personality.objects.lookup("nobody")
    Personality.objects.lookup("nobody")
    clear_memory()
    Personality.objects.lookup("nova")
    assert growth(admin_client, before) == {"near": (3, 1), "redis": (1, 0), "database": (2, 1)}


def test_numbers__asked_for__move_no_count(admin_client: Client, db: None) -> None:
    first, second = (admin_client.get(NUMBERS).json()["kinds"] for _ in range(2))
    assert first == second


def test_numbers__kinds__personalities_first_and_redis_where_it_is_used(admin_client: Client) -> None:
    kinds = admin_client.get(NUMBERS).json()["kinds"]
    assert next(iter(kinds)) == "personality"
    assert list(kinds["personality"]["sources"]) == ["near", "redis", "database"]
    assert list(kinds["api_key"]["sources"]) == ["near", "database"]
    assert [kinds[kind]["title"] for kind in ("personality", "api_key", "user")] == [
        "Personalities",
        "API keys",
        "Users",
    ]


@committing
def test_numbers__copies__near_and_in_redis(
    admin_client: Client, rows: dict[str, Personality], settings: Any, redis: Any
) -> None:
    settings.COPY_TTL_SECONDS = 1000
    Personality.objects.lookup("mira")
    Personality.objects.lookup("nobody")
    redis.expire(redis_key((None, "mira")), 400)
    now = admin_client.get(NUMBERS).json()
    kept = now["kinds"]["personality"]["kept"]
    assert (kept["found"], kept["absent"], kept["capacity"]) == (1, 1, settings.LOCAL_CACHE_ENTRIES)
    (entry,) = now["redis"]["entries"]
    assert entry["key"] == redis_key((None, "mira"))
    assert 390 <= entry["ttl"] <= 400
    assert entry["size"] == redis.strlen(entry["key"])
    assert entry["cells"]["age"].startswith("10 min")
    assert now["redis"]["words"]["count"] == "1 copy"


def test_numbers__owner__by_name_and_the_one_who_is_gone_by_number(
    admin_client: Client, admin_user: User, rows: dict[str, Personality], redis: Any
) -> None:
    for owner in (None, admin_user.pk, 999_999_999_999_999_999):
        redis.set(redis_key((owner, "mira")), "{}")
    entries = admin_client.get(NUMBERS).json()["redis"]["entries"]
    assert sorted(entry["cells"]["owner"] for entry in entries) == [
        "admin",
        "global",
        "user 999999999999999999, who is gone",
    ]
    assert {(entry["cells"]["expires"], entry["cells"]["age"]) for entry in entries} == {("never", "unknown")}


def test_numbers__more_copies_than_are_shown__the_first_and_a_count(
    admin_client: Client, redis: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache_numbers, "SHOWN", 2)
    for name in ("c", "a", "b"):
        redis.set(redis_key((None, name)), "{}")
    shown = admin_client.get(NUMBERS).json()["redis"]
    assert [entry["cells"]["name"] for entry in shown["entries"]] == ["a", "b"]
    assert (shown["count"], shown["words"]["shown"]) == (3, "The first 2 are shown.")


def test_survey__more_keys_than_it_looks_at__says_that_there_may_be_more(
    redis: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(100):
        redis.set(redis_key((None, f"n-{number}")), "{}")
    assert configs_in_redis.survey(1).complete
    monkeypatch.setattr("coherence.redis_copies.SCAN_COUNT", 10)
    monkeypatch.setattr(module, "SURVEY_ROUNDS", 2)
    survey = configs_in_redis.survey(1)
    assert not survey.complete
    assert survey.count < 100


def test_survey__foreign_key_with_endless_digits__is_not_ours(redis: Any) -> None:
    redis.set(f"{django_settings.REDIS_KEY_PREFIX}personality:{'9' * 5000}:mira:config", "{}")
    assert configs_in_redis.survey(10).count == 0


def test_page__without_scripts__shows_the_numbers(admin_client: Client, rows: dict[str, Personality]) -> None:
    stored(rows)
    answer = admin_client.get(PAGE)
    now, text = answer.context["now"], answer.content.decode()
    for words in (now["feed"], now["breaker"], now["redis"], now["kinds"]["personality"]):
        for word in words["words"].values():
            assert f">{word}<" in text
    assert text.count(">mira<") == 2, "in its row and, said aloud, on its button"


@committing
def test_page__out_of_touch__says_since_when(
    admin_client: Client, rows: dict[str, Personality], out_of_touch: Callable[[float], None]
) -> None:
    Personality.objects.lookup("mira")
    out_of_touch(65)
    feed = admin_client.get(NUMBERS).json()["feed"]
    assert not feed["good"]
    assert 65 <= feed["age"] < 125
    text = admin_client.get(PAGE).content.decode()
    assert "out of touch" in text
    assert "heard 1 min" in text


def test_page__redis_away__says_so_and_shows_the_breaker(
    admin_client: Client, rows: dict[str, Personality], own_redis: SupervisedServer
) -> None:
    own_redis.stop()
    admin_client.get(NUMBERS)
    now = admin_client.get(NUMBERS).json()
    assert (now["redis"]["words"]["state"], now["redis"]["entries"]) == ("does not answer", [])
    breaker = breaker_of()
    assert breaker
    assert (now["breaker"]["state"], now["breaker"]["opened"], now["breaker"]["good"]) == ("open", 1, False)
    answer = admin_client.get(PAGE)
    assert answer.status_code == 200
    assert "did not answer" in answer.content.decode()


def test_page__redis_switched_off__says_so(admin_client: Client, settings: Any) -> None:
    settings.REDIS_ENABLED = False
    settings.CACHES = {"default": django_settings.NO_CACHE}
    text = admin_client.get(PAGE).content.decode()
    assert "switched off" in text
    assert "REDIS_ENABLED=false" in text


# ── The buttons ───────────────────────────────────────────────────────────────────────────────────────────────────────


def source_of(name: str) -> str:
    return Personality.objects.lookup(name).source


@committing
def test_forget__one__its_copies_go_near_and_in_redis(admin_client: Client, rows: dict[str, Personality]) -> None:
    for _ in range(2):
        Personality.objects.lookup_many(rows)
    (said,) = press(admin_client, "forget/", key=redis_key((None, "mira")))
    assert said == "2 keys forgotten (personality:global:mira)."
    assert configs_in_redis.existing([row.key for row in rows.values()]) == {(None, "nova")}
    assert (source_of("mira"), source_of("nova")) == ("database", "near")


@pytest.mark.parametrize(
    "key", ["", "personality:global:mira", "session:1", "\0", f"personality:{'9' * 5000}:m:config"]
)
def test_forget__what_is_no_key__is_said_and_nothing_goes(
    admin_client: Client, rows: dict[str, Personality], key: str
) -> None:
    keys = stored(rows)
    (said,) = press(admin_client, "forget/", key=key)
    assert said.startswith("key: ")
    assert configs_in_redis.existing(keys) == keys


@committing
def test_forget_all__confirmed__nothing_is_left(admin_client: Client, rows: dict[str, Personality]) -> None:
    Personality.objects.lookup_many(rows)
    assert press(admin_client, "forget-all/", confirm="all") == ["4 keys forgotten (all personalities)."]
    assert configs_in_redis.survey(10).count == 0
    assert {source_of(name) for name in rows} == {"database"}


def test_forget_all__not_confirmed__is_said_and_nothing_goes(
    admin_client: Client, rows: dict[str, Personality]
) -> None:
    keys = stored(rows)
    (said,) = press(admin_client, "forget-all/")
    assert said.startswith("confirm: ")
    assert configs_in_redis.existing(keys) == keys


@committing
def test_warm_all__active_ones__are_copied(
    admin_client: Client, rows: dict[str, Personality], clear_memory: Callable[[], None]
) -> None:
    Personality.objects.create(personality_name="asleep", is_active=False)
    (said,) = press(admin_client, "warm-all/")
    assert said.startswith("Warmed: 2 (all active personalities).")
    clear_memory()
    assert {source_of(name) for name in rows} == {"redis"}


@committing
def test_buttons__what_a_user_has__warmed_and_forgotten_too(
    admin_client: Client, rows: dict[str, Personality], user: User, clear_memory: Callable[[], None]
) -> None:
    press(admin_client, "warm-all/")
    clear_memory()
    assert Personality.objects.lookup("mira", user).source == "redis"
    assert owned_names_in_redis.existing([user.pk])
    press(admin_client, "forget-all/", confirm="all")
    assert not owned_names_in_redis.existing([user.pk])
    assert Personality.objects.lookup("mira", user).source == "database"


@committing
def test_forget_all__redis_away__copies_near_go_and_it_says_what_did_not_happen(
    admin_client: Client, rows: dict[str, Personality], own_redis: SupervisedServer
) -> None:
    Personality.objects.lookup_many(rows)
    own_redis.stop()
    (said,) = press(admin_client, "forget-all/", confirm="all")
    assert said.startswith("No copy from before is served any more, but none was deleted. Redis at")
    assert source_of("mira") == "database"


@committing
def test_warm_all__redis_away__says_so(
    admin_client: Client, rows: dict[str, Personality], own_redis: SupervisedServer
) -> None:
    own_redis.stop()
    (said,) = press(admin_client, "warm-all/")
    assert said.startswith("Nothing was warmed. Redis at")


# ── The words ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0 s"), (59, "59 s"), (60, "1 min 0 s"), (3599, "59 min 59 s"), (86399, "23 h 59 min"), (90000, "1 d 1 h")],
)
def test_lasting__any_time__its_two_largest_units(seconds: int, words: str) -> None:
    assert cache_numbers.lasting(seconds) == words


@pytest.mark.parametrize(("part", "whole", "words"), [(0, 0, "–"), (0, 5, "0.0%"), (2, 3, "66.7%"), (5, 5, "100.0%")])
def test_share__of_something_or_nothing__a_percentage_or_none(part: int, whole: int, words: str) -> None:
    assert cache_numbers.share(part, whole) == words
