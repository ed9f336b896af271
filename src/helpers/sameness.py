"""Whether two functions are one formula given twice, so that neither is a witness."""

import dis
import sys
from collections import Counter
from collections.abc import Callable
from functools import partial
from inspect import CO_VARARGS
from itertools import pairwise
from numbers import Number
from types import CodeType, FrameType, FunctionType
from typing import Any, NamedTuple

import numpy as np
from numpy import ndarray as Array


class Code(NamedTuple):
    """Bytecode, and what the names in it stand for that come from outside."""

    code: CodeType
    names: dict[str, Any]
    given: dict[str, Any]  # to parameters that take none of the arguments


class Value(NamedTuple):
    """What such a parameter was given."""

    value: Any


def same(one: Callable, other: Callable, arguments: tuple) -> bool:
    """Whether both run one code: bytecode, constants, and names up to renaming.

    Or whether one hands its `arguments` to the other's code, and makes something of
    the result. What only hands both on is looked through. Parameters that aren't given
    and values that are named between make no difference.
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
    entered: dict[FrameType, dict[str, Any]] = {}
    left: list[tuple[Code, Any]] = []

    def watch(frame: FrameType, event: str, value: Any) -> None:
        if event == "call" and (given := _given(frame, arguments)) is not None:
            entered[frame] = given
        elif event == "return" and frame in entered:
            free = {name: frame.f_locals[name] for name in frame.f_code.co_freevars}
            names = {**frame.f_globals, **free}
            left.append((Code(frame.f_code, names, entered[frame]), value))

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


def _given(frame: FrameType, arguments: tuple) -> dict[str, Any] | None:
    """The other parameters of a function that has got the arguments; else None."""
    code, values = frame.f_code, frame.f_locals
    names = code.co_varnames[: code.co_argcount]
    got = [values.get(name) for name in names]
    if code.co_flags & CO_VARARGS:
        got += values[code.co_varnames[code.co_argcount + code.co_kwonlyargcount]]
    for first in range(len(got) - len(arguments) + 1):
        if all(map(_equal, got[first:], arguments)):
            others = [*names[:first], *names[first + len(arguments) :]]
            return {name: values.get(name) for name in others}
    return None


def _equal(one: Any, other: Any) -> bool:
    """Whether it is the same, a copy of it, or its number."""
    both = isinstance(one, Array | Number) and isinstance(other, Array | Number)
    return one is other or (both and np.array_equal(one, other))


def _alike(one: Any, other: Any, seen: set[tuple[CodeType, CodeType]]) -> bool:
    match one, other:
        case Value(), Value():
            return _alike(one.value, other.value, seen)
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
    return Code(function.__code__, {**function.__globals__, **dict(names)}, {})


def _same_code(one: Code, other: Code, seen: set[tuple[CodeType, CodeType]]) -> bool:
    pair = one.code, other.code
    if pair in seen:  # a function that calls itself
        return True
    seen.add(pair)
    steps, others = _steps(one), _steps(other)
    return len(steps) == len(others) and all(
        name == twin_name and _same_step(step, twin, one, other, seen)
        for (name, step), (twin_name, twin) in zip(steps, others, strict=True)
    )


def _steps(of: Code) -> list[tuple[str, dis.Instruction | Value]]:
    """The instructions by name; a local variable's has its number in its name.

    Parameters that take arguments come first, in turn, other variables by first use.
    Left out is a variable that is set and read in one go, and what does nothing.
    """
    steps: list[tuple[str, Any]] = []
    for step in dis.get_instructions(of.code):
        names = step.argval if isinstance(step.argval, tuple) else (step.argval,)
        if "_FAST" in step.opname:
            # One instruction may do the work of two: LOAD_FAST_LOAD_FAST.
            kinds = step.opname.replace("_CHECK", "").split("_FAST")
            does = [kind.strip("_").partition("_")[0] for kind in kinds[: len(names)]]
            steps += [(kind, name) for kind, name in zip(does, names, strict=True)]
        elif step.opname not in ("RESUME", "NOP"):
            steps.append((step.opname, step))
    reads = Counter(name for kind, name in steps if kind == "LOAD")
    kept, skipped = [], False
    for (kind, name), after in pairwise([*steps, ("", None)]):
        between = kind == "STORE" and after == ("LOAD", name) and reads[name] == 1
        if not between and not skipped:
            kept.append((kind, name))
        skipped = between
    parameters = of.code.co_varnames[: of.code.co_argcount]
    numbers = [name for name in parameters if name not in of.given]
    found: list[tuple[str, dis.Instruction | Value]] = []
    for kind, step in kept:
        if kind == "LOAD" and step in of.given:
            found.append((kind, Value(of.given[step])))
        elif isinstance(step, str):
            numbers += [step] * (step not in numbers)
            found.append((f"{kind} {numbers.index(step)}", Value(None)))
        else:
            found.append((kind, step))
    return found


def _same_step(
    step: dis.Instruction | Value,
    twin: dis.Instruction | Value,
    one: Code,
    other: Code,
    seen: set[tuple[CodeType, CodeType]],
) -> bool:
    if isinstance(step, Value) or isinstance(twin, Value):
        return _alike(step, twin, seen)
    values = step.argval, twin.argval
    if isinstance(step.argval, CodeType) and isinstance(twin.argval, CodeType):
        return _same_code(
            Code(values[0], one.names, {}), Code(values[1], other.names, {}), seen
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
