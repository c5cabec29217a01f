"""Captions: Markdown of a person's own as HTML that can do nothing."""

from __future__ import annotations

from dashboard.tokens import steered_by_none

_TAGS = {
    *("p", "br", "em", "strong", "code", "pre", "blockquote", "ul", "ol", "li", "hr"),
    *("h1", "h2", "h3", "h4", "h5", "h6", "a"),
}


def caption_html(markdown: str) -> str:
    """`markdown` (CommonMark) as HTML: tags typed into it stand there as text, pictures fall away, links are plain.

    Characters that turn the direction of what follows stand as their codes. It is sanitised although the reader of
    Markdown lets no HTML through: neither is trusted alone.
    """
    import nh3
    from markdown_it import MarkdownIt

    rendered = MarkdownIt("commonmark", {"html": False}).render(steered_by_none(markdown))
    return nh3.clean(rendered, tags=_TAGS, attributes={"a": {"href"}}, url_schemes={"http", "https"})
