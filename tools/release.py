"""What a release carries, into build/release/: the book twice, the hand-ins' contents.

Run after `make pdf`, as `make release` does. Each hand-in is made under an example's ID
and tried out; it isn't carried itself, since everyone makes their own.
"""

import hashlib
import shutil
import sys
import tempfile
import zipfile
from collections.abc import Iterable
from pathlib import Path

from helpers.files import write_whole
from tools.course import courses, find
from tools.digest import ROOT
from tools.handin import hand_in

BUILD = ROOT / "_build"
OUT = ROOT / "build" / "release"


def contents(names: Iterable[str], folder: Path) -> str:
    """What each course's zip holds, with sizes in bytes, after it was tried out."""
    lines = []
    for name in names:
        path = hand_in(name, find(name).example, "", folder)
        with zipfile.ZipFile(path) as archive:
            lines += [f"{name}: {path.name}, {path.stat().st_size:,} bytes"]
            lines += [
                f"  {file.file_size:>10,} {file.filename}" for file in archive.filelist
            ]
    return "\n".join(lines) + "\n"


def checksums(files: Iterable[Path]) -> str:
    """Lines that `sha256sum --check` reads."""
    pairs = ((hashlib.sha256(file.read_bytes()).hexdigest(), file) for file in files)
    return "".join(f"{digest}  {file.name}\n" for digest, file in pairs)


def release(build: Path, out: Path, names: Iterable[str]) -> None:
    """Fill `out`, which is emptied first, from the site and the PDF in `build`.

    Raises FileNotFoundError where one of them isn't built, and what `hand_in` raises.
    """
    site, pdf = build / "html", build / "deep-learning-proved.pdf"
    for built, target in ((site / "intro.html", "book"), (pdf, "pdf")):
        if not built.is_file():
            raise FileNotFoundError(f"{built} is missing: run make {target}")
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    shutil.make_archive(str(out / "site"), "zip", site)
    shutil.copy(pdf, out)
    with tempfile.TemporaryDirectory() as folder:
        write_whole(out / "hand-ins.txt", contents(names, Path(folder)))
    write_whole(out / "SHA256SUMS", checksums(sorted(out.iterdir())))


def main() -> None:
    try:
        release(BUILD, OUT, courses())
    except (OSError, ValueError) as error:
        sys.exit(f"no release: {error}")
    for file in sorted(OUT.iterdir()):
        print(f"{file.relative_to(ROOT)}: {file.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
