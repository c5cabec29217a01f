"""The Sampling page: columns in the link, runs that are followed and stopped, forks, sets, exact comparisons."""

import json
import time
from dataclasses import replace

import numpy as np
import pytest

from components.sampling import generation_task, panels
from components.sampling.generation_task import GeneratedTexts, GenerationTask
from components.sampling.texts import Columns, token_colours
from dashboard.engine.api.decoding import DecodeSettings
from dashboard.engine.api.generation import Column, GenerateRequest
from dashboard.errors import Cancelled
from dashboard.i18n import Catalogue
from dashboard.sampling import forks as forking
from dashboard.sampling.columns import ColumnSpec, read, written
from dashboard.settings import Settings
from tests.engine.test_local import MODEL, key_of
from tests.made import samples, trees
from tests.made.recorded_engine import RecordedEngine
from tests.pages.test_pages import words

TEXT = Catalogue("en")
FOLDS = ("sampling_exact", "sampling_tree_go", "sampling_sweep")
PROMPT = "zebra lamp river"
SHORT = written((ColumnSpec(do_sample=False, max_new_tokens=6), ColumnSpec(num_return_sequences=2, max_new_tokens=6)))


def waited(at, done, seconds=30):
    """Run the page until `done`; a browser would do it by itself while texts grow."""
    end = time.monotonic() + seconds
    while not done(at):
        assert time.monotonic() < end, words(at)[-1500:]
        time.sleep(0.2)
        at.run()
    assert not at.exception
    return at


def has_texts(at):
    return TEXT("sampling.table") in words(at)


@pytest.fixture
def made(open_page):
    """The page with short texts made."""

    def opened(columns=SHORT, **params):
        return waited(open_page("sampling", {"prompt": PROMPT, "sampling_columns": columns, **params}), has_texts)

    return opened


def table(at):
    return at.dataframe[0].value


@pytest.fixture
def slow(environment):
    """Every piece of work is estimated to take a minute."""
    cost = RecordedEngine.cost
    environment.setattr(RecordedEngine, "cost", lambda *args: replace(cost(*args), seconds=60.0))


def keys(elements):
    return {element.key for element in elements}


@pytest.mark.usefixtures("slow")
@pytest.mark.parametrize("language", ["en", "es"])
def test_long_work_says_what_it_costs_and_waits_for_its_button(open_recorded, language):
    text = Catalogue(language)
    at = open_recorded("sampling", {"prompt": PROMPT, "lang": language, "sampling_sweep": "true"})
    assert not at.exception
    engine = at.session_state["_view"].engine
    assert not [request for request in engine.asked if isinstance(request, GenerateRequest)]
    estimate = f"{text('about.minute')}."
    assert words(at).count(estimate) == 2
    at.button(key="sampling_run").click().run()
    waited(at, lambda page: text("sampling.table") in words(page))
    assert len([request for request in engine.asked if isinstance(request, GenerateRequest)]) == 1
    assert words(at).count(estimate) == 1  # the sweep's
    assert "sampling_run" not in keys(at.button)


def test_short_work_begins_by_itself_and_nothing_of_a_closed_fold_is_computed(open_recorded):
    at = waited(open_recorded("sampling", {"prompt": PROMPT}), has_texts)
    asked = {type(request).__name__ for request in at.session_state["_view"].engine.asked}
    assert asked == {"GenerateRequest"}
    assert "sampling_run" not in keys(at.button)
    assert f"{TEXT('about.moment')}." not in words(at)


def test_the_finding_counts_texts_and_gives_each_columns_geometric_mean():
    log_p = [np.log([0.5, 0.5]), np.log([0.1]), np.log([0.2, 0.05, 0.1])]
    ids = [(5, 6), (5,), (7, 7, 7)]
    columns = [0, 1, 1]
    outputs = tuple(trees.output(column, 0, *text) for column, *text in zip(columns, ids, strict=True))
    outputs = tuple(replace(output, log_p=log) for output, log in zip(outputs, log_p, strict=True))
    generation = GeneratedTexts(replace(trees.generated(2, 1), outputs=outputs), {})
    columns = Columns((ColumnSpec(),) * 2, ("a", "b"), ("eins", "<b>"), samples.run_key())
    assert panels.texts_finding(columns, generation, TEXT) == (
        "3 texts, all different. Probability of a token, geometric mean: “eins” 0.5; “<b>” 0.1."
    )
    twice = replace(generation.generated, outputs=(outputs[1], outputs[1]))
    assert panels.texts_finding(columns, GeneratedTexts(twice, {}), TEXT).startswith("2 texts, 1 different.")


def test_draw_again_takes_other_seeds_and_keeps_common_ones_in_common(made):
    at = made()
    before = [spec.seed for spec in read(at.session_state["sampling_columns"])]
    at.button(key="sampling_new_seeds").click().run()
    after = [spec.seed for spec in read(at.query_params["sampling_columns"])]
    assert not set(before) & set(after)
    assert after[1] - after[0] == before[1] - before[0]


def test_greedy_texts_alone_cannot_be_drawn_again(made):
    assert "sampling_new_seeds" not in keys(made(written((ColumnSpec(do_sample=False, max_new_tokens=4),))).button)


@pytest.mark.parametrize(
    ("params", "opened"),
    [
        ({}, set()),
        ({"sampling_tree_go": "true"}, {"sampling_tree_go"}),
        ({"sampling_map": "true"}, {"sampling_exact"}),
        ({"sampling_reference": "lamp"}, {"sampling_exact"}),
        ({"sampling_sweep_go": "be541cdf158a"}, {"sampling_sweep"}),
    ],
)
def test_folds_are_open_where_a_link_names_what_is_in_them(open_recorded, params, opened):
    at = open_recorded("sampling", {"prompt": PROMPT, **params})
    assert {name for name in FOLDS if at.session_state[name]} == opened


def test_a_fold_stays_as_it_was_left_when_the_person_comes_back(open_recorded):
    at = open_recorded("sampling", {"prompt": PROMPT})
    at.session_state["sampling_exact"] = True
    at.run()
    at.switch_page("../pages/attention.py").run()
    at.switch_page("../pages/sampling.py").run()
    assert at.session_state["sampling_exact"]
    assert "sampling_value" in keys(at.selectbox)


def test_columns_are_called_in_the_pages_language_and_the_same_in_every_file(open_recorded):
    at = waited(
        open_recorded("sampling", {"prompt": PROMPT, "lang": "es"}),
        lambda page: Catalogue("es")("sampling.table") in words(page),
    )
    assert "voraz" in words(at)
    assert "T 0,7 · top_p 0,9" in words(at)
    assert list(table(at)["name"])[:2] == ["voraz", "T 0,7 · top_p 0,9"]
    assert list(table(at)["row"]) == [1, 1, 2, 3, 1, 2, 3]
    spec = read(at.session_state["sampling_columns"])[1]
    assert spec.label == "T 0.7 · top_p 0.9"


def test_texts_are_made_and_a_link_makes_the_same_again(made, open_page):
    at = made()
    first = table(at)
    assert list(first["name"]) == ["greedy", "T 1", "T 1"]
    assert set(first["stopped"]) <= {TEXT("sampling.ended.limit"), TEXT("sampling.ended.end")}
    params = {name: at.query_params[name] for name in ("sampling_columns", "prompt")}
    again = waited(open_page("sampling", params), has_texts)
    assert list(table(again)["text"]) == list(first["text"])


def unfolded(at, number, *, more=False):
    """The settings of a column, open."""
    at.session_state[f"sampling_settings_{number}"] = True
    at.session_state[f"sampling_more_{number}"] = more
    return at.run()


def test_other_settings_are_other_texts_and_the_old_ones_come_back_at_once(made):
    at = unfolded(made(), 1)
    before = list(table(at)["text"])
    waited(at.number_input(key="sampling_1_temperature").set_value(3.0).run(), has_texts)
    assert list(table(at)["text"]) != before
    assert read(at.session_state["sampling_columns"])[1].temperature == 3.0
    at.number_input(key="sampling_1_temperature").set_value(1.0).run()
    assert list(table(at)["text"]) == before


def test_a_preset_takes_the_place_of_a_columns_settings_and_keeps_its_seed(open_page):
    at = unfolded(open_page("sampling", {"prompt": PROMPT, "sampling_columns": SHORT}), 0)
    at.selectbox(key="sampling_preset_0").set_value("notebook_beams").run()
    spec = read(at.session_state["sampling_columns"])[0]
    assert (spec.num_beams, spec.temperature, spec.seed) == (5, 0.3, 42)
    assert at.query_params["sampling_columns"] == at.session_state["sampling_columns"]


def test_columns_are_added_and_removed_and_share_noise_on_request(open_page):
    at = open_page("sampling", {"prompt": PROMPT})
    at.button(key="sampling_add").click().run()
    specs = read(at.session_state["sampling_columns"])
    assert len(specs) == 4
    assert len({spec.seed for spec in specs}) == 4
    assert at.button(key="sampling_add").disabled
    at.toggle(key="sampling_same").set_value(True).run()
    assert len({spec.seed for spec in read(at.session_state["sampling_columns"])}) == 1
    unfolded(at, 3).button(key="sampling_remove_3").click().run()
    assert len(read(at.session_state["sampling_columns"])) == 3


@pytest.mark.parametrize(
    ("spec", "problem"),
    [
        (ColumnSpec(temperature=0.0), "temperature_zero"),
        (ColumnSpec(num_beams=2, num_return_sequences=3), "rows_over_beams"),
        (ColumnSpec(do_sample=False, num_return_sequences=3), "greedy_rows"),
    ],
)
def test_what_transformers_refuses_is_explained_and_nothing_runs(open_page, spec, problem):
    at = open_page("sampling", {"prompt": PROMPT, "sampling_columns": written((spec,))})
    assert not at.exception
    assert TEXT(f"sampling.impossible.{problem}", rows=3, beams=2) in words(at)
    assert TEXT("sampling.mend_first") in words(at)
    assert "sampling_0_temperature" in keys(at.number_input)  # its settings are open
    assert not has_texts(at)


@pytest.mark.parametrize("value", ["[", '[{"top_q":1}]', "[]", '[{"temperature":NaN}]'])
def test_columns_that_cannot_be_read_are_named_and_the_page_opens_with_its_own(open_page, value):
    at = open_page("sampling", {"prompt": PROMPT, "sampling_columns": value})
    assert not at.exception
    assert "sampling_columns:" in words(at)
    assert len(read(at.session_state["sampling_columns"])) == 3


@pytest.mark.parametrize(
    ("seed", "named"), [("-1", True), ("abc", True), (str(2**64), True), (str(2**64 - 1), False), ("7", False)]
)
def test_a_seed_is_a_number_of_64_bits(open_recorded, seed, named):
    at = unfolded(open_recorded("sampling", {"prompt": PROMPT}), 1, more=True)
    at.text_input(key="sampling_1_seed").set_value(seed).run()
    assert not at.exception
    assert ("ls-advice" in words(at)) == named
    if not named:
        assert read(at.session_state["sampling_columns"])[1].seed == int(seed)


def test_stop_strings_are_one_a_line_with_new_lines_written_out(open_recorded):
    at = unfolded(open_recorded("sampling", {"prompt": PROMPT}), 0, more=True)
    at.text_area(key="sampling_0_stop_strings").set_value("\\n\n\nthe end\n\\\\n").run()
    assert read(at.session_state["sampling_columns"])[0].stop_strings == ("\n", "the end", "\\n")
    assert at.text_area(key="sampling_0_stop_strings").value == "\\n\nthe end\n\\\\n"


def test_too_many_tokens_are_refused_with_numbers_before_the_run(open_page):
    columns = written((ColumnSpec(num_return_sequences=500, max_new_tokens=2000),))
    at = open_page("sampling", {"prompt": PROMPT, "sampling_columns": columns})
    assert not at.exception
    assert "1,000,000" in words(at)
    assert "50,000" in words(at)
    assert TEXT("sampling.exact") in {fold.label for fold in at.expander}  # the rest of the page lives


def test_a_fork_stands_in_the_link_and_goes_on_from_the_chosen_token(made, open_page):
    at = made()
    row = table(at)
    engine = at.session_state["_view"].engine
    columns = tuple(spec.column() for spec in read(at.session_state["sampling_columns"]))
    left = engine.kept(GenerateRequest(at.session_state["_view"].key, columns)).outputs[1]
    other = next(int(i) for i in left.alternatives[2] if i != left.ids[2])
    at.session_state["sampling_forks"] = f"1.0.2.{other}"
    at = waited(at.run(), lambda page: len(table(page)) == 4)
    fork = table(at).iloc[-1]
    assert (fork["name"], fork["row"]) == ("T 1", 3)
    assert at.query_params["sampling_forks"] == f"1.0.2.{other}"
    assert fork["text"] != row["text"].iloc[1]
    params = {name: at.query_params[name] for name in ("sampling_columns", "prompt", "sampling_forks")}
    again = waited(open_page("sampling", params), lambda page: has_texts(page) and len(table(page)) == 4)
    assert table(again).iloc[-1]["text"] == fork["text"]
    again.button(key="sampling_no_forks").click().run()
    assert len(table(again)) == 3


def test_a_full_link_says_that_it_holds_no_more_forks(made):
    full = ",".join(f"1.0.2.{token}" for token in range(20, 20 + forking.MOST))
    said = TEXT("sampling.most_forks", most=forking.MOST)
    assert said not in words(made(sampling_forks=full.rpartition(",")[0]))
    at = made(sampling_forks=full)
    assert said in words(at)
    assert at.query_params["sampling_forks"] == full


@pytest.mark.parametrize("forks", ["x", "0.0.99.5", "7.7.7.7", "f3.1.1", "1.0.2.99999999"])
def test_forks_that_cannot_be_leave_the_texts_alone(made, forks):
    at = made(sampling_forks=forks)
    assert len(table(at)) == 3


def test_sets_want_texts_enough_and_offer_them(made):
    at = made()
    assert TEXT("sampling.sets_few", enough=20) in words(at)
    at.button(key="sampling_more").click().run()
    specs = read(at.session_state["sampling_columns"])
    assert [spec.num_return_sequences for spec in specs] == [1, 20]
    at = waited(at, has_texts)
    names = [json.loads(chart.proto.config)["toImageButtonOptions"]["filename"] for chart in at.get("plotly_chart")]
    for chart in ("sets", "quality", "answers", "lengths"):
        assert any(name.startswith(f"logitscope-{chart}-") for name in names), names


def test_beams_have_their_tree_and_no_forks(made):
    beams = ColumnSpec(do_sample=False, num_beams=3, num_return_sequences=2, max_new_tokens=4)
    at = made(written((beams, beams)))
    assert TEXT("sampling.beams") in words(at)
    at.selectbox(key="sampling_beams_of").set_value("1").run()
    assert not at.exception
    assert table(at)["beam_score"].notna().all()
    assert table(at)["sum_log_q_nats"].isna().all()


def test_a_sweep_turns_one_knob(made):
    at = made(sampling_sweep="true")
    at.text_input(key="sampling_sweep_values").set_value("0.5, 1, 2").run()
    at = waited(at, lambda page: any("sweep" in str(chart.proto.config) for chart in page.get("plotly_chart")))
    assert at.query_params["sampling_sweep_values"] == "0.5, 1, 2"


@pytest.mark.parametrize("values", ["1, 2", "a, b, c", "-1, 1, 2", "0, 1, 2", "1,2,3,4,5,6,7,8,9,10", "nan, 1, 2"])
def test_values_of_a_sweep_that_cannot_be_are_explained(open_page, values):
    at = open_page("sampling", {"prompt": PROMPT, "sampling_sweep_values": values, "sampling_sweep": "true"})
    assert not at.exception
    assert "ls-advice" in words(at)


def test_settings_are_compared_along_a_pasted_text(open_page):
    at = open_page("sampling", {"prompt": PROMPT, "sampling_reference": " lamp lamp", "sampling_value": "js_nats"})
    assert not at.exception
    assert len(at.get("plotly_chart")) == 1
    whole = at.session_state["_view"].engine.tokenizer(MODEL).read(PROMPT + " lamp lamp", chat=False)
    assert at.number_input(key="sampling_positions").value == len(whole.tokens)


def test_one_column_has_no_distance(open_page):
    columns = written((ColumnSpec(),))
    at = open_page("sampling", {"prompt": PROMPT, "sampling_columns": columns, "sampling_value": "total_variation"})
    assert TEXT("sampling.one_column") in words(at)


def test_the_tree_of_continuations_is_shown_on_request(open_page):
    at = open_page("sampling", {"prompt": PROMPT, "sampling_tree_go": "true", "sampling_nodes": "12"})
    assert not at.exception
    assert len(at.get("plotly_chart")) == 1
    assert "12 branches" in words(at)


# -- the work behind the page ---------------------------------------------------------------------------------------
@pytest.fixture
def short_patience(monkeypatch):
    monkeypatch.setattr("components.sampling.generation_task.ALONE_SECONDS", 0.2)


def until_told(work):
    """Work that goes on until it is told to stop, or for some seconds."""
    work.control.cancel.wait(3)
    raise Cancelled


@pytest.mark.usefixtures("short_patience")
def test_work_whose_browser_went_is_stopped(tiny_settings: Settings):
    from dashboard.engine.local import LocalEngine

    engine = LocalEngine(tiny_settings)
    key, work = key_of(engine), GenerationTask("texts", lambda: False)
    request = GenerateRequest(key, (Column(DecodeSettings(), max_new_tokens=2000),))
    work.start(lambda own: engine.answer(request, own.control, own.steps.append))
    work.thread.join(30)
    assert not work.running
    assert work.control.cancel.is_set()
    assert len(work.steps) < 2000


@pytest.mark.usefixtures("short_patience")
def test_work_goes_on_however_long_its_own_page_waits():
    work = GenerationTask("texts")
    work.start(until_told)
    time.sleep(1.5)  # no part of the page looks at it
    assert not work.control.cancel.is_set()
    work.on_page = False
    work.thread.join(2)
    assert work.control.cancel.is_set()


@pytest.mark.usefixtures("short_patience")
def test_work_is_shown_by_its_page_and_by_no_other(open_page, monkeypatch):
    monkeypatch.setattr("components.sampling.generation_task.make", lambda *args: until_told(args[-1]))
    at = open_page("sampling", {"prompt": PROMPT, "sampling_columns": SHORT})
    work = at.session_state["_sampling_work_texts"]
    assert work.on_page
    at.switch_page("../pages/attention.py").run()
    assert not work.on_page
    at.switch_page("../pages/sampling.py").run()
    work = at.session_state["_sampling_work_texts"]  # begun again, if nobody looked for too long
    assert work.on_page
    unfolded(at, 1).number_input(key="sampling_1_temperature").set_value(3.0).run()
    assert not work.on_page  # other texts are asked for now
    work.control.cancel.set()


@pytest.mark.usefixtures("short_patience")
@pytest.mark.parametrize("by_hand", [True, False])
def test_texts_that_were_left_are_made_when_the_person_comes_back(open_page, monkeypatch, by_hand):
    with monkeypatch.context() as slow:
        slow.setattr("components.sampling.generation_task.make", lambda *args: until_told(args[-1]))
        at = open_page("sampling", {"prompt": PROMPT, "sampling_columns": SHORT})
        work = at.session_state["_sampling_work_texts"]
        if by_hand:
            work.control.cancel.set()
        at.switch_page("../pages/attention.py").run()
        work.thread.join(10)
    at.switch_page("../pages/sampling.py").run()
    if by_hand:
        assert TEXT("sampling.stopped_early") in words(at)
        assert at.button(key="sampling_run").label == TEXT("sampling.generate")
        assert at.session_state["_sampling_work_texts"] is work
    else:
        waited(at, has_texts)
        assert TEXT("sampling.stopped_early") not in words(at)


def test_tokens_are_coloured_by_what_is_asked_for(tiny_settings):
    from dashboard.engine.local import LocalEngine

    engine = LocalEngine(tiny_settings)
    request = GenerateRequest(key_of(engine), (Column(DecodeSettings(top_k=30), max_new_tokens=9),))
    output = engine.answer(request).outputs[0]
    np.testing.assert_allclose(token_colours(output, "prob"), np.exp(output.log_p), rtol=1e-6)
    np.testing.assert_allclose(token_colours(output, "q"), np.exp(output.log_q), rtol=1e-6)
    bits = -output.log_p / np.log(2)
    np.testing.assert_allclose(token_colours(output, "surprisal"), np.clip(bits / 16, 0, 1), rtol=1e-5)
    bands = [sum(rank > edge for edge in (1, 5, 20, 100)) / 4 for rank in output.ranks]
    np.testing.assert_allclose(token_colours(output, "rank"), bands)
    assert np.isnan(token_colours(output, "none")).all()


def test_links_made_before_models_had_rules_make_their_texts_again():
    """The name of texts in a link, as it was when such links were made."""
    drawn = Column(DecodeSettings(temperature=0.7, top_p=0.9), num_return_sequences=3, seed=4)
    columns = drawn, Column(DecodeSettings(do_sample=False))
    run = samples.run_key(model="m")
    name = generation_task.name_in_link
    assert name(GenerateRequest(run, columns)) == "0ebc98e8e4da"
    without = replace(columns[1], settings=DecodeSettings(do_sample=False, model_rules=False))
    assert name(GenerateRequest(run, (columns[0], without))) != "0ebc98e8e4da"


def test_a_name_in_a_link_holds_every_setting_of_its_texts():
    settings = DecodeSettings(False, 0.7, 5, repetition_penalty=1.0, no_repeat_ngram_size=2, model_rules=False)
    beams = Column(settings, num_return_sequences=3, num_beams=2, stop_strings=("a'b", "\n"), seed=7)
    run = samples.run_key(model="local/tiny")
    name = generation_task.name_in_link
    assert name(GenerateRequest(run, (Column(DecodeSettings()),))) == "1b9d283d7c99"
    assert name(GenerateRequest(run, (beams, Column(DecodeSettings())), (4,), 2)) == "d7b7a83c475b"
