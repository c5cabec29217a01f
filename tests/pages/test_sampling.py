"""The Sampling page: columns in the link, runs that are followed and stopped, forks, sets, exact comparisons."""

import json
import time
from dataclasses import replace

import pytest

from components.sampling import generation_task
from components.sampling.generation_task import GenerationTask
from components.sampling.texts import token_colours
from dashboard.engine.api.decoding import DecodeSettings
from dashboard.engine.api.generation import Column, GenerateRequest
from dashboard.errors import Cancelled
from dashboard.i18n import Catalogue
from dashboard.sampling import forks as forking
from dashboard.sampling.columns import ColumnSpec, read, written
from dashboard.settings import Settings
from tests.engine.test_local import MODEL, key_of
from tests.made import samples
from tests.pages.test_pages import words

TEXT = Catalogue("en")
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
        at = open_page("sampling", {"prompt": PROMPT, "sampling_columns": columns, **params})
        at.button(key="sampling_run").click().run()
        return waited(at, has_texts)

    return opened


def table(at):
    return at.dataframe[0].value


def test_nothing_is_made_before_it_is_asked_for(open_page):
    at = open_page("sampling", {"prompt": PROMPT})
    assert not at.exception
    assert TEXT("sampling.not_yet") in words(at)
    assert not has_texts(at)


def test_texts_are_made_and_a_link_makes_the_same_again(made, open_page):
    at = made()
    first = table(at)
    assert list(first["column"]) == [0, 1, 1]
    assert set(first["stopped"]) <= {"limit", "end"}
    params = {name: at.query_params[name] for name in ("sampling_go", "sampling_columns", "prompt")}
    again = waited(open_page("sampling", params), has_texts)
    assert list(table(again)["text"]) == list(first["text"])


def test_a_link_whose_texts_were_not_run_does_not_run(open_page):
    at = open_page("sampling", {"prompt": PROMPT, "sampling_go": "0123456789ab"})
    assert not has_texts(at)
    assert TEXT("sampling.not_yet") in words(at)


def test_other_settings_are_other_texts_and_the_old_ones_come_back_at_once(made):
    at = made()
    before = list(table(at)["text"])
    at.segmented_control(key="sampling_edited").set_value(1).run()
    at.number_input(key="sampling_1_temperature").set_value(3.0).run()
    assert not has_texts(at)
    assert read(at.session_state["sampling_columns"])[1].temperature == 3.0
    at.number_input(key="sampling_1_temperature").set_value(1.0).run()
    assert list(table(at)["text"]) == before


def test_a_preset_takes_the_place_of_a_columns_settings_and_keeps_its_seed(open_page):
    at = open_page("sampling", {"prompt": PROMPT, "sampling_columns": SHORT})
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
    at.button(key="sampling_remove").click().run()
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


@pytest.mark.parametrize("value", ["[", '[{"top_q":1}]', "[]", '[{"temperature":NaN}]'])
def test_columns_that_cannot_be_read_are_named_and_the_page_opens_with_its_own(open_page, value):
    at = open_page("sampling", {"prompt": PROMPT, "sampling_columns": value})
    assert not at.exception
    assert "sampling_columns:" in words(at)
    assert len(read(at.session_state["sampling_columns"])) == 3


@pytest.mark.parametrize(
    ("seed", "named"), [("-1", True), ("abc", True), (str(2**64), True), (str(2**64 - 1), False), ("7", False)]
)
def test_a_seed_is_a_number_of_64_bits(open_page, seed, named):
    at = open_page("sampling", {"prompt": PROMPT})
    at.segmented_control(key="sampling_edited").set_value(1).run()
    at.text_input(key="sampling_1_seed").set_value(seed).run()
    assert not at.exception
    assert ("ls-advice" in words(at)) == named
    if not named:
        assert read(at.session_state["sampling_columns"])[1].seed == int(seed)


def test_stop_strings_are_one_a_line_with_new_lines_written_out(open_page):
    at = open_page("sampling", {"prompt": PROMPT})
    at.text_area(key="sampling_0_stop_strings").set_value("\\n\n\nthe end\n\\\\n").run()
    assert read(at.session_state["sampling_columns"])[0].stop_strings == ("\n", "the end", "\\n")
    assert at.text_area(key="sampling_0_stop_strings").value == "\\n\nthe end\n\\\\n"


def test_too_many_tokens_are_refused_with_numbers_before_the_run(open_page):
    columns = written((ColumnSpec(num_return_sequences=500, max_new_tokens=2000),))
    at = open_page("sampling", {"prompt": PROMPT, "sampling_columns": columns})
    assert not at.exception
    assert "1,000,000" in words(at)
    assert "50,000" in words(at)
    assert TEXT("sampling.exact") in words(at)  # the rest of the page lives


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
    assert (fork["column"], fork["row"]) == (1, 2)
    assert at.query_params["sampling_forks"] == f"1.0.2.{other}"
    assert fork["text"] != row["text"].iloc[1]
    params = {name: at.query_params[name] for name in ("sampling_go", "sampling_columns", "prompt", "sampling_forks")}
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
    at.button(key="sampling_run").click().run()
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
    at = made()
    at.text_input(key="sampling_sweep_values").set_value("0.5, 1, 2").run()
    at.button(key="sampling_sweep_run").click().run()
    at = waited(at, lambda page: any("sweep" in str(chart.proto.config) for chart in page.get("plotly_chart")))
    assert at.query_params["sampling_sweep_values"] == "0.5, 1, 2"


@pytest.mark.parametrize("values", ["1, 2", "a, b, c", "-1, 1, 2", "0, 1, 2", "1,2,3,4,5,6,7,8,9,10", "nan, 1, 2"])
def test_values_of_a_sweep_that_cannot_be_are_explained(open_page, values):
    at = open_page("sampling", {"prompt": PROMPT, "sampling_sweep_values": values})
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
    assert len(at.get("plotly_chart")) == 2
    assert "12 nodes" in words(at)


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
    at.button(key="sampling_run").click().run()
    work = at.session_state["_sampling_work_texts"]
    assert work.on_page
    at.switch_page("../pages/attention.py").run()
    assert not work.on_page
    at.switch_page("../pages/sampling.py").run()
    assert work.on_page
    at.segmented_control(key="sampling_edited").set_value(1).run()
    at.number_input(key="sampling_1_temperature").set_value(3.0).run()
    assert not work.on_page  # other texts are asked for now
    work.control.cancel.set()


def test_tokens_are_coloured_by_what_is_asked_for(tiny_settings):
    import numpy as np

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
