"""Accuracy against the length of the palindrome (Part III, Task 2).

    python lengths.py --length 20

trains five networks of vanilla_rnn.py, one a seed, at once: their weights are stacked,
and a step of all is one batched multiplication, which is faster than one after the
other and gives the same numbers. A run takes a fixed number of steps at any length.
Up to length 8 a fifth of all palindromes is held out, another fifth for each seed;
from 9 on 10,000 that training never draws. What was measured lies in --out, as JSON.
"""

import argparse
import json
import math
import sys
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn
from vanilla_rnn import VanillaRNN

FLAGS = None
DIGITS = 10
HELD_OUT = 10_000
LOOK = 50  # steps between two looks at the accuracy
INITS = ("default", "normal", "xavier", "orthogonal", "identity")


class Palindromes:
    """Palindromes of one length, those for training and those held out apart.

    A palindrome is told by its first half, and that by its first 18 digits, as a
    number: two that agree in these count as the same. A seed draws the same each time.
    """

    def __init__(self, length, seed):
        self.length, self.half, self.seed = length, -(-length // 2), seed
        self.powers = DIGITS ** np.arange(min(self.half, 18))[::-1]
        rng = np.random.default_rng([seed, length])
        if length <= 8:
            numbers = rng.permutation(DIGITS**self.half)[: DIGITS**self.half // 5]
            halves = numbers[:, None] // self.powers % DIGITS
        else:
            halves = rng.integers(DIGITS, size=(HELD_OUT, self.half))
        self.test, self.held_out = self.mirrored(halves), np.sort(self.numbers(halves))

    def numbers(self, halves):
        """Numbers (n,) of first halves (n, half)."""
        return halves[:, : len(self.powers)] @ self.powers

    def mirrored(self, halves):
        """Palindromes (n, length) of first halves (n, half)."""
        return np.concatenate([halves, halves[:, : self.length // 2][:, ::-1]], axis=1)

    def is_held_out(self, halves):
        """Which of the first halves (n, half) are, as bool (n,)."""
        numbers = self.numbers(halves)
        places = np.searchsorted(self.held_out, numbers) % len(self.held_out)
        return self.held_out[places] == numbers

    def batch(self, n, step):
        """Palindromes (n, length) for a step of training."""
        rng = np.random.default_rng([self.seed, self.length, step])
        halves = rng.integers(DIGITS, size=(n, self.half))
        while (held_out := self.is_held_out(halves)).any():
            halves[held_out] = rng.integers(DIGITS, size=(held_out.sum(), self.half))
        return self.mirrored(halves)


class Networks(nn.Module):
    """Several VanillaRNN of one shape as one, their weights stacked: (networks, …)."""

    def __init__(self, networks):
        super().__init__()
        for name in dict(networks[0].named_parameters()):
            stacked = torch.stack([net.get_parameter(name) for net in networks])
            self.register_parameter(name.replace(".", "_"), nn.Parameter(stacked))

    def forward(self, x):
        """Logits (networks, batch, 10) from x (networks, batch, T - 1, input_dim)."""
        S, B, steps, _ = x.shape
        put_in = torch.baddbmm(
            self.W_hx_bias[:, None], x.flatten(1, 2), self.W_hx_weight.mT
        )
        h = x.new_zeros(S, B, self.W_hh_weight.shape[-1])
        W_hh = self.W_hh_weight.mT
        for u in put_in.unflatten(1, (B, steps)).unbind(2):  # (networks, batch, hidden)
            h = torch.tanh(torch.baddbmm(u, h, W_hh))
        return torch.baddbmm(self.W_ph_bias[:, None], h, self.W_ph_weight.mT)


def initialize(net, kind):
    """The start of all weights; biases are zeros, but for "default", torch's own."""
    if kind == "default":
        return
    for name, each in net.named_parameters():
        if name.endswith("bias"):
            nn.init.zeros_(each)
        elif kind == "normal":
            nn.init.normal_(each, std=1e-2)  # a variance of 1e-4
        else:
            nn.init.xavier_uniform_(each)
    if kind == "orthogonal":
        nn.init.orthogonal_(net.W_hh.weight)
    elif kind == "identity":
        nn.init.eye_(net.W_hh.weight)


def clip(parameters, most):
    """Scale the gradient of each network so that its norm is at most that."""
    squares = [each.grad.flatten(1).square().sum(1) for each in parameters]
    norms = torch.stack(squares).sum(0).sqrt()
    factors = (most / (norms + 1e-6)).clamp(max=1)
    for each in parameters:
        each.grad *= factors.view(-1, *[1] * (each.grad.ndim - 1))


def encoded(digits):
    """Inputs and labels (networks, batch) of palindromes (networks, batch, T)."""
    digits = torch.from_numpy(digits)
    inputs, labels = digits[..., :-1], digits[..., -1]
    if FLAGS.one_hot:
        return F.one_hot(inputs, DIGITS).float(), labels
    return inputs[..., None].float(), labels


@torch.no_grad()
def evaluate(model, length):
    """The accuracy of each network on palindromes that are held out for it."""
    sets = [Palindromes(length, seed).test for seed in range(FLAGS.seeds)]
    rights = []
    for digits in np.array_split(np.stack(sets), -(-len(sets[0]) // 1000), axis=1):
        inputs, labels = encoded(digits)
        rights.append(model(inputs).argmax(2) == labels)
    return torch.cat(rights, 1).double().mean(1).tolist()


def save(state, path):
    """Write in one step, so that a killed run leaves a whole file."""
    part = path.with_name(f"{path.name}.part")
    try:
        torch.save(state, part)
    except RuntimeError as error:  # what torch makes of a full disk
        part.unlink(missing_ok=True)
        raise OSError(f"{path} can't be written: {error}") from None
    part.replace(path)


def resumed(path, flags):
    """What a killed run left; code in the file isn't run."""
    try:
        state = torch.load(path, weights_only=True)
        had = state["run"]["flags"]
    except OSError:
        raise
    except Exception as error:  # torch and pickle raise many
        problem = f"{path} is damaged, or another file ({type(error).__name__})"
        raise SystemExit(f"{problem}; delete it, or set --out") from None
    if had != flags:
        raise SystemExit(f"{path} is of other flags: {had}; delete it, or set --out")
    return state


def start():
    """The networks of all seeds, stacked."""
    networks = []
    for seed in range(FLAGS.seeds):
        torch.manual_seed(seed)
        input_dim = DIGITS if FLAGS.one_hot else 1
        networks.append(
            VanillaRNN(FLAGS.length - 1, input_dim, FLAGS.num_hidden, DIGITS)
        )
        initialize(networks[-1], FLAGS.init)
    return Networks(networks)


def step(model, optimizer, sets, number):
    """One step of all networks; returns the accuracy of each on its batch."""
    batches = np.stack([each.batch(FLAGS.batch_size, number) for each in sets])
    inputs, labels = encoded(batches)
    logits = model(inputs)
    # Means of a batch, summed over networks: each has the gradient of its own loss.
    loss = F.cross_entropy(logits.flatten(0, 1), labels.flatten()) * FLAGS.seeds
    optimizer.zero_grad()
    loss.backward()
    clip(list(model.parameters()), FLAGS.max_norm)
    optimizer.step()
    return (logits.argmax(2) == labels).float().mean(1)


def main():
    """Train all seeds for FLAGS.steps, test, and store what was measured."""
    model = start()
    optimizer = torch.optim.RMSprop(model.parameters(), lr=FLAGS.learning_rate)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, FLAGS.steps)
    parts = {"model": model, "optimizer": optimizer, "scheduler": scheduler}
    # A curriculum begins with a length that is learned soon, and adds to it.
    length = min(FLAGS.curriculum or FLAGS.length, FLAGS.length)
    run = {"flags": vars(FLAGS), "length": length, "curves": [], "seconds": 0.0}
    out = Path(FLAGS.out)
    checkpoint = out.with_suffix(".checkpoint")
    if checkpoint.exists():
        state = resumed(checkpoint, vars(FLAGS))
        run = state["run"]
        for name, part in parts.items():
            part.load_state_dict(state[name])
    while (done := LOOK * len(run["curves"])) < FLAGS.steps:
        since = time.perf_counter()
        sets = [Palindromes(run["length"], seed) for seed in range(FLAGS.seeds)]
        right = torch.zeros(FLAGS.seeds)
        for number in range(done, done + LOOK):
            right += step(model, optimizer, sets, number) / LOOK
            scheduler.step()
        run["curves"].append([run["length"], *right.tolist()])
        run["seconds"] += time.perf_counter() - since
        print(done + LOOK, f"T = {run['length']}", *(f"{each:.1%}" for each in right))
        if right.min() > 0.98:
            run["length"] = min(FLAGS.length, run["length"] + FLAGS.growth)
        save(
            {n: each.state_dict() for n, each in parts.items()} | {"run": run},
            checkpoint,
        )
    tested = [FLAGS.length, *map(int, filter(None, FLAGS.also.split(",")))]
    run["accuracy"] = {length: evaluate(model, length) for length in tested}
    for length, values in run["accuracy"].items():
        print(f"T = {length}:", *(f"{value:.2%}" for value in values))
    out.write_text(json.dumps(run))
    save(
        {name: each.half() for name, each in model.state_dict().items()},
        out.with_suffix(".pt"),
    )
    checkpoint.unlink(missing_ok=True)


def parse(arguments=None):
    """The flags of the command line; what can't end well is refused before a start."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, default, meaning in (
        ("length", 20, "T, the last digit included"),
        ("steps", 2000, "batches, whatever the length"),
        ("seeds", 5, "networks"),
        ("num_hidden", 128, "numbers of the hidden state"),
        ("batch_size", 128, "palindromes a step, for each network"),
        ("learning_rate", 0.001, "of RMSprop"),
        ("max_norm", 10.0, "the largest norm that a network's gradient keeps"),
        ("curriculum", 0, "length to begin with; 0: the whole length"),
        ("growth", 5, "digits more, once 50 batches were 98 %% right"),
        ("also", "", "other lengths to test, such as 200,500"),
        ("out", "lengths.json", "file for what is measured"),
    ):
        parser.add_argument(
            f"--{name}", type=type(default), default=default, help=meaning
        )
    parser.add_argument("--one_hot", action="store_true", help="digits as rows of ten")
    parser.add_argument("--init", default="default", choices=INITS)
    flags = parser.parse_args(arguments)
    for length in filter(None, flags.also.split(",")):
        if not length.strip().isdecimal() or int(length) < 2:
            parser.error(f"--also takes lengths such as 200,500, and not {flags.also}")
    for name in ("length", "seeds", "num_hidden", "batch_size", "growth"):
        value, least = vars(flags)[name], 2 if name == "length" else 1
        if value < least:
            parser.error(f"--{name} {value}: expected {least} or more")
    if flags.curriculum and flags.curriculum < 2:
        parser.error(f"--curriculum {flags.curriculum}: expected 2 or more, or 0")
    if flags.steps < 1 or flags.steps % LOOK:  # a checkpoint counts in looks
        parser.error(f"--steps {flags.steps}: expected a multiple of {LOOK}")
    for name in ("learning_rate", "max_norm"):
        value = vars(flags)[name]
        if not value > 0 or (name == "learning_rate" and math.isinf(value)):
            parser.error(f"--{name} {value}: expected a number above 0")
    out = Path(flags.out)
    if out.is_dir() or out.suffix.lower() in (".checkpoint", ".pt"):
        problem = f"{flags.out} is a folder, or what a run keeps beside its results"
        parser.error(f"--out {problem}; name a file such as lengths.json")
    return flags


if __name__ == "__main__":
    FLAGS = parse()
    try:
        main()
    except OSError as error:
        sys.exit(f"lengths.py: {error}")
