"""Which language models an author may choose: read once, and loud."""

import pytest

from companion.tests.test_settings import start

URL = "https://api.openai.com/v1"
SHOW = "print(settings.LLM_MODELS)"


@pytest.mark.parametrize(
    ("value", "expected"),
    [("", []), ("a", ["a"]), (" gpt-4.1-mini , @cf/meta/llama+x_1:8b,", ["gpt-4.1-mini", "@cf/meta/llama+x_1:8b"])],
)
def test_settings__llm_models__by_commas(value: str, expected: list[str]) -> None:
    assert start(SHOW, LLM_BASE_URL=URL, LLM_MODEL="m", LLM_MODELS=value).stdout == f"{expected}\n"


@pytest.mark.parametrize(("model", "models"), [("m", "a b"), ("m", "é"), ("m", "x" * 101), ("", "a")])
def test_settings__llm_models__refused_by_name(model: str, models: str) -> None:
    result = start(LLM_MODEL=model, LLM_MODELS=models)
    assert result.returncode
    assert "LLM_MODELS" in result.stderr.splitlines()[-1]
