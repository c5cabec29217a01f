"""Saved views as plain values: what one holds, who looks at it, and what can be saved at all."""

from __future__ import annotations

import hashlib
import json
import unicodedata
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Literal
from urllib.parse import parse_qsl, urlencode, urlsplit

from dashboard.i18n import LANGUAGES
from dashboard.navigation import PAGES
from dashboard.parsing.unreadable import Unreadable
from dashboard.view_state import unpack_prompt

SAVED_PAGES = tuple(entry.slug for entry in PAGES if entry.slug != "saved")
"""Pages of which there can be a saved view."""
Order = Literal["newest", "oldest", "title"]
"""Of a list; the dates are those of the last change."""
MOST_CHARACTERS = {"title": 200, "note": 10_000, "expected": 10_000, "query": 150_000, "control": 150_000}
MOST_TAGS = 20
TAG_CHARACTERS = 50
EXCERPT_CHARACTERS = 200
"""Of the prompt, for lists and for the search."""


@dataclass(frozen=True)
class Visitor:
    """Who looks. Without a sign-in nobody is told apart: everyone sees and changes all."""

    sign_in: bool = False
    """Whether the operator has set up a sign-in."""
    id: str = ""
    """As the sign-in knows the person; empty: not signed in."""
    name: str = ""

    @property
    def may_save(self) -> bool:
        """Whether this visitor can save and change anything."""
        return bool(self.id) or not self.sign_in

    def may_change(self, author: str) -> bool:
        """Whether a view of that author is this visitor's to change; those of before the sign-in are everyone's."""
        return self.may_save and (not self.sign_in or author in {"", self.id})


@dataclass(frozen=True)
class ViewContent:
    """What a person writes of a view, and the link that it is."""

    title: str
    page: str
    """Slug of the page."""
    query: str
    """The link's query, as in an address."""
    language: str
    note: str = ""
    tags: tuple[str, ...] = ()
    """Sorted, each once."""
    expected: str = ""
    """What the person expected to see."""
    control: str = ""
    """The view that it is to be compared with: ``page?query``; empty: none."""
    shared: bool = False
    """With a sign-in: whether others see it."""

    def check(self) -> None:
        """Refuse what cannot be stored or opened. Raises Unreadable."""
        for name, limit in MOST_CHARACTERS.items():
            value = getattr(self, name)
            if len(value) > limit:
                raise Unreadable("saved.why.long", field=name, limit=limit)
            if not _storable(value):
                raise Unreadable("saved.why.characters", field=name)
        if not self.title.strip():
            raise Unreadable("saved.why.no_title")
        if self.page not in SAVED_PAGES:
            raise Unreadable("saved.why.page", page=self.page[:40])
        if self.language not in LANGUAGES:
            raise Unreadable("saved.why.language", language=self.language[:40])
        if self.control and written_link(self.control) != self.control:
            raise Unreadable("saved.why.control")
        if self.tags != written_tags(self.tags):
            raise Unreadable("saved.why.tags", most=MOST_TAGS, characters=TAG_CHARACTERS)

    @property
    def digest(self) -> str:
        """Equal for equal contents."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()

    @property
    def model(self) -> str:
        """The model that the link names."""
        return _shown(dict(parse_qsl(self.query)).get("model", ""))

    @property
    def excerpt(self) -> str:
        """How the link's prompt begins."""
        try:
            prompt = unpack_prompt(dict(parse_qsl(self.query))) or ""
        except Unreadable:
            return ""  # the page says so when it is opened
        return _shown(prompt[: 2 * EXCERPT_CHARACTERS])

    @property
    def sorting(self) -> str:
        """What lists by title are ordered by."""
        return folded(self.title)[: MOST_CHARACTERS["title"]]

    @property
    def searched(self) -> str:
        """All that the search looks through, as `folded` writes it."""
        parts = (self.title, self.note, self.expected, *self.tags, self.model, self.excerpt)
        return folded("\n".join(parts))


@dataclass(frozen=True)
class SavedView:
    """A view as it is stored."""

    id: str
    version: int
    """Counts its changes: who saves says which version was read."""
    author: str
    """As the sign-in knows the person; empty: nobody was signed in."""
    author_name: str
    created: datetime
    changed: datetime
    model: str
    excerpt: str
    content: ViewContent


def folded(text: str) -> str:
    """Text without case and accents, so that a search for ``que`` finds ``Qué``."""
    plain = unicodedata.normalize("NFKD", text.casefold())
    return "".join(character for character in plain if not unicodedata.combining(character))


def written_tags(tags: Iterable[str]) -> tuple[str, ...]:
    """Tags as they are stored: in order, each once, without what cannot be one."""
    stripped = {" ".join(tag.split()) for tag in tags}
    fitting = sorted(tag for tag in stripped if 0 < len(tag) <= TAG_CHARACTERS and _storable(tag))
    return tuple(fitting[:MOST_TAGS])


def written_link(address: str) -> str:
    """Page and query of a link of this dashboard, wherever it is served; nothing of the rest is kept.

    Raises:
        Unreadable: it leads to no page of ours.
    """
    try:
        parts = urlsplit(address.strip())
        slug = parts.path.rpartition("/")[2] or SAVED_PAGES[0]
        query = urlencode(parse_qsl(parts.query, keep_blank_values=True))
    except ValueError as error:
        raise Unreadable("saved.why.control") from error
    if slug not in SAVED_PAGES:
        raise Unreadable("saved.why.control")
    return f"{slug}?{query}"


def _storable(text: str) -> bool:
    """Whether both databases keep the text as it is: no zero character, no half one."""
    return "\0" not in text and not any("\ud800" <= character <= "\udfff" for character in text)


def _shown(text: str) -> str:
    """Somebody's text on one line, cut; what no database keeps is left out."""
    line = " ".join(text.replace("\0", " ").split())
    return line.encode(errors="ignore").decode()[:EXCERPT_CHARACTERS]
