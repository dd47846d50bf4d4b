"""How every edit is made, by API, admin or import: under the same rules and in one transaction."""

import msgspec
from django.db import IntegrityError

from personalities.config import Meta, PersonalityConfig
from personalities.lint import new_refusals
from personalities.models import NAME_CONSTRAINT, Personality, authored
from personalities.names import InvalidName


class Refused(Exception):
    """The linter refused this edit, or its name is reserved. `errors` are messages by path in the configuration."""

    def __init__(self, errors: dict[str, list[str]]) -> None:
        super().__init__(" ".join(f"{field}: {' '.join(messages)}" for field, messages in errors.items()))
        self.errors = errors


class NameInUse(Exception):
    """The owner has another personality of this name, the argument. The transaction is broken: roll it back."""


def apply_edit(
    row: Personality, before: PersonalityConfig | None, *, author: str = "", note: str = ""
) -> PersonalityConfig:
    """Save `row`, which was `before` (None if it is new) and is locked; return what it is now.

    `author` and `note` go to the history. Raises Refused or NameInUse.
    """
    after = row.to_config()
    if errors := new_refusals(before, after):
        raise Refused(errors)
    try:
        with authored(author, note):
            row.save()
    except InvalidName as error:  # a rollback to a version whose name has since been reserved
        raise Refused({"personality_name": [str(error)]}) from None
    except IntegrityError as error:
        if NAME_CONSTRAINT in str(error):
            raise NameInUse(row.personality_name) from None
        raise
    # Only what the database counts has changed since: no need to build the configuration once more.
    counted = Meta(version=row.version, owner=row.owner_id, created_at=row.created_at, updated_at=row.updated_at)
    return msgspec.structs.replace(after, meta=counted)
