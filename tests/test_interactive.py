"The interactive figures in Chromium: their arithmetic is that of Python, and they answer to mouse, touch and keyboard."

import base64
import io
import os
import re
from functools import partial

import numpy as np
import pytest
import torch
from PIL import Image
from scipy import ndimage as ndi

from conftest import saved, slow
from mnist_nb import breaking_it
from mnist_nb.baseline import accuracy_interval, as_vectors, mean_images
from mnist_nb.cnn import load_cnn, predict_probs
from mnist_nb.data import load_mnist
from mnist_nb.evaluation import confusion_table
from mnist_nb.learning import linear_from_templates, sgd_step
from mnist_nb.photos import CONDITIONS, draw_digit, photo_set
from mnist_nb.playground import _answers, _example_photos, _learned, _to_learn, interactive
from mnist_nb.speed import one_cycle
from mnist_nb.your_digit import find_ink, predict_digit
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


def test_pixels(playground):
    images, labels = load_mnist("test")
    seven = images[labels == 7][0]
    with playground() as (page, _):
        found = figure(page, "pixels")
        picture = found.locator("canvas[tabindex]")
        picture.focus()
        for _ in range(3):
            page.keyboard.press("ArrowRight")
        answer(found, f"Row 15, column 18: {seven[14, 17]}.")
        box = picture.bounding_box()
        page.mouse.move(box["x"] + box["width"] * 10.5 / 28, box["y"] + box["height"] * 8.5 / 28)
        answer(found, f"Row 9, column 11: {seven[8, 10]}.")
        found.get_by_label("Threshold").fill("128")
        answer(found, f"2 different values; {(seven >= 128).sum()} of 784")


def test_templates(playground):
    means = mean_images(*load_mnist())
    with playground() as (page, _):
        found = figure(page, "templates")
        answer(found, "Nothing to compare yet")
        found.get_by_role("button", name="Show a test digit").click()
        answer(found, "Nearest is the mean 7")
        seven = page.evaluate(
            """async home => { const { mse } = await import(home + 'interactive/templates.js');
            return mse(new Float32Array([1, 0.5]), [0, 0]) }""",
            page.url.rsplit("/", 1)[0] + "/",
        )
        assert seven == 0.625 and len(means) == 10


def test_descent(playground):
    with playground() as (page, _):
        found = figure(page, "descent")
        found.get_by_role("button", name="Ten steps").click()
        a, b = -2.4 * 0.9**10, 1.6 * 0.6**10
        answer(found, f"After 10 steps the loss is {(a * a + 4 * b * b) / 2:.2f}.")
        found.get_by_label("Learning rate").fill("0.6")
        answer(found, "diverges")


def test_convolution(playground):
    images, labels = load_mnist("test")
    seven = images[labels == 7][0] / 255
    kernel = np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]])
    with playground() as (page, _):
        found = figure(page, "convolution")
        found.get_by_label("Place").fill(str(8 * 28 + 9))
        answer(found, f"add up to {(seven[7:10, 8:11] * kernel).sum():.2f}.")
        found.get_by_label("Weight in row 2, column 2").fill("1")
        answer(found, f"add up to {(seven[7:10, 8:11] * kernel).sum() + seven[8, 9]:.2f}.")
        found.get_by_label("Padding of one pixel").uncheck()
        answer(found, "The map is 26 by 26.")
        found.get_by_label("Max-pooling").check()
        answer(found, "The map is 13 by 13.")


def test_layers(playground):
    with playground() as (page, _):
        found = figure(page, "layers")
        answer(found, "Nothing to read yet")
        found.get_by_role("button", name="Show a test digit").click()
        answer(found, "The network reads a 7")
        found.get_by_label("Layer", exact=True).select_option(index=3)
        answer(found, "Unit 1 of conv2, row 8, column 8")
        answer(found, "It depends on 8 by 8 pixels.")
        shown = found.locator(".mf-sums").inner_text()
        *parts, last = shown.replace(" = ", " + ").split(" + ")
        numbers = [float(part.removeprefix("bias ")) for part in parts]
        assert len(numbers) == 17 and abs(sum(numbers) - float(last)) < 0.1
        found.locator(".mf-mosaic").press("ArrowRight")
        answer(found, "row 8, column 9")
        found.get_by_label("The prepared digit").press("ArrowUp")
        answer(found, "Partly covered")
        found.get_by_label("Weights by chance").check()
        answer(found, "untrained network")


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


def test_evaluation(playground, address):  # noqa: F811
    labels, made = load_mnist("test")[1], _answers()
    network, templates = ((made[f"{way}_answers"], made[f"{way}_sure"]) for way in ("network", "templates"))
    with playground() as (page, _):

        def told(n):
            return f"{n} image" + "s" * int(n != 1)

        found, sure = figure(page, "evaluation"), network[1] >= np.float32(0.9)
        table = confusion_table(labels, network[0])
        cell = found.locator("td[tabindex='0']")
        answer(found, f"{told(table.loc[4, 9])} of a 4 read as 9")
        assert cell.get_attribute("aria-label") == f"{table.loc[4, 9]} of digit 4 read as 9"
        assert found.locator(".mf-opened canvas").count() == min(table.loc[4, 9], 12)
        cell.press("ArrowLeft")
        answer(found, f"{told(table.loc[4, 8])} of a 4 read as 8")
        found.locator("tbody tr").nth(7).locator("td").nth(7).click()
        answer(found, f"{table.loc[7, 7]} images of a 7 read as 7; here are 12, the least sure first")
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
        order = page.evaluate(
            "async home => (await import(home + 'interactive/evaluation.js')).shuffled(10000, 1)", address
        )
        assert sorted(order) == list(range(10_000))
        for i, n in ((0, 10), (3, 100), (9, 10_000)):
            found.get_by_label("Images", exact=True).fill(str(i))
            right = int((templates[0] == labels)[order[:n]].sum())
            low, high = accuracy_interval(right, n)
            answer(found, f"Of {n:,} images {right:,} are read correctly: {right / n:.1%}")
            answer(found, f"interval from {low:.1%} to {high:.1%}.")
        found.get_by_label("Images", exact=True).fill("0")
        before = found.locator("svg").last.get_attribute("aria-label")
        found.get_by_role("button", name="Draw other images").click()
        assert found.locator("svg").last.get_attribute("aria-label") != before
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
        assert slider.input_value() == "5"
        found.get_by_role("button", name="As it was").press("Enter")
        answer(found, "Nearest is the mean 7. The")
        found.get_by_label("Adversarial step", exact=True).fill("64")
        answer(found, "The step changed no pixel by more than 64 of 255 grey levels.")
        found.get_by_label("Digit", exact=True).select_option(index=3)
        answer(found, "It is a 2.")


def test_speed(playground, address):  # noqa: F811
    with playground() as (page, _):
        found = figure(page, "speed")
        for steps, peak, warm_up, shape in CYCLES:
            optimiser = torch.optim.SGD([torch.zeros(1, requires_grad=True)], peak)
            cycle, expected = one_cycle(optimiser, steps, warm_up, shape), []
            for _ in range(steps):
                expected.append(cycle.get_last_lr()[0])
                optimiser.step()
                cycle.step()
            rates = page.evaluate(
                "async ([home, ...how]) => (await import(home + 'interactive/speed.js')).oneCycle(...how)",
                [address, steps, peak, warm_up, shape],
            )
            assert np.allclose(rates, expected, rtol=1e-9, atol=1e-12)
        answer(found, "24,000 images in batches of 128 are 187 steps")
        found.get_by_label("Batch size", exact=True).fill("4")
        answer(found, "24,000 images in batches of 512 are 46 steps")
        x = torch.arange(4 * 9).view(1, 4, 3, 3)
        last = x.contiguous(memory_format=torch.channels_last).permute(0, 2, 3, 1).flatten()
        places = [(last == channel * 9 + 4).nonzero().item() for channel in range(4)]
        answer(
            found,
            f"pixel 4 lie 9 apart at 4, 13, 22 and 31 with channels first, and side by side at {places[0]}",
        )
        found.get_by_role("button", name="Channel 2").press("Enter")
        answer(found, "numbers of channel 2 lie side by side at 18, 19, 20")
        found.locator(".mf-memory").last.locator(".mf-box").nth(1).click()
        answer(found, "numbers of pixel 0 lie 9 apart at 0, 9, 18 and 27")
        found.get_by_label("Pick", exact=True).select_option("pixel 8")
        answer(
            found,
            "pixel 8 lie 9 apart at 8, 17, 26 and 35 with channels first, and side by side at 32, 33, 34",
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
