"""Whatever a variable holds, Companion starts with it or says in one sentence, with its name, why not.

Each value is read by the settings themselves, all in one process; tests/faults starts manage.py and the server.
"""

import json
import re

import pytest
from django.conf import settings

from companion.env_files import SECRETS
from companion.tests.test_settings import start

LANGUAGE_MODEL = {"LLM_MODEL": "m", "LLM_BASE_URL": "https://llm.example/v1"}
ABSURD = [
    *("-1", "0", "-0", "+1", "1.5", "1e3", "1e999", "nan", "NaN", "inf", "-inf", "0x10", "1_000", "٣", "²"),
    *("9" * 20, "9" * 400, "9" * 5000, "-" + "9" * 400, "0." + "0" * 400 + "1", "x" * 5000, "," * 50),
    *("", " ", "1 ", " true\n", "''", '"', '"x"', "'true'", "x", "é", "a b", "a\nb", "a,b", "\x7f", "\udcff", "%00"),
    *("None", "null", "{}", "[]", '{"a": 1}', "*", "/", ".", "..", "-", "::", "[::1]", "[", "a@b", "a:b", "a:0"),
    *("http://", "https://h:0", "https://h:99999", "https://a..b", "redis://", "redis://a..b", "unix://"),
    *("postgresql://", "postgresql://h:0/c", "1/minute", "0/minute", "٣/minute", "999999/9999 days", "1000000/second"),
]  # fmt: skip
HUGE = ["9" * 20, "9" * 400, "9" * 5000, "1e999", "inf", "nan"]
READ_ALL = """
import importlib, json, os
from django.core.exceptions import ImproperlyConfigured
from environs import EnvError
cases, sound, said = json.loads(os.environ.pop("CASES")), dict(os.environ), []
for variables in cases:
    os.environ.clear(), os.environ.update(sound | variables)
    try:
        importlib.reload(settings)
        said.append(None)
    except (ImproperlyConfigured, EnvError) as error:
        said.append(str(error))
    except Exception as error:
        said.append(f"traceback\\n{error!r}")
print(json.dumps(said))
"""
Case = tuple[str, str]


def variables(file: str = ".env.example", pattern: str = r"^# ([A-Z_]+)=") -> list[str]:
    return re.findall(pattern, (settings.BASE_DIR / file).read_text().partition("── dev.py only")[0], re.MULTILINE)


def numbers() -> list[str]:
    return variables("companion/settings.py", r'env\.(?:int|float)\("([A-Z_]+)"')


def environment(name: str, value: str) -> dict[str, str]:
    """Where the variable alone is what could be wrong."""
    secret = {name.removesuffix("_FILE"): ""} if name.endswith("_FILE") else {}
    return (LANGUAGE_MODEL if name.startswith("LLM_") else {}) | secret | {name: value}


def answers(cases: list[Case]) -> dict[Case, str | None]:
    """What is said of each; None of one that is taken."""
    done = start(READ_ALL, CASES=json.dumps([environment(*case) for case in cases]))
    return dict(zip(cases, json.loads(done.stdout or f'["{done.stderr[-300:]}"]'), strict=True))


def is_one_sentence(name: str, said: str | None) -> bool:
    return said is None or (name.removesuffix("_FILE") in said and said.isprintable() and len(said) < 400)


def test_absurd_value__of_every_variable__taken_or_refused_in_one_sentence() -> None:
    cases = [(name, value) for name in variables() for value in ABSURD]
    said = answers(cases)
    assert len(said) > 3000
    assert {name for name, _ in said} >= {"LOG_LEVEL", "DATABASE_URL", "REDIS_URL_FILE", "LLM_TOTAL_SECONDS", *SECRETS}
    wrong = {case: text for case, text in said.items() if not is_one_sentence(case[0], text)}
    assert not wrong, [(name, value[:20], str(text)[:150]) for (name, value), text in wrong.items()]


def test_number__huge_or_none__refused() -> None:
    said = answers([(name, value) for name in numbers() for value in HUGE])
    assert len(said) > 80
    assert [case for case, text in said.items() if text is None] == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("LLM_BASE_URL", "https://h:0"),
        ("CSRF_TRUSTED_ORIGINS", "https://h:0"),
        ("CSRF_TRUSTED_ORIGINS", "https://h:99999"),
        ("CSRF_TRUSTED_ORIGINS", '"https://h"'),
        ("ALLOWED_HOSTS", '"h.example"'),
        ("ALLOWED_HOSTS", "münchen.example"),
        ("REDIS_KEY_PREFIX", "a\nb"),
        ("REDIS_KEY_PREFIX", "x" * 201),
        ("SECRET_KEY", "abcdefghij" * 5 + "\udcff"),
        ("DATABASE_POOL_SIZE", "10001"),
        ("WEB_WORKERS", "100001"),
        ("PERSONALITY_NEAR_ENTRIES", str(10**9 + 1)),
        ("PERSONALITY_STALE_IF_ERROR_SECONDS", str(10**9 + 1)),
        ("RESPONSES_REMEMBERED_MIB", str(10**6 + 1)),
    ],
)
def test_value__without_any_sense__refused(name: str, value: str) -> None:
    (said,) = answers([(name, value)]).values()
    assert said
    assert is_one_sentence(name, said)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CSRF_TRUSTED_ORIGINS", "https://*.example.com:8443,http://[::1]:8000,https://my_host"),
        ("ALLOWED_HOSTS", "my_host,.example.com,[::1],*"),
        ("REDIS_KEY_PREFIX", "my app: staging:"),
        ("DATABASE_POOL_SIZE", "10000"),
        ("WEB_WORKERS", "100000"),
        ("RESPONSES_REMEMBERED_MIB", "1000000"),
        ("PERSONALITY_NEAR_ENTRIES", "0"),
    ],
)
def test_value__at_the_edge_of_sense__taken(name: str, value: str) -> None:
    assert answers([(name, value)]) == {(name, value): None}
