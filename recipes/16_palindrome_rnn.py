"""Make the result cards of chapter 16 again: five networks a run, on one thread.

    python recipes/16_palindrome_rnn.py

It can be stopped and started at any time: what is finished isn't made again. Vanilla
networks are trained by the program of the homework, lengths.py, all seeds at once;
torch's LSTM here, one seed after the other.
"""

import json
import time
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from helpers import palindromes, results, sweep

CARDS = Path(__file__).resolve().parent / "cards"
PART = CARDS.parents[1] / "solutions" / "sustech_cs324" / "part3"
SEEDS = range(5)
BASE = {"one_hot": True, "init": "orthogonal", "max_norm": 1.0, "learning_rate": 1e-3}
BASE |= {"steps": 500, "lengths": [10, 20, 30]}
LONG = BASE | {"steps": 1000, "lengths": [60]}
LSTM = BASE | {"init": "torch's LSTM", "lengths": [20]}
# One thing is changed in each.
WANTED = {
    "16-base": BASE,
    "16-input-digit": BASE | {"one_hot": False},
    "16-start-normal": BASE | {"init": "normal"},
    "16-start-xavier": BASE | {"init": "xavier"},
    "16-start-default": BASE | {"init": "default"},
    "16-start-identity": BASE | {"init": "identity"},
    "16-rate-0.0001": BASE | {"learning_rate": 1e-4},
    "16-rate-0.01": BASE | {"learning_rate": 1e-2},
    "16-clip-none": BASE | {"max_norm": 1e9},
    "16-whole": LONG,
    "16-curriculum": LONG | {"curriculum": 10, "growth": 10},
    "16-curriculum-100": LONG
    | {"steps": 3000, "lengths": [100], "curriculum": 10, "growth": 10},
    "16-lstm": LSTM | {"forget_bias": 0.0},
    "16-lstm-keeps": LSTM | {"forget_bias": 3.0},
}
WANTED = {name: (settings, SEEDS) for name, settings in WANTED.items()}
# The sweep's own: a run has one length, and all seeds.
RUNS = {
    f"{name}-{length}": (settings | {"lengths": [length]}, [0])
    for name, (settings, _) in WANTED.items()
    for length in settings["lengths"]
}


def train(settings, seed, folder):
    """Accuracies of five networks on palindromes that are held out, and curves."""
    [length] = settings.pop("lengths")
    if "forget_bias" not in settings:
        out = folder / "lengths.json"
        words = ["--length", length, "--out", out]
        for name, value in settings.items():
            if value is not False:
                words += [f"--{name}"] if value is True else [f"--{name}", value]
        sweep.call(PART / "lengths.py", *words)
        run = json.loads(out.read_text("utf-8"))
        values = run["accuracy"][str(length)]
        found = {"curves": run["curves"], "seconds": round(run["seconds"], 1)}
        return {"value": np.mean(values), "values": values} | found

    since, curves, values = time.perf_counter(), [], []
    for each in SEEDS:
        torch.manual_seed(each)
        held_out, stream = palindromes.split(length, each)
        lstm, last = nn.LSTM(10, 128, batch_first=True), nn.Linear(128, 10)
        with torch.no_grad():  # gates in order: input, forget, cell, output
            lstm.bias_ih_l0[128:256] += settings["forget_bias"]
        weights = [*lstm.parameters(), *last.parameters()]
        optimizer = torch.optim.RMSprop(weights, settings["learning_rate"])
        steps, right = settings["steps"], []
        scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
        for step in range(steps):
            x, labels = map(torch.from_numpy, palindromes.inputs(stream(128, step)))
            logits = last(lstm(x)[0][:, -1])
            optimizer.zero_grad()
            F.cross_entropy(logits, labels).backward()
            nn.utils.clip_grad_norm_(weights, settings["max_norm"])
            optimizer.step()
            scheduler.step()
            right.append((logits.argmax(1) == labels).float().mean().item())
        curves.append(np.reshape(right, (-1, 50)).mean(axis=1).round(4))
        x, labels = map(torch.from_numpy, palindromes.inputs(held_out))
        with torch.no_grad():
            found = torch.cat([last(lstm(part)[0][:, -1]) for part in x.split(1000)])
        values.append((found.argmax(1) == labels).double().mean().item())
    rows = [[length, *row] for row in np.transpose(curves)]
    found = {"curves": rows, "seconds": round(time.perf_counter() - since, 1)}
    return {"value": np.mean(values), "values": values} | found


def cards(done):
    for name, (settings, _) in WANTED.items():
        seeds = []
        for place, seed in enumerate(SEEDS):
            runs = {n: done[f"{name}-{n}"][0] for n in settings["lengths"]}
            lengths = {n: run["values"][place] for n, run in runs.items()}
            curve = {
                n: [r[place + 1] for r in run["curves"]] for n, run in runs.items()
            }
            seconds = sum(run["seconds"] for run in runs.values()) / len(SEEDS)
            value = lengths[20 if 20 in lengths else settings["lengths"][0]]
            one = {"seed": seed, "value": value, "seconds": round(seconds, 1)}
            one |= {"lengths": lengths, "curves": curve}
            where = sorted({run["processor"] for run in runs.values()})
            last = max(run["date"] for run in runs.values())
            seeds.append(one | {"processor": ", ".join(where), "date": last})
        card = results.write(
            CARDS / f"{name}.json",
            document="chapters",
            question=name,
            metric="palindrome accuracy, held out",
            command=f"python recipes/{Path(__file__).name}",
            parameters=settings,
            data={},
            seeds=seeds,
        )
        print(f"{name}: {card['mean']:.2%} (standard deviation {card['spread']:.2%})")


if __name__ == "__main__":
    programs = [PART / name for name in ("lengths.py", "vanilla_rnn.py")]
    sources = [*programs, palindromes.__file__]
    sweep.main(__doc__, train, RUNS, cards, name="chapter-16", sources=sources)
