"""dev.py check --figures: how large the code is and how it hangs together, from its files alone."""

import ast
import io
import re
import subprocess
import tokenize
import tomllib
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tooling.environment import ROOT

NEW_FIELD, TWINS = "scenario", ("backstory", "custom_instructions", "speaking_style")  # the texts that there are
CACHED_MODEL = "coherence/README.md"
CONTENT = {"archetypes.toml", "globals.toml"}  # what is written into the fields, not what has to know them
NOT_PRODUCTION = {"tests", "migrations"}
Graph = Mapping[str, Collection[str]]


@dataclass(frozen=True)
class Module:
    """A production module: `name` is dotted, `path` counts from the root of the repository."""

    name: str
    path: Path
    text: str

    @property
    def lines(self) -> int:
        """Lines of the file, blank ones and comments too."""
        return len(self.text.splitlines())

    @property
    def anys(self) -> int:
        """Occurrences of the name `Any`, imports included."""
        tokens = tokenize.generate_tokens(io.StringIO(self.text).readline)
        return sum(token.type == tokenize.NAME and token.string == "Any" for token in tokens)


def figures() -> int:
    """Print all figures; return 0."""
    modules = production_modules()
    for line in (
        *_sizes(modules),
        "",
        *_longest(modules),
        *_circles(modules),
        *_anys(modules),
        *_places(),
        _second_model(),
    ):
        print(line)
    return 0


def production_modules() -> list[Module]:
    """Every production module: of the packages that import-linter knows, less tests, migrations and benchmarks."""
    configuration = tomllib.loads((ROOT / "pyproject.toml").read_text())
    packages = set(configuration["tool"]["importlinter"]["root_packages"]) - {"benchmarks"}
    return [
        Module(_name(path), path, (ROOT / path).read_text()) for path in _files("*.py") if path.parts[0] in packages
    ]


def _files(*patterns: str) -> list[Path]:
    """Files in Git that match, less tests and migrations."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", *patterns]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    paths = [Path(name) for name in listed if (ROOT / name).exists()]
    return [path for path in paths if not NOT_PRODUCTION & {*path.parts}]


def _name(path: Path) -> str:
    return ".".join(path.with_suffix("").parts).removesuffix(".__init__")


def _sizes(modules: Iterable[Module]) -> Iterator[str]:
    by_package: dict[str, list[Module]] = {}
    for module in modules:
        by_package.setdefault(module.path.parts[0], []).append(module)
    yield f"{'production Python':<20}{'files':>6}{'lines':>8}{'mean':>6}{'Any':>6}"
    for package, own in sorted(by_package.items()):
        yield _size(package, own)
    yield _size("all", [module for own in by_package.values() for module in own])


def _size(title: str, own: Collection[Module]) -> str:
    lines, anys = sum(module.lines for module in own), sum(module.anys for module in own)
    return f"{title:<20}{len(own):>6}{lines:>8}{lines / len(own):>6.0f}{anys:>6}"


def _longest(modules: Iterable[Module]) -> Iterator[str]:
    first = sorted(modules, key=lambda module: module.lines, reverse=True)[:3]
    yield "longest files: " + ", ".join(f"{module.path} {module.lines}" for module in first)


def _anys(modules: Iterable[Module]) -> Iterator[str]:
    first = sorted(modules, key=lambda module: module.anys, reverse=True)[:5]
    yield "most Any: " + ", ".join(f"{module.path} {module.anys}" for module in first)


def _circles(modules: Collection[Module]) -> Iterator[str]:
    yield from _report("import circles", circles(imports(modules, for_types=False)))
    yield from _report("import circles, with imports for types", circles(imports(modules, for_types=True)))


def _report(title: str, found: Collection[Collection[str]]) -> Iterator[str]:
    yield f"{title}: {len(found)}"
    yield from (f"  {' ↔ '.join(sorted(circle))}" for circle in found)


def imports(modules: Collection[Module], *, for_types: bool) -> Graph:
    """Which module imports which, inside functions too; `for_types`: also what only type checkers import."""
    names = {module.name for module in modules}
    return {module.name: _imported(ast.parse(module.text), names, for_types) - {module.name} for module in modules}


def _imported(tree: ast.AST, names: Collection[str], for_types: bool) -> set[str]:
    found: set[str] = set()
    for node in _nodes(tree, for_types):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            whole = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= {name if name in names else node.module for name in whole}
    return found & {*names}


def _nodes(tree: ast.AST, for_types: bool) -> Iterator[ast.AST]:
    """`tree` and all below it, unless `for_types` without what stands under `if TYPE_CHECKING:`."""
    yield tree
    is_skipped = not for_types and isinstance(tree, ast.If) and ast.unparse(tree.test).endswith("TYPE_CHECKING")
    for child in tree.orelse if isinstance(tree, ast.If) and is_skipped else ast.iter_child_nodes(tree):
        yield from _nodes(child, for_types)


def circles(graph: Graph) -> list[set[str]]:
    """The strongly connected components of more than one module, by Tarjan."""
    found: list[set[str]] = []
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []

    def visit(name: str) -> None:
        index[name] = low[name] = len(index)
        stack.append(name)
        for other in graph[name]:
            if other not in index:
                visit(other)
                low[name] = min(low[name], low[other])
            elif other in stack:
                low[name] = min(low[name], index[other])
        if low[name] == index[name]:
            component = {stack.pop()}
            while name not in component:
                component.add(stack.pop())
            found.extend([component] if len(component) > 1 else [])

    for name in graph:
        if name not in index:
            visit(name)
    return found


def places() -> list[Path]:
    """Every file that names all text fields has to name a new one as well; a migration and tests come on top."""
    return [path for path in _files("*.py", "*.toml", "*.html", "*.js", "*.md") if _names_the_twins(path)]


def _places() -> Iterator[str]:
    naming = places()
    yield f"files to touch for a text field `{NEW_FIELD}` (they name {', '.join(TWINS)}): {len(naming)}"
    yield from (f"  {path}" for path in naming)


def _names_the_twins(path: Path) -> bool:
    counts = path.parts[0] not in {"tooling", "benchmarks"} and path.name not in CONTENT
    return counts and all(twin in (ROOT / path).read_text() for twin in TWINS)


def _second_model() -> str:
    """Lines of code of the model that coherence/README.md caches, in memory and in Redis, as a test runs it."""
    blocks = re.findall(r"^```python\n# (\S+\.py)\n(.*?)^```", (ROOT / CACHED_MODEL).read_text(), re.M | re.S)
    lines = {name: sum(bool(line.strip()) for line in code.splitlines()) for name, code in blocks}
    parts = ", ".join(f"{name} {count}" for name, count in lines.items())
    return f"lines of another cached model, with Redis ({CACHED_MODEL}): {sum(lines.values())} ({parts})"
