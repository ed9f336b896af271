"""A notebook that keeps every rule passes the gate; each slip is named."""

import re

import nbformat
import pytest
from nbformat import v4

from helpers import claim
from tools import gate

SETUP = "pass  # the setup cell"
PROOF = 'prove("4.3", f, equals=g)'
KEEP = "## What to keep\n\nSoftmax ignores a shift. One layer reads 92.4 %."


def text(source, **metadata):
    return v4.new_markdown_cell(source, metadata=metadata)


def code(source, *outputs, **metadata):
    return v4.new_code_cell(source, outputs=list(outputs), metadata=metadata)


def printed(words, name="stdout"):
    return v4.new_output("stream", name=name, text=words)


def shown(words, kind="text/plain", /, **record):
    metadata = {"book": record} if record else {}
    return v4.new_output("display_data", {kind: words}, metadata=metadata)


def proved(number):
    return shown(f"({number}) holds", verb="prove", number=number)


def claimed(values, **bar):
    """What the library's own `claim` stores."""
    made = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            "helpers.claims.say", lambda line, **record: made.append((line, record))
        )
        claim("accuracy", values, **bar)
    [(line, record)] = made
    return shown(line, **record)


def figure():
    return shown("iVBORw0KGgo=", "image/png", verb="figure", alt="It falls.")


CLAIM = claimed([0.9237, 0.9241], at_least=0.92, unit="%")
ALT = {"mystnb": {"image": {"alt": "It falls."}}}


@pytest.fixture
def good():
    return v4.new_notebook(
        metadata={"book": {"seconds": 3.2}},
        cells=[
            text("# Why?\n\nReading takes about 5 minutes."),
            code(SETUP, tags=["remove-cell"]),
            code("from helpers import check, claim, plots, prove"),
            text("## The rule\n\n$$a = b \\tag{4.3}$$"),
            code(PROOF, proved("4.3")),
            code("plots.show(fig, alt=alt)", figure(), **ALT),
            code('claim("accuracy", values, at_least=0.92, unit="%")', CLAIM),
            text("### Exercise 4.1: a line\n\nComplete it."),
            code('check("4.1", answer)', shown("Exercise 4.1: not done yet.")),
            text(KEEP),
        ],
    )


def problems(notebook):
    """The gate's sentences, after what an added cell changes is set right."""
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    for count, cell in enumerate(cells, start=1):
        cell.execution_count = count
    now, opening = f"{gate.minutes(notebook)} minutes", notebook.cells[0]
    opening.source = re.sub(r"\d+ minutes", now, opening.source)
    return gate.problems(notebook, SETUP)


def added(notebook, *cells):
    """The gate's sentences when the cells are put in as number 3 and up."""
    notebook.cells[3:3] = cells
    return problems(notebook)


def test_a_notebook_that_keeps_all_rules_passes(good):
    assert problems(good) == []


@pytest.mark.parametrize("part", ["source", "outputs", "metadata"])
def test_another_first_cell_than_the_silent_hidden_setup_cell_is_named(good, part):
    slip = {"source": "pass", "outputs": [printed("installed")], "metadata": {}}
    good.cells[1][part] = nbformat.from_dict(slip[part])
    sentence = "the first code cell is not the silent setup cell: 'make run'"
    assert problems(good) == [sentence]


def test_a_notebook_without_code_has_no_setup_cell(good):
    good.cells = [cell for cell in good.cells if cell.cell_type != "code"]
    assert any("setup cell" in problem for problem in problems(good))


def test_a_file_that_breaks_the_format_is_named(good):
    good.cells[0].metadata.tags = ["twice", "twice"]
    assert any(problem.startswith("not a valid") for problem in problems(good))


@pytest.mark.parametrize("counts", [(1, None), (2, 1), (5, 6), (1, 1)])
def test_cells_not_executed_or_out_of_order_are_named(good, counts):
    assert problems(good) == []
    good.cells[1].execution_count, good.cells[2].execution_count = counts
    found = gate.problems(good, SETUP)
    assert found == ["not executed from top to bottom: 'make run'"]


TRACEBACK = v4.new_output("error", ename="E", evalue="no", traceback=["E: no"])
WIDGET = shown({"model_id": "7"}, "application/vnd.jupyter.widget-view+json")


@pytest.mark.parametrize(
    ("output", "sentence"),
    [
        (printed("old\n", "stderr"), "stderr in the stored output"),
        (TRACEBACK, "an error in the stored output"),
        (WIDGET, "not for all readers: ['application/vnd.jupyter.widget-view+json']"),
        (shown("<svg>", "image/svg+xml"), "not for all readers: ['image/svg+xml']"),
        (shown("<script>", "text/html"), "not for all readers: ['text/html']"),
        (shown("$$a \\tag{4.9}$$", "text/latex"), "not for all readers"),
        (printed("10%\r20%\r"), "a progress bar in the stored output"),
        (printed("saved to /home/ada/model"), "names a machine's path: /home/"),
        (printed("File /mnt/book/src/helpers"), "names a machine's path: /mnt/"),
        (printed("lib/site-packages/torch"), "names a machine's path: site-packages"),
        (printed(r"at C:\Users\ada"), "names a machine's path: C:\\U"),
        (shown("PosixPath('/var/x')"), "names a machine's path: /var/"),
    ],
)
def test_an_output_that_does_not_belong_on_the_page_is_named(good, output, sentence):
    [found] = added(good, code("f()", output))
    assert found.startswith("cell 3: ") and sentence in found


def test_a_shown_error_needs_its_tag_and_no_paths(good):
    assert added(good, code("f()", TRACEBACK, tags=["raises-exception"])) == []
    lines = ["File /usr/lib/torch.py", "E: no"]
    output = v4.new_output("error", ename="E", evalue="no", traceback=lines)
    found = added(good, code("f()", output, tags=["raises-exception"]))
    assert found == ["cell 3: the stored output names a machine's path: /usr/"]


@pytest.mark.parametrize(
    "words", ["he/she/it", "n/tmp/k", "Note:\nnew line", "1/work/2", "tqdm"]
)
def test_text_that_resembles_a_path_or_a_bar_passes(good, words):
    assert added(good, code("f()", printed(words), shown(words))) == []


def test_the_bytes_of_a_picture_are_not_read_as_text(good):
    output = shown("iVBOR//var/tqdm/home/site", "image/png", verb="figure")
    output.data["text/plain"] = "The measured loss falls."  # the alternative text
    assert added(good, code("f()", output, **ALT)) == []


@pytest.mark.parametrize("words", ["loss measured 0.31", "accuracy ≈ 92.1"])
def test_a_number_that_is_masked_in_comparisons_needs_a_claim_beside_it(good, words):
    [found] = added(good, code("print(x)  # claim(", printed(words)))
    assert found.startswith("cell 3: prints '") and "claims nothing" in found
    good.cells[3].source = 'print(x)\nclaim("loss", x, at_most=1)'
    assert problems(good) == []


@pytest.mark.parametrize("metadata", [{}, {"mystnb": {"image": {"alt": ""}}}])
def test_a_figure_without_alternative_text_is_named(good, metadata):
    [found] = added(good, code("plt.plot(x)", figure(), **metadata))
    assert found == "cell 3: a figure without alternative text: show(fig, alt=…)"


def test_two_figures_in_one_cell_are_named(good):
    found = added(good, code("f()", figure(), figure(), **ALT))
    assert found == ["cell 3: 2 figures; one a cell"]


def test_fifteen_lines_of_88_characters_pass_and_one_more_of_either_does_not(good):
    lines = ["x" * 88] * 15
    assert added(good, code("\n".join(lines))) == []
    good.cells[3].source = "\n".join([*lines, "x"])
    assert problems(good) == ["cell 3: 16 lines; at most 15"]
    good.cells[3].source = "x" * 89
    assert problems(good) == ["cell 3: a line of more than 88 characters"]


def test_only_the_code_of_a_figure_may_be_long_and_hidden(good):
    long = code("\n".join(["x"] * 16), figure(), tags=["hide-input"], **ALT)
    assert added(good, long) == []
    long.outputs = []
    assert problems(good) == ["cell 3: 16 lines; at most 15"]


def test_an_empty_code_cell_is_named(good):
    assert added(good, code(" \n")) == ["cell 3: empty"]


@pytest.mark.parametrize("source", ["%matplotlib inline", "!pip install x", "x = ("])
def test_a_cell_that_is_not_plain_python_is_named(good, source):
    [found] = added(good, code(source))
    assert found.startswith("cell 3: not plain Python, line 1")


def test_more_than_half_a_megabyte_is_named_wherever_it_lies(good):
    [found] = added(good, code("f()", printed("é" * 260_000)))
    assert found.endswith("bytes, outputs included; at most 500,000")
    good.cells[3] = text("![a dot](attachment:a.png)")
    good.cells[3].attachments = {"a.png": {"image/png": "x" * 500_000}}
    assert "at most 500,000" in problems(good)[0]


@pytest.mark.parametrize(
    ("book", "sentence"),
    [
        ({"seconds": 60.1}, "60.1 s to execute; at most 60"),
        ({}, "how long it takes is not stored: 'make run'"),
    ],
)
def test_a_notebook_that_takes_too_long_or_does_not_say_is_named(good, book, sentence):
    good.metadata.book = nbformat.from_dict(book)
    assert problems(good) == [sentence]


@pytest.mark.parametrize(
    "source",
    [
        "See {ref}`softmax`.",
        "See {cite:p}`bishop2006` and {h5}`x`.",
        ":::{note}\nMind the gap.\n:::",
        "```{note}\nMind the gap.\n```",
        "- a point\n\n  ~~~{note}\n  Mind the gap.\n  ~~~",
        "> ````{note}\n> Mind the gap.\n> ````",
        "(softmax)=\nA target.",
        "$$a := b$$ (softmax)",
        "A heading\n---------",
        "<h3>Exercise 4.9</h3>",
        "![](plot.png)",
        '<img src="plot.png">',
    ],
)
def test_markdown_that_some_readers_see_raw_is_named(good, source):
    [found] = added(good, text(source))
    assert found.startswith("cell 3: not for all readers: '")


@pytest.mark.parametrize(
    "source",
    [
        "The set `{a}` and the set `{b}` of `f'{lr}'`.",
        "```text\n(softmax)=\n```",
        "$\\{1, 2\\}$ and $\\text{a}$`b`",
        "| a | b |\n| --- | --- |\n| 1 | 2 |",
        "A paragraph.\n\n---\n\nAnother.",
        "- one\n- two",
        "![A falling curve](plot.png)",
    ],
)
def test_plain_markdown_passes(good, source):
    assert added(good, text(source)) == []


def test_a_raw_cell_is_named(good):
    assert added(good, v4.new_raw_cell("$$a = b \\tag{4.9}$$")) == [
        "cell 3: not for all readers: a raw cell"
    ]


IGNORED = ["nbval-ignore-output"]


def test_one_cell_in_ten_may_go_uncompared(good):
    ignored = code("assert f()", tags=IGNORED)
    cells = [code("f()") for _ in range(4)]
    assert added(good, ignored, *cells[:3]) == []
    del good.cells[4]
    assert problems(good) == ["1 of 9 cells go uncompared; at most one in ten"]


@pytest.mark.parametrize("source", ["f()", "f()  # assert", 'print("claim(")'])
def test_a_cell_that_goes_uncompared_has_to_assert_something(good, source):
    cells = [code("f()") for _ in range(5)]
    found = added(good, code(source, tags=IGNORED), *cells)
    assert found == ["cell 3: goes uncompared and asserts nothing"]


@pytest.mark.parametrize(
    "cell",
    [
        code("f()", tags=["nbval-skip"]),
        code("f()", tags=["remove-cell"]),
        text("Hidden.", tags=["hide-input"]),
    ],
)
def test_a_tag_that_is_not_in_use_is_named(good, cell):
    [found] = added(good, cell)
    assert found.startswith("cell 3: tags that are not in use here")


@pytest.mark.parametrize("comment", ["# NBVAL_SKIP", "#PYTEST_VALIDATE_IGNORE_OUTPUT"])
def test_comments_that_switch_off_the_comparison_are_named(good, comment):
    found = added(good, code(f"{comment}\nf()"))
    assert found == ["cell 3: a comment for nbval; say it with a tag"]


def unproved(number):
    return f'equation ({number}) has no cell that says prove("{number}", …)'


@pytest.mark.parametrize(
    "source",
    [
        "$$c = d \\tag{4.4}$$",
        "$$\nc = d \\tag {4.4}\n$$",
        "$$c = d \\tag*{4.4}$$",
        "$$\\begin{aligned} c &= d \\\\ &= e \\end{aligned} \\tag{4.4}$$",
        "| $$c = d \\tag{4.4}$$ | a row |",
        "<details>\n\n$$c = d \\tag{4.4}$$\n\n</details>",
        "$$c := d = e \\tag{4.4}$$",
        "$$c := d \\\\ e = f \\tag{4.4}$$",
        "$$c := d \\le e \\tag{4.4}$$",
    ],
)
def test_a_tagged_equation_without_proof_is_named(good, source):
    assert added(good, text(source)) == [unproved("4.4")]


def test_each_equation_of_a_display_needs_its_own_proof(good):
    rows = "c &:= d \\tag{4.4} \\\\ e &= f \\tag{4.5} \\\\ g &= h \\tag{4.6}"
    found = added(good, text(f"$$\\begin{{align}} {rows} \\end{{align}}$$"))
    assert found == [unproved("4.5"), unproved("4.6")]


@pytest.mark.parametrize(
    "source",
    [
        "$$c := d \\tag{4.4}$$",
        "$$c := \\sum_{i=1}^{k} d_i, \\qquad k = 1, 2 \\tag{4.4}$$",
        "$$c := \\begin{cases} 1 & z > 0 \\\\ 0 & z = 0 \\end{cases} \\tag{4.4}$$",
        "$$c = d$$",
        "```latex\n$$c = d \\tag{4.4}$$\n```",
    ],
)
def test_definitions_and_equations_without_a_number_need_no_proof(good, source):
    assert added(good, text(source)) == []


@pytest.mark.parametrize(
    "source",
    [
        "\\[c = d \\tag{4.4}\\]",
        "\\begin{align} c = d \\tag{4.4} \\end{align}",
        "```math\nc = d \\tag{4.4}\n```",
        "$c = d \\tag{4.4}$",
        "$$c = d$$\n\n$$ \\tag{4.4}",
    ],
)
def test_an_equation_that_is_displayed_another_way_is_named(good, source):
    found = added(good, text(source))
    assert found == ["cell 3: equation (4.4) does not stand between $$ and $$"]


def test_an_open_display_does_not_swallow_the_next_cells_equation(good):
    assert added(good, text("It costs 5 $$."), text("$$c = d \\tag{4.4}$$")) == [
        unproved("4.4")
    ]


@pytest.mark.parametrize(
    "source",
    [
        'prove("4.3", f, equals=g)',
        "prove(\n    '4.3',\n    f,\n    equals=g,\n)",
        'def f(x):\n    return x\n\n\nprove("4.3", f, equals=g)  # holds',
    ],
)
def test_a_proof_may_be_laid_out_in_any_way(good, source):
    good.cells[4].source = source
    assert problems(good) == []


@pytest.mark.parametrize(
    ("source", "outputs"),
    [
        (PROOF, []),
        ('try:\n    prove("4.3", f)\nexcept AssertionError:\n    pass', ["4.3"]),
        ('if True:\n    prove("4.3", f, equals=g)', ["4.3"]),
        ('def f():\n    prove("4.3", f, equals=g)', ["4.3"]),
        ('# prove("4.3", f, equals=g)', []),
        ("print('prove(\"4.3\", f)')", []),
        ('disprove("4.3", f, equals=g)', ["4.3"]),
    ],
)
def test_what_is_no_proof_that_ran_is_not_counted(good, source, outputs):
    good.cells[4] = code(source, *map(proved, outputs))
    assert problems(good) == [unproved("4.3")]


def test_a_record_counts_only_in_the_cell_that_proves(good):
    good.cells[4] = code(PROOF)
    found = added(good, code("prove(number, f, equals=g)", proved("4.3")))
    assert unproved("4.3") in found


def test_a_failing_demonstration_beside_the_proof_passes(good):
    source = (
        'try:\n    prove("4.3", f)\nexcept AssertionError as error:\n    print(error)'
    )
    assert added(good, code(source, printed("(4.3) fails"))) == []


@pytest.mark.parametrize(
    ("source", "outputs", "number"),
    [
        ('prove("4.9", f, equals=g)', ["4.9"], "4.9"),
        ("prove('4.9', f, equals=g)", [], "4.9"),
        ("for n in names:\n    helpers.prove(n, f, equals=g)", ["4.9"], "4.9"),
        ('prove(f"4.{n}", f, equals=g)', [], "?"),
        ("prove(**arguments)", [], "?"),
    ],
)
def test_a_proof_of_no_equation_is_named(good, source, outputs, number):
    found = added(good, code(source, *map(proved, outputs)))
    assert found == [f'cell 3: prove("{number}", …) names no equation of this notebook']


def test_a_number_that_two_equations_have_is_named(good):
    found = added(good, text("$$c := d \\tag{4.3}$$"))
    assert found == ["equation (4.3) is numbered twice"]


UNCHECKED = "exercise 4.2 has no cell that calls check"
STRAY = "cell 3: check stands under no exercise of that number"


def test_an_exercise_without_check_is_named_also_in_a_cell_with_another(good):
    assert added(good, text("### Exercise 4.2\n\nDo it.")) == [UNCHECKED]
    good.cells.append(good.cells.pop(3))
    assert problems(good) == [UNCHECKED]
    good.cells.insert(3, good.cells.pop())
    both = "### Exercise 4.2\n\nDo it.\n\n### Exercise 4.3\n\nAnd it."
    good.cells[3:4] = [text(both), code("check('4.3', x)")]
    assert problems(good) == [UNCHECKED]


def test_a_check_without_exercise_or_for_another_is_named(good):
    assert added(good, code('check("4.1", answer)')) == [STRAY]
    good.cells.insert(3, text("### Exercise 4.2"))
    assert problems(good) == [STRAY.replace("3", "4")]
    good.cells[4].source = "check(\n    '4.2',\n    answer,\n)"
    assert problems(good) == []


def test_a_check_that_only_stands_in_a_comment_is_none(good):
    found = added(good, text("### Exercise 4.2"), code('# check("4.2", answer)'))
    assert found == [UNCHECKED]


@pytest.mark.parametrize(
    "heading", ["## Exercise 4.2", "#### Exercise 4.2", "### Exercise five"]
)
def test_an_exercise_with_another_heading_is_named(good, heading):
    assert added(good, text(heading)) == [
        f"cell 3: '{heading}' is not '### Exercise 4.2'"
    ]


def test_an_exercise_that_comes_twice_is_named(good):
    found = added(good, text("### Exercise 4.1"), code('check("4.1", answer)'))
    assert found == ["exercise 4.1 is numbered twice"]


def test_headings_inside_code_and_comments_are_none(good):
    source = "### Exercise 4.2\n# in 60 seconds\n## What to keep\n"
    for hidden in (
        f"```text\n{source}```",
        f"> ~~~\n{source}~~~",
        f"<!--\n{source}-->",
    ):
        assert added(good, text(hidden)) == []


@pytest.mark.parametrize(
    ("words", "number"),
    [
        ("91.2 %", "91.2 %"),
        ("91.2%", "91.2 %"),
        ("91.2 percent", "91.2 percent"),
        ("**91.2** %", "91.2 %"),
        ("$91.2\\,\\%$", "91.2 %"),
        ("91.2\u202f%", "91.2 %"),
        ("1,024 %", "1,024 %"),
        ("3 percentage points", "3 percentage points"),
        ("in 60 seconds", "60 seconds"),
        ("a 60-second run", "60 second"),
        ("5 ms", "5 ms"),
        ("2 h", "2 h"),
    ],
)
@pytest.mark.parametrize("place", ["## A heading: {}", "# {}", f"{KEEP} And {{}}."])
def test_a_headline_number_without_claim_is_named(good, words, number, place):
    cell = text(place.format(words))
    if place.startswith(KEEP):
        good.cells.pop()
        good.cells.append(cell)
    else:
        good.cells.insert(3, cell)
    assert problems(good) == [f"no claim for the headline '{number}'"]


@pytest.mark.parametrize(
    "words",
    [
        "since the 1990s",
        "torch 2.13.0 s",
        "4 samples, hours later",
        "$2h$ and $\\frac{1}{2} s$",
        "at 92 % and 92.0 %",
        "92.4 percent",
        "92.39 %",
    ],
)
def test_what_a_claim_bears_out_or_is_no_number_may_stand_in_a_heading(good, words):
    assert added(good, text(f"## {words}")) == []


def test_numbers_in_the_running_text_are_no_headlines(good):
    good.cells.append(text("## Sources\n\nThere it is 91 %."))
    assert added(good, text("About 40 % of them, in 3 seconds.")) == []


def test_a_claim_bears_out_its_bar_and_its_rounded_mean_and_nothing_else():
    stored = [CLAIM.metadata.book]
    for right in ("92 %", "92.4 %", "92.39 %", "92.390 percent"):
        assert list(gate.unclaimed(right, stored)) == []
    for wrong in ("93 %", "92.3 %", "92.38 %", "9239 %", "92 s", "92.4 h"):
        assert list(gate.unclaimed(wrong, stored)) == [wrong]


def test_a_count_bears_out_no_time_and_a_time_does():
    count = claimed(60_000, equals=60_000).metadata.book
    time = claimed(60_000, at_most=60_000, unit="s").metadata.book
    assert list(gate.unclaimed("60,000 s", [count])) == ["60,000 s"]
    assert list(gate.unclaimed("60,000 s, 60000 seconds", [count, time])) == []


def test_the_readmes_tables_are_read_and_its_text_is_not():
    page = "Half, 50 %.\n\n| a | 92 % |\n| --- | --- |\n b | 93 %"
    rows = gate.tables(page)
    assert list(gate.unclaimed(rows, [CLAIM.metadata.book])) == ["93 %"]


@pytest.mark.parametrize("source", ["## What we keep", "### What to keep", "Keep it."])
def test_a_chapter_that_does_not_say_what_to_keep_is_named(good, source):
    good.cells[-1].source = source
    assert problems(good) == ["no section 'What to keep'"]


@pytest.mark.parametrize("said", ["15 minutes", "105 minutes", "a while"])
def test_another_reading_time_than_counted_is_named(good, said):
    assert problems(good) == []
    good.cells[0].source = f"# Why?\n\nReading takes {said}."
    found = gate.problems(good, SETUP)
    assert found == ["the opening has to say '5 minutes' of reading"]


def test_reading_time_counts_words_equations_cells_and_exercises():
    words = v4.new_notebook(cells=[text("word " * 2000 + "\n```\n" + "word " * 900)])
    assert gate.minutes(words) == 10
    equations = v4.new_notebook(cells=[text(("$$" + "a + " * 40 + "b$$\n\n") * 20)])
    assert gate.minutes(equations) == 10
    assert gate.minutes(v4.new_notebook(cells=[code("f()") for _ in range(20)])) == 10
    assert gate.minutes(v4.new_notebook()) == 5
    exercises = v4.new_notebook(cells=[text("### Exercise 4.1\n\n" * 5)])
    assert gate.minutes(exercises) == 15
