"""DashboardError, which a person can mend, and Cancelled, which nobody needs to be told. Standard library only."""

from __future__ import annotations


class DashboardError(Exception):
    """Something a person can mend; shown as advice while the rest of the page stays alive.

    Args:
        facts: values that the catalogue's text names (``{tokens}``, ``{limit}``, …). No prompt text: it may be logged.
    """

    def __init__(self, **facts: object) -> None:
        """Keep the facts; the exception's own text is for logs only."""
        self.facts = facts
        super().__init__(f"{type(self).__name__}: " + ", ".join(f"{k}={v!r}" for k, v in facts.items()))

    @property
    def message_id(self) -> str:
        """The catalogue entry with the words for this error."""
        return f"error.{type(self).__name__}"


class Cancelled(Exception):
    """The person asked to stop, or left. Nobody needs to be told."""
