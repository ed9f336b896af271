"""A release holds the book twice, what the hand-ins contain, and true checksums."""

import hashlib
import zipfile

import pytest

from tools import release

NAME = "technion_097200"


@pytest.fixture
def built(tmp_path):
    """A folder with a small site and PDF, as `make pdf` leaves them."""
    (tmp_path / "html").mkdir()
    (tmp_path / "html/intro.html").write_text("<p>book</p>")
    (tmp_path / "deep-learning-proved.pdf").write_bytes(b"%PDF")
    return tmp_path


@pytest.fixture(autouse=True)
def quick_hand_in(monkeypatch):
    """A zip as `hand_in` makes it, but untried, since trying takes minutes."""

    def hand_in(name, id, names, out):
        with zipfile.ZipFile(out / f"{id}.zip", "w") as archive:
            archive.writestr("train.py", "print()")
        return out / f"{id}.zip"

    monkeypatch.setattr(release, "hand_in", hand_in)


def test_a_release_has_site_pdf_contents_and_checksums(built):
    (out := built / "release").mkdir()
    (out / "old.zip").touch()
    release.release(built, out, [NAME])
    sums = dict(
        reversed(line.split("  "))
        for line in (out / "SHA256SUMS").read_text("utf-8").splitlines()
    )
    files = {"deep-learning-proved.pdf", "hand-ins.txt", "site.zip"}
    assert {path.name for path in out.iterdir()} == {*files, "SHA256SUMS"}
    assert sums == {
        name: hashlib.sha256((out / name).read_bytes()).hexdigest() for name in files
    }
    with zipfile.ZipFile(out / "site.zip") as site:
        assert site.read("intro.html") == b"<p>book</p>"
    listed = (out / "hand-ins.txt").read_text("utf-8").splitlines()
    assert listed[0].startswith(f"{NAME}: ") and listed[1].split() == ["7", "train.py"]


@pytest.mark.parametrize(
    ("lost", "target"),
    [("html/intro.html", "make book"), ("deep-learning-proved.pdf", "make pdf")],
)
def test_without_a_built_book_an_older_release_is_left(built, lost, target):
    (built / lost).unlink()
    (out := built / "release").mkdir()
    (out / "old.zip").touch()
    with pytest.raises(FileNotFoundError, match=target):
        release.release(built, out, [NAME])
    assert [path.name for path in out.iterdir()] == ["old.zip"]
