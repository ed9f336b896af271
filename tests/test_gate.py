"""A notebook that keeps every rule passes the gate; each slip is named."""

import configparser
import re
from copy import deepcopy
from pathlib import Path

import nbformat
import pytest
from nbformat import v4

from helpers import claim
from helpers.claims import Row, one_line
from tools import gate
from tools.digest import ROOT, sealed
from tools.reading import Page
from tools.rules.text import minutes

SETUP = "from importlib.util import find_spec  # the setup cell"
PROOF = 'prove("4.1", f, equals=g)'
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


def claimed(values, what="accuracy", **bar):
    """What the library's own `claim` stores."""
    made = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            "helpers.claims.say", lambda line, **record: made.append((line, record))
        )
        claim(what, values, **bar)
    [(line, record)] = made
    return shown(line, **record)


def judged(number, said=": not done yet."):
    """A cell that checks an answer."""
    record = {"verb": "check", "number": number}
    output = shown(f"Exercise {number}{said}", **record)
    return code(f'check("{number}", answer)', output)


def figure():
    return shown("iVBORw0KGgo=", "image/png", verb="figure", alt="It falls.")


CLAIM = claimed([0.9237, 0.9241], at_least=0.92, unit="%")
SEEN = "The loss falls over ten epochs and then stays."
CAPTION = {"figure": {"caption": "It falls."}}
ALT = {"mystnb": {"image": {"alt": SEEN}} | CAPTION}
OTHER = {"mystnb": {"image": {"alt": SEEN.replace("falls", "rises")}} | CAPTION}
FOLDED = """
<details><summary>Hint</summary>

Look.

</details>
<details><summary>Answer</summary>

```python
answer = 1
```

</details>
"""


@pytest.fixture
def good():
    notebook = v4.new_notebook(
        metadata={"book": {"seconds": 3.2}},
        cells=[
            text("# Why?\n\nReading takes about 5 minutes."),
            code(SETUP, tags=["remove-cell"]),
            code("from helpers import check, claim, plots, prove"),
            text("## The rule\n\n$$a = b \\tag{4.1}$$"),
            code(PROOF, proved("4.1")),
            text(f"### Exercise 4.1: a line\n\nComplete it.\n{FOLDED}"),
            judged("4.1"),
            code("plots.show(fig, alt=alt)", figure(), **ALT),
            code('claim("accuracy", values, at_least=0.92, unit="%")', CLAIM),
            text(KEEP),
        ],
    )
    return deepcopy(notebook)  # outputs are shared by tests


def page(notebook, path="chapters/04-a.ipynb"):
    return Page(Path(path), notebook, SETUP)


def problems(notebook, path="chapters/04-a.ipynb"):
    """The gate's sentences, after what an added cell changes is set right."""
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    for count, cell in enumerate(cells, start=1):
        cell.execution_count = count
    now = f"{minutes(page(notebook))} minutes"
    opening = notebook.cells[0]
    opening.source = re.sub(r"\d+ minutes", now, opening.source)
    notebook.metadata.book.outputs = sealed(notebook)
    return gate.problems(page(notebook, path))


def added(notebook, *cells, path="chapters/04-a.ipynb"):
    """The gate's sentences when the cells are put in as number 7 and up."""
    notebook.cells[7:7] = cells
    return problems(notebook, path)


def test_a_notebook_that_keeps_all_rules_passes(good):
    assert problems(good) == []


HANDED_IN = "solutions/course/part1/task.ipynb"


def test_a_handed_in_notebook_is_executed_and_clean_and_needs_nothing_of_the_book():
    notebook = v4.new_notebook(
        metadata={"book": {"seconds": 3.2}},
        cells=[text("# Task"), code("import numpy"), code("print(7)", printed("7"))],
    )
    notebook.cells[1].source += "\n" * 20 + "numpy"  # a whole class, in a cell
    kept = deepcopy(notebook)
    assert problems(notebook, HANDED_IN) == []
    assert "setup cell" in problems(notebook, "solutions/course/task.ipynb")[0]
    notebook.cells[2].outputs = []
    assert "calls print, but its output is missing" in problems(notebook, HANDED_IN)[0]
    kept.cells[2].outputs[0].text = "/root/data"
    assert "names a machine's path" in problems(kept, HANDED_IN)[0]


@pytest.mark.parametrize("tag", ["remove-cell", "nbval-skip"])
def test_no_cell_of_a_handed_in_notebook_has_the_setup_cells_tag(tag):
    cells = [text("# Task"), code("import numpy", tags=[tag])]
    notebook = v4.new_notebook(metadata={"book": {"seconds": 3.2}}, cells=cells)
    found = f"cell 1: tags that are not in use here: ['{tag}']"
    assert problems(notebook, HANDED_IN) == [found]


def test_a_masked_number_of_a_handed_in_notebook_needs_an_assertion_beside_it():
    cells = [text("# Task"), code("print(x)", printed("test accuracy ≈ 92 %"))]
    notebook = v4.new_notebook(metadata={"book": {"seconds": 3.2}}, cells=cells)
    missing = ["cell 1: prints '≈', but asserts nothing about it"]
    assert problems(notebook, HANDED_IN) == missing
    cells[1].source = "print(x)\nassert 0.9 < 1"
    assert problems(notebook, HANDED_IN) == missing
    cells[1].source = "print(x)\nassert x > 0.9"
    assert problems(notebook, HANDED_IN) == []


@pytest.mark.parametrize("clone", ["", "/a/", "/solutions/", "/solutions/book/"])
@pytest.mark.parametrize(
    ("name", "chapter", "handed_in"),
    [
        ("chapters/04-a.ipynb", 4, False),
        ("solutions/course/solution.ipynb", None, False),
        (HANDED_IN, None, True),
    ],
)
def test_what_a_notebook_is_does_not_depend_on_where_the_book_lies(
    good, clone, name, chapter, handed_in
):
    found = page(good, clone + name)
    assert (found.chapter, found.handed_in) == (chapter, handed_in)
    assert page(good, f"/chapters/12-book/{name}").chapter == chapter


@pytest.mark.parametrize("part", ["source", "outputs", "metadata"])
def test_another_first_cell_than_the_silent_hidden_setup_cell_is_named(good, part):
    slip = {"source": "pass", "outputs": [printed("installed")], "metadata": {}}
    good.cells[1][part] = nbformat.from_dict(slip[part])
    sentence = "the first code cell is not the silent setup cell: 'make run'"
    assert problems(good) == [sentence]


def test_a_notebook_without_code_has_no_setup_cell(good):
    good.cells = [cell for cell in good.cells if cell.cell_type != "code"]
    assert any("setup cell" in problem for problem in problems(good))


@pytest.mark.parametrize("counts", [(1, None), (2, 1), (5, 6), (1, 1)])
def test_cells_not_executed_or_out_of_order_are_named(good, counts):
    assert problems(good) == []
    good.cells[1].execution_count, good.cells[2].execution_count = counts
    found = gate.problems(page(good))
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
    assert found.startswith("cell 7: ") and sentence in found


def test_a_shown_error_needs_its_tag_and_no_paths(good):
    assert added(good, code("f()", TRACEBACK, tags=["raises-exception"])) == []
    lines = ["File /usr/lib/torch.py", "E: no"]
    output = v4.new_output("error", ename="E", evalue="no", traceback=lines)
    found = added(good, code("f()", output, tags=["raises-exception"]))
    assert found == ["cell 7: the stored output names a machine's path: /usr/"]


@pytest.mark.parametrize(
    "words", ["he/she/it", "n/tmp/k", "Note:\nnew line", "1/work/2", "tqdm"]
)
def test_text_that_resembles_a_path_or_a_bar_passes(good, words):
    assert added(good, code("f()", printed(words), shown(words))) == []


def test_the_bytes_of_a_picture_are_not_read_as_text(good):
    output = shown("iVBOR//var/tqdm/home/site", "image/png", verb="figure")
    output.data["text/plain"] = "The measured loss falls."  # the alternative text
    assert added(good, code("f()", output, **OTHER)) == []


def test_a_word_that_ends_in_measured_masks_nothing(good):
    words = "unmeasured 0.93, measuredly 0.94"
    assert added(good, code("print(x)", printed(words))) == []
    masks = configparser.ConfigParser(interpolation=None)
    masks.read(ROOT / "tests/sanitize.cfg", "utf-8")
    regex = masks["measured"]["regex"]
    assert not re.search(regex, words) and re.search(regex, "a, measured 0.93")


@pytest.mark.parametrize("words", ["loss measured 0.31", "accuracy ≈ 92.1"])
def test_a_number_that_is_masked_in_comparisons_needs_a_claim_beside_it(good, words):
    [found] = added(good, code("print(x)  # claim(", printed(words)))
    assert found.startswith("cell 7: prints '") and "claims nothing" in found
    good.cells[7].source = 'print(x)\nif False:\n    claim("loss", x, at_most=1)'
    assert len(problems(good)) == 1
    good.cells[7].source = 'print(x)\nclaim("loss", x, at_most=1)'
    good.cells[7].outputs.append(claimed(0.3, "loss", at_most=1))
    assert problems(good) == []


def test_a_number_before_measured_is_named_as_it_is_compared(good):
    cell = code('print(x)\nclaim("loss", x, at_most=1)', printed("a: 0.31 measured\n"))
    cell.outputs.append(claimed(0.3, "loss", at_most=1))
    [found] = added(good, cell)
    assert found == "cell 7: 'measured' ends a line, so no number of it is masked"
    good.cells[7].outputs[0].text = "a: 0.31 measured.\n"
    assert problems(good) == [found]
    for fine in ("a: measured 0.31\n", "seed   predicted   measured\n"):
        good.cells[7].outputs[0].text = fine
        assert problems(good) == []


@pytest.mark.parametrize(
    "metadata", [{"mystnb": CAPTION}, {"mystnb": {"image": {"alt": ""}} | CAPTION}]
)
def test_a_figure_without_alternative_text_is_named(good, metadata):
    [found] = added(good, code("plt.plot(x)", figure(), **metadata))
    assert found == "cell 7: a figure without alternative text: show(fig, alt=…)"


def test_two_figures_in_one_cell_are_named(good):
    found = added(good, code("f()", figure(), figure(), **OTHER))
    assert found == ["cell 7: 2 figures; one a cell"]


def test_fifteen_lines_of_88_characters_pass_and_one_more_of_either_does_not(good):
    lines = ["x" * 88] * 15
    assert added(good, code("\n".join(lines))) == []
    good.cells[7].source = "\n".join([*lines, "x"])
    assert problems(good) == ["cell 7: 16 lines; at most 15"]
    good.cells[7].source = "x" * 89
    assert problems(good) == ["cell 7: a line of more than 88 characters"]


def test_only_the_code_of_a_figure_may_be_long_and_hidden(good):
    long = code("\n".join(["x"] * 16), figure(), tags=["hide-input"], **OTHER)
    assert added(good, long) == []
    long.source += '\nprove("4.1", f, equals=g)'
    assert problems(good) == ["cell 7: 17 lines; at most 15"]
    good.cells[7] = code("\n".join(["x"] * 16), figure(), **OTHER)
    assert problems(good) == ["cell 7: 16 lines; at most 15"]


def test_an_empty_code_cell_is_named(good):
    assert added(good, code(" \n")) == ["cell 7: empty"]


@pytest.mark.parametrize("source", ["%matplotlib inline", "!pip install x", "x = ("])
def test_a_cell_that_is_not_plain_python_is_named(good, source):
    [found] = added(good, code(source))
    assert found.startswith("cell 7: not plain Python, line 1")


def test_more_than_half_a_megabyte_is_named_wherever_it_lies(good):
    [found] = added(good, code("f()", printed("é" * 260_000)))
    assert found.endswith("bytes, outputs included; at most 500,000")
    good.cells[7] = text("![a dot](attachment:a.png)")
    good.cells[7].attachments = {"a.png": {"image/png": "x" * 500_000}}
    assert "at most 500,000" in problems(good)[0]


@pytest.mark.parametrize(
    ("book", "sentence"),
    [
        ({"seconds": 60.1}, "60.1 s to execute; at most 60"),
        *[
            ({"seconds": 60.1, "pace": pace}, "60.1 s to execute; at most 60")
            for pace in (0, -1.0, None, "0.13", float("nan"))
        ],
        ({"seconds": 244.0, "pace": 50}, "61.0 s to execute; at most 60"),
        ({"seconds": 122.0, "pace": 0.26}, "61.0 s to execute; at most 60"),
        ({}, "how long it takes is not stored: 'make run'"),
        ({"seconds": float("nan")}, "how long it takes is not stored: 'make run'"),
        ({"seconds": -1.0}, "how long it takes is not stored: 'make run'"),
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
        *("It reads\n% of them", "> % said", "One.\n\n+++\n\nTwo."),
        *("(sec:rule)=\nA target.", "(my rule)=", " (rule)=", "- (rule)="),
        *("Term\n: what it is", "Term\n~ what it is", "It is so.[^1]"),
        *("```math\nc = d\n```", "- ~~~ mermaid\n  a\n  ~~~", "1) ```{note}\n   ```"),
        *("~~not~~ so", "- [ ] to do", "1. [x] done", "> [!NOTE]\n> Mind."),
        *("\\[c = d\\]", "\\(c\\)", "\\begin{align*} c \\end{align*}", "{{ version }}"),
    ],
)
def test_markdown_that_some_readers_see_raw_is_named(good, source):
    [found] = added(good, text(source))
    assert found.startswith("cell 7: not for all readers: '")


@pytest.mark.parametrize(
    "source",
    [
        "The set `{a}` and the set `{b}` of `f'{lr}'`.",
        "```text\n(softmax)=\n```",
        "$\\{1, 2\\}$ and $\\text{a}$`b`",
        "| a | b |\n| --- | --- |\n| 1 | 2 |",
        "A paragraph.\n\n---\n\nAnother.",
        "```text\n% a\n+++\n- [ ] b\n~~c~~ \\(d\\) [^1]\n```",
        "`% a`, `+++`, `[^1]`, `~~a~~`, `- [ ]`, `\\[a\\]` and `{{a}}`",
        "$$\n\\begin{aligned} a \\\\[4pt] b \\end{aligned}\n$$",
        "$5\\,\\%$ % of it, $x[^2]$: $\\frac{{a}}{{b}}$",
        "- one\n- two",
        "![The loss falls over ten epochs and stays there](plot.png)",
        f"[![{SEEN}](a.png)](b.png)",
        "```\nmath.sqrt(2)\n```",
        "```text\na\n```\n\nmath and mermaid are words.",
    ],
)
def test_plain_markdown_passes(good, source):
    assert added(good, text(source)) == []


def test_a_raw_cell_is_named(good):
    assert added(good, v4.new_raw_cell("$$a = b \\tag{4.9}$$")) == [
        "cell 7: not for all readers: a raw cell"
    ]


IGNORED = ["nbval-ignore-output"]
NEVER = ("if False", "if not True", "if []", "if 1 > 2", "while False", "while 0")


def test_one_cell_in_ten_may_go_uncompared(good):
    ignored = code("assert f()", tags=IGNORED)
    cells = [code("f()") for _ in range(4)]
    assert added(good, ignored, *cells[:3]) == []
    del good.cells[8]
    assert problems(good) == ["1 of 9 cells go uncompared; at most one in ten"]


@pytest.mark.parametrize(
    "source",
    [
        *("f()", "f()  # assert", 'f("claim(")', "assert True", "assert 1 < 2"),
        *(f'{never}:\n    claim("a", f(), at_most=1)' for never in NEVER),
        *('True or prove("4.1", f)', 'claim("a", f()) if 0 else f()'),
        *("def g():\n    assert f()", "x = 1\nassert x == x", 'assert (x, "why")'),
        "try:\n    assert f()\nexcept AssertionError:\n    pass",
        "try:\n    assert f()\nexcept:\n    pass",
        'def g():\n    claim("a", f(), at_most=1)',
        "if True:\n    f()\nelse:\n    assert f()",
        "class A:\n    def g(self):\n        assert f()",
        "class A:\n    def g(self):\n        def h():\n            assert f()\n\n\nA()",
        "try:\n    assert f()\nexcept* AssertionError:\n    pass",
        "try:\n    assert f()\nexcept AssertionError:\n    if False:\n        raise",
        "try:\n    assert f()\nexcept Exception:\n    pass\n"
        "except AssertionError:\n    raise",
    ],
)
def test_a_cell_that_goes_uncompared_has_to_assert_something(good, source):
    cells = [code("f()") for _ in range(5)]
    found = added(good, code(source, tags=IGNORED), *cells)
    assert found == ["cell 7: goes uncompared and asserts nothing"]


@pytest.mark.parametrize(
    "source",
    [
        *("assert x == y", "def g():\n    assert f()\n\n\ng()"),
        "class A:\n    def g(self):\n        assert f()\n\n\nA().g()",
        "try:\n    assert f()\nexcept OSError:\n    pass",
        "try:\n    pass\nexcept AssertionError:\n    assert f()",
        "class A:\n    def forward(self, x):\n        assert f(x)\n\n\nA()(3)",
        "class A:\n    def __init__(self):\n        assert f()\n\n\nA()",
        "@run\ndef g():\n    assert f()",
        "try:\n    assert f()\nexcept AssertionError:\n    print(3)\n    raise",
        "try:\n    assert f()\nexcept AssertionError:\n    raise\n"
        "except Exception:\n    pass",
    ],
)
def test_an_assertion_that_is_run_and_can_fail_is_one(good, source):
    cells = [code("f()") for _ in range(5)]
    assert added(good, code(source, tags=IGNORED), *cells) == []


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
    assert found.startswith("cell 7: tags that are not in use here")


@pytest.mark.parametrize("comment", ["# NBVAL_SKIP", "#PYTEST_VALIDATE_IGNORE_OUTPUT"])
def test_comments_that_switch_off_the_comparison_are_named(good, comment):
    found = added(good, code(f"{comment}\nf()"))
    assert found == ["cell 7: a comment for nbval; say it with a tag"]


def unproved(number):
    return f'equation ({number}) has no cell that says prove("{number}", …)'


@pytest.mark.parametrize(
    "source",
    [
        "$$c = d \\tag{4.2}$$",
        "$$\nc = d \\tag {4.2}\n$$",
        "$$c = d \\tag*{4.2}$$",
        "$$\\begin{aligned} c &= d \\\\ &= e \\end{aligned} \\tag{4.2}$$",
        "| $$c = d \\tag{4.2}$$ | a row |",
        "<details>\n\n$$c = d \\tag{4.2}$$\n\n</details>",
        "$$c := d = e \\tag{4.2}$$",
        "$$c := d \\\\ e = f \\tag{4.2}$$",
        "$$c := d \\le e \\tag{4.2}$$",
        "$$c := d < e \\tag{4.2}$$",
        "$$c := d > e \\tag{4.2}$$",
        "$$c := {d = e} \\tag{4.2}$$",
        "$$c := \\boxed{d = \\frac{e}{f}} \\tag{4.2}$$",
        "$$c := d, \\qquad \\sum_i c_i = 1 \\tag{4.2}$$",
        "$$c = d, \\qquad e := f \\tag{4.2}$$",
        "$$p := f(z), \\qquad L = -\\log p_i + 7 \\tag{4.2}$$",
        "$$p := f(z), \\qquad L = 0 \\tag{4.2}$$",
        "$$p := f(z), \\quad i = 1, g(p) \\tag{4.2}$$",
        "$$L := -\\log p, \\qquad L \\ge 0 \\tag{4.2}$$",
        *(
            f"$$L := -\\log p_i {relation} 7 \\tag{{4.2}}$$"
            for relation in ("\\leqslant", "≤", "≥", "\\propto", "\\simeq", "\\ll")
        ),
        *(
            f"$$L := -\\log p_i {relation} 7 \\tag{{4.2}}$$"
            for relation in ("\\lesssim", "\\gtrsim", "\\doteq", "\\asymp", "\\nleq")
        ),
        *(
            f"$$L := -\\log p_i {relation} 7 \\tag{{4.2}}$$"
            for relation in ("\\prec", "\\succeq", "\\supset", "\\Longrightarrow", "≲")
        ),
        "$$\\hat p := y, \\qquad p \\le 1 \\tag{4.2}$$",
        "$$\\mathbf{p} := y, \\qquad p \\le 1 \\tag{4.2}$$",
        "$$p_i := f(z), \\qquad p \\le 1 \\tag{4.2}$$",
        "$$p := f(z), \\qquad p_\\theta \\le 1 \\tag{4.2}$$",
        "$$p := f(z), \\qquad 2 < z, p \\le 1 \\tag{4.2}$$",
        "$$p := f(z), \\qquad z < p \\le 1 \\tag{4.2}$$",
        "$$p := f(z), \\qquad z > 0 \\text{ and } p \\le 1 \\tag{4.2}$$",
        "$$p := f(z), \\quad q := g(z), \\quad q \\le 1 \\tag{4.2}$$",
        "$$p := f(z), \\; p \\le 1 \\tag{4.2}$$",
        "$$c := d \\\\ p := f(z), \\quad p \\le 1 \\tag{4.2}$$",
        "$$p := f(z), p \\in [0, 1] \\tag{4.2}$$",
        "$$p := f(z), \\qquad z > 0 \\\\ L \\le 7 \\tag{4.2}$$",
        "$$\\begin{aligned} p &:= y, \\quad p \\le 1 \\end{aligned} \\tag{4.2}$$",
        "$$c(x) = d, \\; e(x) := 3 \\tag{4.2}$$",
        "$$L := -\\log p \\in S \\tag{4.2}$$",
        "$$L := -\\log p \\implies L \\tag{4.2}$$",
    ],
)
def test_a_tagged_equation_without_proof_is_named(good, source):
    assert added(good, text(source)) == [unproved("4.2")]


def test_each_equation_of_a_display_needs_its_own_proof(good):
    rows = "c &:= d \\tag{4.2} \\\\ e &= f \\tag{4.3} \\\\ g &= h \\tag{4.4}"
    found = added(good, text(f"$$\\begin{{align*}} {rows} \\end{{align*}}$$"))
    assert found == [unproved("4.3"), unproved("4.4")]


@pytest.mark.parametrize(
    "source",
    [
        "$$c := d \\tag{4.2}$$",
        "$$c := \\sum_{i=1}^{k} d_i, \\qquad k = 1, 2 \\tag{4.2}$$",
        "$$c_0 := d, \\quad c_i := c_{i-1}, \\qquad i = 1, \\dots, n \\tag{4.2}$$",
        "$$c := d \\qquad \\text{for } \\eta \\ge 0 \\tag{4.2}$$",
        "$$c := d \\qquad \\text{for } \\eta > 0 \\tag{4.2}$$",
        "$$c(\\eta) := d \\qquad \\text{for } 2 \\text{ and } \\eta \\tag{4.2}$$",
        "$$c(\\eta) := d \\qquad \\eta \\geqslant -1.5 \\tag{4.2}$$",
        "$$c := d, \\quad t = 0, \\dots, t_{1} - 1, \\qquad i < j \\le k. \\tag{4.2}$$",
        "$$c := d, \\quad i \\in \\{1, 2\\}, \\quad x \\in \\mathbb{R}^n \\tag{4.2}$$",
        "$$c_{i < k} := \\{d : d = 1\\}, \\quad i < j \\tag{4.2}$$",
        *(
            f"$$c := d, \\qquad {condition} \\tag{{4.2}}$$"
            for condition in (
                *(
                    "\\eta < 2/\\lambda",
                    "p \\in [0, 1]",
                    "p \\in (0, 1)^n.",
                    "h \\to 0",
                ),
                *("i = 1, \\dots, 2n", "i = 1, \\dots, n^2", "i, j = 1, \\dots, n_k"),
                *("t > 10^{-3}", "\\epsilon = 10^{-8}", "k \\ge 1, n \\ge 2"),
                *("y \\le \\|x\\|", "y \\le \\max(a, b)", "x, y \\in \\mathbb{R}^n"),
                *(
                    "f: \\mathbb{R} \\to \\mathbb{R}",
                    "c: \\mathbb{R} \\to B, \\quad i < j",
                ),
                "\\text{if } z > 0 \\text{ and } y > 0",
            )
        ),
        "$$c(x) := x^2, \\; x \\in \\mathbb{R} \\tag{4.2}$$",
        "$$c(x) := x^2, x \\in \\mathbb{R} \\tag{4.2}$$",
        "$$p_{\\theta}(y \\in A) := x \\tag{4.2}$$",
        "$$c := \\max_{\\text{$d$ of } d < \\frac{e}{f}} d^{(e = f)} \\tag{4.2}$$",
        "$$c := \\begin{cases} 1 & z > 0 \\\\ 0 & z = 0 \\end{cases} \\tag{4.2}$$",
        "$$c = d$$",
        "```latex\n$$c = d \\tag{4.2}$$\n```",
    ],
)
def test_definitions_and_equations_without_a_number_need_no_proof(good, source):
    assert added(good, text(source)) == []


@pytest.mark.parametrize(
    "source",
    [
        "\\[c = d \\tag{4.2}\\]",
        "\\begin{align} c = d \\tag{4.2} \\end{align}",
        "```math\nc = d \\tag{4.2}\n```",
        "$c = d \\tag{4.2}$",
    ],
)
def test_an_equation_that_is_displayed_another_way_is_named(good, source):
    found = added(good, text(source))
    assert "cell 7: equation (4.2) does not stand between $$ and $$" in found


@pytest.mark.parametrize(
    "source",
    [
        "1. ```python\n   x = 1\n   ```\n\n{}",
        "- a point\n\n  ~~~text\n  x\n  ~~~\n\n{}",
        "```x = 1``` is code.\n\n{}",
        "Code:\n\n    ```\n\n{}",
        "From `<!--` on,\n\n{}\n\nto `-->`.",
    ],
)
def test_code_hides_no_equation_behind_it(good, source):
    assert added(good, text(source.format("$$c = d \\tag{4.2}$$"))) == [unproved("4.2")]


def test_an_open_display_does_not_swallow_the_next_cells_equation(good):
    found = added(good, text("It costs 5 $$."), text("$$c = d \\tag{4.2}$$"))
    assert found == [
        "cell 7: a $ that closes nothing: 'It costs 5 $$.'",
        unproved("4.2"),
    ]


@pytest.mark.parametrize(
    "source",
    [
        'prove("4.1", f, equals=g)',
        "prove(\n    '4.1',\n    f,\n    equals=g,\n)",
        'def f(x):\n    return x\n\n\nprove("4.1", f, equals=g)  # holds',
    ],
)
def test_a_proof_may_be_laid_out_in_any_way(good, source):
    good.cells[4].source = source
    assert problems(good) == []


@pytest.mark.parametrize(
    ("source", "outputs"),
    [
        (PROOF, []),
        ('try:\n    prove("4.1", f)\nexcept AssertionError:\n    pass', ["4.1"]),
        ('if True:\n    prove("4.1", f, equals=g)', ["4.1"]),
        ('def f():\n    prove("4.1", f, equals=g)', ["4.1"]),
        ('# prove("4.1", f, equals=g)', []),
        ("f('prove(\"4.1\", f)')", []),
        ('disprove("4.1", f, equals=g)', ["4.1"]),
        ('x.prove("4.1", f, equals=g)', ["4.1"]),
    ],
)
def test_what_is_no_proof_that_ran_is_not_counted(good, source, outputs):
    good.cells[4] = code(source, *map(proved, outputs))
    assert problems(good) == [unproved("4.1")]


def test_a_proof_at_one_point_that_was_typed_is_not_counted(good):
    one = shown("(4.1) holds at one point: …", verb="prove", number="4.1")
    good.cells[4] = code(PROOF, one)
    assert problems(good) == [f"{unproved('4.1')} at drawn points"]
    good.cells[4] = code(f"{PROOF}\n{PROOF}", one, proved("4.1"))
    assert problems(good) == []


def test_a_record_counts_only_in_the_cell_that_proves(good):
    good.cells[4] = code(PROOF)
    found = added(good, code("prove(number, f, equals=g)", proved("4.1")))
    assert unproved("4.1") in found


def test_a_failing_demonstration_beside_the_proof_passes(good):
    source = (
        'try:\n    prove("4.1", f)\nexcept AssertionError as error:\n    print(error)'
    )
    assert added(good, code(source, printed("(4.1) fails"))) == []


@pytest.mark.parametrize(
    ("source", "outputs", "number"),
    [
        ('prove("4.9", f, equals=g)', ["4.9"], "4.9"),
        ("prove('4.9', f, equals=g)", [], "4.9"),
        ("for n in names:\n    m.prove(n, f, equals=g)", ["4.9"], "4.9"),
        ('prove(f"4.{n}", f, equals=g)', [], "?"),
        ("prove(**arguments)", [], "?"),
        ("for n in names:\n    prove(n, f, equals=g)", [], "?"),
    ],
)
def test_a_proof_of_no_equation_is_named(good, source, outputs, number):
    found = added(good, code(source, *map(proved, outputs)))
    assert found == [f'cell 7: prove("{number}", …) names no equation of this notebook']


def test_a_number_that_two_equations_have_is_named(good):
    found = added(good, text("$$c := d \\tag{4.1}$$"))
    assert found == ["equation (4.1) is numbered twice"]


UNCHECKED = "exercise 4.2 has no cell that calls check"
STRAY = "cell 7: check stands under no exercise of that number"


def test_an_exercise_without_check_is_named_also_in_a_cell_with_another(good):
    do, both = f"### Exercise 4.2\n\nDo it.\n{FOLDED}", "### Exercise 4.3\n\nAnd it."
    assert added(good, text(do)) == [UNCHECKED]
    good.cells.append(good.cells.pop(7))
    assert problems(good) == [UNCHECKED]
    good.cells[7:7] = [text(f"{do}\n\n{both}\n{FOLDED}"), judged("4.3")]
    del good.cells[-1]
    assert problems(good) == [UNCHECKED]


def test_a_check_without_exercise_or_for_another_is_named(good):
    assert added(good, judged("4.1")) == [STRAY]
    good.cells.insert(7, text(f"### Exercise 4.2\n{FOLDED}"))
    assert problems(good) == [STRAY.replace("7", "8")]
    good.cells[8] = judged("4.2")
    good.cells[8].source = "check(\n    '4.2',\n    answer,\n)"
    assert problems(good) == []


@pytest.mark.parametrize("never", ["# ", *(f"{never}: " for never in NEVER)])
def test_a_check_that_is_never_run_is_none(good, never):
    exercise = text(f"### Exercise 4.2\n{FOLDED}")
    found = added(good, exercise, code(f'{never}check("4.2", answer)'))
    assert found == [UNCHECKED]


@pytest.mark.parametrize(
    ("source", "made"),
    [
        ('def later():\n    check("4.2", answer)', []),
        ('if ready:\n    check("4.2", answer)', []),
        ('later = lambda: check("4.2", answer)', []),
        ('check("4.2", answer)', ["4.1"]),
        ('check("4.2", answer)', ["4.2", "4.2"]),
        ("pass", ["4.2"]),
    ],
)
def test_a_check_whose_run_said_something_else_or_nothing_is_named(good, source, made):
    exercise = text(f"### Exercise 4.2\n{FOLDED}")
    outputs = [output for number in made for output in judged(number).outputs]
    called = ["4.2"] * ("check" in source)
    found = f"cell 8: checks {called}, but what its run said is of {made}: "
    assert any(
        each.startswith(found) for each in added(good, exercise, code(source, *outputs))
    )


@pytest.mark.parametrize("runs", ["if True", "while 1", "if x", "while x < 2"])
def test_a_condition_that_lets_a_check_run_hides_nothing(good, runs):
    exercise = text(f"### Exercise 4.2\n{FOLDED}")
    cell = judged("4.2")
    cell.source = f"{runs}:\n    {cell.source}\n    break"
    assert added(good, exercise, cell) == []


@pytest.mark.parametrize(
    "heading",
    [
        *("## Exercise 4.2", "#### Exercise 4.2", "### Exercise five"),
        *("### **Exercise 4.2**", "### *Exercise 4.2*", "### exercise 4.2"),
        *("> ### Exercise 4.2", "- ### Exercise 4.2", "1. ### Exercise 4.2"),
        *("### [Exercise 4.2](../README.md)", "### `Exercise 4.2`"),
    ],
)
def test_an_exercise_with_another_heading_is_named(good, heading):
    assert added(good, text(heading)) == [
        f"cell 7: '{heading}' is not '### Exercise 4.2: …'"
    ]


def test_an_exercise_that_comes_twice_is_named(good):
    found = added(good, text(f"### Exercise 4.1\n{FOLDED}"), judged("4.1"))
    assert found == ["exercise 4.1 is numbered twice"]


def test_headings_inside_code_and_comments_are_none(good):
    source = "### Exercise 4.2\n# in 60 seconds\n## What to keep\n"
    for hidden in (
        f"```text\n{source}```",
        f"> ~~~\n{source}~~~".replace("\n", "\n> "),
        f"1. ```text\n{source}```".replace("\n", "\n   "),
        f"<!--\n{source}-->",
    ):
        assert added(good, text(hidden)) == []


@pytest.mark.parametrize("source", ["## What we keep", "### What to keep", "Keep it."])
def test_a_chapter_that_does_not_say_what_to_keep_is_named(good, source):
    good.cells[-1].source = source
    assert problems(good) == ["no section 'What to keep'"]


@pytest.mark.parametrize("said", ["15 minutes", "105 minutes", "a while"])
def test_another_reading_time_than_counted_is_named(good, said):
    assert problems(good) == []
    good.cells[0].source = f"# Why?\n\nReading takes {said}."
    found = gate.problems(page(good))
    assert found == ["the opening has to say '5 minutes' of reading"]


def test_reading_time_counts_words_equations_cells_and_exercises():
    words = v4.new_notebook(cells=[text("word " * 2000 + "\n```\n" + "word " * 900)])
    assert minutes(page(words)) == 10
    equations = v4.new_notebook(cells=[text(("$$" + "a + " * 40 + "b$$\n\n") * 20)])
    assert minutes(page(equations)) == 10
    cells = v4.new_notebook(cells=[code("f()") for _ in range(20)])
    assert minutes(page(cells)) == 10
    assert minutes(page(v4.new_notebook())) == 5
    exercises = v4.new_notebook(cells=[text("### Exercise 4.1\n\n" * 5)])
    assert minutes(page(exercises)) == 15


# --- what was stored is what was run --------------------------------------------------


def test_a_notebook_whose_outputs_are_those_of_its_run_passes(good):
    problems(good)
    assert gate.problems(page(good)) == []


def edit_a_record(notebook):
    notebook.cells[8].outputs[0].metadata.book.numbers = [0.93, 0.93]


def exchange_two_alternative_texts(notebook):
    notebook.cells[7].metadata["mystnb"] = OTHER["mystnb"]


def exchange_a_picture(notebook):
    notebook.cells[7].outputs[0].data["image/png"] = "iVBORw0KGgpB"


def delete_an_output(notebook):
    notebook.cells[4].outputs = []


def edit_what_was_printed(notebook):
    notebook.cells[6].outputs[0].data["text/plain"] = "Exercise 4.1: right."


@pytest.mark.parametrize(
    "slip",
    [
        edit_a_record,
        exchange_two_alternative_texts,
        exchange_a_picture,
        delete_an_output,
        edit_what_was_printed,
    ],
)
def test_outputs_that_were_changed_after_the_run_are_named(good, slip):
    problems(good)
    slip(good)
    sentence = "its outputs are not those of its last run: 'make run'"
    assert sentence in gate.problems(page(good))


@pytest.mark.parametrize(
    ("source", "verb"),
    [
        ('claim("loss", x, at_most=1)', "claim"),
        ("plots.show(fig, alt=alt)", "plots.show"),
        ("show(fig, alt=alt)", "show"),
        ("print(x)", "print"),
    ],
)
def test_a_cell_that_speaks_and_has_no_output_is_named(good, source, verb):
    missing = f"cell 7: calls {verb}, but its output is missing: 'make run'"
    assert added(good, code(source)) == [missing]


def test_a_call_that_need_not_run_needs_no_output(good):
    source = "def f():\n    print(1)\n\n\nif x:\n    print(2)\nprinter.print_all()"
    assert added(good, code(source)) == []


def test_a_healthy_cell_that_is_tagged_as_failing_is_named(good):
    found = added(good, code("f()", tags=["raises-exception"]))
    assert found == ["cell 7: tagged 'raises-exception', but it raises nothing"]


# --- claims: line, record and values --------------------------------------------------

DISAGREES = "line, record and values don't agree"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("numbers", [0.5, 0.5]),
        ("measured", "99 %"),
        ("bar", "90 %"),
        ("limit", 0.9),
        ("words", "at most"),
        ("unit", ""),
        ("what", "loss"),
        ("share", 1.0),
    ],
)
def test_a_record_that_its_line_or_values_do_not_bear_out_is_named(good, name, value):
    output = good.cells[8].outputs[0]
    good.cells[8].outputs = [nbformat.from_dict({**output})]
    stored = {**output.metadata.book, name: value}
    good.cells[8].outputs[0].metadata = nbformat.from_dict({"book": stored})
    assert any(DISAGREES in problem for problem in problems(good))


def test_a_line_that_its_record_does_not_bear_out_is_named(good):
    line = CLAIM.data["text/plain"].replace("92.39 %", "99.39 %")
    good.cells[8].outputs = [shown(line, **CLAIM.metadata.book)]
    assert problems(good) == [f"cell 8: 'accuracy': {DISAGREES}"]


def test_a_claim_that_its_values_do_not_meet_is_named_though_all_agrees(good):
    record = Row("accuracy", "at least", 0.95, [0.9], "%")
    output = shown(one_line(record), verb="claim", **record.record())
    good.cells[8].outputs = [output]
    assert problems(good) == [f"cell 8: 'accuracy': {DISAGREES}"]


def test_a_record_of_another_form_is_named(good):
    book = {"verb": "claim", "what": "accuracy", "values": [0.92]}
    good.cells[8].outputs = [shown("accuracy: 92 %", **book)]
    assert problems(good) == [f"cell 8: 'accuracy': {DISAGREES}"]


def test_tables_and_causes_pass_and_an_edited_row_is_named(good):
    table = claimed({"SGD": 0.9, "Adam": 0.91}, "both", at_least=0.9, unit="%")
    cause = claimed([3, 4, 5], "rise", control={"with ReLU": [1, 1, 1]}, share=0.5)
    source = 'claim("both", both, at_least=0.9)\nclaim("rise", e, control=c)'
    assert added(good, code(source, table, cause)) == []
    table.metadata.book.rows[1].numbers = [0.99]
    assert problems(good) == [f"cell 7: 'both': {DISAGREES}"]
    table.metadata.book.rows[1].numbers = [0.91]
    cause.metadata.book.without = [0, 0, 0]
    assert problems(good) == [f"cell 7: 'rise': {DISAGREES}"]


def test_a_record_of_a_claim_that_its_cell_does_not_make_is_named(good):
    good.cells[8].source = 'claim("loss", values, at_most=1)'
    assert problems(good) == ["cell 8: no claim of this cell says 'accuracy'"]
    good.cells[8].source = "claim(name, values, at_most=1)"
    assert problems(good) == []


TYPED = "cell 8: claims a number that is typed, not measured"


@pytest.mark.parametrize(
    "values",
    [
        *("0.9237", "[0.92, 0.93]", "-1", "values=0.92", "{'SGD': [1]}"),
        *("np.array([0.9])", "np.mean([0.92, 0.93])", "np.array([0.92, 0.93]).mean()"),
        *("sum([0.92, 0.93]) / 2", "round(0.9237, 3)", "max(0.92, 0.93)"),
        *("[0.92 for _ in range(2)]", "sorted([0.92])", "torch.tensor([0.92])"),
        *("np.round([0.92], 4)", "list(map(float, ['0.92']))", "[x for x in [0.92]]"),
        *(
            "**{'values': [0.92]}",
            "float('0.92')",
            "np.full(3, 0.92)",
            "0.92 * np.ones(3)",
            "(x := 0.92)",
        ),
    ],
)
def test_a_claim_of_a_typed_number_is_named(good, values):
    good.cells[8].source = f'claim("accuracy", {values}, at_least=0.92, unit="%")'
    assert problems(good) == [TYPED]


def test_a_claim_of_a_name_for_typed_numbers_is_named(good):
    good.cells[7].source += "\nvalues = [0.92, 0.93]"
    assert problems(good) == [TYPED]
    good.cells[7].source += "\nvalues += [train(3)]"
    assert problems(good) == []
    good.cells[8].source = "values = [0.92, 0.93]\n" + good.cells[8].source
    assert problems(good) == [TYPED]
    good.cells[8].source = good.cells[8].source.partition("\n")[2]
    for more in ("values = [train(seed)]", "values = []\nvalues.append(train(3))"):
        good.cells[7].source = f"plots.show(fig, alt=alt)\n{more}"
        assert problems(good) == []


FOLLOWED = (
    ("sgd, adam = [0.92, 0.93], [0.94, 0.95]", "adam"),
    ("first = values = 0.92", "values"),
    ("runs = {'SGD': [0.92, 0.93]}", "runs['SGD']"),
    ("runs = {'SGD': [0.92, 0.93]}", "max(runs.values())"),
    ("runs = [0.92, 0.93]\nvalues = np.mean(runs)", "values"),
    ("values = [0.92, 0.93]", "values[-1]"),
    ("values = [0.92, 0.93]", "[x + 1 for x in values]"),
    ("values: float = 0.92", "values"),
    ("said = f'{(values := 0.92):.1f}'", "values"),
    ("values = float('0.92')", "values"),
    ("values = 1\nvalues = 2", "(values := 0.92)"),
)
FILLED = (
    ("values = []\nfit(net, values)", "values[-1]"),
    ("runs = {'SGD': [], 'Adam': []}\nfit(net, runs)", "runs['SGD']"),
    ("runs = {'SGD': [0]}\nruns['SGD'].append(fit(3))", "runs['SGD']"),
    ("values = [0.0, 0.0]\nvalues[1] = fit(3)", "values[1]"),
    ("sizes = [3, 2]", "fit(sizes)"),
    ("values: list[float] = []\nfit(net, values)", "values[-1]"),
    ("values: float", "values"),
    ("", "[fit(seed) for seed in range(3)]"),
    ("", "torch.randn(3)"),
    ("", "sorted(map(fit, [1, 2]))"),
    ("", "**{'values': fit(3)}"),
    ("assert (values := fit(3)) < 1", "values"),
    ("values = np.full(3, np.nan)\nfit(net, values)", "values"),
    ("values, steps = fit(3), 7", "values"),
)


@pytest.mark.parametrize(
    ("lines", "values", "found"),
    [(*each, [TYPED]) for each in FOLLOWED] + [(*each, []) for each in FILLED],
)
def test_typed_numbers_are_followed_and_lists_that_are_filled_pass(
    good, lines, values, found
):
    good.cells[7].source += f"\n{lines}"
    good.cells[8].source = f'claim("accuracy", {values}, at_least=0.92, unit="%")'
    assert problems(good) == found


@pytest.mark.parametrize(
    "control", ["[0.1, 0.2, 0.1]", '{"with ReLU": [0.1, 0.1, 0.2]}']
)
def test_a_control_that_is_typed_is_named(good, control):
    good.cells[8].source = f'claim("accuracy", values, control={control}, share=0.5)'
    assert problems(good) == [TYPED]


def test_a_claim_of_cause_names_what_differs(good):
    cause = claimed([3, 4, 5], "rise", control=[1, 1, 1], share=0.5)
    found = added(good, code('claim("rise", effects, control=c, share=0.5)', cause))
    assert found == ["cell 7: 'rise': name what differs: control={'with …': …}"]


def test_two_claims_of_one_thing_are_named(good):
    found = added(good, code('claim("accuracy", values, at_least=0.92)', CLAIM))
    assert found == ["cell 9: 'accuracy' is claimed in cell 7 already"]


BARS = (
    {"at_least": 0},
    {"at_least": 0.0},
    {"at_most": 1},
    {"equals": 0.5, "within": 0.5},
)


@pytest.mark.parametrize("bar", BARS)
@pytest.mark.parametrize("values", [0.9, {"SGD": 0.9, "Adam": 0.8}])
def test_a_bar_that_no_share_can_miss_is_named(good, bar, values):
    good.cells[8].source = 'claim("accuracy", values, **bar)'
    good.cells[8].outputs = [claimed(values, unit="%", **bar)]
    found = "cell 8: the bar can't be missed: a share is between 0 and 1"
    assert problems(good) == [found]


@pytest.mark.parametrize(
    ("bar", "named"),
    [
        ({"at_most": 1}, True),
        ({"at_most": 0.99}, False),
        ({"at_least": -1}, True),
        ({"at_least": 0}, False),
        ({"equals": 0, "within": 1}, True),
        ({"equals": 0.3, "within": 1}, False),
        ({"equals": 0, "within": 0.99}, False),
    ],
)
def test_a_bar_that_no_difference_of_shares_can_miss_is_named(good, bar, named):
    good.cells[8].source = 'claim("gap", values, **bar)'
    good.cells[8].outputs = [claimed(0.3, "gap", unit="% points", **bar)]
    assert ["can't be missed" in found for found in problems(good)] == [True] * named


def test_one_row_whose_bar_no_share_can_miss_is_named(good):
    bars = {"SGD": 0.5, "Adam": 0}
    source = 'claim("accuracy", values, at_least=bars, unit="%")'
    rows = claimed({"SGD": 0.9, "Adam": 0.8}, at_least=bars, unit="%")
    good.cells[8] = code(source, rows)
    assert ["can't be missed" in found for found in problems(good)] == [True]
    gained = {"at_least": {"SGD": -0.02, "Adam": 0.5}}
    good.cells[8].outputs = [claimed({"SGD": 0.0, "Adam": 0.8}, unit="%", **gained)]
    assert problems(good) == []


# --- the verbs are the library's ------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        ("def prove(*_):\n    pass", "another thing is called prove here"),
        ("claim = print", "another thing is called claim here"),
        ("for check in checks:\n    pass", "another thing is called check here"),
        ("f = lambda claim: claim", "another thing is called claim here"),
        ("from mine import prove", "prove is not the one of helpers"),
        ("from helpers import claim as prove", "prove is not the one of helpers"),
        ("import helpers\nhelpers.claims.say = print", "changes the library: helpers"),
        ("plots.show = print", "changes the library: plots.show = …"),
        ("setattr(plots, 'show', print)", "changes the library: plots.… = …"),
        ("from helpers.record import say", "records are made by prove, claim and"),
        ("from helpers import record", "records are made by prove, claim and"),
        ("import importlib", "importlib can exchange the library"),
        ("from unittest import mock", "unittest can exchange the library"),
        ("exec('claim = print')", "exec hides what is run"),
        ("globals()['claim'] = print", "globals hides what is run"),
        ("locals()['claim'] = print", "locals hides what is run"),
        ("vars()['claim'] = print", "vars hides what is run"),
        ("from helpers import plots\nvars(plots)['show'] = f", "vars hides"),
        ("reads = vars", "vars hides what is run"),
        ("plots.__dict__['show'] = print", "__dict__ hides what is run"),
        ("prove.__globals__['say'] = print", "__globals__ hides what is run"),
        ("object.__setattr__(plots, 'show', f)", "__setattr__ hides what is run"),
        ("sys.modules['helpers.plots'] = f", "sys.modules hides what is run"),
        ("from sys import modules", "modules is of sys; say sys.modules"),
        ("import sys as s", "s is of sys; say sys"),
        ("from mine import *", "imports * of mine; name what is used"),
        ("from helpers import proof\np = proof\np._compare = f", "changes the library"),
        ("for m in [plots]:\n    m.show = f", "changes the library: m.show = …"),
        ("p = q = helpers.proof\nq._compare = f", "changes the library: q._compare"),
        ("s = setattr", "setattr hides what is run"),
        ("d = delattr", "delattr hides what is run"),
        ("delattr(plots, 'show')", "changes the library: plots.… = …"),
        ("del plots.show", "changes the library: plots.show = …"),
        ("from helpers import prove as p", "say prove, not p: so proofs are found"),
        ("tape.Value.__class__ = f", "__class__ hides what is run"),
        ("p = plots\np = p\np.show = f", "changes the library: p.show = …"),
        ("p = plots\np.show = f\np = Net()", "changes the library: p.show = …"),
        ("p = 1\nfrom helpers import nn as p\np.x = f", "changes the library: p.x = …"),
        ("p = Net()\nif x:\n    p = plots\np.show = f", "changes the library: p.show"),
        ("getattr(plots, '__dict__')", "__dict__ hides what is run"),
        ("match x:\n    case prove:\n        pass", "another thing is called prove"),
        ("match x:\n    case [*claim]:\n        pass", "another thing is called claim"),
        (
            "match x:\n    case {**check}:\n        pass",
            "another thing is called check",
        ),
        ("async def claim():\n    pass", "another thing is called claim here"),
        (
            "try:\n    f()\nexcept E as prove:\n    pass",
            "another thing is called prove",
        ),
        ("helpers.claim('a', f())", "say claim, not helpers.claim"),
    ],
)
def test_another_prove_or_a_changed_library_is_named(good, source, sentence):
    [found] = added(good, code(source))
    assert found.startswith(f"cell 7: {sentence}")


@pytest.mark.parametrize(
    ("source", "alias", "said"),
    [("import sys as s", "s", "sys"), ("from sys import path as p", "p", "sys.path")],
)
def test_what_is_imported_of_sys_is_named_with_what_to_say(good, source, alias, said):
    found = added(good, code(source))
    assert found == [f"cell 7: {alias} is of sys; say {said}"]


@pytest.mark.parametrize(
    "source",
    [
        "display(data, raw=True, metadata={'book': {'verb': 'claim'}})",
        "show = display",
        "get_ipython().display_pub.publish({})",
        "from IPython.display import display as show",
        "import IPython",
        "from helpers.claims import say",
        "helpers.claims.say('(4.1) holds', verb='prove')",
        "class A:\n    def _repr_mimebundle_(self, **_):\n        return {}, {}",
        "A._ipython_display_ = f",
        "setattr(A, '_repr_png_', f)",
    ],
)
def test_what_could_store_a_record_of_its_own_is_named(good, source):
    found = "cell 7: records are made by prove, claim and show only"
    assert added(good, code(source)) == [found]


def test_what_resembles_a_changed_library_passes(good):
    source = "net.lr = 1\nproven = 2\nplots.plt.rcParams['a'] = 3\nself.check = f"
    source += "\nself.data, rows = helpers.data, 3\nself.rows = rows"
    source += "\nvars(flags)['lr'] = getattr(net, 'rate')\nnet.eval().modules()"
    source += "\ndef record(node):\n    return node.display"
    assert added(good, code(source)) == []


@pytest.mark.parametrize(
    "lines",
    [
        'train = data.load("mnist").train\ntrain.images = 3',
        "x = tape.Value(3).data\nx.flags.writeable = False",
        "tape.Value(3).data = 4\nsetattr(tape.Value(3), 'grad', 5)",
        "for net in [nn.a, nn.b]:\n    pass\nnet = Mine()\nnet.x = 1",
        "said = data.load('mnist').check",
    ],
)
def test_what_a_call_returned_or_a_name_no_longer_means_is_not_the_library(good, lines):
    good.cells[2].source += "\nfrom helpers import data, nn, tape"
    assert added(good, code(lines)) == []


# --- folded cells ---------------------------------------------------------------------


def test_proofs_after_the_first_may_be_folded_and_stay_short(good):
    equation = text("$$c = d \\tag{4.2}$$")
    proof = code('prove("4.2", f, equals=g)', proved("4.2"), tags=["hide-input"])
    assert added(good, equation, proof) == []
    proof.source = "x\n" * 15 + proof.source
    assert problems(good) == ["cell 8: 16 lines; at most 15"]


def test_a_first_proof_that_is_folded_is_named(good):
    good.cells[4].metadata.tags = ["hide-input"]
    sentence = "cell 4: the first proof stands open; take 'hide-input' off"
    assert problems(good) == [sentence]


def test_a_folded_cell_that_neither_proves_nor_draws_is_named(good):
    found = added(good, code("train()", tags=["hide-input"]))
    assert found == ["cell 7: 'hide-input' is for proofs and figures only"]


# --- figures --------------------------------------------------------------------------


def test_an_alternative_text_that_is_no_sentence_is_named(good):
    few = {"mystnb": {"image": {"alt": "A falling curve."}} | CAPTION}
    [found] = added(good, code("plt.plot(x)", figure(), **few))
    assert found == "cell 7: alt='A falling curve.' is no sentence; 8 words or more"


def test_two_figures_of_one_alternative_text_are_named(good):
    found = added(good, code("plt.plot(x)", figure(), **ALT))
    assert found == ["cell 8: the same alternative text as in cell 7"]


def test_the_figures_of_a_chapter_need_a_caption(good):
    def captions(path):
        return [found for found in problems(good, path) if "caption" in found]

    assert captions("chapters/09-a.ipynb") == []
    good.cells[7].metadata["mystnb"] = {"image": {"alt": SEEN}}
    wanted = ["cell 7: a figure without a caption: show(fig, alt=…, caption=…)"]
    assert captions("chapters/09-a.ipynb") == wanted
    assert captions("solutions/a/solution.ipynb") == []


# --- text -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "source",
    [
        "<script>alert(1)</script>",
        "<iframe src='a'></iframe>",
        "<style>p {display: none}</style>",
        '<details onclick="f()"><summary>a</summary>b</details>',
        '<div class="x">',
        "<img src='a.png' alt='A curve'>",
        "<h3>Exercise 4.9</h3>",
        "<!DOCTYPE html>",
    ],
)
def test_html_but_details_and_summary_is_named(good, source):
    assert any("not for all readers: <" in found for found in added(good, text(source)))


@pytest.mark.parametrize(
    "source",
    ["<details><summary>a</summary>b", "b</details>", "<details><summary>a</details>"],
)
def test_details_that_are_not_closed_are_named(good, source):
    found = added(good, text(source))
    assert "cell 7: <details> or <summary> is not closed" in found


@pytest.mark.parametrize("source", ["$a < b$ and $c > d$", "`<script>`", "1 < 2 > 0"])
def test_what_resembles_html_passes(good, source):
    assert added(good, text(source)) == []


@pytest.mark.parametrize("source", ["A sum $\\sum_i a_i is.", "$$a = b$", "$a$ and $b"])
def test_a_formula_that_is_not_closed_is_named(good, source):
    [found] = added(good, text(source))
    assert found.startswith("cell 7: a $ that closes nothing: ")


@pytest.mark.parametrize("source", ["It costs \\$5.", "`$HOME`", "```sh\n$ make\n```"])
def test_a_dollar_that_opens_no_formula_passes(good, source):
    assert added(good, text(source)) == []


def test_an_equation_of_a_later_chapter_is_named_outside_of_folded_answers(good):
    [found] = added(good, text("By (5.2) and (4.1)."))
    assert found == "cell 7: leans on (5.2), which comes later"
    for fine in (
        "$f(5.2)$",
        "`(5.2)`",
        "<details><summary>a</summary>\n\n(5.2)</details>",
    ):
        good.cells[7] = text(fine)
        assert problems(good) == []
    good.cells[7] = text("By (5.2).")
    assert not any("later" in p for p in problems(good, "solutions/a/a.ipynb"))


def test_an_equation_of_a_chapter_that_is_not_named_before_is_named(good):
    [found] = added(good, text("By (3.9) and (4.1)."))
    assert found == (
        "cell 7: uses (3.9), but neither 'Before you start' nor its paragraph links to "
        "chapter 3"
    )
    good.cells[7].source = "By (3.9).\n\nSee [chapter 3](03-b.ipynb)."
    assert len(problems(good)) == 1
    for fine in (
        "By (3.9) of [chapter 3](03-b.ipynb).",
        "`(3.9)`",
        "<details><summary>a</summary>\n\n(3.9)</details>",
    ):
        good.cells[7].source = fine
        assert problems(good) == []
    good.cells[7].source = "By (3.9)."
    good.cells[0].source += "\n\n*Before you start:* [chapter 3](03-b.ipynb)."
    assert problems(good) == []


HANDED = "[worked](../solutions/a/solution.ipynb)"


@pytest.mark.parametrize("mark", ["**{}.** Here", "## {}\n\nHere"])
def test_a_homework_without_its_hand_in_is_named(good, mark):
    asked = mark.format("Where homeworks ask this")
    [found] = added(good, text(f"{HANDED}.\n\n{asked}: [here](../solutions/a/a.py)."))
    assert found == "'Where homeworks ask this' links to no course's solution.ipynb"
    good.cells[7].source = f"{asked}: {HANDED}."
    assert problems(good) == []


@pytest.mark.parametrize(
    "line", ["[Chapter 5](05-b.ipynb) has it.", "As in [that](05-b.ipynb#eq-5-2)."]
)
def test_a_link_ahead_is_an_invitation_or_is_named(good, line):
    [found] = added(good, text(line))
    assert found.startswith("cell 7: links to a later chapter and says neither 'later'")


@pytest.mark.parametrize(
    "line",
    [
        "[Chapter 5](05-b.ipynb) comes to it.",
        "Later, in [chapter 5](05-b.ipynb), we do.",
        "By [chapter 3](03-b.ipynb), and by [this one](04-a.ipynb#eq-4-1).",
    ],
)
def test_an_invitation_and_a_link_back_pass(good, line):
    assert added(good, text(line)) == []


# --- equations ------------------------------------------------------------------------


def test_two_tags_that_are_exchanged_are_named(good):
    rows = "c &:= d \\tag{4.3} \\\\ e &:= f \\tag{4.2}"
    found = added(good, text(f"$$\\begin{{align*}} {rows} \\end{{align*}}$$"))
    assert found == ["equation (4.3) stands where (4.2) is due"]


@pytest.mark.parametrize("number", ["4.3", "5.2", "4.02"])
def test_an_equation_of_another_chapter_or_after_a_gap_is_named(good, number):
    found = added(good, text(f"$$c := d \\tag{{{number}}}$$"))
    assert found == [f"equation ({number}) stands where (4.2) is due"]


@pytest.mark.parametrize("formula", ["", " ", "c + d", "\\quad", "c"])
def test_an_equation_that_states_nothing_is_named(good, formula):
    cells = text(f"$${formula} \\tag{{4.2}}$$"), code('prove("4.2", f)', proved("4.2"))
    assert added(good, *cells) == ["equation (4.2) states nothing: no =, ≤ or :="]


@pytest.mark.parametrize("formula", ["c \\le d", "c < d", "c \\to d", "c \\in D"])
def test_an_inequality_states_something(good, formula):
    cells = text(f"$${formula} \\tag{{4.2}}$$"), code('prove("4.2", f)', proved("4.2"))
    assert added(good, *cells) == []


def test_a_proof_above_its_equation_is_named(good):
    proof = code('prove("4.2", f, equals=g)', proved("4.2"))
    found = added(good, proof, text("$$c = d \\tag{4.2}$$"))
    assert found == ["cell 7: proves (4.2) before it is displayed"]


# --- exercises ------------------------------------------------------------------------

OPEN = f"### Exercise 4.2 (open): plan it\n\nPlan an experiment.\n{FOLDED}"


def test_an_open_exercise_has_no_check_and_a_hint_and_an_answer(good):
    assert added(good, text(OPEN)) == []
    good.cells[7:7] = [text(OPEN.replace("4.2", "4.3")), judged("4.3")]
    found = ["exercise 4.3 stands where 4.2 is due", STRAY.replace("7", "8")]
    assert problems(good) == found


@pytest.mark.parametrize("part", ["Hint", "Answer"])
@pytest.mark.parametrize("kind", ["", " (open)"])
def test_an_exercise_without_hint_or_answer_is_named(good, kind, part):
    source = OPEN.replace(" (open)", kind).replace(f"<summary>{part}", "<summary>More")
    found = added(good, text(source), *[judged("4.2")] * (not kind))
    fold = f"<details><summary>{part}</summary>…</details>"
    assert found == [f"exercise 4.2 has no {fold}"]


@pytest.mark.parametrize("answer", ["", "<!-- later -->"])
def test_an_empty_answer_is_none(good, answer):
    source = OPEN.replace("```python\nanswer = 1\n```", answer)
    [found] = added(good, text(source))
    assert found.startswith("exercise 4.2 has no <details><summary>Answer")


@pytest.mark.parametrize("told", ["Hint: sum it.", "**Answer.** 3", "> Solution: 3"])
def test_a_hint_or_an_answer_that_is_not_folded_is_named(good, told):
    found = added(good, text(f"Do it.\n\n{told}"))
    assert found == [f"cell 7: told without being asked: {told!r}"]


@pytest.mark.parametrize("number", ["4.3", "5.2"])
def test_an_exercise_that_breaks_the_count_is_named(good, number):
    source = OPEN.replace("4.2", number)
    found = f"exercise {number} stands where 4.2 is due"
    assert added(good, text(source)) == [found]


# --- what only looks true -------------------------------------------------------------


@pytest.mark.parametrize(
    "words",
    [
        "(4.1) holds at 24 random points",
        "accuracy: at least 99 %; measured 99.9 %",
        "a line\nExercise 4.1: correct.",
    ],
)
def test_a_print_that_reads_as_a_verb_is_named(good, words):
    claimed_too = 'print(x)\nclaim("loss", x, at_most=1)'
    loss = claimed(0.3, "loss", at_most=1)
    [found] = added(good, code(claimed_too, printed(words), loss))
    assert found.startswith("cell 7: reads as if a verb said it: ")


def test_a_figure_that_show_did_not_show_is_named(good):
    picture = shown("iVBORw0KGgo=", "image/png")
    [found] = added(good, code("picture", picture, **OTHER))
    assert found == "cell 7: a figure that plots.show did not show"


@pytest.mark.parametrize("end", ["\\quad (4.2)", "(4.2).", "\\label{a}", "\\eqno(4.2)"])
def test_an_equation_that_is_numbered_without_a_tag_is_named(good, end):
    [found] = added(good, text(f"$$c = d {end}$$"))
    assert found.startswith("cell 7: an equation numbered without \\tag: ")


@pytest.mark.parametrize(
    "kind", ["align", "alignat", "equation", "gather", "multline", "flalign"]
)
def test_an_environment_that_numbers_itself_is_named(good, kind):
    [found] = added(good, text(f"$$\\begin{{{kind}}} c = d \\end{{{kind}}}$$"))
    assert found == f"cell 7: numbered without \\tag{{…}}: \\begin{{{kind}}}"
    good.cells[7].source = f"$$\\begin{{{kind}*}} c = d \\end{{{kind}*}}$$"
    assert problems(good) == []


def test_a_tag_without_braces_is_named(good):
    good.cells.insert(7, text(""))
    for tag in ("\\tag 7", "\\tag7"):
        good.cells[7].source = f"$$c = d {tag}$$"
        [found] = problems(good)
        assert found.startswith(f"cell 7: numbered without \\tag{{…}}: {tag}")
    good.cells[7].source = "The command `\\tag 7` numbers."
    assert problems(good) == []


def test_an_equation_of_a_caption_needs_a_proof_too(good):
    caption = {"figure": {"caption": "It falls: $$c = d \\tag{4.2}$$"}}
    good.cells[7].metadata["mystnb"] = ALT["mystnb"] | caption
    assert problems(good) == [unproved("4.2")]


@pytest.mark.parametrize(
    "formula",
    ["\\def\\a{b}", "\\renewcommand{\\ne}{=}", "\\color{white} a", "\\phantom{-}"],
)
def test_a_formula_that_says_another_thing_than_it_reads_is_named(good, formula):
    [found] = added(good, text(f"So ${formula}$."))
    assert found.startswith("cell 7: a formula with \\")


@pytest.mark.parametrize("character", ["\u200b", "\u202e", "\u00ad", "\ufeff"])
def test_an_invisible_character_is_named(good, character):
    found = added(good, text(f"99.9{character} %"), code(f"x = 'a{character}'"))
    number = f"U+{ord(character):04X}"
    assert found == [f"cell {at}: an invisible character, {number}" for at in (7, 8)]


def test_an_exercise_that_is_solved_already_is_named(good):
    good.cells[6] = judged("4.1", "Exercise 4.1: correct in all 7 cases.")
    assert problems(good) == ["cell 6: check says ': correct'; leave it to the reader"]


def test_an_exercise_that_is_nowhere_is_named_with_the_file_to_mend(good):
    good.cells[6] = judged("4.1", "There is no exercise 4.1 to check.")
    place = "no exercise 4.1 in EXERCISES of src/helpers/exercises/ch04.py"
    assert problems(good) == [f"cell 6: {place}; enter it and run again"]


@pytest.mark.parametrize("alt", ["", "A curve."])
def test_a_linked_picture_without_a_sentence_is_named(good, alt):
    found = added(good, text(f"![{alt}](plot.png)"))
    assert found == [f"cell 7: ![{alt}] is no sentence; 8 words or more"]


@pytest.mark.parametrize(
    ("caption", "sentence"),
    [
        ("<b>It falls.</b>", "not for all readers: </b>, <b>"),
        ("By {ref}`a`.", "not for all readers: '{ref}`…`'"),
        ("It is $x.", "a $ that closes nothing: 'It is $x.'"),
        ("By (5.1).", "leans on (5.1), which comes later"),
    ],
)
def test_a_caption_keeps_the_rules_of_text(good, caption, sentence):
    good.cells[7].metadata["mystnb"] = ALT["mystnb"] | {"figure": {"caption": caption}}
    assert problems(good) == [f"cell 7: {sentence}"]


def test_settings_of_the_whole_notebook_for_the_page_are_named(good):
    good.metadata["mystnb"] = {"remove_code_outputs": True}
    assert problems(good) == ["metadata that are not in use here: ['mystnb']"]


@pytest.mark.parametrize("what", ["test accuracy", "accuracy with Adam"])
def test_a_cause_of_a_bare_accuracy_is_named(good, what):
    cause = claimed([0.9] * 3, what, control={"with SGD": [0.1] * 3}, share=0.5)
    source = f'claim("{what}", effects, control=c, share=0.5)'
    found = added(good, code(source, cause))
    assert found == [f"cell 7: '{what}' is no effect; 0 has to mean none"]


@pytest.mark.parametrize(
    "what", ["loss of accuracy", "accuracy gained", "training loss"]
)
def test_a_cause_of_an_effect_passes(good, what):
    cause = claimed([0.9] * 3, what, control={"with SGD": [0.1] * 3}, share=0.5)
    source = f'claim("{what}", effects, control=c, share=0.5)'
    assert added(good, code(source, cause)) == []
