"""Make the result cards of chapter 13 again: about 250 short trainings, on one thread.

    python recipes/13_cifar_workflow.py             everything
    python recipes/13_cifar_workflow.py --seed 3    that seed's runs only

It can be stopped and started at any time: what is finished isn't made again.
"""

from functools import partial
from itertools import pairwise

import numpy as np
import torch
from torch import nn

from helpers import augment, data, precision, sweep, tensors, training

PLAIN = {"set": "cifar10", "images": 2000, "hidden": [128, 128], "epochs": 16}
PLAIN |= {"batch": 100, "lr": 1e-3, "precision": "bfloat16"}
PLAIN |= {"metric": "validation accuracy, last epoch"}
# One thing is changed in each.
ARMS = {
    "plain": {},
    "augmentation": {"augment": True},
    "shuffled": {"shuffle": "before"},
    "shuffled-augmentation": {"shuffle": "before", "augment": True},
    "augmentation-shuffled": {"shuffle": "after", "augment": True},
    "weight-decay": {"weight_decay": 1.0},
    "dropout": {"dropout": 0.3},
    "label-smoothing": {"label_smoothing": 0.1},
    "more-images": {"images": 8000, "epochs": 4},  # as many steps
    "rectified-output": {"rectified_output": True},
    "narrow": {"hidden": [32, 128]},
    "wide": {"hidden": [256, 128]},
    "shallow": {"hidden": [128]},
    "deep": {"hidden": [128, 128, 128, 128]},
}
SIX = PLAIN | {"hidden": [800, 512, 456, 256, 100], "epochs": 6}
DESCENT = {"lr": 0.01, "momentum": 0.9}
WHOLE = PLAIN | {"images": 45_000, "hidden": [256], "epochs": 3, "lr": 2e-3}
WHOLE |= {"one_cycle": True, "metric": "test accuracy"}
SMALL = PLAIN | {"images": 1000, "hidden": [32], "epochs": 5, "batch": 50}
SMALL |= {"metric": "test accuracy", "blocks": 20}

WANTED = {"13-small": (SMALL, range(200))}
WANTED |= {f"13-{name}": (PLAIN | changed, range(3)) for name, changed in ARMS.items()}
for init in ("normal", "xavier", "kaiming"):
    WANTED[f"13-init-{init}"] = (SIX | DESCENT | {"init": init}, range(3))
WANTED["13-init-normal-adam"] = (SIX | {"init": "normal"}, range(3))
WANTED["13-digits"] = (WHOLE | {"set": "mnist", "images": 55_000}, range(3))
WANTED["13-photographs"] = (WHOLE, range(3))


def parts(name):
    """Training, validation and test part."""
    dataset = data.load(name)
    whole = tensors.whole(dataset.train)
    return *tensors.split_validation(whole, 5000), tensors.whole(dataset.test)


def train(settings, seed, folder):
    everything, validation, test = parts(settings["set"])
    rng = np.random.default_rng(seed)
    mine = torch.from_numpy(rng.permutation(len(everything[1]))[: settings["images"]])
    chosen = everything[0][mine], everything[1][mine]
    order = torch.from_numpy(np.random.default_rng(13).permutation(32 * 32))

    def shuffled(images):
        return images.flatten(2)[:, :, order].reshape(images.shape)

    def augmented(images, labels, rng):
        images = augment.shift(augment.flip(images, rng), 2, rng)
        return shuffled(images) if when == "after" else images, labels

    if when := settings.get("shuffle"):
        validation = shuffled(validation[0]), validation[1]
        if when == "before":
            chosen = shuffled(chosen[0]), chosen[1]

    torch.manual_seed(seed)
    starts = {
        "normal": partial(nn.init.normal_, std=0.01),
        "xavier": nn.init.xavier_uniform_,
        "kaiming": partial(nn.init.kaiming_uniform_, nonlinearity="relu"),
    }
    layers = [nn.Flatten()]
    for fan_in, fan_out in pairwise([chosen[0][0].numel(), *settings["hidden"], 10]):
        linear = nn.Linear(fan_in, fan_out)
        if init := settings.get("init"):
            starts[init](linear.weight)
            nn.init.zeros_(linear.bias)
        layers += [linear, nn.ReLU(), nn.Dropout(settings.get("dropout", 0.0))]
    if not settings.get("rectified_output"):
        layers = layers[:-2]
    model = nn.Sequential(*layers)
    if momentum := settings.get("momentum"):
        optimizer = torch.optim.SGD(model.parameters(), settings["lr"], momentum)
    else:
        decay = settings.get("weight_decay", 0.0)
        optimizer = torch.optim.AdamW(
            model.parameters(), settings["lr"], weight_decay=decay
        )
    steps = settings["epochs"] * -(-settings["images"] // settings["batch"])
    cycle = torch.optim.lr_scheduler.OneCycleLR
    history = training.fit(
        model,
        optimizer,
        chosen,
        validation,
        epochs=settings["epochs"],
        batch=settings["batch"],
        scheduler=cycle(optimizer, settings["lr"], total_steps=steps)
        if settings.get("one_cycle")
        else None,
        augment=augmented if settings.get("augment") else None,
        label_smoothing=settings.get("label_smoothing", 0.0),
        precision=(settings["precision"], False),
        seed=seed,
    )
    curves = {name: np.round(history[name], 5) for name in history if name != "seconds"}
    if settings["metric"] != "test accuracy":
        return {"value": history["accuracy"][-1], "curves": curves}
    with torch.no_grad():
        right = (model(test[0]).argmax(1) == test[1]).numpy()
    found = {"value": right.mean()}
    if blocks := settings.get("blocks"):
        return found | {"right": right.reshape(blocks, -1).sum(axis=1)}
    return found | {"curves": curves}


def cards(done):
    sweep.write_cards(__file__, WANTED, done)


if __name__ == "__main__":
    modules = augment, data, precision, tensors, training
    sweep.main(
        __doc__,
        train,
        WANTED,
        cards,
        name="chapter-13",
        sets=["cifar10", "mnist"],
        sources=[parts, *(module.__file__ for module in modules)],
    )
