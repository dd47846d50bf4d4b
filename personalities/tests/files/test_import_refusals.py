"""A bad file: named with its field, beside all other mistakes, and nothing is written."""

import json
import os
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from personalities.models import Personality
from personalities.tests.files.commands import edit, put

pytestmark = pytest.mark.django_db(transaction=True)


def refused(directory: Path, *options: str) -> list[tuple[str, str]]:
    """File and field of every error."""
    out = StringIO()
    with pytest.raises(CommandError, match="Nothing was written"):
        call_command("import_personalities", str(directory), "--json", *options, stdout=out)
    return [(error["file"], error["field"]) for error in json.loads(out.getvalue())["errors"]]


@pytest.mark.parametrize(
    ("rest", "field"),
    [
        (b'"charm": 5', "charm"),
        (b'"id": null', "id"),
        (b'"meta": null', "meta"),
        (b'"owner": 1', "owner"),
        (b'"note": "Why."', "note"),
        (b'"custom": {"backstory": "AKIAIOSFODNN7EXAMPLE"}', "custom.backstory"),
        (b'"traits": {"charm": 5}', "traits.charm"),
        (b'"traits": {"humor_level": 11}', "traits.humor_level"),
        (b'"traits": {"humor_level": "5"}', "traits.humor_level"),
        (b'"traits": {"humor_level": 5.0}', "traits.humor_level"),
        (b'"traits": {"humor_level": true}', "traits.humor_level"),
        (b'"traits": {"humor_level": NaN}', "traits.humor_level"),
        (b'"traits": {"humor_level": 1, "humor_level": 2}', "traits.humor_level"),
        (b'"traits": []', "traits"),
        (b'"traits": null', "traits"),
        (b'"behaviors": {"asks_questions": 1}', "behaviors.asks_questions"),
        (b'"custom": {"backstory": 5}', "custom.backstory"),
        (rb'"custom": {"backstory": "a\u0000b"}', "custom.backstory"),
        (rb'"custom": {"backstory": "\ud800"}', "custom.backstory"),
        (rb'"\ud800": 1', "\ud800"),
        (b'"greeting": "' + b"x" * 501 + b'"', "greeting"),
        (b'"is_active": "true"', "is_active"),
        (b'"archetype": "villain"', "archetype"),
        (b'"locked_preferences": ["tone", "charm"]', "locked_preferences.1"),
        (b'"archetype": ' + b"[" * 900 + b"]" * 900, None),
        (b'"relationship_type": "enemy"', "relationship_type"),
        (b'"personality_name": "mira"', "personality_name"),
        (b'"greeting": "\xff"', ""),
        (b'"greeting": ' + b"[" * 30_000, ""),
        (b'"greeting": ' + b'{"a":' * 10_000, ""),
        (b'"greeting": "' + b"x" * 70_000 + b'"', ""),
        (b'"greeting": ' + b"9" * 5000, ""),
        (b'"greeting": ', ""),
    ],
)
def test_import__bad_document__names_file_and_field(tmp_path: Path, rest: bytes, field: str | None) -> None:
    (tmp_path / "mira.json").write_bytes(b'{"personality_name": "mira", ' + rest + b"}")
    ((file, said),) = refused(tmp_path)
    assert (file, said) == ("mira.json", field if field is not None else said)
    assert not Personality.objects.exists()


@pytest.mark.parametrize(
    "body", [b"", b"null", b"[1]", b'"x"', b"5", b"\xff\xfe", b"{} {}", b'{"personality_name": "mira"}' + b" " * 70_000]
)
def test_import__no_document__names_the_file(tmp_path: Path, body: bytes) -> None:
    (tmp_path / "mira.json").write_bytes(body)
    assert refused(tmp_path) == [("mira.json", "")]


def test_import__names_that_are_not_their_file_s__each_refused(tmp_path: Path) -> None:
    put(tmp_path, "elara")
    (tmp_path / "ELARA.json").write_bytes(b'{"personality_name": "Elara"}')
    (tmp_path / "copy.json").write_bytes(b'{"personality_name": "elara"}')
    (tmp_path / "none.json").write_bytes(b"{}")
    (tmp_path / "resolve.json").write_bytes(b'{"personality_name": "resolve"}')
    files = ("ELARA.json", "copy.json", "none.json", "resolve.json")
    assert refused(tmp_path) == [(file, "personality_name") for file in files]


def test_import__many_mistakes__all_of_them_and_nothing_written(exported: Path) -> None:
    """An unknown field does not hide a wrong value, nor does one file hide another."""
    before = list(Personality.objects.values())
    edit(exported, "elara", greeting="Changed.")
    edit(exported, "isla", charm=1, greeting=5, traits={"wit": 1, "humor_level": 11, "empathy_level": -1})
    edit(exported, "nova", is_active=1, archetype="villain")
    put(exported, "zoe")
    assert sorted(refused(exported)) == [
        ("isla.json", "charm"),
        ("isla.json", "greeting"),
        ("isla.json", "traits.empathy_level"),
        ("isla.json", "traits.humor_level"),
        ("isla.json", "traits.wit"),
        ("nova.json", "archetype"),
        ("nova.json", "is_active"),
    ]
    assert list(Personality.objects.values()) == before


def test_import__one_bad_file_among_ten__nothing_written(tmp_path: Path) -> None:
    for number in range(10):
        put(tmp_path, f"p{number}", traits={"humor_level": 11 if number == 9 else 5})
    assert refused(tmp_path) == refused(tmp_path, "--dry-run") == [("p9.json", "traits.humor_level")]
    assert not Personality.objects.exists()


def test_import__as_text__a_line_each_that_steers_no_terminal(tmp_path: Path) -> None:
    put(tmp_path, "mira", archetype="\x1b[2J\u202e\ud800", **{"\x9bm": 1})
    (tmp_path / "nova.json").mkdir()
    with pytest.raises(CommandError) as error:
        call_command("import_personalities", str(tmp_path))
    assert str(error.value).splitlines() == [
        'mira.json: archetype: "\\x1b[2J\\u202e\\ud800" is not a valid choice.',
        "mira.json: \\x9bm: This field is not known.",
        "nova.json: Is a directory",
        "Errors: 3. Nothing was written.",
    ]


@pytest.mark.parametrize("there", [True, False])
def test_import__no_files__refused(tmp_path: Path, there: bool) -> None:
    assert refused(tmp_path if there else tmp_path / "missing")


def test_import__unknown_owner__refused(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="--owner"):
        call_command("import_personalities", str(tmp_path), "--owner", "nobody")


def test_import__a_pipe__refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "mira.json")
    assert refused(tmp_path) == [("mira.json", "")]
