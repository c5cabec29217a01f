"""Where files stay between starts: in the cache what can be fetched or computed again, in the data what cannot."""

from __future__ import annotations

from pathlib import Path

import platformdirs

from dashboard.settings import Settings

NAME = "logitscope"


def cache_folder(settings: Settings) -> Path:
    """Folder of models and the log."""
    return settings.cache_dir or platformdirs.user_cache_path(NAME, appauthor=False, opinion=False)


def data_folder(settings: Settings) -> Path:
    """Folder of background jobs and of the commits that models were fetched at."""
    return settings.data_dir or settings.cache_dir or platformdirs.user_data_path(NAME, appauthor=False)
