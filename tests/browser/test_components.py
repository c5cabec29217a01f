"""The web components in a real browser: what they draw, what they answer to, what they never interpret."""

from __future__ import annotations

import json
import struct
import time
import zlib
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest
from playwright.sync_api import BrowserContext, Locator, Page, expect

from tests.browser.conftest import serve, settled

NASTY = (
    "<b>bold</b>",
    "<script>window.hacked=1</script>",
    "$x$",
    "[x](javascript:1)",
    "%{x}",
    "{token}",
    "שלום",
    "👩‍🚀",
)
PROVENANCE = {"model": "tiny", "prompt": '<b> & ]]> ñ 日本 --> "quoted"'}


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with serve(Path(__file__).parent / "component_app.py") as address:
        yield address


def opened(page: Page, server: str, query: str) -> Page:
    page.goto(f"{server}/?{query}")
    expect(page.get_by_text("below", exact=True)).to_be_visible(timeout=30_000)
    settled(page)
    return page


def calls_of(page: Page, count: int) -> list:
    box = page.locator(f".st-key-calls{count} textarea")
    expect(box).not_to_have_value("")  # for a moment a new field stands there without its text
    return json.loads(box.input_value())


# -- mosaic -------------------------------------------------------------------------------------------------------
def stage_of(page: Page) -> Locator:
    stage = page.get_by_role("application")
    expect(stage.locator(".selected")).to_be_visible()
    return stage


def tile_point(page: Page, layer: int, head: int, x: float = 0.5, y: float = 0.5) -> tuple[float, float]:
    """Where a tile of the grid is on the screen, told from the marked one (layer 1, head 2); x, y in [0, 1] of it."""
    mark = page.locator(".selected").bounding_box()
    assert mark
    edge = mark["width"] - 4
    return mark["x"] + 2 + (layer - 1) * (edge + 1) + x * edge, mark["y"] + 2 + (head - 2) * (edge + 1) + y * edge


def inked_share(page: Page) -> float:
    """Share of the canvas that is not the colour of its most frequent pixel."""
    return page.locator("canvas").evaluate(
        """canvas => {
            const image = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
            const counts = new Map();
            for (const pixel of new Uint32Array(image.data.buffer)) counts.set(pixel, (counts.get(pixel) ?? 0) + 1);
            return 1 - Math.max(...counts.values()) / (canvas.width * canvas.height);
        }"""
    )


@pytest.mark.parametrize("flow", ["grid", "ordered"])
def test_the_mosaic_draws_every_head(page, server, flow):
    opened(page, server, f"show=mosaic&flow={flow}")
    stage_of(page)
    assert 0.03 < inked_share(page) < 0.6


def test_270_heads_of_64_cells_are_drawn_soon_after_the_page(page, server):
    started = time.monotonic()
    opened(page, server, "show=mosaic&side=64")
    stage_of(page)
    assert inked_share(page) > 0.03
    assert time.monotonic() - started < 15


def test_a_diagonal_survives_tiles_with_fewer_pixels_than_cells(page, server):
    page.set_viewport_size({"width": 1000, "height": 700})
    opened(page, server, "show=mosaic&side=64")
    stage_of(page)
    x, y = tile_point(page, 1, 1, 0, 0)  # layer 1, head 1: the weight of 0.9 one column left of the diagonal
    dark = page.locator("canvas").evaluate(
        """(canvas, [x, y, edge]) => {
            const box = canvas.getBoundingClientRect();
            const image = canvas.getContext('2d').getImageData(x - box.left, y - box.top, edge, edge).data;
            let rows = 0;
            for (let row = 0; row < edge; row++) {
                const pixels = [...Array(edge).keys()].map((column) => image[4 * (row * edge + column)]);
                if (Math.min(...pixels.slice(Math.max(0, row - 2), row + 1)) < 120) rows++;
            }
            return rows / edge;
        }""",
        [round(x), round(y), round(page.locator(".selected").bounding_box()["width"] - 4)],
    )
    assert dark == 1


def test_a_click_picks_a_head_before_the_page_runs_again(page, server):
    opened(page, server, "show=mosaic")
    stage_of(page)
    page.mouse.click(*tile_point(page, 17, 5))
    assert calls_of(page, 1) == [["head", [17, 5]]]
    expect(page.get_by_label("bound", exact=True)).to_have_value("17")


def test_a_pick_does_not_send_the_tiles_again(page, server):
    received: list[int] = []
    page.on("websocket", lambda socket: socket.on("framereceived", lambda frame: received.append(len(frame))))
    opened(page, server, "show=mosaic&side=64")
    stage_of(page)
    assert max(received) > 270 * 64 * 64
    received.clear()
    page.mouse.click(*tile_point(page, 17, 5))
    assert calls_of(page, 1) == [["head", [17, 5]]]
    settled(page)
    assert 0 < sum(received) < 100_000


def test_the_mark_follows_a_head_that_the_page_opens(page, server):
    opened(page, server, "show=mosaic")
    stage_of(page)
    x, y = tile_point(page, 6, 6)
    page.get_by_role("button", name="other head").click()
    settled(page)
    expect(page.locator(".selected")).to_be_visible()
    page.wait_for_function(
        """([x, y]) => {
            const roots = [...document.querySelectorAll('.st-key-mosaic *')].map((e) => e.shadowRoot).filter(Boolean);
            const box = roots[0].querySelector('.selected').getBoundingClientRect();
            return box.left < x && x < box.right && box.top < y && y < box.bottom;
        }""",
        arg=[x, y],
    )


def test_a_click_picks_the_right_head_in_metric_order(page, server):
    opened(page, server, "show=mosaic&flow=ordered")
    box = page.locator("canvas").bounding_box()
    page.mouse.move(box["x"] + 20, box["y"] + 20)
    expect(page.locator(".card")).to_contain_text("layer 2, head 2 · 0.99")
    page.mouse.click(box["x"] + 20, box["y"] + 20)
    assert calls_of(page, 1) == [["head", [2, 2]]]


def test_the_keyboard_walks_announces_and_picks(page, server):
    opened(page, server, "show=mosaic")
    stage = stage_of(page)
    stage.focus()
    for key in ("ArrowRight", "ArrowDown", "ArrowRight"):
        page.keyboard.press(key)
    expect(page.locator(".live")).to_have_text("layer 3, head 3 · 0.48")
    expect(stage.locator(".cursor")).to_be_visible()
    page.keyboard.press("Enter")
    assert calls_of(page, 1) == [["head", [3, 3]]]
    page.keyboard.press("End")
    expect(page.locator(".live")).to_contain_text("layer 29, head 3")
    page.keyboard.press("Control+Home")
    page.keyboard.press("Space")
    assert calls_of(page, 2)[-1] == ["head", [0, 0]]


def test_the_cursor_stays_inside_and_steps_over_layers_without_attention(page, server):
    opened(page, server, "show=mosaic&missing=2&missing=0&layers=4")
    stage_of(page).focus()
    page.keyboard.press("ArrowRight")
    expect(page.locator(".live")).to_contain_text("layer 3, head 2")
    page.keyboard.press("ArrowRight")
    expect(page.locator(".live")).to_contain_text("layer 3, head 2")
    page.keyboard.press("Home")
    expect(page.locator(".live")).to_contain_text("layer 1, head 2")


def test_a_layer_without_attention_says_so_and_cannot_be_picked(page, server):
    opened(page, server, "show=mosaic&missing=3")
    stage_of(page)
    point = tile_point(page, 3, 4)
    page.mouse.move(*point)
    expect(page.locator(".card")).to_have_text("layer 3 has no attention map")
    page.mouse.click(*point)
    page.mouse.click(*tile_point(page, 4, 4))
    assert calls_of(page, 1) == [["head", [4, 4]]]


def test_the_mosaics_card_shows_every_token_literally(page, server):
    opened(page, server, "show=mosaic&side=14")
    stage_of(page)
    card = page.locator(".card")
    for index, token in enumerate(NASTY):
        page.mouse.move(*tile_point(page, 1, 2, (index + 0.5) / 14, 13.5 / 14))
        expect(card).to_be_visible()
        expect(card).to_contain_text(f"→ \u2068{token} ({index})")
        assert card.locator("*:not(p)").count() == 0
    assert page.evaluate("window.hacked") is None


def test_the_card_tells_weights_spans_and_what_cannot_be(page, server):
    opened(page, server, "show=mosaic&side=16&block=4")
    stage_of(page)
    card = page.locator(".card")
    page.mouse.move(*tile_point(page, 2, 3, 0.5 / 16, 15.5 / 16))
    expect(card).to_contain_text("·tok60 … ·tok62 (60–62)")
    expect(card).to_contain_text("weight 1.000, the largest of 4 × 4")
    page.mouse.move(*tile_point(page, 2, 3, 15.5 / 16, 0.5 / 16))
    expect(card).to_contain_text("a token cannot look at later ones")
    page.mouse.move(2, 2)
    expect(card).to_be_hidden()


def test_the_mosaic_speaks_spanish(page, server):
    opened(page, server, "show=mosaic&lang=es")
    expect(page.get_by_role("application", name="Atención de todas las cabezas")).to_be_visible()
    page.mouse.move(*tile_point(page, 1, 3, 0.5 / 32, 20.5 / 32))
    expect(page.locator(".card")).to_contain_text("peso 1,000")


def test_a_narrow_page_scrolls_the_mosaic_in_its_box_and_never_the_page(page, server):
    page.set_viewport_size({"width": 390, "height": 844})
    opened(page, server, "show=mosaic,tokens,image,copy")
    stage_of(page)
    widths = page.evaluate("[document.scrollingElement.scrollWidth, window.innerWidth]")
    main = page.get_by_test_id("stMain").evaluate("main => [main.scrollWidth, main.clientWidth]")
    assert widths[0] <= widths[1] and main[0] <= main[1]
    box = page.locator(".mosaic .box").evaluate("box => [box.scrollWidth, box.clientWidth]")
    assert box[0] > box[1]
    assert page.locator(".selected").bounding_box()["width"] - 4 >= 22


def test_thirty_layers_fit_a_thousand_pixels_without_scrolling(page, server):
    page.set_viewport_size({"width": 1160, "height": 700})
    opened(page, server, "show=mosaic&side=64")
    stage_of(page)
    box = page.locator(".mosaic .box").evaluate("box => [box.scrollWidth, box.clientWidth]")
    assert 990 <= box[1] <= 1010 and box[0] <= box[1]


def test_the_mosaic_is_drawn_anew_when_the_page_gets_narrower(page, server):
    opened(page, server, "show=mosaic&side=64")
    stage_of(page)
    before = page.locator("canvas").bounding_box()["width"]
    page.set_viewport_size({"width": 800, "height": 700})
    expect(page.locator("canvas")).not_to_have_css("width", f"{before}px")
    assert inked_share(page) > 0.03


COUNT_LISTENERS = """
    window.listeners = 0;
    const add = EventTarget.prototype.addEventListener;
    EventTarget.prototype.addEventListener = function (name, handler, options) {
        const component = this instanceof Node && this.getRootNode() instanceof ShadowRoot;
        if (component && options?.signal) {
            window.listeners++;
            add.call(options.signal, 'abort', () => window.listeners--);
        }
        return add.call(this, name, handler, options);
    };
"""


def test_new_data_does_not_pile_up_listeners(page, server):
    page.add_init_script(COUNT_LISTENERS)
    opened(page, server, "show=mosaic,tokens")
    stage_of(page)
    before = page.evaluate("window.listeners")
    assert before > 5
    for times in range(1, 4):
        page.get_by_text("without first").click()
        page.locator(f'[data-index="{times}"]').click()
        assert len(calls_of(page, times)) == times
        settled(page)
    assert page.evaluate("window.listeners") == before


def test_leaving_out_the_first_token_takes_its_column_away(page, server):
    opened(page, server, "show=mosaic&side=16")
    stage_of(page)
    page.get_by_text("without first").click()
    expect(page.get_by_role("application", name="Token 0 is left out")).to_be_visible()
    page.mouse.move(*tile_point(page, 2, 3, 0.5 / 16, 15.5 / 16))
    expect(page.locator(".card")).to_contain_text("token 0 is left out")


# -- running text -------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_token_is_literal_and_readable(page, server, scheme):
    page.emulate_media(color_scheme=scheme)
    opened(page, server, "show=tokens")
    tokens = page.locator(".token")
    expect(tokens).to_have_count(40)
    assert tuple(tokens.all_text_contents()[: len(NASTY)]) == NASTY
    assert tokens.locator("*").count() == 0
    assert page.evaluate("window.hacked") is None
    colours = tokens.evaluate_all(
        "all => all.slice(0, -1).map(t => [getComputedStyle(t).color, getComputedStyle(t).backgroundColor])"
    )
    assert min(contrast(*pair) for pair in colours) >= 4.5


def contrast(one: str, other: str) -> float:
    def luminance(colour: str) -> float:
        shares = [int(part) / 255 for part in colour[colour.index("(") + 1 : -1].split(",")[:3]]
        red, green, blue = (s / 12.92 if s <= 0.04045 else ((s + 0.055) / 1.055) ** 2.4 for s in shares)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    low, high = sorted([luminance(one), luminance(other)])
    return (high + 0.05) / (low + 0.05)


def test_a_newline_token_ends_its_line(page, server):
    opened(page, server, "show=tokens")
    before, newline, after = (page.locator(f'[data-index="{i}"]').bounding_box() for i in (8, 9, 10))
    assert newline["y"] == before["y"]
    assert after["y"] > newline["y"] and after["x"] < before["x"]


def test_a_token_is_picked_by_click_and_by_keyboard_and_keeps_the_focus(page, server):
    opened(page, server, "show=tokens")
    page.locator('[data-index="8"]').click()
    assert calls_of(page, 1) == [["token", 8]]
    chosen = page.get_by_role("option", selected=True)
    expect(chosen).to_have_text("·the")
    expect(chosen).to_be_focused()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    expect(page.locator(".card")).to_contain_text("position 10 · weight 0.256")
    page.keyboard.press("Enter")
    assert calls_of(page, 2)[-1] == ["token", 10]
    page.keyboard.press("End")
    page.keyboard.press("Space")
    assert calls_of(page, 3)[-1] == ["token", 39]
    assert page.locator('.token[tabindex="0"]').count() == 1


def test_a_text_that_can_only_be_read_has_no_options_but_tells_its_tokens(page, server):
    opened(page, server, "show=tokens&readonly=1&plain=1")
    assert page.get_by_role("option").count() == 0
    page.locator('[data-index="20"]').hover()
    expect(page.locator(".card")).to_contain_text("position 20")
    assert page.locator('[data-index="20"]').evaluate("t => t.style.background") == ""


def test_eight_thousand_tokens_do_not_freeze_the_page(page, server):
    page.add_init_script(
        "window.slowest = 0; new PerformanceObserver(list => list.getEntries().forEach("
        "e => window.slowest = Math.max(window.slowest, e.duration))).observe({type: 'longtask', buffered: true});"
    )
    opened(page, server, "show=tokens&count=8192")
    expect(page.locator(".token").first).to_be_visible()
    assert page.locator(".token").count() == 3000
    page.get_by_role("button", name="Show later tokens (there are 5,192 more)").click()
    expect(page.locator(".token")).to_have_count(6000)
    page.locator('[data-index="5999"]').click()
    assert calls_of(page, 1) == [["token", 5999]]
    assert page.evaluate("window.slowest") < 3000


# -- pictures -----------------------------------------------------------------------------------------------------
def png_chunks(content: bytes) -> dict[bytes, bytes]:
    """Name -> content of a PNG's chunks; every checksum is verified."""
    assert content[:8] == b"\x89PNG\r\n\x1a\n"
    chunks, at = {}, 8
    while at < len(content):
        (length,) = struct.unpack_from(">I", content, at)
        name, body = content[at + 4 : at + 8], content[at + 8 : at + 8 + length]
        assert struct.unpack_from(">I", content, at + 8 + length)[0] == zlib.crc32(name + body)
        chunks[name] = chunks.get(name, b"") + body
        at += 12 + length
    return chunks


def saved(page: Page, form: str, folder: Path) -> bytes:
    place = page.locator(f".st-key-image_{form}")
    with page.expect_download() as download:
        place.get_by_role("button", name="Save", exact=True).click()
    assert download.value.suggested_filename == f"logitscope_head_L9H0.{form}"
    download.value.save_as(folder / form)
    expect(place.get_by_role("status").filter(has_text="was given to your browser's downloads")).to_be_visible()
    return (folder / form).read_bytes()


def test_a_png_has_the_size_asked_for_and_says_where_it_came_from(page, server, tmp_path):
    opened(page, server, "show=image")
    chunks = png_chunks(saved(page, "png", tmp_path))
    assert struct.unpack(">II", chunks[b"IHDR"][:8]) == (1000, 800)
    assert struct.unpack(">IIB", chunks[b"pHYs"]) == (7559, 7559, 1)
    keyword, _, rest = chunks[b"iTXt"].partition(b"\0")
    assert keyword == b"Description" and rest[:4] == b"\0\0\0\0"
    assert json.loads(rest[4:]) == PROVENANCE
    pixels = zlib.decompress(chunks[b"IDAT"])
    assert len(set(pixels)) > 50  # the heatmap's typed array was understood: not one flat colour


def test_an_svg_is_well_formed_and_says_where_it_came_from(page, server, tmp_path):
    opened(page, server, "show=image")
    root = ElementTree.fromstring(saved(page, "svg", tmp_path))
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert (root.get("width"), root.get("height"), root.get("viewBox")) == ("132.29mm", "105.83mm", "0 0 500 400")
    assert json.loads(root.findtext("{http://www.w3.org/2000/svg}metadata")) == PROVENANCE
    texts = ["".join(element.itertext()) for element in root.iter("{http://www.w3.org/2000/svg}text")]
    assert {"<b> $x$ 日本", "<b>Title</b>", "Attention weights · layer 9 · tiny @ abc"} <= set(texts)
    assert root.find(".//{http://www.w3.org/2000/svg}image") is not None


def test_without_a_chart_on_screen_the_reason_is_said_in_words(page, server):
    opened(page, server, "show=image&chart=0")
    button = page.locator(".st-key-image_svg").get_by_role("button", name="Save", exact=True)
    button.click()
    expect(page.get_by_text("Open the Chart tab first")).to_be_visible()
    expect(button).to_be_enabled()


def test_what_stands_below_a_token_is_text_and_hits_have_a_tick(page, server):
    opened(page, server, "show=tokens&below=1")
    tokens = page.locator(".token")
    expect(tokens.first.locator(".below")).to_have_text(NASTY[1])
    assert page.locator(".below.hit").count() == 14
    upper, lower = (tokens.nth(3).locator(part).bounding_box() for part in (".face", ".below"))
    assert upper and lower and upper["y"] + upper["height"] <= lower["y"] + 1
    assert page.evaluate("window.hacked") is None
    tokens.nth(3).click()
    assert calls_of(page, 1) == [["token", 3]]


# -- link ---------------------------------------------------------------------------------------------------------
def test_the_link_of_the_view_is_copied(context: BrowserContext, page, server):
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    opened(page, server, "show=copy&x=%3Cb%3E")
    page.get_by_role("button", name="Copy link").click()
    expect(page.get_by_text("Link copied.")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == page.url + "&lang=en"
    expect(page.get_by_label("Link to this view", exact=True)).to_have_value(page.url + "&lang=en")


def test_where_the_clipboard_is_closed_the_link_stands_selected(page, server):
    page.add_init_script(
        "Object.defineProperty(navigator, 'clipboard', {value: undefined}); document.execCommand = () => false;"
    )
    opened(page, server, "show=copy")
    page.get_by_role("button", name="Copy link").click()
    field = page.get_by_label("Link to this view", exact=True)
    expect(field).to_be_visible()
    link = page.url + "&lang=en"
    expect(field).to_have_value(link)
    assert field.evaluate("input => input.value.slice(input.selectionStart, input.selectionEnd)") == link
    expect(page.get_by_text("press Ctrl+C")).to_be_visible()
