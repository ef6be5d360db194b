"The interactive figures in Chromium: their arithmetic is that of Python, and they answer to mouse, touch and keyboard."

import base64

import numpy as np
import pytest

from conftest import slow
from mnist_nb.baseline import mean_images
from mnist_nb.cnn import load_cnn, predict_probs
from mnist_nb.data import load_mnist
from test_pages import PHONE, address, opened, site  # noqa: F401  fixtures

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


@pytest.mark.parametrize("how", ["mouse", "touch", "keyboard"])
def test_draw(playground, how):
    options = {"viewport": PHONE, "has_touch": True} if how == "touch" else {}
    with playground(**options) as (page, _):
        found = figure(page, "draw")
        answer(found, "Nothing to read yet")  # an empty sheet gets no answer
        pad = found.locator("canvas[tabindex]")
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


def test_weights_that_do_not_arrive_leave_the_picture(playground):
    with pytest.raises(AssertionError, match="status 404"), playground() as (page, _):
        page.route("**/*.safetensors", lambda route: route.fulfill(status=404))
        page.reload()
        found = page.locator("figure.interactive").first
        found.scroll_into_view_if_needed()
        found.locator("p", has_text="could not start").wait_for()
        assert found.locator("img").is_visible()
