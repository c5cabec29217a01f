"""The Next token page: the coloured text, the way through the layers, and links that restore it."""

import html
import json
import re
from urllib.parse import parse_qs

import numpy as np
import pytest

from components.charts.axes import probability
from components.lens.panels import chosen_positions
from components.next_token import prompt_text
from components.next_token.prompt_text import hits, predicted_colours
from components.shell import panel, waiting
from dashboard.engine.api.lens import LensRequest
from dashboard.engine.api.prediction import CandidatesRequest, PositionTableRequest
from dashboard.frames.next_token import position_frame
from dashboard.i18n import Catalogue
from dashboard.tokens import visible
from dashboard.view_state import head_params
from tests.made import samples
from tests.made.recorded_engine import RecordedEngine
from tests.pages.test_pages import words

TEXT = Catalogue("en")
PROMPT = "zebra lamp river zebra lamp river zebra"
INSIDE = {"next_token_inside": "true"}


@pytest.mark.parametrize(
    ("span", "pos", "size", "expected"),
    [
        ("position", 5, 1, (5,)),
        ("window", 5, 3, (3, 4, 5)),
        ("window", 1, 4, (0, 1, 2, 3)),
        ("window", 2, 99, tuple(range(10))),
        ("stride", 5, 3, (2, 5, 8)),
        ("stride", 0, 50, (0,)),
        ("all", 5, 1, tuple(range(10))),
    ],
)
def test_the_positions_of_a_lens_always_hold_the_one_in_view(span, pos, size, expected):
    assert chosen_positions(span, pos, 10, size) == expected
    assert pos in expected


def test_each_token_is_coloured_by_the_prediction_before_it():
    frame = position_frame(samples.position_table(5), samples.tokens(5))
    surprisal, prob, rank, entropy = (
        predicted_colours(frame, colour, 100) for colour in ("surprisal", "prob", "rank", "entropy")
    )
    assert all(np.isnan(values[0]) for values in (surprisal, prob, rank, entropy))
    np.testing.assert_allclose(surprisal[1:], 2 / 16)
    np.testing.assert_allclose(prob[1:], 0.25)
    np.testing.assert_allclose(rank[1:], [0, 0.25, 0.25, 0.25])
    np.testing.assert_allclose(entropy[1:], np.linspace(0, 3, 5)[:4] / np.log(100), rtol=1e-6)


@pytest.mark.parametrize(("rank", "step"), [(1, 0), (2, 0.25), (5, 0.25), (6, 0.5), (20, 0.5), (21, 0.75), (101, 1)])
def test_ranks_are_coloured_in_bands(rank, step):
    frame = position_frame(samples.position_table(2), samples.tokens(2))
    frame.loc[0, "next_rank"] = rank
    assert predicted_colours(frame, "rank", 100)[1] == step


def test_a_prediction_hits_where_its_token_is_the_one_that_follows():
    frame = position_frame(samples.position_table(4), samples.tokens(4))
    frame["predicted_id"] = [frame["id"][1], -1, frame["id"][3], frame["id"][3]]
    assert hits(frame).tolist() == [True, False, True, False]


def test_the_page_opens_with_its_finding_in_numbers(open_page):
    at = open_page("next_token", {"prompt": PROMPT, "next_token_pos": "2"})
    view = at.session_state["_view"]
    found = view.engine.answer(CandidatesRequest(view.key, 2, 10))
    finding = next(element.proto.body for element in at.get("html") if "ls-finding" in element.proto.body)
    likeliest = visible(found.tokens[0])
    assert f"{likeliest}\u2069” {found.probs[0]:.1%}" in html.unescape(finding)
    table = view.engine.answer(PositionTableRequest(view.key))
    count = int(hits(position_frame(table, view.tokens.tokens)).sum())
    assert (
        TEXT("next_token.hits", hits=count, tokens=len(view.tokens.tokens) - 1, perplexity="").split(";")[0] in finding
    )


def test_the_table_of_positions_is_made_once_a_run(open_recorded, monkeypatch):
    made, table_of = [], prompt_text.position_frame
    monkeypatch.setattr(prompt_text, "position_frame", lambda *given: made.append(given) or table_of(*given))
    assert not open_recorded("next_token", {"prompt": PROMPT}).exception
    assert len(made) == 1


def test_each_token_stands_above_the_likeliest_next(open_recorded, monkeypatch):
    given = []
    monkeypatch.setattr(prompt_text, "token_text", lambda **facts: given.append(facts))
    at = open_recorded("next_token", {"prompt": PROMPT})
    view = at.session_state["_view"]
    table = view.engine.answer(PositionTableRequest(view.key))
    assert given[-1]["below"] == [visible(token) for token in table.predicted]
    assert len(given[-1]["hits"]) == len(given[-1]["tokens"])
    probs = [f"p {probability(TEXT, prob)}" for prob in table.predicted_prob]
    assert all(hover.endswith(prob) for hover, prob in zip(given[-1]["hover"], probs, strict=True))


def test_the_layers_are_folded_and_cost_nothing_until_they_are_opened(open_page):
    at = open_page("next_token", {"prompt": PROMPT})
    view = at.session_state["_view"]
    assert len(at.get("plotly_chart")) == 1
    assert view.engine.kept(LensRequest(view.key, (len(view.tokens.tokens) - 1,))) is None
    assert TEXT("next_token.table") in words(at)


@pytest.mark.parametrize(
    "params",
    [INSIDE, {"at": "lens"}, {"next_token_window": "4"}, {"next_token_lens": "entropy"}],
    ids=str,
)
def test_a_link_into_the_layers_opens_them(open_recorded, params):
    at = open_recorded("next_token", {"prompt": PROMPT} | params)
    assert not at.exception
    assert len(at.get("plotly_chart")) == 5
    assert at.session_state["next_token_inside"]


def test_a_head_of_direct_logit_attribution_opens_as_one_head(open_recorded):
    at = open_recorded("next_token", {"next_token_inside": "true"})
    links = [link.proto for link in at.get("page_link") if re.fullmatch(r"L\d+ H\d+", link.proto.label)]
    assert links
    for link in links:
        params = {name: value for name, (value,) in parse_qs(link.query_string).items()}
        layer, head = map(int, re.findall(r"\d+", link.label))
        assert head_params(layer, head, int(params["attention_token"])).items() <= params.items()


def test_a_link_may_keep_the_layers_folded(open_recorded):
    at = open_recorded("next_token", {"prompt": PROMPT, "next_token_inside": "false", "next_token_lens": "entropy"})
    assert len(at.get("plotly_chart")) == 1


@pytest.mark.parametrize("opened", [True, False])
def test_the_layers_are_as_they_were_left_when_the_person_comes_back(open_recorded, opened):
    at = open_recorded("next_token", {"prompt": PROMPT} | ({} if opened else {"at": "lens"}))
    at.query_params.pop("next_token_inside", None)
    at.session_state["next_token_inside"] = opened
    at.run()
    at.query_params.clear()
    at.switch_page("../pages/lessons.py").run()
    at.switch_page("../pages/next_token.py").run()
    assert not at.exception
    assert len(at.get("plotly_chart")) == (5 if opened else 1)


def test_a_lens_that_takes_long_is_asked_for(open_recorded, monkeypatch):
    monkeypatch.setattr(waiting, "AT_ONCE_SECONDS", -1.0)
    at = open_recorded("next_token", {"prompt": PROMPT} | INSIDE)
    monkeypatch.setattr(RecordedEngine, "kept", lambda *_: None)
    at.run()
    shown = len(at.get("plotly_chart"))
    at.button(key="lens_compute").click().run()
    assert not at.exception
    assert len(at.get("plotly_chart")) == shown + 1


def test_a_prompt_of_one_token_says_what_is_missing_and_has_bars_and_a_lens(open_recorded):
    at = open_recorded("next_token", {"prompt": "a"} | INSIDE)
    assert not at.exception
    assert TEXT("next_token.no_score") in words(at)
    assert len(at.get("plotly_chart")) == 5


def test_a_link_restores_the_way_through_the_layers(open_page):
    params = {
        "prompt": PROMPT,
        "next_token_follow": "300",
        "next_token_span": "stride",
        "next_token_stride": "2",
        "next_token_lens": "followed_rank",
        "next_token_half": "true",
        "next_token_through": "rank",
        "next_token_layer": "1",
        "next_token_colour": "entropy",
    }
    at = open_page("next_token", params)
    assert not at.exception
    assert "ls-advice" not in words(at)
    assert at.selectbox(key="next_token_follow").value == "300"
    assert at.number_input(key="next_token_stride").value == 2
    assert at.toggle(key="next_token_half").value
    assert at.number_input(key="next_token_layer").value == 1
    lens = next(data for data in map(drawn, at.get("plotly_chart")) if data["type"] == "heatmap")
    assert [len(lens["hovertext"]), len(lens["hovertext"][0])] == [
        1 + 2 * 3,
        len(at.session_state["_view"].tokens.tokens) // 2,
    ]
    assert at.session_state["next_token_inside"]
    assert TEXT("next_token.colour_note.entropy") in words(at)


def drawn(element):
    return json.loads(element.proto.spec)["data"][0]


@pytest.mark.parametrize(
    ("name", "value"),
    [("follow", "99999"), ("follow", "<b>"), ("span", "some"), ("window", "0"), ("layer", "3"), ("lens", "nan")],
)
def test_a_value_that_does_not_fit_is_named_and_the_page_lives(open_recorded, name, value):
    at = open_recorded("next_token", {f"next_token_{name}": value} | INSIDE)
    assert not at.exception
    assert f"next_token_{name} = {value}" in words(at)
    assert len(at.get("plotly_chart")) == 5


@pytest.mark.parametrize("value", ["99999", "abc", "-1", "007", "9" * 5000])
def test_a_followed_token_that_is_none_says_which_there_are(open_recorded, value):
    at = open_recorded("next_token", {"prompt": PROMPT, "next_token_follow": value})
    assert not at.exception
    last = at.session_state["_view"].card.vocab - 1
    assert TEXT("link.range", name="next_token_follow", value=value[:80], low=0, high=last) in words(at)
    assert at.selectbox(key="next_token_follow").value == "likeliest"
    at.selectbox(key="next_token_follow").set_value(at.selectbox(key="next_token_follow").options[2]).run()
    assert not at.exception


def test_a_followed_token_stays_chosen_at_another_position(open_recorded):
    at = open_recorded("next_token", {"prompt": PROMPT, "next_token_follow": "300"})
    at.number_input(key="next_token_pos").set_value(1).run()
    assert not at.exception
    assert at.selectbox(key="next_token_follow").value == "300"
    assert "ls-advice" not in words(at)


def test_a_text_of_several_tokens_is_offered_in_pieces(open_page):
    at = open_page("next_token", {"prompt": PROMPT})
    at.text_input(key="find_token").set_value("zebra river").run()
    assert not at.exception
    assert "“\u2068zebra·river\u2069” is" in words(at)
    offered = at.multiselect(key="next_token_pins").options
    assert any("·river" in option for option in offered)
    at.text_input(key="find_token").set_value(" zebra").run()
    assert "“\u2068·zebra\u2069” is" not in words(at)


def test_typed_text_that_turns_the_line_around_is_shown_as_its_code(open_page):
    at = open_page("next_token", {"prompt": PROMPT, "next_token_follow": "\u202eabc"})
    at.text_input(key="find_token").set_value("\u202eabc").run()
    assert not at.exception
    assert "“\u2068‹U+202E›abc\u2069” is" in words(at)
    assert "next_token_follow = ‹U+202E›abc" in words(at)
    assert "\u202e" not in words(at)


def test_decode_settings_move_nothing_in_the_lens(open_page):
    at = open_page("next_token", {"prompt": PROMPT} | INSIDE)
    before = [drawn(element) for element in at.get("plotly_chart")]
    at.number_input(key="next_token_temperature").set_value(0.5).run()
    after = [drawn(element) for element in at.get("plotly_chart")]
    assert before[1:] == after[1:]


def greyed(at):
    names = ("temperature", "top_k", "top_p", "min_p", "typical_p", "repetition_penalty")
    return [name for name in names if at.number_input(key=f"next_token_{name}").disabled]


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("temperature", "0", TEXT("next_token.temperature_zero")),
        ("temperature", "1e-38", TEXT("next_token.temperature_tiny", value="1e-38")),
        ("top_k", "1", TEXT("next_token.one_left", setting="top_k", value="1")),
        ("top_p", "0", TEXT("next_token.one_left", setting="top_p", value="0")),
        ("min_p", "1", TEXT("next_token.one_left", setting="min_p", value="1")),
    ],
)
def test_a_setting_that_leaves_one_token_is_named_and_greys_those_that_then_do_nothing(open_page, name, value, says):
    at = open_page("next_token", {"prompt": PROMPT, f"next_token_{name}": value, "next_token_typical_p": "0.9"})
    assert not at.exception
    assert says in words(at)
    assert greyed(at) == [n for n in ("temperature", "top_k", "top_p", "min_p", "typical_p") if n != name]
    kept = re.search(r"Left to draw from: (\d+) of", words(at))
    assert kept.group(1) == "1"
    at.number_input(key=f"next_token_{name}").set_value(0.5 if name != "top_k" else 5).run()
    assert not greyed(at)
    assert at.number_input(key="next_token_typical_p").value == 0.9


def test_two_settings_that_leave_one_token_do_not_grey_each_other(open_recorded):
    at = open_recorded("next_token", {"prompt": PROMPT, "next_token_top_p": "0", "next_token_min_p": "1"})
    assert "top_p" not in greyed(at)
    at.number_input(key="next_token_top_p").set_value(1.0).run()
    assert "min_p" not in greyed(at)


def test_the_settings_stay_open_when_all_are_set_back(open_recorded):
    at = open_recorded("next_token", {"prompt": PROMPT, "next_token_temperature": "0.5"})
    settings = TEXT("next_token.settings")
    assert next(box for box in at.expander if box.label == settings).proto.expanded
    at.button(key="settings_off").click().run()
    assert at.number_input(key="next_token_temperature").value == 1
    assert next(box for box in at.expander if box.label == settings).proto.expanded


def test_the_settings_are_named_as_generate_names_them(open_recorded):
    at = open_recorded("next_token", {"prompt": PROMPT, "next_token_top_k": "50"})
    assert "do_sample=True, temperature=1.0, top_k=50" in words(at)
    assert "no_repeat_ngram_size=0" in words(at)


def test_a_short_prompt_leaves_no_narrow_window_to_the_next(open_recorded):
    at = open_recorded("next_token", {"prompt": "a"} | INSIDE)
    at.text_area(key="prompt").set_value("zebra lamp river " * 20)
    next(button for button in at.button if button.label == TEXT("sidebar.run")).click().run()
    assert not at.exception
    lens = next(data for data in map(drawn, at.get("plotly_chart")) if data["type"] == "heatmap")
    assert len(lens["hovertext"][0]) == 16


def test_what_stands_below_keeps_its_place_whether_there_was_something_to_wait_for_or_not(open_recorded, monkeypatch):
    monkeypatch.setattr(waiting, "QUIET_SECONDS", 0.0)
    at = open_recorded("next_token", {"prompt": PROMPT} | INSIDE)
    waited = [(place, type(child).__name__) for place, child in at.main.children.items()]
    monkeypatch.setattr(waiting, "QUIET_SECONDS", 60.0)
    at.run()
    assert [(place, type(child).__name__) for place, child in at.main.children.items()] == waited


def test_the_table_of_positions_has_fixed_decimals_and_heads_in_words(open_recorded, monkeypatch):
    given = []
    monkeypatch.setattr(panel.st, "dataframe", lambda table, **facts: given.append((table, facts)))
    at = open_recorded("next_token", {"prompt": PROMPT})
    assert not at.exception
    table, facts = given[-1]
    columns = facts["column_config"]
    formats = {name: column["type_config"]["format"] for name, column in columns.items() if "type_config" in column}
    assert columns["next_prob"]["label"] == TEXT("columns.next_prob")
    assert formats.keys() == set(table.select_dtypes("floating"))
    assert formats["next_prob"] == formats["predicted_prob"] == "%.6f"
    assert formats["surprisal_bits"] == "%.2f"
    assert facts["placeholder"] == ""


def test_numbers_of_a_hover_have_the_languages_decimal_sign(open_recorded, monkeypatch):
    given = []
    monkeypatch.setattr(prompt_text, "token_text", lambda **facts: given.append(facts))
    at = open_recorded("next_token", {"prompt": PROMPT}, locale="es-ES")
    assert not at.exception
    hovers = given[-1]["hover"][1:]
    assert len(hovers) > 5
    assert all(re.search(r"p \d,\d", hover) and not re.search(r"\d\.\d", hover) for hover in hovers)


@pytest.fixture
def refused(monkeypatch):
    """Families that cannot be taken apart, as the model's card would say."""
    from dashboard.engine.local import LocalEngine

    def by(**reasons):
        whole = LocalEngine.describe

        def describe(self, model, job=None):
            import dataclasses

            card = whole(self, model, job)
            return dataclasses.replace(card, stream=dataclasses.replace(card.stream, **reasons))

        monkeypatch.setattr(LocalEngine, "describe", describe)

    return by


def test_a_family_without_half_steps_says_why_and_shows_the_rest(open_page, refused):
    refused(why_no_half_steps="parallel")
    at = open_page("next_token", {"prompt": PROMPT} | INSIDE)
    assert not at.exception
    toggle = at.toggle(key="half_refused")
    assert toggle.disabled
    assert toggle.help == TEXT("lens.refused.parallel")
    assert len(at.get("plotly_chart")) == 5


def test_a_family_that_is_no_sum_says_so_in_place_of_the_parts(open_page, refused):
    refused(why_no_attribution="not_added", why_no_half_steps="not_added")
    at = open_page("next_token", {"prompt": PROMPT} | INSIDE)
    assert TEXT("lens.refused.not_added") in words(at)
    assert len(at.get("plotly_chart")) == 3


def test_a_family_without_a_lens_says_so_and_keeps_its_bars(open_page, refused):
    refused(why_no_lens="tail", why_no_attribution="tail", why_no_half_steps="tail")
    at = open_page("next_token", {"prompt": PROMPT})
    assert TEXT("lens.refused.tail") in words(at)
    assert len(at.get("plotly_chart")) == 1


def test_looking_through_the_layers_makes_one_pass_more_and_no_other(open_page):
    at = open_page("next_token", {"prompt": PROMPT} | INSIDE)
    engine = at.session_state["_view"].engine
    passes = engine.health()["forward_passes"]
    at.toggle(key="next_token_half").set_value(True).run()
    at.selectbox(key="next_token_span").set_value("all").run()
    at.number_input(key="next_token_pos").set_value(2).run()
    assert not at.exception
    assert engine.health()["forward_passes"] == passes
    assert engine.answer(LensRequest(at.session_state["_view"].key, (2,))).positions == (2,)


def test_what_a_closed_fold_does_not_draw_leaves_the_link_and_keeps_its_value(open_recorded):
    at = open_recorded("next_token", {"prompt": PROMPT, "next_token_lens": "entropy", "next_token_window": "4"})
    at.session_state["next_token_inside"] = False
    at.run()
    assert not at.exception
    assert "next_token_lens" not in at.query_params
    at.session_state["next_token_inside"] = True
    at.run()
    assert at.selectbox(key="next_token_lens").value == "entropy"
    assert at.query_params["next_token_lens"] == "entropy"
