"""`claim` holds the mean against its bar, and claims nothing on a stand-in."""

import math
from types import SimpleNamespace

import numpy as np
import pytest

from helpers import claim, claims

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


@pytest.mark.parametrize(
    ("values", "bar"),
    [
        (0.1 + 0.2, {"at_most": 0.3}),
        ([0.1, 0.2, 0.3], {"at_most": 0.2}),
        (0.3 - 0.1, {"at_least": 0.2}),
        (0.1 + 0.2, {"equals": 0.3}),
        (0.1 + 0.2, {"equals": 0.2, "within": 0.1}),
        (0.1 + 0.2 - 0.2, {"equals": 0.0, "within": 0.1}),
        ([0.7, 0.8, 0.9], {"control": [0.49, 0.56, 0.63], "share": 0.3}),
        ([0.3] * 3, {"control": [-0.1 - 0.05] * 3, "share": 0.5}),
    ],
)
def test_rounding_alone_misses_no_bar(values, bar: dict) -> None:
    claim("number", values, **bar)


def test_a_count_that_is_off_by_one_misses_its_bar() -> None:
    with pytest.raises(AssertionError, match="claim not met"):
        claim("multiplications", 10**10 + 1, equals=10**10)


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
    with pytest.raises(ValueError, match="give fractions"):
        claim("difference", 0.9, equals=0, within=2, unit="%")


@pytest.mark.parametrize("bar", [{"at_least": "0.5"}, {"at_least": 0.5, "within": 0.1}])
def test_bar_that_is_no_number_or_has_a_tolerance_is_refused(bar: dict) -> None:
    with pytest.raises(TypeError, match="the bar is a number"):
        claim("number", 0.9, **bar)


def test_no_values_are_refused() -> None:
    with pytest.raises(ValueError, match="no values"):
        claim("number", [], at_least=0)


def test_nearly_all_is_not_shown_as_all(capsys: pytest.CaptureFixture) -> None:
    claim("accuracy", 0.99998, at_least=0.9999, unit="%")
    assert "measured 99.998 %" in capsys.readouterr().out
    effects, without = [1.0, 1.0, 1.0], [0.004, 0.004, 0.004]
    claim("gap", effects, control=without, share=0.5)
    assert "99.6 % goes" in capsys.readouterr().out


def test_four_digits_are_shown_of_a_percentage_and_five_of_a_number(capsys) -> None:
    claim("accuracy", 0.98765, at_least=0.98765, unit="%")
    claim("loss", 0.1234567, at_most=0.1234567)
    assert capsys.readouterr().out == (
        "accuracy: at least 98.77 %; measured 98.77 %\n"
        "loss: at most 0.12346; measured 0.12346\n"
    )


@pytest.fixture
def stored(monkeypatch) -> list[dict]:
    """What `claim` stores, each with its line."""
    found: list[dict] = []
    monkeypatch.setattr(
        claims, "say", lambda line, **record: found.append({**record, "line": line})
    )
    return found


def test_differences_of_fractions_are_shown_as_points(stored) -> None:
    claim("gap", [0.04, 0.06], equals=0.05, within=0.02, unit="% points")
    claim("gap", 0.07, at_least=0.07, unit="% points")
    rise = {"without it": [0.01, 0.0, 0.0]}
    claim("gap", [0.05, 0.06, 0.04], control=rise, share=0.9, unit="% points")
    assert [record["line"] for record in stored] == [
        "gap: about 5 points (within 2 points); measured 5 points (mean of 2, standard "
        "deviation 1.4)",
        "gap: at least 7 points; measured 7 points",
        "gap: at least 90 % of it goes without it; measured 5 points, without it "
        "0.3333 points; paired difference 4.667 points (3 seeds, standard deviation "
        "1.2); 93 % goes",
    ]
    first, second, last = stored
    assert (first["unit"], first["limit"], first["within"]) == ("points", 5, 2)
    assert first["numbers"] == [4, 6] and second["limit"] == 7
    assert (last["limit"], last["share"]) == (0.9, pytest.approx(14 / 15))
    with pytest.raises(AssertionError, match="exactly"):
        claim("gap", 0.01, at_least=0.02, unit="% points")
    with pytest.raises(ValueError, match="give fractions"):
        claim("gap", 5, at_least=2, unit="% points")


def test_the_record_holds_what_the_line_says_and_the_numbers(stored) -> None:
    claim("accuracy", [0.92, 0.93], at_least=0.9, unit="%")
    [record] = stored
    assert record == {
        "verb": "claim",
        "what": "accuracy",
        "words": "at least",
        "limit": 0.9,
        "bar": "90 %",
        "measured": "92.5 % (mean of 2, standard deviation 0.71)",
        "numbers": [0.92, 0.93],
        "unit": "%",
        "within": 0.0,
        "control": "",
        "without": None,
        "share": None,
        "line": "accuracy: at least 90 %; measured 92.5 % "
        "(mean of 2, standard deviation 0.71)",
    }


# --- tables ---------------------------------------------------------------------------

ERRORS = {"SGD": [0.03, 0.032], "with momentum": 0.02}


def test_the_numbers_of_one_experiment_are_one_table_with_its_columns_aligned(
    capsys,
) -> None:
    claim("test error", ERRORS, at_most={"SGD": 0.035, "with momentum": 0.02}, unit="%")
    assert capsys.readouterr().out == (
        "test error:\n"
        "SGD            at most 3.5 %  measured 3.1 % "
        "(mean of 2, standard deviation 0.14)\n"
        "with momentum  at most 2 %    measured 2 %\n"
    )


def test_rows_may_have_bars_of_different_kinds(capsys) -> None:
    values = {"steps": 40, "loss": 0.5, "parameters": 7, "digits": 3.01}
    claim(
        "the line",
        values,
        at_least={"steps": 40},
        at_most={"loss": 0.6},
        equals={"parameters": 7, "digits": 3},
        within={"digits": 0.02},
    )
    said = capsys.readouterr().out
    assert "steps       at least 40            measured 40\n" in said
    assert "loss        at most 0.6            measured 0.5\n" in said
    assert "parameters  exactly 7              measured 7\n" in said
    assert "digits      about 3 (within 0.02)  measured 3.01\n" in said


def test_a_table_of_one_row_is_a_table_and_one_bar_holds_for_all_rows(stored) -> None:
    claim("loss", {"SGD": 0.3}, at_most=0.4)
    assert stored[0]["line"] == "loss:\nSGD  at most 0.4  measured 0.3"
    assert [row["what"] for row in stored[0]["rows"]] == ["loss: SGD"]
    claim("loss", {"SGD": 0.3, "Adam": 0.1}, at_most=0.4)
    assert [row["limit"] for row in stored[1]["rows"]] == [0.4, 0.4]


def test_a_row_that_misses_its_bar_fails_the_table_and_is_named() -> None:
    with pytest.raises(AssertionError, match=r"^claim not met. test error: SGD: at"):
        claim("test error", ERRORS, at_most=0.02, unit="%")


@pytest.mark.parametrize(
    ("bars", "message"),
    [
        ({"at_most": {"SGD": 0.5}}, "test error: with momentum: give exactly one"),
        ({"at_most": 0.5, "at_least": {"SGD": 0.01}}, "test error: SGD: give exactly"),
        ({"at_most": {**ERRORS, "SGD": 0.5, "Adam": 1}}, r"no values, for \['Adam'\]"),
        ({"equals": 0.5, "within": {"Adam": 1}}, r"no values, for \['Adam'\]"),
        (
            {
                "at_most": {"SGD": 0.5},
                "equals": {"with momentum": 0.02},
                "within": {"SGD": 0.1},
            },
            "test error: SGD: its bar is 'at most'; within= goes with equals=",
        ),
    ],
)
def test_each_row_has_exactly_one_bar_and_each_bar_its_row(bars, message) -> None:
    with pytest.raises(TypeError, match=message):
        claim("test error", ERRORS, **bars)


def test_an_empty_table_is_refused() -> None:
    with pytest.raises(ValueError, match="no values"):
        claim("test error", {}, at_most=0.5)


def test_nothing_in_a_table_is_claimed_on_a_stand_in(capsys) -> None:
    claim("test error", ERRORS, at_most=0.001, unit="%", on=STAND_IN)
    assert capsys.readouterr().out == (
        "test error: SGD: at most 0.1 %\ntest error: with momentum: at most 0.1 %. "
        "Nothing is claimed on stand-in data.\n"
    )


# --- causes ---------------------------------------------------------------------------

GAPS, WITHOUT = [0.12, 0.13, 0.11], [0.04, 0.06, 0.03]
CAUSE = {"control": {"with dropout": WITHOUT}, "share": 0.5, "unit": "%"}


def test_a_cause_says_both_means_the_paired_difference_and_the_share_that_goes(
    capsys,
) -> None:
    claim("gap between training and test", GAPS, **CAUSE)
    assert capsys.readouterr().out == (
        "gap between training and test: at least 50 % of it goes with dropout; "
        "measured 12 %, with dropout 4.333 %; paired difference 7.667 % "
        "(3 seeds, standard deviation 0.58); 64 % goes\n"
    )


def test_the_record_of_a_cause_names_its_control(stored) -> None:
    claim("gap", GAPS, **CAUSE)
    [record] = stored
    assert record["numbers"] == GAPS and record["without"] == WITHOUT
    assert record["control"] == "with dropout" and record["limit"] == 0.5
    assert record["share"] == pytest.approx(1 - 13 / 36)


def test_two_controls_of_a_cause_are_shown_under_one_another_and_both_have_to_do(
    stored,
) -> None:
    controls = {"with dropout": WITHOUT, "with more data": [0.01, 0.02, 0.03]}
    claim("gap", GAPS, control=controls, share=0.6)
    title, first, second = stored[0]["line"].split("\n")
    assert title == "gap:"
    assert first.startswith("at least 60 % of it goes with dropout    measured 0.12,")
    assert second.startswith("at least 60 % of it goes with more data  measured 0.12,")
    assert [row["what"] for row in stored[0]["rows"]] == ["gap", "gap"]
    with pytest.raises(AssertionError, match="with dropout"):
        claim("gap", GAPS, control=controls, share=0.7)


def test_a_control_without_a_name_is_said_to_be_without_it(capsys) -> None:
    claim("rise of the loss", GAPS, control=WITHOUT, share=0.5)
    assert "at least 50 % of it goes without it; measured" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("effects", "control"),
    [
        (GAPS, [0.08, 0.08, 0.08]),  # a third goes
        (GAPS, [0.0, 0.0, 0.12]),  # not for the last seed
        (GAPS, [0.0, 0.0, 0.11]),  # for the last seed nothing
        ([0.3, 0.3, -0.01], [0.1, 0.1, -0.1]),  # no effect for the last seed
        ([0.1, -0.2, 0.1], [0.0, -0.3, 0.0]),  # no effect on average
        (GAPS, [0.24, 0.26, 0.22]),  # it grows
        (GAPS, [0.0, 0.0, math.nan]),
        ([0.1, 0.1, math.inf], [0.0, 0.0, 0.0]),
        ([0.0, 0.0, 0.0], [0.0, 0.0, 0.0]),
    ],
)
def test_a_cause_whose_effect_does_not_go_on_every_seed_is_refused(
    effects, control
) -> None:
    with pytest.raises(AssertionError, match="claim not met"):
        claim("rise", effects, control=control, share=0.5)


@pytest.mark.parametrize("sign", [1, -1])
def test_an_effect_may_be_a_fall_and_the_share_itself_is_enough(sign) -> None:
    effects = sign * np.array([4.0, 4.0, 4.0])
    claim("change", effects, control=effects / 2, share=0.5)
    claim(
        "change", effects, control=-effects / 2, share=0.5
    )  # as far on the other side
    claim("change", effects, control=effects * 0, share=1)


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize(("left", "share"), [(-0.51, 0.5), (-2, 0.5), (-0.11, 0.9)])
def test_a_control_that_turns_the_effect_round_is_refused(sign, left, share) -> None:
    effects = sign * np.array([3.9, 4.0, 4.1])
    rest = f"more than {100 * (1 - share):.4g} % of it stands there, reversed"
    with pytest.raises(AssertionError, match=f"goes: it turns round, and {rest}"):
        claim("change", effects, control=left * effects, share=share)


def test_half_of_an_effect_may_not_stand_reversed_whatever_the_share() -> None:
    half = "more than 50 % of it stands there, reversed"
    with pytest.raises(AssertionError, match=half):
        claim("change", [1.0, 1.0, 1.0], control=[-0.89] * 3, share=0.1)
    with pytest.raises(AssertionError, match="on one seed more than 50 %"):
        claim("change", [1.0, 1.0, 1.0], control=[-0.7, 0.2, 0.2], share=0.5)
    claim("change", [1.0, 1.0, 1.0], control=[-0.4, 0.2, 0.2], share=0.5)


def test_an_effect_that_stays_is_not_said_to_turn_round() -> None:
    with pytest.raises(AssertionError, match="33 % goes; exactly"):
        claim("change", GAPS, control=[0.08, 0.08, 0.08], share=0.5)


@pytest.mark.parametrize(
    ("effects", "control"), [(GAPS, WITHOUT[:2]), (GAPS[:2], WITHOUT[:2]), ([1], [0])]
)
def test_a_cause_needs_the_same_three_seeds_or_more_in_both(effects, control) -> None:
    with pytest.raises(ValueError, match="the same 3 seeds or more in both"):
        claim("gap", effects, control=control, share=0.5)


@pytest.mark.parametrize("share", [0, -0.5, 1.01, math.nan])
def test_a_share_outside_0_to_1_is_refused(share) -> None:
    with pytest.raises(ValueError, match="more than 0 and at most 1"):
        claim("gap", GAPS, control=WITHOUT, share=share)


@pytest.mark.parametrize(
    "given",
    [
        {"control": WITHOUT},
        {"share": 0.5},
        {"share": 0.5, "control": WITHOUT, "at_least": 0.1},
    ],
)
def test_a_cause_has_a_control_and_a_share_and_no_other_bar(given) -> None:
    with pytest.raises(TypeError, match="one list of effects, control=, share="):
        claim("gap", GAPS, **given)


def test_effects_in_percent_are_fractions_too() -> None:
    with pytest.raises(ValueError, match="gap, with dropout: with unit='%'"):
        claim("gap", GAPS, control={"with dropout": [4, 5, 6]}, share=0.5, unit="%")


@pytest.mark.parametrize(
    "bar",
    [
        {"at_most": math.inf},
        {"at_least": -math.inf},
        {"at_least": math.nan},
        {"equals": 1, "within": math.inf},
    ],
)
def test_a_bar_that_is_not_finite_is_refused(bar: dict) -> None:
    with pytest.raises(ValueError, match="have to be finite"):
        claim("number", 1.0, **bar)


def test_an_empty_control_is_what_is_named() -> None:
    with pytest.raises(ValueError, match="gap: control= is empty; give the effects"):
        claim("gap", GAPS, control={}, share=0.5)


def test_values_of_more_than_one_axis_are_refused() -> None:
    with pytest.raises(ValueError, match=r"shape \(3, 2\); give one, or one a seed"):
        claim("accuracy by seed and epoch", np.ones((3, 2)), at_least=0.5)
