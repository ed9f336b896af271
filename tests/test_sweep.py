"""Every run is made once, goes on where it stopped, and is no other run's."""

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from itertools import cycle
from pathlib import Path
from types import SimpleNamespace

import joblib
import numpy as np
import pytest
import threadpoolctl

from helpers import results, sweep
from tests import POSIX

WANTED = {"plain": ({"lr": 0.5}, range(3)), "try-slow": ({"lr": 0.1}, [4])}
DATA = {"moons": "0123"}


@pytest.fixture(autouse=True)
def runs(tmp_path, monkeypatch):
    """An empty folder for runs, which DL_RUNS names."""
    monkeypatch.setenv("DL_RUNS", str(tmp_path / "runs"))
    return tmp_path / "runs"


def train(settings, seed, folder):
    with open(folder / "calls", "a") as file:
        file.write("x")
    return {"value": settings["lr"] + seed, "curves": {"train": np.arange(2)}}


def run(train=train, wanted=WANTED, **changes):
    how = {"name": "toy", "data": DATA, "packages": ("numpy",)}
    return sweep.run(train, wanted, **how | changes)


@pytest.mark.parametrize("jobs", [None, 2])
def test_the_runs_are_settings_times_seeds_in_their_order(runs, jobs, capsys):
    done = run(jobs=jobs)
    values = {card: [(r["seed"], r["value"]) for r in of] for card, of in done.items()}
    assert values == {"plain": [(0, 0.5), (1, 1.5), (2, 2.5)], "try-slow": [(4, 4.1)]}
    assert done["plain"][1]["curves"] == {"train": [0, 1]}
    lines = capsys.readouterr().out.splitlines()
    assert sorted(line.split(": ", 1)[1] for line in lines) == [
        f"plain, seed {seed}: {value}, 0 s" for seed, value in values["plain"]
    ] + ["try-slow, seed 4: 4.1, 0 s"]
    assert lines[-1].startswith("4 of 4: ")


def test_what_a_run_does_to_its_settings_is_its_own():
    def grows(settings, seed, folder):
        settings["layers"].append(seed)
        return {"value": len(settings["layers"])}

    for _ in "ab":  # the second time it finds the folders as the first left them
        done = run(grows, {"plain": ({"layers": []}, range(3))})
        assert [each["value"] for each in done["plain"]] == [1, 1, 1]


def test_a_finished_run_is_not_made_again_and_a_new_one_is(runs):
    first = run()
    again = run(wanted=WANTED | {"plain": ({"lr": 0.5}, [2, 3])})
    assert again["plain"][0] == first["plain"][2]
    assert again["try-slow"] == first["try-slow"]
    assert {path.read_text() for path in runs.rglob("calls")} == {"x"}
    assert len(list(runs.rglob("calls"))) == 5


def test_what_comes_back_makes_a_card(tmp_path):
    card = results.write(
        tmp_path / "plain.json",
        document="course",
        question="q1",
        metric="loss",
        unit="nats",
        command="python recipe.py",
        parameters=WANTED["plain"][0],
        data=DATA,
        seeds=run()["plain"],
        packages=("numpy",),
    )
    assert results.values(card) == [0.5, 1.5, 2.5]


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        (
            {"wanted": {"plain": ({"lr": 0.4}, [0])}},
            r"settings \({'lr': 0.5} before, {'lr': 0.4} now",
        ),
        ({"wanted": {"plain": ({"lr": 0.5, "new": 1}, [0])}}, "settings"),
        ({"data": {"moons": "4567"}}, r"data \({'moons': '0123'} before"),
        ({"data": {}}, "data"),
        ({"threads": 2}, "threads"),
        ({"packages": ("joblib",)}, "versions"),
        ({"train": lambda settings, seed, folder: {"value": 0.0}}, "code"),
    ],
)
def test_a_folder_of_another_run_is_refused_before_any_run(runs, changes, named):
    run(wanted={"plain": ({"lr": 0.5}, [0])})
    before = sorted(runs.rglob("*"))
    one = {"first": ({}, [0]), "plain": ({"lr": 0.5}, [0])}
    with pytest.raises(ValueError, match=f"other {named}.*delete the folder"):
        run(**{"wanted": one} | changes)
    assert sorted(runs.rglob("*")) == before


@pytest.mark.parametrize("value", [len, [lambda x: x], {1j: 2}, np.arange(2)])
def test_a_setting_that_no_file_can_note_is_refused_before_any_run(runs, value):
    with pytest.raises(TypeError, match=r"slow: expected num.* got rate = .*name"):
        run(wanted={"plain": ({"lr": 0.5}, [0]), "slow": ({"rate": value}, [0])})
    assert not runs.exists()


def test_the_code_of_a_program_counts_but_not_its_prose(runs, tmp_path):
    program, weights = tmp_path / "train.py", tmp_path / "start.bin"
    program.write_text("def f(x):\n    return x + 1\n")
    weights.write_bytes(b"\xff")
    both = {"sources": [program, weights]}
    run(**both)
    program.write_text(
        '"""New."""\ndef f(x):\n    """Same."""\n    return (x + 1)  #\n'
    )
    run(**both)
    program.write_text("def f(x):\n    return x + 2\n")
    with pytest.raises(ValueError, match="other code"):
        run(**both)
    program.write_text("def f(x):\n    return x + 1\n")
    weights.write_bytes(b"\xfe")
    with pytest.raises(ValueError, match="other code"):
        run(**both)


def helper(x):
    return x


def test_the_code_of_a_function_that_a_run_calls_counts(monkeypatch):
    run(sources=[helper])
    run(sources=[helper])
    source = "def helper(x):\n    return -x\n"
    monkeypatch.setattr(sweep.inspect, "getsource", lambda of: source)
    with pytest.raises(ValueError, match="other code"):
        run(sources=[helper])


def failing(settings, seed, folder):
    if settings["lr"] == 0.1:
        raise RuntimeError("no data")
    return train(settings, seed, folder)


def test_the_first_run_that_fails_ends_the_sweep_and_keeps_what_was_finished(runs):
    with pytest.raises(RuntimeError, match="no data"):
        run(failing)
    assert len(list(runs.rglob("result.json"))) == 3
    assert not (runs / "toy/try-slow/seed4/result.json").exists()


@pytest.mark.parametrize(
    "found",
    [{}, {"value": "0.9"}, {"value": None}, {"value": True}, None, 0.9, {"value"}],
)
def test_a_run_without_a_number_is_no_result(runs, found):
    def train(settings, seed, folder):
        return found

    with pytest.raises(
        ValueError, match=r"plain, seed 0: expected.* a number as value"
    ):
        run(train)
    assert not list(runs.rglob("result.json"))


@pytest.mark.parametrize(
    "found", [{"value": np.nan}, {"value": 1.0, "curves": np.array([1.0, np.inf])}]
)
def test_a_number_that_is_not_finite_is_no_result(runs, found):
    with pytest.raises(ValueError, match=r"plain, seed 0: expected finite numbers"):
        run(lambda settings, seed, folder: found)
    assert not list(runs.rglob("result.json"))


@pytest.mark.parametrize(
    "more", [{"seconds": None}, {"seconds": -1.0}, {"seen": {1}}, {"how": print}]
)
def test_what_no_card_can_hold_is_no_result(runs, more):
    with pytest.raises(ValueError, match=r"plain, seed 0: expected .*got"):
        run(lambda settings, seed, folder: {"value": 1.0} | more)
    assert not list(runs.rglob("result.json"))


@pytest.mark.parametrize("name", ["run.json", "result.json"])
def test_a_damaged_file_of_a_run_is_named(runs, name):
    run()
    path = next(runs.rglob(name))
    path.write_bytes(path.read_bytes()[:7])
    with pytest.raises(ValueError, match=rf"{name} is damaged .*; delete its folder"):
        run()


def test_a_run_keeps_where_and_when_it_was_made(monkeypatch):
    for processor, today in (("Z80", "1976-07-01"), ("another", "2026-01-02")):
        monkeypatch.setattr(sweep, "processor", lambda name=processor: name)
        monkeypatch.setattr(sweep, "today", lambda date=today: date)
        results = run()["plain"]  # the second time, they are found
    made = {(each["processor"], each["date"]) for each in results}
    assert made == {("Z80", "1976-07-01")}


def test_a_result_is_of_the_seed_that_was_asked_for():
    done = run(lambda settings, seed, folder: {"value": 0.0, "seed": 7})
    assert [each["seed"] for each in done["plain"]] == [0, 1, 2]


@pytest.mark.parametrize("card", ["./b", "b/", "a/../b", "..", "", "/b"])
def test_no_two_cards_share_a_folder(runs, card):
    with pytest.raises(ValueError, match=r"expected names of folders as cards, got"):
        run(wanted={"b": ({}, [0]), card: ({}, [0])})
    assert not runs.exists()


def test_seconds_are_those_of_the_call_unless_the_run_counts_them(monkeypatch):
    clock = SimpleNamespace(perf_counter=cycle([10.0, 12.5]).__next__)
    monkeypatch.setattr(sweep, "time", clock)
    assert run()["try-slow"][0]["seconds"] == 2.5

    def counts(settings, seed, folder):
        return {"value": 0.0, "seconds": 99.0}

    assert run(counts, name="other")["try-slow"][0]["seconds"] == 99.0


def count_threads(settings, seed, folder):
    blas = {pool["num_threads"] for pool in threadpoolctl.threadpool_info()}
    sweep.call(folder.parents[3] / "program.py", folder / "threads")
    return {"value": max(blas), "program": (folder / "threads").read_text()}


@pytest.mark.parametrize("jobs", [None, 2])
def test_threads_are_those_of_the_run_in_libraries_and_programs(tmp_path, jobs):
    (tmp_path / "program.py").write_text(
        "import os, sys\nopen(sys.argv[1], 'w').write(os.environ['OMP_NUM_THREADS'])\n"
    )
    before = dict(os.environ)
    for threads in (1, 2):
        done = run(count_threads, name=f"t{threads}", threads=threads, jobs=jobs)
        for result in done["plain"]:
            assert result["value"] <= threads and result["program"] == str(threads)
    assert os.environ == before


def one_before_the_other(settings, seed, folder):
    """Seed 0 begins first, and ends when 1 has begun; 1 ends after it."""
    (folder / "begun").touch()
    awaited = folder.parent / ("seed1/begun" if seed == 0 else "seed0/result.json")
    while not awaited.exists():
        time.sleep(0.01)
    return {"value": int(os.environ["OMP_NUM_THREADS"])}


def test_runs_that_share_a_process_leave_its_environment_as_it_was(monkeypatch):
    for name in sweep.THREADS:
        monkeypatch.delenv(name, raising=False)
    before = dict(os.environ)
    with joblib.parallel_config(backend="threading", n_jobs=2):
        done = run(one_before_the_other, {"plain": ({}, range(2))}, threads=3)
    assert [each["value"] for each in done["plain"]] == [3, 3]
    assert os.environ == before


def test_torch_gets_its_threads_and_ours_come_back():
    torch = pytest.importorskip("torch")
    before = torch.get_num_threads()

    def count(settings, seed, folder):
        return {"value": torch.get_num_threads()}

    assert run(count, threads=3)["try-slow"][0]["value"] == 3
    assert torch.get_num_threads() == before


SCRIPT = """
import json, time
from pathlib import Path
from helpers import sweep
from helpers.files import write_whole

def train(settings, seed, folder):
    state = folder / "state.json"
    epochs = json.loads(state.read_text()) if state.exists() else []
    while len(epochs) < 60:
        time.sleep(0.01)
        epochs.append(seed + len(epochs))
        write_whole(state, json.dumps(epochs))
    return {"value": sum(epochs), "epochs": len(epochs)}

if __name__ == "__main__":
    sweep.main(__doc__, train, {"long": ({}, [0, 1])},
               lambda done: write_whole("card", json.dumps(done)),
               name="toy", packages=())
"""


@POSIX
def test_a_sweep_that_is_killed_goes_on_to_the_same_result(runs, tmp_path):
    """SIGKILL after the first checkpoint, then the same again: six starts of Python."""
    script = tmp_path / "recipe.py"
    script.write_text(SCRIPT)
    command = [sys.executable, script, "--jobs", "2"]
    process = subprocess.Popen(command, cwd=tmp_path, start_new_session=True)
    while len(list(runs.rglob("state.json"))) < 2 and process.poll() is None:
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert not list(runs.rglob("result.json")), "it had ended before it was killed"
    (runs / "toy/long/seed0/state.json.0.part").touch()
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    done = json.loads((tmp_path / "card").read_text())["long"]
    assert [each["value"] for each in done] == [sum(range(60)), sum(range(1, 61))]
    left = {path.name for path in runs.rglob("*") if path.is_file()}
    assert left == {"state.json", "run.json", "result.json", ".lock"}


def test_two_sweeps_at_once_make_a_run_once(runs, tmp_path):
    script = tmp_path / "recipe.py"
    once = 'open(folder / "calls", "a").write("x")\n    state = folder'
    script.write_text(SCRIPT.replace("state = folder", once))
    command = [sys.executable, script, "--jobs", "1"]
    both = [subprocess.Popen(command, cwd=tmp_path) for _ in range(2)]
    assert [process.wait() for process in both] == [0, 0]
    assert {path.read_text() for path in runs.rglob("calls")} == {"x"}


def killed_once(settings, seed, folder):
    """A run whose process is killed in its first try at seed 1."""
    first = not (folder / "calls").exists()
    with open(folder / "calls", "a") as file:
        print(os.getpid(), file=file, flush=True)
    if seed == 1 and first:
        os.kill(os.getpid(), signal.SIGKILL)
    return {"value": settings["lr"] + seed}


@POSIX
def test_a_cluster_makes_every_run_once_though_a_worker_is_killed(runs, monkeypatch):
    """Two processes, and one more that takes the place of the killed one."""
    distributed = pytest.importorskip("distributed")
    done = []
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, dashboard_address=None
    ) as cluster:
        arguments = "--jobs", "-1", "--dask", cluster.scheduler_address
        called(monkeypatch, *arguments, cards=done.append, train=killed_once)
    values = {
        card: [(r["seed"], r["value"]) for r in of] for card, of in done[0].items()
    }
    assert values == {"plain": [(0, 0.5), (1, 1.5), (2, 2.5)], "try-slow": [(4, 4.1)]}
    calls = {path.parent.name: path.read_text().split() for path in runs.rglob("calls")}
    assert {seed: len(of) for seed, of in calls.items()} == {
        "seed0": 1,
        "seed1": 2,
        "seed2": 1,
        "seed4": 1,
    }
    killed, other = calls["seed1"]
    assert str(os.getpid()) not in (killed, other) and killed != other


def called(monkeypatch, *arguments, cards=list, train=train, wanted=WANTED, **how):
    monkeypatch.setattr(sys, "argv", ["recipe.py", "--jobs", "1", *arguments])
    how |= {"name": train.__name__, "packages": ()}
    sweep.main("What it does.", train, wanted, cards, **how)


def test_a_recipe_writes_its_cards_when_every_run_is_there(runs, monkeypatch):
    written = []
    called(monkeypatch, "--seed", "4", cards=written.append)
    called(monkeypatch, "--card", "plain", "--seed", "1", cards=written.append)
    assert not written and len(list(runs.rglob("result.json"))) == 2
    called(monkeypatch, cards=written.append)
    [done] = written
    assert [len(results) for results in done.values()] == [3, 1]


def test_each_of_a_recipes_sweeps_writes_its_cards_unless_another_is_picked(
    runs, monkeypatch
):
    written = []
    for arguments, cards in (
        (("--card", "try-slow"), ["try-slow"]),
        (("--card", "plain", "--seed", "1"), []),
        ((), ["plain", "try-slow"]),
    ):
        for name in WANTED:
            only = {"wanted": {name: WANTED[name]}, "names": WANTED}
            called(monkeypatch, *arguments, cards=written.extend, **only)
        assert written == cards
        written.clear()
    with pytest.raises(SystemExit):
        called(monkeypatch, "--card", "plane", names=WANTED)


def test_a_chapters_card_names_its_recipe_its_data_and_what_was_measured(
    runs, monkeypatch, tmp_path
):
    monkeypatch.setattr(sweep.data, "hashes", lambda name: {name: "0123"})
    recipe = tmp_path / "recipes/05_digits.py"
    settings = {"set": "mnist", "metric": "test accuracy", "lr": 0.5}
    wanted = {"05-plain": (settings, range(2)), "05-other": (settings, [0])}
    done = run(lambda settings, seed, folder: {"value": (seed + 1) / 4}, wanted)
    sweep.write_cards(recipe, wanted, done, packages=("numpy",))
    card = results.read(recipe.parent / "cards/05-plain.json")
    assert card["metric"] == "mnist test accuracy"
    assert card["command"] == "python recipes/05_digits.py"
    assert card["parameters"] == {"set": "mnist", "lr": 0.5}
    assert card["data"] == {"mnist": "0123"}
    assert [(seed["seed"], seed["value"]) for seed in card["seeds"]] == [
        (0, 0.25),
        (1, 0.5),
    ]
    assert settings["metric"]  # the recipe's own is left as it was
    assert results.read(recipe.parent / "cards/05-other.json")["mean"] == 0.25


def test_help_and_a_wrong_flag_look_for_no_data(runs, monkeypatch, capsys):
    monkeypatch.setattr("helpers.data.load", lambda name: pytest.fail("looked for"))
    for arguments, code in ((["--help"], 0), (["--card", "plane"], 2)):
        with pytest.raises(SystemExit) as stopped:
            called(monkeypatch, *arguments, sets=["moons"])
        assert stopped.value.code == code


def test_missing_data_is_said_in_a_line_before_any_run(runs, monkeypatch):
    def nowhere(name):
        raise FileNotFoundError(f"{name} isn't there")

    monkeypatch.setattr("helpers.data.load", nowhere)
    with pytest.raises(SystemExit, match=r"recipe\.py: moons isn't there"):
        called(monkeypatch, sets=["moons"])
    assert not list(runs.rglob("result.json"))


def test_a_seed_that_no_run_has_is_said(runs, monkeypatch, capsys):
    called(monkeypatch, "--card", "plain", "--seed", "99")
    assert capsys.readouterr().out == "no run of plain has seed 99\n"
    called(monkeypatch, "--card", "plain", "--seed", "1")
    assert "no run" not in capsys.readouterr().out


def test_a_recipe_that_fails_or_is_stopped_ends_with_one_line(monkeypatch):
    with pytest.raises(SystemExit, match=r"^recipe\.py: no data$"):
        called(monkeypatch, train=failing)

    def stopped(settings, seed, folder):
        raise KeyboardInterrupt

    with pytest.raises(SystemExit, match="the same command goes on"):
        called(monkeypatch, train=stopped)


@pytest.mark.parametrize(
    ("program", "said"),
    [
        ("import sys; sys.exit('no data')", r"^train\.py failed: no data$"),
        pytest.param(
            "import os; os.kill(os.getpid(), 9)",
            "failed: ended with -9, and said nothing",
            marks=POSIX,
        ),
    ],
)
def test_a_program_that_fails_is_named_with_its_last_words(tmp_path, program, said):
    (tmp_path / "train.py").write_text(program)
    with pytest.raises(RuntimeError, match=said):
        sweep.call(tmp_path / "train.py")


def test_a_program_gets_arguments_and_variables(tmp_path):
    code = "import os, sys; open(sys.argv[1], 'w').write(os.environ['DL_DATA'])"
    (tmp_path / "train.py").write_text(code)
    sweep.call(tmp_path / "train.py", tmp_path / "out", DL_DATA="here")
    assert (tmp_path / "out").read_text() == "here"


def test_runs_lie_where_dl_runs_says_or_in_the_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("DL_RUNS", "~/mine")
    assert sweep.folder("toy", "plain", 3) == tmp_path / "mine/toy/plain/seed3"
    monkeypatch.delenv("DL_RUNS")
    monkeypatch.setattr(sweep, "user_cache_path", lambda name: tmp_path / name)
    expected = tmp_path / "deep-learning-proved/runs/toy/plain/seed3"
    assert sweep.folder("toy", "plain", 3) == expected


def test_joblibs_own_configuration_decides_where_runs_go():
    with joblib.parallel_config(backend="threading", n_jobs=2):
        assert len(run()["plain"]) == 3


def test_the_docstrings_example_runs(tmp_path):
    block = sweep.__doc__.split("\n\n")[2]
    code = textwrap.dedent(block).splitlines()[0]
    names = {"sweep": sweep, "train": train}
    exec(code, names)
    assert len(names["done"]["plain"]) == 5


HAND_OVER = """
import runpy, sys
from pathlib import Path
import cloudpickle
from helpers import sweep

trains = []
sweep.main = lambda description, train, *rest, **how: trains.append(train)
recipes, sys.argv = sys.argv[1:], ["recipe.py"]
for path in recipes:
    sys.path[:0] = [str(Path(path).parent)]
    runpy.run_path(path, run_name="__main__")
    for train in trains:
        print(cloudpickle.dumps(train).hex())
    trains.clear()
"""
TAKE = """
import pickle, sys
for line in sys.stdin:
    print(pickle.loads(bytes.fromhex(line)).__name__)
"""


def test_every_recipe_can_hand_its_runs_to_other_processes() -> None:
    root = Path(__file__).resolve().parents[1]
    recipes = [*root.glob("recipes/*.py"), *root.glob("solutions/**/recipe*.py")]
    how = {"capture_output": True, "text": True, "check": True, "cwd": root}
    command = [sys.executable, "-c", HAND_OVER, *map(str, recipes)]
    given = subprocess.run(command, **how).stdout
    taken = subprocess.run([sys.executable, "-c", TAKE], input=given, **how).stdout
    assert len(recipes) > 10 and len(taken.split()) >= len(recipes)
