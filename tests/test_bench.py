import numpy as np
import pytest

from helpers import stand_ins
from tools import bench


@pytest.fixture(scope="module")
def digits():
    images, labels = stand_ins.make("mnist")[0]
    return images[:2000].reshape(2000, -1) / np.float32(255), labels[:2000]


@pytest.mark.parametrize("side", [bench.ours, bench.pytorch, bench.scikit_learn])
def test_each_side_learns_in_its_epochs(side, digits):
    epoch, accuracy = side(*digits)
    before = accuracy()
    for _ in range(3):
        epoch()
    assert before < 0.4 and accuracy() > 0.7


def test_a_side_that_does_not_learn_is_named(digits, monkeypatch):
    monkeypatch.setattr(bench, "TURNS", 1)
    idle = (lambda: None, lambda: 0.1)
    monkeypatch.setattr(bench, "pytorch", lambda x, labels: idle)
    with pytest.raises(RuntimeError, match=r"PyTorch.*10.0% of the training images"):
        bench.measure(*(np.tile(part, (3, 1)[: part.ndim]) for part in digits))


def test_a_row_holds_medians_and_the_ratios_of_the_turns():
    row = bench.row("other", [1.0, 2.0, 4.0], [3.0, 4.0, 4.0])
    assert row == "| other | 2.00 | 4.00 | 2.00 | 1.00 to 3.00 |"


def test_the_table_is_not_made_from_stand_ins(monkeypatch, tmp_path):
    monkeypatch.setattr(bench, "PAGE", tmp_path / "speed.md")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("DL_DATA", raising=False)
    with pytest.raises(SystemExit, match="MNIST itself"):
        bench.main()
    assert not bench.PAGE.exists()
