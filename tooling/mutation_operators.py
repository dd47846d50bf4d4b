"""Mutation operators beside those of Cosmic Ray, and the places where a mutation says nothing about the tests.

Cosmic Ray replaces operators, keywords, numbers, loops, decorators and exceptions. What a forgotten line, a lost return
value or a wrong condition of a comprehension does, the operators below find out.
"""

import ast
import re
from collections.abc import Iterator
from typing import Any

import parso
from cosmic_ray import plugins
from cosmic_ray.operators.operator import Operator

Span = tuple[tuple[int, int], tuple[int, int]]  # (line from 1, column from 0) of the first character and after the last

# Of Cosmic Ray's own operators: one replacement for each construct, and none that can only end in a TypeError.
CHOSEN = {
    "AddNot", "ReplaceTrueWithFalse", "ReplaceFalseWithTrue", "ReplaceAndWithOr", "ReplaceOrWithAnd",
    "ReplaceBreakWithContinue", "ReplaceContinueWithBreak", "NumberReplacer", "RemoveDecorator",
    "ZeroIterationForLoop",
    "ReplaceBinaryOperator_Add_Sub", "ReplaceBinaryOperator_Sub_Add", "ReplaceBinaryOperator_Mul_Div",
    "ReplaceBinaryOperator_Div_Mul", "ReplaceBinaryOperator_FloorDiv_Mul", "ReplaceBinaryOperator_Mod_Mul",
    "ReplaceBinaryOperator_BitOr_BitAnd", "ReplaceBinaryOperator_BitAnd_BitOr", "ReplaceBinaryOperator_Pow_Mul",
    "ReplaceComparisonOperator_Eq_NotEq", "ReplaceComparisonOperator_NotEq_Eq", "ReplaceComparisonOperator_Lt_LtE",
    "ReplaceComparisonOperator_LtE_Lt", "ReplaceComparisonOperator_Gt_GtE", "ReplaceComparisonOperator_GtE_Gt",
    "ReplaceComparisonOperator_Lt_Gt", "ReplaceComparisonOperator_LtE_GtE", "ReplaceComparisonOperator_Gt_Lt",
    "ReplaceComparisonOperator_GtE_LtE", "ReplaceComparisonOperator_Is_IsNot",
    "ReplaceComparisonOperator_IsNot_Is", "ReplaceUnaryOperator_Delete_Not", "ReplaceUnaryOperator_USub_UAdd",
}  # fmt: skip


# Arguments that make no difference to correct callers, and sizes.
UNTESTED_ARGUMENTS = {"strict", "usedforsecurity", "capacity", "maxsize"}


class _OnePlace(Operator):  # type: ignore[misc]
    """An operator that can mutate a node in one way."""

    def mutation_positions(self, node: Any) -> Iterator[Span]:
        """Yield the span of `node` if this operator applies to it."""
        if self.applies(node):
            yield node.start_pos, node.end_pos

    def applies(self, node: Any) -> bool:
        """Whether `node` is what this operator mutates."""
        raise NotImplementedError

    @classmethod
    def examples(cls) -> tuple[()]:
        """Cosmic Ray's own tests ask for these; there are none."""
        return ()


class RemoveStatement(_OnePlace):
    """`x.append(y)`, `await x()` and `x += 1` become `pass`."""

    def applies(self, node: Any) -> bool:
        """Whether `node` is a line that is there for its effect alone."""
        if node.type != "simple_stmt":
            return False
        statement = node.children[0]
        return statement.type in ("atom_expr", "power") or _is_augmented(statement)

    def mutate(self, node: Any, index: int) -> Any:
        """Replace the statement."""
        node.children[0] = parso.parse(f"{node.children[0].get_first_leaf().prefix}pass")
        return node


class AssignWithoutOld(_OnePlace):
    """`x |= y` becomes `x = y`."""

    def applies(self, node: Any) -> bool:
        """Whether `node` is an augmented assignment."""
        return _is_augmented(node)

    def mutate(self, node: Any, index: int) -> Any:
        """Replace the operator of the assignment."""
        node.children[1] = parso.parse(" =")
        return node


class ReturnNone(_OnePlace):
    """`return x` becomes `return None`."""

    def applies(self, node: Any) -> bool:
        """Whether `node` returns something else than None."""
        return bool(node.type == "return_stmt" and node.children[1].get_code().strip() != "None")

    def mutate(self, node: Any, index: int) -> Any:
        """Replace the value."""
        node.children[1] = parso.parse(" None")
        return node


class NegateFilter(_OnePlace):
    """`for x in y if z` in a comprehension becomes `for x in y if not (z)`."""

    def applies(self, node: Any) -> bool:
        """Whether `node` is the condition of a comprehension."""
        return bool(node.type == "comp_if")

    def mutate(self, node: Any, index: int) -> Any:
        """Replace the condition."""
        node.children[1] = parso.parse(f" not ({node.children[1].get_code().strip()})")
        return node


class NegateMembership(_OnePlace):
    """`x in y` becomes `x not in y`, and the other way round."""

    def applies(self, node: Any) -> bool:
        """Whether `node` asks if something is among others."""
        return node.type == "comparison" and _words(node.children[1]) in ("in", "not in")

    def mutate(self, node: Any, index: int) -> Any:
        """Replace the operator of the comparison."""
        node.children[1] = parso.parse(" not in" if _words(node.children[1]) == "in" else " in")
        return node


class CatchNothing(_OnePlace):
    """`except X:` becomes `except ():`. Cosmic Ray's own operator fails on a dotted name."""

    def applies(self, node: Any) -> bool:
        """Whether `node` names what is caught."""
        return bool(node.type == "except_clause")

    def mutate(self, node: Any, index: int) -> Any:
        """Replace what is caught."""
        node.children[1] = parso.parse(" ()")
        return node


OPERATORS = {
    operator.__name__: operator
    for operator in (RemoveStatement, AssignWithoutOld, ReturnNone, NegateFilter, NegateMembership, CatchNothing)
}


def register() -> None:
    """Make these operators all that Cosmic Ray knows: ours as if by an installed plugin, and CHOSEN of its own."""
    own = plugins.OPERATOR_PROVIDERS["core"]
    plugins.OPERATOR_PROVIDERS["core"] = {name: own[name] for name in CHOSEN}
    plugins.OPERATOR_PROVIDERS["companion"] = OPERATORS


def silent_spans(source: str) -> list[Span]:
    """Return where `source` is no behaviour: annotations, what only type checkers read, lines for the log, and figures
    that somebody chose, which tests rather read than repeat.

    So is the `*` before arguments that are given by name, which Cosmic Ray takes for a product.
    """
    lines = enumerate(source.splitlines(), start=1)
    stars = [((number, at.start()), (number, at.end())) for number, line in lines for at in re.finditer(r"\*,", line)]
    return stars + [_span(node) for node in _silent(ast.parse(source))]


def _silent(tree: ast.AST) -> Iterator[ast.AST]:
    for node in ast.walk(tree):
        if isinstance(node, ast.arg | ast.AnnAssign) and node.annotation:
            yield node.annotation
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.returns:
            yield node.returns
        elif isinstance(node, ast.keyword) and node.arg in UNTESTED_ARGUMENTS or _is_for_people_alone(node):
            yield node


def _is_for_people_alone(node: ast.AST) -> bool:
    if isinstance(node, ast.Assign):
        return ast.unparse(node.targets[0]).isupper() and all(map(_is_figure, ast.walk(node.value)))
    if isinstance(node, ast.If):
        return ast.unparse(node.test) == "TYPE_CHECKING"
    return isinstance(node, ast.Expr) and ast.unparse(node).startswith(("logger.", "logging."))


def _is_figure(part: ast.AST) -> bool:
    """Also made of others: `MAX_PAGE_BYTES = 4 * MAX_BYTES`."""
    is_name = isinstance(part, ast.Name) and part.id.isupper()
    return is_name or isinstance(part, ast.Constant | ast.BinOp | ast.operator | ast.Load)


def _span(node: Any) -> Span:
    return (node.lineno, node.col_offset), (node.end_lineno, node.end_col_offset)


def _is_augmented(node: Any) -> bool:
    return bool(node.type == "expr_stmt" and node.children[1].type == "operator" and node.children[1].value != "=")


def _words(node: Any) -> str:
    return " ".join(node.get_code().split())
