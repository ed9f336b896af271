"""`claim` holds the mean against its bar, and claims nothing on a stand-in."""

import math
from types import SimpleNamespace

import pytest

from helpers import claim

ORIGINAL = SimpleNamespace(source="original")
STAND_IN = SimpleNamespace(source="stand-in")


def test_bar_stands_before_the_measured_value(capsys: pytest.CaptureFixture) -> None:
    claim("accuracy", [0.92, 0.93], at_least=0.9, unit="%", on=ORIGINAL)
    assert capsys.readouterr().out == (
        "accuracy: at least 90 %; measured 92.5 % "
        "(mean of 2, standard deviation 0.71)\n"
    )


def test_counts_are_shown_whole(capsys: pytest.CaptureFixture) -> None:
    claim("parameters", 101_770, equals=101_770)
    assert capsys.readouterr().out == (
        "parameters: exactly 101,770; measured 101,770\n"
    )


@pytest.mark.parametrize(
    ("values", "bar"),
    [
        ([0.91, 0.88], {"at_least": 0.9}),
        ([0.91, 0.92], {"at_most": 0.9}),
        (1.4613, {"equals": 1.4612}),
        (1.4713, {"equals": 1.4612, "within": 0.01}),
        (math.nan, {"at_least": 0.0}),
        (math.nan, {"at_most": 0.0}),
        (math.nan, {"equals": 0.0, "within": 1.0}),
    ],
)
def test_missed_bar_raises_with_both_numbers(values, bar: dict) -> None:
    with pytest.raises(AssertionError, match=r"claim not met.*measured"):
        claim("number", values, **bar)


@pytest.mark.parametrize(
    ("values", "bar"),
    [
        ([0.9, 0.9], {"at_least": 0.9}),
        (0.9, {"at_most": 0.9}),
        (1.4612, {"equals": 1.4612}),
        (1.47, {"equals": 1.4612, "within": 0.01}),
    ],
)
def test_bar_itself_is_enough(values, bar: dict) -> None:
    claim("number", values, **bar)


def test_nothing_is_claimed_on_a_stand_in(capsys: pytest.CaptureFixture) -> None:
    claim("accuracy", 0.1, at_least=0.9, unit="%", on=STAND_IN)
    assert capsys.readouterr().out == (
        "accuracy: at least 90 %. Nothing is claimed on stand-in data.\n"
    )


@pytest.mark.parametrize("bars", [{}, {"at_least": 0.1, "at_most": 0.9}])
def test_exactly_one_bar_is_asked_for(bars: dict) -> None:
    with pytest.raises(TypeError, match="exactly one"):
        claim("number", 0.5, **bars)


def test_tolerance_is_shown(capsys: pytest.CaptureFixture) -> None:
    claim("floor", 1.46118, equals=1.4612, within=5e-5)
    assert capsys.readouterr().out == (
        "floor: about 1.4612 (within 5e-05); measured 1.4612\n"
    )


@pytest.mark.parametrize("values", [[math.inf], [0.9, math.inf]])
def test_infinite_value_meets_no_bar(values) -> None:
    with pytest.raises(AssertionError):
        claim("number", values, at_least=0.5)


def test_percentages_that_are_no_fractions_are_refused() -> None:
    with pytest.raises(ValueError, match="give fractions"):
        claim("accuracy", 92.4, at_least=0.9, unit="%")


def test_bar_in_percent_is_refused_too() -> None:
    with pytest.raises(ValueError, match="give fractions"):
        claim("accuracy", 0.924, at_least=92, unit="%")


@pytest.mark.parametrize("bar", [{"at_least": "0.5"}, {"at_least": 0.5, "within": 0.1}])
def test_bar_that_is_no_number_or_has_a_tolerance_is_refused(bar: dict) -> None:
    with pytest.raises(TypeError, match="the bar is a number"):
        claim("number", 0.9, **bar)


def test_no_values_are_refused() -> None:
    with pytest.raises(ValueError, match="no values"):
        claim("number", [], at_least=0)
