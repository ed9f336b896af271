"""Many training runs, each made once: stopped and started at will, cards at the end.

A recipe says how a run is made and which are wanted, and writes the cards of what comes
back:

    done = sweep.run(train, {"plain": ({"lr": 0.1}, range(5))}, name="moons", data={})
    results.write("cards/plain.json", seeds=done["plain"], …)

Each run has a folder of its own, below the one that DL_RUNS names, else in the user's
cache. What is finished isn't made again.
"""

import argparse
import ast
import inspect
import json
import os
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import deepcopy
from hashlib import sha256
from importlib.metadata import version
from numbers import Real
from operator import methodcaller
from pathlib import Path
from typing import Any

from filelock import FileLock
from joblib import Parallel, delayed, parallel_config
from platformdirs import user_cache_path
from threadpoolctl import threadpool_limits

from helpers import data
from helpers.files import write_whole
from helpers.results import processor, today, write

Settings = Mapping[str, Any]
Train = Callable[[dict[str, Any], int, Path], Mapping[str, Any]]
THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


def run(
    train: Train,
    wanted: Mapping[str, tuple[Settings, Iterable[int]]],
    *,
    name: str,
    data: Mapping[str, str],
    sources: Sequence[str | Path | Callable[..., Any]] = (),
    packages: Sequence[str] = ("numpy", "torch"),
    jobs: int | None = None,
    threads: int = 1,
) -> dict[str, list[dict[str, Any]]]:
    """Make the runs that aren't there yet; return the results of all.

    train: function of a run's settings, its seed and its folder. It returns a dict of
        the run's "value" and of what else a card should keep, such as "curves"; where
        it gives no "seconds", those of the call are taken. A long run leaves a
        checkpoint in its folder, with `files.write_whole`, and goes on from the one
        that it finds; it gives its own "seconds" then, as those of the call are those
        since. Runs may be in other processes, so what the function needs, it imports
        or gets as settings. Or they follow one another in one process, so it seeds
        what it draws from; and where they share one at the same time (joblib's
        threads), that has to be generators of its own, not NumPy's or torch's.
    wanted: by name, mostly that of a card, the settings and the seeds of its runs.
    name: of the sweep, and of its folder.
    data: by name, the SHA-256 of the data trained on, as `data.hashes` gives it.
    sources: the other files or functions whose code the values depend on, such as the
        program that is run, or what `train` calls. Comments, docstrings and layout
        don't count.
    packages: those whose versions the values depend on.
    jobs: runs at once; left out, what joblib.parallel_config says, else one.
    threads: of each run.

    Returns for each name, in the order of its seeds, what `results.write` takes as
    seeds, with the "processor" and the "date" of each run. Prints a line for each run.
    The first one that fails ends the sweep, with what it raised. Raises ValueError
    before any run if a folder was left by one with other settings, data, code, versions
    or threads, or if a card's name is no folder's, and for a result without a value,
    with a number that isn't finite, or with what no file can note; TypeError for a
    setting that none can note.
    """
    for card, (settings, _) in wanted.items():
        if card in ("", "..") or Path(card).name != card:  # "./b" is the folder of "b"
            raise ValueError(f"expected names of folders as cards, got {card!r}")
        _refuse_unwritable(card, settings)
    runs = {(card, seed): s for card, (s, seeds) in wanted.items() for seed in seeds}
    same = {
        "data": dict(data),
        "code": [_code_of(each) for each in (train, *sources)],
        "versions": {package: version(package) for package in packages},
        "threads": threads,
    }
    whats = {key: {"settings": dict(s)} | same for key, s in runs.items()}
    for key, what in whats.items():
        _refuse_others(folder(name, *key), what)
    calls = (
        delayed(_once)(train, key, what, folder(name, *key))
        for key, what in whats.items()
    )
    done = {}
    here = parallel_config(n_jobs=jobs) if jobs else parallel_config()
    with here, _limited(threads):  # or threads put the environment back too soon
        for key, result in Parallel(return_as="generator_unordered")(calls):
            done[key] = result
            words = f"{len(done)} of {len(runs)}: {key[0]}, seed {key[1]}"
            seconds = f"{result['seconds']:.0f} s"
            print(f"{words}: {result['value']:.5g}, {seconds}", flush=True)
    return {card: [done[k] for k in runs if k[0] == card] for card in wanted}


def folder(name: str, card: str, seed: int) -> Path:
    """Where a run keeps its files, be it there or not."""
    given = os.environ.get("DL_RUNS")
    cache = user_cache_path("deep-learning-proved") / "runs"
    root = Path(given).expanduser() if given else cache
    return root.resolve() / name / card / f"seed{seed}"


def call(program: str | Path, *arguments: object, **variables: str) -> None:
    """Run a Python program in the current folder, as if it were handed in.

    variables: of the environment, besides ours, such as DL_DATA.
    Raises RuntimeError, with the program's last words, if it fails.
    """
    done = subprocess.run(
        [sys.executable, program, *map(str, arguments)],
        env=os.environ | variables,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",  # the program's words may be in any encoding
        check=False,
    )
    if done.returncode:
        why = done.stderr.strip() or f"ended with {done.returncode}, and said nothing"
        raise RuntimeError(f"{Path(program).name} failed: {why}")


def main(
    description: str | None,
    train: Train,
    wanted: Mapping[str, tuple[Settings, Iterable[int]]],
    cards: Callable[[dict[str, list[dict[str, Any]]]], object],
    names: Iterable[str] = (),
    sets: Iterable[str] = (),
    **how: Any,
) -> None:
    """What a recipe does when it is called: every run, then cards(done).

    names: of all cards, where the recipe has several sweeps, one after the other.
    sets: the data sets trained on, as `data.load` names them. They are looked for once
        the command line is read.
    how: what `run` takes besides. On the command line, --card and --seed pick some of
    the runs, and --jobs says how many go at once; where a run is left out, no card is
    written. --dask names the scheduler of a dask cluster whose workers make the runs;
    the folder of the runs is then one that all of them share.
    """
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    choices = list(names) or wanted
    parser.add_argument("--card", choices=choices, help="the runs of this card alone")
    parser.add_argument("--seed", type=int, help="the runs of this seed alone")
    parser.add_argument(
        "--jobs", type=int, default=-1, help="at once; -1: all that can"
    )
    parser.add_argument("--dask", metavar="ADDRESS", help="a dask cluster's scheduler")
    given = parser.parse_args()
    some = {
        card: (settings, [s for s in seeds if given.seed in (None, s)])
        for card, (settings, seeds) in wanted.items()
        if given.card in (None, card)
    }
    if given.seed is not None and some and not any(seeds for _, seeds in some.values()):
        print(f"no run of {', '.join(some)} has seed {given.seed}")
    try:
        with _cluster(given.dask):
            hashes = data.hashes(*sets)
            done = run(train, some, jobs=given.jobs, data=hashes, **how)
        if some.keys() == wanted.keys() and given.seed is None:
            cards(done)
    except (OSError, RuntimeError, TypeError, ValueError) as error:
        sys.exit(f"{parser.prog}: {error}")
    except KeyboardInterrupt:
        sys.exit("stopped; the same command goes on")


def write_cards(
    recipe: str | Path,
    wanted: Mapping[str, tuple[Settings, Iterable[int]]],
    done: Mapping[str, Sequence[Mapping[str, Any]]],
    **how: Any,
) -> None:
    """Write the accuracies of a chapter's recipe, a card each, into cards/ beside it.

    recipe: the program's file.
    wanted, done: what `run` took and returned. The settings hold the data "set", and
        as "metric" what was measured on it; the others are the card's parameters.
    how: what `results.write` takes besides.
    """
    recipe = Path(recipe).resolve()
    names = {settings["set"] for settings, _ in wanted.values()}
    hashes = {name: data.hashes(name) for name in names}
    for name, seeds in done.items():
        settings = dict(wanted[name][0])
        card = write(
            recipe.parent / "cards" / f"{name}.json",
            document="chapters",
            question=name,
            metric=f"{settings['set']} {settings.pop('metric')}",
            command=f"python recipes/{recipe.name}",
            parameters=settings,
            data=hashes[settings["set"]],
            seeds=seeds,
            **how,
        )
        print(f"{name}: {card['mean']:.2%}, the mean of {len(seeds)}")


@contextmanager
def _cluster(address: str | None) -> Iterator[None]:
    """The runs go to that dask cluster, if there is one."""
    if address is None:
        yield
        return
    from distributed import Client

    with Client(address), parallel_config(backend="dask"):
        yield


def _once(
    train: Train, key: tuple[str, int], what: dict[str, Any], folder: Path
) -> tuple[tuple[str, int], dict[str, Any]]:
    """The key, and the result of the run: made now, or found."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "result.json"
    with FileLock(folder / ".lock"):  # another sweep may be at the same run
        _refuse_others(folder, what)
        if not path.is_file():
            for left in folder.glob("*.part"):  # by a process killed while it wrote
                left.unlink()
            write_whole(folder / "run.json", json.dumps(what, indent=1))
            start = time.perf_counter()
            with _limited(what["threads"]):
                found = train(deepcopy(what["settings"]), key[1], folder)
            seconds = round(time.perf_counter() - start, 1)
            own = {"processor": processor(), "date": today(), "seconds": seconds}
            write_whole(path, _text(key, found, own))
    return key, _read(path)


def _read(path: Path) -> dict[str, Any]:
    try:
        return json.loads(path.read_text("utf-8"))
    except ValueError as error:
        raise ValueError(
            f"{path} is damaged ({error}); delete its folder, and the run is made anew"
        ) from error


def _text(key: tuple[str, int], found: Any, own: dict[str, Any]) -> str:
    """The result as JSON. A card holds finite numbers only, so no run is kept else."""
    who = f"{key[0]}, seed {key[1]}"
    if not isinstance(found, Mapping):
        raise ValueError(f"{who}: expected a dict with a number as value, got {found}")
    found = {"seed": key[1]} | own | dict(found) | {"seed": key[1]}
    for name in ("value", "seconds"):
        number = found.get(name)
        if not isinstance(number, Real) or isinstance(number, bool):
            raise ValueError(f"{who}: expected a number as {name}, got {number!r}")
    if found["seconds"] < 0:
        raise ValueError(f"{who}: expected seconds from 0 on, got {found['seconds']}")
    try:
        return json.dumps(found, default=methodcaller("tolist"), allow_nan=False)
    except (AttributeError, TypeError, ValueError) as error:
        problem = "expected finite numbers, text, lists, dicts or arrays"
        raise ValueError(f"{who}: {problem}, got {found}") from error


def _refuse_unwritable(card: str, settings: Settings) -> None:
    """Raise TypeError where a setting, such as a function, leaves no word in a file.

    A later sweep couldn't tell whether its run is the same.
    """
    for name, value in settings.items():
        try:
            json.dumps(value)
        except TypeError as error:
            raise TypeError(
                f"{card}: expected numbers, text, lists or dicts as settings, got "
                f"{name} = {value!r}; give it a name, and look that up in the run"
            ) from error


def _refuse_others(folder: Path, what: dict[str, Any]) -> None:
    """Raise ValueError where the folder is another run's."""
    path = folder / "run.json"
    if not path.is_file():
        return
    was, now = _read(path), json.loads(json.dumps(what))
    for name in now:
        if was.get(name) != now[name]:
            both = f"{was.get(name)} before, {now[name]} now"
            raise ValueError(
                f"{folder} was left by a run with other {name} ({both}); delete the "
                "folder, or name another place for runs in DL_RUNS"
            )


@contextmanager
def _limited(threads: int) -> Iterator[None]:
    """As many threads, for what is loaded, loads later, or runs as a program."""
    before = {name: os.environ.get(name) for name in THREADS}
    torch = sys.modules.get("torch")
    were = torch.get_num_threads() if torch else 0
    os.environ |= dict.fromkeys(THREADS, str(threads))
    try:
        if torch:
            torch.set_num_threads(threads)
        with threadpool_limits(threads):
            yield
    finally:
        if torch:
            torch.set_num_threads(were)
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _code_of(source: str | Path | Callable[..., Any]) -> str:
    """The digest of a file or function; of Python, that of its code alone."""
    if callable(source):
        return _code(inspect.getsource(source))
    content = Path(source).read_bytes()
    python = Path(source).suffix == ".py"
    return _code(content.decode()) if python else sha256(content).hexdigest()[:12]


def _code(source: str) -> str:
    """The digest of Python source without comments, docstrings and layout."""
    tree = ast.parse(textwrap.dedent(source))
    for node in ast.walk(tree):
        match node:
            case ast.Module() | ast.ClassDef() | ast.FunctionDef():
                if ast.get_docstring(node, clean=False) is not None:
                    node.body = node.body[1:] or [ast.Pass()]
    return sha256(ast.unparse(tree).encode()).hexdigest()[:12]
