"""The dashboard as a person uses it: a real server, a real browser, the bundled model."""

import contextlib
import csv
import io
import os
import re
import signal
import subprocess
import sys
import urllib.request
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import ROOT, choose, free_port, open_tab, ran, settled, wait_ready
from tests.test_view_state import NASTY

pytestmark = pytest.mark.model
PROMPT = "zebra lamp orange zebra lamp"


def open_page(page: Page, address: str, path: str = "/", width: int = 1440, height: int = 900) -> None:
    page.set_viewport_size({"width": width, "height": height})
    page.goto(address + path)
    if width > 700:
        wait_ready(page, seconds=120)


def type_prompt(page: Page, prompt: str) -> None:
    page.get_by_label("Prompt", exact=True).fill(prompt)
    page.get_by_role("button", name="Use this prompt", exact=True).click()
    ran(page)


def headline(page: Page, words: str | re.Pattern) -> None:
    expect(page.get_by_role("heading", name=words).first).to_be_visible(timeout=30_000)


def position_line(page: Page, words: str) -> None:
    """Wait for the line above the bars of the Next token page, which names the position and isolates the token."""
    isolated = words.replace("“", "“\u2068").replace("”", "\u2069”")
    expect(page.locator(".ls-note").filter(has_text=isolated).first).to_be_visible(timeout=30_000)


def test_the_first_page_stands_and_says_what_is_loaded(page, app_server):
    open_page(page, app_server)
    headline(page, "Overview")
    expect(page.get_by_text("SmolLM2-135M-Instruct").first).to_be_visible(timeout=60_000)
    expect(page).to_have_title(re.compile("Overview · Logitscope"))


def test_the_overview_has_an_address_of_its_own_and_no_other_name_has(page, app_server, watch):
    open_page(page, app_server, "/overview?prompt=zebra")
    headline(page, "Overview")
    expect(page.get_by_label("Prompt", exact=True)).to_have_value("zebra")
    expect(page.get_by_text("Page not found")).to_have_count(0)
    expect(page.get_by_role("link", name="Overview")).to_have_count(1)
    open_page(page, app_server, "/nowhere")
    expect(page.get_by_text("Page not found")).to_be_visible()
    watch.errors.clear()  # Streamlit says so in the console as well


@pytest.mark.parametrize(("theme", "colour"), [("light", "rgb(194, 65, 12)"), ("dark", "rgb(251, 146, 60)")])
def test_a_warning_has_the_colour_of_the_theme_that_was_chosen(page, app_server, theme, colour):
    other = "light" if theme == "dark" else "dark"
    page.emulate_media(color_scheme=other)
    open_page(page, app_server, f"/?embed=true&embed_options={theme}_theme", width=600)
    app = page.get_by_test_id("stApp")
    headline(page, "Overview")
    app.evaluate("app => app.insertAdjacentHTML('beforeend', '<p class=\"ls-count ls-warn\" id=\"warned\">!</p>')")
    for system in (other, theme):
        page.emulate_media(color_scheme=system)
        expect(page.locator("#warned")).to_have_css("color", colour)


def test_a_prompt_is_run_and_stands_in_the_address(page, app_server):
    open_page(page, app_server, "/attention")
    type_prompt(page, PROMPT)
    expect(page).to_have_url(re.compile(r"[?&]prompt="), timeout=30_000)
    expect(page.get_by_text(re.compile(r"of 8,192 tokens"))).to_be_visible()
    assert parse_qs(urlsplit(page.url).query)["prompt"] == [PROMPT]


def test_a_head_is_opened_from_the_mosaic_by_mouse_and_by_keyboard(page, app_server):
    open_page(page, app_server, "/attention")
    canvas = page.locator(".st-key-mosaic canvas").first
    expect(canvas).to_be_visible(timeout=60_000)
    settled(page)
    box = canvas.bounding_box()
    canvas.click(position={"x": box["width"] * 0.5, "y": box["height"] * 0.5})
    # the middle of 30 layers, whatever the labels beside them take
    expect(page).to_have_url(re.compile(r"attention_layer=1\d\b"), timeout=30_000)
    layer = parse_qs(urlsplit(page.url).query)["attention_layer"][0]
    headline(page, re.compile(rf"Layer {layer} · head \d+"))
    settled(page)
    canvas.focus()
    for key in ("Control+Home", "ArrowRight", "Enter"):
        page.keyboard.press(key)
    headline(page, re.compile(r"Layer 1 · head 0\b"))


def test_the_language_changes_and_the_view_stays(page, app_server):
    open_page(page, app_server, "/attention?attention_layer=4&attention_head=2")
    page.get_by_text("ES", exact=True).click()
    headline(page, "Atención")
    headline(page, re.compile(r"Capa 4 · cabeza 2\b"))
    expect(page.locator("html")).to_have_attribute("lang", "es")


def test_a_link_opened_cold_shows_the_same_view(page, browser, app_server):
    open_page(page, app_server, "/attention")
    type_prompt(page, PROMPT)
    page.get_by_label("Layer", exact=True).fill("7")
    page.get_by_label("Layer", exact=True).press("Enter")
    headline(page, re.compile(r"Layer 7 · head \d"))
    settled(page)
    page.get_by_label("Head", exact=True).fill("5")
    page.get_by_label("Head", exact=True).press("Enter")
    headline(page, re.compile(r"Layer 7 · head 5\b"))
    settled(page)
    assert parse_qs(urlsplit(page.url).query)["attention_head"] == ["5"]
    other = browser.new_context(locale="en-US").new_page()
    open_page(other, page.url, "")
    headline(other, re.compile(r"Layer 7 · head 5\b"))
    expect(other.get_by_label("Prompt", exact=True)).to_have_value(PROMPT)
    other.context.close()


def test_a_csv_is_downloaded(page, app_server):
    open_page(page, app_server, "/next_token?prompt=The+capital+of+Italy+is")
    position_line(page, "After position")
    open_tab(page, "Download")
    with page.expect_download() as found:
        page.get_by_role("button", name="CSV", exact=True).first.click()
    rows = list(csv.DictReader(io.StringIO(found.value.path().read_text(encoding="utf-8-sig"))))
    probs = [float(row["prob"]) for row in rows]
    assert len(rows) == 10
    assert probs == sorted(probs, reverse=True)
    assert rows[0]["model"] == "smollm2-135m-instruct"


def test_a_small_screen_has_no_sideways_scroll(page, app_server):
    for path in ("/", "/attention", "/next_token"):
        open_page(page, app_server, path, 390, 844)
        expect(page.get_by_test_id("stMain").get_by_role("heading").first).to_be_visible(timeout=60_000)
        settled(page)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        main = page.get_by_test_id("stMain")
        assert main.evaluate("node => node.scrollWidth - node.clientWidth") <= 0


def edges(page: Page, place: str) -> list[tuple[float, float]]:
    """Left and right of every match [px]."""
    expect(page.locator(place).first).to_be_visible(timeout=60_000)
    settled(page)
    return [tuple(edge) for edge in page.locator(place).evaluate_all(EDGES)]


EDGES = "nodes => nodes.map(node => { const box = node.getBoundingClientRect(); return [box.left, box.right] })"


@pytest.mark.parametrize("query", ["greedy=true", "value=logit&next_token_pins=29106", "log=true"])
def test_a_small_screen_shows_the_numbers_behind_the_bars_whole(page, app_server, query):
    open_page(
        page,
        app_server,
        f"/next_token?prompt=The+capital+of+Italy+is&next_token_inside=true&next_token_{query}",
        390,
        844,
    )
    for chart in ("candidates", "attribution", "head_attribution"):
        place = f".st-key-chart_{chart}"
        notes, labels = edges(page, f"{place} .textpoint text"), edges(page, f"{place} .ytick text")
        ((_, end),) = edges(page, place)
        assert max(right for _, right in notes) <= end
        assert min(left for left, _ in notes) >= max(right for _, right in labels)


def test_a_small_screen_shows_the_tokens_of_a_lens_of_few_columns(page, app_server):
    cells = ".st-key-chart_lens .textpoint text"
    open_page(page, app_server, "/next_token?prompt=The+capital+of+Italy+is&next_token_span=position", 390, 844)
    expect(page.locator(cells).first).to_be_visible(timeout=60_000)
    open_page(page, app_server, "/next_token?prompt=The+capital+of+Italy+is&next_token_inside=true", 390, 844)
    expect(page.locator(cells)).not_to_have_count(0, timeout=60_000)
    expect(page.locator(cells).first).to_be_hidden()


def test_two_browsers_with_different_prompts_do_not_mix(page, browser, app_server):
    other = browser.new_context(locale="en-US").new_page()
    open_page(page, app_server, "/next_token")
    open_page(other, app_server, "/next_token")
    page.get_by_label("Prompt", exact=True).fill("One two three")
    other.get_by_label("Prompt", exact=True).fill("Uno dos tres cuatro cinco")
    page.get_by_role("button", name="Use this prompt", exact=True).click()
    other.get_by_role("button", name="Use this prompt", exact=True).click()
    position_line(page, "After position 2, “·three”")
    position_line(other, "After position 8, “co”")
    other.context.close()


def test_nasty_text_is_shown_and_never_interpreted(page, app_server, watch):
    open_page(page, app_server, "/attention")
    type_prompt(page, NASTY + " <script>window.hacked=1</script> ![x](http://example.com/a.png)")
    headline(page, "Attention")
    for tab in ("Numbers", "Code", "Download"):
        open_tab(page, tab)
    assert page.evaluate("window.hacked") is None
    assert not watch.strangers


def test_a_box_dragged_over_the_map_becomes_the_exact_part(page, app_server):
    open_page(page, app_server, "/attention?prompt=" + "zebra+lamp+orange+" * 30)
    area = page.locator(".st-key-chart_head .nsewdrag").first
    expect(area).to_be_visible(timeout=60_000)
    area.scroll_into_view_if_needed()
    box = area.bounding_box()
    page.mouse.move(box["x"] + box["width"] * 0.2, box["y"] + box["height"] * 0.4)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.6, box["y"] + box["height"] * 0.8, steps=8)
    page.mouse.up()
    expect(page).to_have_url(re.compile("attention_queries="), timeout=30_000)
    settled(page)
    query = parse_qs(urlsplit(page.url).query)
    tokens = int(re.search(r"(\d+) of 8,192 tokens", page.get_by_test_id("stSidebar").inner_text())[1])
    for name, fractions in (("attention_keys", (0.2, 0.6)), ("attention_queries", (0.4, 0.8))):
        for value, fraction in zip(query[name], fractions, strict=True):
            assert abs(int(value) - fraction * tokens) <= 3


def test_a_long_run_is_stopped_and_asked_for_again(page, app_server):
    open_page(page, app_server, "/attention")
    page.get_by_label("Prompt", exact=True).fill("zebra lamp orange river " * 500)
    page.get_by_role("button", name="Use this prompt", exact=True).click()
    page.get_by_test_id("stMain").get_by_role("button", name="Stop").click(timeout=30_000)
    expect(page.get_by_text("Stopped. Nothing of it is shown.")).to_be_visible(timeout=30_000)
    settled(page)
    page.get_by_role("button", name="Run it again").click()
    expect(page.locator(".st-key-mosaic canvas").first).to_be_visible(timeout=120_000)


def test_values_of_a_link_that_do_not_fit_are_named(page, app_server):
    open_page(page, app_server, "/attention?attention_layer=99&attention_order=%3Cb%3E&nonsense=1")
    expect(page.get_by_text("attention_layer = 99")).to_be_visible(timeout=60_000)
    expect(page.get_by_text("attention_order = <b>")).to_be_visible()
    expect(page.get_by_text("nonsense = 1")).to_be_visible()
    page.get_by_role("button", name="Understood").click()
    expect(page.get_by_text("nonsense = 1")).to_have_count(0)


def test_back_and_forward_go_through_the_choices(page, app_server):
    open_page(page, app_server, "/next_token")
    type_prompt(page, "One two")
    position_line(page, "“·two”")
    type_prompt(page, "One two three four")
    position_line(page, "“·four”")
    page.go_back()
    position_line(page, "“·two”")
    page.go_forward()
    position_line(page, "“·four”")


@pytest.mark.skipif(os.name == "nt", reason="Windows has no signal that asks a process to end")
def test_the_first_command_serves_and_ends_when_asked_although_a_page_is_open(page):
    port = free_port()
    command = [sys.executable, "-m", "dashboard", "--headless", "--port", str(port), "--language", "en"]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, start_new_session=True)
    try:
        address = f"http://localhost:{port}"
        assert any(address in line for line in process.stdout)
        open_page(page, address)
        headline(page, "Overview")
        process.terminate()
        process.wait(15)
        with pytest.raises(OSError, match="refused"):
            urllib.request.urlopen(address)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


def test_a_menu_click_keeps_the_prompt(page, app_server):
    open_page(page, app_server, "/attention")
    type_prompt(page, PROMPT)
    page.get_by_role("link", name="Next token").first.click()
    position_line(page, "After position")
    assert page.get_by_label("Prompt", exact=True).input_value() == PROMPT
    assert parse_qs(urlsplit(page.url).query)["prompt"] == [PROMPT]


def noted(page: Page) -> list[tuple[str, str]]:
    """What stands behind each bar of the candidates: p, and what became of it."""
    notes = page.locator(".st-key-chart_candidates .textpoint text").all_text_contents()
    return [tuple(note.strip().split(" · ")) for note in notes]


def number_field(page: Page, key: str, value: str) -> None:
    field = page.locator(f".st-key-{key} input")
    field.fill(value)
    field.press("Enter")
    ran(page)


def test_a_temperature_moves_what_is_drawn_from_and_not_what_the_model_says(page, app_server):
    open_page(page, app_server, "/next_token?prompt=The+capital+of+Italy+is&next_token_temperature=0.9")
    expect(page.locator(".st-key-chart_candidates .textpoint").first).to_be_visible(timeout=60_000)
    before = noted(page)
    number_field(page, "next_token_temperature", "0.5")
    bars = page.locator(".st-key-chart_candidates")
    # while a new chart takes the old one's place, both stand there
    expect(bars.filter(has_text=before[0][1])).to_have_count(0, timeout=30_000)
    expect(bars).to_have_count(1)
    after = noted(page)
    assert [p for p, _ in before] == [p for p, _ in after]
    assert all(one != other for (_, one), (_, other) in zip(before[:3], after[:3], strict=True))


def test_a_clicked_token_and_a_rare_pinned_one_stand_in_a_link_opened_cold(page, browser, app_server):
    open_page(page, app_server, "/next_token?prompt=The+capital+of+Italy+is&next_token_inside=true")
    page.get_by_role("option", name=re.compile("^·capital,")).click()
    position_line(page, "After position 1, “·capital”")
    settled(page)
    page.get_by_text("Pin a token", exact=True).click()
    page.locator(".st-key-find_token input").fill(" zebra")
    page.locator(".st-key-find_token input").press("Enter")
    ran(page)
    choose(page.locator(".st-key-next_token_pins input"), re.compile(r"^·zebra · \d+$"))
    rare = page.locator(".st-key-chart_candidates .ytick text", has_text="zebra")
    expect(rare).to_have_text(re.compile(r"rank \d\d,\d{3}"), timeout=30_000)
    settled(page)
    # its way through the layers has a line of its own
    expect(page.locator(".st-key-chart_trajectories .legendtext", has_text="zebra")).to_be_visible()
    number_field(page, "next_token_layer", "4")
    other = browser.new_context(locale="en-US").new_page()
    open_page(other, page.url, "")
    position_line(other, "After position 1, “·capital”")
    expect(other.locator(".st-key-chart_candidates .ytick text", has_text="zebra")).to_have_text(rare.text_content())
    for chart in ("candidates", "trajectories", "attribution", "head_attribution"):
        place = f".st-key-chart_{chart} .ytick text"
        expect(other.locator(place).first).to_be_visible(timeout=60_000)
        assert other.locator(place).all_text_contents() == page.locator(place).all_text_contents()
    other.context.close()


def test_a_head_that_moved_the_logit_opens_on_the_attention_page(page, app_server):
    open_page(page, app_server, "/next_token?prompt=The+capital+of+Italy+is&next_token_layer=23")
    link = page.get_by_role("link", name=re.compile(r"L23 H\d")).first
    expect(link).to_be_visible(timeout=60_000)
    head = re.search(r"H(\d)", link.text_content()).group(1)
    settled(page)
    link.click()
    headline(page, re.compile(rf"Layer 23 · head {head}\b"))
    assert page.get_by_label("Prompt", exact=True).input_value() == "The capital of Italy is"
