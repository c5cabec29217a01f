"""PAGES: every page in the menu's order, with its address and icon; and LESSONS, every lesson in order."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class PageEntry:
    """One page. Its title and its question are the catalogue's ``<slug>.title`` and ``<slug>.question``."""

    slug: str
    """File below ``pages/`` and path in the URL; the first page is at the root as well."""
    icon: str


PAGES = (
    PageEntry("overview", ":material/home:"),
    PageEntry("attention", ":material/grid_on:"),
    PageEntry("next_token", ":material/bar_chart:"),
    PageEntry("sampling", ":material/casino:"),
    PageEntry("bias", ":material/balance:"),
    PageEntry("lessons", ":material/school:"),
)
LESSONS = ("tour", "tokens", "probability", "temperature", "luck", "head", "induction", "lens", "bias", "importance")
"""Their names in links and of their files, ``dashboard/lessons/files/<name>.toml``."""
