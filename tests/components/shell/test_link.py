"""The link: a cold URL is read, what cannot be read is named, and page and URL stay in step."""

from types import SimpleNamespace

import pytest

from components.shell import link
from dashboard.view_state import FIELDS, pack_prompt

OPTIONS = ("prob", "rank", "none")


class Params(dict):
    """Query parameters as Streamlit has them: one text each, or several of one name."""

    def get_all(self, name):
        value = self.get(name, [])
        return list(value) if isinstance(value, list) else [value]


@pytest.fixture
def session(monkeypatch):
    """A page's ``state`` and ``params``, which a test changes as Streamlit and a browser would; ``go`` opens a page."""
    fake = SimpleNamespace(
        session_state={}, query_params=Params(), context=SimpleNamespace(url="http://host/attention")
    )
    monkeypatch.setattr(link, "st", fake)

    def go(url):
        fake.context.url = url
        fake.query_params.clear()

    return SimpleNamespace(state=fake.session_state, params=fake.query_params, go=go)


def reasons():
    return {problem.name: problem.reason for problem in link.dropped()}


# -- a cold URL ----------------------------------------------------------------------------------------------------
def test_what_can_be_read_stays_and_what_cannot_is_named_and_taken_away(session):
    session.params.update(
        attention_layer="2", attention_head="x", nonsense="1", scale="red", attention_queries=["1", "5"]
    )
    link.read_link()
    assert reasons() == {"attention_head": "integer", "nonsense": "unknown", "scale": "choice"}
    assert session.params == {"attention_layer": "2", "attention_queries": ["1", "5"]}


def test_a_link_is_read_once_a_session(session):
    link.read_link()
    session.params["nonsense"] = "1"
    link.read_link()
    assert link.dropped() == []


def test_a_widget_is_bound_but_not_in_the_run_whose_url_holds_what_it_cannot_read(session):
    session.params.update(attention_layer="1e400", attention_head="1")
    link.read_link()
    assert link.binding("attention_layer") is None
    assert link.binding("attention_head") == "query-params"
    link.read_link()
    assert link.binding("attention_layer") == "query-params"


def test_what_was_not_used_is_named_until_it_is_dismissed(session):
    session.params["nonsense"] = "<b>1</b>"
    link.read_link()
    assert [(problem.name, problem.value) for problem in link.dropped()] == [("nonsense", "<b>1</b>")]
    link.dismiss()
    assert link.dropped() == []


@pytest.mark.parametrize("value", ["<script>", "NaN", "-1", "9" * 400, "1e400", "%00", "\ud800", "../../etc/passwd"])
def test_hostile_values_end_in_a_reason_or_as_text(session, value):
    session.params.update(dict.fromkeys(FIELDS, value))
    link.read_link()
    texts = {name for name, field in FIELDS.items() if field.kind == "text"}
    whole = {name for name in session.params if name not in texts}
    assert set(session.params) - whole == texts
    # a number below any low end is checked where the limits are known
    assert {FIELDS[name].kind for name in whole} <= ({"integer", "number"} if value == "-1" else set())


def test_a_parameter_given_twice_is_named(session):
    session.params["attention_layer"] = ["1", "2"]
    link.read_link()
    assert reasons() == {"attention_layer": "count"}


# -- selectors -----------------------------------------------------------------------------------------------------
def chosen(session, pick=None, default="prob"):
    """One run of a page with a selector; `pick` is what the person chooses in it."""
    link.choice_state("colour", OPTIONS, default)
    if pick:
        session.state["colour"] = pick
    return link.choice_written("colour", default)


def test_a_selector_takes_the_links_value_and_writes_the_persons(session):
    session.params["colour"] = "rank"
    assert chosen(session) == "rank"
    assert chosen(session, pick="none") == "none"
    assert session.params == {"colour": "none"}
    assert chosen(session) == "none"


def test_a_default_needs_no_parameter(session):
    chosen(session)
    assert session.params == {}
    chosen(session, pick="rank")
    chosen(session, pick="prob")
    assert session.params == {}


def test_back_and_forward_win_over_what_was_chosen(session):
    chosen(session, pick="rank")
    session.params["colour"] = "none"
    assert chosen(session) == "none"
    session.params.clear()
    assert chosen(session) == "prob"


def test_an_option_that_there_is_not_is_named_with_those_that_there_are(session):
    session.params["colour"] = "<b>"
    assert chosen(session) == "prob"
    [problem] = link.dropped()
    assert (problem.reason, problem.facts) == ("choice", (("choices", "prob, rank, none"),))
    assert session.params == {}


def test_an_option_that_is_no_longer_offered_falls_back_to_the_default(session):
    session.state["colour"] = "gone"
    assert chosen(session) == "prob"


def test_what_was_chosen_on_a_page_is_kept_while_the_person_is_on_another(session):
    link.read_link()
    chosen(session, pick="rank")
    session.go("http://host/")
    link.read_link()
    session.go("http://host/attention")
    link.read_link()
    assert chosen(session) == "rank"
    assert session.params == {"colour": "rank"}


# -- the language switch -------------------------------------------------------------------------------------------
class Watched(dict):
    """A session state that remembers which keys were set."""

    def __init__(self):
        super().__init__()
        self.was_set = []

    def __setitem__(self, name, value):
        self.was_set.append(name)
        super().__setitem__(name, value)


def test_after_a_language_switch_the_choice_is_sent_once_more_and_only_once(session, monkeypatch):
    state = Watched()
    monkeypatch.setattr(link.st, "session_state", state)
    sent = []
    for language in ("en", "en", "es", "es"):
        state["lang"] = language
        state.was_set.clear()
        chosen(session)
        sent.append("colour" in state.was_set)
    assert sent == [True, False, True, False]


# -- the prompt ----------------------------------------------------------------------------------------------------
def prompt(session, typed=None, default="hello"):
    """One run of a page with its prompt; gives whether a link can carry it."""
    link.prompt_state(default)
    if typed is not None:
        session.state["prompt"] = typed
    return link.prompt_written(default)


@pytest.mark.parametrize("text", ["", "zebra\n\t<b> $x$ عربي", "lamp " * 900])
def test_a_prompt_is_taken_from_its_link_and_stays_in_it(session, text):
    session.params.update(pack_prompt(text))
    before = dict(session.params)
    assert prompt(session)
    assert session.state["prompt"] == text
    assert session.params == before


def test_a_longer_prompt_changes_its_parameter(session):
    prompt(session, typed="zebra")
    assert session.params == {"prompt": "zebra"}
    prompt(session, typed="zebra " * 200)
    assert set(session.params) == {"pz"}
    prompt(session, typed="hello")
    assert session.params == {}


def test_a_prompt_that_no_link_can_carry_leaves_none_of_another_prompt(session):
    prompt(session, typed="zebra")
    noise = "".join(chr(0x4E00 + (i * 7919) % 20000) for i in range(60_000))
    assert not prompt(session, typed=noise)
    assert session.params == {}
    assert not prompt(session)  # the next run
    assert session.state["prompt"] == noise


def test_a_damaged_prompt_is_named_and_the_default_is_shown(session):
    session.params["pz"] = "!" * 90
    prompt(session)
    [problem] = link.dropped()
    assert (problem.name, problem.value, problem.reason) == ("pz", "!" * 40 + "…", "damaged")
    assert session.state["prompt"] == "hello"
    assert session.params == {}


# -- texts and lists of numbers ------------------------------------------------------------------------------------
def test_a_text_follows_the_link_and_the_page(session):
    session.params["columns"] = "[{}]"
    link.text_state("columns", "")
    assert session.state["columns"] == "[{}]"
    session.state["columns"] = "[{},{}]"
    link.text_written("columns", "")
    assert session.params == {"columns": "[{},{}]"}
    session.state["columns"] = ""
    link.text_written("columns", "")
    assert session.params == {}


def numbers(session, pick=None, count=50, most=3):
    """One run of a page with a selection of numbers."""
    link.numbers_state("pins", count, most)
    if pick is not None:
        session.state["pins"] = pick
    return link.numbers_written("pins")


def test_numbers_are_read_and_written_in_order(session):
    session.params["pins"] = "30,3-4"
    assert numbers(session) == (3, 4, 30)
    assert numbers(session, pick=[9, 1]) == (1, 9)
    assert session.params == {"pins": "1,9"}
    assert numbers(session, pick=[]) == ()
    assert session.params == {}


@pytest.mark.parametrize(("raw", "reason"), [("50", "range"), ("x", "range"), ("1-4", "many"), ("0-999999", "range")])
def test_numbers_that_cannot_be_are_named_and_none_is_used(session, raw, reason):
    session.params["pins"] = raw
    assert numbers(session) == ()
    assert reasons() == {"pins": reason}


# -- bound numbers and spans ---------------------------------------------------------------------------------------
def test_a_number_of_the_link_is_left_to_streamlit(session):
    session.params["layer"] = "2"
    link.bounded("layer", 0, 5, 1)
    assert "layer" not in session.state
    assert session.params == {"layer": "2"}


@pytest.mark.parametrize("raw", ["6", "-1", "9" * 400, "999999999"])
def test_a_number_outside_its_limits_is_named_with_them(session, raw):
    session.params["layer"] = raw
    link.bounded("layer", 0, 5, 1)
    [problem] = link.dropped()
    assert (problem.name, problem.reason, problem.facts) == ("layer", "range", (("low", 0), ("high", 5)))
    assert session.state["layer"] == 1
    assert session.params == {}


def test_a_number_outside_the_limits_of_another_model_goes_back_to_where_it_starts(session):
    session.state["layer"] = 9
    link.bounded("layer", 0, 5, 1)
    assert session.state["layer"] == 1
    assert link.dropped() == []


def test_a_number_at_the_end_stays_there_when_the_end_moves(session):
    link.bounded("token", 0, 9, 9, follow_high=True)
    link.bounded("token", 0, 19, 19, follow_high=True)
    assert session.state["token"] == 19
    session.state["token"] = 4
    link.bounded("token", 0, 29, 29, follow_high=True)
    assert session.state["token"] == 4


def test_an_initial_number_is_set_once_more_so_that_the_link_names_it(session, monkeypatch):
    state = Watched()
    monkeypatch.setattr(link.st, "session_state", state)
    link.bounded("layer", 0, 5, 1)
    state.was_set.clear()
    link.bounded("layer", 0, 5, 1)
    assert "layer" in state.was_set


def test_a_number_is_known_before_it_is_drawn(session):
    session.params["t"] = "0.7"
    assert link.expected("t", 0.0, 5.0, 1.0) == 0.7
    session.state["t"] = 2.0
    assert link.expected("t", 0.0, 5.0, 1.0) == 2.0
    session.state["t"] = 9.0
    assert link.expected("t", 0.0, 5.0, 1.0) == 1.0


@pytest.mark.parametrize("raw", ["", "x", "nan", "1e400"])
def test_a_number_that_cannot_be_read_is_expected_where_it_starts(session, raw):
    session.params["t"] = raw
    assert link.expected("t", 0.0, 5.0, 1.0) == 1.0


@pytest.mark.parametrize("raw", [["5", "2"], ["0", "99"], ["x", "3"], ["-3", "4"]])
def test_a_span_that_cannot_be_is_named(session, raw):
    session.params["rows"] = raw
    link.bounded_span("rows", 10)
    assert reasons() == {"rows": "range"}
    assert session.params == {}


def test_a_span_of_the_link_is_left_to_streamlit(session):
    session.params["rows"] = ["2", "10"]
    link.bounded_span("rows", 10)
    assert link.dropped() == []
    assert session.params == {"rows": ["2", "10"]}


def test_the_whole_stays_the_whole_and_a_part_that_no_longer_fits_becomes_it(session):
    link.bounded_span("rows", 10)
    session.state["rows"] = (0, 10)
    link.bounded_span("rows", 20)
    assert session.state["rows"] == (0, 20)
    session.state["rows"] = (3, 8)
    link.bounded_span("rows", 30)
    assert session.state["rows"] == (3, 8)
    link.bounded_span("rows", 6)
    assert session.state["rows"] == (0, 6)
