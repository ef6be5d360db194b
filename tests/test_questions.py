"The recall questions: what they hold, and how the page answers to mouse and keyboard and remembers."

import json
import re

import pytest

from run import NBS, ROOT, read
from test_pages import PHONE, address, axe_problems, opened, options_for, site, start_figures  # noqa: F401  fixtures

FILES = sorted((ROOT / "mnist_nb" / "assets" / "questions").glob("*.json"))
CHAPTERS = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in FILES}
ALL = [(name, n, q) for name, chapter in CHAPTERS.items() for n, q in enumerate(chapter["questions"], 1)]


def length(answer):
    return len(answer["text"])


def test_each_chapter_asks_six_questions_one_of_them_where_it_helps_most():
    assert list(CHAPTERS) == [path.stem for path in sorted(NBS.glob("[01]*.ipynb"))]
    for name, chapter in CHAPTERS.items():
        cells, number = read(NBS / f"{name}.ipynb").cells, int(name[:2])
        [(early, place)] = [(n, q["after"]) for n, q in enumerate(chapter["questions"], 1) if "after" in q]
        [after] = [i for i, cell in enumerate(cells) if cell.id == place]
        late = [n for n in range(1, 7) if n != early]
        assert len(chapter["questions"]) == 6 and cells[after + 1].source == f"ask({number}, {early})", name
        assert f"ask({number}, {late})" in [cell.source for cell in cells[after + 2 :]], name
    texts = [q["question"] for *_, q in ALL]
    assert len(set(texts)) == len(texts)


@pytest.mark.parametrize("name, n, question", ALL)
def test_a_question_has_one_right_answer_and_a_word_on_each(name, n, question):
    answers = question["answers"]
    assert question.keys() - {"after"} == {"question", "answers"} and 3 <= len(answers) <= 4
    assert [answer["right"] for answer in answers].count(True) == 1
    for parts in ([question["question"]], [a["text"] for a in answers], [a["feedback"] for a in answers]):
        assert all(part.strip() and part.count("`") % 2 == 0 and "**" not in part for part in parts)
        assert len(set(parts)) == len(parts)
    assert not any(re.match("(wrong|no|right|yes)[.!,]", answer["feedback"], re.IGNORECASE) for answer in answers)


def test_neither_length_nor_place_tells_the_right_answer():
    found = {"longest": 0, "shortest": 0}
    for *_, question in ALL:
        right, others = ([length(a) for a in question["answers"] if a["right"] == kind] for kind in (True, False))
        found["longest"] += right[0] > max(others)
        found["shortest"] += right[0] < min(others)
    places = [[answer["right"] for answer in q["answers"]].index(True) for *_, q in ALL]
    assert max(found.values()) <= len(ALL) * 0.4, found
    assert all(places.count(i) >= len(ALL) / 4 for i in range(3))


def first(found):
    "The first question of the figure `found`, the label of its right answer and that of a wrong one"
    question = next(iter(CHAPTERS.values()))["questions"][0]
    right, wrong = (next(a for a in question["answers"] if a["right"] == kind) for kind in (True, False))
    return found.locator("form").first, right, wrong


def feedback(form, text):
    form.locator("output", has_text=text.replace("`", "")).wait_for()


@pytest.mark.parametrize("how", ["mouse", "touch", "keyboard"])
def test_questions(browser, address, how):  # noqa: F811
    with opened(browser, f"{address}questions.html", **options_for(how)) as (page, _):
        assert start_figures(page)
        overview, found = (page.locator("figure.interactive").nth(i) for i in (0, 1))
        form, right, wrong = first(found)
        radios, check = form.get_by_role("radio"), form.get_by_role("button", name="Check")

        def choose(answer):
            i = CHAPTERS[FILES[0].stem]["questions"][0]["answers"].index(answer)
            if how == "keyboard":
                radios.nth(0).focus()
                page.keyboard.press(" ")
                for _ in range(i):
                    page.keyboard.press("ArrowDown")
                page.keyboard.press("Enter")
            else:
                act = "tap" if how == "touch" else "click"
                getattr(form.locator("label").nth(i), act)()
                getattr(check, act)()

        check.press("Enter")
        feedback(form, "Choose an answer first.")
        choose(wrong)
        feedback(form, "Not this one. " + wrong["feedback"])
        assert found.locator(".mf-count").inner_text().endswith("1 of 6 answered, 0 right")
        choose(right)
        feedback(form, "Right. " + right["feedback"])
        for figure in (found, overview):
            assert "Exploration: 1 of 6 answered, 1 right" in figure.locator(".mf-count").first.inner_text()
        page.reload(wait_until="networkidle")
        assert start_figures(page)
        feedback(form, right["feedback"])
        assert form.get_by_role("radio", checked=True).count() == 1
        found.get_by_role("button", name="Start again").press("Enter")
        assert form.get_by_role("radio", checked=True).count() == 0 and form.locator("output").inner_text() == ""
        assert "0 of 6 answered" in overview.locator(".mf-count").first.inner_text()


def test_a_choice_that_is_not_checked_survives_another_answer_and_axe_finds_nothing(browser, address):  # noqa: F811
    with opened(browser, f"{address}questions.html", viewport=PHONE, color_scheme="dark") as (page, problems):
        start_figures(page)
        one, two = (page.locator("figure.interactive").nth(1).locator("form").nth(i) for i in (0, 1))
        one.get_by_role("radio").first.check()
        two.get_by_role("radio").first.check()
        two.get_by_role("button").click()
        assert one.get_by_role("radio").first.is_checked() and one.locator("output").inner_text() == ""
        page.locator("figure.interactive").first.get_by_role("button", name="Start all again").click()
        assert two.get_by_role("radio", checked=True).count() == 0
        two.get_by_role("radio").last.check()
        two.get_by_role("button").click()
        problems += axe_problems(page, "with an answer")


def test_where_the_browser_may_not_remember_them_answers_last_as_long_as_the_page(browser, address):  # noqa: F811
    with opened(browser, f"{address}questions.html") as (page, _):
        page.add_init_script("Storage.prototype.setItem = () => { throw new Error('not here') }")
        page.reload(wait_until="networkidle")
        start_figures(page)
        found = page.locator("figure.interactive").nth(1)
        form, right, _ = first(found)
        form.locator("label", has_text=right["text"]).click()
        form.get_by_role("button").click()
        feedback(form, "Right.")
        assert found.locator(".mf-count").inner_text().endswith("1 of 6 answered, 1 right")


def test_without_javascript_a_solution_is_folded_below_each_question(browser, address):  # noqa: F811
    with opened(browser, f"{address}questions.html", java_script_enabled=False) as (page, _):
        folds = page.locator("figure.interactive details")
        assert folds.count() == len(ALL) and not folds.first.locator("p").first.is_visible()
        folds.first.locator("summary").click()
        assert folds.first.locator("p", has_text="Right.").is_visible()
