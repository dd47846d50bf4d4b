"""Finds our secrets in what a language model's server says, however it escapes them, and masks them."""

import html
import re
from base64 import b64decode
from collections.abc import Iterable, Iterator, Mapping
from urllib.parse import unquote

MAX_SEARCHED = 4000  # characters of a text; html.unescape takes no number of more than 4300 digits
MIN_SECRET = 8  # characters; nobody keeps a shorter key secret
LAYERS = 4  # of escapes: JSON in JSON, in a URL

# Keys for servers that need none, which may use these words themselves. The last are schemes of Authorization.
DUMMY_KEYS = {"lm-studio", "not-needed", "no-key-required", "sk-no-key-required", "placeholder", "anything"}
DUMMY_KEYS |= {"negotiate", "aws4-hmac-sha256"}

SECRET_NAME = re.compile(r"auth|key|token|secret|cookie|passw|credential|session|signature|jwt|access", re.IGNORECASE)
SEPARATORS = re.compile(r"[\s,;]+")
COMMON_WORDS = re.compile(r"(?:[A-Z]*+[a-z]{2,}+|[A-Z]++|[\W_]++)*+")  # "Companion", "OpenRouter", "https://a.example"
NUMBERS = re.compile(r"v?[0-9]{1,8}(?:[\W_]+v?[0-9]{1,8})*", re.IGNORECASE)  # "2024-10-21", "v1.2.3"
JSON_ESCAPE = re.compile(r"(?<!\\)\\++(?:u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2})|([\"'/]))?")


class Secrets:
    """The secrets sent to a language model's server."""

    def __init__(self, words: Iterable[str] = ()) -> None:
        """`words` of any length: those that are too short, or common dummies, are not searched for."""
        spelled = {plain for word in words if word.lower() not in DUMMY_KEYS for plain in _layers(word)}
        found = [word for word in spelled if len(word) >= MIN_SECRET]
        self._words = sorted(found, key=lambda word: (-len(word), word))  # the longest first

    def masked(self, text: str) -> str:
        """The beginning of the text as one line of plain text, with "..." for secrets.

        It keeps its escapes unless unescaping it reveals a secret. The innermost layer is searched first: masking part
        of a secret in an outer one would hide the rest.
        """
        text = _beginning(text)
        for plain in reversed([*_layers(text)]):
            if any(word in plain for word in self._words):
                return _beginning(self._without(plain))
        return text

    def _without(self, text: str) -> str:
        for word in self._words:
            text = text.replace(word, "...")
        return text


def secrets_of(key: str, headers: Mapping[str, str]) -> Secrets:
    """The key, the values of headers whose names suggest a secret, and what looks random in other headers."""
    words = [key, *key.split()]
    for name, value in headers.items():
        words += [part for part in _parts(value) if SECRET_NAME.search(name) or _looks_random(part)]
    return Secrets(words)


def _parts(value: str) -> Iterator[str]:
    """What may be quoted alone: the key after "Bearer", the values of a cookie's pairs, the password in Basic."""
    yield value
    for word in SEPARATORS.split(value):
        yield from (word, word.partition("=")[2].strip('"'))
    scheme, _, credentials = value.partition(" ")
    if scheme.lower() == "basic":
        pair = _decoded(credentials)
        yield from (pair, pair.partition(":")[2])


def _decoded(credentials: str) -> str:
    try:
        return b64decode(credentials.strip()).decode(errors="replace")
    except ValueError:
        return ""


def _looks_random(word: str) -> bool:
    return not (SEPARATORS.search(word) or COMMON_WORDS.fullmatch(word) or NUMBERS.fullmatch(word))


def _beginning(text: str) -> str:
    """At most MAX_SEARCHED characters, cut after a whole word, so that no part of a secret is left at the end."""
    words = "".join(each if each.isprintable() else " " for each in text[:MAX_SEARCHED]).split()
    return " ".join(words if len(text) <= MAX_SEARCHED else words[:-1])


def _layers(text: str) -> Iterator[str]:
    for _ in range(LAYERS):
        yield text
        text = _unescaped(text)


def _unescaped(text: str) -> str:
    """`text` without one layer of the escapes of JSON, of addresses and of HTML."""
    return html.unescape(unquote(JSON_ESCAPE.sub(_character, text)))


def _character(found: re.Match[str]) -> str:
    code = found[1] or found[2]
    return chr(int(code, 16)) if code else found[3] or "\\"
