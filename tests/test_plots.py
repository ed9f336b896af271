import sys
from base64 import b64decode
from io import BytesIO
from itertools import combinations, pairwise
from types import SimpleNamespace

import matplotlib.pyplot as plt
import nbformat
import numpy as np
import pytest
from matplotlib.colors import to_rgb
from nbclient import NotebookClient
from PIL import Image

from helpers import plots
from helpers.record import say


@pytest.fixture(autouse=True)
def no_window():
    """Figures are drawn without a screen, and none is left for the next test."""
    plt.switch_backend("Agg")
    yield
    plt.close("all")


def fake_ipython(monkeypatch, shell, display=None):
    ipython = SimpleNamespace(
        get_ipython=lambda: shell,
        display=SimpleNamespace(display=display),
        version_info=(9, 0),  # matplotlib asks
    )
    monkeypatch.setitem(sys.modules, "IPython", ipython)


@pytest.fixture
def terminal(monkeypatch):
    """Python as in a script, though IPython has been imported."""
    fake_ipython(monkeypatch, shell=None)


@pytest.fixture
def displayed(monkeypatch):
    """What a notebook would display: a list of pairs (data, metadata)."""
    shown = []

    def display(data, metadata, raw):
        assert raw
        shown.append((data, metadata))

    fake_ipython(monkeypatch, "a shell", display)
    return shown


def line_figure():
    fig, ax = plt.subplots()
    ax.plot([0, 1], [0, 1])
    return fig


# --- show -----------------------------------------------------------------------------


@pytest.mark.parametrize("alt", ["", "  ", "\n"])
def test_show_refuses_an_empty_alternative_text(alt, displayed):
    with pytest.raises(ValueError, match="say in a sentence what the figure shows"):
        plots.show(line_figure(), alt=alt)
    assert displayed == []


def test_show_closes_the_figure_and_no_other(displayed):
    other, fig = line_figure(), line_figure()
    plots.show(fig, alt="a line rises")
    assert plt.get_fignums() == [other.number]


def test_show_in_a_terminal_says_nothing_and_closes_the_figure(terminal, capsys):
    plots.show(line_figure(), alt="a line rises")
    assert plt.get_fignums() == []
    assert capsys.readouterr() == ("", "")


def test_show_works_where_ipython_was_never_imported(monkeypatch):
    monkeypatch.delitem(sys.modules, "IPython", raising=False)
    plots.show(line_figure(), alt="a line rises")
    assert plt.get_fignums() == []


def test_show_twice_gives_the_same_bytes_without_matplotlibs_version(displayed):
    for _ in range(2):
        plots.show(line_figure(), alt="a line rises")
    (first, metadata), (second, _) = displayed
    assert first == second
    record = {"verb": "figure", "alt": "a line rises", "caption": ""}
    assert metadata == {"book": record}
    png = b64decode(first["image/png"])
    assert png.startswith(b"\x89PNG")
    assert b"Software" not in png


def test_the_name_of_a_figure_that_moves_is_stored_beside_the_picture(displayed):
    plots.show(line_figure(), alt="a line rises", moving="softmax")
    [(_, metadata)] = displayed
    assert metadata["book"]["moving"] == "softmax"


def test_figures_are_as_wide_as_a_page_and_have_no_background(displayed):
    plots.show(line_figure(), alt="a line rises")
    [(data, _)] = displayed
    pixels = plt.imread(BytesIO(b64decode(data["image/png"])), format="png")
    assert pixels.shape[:2] == (640, 960)
    assert pixels[0, 0, 3] == 0
    assert pixels[200, 400, 3] < 0.5  # inside the axes


def stored(displayed):
    [(data, metadata)] = displayed
    return Image.open(BytesIO(b64decode(data["image/png"]))), metadata["book"]


def test_lines_are_stored_with_a_palette_that_nobody_sees(displayed):
    fig, ax = plt.subplots()
    for height in range(len(plots.COLORS)):
        plots.curve(ax, [0, 1], [[height, height + 1], [height, height]], "a")
    ax.legend()
    drawn = BytesIO()
    fig.savefig(drawn, format="png")
    plots.show(fig, alt="lines rise")
    image, record = stored(displayed)
    assert image.mode == "P" and "images" not in record

    def on_page(image, shade):
        page = Image.new("RGBA", image.size, (shade, shade, shade, 255))
        page.alpha_composite(image.convert("RGBA"))
        return np.asarray(page, dtype=int)

    for shade in (255, 20):
        gap = np.abs(on_page(image, shade) - on_page(Image.open(drawn), shade))
        assert gap.mean() < 1 and np.quantile(gap, 0.99) < 16


@pytest.mark.parametrize("channels", [(), (3,)])
def test_photographs_keep_their_colors_and_all_images_are_recorded(channels, displayed):
    pixels = np.random.default_rng(0).random((1, 32, 32, *channels))
    fig, drawn = plots.image_grid(pixels, ["noise"], columns=1), BytesIO()
    fig.savefig(drawn, format="png")
    plots.show(fig, alt="noise")
    image, record = stored(displayed)
    assert record["images"] is True
    if channels:
        gap = np.asarray(image, dtype=int) - np.asarray(Image.open(drawn), dtype=int)
        assert np.abs(gap).max() == 2
    else:
        assert image.mode == "P"


def test_white_stays_white_and_opaque_opaque(displayed):
    shades = np.linspace(0, 0.02, 64)  # nearly white all of them, but for one
    shades[-1] = 1
    plots.show(plots.image_grid(shades.reshape(1, 8, 8), [""], columns=1), alt="shades")
    pixels = np.asarray(stored(displayed)[0].convert("RGBA"))
    shown = pixels[pixels[..., 3] > 128]
    assert (shown == 255).all(axis=1).mean() > 0.5


def contrast(color, page):
    """The contrast of two colors as WCAG 2 defines it."""

    def luminance(color):
        rgb = np.array(to_rgb(color))
        rgb = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
        return rgb @ [0.2126, 0.7152, 0.0722]

    low, high = sorted([luminance(color), luminance(page)])
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("page", ["#FFFFFF", "#14181E"])
def test_all_colors_can_be_seen_on_a_white_page_and_on_the_dark_one(page):
    assert min(contrast(color, page) for color in plots.COLORS) > 3
    assert contrast(plots.GRAY, page) > 4


def test_nothing_is_drawn_in_black_or_white_unless_one_asks_for_it():
    fig, ax = plt.subplots()
    ax.plot([0, 1], label="a")
    ax.bar([0], [1])
    ax.set(title="a title", xlabel="x", ylabel="y")
    ax.legend()
    fig.canvas.draw()
    pixels = np.asarray(fig.canvas.buffer_rgba()).reshape(-1, 4)
    seen = pixels[pixels[:, 3] > 128][:, :3].astype(int)
    dark, light = seen.max(axis=1) < 60, seen.min(axis=1) > 200
    assert not dark.any() and not light.any()


@pytest.mark.parametrize("place", ["legend", "tick", "text", "title"])
def test_show_refuses_lettering_that_a_phone_makes_too_small(place, displayed):
    fig, ax = plt.subplots()
    ax.plot([0, 1], label="a line")
    small = {
        "legend": lambda: ax.legend(fontsize=9),
        "tick": lambda: ax.tick_params(labelsize=9.5),
        "text": lambda: ax.text(0, 0, "a word", fontsize=9),
        "title": lambda: ax.set_title("a word", fontsize=9),
    }
    small[place]()
    with pytest.raises(ValueError, match=r"has 9(\.5)? points; take 10 or more"):
        plots.show(fig, alt="a line rises")
    assert displayed == [] and plt.get_fignums() == []


def test_show_takes_10_points_and_what_is_not_seen(displayed):
    fig, ax = plt.subplots()
    ax.text(0, 0, "a word", fontsize=10)
    ax.text(0, 0, " ", fontsize=5)
    ax.text(0, 0, "hidden", fontsize=5, visible=False)
    plots.show(fig, alt="a word")
    assert len(displayed) == 1


def test_show_refuses_a_figure_of_another_width(displayed):
    fig, _ = plt.subplots(figsize=(6.4, 3))
    with pytest.raises(ValueError, match=r"6.4 inches wide; make it 4.8"):
        plots.show(fig, alt="a line rises")
    assert displayed == []


CELLS = [
    "import matplotlib.pyplot as plt\nfrom helpers import plots\n"
    "from helpers.record import say",
    *[
        "fig, ax = plt.subplots()\nax.plot([0, 1])\n"
        "plots.show(fig, alt='a line rises', caption='It *rises*.')"
    ]
    * 2,
    "say('2 is even', verb='prove', number='1.1')",
    "say('not done yet')",
]


@pytest.fixture(scope="module")
def outputs(tmp_path_factory):
    """The outputs of a notebook of those cells, run by a kernel, saved and read."""
    folder = tmp_path_factory.mktemp("notebook")
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(source) for source in CELLS]
    )
    resources = {"metadata": {"path": str(folder)}}
    NotebookClient(notebook, kernel_name="python3", resources=resources).execute()
    nbformat.write(notebook, folder / "tiny.ipynb")
    stored = nbformat.read(folder / "tiny.ipynb", as_version=4)
    return [cell.outputs for cell in stored.cells]


def test_a_notebook_stores_the_picture_once_with_alt_and_caption(outputs):
    [output] = outputs[1]
    assert set(output.data) == {"image/png", "text/plain"}
    assert output.data["text/plain"] == "a line rises"
    record = {"verb": "figure", "alt": "a line rises", "caption": "It *rises*."}
    assert output.metadata == {"book": record}
    assert b64decode(output.data["image/png"]).startswith(b"\x89PNG")


def test_a_notebook_stores_the_same_bytes_for_the_same_figure(outputs):
    assert outputs[1] == outputs[2]


def test_a_notebook_stores_a_record_beside_what_is_said(outputs):
    [proof], [remark] = outputs[3:]
    assert proof.data == {"text/plain": "2 is even"}
    assert proof.metadata == {"book": {"verb": "prove", "number": "1.1"}}
    assert remark.data == {"text/plain": "not done yet"}
    assert remark.metadata == {}


def test_say_prints_one_line_in_a_terminal(terminal, capsys):
    say("2 is even", verb="prove")
    assert capsys.readouterr() == ("2 is even\n", "")


# --- curve ----------------------------------------------------------------------------


def test_curve_draws_the_mean_in_a_band_from_least_to_greatest():
    _, ax = plt.subplots()
    runs = np.array([[1, 2, 6], [3, 2, 0], [2, 5, 0]])
    plots.curve(ax, [0, 1], [0, 1], "another")
    plots.curve(ax, [0, 1, 4], runs, "loss")
    line, band = ax.lines[1], ax.collections[1]
    assert line.get_xydata().tolist() == [[0, 2], [1, 3], [4, 2]]
    assert line.get_label() == "loss"
    corners = set(map(tuple, band.get_paths()[0].vertices))
    assert corners == {(0, 1), (0, 3), (1, 2), (1, 5), (4, 0), (4, 6)}
    assert tuple(band.get_facecolor()[0][:3]) == to_rgb(line.get_color())


def test_curve_takes_a_single_run_without_its_axis():
    _, ax = plt.subplots()
    plots.curve(ax, [0, 1], [3, 4], "loss")
    assert ax.lines[0].get_ydata().tolist() == [3, 4]


@pytest.mark.parametrize("shape", [(3, 2), (2,), (0, 3), (2, 3, 4), (2, 4, 3)])
def test_curve_refuses_runs_of_other_shapes_and_draws_nothing(shape):
    _, ax = plt.subplots()
    with pytest.raises(ValueError, match=r"runs have shape .*; expected \(seeds, 3\)"):
        plots.curve(ax, [0, 1, 2], np.zeros(shape), "loss")
    assert not ax.has_data()


def test_two_curves_differ_in_color_and_in_line_style():
    _, ax = plt.subplots()
    for label in plots.COLORS:
        plots.curve(ax, [0, 1], [3, 4], label)
    assert len({line.get_color() for line in ax.lines}) == len(plots.COLORS)
    # Matplotlib names a dash pattern of our own "--", as it does the usual dashes.
    dashes = {str(line._unscaled_dash_pattern) for line in ax.lines}
    assert len(dashes) == len(plots.COLORS)


# --- image_grid -----------------------------------------------------------------------


@pytest.mark.parametrize("count", [1, 4, 5, 7])
@pytest.mark.parametrize("shape", [(5, 3), (5, 3, 3)])
def test_image_grid_shows_every_image_under_its_title(count, shape):
    images = np.random.default_rng(0).uniform(size=(count, *shape))
    titles = [f"image {i}" for i in range(count)]
    fig = plots.image_grid(images, titles, columns=4)
    filled = [ax for ax in fig.axes if ax.images]
    assert [ax.get_title() for ax in filled] == titles
    for ax, image in zip(filled, images, strict=True):
        assert np.array_equal(ax.images[0].get_array(), image)
    assert len(fig.axes) == 4 * -(-count // 4)
    assert not any(ax.axison for ax in fig.axes)


def test_diverging_images_share_one_scale_with_zero_in_its_middle():
    images = np.random.default_rng(0).uniform(-3, 1, size=(2, 20, 20))
    images[0, 0, 0] = 1000  # one pixel doesn't set the scale
    fig = plots.image_grid(images, ["a", "b"], columns=2, diverging=True)
    first, second = [ax.images[0] for ax in fig.axes if ax.images]
    low, high = first.get_clim()
    assert second.get_clim() == (low, high)
    assert low == -high
    assert 2.5 < high <= 3
    red, _, blue, _ = first.to_rgba(np.array([2.5]))[0]
    assert red > blue


@pytest.mark.parametrize(
    "shape", [(3, 784), (784,), (3, 5, 5, 4), (0, 5, 5), (3, 0, 5)]
)
def test_image_grid_refuses_other_shapes_and_leaves_no_figure(shape):
    with pytest.raises(ValueError, match=r"images have shape .*; expected \(n, height"):
        plots.image_grid(np.zeros(shape), [""] * shape[0])
    assert plt.get_fignums() == []


def test_image_grid_wants_a_title_for_each_image():
    with pytest.raises(ValueError, match="3 images but 2 titles"):
        plots.image_grid(np.zeros((3, 5, 5)), ["a", "b"])
    assert plt.get_fignums() == []


# --- confusion and mistakes -----------------------------------------------------------


def test_confusion_shows_every_mistake_in_its_row_and_column():
    counts = np.array([[90, 0, 3], [12, 80, 0], [0, 1, 99]])
    [ax] = plots.confusion(counts, ["a", "b", "c"]).axes
    shown = {(text.get_position(), text.get_text()) for text in ax.texts}
    # (column, row): a is taken for c, b for a, c for b; what is right isn't shown
    assert shown == {((2, 0), "3"), ((0, 1), "12"), ((1, 2), "1")}
    assert ax.get_ylabel() == "right class" and ax.get_xlabel() == "taken for"
    assert ax.images[0].get_array().max() == 12


def test_confusion_writes_white_on_dark_and_black_on_light():
    [ax] = plots.confusion(np.array([[5, 100], [1, 5]]), ["a", "b"]).axes
    colors = {text.get_text(): text.get_color() for text in ax.texts}
    assert colors == {"100": "white", "1": "black"}


def test_confusion_without_a_mistake_is_blank():
    [ax] = plots.confusion(np.eye(3, dtype=int), ["a", "b", "c"]).axes
    assert not ax.texts


def test_confusion_wants_a_row_and_a_column_for_each_class():
    with pytest.raises(ValueError, match=r"\(2, 2\) for 3 classes"):
        plots.confusion(np.eye(2, dtype=int), ["a", "b", "c"])


def test_worst_mistakes_come_in_the_order_of_their_loss():
    images = np.arange(3)[:, None, None] * np.ones((3, 2, 2))
    labels = np.array([0, 1, 1])
    log_probs = np.log([[0.6, 0.4], [0.9, 0.1], [0.7, 0.3]])
    fig = plots.worst_mistakes(images, labels, log_probs, ["9", "4"], count=2)
    drawn = [ax for ax in fig.axes if ax.images]
    assert [ax.get_title() for ax in drawn] == ["4, not 9", "4, not 9"]
    assert [ax.images[0].get_array()[0, 0] for ax in drawn] == [1, 2]


def test_worst_mistakes_take_labels_and_images_in_lists():
    fig = plots.worst_mistakes([np.zeros((2, 2))], [0], np.log([[0.4, 0.6]]), "ab")
    assert fig.axes[0].get_title() == "a, not b"


def test_worst_mistakes_name_an_image_that_is_right_by_its_class_alone():
    images, labels = np.ones((1, 2, 2)), np.array([1])
    fig = plots.worst_mistakes(images, labels, np.log([[0.4, 0.6]]), ["cat", "dog"])
    assert fig.axes[0].get_title() == "dog"


def test_confusion_refuses_shares():
    with pytest.raises(ValueError, match="pass counts"):
        plots.confusion(np.eye(2) / 2, ["a", "b"])


def test_worst_mistakes_of_long_names_have_titles_of_two_lines_that_do_not_overlap():
    names = ["Ankle boot", "T-shirt/top"]
    log_probs = np.tile(np.log([[0.1, 0.9]]), (8, 1))
    fig = plots.worst_mistakes(np.ones((8, 28, 28)), np.zeros(8, int), log_probs, names)
    fig.canvas.draw()
    boxes = [ax.title.get_window_extent() for ax in fig.axes if ax.images]
    assert fig.axes[0].get_title() == "Ankle boot,\nnot T-shirt/top"
    assert min(box.x0 for box in boxes) >= 0
    assert max(box.x1 for box in boxes) <= fig.bbox.x1
    assert not any(a.overlaps(b) for a, b in pairwise(boxes))


@pytest.mark.parametrize(
    ("images", "labels", "log_probs", "message"),
    [
        (3, [0, -1], np.zeros((2, 2)), "labels run from -1 to 0"),
        (3, [0, 1], np.zeros((2, 2)), "3 images but 2 labels"),
        (2, [0, 1], np.full((2, 2), np.nan), "NaN"),
    ],
)
def test_worst_mistakes_refuses_what_it_would_show_wrongly(
    images, labels, log_probs, message
):
    with pytest.raises(ValueError, match=message):
        plots.worst_mistakes(np.ones((images, 2, 2)), labels, log_probs, ["a", "b"])


# --- network --------------------------------------------------------------------------


def units_and_edges(fig):
    """The number of units by layer, of edges by gap, and all texts."""
    [ax] = fig.axes
    units = {
        int(line.get_xdata()[0]): len(line.get_xdata())
        for line in ax.lines
        if line.get_marker() == "o"
    }
    edges = {}
    for line in ax.lines:
        if line.get_marker() != "o":
            left, right = map(int, line.get_xdata())
            assert right == left + 1
            edges[left] = edges.get(left, 0) + 1
    return units, edges, [text.get_text() for text in ax.texts]


@pytest.mark.parametrize("sizes", [(1, 1), (3, 4, 1), (3, 4, 4, 1), (4, 6, 4, 3)])
def test_network_joins_every_unit_with_all_of_the_next_layer(sizes):
    units, edges, _ = units_and_edges(plots.network(sizes))
    assert units == dict(enumerate(sizes))
    assert edges == {i: a * b for i, (a, b) in enumerate(pairwise(sizes))}


def test_network_edges_end_in_units():
    [ax] = plots.network((3, 4, 9)).axes
    lines = {m: [x for x in ax.lines if (x.get_marker() == "o") == m] for m in (0, 1)}
    units = {point for line in lines[1] for point in map(tuple, line.get_xydata())}
    ends = {point for line in lines[0] for point in map(tuple, line.get_xydata())}
    assert len(units) == 3 + 4 + 6 and ends == units


def test_network_abbreviates_large_layers_and_writes_their_true_sizes():
    units, edges, texts = units_and_edges(plots.network((784, 7, np.int64(10))))
    assert units == {0: 6, 1: 7, 2: 6}
    assert edges == {0: 42, 1: 42}
    assert texts.count("⋮") == 2
    assert {"input\n784", "hidden\n7", "output\n10"} <= set(texts)


def test_network_writes_dimensions_as_rows_or_as_columns_of_samples():
    texts = units_and_edges(plots.network((3, 4, 1)))[2]
    assert "$W_1$\n3×4\n$b_1$\n4" in texts and "$W_2$\n4×1\n$b_2$\n1" in texts
    texts = units_and_edges(plots.network((3, 4, 1), columns=True))[2]
    assert "$W^{[1]}$\n4×3\n$b^{[1]}$\n4×1" in texts
    assert "$W^{[2]}$\n1×4\n$b^{[2]}$\n1×1" in texts


@pytest.mark.parametrize("columns", [False, True])
@pytest.mark.parametrize(
    "sizes", [(1, 1), (3072, 1000, 1000, 10), (784, 1000, 128, 512, 100, 10)]
)
def test_network_fits_a_phone_and_its_words_do_not_overlap(sizes, columns):
    fig = plots.network(sizes, columns)
    fig.canvas.draw()
    texts = [text for text in fig.axes[0].texts if text.get_text() != "⋮"]
    boxes = [text.get_window_extent() for text in texts]
    assert fig.get_size_inches()[0] <= 4.8
    assert min(text.get_size() for text in texts) >= 9
    assert min(min(box.x0, box.y0) for box in boxes) >= 0
    assert max(box.x1 for box in boxes) <= fig.bbox.x1
    assert max(box.y1 for box in boxes) <= fig.bbox.y1
    assert not any(a.overlaps(b) for a, b in combinations(boxes, 2))


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ((), "0 layers; expected two to six"),
        ((3,), "1 layers"),
        ((3,) * 7, "7 layers"),
        ((3, 0, 1), "positive integers"),
        ((3, -4, 1), "positive integers"),
        ((3, 4.0, 1), "positive integers"),
    ],
)
def test_network_refuses_what_it_cannot_draw_and_leaves_no_figure(sizes, message):
    with pytest.raises(ValueError, match=message):
        plots.network(sizes)
    assert plt.get_fignums() == []
