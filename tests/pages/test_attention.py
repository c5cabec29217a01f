"""The Attention page: its finding first, one panel with four forms, and a table that is a matrix."""

import numpy as np
import pytest

from dashboard.i18n import Catalogue
from tests.pages.test_pages import words

TEXT = Catalogue("en")
PROMPT = "zebra lamp river zebra lamp river zebra"
FORMS = {"heatmap": "head", "lines": "lines", "text": "text", "table": "matrix"}


def readings(at):
    """Charts of the page whose reading is there."""
    return {name for name in (*FORMS.values(), "mosaic", "row") if TEXT(f"charts.{name}.reading") in words(at)}


def test_the_page_opens_with_one_sentence_and_its_numbers(open_recorded):
    at = open_recorded("attention", {"prompt": PROMPT})
    (finding,) = [line for line in words(at).splitlines() if "ls-finding" in line]
    assert "induction head" in finding
    assert any(character.isdigit() for character in finding)


@pytest.mark.parametrize("form", FORMS)
def test_one_panel_shows_the_map_in_the_form_of_the_link(open_recorded, form):
    at = open_recorded("attention", {"prompt": PROMPT, "attention_chart": form})
    assert not at.exception
    assert readings(at) == {FORMS[form], "mosaic", "row"}
    assert "".join(at.query_params.get("attention_chart", "heatmap")) == form


def test_the_form_is_changed_in_place_and_what_was_chosen_stays(open_recorded):
    at = open_recorded("attention", {"prompt": PROMPT, "attention_layer": "1", "attention_token": "3"})
    at.button_group(key="attention_chart").set_value("lines").run()
    assert readings(at) == {"lines", "mosaic", "row"}
    at.button_group(key="attention_bars").set_value("column").run()
    assert not at.exception
    assert "Layer 1 · head" in words(at)
    assert TEXT("charts.column.reading") in words(at)
    assert at.number_input(key="attention_token").value == 3


def test_the_table_is_a_matrix_with_three_decimals_and_nothing_above_the_diagonal(open_recorded):
    at = open_recorded("attention", {"prompt": PROMPT, "attention_chart": "table"})
    (table,) = at.dataframe
    matrix = table.value
    count = len(matrix)
    assert matrix.shape == (count, count)
    assert matrix.index[0] == matrix.columns[0] == "0 zebra"
    assert np.isnan(matrix.to_numpy()[np.triu_indices(count, 1)]).all()
    assert not np.isnan(matrix.to_numpy()[np.tril_indices(count)]).any()
    assert "%.3f" in table.proto.columns
    assert table.proto.placeholder == ""
    assert table.proto.HasField("placeholder")


def test_why_a_head_is_opened_is_said_of_no_other_head(open_recorded):
    at = open_recorded("attention", {"prompt": PROMPT})
    why = TEXT("attention.opened_induction")
    assert why in words(at)
    layer = at.number_input(key="attention_layer")
    layer.set_value(1 if layer.value == 0 else 0).run()
    assert why not in words(at)


def test_a_score_that_no_head_has_is_said_instead_of_an_empty_chart(open_page):
    at = open_page("attention", {"prompt": "zebra"})
    assert not at.exception
    assert TEXT("attention.metric_empty") in words(at)
    assert TEXT("charts.metric_map.reading") not in words(at)


def test_a_long_prompt_has_its_parts_to_choose(open_recorded):
    at = open_recorded("attention", {"prompt": "zebra lamp " * 40, "attention_chart": "table"})
    assert not at.exception
    assert at.slider(key="attention_queries").value == at.slider(key="attention_keys").value
    assert not open_recorded("attention", {"prompt": PROMPT}).slider


@pytest.mark.parametrize(("tokens", "chosen"), [(49, False), (64, False), (65, True)])
def test_the_part_that_lines_show_is_chosen_by_a_control_that_is_there(open_recorded, tokens, chosen):
    params = {"prompt": " ".join(["zebra"] * tokens), "attention_chart": "lines", "attention_token": "40"}
    at = open_recorded("attention", params)
    assert not at.exception
    assert bool(at.slider) is chosen
    start = min(40 - 24, tokens - 48)
    notes = {
        name: TEXT(f"attention.{name}", shown=48, start=start) in words(at) for name in ("window", "window_of_token")
    }
    assert notes == {"window": chosen, "window_of_token": not chosen}


def test_the_table_of_a_very_long_prompt_is_an_exact_part_around_the_chosen_token(open_recorded):
    params = {"prompt": "zebra lamp " * 300, "attention_chart": "table", "attention_token": "400"}
    at = open_recorded("attention", params)
    assert not at.exception
    (table,) = at.dataframe
    assert table.value.shape == (48, 48)
    assert any(name.startswith("400 ") for name in table.value.columns)
    start = table.value.index[0].split()[0]
    assert TEXT("attention.window", shown=48, start=int(start)) in words(at)
