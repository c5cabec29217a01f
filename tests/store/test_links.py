"""Long texts of links: kept under ids that nobody guesses, bounded in size and number."""

import re
import time

import pytest
from sqlalchemy import update

from dashboard.errors import LongLinksFull, LongLinkTooLong, LongLinkUnknown
from dashboard.store import links
from dashboard.store.schema import LONG_LINKS


@pytest.mark.parametrize(
    "text", ["", "a", "zebra ñ 日本 \0\n" * 10_000, "<b>" * 10], ids=["none", "one", "long", "html"]
)
def test_a_text_comes_back_by_its_id(store, text):
    link_id = store.links.put(text)
    assert re.fullmatch(r"[a-z2-7]{26}", link_id)
    assert store.links.get(link_id) == text
    assert store.links.put(text) == link_id
    assert store.links.put(text + "x") != link_id


@pytest.mark.parametrize("link_id", ["", "a" * 26, "A" * 26, "../x", "a" * 25, "a" * 10_000, "'" * 26, "a" * 25 + "\n"])
def test_an_id_that_is_not_there_is_said_to(store, link_id):
    store.links.put("text")
    with pytest.raises(LongLinkUnknown):
        store.links.get(link_id)


def test_a_text_that_is_too_long_is_refused(store, monkeypatch):
    monkeypatch.setattr(links, "MOST_BYTES", 1000)
    store.links.put("x" * 1000)
    with pytest.raises(LongLinkTooLong):
        store.links.put("ñ" * 501)


def test_no_more_are_kept_than_there_is_room_for(store, monkeypatch):
    monkeypatch.setattr(links, "MOST_LINKS", 2)
    first, second = store.links.put("first"), store.links.put("second")
    with pytest.raises(LongLinksFull):
        store.links.put("third")
    assert store.links.put("first") == first
    # one that nobody has opened for a year makes room
    with store.database.writing() as connection:
        old = int(time.time()) - (links.UNUSED_DAYS + 1) * 86_400
        connection.execute(update(LONG_LINKS).where(LONG_LINKS.c.id == first).values(used=old))
    third = store.links.put("third")
    assert (store.links.get(second), store.links.get(third)) == ("second", "third")
    with pytest.raises(LongLinkUnknown):
        store.links.get(first)


def test_one_that_is_opened_counts_as_used(store):
    link_id = store.links.put("text")
    with store.database.writing() as connection:
        connection.execute(update(LONG_LINKS).values(used=0))
    store.links.get(link_id)
    with store.database.reading() as connection:
        assert connection.execute(LONG_LINKS.select()).one().used > time.time() - 60


def test_all_of_them_together_take_no_more_than_their_room(store, monkeypatch):
    store.links.put("x")
    monkeypatch.setattr(links, "MOST_PACKED_BYTES", 12)
    with pytest.raises(LongLinksFull):
        store.links.put("y")
