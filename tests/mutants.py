"""Mutants of a notebook's functions: the plausible slips, one at a time, set in place.

The cells are executed once. Then a mutant is the code of one function, exchanged in the
function itself, so that whatever holds on to it (a lambda, a closure, a partial) runs
the slip; and the proofs that reach the function are run again.
"""

import ast
import dis
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from functools import partial
from types import CodeType, FunctionType
from typing import Any, NamedTuple

SIGNS = {ast.Add: ast.Sub, ast.Sub: ast.Add}
FACTORS = {ast.Mult: ast.Div, ast.Div: ast.Mult}
BOUNDARIES = {ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Lt: ast.LtE, ast.LtE: ast.Lt}
NESTING = ast.FunctionDef | ast.Lambda
SIDES = ("derivative_of", "equals", "at_most")


class Proof(NamedTuple):
    """What a cell gave to `prove`."""

    number: str
    formula: Callable
    rest: dict[str, Any]

    @property
    def sides(self) -> list[Callable]:
        return [self.formula, *(self.rest[k] for k in SIDES if k in self.rest)]


class Mutant(NamedTuple):
    """A slip, and the functions that get other code by it."""

    slip: str
    codes: list[tuple[FunctionType, CodeType]]

    @contextmanager
    def in_place(self) -> Iterator[None]:
        before = [(function, function.__code__) for function, _ in self.codes]
        try:
            for function, code in self.codes:
                function.__code__ = code
            yield
        finally:
            for function, code in before:
                function.__code__ = code


class Cells:
    """Executed cells, and their functions by the place of their code."""

    def __init__(self) -> None:
        self.trees: dict[str, ast.Module] = {}
        self.codes: dict[str, CodeType] = {}

    def execute(self, source: str, names: dict[str, Any]) -> None:
        name, tree = f"<cell {len(self.trees)}>", _keeping_cells(ast.parse(source))
        self.trees[name], self.codes[name] = tree, compile(tree, name, "exec")
        exec(self.codes[name], names)

    def functions(self, *sides: Callable) -> list[FunctionType]:
        """The functions of the cells that the sides are or call, each once."""
        found: dict[int, FunctionType] = {}
        waiting = list(sides)
        while waiting:
            each = waiting.pop()
            if isinstance(each, partial):
                each = each.func
            code = getattr(each, "__code__", None)
            if code and code.co_filename in self.codes and id(each) not in found:
                found[id(each)] = each
                waiting += _called(each)
        return list(found.values())

    def mutants(self, functions: list[FunctionType]) -> Iterator[Mutant]:
        """Each slip in the code of these functions."""
        places: dict[str, dict[tuple[int, ...], list[FunctionType]]] = {}
        for function in functions:
            name = function.__code__.co_filename
            place = _place(self.codes[name], function.__code__)
            places.setdefault(name, {}).setdefault(place, []).append(function)
        for name, live in places.items():
            for slip, tree in slips(self.trees[name]):
                try:
                    code = compile(tree, name, "exec")
                except SyntaxError:
                    continue
                changed = set(_changed(self.codes[name], code, ()))
                codes = [
                    (function, _at(code, place))
                    for place, these in live.items()
                    if any(each[: len(place)] == place for each in changed)
                    for function in these
                ]
                if codes:
                    yield Mutant(slip, codes)


def _called(function: FunctionType) -> list[Any]:
    """What the names in a function's code stand for."""
    cells = [cell.cell_contents for cell in function.__closure__ or ()]
    codes, names = [function.__code__], set()
    for code in codes:  # which grows meanwhile
        steps = dis.get_instructions(code)
        names |= {step.argval for step in steps if step.opname == "LOAD_GLOBAL"}
        codes += _inner(code)
    known = function.__globals__
    return cells + [known[name] for name in sorted(names) if name in known]


def _inner(code: CodeType) -> list[CodeType]:
    return [each for each in code.co_consts if isinstance(each, CodeType)]


def _place(code: CodeType, wanted: CodeType) -> tuple[int, ...] | None:
    """Where `wanted` stands in `code`, as in (2, 0) for the first in its third."""
    if code is wanted:
        return ()
    for index, inner in enumerate(_inner(code)):
        place = _place(inner, wanted)
        if place is not None:
            return (index, *place)
    return None


def _at(code: CodeType, place: tuple[int, ...]) -> CodeType:
    for index in place:
        code = _inner(code)[index]
    return code


def _changed(old: CodeType, new: CodeType, place: tuple) -> Iterator[tuple[int, ...]]:
    """The places whose own code differs."""
    parts = [
        (
            code.co_code,
            [(type(c), c) for c in code.co_consts if not isinstance(c, CodeType)],
            code.co_names,
            len(_inner(code)),
        )
        for code in (old, new)
    ]
    if parts[0] != parts[1]:
        yield place
    for index, both in enumerate(zip(_inner(old), _inner(new), strict=False)):
        yield from _changed(*both, (*place, index))


def _keeping_cells(tree: ast.Module) -> ast.Module:
    """`tree` in which inner functions name what they take from outer ones once more.

    A mutant may drop the only use of a name, and code of fewer free variables can't be
    put in a function's place.
    """

    def visit(node: ast.AST, outside: set[str]) -> None:
        inside = outside
        if isinstance(node, NESTING):
            used = {each.id for each in ast.walk(node) if isinstance(each, ast.Name)}
            own = _bound(node)
            kept = sorted((used & outside) - own)
            inside = outside | own
        for child in ast.iter_child_nodes(node):
            visit(child, inside)
        if isinstance(node, NESTING) and kept:
            names = [ast.Name(name, ast.Load()) for name in kept]
            never = ast.Tuple(names, ast.Load())
            if isinstance(node, ast.Lambda):
                node.body = ast.IfExp(ast.Constant(True), node.body, never)
            else:
                node.body.append(ast.If(ast.Constant(False), [ast.Expr(never)], []))

    visit(tree, set())
    return ast.fix_missing_locations(tree)


def _bound(function: NESTING) -> set[str]:
    """A function's arguments, and the names that it assigns."""
    arguments = function.args
    every = arguments.posonlyargs + arguments.args + arguments.kwonlyargs
    every += [each for each in (arguments.vararg, arguments.kwarg) if each]
    assigned = {
        each.id
        for each in ast.walk(function)
        if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store)
    }
    return {each.arg for each in every} | assigned


def slips(tree: ast.Module) -> Iterator[tuple[str, ast.Module]]:
    """Yield (name, mutated tree) for each slip in the functions of a cell.

    The slips: a sign turned, a term or factor dropped, a product divided, a transpose
    forgotten, the factors of a matrix product exchanged, another axis, another
    constant, a boundary of a comparison, a forgotten function or maximum, a mean for a
    sum, entries counted for samples, the base of a power or the argument of a logarithm
    made positive, the result negated or transposed.
    """
    for name, formula in _formulas(tree):
        for node in ast.walk(formula):
            for new in _slips(node):
                slip = f"{name}: {ast.unparse(node)} → {ast.unparse(new)}"
                yield slip, _replace(tree, node, new)


def _formulas(tree: ast.Module) -> Iterator[tuple[str, ast.AST]]:
    """The functions of a cell, and its lambdas by the number of the proof."""
    lambdas = "lambda"
    for line in tree.body:
        match line:
            case ast.FunctionDef(name):
                yield name, line
                continue
            case ast.Expr(ast.Call(ast.Name("prove"), [ast.Constant(str(number)), *_])):
                lambdas = number
        for node in ast.walk(line):
            if isinstance(node, ast.Lambda):
                yield lambdas, node.body


def _slips(node: ast.AST) -> Iterator[ast.AST]:
    match node:
        case ast.BinOp(left, ast.Add() | ast.Sub() as op, right):
            yield ast.BinOp(left, SIGNS[type(op)](), right)
            yield from (left, right)
        case ast.BinOp(left, ast.Mult() | ast.Div() as op, right):
            yield ast.BinOp(left, FACTORS[type(op)](), right)
            yield from (left, right)
        case ast.BinOp(left, ast.Pow() as op, right):
            yield left
            if ast.unparse(right) not in ("0", "2"):  # where a sign doesn't count
                yield ast.BinOp(_call("abs", left), op, right)
        case ast.BinOp(left, ast.MatMult(), right):
            yield ast.BinOp(right, ast.MatMult(), left)
        case ast.UnaryOp(ast.USub(), operand) if not isinstance(operand, ast.Constant):
            yield operand
        case ast.Attribute(value, "T"):
            yield value
        case ast.Compare(left, [op], [right]) if type(op) in BOUNDARIES:
            yield ast.Compare(left, [BOUNDARIES[type(op)]()], [right])
            off = ast.BinOp(right, ast.Add(), ast.Constant(1e-4))
            yield ast.Compare(left, [op], [off])
        case ast.Constant(value) if type(value) in (int, float):
            yield ast.Constant(value + 1)
        case ast.keyword("axis", value):
            for axis in (0, 1, None):
                if ast.unparse(value) != str(axis):
                    yield ast.keyword("axis", ast.Constant(axis))
        case ast.Call(ast.Attribute(_, "max")):
            yield ast.Constant(0)
        case ast.Call(ast.Attribute(value, "sum"), arguments, keywords):
            yield ast.Call(
                ast.Attribute(value, "mean", ast.Load()), arguments, keywords
            )
        case ast.Call(ast.Name("len"), [argument]):
            yield ast.Attribute(argument, "size", ast.Load())
        case ast.Call(ast.Attribute(_, "exp" | "tanh" | "diag"), [argument]):
            yield argument
        case ast.Call(ast.Attribute(_, "log") as log, [argument]):
            yield argument
            yield ast.Call(log, [_call("np.maximum", argument, ast.Constant(1e-6))], [])
        case ast.Return(value):
            yield ast.Return(ast.UnaryOp(ast.USub(), value))
            yield ast.Return(ast.Attribute(value, "T", ast.Load()))


def _call(name: str, *arguments: ast.expr) -> ast.Call:
    function = ast.parse(name, mode="eval").body
    return ast.Call(function, list(arguments), [])


def _replace(tree: ast.Module, old: ast.AST, new: ast.AST) -> ast.Module:
    """A copy of `tree` in which `new` stands where `old` stood."""
    old.mutate_me = True
    copy = deepcopy(tree)
    del old.mutate_me

    class Swap(ast.NodeTransformer):
        def visit(self, node: ast.AST) -> ast.AST:
            if getattr(node, "mutate_me", False):
                return ast.copy_location(deepcopy(new), node)
            return self.generic_visit(node)

    return ast.fix_missing_locations(Swap().visit(copy))
