"""A headline number is borne out by a claim, in value and in subject.

Headlines are the percentages and times in headings, in "What to keep", in `intro.md`
and in the README's tables. The claim stands in the same notebook, or in one that the
paragraph links to, or is a card of that homework.
"""

import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tools.reading import Book, claims, prose
from tools.rules.text import KEEP

NUMBER = re.compile(  # also 92\,\%, **92** %, 60-second
    r"(?<![\w.,])(?!\d{4}s)(\d[\d,]*(?:\.\d+)?)(?:[\s*_`$~}-]|&\w+;|\\[,;: ]|\\(?=%))*"
    r"([%‰]|&#37;|&percnt;|pct|per ?cent(?:age points?)?|(?:milli|micro|nano)?seconds?"
    r"|[mnuµμ]?s|secs?|minutes?|mins?|hours?|hrs?|h|days?|weeks?)(?!\w)"
)
RANGE = re.compile(  # from 71 to 82 %, 90–92 %: the first has the unit of the second
    r"(?<![\w.,-])(\d(?:[\d,]*\d)?(?:\.\d+)?)([\s*_$]*(?:[–-]|\b(?:to|and|or)\b)[\s*_$]*)"
    rf"(?={NUMBER.pattern})"
)
SHARE = re.compile(r"\S+\s*(?:%|\bper ?cent\b)", re.I)
TIME = re.compile(  # half an hour, in one second, two and a half weeks, dozens of days;
    # not a second reading, nor one a day, nor the twenty-second epoch
    r"\b(?!(?<=the )\w+ty-second\b)"
    r"(?:an?|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|\w+teen"
    r"|(?:twen|thir|for|fif|six|seven|eigh|nine)ty(?:-\w+)?|few|several|half"
    r"|(?:couple|dozen|hundred|thousand|million)s?(?:\s+of)?)[\s-]+"
    r"(?:(?:milli|micro|nano)seconds?|seconds|(?:(?<=one )|(?<=-))second(?!-)|secs"
    r"|minutes?|hours?|hrs?|(?<!\ba )(?:mins?|days?|weeks?))\b",
    re.I,
)
FORMULA = re.compile(r"\$[^$]*\$")
HEADING = re.compile(r"^ {0,3}#+ .*", re.M)
LINK = re.compile(r"\]\(([^)\s#]+)")
AT_LEAST = re.compile(r"(?:at least|more than|over|above)[\s*]+$")
AT_MOST = re.compile(r"(?:at most|less than|under|below)[\s*]+$")
NOT = re.compile(  # never above, isn't more than, doesn't fall below
    r"(?:\b(?:no|not|never)|n['’]t)"
    r"(?:\s+(?:falls?|fell|drops?|rises?|rose|goes|went|gets?|got|is|was))?[\s*]+$"
)
MINUS = re.compile(r"(?<![\w)%])[-\N{MINUS SIGN}]$")
MORE, LESS = (re.compile(rf"[\s*]+(?:and|or) {word}\b") for word in ("more", "less"))
# What a sentence may leave out when it tells of a claim.
LITTLE = {"a", "an", "and", "are", "as", "at", "by", "for", "from", "in", "is", "it"}
LITTLE |= {"its", "of", "on", "or", "per", "than", "the", "to", "with"}
USUAL = {"test", "accuracy"}


@dataclass(frozen=True)
class Headline:
    """A number, the words around it, from near to far, and what they link to."""

    match: re.Match
    clause: str
    sentence: str
    links: list[str]


def claimed(book: Book) -> Iterator[tuple[str, str]]:
    for name, paragraphs in _told(book):
        for headline in headlines(paragraphs):
            stored = list(_claims(book, name, headline.links))
            if not any(bears_out(record, headline) for record in stored):
                number = " ".join(headline.match.groups())
                sentence = " ".join(headline.clause.split())[:70]
                yield name, f"no claim of its own bears out '{number}': {sentence!r}"
        for paragraph in paragraphs:
            left = NUMBER.sub("", _without_formulas(paragraph))
            if word := SHARE.search(left):
                yield name, f"a share that isn't written in digits: {word.group()!r}"
            if word := TIME.search(re.sub("[*_`]", "", left)):
                yield name, f"a time that isn't written in digits: {word.group()!r}"


def headlines(paragraphs: list[str]) -> Iterator[Headline]:
    """The numbers in some paragraphs, headings or table rows."""
    for paragraph in paragraphs:
        row = paragraph.lstrip().startswith("|")
        for sentence in [paragraph] if row else re.split(r"(?<=[.!?])\s+", paragraph):
            for clause in re.split(r"\|" if row else r"(?<=;)\s+", sentence):
                clause = RANGE.sub(r"\1 \4\2", _without_formulas(clause))
                for match in NUMBER.finditer(clause):
                    yield Headline(match, clause, sentence, LINK.findall(paragraph))


def bears_out(record: Mapping[str, Any], headline: Headline) -> bool:
    """Whether a claim says this number, of this subject.

    The number is the mean as rounded, or the bar where the words say "at least" or "at
    most" as the claim does. Each word of the claim, but for "test" and "accuracy",
    stands in the sentence, and one of them near the number.
    """
    return _says_subject(record["what"], headline) and _says_number(record, headline)


def _says_subject(what: str, headline: Headline) -> bool:
    subject = _words(what) - LITTLE
    needed = subject - USUAL or subject
    near = _words(headline.clause)
    return needed <= _words(headline.sentence) and bool(subject & near)


def _says_number(record: Mapping[str, Any], headline: Headline) -> bool:
    before = headline.clause[: headline.match.start()]
    digits = headline.match[1].rstrip(",").replace(",", "")
    digits = "-" * bool(MINUS.search(before)) + digits
    number, decimals = float(digits), len(digits.partition(".")[2])
    after = headline.clause[headline.match.end() :]
    more = AT_LEAST.search(before) or MORE.match(after)
    less = AT_MOST.search(before) or LESS.match(after)
    found = AT_LEAST.search(before) or AT_MOST.search(before)
    if found and NOT.search(before[: found.start()]):
        more, less = less, more
    words = "at least" if more else "at most" if less else ""
    bar = math.isclose(record["limit"] * _scale(record["unit"]), number)
    for mean in _means(record, _unit(headline.match[2])):
        rounded = f"{mean:.{decimals}f}" == digits
        if number in (0, 100) and _unit(headline.match[2]) == "%":
            rounded = math.isclose(mean, number, abs_tol=1e-9)  # none, and all
        wrong = (more and mean < number) or (less and mean > number)
        if not wrong and (rounded or (bar and words == record["words"])):
            return True
    return False


def _means(record: Mapping[str, Any], unit: str) -> Iterator[float]:
    """What a claim measured in that unit; the difference of two shares is in points."""
    stored, numbers = _unit(record["unit"]), record["numbers"]
    if unit == stored or (unit == "points" and stored == "%"):
        yield sum(numbers) / len(numbers) * _scale(stored)
    if unit == "%" and record.get("share") is not None:
        yield 100 * record["share"]  # of an effect, in a claim of cause


def _without_formulas(text: str) -> str:
    """Text without formulas that have letters: 2h is no two hours there."""

    def kept(formula: re.Match) -> str:
        number = "%" in formula[0] or not re.search("[a-z]", formula[0])
        return formula[0] if number else ""

    return FORMULA.sub(kept, text)


def _scale(unit: str) -> int:
    return 100 if unit == "%" else 1


def _unit(words: str) -> str:
    """One name for a unit: "seconds" is "s", "percent" is "%"."""
    if "point" in words:
        return "points"
    short = {"per": "%", "pct": "%", "&": "%", "milli": "ms", "micro": "µs", "μs": "µs"}
    short |= {"us": "µs", "nano": "ns", "sec": "s", "min": "min", "hour": "h"}
    short |= {"hr": "h", "day": "d", "week": "w"}
    return next((u for start, u in short.items() if words.startswith(start)), words)


def _words(text: str) -> set[str]:
    """The words of a text, without endings: distorted, distorting, distortion."""
    text = re.sub(r"\]\([^)]*\)", "]", text)
    found = re.findall(r"\d[\d,.]*\d|\d|[^\W\d_]+", text.lower())
    return {_stem(word) for word in found}


def _stem(word: str) -> str:
    if not word[0].isalpha() or len(word) < 5:
        return word.replace(",", "")
    return re.sub(r"(?:ing|ion|ed|es|s|e)$", "", word)


def _told(book: Book) -> Iterator[tuple[str, list[str]]]:
    """Where headlines stand: a path, and its paragraphs."""
    for name, page in book.pages.items():
        text = "\n\n".join(prose(cell) for _, cell in page.text)
        kept = KEEP.search(text)
        yield name, HEADING.findall(text) + _paragraphs(kept[1] if kept else "")
    yield "intro.md", _paragraphs(book.texts["intro.md"])
    readme = book.texts["README.md"].split("\n")
    yield "README.md", [line for line in readme if "|" in line]


def _paragraphs(text: str) -> list[str]:
    """Paragraphs, and the rows of tables, each on a line."""
    found = []
    for paragraph in re.split(r"\n\s*\n", text):
        lines = paragraph.split("\n")
        rows = paragraph.lstrip().startswith("|")
        found += lines if rows else [" ".join(lines)]
    return found


def _claims(book: Book, name: str, links: list[str]) -> Iterator[dict[str, Any]]:
    """The claims of a page and of those it links to there; the cards of a homework."""
    folder = Path(name).parent
    linked = {(book.root / folder / link).resolve() for link in links}
    for path, page in book.pages.items():
        file = (book.root / path).resolve()
        readme = file.parent / "README.md"
        own = path == name or file in linked
        if own or (readme in linked and file.parent.parent.name == "solutions"):
            yield from (made for made in claims(page.notebook) if "numbers" in made)
            for card in book.cards:
                if (book.root / card).resolve().is_relative_to(file.parent):
                    yield _of_card(json.loads((book.root / card).read_text("utf-8")))


def _of_card(card: Mapping[str, Any]) -> dict[str, Any]:
    numbers = [seed["value"] for seed in card["seeds"]]
    record = {"what": card["metric"], "unit": card["unit"], "numbers": numbers}
    return record | {"words": "at least", "limit": float("nan")}
