"""What `dev.py check --figures` counts, on code of which the figures are known."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tooling import figures
from tooling.environment import ROOT
from tooling.figures import Module, circles

MAX_LINES, MAX_ANYS, MAX_PLACES = 300, 250, 6
KNOWN_CIRCLE = {  # for types alone: a manager makes rows of its model, and the model has that manager
    "personalities.managers",
    "personalities.models",
    "personalities.models.personality",
    "personalities.models.version",
}

FOR_TYPES = """
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from app.models import Model
else:
    from app import other
"""


def module(name: str, text: str) -> Module:
    return Module(name, Path(f"{name.replace('.', '/')}.py"), text)


@pytest.mark.parametrize(
    ("graph", "found"),
    [
        ({"a": {"b"}, "b": set()}, []),
        ({"a": {"b"}, "b": {"a"}}, [{"a", "b"}]),
        ({"a": {"b"}, "b": {"c"}, "c": {"a", "d"}, "d": set()}, [{"a", "b", "c"}]),
        ({"a": {"b"}, "b": {"a"}, "c": {"d", "a"}, "d": {"c"}}, [{"a", "b"}, {"c", "d"}]),
    ],
)
def test_circles__are_strongly_connected_components(graph: dict[str, set[str]], found: list[set[str]]) -> None:
    assert circles(graph) == found


def test_graph__imports_for_types__count_when_they_are_asked_for() -> None:
    modules = [module("app.models", "import app.managers"), module("app.managers", FOR_TYPES), module("app.other", "")]
    at_run_time = figures.imports(modules, for_types=False)
    assert at_run_time == {"app.models": {"app.managers"}, "app.managers": {"app.other"}, "app.other": set()}
    assert circles(at_run_time) == []
    assert circles(figures.imports(modules, for_types=True)) == [{"app.managers", "app.models"}]


def test_graph__import_inside_a_function__counts() -> None:
    modules = [module("a", "def f() -> None:\n    from b import c\n"), module("b", "import a")]
    assert circles(figures.imports(modules, for_types=False)) == [{"a", "b"}]


def test_module__any__is_a_name_and_no_word_of_a_text() -> None:
    assert module("a", 'from typing import Any\n\n"""Any of them."""\nx: Any = "Any"  # Any\n').anys == 2


@pytest.fixture(scope="module")
def production() -> list[Module]:
    return figures.production_modules()


def test_figures__no_file__is_too_long(production: list[Module]) -> None:
    assert {str(module.path): module.lines for module in production if module.lines > MAX_LINES} == {}


def test_figures__any__is_rare(production: list[Module]) -> None:
    assert 0 < sum(module.anys for module in production) <= MAX_ANYS


def test_figures__circles__only_the_known_one_and_for_types_alone(production: list[Module]) -> None:
    assert circles(figures.imports(production, for_types=False)) == []
    assert all(circle <= KNOWN_CIRCLE for circle in circles(figures.imports(production, for_types=True)))


def test_figures__new_text_field__touches_few_files() -> None:
    assert 0 < len(figures.places()) <= MAX_PLACES


def test_check__figures__printed_without_any_package() -> None:
    command = [sys.executable, "-S", str(ROOT / "dev.py"), "check", "--figures"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert "import circles: 0" in done.stdout
    assert "files to touch for a text field `scenario`" in done.stdout
    lines = re.search(r"lines of another cached model, with Redis .*: (\d+) ", done.stdout)
    assert lines
    assert 20 < int(lines[1]) <= 40
