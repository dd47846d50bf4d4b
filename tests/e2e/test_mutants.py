"""What the run of mutants says of them: which are equivalent, and the score; and in which order it takes them."""

import tomllib
from collections import Counter

import pytest

from tooling.environment import ROOT
from tooling.mutation_report import (
    EQUIVALENTS,
    Change,
    Equivalent,
    Score,
    changed_lines,
    equivalents,
    first_failed,
    in_turn,
    table,
)

OLD = "def f(a):\n    if a:\n        return 1\n    return 2\n"
LINE = "if a:"
ENTRY = Equivalent("m.py", "f", LINE, "a reason", mutants=("if not a:",), operators=("ReturnNone",))


@pytest.mark.parametrize(
    ("new", "lines"),
    [
        (OLD.replace("if a", "if not a"), (LINE, "if not a:")),
        (OLD.replace("    return 2\n", ""), ("return 2", "")),
        (OLD.replace("1", "3").replace("2", "4"), ("return 1\nreturn 2", "return 3\nreturn 4")),
    ],
)
def test_changed_lines__of_a_mutant__what_differs(new: str, lines: tuple[str, str]) -> None:
    assert changed_lines(OLD, new) == lines


@pytest.mark.parametrize(
    ("change", "covered"),
    [
        (Change("m.py", "f", "AddNot", LINE, "if not a:"), True),
        (Change("m.py", "f", "ReturnNone", LINE, "whatever"), True),
        (Change("m.py", "f", "AddNot", LINE, "if b:"), False),
        (Change("m.py", "g", "AddNot", LINE, "if not a:"), False),
        (Change("n.py", "f", "AddNot", LINE, "if not a:"), False),
        (Change("m.py", "f", "AddNot", "if b:", "if not a:"), False),
    ],
)
def test_equivalent__another_file_function_line_or_mutant__not_covered(change: Change, covered: bool) -> None:
    assert ENTRY.covers(change) is covered


def test_equivalent__its_line_or_function_was_changed__noticed() -> None:
    assert ENTRY.is_there(OLD)
    assert not ENTRY.is_there(OLD.replace("def f", "def g"))
    assert not ENTRY.is_there(OLD.replace("if a", "if b"))


def test_score__caught_are_killed_and_hanging_ones_and_equivalents_do_not_count() -> None:
    score = Score(Counter(killed=96, timeout=2, survived=2, equivalent=50))
    assert (score.caught, score.run) == (98, 100)
    assert (score.reaches(98), score.reaches(98.1)) == (True, False)
    assert Score().reaches(98)
    assert table({"m.py": score}, {"m.py": 200}).splitlines()[-1].split() == [
        "all",
        "200",
        "50",
        "100",
        "98",
        "2",
        "98",
        "%",
    ]


@pytest.mark.parametrize(
    ("output", "test"),
    [
        ("..F\nFAILED a/test_b.py::test_c - assert 1 == 2\nFAILED a/test_b.py::test_d\n", "a/test_b.py::test_c"),
        ("ERROR a/test_b.py::test_c[1-x y] - OSError: a::b", "a/test_b.py::test_c[1-x y]"),
        ("FAILED a/test_b.py::test_c[x - y] - assert 0", "a/test_b.py::test_c"),
        ("ERROR a/test_b.py - SyntaxError\n", ""),
        ("1 passed", ""),
    ],
)
def test_first_failed__summary_of_pytest__its_id(output: str, test: str) -> None:
    assert first_failed(output) == test


def test_in_turn__the_same_seed_for_a_file_alone__the_same_order_as_among_all() -> None:
    mutants = {file: [f"{file}:{number}" for number in range(20)] for file in ("m.py", "n.py")}
    among_all = [*in_turn(mutants, 7)]
    assert sorted(among_all) == sorted(mutants["m.py"] + mutants["n.py"])
    assert [mutant for mutant in among_all if mutant in mutants["n.py"]] == [*in_turn({"n.py": mutants["n.py"]}, 7)]
    assert among_all != [*in_turn(mutants, 23)]
    assert 8 <= sum(mutant in mutants["m.py"] for mutant in among_all[:20]) <= 12


def test_config__files_and_tests__are_where_they_are_said_to_be() -> None:
    config = tomllib.loads((ROOT / "tooling/mutants.toml").read_text())
    paths = {path for file, tests in config["tests"].items() for path in (file, *tests)}
    assert [path for path in paths if not (ROOT / path).exists()] == []
    entries = tomllib.loads(EQUIVALENTS.read_text())["equivalent"]
    found = [*equivalents(config["tests"].keys())]
    assert len(found) == len(entries)
    assert [entry.line for entry in found if not entry.is_there((ROOT / entry.file).read_text())] == []
    assert all(entry["reason"] for entry in entries)
