"""A file is whole, or as it was before."""

from functools import partial
from pathlib import Path

import pytest

from helpers.files import write_whole
from tests import POSIX


@pytest.mark.parametrize(
    ("content", "stored"),
    [
        (b"a\r\n\xff", b"a\r\n\xff"),
        ("é\n", "é\n".encode()),
        (lambda path: path.write_text("by a function"), b"by a function"),
    ],
)
def test_bytes_text_and_what_a_function_writes_are_stored_as_they_are(
    tmp_path, content, stored
):
    path = write_whole(tmp_path / "file", content)
    assert path.read_bytes() == stored
    assert list(tmp_path.iterdir()) == [tmp_path / "file"]


def write_half(path, error):
    path.write_bytes(b"half")
    raise error


@pytest.mark.parametrize("error", [OSError("no space left"), KeyboardInterrupt()])
@pytest.mark.parametrize("before", [None, b"old"])
def test_what_fails_half_way_leaves_what_was_there(tmp_path, error, before):
    path = tmp_path / "file"
    if before:
        path.write_bytes(before)
    with pytest.raises(type(error)):
        write_whole(path, partial(write_half, error=error))
    assert [each.read_bytes() for each in tmp_path.iterdir()] == [before] * bool(before)


def test_nothing_shows_under_the_files_name_before_it_is_whole(tmp_path):
    seen = []

    def watch(part):
        part.write_bytes(b"half")
        seen.append((path.exists(), part.parent == path.parent))  # one disk: no copy

    path = tmp_path / "file"
    write_whole(path, watch)
    assert seen == [(False, True)]


@POSIX
def test_a_file_keeps_its_mode(tmp_path):
    path = tmp_path / "file"
    path.touch()
    path.chmod(0o604)
    assert write_whole(path, "new").stat().st_mode & 0o777 == 0o604


def test_two_writers_at_once_have_parts_of_their_own(tmp_path):
    def inner_and_outer(part):
        part.write_text("outer")
        write_whole(path, "inner")

    path = Path(tmp_path / "file")
    assert write_whole(path, inner_and_outer).read_text() == "outer"
