"""Files that are whole or absent, whenever the process is killed."""

import secrets
import shutil
from collections.abc import Callable
from pathlib import Path


def write_whole(
    path: str | Path, content: bytes | str | Callable[[Path], object]
) -> Path:
    """Write a file in one step: readers see the old one, or the whole new one.

    content: bytes; text, stored as UTF-8 with the line ends it has; or a function that
        writes to the path it is given, such as functools.partial(torch.save, state).

    Returns the path. A file that was there keeps its mode. Raises what writing raises;
    then the old file, if any, is as it was, and nothing else is left beside it.
    """
    path = Path(path)
    part = path.with_name(f"{path.name}.{secrets.token_hex(4)}.part")
    try:
        if callable(content):
            content(part)
        else:
            part.write_bytes(content.encode() if isinstance(content, str) else content)
        if path.exists():
            shutil.copymode(path, part)
        return part.replace(path)
    finally:
        part.unlink(missing_ok=True)
