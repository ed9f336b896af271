"""CS324 Part III: the data, the network and the programs do what they say."""

import argparse
import importlib.util
import json
import subprocess
import sys
from copy import deepcopy
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from helpers import results
from tests.test_imports import imported

PART = Path(__file__).parents[1] / "solutions" / "sustech_cs324" / "part3"
PROGRAMS = ["dataset.py", "lengths.py", "train.py", "utils.py", "vanilla_rnn.py"]
MODULES = [Path(name).stem for name in PROGRAMS]


@pytest.fixture(autouse=True)
def part(monkeypatch):
    """Its files can be imported, and are forgotten again."""
    monkeypatch.syspath_prepend(str(PART))
    yield
    for name in MODULES:
        sys.modules.pop(name, None)


def run(folder, *words, program="train.py"):
    command = [sys.executable, PART / program, *map(str, words)]
    return subprocess.run(
        command, cwd=folder, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("name", PROGRAMS)
def test_the_files_need_nothing_of_the_book_and_no_recurrent_layer(name):
    source = (PART / name).read_text()
    assert imported(source).isdisjoint({"helpers", "tools"})
    for forbidden in ("nn.RNN", "nn.LSTM", "nn.GRU", "RNNCell", "LSTMCell", "GRUCell"):
        assert forbidden not in source


@pytest.mark.parametrize("length", [2, 3, 4, 5, 18, 19, 36, 37, 41, 200])
@pytest.mark.parametrize("one_hot", [False, True])
def test_items_are_palindromes_without_their_last_digit(length, one_hot):
    from dataset import PalindromeDataset

    palindromes = PalindromeDataset(length - 1, 10, one_hot, seed=0)
    assert len(palindromes) == 10
    for inputs, label in palindromes:
        assert inputs.dtype == torch.float32
        assert inputs.shape == (length - 1, 10 if one_hot else 1)
        digits = inputs.argmax(1) if one_hot else inputs[:, 0].long()
        digits = [*digits.tolist(), label]
        assert digits == digits[::-1]


def test_a_number_is_padded_and_its_middle_digit_stands_once():
    from dataset import PalindromeDataset

    assert PalindromeDataset(4, 1).generate_palindrome(27) == [0, 2, 7, 2, 0]
    assert PalindromeDataset(3, 1).generate_palindrome(7) == [0, 7, 7, 0]
    number = 12345678901234567890123
    digits = [int(digit) for digit in str(number)]
    made = PalindromeDataset(45, 1).generate_palindrome(number)
    assert made == digits + digits[::-1]


@pytest.mark.parametrize("length, population", [(2, 10), (3, 100), (5, 1000)])
def test_no_palindrome_is_drawn_twice_and_a_million_is_cut(length, population, capsys):
    from dataset import PalindromeDataset

    palindromes = PalindromeDataset(length - 1, 1_000_000, seed=0)
    assert "Warning" in capsys.readouterr().out
    assert sorted(palindromes.data) == list(range(population))
    assert PalindromeDataset(40, 10, seed=1).data != PalindromeDataset(40, 10).data
    assert len(set(PalindromeDataset(40, 5000, seed=1).data)) == 5000


@pytest.mark.parametrize("arguments", [(0, 10), (4, 0), (-1, 5)])
def test_lengths_and_sizes_that_cannot_be_are_refused(arguments):
    from dataset import PalindromeDataset

    with pytest.raises(ValueError, match="have to be 1 or more"):
        PalindromeDataset(*arguments)


@pytest.mark.parametrize("input_dim", [1, 10])
def test_the_network_is_the_three_equations_and_agrees_with_torch(input_dim):
    from vanilla_rnn import VanillaRNN

    torch.manual_seed(0)
    net = VanillaRNN(7, input_dim, 11, 10).double()
    peer = nn.RNN(input_dim, 11, batch_first=True).double()
    with torch.no_grad():
        peer.weight_ih_l0.copy_(net.W_hx.weight)
        peer.weight_hh_l0.copy_(net.W_hh.weight)
        peer.bias_ih_l0.copy_(net.W_hx.bias)
        peer.bias_hh_l0.zero_()
    x = torch.randn(5, 7, input_dim).double()
    expected = net.W_ph(peer(x)[0][:, -1])
    assert torch.allclose(net(x), expected, rtol=0, atol=1e-12)


def test_one_bias_a_state_makes_17930_parameters():
    from vanilla_rnn import VanillaRNN

    net = VanillaRNN(19, 1, 128, 10)
    assert sum(each.numel() for each in net.parameters()) == 17_930


@pytest.mark.parametrize("shape", [(2, 5, 1), (2, 4, 10), (2, 4)])
def test_inputs_of_another_shape_are_refused(shape):
    from vanilla_rnn import VanillaRNN

    with pytest.raises(ValueError, match=r"reads \(batch, 4, 1\)"):
        VanillaRNN(4, 1, 8, 10)(torch.zeros(shape))


def test_a_short_last_batch_weighs_less():
    from utils import AverageMeter, accuracy

    meter = AverageMeter("Accuracy", ":.2f")
    meter.update(1.0, 128)
    meter.update(0.0, 72)
    assert meter.avg == pytest.approx(0.64) and meter.val == 0
    assert str(meter) == "Accuracy 0.00 (0.64)"
    output = torch.tensor([[1.0, 2.0], [3.0, 0.0], [0.0, 1.0]])
    assert accuracy(output, torch.tensor([1, 0, 0])) == pytest.approx(2 / 3)


def test_the_flags_have_the_names_and_defaults_of_the_contract():
    shown = run(PART, "--help").stdout
    contract = {
        "input_length": 19,
        "input_dim": 1,
        "num_classes": 10,
        "num_hidden": 128,
        "batch_size": 128,
        "learning_rate": 0.001,
        "max_epoch": 1000,
        "max_norm": 10.0,
        "data_size": 1_000_000,
        "portion_train": 0.8,
    }
    source = (PART / "train.py").read_text().replace("1_000_000", "1000000")
    for name, default in contract.items():
        assert f"--{name} " in shown
        assert f'("{name}", {default}, ' in source


SHORT = ("--input_length", 4, "--data_size", 200, "--max_epoch", 3, "--num_hidden", 8)


def outcome(folder):
    measured = json.loads((folder / "vanilla_rnn.json").read_text())
    return measured["epochs"], torch.load(folder / "vanilla_rnn.pt", weights_only=True)


def test_a_killed_run_ends_with_the_same_weights(tmp_path, monkeypatch):
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    whole.mkdir(), killed.mkdir()
    assert run(whole, *SHORT).returncode == 0
    import train

    # Killed in its second epoch: the third call is that of the second validation.
    monkeypatch.chdir(killed)
    config = dict(zip((word[2:] for word in SHORT[::2]), SHORT[1::2], strict=True))
    flags = json.loads((whole / "vanilla_rnn.json").read_text())["flags"]
    calls = []

    def evaluate(*arguments):
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return real(*arguments)

    real = train.evaluate
    monkeypatch.setattr(train, "evaluate", evaluate)
    with pytest.raises(KeyboardInterrupt):
        train.main(argparse.Namespace(**flags | config))
    assert run(killed, *SHORT).returncode == 0
    (epochs, weights), (others, other) = outcome(killed), outcome(whole)
    assert epochs == others
    assert all(torch.equal(weights[name], other[name]) for name in weights)


@pytest.fixture
def config(monkeypatch, tmp_path):
    """The program, and its defaults as SHORT has them, in an empty folder."""
    import train

    monkeypatch.chdir(tmp_path)
    flags = {"input_dim": 1, "num_classes": 10, "batch_size": 128, "seed": 0}
    flags |= {"learning_rate": 0.001, "max_norm": 10.0, "portion_train": 0.8}
    flags |= {"one_hot": False, "init": "default", "out": "vanilla_rnn.pt"}
    flags |= dict(zip((word[2:] for word in SHORT[::2]), SHORT[1::2], strict=True))
    return train, argparse.Namespace(**flags)


def test_a_finished_run_leaves_no_checkpoint_to_the_next_one(config):
    train, flags = config
    train.main(flags)
    flags.learning_rate = 0.01
    train.main(flags)
    names = {path.name for path in Path().iterdir()}
    assert names == {"vanilla_rnn.pt", "vanilla_rnn.json"}


def test_a_checkpoint_of_other_flags_is_refused(config, monkeypatch):
    train, flags = config
    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(train, "save", saving_once(train.save))
        train.main(flags)
    flags.learning_rate = 0.01
    with pytest.raises(SystemExit, match=r"other flags.*'learning_rate': 0.001.*--out"):
        train.main(flags)


def saving_once(save):
    """In the place of a function that saves: it does, and the run is killed."""

    def killed(state, path):
        save(state, path)
        raise KeyboardInterrupt

    return killed


FILES = {
    "empty": b"",
    "text": b"hello",
    "cut": b"PK\x03\x04 cut",
    "other": {"weights": torch.zeros(1)},
}


def put(path, content):
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        torch.save(content, path)


def full(state, path):
    """In the place of torch.save, on a full disk."""
    path.write_bytes(b"PK")
    raise RuntimeError("unexpected pos 64 vs 0")  # what torch says then


@pytest.mark.parametrize("kind", FILES)
def test_a_damaged_checkpoint_is_said_and_left_where_it_is(config, kind):
    train, flags = config
    put(path := Path("vanilla_rnn.checkpoint"), FILES[kind])
    before = path.read_bytes()
    with pytest.raises(SystemExit, match=r"checkpoint is damaged, or .*delete it"):
        train.main(flags)
    assert path.read_bytes() == before


def test_a_full_disk_leaves_nothing_half_written(config, monkeypatch):
    train, flags = config
    monkeypatch.setattr(torch, "save", full)
    with pytest.raises(OSError, match=r"vanilla_rnn\.checkpoint can't be written"):
        train.main(flags)
    assert not list(Path().iterdir())


def test_a_folder_that_cannot_be_written_is_said_in_a_line(tmp_path):
    done = run(tmp_path, *SHORT, "--out", "nowhere/rnn.pt")
    assert done.returncode and "can't be written" in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    "words, why",
    [
        (("--one_hot",), "--input_dim is 10 with --one_hot"),
        (("--input_dim", 10), "--input_dim is 10 with --one_hot"),
        (("--portion_train", 1), "leaves a part empty"),
        (("--input_length", 0), "have to be 1 or more"),
        (("--max_epoch", "x"), "invalid int value"),
        (("--max_epoch", 0), "--max_epoch 0: expected 1 or more"),
        (("--num_classes", 5), "--num_classes 5: expected 10, or more"),
        (("--num_hidden", 0), "--num_hidden 0: expected 1 or more"),
        (("--batch_size", 0), "--batch_size 0: expected 1 or more"),
        (("--seed", -1), "--seed -1: expected 0 or more"),
        (("--learning_rate", "nan"), "--learning_rate nan: expected a number above 0"),
        (("--max_norm", 0), "--max_norm 0.0: expected a number above 0"),
        (("--out", "x.JSON"), "--out x.JSON is a folder, or what a run keeps beside"),
        (("--out", "x.checkpoint"), "x.checkpoint is a folder, or what a run keeps"),
        (("--out", "."), "name a file such as rnn.pt"),
    ],
)
@pytest.mark.filterwarnings("ignore:Length of split at index 1 is 0")
def test_flags_that_do_not_fit_are_refused_in_a_line(
    tmp_path, monkeypatch, capsys, words, why
):
    import train

    monkeypatch.chdir(tmp_path)
    with pytest.raises((SystemExit, ValueError)) as said:  # in a line, as a program
        train.main(train.parse([*map(str, (*SHORT, *words))]))
    assert why in capsys.readouterr().err + str(said.value)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ("--also 200,x", "--also takes lengths such as 200,500, and not 200,x"),
        ("--also 0", "and not 0"),
        ("--also 200,1", "and not 200,1"),
        ("--length 1", "--length 1: expected 2 or more"),
        ("--length 0", "--length 0: expected 2 or more"),
        ("--seeds 0", "--seeds 0: expected 1 or more"),
        ("--num_hidden 0", "--num_hidden 0: expected 1 or more"),
        ("--batch_size 0", "--batch_size 0: expected 1 or more"),
        ("--growth 0", "--growth 0: expected 1 or more"),
        ("--curriculum 1", "--curriculum 1: expected 2 or more, or 0"),
        ("--curriculum -5", "--curriculum -5: expected 2 or more, or 0"),
        ("--steps 0", "--steps 0: expected a multiple of 50"),
        ("--steps 120", "--steps 120: expected a multiple of 50"),
        ("--learning_rate -1", "--learning_rate -1.0: expected a number above 0"),
        ("--max_norm nan", "--max_norm nan: expected a number above 0"),
        ("--out x.pt", "--out x.pt is a folder, or what a run keeps beside"),
        ("--out x.checkpoint", "x.checkpoint is a folder, or what a run keeps"),
        ("--out .", "name a file such as lengths.json"),
    ],
)
def test_lengths_refuses_what_can_not_end_well_before_any_step(words, why, capsys):
    import lengths

    with pytest.raises(SystemExit):
        lengths.parse(words.split())
    assert why in capsys.readouterr().err


def test_a_program_says_in_its_last_line_what_does_not_fit(tmp_path):
    for words in (("--input_length", 0), ("--portion_train", 1), ("--seed", -1)):
        done = run(tmp_path, *SHORT, *words)
        assert done.returncode and "Traceback" not in done.stderr
    done = run(tmp_path, "--also", "200,x", program="lengths.py")
    assert done.returncode == 2 and done.stderr.endswith("and not 200,x\n")
    assert not list(tmp_path.iterdir())


def test_a_step_clips_the_gradient_and_then_is_rmsprops(config, monkeypatch):
    train, flags = config
    flags.max_epoch, flags.batch_size = 1, 64
    flags.max_norm, flags.learning_rate = 1e-3, 0.01
    seen, real = [], train.train

    def see(model, loader, *rest):
        seen.extend((deepcopy(model).double(), batches := list(loader)))
        return real(model, batches, *rest)

    monkeypatch.setattr(train, "train", see)
    train.main(flags)
    twin, batches = seen
    assert len(batches) == 3
    squares = [torch.zeros_like(each) for each in twin.parameters()]
    for inputs, targets in batches:
        loss = nn.functional.cross_entropy(twin(inputs.double()), targets)
        grads = torch.autograd.grad(loss, [*twin.parameters()])
        norm = sum(grad.square().sum() for grad in grads).sqrt()
        assert norm > 0.01  # so that clipping shows
        for each, grad, square in zip(twin.parameters(), grads, squares, strict=True):
            grad = grad * 1e-3 / norm
            square.mul_(0.99).add_(0.01 * grad**2)
            each.data -= 0.01 * grad / (square.sqrt() + 1e-8)
    made = torch.load("vanilla_rnn.pt", weights_only=True)
    for name, each in twin.named_parameters():
        expected = each.detach().float()
        torch.testing.assert_close(made[name], expected, rtol=0, atol=2e-4)


def test_every_tenth_step_is_printed(config, capsys):
    train, flags = config
    flags.max_epoch, flags.batch_size = 1, 7
    train.main(flags)
    steps = [line.partition("]")[0] for line in capsys.readouterr().out.splitlines()]
    printed = [step for step in steps if step.startswith("[")]
    assert printed == ["[0/23", "[10/23", "[20/23"]


def test_weights_are_stored_and_gone_on_from_on_the_cpu_wherever_they_were_made(
    config, monkeypatch
):
    train, flags = config
    moved, places, load = [], [], torch.load

    def loaded(path, where=None, **how):
        places.append(where)
        return load(path, where, **how)

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(train, "save", saving_once(train.save))
        train.main(flags)
    monkeypatch.setattr(torch, "load", loaded)
    monkeypatch.setattr(torch.Tensor, "cpu", lambda self: moved.append(self) or self)
    train.main(flags)
    assert places == ["cpu"]
    made = load("vanilla_rnn.pt", weights_only=True).values()
    assert [*map(torch.equal, moved, made)] == [True] * 5


@pytest.fixture
def lengths(monkeypatch, tmp_path):
    import lengths

    flags = argparse.Namespace(
        length=6,
        steps=100,
        seeds=3,
        num_hidden=16,
        batch_size=16,
        learning_rate=0.01,
        max_norm=1.0,
        curriculum=0,
        growth=2,
        also="",
        out=str(tmp_path / "lengths.json"),
        one_hot=True,
        init="orthogonal",
    )
    monkeypatch.setattr(lengths, "FLAGS", flags, raising=False)
    return lengths


def test_networks_trained_at_once_equal_those_trained_one_after_the_other(lengths):
    flags = lengths.FLAGS
    model = lengths.start()
    optimizer = torch.optim.RMSprop(model.parameters(), lr=flags.learning_rate)
    sets = [lengths.Palindromes(flags.length, seed) for seed in range(flags.seeds)]
    for number in range(50):
        lengths.step(model, optimizer, sets, number)
    for seed in range(flags.seeds):
        torch.manual_seed(seed)
        net = lengths.VanillaRNN(5, 10, flags.num_hidden, 10)
        lengths.initialize(net, flags.init)
        optimizer = torch.optim.RMSprop(net.parameters(), lr=flags.learning_rate)
        for number in range(50):
            digits = sets[seed].batch(flags.batch_size, number)
            inputs, labels = lengths.encoded(digits)
            optimizer.zero_grad()
            nn.functional.cross_entropy(net(inputs), labels).backward()
            nn.utils.clip_grad_norm_(net.parameters(), flags.max_norm)
            optimizer.step()
        for name, each in net.named_parameters():
            stacked = model.get_parameter(name.replace(".", "_"))[seed]
            assert torch.allclose(stacked, each, rtol=0, atol=1e-5), name


@pytest.mark.parametrize("length", [2, 5, 8, 9, 12, 36, 60])
def test_what_is_held_out_is_never_trained_on(lengths, length):
    made = lengths.Palindromes(length, 0)
    half = -(-length // 2)
    assert made.test.shape == (10**half // 5 if length <= 8 else 10_000, length)
    batches = np.concatenate([made.batch(64, step) for step in range(200)])
    for each in (made.test, batches):
        assert np.array_equal(each, each[:, ::-1])
        assert each.min() >= 0 and each.max() <= 9
    tested = {row.tobytes() for row in made.test}
    assert tested.isdisjoint(row.tobytes() for row in batches)
    if length <= 5:
        assert len(tested) + len({row.tobytes() for row in batches}) == 10**half


def test_another_seed_holds_out_others_and_a_step_draws_the_same_again(lengths):
    one, other = lengths.Palindromes(6, 0), lengths.Palindromes(6, 1)
    assert not np.array_equal(one.test, other.test)
    assert np.array_equal(one.batch(8, 3), lengths.Palindromes(6, 0).batch(8, 3))
    assert not np.array_equal(one.batch(8, 3), one.batch(8, 4))


def test_each_network_is_clipped_by_its_own_norm(lengths):
    a, b = (nn.Parameter(torch.zeros(2, 3, 2)), nn.Parameter(torch.zeros(2, 4)))
    torch.manual_seed(0)
    a.grad, b.grad = torch.randn(2, 3, 2), torch.randn(2, 4)
    a.grad[1] /= 100
    b.grad[1] /= 100
    before = a.grad.clone(), b.grad.clone()
    lengths.clip([a, b], 0.5)
    norm = sum(each.grad[0].square().sum() for each in (a, b)).sqrt()
    assert norm == pytest.approx(0.5, abs=1e-5)
    assert torch.equal(a.grad[1], before[0][1])
    assert torch.equal(b.grad[1], before[1][1])


def finished(lengths):
    lengths.main()
    measured = json.loads(Path(lengths.FLAGS.out).read_text())
    return {name: measured[name] for name in ("curves", "accuracy")}


def test_a_killed_run_of_lengths_goes_on_to_the_same_numbers(lengths, monkeypatch):
    lengths.FLAGS.steps, lengths.FLAGS.curriculum, lengths.LOOK = 12, 2, 4
    uninterrupted = finished(lengths)
    Path(lengths.FLAGS.out).unlink()
    step, steps = lengths.step, []

    def killed(*arguments):
        steps.append(1)
        if len(steps) == 10:
            raise KeyboardInterrupt
        return step(*arguments)

    monkeypatch.setattr(lengths, "step", killed)
    with pytest.raises(KeyboardInterrupt):
        lengths.main()
    monkeypatch.setattr(lengths, "step", step)
    assert finished(lengths) == uninterrupted


def test_a_finished_run_of_lengths_leaves_no_checkpoint_to_the_next_one(lengths):
    lengths.FLAGS.steps = lengths.LOOK = 2
    finished(lengths)
    lengths.FLAGS.learning_rate = 0.02
    finished(lengths)
    names = {path.name for path in Path(lengths.FLAGS.out).parent.iterdir()}
    assert names == {"lengths.json", "lengths.pt"}


def test_lengths_refuses_a_checkpoint_of_other_flags(lengths, monkeypatch):
    lengths.FLAGS.steps = lengths.LOOK = 2
    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(lengths, "save", saving_once(lengths.save))
        lengths.main()
    lengths.FLAGS.learning_rate = 0.02
    with pytest.raises(SystemExit, match=r"other flags.*'learning_rate': 0.01.*--out"):
        lengths.main()


@pytest.mark.parametrize("kind", FILES)
def test_lengths_says_that_a_checkpoint_is_damaged(lengths, kind):
    put(path := Path(lengths.FLAGS.out).with_suffix(".checkpoint"), FILES[kind])
    before = path.read_bytes()
    with pytest.raises(SystemExit, match=r"checkpoint is damaged, or .*delete it"):
        lengths.main()
    assert path.read_bytes() == before


def test_lengths_leaves_nothing_half_written_on_a_full_disk(lengths, monkeypatch):
    lengths.FLAGS.steps = lengths.LOOK = 2
    monkeypatch.setattr(torch, "save", full)
    with pytest.raises(OSError, match=r"lengths\.checkpoint can't be written"):
        lengths.main()
    assert not list(Path(lengths.FLAGS.out).parent.iterdir())


@pytest.mark.filterwarnings("error")
def test_a_curriculum_grows_to_the_length_and_no_further(lengths, monkeypatch):
    def step(model, optimizer, *_):
        optimizer.step()  # else the schedule warns that it is called too early
        return torch.ones(3)

    lengths.FLAGS.steps, lengths.FLAGS.curriculum, lengths.LOOK = 20, 3, 4
    monkeypatch.setattr(lengths, "step", step)
    grown = [length for length, *_ in finished(lengths)["curves"]]
    assert grown == [3, 5, 6, 6, 6]


def test_a_card_names_the_device_that_the_program_says(tmp_path, monkeypatch):
    spec = importlib.util.spec_from_file_location("part3", PART / "recipe.py")
    recipe = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(recipe)
    for name, value in (("HERE", tmp_path), ("COURSE", tmp_path), ("ARMS", {})):
        monkeypatch.setattr(recipe, name, value)

    def call(program, *words):
        said = {"flags": {"out": "", "seed": 0}, "device": "cuda"}
        said["epochs"] = [{"accuracy": 0.5}]
        (tmp_path / "rnn.json").write_text(json.dumps(said))

    monkeypatch.setattr(recipe.sweep, "call", call)
    run = recipe.train({"program": "train.py"}, 0, tmp_path)
    recipe.cards({recipe.FIVE: [run | {"seed": s, "seconds": 1.0} for s in (0, 1)]})
    card = results.read(tmp_path / f"cards/{recipe.FIVE}.json")
    assert card["device"] == "cuda" and "device" not in card["seeds"][0]


def test_training_says_on_which_device_it_was(config, monkeypatch):
    train, flags = config
    flags.max_epoch = 1
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    train.main(flags)
    assert json.loads(Path("vanilla_rnn.json").read_text())["device"] == "cpu"
