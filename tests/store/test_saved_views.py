"""What is saved is found, changed, deleted and brought back, alike on both databases."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import update

from dashboard.errors import (
    SavedViewChanged,
    SavedViewNotYours,
    SavedViewUnknown,
    SignInNeeded,
    TooManySavedViews,
)
from dashboard.parsing.unreadable import Unreadable
from dashboard.store import saved_views
from dashboard.store.saved_view import MOST_CHARACTERS, ViewContent, written_link, written_tags
from dashboard.store.schema import SAVED_VIEWS
from tests.made.saved import ANA, BEN, EVERYBODY, HOSTILE, NOBODY, VIEW, content


def titles(found):
    return [view.content.title for view in found.views]


def test_a_view_comes_back_as_it_was_saved(store, address, opened):
    before = datetime.now(UTC)
    saved = store.views.save(VIEW, EVERYBODY)
    assert (saved.content, saved.version, saved.author) == (VIEW, 1, "")
    assert (saved.model, saved.excerpt) == ("gpt2", "zebra lamp zebra")
    assert len(saved.id) == 26
    assert before <= saved.created <= datetime.now(UTC)
    # by another process's eyes
    assert opened(address).views.get(saved.id, EVERYBODY) == saved


def test_texts_of_any_kind_come_back_as_they_were(store):
    hostile = content(title=HOSTILE, note=HOSTILE + "\n\t", expected=HOSTILE, tags=written_tags([HOSTILE[:50], "%"]))
    saved = store.views.save(hostile, EVERYBODY)
    assert store.views.get(saved.id, EVERYBODY).content == hostile
    assert store.views.find(EVERYBODY, search="' OR 1=1; --").total == 1
    assert store.views.find(EVERYBODY, tags=["%"]).total == 1
    assert store.views.find(EVERYBODY, tags=["' OR '1'='1"]).total == 0


TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=50)


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(title=TEXT.filter(str.strip), note=TEXT, tags=st.lists(TEXT, max_size=5))
def test_any_text_comes_back_as_it_was(store, title, note, tags):
    written = content(title=title, note=note, tags=written_tags(tags))
    saved = store.views.save(written, EVERYBODY)
    assert store.views.get(saved.id, EVERYBODY).content == written
    for word in title.split()[:1]:
        assert saved in store.views.find(EVERYBODY, search=word).views


@pytest.mark.parametrize(
    ("search", "found"),
    [
        ("", 3),
        ("que", 1),
        ("QUÉ HOLA", 1),
        ("ano", 1),
        ("zebra", 2),
        ("zebra induction", 1),
        ("100%", 1),
        ("%", 1),
        ("_", 0),
        ("gpt2", 2),
        ("nothing of this", 0),
        ("strasse", 1),
    ],
)
def test_a_search_finds_every_word_without_case_and_accents(store, search, found):
    store.views.save(VIEW, EVERYBODY)
    store.views.save(content(title="¿Qué año? 100%", query="prompt=Hola", note="", control=""), EVERYBODY)
    store.views.save(content(title="Straße", expected="", note=""), EVERYBODY)
    if search == "zebra induction":
        found = 2  # the tag is looked through as well
    assert store.views.find(EVERYBODY, search=search).total == found


def test_tags_narrow_the_list_and_are_counted(store):
    for tags in (("a", "b"), ("a",), ("c",)):
        store.views.save(content(title=" ".join(tags), tags=tags), EVERYBODY)
    assert store.views.tags(EVERYBODY) == {"a": 2, "b": 1, "c": 1}
    assert titles(store.views.find(EVERYBODY, tags=["a"], order="title")) == ["a", "a b"]
    assert titles(store.views.find(EVERYBODY, tags=["a", "b"])) == ["a b"]


def test_the_list_is_ordered_and_comes_in_parts(store):
    saved = [store.views.save(content(title=title), EVERYBODY) for title in ("b", "C", "a")]
    find = store.views.find
    assert titles(find(EVERYBODY)) == ["a", "C", "b"]
    assert titles(find(EVERYBODY, order="oldest")) == ["b", "C", "a"]
    assert titles(find(EVERYBODY, order="title")) == ["a", "b", "C"]
    part = find(EVERYBODY, order="title", offset=1, limit=1)
    assert (titles(part), part.total) == (["b"], 3)
    store.views.change(saved[0].id, 1, content(title="b"), EVERYBODY)
    assert titles(find(EVERYBODY)) == ["b", "a", "C"]
    assert find(EVERYBODY, offset=9, limit=3).views == ()


def test_the_last_who_saves_is_told_of_a_change_in_between(store, address, opened):
    saved = store.views.save(VIEW, EVERYBODY)
    other = opened(address).views
    changed = other.change(saved.id, 1, content(title="theirs", tags=("x",)), EVERYBODY)
    assert (changed.version, changed.content.tags) == (2, ("x",))
    with pytest.raises(SavedViewChanged) as error:
        store.views.change(saved.id, 1, content(title="mine", tags=("y",)), EVERYBODY)
    assert error.value.facts == {"version": 2}
    # nothing of it was written, not even its tags
    assert store.views.get(saved.id, EVERYBODY) == changed
    assert store.views.change(saved.id, 2, content(title="mine"), EVERYBODY).version == 3
    assert store.views.get(saved.id, EVERYBODY).created == saved.created


def test_a_deleted_view_comes_back_whole(store):
    saved = store.views.save(VIEW, EVERYBODY)
    store.views.delete(saved.id, EVERYBODY)
    assert store.views.find(EVERYBODY).total == 0
    assert store.views.tags(EVERYBODY) == {}
    for call in (
        lambda: store.views.get(saved.id, EVERYBODY),
        lambda: store.views.delete(saved.id, EVERYBODY),
        lambda: store.views.change(saved.id, 1, VIEW, EVERYBODY),
    ):
        with pytest.raises(SavedViewUnknown):
            call()
    assert store.views.restore(saved.id, EVERYBODY) == saved
    assert store.views.find(EVERYBODY).views == (saved,)


def test_what_was_deleted_long_ago_is_gone(store):
    old, new = (store.views.save(content(title=title), EVERYBODY) for title in "ab")
    store.views.delete(old.id, EVERYBODY)
    days = timedelta(days=saved_views.UNDO_DAYS, minutes=1) // timedelta(microseconds=1)
    with store.database.writing() as connection:
        connection.execute(update(SAVED_VIEWS).values(deleted=SAVED_VIEWS.c.deleted - days))
    store.views.delete(new.id, EVERYBODY)
    with pytest.raises(SavedViewUnknown):
        store.views.restore(old.id, EVERYBODY)
    store.views.restore(new.id, EVERYBODY)


@pytest.mark.parametrize("view_id", ["", "a" * 26, "../../etc/passwd", "' OR 1=1 --", "ñ" * 1000])
def test_an_id_that_does_not_exist_is_said_to(store, view_id):
    for call in (store.views.get, store.views.delete, store.views.restore):
        with pytest.raises(SavedViewUnknown):
            call(view_id, EVERYBODY)


# -- who sees what ----------------------------------------------------------------------------------------------------
def test_with_a_sign_in_each_sees_their_own_and_what_is_shared(store):
    store.views.save(content(title="ana's"), ANA)
    shared = store.views.save(content(title="ana's, shared", shared=True), ANA)
    store.views.save(content(title="ben's", tags=("ben",)), BEN)
    assert titles(store.views.find(ANA, order="title")) == ["ana's", "ana's, shared"]
    assert titles(store.views.find(BEN, order="title")) == ["ana's, shared", "ben's"]
    assert titles(store.views.find(NOBODY)) == ["ana's, shared"]
    assert "ben" not in store.views.tags(ANA)
    assert shared.author_name == "Ana"
    assert store.views.find(EVERYBODY).total == 3


def test_only_its_author_changes_a_view(store):
    own, shared = store.views.save(VIEW, ANA), store.views.save(content(shared=True), ANA)
    for call in (
        lambda view: store.views.change(view.id, 1, VIEW, BEN),
        lambda view: store.views.delete(view.id, BEN),
    ):
        with pytest.raises(SavedViewNotYours):
            call(shared)
        with pytest.raises(SavedViewUnknown):  # not even that there is one
            call(own)
    store.views.delete(own.id, ANA)
    with pytest.raises(SavedViewUnknown):
        store.views.restore(own.id, BEN)


def test_nobody_saves_before_they_have_signed_in(store):
    shared = store.views.save(content(shared=True), ANA)
    for call in (
        lambda: store.views.save(VIEW, NOBODY),
        lambda: store.views.change(shared.id, 1, VIEW, NOBODY),
        lambda: store.views.delete(shared.id, NOBODY),
        lambda: store.views.add_all([], NOBODY),
    ):
        with pytest.raises(SignInNeeded):
            call()


def test_views_of_before_the_sign_in_stay_everyones(store):
    old = store.views.save(VIEW, EVERYBODY)
    assert store.views.find(ANA).views == (old,)
    assert store.views.change(old.id, 1, content(title="mended"), BEN).content.title == "mended"


# -- what is refused --------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "changes",
    [
        *({name: "x" * (limit + 1)} for name, limit in MOST_CHARACTERS.items()),
        {"title": " \n"},
        {"note": "a\0b"},
        {"note": "\ud800"},
        {"page": "saved"},
        {"page": "../etc"},
        {"language": "fr"},
        {"control": "javascript:alert(1)"},
        {"control": "https://elsewhere.example/attention?a=b"},
        {"tags": ("b", "a")},
        {"tags": ("a", "a")},
        {"tags": tuple(f"{number:02}" for number in range(21))},
        {"tags": ("x" * 51,)},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_what_cannot_be_kept_is_refused_and_nothing_written(store, changes):
    with pytest.raises(Unreadable):
        store.views.save(content(**changes), EVERYBODY)
    saved = store.views.save(VIEW, EVERYBODY)
    with pytest.raises(Unreadable):
        store.views.change(saved.id, 1, content(**changes), EVERYBODY)
    assert store.views.find(EVERYBODY).views == (saved,)


def test_a_server_keeps_so_many_views(store, monkeypatch):
    monkeypatch.setattr(saved_views, "MOST_VIEWS", 2)
    now = datetime.now(UTC)
    with pytest.raises(TooManySavedViews):
        store.views.add_all([(content(title=str(number)), now) for number in range(3)], EVERYBODY)
    assert store.views.find(EVERYBODY).total == 0
    for number in range(2):
        store.views.save(content(title=str(number)), EVERYBODY)
    with pytest.raises(TooManySavedViews):
        store.views.save(VIEW, EVERYBODY)


def test_views_of_a_file_keep_their_dates_and_come_once(store):
    date = datetime(2025, 5, 1, 12, 0, 0, 123456, UTC)
    entries = [(content(title=str(number)), date + timedelta(days=number)) for number in range(3)]
    assert store.views.add_all([*entries, entries[0]], EVERYBODY) == 3
    assert store.views.add_all(entries, EVERYBODY) == 0
    assert [view.created for view in store.views.find(EVERYBODY, order="oldest").views] == [at for _, at in entries]
    assert store.views.add_all(entries, ANA) == 3


# -- links ------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("address", "kept"),
    [
        ("http://localhost:8501/attention?prompt=a%20b&attention_layer=1", "attention?prompt=a+b&attention_layer=1"),
        ("https://x.example/team/logitscope/bias?bias_pair=", "bias?bias_pair="),
        ("http://localhost:8501/?prompt=a", "overview?prompt=a"),
        ("attention?prompt=%3Cb%3E#part", "attention?prompt=%3Cb%3E"),
        ("lens", None),
        ("javascript:alert(1)", None),
        ("http://[broken", None),
        ("saved?x=1", None),
    ],
)
def test_of_a_link_page_and_query_are_kept(address, kept):
    if kept is None:
        with pytest.raises(Unreadable):
            written_link(address)
    else:
        assert written_link(address) == kept == written_link(kept)


def test_equal_contents_have_equal_digests():
    assert VIEW.digest == replace(VIEW).digest != content(shared=True).digest
    assert ViewContent("a", "bias", "pz=broken", "en").excerpt == ""
