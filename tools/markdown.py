"""Pieces of the Markdown that the generated pages are made of."""

import re


def table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    """A table with an empty line above it; nothing where there are no rows."""
    if not rows:
        return ""
    lines = [head, ("---",) * len(head), *rows]
    return "\n" + "".join(f"| {' | '.join(line)} |\n" for line in lines)


def plain(text: str) -> str:
    """Text in which Markdown sees no markup, and where no number is torn apart."""
    text = re.sub(r"([\\`*_$<>\[\]|])", r"\\\1", text)
    text = re.sub(r"\b1e(-?\d+)", r"$10^{\1}$", text)
    return text.replace(" %", "\N{NO-BREAK SPACE}%")
