"What a notebook cell cannot test of chapter 9: every source and orientation, the command as a process."

import io
import json
import multiprocessing
import os
import subprocess
import sys
from functools import partial
from importlib.metadata import entry_points
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw, ImageOps

import mnist_nb
from conftest import saved
from mnist_nb import your_digit
from mnist_nb.__main__ import main
from mnist_nb.cnn import load_cnn
from mnist_nb.your_digit import draw_strokes, open_picture, predict_digit, prepare_digit

STROKES = [[(110, 60), (80, 160), (200, 160)], [(170, 90), (165, 230)]]
FOUR = draw_strokes(STROKES)


@pytest.mark.parametrize("kind", ["jpeg", "png", "tiff", "webp"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation(kind, orientation):
    undo = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}  # Pillow's transposes: 2 is a quarter turn to the left
    stored = FOUR.transpose(Image.Transpose(undo[orientation])) if orientation > 1 else FOUR
    exif = Image.Exif()
    exif[0x0112] = orientation
    opened = open_picture(saved(stored, kind, exif=exif)).convert("L")
    assert abs(np.asarray(opened, float) - np.asarray(FOUR, float)).mean() < 3


def test_every_source(tmp_path):
    path, content = tmp_path / "four.png", saved(FOUR, "png")
    path.write_bytes(content)
    with open(path, "rb") as file:
        for source in (path, str(path), content, bytearray(content), io.BytesIO(content), file, np.asarray(FOUR)):
            assert predict_digit(source).digit == 4
        assert not file.closed, "it is for the caller to close it"


@pytest.mark.filterwarnings("error")
def test_nothing_is_said_by_warnings():
    prepare_digit(FOUR)
    prepare_digit(np.zeros((40, 40)))


SEVEN = [[(70, 70), (210, 70), (120, 240)], [(100, 150), (200, 150)]]
LINED = {  # strokes, and lines over the whole picture
    "a 4 in a box": (4, STROKES, [(40, 0, 40, 280), (240, 0, 240, 280), (0, 30, 280, 30), (0, 250, 280, 250)]),
    "a 4 on squares": (
        4,
        STROKES,
        [(x, 0, x, 280) for x in range(15, 280, 50)] + [(0, y, 280, y) for y in range(15, 280, 50)],
    ),
    "a 7 on rules": (7, SEVEN, [(0, y, 280, y + 12) for y in range(20, 280, 64)]),
}


@pytest.mark.parametrize("name", LINED)
@pytest.mark.parametrize("pen, line", [(20, 3), (14, 3), (16, 9)])
def test_lines_of_the_paper_are_removed(name, pen, line):
    digit, strokes, lines = LINED[name]
    picture = draw_strokes(strokes, width=pen)
    for at in lines:
        ImageDraw.Draw(picture).line(at, fill=0, width=line)
    assert predict_digit(picture).digit == digit


@pytest.mark.parametrize(
    "strokes", [STROKES, SEVEN, [[(140, 20), (140, 260)]], [[(90, 240), (190, 240)], [(140, 40), (140, 240)]]]
)
@pytest.mark.parametrize("pen", [6, 24])
@pytest.mark.parametrize("tight", [False, True])
def test_straight_strokes_are_no_lines(strokes, pen, tight):
    picture = draw_strokes(strokes, width=pen)
    if tight:
        picture = picture.crop(ImageOps.invert(picture).getbbox())
    ink = your_digit.find_ink(np.asarray(picture, np.float32))
    assert (your_digit.remove_lines(ink) == ink).all()


@pytest.mark.parametrize("side, pen", [(280, 70), (2000, 4)])
def test_very_thick_and_very_thin_pens(side, pen):
    strokes = [[(x * side / 280, y * side / 280) for x, y in stroke] for stroke in STROKES]
    assert predict_digit(draw_strokes(strokes, side, pen)).digit == 4


def small_on_a4(picture, side):
    "A scan of an A4 page at 150 dpi with a small picture on it, as an array"
    page = np.full((1754, 1240), 238.0)
    page[1000 : 1000 + side, 300 : 300 + side] = np.asarray(picture.resize((side, side), Image.Resampling.BOX))
    return page


def folded_sheet(at, width):
    "A small 4 on a scan whose fold is nearly as dark as the pen"
    shade = 150 * np.exp(-(((np.arange(1754) - at) / width) ** 2))
    return (small_on_a4(FOUR, 150) - shade[:, None]).clip(0, 255).astype(np.uint8)


def shadow():
    "A blank sheet with a shadow from edge to edge, and a camera's noise"
    shade = 60 * np.exp(-(((np.arange(300) - 140) / 40) ** 2))
    return (220 - shade + np.random.default_rng(0).normal(0, 3, (400, 300))).astype(np.uint8)


def hairline():
    "A 4 drawn with a hairline on a scan with a dark edge and a soft fold"
    page = small_on_a4(draw_strokes(STROKES, width=10), 64)
    page[:, :12] -= 40
    return (page - 12 * np.exp(-(((np.arange(1240) - 700) / 70) ** 2))).clip(0, 255).astype(np.uint8)


@pytest.mark.parametrize("width", [6, 20])
@pytest.mark.parametrize("at", [660, 940])
def test_a_fold_is_no_stroke(at, width):
    assert predict_digit(folded_sheet(at, width)).digit == 4


def test_a_sheet_in_three_frames_is_found():
    framed = np.asarray(FOUR)
    for grey in (0, 255, 0):
        framed = np.pad(framed, 60, constant_values=grey)
    prepared = prepare_digit(framed)
    assert your_digit._find_corners(prepared.sheet) is None and prepared.sheet.min(0)[[0, -1]].min() > 200


def test_a_shadow_is_suspected():
    assert "its edges are soft: is it a fold or a shadow?" in predict_digit(shadow()).warnings


def test_a_hairline_on_a_large_sheet_is_found():
    prepared = prepare_digit(hairline())
    y, x = (np.mean(i) * 1754 / 400 for i in np.nonzero(prepared.mask))
    assert 1000 < y < 1064 and 300 < x < 364


def test_an_answer_is_refused_below_the_limit(monkeypatch, folder, capsys):
    weights, _ = your_digit._handwriting()
    monkeypatch.setattr(your_digit, "_handwriting", lambda: (weights, 1.1))
    answer = predict_digit(FOUR)
    assert answer.refused and answer.digit is None and answer.probs.argmax() == 4
    assert "the best guess, 4, has" in answer.warnings[-1]
    assert predict_digit(FOUR, load_cnn()).digit == 4, "who brings a network gets its answer"
    assert not predict_digit(np.zeros((40, 40))).refused
    assert main(["predict", "four.png"]) == 0
    assert capsys.readouterr().out.startswith("four.png: no digit; warning: not sure enough to answer")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    "Pictures, and what is none, in the working directory"
    monkeypatch.chdir(tmp_path)
    FOUR.save("four.png")
    Image.new("L", (50, 50), 255).save("blank.png")
    Path("text.png").write_text("Dear network,")


def test_command_answers_what_it_can(folder, capsys):
    assert main(["predict", "four.png", "text.png", "missing.png", "blank.png"]) == 1
    out, err = capsys.readouterr()
    four, blank = out.splitlines()
    assert four.startswith("four.png: 4 (") and blank == "blank.png: no digit; warning: the picture is blank"
    text, missing = err.splitlines()
    assert text.startswith("mnist-nb: text.png: ") and "Pillow cannot open" in text
    assert missing == "mnist-nb: missing.png: No such file or directory"


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no file names that are not UTF-8")
def test_command_names_that_are_not_utf8(folder, capsys):
    os.rename("four.png", b"caf\xe9.png")
    assert main(["predict", "--json", os.fsdecode(b"caf\xe9.png"), "."]) == 1
    assert [r["file"] for r in json.loads(capsys.readouterr().out)][0] == "caf\\xe9.png"


def test_command_ends_quietly_when_its_reader_does(folder, capsys, monkeypatch):
    reader, writer = os.pipe()
    os.close(reader)
    with open(writer, "w") as out:
        monkeypatch.setattr(sys, "stdout", out)
        assert main(["predict", "four.png"]) == 141
    assert not capsys.readouterr().err


def test_command_json_and_standard_input(folder):
    command = [sys.executable, "-W", "error", "-m", "mnist_nb", "predict", "--json", "-", "text.png"]
    done = subprocess.run(command, input=saved(FOUR, "png"), capture_output=True, timeout=120)
    four, text = json.loads(done.stdout)
    assert done.returncode == 1 and (four["file"], four["digit"], four["warnings"]) == ("-", 4, [])
    assert sum(four["probabilities"]) == pytest.approx(1, abs=1e-3) and set(text) == {"file", "error"}
    assert done.stderr.startswith(b"mnist-nb: text.png: ") and len(done.stderr.splitlines()) == 1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs a system that can fork")
@pytest.mark.parametrize("model", [None, load_cnn()])
def test_a_forked_process_predicts(model, request):
    request.addfinalizer(partial(torch.set_num_threads, torch.get_num_threads()))
    torch.set_num_threads(2)
    predict_digit(FOUR, model)  # starts threads, which a fork does not take along
    process = multiprocessing.get_context("fork").Process(target=predict_digit, args=[FOUR, model])
    process.start()
    process.join(30)
    process.kill()
    assert process.exitcode == 0


@pytest.mark.parametrize("arguments", [[], ["predict"], ["nonsense"], ["predict", "--nonsense", "x"]])
def test_command_usage(arguments, capsys):
    with pytest.raises(SystemExit, match="2"):
        main(arguments)
    out, err = capsys.readouterr()
    assert "usage: mnist-nb" in err and not out


def test_a_prediction_imports_only_what_it_needs():
    code = "import sys; from mnist_nb.__main__ import main; main(['predict', '-']); print({*sys.modules})"
    done = subprocess.run([sys.executable, "-c", code], input=saved(FOUR, "png"), capture_output=True, timeout=120)
    assert b"'scipy'" in done.stdout
    for name in ("torch", "fastai", "pandas", "matplotlib", "sklearn", "skimage.morphology", "skimage.measure"):
        assert f"'{name}'".encode() not in done.stdout, name


def test_version_and_help_do_not_wait_for_torch():
    command = [sys.executable, "-X", "importtime", "-m", "mnist_nb", "--version"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout.strip()) == (0, f"mnist-nb {mnist_nb.__version__}"), done.stderr
    assert "numpy" in done.stderr and "torch" not in done.stderr


def test_command_is_declared():
    assert [c.load() for c in entry_points(group="console_scripts", name="mnist-nb")] == [main]


def test_read_prints_the_lines_of_a_page(tmp_path):
    "A process: lines as they stand, boxes in JSON, a row for each digit in CSV, errors as `predict` has them"
    page = Image.new("L", (900, 800), 255)
    for place in ((0, 0), (300, 0), (600, 40), (300, 440)):
        page.paste(FOUR, place)
    page.save(tmp_path / "page.png")

    def read(*arguments):
        command = [sys.executable, "-m", "mnist_nb", "read", *arguments]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)

    done = read("page.png", "missing.png")
    assert (done.returncode, done.stdout) == (1, "page.png:\n444\n4\n")
    assert done.stderr == "mnist-nb: missing.png: No such file or directory\n"
    done = read("--json", "--save-stages", "drawn", "page.png")
    assert not done.returncode and not done.stderr
    (first, *_), (last,) = json.loads(done.stdout)[0]["lines"]
    assert first["digit"] == 4 and last["box"][1] > 440 and len(first["probabilities"]) == 10
    assert (tmp_path / "drawn" / "0000_page.png").is_file()
    lines = read("--csv", "page.png").stdout.splitlines()
    assert len(lines) == 5 and lines[4].startswith("page.png,2,1,4,")
