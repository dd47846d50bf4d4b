import json
from io import StringIO

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command

from personalities.models import Personality

pytestmark = pytest.mark.django_db
SECRET = "AKIAIOSFODNN7EXAMPLE"


def run(*arguments: str, out: StringIO | None = None) -> str:
    out = out or StringIO()
    call_command("lint_personalities", *arguments, stdout=out, stderr=StringIO())
    return out.getvalue()


@pytest.fixture
def plain() -> Personality:
    return Personality.objects.create(personality_name="mira", speaking_style="Dry.")


@pytest.fixture
def careless(user: User) -> Personality:
    return Personality.objects.create(
        personality_name="mira", owner=user, is_active=False, speaking_style="Hi {{user}}.", backstory=SECRET
    )


def test_lint__seeded__nothing_found() -> None:
    call_command("seed_personalities", verbosity=0)
    assert run() == "8 personalities checked: 0 errors, 0 warnings.\n"


def test_lint__warning__table_and_success(plain: Personality) -> None:
    Personality.objects.update(formality_level=10, playfulness_level=10)
    out = run()
    assert "contradiction" in out
    assert "traits.formality_level" in out
    assert out.endswith("1 personalities checked: 0 errors, 1 warnings.\n")


def test_lint__error_in_an_inactive_one__reported_and_fails(plain: Personality, careless: Personality) -> None:
    out = StringIO()
    with pytest.raises(CommandError, match=f"1 with errors: mira of user {careless.owner_id}") as failure:
        run(out=out)
    assert failure.value.returncode == 1
    assert "secret" in out.getvalue()
    assert "AKIA" not in out.getvalue() + str(failure.value)


def test_lint__json__one_object_also_when_it_fails(plain: Personality, careless: Personality) -> None:
    out = StringIO()
    with pytest.raises(CommandError):
        run("--json", out=out)
    report = json.loads(out.getvalue())
    assert {name: report[name] for name in ("checked", "errors", "warnings")} == {
        "checked": 2, "errors": 1, "warnings": 1,
    }  # fmt: skip
    assert [(f["personality_name"], f["owner"], f["rule"], f["field"]) for f in report["findings"]] == [
        ("mira", careless.owner_id, "secret", "custom.backstory"),
        ("mira", careless.owner_id, "unresolved-macro", "custom.speaking_style"),
    ]
    assert set(report["findings"][0]) == {"personality_name", "owner", "severity", "rule", "field", "message"}


def test_lint__named__only_those_in_any_spelling(plain: Personality) -> None:
    Personality.objects.create(personality_name="vera", backstory=SECRET)
    assert json.loads(run("MIRA", "--json")) == {"checked": 1, "errors": 0, "warnings": 0, "findings": []}


@pytest.mark.parametrize("name", ["nobody", "*"])
def test_lint__no_such_name__refused(plain: Personality, name: str) -> None:
    with pytest.raises(CommandError, match="name: "):
        run("mira", name)
