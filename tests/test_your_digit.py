"What a notebook cell cannot test of chapter 8: many kinds of pictures, the command as a process, the widget."

import io
import json
import os
import subprocess
import sys
import types
import warnings
from datetime import datetime, timezone
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

import mnist_nb
from mnist_nb.data import load_mnist
from mnist_nb.your_digit import (
    DigitWidget,
    digit_widget,
    draw_strokes,
    fake_photo,
    open_picture,
    predict_digit,
    prepare_digit,
)

FOUR = draw_strokes([[(110, 60), (80, 160), (200, 160)], [(170, 90), (165, 230)]])
COMMAND = [sys.executable, "-c", "import sys; from mnist_nb.your_digit import main; sys.exit(main())"]


def saved(picture, kind, **options):
    "A picture as the content of a file"
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


@pytest.mark.parametrize(
    "mode", ["1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr", "HSV", "LAB", "I", "F"]
)
@pytest.mark.parametrize("inverted", [False, True])
def test_every_mode_and_polarity(mode, inverted):
    picture = ImageOps.invert(FOUR) if inverted else FOUR
    if mode in ("LAB", "HSV", "RGBX", "YCbCr"):
        picture = picture.convert("RGB")
    if mode == "PA":
        picture = picture.convert("P")
    picture = picture.convert(mode) if mode != "LAB" else lab(picture)
    assert predict_digit(picture).digit == 4


def lab(picture):
    from PIL import ImageCms

    profiles = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
    return ImageCms.applyTransform(picture, ImageCms.buildTransform(*profiles, "RGB", "LAB"))


@pytest.mark.parametrize("kind", ["png", "jpeg", "gif", "bmp", "tiff", "webp", "ppm", "ico", "jpeg2000", "tga", "pcx"])
def test_every_file_format(kind):
    assert predict_digit(saved(FOUR.convert("RGB"), kind)).digit == 4


@pytest.mark.parametrize("kind", ["jpeg", "png", "tiff", "webp"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation(kind, orientation):
    undo = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}  # Pillow's transposes: 2 is a quarter turn to the left
    stored = FOUR.transpose(Image.Transpose(undo[orientation])) if orientation > 1 else FOUR
    exif = Image.Exif()
    exif[0x0112] = orientation
    opened = open_picture(saved(stored, kind, exif=exif)).convert("L")
    assert abs(np.asarray(opened, float) - np.asarray(FOUR, float)).mean() < 3


def test_damaged_exif_does_no_harm():
    whole = saved(FOUR, "jpeg", exif=b"Exif\x00\x00II*\x00\xff\xff\xff\xff")
    assert predict_digit(whole).digit == 4


@pytest.mark.parametrize("ink, paper", [(0, None), (255, None), (0, 255), (255, 0)])
def test_transparency(ink, paper):
    "Ink on transparent paper, and opaque sheets with a transparent rim"
    alpha = ImageOps.invert(FOUR)
    if paper is None:
        picture = Image.merge("LA", (Image.new("L", FOUR.size, ink), alpha))
    else:
        rim = np.zeros(FOUR.size, np.uint8)
        rim[40:-30, 40:-30] = 255
        grey = FOUR if ink == 0 else ImageOps.invert(FOUR)
        picture = Image.merge("LA", (grey, Image.fromarray(rim)))
    assert predict_digit(saved(picture, "png")).digit == 4


def test_palette_with_a_transparent_colour():
    palette = FOUR.convert("P")
    assert predict_digit(saved(palette, "png", transparency=255)).digit == 4
    assert predict_digit(saved(palette, "gif", transparency=255)).digit == 4


@pytest.mark.parametrize("kind", ["gif", "png", "webp", "tiff"])
def test_of_an_animation_the_first_frame_counts(kind):
    frames = [Image.new("RGB", FOUR.size, c) for c in ("white", "black", "red")]
    content = saved(FOUR.convert("RGB"), kind, save_all=True, append_images=frames)
    assert predict_digit(content).digit == 4


@pytest.mark.parametrize("top", [255, 65535, 4095])
def test_sixteen_bits(top):
    grey = (np.asarray(FOUR, np.float64) * top / 255).astype(np.uint16)
    for content in (saved(Image.fromarray(grey), "png"), saved(Image.fromarray(grey), "tiff")):
        assert predict_digit(content).digit == 4


@pytest.mark.parametrize("dtype", [bool, "u1", "u2", "i2", "i4", "i8", "u8", "f2", "f4", "f8", ">u2", "<f4"])
@pytest.mark.parametrize("channels", [None, 1, 3, 4])
def test_every_array(dtype, channels):
    ones = np.asarray(FOUR) > 128
    grey = ones if dtype is bool else (ones * (1 if np.dtype(dtype).kind == "f" else 200)).astype(dtype)
    array = grey if channels is None else np.repeat(grey[..., None], channels, axis=2)
    if channels == 4:
        array[..., 3] = array.max()
    before = array.copy()
    assert predict_digit(array).digit == 4
    assert np.array_equal(array, before), "the caller's array was changed"


def test_every_source(tmp_path):
    path, content = tmp_path / "four.png", saved(FOUR, "png")
    path.write_bytes(content)
    with open(path, "rb") as file:
        for source in (path, str(path), content, bytearray(content), io.BytesIO(content), file, np.asarray(FOUR)):
            assert predict_digit(source).digit == 4
        assert not file.closed, "it is for the caller to close it"


def test_stages_have_the_shapes_they_promise():
    image = load_mnist("train")[0][0]
    p = prepare_digit(fake_photo(image, np.random.default_rng(0), side=390))
    assert p.sheet.shape == p.ink.shape == p.mask.shape == (390, 390)
    assert p.mask.dtype == bool and p.image.dtype == np.uint8 and p.image.shape == (28, 28)
    assert max(p.fitted.shape) == 20 and 0 <= p.ink.min() and p.ink.max() <= 1
    assert p.crop.shape == (p.mask.any(1).sum(), p.mask.any(0).sum())


def test_same_picture_same_answer_however_large():
    probs = [predict_digit(FOUR.resize((side, side))).probs for side in (150, 280, 900, 2500)]
    assert all(p.argmax() == 4 and p[4] > 0.9 for p in probs)


def test_specks_and_a_far_away_smudge_are_left_out():
    sheet = np.full((600, 600), 255, np.uint8)
    sheet[100:380, 100:380] = FOUR
    sheet[tuple(np.random.default_rng(0).integers(0, 600, (2, 50)))] = 0
    sheet[560:575, 540:580] = 0
    answer = predict_digit(sheet)
    assert answer.digit == 4 and answer.prepared.mask[500:].sum() == 0


def run_command(*arguments, **kwargs):
    environment = {**os.environ, "PYTHONIOENCODING": "utf8", "PYTHONWARNINGS": "ignore"}
    return subprocess.run([*COMMAND, *map(str, arguments)], capture_output=True, env=environment, timeout=120, **kwargs)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    "Pictures, and what is none"
    path = tmp_path_factory.mktemp("pictures")
    FOUR.save(path / "four.png")
    Image.new("L", (50, 50), 255).save(path / "blank.png")
    (path / "text.png").write_text("Dear network,")
    return path


def test_command_answers_what_it_can(folder):
    done = run_command("predict", "four.png", "text.png", "missing.png", ".", "blank.png", cwd=folder)
    assert done.returncode == 1
    four, blank = done.stdout.decode().splitlines()
    assert four.startswith("four.png: 4 (") and blank == "blank.png: no digit; warning: the picture is blank"
    complaints = done.stderr.decode().splitlines()
    assert [line.split(": ")[1] for line in complaints] == ["text.png", "missing.png", "."]
    assert "Pillow cannot open" in complaints[0] and "No such file" in complaints[1]


def test_command_json_and_standard_input(folder):
    done = run_command("predict", "--json", "-", "text.png", cwd=folder, input=(folder / "four.png").read_bytes())
    four, text = json.loads(done.stdout)
    assert done.returncode == 1 and (four["file"], four["digit"], four["warnings"]) == ("-", 4, [])
    assert sum(four["probabilities"]) == pytest.approx(1, abs=1e-3) and set(text) == {"file", "error"}


def test_command_status_where_all_is_well(folder):
    done = run_command("predict", "four.png", cwd=folder)
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.parametrize("arguments", [[], ["predict"], ["nonsense"], ["predict", "--nonsense", "x"]])
def test_command_usage(arguments):
    done = run_command(*arguments)
    assert done.returncode == 2 and b"usage: mnist-nb" in done.stderr and not done.stdout


def test_version_and_help_do_not_wait_for_torch():
    lines = "import sys", "from mnist_nb.your_digit import main", "try: main(['--version'])"
    code = "\n".join([*lines, "finally: assert 'torch' not in sys.modules"])
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout.strip()) == (0, f"mnist-nb {mnist_nb.__version__}"), done.stderr


def test_command_is_declared():
    text = (Path(__file__).parents[1] / "pyproject.toml").read_text(encoding="utf8")
    assert 'mnist-nb = "mnist_nb.your_digit:main"' in text


@pytest.fixture
def widget():
    pytest.importorskip("ipywidgets")
    pytest.importorskip("ipycanvas")
    return digit_widget()


def send(canvas, event, x=0, y=0):
    "What the browser sends when the mouse does something over the canvas"
    canvas._handle_frontend_event(canvas, {"event": event, "x": x, "y": y}, [])


def draw(canvas, strokes):
    for (x, y), *rest in strokes:
        send(canvas, "mouse_down", x, y)
        for point in rest:
            send(canvas, "mouse_move", *point)
        send(canvas, "mouse_up", *(rest[-1] if rest else (x, y)))


def test_widget_reads_a_drawing(widget):
    send(widget.canvas, "mouse_move", 5, 5)  # the pen is not down yet
    draw(widget.canvas, [[(110, 60), (80, 160), (200, 160)], [(170, 90), (165, 230)]])
    assert [len(stroke) for stroke in widget.strokes] == [3, 2]
    assert "This is a 4" in widget.said.value
    shown = Image.open(io.BytesIO(widget.figure.value))
    assert shown.size[0] > 500 and widget.figure.layout.display is None
    widget.clear.click()
    assert widget.strokes == [] and widget.figure.layout.display == "none" and "draw one" in widget.said.value


def test_widget_ends_a_stroke_that_leaves_the_canvas(widget):
    send(widget.canvas, "mouse_down", 140, 60)
    send(widget.canvas, "mouse_move", 140, 200)
    send(widget.canvas, "mouse_out", 140, 281)
    send(widget.canvas, "mouse_move", 10, 10)
    assert widget.strokes == [[(140, 60), (140, 200)]] and "This is a 1" in widget.said.value


def test_widget_takes_fingers(widget):
    for event, points in [
        ("touch_start", [{"x": 140, "y": 60}]),
        ("touch_move", [{"x": 140, "y": 220}]),
        ("touch_end", []),
    ]:
        widget.canvas._handle_frontend_event(widget.canvas, {"event": event, "touches": points}, [])
    assert widget.strokes == [[(140, 60), (140, 220)]]


def test_widget_reads_uploads_of_ipywidgets_8_and_7(widget):
    content = saved(FOUR, "png")
    now = datetime.now(timezone.utc)
    file = dict(name="four.png", type="image/png", size=len(content), content=memoryview(content), last_modified=now)
    widget.uploaded({"new": {"four.png": {"metadata": {}, "content": content}}})
    assert "This is a 4" in widget.said.value
    widget.cleared()
    if isinstance(widget.upload.value, tuple):
        widget.upload.set_trait("value", (file,))  # as the browser does
        assert "This is a 4" in widget.said.value


def test_widget_says_what_is_wrong_with_an_upload(widget):
    widget.uploaded({"new": ({"name": "x.png", "content": memoryview(b"<script>")},)})
    assert "Pillow cannot open" in widget.said.value and "<script>" not in widget.said.value
    widget.uploaded({"new": ({"name": "x.png", "content": memoryview(saved(Image.new("L", (9, 9)), "png"))},)})
    assert "No digit" in widget.said.value and "blank" in widget.said.value
    widget.uploaded({"new": ()})


def test_widget_without_a_canvas_and_without_ipywidgets(monkeypatch):
    pytest.importorskip("ipywidgets")
    monkeypatch.setitem(sys.modules, "ipycanvas", None)
    plain = DigitWidget()
    assert plain.canvas is None and "pip install ipycanvas" in plain.box.children[1].value
    plain.show(FOUR)
    plain.clear.click()
    monkeypatch.setitem(sys.modules, "ipywidgets", None)
    with pytest.raises(ImportError, match="pip install ipywidgets ipycanvas"):
        digit_widget()


def test_widget_asks_colab_for_custom_widgets(monkeypatch):
    pytest.importorskip("ipycanvas")
    asked = []
    output = types.SimpleNamespace(enable_custom_widget_manager=lambda: asked.append(1))
    monkeypatch.setitem(sys.modules, "google.colab", types.SimpleNamespace(output=output))
    assert digit_widget().canvas is not None and asked == [1]


def test_widget_shows_itself(widget):
    "In a notebook, by IPython's own display, with any version of ipywidgets"
    from IPython.core.interactiveshell import InteractiveShell
    from IPython.display import display
    from IPython.utils.capture import capture_output

    InteractiveShell.instance()
    try:
        with capture_output() as shown:
            display(widget)
    finally:
        InteractiveShell.clear_instance()
    assert "application/vnd.jupyter.widget-view+json" in shown.outputs[0].data


def test_nothing_is_said_by_warnings():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        prepare_digit(FOUR)
        prepare_digit(np.zeros((40, 40)))
