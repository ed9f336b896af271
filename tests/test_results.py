"""A card comes back as it was written, or is refused with what to do."""

import hashlib
import json
import re
import statistics

import numpy as np
import pytest

from helpers import results

VALUES = [0.981, 0.979, 0.9835]
COMMAND = "python solutions/course/recipe.py"
AGAIN = "python train.py --seed 2"


def seeds(*values):
    return [{"seed": s, "value": v, "seconds": 10.0 + s} for s, v in enumerate(values)]


def with_one(**changes):
    return seeds(0.9)[0] | changes


def write(path, **changes):
    arguments = {
        "document": "course",
        "question": "q1",
        "metric": "test accuracy",
        "command": COMMAND,
        "parameters": {"lr": 0.1},
        "data": {"moons": "0123"},
        "seeds": seeds(*VALUES),
        "packages": ("numpy",),
    }
    return results.write(path, **arguments | changes)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "cards" / "q1.json"


@pytest.fixture
def weights(tmp_path):
    file = tmp_path / "weights.pkl"
    file.write_bytes(b"numbers")
    return file


def test_a_card_comes_back_as_it_was_written(path, weights):
    written = write(path, weights=(weights, 2, AGAIN), threads=2, device="A GPU")
    card = results.read(path)
    assert card == written
    assert (card["id"], card["document"], card["question"]) == ("q1", "course", "q1")
    assert (card["threads"], card["device"]) == (2, "A GPU")
    assert card["data"] == {"moons": "0123"}
    assert card["weights"] == {
        "file": "../weights.pkl",
        "sha256": hashlib.sha256(b"numbers").hexdigest(),
        "seed": 2,
        "command": AGAIN,
    }
    assert card["versions"].keys() == {"python", "numpy"}
    assert card["versions"]["numpy"] == np.__version__
    assert card["processor"] == results.processor() != ""
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", card["date"])
    assert results.values(card) == VALUES


def test_processor_and_date_are_those_of_the_runs_where_they_say_them(path):
    places = [("A", "2026-01-02"), ("B", "2026-01-03"), ("A", "2026-01-01")]
    made = [
        each | {"processor": processor, "date": date}
        for each, (processor, date) in zip(seeds(*VALUES), places, strict=True)
    ]
    card = write(path, seeds=made)
    assert (card["processor"], card["date"]) == ("A, B", "2026-01-03")
    assert card["seeds"] == seeds(*VALUES)
    assert made[0]["processor"] == "A"  # what was given is left alone


def test_mean_and_sample_standard_deviation_are_those_of_the_seeds(path):
    card = write(path)
    assert card["mean"] == pytest.approx(statistics.mean(VALUES), rel=1e-15)
    assert card["spread"] == pytest.approx(np.std(VALUES, ddof=1), rel=1e-12)


def test_one_seed_has_no_spread(path):
    write(path, seeds=seeds(0.9))
    assert results.read(path)["spread"] is None


def test_numbers_and_curves_of_numpy_are_written_as_plain_ones(path):
    [seed] = seeds(np.float32(0.5))
    seed["curves"] = {"train": np.array([0.25, 0.5])}
    write(path, seeds=[seed], parameters={"lr": np.float64(0.1)})
    card = results.read(path)
    assert card["seeds"][0]["curves"] == {"train": [0.25, 0.5]}
    assert card["parameters"] == {"lr": 0.1}
    assert results.values(card) == [0.5]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ([], "each with its seed, value and seconds"),
        ([{"seed": 0, "value": 0.9}], "each with its seed, value and seconds"),
        (seeds(0.9) * 2, r"each seed once, got \[0, 0\]"),
        (seeds(0.9, 98.0), "fractions of 1"),
        (seeds(1.5), "fractions of 1"),
        (seeds(1 + 1e-9), "fractions of 1"),
        (seeds(-1e-9), "fractions of 1"),
        (seeds(0.9, float("nan")), "expected finite numbers, got NaN"),
        (seeds(-0.5), "fractions of 1"),
        (seeds("0.9"), r"expected numbers.*got \['0\.9'\]"),
        (seeds(None), r"expected numbers.*got \[None\]"),
        (seeds(True), r"expected numbers.*got \[True\]"),
        (None, "each with its seed, value and seconds"),
        (["0.9"], "each with its seed, value and seconds"),
        ([["seed", "value", "seconds"]], "each with its seed, value and seconds"),
        ([with_one(seed=[0])], r"whole numbers as seeds, got \[\[0\]\]"),
        ([with_one(seed=0.5)], r"whole numbers as seeds, got \[0\.5\]"),
        ([with_one(seed=False)], "whole numbers as seeds"),
        ([with_one(seconds="x")], r"numbers from 0 on; got \['x'\]"),
        ([with_one(seconds=-1.0)], r"numbers from 0 on; got \[-1\.0\]"),
        ([with_one(seconds=float("nan"))], "got NaN"),
        ([with_one(curves={"train": [0.5, float("nan")]})], "got NaN"),
    ],
)
def test_wrong_seeds_are_not_written(path, wrong, message):
    with pytest.raises(ValueError, match=message):
        write(path, seeds=wrong)
    assert not path.exists()


def test_no_and_all_right_are_fractions(path):
    assert results.values(write(path, seeds=seeds(0, 1.0))) == [0, 1]


def test_other_units_than_percentages_go_beyond_one_but_not_to_infinity(path):
    write(path, seeds=seeds(98.0), unit="points")
    with pytest.raises(ValueError, match="Infinity"):
        write(path, seeds=seeds(float("inf")), unit="points")


def test_a_card_that_cannot_be_written_leaves_the_old_one_and_nothing_else(
    path, weights, monkeypatch
):
    write(path)
    before = path.read_bytes()
    with pytest.raises(OSError, match=r"other\.pkl"):
        write(path, weights=(weights.with_name("other.pkl"), 0, AGAIN))
    with pytest.raises(TypeError, match="expected numbers, text, lists, dicts or ar"):
        write(path, parameters={"net": object()})

    def stops_half_way(part, content):
        with open(part, "wb") as file:
            file.write(content[:100])
        raise OSError("no space left")

    monkeypatch.setattr(type(path), "write_bytes", stops_half_way)
    with pytest.raises(OSError, match="no space left"):
        write(path)
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


WEIGHTS = {"file": "w", "sha256": "", "seed": 0, "command": AGAIN}


def change(path, **changes):
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"mean": 0.99}, r"mean 0\.99, but its seeds give 0\.98"),
        ({"spread": 0.0}, r"spread 0\.0, but its seeds give 0\.00"),
        ({"seeds": seeds(*VALUES[:2])}, "mean"),
        ({"seeds": seeds(0.9) * 2}, "each seed once"),
        ({"seeds": ["0.9"]}, "each with its seed"),
        ({"seeds": {"0": with_one()}}, "each with its seed"),
        ({"seeds": seeds("0.9")}, "expected numbers"),
        ({"seeds": [with_one(seed=[0])]}, "whole numbers as seeds"),
        ({"weights": WEIGHTS | {"seed": 5}}, "weights of seed 5, but"),
        ({"weights": {"file": "w", "sha256": "", "seed": 0}}, "'command'"),
        ({"seeds": seeds(1.5), "mean": 1.5, "spread": None}, "fractions of 1"),
        ({"weights": {}}, "'seed'"),
    ],
)
def test_a_card_edited_by_hand_is_refused(path, changes, message):
    write(path)
    change(path, **changes)
    with pytest.raises(ValueError, match=message) as refusal:
        results.read(path)
    assert str(path) in str(refusal.value)
    assert str(refusal.value).endswith(f"run again: {COMMAND}")


@pytest.mark.parametrize("number", ["NaN", "-Infinity", "1e999"])
def test_a_card_with_a_number_that_is_not_finite_is_refused(path, number):
    write(path, parameters={"curve": ["here"]})
    path.write_text(path.read_text().replace('"here"', number))
    with pytest.raises(ValueError, match=f"expected finite numbers, got {number}; run"):
        results.read(path)


@pytest.mark.parametrize("field", results.FIELDS.split())
def test_a_missing_field_is_named(path, field):
    card = write(path)
    del card[field]
    path.write_text(json.dumps(card))
    with pytest.raises(ValueError, match=rf"expected an object with {field};"):
        results.read(path)


def test_a_card_has_the_listed_fields_and_no_other(path):
    assert set(write(path)) == set(results.FIELDS.split())


NESTED = "[" * 100_000


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "version https://lfs", NESTED])
def test_what_is_no_card_is_refused_by_name(path, text):
    path.parent.mkdir()
    path.write_text(text)
    with pytest.raises(ValueError, match=r"q1\.json is no valid result card: .*run"):
        results.read(path)


def test_a_missing_card_is_refused_by_name(path):
    with pytest.raises(ValueError, match=r"q1\.json is no valid result card"):
        results.read(path)


def test_weights_of_a_seed_that_was_not_measured_are_not_written(path, weights):
    with pytest.raises(
        ValueError, match=r"weights of seed 3, .*measured are \[0, 1, 2"
    ):
        write(path, weights=(weights, 3, AGAIN))
    assert not path.exists()


def test_weights_that_are_missing_or_not_those_measured_are_refused(path, weights):
    write(path, weights=(weights, 0, AGAIN))
    weights.write_bytes(b"other numbers")
    with pytest.raises(ValueError, match=r"weights\.pkl has another SHA-256"):
        results.read(path)
    weights.unlink()
    with pytest.raises(ValueError, match=rf"weights\.pkl.*run again: {COMMAND}"):
        results.read(path)
