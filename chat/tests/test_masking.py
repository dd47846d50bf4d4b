"""Our secrets in what a language model's server says: left out however they are spelled, and nothing else is."""

import html
import json
from base64 import b64encode
from time import perf_counter
from urllib.parse import quote

import pytest

from chat.backends.masking import MAX_SEARCHED, Secrets, secrets_of

KEY = "sk-plan/ted+Key01=="


def each(form: str, letters: str = KEY) -> str:
    """The key with these of its letters written in a `form` of their number."""
    return "".join(form % ord(letter) if letter in letters else letter for letter in KEY)


SPELLINGS = {
    "as it is": KEY,
    "by Gson": each("\\u%04x", "="),
    "by .NET": each("\\u%04X", "+="),
    "JSON, each letter": each("\\u%04x"),
    "JSON, its slash": KEY.replace("/", "\\/"),
    "JSON in JSON": json.dumps(each("\\u%04x", "+/="))[1:-1],
    "JavaScript": each("\\x%02x", "+/="),
    "address": quote(KEY, safe=""),
    "address, slash kept": quote(KEY),
    "address, lower case": each("%%%02x", "+/="),
    "address, twice": quote(quote(KEY, safe="")),
    "address, each letter": each("%%%02X"),
    "HTML by numbers": each("&#%d;", "+/="),
    "HTML by hexadecimal numbers": each("&#x%X;", "+/="),
    "HTML with zeros in front": each("&#%07d;"),
    "HTML by names": KEY.replace("/", "&sol;").replace("+", "&plus;").replace("=", "&equals;"),
    "HTML in an address": quote(each("&#%d;", "+/=")),
    "HTML in JSON": each("\\u0026#%d;", "+/="),
}


@pytest.mark.parametrize("name", SPELLINGS)
def test_key__in_any_spelling__left_out(name: str) -> None:
    said = f"Bad key {SPELLINGS[name]} given by you."
    assert secrets_of(KEY, {}).masked(said) == "Bad key ... given by you."


@pytest.mark.parametrize(
    "key", ["ab%41cd%2Fef", 'ab"cd\\ef-gh', "abc&amp;def<ghi>", "abc\\u0041defgh", "a\\\\b\\\\cdefg"]
)
def test_key__that_looks_escaped_itself__left_out(key: str) -> None:
    secrets = secrets_of(key, {})
    for quoted in (key, json.dumps(key), quote(key), html.escape(key)):
        told = secrets.masked(f"Bad key {quoted} given.")
        assert key[-5:] not in told
        assert "..." in told


def test_text__with_escapes_but_no_secret__as_it_is_spelled() -> None:
    said = "Use %2F, &amp; and \\u003d in C:\\\\users."
    assert secrets_of(KEY, {}).masked(said) == said


def test_secrets__one_in_another__the_longest_left_out_first() -> None:
    assert Secrets(["planted1", "sk-planted1-more"]).masked("sk-planted1-more, planted1.") == "..., ...."


def test_secret__with_a_part_that_is_seen_first__left_out_whole() -> None:
    secrets = secrets_of("", {"Cookie": "session9=abcdefgh12345678"})
    assert secrets.masked("Bad \\u0073ession9=abcdefgh12345678!") == "Bad ...!"


def test_secret__beside_escaped_lines__one_line_still() -> None:
    assert secrets_of(KEY, {}).masked(f"Bad\\u000akey&#13;%0a{quote(KEY)}") == "Bad key ..."


def test_text__long__never_ends_in_a_part_of_a_secret() -> None:
    secrets = Secrets([KEY])
    for length in range(MAX_SEARCHED - 30, MAX_SEARCHED + 30):
        told = secrets.masked("x" * (length % 97) + " " + (KEY + " ") * (length // 20))
        assert "sk" not in told, length
    words = "ab " * (MAX_SEARCHED // 3) + "c"
    assert secrets.masked(words + "d") == words[:-2]
    assert secrets.masked("a" * MAX_SEARCHED) == "a" * MAX_SEARCHED
    assert secrets.masked("a" * (MAX_SEARCHED + 1)) == ""


def test_text__lines_and_control_characters__one_line_of_plain_text() -> None:
    assert Secrets().masked(" a\r\n\tb\x1b[31m\u202ec \0") == "a b [31m c"


@pytest.mark.parametrize("piece", ["\\", "\\u003", "&#", "&#9", "%", "%e", "&notit", "\\u003d", "&#61;", "%3d"])
def test_text__of_nothing_but_escapes__takes_no_time(piece: str) -> None:
    began = perf_counter()
    secrets_of(KEY, {}).masked(piece * 100_000)
    assert perf_counter() - began < 0.5


@pytest.mark.parametrize("key", ["", "k", "none", "EMPTY", "ollama", "LM-Studio", "not-needed", "sk-no-key-required"])
def test_key__that_nobody_keeps_secret__told(key: str) -> None:
    said = f"Ask ollama, LM-Studio or none: not-needed, EMPTY, sk-no-key-required, {key}."
    assert secrets_of(key, {"Authorization": f"Bearer {key}"}).masked(said) == said


SECRET_HEADERS = [
    ("Authorization", "Bearer onlyletters", "onlyletters"),
    ("Authorization", "Bearer gw-planted-key", "gw-planted-key"),
    ("Authorization", "Basic " + b64encode(b"me:hiddenpassword").decode(), "hiddenpassword"),
    ("Proxy-Authorization", "basic " + b64encode(b"me:hidden").decode(), "me:hidden"),
    ("Authorization", 'Digest username="me", response="abcdefabcdef"', "abcdefabcdef"),
    ("Cookie", "theme=dark; session=onlyletters", "onlyletters"),
    ("api-key", "onlyletters", "onlyletters"),
    ("cf-access-client-secret", "onlyletters", "onlyletters"),
    ("X-Gateway", "hidden-gateway-key-1", "hidden-gateway-key-1"),
    ("X-Gateway", "aGVsbG9Xb3JsZA==", "aGVsbG9Xb3JsZA=="),
    ("X-Gateway", "8374651029384", "8374651029384"),
]


@pytest.mark.parametrize(("name", "value", "quoted"), SECRET_HEADERS)
def test_header__of_a_secret__left_out_with_what_is_in_it(name: str, value: str, quoted: str) -> None:
    secrets = secrets_of("", {name: value})
    assert secrets.masked(f"Wrong: {value} or {quoted}!") == "Wrong: ... or ...!"


def test_headers__several_and_a_key__each_left_out() -> None:
    secrets = secrets_of(KEY, {"Authorization": "Negotiate onlyletters", "api-key": "otherletters"})
    said = f"Negotiate with {KEY}, onlyletters and otherletters!"
    assert secrets.masked(said) == "Negotiate with ..., ... and ...!"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("X-Title", "Companion requested tokens"),
        ("X-Title", "OpenRouter"),
        ("HTTP-Referer", "https://companion.example/requested"),
        ("api-version", "2024-10-21"),
        ("anthropic-version", "v1.2.3"),
        ("X-Model", "maximum"),
    ],
)
def test_header__of_words_and_numbers__told(name: str, value: str) -> None:
    said = f"You requested 5000 tokens, maximum of OpenRouter for Companion: {value}."
    assert secrets_of("", {name: value}).masked(said) == said


@pytest.mark.parametrize("value", ["Basic", "Basic ", "Basic x", "Basic ====", "Basic /w==", "Basic ü"])
def test_header__basic_without_a_password__no_error(value: str) -> None:
    assert secrets_of("", {"Authorization": value}).masked("Basic: none") == "Basic: none"
