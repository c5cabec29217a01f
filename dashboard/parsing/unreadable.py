"""Unreadable: why the text of a link or a file is not read, in words of the catalogue. Standard library only."""

from __future__ import annotations

from dashboard.i18n import Message


class Unreadable(ValueError):
    """Text that cannot be read.

    Args:
        message_id: of the catalogue's words that say why.
        facts: values that those words name.
    """

    def __init__(self, message_id: str, **facts: object) -> None:
        """Keep the reason; the exception's own text is for logs and tests only."""
        self.message = Message(message_id, facts)
        super().__init__(f"{message_id}: {facts}")
