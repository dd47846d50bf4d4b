"""Where users' messages and our key may go, and which language models an author may choose: read once, and loud."""

import pytest
from django.core.exceptions import ImproperlyConfigured

from companion.model_server import checked_url
from companion.tests.test_settings import start

URL = "https://api.openai.com/v1"


@pytest.mark.parametrize(
    "url",
    [
        "",
        URL,
        "https://10.0.0.7:8443",
        "https://[2001:db8::1]/v1",
        "https://0xa9fea9fe.example/v1",
        "https://10.7/v1",
        "https://[fd00:ec2::253]/v1",
        "https://[2002:a9ff:a9fe::]/v1",
        "https://metadata.example/v1",
        "http://127.0.0.1:11434/v1",
        "http://localhost:1/v1",
        "http://[::1]:1/v1",
    ],
)
def test_llm_url__https_or_this_machine__taken(url: str) -> None:
    assert checked_url(url) == url


@pytest.mark.parametrize(
    "url",
    [
        "http://api.openai.com/v1",
        "http://169.254.169.254",
        "https://169.254.169.254/latest",
        "https://169.254.169.254./latest",
        "https://[::ffff:169.254.169.254]/",
        "https://[::ffff:a9fe:a9fe]/",
        "https://[::169.254.169.254]/",
        "https://[64:ff9b::a9fe:a9fe]/",
        "https://[64:ff9b::169.254.169.254]/",
        "https://[64:ff9b:1::a9fe:a9fe]/",
        "https://[64:ff9b:1:0:a9:fea9:fe00:0]/",
        "https://[2002:a9fe:a9fe::]/",
        "https://[2002:a9fe:a9fe::1]/",
        "https://[::ffff:0:a9fe:a9fe]/",
        "https://[fd00:ec2::254]/",
        "https://[FD00:EC2:0:0::254]/",
        "https://[fd00:ec2::254%25eth0]/",
        "https://[::ffff:100.100.100.200]/",
        "https://168.63.129.16/",
        "https://metadata.google.internal/computeMetadata",
        "https://METADATA.google.internal./",
        "https://[fe80::1]/",
        "https://[fe80::1%25eth0]/",
        "https://2852039166/",
        "https://0xa9fea9fe/",
        "https://0XA9FEA9FE./",
        "https://0251.0376.0251.0376/",
        "https://169.16689662/",
        "https://169.254.43518/",
        "http://[::ffff:127.0.0.1]",
        "http://0x7f.1",
        "http://localhost.evil.example",
        "http://127.0.0.1@evil.example",
        "https://hidden:hidden@api.openai.com/v1",
        "https://api.openai.com/v1?key=hidden",
        "https://api.openai.com/v1#hidden",
        "https://api.openai.com\\@evil.example",
        "https://api.openai.com:port",
        "https://",
        "gopher://127.0.0.1",
        "file:///etc/passwd",
        "hidden",
        "https://api.openai.com/v1\r\nX: y",
        "https://[v1.hidden]/v1",
        "https://xn--a/hidden",
        "https://llm.example/" + "hidden" * 20_000,
    ],
)
def test_llm_url__anything_else__refused_without_showing_it(url: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="LLM_BASE_URL") as raised:
        checked_url(url)
    assert "hidden" not in str(raised.value)


def test_settings__llm_key__stands_nowhere_else() -> None:
    result = start(
        "print([n for n in dir(settings) if 'hidden-key' in repr(getattr(settings, n)) and n != 'env'])",
        LLM_BASE_URL=URL,
        LLM_MODEL="m",
        LLM_API_KEY="hidden-key",
    )
    assert result.stdout == "['LLM_API_KEY']\n"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CHAT_BACKEND", "telepathy"),
        ("LLM_TOTAL_SECONDS", "0"),
        ("LLM_IDLE_SECONDS", "soon"),
        ("LLM_BASE_URL", URL),
        ("LLM_CONTENT_PARTS", "text,telepathy"),
        ("LLM_EXTRA_PARAMETERS", "top_k,min p"),
    ],
)
def test_settings__chat__refused_by_name(name: str, value: str) -> None:
    """LLM_BASE_URL alone is refused for the missing LLM_MODEL."""
    result = start(**{name: value})
    assert result.returncode
    expected = "LLM_MODEL" if name == "LLM_BASE_URL" else name
    assert expected in result.stderr.splitlines()[-1]


@pytest.mark.parametrize(
    ("value", "expected"),
    [("", []), ("a", ["a"]), (" gpt-4.1-mini , @cf/meta/llama+x_1:8b,", ["gpt-4.1-mini", "@cf/meta/llama+x_1:8b"])],
)
def test_settings__llm_models__by_commas(value: str, expected: list[str]) -> None:
    assert (
        start("print(settings.LLM_MODELS)", LLM_BASE_URL=URL, LLM_MODEL="m", LLM_MODELS=value).stdout == f"{expected}\n"
    )


@pytest.mark.parametrize(("model", "models"), [("m", "a b"), ("m", "é"), ("m", "x" * 101), ("", "a")])
def test_settings__llm_models__refused_by_name(model: str, models: str) -> None:
    result = start(LLM_MODEL=model, LLM_MODELS=models)
    assert result.returncode
    assert "LLM_MODELS" in result.stderr.splitlines()[-1]
