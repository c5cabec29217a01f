"""The Saved page: the list and what can be done with it; without a model, with a sign-in, with a store in trouble."""

import re
from urllib.parse import parse_qs, urlsplit

import pytest
import streamlit as st

from components.saved import card, listing, visitor
from dashboard import cache
from dashboard.i18n import Catalogue
from dashboard.store import database
from dashboard.store.saved_view import Visitor
from tests.made.saved import ANA, BEN, EVERYBODY, HOSTILE, NOBODY, content
from tests.pages.test_pages import words

EN = Catalogue("en")


@pytest.fixture
def views(environment):
    """The store's views that the pages of a test will see."""
    yield cache.store().views
    cache.store().database.close()


def titles(at):
    page = "\n".join(str(each.proto.body) for each in at.get("html"))
    return re.findall(r'<p class="ls-card"><a href="[^"]+" target="_self">([^<]+)</a>', page)


def save(views, *names, person=EVERYBODY, **changes):
    return [views.save(content(title=name, **changes), person) for name in names]


def test_an_empty_page_says_what_to_do_and_who_sees_what(open_recorded):
    at = open_recorded("saved")
    assert not at.exception
    assert EN("saved.none_how") in words(at)
    assert EN("saved.everybody") in words(at)
    assert EN("saved.count", count=0) in words(at)


def test_a_view_is_listed_with_a_link_that_opens_it(open_recorded, views):
    save(views, "mine")
    at = open_recorded("saved")
    page = "\n".join(str(each.proto.body) for each in at.get("html"))
    assert titles(at) == ["mine"]
    (view, control) = (urlsplit(link) for link in re.findall(r'href="(\./[^"]+)"', page.replace("&amp;", "&")))
    assert view.path == control.path == "./attention"
    assert parse_qs(view.query) == {"model": ["gpt2"], "prompt": ["zebra lamp zebra"], "attention_layer": ["1"]}
    assert parse_qs(control.query)["prompt"] == ["zebra lamp river"]
    for shown in ("“zebra lamp zebra”", "A stripe.", "The second zebra looks at what followed the first.", "heads"):
        assert shown in words(at)


def test_texts_of_people_are_text(open_recorded, views):
    save(views, HOSTILE, note=HOSTILE, expected=HOSTILE, tags=("<b>bold</b>",))
    at = open_recorded("saved")
    assert not at.exception
    page = "\n".join(str(each.proto.body) for each in at.get("html"))
    assert "<script>alert" not in page
    assert "<b>bold" not in page
    assert "\u202e" not in page
    at.button(key=f"saved_delete_{views.find(EVERYBODY).views[0].id}").click().run()
    assert not [element for element in at.markdown if "script" in element.value]


def test_a_search_and_tags_narrow_the_list_and_are_in_the_link(open_recorded, views):
    save(views, "first", note="", tags=("a", "b"))
    save(views, "second", note="", tags=("a",))
    save(views, "third", note="", tags=())
    at = open_recorded("saved")
    assert titles(at) == ["third", "second", "first"]
    at.multiselect(key=listing.PICKED).set_value(["a"]).run()
    assert titles(at) == ["second", "first"]
    at.text_input(key=listing.SEARCH).set_value("FIRST").run()
    assert titles(at) == ["first"]
    assert at.query_params[listing.TAGS] == '["a"]'
    assert at.query_params[listing.SEARCH] == "FIRST"
    at.text_input(key=listing.SEARCH).set_value("nowhere").run()
    assert EN("saved.none_found") in words(at)
    # the link restores it
    again = open_recorded("saved", {"saved_search": "first", "saved_tags": '["a"]', "saved_order": "title"})
    assert titles(again) == ["first"]
    assert again.multiselect(key=listing.PICKED).value == ["a"]


@pytest.mark.parametrize("tags", ["[", "[1]", "{}", '["a"', "eNqr"])
def test_tags_of_a_link_that_cannot_be_read_are_named(open_recorded, views, tags):
    save(views, "one")
    at = open_recorded("saved", {"saved_tags": tags})
    assert not at.exception
    assert titles(at) == ["one"]
    assert EN("link.dropped") in words(at)


def test_many_views_come_in_parts(open_recorded, views):
    save(views, *(f"view {number:02}" for number in range(listing.IN_A_PART + 5)))
    at = open_recorded("saved", {"saved_order": "title"})
    assert len(titles(at)) == listing.IN_A_PART
    assert at.button(key="saved_before").disabled
    at.button(key="saved_after").click().run()
    assert titles(at) == [f"view {number:02}" for number in range(listing.IN_A_PART, listing.IN_A_PART + 5)]
    assert at.query_params[listing.PART] == "2"
    assert at.button(key="saved_after").disabled
    # a search begins at its first part again
    at.text_input(key=listing.SEARCH).set_value("view 01").run()
    assert titles(at) == ["view 01"]
    # and a part that there is not is the nearest
    assert len(titles(open_recorded("saved", {"saved_part": "99"}))) == 5
    assert len(titles(open_recorded("saved", {"saved_part": "-3"}))) == listing.IN_A_PART


def test_a_deleted_view_can_be_brought_back(open_recorded, views):
    kept, gone = save(views, "kept", "gone")
    at = open_recorded("saved")
    at.button(key=f"saved_delete_{gone.id}").click().run()
    assert titles(at) == ["kept"]
    assert EN("saved.deleted", title="gone") in words(at)
    at.button(key="saved_undo").click().run()
    assert titles(at) == ["gone", "kept"]
    assert "saved_undo" not in {button.key for button in at.button}
    # somebody else was quicker
    views.delete(kept.id, EVERYBODY)
    at.session_state[card.UNDO] = kept
    views.restore(kept.id, EVERYBODY)
    at.run()
    at.button(key="saved_undo").click().run()
    assert EN("error.SavedViewUnknown") in words(at)
    assert not at.exception


def test_a_view_that_somebody_else_deleted_meanwhile_is_said_to_be_gone(open_recorded, views):
    (saved,) = save(views, "one")
    at = open_recorded("saved")
    views.delete(saved.id, EVERYBODY)
    at.button(key=f"saved_delete_{saved.id}").click().run()
    assert EN("error.SavedViewUnknown") in words(at)
    assert titles(at) == []


# -- sign-in ----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("person", "seen"), [(ANA, ["own", "shared"]), (BEN, ["shared"]), (NOBODY, ["shared"])])
def test_each_sees_their_own_and_what_is_shared(open_recorded, views, monkeypatch, person, seen):
    save(views, "shared", person=ANA, shared=True)
    (own,) = save(views, "own", person=ANA)
    monkeypatch.setattr(listing, "visitor", lambda: person)
    at = open_recorded("saved")
    assert titles(at) == seen
    assert (f"saved_delete_{own.id}" in {button.key for button in at.button}) == (person == ANA)
    assert ("saved_sign_in" in {button.key for button in at.button}) == (person == NOBODY)
    assert EN("saved.everybody") not in words(at)


@pytest.mark.parametrize(
    ("facts", "person"),
    [
        ({}, Visitor()),
        ({"is_logged_in": False}, Visitor(True)),
        (
            {"is_logged_in": True, "iss": "https://id", "sub": "7", "email": "a@b", "name": "Ana"},
            Visitor(True, "https://id|7", "Ana"),
        ),
        ({"is_logged_in": True, "email": "a@b"}, Visitor(True, "|a@b", "a@b")),
    ],
)
def test_a_person_is_who_the_sign_in_says(monkeypatch, facts, person):
    monkeypatch.setattr(st, "user", facts)
    assert visitor.visitor() == person


# -- trouble ----------------------------------------------------------------------------------------------------------
def test_a_damaged_store_is_said_to_be_and_all_other_pages_work(open_recorded, tmp_path):
    (tmp_path / "store").mkdir()
    path = tmp_path / "store" / database.FILE
    path.write_bytes(b"no database " * 1000)
    at = open_recorded("saved")
    assert not at.exception
    assert EN("error.StoreCorrupt") in words(at)
    assert path.read_bytes() == b"no database " * 1000
    other = open_recorded("next_token")
    assert not other.exception
    assert EN("error.StoreCorrupt") not in words(other)


def test_a_server_that_does_not_answer_is_said_not_to(open_recorded, monkeypatch):
    monkeypatch.setenv("LOGITSCOPE_DATABASE", "postgresql://ana:secret@127.0.0.1:1/none")
    at = open_recorded("saved")
    assert EN("error.StoreUnreachable") in words(at)
    assert "secret" not in words(at)


def test_the_list_stands_where_the_model_cannot_be_loaded(views, environment):
    from tests.pages.conftest import opened

    environment.setenv("LOGITSCOPE_MODEL", "no/such-model")
    st.cache_resource.clear()
    save(cache.store().views, "mine")
    at = opened("saved")
    assert not at.exception
    assert titles(at) == ["mine"]
    assert "ls-advice" in "\n".join(str(each.proto.body) for each in at.get("html"))


def test_the_button_is_on_every_page_but_its_own(open_recorded):
    assert "save_view" in {button.key for button in open_recorded("next_token").button}
    assert "save_view" not in {button.key for button in open_recorded("saved").button}
