"""What the theorems of proofs/ state, read from the files, for the page about them.

A theorem is named after its equation: `eq_3_13` states (3.13), and so does
`eq_2_7_minimum` (2.7). Whether Coq accepts its proof is for `make proofs` to say.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

COMMENT = re.compile(r"\(\*.*?\*\)", re.S)
SECTION = re.compile(r"^Section (\w+)\.$.*?^End \1\.$", re.M | re.S)
# A sentence of Coq ends with a full stop at the end of a line.
ASSUMED = re.compile(r"^(?:Variable|Hypothesis|Let)s? .*?\.$", re.M | re.S)
DEFINED = re.compile(
    r"(?:^\(\*(?:(?!\*\)).)*\*\)\n)?^(?:Definition|Fixpoint) .*?\.$", re.M | re.S
)
THEOREM = re.compile(
    r"(?:^\(\* (?P<meaning>(?:(?!\*\)).)*?) ?\*\)\n)?"
    r"^(?P<statement>Theorem (?P<name>\w+).*?\.)\n(?P<proof>Proof\..*?Qed\.)$",
    re.M | re.S,
)


@dataclass(frozen=True)
class Theorem:
    """A theorem: its equation's number, its statement with all that it assumes."""

    name: str
    number: str
    meaning: str
    statement: str
    lines: int


@dataclass(frozen=True)
class Theory:
    """A file of proofs/: its name, the definitions and the theorems in it."""

    name: str
    definitions: str
    theorems: list[Theorem]


def read_theory(file: Path) -> Theory:
    """The definitions and theorems of a file of proofs/.

    Raises ValueError where a theorem isn't named after an equation.
    """
    text = file.read_text("utf-8")
    defined = "\n\n".join(DEFINED.findall(text))
    theorems = [_theorem(text, match) for match in THEOREM.finditer(text)]
    return Theory(file.name, defined, sorted(theorems, key=lambda t: _key(t.number)))


def read_theories(folder: Path) -> list[Theory]:
    """All files of proofs/: what they share, then in the order of their equations."""
    files = sorted(folder.glob("*.v"), reverse=True)  # of the shared ones, sums first
    return sorted(map(read_theory, files), key=_first_number)


def numbers(theories: list[Theory]) -> set[str]:
    """The numbers of the equations that have a theorem."""
    return {theorem.number for theory in theories for theorem in theory.theorems}


def theorem_list(theories: list[Theory], links: Mapping[str, str]) -> str:
    """The list of all theorems; `links` leads from a chapter's number to its page."""
    return "".join(_section(theory, links) for theory in theories)


def _section(theory: Theory, links: Mapping[str, str]) -> str:
    link = f"[{theory.name}](../proofs/{theory.name})"
    block = f"\n```text\n{theory.definitions}\n```\n" if theory.definitions else ""
    if not theory.theorems:
        return f"\n### Shared: {theory.name}\n\n{link} defines\n{block}"
    chapter = theory.theorems[0].number.split(".")[0]
    words = f"{link} defines\n{block}\nand proves\n" if block else f"{link} proves\n"
    return f"\n### Chapter {chapter}\n\n{words}" + "".join(
        _entry(number, list(theorems), links[chapter])
        for number, theorems in groupby(theory.theorems, lambda theorem: theorem.number)
    )


def _entry(number: str, theorems: list[Theorem], link: str) -> str:
    """The theorems of one equation, where the ledger's link leads."""
    anchor = number.replace(".", "-")
    entry = f"\n(formal-{anchor})=\n"
    for theorem in theorems:
        entry += f"[({number})]({link}#eq-{anchor}), {theorem.lines} lines: "
        entry += f"{theorem.meaning}\n\n```text\n{theorem.statement}\n```\n\n"
    return entry


def _theorem(text: str, match: re.Match[str]) -> Theorem:
    name, statement = match["name"], match["statement"]
    numbered = re.fullmatch(r"eq_(\d+)_(\d+)(?:_[a-z]\w*)?", name)
    if not numbered:
        raise ValueError(f"theorem {name} is named after no equation; call it a Lemma")
    for section in SECTION.finditer(text):
        if section.start() < match.start() < section.end():
            # Sections that ended before it suppose nothing of it.
            before = SECTION.sub("", text[section.start() : match.start()])
            statement = "\n".join([*_assumed(before, statement), "", statement])
    return Theorem(
        name=name,
        number=f"{numbered[1]}.{numbered[2]}",
        meaning=" ".join((match["meaning"] or "").split()),
        statement=statement,
        lines=(match["statement"] + match["proof"]).count("\n") + 2,
    )


def _assumed(section: str, statement: str) -> list[str]:
    """What a section supposes before a theorem, as far as its statement needs it."""
    outside = re.sub(r"^(Lemma|Theorem) .*?Qed\.$", "", section, flags=re.M | re.S)
    needed, shown = statement, []
    for sentence in reversed(ASSUMED.findall(COMMENT.sub("", outside))):
        verb, declared = sentence.split(" ", 1)
        names = re.match(r"\w+", declared) if verb == "Let" else None
        words = [names[0]] if names else re.findall(r"\w+", declared)
        if verb == "Hypothesis" or any(
            re.search(rf"\b{word}\b", needed) for word in words
        ):
            shown.insert(0, sentence)
            needed += sentence
    return shown


def _first_number(theory: Theory) -> list[int]:
    return _key(theory.theorems[0].number) if theory.theorems else []


def _key(number: str) -> list[int]:
    return [int(part) for part in number.split(".")]
