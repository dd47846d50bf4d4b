"""A directory of documents, called NAME.json each. Other files in it are left alone, and none is ever removed."""

import secrets
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any, cast

from rest_framework.serializers import ValidationError

from personalities.config import PersonalityConfig
from personalities.files.document import dump, load
from personalities.files.problems import BadFiles, Problem, problems_of
from personalities.models import Personality

MAX_BYTES = 64 * 1024  # as many as the API reads
PATTERN = "[!.]*.json"


def write(directory: Path, personalities: Iterable[Personality]) -> list[str]:
    """Their names. Raises OSError; what was written by then stays, and no file is ever half written."""
    directory.mkdir(parents=True, exist_ok=True)
    names = []
    for personality in personalities:
        _replace(directory / f"{personality.personality_name}.json", dump(personality))
        names.append(personality.personality_name)
    return names


def strangers(directory: Path, names: Collection[str]) -> list[str]:
    """The documents of none of `names`."""
    return sorted(file.name for file in directory.glob(PATTERN) if file.stem not in names)


def read(directory: Path, before: Mapping[str, PersonalityConfig]) -> dict[str, dict[str, Any]]:
    """The columns of each personality, by name, of which those that are there were such `before`. Raises BadFiles."""
    documents: dict[str, dict[str, Any]] = {}
    problems: list[Problem] = []
    for file in sorted(directory.glob(PATTERN)):
        try:
            columns = load(_bytes(file), file.name, before.get(file.stem))
        except OSError as error:
            problems.append(Problem(file.name, "", error.strerror or str(error)))
        except ValidationError as error:
            problems += problems_of(file.name, cast(dict[str, Any], error.detail))
        else:
            documents[columns["personality_name"]] = columns
    if problems or not documents:
        raise BadFiles(problems or [Problem(f"{directory}", "", "No *.json is there.")])
    return documents


def _bytes(file: Path) -> bytes:
    if file.is_fifo():  # would be waited for
        raise ValidationError({"non_field_errors": ["It is no regular file."]})
    with file.open("rb") as opened:
        body = opened.read(MAX_BYTES + 1)
    if len(body) > MAX_BYTES:
        raise ValidationError({"non_field_errors": [f"At most {MAX_BYTES} bytes are read."]})
    return body


def _replace(file: Path, body: bytes) -> None:
    draft = file.with_name(f".{file.name}.{secrets.token_hex(4)}")
    try:
        with draft.open("xb") as opened:  # never through a link that somebody else has put there
            opened.write(body)
        draft.replace(file)
    finally:
        draft.unlink(missing_ok=True)
