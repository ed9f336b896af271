"""Figures in one style: legible on a phone, safe for color-blind readers.

Importing this sets matplotlib's defaults for the process.
"""

import sys
from base64 import b64encode
from collections.abc import Sequence
from io import BytesIO
from itertools import pairwise

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text
from PIL import Image

from helpers.nn.checks import expect_labels

# Figures have no background of their own: lettering, axes and lines have a contrast of
# more than 3 with a white page and with the dark one. The colors are Okabe and Ito's,
# each with a line style of its own.
GRAY = "#7A7A7A"
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", GRAY)
LINES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1)))
WIDTH = 4.8  # inches, all figures
POINTS = 10  # the smallest lettering: 11 pixels high on a phone of 390

plt.rcParams.update(
    {
        "figure.dpi": 200,
        "figure.figsize": (WIDTH, 3.2),
        "figure.facecolor": "none",
        "figure.constrained_layout.use": True,
        "axes.facecolor": "none",
        "axes.edgecolor": GRAY,
        "axes.labelcolor": GRAY,
        "text.color": GRAY,
        "xtick.color": GRAY,
        "ytick.color": GRAY,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.grid": True,
        "axes.axisbelow": True,
        "grid.color": GRAY,
        "grid.alpha": 0.3,
        "font.size": 11,
        "legend.frameon": False,
        "axes.prop_cycle": plt.cycler(color=COLORS) + plt.cycler(linestyle=LINES),
    }
)


def show(fig: Figure, *, alt: str, caption: str = "", moving: str = "") -> None:
    """Show `fig` and close it; `alt` says in words what the figure shows.

    caption: one line of Markdown, what to see in it; the page numbers it. In a notebook
        both are stored with the picture.
    moving: the name of a file of assets/moving/; the site puts the figure that moves in
        it over this one, which stays for paper, and wherever no script runs.
    Lines and flat areas are stored with a palette of 256 colors, a third of the size; a
    figure with photographs keeps six bits of each color. Where it has images of any
    kind, the record says so: a dark page brightens lines, and no image.
    Raises ValueError for an empty `alt`, for a figure that isn't `WIDTH` inches wide
    and for lettering of less than `POINTS` points.
    """
    if not alt.strip():
        raise ValueError("alt= is empty; say in a sentence what the figure shows")
    if (width := fig.get_figwidth()) != WIDTH:
        raise ValueError(
            f"the figure is {width:g} inches wide; make it {WIDTH}, as all are: "
            f"figsize=({WIDTH}, …)"
        )
    images = [image for ax in fig.axes for image in ax.images]
    photographs = any(np.ndim(image.get_array()) == 3 for image in images)
    png = _png(fig, photographs)
    plt.close(fig)
    for text in fig.findobj(Text):  # the ticks' are known once it is drawn
        if text.get_visible() and text.get_text().strip() and text.get_size() < POINTS:
            raise ValueError(
                f"{text.get_text()!r} has {text.get_size():g} points; take {POINTS} or "
                "more, which can be read on a phone"
            )
    ipython = sys.modules.get("IPython")
    if ipython is not None and ipython.get_ipython() is not None:
        data = {"image/png": b64encode(png).decode(), "text/plain": alt}
        record = {"verb": "figure", "alt": alt, "caption": caption}
        record |= {"moving": moving} if moving else {}
        record |= {"images": True} if images else {}
        ipython.display.display(data, metadata={"book": record}, raw=True)


def _png(fig: Figure, photographs: bool) -> bytes:
    """The picture with fewer colors, which nobody sees; white and opaque stay so."""
    drawn, smaller = BytesIO(), BytesIO()
    fig.savefig(drawn, format="png")
    with Image.open(drawn) as image:
        if photographs:
            six_bits = np.round(np.array(image) * (63 / 255))
            image = Image.fromarray(np.round(six_bits * (255 / 63)).astype(np.uint8))
        else:
            # No other method keeps the alpha; it takes means, also of nearly white.
            image = image.quantize(256, method=Image.Quantize.FASTOCTREE)
            palette = [255 if v > 250 else v for v in image.getpalette("RGBA")]
            image.putpalette(palette, "RGBA")
        image.save(smaller, "png", optimize=True)
    return smaller.getvalue()


def curve(ax: Axes, x: Sequence[float], runs: np.ndarray, label: str) -> None:
    """The mean of `runs`, shape `(seeds, len(x))`, in a band from least to greatest.

    Raises ValueError if the shapes don't fit.
    """
    runs = np.atleast_2d(runs)
    if runs.shape[1:] != (len(x),) or not len(runs):
        raise ValueError(f"runs have shape {runs.shape}; expected (seeds, {len(x)})")
    [line] = ax.plot(x, runs.mean(axis=0), label=label)
    ax.fill_between(
        x, runs.min(axis=0), runs.max(axis=0), color=line.get_color(), alpha=0.25, lw=0
    )


def image_grid(
    images: np.ndarray,
    titles: Sequence[str],
    columns: int = 5,
    diverging: bool = False,
) -> Figure:
    """Images `(n, height, width)` or `(n, height, width, 3)`, a title over each.

    diverging: negative blue, zero white, positive red, on one scale for all.
    Raises ValueError for other shapes, and unless there is a title for each image.
    """
    shape = np.shape(images)
    if not (len(shape) == 3 or (len(shape) == 4 and shape[3] == 3)) or 0 in shape:
        raise ValueError(
            f"images have shape {shape}; expected (n, height, width) or "
            "(n, height, width, 3): reshape them, for example to (-1, 28, 28)"
        )
    if len(images) != len(titles):
        raise ValueError(f"{len(images)} images but {len(titles)} titles")
    rows = -(-len(images) // columns)
    fig, axes = plt.subplots(
        rows, columns, figsize=(WIDTH, 1.3 * rows + 0.7 * diverging), squeeze=False
    )
    # A few pixels don't set the scale.
    limit = np.quantile(np.abs(images), 0.995) or 1
    scale = {"cmap": "RdBu_r", "vmin": -limit, "vmax": limit} if diverging else {}
    for ax in axes.flat:
        ax.axis("off")
    for ax, image, title in zip(axes.flat, images, titles, strict=False):
        picture = ax.imshow(image, **(scale or {"cmap": "gray_r"}))
        ax.set_title(title, fontsize=10)
    if diverging:
        bar = {"location": "bottom", "shrink": 0.6, "aspect": 30, "extend": "both"}
        fig.colorbar(picture, ax=axes, label="weight", **bar)
    return fig


def confusion(counts: np.ndarray, classes: Sequence[str]) -> Figure:
    """Mistakes by class: `counts[i, j]` images of class i were taken for class j.

    counts: integers `(k, k)`, as `sklearn.metrics.confusion_matrix` returns them. The
        diagonal, which would drown the rest, stays blank.
    Raises ValueError unless there is a row and a column for each class, all integers.
    """
    if not np.issubdtype(np.asarray(counts).dtype, np.integer):
        raise ValueError("counts are no integers; pass counts, not shares of rows")
    if np.shape(counts) != (len(classes), len(classes)):
        raise ValueError(
            f"counts have shape {np.shape(counts)} for {len(classes)} classes; "
            "expected a row and a column for each"
        )
    mistakes = np.where(np.eye(len(classes), dtype=bool), 0, counts)
    fig, ax = plt.subplots(figsize=(WIDTH, 4.4))
    ax.imshow(np.ma.masked_equal(mistakes, 0), cmap="Blues", vmin=0)
    dark = mistakes > mistakes.max() / 2
    for (row, column), count in np.ndenumerate(mistakes):
        if count:
            color = "white" if dark[row, column] else "black"
            ax.text(column, row, count, ha="center", va="center", color=color, size=10)
    ticks = np.arange(len(classes))
    upright = max(map(len, classes)) > 2
    ax.set_xticks(ticks, classes, rotation=90 if upright else 0)
    ax.set_yticks(ticks, classes)
    ax.set(xlabel="taken for", ylabel="right class")
    ax.grid(False)
    return fig


def worst_mistakes(
    images: np.ndarray,
    labels: np.ndarray,
    log_probs: np.ndarray,
    classes: Sequence[str],
    count: int = 10,
) -> Figure:
    """The images with the highest loss, titled with the right class and the guess.

    images: `(n, height, width)` or `(n, height, width, 3)`; labels: integers `(n,)`;
    log_probs: `(n, k)`; classes: k names. An image of a high loss that is guessed right
    after all is titled with its class alone.
    Raises ValueError for other shapes or labels, and for probabilities that are NaN.
    """
    images, labels = np.asarray(images), np.asarray(labels)
    expect_labels(labels, log_probs)
    if np.isnan(log_probs).any():
        raise ValueError("log_probs has NaN: the network has diverged")
    if len(images) != len(labels):
        raise ValueError(f"{len(images)} images but {len(labels)} labels")
    worst = np.argsort(log_probs[np.arange(len(labels)), labels])[:count]
    short = max(map(len, classes)) <= 2
    gap, titles = " " if short else "\n", []
    for label, guess in zip(
        labels[worst], log_probs[worst].argmax(axis=1), strict=True
    ):
        taken = f",{gap}not {classes[guess]}" if guess != label else ""
        titles.append(classes[label] + taken)
    return image_grid(images[worst], titles, columns=5 if short else 4)


def network(sizes: Sequence[int], columns: bool = False) -> Figure:
    """A fully connected network, with the dimensions of its weights and biases.

    sizes: units in each layer, inputs and outputs included: two to six layers. A layer
        of more than seven is drawn with its first and last three.
    columns: samples are columns, W a row for each unit, as many books write it; else
        samples are rows, W a column for each unit, as here.
    Raises ValueError for other numbers of layers and for sizes that aren't positive
    integers.
    """
    if not 2 <= len(sizes) <= 6:
        raise ValueError(f"{len(sizes)} layers; expected two to six, all that fits")
    if not all(isinstance(size, int | np.integer) and size > 0 for size in sizes):
        raise ValueError(f"sizes are {sizes}; expected positive integers")
    heights = [_heights(size) for size in sizes]
    tallest = max(len(each) for each in heights)
    fig, ax = plt.subplots(figsize=(WIDTH, 1.5 + 0.3 * tallest))
    centered = {"ha": "center", "size": 11 if len(sizes) <= 4 else 10}
    for layer, (left, right) in enumerate(pairwise(heights)):
        ends = [(a, b) for a in left if a is not None for b in right if b is not None]
        ax.plot([layer, layer + 1], np.transpose(ends), "-", color=GRAY, lw=0.5)
        text = _dimensions(layer + 1, sizes[layer], sizes[layer + 1], columns)
        ax.text(layer + 0.5, -tallest / 2, text, va="top", **centered)
    last = len(sizes) - 1
    for layer, (size, places) in enumerate(zip(sizes, heights, strict=True)):
        drawn = [height for height in places if height is not None]
        color = COLORS[0] if 0 < layer < last else GRAY
        ax.plot([layer] * len(drawn), drawn, "o", color=color, markersize=13, zorder=3)
        if len(drawn) < len(places):
            ax.text(layer, 0, "⋮", va="center", **centered)
        name = "input" if layer == 0 else "output" if layer == last else "hidden"
        ax.text(layer, tallest / 2, f"{name}\n{size}", va="bottom", **centered)
    ax.set(xlim=(-0.5, last + 0.5), ylim=(-tallest / 2 - 3, tallest / 2 + 1.5))
    ax.axis("off")
    return fig


def _heights(size: int) -> list[float | None]:
    """Where the units of a layer stand, around 0; None where an ellipsis does."""
    shown = min(size, 7)
    heights = [(shown - 1) / 2 - i for i in range(shown)]
    return heights if size == shown else [*heights[:3], None, *heights[4:]]


def _dimensions(number: int, fan_in: int, fan_out: int, columns: bool) -> str:
    if columns:
        weights, bias = f"{fan_out}×{fan_in}", f"{fan_out}×1"
        index = f"^{{[{number}]}}"
    else:
        weights, bias, index = f"{fan_in}×{fan_out}", f"{fan_out}", f"_{number}"
    return f"$W{index}$\n{weights}\n$b{index}$\n{bias}"
