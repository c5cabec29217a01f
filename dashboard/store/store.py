"""The store: what people keep on the server."""

from __future__ import annotations

from pathlib import Path

from dashboard.store.database import Database
from dashboard.store.links import LongLinks
from dashboard.store.saved_views import SavedViews


class Store:
    """Saved views and long links of one database, which is opened when something of it is first asked for."""

    def __init__(self, address: str, folder: Path) -> None:
        """As `Database`."""
        self.database = Database(address, folder)
        self.views = SavedViews(self.database)
        self.links = LongLinks(self.database)
