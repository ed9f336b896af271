"""Whether two functions are one formula given twice, so that neither is a witness."""

import dis
import sys
from collections.abc import Callable
from functools import partial
from inspect import CO_VARARGS
from types import CodeType, FrameType, FunctionType
from typing import Any, NamedTuple

import numpy as np
from numpy import ndarray as Array


class Code(NamedTuple):
    """Bytecode, and what the names in it stand for that come from outside."""

    code: CodeType
    names: dict[str, Any]


def same(one: Callable, other: Callable, arguments: tuple) -> bool:
    """Whether both run one code: bytecode, constants, and names up to renaming.

    Or whether one hands its `arguments` to the other's code, and makes something of
    the result. What only hands both on is looked through.
    """
    if one is other:
        return True
    (inner, handed), (other_inner, other_handed) = (
        _ran(function, arguments) for function in (one, other)
    )
    return any(_alike(each, other_inner, set()) for each in [inner, *handed]) or any(
        _alike(each, inner, set()) for each in other_handed
    )


def _ran(function: Callable, arguments: tuple) -> tuple[Callable | Code, list[Code]]:
    """The innermost code that got the arguments and made the result, or `function`.

    And all code that got the arguments.
    """
    entered: set[FrameType] = set()
    left: list[tuple[Code, Any]] = []

    def watch(frame: FrameType, event: str, value: Any) -> None:
        if event == "call" and _got(frame, arguments):
            entered.add(frame)
        elif event == "return" and frame in entered:
            free = {name: frame.f_locals[name] for name in frame.f_code.co_freevars}
            left.append((Code(frame.f_code, {**frame.f_globals, **free}), value))

    before = sys.getprofile()
    sys.setprofile(watch)
    try:
        result = function(*arguments)
    except Exception:  # the comparison at this point is going to report it
        return function, []
    finally:
        sys.setprofile(before)
    codes = [code for code, _ in left]
    made = [code for code, value in left if value is result]
    return (made[0] if made else function), codes


def _got(frame: FrameType, arguments: tuple) -> bool:
    code, values = frame.f_code, frame.f_locals
    got = [values.get(name) for name in code.co_varnames[: code.co_argcount]]
    if code.co_flags & CO_VARARGS:
        got += values[code.co_varnames[code.co_argcount + code.co_kwonlyargcount]]
    return len(got) == len(arguments) and all(map(_equal, got, arguments))


def _equal(one: Any, other: Any) -> bool:
    """Whether it is the same, or a copy of it."""
    both = isinstance(one, Array) and isinstance(other, Array)
    return one is other or (both and np.array_equal(one, other))


def _alike(one: Any, other: Any, seen: set[tuple[CodeType, CodeType]]) -> bool:
    match one, other:
        case FunctionType(), FunctionType():
            return _alike(_code(one), _code(other), seen)
        case Code(), Code():
            return _same_code(one, other, seen)
        case partial(), partial():
            filled = (one.args, one.keywords) == (other.args, other.keywords)
            return filled and _alike(one.func, other.func, seen)
        case ((int() | float() | str() | bytes() | tuple() | None), _):
            return type(one) is type(other) and one == other
    return one is other


def _code(function: FunctionType) -> Code:
    cells = function.__closure__ or ()
    free = [cell.cell_contents for cell in cells]
    names = zip(function.__code__.co_freevars, free, strict=True)
    return Code(function.__code__, {**function.__globals__, **dict(names)})


def _same_code(one: Code, other: Code, seen: set[tuple[CodeType, CodeType]]) -> bool:
    pair = one.code, other.code
    if pair in seen:  # a function that calls itself
        return True
    seen.add(pair)
    steps, others = (list(dis.get_instructions(code)) for code in pair)
    return len(steps) == len(others) and all(
        step.opname == twin.opname and _same_step(step, twin, one, other, seen)
        for step, twin in zip(steps, others, strict=True)
    )


def _same_step(
    step: dis.Instruction,
    twin: dis.Instruction,
    one: Code,
    other: Code,
    seen: set[tuple[CodeType, CodeType]],
) -> bool:
    values = step.argval, twin.argval
    if isinstance(step.argval, CodeType) and isinstance(twin.argval, CodeType):
        return _same_code(
            Code(values[0], one.names), Code(values[1], other.names), seen
        )
    if step.opcode in dis.hasconst:
        return _alike(*values, seen)
    if step.opcode in dis.hasname or step.opcode in dis.hasfree:
        meanings = one.names, other.names
        known = [name in names for name, names in zip(values, meanings, strict=True)]
        if all(known):
            found = (names[name] for name, names in zip(values, meanings, strict=True))
            return _alike(*found, seen)
        if any(known) or step.opcode in dis.hasname:  # an attribute, or one of Python's
            return not any(known) and values[0] == values[1]
    return step.arg == twin.arg
