"""The loop ends where it must, whatever happens on the way, alone or in company."""

import os
import signal
import subprocess
import sys
from copy import deepcopy
from datetime import timedelta
from functools import partial, wraps
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.distributed as dist
from torch import nn
from torch.nn import functional as F
from torch.optim.lr_scheduler import (
    CosineAnnealingLR,
    LambdaLR,
    MultiplicativeLR,
    OneCycleLR,
)

from helpers import augment, data, precision, stand_ins, tensors, training
from tests import POSIX

ROOT = Path(__file__).parents[1]
EPOCHS, BATCH = 3, 16
STEPS = 4  # an epoch; the last batch is a short one
N = STEPS * BATCH - 5


def images(n=N, dtype=torch.float32):
    """Images of two classes, told apart by their mean, with noise."""
    generator = torch.Generator().manual_seed(n)
    labels = torch.arange(n) % 2
    noise = torch.randn(n, 1, 4, 4, generator=generator, dtype=dtype)
    return noise + labels[:, None, None, None] - 0.5, labels


def network(dtype=torch.float32, *between):
    torch.manual_seed(0)
    layers = nn.Flatten(), nn.Linear(16, 8), *between, nn.ReLU(), nn.Linear(8, 2)
    return nn.Sequential(*layers).to(dtype)


def distorted(pictures, labels, rng):
    pictures = augment.shift(augment.flip(pictures, rng), 1, rng)
    return augment.mixup(augment.cutout(pictures, 2, rng), labels, 0.5, rng, 2)


def trained(augmentation=distorted, *, model=None, ema=0.9, **options):
    """The model and the history, without seconds, of a run that uses everything."""
    model = model or network(torch.float32, nn.BatchNorm1d(8), nn.Dropout(0.2))
    optimizer = torch.optim.AdamW(model.parameters(), 0.01)
    scheduler = OneCycleLR(optimizer, 0.05, total_steps=EPOCHS * STEPS)
    options = {"scheduler": scheduler, "clip": 1.0, "label_smoothing": 0.1} | options
    options = {"epochs": EPOCHS, "batch": BATCH, "augment": augmentation} | options
    history = training.fit(model, optimizer, images(), images(40), ema=ema, **options)
    assert len(history.pop("seconds")) == EPOCHS
    return model, history


def assert_same(one, other):
    assert one[1] == other[1]
    weights, expected = (run[0].state_dict() for run in (one, other))
    for name in expected:
        assert torch.equal(weights[name], expected[name]), name


class Killed(Exception):
    pass


def killed_at(step):
    """The same augmentation, until that many batches were made."""
    made = 0

    @wraps(distorted)
    def augmentation(*arguments):
        nonlocal made
        made += 1
        if made > step:
            raise Killed
        return distorted(*arguments)

    return augmentation


def test_it_learns_and_says_how_it_went():
    _, history = trained(None, ema=None)
    assert history["loss"][-1] < history["loss"][0]
    assert history["train_accuracy"][-1] > 0.7
    assert len(history["accuracy"]) == EPOCHS


def test_it_reads_digits():
    images, labels = stand_ins.make("mnist")[0]
    mean = np.float32(0.3)
    digits = tensors.whole(data.Split(images[:2000], labels[:2000], mean, mean))
    train, validation = tensors.split_validation(digits, 500)
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Flatten(), nn.Linear(784, 100), nn.ReLU(), nn.Linear(100, 10)
    )
    optimizer = torch.optim.SGD(model.parameters(), 0.1, 0.9)
    history = training.fit(model, optimizer, train, validation, epochs=5)
    assert history["accuracy"][-1] > 0.75
    assert training.evaluate(model, validation)[1] == max(history["accuracy"])


@pytest.mark.parametrize("terminal", [True, False])
def test_progress_is_shown_in_a_terminal_only(terminal, monkeypatch, capsys):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: terminal)
    trained()
    out, err = capsys.readouterr()
    assert out == "" and (f"{EPOCHS * STEPS}/{EPOCHS * STEPS}" in err) == terminal


@pytest.mark.parametrize("step", [1, STEPS - 1, STEPS, STEPS + 2, EPOCHS * STEPS - 1])
def test_a_killed_run_ends_like_an_uninterrupted_one(step, tmp_path, monkeypatch):
    monkeypatch.setattr(training, "SAVE_EVERY", 0)
    file = tmp_path / "folder" / "run.pt"
    with pytest.raises(Killed):
        trained(killed_at(step), checkpoint=file)
    torch.manual_seed(9)  # whatever else happened in between
    went_on = trained(killed_at(EPOCHS * STEPS - step), checkpoint=file)
    assert_same(went_on, trained())
    assert_same(trained(killed_at(0), checkpoint=file), went_on)  # nothing left to do
    assert [each.name for each in file.parent.iterdir()] == ["run.pt"]


def test_every_batch_of_every_epoch_is_augmented_by_draws_of_its_own():
    draws, pixels = [], []

    def see(pictures, labels, rng):
        draws.append(rng.random())
        pixels.append(pictures.flatten()[0].item())
        return pictures, labels

    trained(see)
    assert len(set(draws)) == EPOCHS * STEPS
    assert pixels[:STEPS] != pixels[STEPS : 2 * STEPS]  # in another order


def test_a_model_in_evaluation_mode_is_trained_all_the_same():
    model = network(torch.float32, nn.BatchNorm1d(8), nn.Dropout(0.2)).eval()
    assert_same(trained(model=model), trained())


def test_the_model_is_left_as_it_was_validated():
    model, history = trained(model=network(torch.float32, nn.Dropout(0.9)))
    logits, labels = model(images(40)[0]), images(40)[1]
    loss = F.cross_entropy(logits, labels).item()
    best = np.argmax(history["accuracy"])
    assert not model.training and loss == pytest.approx(history["loss"][best])


def test_another_seed_is_another_run():
    assert trained(seed=1)[1] != trained(seed=0)[1]


def test_the_users_random_numbers_are_left_alone():
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    model = nn.Sequential(nn.Flatten(), nn.Linear(16, 2), nn.Dropout(0.5))
    torch.manual_seed(5)
    trained(model=model)
    assert torch.rand(1) == expected


def test_a_checkpoint_of_other_settings_is_refused(tmp_path):
    trained(checkpoint=tmp_path / "run.pt")
    with pytest.raises(ValueError, match=r"'batch': 16.*expected.*'batch': 8"):
        trained(checkpoint=tmp_path / "run.pt", batch=8, scheduler=None)


def fitted(path, *, rate=0.1, momentum=0.0, first=None, plan=None, own=0.0):
    """One epoch by SGD, with a checkpoint."""
    model = network()
    layers = (
        {"params": model[1].parameters(), "weight_decay": own},
        {"params": model[3].parameters()},
    )
    optimizer = torch.optim.SGD(layers, rate, momentum)
    if callable(plan):
        scheduler = LambdaLR(optimizer, plan)
    else:
        scheduler = CosineAnnealingLR(optimizer, plan) if plan else None
    how = {"epochs": 1, "scheduler": scheduler, "checkpoint": path}
    return training.fit(model, optimizer, first or images(), images(40), **how)


def relabeled():
    pictures, labels = images()
    return pictures, labels.roll(1)


def repainted():
    pictures, labels = images()
    return pictures.flip(0), labels  # the same ones, in another order


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"rate": 0.5}, r"'lr': 0\.1,.*expected.*'lr': 0\.5,"),
        ({"momentum": 0.9}, r"'momentum': 0\.0,.*expected.*'momentum': 0\.9,"),
        ({"own": 0.01}, r"'weight_decay': 0\.0,.*expected.*'weight_decay': 0\.01,"),
        ({"plan": 9}, r"'T_max': 8,.*expected.*'T_max': 9,"),
        ({"plan": None}, r"'T_max': 8,.*expected.*'scheduler': None"),
        ({"first": relabeled()}, r"has {'data': '\w+'}, expected {'data': '\w+'}"),
        ({"first": repainted()}, r"has {'data': '\w+'}, expected {'data': '\w+'}"),
    ],
)
def test_a_checkpoint_of_other_rates_schedules_or_data_is_refused(
    changed, said, tmp_path
):
    path = tmp_path / "run.pt"
    assert fitted(path, plan=8) == fitted(path, plan=8)
    with pytest.raises(ValueError, match=rf"{said}.*; name another file"):
        fitted(path, **{"plan": 8} | changed)


@pytest.mark.parametrize("other", [lambda step: 0.5**step, lambda step: step < STEPS])
def test_a_checkpoint_of_another_function_of_the_step_is_refused(other, tmp_path):
    """The second one differs from the first in the last step alone."""

    def plan(step):
        return 1

    path = tmp_path / "run.pt"
    assert fitted(path, plan=plan) == fitted(path, plan=plan)
    with pytest.raises(ValueError, match=r"{'scheduler': .*; name another file"):
        fitted(path, plan=other)


class OtherSGD(torch.optim.SGD):
    """A rule of the same settings."""


def by(optimizer, scheduler, path):
    model = network()
    rule = optimizer(model.parameters(), 0.1)
    how = {"epochs": 1, "scheduler": scheduler(rule), "checkpoint": path}
    return training.fit(model, rule, images(), images(40), **how)


def half(step):
    return 0.5


@pytest.mark.parametrize(
    ("optimizer", "scheduler", "said"),
    [
        (OtherSGD, LambdaLR, r"\['SGD', .*expected {'optimizer': \['OtherSGD', "),
        (torch.optim.SGD, MultiplicativeLR, "'LambdaLR', .* 'MultiplicativeLR', "),
    ],
)
def test_a_checkpoint_of_another_rule_or_kind_of_schedule_is_refused(
    optimizer, scheduler, said, tmp_path
):
    """The settings are the same, but not what they do."""
    path = tmp_path / "run.pt"
    by(torch.optim.SGD, partial(LambdaLR, lr_lambda=half), path)
    with pytest.raises(ValueError, match=said):
        by(optimizer, partial(scheduler, lr_lambda=half), path)


def untouched(pictures, labels, rng):
    return pictures, labels


def other_start():
    model = network()
    with torch.no_grad():
        model[1].weight[0, 0] += 0.01
    return model


def other_activation():
    model = network()
    model[2] = torch.nn.Tanh()
    return model


@pytest.mark.parametrize("other", [other_start, other_activation])
def test_a_checkpoint_of_another_model_is_refused(other, tmp_path):
    trained(model=network(), checkpoint=tmp_path / "run.pt")
    with pytest.raises(ValueError, match=r"has {'model': .*name another file"):
        trained(model=other(), checkpoint=tmp_path / "run.pt")


def test_a_checkpoint_of_another_augmentation_is_refused(tmp_path):
    trained(checkpoint=tmp_path / "run.pt")
    with pytest.raises(ValueError, match=r"{'augment': '<function untouched>'}"):
        trained(untouched, checkpoint=tmp_path / "run.pt")


def test_an_augmentation_is_the_same_in_another_process(tmp_path):
    def made():
        def augment(share, *arguments):  # a new function in each call, as in a process
            return distorted(*arguments)

        return partial(augment, 0.3)

    both = made(), made()
    assert_same(*(trained(each, checkpoint=tmp_path / "run.pt") for each in both))


def test_numpys_numbers_are_kept_as_pythons(tmp_path):
    path, rate = tmp_path / "run.pt", np.logspace(-2, -1, 3)[1]
    assert fitted(path, rate=rate, plan=8) == fitted(path, rate=rate, plan=8)


@pytest.mark.parametrize(
    "content", ["cut", b"", b"something else", "foreign", "model", "history"]
)
def test_a_damaged_checkpoint_is_named(content, tmp_path):
    path = tmp_path / "run.pt"
    trained(checkpoint=path)
    if content == "cut":
        content = path.read_bytes()[:-100]
    if content == "foreign":
        torch.save({"weights": torch.zeros(3)}, path)
    elif content in ("model", "history"):  # lacks it
        state = torch.load(path)
        del (state if content in state else state["run"])[content]
        torch.save(state, path)
    else:
        path.write_bytes(content)
    with pytest.raises(ValueError, match=r"run\.pt is no whole checkpoint .*delete it"):
        trained(checkpoint=path)


@pytest.mark.skipif(not POSIX, reason="no limits of the size of files")
def test_a_disk_that_is_full_is_named_with_the_file(tmp_path):
    import resource

    path, limits = tmp_path / "run.pt", resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        with pytest.raises(OSError, match=r"too large"):
            trained(checkpoint=path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, ignored)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("part", ["train", "validation"])
@pytest.mark.parametrize("counts", [(8, 7), (0, 0)])
def test_each_image_has_a_label_and_there_is_one(part, counts):
    given = {"train": images(), "validation": images(40)}
    given[part] = tuple(x[:n] for x, n in zip(given[part], counts, strict=True))
    model = network()
    rule = torch.optim.SGD(model.parameters(), 0.1)
    with pytest.raises(ValueError, match=rf"^{part} has {counts[0]} images and"):
        training.fit(model, rule, **given, epochs=1)


@pytest.mark.parametrize("name", ["float16", "double"])
def test_a_precision_that_it_does_not_train_in_is_refused(name):
    with pytest.raises(
        ValueError, match=f"precision '{name}'; expected one of float32"
    ):
        trained(precision=(name, False))


def test_a_checkpoint_that_cannot_be_read_is_not_called_damaged(tmp_path):
    with pytest.raises(OSError, match=r"Is a directory: .*"):
        trained(checkpoint=tmp_path)


def test_the_weights_that_validated_best_are_left_in_the_model(monkeypatch):
    accuracies = iter([0.6, 0.8, 0.8])
    seen = []

    def evaluate(model, part):
        seen.append(model[1].weight.clone())
        return 1.0, next(accuracies)

    monkeypatch.setattr(training, "evaluate", evaluate)
    model, history = trained()
    assert history["accuracy"] == [0.6, 0.8, 0.8]
    assert torch.equal(model[1].weight, seen[1])
    assert not torch.equal(model[1].weight, seen[2])


@pytest.mark.parametrize(
    ("step", "cure"), [(0, "look for what"), (STEPS + 1, "lower the learning rate")]
)
def test_a_loss_that_is_not_finite_stops_and_leaves_the_best_weights(step, cure):
    made = []

    def spoiled(pictures, labels, rng):
        made.append(rng)
        return pictures * (torch.nan if len(made) > step else 1), labels

    model = network()
    before = [each.clone() for each in model.parameters()]
    with pytest.raises(FloatingPointError, match=rf"nan after {step} steps; {cure}"):
        trained(spoiled, model=model)
    same = [torch.equal(a, b) for a, b in zip(before, model.parameters(), strict=True)]
    assert all(same) if step == 0 else not any(same)
    assert all(each.isfinite().all() for each in model.parameters())


def test_weights_that_one_step_ruined_are_no_best_ones():
    model = network()
    before = deepcopy(model.state_dict())
    optimizer = torch.optim.SGD(model.parameters(), 1e38)
    with pytest.raises(FloatingPointError, match="after 1 steps"):
        training.fit(model, optimizer, images(), images(40), epochs=2, batch=N)
    for name, weights in model.state_dict().items():
        assert torch.equal(weights, before[name])


def test_the_average_is_that_of_the_weights_after_each_step():
    model, decay = network(), 0.7
    average = None

    def recorded(optimizer, *_):
        nonlocal average
        now = model[1].weight.detach().clone()
        average = now if average is None else decay * average + (1 - decay) * now

    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    optimizer.register_step_post_hook(recorded)
    training.fit(
        model, optimizer, images(), images(40), epochs=1, batch=BATCH, ema=decay
    )
    assert torch.allclose(model[1].weight, average)


def test_losses_and_accuracies_are_means_over_images_not_over_batches():
    model = network(torch.float64)
    part = images(41, torch.float64)
    loss, accuracy = training.evaluate(model, part, batch=40)
    logits = model(part[0])
    assert loss == pytest.approx(F.cross_entropy(logits, part[1]).item(), rel=1e-12)
    assert accuracy == (logits.argmax(1) == part[1]).double().mean().item()
    still = torch.optim.SGD(model.parameters(), 0)
    history = training.fit(model, still, part, part, epochs=2, batch=40)
    assert history["train_loss"] == pytest.approx([loss] * 2, rel=1e-12)
    assert history["train_accuracy"] == pytest.approx([accuracy] * 2, rel=1e-12)


def test_evaluation_drops_nothing_out_and_leaves_the_mode():
    model = network(torch.float32, nn.Dropout(0.9)).train()
    assert training.evaluate(model, images()) == training.evaluate(model, images())
    assert model.training


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        ([9, 8.2, 9, 9], ("float32", False)),
        ([9, 8, 9, 9], ("bfloat16", False)),
        ([9, 8, 7, 9], ("float32", True)),
        ([9, 8, 7, 6], ("bfloat16", True)),
    ],
)
def test_another_precision_must_save_a_tenth_of_the_time(
    seconds, expected, monkeypatch, capsys
):
    times = iter([at for took in seconds for at in [0, took + 1, 0, took, 0, 99]])
    monkeypatch.setattr(precision.time, "perf_counter", lambda: next(times))
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten(), nn.Linear(8, 2))
    before = deepcopy(model.state_dict())
    assert precision.fastest(model, *images()) == expected
    assert model[0].weight.grad is None
    assert all(torch.equal(before[name], model.state_dict()[name]) for name in before)
    assert f"measured fastest: {expected[0]}, " in capsys.readouterr().out


def test_a_network_with_frozen_layers_is_timed_too():
    model = network()
    model[1].requires_grad_(False)
    assert precision.fastest(model, *images())[1] is False


def test_a_network_without_convolutions_is_timed_in_one_format(monkeypatch):
    times = iter([0, 1] * 6)
    monkeypatch.setattr(precision.time, "perf_counter", lambda: next(times))
    assert precision.fastest(network(), *images()) == precision.FLOAT32
    assert next(times, None) is None


@pytest.mark.parametrize("chosen", [("bfloat16", True), ("float32", True)])
def test_convolutions_train_with_channels_last(chosen):
    model = nn.Sequential(nn.Conv2d(2, 3, 3), nn.Flatten(), nn.Linear(12, 2))
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    formats = []

    def see(layer, given, made):
        last = torch.channels_last
        if layer.training:
            formats.append(given[0].is_contiguous(memory_format=last))
            formats.append(layer.weight.is_contiguous(memory_format=last))
            formats.append(made.dtype == getattr(torch, chosen[0]))

    model[0].register_forward_hook(see)
    pictures, labels = images()
    part = pictures.repeat(1, 2, 1, 1), labels
    history = training.fit(
        model, optimizer, part, part, epochs=4, batch=BATCH, precision=chosen
    )
    assert all(formats) and len(formats) == 4 * STEPS * 3
    assert history["loss"][-1] < history["loss"][0]


def test_the_fastest_precision_is_measured_once_a_run(tmp_path, monkeypatch):
    monkeypatch.setattr(training, "fastest", lambda *_: ("bfloat16", False))
    one = trained(precision=None, checkpoint=tmp_path / "run.pt")
    monkeypatch.setattr(training, "fastest", None)
    assert_same(trained(precision=None, checkpoint=tmp_path / "run.pt"), one)
    assert one[1] == trained(precision=("bfloat16", False))[1] != trained()[1]


@pytest.mark.parametrize("begun", [precision.FLOAT32, None])
def test_a_checkpoint_of_another_precision_is_refused(begun, tmp_path, monkeypatch):
    monkeypatch.setattr(training, "fastest", lambda *_: precision.FLOAT32)
    trained(precision=begun, checkpoint=tmp_path / "run.pt")
    with pytest.raises(ValueError, match=r"expected {'precision': \('bfloat16', False"):
        trained(precision=("bfloat16", False), checkpoint=tmp_path / "run.pt")


def in_company(me, folder):
    """What each of two processes does; it leaves its results in the folder."""
    init = f"file://{folder}/rendezvous"
    wait = timedelta(seconds=60)
    dist.init_process_group("gloo", init, wait, world_size=2, rank=me)
    results = {"step": stepped(), "seen": seen_in_an_epoch(), "history": trained()[1]}
    training.SAVE_EVERY = 0
    try:
        shared(killed_at(STEPS + 2), checkpoint=folder / f"run{me}.pt")
    except Killed:
        results["files"] = sorted(each.name for each in folder.glob("*.pt"))
    dist.destroy_process_group()
    torch.save(results, folder / f"results{me}")


def stepped():
    """The weights after one step in float64, from a batch that can't be halved."""
    model, part = network(torch.float64), images(15, torch.float64)
    optimizer = torch.optim.SGD(model.parameters(), 0.5, momentum=0.9)
    training.fit(model, optimizer, part, part, epochs=1, batch=15, clip=0.1)
    return model.state_dict()


def seen_in_an_epoch():
    """Of images that hold their own index: what the network was given to train on."""
    model = nn.Sequential(nn.Flatten(), nn.Linear(1, 2))
    seen = []

    def see(layer, given, _):
        if layer.training:
            seen.extend(given[0].flatten().tolist())

    model[0].register_forward_hook(see)
    part = torch.arange(29.0)[:, None, None, None], torch.arange(29) % 2
    optimizer = torch.optim.SGD(model.parameters(), 0.01)
    training.fit(model, optimizer, part, part, epochs=1, batch=4)
    return seen


def shared(augmentation, **options):
    model = network(torch.float64)
    optimizer = torch.optim.AdamW(model.parameters(), 0.01)
    given = images(dtype=torch.float64), images(40, torch.float64)
    options |= {"epochs": EPOCHS, "batch": BATCH, "augment": augmentation, "ema": 0.9}
    return model, training.fit(model, optimizer, *given, **options)


@pytest.fixture(scope="module")
def company(tmp_path_factory):
    """The folder in which two processes worked, and what each of them found."""
    folder = tmp_path_factory.mktemp("company")
    torch.multiprocessing.spawn(in_company, (folder,), nprocs=2)
    return folder, [torch.load(folder / f"results{me}") for me in (0, 1)]


def test_a_step_of_two_processes_is_that_of_one_on_the_joined_batch(company):
    alone = stepped()
    for each in company[1]:
        for name, weights in each["step"].items():
            assert (weights - alone[name]).abs().max() < 1e-10


def test_two_processes_see_every_index_once_an_epoch(company):
    one, other = (each["seen"] for each in company[1])
    assert sorted(one + other) == sorted(seen_in_an_epoch()) == list(range(29))
    assert len(one) - len(other) in range(9)  # of each batch, at most one more


def test_two_processes_validate_the_same_batch_normalization(company):
    one, other = (each["history"] for each in company[1])
    assert one == other


def test_process_0_writes_and_its_checkpoint_goes_on_alone(company):
    folder, results = company
    assert [each["files"] for each in results] == [["run0.pt"]] * 2
    model, history = shared(distorted, checkpoint=folder / "run0.pt")
    alone, expected = shared(distorted)
    for name, weights in model.state_dict().items():
        assert (weights - alone.state_dict()[name]).abs().max() < 1e-10
    for name in ("train_loss", "train_accuracy", "loss", "accuracy"):
        assert history[name] == pytest.approx(expected[name], abs=1e-10)


SCRIPT = """
import os, signal
from tests.test_training import distorted, shared
from helpers import training
def augmentation(*arguments):
    if os.environ.get("KILL") == os.environ["RANK"]:
        os.kill(os.getpid(), signal.SIGKILL)
    return distorted(*arguments)
_, history = shared(augmentation)
if training.rank() == 0:
    print(training.dist.get_world_size(), history["accuracy"])
"""


def torchrun(folder, **environment):
    (folder / "script.py").write_text(SCRIPT)
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    return subprocess.run(
        [*command, "--nproc-per-node=2", folder / "script.py"],
        env=os.environ | {"PYTHONPATH": f"{ROOT}:{ROOT}/src"} | environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@POSIX
def test_under_torchrun_the_same_script_runs_in_two_processes(tmp_path):
    done = torchrun(tmp_path)
    assert done.returncode == 0, done.stderr
    # Before it, in older PyTorch, Gloo says that it is connected.
    assert done.stdout.splitlines()[-1] == f"2 {shared(distorted)[1]['accuracy']}"
    assert done.stdout.count("2 [") == 1


@POSIX
def test_a_killed_process_ends_the_run_with_an_error(tmp_path):
    done = torchrun(tmp_path, KILL="1")  # or subprocess.TimeoutExpired
    assert done.returncode != 0
    assert "2 [" not in done.stdout
    assert "SIGKILL" in done.stderr
