"The interactive figures in Chromium: their arithmetic is that of Python, and they answer to mouse, touch and keyboard."

import base64
import io
import os
import re
from functools import partial

import numpy as np
import pytest
import torch
from matplotlib import pyplot as plt
from PIL import Image
from scipy import ndimage as ndi

from conftest import saved, slow
from mnist_nb import breaking_it
from mnist_nb.baseline import accuracy_interval, as_vectors, mean_images
from mnist_nb.cnn import as_batch, forward_hooks, load_cnn, predict_probs
from mnist_nb.data import load_mnist
from mnist_nb.evaluation import confusion_table
from mnist_nb.learning import linear_from_templates, sgd_step
from mnist_nb.photos import CONDITIONS, draw_digit, photo_set
from mnist_nb.playground import _answers, _example_photos, _learned, _to_learn, _weights, interactive
from mnist_nb.speed import one_cycle
from mnist_nb.your_digit import centre_mass, find_ink, fit_box, predict_digit
from test_pages import PHONE, address, opened, options_for, site  # noqa: F401  fixtures
from test_your_digit import folded_sheet, hairline, shadow

FORWARD = """async ([home, url, images]) => {
    const { forward, normalise, parseWeights } = await import(home + 'interactive/network.js');
    const weights = parseWeights(await (await fetch(home + url)).arrayBuffer());
    const bytes = Uint8Array.from(atob(images), c => c.charCodeAt(0)), all = [];
    for (let i = 0; i < bytes.length; i += 784)
        all.push(Array.from(forward(weights, normalise(bytes.subarray(i, i + 784))).probs));
    return all }"""
SEVEN = [(0.25, 0.2), (0.75, 0.2), (0.6, 0.5), (0.45, 0.85)]


@pytest.fixture
def playground(browser, address):  # noqa: F811
    "Opens the playground with its figures started; options as for a browser's context"

    def start(**options):
        return opened(browser, f"{address}playground.html", **options)

    return start


def figure(page, module):
    "The figure `module`, started"
    found = page.locator(f"figure.interactive[data-module={module}]")
    found.scroll_into_view_if_needed()
    page.wait_for_selector(f"figure.interactive[data-module={module}][data-state=live]")
    return found


def answer(found, part):
    "Wait until the figure `found` says `part`"
    found.locator("output", has_text=part).wait_for()


@pytest.mark.parametrize("n", [500, slow(10_000)])
def test_the_network_computes_what_python_computes(playground, address, n):  # noqa: F811
    images = load_mnist("test")[0][:n]
    expected = predict_probs(load_cnn(), images)
    with playground() as (page, _):
        url = page.locator("figure[data-weights*=mnist_cnn]").first.get_attribute("data-weights")
        probs = np.array(page.evaluate(FORWARD, [address, url, base64.b64encode(images.tobytes()).decode()]))
    assert (probs.argmax(1) == expected.argmax(1)).all()
    assert abs(probs - expected).max() < 0.001


HOW = pytest.mark.parametrize("how", ["mouse", "touch", "keyboard"])


def draw_seven(page, found, how):
    "Draw a 7 in the figure `found`, with a mouse, a finger or the keyboard"
    pad = found.locator("canvas.mf-pad")
    pad.scroll_into_view_if_needed()
    box = pad.bounding_box()
    places = [(box["x"] + box["width"] * x, box["y"] + box["height"] * y) for x, y in SEVEN]
    if how == "mouse":
        page.mouse.move(*places[0])
        page.mouse.down()
        for place in places[1:]:
            page.mouse.move(*place, steps=5)
        page.mouse.up()
    elif how == "touch":
        send = page.context.new_cdp_session(page).send
        for i, (x, y) in enumerate(places):
            kind = "touchMove" if i else "touchStart"
            send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [{"x": x, "y": y}]})
        send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    else:
        pad.focus()
        for key, times in (("ArrowLeft", 8), (" ", 1), ("ArrowRight", 16), ("ArrowDown", 20), (" ", 1)):
            for _ in range(times):
                page.keyboard.press(key)


@HOW
def test_draw(playground, how):
    with playground(**options_for(how)) as (page, _):
        found = figure(page, "draw")
        answer(found, "Nothing to read yet")  # an empty sheet gets no answer
        draw_seven(page, found, how)
        answer(found, "reads a 7")
        found.get_by_role("button", name="Clear").press("Enter")
        answer(found, "Nothing to read yet")
        found.get_by_role("button", name="Show a test digit").press("Enter")
        answer(found, "reads a 7")  # the first test image


def press(control, how, **at):
    "Press `control`, a mouse or a finger `at` a position"
    if how == "keyboard":
        control.press(" ")
    else:
        (control.tap if how == "touch" else control.click)(**at)


def slide(found, name, how, share):
    "Move the slider `name` to about `share` of its length, and tell its value"
    control = found.get_by_label(name, exact=True)
    if how == "keyboard":
        control.press("Home")
        for _ in range(round(10 * share)):
            control.press("PageUp")
    else:
        box = control.bounding_box()
        press(control, how, position={"x": 8 + share * (box["width"] - 16), "y": box["height"] / 2})
    value, least, most = (
        float(n) for n in (control.input_value(), *(control.get_attribute(n) for n in ("min", "max")))
    )
    assert abs((value - least) / (most - least) - share) < 0.15
    return value


def choose(found, name, how, index):
    "Choose from the list `name`, which a browser opens outside the page for a mouse and a finger"
    control = found.get_by_label(name, exact=True)
    if how == "keyboard":
        control.press("Home")
        for _ in range(index):
            control.press("ArrowDown")
    else:
        control.select_option(index=index)


@HOW
def test_pixels(playground, how):
    images, labels = load_mnist("test")
    seven, zero = (images[labels == digit][0] for digit in (7, 0))
    with playground(**options_for(how)) as (page, _):
        found = figure(page, "pixels")
        picture = found.locator("canvas[tabindex]")
        cell = picture.bounding_box()["width"] / 28
        at = {"x": 17.5 * cell, "y": 12.5 * cell}
        if how == "mouse":
            picture.hover(position=at)
        elif how == "touch":
            picture.tap(position=at)
        else:
            for key in ("ArrowRight", "ArrowUp", "ArrowRight", "ArrowUp", "ArrowRight"):
                picture.press(key)
        answer(found, f"Row 13, column 18: {seven[12, 17]}.")
        assert found.locator(".mf-numbers").inner_text().split() == [str(n) for n in seven[10:15, 15:20].flat]
        choose(found, "Digit", how, 1)
        answer(found, f"Row 13, column 18: {zero[12, 17]}.")
        gamma = slide(found, "Gamma", how, 0.8)
        answer(found, f"column 18: {255 * (zero[12, 17] / 255) ** gamma:.0f}.")
        threshold = slide(found, "Threshold", how, 0.5)
        answer(found, f"2 different values; {(zero >= threshold).sum()} of 784")


# What the figure draws: the image made of the drawing, and the colours of its three small pictures.
COMPARED = """async home => {
    const { prepareDrawing } = await import(home + 'interactive/prepare.js');
    await new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done))); // the last stroke is drawn
    const found = document.querySelector('figure[data-module=templates]');
    const read = c => c.getContext('2d').getImageData(0, 0, c.width, c.height);
    const { data, width, height } = read(found.querySelector('canvas.mf-pad'));
    const values = Float32Array.from({ length: width * height }, (_, i) => data[4 * i + 3] / 255);
    const pictures = [...found.querySelectorAll('canvas.mf-seen')].map(c => [...read(c).data]);
    return [[...prepareDrawing({ values, width, height }).image], pictures] }"""


@HOW
def test_templates(playground, address, how):  # noqa: F811
    means = mean_images(*load_mnist()).reshape(10, 784)
    with playground(**options_for(how)) as (page, _):
        found = figure(page, "templates")
        answer(found, "Nothing to compare yet")
        press(found.get_by_role("button", name="Show a test digit"), how)
        answer(found, "Nearest is the mean 7")
        press(found.get_by_role("button", name="Clear"), how)
        answer(found, "Nothing to compare yet")
        draw_seven(page, found, how)
        answer(found, "Nearest is")
        found.locator("canvas.mf-pad").blur()  # the pen is no ink
        image, pictures = page.evaluate(COMPARED, address)
        image, pictures = np.array(image) / 255, np.reshape(pictures, (3, 784, 4))[..., :3]
        errors = ((image - means) ** 2).mean(1)
        first, second = errors.argsort()[:2]
        answer(found, f"Nearest is the mean {first}, with a mean squared error of {errors[first]:.3f}")
        answer(found, f"next comes {second} with {errors[second]:.3f}.")
        assert found.locator(".mf-value").all_inner_texts() == [f"{error:.3f}" for error in errors]
        votes = (image - means[second]) ** 2 - (image - means[first]) ** 2
        colours = 255 * plt.get_cmap("RdBu_r")([0, 0.2, 0.5, 0.8, 1])[:, :3].T
        for picture, values in zip(pictures[1:], (image - means[first], votes / abs(votes).max()), strict=True):
            expected = [np.interp(values, np.linspace(-1, 1, 5), channel) for channel in colours]
            assert abs(picture.T - expected).max() < 2
        assert abs(pictures[0].T - 255 * (1 - means[first])).max() < 1


@HOW
def test_descent(playground, how):
    with playground(**options_for(how)) as (page, _):
        found = figure(page, "descent")
        place, weights = found.locator("svg").first, ("First weight", "Second weight")
        press(found.get_by_role("button", name="Ten steps"), how)
        a, b = -2.4 * 0.9**10, 1.6 * 0.6**10
        answer(found, f"After 10 steps the loss is {(a * a + 4 * b * b) / 2:.2f}.")
        if how == "keyboard":
            for name, share in zip(weights, (0.7, 0.3), strict=True):
                slide(found, name, how, share)
        else:
            box = place.bounding_box()
            press(place, how, position={"x": 0.7 * box["width"], "y": 0.6 * box["height"]})
        start = [float(found.get_by_label(name).input_value()) for name in weights]
        assert np.allclose(start, (1.2, -1.2) if how == "keyboard" else (1.17, -0.91), atol=0.06)
        answer(found, f"After 0 steps the loss is {(start[0] ** 2 + 4 * start[1] ** 2) / 2:.2f}. Press Step.")
        at = torch.tensor(start, dtype=torch.double, requires_grad=True)
        rate, momentum = slide(found, "Learning rate", how, 0.3), slide(found, "Momentum", how, 0.8)
        optimiser = torch.optim.SGD([at], rate, momentum)
        for steps, name in ((1, "Step"), (11, "Ten steps")):
            press(found.get_by_role("button", name=name, exact=True), how)
            for _ in range(1 if name == "Step" else 10):
                optimiser.zero_grad()
                ((at[0] ** 2 + 4 * at[1] ** 2) / 2).backward()
                optimiser.step()
            loss = (at[0] ** 2 + 4 * at[1] ** 2).item() / 2
            answer(found, f"After {steps} step{'s' * (steps > 1)} the loss is {loss:.2f}.")
            assert place.get_attribute("aria-label").endswith("the ball is at {:.2f} and {:.2f}".format(*at.tolist()))
        slide(found, "Momentum", how, 0)
        slide(found, "Learning rate", how, 1)
        answer(found, "diverges")
        press(found.get_by_role("button", name="From the start"), how)
        answer(found, "After 0 steps")
        for name in weights:
            found.get_by_label(name).fill("0")  # where there is nothing to descend
        answer(found, "After 0 steps the loss is 0.00.")


@HOW
def test_convolution(playground, how):
    images, labels = load_mnist("test")
    seven = np.pad(images[labels == 7][0] / 255, 1)
    kernel = np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]])
    with playground(**options_for(how)) as (page, _):
        found = figure(page, "convolution")

        def shows(row, column):
            total = (seven[row : row + 3, column : column + 3] * kernel).sum() + 0.0  # never -0.0
            answer(found, f"Row {row + 1}, column {column + 1}: the nine products add up to {total:.2f}.")

        row, column = divmod(int(slide(found, "Place", how, 0.3)), 28)
        shows(row, column)
        press(found.get_by_role("button", name="Step"), how)
        row, column = divmod(28 * row + column + 1, 28)
        shows(row, column)
        press(found.get_by_role("button", name="Sweep"), how)  # with reduced motion: a row further
        shows(row + 1, column)
        found.get_by_label("Weight in row 2, column 2").fill("1")
        kernel[1, 1] = 1
        shows(row + 1, column)
        choose(found, "Kernel", how, 1)
        kernel = np.array([[-1, -2, -1], [0, 0, 0], [1, 2, 1]])
        shows(row + 1, column)
        press(found.get_by_label("Padding of one pixel"), how)
        answer(found, "The map is 26 by 26.")
        press(found.get_by_label("Max-pooling"), how)
        answer(found, "The map is 13 by 13.")


SEEN = """canvas => { const { data } = canvas.getContext('2d').getImageData(0, 0, 280, 280);
    const at = i => 280 * (10 * Math.floor(i / 28) + 5) + 10 * (i % 28) + 5; // the middle of a pixel, as it is enlarged
    return Array.from({ length: 784 }, (_, i) => 255 - data[4 * at(i)]) }"""
ROUNDED = 0.0051  # the figure shows hundredths


def seen(found):
    "The prepared digit that the figure `found` shows, read off between its frames"
    picture = found.get_by_label("The prepared digit").evaluate(SEEN)
    return np.array(picture, np.uint8).reshape(1, 28, 28)


def layers_of(network, images):
    "What each layer of `network` makes of the first of `images`, as arrays [maps, side, side]"
    made = {}
    names = [name for name, _ in network.named_children()]
    with torch.no_grad(), forward_hooks(network, names, lambda name, _, output: made.update({name: output[0].numpy()})):
        made["input"] = as_batch(images)[0].numpy()
        network(as_batch(images))
    return made


def numbers_of(table):
    "The numbers of a table, row by row"
    return [
        [float(cell) for cell in row.locator("[role=cell]").all_inner_texts()] for row in table.get_by_role("row").all()
    ]


def compare_sum(found, network, made, n, y, x, channel=None):
    "The figure's numbers with PyTorch's, for the first map's unit of `conv{n}`; without a `channel`, the largest's"
    weights, bias = (p.detach().numpy()[0] for p in network.get_submodule(f"conv{n}").parameters())
    before = np.pad(made["input" if n == 1 else f"pool{n - 1}"], ((0, 0), (1, 1), (1, 1)))
    inputs, value = before[:, y : y + 3, x : x + 3], made[f"conv{n}"][0, y, x]
    parts = (inputs * weights).sum((1, 2))
    assert parts.sum() + bias == pytest.approx(value, abs=1e-4)
    c = abs(parts).argmax() if channel is None else channel
    adds = f"Channel {c + 1} of {len(parts)} adds" if n > 1 else "The nine products add up to"
    answer(found, f"Unit 1 of conv{n}, row {y + 1}, column {x + 1}: {value:.2f}. {adds} {parts[c]:.2f}.")
    shown = [numbers_of(table) for table in found.locator(".mf-sums").get_by_role("table").all()]
    assert np.array(shown) == pytest.approx(np.array([inputs[c], weights[c], inputs[c] * weights[c]]), abs=ROUNDED)
    *terms, last = found.locator(".mf-sums p").last.inner_text().replace(" = ", " + ").split(" + ")
    terms = [float(term.removeprefix("bias ")) for term in terms]
    assert terms == pytest.approx([*parts, bias], abs=ROUNDED)
    assert float(last) == pytest.approx(value, abs=ROUNDED)


def test_a_unit_of_a_convolution_is_the_sum_that_is_shown(playground):
    network = load_cnn()
    with playground() as (page, _):
        found = figure(page, "layers")
        found.get_by_role("button", name="Show a test digit").click()
        answer(found, "The network reads a 7")
        made, channel = layers_of(network, seen(found)), found.get_by_label("Channel", exact=True)
        for n, side in ((1, 28), (2, 14), (3, 7)):
            found.get_by_label("Layer", exact=True).select_option(index=3 * n - 3)
            compare_sum(found, network, made, n, side // 2, side // 2)
            assert channel.count() == (n > 1)  # conv1 has one
            if n > 1:
                channel.select_option(label="3")
                compare_sum(found, network, made, n, side // 2, side // 2, channel=2)
                channel.select_option(index=0)
            for _ in range(side // 2, side - 1):
                found.locator(".mf-mosaic").press("ArrowDown")
            compare_sum(found, network, made, n, side - 1, side // 2)
            assert found.get_by_text("Outside the map, every input is 0.").is_visible()


def test_layers(playground):
    network = load_cnn()
    with playground() as (page, _):
        found = figure(page, "layers")
        answer(found, "Nothing to read yet")
        found.get_by_role("button", name="Show a test digit").click()
        answer(found, "The network reads a 7")
        made, shown = layers_of(network, seen(found)), found.locator(".mf-sums")
        layer = found.get_by_label("Layer", exact=True)
        layer.select_option(index=3)
        answer(found, "It depends on 8 by 8 pixels.")
        for name, title in (
            ("relu2", "its input, or 0"),
            ("relu4", "its input, or 0"),
            ("pool2", "the largest of its four"),
        ):
            layer.select_option(label=next(o for o in layer.locator("option").all_inner_texts() if o.startswith(name)))
            answer(found, f"Unit 1 of {name}")
            found.locator(".mf-title", has_text=f"The chosen unit: {title}").wait_for()
            if name == "pool2":
                four = numbers_of(shown.get_by_role("table"))
                assert np.array(four) == pytest.approx(made["relu2"][0, 6:8, 6:8], abs=ROUNDED)
                value = float(re.search("maximum is (.+)[.]", shown.inner_text())[1])
                assert value == np.max(four) == pytest.approx(made["pool2"][0, 3, 3], abs=ROUNDED)
            else:
                before = made["fc1"][0] if name == "relu4" else made["conv2"][0, 7, 7]
                value, result = map(float, re.fullmatch(r"max\(0, (.+)\) = (.+)", shown.inner_text()).groups())
                assert [value, result] == pytest.approx([before, max(before, 0)], abs=ROUNDED)
        for name, before in (("fc1", made["pool3"].reshape(-1)), ("fc2", made["relu4"])):
            layer.select_option(label=next(o for o in layer.locator("option").all_inner_texts() if o.startswith(name)))
            answer(found, f"Unit 1 of {name}: {made[name][0]:.2f}.")
            weights, bias = (p.detach().numpy()[0] for p in network.get_submodule(name).parameters())
            terms = before * weights
            rows = [row.locator("[role=cell]").all_inner_texts() for row in shown.get_by_role("row").all()]
            (_, *largest, others, biased, summed), order = rows, np.argsort(-abs(terms))
            assert len(largest) == 5 and (others[0], biased[0]) == (f"{len(terms) - 5} others", "bias")
            for (where, *numbers), i in zip(largest, order[:5], strict=True):
                at = f"map {i // 9 + 1}, row {i // 3 % 3 + 1}, column {i % 3 + 1}" if name == "fc1" else f"unit {i + 1}"
                assert where == at
                assert [float(v) for v in numbers] == pytest.approx([before[i], weights[i], terms[i]], abs=ROUNDED)
            ends = [float(row[-1]) for row in (others, biased, summed)]
            assert ends == pytest.approx([terms[order[5:]].sum(), bias, made[name][0]], abs=ROUNDED)
            assert sum(float(row[-1]) for row in rows[1:-1]) == pytest.approx(ends[-1], abs=0.04)
        layer.select_option(index=3)
        answer(found, "row 8, column 8")
        found.locator(".mf-mosaic").press("ArrowRight")
        answer(found, "row 8, column 9")
        found.get_by_label("Weights by chance").check()
        answer(found, "The untrained network")


@HOW
def test_the_digit_is_covered_while_it_is_pressed(playground, how):
    with playground(**options_for(how)) as (page, _):
        found = figure(page, "layers")
        found.get_by_role("button", name="Show a test digit").press("Enter")
        answer(found, "The network reads a 7")
        picture, whole = found.get_by_label("The prepared digit"), seen(found)
        picture.scroll_into_view_if_needed()
        box, scrolled = picture.bounding_box(), page.evaluate("scrollY")
        at = [
            {"x": box["x"] + box["width"] * x / 28, "y": box["y"] + box["height"] * y / 28}
            for y, x in ((22.5, 8.5), (9.5, 17.5))
        ]
        outside = {"x": at[1]["x"], "y": box["y"] - 20}

        def covers(y, x):
            covered = whole.copy()
            covered[0, y - 3 : y + 4, x - 3 : x + 4] = 0
            probs = predict_probs(load_cnn(), covered)[0]
            answer(found, f"Partly covered, the network reads a {probs.argmax()}, {100 * probs.max():.0f}% sure")

        if how == "mouse":
            page.mouse.move(**at[0])
            page.mouse.down()
            covers(22, 8)
            page.mouse.move(**at[1], steps=5)
            covers(9, 17)
            page.mouse.move(**outside)
            covers(3, 17)  # it stops at the edge
            page.mouse.up()
        elif how == "touch":
            send = page.context.new_cdp_session(page).send
            for kind, points, place in (
                ("Start", at[:1], (22, 8)),
                ("Move", at[1:], (9, 17)),
                ("Move", [outside], (3, 17)),
            ):
                send("Input.dispatchTouchEvent", {"type": f"touch{kind}", "touchPoints": points})
                covers(*place)
            assert page.evaluate("scrollY") == scrolled  # the finger covers, and does not pan
            send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
        else:
            picture.press("ArrowUp")
            covers(10, 12)
            picture.press("Escape")
        answer(found, re.compile("^The network reads a 7"))
        assert (seen(found) == whole).all()


LEARNT = """async ([home, url, start, steps]) => {
    const { BATCH, batchAt, meansOf, newModel, step } = await import(home + 'interactive/linear.js');
    const { arrayOf, rowsOf, unpacked } = await import(home + 'interactive/parts.js');
    const data = await (await fetch(home + url)).json(), labels = arrayOf(data.labels).values;
    const images = rowsOf(await unpacked(data.images)).map(row => Float32Array.from(row, p => p / 255));
    const model = newModel(start ? meansOf(images, labels) : null), losses = [];
    for (let n = 0; n < steps; n++) {
        const batch = batchAt(n, images.length);
        losses.push(step(model, batch.map(i => images[i]), batch.map(i => labels[i]), 0.3));
    }
    return [losses, [...model.weight.values], [...model.bias.values]] }"""


def data_url(found):
    return found.get_attribute("data-data")


@pytest.mark.parametrize("start", [0, 1], ids=["from zero", "from the means"])
def test_a_classifier_learns_on_the_page_as_in_python(playground, address, start):  # noqa: F811
    images, labels, *_ = _to_learn()
    x, y = torch.tensor(as_vectors(images)), torch.tensor(labels, dtype=torch.long)
    layer = linear_from_templates(start * mean_images(images, labels).reshape(10, 784))
    batches = torch.arange(30 * 64).view(30, 64) % len(x)
    expected = [sgd_step(layer, x[batch], y[batch], 0.3) for batch in batches]
    with playground() as (page, _):
        url = data_url(page.locator("figure[data-module=linear]"))
        losses, weight, bias = page.evaluate(LEARNT, [address, url, start, 30])
    assert abs(np.array(losses) - expected).max() < 1e-4
    assert abs(np.array(weight) - layer.weight.detach().numpy().ravel()).max() < 1e-4
    assert abs(np.array(bias) - layer.bias.detach().numpy()).max() < 1e-4


def test_linear(playground):
    with playground() as (page, _):
        found = figure(page, "linear")
        answer(found, "0 steps of 64 images")
        found.get_by_role("button", name="Step", exact=True).press("Enter")
        answer(found, "1 step of 64 images")
        found.get_by_role("button", name="Start", exact=True).click()  # with reduced motion: a pass of 24 steps at once
        answer(found, "25 steps of 64 images")
        shares = _learned(25)[1]
        answer(found, f"{100 * shares[-1]:.1f}% of 512 other images")
        found.get_by_label("Image", exact=True).select_option(index=2)
        answer(found, f"The picked {_to_learn()[3][2]} gets p =")
        found.get_by_label("Learning rate", exact=True).fill("6")
        found.get_by_label("Start from", exact=True).select_option(index=1)
        answer(found, "0 steps of 64 images")
    with playground(reduced_motion="no-preference", viewport=PHONE, has_touch=True) as (page, _):
        found = figure(page, "linear")
        found.get_by_role("button", name="Start", exact=True).tap()
        found.get_by_role("button", name="Pause").wait_for()
        page.wait_for_timeout(500)
        found.get_by_role("button", name="Pause").tap()
        found.locator("output", has_text=re.compile("[1-9][0-9]* steps? of 64")).wait_for()
        found.get_by_role("button", name="From the start").tap()
        answer(found, "0 steps of 64 images")


SHUFFLED = "async ([home, seed]) => (await import(home + 'interactive/evaluation.js')).shuffled(10000, seed)"


@HOW
def test_evaluation(playground, address, how):  # noqa: F811
    labels, made = load_mnist("test")[1], _answers()
    table = confusion_table(labels, made["network_answers"])
    with playground(**options_for(how)) as (page, _):
        found = figure(page, "evaluation")
        cell, opened_images = found.locator("td[tabindex='0']"), found.locator(".mf-opened canvas")
        answer(found, f"{table.loc[4, 9]} image of a 4 read as 9, the surest first")
        assert cell.get_attribute("aria-label") == f"{table.loc[4, 9]} of digit 4 read as 9"
        assert opened_images.count() == table.loc[4, 9] == 1
        if how == "keyboard":
            for key in ("ArrowDown", "ArrowLeft", "ArrowLeft", "ArrowLeft"):
                cell.press(key)
        else:
            press(found.locator("tbody tr").nth(5).locator("td").nth(6), how)
        answer(found, f"{table.loc[5, 6]} images of a 5 read as 6, the surest first")
        assert opened_images.count() == table.loc[5, 6] == 2
        cell.press("ArrowUp")
        answer(found, "0 images of a 4 read as 6.")
        choose(found, "Answers of", how, 1)
        right, threshold = made["templates_answers"] == labels, slide(found, "Threshold", how, 0.3)
        sure = made["templates_sure"] >= np.float32(threshold)
        answer(
            found, f"{sure.mean():.1%} of the images are answered; wrong answers among them: {(~right[sure]).sum()},"
        )
        n = (10, 20, 50, 100, 200)[int(slide(found, "Images", how, 0.2))]
        for seed in (1, 2):
            order = page.evaluate(SHUFFLED, [address, seed])
            answer(found, f"Of {n} images {right[order[:n]].sum()} are read correctly")
            press(found.get_by_role("button", name="Draw other images"), how)


def test_evaluation_counts_as_python(playground, address):  # noqa: F811
    labels, made = load_mnist("test")[1], _answers()
    network, templates = ((made[f"{way}_answers"], made[f"{way}_sure"]) for way in ("network", "templates"))
    with playground() as (page, _):
        found, sure = figure(page, "evaluation"), network[1] >= np.float32(0.9)
        found.get_by_label("Threshold", exact=True).fill("0.9")
        wrong = (network[0] != labels)[sure].sum()
        answer(found, f"{sure.mean():.1%} of the images are answered; wrong answers among them: {wrong},")
        found.get_by_label("Answers of", exact=True).select_option(index=1)
        found.get_by_label("Threshold", exact=True).fill("0.1")
        sure = templates[1] >= np.float32(0.1)
        wrong = (templates[0] != labels)[sure]
        answer(found, f"{sure.mean():.1%} of the images are answered")
        answer(found, f"wrong answers among them: {wrong.sum()}, or {wrong.mean():.2%}.")
        found.get_by_label("Threshold", exact=True).fill("1")
        answer(found, "At the threshold 1.00 no image is answered.")
        order = page.evaluate(SHUFFLED, [address, 1])
        assert sorted(order) == list(range(10_000))
        for i, n in ((0, 10), (3, 100), (9, 10_000)):
            found.get_by_label("Images", exact=True).fill(str(i))
            right = int((templates[0] == labels)[order[:n]].sum())
            low, high = accuracy_interval(right, n)
            answer(found, f"Of {n:,} images {right:,} are read correctly: {right / n:.1%}")
            answer(found, f"interval from {low:.1%} to {high:.1%}.")
        ends = page.evaluate(
            """async home => { const { wilson } = await import(home + 'interactive/evaluation.js');
            return [[0, 1], [9, 10], [10, 10], [9962, 10000]].map(([k, n]) => wilson(k, n)) }""",
            address,
        )
        assert np.allclose(ends, [accuracy_interval(*of) for of in [(0, 1), (9, 10), (10, 10), (9962, 10_000)]])


CYCLES = ((100, 0.01, 0.2, "linear"), (37, 0.006, 0.25, "cos"), (15, 0.02, 0.1, "cos"))
LEVEL = {"scale": "factor", "blur": "sigma", "noise": "sd", "rotate": "degrees"}
SPOILT = """async ([home, images, chance, weights, digits]) => {
    const b = await import(home + 'interactive/breaking.js'), { arrayOf } = await import(home + 'interactive/parts.js');
    const { normalise, parseWeights, pixelGradient } = await import(home + 'interactive/network.js');
    const all = Uint8Array.from(atob(images), c => c.charCodeAt(0)), made = {}, z = arrayOf(chance).values;
    const net = parseWeights(await (await fetch(home + weights)).arrayBuffer());
    const each = change => digits.map((_, i) => Array.from(change(all.slice(784 * i, 784 * i + 784), i)));
    const on = (name, change) => { made[name] = each(change) };
    on('shift 3 right', x => b.shift(x, 0, 3)); on('shift 2 up', x => b.shift(x, -2, 0));
    for (const v of [-60, -30, 15, 45]) on(`rotate ${v}`, x => b.rotate(x, v));
    for (const v of [0.5, 0.7, 1.3, 1.6]) on(`scale ${v}`, x => b.scale(x, v));
    for (const v of [0.3, 1, 2, 3]) on(`blur ${v}`, x => b.blur(x, v));
    for (const v of [40, 160]) on(`noise ${v}`, x => b.noise(x, v, z));
    on('slope', (x, i) => pixelGradient(net, normalise(x), digits[i]));
    on('step', (x, i) => b.attack(x, made.slope[i], 32));
    return made }"""


def test_pictures_are_spoilt_as_in_chapter_8(playground, address):  # noqa: F811
    images, labels = (part[:40] for part in load_mnist("test"))
    network, data = load_cnn(), interactive("breaking").data
    with playground() as (page, _):
        url = page.locator("figure[data-weights*=mnist_cnn]").first.get_attribute("data-weights")
        asked = [address, base64.b64encode(images.tobytes()).decode(), data["chance"], url, labels.tolist()]
        made = {name: np.reshape(v, images.shape) for name, v in page.evaluate(SPOILT, asked).items()}
    slopes, step = made.pop("slope"), made.pop("step")
    expected = {f"shift {n} {to}": breaking_it.shift(images, n, to) for n, to in ((3, "right"), (2, "up"))}
    for name in made.keys() - expected.keys():
        kind, level = name.split()
        change = partial(getattr(breaking_it, kind), **{LEVEL[kind]: float(level)})
        if kind == "rotate":  # that of chapter 8 draws the side
            change = partial(ndi.rotate, angle=float(level), axes=(1, 2), reshape=False, order=1)
        expected[name] = np.concatenate([change(image[None]) for image in images])  # the same noise for each
    for name, pictures in made.items():
        assert abs(pictures - expected[name]).max() <= 1, name
        assert (pictures != expected[name]).mean() < 0.01, name
    exact = breaking_it.pixel_gradient(network, images, labels)
    assert abs(slopes - exact).max() < 1e-4 * abs(exact).max()
    attacked = breaking_it.adversarial(network, images, labels, 32)
    assert (step != attacked)[abs(exact) > 1e-6 * abs(exact).max((1, 2), keepdims=True)].mean() < 0.001


@HOW
def test_breaking(playground, how):
    images, labels = load_mnist("test")
    moved = breaking_it.shift(images[labels == 7][:1], 5, "right")
    nearest = ((moved / 255 - mean_images(*load_mnist())) ** 2).mean((1, 2)).argmin()
    probs = predict_probs(load_cnn(), moved)[0]
    plain = predict_probs(load_cnn(_weights("mnist_plain")), moved)[0]
    with playground(**options_for(how)) as (page, _):
        found = figure(page, "breaking")
        answer(found, "It is a 7. Nearest is the mean 7. The network reads a 7")
        picture, slider = found.locator("canvas[tabindex]"), found.get_by_label("To the right", exact=True)
        picture.scroll_into_view_if_needed()
        box = picture.bounding_box()
        x, y, cell = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2, box["width"] / 28
        if how == "mouse":
            page.mouse.move(x, y)
            page.mouse.down()
            page.mouse.move(x + 5 * cell, y, steps=3)
            page.mouse.up()
        elif how == "touch":
            send = page.context.new_cdp_session(page).send
            for kind, points in (("Start", [x]), ("Move", [x + 5 * cell]), ("End", [])):
                touched = [{"x": at, "y": y} for at in points]
                send("Input.dispatchTouchEvent", {"type": f"touch{kind}", "touchPoints": touched})
        else:
            picture.focus()
            for _ in range(5):
                page.keyboard.press("ArrowRight")
        answer(found, f"Nearest is the mean {nearest}")
        answer(found, f"The network reads a {probs.argmax()}, {100 * probs.max():.0f}% sure")
        answer(found, f"Trained without distorted digits, it reads a {plain.argmax()}, {100 * plain.max():.0f}% sure")
        assert slider.input_value() == "5"
        found.get_by_role("button", name="As it was").press("Enter")
        answer(found, "Nearest is the mean 7. The")
        found.get_by_label("Adversarial step", exact=True).fill("64")
        answer(found, "The step changed no pixel by more than 64 of 255 grey levels.")
        found.get_by_label("Digit", exact=True).select_option(index=3)
        answer(found, "It is a 2.")


def rates_of(steps, peak, warm_up, shape):
    optimiser = torch.optim.SGD([torch.zeros(1, requires_grad=True)], peak)
    cycle, rates = one_cycle(optimiser, steps, warm_up, shape), []
    for _ in range(steps):
        rates.append(cycle.get_last_lr()[0])
        optimiser.step()
        cycle.step()
    return rates


def test_the_rate_of_each_step_is_that_of_chapter_7(playground, address):  # noqa: F811
    with playground() as (page, _):
        for asked in CYCLES:
            rates = page.evaluate(
                "async ([home, ...how]) => (await import(home + 'interactive/speed.js')).oneCycle(...how)",
                [address, *asked],
            )
            assert np.allclose(rates, rates_of(*asked), rtol=1e-9, atol=1e-12)


@HOW
def test_speed(playground, how):
    x = torch.arange(4 * 9).view(1, 4, 3, 3)
    last = x.contiguous(memory_format=torch.channels_last).permute(0, 2, 3, 1).flatten()

    def places(pixel):
        return [(last == channel * 9 + pixel).nonzero().item() for channel in range(4)]

    with playground(**options_for(how)) as (page, _):
        found = figure(page, "speed")
        answer(found, "24,000 images in batches of 128 are 187 steps")
        slide(found, "Batch size", how, 1)
        answer(found, "24,000 images in batches of 512 are 46 steps")
        peak, part = slide(found, "Peak rate", how, 0.7), slide(found, "Peak after", how, 1)
        rates = rates_of(46, peak, part, "linear")
        answer(found, f"The rate climbs to {peak:.3f} at step {np.argmax(rates) + 1} and falls again")
        answer(found, f"all rates together make {sum(rates):.2f}.")
        answer(
            found,
            f"pixel 4 lie 9 apart at 4, 13, 22 and 31 with channels first, and side by side at {places(4)[0]}",
        )
        press(found.get_by_role("button", name="Channel 2"), how)
        answer(found, "numbers of channel 2 lie side by side at 18, 19, 20")
        assert found.locator(".mf-memory").last.locator(".mf-here").count() == 9
        if how == "keyboard":
            choose(found, "Pick", how, 0)
        else:
            press(found.locator(".mf-memory").last.locator(".mf-box").nth(1), how)
        answer(found, "numbers of pixel 0 lie 9 apart at 0, 9, 18 and 27")
        choose(found, "Pick", how, 8)
        answer(
            found,
            f"pixel 8 lie 9 apart at 8, 17, 26 and 35 with channels first, and side by side at {places(8)[0]}",
        )


PREPARED = """async ([home, url, least, picture]) => {
    const from = name => import(`${home}interactive/${name}.js`);
    const { openPicture } = await from('picture'), { prepareDigit } = await from('prepare_photo');
    const { predictDigit } = await from('photo'), { parseWeights } = await from('network');
    const weights = parseWeights(await (await fetch(home + url)).arrayBuffer());
    const bytes = Uint8Array.from(atob(picture), c => c.charCodeAt(0)), start = performance.now();
    const made = prepareDigit(await openPicture(new Blob([bytes]))), took = performance.now() - start;
    const grey = ({ values, width, height }, top) => {
        let text = '';
        for (const v of values) text += String.fromCharCode(Math.round(top * v));
        return [btoa(text), height, width] };
    const stages = { sheet: grey(made.sheet, 1), 'uneven ink': grey(made.uneven, 255), ink: grey(made.ink, 255) };
    stages.digit = grey({ ...made.ink, values: made.ink.values.map((v, i) => v * made.mask.values[i]) }, 255);
    stages.image = grey({ values: made.image, width: 28, height: 28 }, 1);
    if (made.crop) Object.assign(stages, { crop: grey(made.crop, 255), fitted: grey(made.fitted, 255) });
    const { digit, probs, warnings } = predictDigit(weights, least, made);
    return { stages, took, digit, probs: probs && Array.from(probs), warnings } }"""


def some_pictures(n):
    "Files: made-up photos, `n` of each kind, and drawings, some of them on transparent paper, large or small"
    for condition in CONDITIONS:
        yield from ((condition, saved(photo)) for photo in photo_set(n, condition, seed=7)[0])
    rng = np.random.default_rng(0)
    for digit in range(10):
        drawing = Image.fromarray(255 - draw_digit(digit, rng=rng))
        yield "drawing", saved(drawing)
        if digit < 2:
            clear = Image.new("RGBA", drawing.size)
            clear.putalpha(Image.fromarray(255 - np.asarray(drawing)))
            yield "drawing on nothing", saved(clear)
            yield "large drawing", saved(drawing.resize((1100, 1500)))
            yield "small drawing", saved(drawing.resize((30, 45)))
    yield from ((f"fold, {at} and {width}", saved(folded_sheet(at, width))) for at in (660, 940) for width in (6, 20))
    yield "shadow", saved(shadow())
    yield "hairline", saved(hairline())
    yield "blank", saved(np.full((60, 90), 200, np.uint8))
    yield "noise", saved(rng.integers(0, 256, (150, 130), np.uint8))


@pytest.mark.parametrize("n", [1, slow(20)])
def test_a_photo_is_prepared_as_in_python(playground, address, n, record_property):  # noqa: F811
    "Each stage within one grey level, though bytes come back, and the same answer in the same words"
    took = []
    with playground() as (page, _):
        least = interactive("photo").data["refuse_below"]
        url = page.locator("figure[data-module=photo]").get_attribute("data-weights")
        for kind, file in some_pictures(n):
            asked = [address, url, least, base64.b64encode(file).decode()]
            made, expected = page.evaluate(PREPARED, asked), predict_digit(file)
            p = expected.prepared
            stages = {"sheet": p.sheet, "uneven ink": 255 * find_ink(p.sheet), "ink": 255 * p.ink}
            stages |= {"digit": 255 * p.ink * p.mask, "image": p.image}
            if p.mask.any():
                stages |= {"crop": 255 * p.crop, "fitted": 255 * p.fitted}
                assert abs(np.array(made["probs"]) - expected.probs).max() < 0.001, kind
            assert made["stages"].keys() == stages.keys(), kind
            for name, values in stages.items():
                text, height, width = made["stages"][name]
                there = np.frombuffer(base64.b64decode(text), np.uint8).reshape(height, width)
                assert there.shape == values.shape, (kind, name)
                assert abs(there - values.astype(float)).max() <= 1, (kind, name)
            assert made["digit"] == expected.digit, kind
            assert made["warnings"] == list(expected.warnings), kind
            took.append(made["took"])
    record_property("milliseconds, median and longest", [float(np.median(took)), max(took)])


GIVEN = """async ([how, type, content]) => {
    const bytes = Uint8Array.from(atob(content), c => c.charCodeAt(0)), given = new DataTransfer();
    given.items.add(new File([bytes], 'a file', { type }));
    const told = { bubbles: true, cancelable: true, dataTransfer: given, clipboardData: given };
    const event = how === 'drop' ? new DragEvent('drop', told) : new ClipboardEvent('paste', told);
    document.querySelector('figure[data-module=photo] canvas').dispatchEvent(event) }"""


@HOW
def test_photo(playground, how):
    with playground(**options_for(how)) as (page, _):
        found = figure(page, "photo")
        answer(found, "Nothing to read yet")
        found.get_by_text("Nothing leaves this page").wait_for()
        draw_seven(page, found, how)
        answer(found, "This is a 7")
        assert found.locator(".mf-stages canvas").count() == 8
        found.get_by_role("button", name="Clear").press("Enter")
        answer(found, "Nothing to read yet")
        assert found.locator(".mf-stages canvas").count() == 0
        shown = found.get_by_role("button", name="Show an example photo")
        for name, photo in _example_photos().items():
            shown.tap() if how == "touch" else shown.press("Enter")
            expected = predict_digit(photo)
            found.locator(".mf-stages div", has_text=name).wait_for()
            answer(found, "No digit." if expected.refused else f"This is a {expected.digit} (")
            for warning in expected.warnings:
                answer(found, f"Warning: {warning.partition(':')[0]}")


def test_photo_takes_what_is_given(playground):
    five, blank = next(iter(_example_photos().values())), saved(np.full((90, 90), 200, np.uint8))
    large = saved(Image.new("1", (10_000, 7000)))
    given = [
        ("Choose", "image/jpeg", five, "This is a 5"),
        ("paste", "image/png", blank, "No digit. Warning: the picture is blank."),
        ("drop", "image/jpeg", five, "This is a 5"),
        ("Choose", "text/plain", b"Dear network,", "Expected a picture, got something that this browser cannot open"),
        ("drop", "image/jpeg", five[:2000] + b"x", ""),  # cut short: some browsers show what is there
        ("paste", "image/png", large, "Expected at most 40,000,000 pixels, got 10,000×7,000"),
    ]
    with playground() as (page, _):
        found = figure(page, "photo")
        for how, kind, content, expected in given:
            if how == "Choose":
                file = {"name": "a file", "mimeType": kind, "buffer": content}
                found.get_by_label("Choose a photo").set_input_files(file)
            else:
                page.evaluate(GIVEN, [how, kind, base64.b64encode(content).decode()])
            found.locator("output", has_text=re.compile("^(?!Nothing|Reading)")).wait_for()
            answer(found, expected)
            found.get_by_role("button", name="Clear").click()
            answer(found, "Nothing to read yet")


def test_a_photo_of_40_megapixels_is_read(playground):
    photo = Image.open(io.BytesIO(next(iter(_example_photos().values())))).resize((6320, 6320))
    with playground() as (page, _):
        found = figure(page, "photo")
        file = {"name": "large.jpg", "mimeType": "image/jpeg", "buffer": saved(photo, "jpeg")}
        found.get_by_label("Choose a photo").set_input_files(file)
        answer(found, re.compile("Reading the picture: [0-9]+%"))  # it shows that it works
        answer(found, "This is a 5")


# What a reader does to each figure: press a button, or move its first slider, or draw with the keyboard.
ACTS = dict.fromkeys(("draw", "templates", "layers"), "Show a test digit")
ACTS |= dict.fromkeys(("descent", "linear"), "Step")
ACTS |= dict.fromkeys(("pixels", "convolution", "evaluation", "speed", "breaking", "photo"))
REACTION = """async ([module, text]) => {
    const found = document.querySelector(`figure[data-module=${module}]`);
    const slider = found.querySelector('input[type=range]'), pad = found.querySelector('canvas.mf-pad');
    const pressed = [...found.querySelectorAll('button')].find(b => b.textContent === text), times = [];
    for (let i = 1; i < 8; i++) {
        await new Promise(done => setTimeout(done, 200));
        const start = performance.now();
        if (pressed) pressed.click();
        else if (!slider) pad.dispatchEvent(new KeyboardEvent('keydown', { key: i > 1 ? 'ArrowDown' : ' ' }));
        else { slider.value = Number(slider.min) + i * slider.step; slider.dispatchEvent(new Event('input')) }
        await new Promise(done => requestAnimationFrame(() => { // a message comes right after the paint
            const channel = new MessageChannel();
            channel.port1.onmessage = done;
            channel.port2.postMessage(0) }));
        times.push(performance.now() - start);
    }
    return Math.min(...times) }"""


@pytest.mark.parametrize("module", ACTS)
def test_a_figure_reacts_within_50_ms(playground, record_property, module):
    "From the input to the next painted picture, the shortest of seven; beside another worker up to 200 ms"
    with playground() as (page, _):
        figure(page, module)
        took = page.evaluate(REACTION, [module, ACTS[module]])
        record_property("milliseconds", took)
        assert took < (50 if os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1") == "1" else 200)


def test_every_figure_is_in_the_playground(playground):
    with playground() as (page, _):
        there = page.evaluate("[...document.querySelectorAll('figure.interactive')].map(f => f.dataset.module)")
    assert sorted(there) == sorted(ACTS)


def test_weights_that_do_not_arrive_leave_the_picture(playground):
    with pytest.raises(AssertionError, match="status 404"), playground() as (page, _):
        page.route("**/*.safetensors", lambda route: route.fulfill(status=404))
        page.reload()
        found = page.locator("figure.interactive").first
        found.scroll_into_view_if_needed()
        found.locator("p", has_text="could not start").wait_for()
        assert found.locator("img").is_visible()


# The contrast of each drawing's ink with the page, as WCAG reckons it: the least of its opaque pixels; 0 without ink.
INK = """() => { const light = rgb => [0.2126, 0.7152, 0.0722].reduce((sum, part, i) => {
        const v = rgb[i] / 255;
        return sum + part * (v > 0.04045 ? ((v + 0.055) / 1.055) ** 2.4 : v / 12.92) }, 0.05);
    const page = light(getComputedStyle(document.body).backgroundColor.match(/[\\d.]+/g).map(Number));
    return [...document.querySelectorAll('canvas.mf-pad')].map(pad => {
        const { data } = pad.getContext('2d').getImageData(0, 0, pad.width, pad.height), inks = [];
        for (let i = 0; i < data.length; i += 4) if (data[i + 3] === 255) inks.push(light(data.subarray(i, i + 3)));
        return Math.min(...inks.map(ink => Math.max(ink, page) / Math.min(ink, page)), inks.length && 21) }) }"""
DRAWN_ON = ("draw", "templates", "layers", "photo")


@pytest.mark.parametrize("how", ["switch", "system"])
def test_a_drawing_follows_the_theme(playground, how):
    with playground(color_scheme="light") as (page, _):
        for module in DRAWN_ON:
            draw_seven(page, figure(page, module), "keyboard")
        for scheme in ("dark", "light"):
            before = page.evaluate("getComputedStyle(document.body).backgroundColor")
            if how == "switch":
                page.locator("[class*=color-scheme-toggle]:visible").first.click()
            else:
                page.emulate_media(color_scheme=scheme)
            page.wait_for_function("before => getComputedStyle(document.body).backgroundColor !== before", arg=before)
            page.wait_for_timeout(500)  # without another stroke
            contrasts = page.evaluate(INK)
            assert len(contrasts) == len(DRAWN_ON) and min(contrasts) > 4.5, (scheme, contrasts)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_front_page_reads_a_digit_within_its_first_screen(browser, address, scheme):  # noqa: F811
    with opened(browser, f"{address}index.html", color_scheme=scheme) as (page, _):
        found = page.locator("figure[data-module=draw]")
        page.wait_for_selector("figure[data-module=draw][data-state=live]")
        draw_seven(page, found, "mouse")
        answer(found, "reads a 7")
        assert page.evaluate("scrollY") == 0
        for part in ("canvas.mf-pad", "canvas.mf-seen", ".mf-bars", "output"):
            box = found.locator(part).bounding_box()
            assert box["y"] > 0 and box["y"] + box["height"] < page.viewport_size["height"], part
    with opened(browser, f"{address}index.html", color_scheme=scheme, viewport=PHONE) as (page, _):
        found = figure(page, "draw")  # the answer comes next to what is drawn
        tops = [found.locator(part).bounding_box()["y"] for part in ("canvas.mf-pad", "output", "canvas.mf-seen")]
        assert tops == sorted(tops) and tops[1] - tops[0] < 500


STILLS = """[...document.querySelectorAll('figure.interactive')].map(figure => {
    const still = figure.querySelector('.still img'), box = still?.getBoundingClientRect();
    return [figure.dataset.module, Boolean(still?.alt.trim() && still.complete && still.naturalWidth
        && still.checkVisibility({ visibilityProperty: true }) && box.width > 99 && box.height > 99)] })"""


@pytest.mark.parametrize("where", ["no JavaScript", "print"])
def test_every_figure_has_a_still_picture(browser, address, where):  # noqa: F811
    "Where no code runs, and on paper, there after the figures have started"
    with opened(browser, f"{address}playground.html", java_script_enabled=where == "print") as (page, _):
        figures = page.locator("figure.interactive")
        for module in ACTS if where == "print" else ():
            figure(page, module)
        if where == "print":
            assert not figures.locator(".still:visible").count()
            page.emulate_media(media="print")
            assert not figures.locator(".live:visible").count()
        else:
            for found in figures.all():
                found.scroll_into_view_if_needed()
            page.wait_for_load_state("networkidle")
        assert dict(page.evaluate(STILLS)) == dict.fromkeys(ACTS, True)


PREPARED_DRAWING = """async ([home, ink, height, width]) => {
    const { prepareDrawing } = await import(home + 'interactive/prepare.js');
    const values = Float32Array.from(atob(ink), c => c.charCodeAt(0) / 255);
    const made = prepareDrawing({ values, width, height });
    return made && Array.from(made.image) }"""


def some_drawings():
    "Ink, uint8: each digit in a corner of a pad; a bar, a dot, a frame, grey edges, a stray soft spot"
    rng = np.random.default_rng(0)
    for digit in range(10):
        drawing = draw_digit(digit, rng=rng)
        sheet = np.zeros((280, 280), np.uint8)
        small = Image.fromarray(drawing).resize(rng.integers(40, 240, 2).tolist())
        left, top = (280 - np.array(small.size)) * rng.random(2) // 1
        sheet[int(top) : int(top) + small.height, int(left) : int(left) + small.width] = small
        yield f"digit {digit}", sheet
        yield f"soft {digit}", ndi.gaussian_filter(drawing, 5)
    for name, place in {
        "bar": np.s_[90:105, 3:270],
        "stroke": np.s_[10:260, 200:203],
        "dot": np.s_[7:8, 9:10],
        "sheet": np.s_[:, :],
    }.items():
        sheet = np.zeros((280, 280), np.uint8)
        sheet[place] = 255
        yield name, sheet
        yield f"pale {name}", sheet // 255 * 128


def test_a_drawing_is_prepared_as_in_python(playground, address):  # noqa: F811
    with playground() as (page, _):

        def prepared(ink):
            return page.evaluate(PREPARED_DRAWING, [address, base64.b64encode(ink.tobytes()).decode(), *ink.shape])

        for name, ink in some_drawings():
            rows, columns = (np.flatnonzero((ink >= 127.5).any(axis)) for axis in (1, 0))
            crop = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] / 255
            expected = centre_mass(fit_box(crop)).astype(int)
            assert abs(np.array(prepared(ink)).reshape(28, 28) - expected).max() <= 1, name
        assert prepared(np.full((280, 280), 127, np.uint8)) is None  # no ink
