"""The report of CS324: its layers, its results from cards, and what is missing."""

import io
import json
import re
import shutil
import sys

import pytest
import torch
import typst
from pypdf import PdfReader
from torch import nn

from helpers import results
from tools.digest import ROOT

SOLUTIONS = ROOT / "solutions"
COURSE = SOLUTIONS / "sustech_cs324"
IDS = {"ids": "12345678", "names": "Ada King"}
LENGTHS = (3, 5, 9, 12, 40)
HIDDEN = [30, 20, 10]
FLAT = {
    "dnn_hidden_units": ",".join(map(str, HIDDEN)),
    "learning_rate": 0.07,
    "max_epochs": 6,
    "batch_size": 500,
    "weight_decay": 0.03,
    "label_smoothing": 0.2,
    "dropout": 0.25,
    "validation": 4000,
}
TABLE = ["in %, mean of five seeds\n", "moons 12.3 (0.4)\n"]
# A picture of one pixel.
DOT = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNoAAAAggCBd81ytgAAAABJRU5E"
    "rkJggg==\n"
)
STEPS = {"max_steps": 5000, "batch_size": 32, "eval_freq": 1000, "validation": 2000}
EXPECTED = {
    "cifar10-mlp": [
        "3 hidden layers: 500 images 𝑋 of shape (500, 3,072) meet a matrix that, "
        "transposed, is (3,072, 30)",
        "silences 25 % of the hidden units",
        "label smoothing 0.2, the optimizer is AdamW with weight decay 0.03",
        "rises to 0.07 in the first tenth",
        "over 6 epochs",
        "4,000 of the 50,000 training images",
        "The test accuracy is 71.00 %, the mean of 3 seeds, with a standard deviation "
        "of 1.00 points: seed 0: 70.00 %, seed 1: 71.00 %, seed 2: 72.00 %",
        "vote (itself and its mirror image, moved by no or one pixel each way), it is "
        "74.00 %",
        "ended at 69.24 % in validation, the one with it at 70.00 %",
        "77.90 % without and 66.00 % with it",
    ],
    "cnn-plain-1e-4": ["Adam, 10−4 80.10 % 0.10 points 3 5,000 of 32 71.00 %"],
    "cnn-plain-1e-3": ["Adam, 10−3 83.10 % 0.10 points 3 5,000 of 32 71.00 %"],
    "cnn-long-1e-4": ["six times as long 85.00 % 1 5,000 of 32 71.00 %"],
    "cnn-long-1e-3": ["six times as long 86.00 % 1 5,000 of 32 71.00 %"],
    "cnn": ["one cycle, augmented 92.10 % 0.10 points 3 5,000 of 32 71.00 %"],
    "cnn-averaged": ["from there on, mean of weights 93.00 % 1 5,000 of 32 71.00 %"],
    "palindromes-five": [
        "the accuracy is 99.80 % after 900 epochs, the mean of 5 seeds, with a "
        "standard deviation of 0.16 points. The lowest seed has 99.60 %"
    ],
}
ALL = [*EXPECTED, "palindromes-defaults", "palindromes-best"]


def write_card(folder, name, seeds, parameters):
    """seeds: what each has besides its number and its seconds."""
    results.write(
        folder / f"cards/{name}.json",
        document="sustech_cs324",
        question="iii-2-lengths",
        metric="accuracy",
        command="python recipe.py",
        parameters=parameters,
        data={},
        seeds=[{"seed": i, "seconds": 9.0, **each} for i, each in enumerate(seeds)],
        packages=("torch",),
    )


def flat_seeds(**curves):
    rise = {
        "accuracy": [0.4, 0.5, 0.55, 0.6, 0.65, 0.7],
        "train_accuracy": [0.3, 0.4, 0.45, 0.5, 0.55, 0.66],
        "loss": [2.0, 1.8, 1.6, 1.4, 1.2, 1.0],
        "train_loss": [2.1, 1.9, 1.7, 1.5, 1.3, 1.1],
    } | curves
    return [
        {"value": value, "vote": value + 0.03, "curves": rise}
        for value in (0.70, 0.71, 0.72)
    ]


def convolved(value, count, first=0.35, last=0.9):
    curves = {
        "train_accuracy": [0.3, 0.4, 0.5, 0.6, 0.71],
        "accuracy": [first, 0.45, 0.52, 0.61, 0.68],
        "train_loss": [1.9, 1.5, 1.2, 1.0, 0.8],
        "loss": [1.8, 1.4, 1.3, 1.1, last],
    }
    return [{"value": value + i / 1000, "curves": curves} for i in range(count)]


def by_length(far, lengths):
    """Right up to length far, then at chance; the seeds are 0.1 points apart."""
    return [
        {
            "value": 0.5,
            "lengths": {n: (0.99 if n <= far else 0.1) + i / 1000 for n in lengths},
        }
        for i in range(5)
    ]


@pytest.fixture
def course(tmp_path):
    """The report in a folder with invented cards, below what all reports share."""
    shutil.copy(SOLUTIONS / "report.typ", tmp_path)
    shutil.copy(SOLUTIONS / "questions.yml", tmp_path)
    folder = tmp_path / "sustech_cs324"
    (folder / "part1").mkdir(parents=True)
    shutil.copytree(COURSE / "report", folder / "report")
    shutil.copy(COURSE / "part1/cifar10_tried.json", folder / "part1")
    outputs = [{"text": TABLE}, {"data": {"image/png": DOT}}]
    cells = [{"source": ""}, {"outputs": outputs}]
    (folder / "part1/task2.ipynb").write_text(json.dumps({"cells": cells}))
    write_card(folder, "cifar10-mlp", flat_seeds(), FLAT)
    for name, value, count in (
        ("cnn-plain-1e-4", 0.8, 3),
        ("cnn-plain-1e-3", 0.83, 3),
        ("cnn-long-1e-4", 0.85, 1),
        ("cnn-long-1e-3", 0.86, 1),
        ("cnn", 0.92, 3),
        ("cnn-averaged", 0.93, 1),
    ):
        first = 0.37 if name == "cnn-plain-1e-4" else 0.35
        last = 1.3 if "long" in name else 0.9
        steps = STEPS | ({"average": 40} if name == "cnn-averaged" else {})
        seeds = convolved(value, count, first, last)
        if name == "cnn-averaged":
            seeds[0]["mean_accuracy"] = 0.74
        write_card(folder, name, seeds, steps)
    five = [{"value": 1 - seed / 1000} for seed in range(5)]
    write_card(folder, "palindromes-five", five, {"max_epoch": 900})
    slow = {"steps": 3000, "length": 20}
    write_card(folder, "palindromes-defaults", by_length(9, LENGTHS), slow)
    far = slow | {"max_norm": 2.5, "curriculum": 7, "growth": 4}
    far |= {"learning_rate": 0.0007}
    write_card(folder, "palindromes-best", by_length(60, (*LENGTHS, 60, 100)), far)
    return folder


def made(folder, cards, format="pdf"):
    return typst.compile(
        folder / "report/report.typ",
        root=folder.parent,
        ignore_system_fonts=True,
        sys_inputs=IDS | {"cards": " ".join(cards)},
        format=format,
    )


def compiled(folder, cards):
    return PdfReader(io.BytesIO(made(folder, cards)))


def text(reader):
    return squeezed("".join(page.extract_text() for page in reader.pages))


def squeezed(words):
    """Without spaces and hyphens, which readers of a PDF have to guess."""
    return re.sub(r"[\s\xad-]", "", words)


# Structure


@pytest.fixture
def networks(monkeypatch):
    """One image or point for each network, and the network."""
    names = ("pytorch_mlp", "cifar10_mlp", "cnn_model", "vanilla_rnn")
    for part in ("part1", "part2", "part3"):
        monkeypatch.syspath_prepend(str(COURSE / part))
    import cifar10_mlp
    import cnn_model
    import pytorch_mlp
    import vanilla_rnn

    yield {
        "points": (torch.zeros(3, 2), pytorch_mlp.MLP(2, [20], 2)),
        "flat": (torch.zeros(3, 3072), cifar10_mlp.MLP(3072, HIDDEN, 10, 0.25)),
        "cnn": (torch.zeros(3, 3, 32, 32), cnn_model.CNN(3, 10)),
        "rnn": (torch.zeros(3, 4, 1), vanilla_rnn.VanillaRNN(4, 1, 128, 10)),
    }
    for name in names:
        sys.modules.pop(name, None)


def name_of(layer):
    match layer:
        case nn.Linear():
            return "linear" + ("" if layer.bias is not None else ", no bias")
        case nn.Conv2d():
            return "convolution 3×3"
        case nn.MaxPool2d():
            return "max pooling 3×3"
        case nn.BatchNorm1d() | nn.BatchNorm2d():
            return "batch normalization"
    return {"ReLU": "ReLU", "GELU": "GELU, dropout"}[type(layer).__name__]


def shown(*sizes):
    return "(" + ", ".join(map(str, sizes)) + ")"


def row(layer, before, after):
    """A layer as the report has to list it, without its name."""
    sizes = [tuple(each.shape) for each in layer.parameters()]
    count = sum(each.numel() for each in layer.parameters())
    listed = "".join(shown(*size) for size in sizes) + (f"{count:,}" if count else "")
    return listed + shown("n", *before.shape[1:]) + shown("n", *after.shape[1:])


def rows(x, network, skipped):
    """The rows of a network's table, by what its layers are handed."""
    found = []

    def see(layer, inputs, output):
        if not isinstance(layer, skipped):
            found.append(name_of(layer) + row(layer, inputs[0], output))

    for layer in network.modules():
        if not list(layer.children()):
            layer.register_forward_hook(see)
    network(x)
    return found


@pytest.mark.parametrize(
    ("name", "skipped", "total"),
    [
        ("points", (), 102),
        ("flat", (nn.Dropout,), 93_190),
        ("cnn", (nn.ReLU,), 9_231_114),
    ],
)
def test_each_layer_has_its_parameters_its_input_and_its_output(
    course, networks, name, skipped, total
):
    listed = "".join(rows(*networks[name], skipped)) + f"all{total:,}"
    assert squeezed(listed) in text(compiled(course, ALL))
    assert total == sum(each.numel() for each in networks[name][1].parameters())


def test_the_recurrent_network_is_listed_with_one_bias_an_equation(course, networks):
    said = text(compiled(course, ALL))
    _, network = networks["rnn"]
    x, h = torch.zeros(3, 1), torch.zeros(3, 128)
    for layer, before in ((network.W_hx, x), (network.W_hh, h), (network.W_ph, h)):
        assert squeezed(row(layer, before, layer(before))) in said
    assert "all17,930" in said
    assert squeezed("as a one-hot row (𝑑 = 10) makes it 19,082") in said


# Results


@pytest.mark.parametrize("card", EXPECTED)
def test_every_number_comes_from_its_card(course, card):
    said = text(compiled(course, ["cifar10-mlp", card]))
    assert [words for words in EXPECTED[card] if squeezed(words) not in said] == []


def test_two_cards_are_compared(course):
    said = text(compiled(course, ALL))
    rates = "the test accuracy of the rate 10−3 is 3.00 points higher than that of 10−4"
    assert squeezed(rates) in said
    for words in (
        "5,000 of 32 are 3.3 passes over 48,000 images",
        "after 1000 steps it reads 37.00 % of the held-out images, the larger one 35.",
        "At the end they read 68.00 % and 68.00 % of them, and of the training images "
        "of the last 1000 steps 3.00 points and 3.00 points more",
        "the mean of the weights after every 40 of them. It reads 93.00 % of the test "
        "images; the handed-in weights read 92.00 %",
        "the mean reads 74.00 %, and the last of the weights on the way 68.00 %",
        "training accuracy in the table is that of the weights on the way, not of",
    ):
        assert squeezed(words) in said


def test_each_length_has_mean_lowest_and_highest_of_both_recipes(course):
    said = text(compiled(course, ALL))
    right, chance = "99.20%99.00%to99.40%", "10.20%10.00%to10.40%"
    rows = [f"{n}{right}{right if n <= 9 else chance}" for n in LENGTHS]
    assert "".join(rows) + f"60{right}100{chance}" in said
    assert "bestrecipeseedsdefaultsseeds3" in said
    for words in (
        "The mean is at least 95 % at every length up to 9. At 𝑇 = 12 it is 10.20 %, "
        "the seeds reach from 10.00 % to 10.40 %.",
        "The mean is at least 95 % at every length up to 60. At 𝑇 = 100 it is 10.20 %",
        "a learning rate of 0.0007, the gradient clipped at 2.5",
        "begins with length 7 and adds 4 digits",
    ):
        assert squeezed(words) in said


def test_one_recipe_is_shown_while_the_other_is_missing(course):
    said = text(compiled(course, ["cifar10-mlp", "palindromes-defaults"]))
    assert "defaultsseeds399.20%99.00%to99.40%5" in said
    assert "Bestrecipe.Missing:" in said
    assert squeezed("every length up to 9. At 𝑇 = 12 it is 10.20 %") in said


@pytest.mark.parametrize("card", [name for name in ALL if name != "cifar10-mlp"])
def test_a_result_without_its_card_is_missing_and_has_no_number(course, card):
    said = text(compiled(course, [name for name in ALL if name != card]))
    assert [each for each in EXPECTED.get(card, []) if squeezed(each) in said] == []
    assert f"cards/{squeezed(card)}.json" in said or "missing" in said


def test_nothing_is_missing_with_all_cards_and_all_without_them(course):
    assert "issing" not in text(compiled(course, ALL))
    said = text(compiled(course, ["cifar10-mlp"]))
    assert said.count("missing") == 6  # the set-ups of part II
    assert said.count("Missing:notmeasuredyet;itcomeswith") == 6
    for name in EXPECTED:
        found = [squeezed(each) in said for each in EXPECTED[name]]
        assert any(found) == (name == "cifar10-mlp")


def test_who_does_not_say_what_cards_there_are_gets_no_report(course):
    with pytest.raises(typst.TypstError, match="name the cards that are there"):
        typst.compile(course / "report/report.typ", root=course.parent)


@pytest.mark.parametrize(
    "curves",
    [
        {"loss": [2.0, 1.8, 1.0, 1.02, 1.03, 1.05]},  # overfitted
        {"accuracy": [0.4, 0.5, 0.6, 0.68, 0.69, 0.7]},  # no gain at the end
        {"accuracy": [0.4, 0.5, 0.55, 0.6, 0.65, 0.69]},  # below the first version
        {"train_accuracy": [0.4, 0.5, 0.55, 0.6, 0.65, 0.78]},  # above it in training
    ],
)
def test_a_sentence_that_the_cards_do_not_bear_out_stops_the_compiler(course, curves):
    write_card(course, "cifar10-mlp", flat_seeds(**curves), FLAT)
    with pytest.raises(typst.TypstError, match="no longer bear out a sentence"):
        compiled(course, ALL)


@pytest.mark.parametrize("slip", [{"first": 0.34}, {"last": 1.35}])
def test_what_is_said_of_the_two_rates_is_held_to_the_cards(course, slip):
    seeds = convolved(0.8, 3, **{"first": 0.37} | slip)
    write_card(course, "cnn-plain-1e-4", seeds, STEPS)
    with pytest.raises(typst.TypstError, match="no longer bear out a sentence"):
        compiled(course, ALL)


def test_that_longer_training_overfits_is_held_to_the_cards(course):
    write_card(
        course, "cnn-long-1e-3", convolved(0.86, 1), STEPS
    )  # its loss still falls
    with pytest.raises(typst.TypstError, match="no longer bear out a sentence"):
        compiled(course, ALL)


@pytest.mark.parametrize(
    ("name", "far"),
    [("defaults", 100), ("best", 9), ("defaults", 12)],
)
def test_what_is_said_of_the_lengths_is_held_to_the_cards(course, name, far):
    card = results.read(course / f"cards/palindromes-{name}.json")
    seeds = by_length(far, (*LENGTHS, 60, 100))
    if far == 12:  # above chance behind the first length that fails
        seeds[0]["lengths"][60] = 0.13
    write_card(course, f"palindromes-{name}", seeds, card["parameters"])
    with pytest.raises(typst.TypstError, match="no longer bear out a sentence"):
        compiled(course, ALL)


def lines(folder):
    """The lines of all plots, by color and dashes: their paths."""
    found = {}
    for page in made(folder, ALL, "svg"):
        for tag in re.findall(r'<path[^>]*stroke-width="1.3"[^>]*>', page.decode()):
            line = dict(re.findall(r'([\w-]+)="([^"]*)"', tag))
            style = line["stroke"], bool(line.get("stroke-dasharray"))
            found.setdefault(style, []).append(line["d"])
    return found


BLUE, ORANGE, GRAY = ("#0072b2", False), ("#d55e00", True), ("#808080", True)


def test_the_curves_of_each_kind_have_a_color_and_dashes_of_their_own(course):
    found = lines(course)
    # Curves of the MLP, of three set-ups in accuracy and loss, of the lengths, and
    # each a second time in a legend.
    assert {style: len(paths) for style, paths in found.items()} == {
        BLUE: 16,
        ORANGE: 16,
        GRAY: 2,
    }


@pytest.mark.parametrize(
    ("card", "curve", "style"),
    [
        ("cifar10-mlp", "accuracy", BLUE),
        ("cifar10-mlp", "train_accuracy", ORANGE),
        ("cnn", "accuracy", BLUE),
        ("cnn", "train_loss", ORANGE),
        ("cnn-plain-1e-3", "loss", BLUE),
    ],
)
def test_a_value_that_changes_bends_the_line_of_its_kind(course, card, curve, style):
    before = lines(course)
    seeds = results.read(course / f"cards/{card}.json")
    kept = [{k: each[k] for k in ("value", "curves")} for each in seeds["seeds"]]
    for seed, each in zip(kept, seeds["seeds"], strict=True):
        seed |= {"vote": each.get("vote", 0)}
        seed["curves"][curve][2] += 0.005
    write_card(course, card, kept, seeds["parameters"])
    after = lines(course)
    assert [each for each in before if before[each] != after[each]] == [style]


def test_what_is_said_of_the_last_two_set_ups_is_in_their_cards():
    said = text(compiled(COURSE, [path.stem for path in COURSE.glob("cards/*.json")]))
    for words in (
        "The last two set-ups take what the sheet doesn't ask for: AdamW, label "
        "smoothing, and images that are mirrored, moved and cut. The first of them has "
        "a learning rate that rises and falls; the last goes on from its weights, at a "
        "constant one.",
        "The training losses of the last two set-ups contain the label smoothing",
    ):
        assert squeezed(words).replace("'", "’") in said.replace("'", "’")
    schedules = {}
    for path in COURSE.glob("cards/cnn*.json"):
        of = results.read(path)["parameters"]
        if of["optimizer"] == "ADAMW":
            assert of["label_smoothing"] and of["flip"] and of["shift"] and of["cutout"]
            schedules[path.stem] = of["schedule"]
        else:
            assert not of["label_smoothing"] and of["schedule"] == "constant"
    assert schedules == {"cnn": "one-cycle", "cnn-averaged": "constant"}


def test_the_line_of_chance_does_not_strike_through_its_name(course):
    heights = {}  # of the first words that read so
    [page] = [
        page
        for page in compiled(course, ALL).pages
        if "Accuracy on held-out palindromes against" in page.extract_text()
    ]
    page.extract_text(
        visitor_text=lambda words, place, *_: heights.setdefault(
            words.strip(), place[5]
        )
    )
    twenty, hundred, name = (heights[each] for each in ("20", "100", "chance"))
    chance = twenty - (hundred - twenty) / 8  # 10 %
    assert abs(name - chance) > 12 and twenty < name < hundred


def test_the_axes_name_steps_and_lengths(course):
    said = text(compiled(course, ALL))
    assert "1,0002,0003,0004,0005,000" in said
    assert "".join(map(str, (*LENGTHS, 60, 100))) in said
    assert "lengthT" in said or "length𝑇" in said


def test_what_the_report_says_of_the_programs_is_in_them(course):
    said = text(compiled(course, ALL))
    for program, sentence, code in (
        ("part1/cifar10_train.py", "in the first tenth of the steps", "pct_start=0.1"),
        ("part1/cifar10_train.py", "norm is clipped at 1", "model.parameters(), 1)"),
        ("part1/cifar10_train.py", "18 views of each image vote", "np.ndindex(3, 3)"),
        ("part1/task2.ipynb", "20 samples a step", r"\"batch_size\": 20"),
        ("part1/task2.ipynb", "learning rate 0.2", r"\"learning_rate\": 0.2"),
        ("part1/task2.ipynb", "60 epochs, 20 hidden", r"\"max_steps\": 60"),
        ("part1/task2.ipynb", "within 10−10 of each other", "apart < 1e-10"),
        ("part2/recipe.py", "1,000 training images held out", '"validation": 1000'),
        ("part2/recipe.py", "multiplied in 16 bits", '"precision": "bfloat16"'),
        ("part3/train.py", "falls to 0 along a cosine", "CosineAnnealingLR(optimizer,"),
        (
            "part3/lengths.py",
            "98 % of the palindromes of 50 batches",
            "if right.min() > 0.98",
        ),
        ("part3/lengths.py", "palindromes of 50 batches", "LOOK = 50"),
        ("part3/lengths.py", "a fifth of all there are", "DIGITS**self.half // 5"),
        ("part3/lengths.py", "from 𝑇 = 9 on 10,000", "HELD_OUT = 10_000"),
        ("part3/recipe.py", "each with 3,000 batches", 'DEFAULTS = {"steps": 3000}'),
        ("part3/recipe.py", "one-hot digits", '"one_hot": True, "init": "orthogonal"'),
    ):
        assert squeezed(sentence) in said, sentence
        assert code in (COURSE / program).read_text("utf-8"), code


def test_names_and_ids_are_filled_in_and_no_date_is(course):
    reader = compiled(course, ALL)
    assert "Fullname:AdaKingID:12345678" in text(reader)
    assert "/CreationDate" not in reader.metadata
    assert reader.metadata.title == "CS324 Deep Learning, Assignment 2"


def test_every_part_has_structure_procedure_and_results(course):
    titles = [
        each.title if not isinstance(each, list) else [inner.title for inner in each]
        for each in compiled(course, ALL).outline
    ]
    sections = ["Structure", "Training procedure", "Results"]
    assert titles[1::2] == [sections] * 3
    assert [title.partition(":")[0] for title in titles[::2]] == [
        "Part I",
        "Part II",
        "Part III",
    ]


def test_the_report_compiles_with_the_cards_that_are_there():
    cards = [path.stem for path in COURSE.glob("cards/*.json")]
    said = text(compiled(COURSE, cards))
    for path in COURSE.glob("cards/cnn*.json"):
        assert f"cards/{path.name}" not in said
    assert ("issing" in said) == (not {*ALL} <= {*cards})
