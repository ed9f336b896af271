"""How the notebooks are tested: one thread a worker; compared only on real data."""

import os
from pathlib import Path

import nbformat
import pytest

for threads in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(threads, "1")  # two threads a worker made an epoch 4x slower
os.environ["DL_OFFLINE"] = "1"  # no test or notebook waits for, or needs, a network

from helpers import data  # noqa: E402  after the thread variables, since it loads NumPy
from tools.reading import data_sets  # noqa: E402


def pytest_configure(config: pytest.Config) -> None:
    """Name the masks by a full path, so that pytest works from every folder."""
    masks = Path(__file__).parent / "tests" / "sanitize.cfg"
    config.option.nbval_sanitize_with = str(masks)
    try:
        data.available("mnist")
    except FileNotFoundError as error:  # DL_DATA names no folder
        raise pytest.UsageError(str(error)) from None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Execute, but don't compare, the notebooks whose data sets aren't at hand.

    With DL_STAND_INS=never that is an error, as in `make portable`.
    """
    compare = {}
    for item in items:
        if type(item).__name__ == "IPyNbCell":
            if item.path not in compare:
                loaded = data_sets(nbformat.read(item.path, as_version=4))
                compare[item.path] = all(map(data.available, loaded))
                never = os.environ.get("DL_STAND_INS") == "never"
                if never and not compare[item.path]:
                    missing = f"{item.path.name} needs {', '.join(loaded)}"
                    raise pytest.UsageError(f"{missing}: make data, or set DL_DATA")
            if not compare[item.path]:
                item.options["check"] = False
