"""Every link, anchor and picture in the documentation leads somewhere, and its tables agree with what they describe."""

import ast
import re
import subprocess
import tomllib
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from posixpath import normpath

import pytest

from tests.e2e import pages
from tooling.environment import ROOT

LINK = re.compile(r"\]\(<?([^)\s>]+)>?\)|\b(?:src|srcset|href)=\"([^\"]+)\"")
FENCE = re.compile(r"^```.*?^```", re.M | re.S)
IMAGES = ROOT / "docs/images"
HOP = re.compile(r"^\| `([\w/]+\.py)` · `([\w.]+)` \|", re.M)  # of a walk in docs/architecture.md: file and name
ELSEWHERE = ("knox/",)  # files of others that are named
Function = ast.FunctionDef | ast.AsyncFunctionDef


def links(page: str) -> Iterator[str]:
    """The targets in `page` that are files of the repository or places in it; code is not looked into."""
    prose = re.sub(r"`[^`\n]*`", "", FENCE.sub("", pages.text(page)))
    for found in LINK.finditer(prose):
        target = found[1] or found[2]
        if not re.match(r"[a-z]+:", target):
            yield target


@cache
def anchors(page: str) -> set[str]:
    """Of the headings, as GitHub makes them."""
    headings = re.findall(r"^#+ +(.+)$", FENCE.sub("", pages.text(page)), re.M)
    plain = [re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading) for heading in headings]
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in plain}


@cache
def tracked() -> set[str]:
    """Files that are or will be committed, and their folders."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout.splitlines()  # fmt: skip
    files = {name for name in listed if (ROOT / name).exists()}
    return files | {str(folder) for name in files for folder in Path(name).parents}


def is_broken(page: str, target: str) -> bool:
    path, _, anchor = target.partition("#")
    there = normpath(str(Path(page).parent / path)) if path else page
    if there not in tracked():
        return True
    return bool(anchor) and anchor not in anchors(there)


@pytest.mark.parametrize("page", pages.names())
def test_page__links_anchors_and_pictures__lead_somewhere(page: str) -> None:
    assert [target for target in links(page) if is_broken(page, target)] == []


def test_links__are_found() -> None:
    """The tests above would pass if nothing were looked at."""
    found = [*links("README.md")]
    assert "docs/images/overview-light.svg" in found
    assert "operations.md#monitoring" in links("docs/coherence.md")
    assert is_broken("README.md", "docs/nothing.md")
    assert is_broken("README.md", "docs/operations.md#nothing")


def test_readme__is_read_in_two_minutes() -> None:
    assert len(pages.text("README.md").splitlines()) <= 140


@pytest.mark.parametrize("light", sorted(IMAGES.glob("*-light.svg")), ids=lambda path: path.stem)
def test_drawing__light_and_dark__differ_in_colours_only(light: Path) -> None:
    dark = light.with_name(light.name.replace("-light", "-dark"))
    without = [re.sub(r"<style>.*</style>", "", path.read_text()) for path in (light, dark)]
    assert without[0] == without[1]
    assert light.read_text() != dark.read_text()
    assert ET.fromstring(light.read_text()).get("aria-label")


def test_drawings__each_is_shown() -> None:
    shown = {normpath(str(Path(page).parent / target)) for page in pages.names() for target in links(page)}
    drawn = {str(path.relative_to(ROOT)) for path in IMAGES.iterdir()}
    assert drawn - shown == set()


def test_configuration_table__is_that_of_env_example() -> None:
    """Each variable, with its default where `.env.example` gives one as an example of itself."""
    example = (ROOT / ".env.example").read_text()
    variables = set(re.findall(r"^# ([A-Z][A-Z0-9_]+)=", example, re.M))
    operations = pages.text("docs/operations.md")
    section = operations[operations.index("## Configuration") : operations.index("## Bounds and limits")]
    assert variables - set(re.findall(r"`([A-Z][A-Z0-9_]+)`", section)) == set()
    assert set(re.findall(r"^\| `([A-Z][A-Z0-9_]+)`", section, re.M)) - variables == set()


@pytest.mark.parametrize("decision", sorted((ROOT / "docs/decisions").glob("0*.md")), ids=lambda path: path.stem)
def test_decisions__each_is_listed_with_its_title(decision: Path) -> None:
    title = decision.read_text().splitlines()[0].partition(". ")[2]
    assert f"]({decision.name}) {title}" in pages.text("docs/decisions/README.md")


def test_site__navigation__has_every_page_once() -> None:
    """Decisions are listed on a page of their own."""
    text = (ROOT / "docs/site/zensical.toml").read_text()
    listed = re.findall(r'"([^"]+\.md)"', text[text.index("nav = [") :])
    published = [page for page in pages.names() if page.startswith(("docs/", "coherence/")) or "/" not in page]
    published = [page for page in published if not page.startswith("docs/decisions/0")]
    assert sorted(listed) == sorted(published)


def test_site__loads_nothing_from_elsewhere() -> None:
    project = tomllib.loads((ROOT / "docs/site/zensical.toml").read_text())["project"]
    assert project["theme"]["font"] is False
    assert all((ROOT / script["path"]).exists() for script in project["extra"]["polyfills"])


@pytest.mark.parametrize("page", [page for page in pages.names() if page != "CHANGELOG.md"])
def test_page__files_it_names__exist(page: str) -> None:
    named = re.findall(r"`((?:[\w.-]+/)+[\w.-]+\.\w+)`", FENCE.sub("", pages.text(page)))
    ours = [name for name in named if Path(name).suffix in {".py", ".md", ".toml", ".yml"}]
    assert [name for name in ours if name not in tracked() and not name.startswith(ELSEWHERE)] == []


@pytest.mark.parametrize(("file", "name"), HOP.findall((ROOT / "docs/architecture.md").read_text()))
def test_architecture__hop__is_in_that_file(file: str, name: str) -> None:
    assert name in names_in(ROOT / file)


def test_architecture__walks__are_found() -> None:
    assert len(HOP.findall(pages.text("docs/architecture.md"))) >= 30


def names_in(path: Path) -> set[str]:
    """What a file defines: functions, classes and variables of the module, and methods as `Class.method`."""
    found: set[str] = set()
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, Function | ast.ClassDef):
            found.add(node.name)
        if isinstance(node, ast.ClassDef):
            found |= {f"{node.name}.{part.name}" for part in node.body if isinstance(part, Function)}
        if isinstance(node, ast.Assign):
            found |= {target.id for target in node.targets if isinstance(target, ast.Name)}
    return found
