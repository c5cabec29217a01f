"""Every page under AppTest: it stands, in both languages, with nasty prompts and hostile links."""

import html
import json

import pytest
from streamlit.testing.v1 import AppTest

from components.shell import link
from dashboard.i18n import Catalogue
from dashboard.navigation import PAGES
from dashboard.probes.presets import presets
from dashboard.probes.spec import ProbeSpec
from dashboard.view_state import FIELDS
from tests.made.hostile import packed
from tests.test_view_state import NASTY

SLUGS = [entry.slug for entry in PAGES]
PROMPTS = {
    "one token": "a",
    "nasty": NASTY,
    "special": "<|end|> hi <|user|>",
    "hundred": "zebra lamp river " * 30,
    "blanks": " \n\t ",
}


def words(at) -> str:
    """All text that a page shows through elements of our own."""
    bodies = [str(element.proto.body) for element in at.get("html")]
    return html.unescape("\n".join(body for body in bodies if not body.startswith(("<style", "<script"))))


@pytest.mark.parametrize("slug", SLUGS)
@pytest.mark.parametrize("locale", ["en-US", "es-ES"])
def test_a_page_stands_and_asks_its_question_in_the_visitors_language(open_page, slug, locale):
    at = open_page(slug, locale=locale)
    assert not at.exception
    assert Catalogue(locale[:2])(f"{slug}.question") in words(at)
    assert "ls-advice" not in words(at)


@pytest.mark.parametrize("slug", SLUGS)
@pytest.mark.parametrize("prompt", PROMPTS.values(), ids=PROMPTS.keys())
def test_a_page_takes_any_prompt_as_data(open_page, slug, prompt):
    at = open_page(slug, {"prompt": prompt})
    assert not at.exception
    assert at.session_state["prompt"] == prompt
    assert not [element for element in at.markdown if "<script>" in element.value]


@pytest.mark.parametrize("slug", [slug for slug in SLUGS if slug != "report"])  # which reads no prompt
def test_an_empty_prompt_is_advised_about_and_the_sidebar_stays(open_recorded, slug):
    at = open_recorded(slug, {"prompt": ""})
    assert not at.exception
    assert Catalogue("en")("error.PromptEmpty") in words(at)
    assert at.text_area(key="prompt").value == ""


def test_an_over_long_prompt_says_how_long_and_how_much_fits(open_recorded):
    at = open_recorded("attention")
    at.text_area(key="prompt").set_value("zebra lamp " * 9000)
    at.run()
    assert not at.exception
    assert "4,096" in words(at)


@pytest.mark.parametrize("slug", SLUGS)
@pytest.mark.parametrize(
    "value",
    ["<script>alert(1)</script>", "NaN", "-1", "99999999", "", "../../etc/passwd", "1e400", "%00", "9" * 400],
)
def test_hostile_values_in_every_parameter_are_named_and_the_page_stands(open_recorded, slug, value):
    params = dict.fromkeys((name for name in FIELDS if name not in {"prompt"}), value)
    at = open_recorded(slug, {**params, "unknown_parameter": value})
    assert not at.exception
    shown = words(at)
    assert "unknown_parameter" in shown
    assert "attention_order" in shown
    assert Catalogue("en")(f"{slug}.question") in shown


PROBE = ProbeSpec.of(presets()[0]).facts()
HALF = "\\ud800"
"""Half a character, as JSON escapes it."""


def probe(text: str) -> str:
    return json.dumps({**PROBE, "own": "@"}).replace("@", text)


@pytest.mark.parametrize(
    ("slug", "name", "value"),
    [
        ("overview", "pz", "eNp7u6ChAgAHEAKG"),
        ("attention", "pz", packed(b"\xed\xa0\x80x")),
        ("sampling", "sampling_columns", f'[{{"name":"{HALF}"}}]'),
        ("sampling", "sampling_columns", f'[{{"stop_strings":["a{HALF}"]}}]'),
        ("sampling", "sampling_columns", f'[{{"seed":{"9" * 400}}}]'),
        ("sampling", "sampling_columns", f'[{{"temperature":{"9" * 400}}}]'),
        ("sampling", "sampling_columns", '[{"temperature":1e999}]'),
        ("bias", "bias_probe", probe(HALF)),
        ("bias", "bias_probe", packed(probe(HALF).encode())),
        ("bias", "bias_probe", packed(b"\xed\xa0\x80")),
        ("bias", "bias_probe", probe("x").replace('"x"', "9" * 5000)),
    ],
)
def test_what_no_page_could_show_is_named_and_the_page_stands(open_recorded, slug, name, value):
    at = open_recorded(slug, {name: value})
    assert not at.exception
    assert Catalogue("en")(f"{slug}.question") in words(at)
    assert f"{name}" in words(at).partition(Catalogue("en")("link.dropped"))[2]


@pytest.mark.parametrize(
    ("slug", "name", "value", "why"),
    [
        ("sampling", "sampling_forks", "1.0.x", ("sampling.unreadable.fork", {"part": "1.0.x"})),
        ("sampling", "sampling_columns", "[", ("json.syntax", {"line": 1, "character": 2})),
        ("bias", "bias_probe", "{", ("json.syntax", {"line": 1, "character": 2})),
        ("bias", "bias_probe", "abc", ("link.packed", {})),
        (
            "bias",
            "bias_probe",
            probe("x").replace('"occupations"', '"x"'),
            ("probes.unreadable.lexicon", {"name": "x"}),
        ),
    ],
)
def test_why_a_value_is_not_used_is_said_in_the_pages_language(open_page, slug, name, value, why):
    at = open_page(slug, {"lang": "es", name: value})
    message, facts = why
    assert Catalogue("es")(message, **facts) in words(at)


@pytest.mark.parametrize("slug", SLUGS)
def test_a_link_that_changes_in_an_open_session_takes_no_page_down(open_recorded, slug):
    at = open_recorded(slug, {"prompt": "zebra lamp"})
    for value in ("1e400", "9" * 400, "NaN", "null", f'[{{"seed":{"9" * 400}}}]', f'{{"a":"{HALF}"}}'):
        for name in FIELDS.keys() - {"prompt", "model", "lang", "made"}:
            at.query_params[name] = value
        at.run()
        assert not at.exception
        assert Catalogue("en")(f"{slug}.question") in words(at)


def test_a_link_restores_the_view_of_the_attention_page(open_recorded):
    params = {
        "prompt": "zebra lamp zebra lamp",
        "attention_layer": "2",
        "attention_head": "3",
        "attention_token": "1",
        "attention_order": "entropy_nats",
        "attention_view": "head",
    }
    at = open_recorded("attention", params)
    assert not at.exception
    assert [at.number_input(key=key).value for key in ("attention_layer", "attention_head", "attention_token")] == [
        2,
        3,
        1,
    ]
    assert at.selectbox(key="attention_order").value == "entropy_nats"
    assert "Layer 2 · head 3" in words(at)


def test_a_link_restores_settings_and_pins_of_the_next_token_page(open_recorded):
    params = {
        "next_token_temperature": "0.7",
        "next_token_top_p": "0.6",
        "next_token_top_k": "12",
        "next_token_pins": "30,300",
    }
    at = open_recorded("next_token", params)
    assert not at.exception
    assert at.number_input(key="next_token_temperature").value == 0.7
    assert at.number_input(key="next_token_top_k").value == 12
    assert at.multiselect(key="next_token_pins").value == [30, 300]
    assert "temperature=0.7, top_k=12, top_p=0.6" in words(at)
    assert "ls-advice" not in words(at)


def test_a_bare_do_sample_is_top_k_50_and_said(open_recorded):
    at = open_recorded("next_token")
    at.button(key="bare_sample").click().run()
    assert not at.exception
    assert "do_sample=True, temperature=1.0, top_k=50" in words(at)
    at.button(key="settings_off").click().run()
    assert "top_k=50" not in words(at)


def test_a_temperature_of_zero_is_explained_and_shown_as_greedy(open_recorded):
    at = open_recorded("next_token", {"next_token_temperature": "0"})
    assert not at.exception
    assert Catalogue("en")("next_token.temperature_zero").split(",")[0] in words(at)
    assert "do_sample=False" in words(at)


def test_greedy_greys_what_does_nothing(open_recorded):
    at = open_recorded("next_token", {"next_token_greedy": "true"})
    assert not at.exception
    assert at.number_input(key="next_token_top_p").disabled
    assert not at.number_input(key="next_token_repetition_penalty").disabled
    assert Catalogue("en")("next_token.greedy_reason") in words(at)


@pytest.mark.parametrize(
    ("name", "value"),
    [("top_p", "-0.1"), ("min_p", "1.5"), ("temperature", "nan"), ("pins", "9999"), ("pins", "0-99")],
)
def test_a_setting_outside_its_range_is_named_and_not_used(open_recorded, name, value):
    at = open_recorded("next_token", {f"next_token_{name}": value})
    assert not at.exception
    assert f"next_token_{name} = {value}" in words(at)
    assert "Left to draw from" not in words(at)


def test_the_opening_head_stands_in_the_link_before_another_prompt_is_shown_with_it(open_recorded):
    at = open_recorded("attention", {"prompt": "zebra lamp zebra lamp"})
    at.text_area(key="prompt").set_value("one two three four five")
    at.run()
    for name in ("attention_layer", "attention_head"):
        assert "".join(at.query_params[name]) == str(at.number_input(key=name).value)


def test_a_layer_that_the_model_does_not_have_is_named_with_its_limits(open_recorded):
    at = open_recorded("attention", {"attention_layer": "7"})
    assert not at.exception
    assert "attention_layer = 7" in words(at)
    assert "from 0 to 2" in words(at)


def test_a_model_that_the_operator_does_not_allow_is_named_and_the_other_stays(open_page):
    at = open_page("overview", {"model": "someone/else"})
    assert not at.exception
    assert "someone/else" in words(at)
    assert at.selectbox(key="model").value == "local/tiny"


def test_a_model_that_cannot_be_had_gives_its_error_and_the_other_still_works(open_page):
    at = open_page("attention", {"model": "bert-base-uncased"})
    assert not at.exception
    assert "bert-base-uncased" in words(at)
    at.selectbox(key="model").set_value("local/tiny").run()
    assert not at.exception
    assert len(at.get("plotly_chart")) > 0


def test_a_wrong_setting_is_named_to_whoever_opens_a_page(open_recorded, monkeypatch):
    monkeypatch.setenv("LOGITSCOPE_DEVICE", "abacus")
    at = open_recorded("attention", locale="es-ES")
    assert not at.exception
    assert "LOGITSCOPE_DEVICE" in words(at)
    assert "abacus" in words(at)


def test_looking_elsewhere_does_not_rerun_the_model(open_page):
    from dashboard import cache

    at = open_page("attention")
    passes = cache.engine().result().health()["forward_passes"]
    at.number_input(key="attention_layer").set_value(0).run()
    at.number_input(key="attention_head").set_value(1).run()
    at.selectbox(key="attention_order").set_value("entropy_nats").run()
    at.toggle(key="attention_without_first").set_value(True).run()
    assert not at.exception
    assert cache.engine().result().health()["forward_passes"] == passes


@pytest.mark.parametrize("view", ["mean", "max", "rollout"])
def test_the_other_maps_draw(open_recorded, view):
    at = open_recorded("attention", {"attention_view": view, "attention_layers": "0-1", "attention_heads": "0,2"})
    assert not at.exception
    figure = json.loads(at.get("plotly_chart")[0].proto.spec)
    assert figure["data"][0]["type"] == "heatmap"


def test_ranges_that_cannot_be_read_are_advised_about(open_recorded):
    at = open_recorded("attention", {"attention_view": "mean", "attention_layers": "0-9"})
    assert not at.exception
    assert "0-9" in words(at)


def test_two_sessions_with_different_prompts_do_not_mix(open_recorded):
    one = open_recorded("next_token", {"prompt": "zebra lamp"})
    two = open_recorded("next_token", {"prompt": "river"})
    one.run()
    assert one.session_state["prompt"] == "zebra lamp"
    assert two.session_state["prompt"] == "river"
    first, second = (json.loads(at.get("plotly_chart")[0].proto.spec)["data"] for at in (one, two))
    assert first != second


def test_the_language_switch_keeps_the_view(open_recorded):
    at = open_recorded("attention", {"attention_layer": "1", "attention_order": "entropy_nats"})
    at.button_group(key="lang").set_value("es").run()
    assert not at.exception
    assert Catalogue("es")("attention.question") in words(at)
    assert at.number_input(key="attention_layer").value == 1
    order = at.selectbox(key="attention_order")
    assert order.value == "entropy_nats"
    # the browser shows and sends back words: they have to be of the new language
    assert order.proto.set_value
    assert order.proto.raw_value in order.options
    at.run()
    assert not at.selectbox(key="attention_order").proto.set_value


def test_what_was_chosen_on_a_page_is_there_when_the_person_comes_back(monkeypatch):
    def page():
        from components.shell import link
        from components.shell.pickers import choice_picker
        from dashboard.i18n import Catalogue

        link.read_link()
        if link._path() == "/bias":
            choice_picker("bias_view", "view", text=Catalogue("en"), prefix="bias.views")

    path = ["/bias"]
    monkeypatch.setattr(link, "_path", lambda: path[0])
    at = AppTest.from_function(page).run()
    at.selectbox(key="bias_view").select("benchmarks").run()
    assert "benchmarks" in at.query_params["bias_view"]
    path[0] = "/"
    at.query_params.clear()  # as Streamlit does when the page changes
    at.run()
    path[0] = "/bias"
    at.run()
    assert not at.exception
    assert at.selectbox(key="bias_view").value == "benchmarks"
    assert "benchmarks" in at.query_params["bias_view"]
    at.query_params.clear()  # Back, to the page as it was first opened
    at.run()
    assert at.selectbox(key="bias_view").value == "exact"


def test_the_overview_checks_the_model_against_transformers_on_request(open_page):
    at = open_page("overview")
    text = Catalogue("en")
    assert text("verify.all_ok") not in words(at)
    at.button(key="verify").click().run()
    assert not at.exception
    assert text("verify.all_ok") in words(at)
    assert text("verify.quantity.weights") in words(at)
    at.run()  # what was found stays while the person looks elsewhere
    assert text("verify.all_ok") in words(at)


@pytest.mark.parametrize(("locale", "shown"), [("es-ES", "de 4.096 tokens"), ("es-MX", "de 4,096 tokens")])
def test_the_region_of_the_browser_decides_how_numbers_are_written(open_recorded, locale, shown):
    assert shown in words(open_recorded("attention", locale=locale))
