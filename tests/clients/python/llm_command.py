"""The `llm` command, set up as its documentation says for a server that speaks OpenAI's protocol."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from shared import KEY, MODEL, PERSONA, PNG, URL

MODELS = f"""
- model_id: {MODEL}
  model_name: {MODEL}
  api_base: {URL}
  api_key_name: companion
  supports_tools: true
  supports_schema: true
  vision: true
- model_id: nobody
  model_name: nobody
  api_base: {URL}
  api_key_name: companion
"""
WEATHER = 'def weather(city: str) -> str:\n    "The weather in a city."\n    return f"Rain in {city}"\n'


@pytest.fixture
def llm(tmp_path: Path):
    (tmp_path / "extra-openai-models.yaml").write_text(MODELS)
    (tmp_path / "keys.json").write_text(json.dumps({"companion": KEY}))

    def run(*arguments, model=MODEL):
        command = [Path(sys.executable).with_name("llm"), "prompt", "-m", model, *arguments]
        env = os.environ | {"LLM_USER_PATH": str(tmp_path)}
        return subprocess.run(command, env=env, capture_output=True, text=True, stdin=subprocess.DEVNULL)

    return run


def said(done):
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_chat(llm):
    assert PERSONA in said(llm("--no-stream", "-s", "Be brief.", "Hello?"))


def test_stream(llm):
    assert PERSONA in said(llm("Hello?"))


def test_conversation(llm):
    said(llm("Hello?"))
    assert said(llm("-c", "Is it raining?")).endswith("Is it raining?")


@pytest.mark.parametrize("option", ["--stream", "--no-stream"])
def test_tools(llm, option):
    options = [] if option == "--stream" else [option]
    assert said(llm("--functions", WEATHER, *options, "Is it raining?")).endswith("Rain in Paris")


def test_structured_output(llm):
    assert json.loads(said(llm("--schema", "city, people int", "Where?"))) == {"city": "Paris", "people": 7}


def test_image(llm, tmp_path):
    (tmp_path / "point.png").write_bytes(PNG)
    assert said(llm("-a", str(tmp_path / "point.png"), "What is it?")).startswith("I see image/png.")


def test_errors(llm):
    done = llm("Hello?", model="nobody")
    assert done.returncode == 1
    assert "nobody" in done.stderr
