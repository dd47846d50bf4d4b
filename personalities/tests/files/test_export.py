"""Files that are nice in `git diff`, written whole or not at all, beside whatever else is there."""

from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError

from personalities.models import Personality
from personalities.tests.files.commands import contents, export

pytestmark = pytest.mark.django_db(transaction=True)
ELARA = """{
  "personality_name": "elara",
  "display_name": "Élara",
  "archetype": null,
  "relationship_type": "assistant",
  "greeting": "Hi 👋\\nyou",
  "is_active": true,
  "traits": {
    "humor_level": 9,
    "formality_level": 5,
    "enthusiasm_level": 5,
    "empathy_level": 7,
    "directness_level": 5,
    "curiosity_level": 5,
    "supportiveness_level": 7,
    "playfulness_level": 5
  },
  "behaviors": {
    "asks_questions": true,
    "uses_examples": true,
    "shares_opinions": true,
    "challenges_user": false,
    "celebrates_wins": true
  },
  "custom": {
    "backstory": null,
    "custom_instructions": null,
    "speaking_style": null
  },
  "generation": {
    "model": null,
    "temperature": null
  },
  "locked_preferences": []
}
"""


@pytest.fixture
def elara(db: None) -> Personality:
    return Personality.objects.create(
        personality_name="elara", display_name="Élara", greeting="Hi 👋\nyou", humor_level=9
    )


def test_export__one__readable_and_in_order(elara: Personality, tmp_path: Path) -> None:
    assert "1 personalities written" in export(tmp_path / "new" / "directory")
    assert contents(tmp_path / "new" / "directory") == {"elara.json": ELARA.encode()}


def test_export__without_owner__global_ones_only_inactive_included(tmp_path: Path, user: User) -> None:
    Personality.objects.create(personality_name="mine", owner=user)
    Personality.objects.create(personality_name="asleep", is_active=False)
    export(tmp_path)
    assert contents(tmp_path).keys() == {"asleep.json"}


def test_export__other_files_there__left_alone_and_strangers_named(elara: Personality, tmp_path: Path) -> None:
    others = dict.fromkeys(("old.json", "esc\x1b.json", "notes.txt", ".hidden.json"), b"x")
    for name, body in others.items():
        (tmp_path / name).write_bytes(body)
    assert export(tmp_path).endswith("no such personality: esc\\x1b.json, old.json\n")
    assert contents(tmp_path) == {**others, "elara.json": ELARA.encode()}


def test_export__somebody_is_reading_the_file__reads_the_whole_old_one(elara: Personality, tmp_path: Path) -> None:
    export(tmp_path)
    with (tmp_path / "elara.json").open("rb") as reader:
        Personality.objects.update(greeting="New.")
        export(tmp_path)
        assert reader.read() == ELARA.encode()


def test_export__a_link_in_place_of_the_file__what_it_points_to_is_untouched(
    elara: Personality, tmp_path: Path
) -> None:
    outside, directory = tmp_path / "outside", tmp_path / "directory"
    outside.write_bytes(b"precious")
    directory.mkdir()
    (directory / "elara.json").symlink_to(outside)
    export(directory)
    assert outside.read_bytes() == b"precious"
    assert contents(directory) == {"elara.json": ELARA.encode()}


def test_export__file_cannot_be_replaced__said_and_no_draft_left(elara: Personality, tmp_path: Path) -> None:
    (tmp_path / "elara.json" / "in the way").mkdir(parents=True)
    with pytest.raises(CommandError, match=r"DIR: .*elara\.json"):
        export(tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == ["elara.json"]


def test_export__dir_is_a_file__refused(elara: Personality, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(CommandError, match="DIR"):
        export(tmp_path / "file")


def test_export__unknown_owner__refused(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="--owner: there is no user 'nobody'"):
        export(tmp_path, "--owner", "nobody")
