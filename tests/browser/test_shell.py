"""What stands on every page, as a person uses it: prompt, exact tokens, pages on a phone, colour scale, print."""

import re
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Page, expect

from dashboard.i18n import Catalogue
from dashboard.navigation import PAGES
from tests.browser.conftest import settled
from tests.browser.test_app import headline, open_page

pytestmark = pytest.mark.model
PROMPT = "zebra <b>lamp</b> zebra"
ACCENT = "rgb(52, 81, 178)"
SPANISH = Catalogue("es")


def type_only(page: Page, prompt: str) -> None:
    page.get_by_label("Prompt", exact=True).fill(prompt)


def test_a_prompt_that_did_not_run_is_said_over_the_charts_until_it_runs(page, app_server):
    open_page(page, app_server, "/attention?prompt=zebra+%3Cb%3Elamp%3C%2Fb%3E+zebra")
    line, button = page.locator(".ls-pending"), page.get_by_role("button", name="Use this prompt")
    expect(line).to_be_hidden()
    expect(button).not_to_have_css("background-color", ACCENT)
    type_only(page, "zebra river")
    expect(line).to_be_visible()
    expect(line).to_have_text(re.compile(re.escape(PROMPT)))
    expect(button).to_have_css("background-color", ACCENT)
    type_only(page, PROMPT)
    expect(line).to_be_hidden()
    type_only(page, "zebra river")
    page.keyboard.press("Control+Enter")
    expect(page).to_have_url(re.compile("prompt=zebra.river"))
    expect(line).to_be_hidden()
    expect(button).not_to_have_css("background-color", ACCENT)


def test_the_charts_keep_their_place_while_a_prompt_is_typed(page, app_server):
    open_page(page, app_server, "/next_token?prompt=zebra")
    settled(page)
    block = page.locator(".st-key-chart_candidates")
    before = block.bounding_box()
    type_only(page, "a much longer text about zebras " * 40)
    expect(page.locator(".ls-pending")).to_be_visible()
    assert block.bounding_box() == before


def test_the_switch_of_the_chat_template_is_part_of_what_did_not_run(page, app_server):
    open_page(page, app_server, "/next_token?prompt=zebra")
    page.get_by_text("In the chat template").click()
    expect(page.locator(".ls-pending")).to_be_visible()


def test_turns_of_a_chat_are_part_of_what_did_not_run_and_the_keyboard_uses_them(page, app_server):
    open_page(page, app_server, "/next_token?prompt=zebra&chat=true")
    settled(page)
    page.get_by_role("button", name="User turn").click()
    turn = page.get_by_label("User, earlier turn")
    expect(turn).to_have_count(1)
    settled(page)
    expect(page.locator(".ls-pending")).to_be_hidden()
    turn.fill("lamp")
    expect(page.locator(".ls-pending")).to_be_visible()
    page.keyboard.press("Control+Enter")
    expect(page).to_have_url(re.compile("chat_turns="))
    settled(page)
    expect(page.locator(".ls-pending")).to_be_hidden()
    assert parse_qs(urlsplit(page.url).query)["chat_turns"] == ['[["user","lamp"]]']
    expect(turn).to_have_count(1)
    page.get_by_role("button", name="Remove last turn").click()
    expect(turn).to_have_count(0)
    expect(page).not_to_have_url(re.compile("chat_turns="))


def test_exact_tokens_stay_open_on_other_pages_and_their_ids_are_copied(page, context, app_server):
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    open_page(page, app_server, "/next_token?prompt=This+class+is+really+interesting.&exact_tokens=true")
    chips = page.locator(".st-key-token_chips")
    expect(chips.get_by_role("listitem")).to_have_count(6, timeout=60_000)
    expect(chips).to_contain_text("Shape (1, 6)")
    expect(chips).to_contain_text("the tokenizer writes Ġ")
    assert chips.get_by_role("listitem").nth(1).inner_text().split() == ["1", "·class", "1128"]
    chips.get_by_role("button", name="Copy ids").click()
    expect(chips.get_by_text("Ids copied.")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == "[1348, 1128, 314, 2159, 3684, 30]"
    for name in ("Bias", "Attention"):
        page.get_by_role("link", name=name).first.click()
        headline(page, name)
    expect(chips.get_by_role("listitem")).to_have_count(6, timeout=30_000)
    assert parse_qs(urlsplit(page.url).query)["exact_tokens"] == ["true"]


def test_a_long_prompt_shows_its_first_chips_and_more_on_request(page, app_server):
    open_page(page, app_server, "/?prompt=zebra+lamp&exact_tokens=true")
    type_only(page, " <i>".join(["lamp"] * 300))
    page.keyboard.press("Control+Enter")
    chips = page.locator(".st-key-token_chips")
    more = chips.get_by_role("button", name="Show more tokens")
    expect(chips.locator(".chip")).to_have_count(400, timeout=30_000)
    more.click()
    expect(chips.locator(".chip")).not_to_have_count(400)


def test_a_page_that_does_not_use_the_prompt_folds_it(page, app_server):
    open_page(page, app_server, "/bias")
    headline(page, "Bias")
    fold = page.get_by_text("Prompt (not used here)")
    expect(fold).to_be_visible()
    expect(page.get_by_label("Prompt", exact=True)).to_be_hidden()
    fold.click()
    type_only(page, "zebra")
    expect(page.locator(".ls-pending")).to_be_hidden()


def test_a_phone_shows_the_other_pages_and_scrolls_down_only(page, app_server):
    open_page(page, app_server, "/?lang=es&prompt=zebra+lamp", width=390, height=844)
    titles = [SPANISH(f"{entry.slug}.title") for entry in PAGES]
    headline(page, titles[0])
    opener = page.get_by_test_id("stExpandSidebarButton")
    assert "Texto y páginas" in opener.evaluate("button => getComputedStyle(button, '::after').content")
    bar = page.locator(".st-key-page_bar")
    for title in [*titles[1:], titles[0]]:
        bar.get_by_role("link", name=title).click()
        headline(page, title)
        assert page.evaluate("document.querySelector('[data-testid=stMain]').scrollWidth") <= 390
    assert parse_qs(urlsplit(page.url).query)["prompt"] == ["zebra lamp"]


@pytest.mark.parametrize("path", ["/", "/attention"])
def test_the_colour_scale_stays_marked_on_another_page(page, app_server, path):
    open_page(page, app_server, path)
    settled(page)
    page.get_by_role("link", name="Next token").first.click()
    headline(page, "Next token")
    settled(page)
    chosen = page.locator('.st-key-scale [aria-checked="true"], .st-key-scale [aria-pressed="true"]')
    expect(chosen).to_have_text("Indigo")


def test_a_long_name_of_a_model_is_read_whole(page, app_server):
    open_page(page, app_server)
    expect(page.get_by_test_id("stSidebar").get_by_text("SmolLM2-135M-Instruct (bundled)")).to_be_visible()
    page.locator(".st-key-model").get_by_role("button").last.click()
    expect(page.get_by_role("option").first).to_be_visible()
    for option in page.get_by_role("option").all():
        assert option.evaluate("item => item.scrollWidth <= item.clientWidth")


def test_print_leaves_out_the_controls_and_says_the_facts(page, app_server):
    open_page(page, app_server, "/next_token?prompt=zebra+lamp")
    settled(page)
    page.emulate_media(media="print")
    expect(page.get_by_test_id("stSidebar")).to_be_hidden()
    expect(page.get_by_test_id("stHeader")).to_be_hidden()
    expect(page.locator(".st-key-next_token_pos")).to_be_hidden()
    expect(page.locator(".ls-strip").first).to_be_visible()
    assert page.get_by_test_id("stMain").evaluate("main => getComputedStyle(main).overflowY") == "visible"


def test_the_page_names_scripts_that_it_will_need_and_that_are_there(page, app_server):
    header = page.request.get(f"{app_server}/sampling").headers["link"]
    paths = [entry.split(">")[0].strip("<") for entry in header.split(", ")]
    assert any("PlotlyChart" in path for path in paths)
    for path in paths:
        answer = page.request.head(f"{app_server}/{path.removeprefix('./')}")
        assert answer.status == 200 and "javascript" in answer.headers["content-type"], path


def test_the_dark_theme_is_printed_with_dark_words_on_white(page, app_server):
    page.emulate_media(color_scheme="dark")
    open_page(page, app_server, "/next_token?prompt=zebra+lamp+zebra")
    expect(page.locator(".js-plotly-plot").first).to_be_visible(timeout=120_000)
    expect(page.locator(".stApp")).to_have_css("background-color", "rgb(16, 18, 22)")
    page.emulate_media(media="print", color_scheme="dark")
    expect(page.locator(".stApp")).to_have_css("background-color", "rgb(255, 255, 255)")
    for words in (".ls-finding", ".ls-foot .ls-strip", "h1"):
        expect(page.locator(words).first).to_have_css("color", "rgb(21, 24, 30)")
    expect(page.locator("[data-testid=stPlotlyChart]").first).to_have_css("filter", re.compile("invert"))


def test_on_a_phone_nothing_lies_over_a_chart_and_names_of_tokens_are_apart(page, app_server):
    prompt = "zebra+lamp+orange+river+" * 8
    open_page(page, app_server, f"/attention?prompt={prompt}&attention_layer=1&attention_head=1", 390, 844)
    chart = page.locator(".st-key-square_map .js-plotly-plot")
    expect(chart).to_be_visible(timeout=120_000)
    expect(chart.locator(".modebar")).to_be_hidden()
    overlap = """svg => [...svg.querySelectorAll(".ytick text")].map(text => text.getBoundingClientRect())
      .filter(box => box.height).sort((a, b) => a.top - b.top)
      .some((box, at, all) => at > 0 && box.top < all[at - 1].bottom - 3)"""
    assert not chart.evaluate(overlap)


def test_charts_follow_a_switch_between_light_and_dark(page, app_server):
    """Plotly's words carry their colour from the run that drew them."""
    open_page(page, app_server, "/next_token?prompt=zebra+lamp+zebra")
    words = page.locator(".js-plotly-plot .xtick text").first
    light, dark = (re.compile(rf"rgb\({red}, ") for red in (26, 230))
    expect(words).to_have_css("fill", light, timeout=120_000)
    for theme, colour in (("Dark", dark), ("Light", light)):
        page.get_by_test_id("stMainMenu").click()
        page.get_by_test_id(f"stMainMenuItem-theme-{theme}").click()
        page.keyboard.press("Escape")
        expect(words).to_have_css("fill", colour)
