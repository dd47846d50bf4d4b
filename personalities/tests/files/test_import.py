"""Files edited by hand become rows; what they do not change is not written."""

import json
from io import StringIO
from pathlib import Path
from typing import Any

import msgspec
import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command

from coherence.tests.log_access import number
from personalities.archetypes import ARCHETYPES
from personalities.models import Personality
from personalities.tests.files.commands import edit, imported, put, run

pytestmark = pytest.mark.django_db(transaction=True)
EIGHT = ["aria", "elara", "isla", "juniper", "lyra", "nova", "seraphina", "sloane"]


def versions() -> Any:
    return {row.personality_name: (row.version, row.updated_at) for row in Personality.objects.all()}


@pytest.fixture
def edited(exported: Path) -> Path:
    """One file is new, one edited, one gone."""
    Personality.objects.filter(personality_name="elara").update(greeting="Hi.", humor_level=3)
    edit(exported, "elara", greeting="Hello [/b].")
    put(exported, "mira")
    (exported / "isla.json").unlink()
    return exported


def test_import__again__nothing_is_written(exported: Path) -> None:
    before, log = versions(), number()
    report = imported(exported)
    assert report == {"created": [], "changed": {}, "unchanged": EIGHT, "only_in_database": []}
    assert (versions(), number()) == (before, log)


def test_import__edited__report_and_rows_say_so(edited: Path) -> None:
    before = versions()
    report = imported(edited)
    level = json.loads((edited / "elara.json").read_bytes())["traits"]["humor_level"]
    assert report["created"] == ["mira"]
    assert report["changed"] == {
        "elara": [
            {"field": "greeting", "from": "Hi.", "to": "Hello [/b]."},
            {"field": "traits.humor_level", "from": 3, "to": level},
        ]
    }
    assert report["unchanged"] == [name for name in EIGHT if name not in {"elara", "isla"}]
    assert report["only_in_database"] == ["isla"]
    after = versions()
    assert after.pop("mira")[0] == 1
    assert {name for name in before if before[name] != after[name]} == {"elara"}
    assert after["elara"][0] == before["elara"][0] + 1
    assert imported(edited)["unchanged"] == sorted([*report["unchanged"], "elara", "mira"])


def test_import__edited__readers_see_it(edited: Path) -> None:
    assert Personality.objects.get_config("elara").greeting == "Hi."
    imported(edited)
    assert Personality.objects.get_config("elara").greeting == "Hello [/b]."


def test_import__as_text__what_was_and_what_is(edited: Path) -> None:
    text = run("import_personalities", edited)
    assert text.startswith('Created: mira\nChanged: elara\n  elara: greeting\n    - "Hi."\n    + "Hello [/b]."\n')
    assert text.endswith("Only in the database: isla\n")


def test_import__left_out__as_with_post(tmp_path: Path) -> None:
    Personality.objects.create(personality_name="mira", greeting="Old.", backstory="Old.", is_active=False)
    put(tmp_path, "mira", archetype="curious_student", traits={"humor_level": 9})
    imported(tmp_path)
    student = ARCHETYPES["curious_student"]
    config = Personality.objects.get_config("mira")
    assert config.traits == msgspec.structs.replace(student.traits, humor_level=9)
    assert (config.greeting, config.behaviors) == (student.example_greeting, student.behaviors)
    assert (config.display_name, config.custom.backstory, config.is_active) == ("Mira", None, True)


def test_import__null_and_spelling__as_the_api_understands_them(tmp_path: Path) -> None:
    put(tmp_path, "mira", archetype=None, greeting=None, display_name=None, custom={"backstory": ""})
    put(tmp_path, "nova").write_bytes(b'\xef\xbb\xbf{"personality_name": "NOVA "}')
    assert imported(tmp_path)["created"] == ["mira", "nova"]
    assert imported(tmp_path)["unchanged"] == ["mira", "nova"]


def test_import__of_a_user__global_ones_untouched(exported: Path, user: User) -> None:
    before = versions()
    edit(exported, "elara", greeting="Mine.")
    assert imported(exported, "--owner", "ursula")["created"] == EIGHT
    assert Personality.objects.filter(owner=user).count() == 8
    Personality.objects.filter(owner=user).delete()
    assert versions() == before


def test_dry_run__drift__same_report_exit_code_1_and_nothing_written(edited: Path) -> None:
    before, log, dry, wet = versions(), number(), StringIO(), StringIO()
    with pytest.raises(CommandError, match="drift") as error:
        call_command("import_personalities", str(edited), "--dry-run", stdout=dry)
    assert (error.value.returncode, versions(), number()) == (1, before, log)
    call_command("import_personalities", str(edited), stdout=wet)
    assert dry.getvalue() == wet.getvalue()


def test_dry_run__no_drift__succeeds_though_a_row_has_no_file(exported: Path) -> None:
    (exported / "isla.json").unlink()
    assert imported(exported, "--dry-run")["only_in_database"] == ["isla"]
