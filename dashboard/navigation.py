"""PAGES: every page in the menu's order, with its address and icon; and LESSONS, every lesson in order."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class PageEntry:
    """One page. Its title and its question are the catalogue's ``<slug>.title`` and ``<slug>.question``."""

    slug: str
    """File below ``pages/`` and path in the URL; the first page is at the root as well."""
    icon: str
    uses_prompt: bool = True
    """Whether the page shows anything about the prompt in the sidebar."""


PAGES = (
    PageEntry("overview", ":material/home:"),
    PageEntry("attention", ":material/grid_on:"),
    PageEntry("next_token", ":material/bar_chart:"),
    PageEntry("sampling", ":material/casino:"),
    PageEntry("bias", ":material/balance:", uses_prompt=False),
    PageEntry("lessons", ":material/school:"),
    PageEntry("report", ":material/article:", uses_prompt=False),
    PageEntry("saved", ":material/bookmark:", uses_prompt=False),
)
LESSONS = ("tour", "tokens", "probability", "temperature", "luck", "head", "induction", "lens", "bias", "importance")
"""Their names in links and of their files, ``dashboard/lessons/files/<name>.toml``."""


def page_file(slug: str) -> Path:
    """The file of a page, as Streamlit asks for it."""
    return Path(__file__).resolve().parents[1] / "pages" / f"{slug}.py"


def page_at(path: str) -> PageEntry:
    """The page at a URL's `path`; the first one where no other is named."""
    slug = path.rstrip("/").rpartition("/")[2]
    return next((entry for entry in PAGES if entry.slug == slug), PAGES[0])
