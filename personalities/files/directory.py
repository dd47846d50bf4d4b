"""A directory of documents, called NAME.json each. Other files in it are left alone, and none is ever removed."""

import secrets
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple, cast

from rest_framework.serializers import ValidationError
from rest_framework.settings import api_settings

from personalities.archetypes import FieldValues
from personalities.config import PersonalityConfig
from personalities.files.documents import Errors, dump, invalid_document, load
from personalities.models import Personality
from rest.parsers import MAX_BYTES

PATTERN = "[!.]*.json"
MAX_MESSAGE = 300  # characters


class Problem(NamedTuple):
    """`field` is a dotted path, "" where the file as a whole is at fault."""

    file: str
    field: str
    message: str

    def __str__(self) -> str:
        return ": ".join(printable(part) for part in self if part)


class BadFiles(Exception):
    """Every problem of every file, in `problems`."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = list(problems)
        super().__init__("\n".join(map(str, self.problems)))


def write(directory: Path, personalities: Iterable[Personality]) -> list[str]:
    """Write a document for each; return their names. Raises OSError.

    What was written before an error stays. No file is ever half written.
    """
    directory.mkdir(parents=True, exist_ok=True)
    names = []
    for personality in personalities:
        _replace(directory / f"{personality.personality_name}.json", dump(personality))
        names.append(personality.personality_name)
    return names


def unknown_files(directory: Path, names: Collection[str]) -> list[str]:
    """The names of the documents that belong to none of the personalities `names`."""
    return sorted(file.name for file in directory.glob(PATTERN) if file.stem not in names)


def read(directory: Path, before: Mapping[str, PersonalityConfig]) -> dict[str, FieldValues]:
    """The values of the fields of each personality, by name. Raises BadFiles.

    `before` is what they are now: the linter's errors do not count in fields that a document leaves as they are.
    """
    documents: dict[str, FieldValues] = {}
    problems: list[Problem] = []
    for file in sorted(directory.glob(PATTERN)):
        try:
            values = load(_bytes(file), file.name, before.get(file.stem))
        except OSError as error:
            problems.append(Problem(file.name, "", error.strerror or str(error)))
        except ValidationError as error:
            problems += _problems(file.name, cast(Errors, error.detail))
        else:
            documents[values["personality_name"]] = values
    if problems or not documents:
        raise BadFiles(problems or [Problem(f"{directory}", "", "It contains no *.json file.")])
    return documents


def printable(text: str, longest: int = MAX_MESSAGE) -> str:
    """`text` for a terminal: control characters and lone surrogates are escaped, what is too long is cut."""
    cut = text if len(text) <= longest else f"{text[:longest]}…"
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in cut)


def _problems(file: str, errors: Errors, path: tuple[str, ...] = ()) -> Iterator[Problem]:
    """{"traits": {"humor_level": ["…"]}}, DRF's shape, becomes a problem of the field traits.humor_level."""
    for key, found in errors.items():
        of_field = key != api_settings.NON_FIELD_ERRORS_KEY
        here = (*path, str(key)) if of_field else path  # for a list, the key is the index of an item
        if isinstance(found, Mapping):
            yield from _problems(file, found, here)
        else:
            yield from (Problem(file, ".".join(here), str(message)) for message in found)


def _bytes(file: Path) -> bytes:
    if file.is_fifo():  # reading would wait for a writer
        raise invalid_document("It is not a regular file.")
    with file.open("rb") as opened:
        body = opened.read(MAX_BYTES + 1)
    if len(body) > MAX_BYTES:
        raise invalid_document(f"At most {MAX_BYTES} bytes are read.")
    return body


def _replace(file: Path, body: bytes) -> None:
    draft = file.with_name(f".{file.name}.{secrets.token_hex(4)}")
    try:
        with draft.open("xb") as opened:  # never through a link that somebody else has put there
            opened.write(body)
        draft.replace(file)
    finally:
        draft.unlink(missing_ok=True)
