"""`claim`: a measured number against its bar, or an effect against its control."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Self

import numpy as np

from helpers.record import say

SEEDS = 3  # the fewest that a sentence of cause can rest on
EPS = 1e-11  # what rounding makes of a whole, and of a number that stands at its bar

Numbers = float | Sequence[float]


@dataclass(frozen=True)
class Row:
    """One number and its bar; what is printed and stored follows from these fields.

    numbers: one, or one a seed; in a claim of cause the effects with the cause.
    control, without: the one thing that differs, in words, and the effects then.
    limit: the bar; in a claim of cause the share of the effect that has to go.
    """

    what: str
    words: str
    limit: float
    numbers: list[float]
    unit: str
    within: float = 0.0
    control: str = ""
    without: list[float] | None = None

    def in_points(self) -> Self:
        """The same in percentage points: the numbers are differences of fractions."""

        def points(*fractions: float) -> list[float]:
            return [round(100 * each, 9) for each in fractions]  # 7, not 7.000…01

        numbers = points(*self.numbers)
        if self.without is not None:
            without = points(*self.without)
            return replace(self, unit="points", numbers=numbers, without=without)
        limit, within = points(self.limit, self.within)
        return replace(self, unit="points", numbers=numbers, limit=limit, within=within)

    @property
    def bar(self) -> str:
        if self.without is not None:
            return f"{_show(self.limit, '%')} of it goes {self.control}"
        allowed = f" (within {_show(self.within, self.unit)})" if self.within else ""
        return _show(self.limit, self.unit) + allowed

    @property
    def measured(self) -> str:
        if self.without is None:
            seeds = f"mean of {len(self.numbers)}"
            return _spread(np.array(self.numbers), self.unit, seeds)
        with_cause, control = self._means()
        difference = np.subtract(self.numbers, self.without)
        return (
            f"{_show(with_cause, self.unit)}, {self.control} "
            f"{_show(control, self.unit)}; paired difference "
            f"{_spread(difference, self.unit, f'{len(difference)} seeds')}; "
            f"{_percent(self.share, '.0f')} goes"
        )

    @property
    def share(self) -> float | None:
        """How much of the effect goes with the cause; None for a plain number."""
        if self.without is None:
            return None
        with_cause, control = self._means()
        return 1 - control / with_cause if with_cause else float("nan")

    @property
    def promise(self) -> str:
        return f"{self.words} {self.bar}"

    @property
    def met(self) -> bool:
        if not np.isfinite([*self.numbers, *(self.without or [])]).all():
            return False
        if self.without is not None:
            difference = np.subtract(self.numbers, self.without)
            seeds = _one_sign(np.array(self.numbers)) and _one_sign(difference)
            return seeds and self.limit <= self.share + EPS and not self.turned
        mean = float(np.mean(self.numbers))
        slack = EPS * max(abs(self.limit), self.within)
        if self.words == "at least":
            return mean >= self.limit - slack
        if self.words == "at most":
            return mean <= self.limit + slack
        return abs(mean - self.limit) <= self.within + slack

    @property
    def turned(self) -> str:
        """What to say of a control with an effect of its own, on the mean or a seed."""
        if self.without is None or not np.all(self.numbers):
            return ""
        left = np.divide(self.without, self.numbers)
        allowed = min(0.5, 1 - self.limit)
        if self.share > 1 + allowed + EPS:
            rest = f"more than {_show(allowed, '%')} of it stands there"
        elif left.min() < -0.5 - EPS:
            rest = "on one seed more than 50 % of it stands there"
        else:
            return ""
        return f": it turns round, and {rest}, reversed"

    def record(self) -> dict[str, Any]:
        """What the ledger and the site draw from."""
        shown = {"bar": self.bar, "measured": self.measured, "share": self.share}
        return asdict(self) | shown

    def _means(self) -> tuple[float, float]:
        return float(np.mean(self.numbers)), float(np.mean(self.without))


def claim(
    what: str,
    values: Numbers | Mapping[str, Numbers],
    *,
    at_least: float | Mapping[str, float] | None = None,
    at_most: float | Mapping[str, float] | None = None,
    equals: float | Mapping[str, float] | None = None,
    within: float | Mapping[str, float] = 0.0,
    control: Sequence[float] | Mapping[str, Sequence[float]] | None = None,
    share: float | None = None,
    unit: str = "",
    on: Any = None,
) -> None:
    """Say the bar, then what was measured; raise AssertionError if it falls short.

    values: one number, or one a seed; their mean has to meet the bar, up to what
        rounding does (1e-11 of the bar). The numbers of one experiment go in one call,
        `{"SGD": [...], "Adam": [...]}`, as a table.
    at_least, at_most, equals: the bar, exactly one of them; `equals` up to `within`. In
        a table a number holds for all rows, and `at_least={"SGD": 0.9}` for its own.
    control, share: a claim of cause. `values` are effects with the cause (a gap, a
        rise, a loss of accuracy: 0 is no effect), one a seed, three or more. `control`
        has those of the same seeds when one thing differs, which it names:
        `control={"with leaky units": effects}`, or two such; a bare list is named
        "without it". At least `share` of the mean effect has to go, 0.5 for "because",
        so that what is left, of either sign, is no more than the rest: a control that
        turns the effect round does something of its own. And the effect and each
        seed's difference have to have one sign.
    unit: "%" shows fractions of 1 as percentages, `within` too, and "% points" shows
        differences of such fractions as points; any other is appended as it is.
    on: the `helpers.data.Dataset` the values come from; on a stand-in nothing is
        claimed, and the line says so.

    Raises TypeError unless each number has exactly one bar, a number, for `within`
    without `equals`, and for a bar or a `within` without a number; ValueError for no
    values, no control or more than one axis of values, for percentages that are no
    fractions, for a bar that isn't finite, for too few or unequally many seeds, and for
    a share outside 0 to 1.
    """
    bars = {"at least": at_least, "at most": at_most, "exactly": equals}
    bars = {words: bar for words, bar in bars.items() if bar is not None}
    if within and equals is None:
        raise TypeError("the bar is a number, and within= goes with equals= only")
    points = unit == "% points"
    unit = "%" if points else unit
    if control is not None or share is not None:
        rows = _causes(what, values, bars, control, share, unit)
    else:
        table = values if isinstance(values, Mapping) else {"": values}
        rows = [_row(what, *row, bars, within, unit) for row in table.items()]
        for bar in [*bars.values(), within]:
            if isinstance(bar, Mapping) and (extra := set(bar) - set(table)):
                raise TypeError(f"{what}: a bar, but no values, for {sorted(extra)}")
    if not rows:
        raise ValueError(f"{what}: no values to hold against the bar")
    rows = [row.in_points() if points else row for row in rows]
    many = len(rows) > 1 or isinstance(values, Mapping)
    if on is not None and on.source != "original":
        promises = "\n".join(f"{row.what}: {row.promise}" for row in rows)
        say(f"{promises}. Nothing is claimed on stand-in data.")
        return
    if missed := [row for row in rows if not row.met]:
        raise AssertionError(
            "\n".join(
                f"claim not met. {one_line(row)}{row.turned}; exactly {row.numbers}"
                + ("" if row.without is None else f" and {row.without}")
                for row in missed
            )
        )
    if many:
        records = [row.record() for row in rows]
        say(table_of(what, rows), verb="claim", what=what, rows=records)
    else:
        say(one_line(rows[0]), verb="claim", **rows[0].record())


def one_line(row: Row) -> str:
    return f"{row.what}: {row.promise}; measured {row.measured}"


def table_of(what: str, rows: Sequence[Row]) -> str:
    """The rows under one another; the word "measured" masks them when compared."""
    names = [row.what.removeprefix(what).removeprefix(": ") for row in rows]
    name, bar = max(map(len, names)), max(len(row.promise) for row in rows)
    lines = [
        f"{shown:<{name}}  {row.promise:<{bar}}  measured {row.measured}".strip()
        for shown, row in zip(names, rows, strict=True)
    ]
    return "\n".join([f"{what}:", *lines])


def _row(
    what: str,
    name: str,
    values: Numbers,
    bars: Mapping[str, float | Mapping[str, float]],
    within: float | Mapping[str, float],
    unit: str,
) -> Row:
    def of_row(given: float | Mapping[str, float]) -> float | None:
        return given.get(name) if isinstance(given, Mapping) else given

    own = {words: of_row(bar) for words, bar in bars.items()}
    own = {words: bar for words, bar in own.items() if bar is not None}
    what = f"{what}: {name}" if name else what
    if len(own) != 1:
        raise TypeError(f"{what}: give exactly one of at_least=, at_most=, equals=")
    [(words, bar)] = own.items()
    if isinstance(bar, str):
        raise TypeError("the bar is a number, and within= goes with equals= only")
    if isinstance(within, Mapping) and name in within and words != "exactly":
        raise TypeError(f"{what}: its bar is '{words}'; within= goes with equals= only")
    allowed = float(of_row(within) or 0.0) if words == "exactly" else 0.0
    if not np.isfinite([bar, allowed]).all():
        raise ValueError(f"{what}: bar and within= have to be finite")
    words = "about" if allowed else words
    numbers = _numbers(what, values, unit, bar, allowed)
    return Row(what, words, float(bar), numbers, unit, allowed)


def _causes(
    what: str,
    values: Sequence[float],
    bars: Mapping[str, float],
    control: Sequence[float] | Mapping[str, Sequence[float]] | None,
    share: float | None,
    unit: str,
) -> list[Row]:
    """A row for each control."""
    if control is None or share is None or bars or isinstance(values, Mapping):
        raise TypeError(
            "a claim of cause has one list of effects, control=, share=, no other bar"
        )
    if not 0 < share <= 1:
        raise ValueError(f"{what}: share is {share}; give more than 0 and at most 1")
    controls = control if isinstance(control, Mapping) else {"without it": control}
    if not controls:
        raise ValueError(
            f"{what}: control= is empty; give the effects without the cause"
        )
    effects = _numbers(what, values, unit)
    rows = []
    for name, without in controls.items():
        without = _numbers(f"{what}, {name}", without, unit)
        if len(effects) != len(without) or len(effects) < SEEDS:
            raise ValueError(
                f"{what}: {len(effects)} effects, {len(without)} {name}; give one for "
                f"each seed, the same {SEEDS} seeds or more in both"
            )
        rows.append(
            Row(what, "at least", float(share), effects, unit, 0.0, name, without)
        )
    return rows


def _numbers(what: str, values: Numbers, unit: str, *bars: float) -> list[float]:
    numbers = np.atleast_1d(np.asarray(values, dtype=float))
    if numbers.size == 0:
        raise ValueError(f"{what}: no values to hold against the bar")
    if numbers.ndim > 1:
        shape = numbers.shape
        raise ValueError(f"{what}: values of shape {shape}; give one, or one a seed")
    if unit == "%" and (np.abs([*bars, *numbers]) > 1).any():
        raise ValueError(f"{what}: with unit='%' give fractions, 0.92 for 92 %")
    return numbers.tolist()


def _one_sign(values: np.ndarray) -> bool:
    return bool((values > 0).all() or (values < 0).all())


def _show(value: float, unit: str) -> str:
    if unit == "%":
        return _percent(value, ".4g")
    digits = 4 if unit == "points" else 5
    number = f"{value:,.0f}" if float(value).is_integer() else f"{value:.{digits}g}"
    return f"{number} {unit}".rstrip()


def _percent(value: float, form: str) -> str:
    """With more digits where the form would make a whole of nearly all."""
    shown = f"{100 * value:{form}}"
    if abs(value - 1) > EPS:
        for digits in range(1, 13):
            if float(shown) != 100:
                break
            shown = f"{100 * value:.{digits}f}"
    return f"{shown} %"


def _spread(values: np.ndarray, unit: str, seeds: str) -> str:
    mean = _show(float(values.mean()), unit)
    if values.size == 1:
        return mean
    scale = 100 if unit == "%" else 1
    with np.errstate(invalid="ignore"):  # infinite ones are refused, with their values
        deviation = scale * values.std(ddof=1)
    return f"{mean} ({seeds}, standard deviation {deviation:.2g})"
