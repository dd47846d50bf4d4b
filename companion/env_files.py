"""Environment variables from files: `.env`, and NAME_FILE instead of NAME for a secret.

Standard library only: dev.py reads them before any package is installed. In `.env` quotes, and backslashes within them,
work as in a shell. Nothing is expanded, and a list may have spaces without quotes.
"""

import os
import re
from collections.abc import MutableMapping
from pathlib import Path

# Each may come from a file named by NAME_FILE.
SECRETS = ("SECRET_KEY", "DATABASE_URL", "REDIS_URL", "LLM_API_KEY", "LLM_HEADERS")
ENV_FILE = "COMPANION_ENV_FILE"

Environment = MutableMapping[str, str]
_BLANK = re.compile(r"[^\S\n]*(?:#[^\n]*)?(?:\n|\Z)")
_ASSIGNMENT = re.compile(
    r"""
    [^\S\n]* (?:export[^\S\n]+)? (?P<name>[A-Za-z_][A-Za-z0-9_]*) [^\S\n]* =
    (?: [^\S\n]* (?: '(?P<single>[^']*)' | "(?P<double>(?:\\.|[^"\\])*)" ) [^\S\n]* (?:\#[^\n]*)?
      | (?P<plain>(?![^\S\n]*['"])[^\n]*) )
    (?:\n|\Z)
    """,
    re.VERBOSE | re.DOTALL,
)
_COMMENT = re.compile(r"\s+#.*")  # a `#` inside a word belongs to it
_ANOTHER = re.compile(r"\s[A-Za-z_][A-Za-z0-9_]*=(?!=)")
_ESCAPE = re.compile(r"""\\(?:([\\"$`])|\n)""")  # an escaped line end vanishes


class EnvFileError(ValueError):
    """A file that cannot be used. The message is one sentence that names the variable or line, and shows no value."""


def load_env_file(default: Path, environ: Environment = os.environ) -> None:
    """Add the variables of the file `default`, if it exists, or of the one that COMPANION_ENV_FILE names.

    What `environ` has already wins, even as NAME_FILE for NAME. Raises EnvFileError.
    """
    named = environ.get(ENV_FILE)
    found = read_env_file(Path(named), ENV_FILE) if named else read_env_file(default) if default.exists() else {}
    given = {*environ}
    for name, value in found.items():
        if given.isdisjoint({name, _other_name(name)}):
            environ[name] = value


def read_env_file(file: Path, variable: str = "") -> dict[str, str]:
    """Return the variables of a file of NAME=value lines.

    Raises EnvFileError for any other line that is neither empty nor a comment, and, with the name of the `variable`
    that names the file, if it cannot be read.
    """
    text, position, found = _read(file, variable), 0, dict[str, str]()
    while position < len(text):
        if blank := _BLANK.match(text, position):
            position = blank.end()
            continue
        assignment = _ASSIGNMENT.match(text, position)
        if assignment is None or (value := _value(assignment)) is None:  # the line is not shown: it may hold a secret
            reason = f" ({assignment['name']}: a value with another NAME= in it needs quotes)" if assignment else ""
            raise EnvFileError(f"{file.name}: line {text.count(chr(10), 0, position) + 1} is not NAME=value{reason}")
        position = assignment.end()
        found[assignment["name"]] = value
    return found


def resolve_secret_files(environ: Environment) -> None:
    """Replace NAME_FILE by NAME for every secret. Raises EnvFileError if both are set, or the file cannot be read."""
    for name in SECRETS:
        if (value := secret(name, environ)) is not None:
            environ[name] = value
        environ.pop(f"{name}_FILE", None)


def secret(name: str, environ: Environment = os.environ) -> str | None:
    """Return the variable `name`, or what is in the file that NAME_FILE names, without the line end after it.

    Spaces around a URL do not count. None if neither is set; an empty NAME_FILE counts as not set. Raises
    EnvFileError as `resolve_secret_files` does.
    """
    value = _secret(name, environ)
    return value.strip() if value and name.endswith("_URL") else value


def _secret(name: str, environ: Environment) -> str | None:
    variable = f"{name}_FILE"
    if not (named := environ.get(variable, "").strip()):
        return environ.get(name)
    if environ.get(name):
        raise EnvFileError(f"{name}, {variable}: only one of them may be set")
    return _read(Path(named), variable).removesuffix("\n")


def _read(file: Path, variable: str) -> str:
    try:
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise EnvFileError(f"{variable or file.name}: {shown(file)} cannot be read ({reason})") from None
    if "\0" in text:
        raise EnvFileError(f"{variable or file.name}: {shown(file)} cannot be read (it contains NUL)")
    return text


def shown(value: object) -> str:
    """A value as an error shows it: the beginning, on one line."""
    text = str(value)[:200]
    return text if text.isprintable() else ascii(text)


def _value(assignment: "re.Match[str]") -> str | None:
    """None if it is unclear where the value ends."""
    if (plain := assignment["plain"]) is not None:
        value = _COMMENT.sub("", plain).strip()
        return None if _ANOTHER.search(value) else value
    if (single := assignment["single"]) is not None:
        return single
    return _ESCAPE.sub(r"\1", assignment["double"])


def _other_name(name: str) -> str:
    """NAME for NAME_FILE and the reverse, where both exist."""
    plain = name.removesuffix("_FILE")
    if plain not in SECRETS:
        return name
    return plain if plain != name else f"{name}_FILE"
