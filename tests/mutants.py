"""Mutants of a proof cell: the plausible slips in its formulas, one at a time."""

import ast
from collections.abc import Iterator
from copy import deepcopy

SIGNS = {ast.Add: ast.Sub, ast.Sub: ast.Add}
FACTORS = {ast.Mult: ast.Div, ast.Div: ast.Mult}
BOUNDARIES = {ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Lt: ast.LtE, ast.LtE: ast.Lt}


def mutants(source: str) -> Iterator[tuple[str, str]]:
    """Yield (name, mutated source) for each slip in the functions that a cell defines.

    The slips: a sign turned, a term or factor dropped, a product divided, a transpose
    forgotten, the factors of a matrix product exchanged, another axis, another
    constant, a boundary of a comparison, a forgotten function or maximum, a mean for a
    sum, entries counted for samples, the result negated or transposed.
    """
    tree = ast.parse(source)
    for name, formula in _formulas(tree):
        for node in ast.walk(formula):
            for new in _slips(node):
                slip = f"{name}: {ast.unparse(node)} → {ast.unparse(new)}"
                yield slip, ast.unparse(_replace(tree, node, new))


def _formulas(tree: ast.Module) -> Iterator[tuple[str, ast.AST]]:
    """The functions of a cell, and a formula that `prove` gets as a lambda."""
    for line in tree.body:
        match line:
            case ast.FunctionDef(name):
                yield name, line
            case ast.Expr(
                ast.Call(ast.Name("prove"), [number, ast.Lambda() as formula])
            ):
                yield ast.literal_eval(number), formula.body


def _slips(node: ast.AST) -> Iterator[ast.AST]:
    match node:
        case ast.BinOp(left, ast.Add() | ast.Sub() as op, right):
            yield ast.BinOp(left, SIGNS[type(op)](), right)
            yield from (left, right)
        case ast.BinOp(left, ast.Mult() | ast.Div() as op, right):
            yield ast.BinOp(left, FACTORS[type(op)](), right)
            yield from (left, right)
        case ast.BinOp(left, ast.Pow(), right):
            yield left
        case ast.BinOp(left, ast.MatMult(), right):
            yield ast.BinOp(right, ast.MatMult(), left)
        case ast.UnaryOp(ast.USub(), operand) if not isinstance(operand, ast.Constant):
            yield operand
        case ast.Attribute(value, "T"):
            yield value
        case ast.Compare(left, [op], [right]) if type(op) in BOUNDARIES:
            yield ast.Compare(left, [BOUNDARIES[type(op)]()], [right])
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
        case ast.Call(ast.Attribute(_, "exp" | "log" | "tanh" | "diag"), [argument]):
            yield argument
        case ast.Return(value):
            yield ast.Return(ast.UnaryOp(ast.USub(), value))
            yield ast.Return(ast.Attribute(value, "T", ast.Load()))


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
