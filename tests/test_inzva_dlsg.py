"""The inzva project: the template's contract, and the slips that its copies make."""

import importlib.util
import inspect
import itertools
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn
from torch.utils.data import DataLoader, Dataset, TensorDataset
from torchvision.datasets import CIFAR10

from helpers import data, results

COURSE = Path(__file__).parents[1] / "solutions/inzva_dlsg"
MODULES = ["main", "training", "testing"]
MODULES += ["utils.model", "utils.data_utils", "utils.viz_utils"]
CLASSES = ["plane", "car", "bird", "cat", "deer", "dog", "frog", "horse", "ship"]
CLASSES += ["truck"]
CPU = torch.device("cpu")
REAL = pytest.mark.skipif(not data.available("cifar10"), reason="needs CIFAR-10")


def imported():
    """The modules of the zip by their last names; no other test gets to see them."""
    sys.path.insert(0, str(COURSE))
    try:
        found = {name.split(".")[-1]: importlib.import_module(name) for name in MODULES}
        return SimpleNamespace(**found)
    finally:
        sys.path.remove(str(COURSE))
        for name in [*MODULES, "utils"]:
            sys.modules.pop(name, None)


program = imported()


def beside(name):
    """The recipe or the course, which are no part of the zip."""
    spec = importlib.util.spec_from_file_location(
        f"inzva_{name}", COURSE / f"{name}.py"
    )
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Drawn(Dataset):
    """In CIFAR10's place: training images are dark, and test images are bright."""

    base_folder = CIFAR10.base_folder

    def __init__(self, root, train, download, transform):
        rng = np.random.default_rng(train)
        low, count = (0, 400) if train else (200, 100)
        self.pixels = rng.integers(low, low + 50, (count, 32, 32, 3), dtype=np.uint8)
        self.transform = transform

    def __len__(self):
        return len(self.pixels)

    def __getitem__(self, index):
        return self.transform(Image.fromarray(self.pixels[index])), index % 10


@pytest.fixture
def drawn(monkeypatch, tmp_path):
    """Drawn images for the program, which is called from an empty folder."""
    monkeypatch.setattr(program.data_utils, "CIFAR10", Drawn)
    (tmp_path / "data" / CIFAR10.base_folder).mkdir(parents=True)
    monkeypatch.setenv("DL_DATA", str(tmp_path / "data"))
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    return tmp_path / "empty"


@pytest.fixture
def untrained(drawn, monkeypatch):
    """The arguments that main gives train_model, which does nothing."""
    given = {}

    def look(*arguments):
        given.update(zip(names, arguments, strict=True))
        Path("models").mkdir(exist_ok=True)
        return [1.0], [1.0]

    names = inspect.signature(program.training.train_model).parameters
    monkeypatch.setattr(program.main, "train_model", look)
    return given


def pairs(count, seed=0):
    """Images with labels, as a set."""
    generator = torch.Generator().manual_seed(seed)
    images = torch.rand(count, 3, 32, 32, generator=generator) * 2 - 1
    return TensorDataset(images, torch.arange(count) % 10)


class Small(nn.Module):
    """A network that trains in no time."""

    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(3072, 10)

    def forward(self, x):
        return self.fc(x)


# The contract


@pytest.mark.parametrize(
    ("module", "name", "signature"),
    [
        (
            "training",
            "train_model",
            "model, device, epochs, loss_fn, optimizer, train_loader, val_loader",
        ),
        ("testing", "test_model", "device, test_loader"),
        ("model", "NeuralNet", "input_size, num_classes, method='random_normal'"),
        ("data_utils", "transform_cifar10", ""),
        ("data_utils", "split_testset", "test_set, test_size=0.5"),
        ("data_utils", "get_train_and_test_set", ""),
        ("data_utils", "get_trainloader", "train_set, batch_size"),
        ("data_utils", "get_testloader", "test_set, test_indices, batch_size"),
        ("data_utils", "get_validationloader", "test_set, val_indices, batch_size"),
        ("viz_utils", "imshow", "img"),
        (
            "viz_utils",
            "visualize_predictions",
            "images, predicted, actual, idx, classes, num_images=5",
        ),
        ("viz_utils", "visualize_train_val_losses", "train_losses, val_losses"),
    ],
)
def test_names_and_signatures_are_those_of_the_template(module, name, signature):
    found = inspect.signature(getattr(vars(program)[module], name))
    assert str(found) == f"({signature})"
    assert getattr(vars(program)[module], name).__doc__


def test_main_can_be_called_without_arguments():
    for parameter in inspect.signature(program.main.main).parameters.values():
        assert parameter.default is None


def test_the_network_is_the_one_issued():
    model = program.model.NeuralNet(3072, 10)
    widths = [getattr(model, f"fc{i}").out_features for i in range(1, 7)]
    assert widths == [800, 512, 456, 256, 100, 10]
    assert sum(p.numel() for p in model.parameters()) == 3_246_142


def test_the_layers_are_passed_in_the_order_of_the_docstring():
    model = program.model.NeuralNet(3072, 10, method="kaiming")
    layers = [getattr(model, f"fc{i}") for i in range(1, 7)]
    x = torch.randn(3, 3072)
    out = x
    for layer in layers[:-1]:
        out = layer(out).clamp(min=0)
    assert torch.equal(model(x), layers[-1](out))


def test_everything_runs_from_an_empty_folder_and_says_the_accuracy(drawn, capsys):
    found = program.main.main(["--quick", "--epochs", "2"])
    said = capsys.readouterr().out
    assert f"{100 * found['test_accuracy']:.2f} %" in said.splitlines()[-1]
    assert said.count("Step [1/1]") == 2
    assert said.count("Validation Accuracy") == 2
    assert "Number of validation samples: 4\n" in said
    assert "Number of test samples: 10\n" in said
    assert json.loads(Path("models/history.json").read_text()) == found
    assert len(found["train_losses"]) == len(found["val_losses"]) == 2
    for name in ("models/cifar10_model.pt", "figures/train_val_loss.jpg"):
        assert Path(name).stat().st_size
    assert Path("figures/prediction_0.jpg").stat().st_size


def test_the_same_seed_gives_the_same_weights_and_another_gives_others(drawn):
    def weights(seed):
        program.main.main(["--seed", seed, "--epochs", "1", "--no-test"])
        return torch.load("models/cifar10_model.pt", weights_only=True)["fc1.weight"]

    first = weights("0")
    assert torch.equal(first, weights("0"))
    assert not torch.equal(first, weights("1"))


def test_bfloat16_trains_nearly_the_same(drawn):
    losses = []
    for more in ([], ["--bfloat16"]):
        found = program.main.main(["--epochs", "1", "--no-test", *more])
        losses.append(found["train_losses"][0])
    assert losses[0] != losses[1]
    assert losses == pytest.approx([losses[0]] * 2, rel=0.02)


def test_the_learning_rate_rises_and_falls_and_with_plain_stays(drawn, monkeypatch):
    rates = []

    def look(model, device, epochs, loss_fn, optimizer, train_loader, val_loader):
        optimizer.register_step_pre_hook(
            lambda *_: rates.append(optimizer.param_groups[0]["lr"])
        )
        return train(
            model, device, epochs, loss_fn, optimizer, train_loader, val_loader
        )

    train = program.training.train_model
    monkeypatch.setattr(program.main, "train_model", look)
    program.main.main(["--epochs", "4", "--no-test"])
    assert len(rates) == 8
    assert max(rates[1:-1]) == pytest.approx(1e-3, rel=0.1)
    assert rates[0] < 1e-4
    assert rates[-1] < 1e-6
    rates.clear()
    program.main.main(["--epochs", "1", "--no-test", "--plain"])
    assert rates == [3e-4] * 4


@pytest.mark.parametrize(
    ("flags", "word"),
    [(["--epochs", "0"], "less than 1"), (["--device", "abacus"], "can't be used")],
)
def test_odd_options_are_refused_with_one_line(flags, word, capsys):
    with pytest.raises(SystemExit):
        program.main.parse(flags)
    assert word in capsys.readouterr().err.splitlines()[-1]


# The slips of the template, its key and its copies


def test_no_test_image_is_trained_on_or_validated_on(untrained, monkeypatch):
    tested = []
    monkeypatch.setattr(program.main, "test_model", lambda _, it: tested.append(it))
    program.main.main(["--epochs", "1", "--no-augment"])
    train, val, test = (
        torch.cat([images for images, _ in loader]).flatten(1)
        for loader in (untrained["train_loader"], untrained["val_loader"], *tested)
    )
    assert (len(train), len(val), len(test)) == (360, 40, 100)
    assert train.max() < 0 < test.min()
    assert val.max() < 0
    assert not set(map(tuple, train.tolist())) & set(map(tuple, val.tolist()))


def test_a_split_is_disjoint_whole_and_always_the_same():
    val, test = program.data_utils.split_testset(range(101))
    assert sorted(val + test) == list(range(101))
    assert len(test) == 51
    assert (val, test) == program.data_utils.split_testset(range(101))


@pytest.mark.parametrize(
    ("method", "std"),
    [
        ("random_normal", 0.01),
        ("kaiming", (2 / 800) ** 0.5),
        ("xavier", (2 / (800 + 512)) ** 0.5),
    ],
)
def test_the_method_of_initialization_is_applied(method, std):
    weights = program.model.NeuralNet(3072, 10, method).fc2.weight
    assert weights.std().item() == pytest.approx(std, rel=0.02)
    uniform = weights.abs().max().item() < 2 * std
    assert uniform == (method != "random_normal")


def test_an_unknown_method_is_refused():
    with pytest.raises(ValueError, match="got 'he'"):
        program.model.NeuralNet(3072, 10, "he")


def test_main_starts_with_logits_that_differ_between_images(untrained):
    """With a standard deviation of 0.01 they agree to four digits."""
    program.main.main(["--epochs", "1", "--no-test"])
    x = torch.randn(200, 3072)
    assert program.model.NeuralNet(3072, 10)(x).std(dim=0).mean() < 1e-3
    assert untrained["model"](x).std(dim=0).mean() > 0.3


def test_logits_can_be_negative():
    logits = program.model.NeuralNet(3072, 10, "kaiming")(torch.randn(100, 3072))
    assert (logits < 0).any()
    assert (logits != 0).all()


def test_what_is_saved_is_what_is_tested_and_no_pickled_object(drawn):
    torch.manual_seed(0)
    model = program.model.NeuralNet(3072, 10, "kaiming")
    program.training.save(model)
    state = torch.load("models/cifar10_model.pt", weights_only=True)
    assert all(map(torch.is_tensor, state.values()))
    some = pairs(50)
    images, labels = some.tensors
    with torch.no_grad():
        guesses = model(images.flatten(1)).argmax(dim=1)
    accuracy = program.testing.test_model(CPU, DataLoader(some, batch_size=20))
    assert accuracy == (guesses == labels).double().mean()


def test_an_interrupted_save_leaves_the_old_weights(drawn, monkeypatch):
    program.training.save(Small())
    before = Path("models/cifar10_model.pt").read_bytes()
    monkeypatch.setattr(torch, "save", lambda state, path: path.write_bytes(b"half"))
    monkeypatch.setattr(Path, "replace", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        program.training.save(Small())
    assert Path("models/cifar10_model.pt").read_bytes() == before


def test_a_full_disk_is_said_and_leaves_no_part(drawn, monkeypatch):
    def full(state, path):
        path.write_bytes(b"PK")
        raise RuntimeError("unexpected pos 64 vs 0")  # what torch says then

    monkeypatch.setattr(torch, "save", full)
    with pytest.raises(OSError, match=r"cifar10_model\.pt can't be written"):
        program.training.save(Small())
    assert not list(Path("models").iterdir())


@pytest.mark.parametrize("content", [None, b"", b"text", "other"])
def test_weights_that_are_missing_damaged_or_others_are_refused(drawn, content):
    Path("models").mkdir()
    if content == "other":
        program.training.save(Small())
    elif content is not None:
        Path("models/cifar10_model.pt").write_bytes(content)
    with pytest.raises((OSError, ValueError), match=r"cifar10_model\.pt is") as raised:
        program.testing.load_model(CPU)
    assert "python main.py" in str(raised.value)


def strip(path, count):
    """Parts of the row of images, from left to right."""
    pixels = plt.imread(path).astype(float)
    width = pixels.shape[1] / 5
    return [pixels[:, round(i * width) : round((i + 1) * width)] for i in range(count)]


def test_a_strip_holds_all_of_its_images_where_showing_ends_a_figure(
    drawn, monkeypatch
):
    """As it does in a notebook."""
    monkeypatch.setattr(plt, "show", lambda **_: plt.close("all"))
    images = torch.full((5, 3, 32, 32), -1.0)
    labels = torch.arange(5)
    program.viz_utils.visualize_predictions(images, labels, labels, 3, CLASSES)
    for part in strip("figures/prediction_3.jpg", 5):
        assert (part < 50).mean() > 0.2


def test_titles_lie_within_the_saved_figure(drawn, monkeypatch):
    boxes = []
    save = plt.savefig

    def look(path):
        fig = plt.gcf()
        fig.canvas.draw()
        renderer = fig.canvas.get_renderer()
        boxes.extend(ax.title.get_window_extent(renderer) for ax in fig.axes)
        boxes.append(fig.bbox)
        save(path)

    monkeypatch.setattr(plt, "savefig", look)
    labels = torch.zeros(5, dtype=torch.long)
    program.viz_utils.visualize_predictions(pairs(5)[:][0], labels, labels, 0, CLASSES)
    *titles, figure = boxes
    assert len(titles) == 5
    for box in titles:
        assert figure.x0 <= box.x0 < box.x1 <= figure.x1
        assert figure.y0 <= box.y0 < box.y1 <= figure.y1
    for left, right in itertools.pairwise(titles):
        assert left.x1 <= right.x0


@pytest.mark.parametrize("count", [1, 2, 4])
def test_a_batch_of_fewer_than_five_images_is_drawn(drawn, count):
    """Such are left over of 5,000 by batches of 49 and of 51, at an even place."""
    images, labels = pairs(count).tensors
    program.viz_utils.visualize_predictions(images, labels, labels, 0, CLASSES)
    assert Path("figures/prediction_0.jpg").exists()


def test_every_second_batch_is_drawn(drawn):
    program.training.save(program.model.NeuralNet(3072, 10))
    program.testing.test_model(CPU, DataLoader(pairs(22), batch_size=5))
    assert sorted(path.name for path in Path("figures").iterdir()) == [
        f"prediction_{idx}.jpg" for idx in range(3)
    ]


def test_a_whole_test_makes_few_figures(untrained, monkeypatch):
    tested = []
    monkeypatch.setattr(program.main, "test_model", lambda _, it: tested.append(it))
    program.main.main(["--epochs", "1"])
    assert 10_000 / tested[0].batch_size / 2 <= 5


def test_titles_say_what_is_predicted_and_what_is_true(drawn, monkeypatch):
    titles = []
    monkeypatch.setattr(plt, "title", titles.append)
    said, true = torch.tensor([0, 9]), torch.tensor([1, 8])
    program.viz_utils.visualize_predictions(pairs(2)[:][0], said, true, 0, CLASSES)
    assert titles == ["Predicted: plane\nActual: car", "Predicted: truck\nActual: ship"]


def test_a_drawn_image_is_the_original():
    pixels = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    transformed = program.data_utils.transform_cifar10()(Image.fromarray(pixels))
    assert transformed.min() < -0.9
    for img in (transformed, transformed.flatten()):
        plt.figure()
        program.viz_utils.imshow(img)
        [shown] = plt.gca().images
        np.testing.assert_allclose(shown.get_array(), pixels / 255, atol=1e-6)
        plt.close()


def test_the_figure_of_losses_has_both_curves_their_labels_and_its_size(
    drawn, monkeypatch
):
    found = {}

    def look(path):
        [ax] = plt.gcf().axes
        found["size"] = tuple(plt.gcf().get_size_inches())
        found["labels"] = ax.get_xlabel(), ax.get_ylabel()
        found["curves"] = [list(line.get_ydata()) for line in ax.lines]
        found["epochs"] = list(ax.lines[0].get_xdata())

    monkeypatch.setattr(plt, "savefig", look)
    program.viz_utils.visualize_train_val_losses([2.0, 1.0], [2.1, 1.5])
    assert found == {
        "size": (10, 5),
        "labels": ("Epochs", "Loss"),
        "curves": [[2.0, 1.0], [2.1, 1.5]],
        "epochs": [1, 2],
    }


def test_a_step_follows_its_own_gradient(drawn):
    """Gradients kept from the step before, or zeroed too late, give other weights."""
    torch.manual_seed(0)
    model, reference = Small(), Small()
    reference.load_state_dict(model.state_dict())
    loader = DataLoader(pairs(12), batch_size=4)
    loss_fn = nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    program.training.train_model(model, CPU, 2, loss_fn, optimizer, loader, loader)
    for _ in range(2):
        for images, labels in loader:
            loss = loss_fn(reference(images.flatten(1)), labels)
            grads = torch.autograd.grad(loss, list(reference.parameters()))
            with torch.no_grad():
                for param, grad in zip(reference.parameters(), grads, strict=True):
                    param -= 0.1 * grad
    for ours, theirs in zip(model.parameters(), reference.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs)


def test_losses_and_accuracy_are_those_of_all_images_with_a_short_last_batch(
    drawn, capsys
):
    torch.manual_seed(0)
    model, loss_fn = Small(), nn.CrossEntropyLoss()
    train, val = pairs(9, seed=1), pairs(7, seed=2)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.0)
    losses = program.training.train_model(
        model,
        CPU,
        1,
        loss_fn,
        optimizer,
        DataLoader(train, batch_size=4),
        DataLoader(val, batch_size=4),
    )
    for found, some in zip(losses, (train, val), strict=True):
        images, labels = some.tensors
        logits = model(images.flatten(1))
        assert found == pytest.approx([loss_fn(logits, labels).item()], rel=1e-5)
    accuracy = (logits.argmax(dim=1) == labels).double().mean()
    assert f"Validation Accuracy: {accuracy:.2%}" in capsys.readouterr().out


def test_training_trains_and_validation_and_test_evaluate(drawn, monkeypatch):
    modes = []

    class Watched(Small):
        def forward(self, x):
            modes.append(self.training)
            return super().forward(x)

    model, loader = Watched(), DataLoader(pairs(4), batch_size=4)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    program.training.train_model(
        model, CPU, 2, nn.CrossEntropyLoss(), optimizer, loader, loader
    )
    assert modes == [True, False] * 2
    program.training.save(program.model.NeuralNet(3072, 10))
    assert not program.testing.load_model(CPU).training


def test_a_loss_that_is_no_number_stops_training_and_keeps_the_weights(drawn):
    model, loader = Small(), DataLoader(pairs(4), batch_size=4)
    program.training.save(model)
    before = Path("models/cifar10_model.pt").read_bytes()
    optimizer = torch.optim.SGD(model.parameters(), lr=1e38)
    with pytest.raises(ValueError, match="lower the learning rate"):
        program.training.train_model(
            model, CPU, 3, nn.CrossEntropyLoss(), optimizer, loader, loader
        )
    assert Path("models/cifar10_model.pt").read_bytes() == before


# Loaders


def test_the_training_loader_shuffles_anew_and_the_others_do_not():
    some = pairs(64)
    loader = program.data_utils.get_trainloader(some, 10)
    assert isinstance(loader, DataLoader)
    first, second = (torch.cat([images for images, _ in loader]) for _ in range(2))
    assert not torch.equal(first, second)
    assert first.sum() == pytest.approx(second.sum().item(), rel=1e-4)
    for get in ("get_validationloader", "get_testloader"):
        loader = getattr(program.data_utils, get)(some, [5, 3, 8], 2)
        images, labels = map(torch.cat, zip(*loader, strict=True))
        assert torch.equal(images, some.tensors[0][[5, 3, 8]])
        assert labels.tolist() == [5, 3, 8]


def test_augmentation_moves_and_mirrors_each_image_by_itself():
    torch.manual_seed(0)
    image = torch.arange(3 * 32 * 32.0).reshape(1, 3, 32, 32)
    found = program.data_utils.augmented(image.expand(400, -1, -1, -1), furthest=2)
    padded = nn.functional.pad(image, [2] * 4, mode="replicate")[0]
    windows = {}
    for down in range(5):
        for right in range(5):
            window = padded[:, down : down + 32, right : right + 32]
            windows[down, right, False] = window
    image = image.flip(3)
    padded = nn.functional.pad(image, [2] * 4, mode="replicate")[0]
    for down in range(5):
        for right in range(5):
            window = padded[:, down : down + 32, right : right + 32]
            windows[down, right, True] = window
    met = {
        next(key for key, window in windows.items() if torch.equal(each, window))
        for each in found
    }
    assert len(met) == 50


def test_only_training_images_are_augmented(untrained):
    for more in ([], ["--plain"], ["--plain", "--augment"]):
        program.main.main(["--epochs", "1", "--no-test", *more])
        assert untrained["train_loader"].dataset.augment == (more != ["--plain"])
        assert not untrained["val_loader"].dataset.augment


# Data


def test_no_data_and_damaged_data_are_told_apart(monkeypatch, tmp_path):
    monkeypatch.setenv("DL_DATA", str(tmp_path))
    with pytest.raises(FileNotFoundError, match="put the files there"):
        program.data_utils.get_train_and_test_set()
    (tmp_path / CIFAR10.base_folder).mkdir()
    with pytest.raises(ValueError, match="damaged or not whole"):
        program.data_utils.get_train_and_test_set()


def test_data_is_looked_for_beside_the_program_then_downloaded(monkeypatch, tmp_path):
    asked = []

    def look(root, train, download, transform):
        asked.append((Path(root), download))
        if download:
            raise OSError("no network")

    look.base_folder = CIFAR10.base_folder
    monkeypatch.setattr(program.data_utils, "CIFAR10", look)
    monkeypatch.setattr(program.data_utils, "HERE", tmp_path)
    monkeypatch.delenv("DL_DATA", raising=False)
    with pytest.raises(FileNotFoundError, match="no network"):
        program.data_utils.get_train_and_test_set()
    (tmp_path / CIFAR10.base_folder).mkdir()
    program.data_utils.get_train_and_test_set()
    (tmp_path / "data" / CIFAR10.base_folder).mkdir(parents=True)
    program.data_utils.get_train_and_test_set()
    beside, inside = (tmp_path, False), (tmp_path / "data", False)
    assert asked == [(tmp_path / "data", True), beside, beside, inside, inside]


@REAL
def test_python_main_py_runs_from_a_clean_folder_on_the_real_images(tmp_path):
    """Reads all of CIFAR-10 and trains on a tenth of it, so it takes over 5 s."""
    env = os.environ | {"DL_DATA": str(data.root("cifar10")), "MPLBACKEND": "agg"}
    done = subprocess.run(
        [sys.executable, COURSE / "main.py", "--quick"],
        cwd=tmp_path,
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    found = json.loads((tmp_path / "models/history.json").read_text())
    assert found["test_accuracy"] > 0.2
    figures = {path.name for path in (tmp_path / "figures").iterdir()}
    assert figures == {"train_val_loss.jpg", "prediction_0.jpg"}


# The recipe and the zip


def test_logits_that_are_too_sure_get_the_loss_of_their_right_scale():
    generator = torch.Generator().manual_seed(0)
    logits = 2 * torch.randn(20_000, 5, generator=generator)
    labels = torch.multinomial(logits.softmax(dim=1), 1, generator=generator)[:, 0]
    recipe = beside("recipe")
    right = recipe.loss(logits, labels)
    assert recipe.loss(8 * logits, labels) > 2 * right
    for factor in (0.2, 8):
        found = recipe.rescaled_loss(factor * logits, labels)
        assert found == pytest.approx(right, rel=0.003)


def test_a_card_names_the_device_that_main_says(untrained, tmp_path, monkeypatch):
    said = program.main.main(["--epochs", "1", "--no-test", "--device", "cpu"])
    assert said["device"] == "cpu"
    recipe = beside("recipe")
    monkeypatch.setenv("DL_RUNS", str(tmp_path / "runs"))
    monkeypatch.setattr(recipe, "HERE", tmp_path / "inzva_dlsg")
    monkeypatch.setattr(recipe.data, "hashes", lambda name: {name: "0" * 64})
    models = recipe.sweep.folder("inzva_dlsg", "coding", 0) / "models"
    models.mkdir(parents=True), recipe.HERE.mkdir()
    (models / "cifar10_model.pt").write_text("weights")
    run = {"value": 0.5, "seconds": 1.0, "val_accuracy": 0.5, "device": "cuda"}
    recipe.cards({"coding": [run | {"seed": seed} for seed in (0, 1)]})
    card = results.read(recipe.HERE / "cards/coding.json")
    assert card["device"] == "cuda" and "device" not in card["seeds"][0]


def test_the_recipe_trains_as_the_readme_says():
    recipe, readme = beside("recipe"), (COURSE / "README.md").read_text("utf-8")
    card = results.read(COURSE / "cards/coding.json")
    assert card["weights"]["command"] in readme
    assert card["parameters"] == recipe.WANTED["coding"][0]
    assert set(recipe.WANTED) == {path.stem for path in COURSE.glob("cards/*.json")}
    for settings, _ in recipe.WANTED.values():
        program.main.parse(settings["flags"])


def test_the_zip_is_tried_on_drawn_images_where_there_are_no_others(
    monkeypatch, tmp_path
):
    """Starts Python three times, and trains, so it may take over 5 s."""
    course = beside("course")
    for name, source in course.COURSE.files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(COURSE / source, tmp_path / name)
    monkeypatch.setattr(data, "available", lambda name: False)
    cards = [results.read(path) for path in COURSE.glob("cards/*.json")]
    first, second, *rest = course.try_out(tmp_path, tmp_path, cards)
    third, fourth, fifth = rest
    assert "stops and says what to do" in first
    assert "drawn images" in second
    assert "open questions have no file in the zip" in third
    assert fourth.startswith("testing.py says")
    assert "draws both kinds of figures" in fifth
