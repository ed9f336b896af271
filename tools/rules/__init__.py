"""The rules that the stored book has to keep, by subject; each rule is one function.

A rule for notebooks takes a `Page` and yields sentences, one a breach; it is named in
`NOTEBOOK`, and in `HANDED_IN` if it holds for a part of a hand-in too. A rule for the
whole book takes a `Book` and yields pairs of a path and a sentence; it is named in
`BOOK`. To add one, write it beside its like and name it here; `tests/test_gate.py` has
a notebook that keeps all of them. Cells are counted from 0, Markdown cells included.
"""

from tools.rules import (
    book,
    cells,
    claims,
    equations,
    exercises,
    figures,
    headlines,
    outputs,
    text,
)

NOTEBOOK = (
    cells.setup_first,
    cells.short,
    cells.plain_python,
    cells.verbs_are_the_librarys,
    cells.known_tags,
    cells.nothing_set_apart,
    cells.folded,
    cells.small_and_quick,
    outputs.executed_in_order,
    outputs.as_executed,
    outputs.clean,
    outputs.complete,
    outputs.masked_numbers_are_claimed,
    outputs.only_verbs_speak_as_verbs,
    outputs.few_uncompared,
    outputs.shown_errors,
    claims.say_what_was_measured,
    claims.can_fail,
    claims.claimed_once,
    claims.causes,
    figures.one_a_cell,
    figures.described,
    figures.captioned,
    text.plain_markdown,
    text.plain_html,
    text.closed_formulas,
    text.nothing_hidden,
    text.nothing_ahead,
    text.named_before,
    text.what_to_keep,
    text.homework_linked,
    text.reading_time,
    equations.in_order,
    equations.state_something,
    equations.numbered_by_tag,
    equations.proved,
    exercises.numbered,
    exercises.checked,
    exercises.folded,
)
# A notebook that is handed in runs without the book, so that it can't speak its verbs.
HANDED_IN = (
    cells.short,
    cells.plain_python,
    cells.known_tags,
    cells.nothing_set_apart,
    cells.small_and_quick,
    outputs.executed_in_order,
    outputs.as_executed,
    outputs.clean,
    outputs.complete,
    outputs.masked_numbers_are_claimed,
    outputs.few_uncompared,
    outputs.shown_errors,
    text.plain_markdown,
    text.plain_html,
    text.closed_formulas,
    text.nothing_hidden,
)
BOOK = (
    book.listed,
    book.ordered,
    book.quick,
    book.reading_times,
    book.references,
    book.links,
    book.links_lead_where_they_say,
    book.masks,
    headlines.claimed,
)
