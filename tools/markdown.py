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
    number = r"\b(\d[\d.]*)e([+\N{MINUS SIGN}]?)0*(\d+)\b"
    text = re.sub(number, _power, with_minus(text))
    return text.replace(" %", "\N{NO-BREAK SPACE}%")


def with_minus(text: str) -> str:
    """Text whose negative numbers have a minus sign, at which no line breaks."""
    return re.sub(r"(?<![\w.)\]])-(?=\.?\d)|(?<=\de)-(?=\d)", "\N{MINUS SIGN}", text)


def _power(found: re.Match) -> str:
    digits, sign, exponent = found.groups()
    factor = "" if digits == "1" else rf"{digits} \cdot "
    power = f"-{exponent}" if sign == "\N{MINUS SIGN}" else exponent
    return f"${factor}10^{{{power}}}$"
