"""The tour and a lesson as a person goes through them: in both languages, and with the keyboard alone."""

import re

import pytest
from playwright.sync_api import Page, expect

from dashboard.i18n import LANGUAGES, Catalogue
from dashboard.lessons.lesson import TOUR, Lesson, all_lessons
from tests.browser.conftest import settled

pytestmark = pytest.mark.model
SECONDS = 240_000
"""For what waits for a model on a busy machine [ms]."""
MOST_TABS = 300
ASKING = [lesson for lesson in all_lessons().values() if isinstance(lesson, Lesson) and lesson.asked]


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_tour_leads_over_every_page(page, app_server, language):
    text, tour = Catalogue(language), all_lessons()[TOUR]
    page.set_viewport_size({"width": 1440, "height": 900})
    page.goto(f"{app_server}/?lang={language}&lesson={TOUR}")
    for number, step in enumerate(tour.steps, start=1):
        words = step.words[language]
        expect(page.get_by_role("heading", name=text(f"{step.page}.title"), exact=True)).to_be_visible(timeout=SECONDS)
        expect(page.get_by_role("heading", name=words.title, exact=True)).to_be_visible(timeout=SECONDS)
        expect(page.get_by_text(words.text)).to_be_in_viewport()
        settled(page, SECONDS / 1000)
        last = number == len(tour.steps)
        page.get_by_role("button", name=text("lessons.finish" if last else "lessons.next"), exact=True).click()
    expect(page.get_by_text(text("lessons.tour_done"))).to_be_visible(timeout=SECONDS)
    settled(page, SECONDS / 1000)
    page.get_by_role("button", name=text("lessons.others"), exact=True).click()
    expect(page.get_by_text(text("lessons.question"))).to_be_visible(timeout=SECONDS)
    expect(page).not_to_have_url(re.compile("lesson="))


def tab_to(page: Page, selector: str, *, back: bool = False) -> None:
    """Press Tab, or (`back`) Shift and Tab, until an element that matches has the focus."""
    for _ in range(MOST_TABS):
        page.keyboard.press("Shift+Tab" if back else "Tab")
        if page.evaluate("selector => document.activeElement.matches(selector)", selector):
            return
    raise AssertionError(f"Tab never reached {selector}")


def answer_by_keys(page: Page) -> None:
    """Choose the first option, or type a number, and check it."""
    tab_to(page, ".st-key-lesson_card input")
    if page.evaluate("document.activeElement.type") == "radio":
        page.keyboard.press("Space")
        tab_to(page, ".st-key-lesson_card [data-testid=stFormSubmitButton] button")
    else:
        page.keyboard.type("7")
    page.keyboard.press("Enter")
    expect(page.locator(".ls-verdict")).to_be_visible(timeout=SECONDS)
    settled(page, SECONDS / 1000)


@pytest.mark.parametrize("lesson", ASKING, ids=lambda lesson: lesson.name)
def test_a_lesson_is_gone_through_with_the_keyboard_alone(page, app_server, lesson):
    page.set_viewport_size({"width": 1440, "height": 900})
    page.goto(f"{app_server}/lessons")
    expect(page.get_by_role("button", name=f"Start: {lesson.title['en']}", exact=True)).to_be_visible(timeout=SECONDS)
    settled(page, SECONDS / 1000)
    tab_to(page, f".st-key-lesson_start_{lesson.name} button")
    page.keyboard.press("Enter")
    for number, step in enumerate(lesson.steps, start=1):
        expect(page.get_by_role("heading", name=step.words["en"].title, exact=True)).to_be_visible(timeout=SECONDS)
        expect(page.get_by_role("button", name="Check", exact=True)).to_be_visible(timeout=SECONDS)
        settled(page, SECONDS / 1000)
        answer_by_keys(page)
        expect(page).to_have_url(re.compile(rf"{lesson.name}_{number}_[0-9a-f]{{6}}_"))
        tab_to(page, ".st-key-lesson_next button", back=True)
        page.keyboard.press("Enter")
    expect(page.get_by_text(re.compile(rf"of {len(lesson.asked)} questions right"))).to_be_visible(timeout=SECONDS)
    settled(page, SECONDS / 1000)
    with page.expect_download() as download:
        tab_to(page, ".st-key-lesson_csv button")
        page.keyboard.press("Enter")
    lines = download.value.path().read_text(encoding="utf-8-sig").splitlines()
    assert len(lines) == 1 + len(lesson.steps)
