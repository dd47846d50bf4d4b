"""What the linter says."""

from typing import Literal

from personalities.config import Frozen

Severity = Literal["error", "warning"]


class Finding(Frozen, frozen=True):
    """`field` is the path of the API: `custom.backstory`. `message` never quotes what an author wrote."""

    severity: Severity
    rule: str
    field: str
    message: str
