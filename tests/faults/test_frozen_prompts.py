"""Who is pinned stays who she was, to the byte, whatever a later release says of personalities."""

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

from chat.tests import model_server
from chat.tests.model_server import ModelServer
from tests.faults.conftest import LONG
from tests.faults.environment import Environment, Service, production_service
from tests.faults.pinned_prompts import next_release
from tests.promises import Figure
from tooling.environment import ROOT

PROMISE = "C20"
PERSONALITIES, COPIES = (2_000, 49) if LONG else (30, 9)
TURNS = 200 if LONG else 10
Told = dict[str, tuple[str, str]]  # by conversation: SHA-256 of what is told, and of what would be made today


class Release:
    """Processes of one release, on the servers of the environment."""

    def __init__(self, environment: Environment, root: Path, folder: Path) -> None:
        self._environment, self.root, self._folder = environment, root, folder

    def run(self, *command: str) -> str:
        """Return what a new process prints."""
        env = self._environment.variables
        done = subprocess.run([sys.executable, *command], cwd=self.root, env=env, check=True, stdout=subprocess.PIPE)
        return done.stdout.decode().strip()

    def told(self, owner: str) -> Told:
        """As a process finds it that has just started."""
        file = self._folder / "told.json"
        self.run("-m", "tests.faults.pinned_prompts", "told", owner, str(file))
        found: Told = json.loads(file.read_text())
        return found


def differing(before: Told, after: Told) -> list[str]:
    return [id for id, (was, _) in before.items() if id not in after or after[id][0] != was]


def answered_otherwise(service: Service, model: ModelServer, before: Told) -> list[str]:
    """The conversations, of TURNS, for which a language model is told anything else, or their caller is."""
    wrong = []
    for row in service.client.get(f"/api/v1/conversations/?page_size={TURNS}").json()["results"]:
        messages = [{"role": "user", "content": "Who are you?"}]
        body = {"model": row["personality"], "messages": messages, "metadata": {"conversation": row["id"]}}
        answer = service.client.post("/v1/chat/completions", json=body)
        prompt = model.requests[-1][1]["messages"][0]["content"]
        told = {hashlib.sha256(prompt.encode()).hexdigest(), answer.headers.get("Prompt-SHA256"), row["prompt_sha256"]}
        if told != {before[row["id"]][0]}:
            wrong.append(row["id"])
    return wrong


@pytest.mark.timeout(1800 if LONG else 120)
def test_pinned__next_release_rewords_everything__told_to_the_byte_what_was_told(
    environment: Environment, model: ModelServer, name: str, tmp_path: Path, figure: Figure
) -> None:
    """Read by new processes of this release and of the next; then answered by a service of the next."""
    this = Release(environment, ROOT, tmp_path)
    after = Release(environment, next_release(tmp_path / "next"), tmp_path)
    key = this.run("-m", "tests.faults.pinned_prompts", "begin", name, str(PERSONALITIES), str(COPIES))
    before = this.told(name)
    after.run("manage.py", "migrate", "--verbosity=0")
    found = after.told(name)
    reworded = sum(today != pinned for pinned, today in found.values())
    figure(
        PROMISE,
        "every sentence, every archetype and one writer changed, processes restarted",
        f"0 of {len(before):,} pinned prompts differ, while each unpinned one does",
        measured=f"{len(differing(before, found))} of {len(found):,} differ, {reworded:,} would have",
        before=f"{len(before):,} of {len(before):,}",
        met=len(found) == PERSONALITIES * (1 + COPIES) and reworded == len(found) and not differing(before, found),
    )
    model.behaviour = model_server.answer
    settings = {"LLM_BASE_URL": model.url, "LLM_MODEL": "big-model", "CHAT_RATE": "100000/minute"}
    with production_service(environment, key, tmp_path, root=str(after.root), **settings) as service:
        wrong = answered_otherwise(service, model, before)
    figure(
        PROMISE,
        "the same, by the prompts that a language model gets",
        f"0 of {TURNS} turns with another prompt or Prompt-SHA256",
        measured=f"{len(wrong)} of {len(model.requests)}",
        met=len(model.requests) == TURNS and not wrong,
    )
