"""Execute the notebooks (`run`) and hold them against the book's rules (`check`)."""

import argparse
import copy
import datetime
import os
import platform
import sys
import time
from functools import partial
from importlib.metadata import version
from pathlib import Path

import nbformat
import numpy as np
import yaml
from nbclient import NotebookClient
from nbclient.exceptions import CellControlSignal, DeadKernelError
from nbformat import NotebookNode
from threadpoolctl import threadpool_limits

import helpers
from helpers import data
from helpers.files import write_whole
from tools import gate
from tools.digest import PYTHON, ROOT, SETUP_TAG, digest, sealed
from tools.reading import PLACEHOLDER, Page, data_sets, read_book

# One thread, as in the tests; and no outputs stored that come from stand-in data.
SURROUNDINGS = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "DL_OFFLINE": "1",  # what is downloaded is so before, and not told in an output
    "DL_STAND_INS": "never",
}
SETUP = """\
# In Colab this installs the book's library; elsewhere it does nothing.
import sys

if "google.colab" in sys.modules:
    import subprocess

    package = "git+{address}@v{version}"
    subprocess.run([sys.executable, "-m", "pip", "install", "-q", package], check=True)
    import helpers

    if helpers.__version__ != "{version}":
        print("Another version is loaded: Runtime > Restart session, then run again.")
""".strip()
# What reads a solution's files needs the whole repository.
SETUP_BESIDE = """\
# In Colab this fetches the files that are read here; elsewhere it does nothing.
import sys

if "google.colab" in sys.modules:
    import os
    from subprocess import check_call

    address, tag = "{address}", "v{version}"
    if not os.path.exists("{notebook}"):
        if not os.path.exists(tag):
            check_call(["git", "clone", "-q", "--depth=1", "-b", tag, address, tag])
        check_call([sys.executable, "-m", "pip", "install", "-q", f"./{{tag}}[handin]"])
        os.chdir(f"{{tag}}/{folder}")
    if getattr(sys.modules.get("helpers"), "__version__", tag[1:]) != tag[1:]:
        print("Another version is loaded: Runtime > Restart session, then run again.")
""".strip()
# Until the repository has an address, nothing can be fetched from it.
SETUP_NOWHERE = """\
# In Colab this asks for the book's library; elsewhere it does nothing.
import sys
from importlib.util import find_spec

if "google.colab" in sys.modules and not find_spec("helpers"):
    missing = "This copy of the book has no address yet to install its library from."
    raise SystemExit(f"{missing} Upload its folder, and run %pip install ./<folder>")
""".strip()


def notebooks() -> list[Path]:
    """Every notebook of the book, in reading order."""
    return sorted([*ROOT.glob("chapters/*.ipynb"), *ROOT.glob("solutions/*/*.ipynb")])


def handed_in() -> list[Path]:
    """The notebooks that are parts of a hand-in, which need nothing of the book."""
    return sorted(ROOT.glob("solutions/*/*/*.ipynb"))


def repository() -> str:
    """The repository's address, which `_config.yml` alone has."""
    return yaml.safe_load((ROOT / "_config.yml").read_text("utf-8"))["repository"][
        "url"
    ]


def setup_cell(path: Path) -> str:
    """The source of a notebook's first code cell, from the repository's address."""
    address = repository()
    if PLACEHOLDER in address:
        return SETUP_NOWHERE
    *_, parent, folder, _ = path.resolve().parts
    hand_in = parent == "solutions" and folder != "chapters"  # in a clone of that name
    folder = f"solutions/{folder}" if hand_in else folder
    source = path.read_bytes() if path.is_file() else b""
    reads = any(b'\\"../' + room in source for room in (b"solutions/", b"recipes/"))
    beside = reads or hand_in
    return (SETUP_BESIDE if beside else SETUP).format(
        address=address,
        version=helpers.__version__,
        notebook=path.name,
        folder=folder,
    )


def opened(path: Path) -> NotebookNode:
    """The notebook in a file; raises ValueError, one line, if it holds none."""
    try:
        notebook = nbformat.read(path, as_version=4)
        nbformat.validate(notebook)
    except (nbformat.ValidationError, ValueError, AttributeError, TypeError) as error:
        reason = str(error).strip().split("\n")[0][:80]
        raise ValueError(f"not a notebook that Jupyter reads: {reason}") from None
    return notebook


def is_stale(notebook: NotebookNode, path: Path) -> bool:
    """Whether the stored outputs were made from other code than what stands here."""
    return notebook.metadata.get("book", {}).get("digest") != digest(
        notebook, path.parent
    )


def _pace() -> float:
    """The seconds of a fixed piece of work, by which `check` counts a notebook's.

    Half of it or more is products of matrices on one thread, the rest plain Python.
    """
    matrix = np.random.default_rng(0).normal(size=(1000, 1000)).astype(np.float32)
    taken = []
    for _ in range(5):  # the least: what else runs can only add to it
        start = time.perf_counter()
        with threadpool_limits(1):
            for _ in range(10):
                matrix @ matrix
        sum(i * i for i in range(2_000_000))
        taken.append(time.perf_counter() - start)
    return round(min(taken), 3)


def run(path: Path) -> float:
    """Execute one notebook and store its outputs; return the seconds it took.

    Nothing is written unless every cell ran. Raises CellControlSignal for a cell that
    fails or takes too long, DeadKernelError, FileNotFoundError without the real data.
    """
    notebook = opened(path)
    env = {**os.environ, **SURROUNDINGS}
    handed_in = Page(path, notebook).handed_in
    if not handed_in:
        _set_up(notebook, path)
    for name in data_sets(notebook):
        if data.load(name).source != "original":
            real = f"outputs are stored from the real {name} only"
            raise FileNotFoundError(f"{real}; make data, or name its folder in DL_DATA")
        if handed_in:  # it looks nowhere else
            env["DL_DATA"] = str(data.root(name).absolute())  # from its own folder too
    pace = _pace()
    code = digest(notebook, path.parent)  # now, since files may change meanwhile
    start = time.perf_counter()
    NotebookClient(
        notebook,
        timeout=600,
        kernel_name="python3",
        record_timing=False,
        resources={"metadata": {"path": str(path.parent)}},
        extra_arguments=["--log-level=ERROR"],  # not that TCP is without encryption
    ).execute(env=env)
    seconds = round(time.perf_counter() - start, 1)
    for cell in notebook.cells:
        _normalize(cell)
    notebook.metadata = {
        "kernelspec": {
            "display_name": "Python 3",
            "language": "python",
            "name": "python3",
        },
        "language_info": {"name": "python"},
        "book": {
            "digest": code,
            "date": datetime.date.today().isoformat(),
            "seconds": seconds,
            "pace": pace,
            "versions": {
                "python": platform.python_version(),
                **{name: version(name) for name in ("numpy", "torch")},
            },
        },
    }
    notebook.metadata["book"]["outputs"] = sealed(notebook)
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    _write(notebook, path)
    return seconds


def _set_up(notebook: NotebookNode, path: Path) -> None:
    """Make the setup cell the first code cell; an author's own first cell stays."""
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    if not code or SETUP_TAG not in code[0].metadata.get("tags", []):
        at = notebook.cells.index(code[0]) if code else len(notebook.cells)
        code.insert(0, nbformat.v4.new_code_cell())
        notebook.cells.insert(at, code[0])
    code[0].source = setup_cell(path)
    code[0].metadata["tags"] = [SETUP_TAG]  # nothing to read on the page


def renew_setup(notebook: NotebookNode, path: Path) -> bool:
    """Write the setup cell of now into a fresh notebook; whether it was another."""
    if Page(path, notebook).handed_in:
        return False
    before = copy.deepcopy(notebook)
    _set_up(notebook, path)
    if notebook != before:
        _write(notebook, path)
    return notebook != before


def _normalize(cell: NotebookNode) -> None:
    """Leave nothing in a cell that changes from run to run; give figures their alt."""
    tags = cell.metadata.get("tags")
    cell.metadata = nbformat.from_dict({"tags": tags} if tags else {})
    if tags and "hide-input" in tags:  # on the page; the others fold JupyterLab, Colab
        cell.metadata.update(jupyter={"source_hidden": True}, cellView="form")
    if cell.cell_type != "code":
        return
    merged: list[NotebookNode] = []
    for output in cell.outputs:  # where a stream is cut depends on timing
        if merged and output.get("name", "") == merged[-1].get("name"):
            merged[-1].text += output.text
        else:
            merged.append(output)
    cell.outputs = merged
    for output in merged:  # where the page takes alt and caption from
        stored = output.get("metadata", {}).get("book", {})
        if stored.get("alt"):
            cell.metadata["mystnb"] = {"image": {"alt": stored["alt"]}}
        if stored.get("caption"):
            cell.metadata["mystnb"]["figure"] = {"caption": stored["caption"]}


def _write(notebook: NotebookNode, path: Path) -> None:
    """Replace the file whole, or leave it as it was."""
    nbformat.validate(notebook)
    write_whole(path, partial(nbformat.write, notebook))


def run_all(paths: list[Path]) -> int:
    """Execute these notebooks, or all stale ones; return how many failed."""
    failed = 0
    for path in paths or [*notebooks(), *handed_in()]:
        name = os.path.relpath(path, ROOT)
        try:
            notebook = opened(path)
            if not paths and not is_stale(notebook, path):
                renewed = renew_setup(notebook, path)
                print(f"{name}: {'its setup cell renewed' if renewed else 'fresh'}")
                continue
            print(f"{name}: running", flush=True)
            print(f"{name}: {run(path)} s")
        except (CellControlSignal, DeadKernelError, OSError, ValueError) as error:
            failed += 1
            print(f"{name}: nothing stored\n{error}")
    return failed


def check_all(paths: list[Path]) -> int:
    """Print every breach of the rules; return how many there are.

    Of a notebook that is stale, nothing else is said.
    """
    compare = sys.version_info[:2] == PYTHON
    if not compare:
        wanted = ".".join(map(str, PYTHON))
        print(f"Staleness is not checked: that takes Python {wanted}.")
    pages, found, stale = {}, [], set()
    every = [*notebooks(), *handed_in(), *map(Path.resolve, paths)]
    for path in dict.fromkeys(every):
        name = os.path.relpath(path, ROOT)
        try:
            notebook = opened(path)
        except ValueError as error:
            found.append((name, str(error)))
            continue
        pages[name] = Page(path, notebook, setup_cell(path))
        if compare and is_stale(notebook, path):
            stale.add(name)
            found.append((name, "stale, made from other code: 'make run' executes it"))
        else:
            found += [(name, problem) for problem in gate.problems(pages[name])]
    between = gate.problems_between(read_book(ROOT, pages))
    found += [breach for breach in between if breach[0] not in stale]
    if paths:
        only = {os.path.relpath(path.resolve(), ROOT) for path in paths}
        found = [breach for breach in found if breach[0] in only]
    for name, problem in found:
        print(f"{name}: {problem}")
    return len(found)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("command", choices=["run", "check"])
    parser.add_argument("paths", nargs="*", type=Path, help="these notebooks only")
    options = parser.parse_args()
    for path in options.paths:
        if not path.is_file() or path.suffix != ".ipynb":
            parser.error(f"{path} is no notebook")
    action = run_all if options.command == "run" else check_all
    if count := action(options.paths):
        sys.exit(f"{count} to mend")


if __name__ == "__main__":
    main()
