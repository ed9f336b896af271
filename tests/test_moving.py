"""The figures that move: their numbers are those of the library, and they react."""

import math

import numpy as np
import pytest

from helpers import nn
from tests.test_site import browser, page  # noqa: F401  fixtures
from tools.digest import ROOT

FIGURES = sorted(path.stem for path in ROOT.glob("assets/moving/*.js"))
STAGE = """<!DOCTYPE html><html lang="en"><title>Stage</title><style>%s</style>
<article><figure><img alt="A still picture." src="data:,">
<div class="moving" data-figure="%s" hidden></div></figure></article>"""


@pytest.fixture
def stage(page):  # noqa: F811
    """Opens a page that holds the still picture and the figure of a name."""

    def opened(name):
        style = (ROOT / "assets/book.css").read_text("utf-8")
        page.set_content(STAGE % (style, name))
        page.add_script_tag(path=ROOT / "assets/book.js")
        page.add_script_tag(path=ROOT / f"assets/moving/{name}.js")
        page.evaluate("startFigures()")
        return page

    return opened


def numbers(page, name, call, *args):  # noqa: F811
    code = f"([args]) => window.bookFigures.{name}.numbers.{call}(...args)"
    return page.evaluate(code, [list(args)])


@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_takes_the_place_of_the_still_one_on_a_screen_and_not_on_paper(
    stage, name
):
    page = stage(name)  # noqa: F811
    moving, still = page.locator(".moving"), page.locator("img")
    assert moving.is_visible() and still.is_hidden()
    assert moving.get_attribute("aria-label") == "A still picture."
    page.emulate_media(media="print")
    assert moving.is_hidden() and still.is_visible()


@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_reacts_to_the_keyboard_and_says_what_it_shows(stage, name):
    page = stage(name)  # noqa: F811
    status = page.locator(".moving [role=status]")
    for control in page.locator(".moving :is(input, button)").all():
        before = status.inner_text(), page.locator(".moving svg").inner_html()
        control.focus()
        key = "ArrowRight" if control.evaluate("e => e.tagName") == "INPUT" else "Enter"
        page.keyboard.press(key)
        after = status.inner_text(), page.locator(".moving svg").inner_html()
        held = control.get_attribute("aria-pressed") or control.inner_text() == "Back"
        assert after != before or held
    assert "NaN" not in page.locator(".moving").inner_html()


@pytest.mark.parametrize("width", [320, 1280])
@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_fits_the_page(stage, name, width):
    page = stage(name)  # noqa: F811
    page.set_viewport_size({"width": width, "height": 900})
    assert page.evaluate("document.scrollingElement.scrollWidth") <= width


def test_the_probabilities_are_softmax_and_without_the_shift_no_numbers(stage):
    page = stage("softmax")  # noqa: F811
    logits = [math.log(6), math.log(3), 0.0]
    expected = nn.Softmax().forward(np.array([logits]))[0]
    for shifted in (True, False):
        found = numbers(page, "softmax", "softmax", logits, shifted)["probs"]
        assert found == pytest.approx(expected, rel=1e-12)
    for added in (1000, -1000):
        moved = [z + added for z in logits]
        found = numbers(page, "softmax", "softmax", moved, True)["probs"]
        assert found == pytest.approx(expected, rel=1e-9)
        broken = numbers(page, "softmax", "softmax", moved, False)["probs"]
        assert any(map(math.isnan, broken))


@pytest.mark.parametrize("share", [0.5, 1.0, 1.1])
@pytest.mark.parametrize("curvatures", [[1.0, 25.0], [1.0, 1.0]])
def test_the_steps_in_the_bowl_are_those_of_sgd(stage, curvatures, share):
    rate = share * 2 / max(curvatures)
    path = numbers(stage("bowl"), "bowl", "descend", curvatures, rate, 12)
    layer = nn.Linear(1, 2, np.random.default_rng(0), dtype=np.float64)
    layer.W[0] = path[0]
    optimizer = nn.SGD(layer, rate)
    for point in path[1:]:
        layer.grads = [np.array([curvatures]) * layer.W, np.zeros(2)]
        optimizer.step()
        assert point == pytest.approx(layer.W[0], rel=1e-12)
    assert (abs(path[-1][1]) > abs(path[0][1])) == (share > 1)


def test_the_pass_through_the_network_is_that_of_the_library(stage):
    page = stage("network")  # noqa: F811
    given = page.evaluate("window.bookFigures.network.numbers.given")
    found = numbers(page, "network", "pass", given)
    rng = np.random.default_rng(0)
    first, last = (nn.Linear(2, n, rng, dtype=np.float64) for n in (2, 1))
    first.W[:], first.b[:] = np.transpose(given["W1"]), given["b1"]
    last.W[:, 0], last.b[:] = given["W2"], given["b2"]
    net = nn.Sequential([first, nn.Sigmoid(), last])
    loss = nn.SigmoidCrossEntropy()
    assert found["loss"] == pytest.approx(
        loss.forward(net.forward(np.array([given["x"]], float)), np.array([given["y"]]))
    )
    net.backward(loss.backward())
    assert np.array(found["dW1"]) == pytest.approx(first.grads[0].T)
    assert found["delta1"] == pytest.approx(first.grads[1])
    assert found["dW2"] == pytest.approx(last.grads[0][:, 0])
    assert found["p"] == pytest.approx(3 / 4) and found["z1"][1] == 0


@pytest.mark.parametrize("rate", [0.1, 10.0])
def test_the_units_that_die_are_those_of_the_library(stage, rate):
    page = stage("dead")  # noqa: F811
    start = numbers(page, "dead", "start")
    x, y = (
        np.array(page.evaluate(f"window.bookFigures.dead.numbers.{v}")) for v in "xy"
    )
    rng = np.random.default_rng(0)
    first = nn.Linear(1, len(start["W1"]), rng, dtype=np.float64, first=True)
    last = nn.Linear(len(start["W1"]), 1, rng, dtype=np.float64)
    first.W[0], first.b[:] = start["W1"], start["b1"]
    last.W[:, 0], last.b[:] = start["W2"], start["b2"]
    net = nn.Sequential([first, nn.ReLU(), last])
    loss, optimizer = nn.SigmoidCrossEntropy(), nn.SGD(net, rate)
    for _ in range(60):
        loss.forward(net.forward(x[:, None]), y.astype(int))
        net.backward(loss.backward())
        optimizer.step()
    dead = (first.forward(x[:, None]) <= 0).all(axis=0).sum()
    trained = page.evaluate(f"""() => {{
        const {{ train, dead, loss }} = window.bookFigures.dead.numbers;
        const net = train({rate});
        return [dead(net), loss(net)];
    }}""")
    assert trained[0] == dead
    left = loss.forward(net.forward(x[:, None]), y.astype(int))
    assert trained[1] == pytest.approx(left, rel=1e-6)
