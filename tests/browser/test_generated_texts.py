"""The generated texts in a real browser: read, walked through, forked, and growing under the pointer."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import serve, settled
from tests.browser.test_components import COUNT_LISTENERS, NASTY, calls_of, contrast, opened


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with serve(Path(__file__).parent / "component_app.py") as address:
        yield address


def token(page: Page, row: int, step: int) -> Locator:
    return page.locator(f'[data-row="{row}"] [data-step="{step}"]')


def card(page: Page) -> Locator:
    return page.locator(".card")


def pinned(page: Page) -> Locator:
    dialog = page.get_by_role("dialog")
    expect(dialog).to_be_visible()
    return dialog


# -- reading ------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_token_is_literal_and_readable(page, server, scheme):
    page.emulate_media(color_scheme=scheme)
    opened(page, server, "show=texts&rows=1")
    tokens = page.locator(".token")
    expect(tokens).to_have_count(40)
    assert tuple(tokens.all_text_contents()[: len(NASTY)]) == NASTY
    assert tokens.locator("*").count() == 0
    assert page.evaluate("window.hacked") is None
    coloured = page.locator('.token:not([data-step="11"])')
    colours = coloured.evaluate_all(
        "all => all.map(t => [getComputedStyle(t).color, getComputedStyle(t).backgroundColor])"
    )
    assert len(colours) == 39 and min(contrast(*pair) for pair in colours) >= 4.5
    assert token(page, 0, 11).evaluate("t => t.style.background") == ""


def test_the_card_tells_a_tokens_numbers_its_marks_and_its_alternatives(page, server):
    opened(page, server, "show=texts")
    token(page, 1, 21).hover()
    shown = card(page)
    expect(shown).to_contain_text("21 · id 2100 · p 0.021")
    expect(shown).to_contain_text("Wavy line: differs from the baseline.")
    expect(shown).to_contain_text("Bar in front: here the text parts")
    expect(shown).not_to_contain_text("Dotted line")
    options = shown.locator(".option")
    expect(options).to_have_count(10)
    expect(shown.locator(".option.chosen")).to_have_text("✓generated·word48p 0.500 · q 0.600")
    cut = shown.locator(".option.cut")
    assert cut.count() == 3 and all("cut by top_k" in words for words in cut.all_text_contents())
    expect(cut.first.locator(".label")).to_have_css("text-decoration-line", "line-through")
    page.mouse.move(2, 2)
    expect(shown).to_be_hidden()


def test_the_card_shows_every_label_literally(page, server):
    opened(page, server, "show=texts&rows=1")
    for index, label in enumerate(NASTY):
        token(page, 0, index).hover()
        expect(card(page).locator("p").first).to_have_text(f"\u2068{label}\u2069")
        assert set(NASTY[:8]) & set(card(page).locator(".option .label").all_text_contents())
        assert card(page).locator("*:not(p, div, button, span)").count() == 0
    assert page.evaluate("window.hacked") is None


def test_marks_look_different_without_colour(page, server):
    opened(page, server, "show=texts")
    assert token(page, 0, 0).evaluate("t => getComputedStyle(t).borderBottomStyle") == "dotted"
    assert token(page, 0, 10).evaluate("t => getComputedStyle(t).textDecorationStyle") == "wavy"
    assert token(page, 0, 25).evaluate("t => getComputedStyle(t).boxShadow") != "none"
    assert token(page, 0, 15).evaluate("t => getComputedStyle(t, '::before').width") == "3px"
    assert token(page, 0, 3).evaluate("t => getComputedStyle(t).boxShadow") == "none"


def test_a_newline_token_ends_its_line(page, server):
    opened(page, server, "show=texts")
    before, newline, after = (token(page, 0, step).bounding_box() for step in (8, 9, 10))
    assert abs(newline["y"] - before["y"]) < 3
    assert after["y"] > newline["y"] + 10 and after["x"] < before["x"]


def test_without_texts_it_is_said(page, server):
    opened(page, server, "show=texts&rows=0")
    expect(page.get_by_text("No texts yet.")).to_be_visible()
    assert page.get_by_role("grid").count() == 0


def test_why_a_text_ended_stands_behind_it(page, server):
    opened(page, server, "show=texts&rows=1")
    ending = page.locator(".ending")
    expect(ending).to_have_text("limit reached")
    last, chip = token(page, 0, 39).bounding_box(), ending.bounding_box()
    assert chip["x"] > last["x"] and abs(chip["y"] + chip["height"] / 2 - last["y"] - last["height"] / 2) < 6


def test_the_texts_speak_spanish(page, server):
    opened(page, server, "show=texts&lang=es")
    expect(page.get_by_role("grid", name="Textos generados")).to_be_visible()
    token(page, 0, 21).click()
    expect(pinned(page)).to_contain_text("Línea ondulada: difiere de la referencia.")
    expect(page.get_by_role("listbox", name="Alternativas")).to_be_visible()


# -- choosing -----------------------------------------------------------------------------------------------------
def test_a_click_pins_the_card_and_an_alternative_forks_there(page, server):
    opened(page, server, "show=texts")
    token(page, 1, 21).hover()
    before = card(page).bounding_box()
    token(page, 1, 21).click()
    dialog = pinned(page)
    after = dialog.bounding_box()
    assert (after["x"], after["y"], after["width"]) == (before["x"], before["y"], before["width"])
    expect(token(page, 1, 21)).to_have_attribute("aria-expanded", "true")
    page.get_by_role("option", name="p 0.250").click()
    assert calls_of(page, 1) == [["fork", [1, 21, 2102]]]
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_the_keyboard_opens_walks_and_forks_and_gets_its_focus_back(page, server):
    opened(page, server, "show=texts")
    token(page, 0, 20).focus()
    page.keyboard.press("ArrowRight")
    expect(card(page)).to_contain_text("21 · id 2100")
    page.keyboard.press("Enter")
    options = page.get_by_role("option")
    expect(options.nth(0)).to_be_focused()
    for key in ("ArrowDown", "ArrowDown", "ArrowUp", "ArrowDown"):
        page.keyboard.press(key)
    expect(options.nth(2)).to_be_focused()
    page.keyboard.press("Escape")
    page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    expect(card(page)).to_be_hidden()
    expect(token(page, 0, 21)).to_be_focused()
    assert token(page, 0, 21).get_attribute("aria-expanded") is None
    page.keyboard.press("Space")
    page.keyboard.press("End")
    page.keyboard.press("Enter")
    assert calls_of(page, 1) == [["fork", [0, 21, 2109]]]
    expect(token(page, 0, 21)).to_be_focused()


def test_the_generated_token_is_no_alternative_to_itself(page, server):
    opened(page, server, "show=texts")
    token(page, 0, 21).click()
    chosen = page.get_by_role("option", selected=True)
    expect(chosen).to_be_disabled()
    chosen.click(force=True)
    expect(pinned(page)).to_be_visible()
    page.get_by_role("option").nth(3).click()
    assert calls_of(page, 1) == [["fork", [0, 21, 2103]]]


def test_a_pinned_card_ends_by_its_button_by_a_click_elsewhere_and_by_its_token(page, server):
    opened(page, server, "show=texts")
    ends = (
        lambda: page.get_by_role("button", name="Close").click(),
        lambda: page.get_by_text("below", exact=True).click(),
        lambda: token(page, 0, 21).click(),
    )
    for end in ends:
        token(page, 0, 21).click()
        pinned(page)
        end()
        expect(page.get_by_role("dialog")).to_have_count(0)
    assert page.locator(".token.pinned").count() == 0


def test_tab_leaves_a_pinned_card_and_the_texts(page, server):
    opened(page, server, "show=texts")
    token(page, 0, 21).click()
    pinned(page)
    page.keyboard.press("Tab")
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page.get_by_role("button", name="other head")).to_be_focused()


def test_another_token_is_pinned_by_one_click(page, server):
    opened(page, server, "show=texts")
    token(page, 0, 16).click()
    expect(pinned(page)).to_contain_text("16 · id 1600")
    token(page, 0, 24).click()
    expect(pinned(page)).to_contain_text("24 · id 2400")
    assert page.locator(".token.pinned").count() == 1
    page.mouse.move(2, 2)
    expect(pinned(page)).to_contain_text("24 · id 2400")


def test_a_tap_pins_and_chooses(browser, server):
    touch = browser.new_context(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    page = opened(touch.new_page(), server, "show=texts")
    token(page, 0, 16).tap()
    dialog = pinned(page).bounding_box()
    assert dialog["x"] >= 0 and dialog["x"] + dialog["width"] <= 390
    option = page.get_by_role("option").nth(3)
    assert option.bounding_box()["height"] >= 30
    option.tap()
    assert calls_of(page, 1) == [["fork", [0, 16, 1603]]]
    touch.close()


def test_texts_that_can_only_be_read_fork_nowhere(page, server):
    opened(page, server, "show=texts&readonly=1")
    token(page, 0, 21).click()
    option = page.get_by_role("option").nth(3)
    expect(option).to_be_disabled()
    option.click(force=True)
    expect(pinned(page)).not_to_contain_text("Choose one")
    assert calls_of(page, 0) == []


# -- walking ------------------------------------------------------------------------------------------------------
def test_arrows_walk_through_a_text_and_from_line_to_line_and_text_to_text(page, server):
    opened(page, server, "show=texts")
    token(page, 0, 8).focus()
    page.keyboard.press("ArrowDown")
    step = page.locator(".token:focus")
    assert int(step.get_attribute("data-step")) in {10, 11, 12}
    page.keyboard.press("End")
    expect(token(page, 0, 39)).to_be_focused()
    page.keyboard.press("ArrowRight")
    expect(token(page, 0, 39)).to_be_focused()
    page.keyboard.press("ArrowDown")
    assert page.locator('[data-row="1"] .token:focus').count() == 1
    page.keyboard.press("Home")
    expect(token(page, 1, 0)).to_be_focused()
    page.keyboard.press("ArrowLeft")
    expect(token(page, 1, 0)).to_be_focused()
    page.keyboard.press("ArrowUp")
    assert page.locator('[data-row="0"] .token:focus').count() == 1
    for _ in range(12):
        page.keyboard.press("ArrowUp")
    assert int(page.locator('[data-row="0"] .token:focus').get_attribute("data-step")) <= 2
    assert page.locator('.token[tabindex="0"]').count() == 1


def test_a_screen_reader_gets_the_numbers_and_marks_of_the_token_in_focus(page, server):
    opened(page, server, "show=texts")
    token(page, 0, 20).focus()
    page.keyboard.press("ArrowRight")
    name = "·word47, 21 · id 2100 · p 0.021, Wavy line: differs from the baseline., Bar in front"
    expect(page.get_by_role("gridcell", name=name)).to_be_focused()
    expect(page.get_by_role("row", name="row 2")).to_be_visible()


# -- growing ------------------------------------------------------------------------------------------------------
def state_of(page: Page) -> dict:
    return page.locator(".texts .box").evaluate(
        "box => ({top: box.scrollTop, end: box.scrollHeight - box.clientHeight, busy: box.getAttribute('aria-busy')})"
    )


def until_drawn(page: Page, count: int, rows: int = 3) -> None:
    expect(page.locator(".token")).to_have_count(rows * count, timeout=30_000)


def test_growing_texts_keep_every_token_that_is_there(page, server):
    opened(page, server, "show=texts&stream=1&count=200&rows=2")
    expect(token(page, 1, 10)).to_be_visible(timeout=15_000)
    token(page, 1, 3).evaluate(
        """span => {
            const box = span.closest('.box');
            window.kept = [...box.querySelectorAll('.token')];
            window.removed = 0;
            new MutationObserver((all) => all.forEach((one) => (window.removed += one.removedNodes.length)))
                .observe(box, {childList: true, subtree: true});
        }"""
    )
    assert state_of(page)["busy"] == "true"
    expect(token(page, 1, 50)).to_be_visible(timeout=30_000)
    assert page.evaluate("[window.kept.every((span) => span.isConnected), window.removed]") == [True, 0]
    assert state_of(page)["busy"] == "true"


def test_texts_that_have_ended_say_why(page, server):
    opened(page, server, "show=texts&stream=1&count=20&rows=2")
    until_drawn(page, 20, 2)
    expect(page.locator(".ending").first).to_have_text("limit reached")
    assert state_of(page)["busy"] == "false"


def test_while_texts_grow_nothing_is_announced_and_then_their_end_is(page, server):
    opened(page, server, "show=texts&stream=1&count=30")
    expect(token(page, 0, 4)).to_be_visible(timeout=15_000)
    live = page.locator(".live")
    expect(live).to_have_attribute("aria-live", "off")
    expect(live).to_have_text("")
    until_drawn(page, 30)
    expect(live).to_have_attribute("aria-live", "polite")
    expect(live).to_have_text("All texts are generated.")


def test_before_the_first_token_it_is_said_that_one_waits(page, server):
    opened(page, server, "show=texts&stream=1&count=30&hold=0")
    expect(page.get_by_text("Waiting for the first token …")).to_be_visible()


def test_the_end_stays_in_view_until_the_person_scrolls(page, server):
    opened(page, server, "show=texts&stream=1&count=130&rows=1&max_height=150")
    page.wait_for_function(
        """() => [...document.querySelectorAll('.st-key-texts *')].map((e) => e.shadowRoot).filter(Boolean)
            .some((root) => root.querySelector('.box')?.scrollTop > 60)""",
        timeout=30_000,
    )
    state = state_of(page)
    assert state["end"] - state["top"] < 2
    page.locator(".texts .box").evaluate("box => (box.scrollTop = 40)")
    until_drawn(page, 130, 1)
    assert state_of(page)["top"] == 40


def test_where_several_texts_grow_the_first_stays_in_view(page, server):
    opened(page, server, "show=texts&stream=1&count=60&rows=6&max_height=150")
    until_drawn(page, 60, 6)
    state = state_of(page)
    assert state["top"] == 0 and state["end"] > 100


def test_the_card_stays_open_under_a_resting_pointer_while_texts_grow(page, server):
    opened(page, server, "show=texts&stream=1&count=200&rows=2")
    expect(token(page, 0, 3)).to_be_visible(timeout=15_000)
    token(page, 0, 2).hover()
    expect(card(page)).to_contain_text("2 · id 200")
    card(page).evaluate(
        """card => {
            window.closed = 0;
            card.addEventListener('toggle', (event) => event.newState === 'closed' && window.closed++);
        }"""
    )
    expect(token(page, 1, 40)).to_be_visible(timeout=30_000)
    expect(card(page)).to_contain_text("2 · id 200")
    expect(card(page)).to_be_visible()
    assert page.evaluate("window.closed") == 0


def pinned_while_growing(page: Page, server: str, more: str) -> Locator:
    """The third alternative of a card that was pinned while texts grew, when they have ended."""
    opened(page, server, f"show=texts&stream=1&count=40{more}")
    expect(token(page, 0, 3)).to_be_visible(timeout=15_000)
    token(page, 0, 3).click()
    option = page.get_by_role("option").nth(2)
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    expect(option).to_be_focused()
    expect(option).to_be_disabled()
    expect(pinned(page)).to_contain_text("One can be chosen when all texts are generated.")
    page.keyboard.press("Enter")
    until_drawn(page, 40)
    expect(option).to_be_enabled()
    expect(option).to_be_focused()
    return option


def test_a_card_pinned_while_texts_grow_can_be_chosen_from_when_they_have_ended(page, server):
    pinned_while_growing(page, server, "")
    settled(page)  # a choice sent between two runs of the page can get lost
    page.keyboard.press("Enter")
    assert calls_of(page, 1) == [["fork", [0, 3, 302]]]


def test_a_pinned_card_and_its_focus_outlive_texts_that_leave_the_page_for_a_moment(page, server):
    option = pinned_while_growing(page, server, "&gone=1")
    expect(page.get_by_text("back", exact=True)).to_be_visible(timeout=15_000)
    settled(page)
    expect(page.get_by_role("status").filter(has_text="All texts are generated.")).to_be_attached()
    expect(option).to_be_focused()
    page.keyboard.press("ArrowUp")
    expect(page.get_by_role("option").nth(1)).to_be_focused()
    page.keyboard.press("Escape")
    expect(option).to_have_count(0)
    expect(token(page, 0, 3)).to_be_focused()


def test_growing_texts_do_not_pile_up_listeners(page, server):
    page.add_init_script(COUNT_LISTENERS)
    opened(page, server, "show=texts&stream=1&count=40")
    expect(token(page, 0, 3)).to_be_visible(timeout=15_000)
    before = page.evaluate("window.listeners")
    assert before > 5
    until_drawn(page, 40)
    assert page.evaluate("window.listeners") == before


# -- much ---------------------------------------------------------------------------------------------------------
LONG_TASKS = (
    "window.slowest = 0; new PerformanceObserver(list => list.getEntries().forEach("
    "e => window.slowest = Math.max(window.slowest, e.duration))).observe({type: 'longtask', buffered: true});"
)


def test_fifty_texts_of_five_hundred_tokens_do_not_freeze_the_page(page, server):
    page.add_init_script(LONG_TASKS)
    opened(page, server, "show=texts&rows=50&count=500")
    expect(page.locator(".token").first).to_be_visible(timeout=30_000)
    assert page.locator(".token").count() == 3000
    assert page.evaluate("window.slowest") < 1000
    first = page.locator('[data-row="0"]')
    first.get_by_text("… 440 more").click()
    expect(first.locator(".token")).to_have_count(500)
    expect(token(page, 0, 60)).to_be_focused()
    expect(first.get_by_text("more")).to_be_hidden()


def test_the_keyboard_reaches_tokens_that_are_not_drawn_yet(page, server):
    opened(page, server, "show=texts&rows=50&count=80")
    token(page, 2, 59).focus()
    page.keyboard.press("ArrowRight")
    expect(token(page, 2, 60)).to_be_focused()
    token(page, 3, 0).focus()
    page.keyboard.press("End")
    expect(token(page, 3, 79)).to_be_focused()


def test_more_texts_come_by_a_button(page, server):
    opened(page, server, "show=texts&rows=130&count=3&alternatives=2")
    expect(page.locator(".row")).to_have_count(100)
    page.get_by_role("button", name="Show more texts (there are 30 more)").click()
    expect(page.locator(".row")).to_have_count(130)
    expect(token(page, 100, 0)).to_be_focused()


def test_a_narrow_page_does_not_scroll_sideways(page, server):
    page.set_viewport_size({"width": 390, "height": 844})
    opened(page, server, "show=texts")
    widths = page.get_by_test_id("stMain").evaluate("main => [main.scrollWidth, main.clientWidth]")
    box = page.locator(".texts .box").evaluate("box => [box.scrollWidth, box.clientWidth]")
    assert widths[0] <= widths[1] and box[0] <= box[1]
    token(page, 0, 13).click()
    dialog = pinned(page).bounding_box()
    assert dialog["x"] >= 0 and dialog["x"] + dialog["width"] <= 390
    assert page.locator(".card").evaluate("card => card.scrollWidth <= card.clientWidth")
    settled(page)
