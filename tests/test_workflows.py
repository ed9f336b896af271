"""The workflows are valid, run what a maintainer can run, and name one index only."""

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

import helpers
from tests import POSIX
from tests.test_makefile import MAKEFILE, TARGETS
from tools.digest import ROOT

FILES = sorted(ROOT.glob(".github/workflows/*.yml"))
WORKFLOWS = {path.stem: yaml.safe_load(path.read_text("utf-8")) for path in FILES}
JOBS = {
    f"{name}-{job}": content
    for name, workflow in WORKFLOWS.items()
    for job, content in workflow["jobs"].items()
}
CPU_INDEX = "PIP_EXTRA_INDEX_URL[:=] ?https://download.pytorch.org/whl/cpu\\b(?![/.])"
# An option, a variable or a setting of pip, uv, conda; or the address of an index.
INDEX = re.compile(
    r"(?<!no-)(?:index[-_]?url|find[-_]links|trusted[-_]host)|UV_(?:DEFAULT_)?INDEX\b"
    r"|--(?:default-)?index\b|tool\.uv\.index|\bpip\b.*\s-[if]\b"
    r"|https?://[^\s'\")]*(?:/simple\b|/whl\b|/pypi/|pythonhosted|devpi|artifactory)",
    re.I,
)

jobs = pytest.mark.parametrize("job", JOBS.values(), ids=JOBS)
needs_make = pytest.mark.skipif(not shutil.which("make"), reason="no make here")
needs_bash = pytest.mark.skipif(not shutil.which("bash"), reason="no bash here")


def scripts(job):
    """What the steps run, once for each combination that the job's matrix lists."""
    rows = job.get("strategy", {}).get("matrix", {}).get("include", [{}])
    for step in job["steps"]:
        for row in rows if "run" in step else ():
            script = step["run"]
            for name, value in row.items():
                script = script.replace(f"${{{{ matrix.{name} }}}}", value)
            yield script


def foreign_index(text):
    """What names an index of packages other than PyTorch's own with CPU builds."""
    found = INDEX.search(re.sub(CPU_INDEX, "", text))
    return found and found.group()


def test_there_are_workflows_for_tests_pages_and_each_week():
    assert set(WORKFLOWS) == {"test", "pages", "weekly"}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_workflow_is_valid(path):
    schema = ["--builtin-schema", "vendor.github-workflows"]
    command = [sys.executable, "-m", "check_jsonschema", *schema, path]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", WORKFLOWS)
def test_a_workflow_may_only_read_unless_a_job_says_more(name):
    assert WORKFLOWS[name]["permissions"] == {"contents": "read"}


@jobs
def test_a_job_ends(job):
    assert job["timeout-minutes"] <= 60


@jobs
def test_a_job_makes_what_the_makefile_has(job):
    for script in scripts(job):
        for targets in re.findall(r"\bmake +([^;&|\n]+)", script):
            assert set(targets.split()) <= set(TARGETS), script


@POSIX
@needs_bash
@jobs
def test_what_a_job_runs_is_bash(job):
    for script in scripts(job):
        plain = re.sub(r"\$\{\{.*?\}\}", "x", script)
        done = subprocess.run(
            ["bash", "-n"], input=plain, capture_output=True, text=True
        )
        assert not done.stderr, script


def test_actions_are_pinned_by_commit_each_at_one_which_has_its_version_behind():
    lines = [line for path in FILES for line in path.read_text("utf-8").splitlines()]
    used = [line.split("uses: ")[1] for line in lines if "uses: " in line]
    pin = re.compile(r"([\w-]+/[\w-]+)[\w/-]*@([0-9a-f]{40} # v\d+\.\d+\.\d+)")
    pinned = {pin.fullmatch(use).groups() for use in used}
    assert len(used) == sum("uses" in s for job in JOBS.values() for s in job["steps"])
    assert len(dict(pinned)) == len(pinned)


@pytest.mark.parametrize(("job", "block"), [("macos", "sh"), ("windows", "bat")])
def test_on_other_systems_a_job_runs_the_lines_of_the_readme(job, block):
    readme = (ROOT / "README.md").read_text("utf-8")
    lines = re.search(f"```{block}\n(.*?)```", readme, re.S)[1].splitlines()
    wanted = [line.split("#")[0].strip() for line in lines]
    steps = JOBS[f"test-{job}"]["steps"]
    assert [step["run"] for step in steps if "run" in step] == wanted
    assert JOBS[f"test-{job}"]["runs-on"] == f"{job}-latest"


def test_the_hand_ins_are_tried_out_on_one_python():
    [test] = [s for s in JOBS["test-test"]["steps"] if s.get("run") == "make test"]
    ignored = re.search(
        r"!= '(.*?)' && '--ignore=(.*?)'", test["env"]["PYTEST_ADDOPTS"]
    )
    assert ignored[1] in JOBS["test-test"]["strategy"]["matrix"]["python"]
    assert "handin.hand_in(" in (ROOT / ignored[2]).read_text("utf-8")


def test_the_pythons_under_test_are_those_the_makefile_takes():
    low, high = map(int, re.findall(r"\(3, (\d+)\)", MAKEFILE)[:2])
    versions = [f"3.{minor}" for minor in range(low, high + 1)]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert project["requires-python"] == f">={versions[0]}"
    assert JOBS["test-test"]["strategy"]["matrix"]["python"] == versions
    extremes = JOBS["test-releases"]["strategy"]["matrix"]["include"]
    assert [row["python"] for row in extremes] == [versions[0], versions[-1]]


def test_the_version_is_the_same_wherever_it_stands():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf-8"))
    assert helpers.__version__ == project["version"] == citation["version"]


@pytest.mark.parametrize(
    "slip",
    [
        "pip install --index-url https://example.org/simple torch",
        "pip install -i https://example.org/a torch",
        "python -m pip install -q -f https://example.org/wheels torch",
        "PIP_INDEX_URL: https://example.org/simple",
        "PIP_EXTRA_INDEX_URL: https://download.pytorch.org/whl/cu130",
        "PIP_EXTRA_INDEX_URL: https://download.pytorch.org/whl/cpu/other",
        "PIP_EXTRA_INDEX_URL: https://example.org/whl/cpu",
        "--extra-index-url https://download.pytorch.org/whl/cpu",
        "UV_INDEX=https://example.org",
        "UV_DEFAULT_INDEX: https://example.org",
        "uv pip install --default-index https://example.org numpy",
        '[[tool.uv.index]]\nurl = "https://example.org"',
        "global.find-links = /wheels",
        "--trusted-host example.org",
        "see https://pypi.org/simple/numpy",
        "numpy @ https://files.pythonhosted.org/packages/numpy.whl",
    ],
)
def test_every_way_to_name_another_index_would_be_seen(slip):
    assert foreign_index(slip)


@pytest.mark.parametrize(
    "text",
    [
        "PIP_EXTRA_INDEX_URL: https://download.pytorch.org/whl/cpu\n",
        "`PIP_EXTRA_INDEX_URL=https://download.pytorch.org/whl/cpu make test`",
        "pip install -q -c constraints.txt -e .[book,test]",
        "https://pypi.org/project/numpy",
        "enumerate(index)",
    ],
)
def test_the_cpu_index_and_plain_text_are_let_through(text):
    assert foreign_index(text) is None


def test_no_file_names_another_index():
    list_files = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    try:
        done = subprocess.run(list_files, cwd=ROOT, capture_output=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("no git checkout here")
    paths = [ROOT / name for name in done.stdout.decode().split("\0") if name]
    texts = {p: p.read_text("utf-8", errors="replace") for p in paths if p.is_file()}
    del texts[ROOT / "tests/test_workflows.py"]  # which lists them
    assert len(texts) > 50
    named = {path: foreign_index(text) for path, text in texts.items()}
    assert {path: index for path, index in named.items() if index} == {}


@POSIX
@needs_bash
@pytest.mark.parametrize(("open_issue", "done"), [("7", "comment 7"), ("", "create")])
def test_a_failing_week_gets_one_issue(tmp_path, open_issue, done):
    gh = tmp_path / "gh"
    gh.write_text(f'#!/bin/sh\n[ "$2" = list ] && echo {open_issue} || echo "$@"\n')
    gh.chmod(0o755)
    job = JOBS["weekly-report"]
    assert set(job["needs"]) == set(WORKFLOWS["weekly"]["jobs"]) - {"report"}
    [script] = scripts(job)
    path = f"{tmp_path}:/usr/bin:/bin"
    said = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        env={"PATH": path, "TITLE": job["env"]["TITLE"], "BODY": "address"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert said.startswith(f"issue {done} ")
    assert said.endswith("--body address\n")


@POSIX
@needs_make
@pytest.mark.parametrize(
    ("target", "words"),
    [("data", "no mnist on this machine"), ("portable", "make data, or set DL_DATA")],
)
def test_without_the_data_sets_make_says_so_and_fails(target, words, tmp_path):
    bin_folder = f"BIN={Path(sys.executable).parent}"
    made = ["-o", ".venv/.book", "-o", ".venv/.test"]
    done = subprocess.run(
        ["make", "-C", ROOT, *made, bin_folder, target],
        env={
            "PATH": "/usr/bin:/bin",
            "XDG_CACHE_HOME": str(tmp_path),
            "DL_OFFLINE": "1",
        },
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode != 0
    assert words in done.stdout + done.stderr
    assert "passed" not in done.stdout
