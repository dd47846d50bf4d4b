"""The clients that are tried, each by a program of its own, and what came of each thing that the program does."""

import os
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree

from tests.clients import environments
from tests.clients.environments import FOLDER

SECONDS = 150  # for one program: most take five


@dataclass(frozen=True)
class Client:
    """One line of the table: `package` is what its lock file names, `program` a file in python/ or node/."""

    title: str
    package: str
    program: str
    environment: str  # of environments.PYTHON, or "node"
    settings: dict[str, str] = field(default_factory=dict, compare=False)

    @property
    def file(self) -> Path:
        """Where the program is."""
        return FOLDER / ("node" if self.environment == "node" else "python") / self.program

    @property
    def version(self) -> str:
        """What the lock file pins."""
        return environments.version(self.environment, self.package)

    @property
    def leaves(self) -> str:
        """What its program says to the model before it hangs up; empty if it does not."""
        said = f"Count for {self.file.stem}."
        return said if said in self.file.read_text() else ""


CLIENTS = [
    Client("openai-python", "openai", "openai_python.py", "clients"),
    Client("openai-node", "openai", "openai_node.mjs", "node"),
    Client("AI SDK, `@ai-sdk/openai` and `@ai-sdk/openai-compatible`", "ai", "ai_sdk.mjs", "node"),
    Client("langchain-openai", "langchain-openai", "langchain_python.py", "clients"),
    Client("`@langchain/openai`", "@langchain/openai", "langchain_openai.mjs", "node"),
    # Without this it asks a server far away for prices.
    Client("LiteLLM", "litellm", "litellm_sdk.py", "clients", {"LITELLM_LOCAL_MODEL_COST_MAP": "True"}),
    Client("Pydantic AI", "pydantic-ai-slim", "pydantic_agents.py", "clients"),
    Client("instructor", "instructor", "instructor_tools.py", "instructor"),
    # Or else it sends to OpenAI what it has done.
    Client("openai-agents", "openai-agents", "agents_sdk.py", "clients", {"OPENAI_AGENTS_DISABLE_TRACING": "1"}),
    Client("`llm`", "llm", "llm_command.py", "clients"),
]


@dataclass(frozen=True)
class Outcome:
    """What came of one thing that a program does: `failure` is empty if it works."""

    name: str
    failure: str


def run(client: Client, url: str, key: str, folder: Path) -> list[Outcome]:
    """Run the program against the service at `url`; `folder` is what environments.make() was given."""
    report = folder / f"{client.file.stem}.xml"
    env = _shell() | {"OPENAI_BASE_URL": f"{url}/v1", "OPENAI_API_KEY": key} | client.settings
    command = environments.command(client.environment, client.file, folder, report)
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=SECONDS)
    outcomes = _outcomes(report) if report.exists() else []
    return outcomes or [Outcome("start", f"{done.stdout[-2000:]}\n{done.stderr[-2000:]}")]


def _shell() -> dict[str, str]:
    """A shell without what pytest, Django and Companion have set for the suite."""
    return {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}


def _outcomes(report: Path) -> list[Outcome]:
    """Of pytest's and Node's report alike: the two write JUnit's XML. Cases of one function are one outcome."""
    failures: dict[str, str] = {}
    for case in ElementTree.parse(report).iter("testcase"):
        name = case.attrib["name"].partition("[")[0].removeprefix("test_").replace("_", " ")
        ends = [case.find(kind) for kind in ("failure", "error", "skipped")]
        said = "".join((end.text or end.get("message") or "failed") for end in ends if end is not None)
        failures[name] = failures.get(name, "") + said
    return [Outcome(name, failure) for name, failure in failures.items()]
