"""How the notebooks are tested: one thread a worker; compared only on real data."""

import os
from pathlib import Path

import nbformat
import pytest

for threads in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(threads, "1")  # two threads a worker made an epoch 4x slower
os.environ["DL_OFFLINE"] = "1"  # no test or notebook waits for, or needs, a network

from helpers import data  # noqa: E402  after the thread variables, since it loads NumPy
from tools.reading import Page, data_sets  # noqa: E402


def pytest_configure(config: pytest.Config) -> None:
    """Name the masks by a full path, so that pytest works from every folder."""
    masks = Path(__file__).parent / "tests" / "sanitize.cfg"
    config.option.nbval_sanitize_with = str(masks)
    try:
        for name in filter(data.available, data.FOLDERS):  # a hand-in looks only there
            os.environ.setdefault("DL_DATA", str(data.root(name)))
        if given := os.environ.get("DL_DATA"):  # a notebook runs in a folder of its own
            os.environ["DL_DATA"] = str(Path(given).expanduser().absolute())
    except FileNotFoundError as error:  # DL_DATA names no folder
        raise pytest.UsageError(str(error)) from None


def _at_hand(name: str, handed_in: bool) -> bool:
    """Whether a notebook finds a set; one that is handed in doesn't know the cache."""
    if not data.available(name):
        return False
    return not handed_in or data.root(name) == Path(os.environ.get("DL_DATA", ""))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Execute, but don't compare, the notebooks whose data sets aren't at hand.

    One that is handed in has no stand-ins, and downloads what isn't in DL_DATA: it is
    skipped, and tried with its zip. With DL_STAND_INS=never both are errors, as in
    `make portable`.
    """
    compare, alone = {}, set()
    for item in items:
        if type(item).__name__ == "IPyNbCell":
            if item.path not in compare:
                notebook = nbformat.read(item.path, as_version=4)
                loaded = data_sets(notebook)
                handed_in = Page(item.path, notebook).handed_in
                alone |= {item.path} if handed_in else set()
                found = [_at_hand(name, handed_in) for name in loaded]
                compare[item.path] = all(found)
                never = os.environ.get("DL_STAND_INS") == "never"
                if never and not compare[item.path]:
                    place = " in DL_DATA" if handed_in else ""
                    missing = f"{item.path.name} needs {', '.join(loaded)}{place}"
                    raise pytest.UsageError(f"{missing}: make data, or set DL_DATA")
            if not compare[item.path]:
                item.options["check"] = False
                if item.path in alone:
                    item.add_marker(pytest.mark.skip(reason="reads real images only"))
