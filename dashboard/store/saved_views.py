"""Saved views in the database: saved, changed, deleted with a way back, listed and searched."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, delete, func, insert, or_, select, true, update

from dashboard.errors import SavedViewChanged, SavedViewNotYours, SavedViewUnknown, SignInNeeded, TooManySavedViews
from dashboard.store.database import Database
from dashboard.store.saved_view import Order, SavedView, ViewContent, Visitor, folded
from dashboard.store.schema import SAVED_VIEWS, VIEW_TAGS, new_id

MOST_VIEWS = 100_000
"""On one server; visitors must not fill its disk."""
UNDO_DAYS = 7
"""How long a deleted view can come back."""
MOST_WORDS = 20
"""Of a search."""
_ORDERS: dict[Order, Any] = {
    "newest": SAVED_VIEWS.c.changed.desc(),
    "oldest": SAVED_VIEWS.c.changed.asc(),
    "title": SAVED_VIEWS.c.sorting,
}
_AT_ONCE = 500
"""Ids in one statement; databases bound them."""
_LIVE = SAVED_VIEWS.c.deleted.is_(None)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class FoundViews:
    """Some of the views that a search finds, and how many there are in all."""

    views: tuple[SavedView, ...]
    total: int


class SavedViews:
    """The saved views of one database. Every method raises as `dashboard.store.failures.store_errors`."""

    def __init__(self, database: Database) -> None:
        """Nothing is opened yet."""
        self._database = database

    # -- read -----------------------------------------------------------------------------------------------------
    def get(self, view_id: str, visitor: Visitor) -> SavedView:
        """One view. Raises SavedViewUnknown, also for one that others keep to themselves."""
        with self._database.reading() as connection:
            return _one(connection, view_id, visitor)

    def find(
        self,
        visitor: Visitor,
        *,
        search: str = "",
        tags: Sequence[str] = (),
        order: Order = "newest",
        offset: int = 0,
        limit: int | None = None,
    ) -> FoundViews:
        """Views that hold every word of `search` in any of their texts, and every one of `tags`."""
        wanted = [_LIVE, _visible(visitor)]
        for word in folded(search).split()[:MOST_WORDS]:
            wanted.append(SAVED_VIEWS.c.searched.contains(word, autoescape=True))
        for tag in dict.fromkeys(tags):
            wanted.append(SAVED_VIEWS.c.id.in_(select(VIEW_TAGS.c.view_id).where(VIEW_TAGS.c.tag == tag)))
        listed = select(SAVED_VIEWS.c.id).where(*wanted).order_by(_ORDERS[order], SAVED_VIEWS.c.id)
        with self._database.reading() as connection:
            # ids alone are ordered, not whole rows; and to count them apart would be another search
            ids = connection.scalars(listed).all()
            part = ids[offset : None if limit is None else offset + limit]
            return FoundViews(_views(connection, part), len(ids))

    def tags(self, visitor: Visitor) -> dict[str, int]:
        """Every tag of the views that this visitor sees, in order, and how many bear it."""
        seen = select(SAVED_VIEWS.c.id).where(_LIVE, _visible(visitor))
        counted = select(VIEW_TAGS.c.tag, func.count()).where(VIEW_TAGS.c.view_id.in_(seen)).group_by(VIEW_TAGS.c.tag)
        with self._database.reading() as connection:
            return dict(sorted((tag, count) for tag, count in connection.execute(counted)))

    # -- write ----------------------------------------------------------------------------------------------------
    def save(self, content: ViewContent, visitor: Visitor) -> SavedView:
        """Keep a new view. Raises Unreadable, SignInNeeded, TooManySavedViews."""
        content.check()
        _may_save(visitor)
        with self._database.writing() as connection:
            (view_id,) = _insert(connection, [(content, _now())], visitor)
            return _one(connection, view_id, visitor)

    def change(self, view_id: str, version: int, content: ViewContent, visitor: Visitor) -> SavedView:
        """Replace what a view holds.

        Args:
            view_id: which.
            version: that was read; whoever saves over somebody else's change is told, and nothing is written.
            content: all of it.
            visitor: who changes it.

        Raises:
            Unreadable, SavedViewChanged, SavedViewUnknown, SavedViewNotYours, SignInNeeded.
        """
        content.check()
        with self._database.writing() as connection:
            stored = _changeable(connection, view_id, visitor)
            values = {**_values(content), "version": version + 1, "changed": _now()}
            same = and_(SAVED_VIEWS.c.id == view_id, SAVED_VIEWS.c.version == version, _LIVE)
            if connection.execute(update(SAVED_VIEWS).where(same).values(values)).rowcount != 1:
                raise SavedViewChanged(version=stored.version)
            connection.execute(delete(VIEW_TAGS).where(VIEW_TAGS.c.view_id == view_id))
            _insert_tags(connection, [(view_id, tag) for tag in content.tags])
            return _one(connection, view_id, visitor)

    def delete(self, view_id: str, visitor: Visitor) -> None:
        """Take a view out of every list; `restore` brings it back within UNDO_DAYS. Raises as `change`."""
        with self._database.writing() as connection:
            _changeable(connection, view_id, visitor)
            connection.execute(update(SAVED_VIEWS).where(SAVED_VIEWS.c.id == view_id).values(deleted=_now()))
            before = _now() - timedelta(days=UNDO_DAYS) // timedelta(microseconds=1)
            connection.execute(delete(SAVED_VIEWS).where(SAVED_VIEWS.c.deleted < before))

    def restore(self, view_id: str, visitor: Visitor) -> SavedView:
        """Bring a deleted view back. Raises as `change`."""
        with self._database.writing() as connection:
            _changeable(connection, view_id, visitor, live=False)
            connection.execute(update(SAVED_VIEWS).where(SAVED_VIEWS.c.id == view_id).values(deleted=None))
            return _one(connection, view_id, visitor)

    def add_all(self, contents: Iterable[tuple[ViewContent, datetime]], visitor: Visitor) -> int:
        """Keep views of a file with their dates, all or none; those that are there already are left out.

        Returns:
            How many are new.

        Raises:
            Unreadable, SignInNeeded, TooManySavedViews.
        """
        _may_save(visitor)
        own = SAVED_VIEWS.c.author == visitor.id if visitor.sign_in else true()
        by_digest: dict[str, tuple[ViewContent, int]] = {}
        for content, created in contents:
            content.check()
            by_digest.setdefault(content.digest, (content, (created - _EPOCH) // timedelta(microseconds=1)))
        with self._database.writing() as connection:
            there = set(connection.scalars(select(SAVED_VIEWS.c.digest).where(_LIVE, own)))
            new = [entry for digest, entry in by_digest.items() if digest not in there]
            return len(_insert(connection, new, visitor))


# -- rows -------------------------------------------------------------------------------------------------------------
def _now() -> int:
    return (datetime.now(UTC) - _EPOCH) // timedelta(microseconds=1)


def _may_save(visitor: Visitor) -> None:
    if not visitor.may_save:
        raise SignInNeeded()


def _visible(visitor: Visitor) -> ColumnElement[bool]:
    """Which views a visitor sees: with a sign-in one's own and those that are shared, else all."""
    if not visitor.sign_in:
        return true()
    columns = SAVED_VIEWS.c
    shared = or_(columns.shared, columns.author == "")
    return or_(shared, columns.author == visitor.id) if visitor.id else shared


def _one(connection: Connection, view_id: str, visitor: Visitor, *, live: bool = True) -> SavedView:
    state = _LIVE if live else SAVED_VIEWS.c.deleted.is_not(None)
    wanted = (SAVED_VIEWS.c.id == view_id, state, _visible(visitor))
    found = _views(connection, connection.scalars(select(SAVED_VIEWS.c.id).where(*wanted)).all())
    if not found:
        raise SavedViewUnknown()
    return found[0]


def _changeable(connection: Connection, view_id: str, visitor: Visitor, *, live: bool = True) -> SavedView:
    _may_save(visitor)
    stored = _one(connection, view_id, visitor, live=live)
    if not visitor.may_change(stored.author):
        raise SavedViewNotYours()
    return stored


def _views(connection: Connection, ids: Sequence[str]) -> tuple[SavedView, ...]:
    """The views of `ids`, in their order."""
    views: dict[str, SavedView] = {}
    for start in range(0, len(ids), _AT_ONCE):
        some = ids[start : start + _AT_ONCE]
        tags: dict[str, list[str]] = {view_id: [] for view_id in some}
        for view_id, tag in connection.execute(select(VIEW_TAGS).where(VIEW_TAGS.c.view_id.in_(some))):
            tags[view_id].append(tag)
        for row in connection.execute(select(SAVED_VIEWS).where(SAVED_VIEWS.c.id.in_(some))).mappings():
            views[row["id"]] = _view(dict(row), tags[row["id"]])
    return tuple(views[view_id] for view_id in ids if view_id in views)  # less those that went meanwhile


def _view(row: dict[str, Any], tags: Sequence[str]) -> SavedView:
    of_content = ("title", "page", "query", "language", "note", "expected", "control", "shared")
    return SavedView(
        content=ViewContent(tags=tuple(sorted(tags)), **{name: row[name] for name in of_content}),
        created=_EPOCH + timedelta(microseconds=row["created"]),
        changed=_EPOCH + timedelta(microseconds=row["changed"]),
        **{name: row[name] for name in ("id", "version", "author", "author_name", "model", "excerpt")},
    )


def _values(content: ViewContent) -> dict[str, object]:
    names = ("title", "page", "query", "language", "note", "expected", "control", "shared")
    derived = ("sorting", "model", "excerpt", "searched", "digest")
    return {name: getattr(content, name) for name in (*names, *derived)}


def _insert(connection: Connection, entries: Sequence[tuple[ViewContent, int]], visitor: Visitor) -> list[str]:
    """The ids of new views, given each content with its date."""
    stored = connection.scalar(select(func.count()).select_from(SAVED_VIEWS)) or 0
    if stored + len(entries) > MOST_VIEWS:
        raise TooManySavedViews(limit=MOST_VIEWS)
    whose = {"author": visitor.id, "author_name": visitor.name, "version": 1}
    rows = [{"id": new_id(), "created": at, "changed": at, **whose, **_values(content)} for content, at in entries]
    if rows:
        connection.execute(insert(SAVED_VIEWS), rows)
    ids = [str(row["id"]) for row in rows]
    tags = [(view_id, tag) for view_id, (content, _) in zip(ids, entries, strict=True) for tag in content.tags]
    _insert_tags(connection, tags)
    return ids


def _insert_tags(connection: Connection, tags: Sequence[tuple[str, str]]) -> None:
    if tags:
        connection.execute(insert(VIEW_TAGS), [{"view_id": view_id, "tag": tag} for view_id, tag in tags])
