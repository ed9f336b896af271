"""torchvision can be imported here; the mending is tried in a made-up environment."""

import shutil
import subprocess
import sys

import pytest

from tools import mend_torchvision

NAMES = ["declare_torchvision_operators.pth", "declare_torchvision_operators.py"]
SCRIPT = """
import sys
assert "torch" not in sys.modules, "a hook has to wait until torchvision is imported"
import torchvision
from torchvision import datasets
from torchvision.transforms import v2
print(datasets.MNIST.__name__, v2.ToDtype.__name__)
"""


@pytest.fixture
def environment(tmp_path, monkeypatch):
    """An empty environment; `answers` are what its imports of torchvision come to."""

    def with_imports(*answers):
        answers = iter(answers)
        monkeypatch.setattr(mend_torchvision, "imports", lambda: next(answers))
        monkeypatch.setattr(
            "sysconfig.get_path", {"purelib": str(tmp_path)}.__getitem__
        )
        return tmp_path

    return with_imports


def files(folder):
    return sorted(file.name for file in folder.iterdir())


def test_nothing_is_written_where_the_import_works(environment, capsys):
    folder = environment(True)
    mend_torchvision.main()
    assert files(folder) == []
    assert capsys.readouterr().out == ""


def test_a_hook_is_written_where_the_import_fails(environment, capsys):
    folder = environment(False, True)
    mend_torchvision.main()
    assert files(folder) == NAMES
    start, hook = (folder / name for name in NAMES)
    assert start.read_text() == "import declare_torchvision_operators\n"
    compile(hook.read_text(), hook, "exec")
    assert "its operators are declared" in capsys.readouterr().out


def test_a_second_call_mends_again(environment):
    for _ in range(2):
        folder = environment(False, True)
        mend_torchvision.main()
        assert files(folder) == NAMES


def test_the_hook_goes_when_a_later_torchvision_needs_none(environment):
    for name in NAMES:
        (environment() / name).write_text("")
    folder = environment(True)
    mend_torchvision.main()
    assert files(folder) == []


def test_it_fails_clearly_if_the_hook_does_not_help(environment):
    environment(False, False)
    with pytest.raises(SystemExit, match="not for want of its operators"):
        mend_torchvision.main()


@pytest.mark.parametrize(("python", "works"), [("true", True), ("false", False)])
def test_imports_says_whether_python_could(monkeypatch, python, works):
    monkeypatch.setattr("sys.executable", shutil.which(python))
    assert mend_torchvision.imports() == works


def test_torchvision_with_data_sets_and_transforms_can_be_imported_here():
    answer = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True)
    assert answer.stdout == b"MNIST ToDtype\n", answer.stderr.decode()
