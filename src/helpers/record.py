"""How `prove`, `claim` and `check` speak: one line, and a record for the ledger."""

import sys


def say(line: str, **record: object) -> None:
    """Show `line`; in a notebook, also store `record` in the output's metadata.

    The ledger page is read from these records in the stored notebooks.
    """
    ipython = sys.modules.get("IPython")
    if ipython is None or ipython.get_ipython() is None:
        encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
        print(line.encode(encoding, "backslashreplace").decode(encoding))
        return
    metadata = {"book": record} if record else {}
    ipython.display.display({"text/plain": line}, metadata=metadata, raw=True)
