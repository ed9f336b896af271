"""Result cards: a measured number, with all that it takes to measure it again.

A card is the JSON file `solutions/<course>/cards/<id>.json`. A recipe writes it; nobody
edits it.
"""

import hashlib
import json
import math
import os
import platform
import statistics
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from helpers.files import write_whole

FIELDS = (
    "id document question metric unit command parameters data seeds mean spread "
    "versions device processor threads weights date"
)
SEED = ("seed", "value", "seconds")


def write(
    path: str | Path,
    *,
    document: str,
    question: str,
    metric: str,
    unit: str = "%",
    command: str,
    parameters: Mapping[str, Any],
    data: Mapping[str, str],
    seeds: Sequence[Mapping[str, Any]],
    weights: tuple[str | Path, int, str] | None = None,
    packages: Sequence[str] = ("numpy", "torch"),
    device: str = "cpu",
    threads: int = 1,
) -> dict[str, Any]:
    """Write a card and return it; an older one stays whole if this fails.

    document, question: the course's folder, and the question's key in
        `solutions/questions.yml`, where its bar stands.
    unit: of the values; with "%" they are fractions of 1.
    command: what measures again, from the root of the repository.
    data: by name, the SHA-256 of what was trained on, as `data.hashes` gives it.
    seeds: for each its "seed", "value" and "seconds", and what else is worth keeping,
        such as "curves"; arrays become lists. The card gets the "processor" of all and
        the last "date", as `sweep.run` gives them; of seeds that have none, it says
        where and when it was written itself.
    weights: the file, the seed that it comes from, and the command of the handed-in
        program that makes it again. The card names the file relative to its own folder.
    packages: those whose versions matter.
    device: that the runs used, such as "cpu" or the name of a GPU.

    Raises ValueError for what `read` would refuse, TypeError for what no file can
    note, OSError for missing weights.
    """
    path = Path(path)
    seeds = _parsed(json.dumps(seeds, default=_listed))
    found = _statistics(seeds, unit)
    processors = sorted({each.pop("processor", processor()) for each in seeds})
    dates = {each.pop("date", today()) for each in seeds}
    card = {
        "id": path.stem,
        "document": document,
        "question": question,
        "metric": metric,
        "unit": unit,
        "command": command,
        "parameters": parameters,
        "data": data,
        "seeds": seeds,
        **found,
        "versions": {"python": platform.python_version()}
        | {name: version(name) for name in packages},
        "device": device,
        "processor": ", ".join(processors),
        "threads": threads,
        "weights": None,
        "date": max(dates),
    }
    if weights:
        file, seed, again = weights
        name = Path(os.path.relpath(file, path.parent)).as_posix()
        card["weights"] = {"file": name, "sha256": _sha256(Path(file))}
        card["weights"] |= {"seed": seed, "command": again}
    text = json.dumps(card, indent=1, default=_listed)
    _check(card := _parsed(text))
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, f"{text}\n")
    return card


def read(path: str | Path) -> dict[str, Any]:
    """Read a card.

    Raises ValueError if it is missing or not whole, has a number that can't be, if its
    mean or spread aren't those of its seeds, or if its weights are missing, not the
    file that was measured, or of a seed that wasn't.
    """
    path, again = Path(path), "the command that wrote it"
    wrong = AttributeError, KeyError, OSError, RecursionError, TypeError, ValueError
    try:
        card = _parsed(path.read_text("utf-8"))
        again = card.get("command", again)
        _check(card)
        weights = card["weights"]
        if (
            weights is not None
            and _sha256(path.parent / weights["file"]) != weights["sha256"]
        ):
            raise ValueError(f"{weights['file']} has another SHA-256 than was measured")
    except wrong as error:
        message = f"{path} is no valid result card: {error}; run again: {again}"
        raise ValueError(message) from error
    return card


def values(card: Mapping[str, Any]) -> list[float]:
    """The value of each seed, for `claim`."""
    return [seed["value"] for seed in card["seeds"]]


def processor() -> str:
    """The processor's name, where the system tells it."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.is_file() else []
    names = [line.split(":", 1)[1] for line in lines if line.startswith("model name")]
    return names[0].strip() if names else platform.processor() or platform.machine()


def today() -> str:
    """The date in Greenwich, such as "2026-01-31"."""
    return datetime.now(UTC).date().isoformat()


def _sha256(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def _listed(value: Any) -> Any:
    if not hasattr(value, "tolist"):
        expected = "expected numbers, text, lists, dicts or arrays"
        raise TypeError(f"{expected}, got {value!r}")
    return value.tolist()


def _parsed(text: str) -> Any:
    return json.loads(text, parse_float=_finite, parse_constant=_finite)


def _finite(text: str) -> float:
    if math.isfinite(number := float(text)):
        return number
    raise ValueError(f"expected finite numbers, got {text}")


def _check(card: Any) -> None:
    if missing := [name for name in FIELDS.split() if name not in card]:
        raise ValueError(f"expected an object with {', '.join(missing)}")
    for name, wanted in _statistics(card["seeds"], card["unit"]).items():
        if card[name] != wanted:
            raise ValueError(f"{name} {card[name]}, but its seeds give {wanted}")
    if (weights := card["weights"]) is not None:
        seed, _ = weights["seed"], weights["command"]
        measured = [each["seed"] for each in card["seeds"]]
        if seed not in measured:
            raise ValueError(f"weights of seed {seed}, but measured are {measured}")


def _statistics(seeds: Any, unit: str) -> dict[str, float | None]:
    """The mean, and the sample standard deviation, which one seed doesn't have."""
    some = isinstance(seeds, list) and seeds
    if not some or not all(isinstance(s, dict) and set(SEED) <= set(s) for s in seeds):
        raise ValueError("expected seeds, each with its seed, value and seconds")
    numbers, measured, seconds = ([s[k] for s in seeds] for k in SEED)
    if not all(type(number) is int for number in numbers):
        raise ValueError(f"expected whole numbers as seeds, got {numbers}")
    if len(set(numbers)) < len(numbers):
        raise ValueError(f"expected each seed once, got {numbers}")
    most = sys.float_info.max
    if not _within(measured, *((0, 1) if unit == "%" else (-most, most))):
        raise ValueError(f"expected numbers, fractions of 1 for '%'; got {measured}")
    if not _within(seconds, 0, most):
        raise ValueError(f"expected seconds, numbers from 0 on; got {seconds}")
    spread = statistics.stdev(measured) if len(measured) > 1 else None
    return {"mean": statistics.fmean(measured), "spread": spread}


def _within(numbers: list[Any], low: float, high: float) -> bool:
    return all(type(each) in (int, float) and low <= each <= high for each in numbers)
