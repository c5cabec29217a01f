"""The Bias page: probes in the link, exact scores, draws, the notebook's call, where a gap arises, and bad input."""

import json
import re
from dataclasses import replace
from types import SimpleNamespace
from urllib.parse import parse_qs

import numpy as np
import pytest

from components.bias.gap import differing_spans, sides
from components.bias.notebook import SEEDS, answer_text
from components.bias.pairs import probe_scores
from components.shell import waiting
from components.shell.messages import percent
from dashboard.engine.api.scoring import ScoreRequest, SentenceRequest
from dashboard.i18n import Catalogue
from dashboard.probes.presets import presets
from dashboard.probes.spec import OWN, ProbeSpec, read
from dashboard.probes.tokenized_probe import tokenize_probe
from dashboard.view_state import head_params, pack, unpack
from tests.pages.test_pages import words

TEXT = Catalogue("en")
SPEC = ProbeSpec(
    templates=("The {race} {gender} saw a", "A {gender}, {race}, found a"),
    neutral=("The person saw a", ""),
    words=(("race", "white, black"), ("gender", "man, woman")),
    lexicon=OWN,
    own="lamp, 0.2\nriver, 0.9\nzebra",
    article=False,
    boundary=False,
)


def link(spec=SPEC, **params):
    return {"prompt": "zebra", "bias_probe": pack(spec.written()), **params}


def names(at):
    found = [json.loads(chart.proto.config)["toImageButtonOptions"]["filename"] for chart in at.get("plotly_chart")]
    return [name.split("-")[1] for name in found]


@pytest.mark.parametrize(
    ("look", "charts"),
    [
        ("pair", ["against_world", "dumbbell"]),
        ("templates", ["forest", "strip"]),
        ("groups", ["distances", "lorenz", "bias_map"]),
        ("intersection", ["forest"]),
        ("scores", []),
    ],
)
def test_the_exact_block_shows_what_is_asked_for(open_page, look, charts):
    at = open_page("bias", link(bias_look=look))
    assert not at.exception
    assert names(at) == charts
    assert "ls-advice" not in words(at)


def test_scores_are_plain_transformers(open_page, tiny_folder):
    """One pass a pair, by hand."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    at = open_page("bias", link(bias_look="scores"))
    table = at.dataframe[0].value
    model = AutoModelForCausalLM.from_pretrained(tiny_folder).eval()
    tokenizer = AutoTokenizer.from_pretrained(tiny_folder)
    assert len(table) == 2 * 4 * 3
    for row in (table.iloc[0], table.iloc[13], table.iloc[-1]):
        race, gender = str(row["group"]).split()
        prompt = str(row["template"]).replace("{race}", race).replace("{gender}", gender)
        ids, more = tokenizer(prompt)["input_ids"], tokenizer(f" {row['completion']}")["input_ids"]
        with torch.inference_mode():
            log_p = torch.log_softmax(model(torch.tensor([ids + more])).logits[0].double(), -1)
        total = sum(float(log_p[len(ids) - 1 + at_, token]) for at_, token in enumerate(more))
        assert row["log_prob_nats"] == pytest.approx(total, abs=1e-4)


def test_two_words_of_a_slot_are_compared_over_all_other_words(open_page):
    at = open_page("bias", link())
    options = at.selectbox(key="bias_pair").options
    assert options == ["woman – man (gender)", "black – white (race)", TEXT("bias.two_groups")]
    at.selectbox(key="bias_pair").set_value("groups").run()
    at.selectbox(key="bias_first").set_value("0").run()
    assert not at.exception
    assert "preference for “\u2068white man\u2069” over “" in words(at)
    assert at.query_params["bias_pair"] == "groups"


def test_a_probe_is_edited_and_stands_in_the_link(open_page):
    at = open_page("bias", link())
    at.text_input(key="bias_words_race").set_value("white, black, latin").run()
    assert not at.exception
    kept = at.query_params["bias_probe"]
    spec = read(kept if kept.startswith("{") else unpack(kept))
    assert dict(spec.words)["race"] == "white, black, latin"
    assert "6 groups" in words(at)
    at.selectbox(key="bias_preset").set_value("pronouns").run()
    assert not at.exception
    assert "“\u2068she\u2069” is " in words(at)


def test_an_own_list_can_be_pasted_and_what_is_wrong_with_it_is_named(open_page):
    at = open_page("bias", link())
    at.text_area(key="bias_own").set_value("lamp, 0.2\nlamp, 0.4").run()
    assert not at.exception
    assert "ls-advice" in words(at)
    at.text_area(key="bias_own").set_value("lamp\nriver").run()
    assert "ls-advice" not in words(at)


def test_a_repeated_line_of_an_own_list_is_named(open_page):
    at = open_page("bias", link(replace(SPEC, own="lamp, 0.2\nriver, 0.9\nlamp\nzebra")))
    assert not at.exception
    assert TEXT("probes.note.repeated", count=1, words="lamp") in words(at)


def test_shares_of_an_own_list_are_not_called_labour_statistics(open_page):
    at = open_page("bias", link())
    assert TEXT("bias.world_own") in str(at.get("plotly_chart")[0].proto.spec).replace("<br>", " ")
    assert "2022" not in at.get("plotly_chart")[0].proto.spec


def test_the_groups_are_chosen_only_where_two_are_compared(open_page):
    for look, there in (("templates", True), ("groups", False), ("intersection", False), ("scores", False)):
        at = open_page("bias", link(bias_look=look))
        assert ("bias_pair" in [box.key for box in at.selectbox]) is there


def test_numbers_beside_two_groups_have_the_languages_decimal_sign(open_page):
    at = open_page("bias", link(lang="es"))
    assert re.search(r"\d,\d+ veces tan probables", words(at))


@pytest.mark.parametrize(("share", "shown"), [(0, "0.0%"), (0.0583, "5.8%"), (0.00024, "0.024%"), (3e-7, "0.000030%")])
def test_a_small_share_is_not_said_to_be_none(share, shown):
    assert percent(TEXT, share) == shown
    assert percent(Catalogue("es"), share) == shown.replace(".", ",").replace("%", "\u00a0%")


BAD = {
    "unclosed": {"templates": ("The {race works",), "neutral": ("",)},
    "unknown slot": {"templates": ("The {tribe} works",), "neutral": ("",)},
    "no slot": {"templates": ("The man works",), "neutral": ("",)},
    "no template": {"templates": (), "neutral": ()},
    "empty list": {"words": (("race", " , "), ("gender", "man"))},
    "no completions": {"own": ""},
    "too large": {"words": tuple((slot, ",".join(f"w{i}" for i in range(400))) for slot in ("race", "gender"))},
}


@pytest.mark.parametrize("case", BAD)
def test_what_cannot_be_probed_is_explained_and_the_editor_stays(open_page, case):
    at = open_page("bias", link(replace(SPEC, **BAD[case])))
    assert not at.exception
    assert "ls-advice" in words(at)
    assert at.text_area(key="bias_templates") is not None


@pytest.mark.parametrize("value", ["{", "abc", pack("[]"), pack('{"templates": 3}'), "{}"])
def test_a_probe_that_cannot_be_read_is_named_and_the_page_opens_with_its_own(open_page, value):
    at = open_page("bias", {"prompt": "zebra", "bias_probe": value})
    assert not at.exception
    assert "bias_probe:" in words(at)
    assert "{race} {gender} worked as" in at.text_area(key="bias_templates").value


def test_draws_are_counted_and_tested(open_page):
    settings = {"bias_view": "sampled", "bias_draw": "true", "bias_rows": "60", "bias_new": "4"}
    at = open_page("bias", link(replace(SPEC, own="\n".join("abcdefgh")), **settings))
    assert not at.exception
    assert names(at)[0] == "sampled"
    assert "tests were made" in words(at)


DRAWS = {"bias_view": "sampled", "bias_draw": "true", "bias_rows": "10"}
LETTERS = replace(SPEC, own="\n".join("abcdefgh"))


def test_draws_of_which_none_is_in_the_list_are_said_to_be_so_and_not_drawn_as_empty_charts(open_page):
    at = open_page("bias", link(replace(SPEC, own="qqqqqq\nzzzzzz"), bias_new="1", **DRAWS))
    assert not at.exception
    assert names(at) == []
    assert "None of 40 texts begins" in words(at)
    assert "nan" not in words(at)


def test_draws_that_match_nothing_count_in_the_test_of_all_groups(open_page):
    one = replace(LETTERS, own="lamp", boundary=False)
    assert "none of the list" in words(open_page("bias", link(one, **{**DRAWS, "bias_rows": "300"})))


def test_too_few_tokens_are_named_and_exact_probabilities_are_not_laid_beside_them(open_page):
    spec = replace(SPEC, own="lamp\nriver\ndrink\nzebra\nriver lamp", boundary=True)
    settings = {**DRAWS, "bias_rows": "300"}
    short, enough = (words(open_page("bias", link(spec, bias_new=new, **settings))) for new in ("1", "3"))
    assert "Too long to be found with 1 token drawn: 1 of 5 completions" in short
    assert "hold the exact probability" not in short
    assert "more tokens than" not in enough
    assert "hold the exact probability" in enough


def test_rates_of_many_groups_are_told_by_their_ends(open_page):
    many = replace(LETTERS, words=(("race", "a, b, c, d, e"), ("gender", "man, woman")))
    assert "at the beginning: from " in words(open_page("bias", link(many, **DRAWS)))


def test_a_name_written_from_right_to_left_keeps_its_own_rate(open_page):
    hebrew = replace(LETTERS, words=(("race", "white, שלום"), ("gender", "man, woman")))
    assert "\u2068שלום man\u2069 " in words(open_page("bias", link(hebrew, **DRAWS)))


def test_a_group_against_itself_is_no_chart(open_page):
    same = {"bias_pair": "groups", "bias_first": "1", "bias_second": "1"}
    at = open_page("bias", link(LETTERS, **DRAWS, **same))
    assert names(at) == ["sampled"]
    assert TEXT("bias.same_group") in words(at)
    at = open_page("bias", link(bias_view="gap", **same))
    assert not at.exception
    assert names(at) == []
    assert "have the same prompt" in words(at)


def test_a_template_is_chosen_by_its_words(open_page):
    at = open_page("bias", link(bias_view="gap", bias_template="1"))
    assert at.selectbox(key="bias_template").options == list(SPEC.templates)
    assert "after “\u2068A woman, white, found a\u2069”" in words(at)


def test_a_template_that_is_taken_away_is_no_fault_of_the_link(open_page):
    assert "bias_template = 7" in words(open_page("bias", link(bias_view="gap", bias_template="7")))
    at = open_page("bias", link(bias_view="gap", bias_template="1"))
    at.text_area(key="bias_templates").set_value(SPEC.templates[0]).run()
    assert not at.exception
    assert "bias_template = 1" not in words(at)
    assert at.selectbox(key="bias_template").value == "0"


def test_scores_that_are_kept_are_shown_however_busy_the_server_is(open_page, monkeypatch):
    from components.bias import probe_result

    assert "dumbbell" in names(open_page("bias", link()))
    monkeypatch.setattr(probe_result, "MOST_SECONDS", 0.0)
    assert "dumbbell" in names(open_page("bias", link()))
    slow = open_page("bias", link(replace(SPEC, own="lamp\nriver")))
    assert names(slow) == []
    assert TEXT("bias_jobs.probe") in words(slow)


def test_draws_of_a_probe_that_is_slow_to_score_stand_without_exact_probabilities(open_page, monkeypatch):
    import math

    from components.bias import probe_result, sampled

    spec = replace(SPEC, own="lamp\nriver\ndrink\nzebra", boundary=True)
    settings = {**DRAWS, "bias_rows": "300", "bias_new": "3"}
    assert "hold the exact probability" in words(open_page("bias", link(spec, **settings)))
    for module in (probe_result, sampled):
        monkeypatch.setattr(module, "MOST_SECONDS", -math.inf)
    at = open_page("bias", link(spec, **settings))
    assert not at.exception
    assert names(at)[0] == "sampled"
    assert "Exact probabilities are left out" in words(at)
    assert "In the background" not in words(at)


@pytest.mark.parametrize("asked", [{"bias_view": "gap"}, {"bias_view": "sampled"}])
def test_what_needs_no_scores_does_not_wait_for_them(open_page, monkeypatch, asked):
    from dashboard.engine.local import LocalEngine

    answer = LocalEngine.answer

    def refused(engine, request, *rest):
        assert not isinstance(request, ScoreRequest | SentenceRequest)
        return answer(engine, request, *rest)

    monkeypatch.setattr(LocalEngine, "answer", refused)
    assert not open_page("bias", link(**asked)).exception


@pytest.mark.parametrize(
    ("ids", "text", "found"),
    [
        ((5, 1, 7), " a nurse", (" a", (5, 1), 7)),
        ((5, 2, 7, 8), " an engineer", (" an", (5, 2), 7)),
        ((5, 7), " nurse", ("", (5,), 7)),
        ((5, 1), " a nurse", ("", (5,), 1)),
        ((5, 9, 7), " a nurse", ("", (5,), 9)),
        ((4, 3, 7), " a nurse", ("", (4,), 3)),
    ],
)
def test_a_gap_is_read_behind_the_article(ids, text, found):
    known = {f"P{text}": ids, "P a": (5, 1), "P an": (5, 2)}
    prompt = (4, 6) if ids[0] == 4 else (5,)  # the last: read otherwise from the prompt's second token on
    article, both = sides(["P", "P"], [prompt, prompt], text, lambda texts, _alone: [known[one] for one in texts])
    assert (article, both[1].given, both[1].token) == found


def test_the_gap_of_a_completion_with_an_article_is_that_of_its_own_word(open_page):
    spec = replace(SPEC, own="a lamp\na river", article=True)
    at = open_page("bias", link(spec, bias_view="gap"))
    assert not at.exception
    assert "after “\u2068The white man saw a a\u2069”" in words(at)


def boxes(at):
    """The texts of each box of the grid."""
    grid = next(str(html.proto.body) for html in at.get("html") if "ls-answers" in str(html.proto.body))
    return [re.findall(r"<li><bdi>(.*?)</bdi></li>", box) for box in grid.split("<section>")[1:]]


def test_the_notebooks_call_shows_every_groups_texts_at_once_and_makes_no_other_calls(open_page, monkeypatch):
    from dashboard.engine.local import LocalEngine

    asked, answer = [], LocalEngine.answer

    def counted(engine, request, *rest):
        asked.append(type(request).__name__)
        return answer(engine, request, *rest)

    monkeypatch.setattr(LocalEngine, "answer", counted)
    at = open_page("bias", link(bias_view="notebook"))
    assert not at.exception
    assert [len(texts) for texts in boxes(at)] == [5] * 4
    assert set(asked) == {"GenerateRequest"}
    assert len(asked) == 4
    table = at.dataframe[0].value
    assert table["group"].drop_duplicates().tolist() == ["white man", "white woman", "black man", "black woman"]
    assert "seeds_of_10" not in table
    assert "×" not in next(str(html.proto.body) for html in at.get("html") if "ls-answers" in str(html.proto.body))
    at.button(key="bias_repeat").click().run()
    assert not at.exception
    assert at.query_params["bias_call"] == "true"
    assert "seeds_of_10" in at.dataframe[0].value


def test_a_text_that_the_limit_may_have_cut_within_a_word_says_so():
    assert answer_text(SimpleNamespace(stopped="limit"), " bart") == "bart…"
    assert answer_text(SimpleNamespace(stopped="limit"), " cop.") == "cop."
    assert answer_text(SimpleNamespace(stopped="end"), " cop") == "cop"
    assert answer_text(SimpleNamespace(stopped="limit"), "") == ""


def test_the_notebooks_call_stands_beside_exact_probabilities(open_page):
    at = open_page("bias", link(bias_view="notebook", bias_call="true"))
    assert not at.exception
    every = at.dataframe[0].value
    assert list(every["row"]) == [1, 2, 3, 4, 5] * 4
    at.selectbox(key="bias_group").set_value("3").run()
    table = at.dataframe[0].value
    assert set(table["group"]) == {"black woman"}
    np.testing.assert_allclose(every["prob"], np.exp(every["log_prob_nats"]), rtol=1e-6)
    assert every["seeds_of_10"].between(1, SEEDS).all()
    ranked = table.dropna(subset=["rank"])
    assert list(ranked.sort_values("prob", ascending=False)["rank"]) == sorted(ranked["rank"])


def test_long_work_says_what_it_costs_and_begins_when_it_is_asked_for(open_page, monkeypatch):
    monkeypatch.setattr(waiting, "AT_ONCE_SECONDS", -1.0)
    at = open_page("bias", link(replace(SPEC, own="lamp\nriver\nstore")))
    assert names(at) == []
    at.button(key="bias_start_exact").click().run()
    assert names(at) == ["dumbbell"]
    at = open_page("bias", link(LETTERS, bias_view="sampled", bias_rows="10"))
    assert names(at) == []
    at.button(key="bias_start_sampled").click().run()
    assert at.query_params["bias_draw"] == "true"
    assert names(at)[0] == "sampled"


@pytest.mark.parametrize("open_by", ["link", "button"])
def test_a_yes_to_draws_is_one_to_these_settings(open_page, monkeypatch, open_by):
    monkeypatch.setattr(waiting, "AT_ONCE_SECONDS", 0.0)
    yes = {"bias_draw": "true"} if open_by == "link" else {}
    at = open_page("bias", link(LETTERS, bias_view="sampled", bias_rows="60", bias_new="4", **yes))
    if open_by == "button":
        assert names(at) == []
        at.button(key="bias_start_sampled").click().run()
    assert names(at)[0] == "sampled"
    at.number_input(key="bias_seed").set_value(43).run()
    assert names(at) == []
    assert "bias_draw" not in at.query_params
    at.button(key="bias_start_sampled").click().run()
    assert names(at)[0] == "sampled"
    assert at.query_params["bias_draw"] == "true"
    monkeypatch.setattr(waiting, "AT_ONCE_SECONDS", -1.0)  # kept answers, too, wait for a yes
    assert names(at.run())[0] == "sampled"
    at.number_input(key="bias_seed").set_value(42).run()
    assert names(at) == []


def test_a_yes_to_more_calls_is_one_to_these_prompts(open_page):
    at = open_page("bias", link(bias_view="notebook", bias_call="true"))
    assert "seeds_of_10" in at.dataframe[0].value
    at.selectbox(key="bias_template").set_value("1").run()
    assert "seeds_of_10" not in at.dataframe[0].value
    assert "bias_call" not in at.query_params
    assert at.button(key="bias_repeat")


def test_the_cost_of_more_calls_is_that_of_all_that_they_ask(open_page, monkeypatch):
    from components.shell.view import View
    from dashboard.engine.local import LocalEngine

    costed, asked, answer = [], [], LocalEngine.answer

    def counted(engine, request, *rest):
        asked.append(request)
        return answer(engine, request, *rest)

    monkeypatch.setattr(View, "seconds_left", lambda _view, requests: costed.append(set(requests)) or 1.0)
    at = open_page("bias", link(bias_view="notebook"))
    monkeypatch.setattr(LocalEngine, "answer", counted)
    at.button(key="bias_repeat").click().run()
    assert not at.exception
    own = costed[0]
    assert {type(request).__name__ for request in costed[1]} == {"GenerateRequest", "TreeRequest"}
    assert costed[1] == set(asked) - own


@pytest.mark.parametrize(
    ("pair", "world"),
    [
        ({}, "women"),
        ({"bias_pair": "0.1.0"}, ""),
        ({"bias_pair": "groups", "bias_first": "0", "bias_second": "1"}, "men"),
        ({"bias_pair": "groups", "bias_first": "1", "bias_second": "0"}, "women"),
        ({"bias_pair": "groups", "bias_first": "3", "bias_second": "0"}, ""),
    ],
)
def test_only_women_and_men_are_laid_beside_the_labour_statistics(open_page, pair, world):
    at = open_page("bias", link(replace(SPEC, lexicon="occupations", article=True), **pair))
    assert not at.exception
    assert ("against_world" in names(at)) is bool(world)
    for of in ("women", "men"):
        assert (TEXT(f"bias.world_{of}", year="2022") in words(at)) is (of == world)


def test_two_of_many_groups_are_shown_as_themselves_while_the_others_are_scored(open_page, monkeypatch):
    from components.bias import exact
    from dashboard.engine.local import LocalEngine
    from dashboard.errors import Cancelled

    monkeypatch.setattr(exact, "LONG_SECONDS", -1.0)
    whole = open_page("bias", link())
    assert not whole.exception
    assert "“\u2068woman\u2069”" in words(whole)
    assert TEXT("bias.others_follow") not in words(whole)
    answer, asked = LocalEngine.answer, []

    def until_the_others(engine, request, *rest):
        asked.append(request)
        if len(asked) > 1:
            raise Cancelled
        return answer(engine, request, *rest)

    monkeypatch.setattr(LocalEngine, "answer", until_the_others)
    at = open_page("bias", link(replace(SPEC, own="lamp, 0.2\nriver, 0.9\nstore")))
    assert not at.exception
    assert names(at) == ["against_world", "dumbbell"]
    assert "for “\u2068white woman\u2069” over “\u2068white man\u2069”" in words(at)
    assert TEXT("bias.others_follow") in words(at)
    assert [len(request.prompts) for request in asked] == [4, 5]
    assert not set(asked[0].prompts) & set(asked[1].prompts)
    at = open_page("bias", link(replace(SPEC, own="lamp, 0.2\nriver, 0.9\nstore"), bias_pair="0.1.0"))
    assert names(at) == []


def test_scores_made_in_two_parts_are_those_of_one(open_page, tiny_settings):
    from dashboard.engine.local import LocalEngine
    from dashboard.probes.pair_scores import Pairs, tokeniser

    table = open_page("bias", link(bias_look="scores")).dataframe[0].value
    engine = LocalEngine(tiny_settings)
    tokenized = tokenize_probe(SPEC, tokeniser(engine, "local/tiny"))
    whole = Pairs.of_probe(engine.describe("local/tiny").version, tokenized).scores(engine)
    scores, _ = tokenized.by_template(whole.total)
    np.testing.assert_allclose(table["log_prob_nats"], scores.ravel(), atol=1e-5)


def test_a_probe_is_folded_to_a_line_until_somebody_changes_it(open_page):
    def fold(at):
        return next(fold for fold in at.expander if "edit" in fold.label)

    at = open_page("bias", {"prompt": "zebra", "bias_view": "gap"})
    assert fold(at).label == "4 sentences × 6 groups × 60 completions · edit"
    assert not fold(at).proto.expanded
    at = open_page("bias", link(bias_view="gap"))
    assert not fold(at).proto.expanded
    at.text_area(key="bias_own").set_value("nurse\nzebra").run()
    assert fold(at).proto.expanded


@pytest.mark.parametrize("language", ["en", "es"])
def test_tables_have_heads_in_the_persons_language(open_page, language):
    at = open_page("bias", link(bias_look="scores", lang=language))
    heads = json.loads(at.dataframe[0].proto.columns)
    assert heads["log_prob_nats"]["label"] == "ln p [nats]"
    assert heads["completion"]["label"] == Catalogue(language)("bias_columns.completion")


def test_where_a_gap_arises_is_read_from_the_lens_and_the_heads(open_page):
    at = open_page("bias", link(bias_view="gap"))
    assert not at.exception
    assert names(at) == ["gap", "head_gap"]
    links = [parse_qs(link_.proto.query_string) for link_ in at.get("page_link") if "L0 H" in link_.proto.label]
    # a link leaves nothing to what was looked at there before
    assert links
    for name, value in head_params(0, 0, 0).items():
        assert all(name in params for params in links)
        if not value.isdigit():
            assert all(params[name] == [value] for params in links)


def test_heads_are_not_linked_where_the_chat_template_would_shift_their_positions(open_page):
    at = open_page("bias", link(bias_view="gap", chat="true"))
    assert not re.search(r"L\d+ H\d", str([link_.proto for link_ in at.get("page_link")]))
    assert "without the chat template" in words(at)


@pytest.mark.parametrize(
    ("first", "second", "spans"),
    [
        ((1, 2, 3), (1, 9, 3), ((1, 2), (1, 2))),
        ((1, 2, 2, 3), (1, 2, 3), ((2, 3), (2, 2))),
        ((1, 5, 6, 3), (1, 9, 3), ((1, 3), (1, 2))),
        ((1, 2), (1, 2), ((2, 2), (2, 2))),
        ((4,), (5,), ((0, 1), (0, 1))),
    ],
)
def test_the_words_that_differ_are_found_as_tokens(first, second, spans):
    assert differing_spans(first, second) == spans


def test_a_large_probe_is_offered_as_a_job(open_page):
    at = open_page("bias", link(bias_view="jobs"))
    assert not at.exception
    assert TEXT("bias_jobs.probe") in words(at)


@pytest.mark.parametrize("preset", presets(), ids=lambda one: one.name)
def test_every_preset_can_be_tokenised_and_arranged(preset, tiny_settings):
    from dashboard.engine.local import LocalEngine

    engine = LocalEngine(tiny_settings)
    spec = ProbeSpec.of(preset)
    assert read(spec.written()) == spec
    made = tokenize_probe(spec, lambda texts, alone: engine.tokenizer("local/tiny").ids(tuple(texts), alone=alone))
    templates, groups, completions = made.shape
    log_p = np.arange(len(made.prompts) * completions, dtype=float).reshape(len(made.prompts), completions)
    scores = probe_scores(made, log_p)
    assert scores.log_prob.shape == (templates, groups, completions)
    assert scores.log_prob[-1, -1, -1] == log_p[templates * groups - 1, -1]
    neutral = [template.neutral for template in spec.probe.templates]
    assert (scores.neutral is not None) == any(neutral)
    assert made.prompts[0] == spec.probe.prompt(0, 0)
