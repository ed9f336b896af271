"""`claim`: a measured number against its bar."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from helpers.record import say


def claim(
    what: str,
    values: float | Sequence[float],
    *,
    at_least: float | None = None,
    at_most: float | None = None,
    equals: float | None = None,
    within: float = 0.0,
    unit: str = "",
    on: Any = None,
) -> None:
    """Say the bar, then what was measured; raise AssertionError if it falls short.

    values: one number, or one a seed; their mean has to meet the bar.
    at_least, at_most, equals: the bar, exactly one of them; `equals` up to `within`.
    unit: "%" shows fractions of 1 as percentages; any other is appended as it is.
    on: the `helpers.data.Dataset` the values come from; on a stand-in nothing is
        claimed, and the line says so.

    Raises TypeError unless exactly one bar is given, a number, and for `within` without
    `equals`; ValueError for no values and for percentages that are no fractions.
    """
    bars = {"at least": at_least, "at most": at_most, "exactly": equals}
    bars = {words: bar for words, bar in bars.items() if bar is not None}
    if len(bars) != 1:
        raise TypeError("give exactly one of at_least=, at_most=, equals=")
    [(words, bar)] = bars.items()
    if isinstance(bar, str) or (within and equals is None):
        raise TypeError("the bar is a number, and within= goes with equals= only")
    measured = np.atleast_1d(np.asarray(values, dtype=float))
    if measured.size == 0:
        raise ValueError(f"{what}: no values to hold against the bar")
    if unit == "%" and (np.abs([bar, *measured]) > 1).any():
        raise ValueError(f"{what}: with unit='%' give fractions, 0.92 for 92 %")
    words = "about" if within else words
    promise = f"{what}: {words} {_show(bar, unit)}"
    promise += f" (within {_show(within, unit)})" if within else ""
    if on is not None and on.source != "original":
        say(f"{promise}. Nothing is claimed on stand-in data.")
        return
    if not np.isfinite(measured).all():
        raise AssertionError(f"claim not met. {promise}; measured {measured.tolist()}")
    line = f"{promise}; measured {_spread(measured, unit)}"
    if not _met(float(measured.mean()), at_least, at_most, equals, within):
        raise AssertionError(f"claim not met. {line}; exactly {measured.mean()}")
    say(
        line,
        verb="claim",
        what=what,
        bar=_show(bar, unit),
        words=words,
        measured=_spread(measured, unit),
        values=measured.tolist(),
        unit=unit,
    )


def _met(
    mean: float,
    at_least: float | None,
    at_most: float | None,
    equals: float | None,
    within: float,
) -> bool:
    if at_least is not None:
        return mean >= at_least
    if at_most is not None:
        return mean <= at_most
    return abs(mean - equals) <= within


def _show(value: float, unit: str) -> str:
    if unit == "%":
        return f"{100 * value:.4g} %"
    number = f"{value:,.0f}" if float(value).is_integer() else f"{value:.5g}"
    return f"{number} {unit}".rstrip()


def _spread(values: np.ndarray, unit: str) -> str:
    mean = _show(float(values.mean()), unit)
    if values.size == 1:
        return mean
    scale = 100 if unit == "%" else 1
    deviation = scale * values.std(ddof=1)
    return f"{mean} (mean of {values.size}, standard deviation {deviation:.2g})"
